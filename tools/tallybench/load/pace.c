/* The arithmetic of a steady rate (see pace.h). Whole seconds are set apart, so that nothing
 * overflows in centuries and no rounding adds up. */
#include "tools/tallybench/load/pace.h"

#include "base/clock.h"

uint64_t pace_time_ns(const struct pace *pace, uint64_t number)
{
    return pace->begin_ns + number / pace->rate * NS_PER_S +
           (number % pace->rate * NS_PER_S + pace->rate - 1) / pace->rate;
}

uint64_t pace_due(const struct pace *pace, uint64_t now_ns)
{
    if (now_ns < pace->begin_ns)
        return 0;
    uint64_t passed_ns = now_ns - pace->begin_ns;
    return passed_ns / NS_PER_S * pace->rate + passed_ns % NS_PER_S * pace->rate / NS_PER_S + 1;
}

uint64_t pace_share(uint64_t count, uint64_t sharer, uint64_t sharers)
{
    return count > sharer ? (count - sharer - 1) / sharers + 1 : 0;
}
