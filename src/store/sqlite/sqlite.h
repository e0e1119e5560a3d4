/* The store on SQLite: one file, or two while it is in use. The name of a database is its path. */
#ifndef TALLYCAST_SQLITE_H
#define TALLYCAST_SQLITE_H

#include "store/store.h"

extern const struct store_engine sqlite_engine;

/* Reads databases of every version of the schema since 1, to import them, and does nothing else:
 * it has store_open_to_read, and what may be asked of a store that is open for reading. */
extern const struct store_engine sqlite_import_engine;

#endif
