/* Databases that no server has open, with plain SQL. Whatever goes wrong fails the test. */
#ifndef TALLYCAST_TESTS_DATABASE_H
#define TALLYCAST_TESTS_DATABASE_H

#include <stdint.h>

/* Reads one that was closed in good order: the first column of the first row, as text; freed by the
 * caller. */
char *database_text(const char *path, const char *sql);
uint64_t database_number(const char *path, const char *sql);

/* Recounts the ballots: the view `tally` and the tallies that were last shown must be the same. */
void database_assert_recount(const char *path);

/* Changes it, as no server would. */
void database_change(const char *path, const char *sql);

#endif
