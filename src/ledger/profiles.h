/* The profiles of the polls whose method needs more than the tally's counts. Owned by the ledger's
 * thread; before that starts, by the main thread. */
#ifndef TALLYCAST_PROFILES_H
#define TALLYCAST_PROFILES_H

#include "count/profile.h"
#include "poll/poll.h"

/* All zero is a beginning. */
struct profiles {
    struct profile *each[POLLS_MAX]; /* owned; by poll id - 1; NULL for a poll that needs none */
};

void profiles_destroy(struct profiles *profiles);

/* Makes the profile of a new poll, if it needs one. Returns 0, or -1 if memory is short. */
int profiles_add(struct profiles *profiles, const struct poll *poll)
    __attribute__((warn_unused_result));

/* Forgets a poll that is not to be, after all. */
void profiles_remove(struct profiles *profiles, const struct poll *poll);

/* The profile of a poll; NULL if it needs none. */
static inline struct profile *profiles_of(const struct profiles *profiles, const struct poll *poll)
{
    return profiles->each[poll->id - 1];
}

#endif
