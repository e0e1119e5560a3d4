/* An HDR histogram (see hdr.h): the error is at most half a bucket's width, 1/256. There is
 * one writer at a time, so counting is a relaxed load and store, which costs what a plain increment
 * does. */
#include "tools/tallybench/figures/hdr.h"

#include "base/quantile.h"

static uint64_t get(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void set(_Atomic uint64_t *number, uint64_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

void hdr_record(struct hdr *hdr, uint64_t value)
{
    _Atomic uint64_t *bucket = &hdr->buckets[quantile_bucket(value, HDR_SUB_BITS)];
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

uint64_t hdr_quantile(const struct hdr *hdr, double quantile)
{
    uint64_t count = count_of(hdr), max = get(&hdr->max);
    if (count == 0)
        return 0;
    uint64_t rank = quantile_rank(quantile, count);
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
    uint64_t middle = quantile_middle(i, HDR_SUB_BITS);
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
    uint64_t middle = quantile_middle(last, HDR_SUB_BITS), max = get(&hdr->max);
    set(&since->max, middle < max ? middle : max);
}
