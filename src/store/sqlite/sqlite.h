/* The store over a database that somebody else has opened, so that it can be checked as a start
 * does: for tools, which read backups, and copies in places where the server's own way of opening
 * has no business. */
#ifndef TALLYCAST_SQLITE_H
#define TALLYCAST_SQLITE_H

#include "store/store.h"

#include <sqlite3.h>

/* A store that reads `db`, which may be read-only and stays the caller's; `name` stands for the
 * file in messages. It can be loaded, and nothing else. NULL, with `why` filled, if the tables are
 * not those of a store, the key's check value is none though there are ballots, or memory is short.
 * The thread that has `db`. */
struct store *store_borrow(sqlite3 *db, const char *name, char why[STORE_WHY_MAX]);
void store_give_back(struct store *store);

#endif
