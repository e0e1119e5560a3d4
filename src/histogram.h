/* A histogram of non-negative integers with at most 3% relative error: 32 equal buckets in each
 * power of two. One writer at a time (a thread, or whoever holds the lock that guards it); any
 * thread may read. Readers see each bucket whole, though not all of them at one instant. */
#ifndef TALLYCAST_HISTOGRAM_H
#define TALLYCAST_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 5,
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

/* 15 KiB. All zero is an empty one. */
struct histogram {
    _Atomic uint64_t max;
    _Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Writer: counts one value. */
void histogram_record(struct histogram *histogram, uint64_t value);

/* Any of several writers, at the price of two locked instructions. A histogram has either one
 * writer or shared ones. */
void histogram_record_shared(struct histogram *histogram, uint64_t value);

/* Any thread: how many values were counted, and the largest one, exactly. */
uint64_t histogram_count(const struct histogram *histogram);
uint64_t histogram_max(const struct histogram *histogram);

/* Any thread: the value below or at which `quantile` (0 to 1) of the values lie, within 3%, never
 * above the maximum; 0 if there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double quantile);

#endif
