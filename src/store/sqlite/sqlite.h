/* The store on SQLite: one file, or two while it is in use. The name of a database is its path. */
#ifndef TALLYCAST_SQLITE_H
#define TALLYCAST_SQLITE_H

#include "store/store.h"

extern const struct store_engine sqlite_engine;

#endif
