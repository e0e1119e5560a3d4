/* When things are due that must happen at a steady rate: the schedule of an open loop. The times
 * are fixed before the first thing happens, so whoever falls behind can tell by how much. Pure. */
#ifndef TALLYCAST_TOOLS_BENCH_PACE_H
#define TALLYCAST_TOOLS_BENCH_PACE_H

#include <stdint.h>

/* Thing i (from 0) is due at begin_ns + i / rate seconds. */
struct pace {
    uint64_t begin_ns;
    uint64_t rate; /* a second; not 0 */
};

uint64_t pace_time_ns(const struct pace *pace, uint64_t number);

/* How many are due at `now_ns`, that instant included. */
uint64_t pace_due(const struct pace *pace, uint64_t now_ns);

/* How many of the first `count` things fall to one of `sharers` who take turns, from 0. */
uint64_t pace_share(uint64_t count, uint64_t sharer, uint64_t sharers);

#endif
