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

/* What is told of a histogram; the same unit as its values. */
struct hdr_summary {
    uint64_t count, p50, p90, p99, p999, max;
};

/* Writer: counts one value. */
void hdr_record(struct hdr *hdr, uint64_t value);

/* Any thread: the value below or at which `quantile` (0 to 1) of the values lie, within 1%, never
 * above the maximum; 0 if there are none. */
uint64_t hdr_quantile(const struct hdr *hdr, double quantile);

/* Any thread: the usual quantiles. */
struct hdr_summary hdr_summarize(const struct hdr *hdr);

/* Writer of `sum`: adds what another one counted. */
void hdr_add(struct hdr *sum, const struct hdr *other);

/* Writer of `since` and `seen`: sets `since` to what `hdr` counted after the last such call with
 * the same `seen` (all zero at first). Of these the maximum is known within 1% only. */
void hdr_take_since(struct hdr *since, const struct hdr *hdr, struct hdr *seen);

#endif
