/* BLT, the format in which elections with ranked ballots are exchanged (OpenSTV, OpaVote, the
 * counts of Scottish councils). Pure; memory that runs short ends the program.
 *
 *     4 2                 # 4 choices, 2 seats
 *     -2                  # the second one withdrew; more of them here or on further lines
 *     3 1 3 4 0           # 3 ballots: choice 1 first, then 3, then 4
 *     2 4 1=3 0           # 2 ballots: choice 4, then 1 and 3 as equals
 *     (ann) 1 2 0         # a ballot may have an identity
 *     1 - 2 0             # a rank that was left out counts as if it was not there
 *     0                   # the end of the ballots
 *     "Adam"              # the choices' names, a line each,
 *     "Basil"
 *     "Charlotte"
 *     "Donald" "Greens"
 *     "Title"             # and the title, which may be missing
 *
 * From `#` to the end of its line is a comment, if it doesn't stand between quotation marks. Lines
 * may be empty. A name is what its line says, without quotation marks; those that Scottish files
 * have twice, too. A choice that withdrew is no choice here; a ballot that names nobody else
 * abstains. Further lines behind the title are passed over. */
#ifndef TALLYCAST_TOOLS_ELECTION_BLT_H
#define TALLYCAST_TOOLS_ELECTION_BLT_H

#include "tools/election/election.h"

/* Whether the text begins as a BLT does: with two numbers. */
bool blt_is(const char *text, size_t len);

/* Reads a whole file into an election of which nothing but settings is known. Returns 0; or -1 with
 * the line and what is wrong with it in `why`. */
int blt_read(struct election *election, const char *text, size_t len, char why[ELECTION_WHY_MAX])
    __attribute__((warn_unused_result));

/* Writes an election of ranked ballots. A ballot that weighs 3 becomes 3 ballots; the lot, and
 * quotation marks within names, are not kept. */
void blt_write(const struct election *election, election_put_fn *put, void *owner);

#endif
