/* A histogram with 32 buckets in each power of two (see histogram.h): the error is at most half a
 * bucket's width, 1/64. Where there is one writer, counting is a relaxed load and store, which
 * costs what a plain increment does. */
#include "base/histogram.h"

#include "base/quantile.h"

void histogram_record(struct histogram *histogram, uint64_t value)
{
    _Atomic uint64_t *bucket = &histogram->buckets[quantile_bucket(value, HISTOGRAM_SUB_BITS)];
    uint64_t count = atomic_load_explicit(bucket, memory_order_relaxed);
    atomic_store_explicit(bucket, count + 1, memory_order_relaxed);
    uint64_t sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
    atomic_store_explicit(&histogram->sum, sum + value, memory_order_relaxed);
    if (value > atomic_load_explicit(&histogram->max, memory_order_relaxed))
        atomic_store_explicit(&histogram->max, value, memory_order_relaxed);
}

void histogram_record_shared(struct histogram *histogram, uint64_t value)
{
    atomic_fetch_add_explicit(&histogram->buckets[quantile_bucket(value, HISTOGRAM_SUB_BITS)], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
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

uint64_t histogram_sum(const struct histogram *histogram)
{
    return atomic_load_explicit(&histogram->sum, memory_order_relaxed);
}

uint64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
    uint64_t count = histogram_count(histogram);
    uint64_t max = histogram_max(histogram);
    if (count == 0)
        return 0;
    uint64_t rank = quantile_rank(quantile, count);
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
    uint64_t middle = quantile_middle(i, HISTOGRAM_SUB_BITS);
    return middle < max ? middle : max;
}

uint64_t histogram_cumulate(const struct histogram *histogram, const uint64_t *bounds, size_t count,
                            uint64_t *at_most)
{
    uint64_t passed = 0;
    unsigned i = 0;
    for (size_t bound = 0; bound < count; bound++) {
        unsigned last = quantile_bucket(bounds[bound], HISTOGRAM_SUB_BITS);
        for (; i <= last; i++)
            passed += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        at_most[bound] = passed;
    }
    for (; i < HISTOGRAM_BUCKETS; i++)
        passed += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
    return passed;
}
