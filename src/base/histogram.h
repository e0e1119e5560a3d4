/* A histogram of non-negative integers with at most 3% relative error: 32 equal buckets in each
 * power of two. One writer at a time (a thread, or whoever holds the lock that guards it); any
 * thread may read. Readers see each bucket whole, though not all of them at one instant. */
#ifndef TALLYCAST_HISTOGRAM_H
#define TALLYCAST_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 5,
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

/* 15 KiB. All zero is an empty one. */
struct histogram {
    _Atomic uint64_t max;
    _Atomic uint64_t sum;
    _Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Writer: counts one value. */
void histogram_record(struct histogram *histogram, uint64_t value);

/* Any of several writers, at the price of three locked instructions. A histogram has either one
 * writer or shared ones. */
void histogram_record_shared(struct histogram *histogram, uint64_t value);

/* Any thread: how many values were counted, and the largest one, exactly. */
uint64_t histogram_count(const struct histogram *histogram);
uint64_t histogram_max(const struct histogram *histogram);

/* Any thread: the sum of the values that were counted, exactly, modulo 2^64. */
uint64_t histogram_sum(const struct histogram *histogram);

/* Any thread: the value at or below which the share `quantile` (0 to 1) of the values lies, within
 * 3%, never above the maximum; 0 if there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double quantile);

/* Any thread: how many values are at or below each of `count` rising bounds; a value up to 3% above
 * a bound may be counted as below it. Returns the number of all values, of the same instant: no
 * less than any at_most[i]. */
uint64_t histogram_cumulate(const struct histogram *histogram, const uint64_t *bounds, size_t count,
                            uint64_t *at_most);

#endif
