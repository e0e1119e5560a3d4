/* Pure, but for the clock and the flag that an interrupt sets. */
#include "tools/tallybench/run/bare_loop.h"

#include "base/clock.h"
#include "tools/tallybench/run/interrupt.h"

#include <stdio.h>

int bare_loop_fail(char error[LIMITS_ERROR_MAX], const char *what, const char *why)
{
    snprintf(error, LIMITS_ERROR_MAX, "%.300s: %.180s", what, why);
    return -1;
}

uint64_t bare_loop_end(double seconds)
{
    return clock_monotonic_ns() + (uint64_t)(seconds * NS_PER_S);
}

bool bare_loop_is_over(uint64_t now_ns, uint64_t end_ns)
{
    return now_ns >= end_ns || interrupt_seen();
}
