/* The distinct ballots of a poll (see values.h).
 *
 * Records stand in the order of their numbers in blocks, each as large as all before it together.
 * So the few pointers to blocks need no room that grows, and no record ever moves: that is what
 * lets other threads read marks while this one adds.
 *
 * A record is also a link of a chain, from its newest value to its oldest. The heads of the chains
 * are in blocks of the same sizes. With n chains, a hash belongs to chain h mod 2^k, where 2^k is
 * the least power of two that is not below n, or to h mod 2^(k-1) if there is no such chain yet.
 * When chain n comes, it takes its share out of chain n - 2^(k-1), and of no other one.
 *
 * Only memory can fail, and whatever a new value needs is allocated before anything is changed. */
#include "poll/values.h"

#include "base/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_BLOCK_BITS = 4,
    FIRST_BLOCK = 1 << FIRST_BLOCK_BITS, /* elements of the first block, and of the second */
    BLOCKS_MAX = 24 - FIRST_BLOCK_BITS + 1,
};
_Static_assert(VALUES_MAX < 1 << 24, "the last block ends at 2^24");

struct record {
    uint32_t next; /* value of the chain's next record; 0 at its end */
    uint32_t hash; /* the lower half */
    uint8_t marks[];
};

struct values {
    unsigned choice_count;
    uint32_t count;
    uint32_t chain_count;               /* 0 before the first value */
    unsigned char *records[BLOCKS_MAX]; /* NULL until needed, as are: */
    uint32_t *chains[BLOCKS_MAX];       /* the value of each one's first record, or 0 */
};

/* Where an element is: its block, and its place there. */
struct place {
    unsigned block;
    uint32_t at;
};

/* The top bit of a number that is not 0. */
static unsigned top_bit(uint32_t number)
{
    return 31 - (unsigned)__builtin_clz(number);
}

/* Of the element with that number, from 0. */
static struct place place_of(uint32_t number)
{
    if (number < FIRST_BLOCK)
        return (struct place){0, number};
    unsigned bit = top_bit(number);
    return (struct place){bit - FIRST_BLOCK_BITS + 1, number - (UINT32_C(1) << bit)};
}

static size_t block_elements(unsigned block)
{
    return block == 0 ? FIRST_BLOCK : (size_t)FIRST_BLOCK << (block - 1);
}

/* Multiples of the alignment that a record's head needs. */
static size_t record_bytes(const struct values *values)
{
    const size_t align = _Alignof(struct record);
    return (sizeof(struct record) + values->choice_count + align - 1) / align * align;
}

static struct record *record_of(const struct values *values, uint32_t value)
{
    struct place place = place_of(value - 1);
    return (void *)(values->records[place.block] + place.at * record_bytes(values));
}

static uint32_t *chain_at(const struct values *values, uint32_t chain)
{
    struct place place = place_of(chain);
    return &values->chains[place.block][place.at];
}

/* The chain that a hash belongs to. There is one. */
static uint32_t *chain_of(const struct values *values, uint32_t hash)
{
    uint32_t half = UINT32_C(1) << top_bit(values->chain_count);
    uint32_t chain = hash & (2 * half - 1);
    return chain_at(values, chain < values->chain_count ? chain : hash & (half - 1));
}

struct values *values_new(unsigned choice_count)
{
    struct values *values = calloc(1, sizeof *values);
    if (values)
        values->choice_count = choice_count;
    return values;
}

void values_free(struct values *values)
{
    if (!values)
        return;
    for (unsigned block = 0; block < BLOCKS_MAX; block++) {
        free(values->records[block]);
        free(values->chains[block]);
    }
    free(values);
}

uint64_t values_hash(const struct voter_key *key, const uint8_t *marks, unsigned choice_count)
{
    _Static_assert(crypto_shorthash_KEYBYTES == VOTER_KEY_BYTES, "SipHash's key fits");
    uint64_t hash;
    _Static_assert(crypto_shorthash_BYTES == sizeof hash, "SipHash gives 64 bits");
    crypto_shorthash((unsigned char *)&hash, marks, choice_count, key->bytes);
    return hash;
}

uint32_t values_find(const struct values *values, const uint8_t *marks, uint64_t hash)
{
    if (values->chain_count == 0)
        return 0;
    uint32_t value = *chain_of(values, (uint32_t)hash);
    while (value != 0) {
        const struct record *record = record_of(values, value);
        if (record->hash == (uint32_t)hash &&
            memcmp(record->marks, marks, values->choice_count) == 0)
            break;
        value = record->next;
    }
    return value;
}

/* ---- growing ---- */

/* Has the block of the next record. Returns 0, or -1 if memory is short. */
static int make_record_room(struct values *values)
{
    unsigned block = place_of(values->count).block;
    if (!values->records[block])
        values->records[block] = malloc(block_elements(block) * record_bytes(values));
    return values->records[block] ? 0 : -1;
}

/* The same for the next chain. */
static int make_chain_room(struct values *values)
{
    unsigned block = place_of(values->chain_count).block;
    if (!values->chains[block])
        values->chains[block] = malloc(block_elements(block) * sizeof(uint32_t));
    return values->chains[block] ? 0 : -1;
}

/* Adds a chain, and moves there what belongs to it. Both stay in order. */
static void divide_chain(struct values *values)
{
    uint32_t bit = UINT32_C(1) << top_bit(values->chain_count);
    uint32_t *stays = chain_at(values, values->chain_count - bit);
    uint32_t *moves = chain_at(values, values->chain_count++);
    for (uint32_t value = *stays; value != 0;) {
        struct record *record = record_of(values, value);
        uint32_t **end = record->hash & bit ? &moves : &stays;
        **end = value;
        *end = &record->next;
        value = record->next;
    }
    *stays = *moves = 0;
}

static void add_chain(struct values *values)
{
    if (values->chain_count > 0) {
        divide_chain(values);
    } else {
        memset(values->chains[0], 0, FIRST_BLOCK * sizeof(uint32_t));
        values->chain_count = FIRST_BLOCK;
    }
}

uint32_t values_add(struct values *values, const uint8_t *marks, uint64_t hash)
{
    const bool has_chains = values->count < values->chain_count;
    if (values->count == VALUES_MAX || make_record_room(values) != 0 ||
        (!has_chains && make_chain_room(values) != 0))
        return 0;
    if (!has_chains)
        add_chain(values);
    uint32_t *chain = chain_of(values, (uint32_t)hash);
    uint32_t value = values->count + 1;
    struct record *record = record_of(values, value);
    record->next = *chain;
    record->hash = (uint32_t)hash;
    memcpy(record->marks, marks, values->choice_count);
    *chain = value;
    return values->count = value;
}

void values_truncate(struct values *values, uint32_t count)
{
    INVARIANT(count <= values->count);
    for (; values->count > count; values->count--) {
        const struct record *newest = record_of(values, values->count);
        uint32_t *chain = chain_of(values, newest->hash);
        INVARIANT(*chain == values->count);
        *chain = newest->next;
    }
}

uint32_t values_count(const struct values *values)
{
    return values->count;
}

const uint8_t *values_marks(const struct values *values, uint32_t value)
{
    return record_of(values, value)->marks;
}
