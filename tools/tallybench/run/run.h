/* One run: a server, a load, the checks, the figures. Main thread. */
#ifndef TALLYCAST_TOOLS_BENCH_RUN_H
#define TALLYCAST_TOOLS_BENCH_RUN_H

#include "tools/tallybench/figures/result.h"

/* The program for run_load that stands for the naive server. */
#define RUN_NAIVE ((const char *)NULL)

/* Runs it, with a progress line on standard error if that is a terminal and `title` is not NULL.
 * `start` tells whether to start a server: then `program` is which one (RUN_NAIVE: our own).
 * Otherwise the server that runs at options->target and options->admin takes the load. Every
 * failure is among the result's faults. The caller must free the result with result_free. */
void run_load(const struct options *options, bool start, const char *program, const char *title,
              struct result *result);

#endif
