/* Counting an election, as the server's tabulator counts a poll. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_ELECTION_RESULT_H
#define TALLYCAST_TOOLS_TALLYCTL_ELECTION_RESULT_H

#include "tools/election/election.h"
#include "tools/tallyctl/result_view.h"

/* Counts an election that is settled; `view` is one of which nothing is known before, and the
 * caller's to clear. Memory that runs short ends the program. */
void election_result(const struct election *election, bool pairs, struct result_view *view);

#endif
