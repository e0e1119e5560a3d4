/* Judging the schema of a database that is opened for reading.
 *
 * SQLite judges a schema less strictly for a reader: it ignores CHECK constraints, while a server's
 * start fails on damaged ones. So each CREATE is run once more, in an empty database in memory,
 * where it can do no harm. And a start must be able to write the row by which it adopts the file.
 * Main thread. */
#include "store/sqlite/sqlite_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static int damaged(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what,
                   const char *how)
{
    snprintf(why, STORE_WHY_MAX, "%.*s: damaged: %.100s: %.300s", PATH_MAX, store->path, what, how);
    return -1;
}

/* Runs one CREATE of the schema, and nothing that follows it. */
static int create(const struct sqlite_store *store, sqlite3 *empty, const char *name,
                  const char *sql, char why[STORE_WHY_MAX])
{
    sqlite3_stmt *statement = NULL;
    if (strncasecmp(sql, "CREATE ", strlen("CREATE ")) != 0)
        return damaged(store, why, name, "its schema is none");
    int code = sqlite3_prepare_v2(empty, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        sqlite3_step(statement);
    code = sqlite3_finalize(statement) == SQLITE_OK ? code : SQLITE_ERROR;
    return code == SQLITE_OK ? 0 : damaged(store, why, name, sqlite3_errmsg(empty));
}

static int create_all(const struct sqlite_store *store, sqlite3 *empty, char why[STORE_WHY_MAX])
{
    sqlite3_stmt *row;
    int result = 0, code = SQLITE_DONE;
    if (sqlite3_prepare_v2(store->db,
                           "SELECT name, sql FROM sqlite_schema"
                           " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
                           -1, &row, NULL) != SQLITE_OK)
        return sqlite_fail(store, why, "damaged");
    while (result == 0 && (code = sqlite3_step(row)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(row, 0);
        result =
            create(store, empty, name ? name : "", (const char *)sqlite3_column_text(row, 1), why);
    }
    if (result == 0 && code != SQLITE_DONE)
        result = sqlite_fail(store, why, "damaged");
    sqlite3_finalize(row);
    return result;
}

static bool has_row_table(const struct sqlite_store *store)
{
    sqlite3_stmt *row;
    bool found = sqlite3_prepare_v2(store->db, "SELECT 1 FROM sqlite_schema WHERE name = 'ledger'",
                                    -1, &row, NULL) == SQLITE_OK &&
                 sqlite3_step(row) == SQLITE_ROW;
    sqlite3_finalize(row);
    return found;
}

/* A file of an earlier tallycast has no such table; a start makes it. */
static int judge_row_table(const struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    sqlite3_stmt *row;
    if (!has_row_table(store))
        return 0;
    int code = sqlite3_prepare_v2(store->db, "SELECT id, identity, origin, log, file FROM ledger",
                                  -1, &row, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(row);
        code = code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
    }
    int result = code == SQLITE_OK ? 0 : sqlite_fail(store, why, "damaged");
    sqlite3_finalize(row);
    return result;
}

int sqlite_judge_schema(const struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    sqlite3 *empty;
    int result = -1;
    if (sqlite3_open(":memory:", &empty) != SQLITE_OK)
        snprintf(why, STORE_WHY_MAX, "out of memory");
    else
        result = create_all(store, empty, why);
    sqlite3_close(empty);
    return result == 0 ? judge_row_table(store, why) : -1;
}
