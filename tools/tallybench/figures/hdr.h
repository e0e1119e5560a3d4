/* A histogram of non-negative integers with at most 1% relative error: 128 equal buckets in each
 * power of two (an HDR histogram). The server's own (src/base/histogram.h) is four times coarser,
 * and four times smaller. One writer at a time; any thread may read. */
#ifndef TALLYCAST_TOOLS_BENCH_HDR_H
#define TALLYCAST_TOOLS_BENCH_HDR_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    HDR_SUB_BITS = 7,
    HDR_BUCKETS = (64 - HDR_SUB_BITS + 1) << HDR_SUB_BITS,
};

/* 58 KiB. All zero is an empty one. */
struct hdr {
    _Atomic uint64_t max;
    _Atomic uint64_t buckets[HDR_BUCKETS];
};

/* The summary of a histogram, in the unit of its values. */
struct hdr_summary {
    uint64_t count, p50, p90, p99, p999, max;
};

/* Writer: counts one value. */
void hdr_record(struct hdr *hdr, uint64_t value);

/* Any thread: the value at or below which the share `quantile` (0 to 1) of the values lies, within
 * 1%, never above the maximum; 0 if there are none. */
uint64_t hdr_quantile(const struct hdr *hdr, double quantile);

/* Any thread: the usual quantiles. */
struct hdr_summary hdr_summarize(const struct hdr *hdr);

/* Writer of `sum`: adds the counts of another one. */
void hdr_add(struct hdr *sum, const struct hdr *other);

/* Writer of `since` and `seen`: sets `since` to the values that `hdr` counted after the last such
 * call with the same `seen` (all zero at first). Their maximum is known only within 1%. */
void hdr_take_since(struct hdr *since, const struct hdr *hdr, struct hdr *seen);

#endif
