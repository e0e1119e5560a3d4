/* A database or backup file, opened to be read and nothing else: neither the file nor its directory
 * is changed. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_DATABASE_H
#define TALLYCAST_TOOLS_TALLYCTL_DATABASE_H

#include "tools/tallyctl/tallyctl.h"

#include <sqlite3.h>

struct database;

/* Opens a file that no server uses. With a -wal beside it (its server was killed) the entries there
 * are read as well, as the server would at its next start. STATUS_REFUSED, and the reason is told,
 * if it is in use, is no database of tallycast or is one of another version. On STATUS_DONE the
 * caller owns *database, to be given to database_close. */
enum status database_open_file(const char *file, struct database **database) CHECKED;

/* Has the running server write a backup into a temporary file, and opens it. The file is removed at
 * once, however this ends; what is open stays readable until it is closed. Errors as above, and
 * those of client_call. */
enum status database_open_fresh(const struct invocation *invocation,
                                struct database **database) CHECKED;

void database_close(struct database *database);

/* Loads it as a server would at its start. NULL if that goes well; else why it does not, in words
 * that are good until database_close. Once for each database. */
const char *database_judge(struct database *database);

/* Whether all that was read is of one state: STATUS_REFUSED, and it is told, if somebody changed
 * the file or took it in use since it was opened. */
enum status database_verify_still(const struct database *database) CHECKED;

/* Compiles a query. STATUS_REFUSED if SQLite can't, and it is told. The caller finalizes *query. */
enum status database_query(struct database *database, const char *sql,
                           sqlite3_stmt **query) CHECKED;

/* Goes to the next row: sets *has_row. STATUS_REFUSED if SQLite fails, and it is told. */
enum status database_step(struct database *database, sqlite3_stmt *query, bool *has_row) CHECKED;

#endif
