/* SQLite's settings for the ledger. Apart from the store, since the load test measures SQLite's
 * limit under the same settings. */
#ifndef TALLYCAST_STORE_PRAGMAS_H
#define TALLYCAST_STORE_PRAGMAS_H

#include <sqlite3.h>
#include <stdbool.h>

/* Takes the exclusive lock and turns to WAL mode, if the file system allows it; `sync` tells
 * whether a commit waits for the disk. Checkpoints are left to the caller. Returns an SQLite
 * code. */
int store_set_pragmas(sqlite3 *db, bool sync);

#endif
