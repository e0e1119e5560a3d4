/* The suite: runs the scenarios that tallycast is judged by, one after the other, each beside the
 * machine's limits at that moment. Main thread. */
#ifndef TALLYCAST_TOOLS_BENCH_SUITE_H
#define TALLYCAST_TOOLS_BENCH_SUITE_H

#include "tools/tallybench/figures/options.h"

/* `tallybench suite`. Returns an exit status: failure if a check was violated, not if a figure
 * falls short. */
int suite_run(const struct options *options);

#endif
