/* Ballots as a table in CSV: a row a ballot, a column a choice. Pure; memory that runs short ends
 * the program.
 *
 *     weight,anna,bert,carl      a heading: the choices, as people read them
 *     1,1,2,                     ranked: the choice's rank from 1; empty if it is not named
 *     1,5,0,3                    score: its score; empty is 0
 *     1,1,0,1                    approval, and single choice: 1 if the ballot names it, else 0
 *     1,,,                       all empty: the ballot abstains
 *
 * Two columns are no choices, and each may be missing: `weight`, for how much the ballot counts,
 * and `ballots`, how many there are of it. (The first column with either name is that one; another
 * is a choice.) Ranks need not be without gaps; choices of one rank are equal.
 *
 * The separator is `,` `;` or a TAB: the one that the heading has most. Fields may stand between
 * quotation marks, and hold no line's end. A byte order mark, CR LF and empty lines are fine. */
#ifndef TALLYCAST_TOOLS_ELECTION_BALLOT_CSV_H
#define TALLYCAST_TOOLS_ELECTION_BALLOT_CSV_H

#include "tools/election/election.h"

/* Reads a whole file into an election of which nothing is known but settings, and by them the kind
 * of its ballots. Returns 0; or -1 with the line and what is wrong with it in `why`. */
int ballot_csv_read(struct election *election, const char *text, size_t len,
                    char why[ELECTION_WHY_MAX]) __attribute__((warn_unused_result));

/* Writes the ballots in the order in which they are, a row for each one; of choices, the names. */
void ballot_csv_write(const struct election *election, election_put_fn *put, void *owner);

#endif
