/* Single choice: each ballot adds one to the count of its choice. */
#include "count/count.h"

void count_ballot(const struct poll *poll, uint64_t *counts, uint32_t before, uint32_t value)
{
    if (before != 0)
        counts[count_choice(poll, before)]--;
    counts[count_choice(poll, value)]++;
}
