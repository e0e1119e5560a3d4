/* An HDR histogram (see bench_hdr.h). Values below 128 have a bucket each. There is one writer at a
 * time, so counting is a relaxed load and store, which costs what a plain increment does. */
#include "tools/bench_hdr.h"

enum { SUB_BUCKETS = 1 << HDR_SUB_BITS };

static uint64_t get(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void set(_Atomic uint64_t *number, uint64_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

static unsigned bucket_of(uint64_t value)
{
    if (value < SUB_BUCKETS)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HDR_SUB_BITS;
    /* The value's leading one is the top bit of value >> shift: it adds one more row of buckets. */
    return (shift << HDR_SUB_BITS) + (unsigned)(value >> shift);
}

/* The middle of a bucket's values, so that the error is at most half its width: 1/256. */
static uint64_t bucket_middle(unsigned bucket)
{
    if (bucket < SUB_BUCKETS)
        return bucket;
    unsigned shift = (bucket >> HDR_SUB_BITS) - 1;
    uint64_t low = (uint64_t)(bucket - (shift << HDR_SUB_BITS)) << shift;
    return low + ((UINT64_C(1) << shift) >> 1);
}

void hdr_record(struct hdr *hdr, uint64_t value)
{
    _Atomic uint64_t *bucket = &hdr->buckets[bucket_of(value)];
    set(bucket, get(bucket) + 1);
    if (value > get(&hdr->max))
        set(&hdr->max, value);
}

static uint64_t count_of(const struct hdr *hdr)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < HDR_BUCKETS; i++)
        count += get(&hdr->buckets[i]);
    return count;
}

/* Which of `count` sorted values, from 1, stands at the quantile: quantile * count, rounded up. */
static uint64_t rank_of(double quantile, uint64_t count)
{
    double exact = quantile * (double)count;
    uint64_t rank = exact > 0 ? (uint64_t)exact : 0;
    if ((double)rank < exact || rank == 0)
        rank++;
    return rank > count ? count : rank;
}

uint64_t hdr_quantile(const struct hdr *hdr, double quantile)
{
    uint64_t count = count_of(hdr), max = get(&hdr->max);
    if (count == 0)
        return 0;
    uint64_t rank = rank_of(quantile, count);
    if (rank == count)
        return max;
    /* Buckets only grow, so at least `count` values are met on the way. */
    uint64_t passed = 0;
    unsigned i = 0;
    for (; i < HDR_BUCKETS - 1; i++) {
        passed += get(&hdr->buckets[i]);
        if (passed >= rank)
            break;
    }
    uint64_t middle = bucket_middle(i);
    return middle < max ? middle : max;
}

struct hdr_summary hdr_summarize(const struct hdr *hdr)
{
    return (struct hdr_summary){
        .count = count_of(hdr),
        .p50 = hdr_quantile(hdr, 0.50),
        .p90 = hdr_quantile(hdr, 0.90),
        .p99 = hdr_quantile(hdr, 0.99),
        .p999 = hdr_quantile(hdr, 0.999),
        .max = get(&hdr->max),
    };
}

void hdr_add(struct hdr *sum, const struct hdr *other)
{
    for (unsigned i = 0; i < HDR_BUCKETS; i++)
        set(&sum->buckets[i], get(&sum->buckets[i]) + get(&other->buckets[i]));
    if (get(&other->max) > get(&sum->max))
        set(&sum->max, get(&other->max));
}

void hdr_take_since(struct hdr *since, const struct hdr *hdr, struct hdr *seen)
{
    unsigned last = 0;
    for (unsigned i = 0; i < HDR_BUCKETS; i++) {
        uint64_t now = get(&hdr->buckets[i]), before = get(&seen->buckets[i]);
        set(&since->buckets[i], now - before);
        set(&seen->buckets[i], now);
        if (now > before)
            last = i;
    }
    uint64_t middle = bucket_middle(last), max = get(&hdr->max);
    set(&since->max, middle < max ? middle : max);
}
