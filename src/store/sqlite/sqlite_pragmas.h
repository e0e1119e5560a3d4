/* SQLite's settings for the ledger. Apart from the store, since the load test measures SQLite's
 * limit under the same settings. */
#ifndef TALLYCAST_SQLITE_PRAGMAS_H
#define TALLYCAST_SQLITE_PRAGMAS_H

#include <sqlite3.h>
#include <stdbool.h>

enum { SQLITE_BUSY_PAGES = 1000 }; /* of log: a checkpoint is due though ballots wait */

/* Has nothing run that a file brings with it (triggers, views, functions in its schema), and
 * nothing written at the close: an exit must not rewrite a file that was just found damaged. Right
 * after the database was opened. */
void sqlite_distrust(sqlite3 *db);

/* Takes the exclusive lock and turns to WAL mode, if the file system allows it; `sync` tells
 * whether a commit waits for the disk. Checkpoints are left to the caller. Returns an SQLite
 * code. */
int sqlite_set_pragmas(sqlite3 *db, bool sync);

#endif
