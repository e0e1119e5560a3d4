/* What must be true of a database, given what the world has been told. */
#ifndef TALLYCAST_TESTS_POWER_ORACLE_H
#define TALLYCAST_TESTS_POWER_ORACLE_H

#include "tests/torture/power_run.h"

enum { ORACLE_WHY_MAX = 512 };

/* Reads a database that no server has open, with plain SQL, and holds it against the first `facts`
 * facts of the history:
 *   - it is sound, and its recount gives the tallies that were last shown;
 *   - every acknowledged entry is there, as it was sent, under the sequence that was told, and
 *     nobody else was told that sequence;
 *   - no ballot is there twice, and none that nobody cast;
 *   - every refusal and every duplicate rests on an entry that is there;
 *   - every tally that was shown is what the entries up to its sequence give;
 *   - every backup that has its name is a sound database too, and one that was acknowledged holds
 *     what was acknowledged before it was asked for.
 * `directory` holds the database with its key. Returns whether all is so; otherwise `why` says what
 * is not. */
bool oracle_agrees(const char *directory, const struct history *history, size_t facts,
                   char why[ORACLE_WHY_MAX]);

#endif
