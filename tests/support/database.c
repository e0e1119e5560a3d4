/* Plain SQL on databases. */
#include "tests/support/database.h"

#include <check.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not even a lock or a shared memory file is made beside it (https://www.sqlite.org/uri.html). */
static sqlite3 *open_database(const char *path)
{
    char uri[PATH_MAX + 32];
    sqlite3 *database;
    snprintf(uri, sizeof uri, "file:%s?immutable=1", path);
    int code = sqlite3_open_v2(uri, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    ck_assert_msg(code == SQLITE_OK, "%s: %s", path, sqlite3_errmsg(database));
    return database;
}

char *database_text(const char *path, const char *sql)
{
    sqlite3 *database = open_database(path);
    sqlite3_stmt *row;
    int code = sqlite3_prepare_v2(database, sql, -1, &row, NULL);
    ck_assert_msg(code == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW, "%s: %s: %s", path, sql,
                  sqlite3_errmsg(database));
    const char *value = (const char *)sqlite3_column_text(row, 0);
    char *text = strdup(value != NULL ? value : "");
    sqlite3_finalize(row);
    sqlite3_close(database);
    return text;
}

uint64_t database_number(const char *path, const char *sql)
{
    char *text = database_text(path, sql);
    uint64_t number = strtoull(text, NULL, 10);
    free(text);
    return number;
}

void database_assert_recount(const char *path)
{
    uint64_t polls = database_number(path, "SELECT count(*) FROM poll");
    ck_assert_uint_eq(database_number(path, "SELECT count(*) FROM tally t JOIN last_tally l "
                                            "USING (poll) WHERE t.line = l.line"),
                      polls);
    char *check = database_text(path, "PRAGMA integrity_check");
    ck_assert_str_eq(check, "ok");
    free(check);
}

void database_change(const char *path, const char *sql)
{
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql,
                  sqlite3_errmsg(database));
    sqlite3_close(database);
}
