/* The profile of an election, made by the functions by which the server makes a poll's. */
#ifndef TALLYCAST_TOOLS_ELECTION_PROFILE_H
#define TALLYCAST_TOOLS_ELECTION_PROFILE_H

#include "tools/election/election.h"

struct election_profile {
    struct poll *poll;         /* owned */
    struct profile_view *view; /* owned */
};

/* Of an election that is settled, and that must outlive the profile. Without a lot, the choices'
 * own order is it. Memory that runs short ends the program. */
void election_profile_make(struct election_profile *profile, const struct election *election);
void election_profile_clear(struct election_profile *profile);

#endif
