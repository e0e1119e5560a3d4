/* The electorate: the ballot of each voter. A hash table from a voter's hash (which covers the poll
 * too) to the ballot that counts. Owned by the ledger thread; no other may call.
 *
 * Of a hash it keeps 80 bits. They are keyed and so uniform: that any two of 100 million voters
 * share them has a probability of 4 in 10^9.
 *
 * It grows in steps: extendible hashing. A directory of 2^n pointers is indexed by n bits of the
 * hash; each points to a segment, an open-addressing table of 4,096 slots. A full segment is split
 * in two by the next bit, which moves a few thousand votes (tens of microseconds); the directory
 * doubles by copying pointers. So no insert ever waits for the whole table, and splits are spread
 * evenly over the inserts. 24 bytes a slot, some 43 a voter. */
#ifndef TALLYCAST_ELECTORATE_H
#define TALLYCAST_ELECTORATE_H

#include "base/hash.h"
#include "proto/entry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VOTE_PROOF_BITS = 48 };
#define VOTE_PROOF_MAX ((UINT64_C(1) << VOTE_PROOF_BITS) - 1)

/* The ballot of a voter that counts. seq 0 stands for none; then the rest is 0, too. */
struct vote {
    uint64_t seq : 40;
    uint64_t value : 24;
    uint64_t proof : VOTE_PROOF_BITS; /* tells who cast it, where others may claim the same voter;
                                         0: nobody */
};

static inline struct vote vote_make(uint64_t seq, uint32_t value, uint64_t proof)
{
    return (struct vote){.seq = seq & ENTRY_SEQ_MAX,
                         .value = value & ENTRY_VALUE_MAX,
                         .proof = proof & VOTE_PROOF_MAX};
}

struct electorate;

/* Makes a table with room for about `expected` entries (it may be 0, and is only a hint). NULL if
 * memory is short. */
struct electorate *electorate_new(size_t expected);
void electorate_free(struct electorate *electorate);

/* Makes the calling thread its user, as store_take does. */
void electorate_take(struct electorate *electorate);

/* Asks the processor to load what electorate_find or _set will read for this hash. */
void electorate_prefetch(const struct electorate *electorate, struct hash voter);

/* The voter's ballot; seq is 0 if there is none. */
struct vote electorate_find(const struct electorate *electorate, struct hash voter);

/* Records, replaces or (with seq 0) forgets the voter's ballot, and returns the earlier one in
 * *before unless that is NULL. Returns 0, or -1 with nothing changed if memory is short. Forgetting
 * never fails. */
int electorate_set(struct electorate *electorate, struct hash voter, struct vote vote,
                   struct vote *before) __attribute__((warn_unused_result));

/* How many voters have a ballot. */
size_t electorate_count(const struct electorate *electorate);

#endif
