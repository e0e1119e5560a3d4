/* A 128-bit keyed hash, by which voters are known. Made by voter.c; uniform, so its bits may index
 * a table. */
#ifndef TALLYCAST_HASH_H
#define TALLYCAST_HASH_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { HASH_BYTES = 16 };

struct hash {
    uint64_t high;
    uint64_t low;
};

static inline bool hash_equal(struct hash a, struct hash b)
{
    return a.high == b.high && a.low == b.low;
}

/* 16 bytes, big-endian, as the ledger stores a hash; and back. One instruction for each half: this
 * is done for every ballot. Any thread. */
static inline void hash_to_bytes(struct hash hash, unsigned char bytes[HASH_BYTES])
{
    const uint64_t halves[] = {htobe64(hash.high), htobe64(hash.low)};
    memcpy(bytes, halves, HASH_BYTES);
}

static inline struct hash hash_from_bytes(const unsigned char bytes[HASH_BYTES])
{
    uint64_t halves[2];
    memcpy(halves, bytes, HASH_BYTES);
    return (struct hash){.high = be64toh(halves[0]), .low = be64toh(halves[1])};
}

#endif
