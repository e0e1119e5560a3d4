/* The arithmetic of histograms that divide each power of two into 1 << sub_bits equal buckets.
 * Values below 1 << sub_bits have a bucket each. Pure. */
#ifndef TALLYCAST_QUANTILE_H
#define TALLYCAST_QUANTILE_H

#include <stdint.h>

static inline unsigned quantile_bucket(uint64_t value, unsigned sub_bits)
{
    if (value < UINT64_C(1) << sub_bits)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - sub_bits;
    /* The value's leading one is the top bit of value >> shift: it stands for one more row of
     * buckets. */
    return (shift << sub_bits) + (unsigned)(value >> shift);
}

/* The middle of a bucket's values, so that the error is at most half its width. */
static inline uint64_t quantile_middle(unsigned bucket, unsigned sub_bits)
{
    if (bucket < 1u << sub_bits)
        return bucket;
    unsigned shift = (bucket >> sub_bits) - 1;
    uint64_t low = (uint64_t)(bucket - (shift << sub_bits)) << shift;
    return low + ((UINT64_C(1) << shift) >> 1);
}

/* The rank, from 1, at which the quantile of `count` sorted values stands: quantile * count,
 * rounded up. */
static inline uint64_t quantile_rank(double quantile, uint64_t count)
{
    if (!(quantile > 0))
        return 1;
    if (quantile >= 1)
        return count;
    double exact = quantile * (double)count;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact)
        rank++;
    return rank > count ? count : rank;
}

#endif
