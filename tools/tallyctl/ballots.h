/* The polls of a database as elections: what they are about, and the ballots that count, by the
 * schema's views. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_BALLOTS_H
#define TALLYCAST_TOOLS_TALLYCTL_BALLOTS_H

#include "tools/election/election.h"
#include "tools/tallyctl/database.h"

/* Goes through polls in the order of their creation. */
struct ballots;

/* Begins: with all polls, if `poll` is 0, or with that one, by its id; without their ballots if
 * they are not `counted`, which spares a look at all that there are. On STATUS_DONE the caller owns
 * *ballots and must give it to ballots_close. STATUS_REFUSED, with a message, if SQLite fails. */
enum status ballots_open(struct database *database, int64_t poll, bool counted,
                         struct ballots **ballots) CHECKED;
void ballots_close(struct ballots *ballots); /* NULL is ignored */

/* Goes to the next poll, with its ballots that count; sets *has_poll. *id is its number, and
 * `election` one of which nothing is known before. STATUS_REFUSED, with a message, if SQLite fails,
 * or if what is there is no poll, as in a damaged file. */
enum status ballots_next(struct ballots *ballots, struct election *election, int64_t *id,
                         bool *has_poll) CHECKED;

/* The text of a ballot of the poll that ballots_next came to, by its value: as VOTE takes it. The
 * caller has MARKS_TEXT_MAX + 1 bytes. Errors as above. */
enum status ballots_text(struct ballots *ballots, const struct election *election, uint32_t value,
                         char *text) CHECKED;

#endif
