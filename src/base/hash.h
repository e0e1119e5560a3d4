/* A 128-bit keyed hash, by which voters are known. Made by voter.c; uniform, so its bits may index
 * a table. */
#ifndef TALLYCAST_HASH_H
#define TALLYCAST_HASH_H

#include "base/big_endian.h"

#include <stdbool.h>
#include <stdint.h>

enum { HASH_BYTES = 16 };

struct hash {
    uint64_t high;
    uint64_t low;
};

static inline bool hash_equal(struct hash a, struct hash b)
{
    return a.high == b.high && a.low == b.low;
}

/* 16 bytes, big-endian, as the ledger stores a hash; and back. Any thread. */
static inline void hash_to_bytes(struct hash hash, unsigned char bytes[HASH_BYTES])
{
    big_endian_put(bytes, hash.high, 8);
    big_endian_put(bytes + 8, hash.low, 8);
}

static inline struct hash hash_from_bytes(const unsigned char bytes[HASH_BYTES])
{
    return (struct hash){.high = big_endian_get(bytes, 8), .low = big_endian_get(bytes + 8, 8)};
}

#endif
