/* One run: a server, a load, the checks, the figures. Main thread. */
#ifndef TALLYCAST_TOOLS_BENCH_RUN_H
#define TALLYCAST_TOOLS_BENCH_RUN_H

#include "tools/tallybench/figures/result.h"

/* What --serve starts, if the naive server is wanted. */
#define RUN_NAIVE ((const char *)NULL)

/* Runs it, with a progress line on standard error if that is a terminal and `title` is not NULL.
 * `start` tells whether a server is to be started: then `program` is which (RUN_NAIVE: our own);
 * else the one that runs at options->target and options->admin takes the load. Whatever goes wrong
 * is among the result's faults. The result must be freed by result_free. */
void run_load(const struct options *options, bool start, const char *program, const char *title,
              struct result *result);

#endif
