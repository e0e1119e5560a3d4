/* An election as JSON. Memory that runs short ends the program.
 *
 *     {"name": "board", "kind": "ranked", "method": "stv", "seats": 2,
 *      "choices": ["a", "b", "c"], "labels": ["Anna", "Bert", "Carl"], "lot": ["c", "a", "b"],
 *      "ballots": [[20, "a>b"], [7, "b"], [1, "-"]]}
 *
 * A ballot is how many there are of it, and its text as VOTE takes it; a third member is how much
 * each of them weighs, if that is not 1. Other settings of a poll may stand beside `seats`. There
 * must be `kind`, `choices` and `ballots`; members that are not known are passed over. */
#ifndef TALLYCAST_TOOLS_ELECTION_JSON_H
#define TALLYCAST_TOOLS_ELECTION_JSON_H

#include "tools/election/election.h"

/* Reads a whole file into an election of which nothing but settings is known. Returns 0; or -1 with
 * what is wrong, and where, in `why`. */
int election_json_read(struct election *election, const char *text, size_t len,
                       char why[ELECTION_WHY_MAX]) __attribute__((warn_unused_result));

/* Writes it, on one line: with all that counting it again takes. */
void election_json_write(const struct election *election, election_put_fn *put, void *owner);

#endif
