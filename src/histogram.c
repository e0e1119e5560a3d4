/* A histogram with 32 buckets in each power of two (see histogram.h). Values below 32 have a bucket
 * each. Where there is one writer, counting is a relaxed load and store, which costs what a plain
 * increment does. */
#include "histogram.h"

enum { SUB_BUCKETS = 1 << HISTOGRAM_SUB_BITS };

static unsigned bucket_of(uint64_t value)
{
    if (value < SUB_BUCKETS)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    /* The value's leading one is the top bit of value >> shift: it adds one more row of buckets. */
    return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

/* The middle of a bucket's values, so that the error is at most half its width: 1/64. */
static uint64_t bucket_middle(unsigned bucket)
{
    if (bucket < SUB_BUCKETS)
        return bucket;
    unsigned shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t low = (uint64_t)(bucket - (shift << HISTOGRAM_SUB_BITS)) << shift;
    return low + ((UINT64_C(1) << shift) >> 1);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    _Atomic uint64_t *bucket = &histogram->buckets[bucket_of(value)];
    uint64_t count = atomic_load_explicit(bucket, memory_order_relaxed);
    atomic_store_explicit(bucket, count + 1, memory_order_relaxed);
    if (value > atomic_load_explicit(&histogram->max, memory_order_relaxed))
        atomic_store_explicit(&histogram->max, value, memory_order_relaxed);
}

void histogram_record_shared(struct histogram *histogram, uint64_t value)
{
    atomic_fetch_add_explicit(&histogram->buckets[bucket_of(value)], 1, memory_order_relaxed);
    uint64_t max = atomic_load_explicit(&histogram->max, memory_order_relaxed);
    while (value > max &&
           !atomic_compare_exchange_weak_explicit(&histogram->max, &max, value,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        count += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    return count;
}

uint64_t histogram_max(const struct histogram *histogram)
{
    return atomic_load_explicit(&histogram->max, memory_order_relaxed);
}

/* Which of `count` sorted values, from 1, stands at the quantile: quantile * count, rounded up. */
static uint64_t rank_of(double quantile, uint64_t count)
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

uint64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
    uint64_t count = histogram_count(histogram);
    uint64_t max = histogram_max(histogram);
    if (count == 0)
        return 0;
    uint64_t rank = rank_of(quantile, count);
    if (rank == count)
        return max;

    /* Buckets only grow, so at least `count` values are met on the way. */
    uint64_t passed = 0;
    unsigned i = 0;
    for (; i < HISTOGRAM_BUCKETS - 1; i++) {
        passed += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        if (passed >= rank)
            break;
    }
    uint64_t middle = bucket_middle(i);
    return middle < max ? middle : max;
}
