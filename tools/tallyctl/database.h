/* A database or backup file, opened only for reading: neither the file nor its directory is
 * changed. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_DATABASE_H
#define TALLYCAST_TOOLS_TALLYCTL_DATABASE_H

#include "store/store.h"
#include "tools/tallyctl/tallyctl.h"

#include <sqlite3.h>

struct database;

/* Opens a file that no server uses. With a -wal beside it (its server was killed) the entries there
 * are read as well, as the server would at its next start. STATUS_REFUSED, with a message, if it is
 * in use, is no database of tallycast or is one of another version. On STATUS_DONE the caller owns
 * *database and must give it to database_close. */
enum status database_open_file(const char *file, struct database **database) CHECKED;

/* Has the running server write a backup into a temporary file, and opens it. The file is removed at
 * once, however this ends; the open file stays readable until it is closed. Errors as above, and
 * those of client_call. */
enum status database_open_fresh(const struct invocation *invocation,
                                struct database **database) CHECKED;

/* The same of a file to be imported: of an older version, too. */
enum status database_open_import(const char *file, struct database **database) CHECKED;

void database_close(struct database *database);

/* Loads it as a server would at its start. NULL if that goes well; otherwise the reason why not, in
 * words that are valid until database_close. Once for each database. */
const char *database_judge(struct database *database);

/* After database_judge has found nothing: the database as the server's loader reads it, and how
 * many entries it has. */
struct store *database_store(const struct database *database);
uint64_t database_entries(const struct database *database);

/* The version of its schema. */
int database_version(const struct database *database);

/* Gives queries a function fold(TEXT): a voter's name as all its spellings share it.
 * STATUS_REFUSED, with a message, if SQLite can't. */
enum status database_add_fold(struct database *database) CHECKED;

/* Whether everything read is of one state: STATUS_REFUSED, with a message, if somebody changed the
 * file or began to use it since it was opened. */
enum status database_verify_still(const struct database *database) CHECKED;

/* Shows from now on, in the line of progress, how many of its pages were read, as `what`, which
 * must stay valid. SQLite reads each once that it reads from beginning to end. */
void database_show_progress(struct database *database, const char *what);

/* The number that a query's one row has. STATUS_REFUSED, with a message, if SQLite fails. */
enum status database_read_number(struct database *database, const char *sql, int *value) CHECKED;

/* Compiles a query. STATUS_REFUSED, with a message, if SQLite can't. The caller finalizes
 * *query. */
enum status database_query(struct database *database, const char *sql,
                           sqlite3_stmt **query) CHECKED;

/* Goes to the next row: sets *has_row. STATUS_REFUSED, with a message, if SQLite fails. */
enum status database_step(struct database *database, sqlite3_stmt *query, bool *has_row) CHECKED;

#endif
