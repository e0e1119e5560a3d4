/* What the bare loops of limits.h share: how long they run, and how they fail. Main thread. */
#ifndef TALLYCAST_TOOLS_BENCH_BARE_LOOP_H
#define TALLYCAST_TOOLS_BENCH_BARE_LOOP_H

#include "tools/tallybench/run/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* Fills `error`. Returns -1. */
int bare_loop_fail(char error[LIMITS_ERROR_MAX], const char *what, const char *why);

/* The end of a loop that begins now, on the monotonic clock. */
uint64_t bare_loop_end(double seconds);

/* Whether the end has come, or an interrupt. */
bool bare_loop_is_over(uint64_t now_ns, uint64_t end_ns);

#endif
