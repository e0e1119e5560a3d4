/* A store in memory, for tests: what was recorded stays under its name until the process ends. It
 * keeps copies of the entries, in order, and the tallies, and nothing else. */
#ifndef TALLYCAST_TESTS_STORE_MEMORY_H
#define TALLYCAST_TESTS_STORE_MEMORY_H

#include "store/store.h"

extern const struct store_engine memory_engine;

#endif
