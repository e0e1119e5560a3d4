/* The schema of a database is compared with ours, word by word, before anything else is done with
 * it. A file is not to be trusted because it has our number: a trigger in it would run with every
 * ballot, a table could stand in another's place, and an index make SQLite give rows in another
 * order, or refuse them. Comments and the amount of white space do not count. Main thread. */
#include "store/sqlite/sqlite_internal.h"

#include "proto/schema_sql.h"

#include <stdio.h>
#include <string.h>

/* What is in a schema. Owned by the row that it was read from. */
struct object {
    const char *type, *name, *table, *sql; /* sql is NULL of the indexes that SQLite makes itself */
};

#define OBJECTS "SELECT type, name, tbl_name, sql FROM sqlite_schema"

static const char *text(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

static struct object read_object(sqlite3_stmt *row)
{
    return (struct object){text(row, 0), text(row, 1), text(row, 2), text(row, 3)};
}

/* ---- the same words ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the blanks and comments at `sql` end. */
static const char *skip_blanks(const char *sql)
{
    for (;;) {
        if (is_blank(*sql))
            sql++;
        else if (sql[0] == '-' && sql[1] == '-')
            sql += strcspn(sql, "\n");
        else
            return sql;
    }
}

/* Whether two statements differ in nothing but comments and how much white space is between their
 * words. */
static bool is_same(const char *sql, const char *other)
{
    for (char quote = 0;; sql++, other++) {
        if (!quote) {
            const char *blanks = sql, *other_blanks = other;
            sql = skip_blanks(sql);
            other = skip_blanks(other);
            if ((sql == blanks) != (other == other_blanks))
                return false;
        }
        if (*sql != *other)
            return false;
        if (*sql == '\0')
            return true;
        if (quote)
            quote = *sql == quote ? 0 : quote;
        else if (*sql == '\'' || *sql == '"')
            quote = *sql;
    }
}

/* ---- comparing ---- */

/* How much of a word is told, which comes from the file and may be anything. */
static int told_len(const char *word)
{
    enum { TOLD_MAX = 100 };
    size_t len = strcspn(word, "\r\n");
    return len < TOLD_MAX ? (int)len : TOLD_MAX;
}

static int damaged(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what,
                   const char *name)
{
    snprintf(why, STORE_WHY_MAX, "%.*s: damaged: %s: %.*s", PATH_MAX, store->path, what,
             told_len(name), name);
    return -1;
}

static int refuse_stranger(const struct sqlite_store *store, char why[STORE_WHY_MAX],
                           const struct object *object)
{
    snprintf(why, STORE_WHY_MAX,
             "%.*s: it has %s %.*s that is not tallycast's, %.*s; with it, nothing that is read "
             "or written there can be trusted, so drop it (sqlite3) or restore a backup",
             PATH_MAX, store->path, *object->type == 'i' ? "an" : "a", told_len(object->type),
             object->type, told_len(object->name), object->name);
    return -1;
}

/* Looks for an object of that kind and name. Returns an SQLite code, and a statement to be
 * finalized. */
static int look_for(sqlite3 *db, const struct object *object, sqlite3_stmt **row)
{
    int code = sqlite3_prepare_v2(db, OBJECTS " WHERE type = ? AND name = ?", -1, row, NULL);
    if (code != SQLITE_OK)
        return code;
    sqlite3_bind_text(*row, 1, object->type, -1, SQLITE_STATIC);
    sqlite3_bind_text(*row, 2, object->name, -1, SQLITE_STATIC);
    return sqlite3_step(*row);
}

static bool is_alike(const struct object *object, const struct object *ours)
{
    return object->table && strcmp(object->table, ours->table) == 0 && !object->sql == !ours->sql &&
           (!ours->sql || is_same(object->sql, ours->sql));
}

/* Compares an object of one database with that of the same name in the other. */
static int compare(const struct sqlite_store *store, sqlite3 *others, const struct object *object,
                   bool is_ours, char why[STORE_WHY_MAX])
{
    sqlite3_stmt *row = NULL;
    int result = 0, code = look_for(others, object, &row);
    if (code == SQLITE_ROW) {
        struct object other = read_object(row);
        if (!is_ours && !is_alike(object, &other))
            result = damaged(store, why, "its schema says something else of", object->name);
    } else if (code != SQLITE_DONE) {
        result = is_ours ? sqlite_fail(store, why, "damaged")
                         : damaged(store, why, "its schema can't be judged", object->name);
    } else if (!is_ours) {
        result = refuse_stranger(store, why, object);
    } else {
        result = damaged(store, why, "its schema lacks", object->name);
    }
    sqlite3_finalize(row);
    return result;
}

/* Compares each object of `db`, which is ours, or the store's, with the other database. */
static int compare_all(const struct sqlite_store *store, sqlite3 *db, sqlite3 *others,
                       char why[STORE_WHY_MAX])
{
    sqlite3_stmt *row;
    int result = 0, code = sqlite3_prepare_v2(db, OBJECTS, -1, &row, NULL);
    if (code != SQLITE_OK)
        return sqlite_fail(store, why, "damaged");
    while (result == 0 && (code = sqlite3_step(row)) == SQLITE_ROW) {
        struct object object = read_object(row);
        result = object.type && object.name
                     ? compare(store, others, &object, db != store->db, why)
                     : damaged(store, why, "its schema holds", "what has no name");
    }
    sqlite3_finalize(row);
    if (result == 0 && code != SQLITE_DONE)
        result = sqlite_fail(store, why, "damaged");
    return result;
}

int sqlite_judge_schema(const struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    sqlite3 *ours = NULL;
    int result = -1;
    if (sqlite3_open_v2(":memory:", &ours, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_exec(ours, schema_sql, NULL, NULL, NULL) != SQLITE_OK)
        damaged(store, why, "its schema can't be judged",
                ours ? sqlite3_errmsg(ours) : "no memory");
    else if (compare_all(store, store->db, ours, why) == 0)
        result = compare_all(store, ours, store->db, why);
    sqlite3_close(ours);
    return result;
}
