/* The schedule of an open loop: the times at which events at a steady rate are due. They are fixed
 * before the first event, so a sender that falls behind can tell by how much. Pure. */
#ifndef TALLYCAST_TOOLS_BENCH_PACE_H
#define TALLYCAST_TOOLS_BENCH_PACE_H

#include <stdint.h>

/* Event i (from 0) is due at begin_ns + i / rate seconds. */
struct pace {
    uint64_t begin_ns;
    uint64_t rate; /* a second; not 0 */
};

uint64_t pace_time_ns(const struct pace *pace, uint64_t number);

/* How many are due at `now_ns`, that instant included. */
uint64_t pace_due(const struct pace *pace, uint64_t now_ns);

/* How many of the first `count` events fall to sharer number `sharer`, from 0, of `sharers` that
 * take turns. */
uint64_t pace_share(uint64_t count, uint64_t sharer, uint64_t sharers);

#endif
