/* A voting server of the usual wrong kind, to compare with: a thread for each connection, and a
 * ballot's thread writes the new tally to every subscriber, one blocking write after another, while
 * it holds the mutex that guards everything. One subscriber that stops reading stops them all. It
 * keeps nothing on disk, which ought to make it fast.
 *
 * It speaks the part of the line protocol that a run needs: CREATE, VOTE, SHOW, SUBSCRIBE, PING,
 * STATS. */
#ifndef TALLYCAST_TOOLS_BENCH_NAIVE_H
#define TALLYCAST_TOOLS_BENCH_NAIVE_H

#include "tools/tallybench/figures/options.h"

/* `tallybench naive`: serves until SIGTERM or SIGINT. Returns an exit status. */
int naive_run(const struct options *options);

#endif
