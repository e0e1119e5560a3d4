/* The two clocks: monotonic for durations and deadlines, real time for records. */
#ifndef TALLYCAST_CLOCK_H
#define TALLYCAST_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u

static inline uint64_t clock_read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Since an arbitrary start; never goes back. */
static inline uint64_t clock_monotonic_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

/* Since 1970-01-01 00:00 UTC. */
static inline uint64_t clock_real_ns(void)
{
    return clock_read_ns(CLOCK_REALTIME);
}

#endif
