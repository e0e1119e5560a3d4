/* The electorate: an extendible hash table from voters to the ballots that count (see
 * electorate.h). The ledger thread runs all of it.
 *
 * hash.high gives the voter's *place*, whose top bits pick the segment; hash.low, and in a segment
 * that grew the lowest bits of hash.high, where in it the search begins (linear probing). A full
 * segment is split in two; if only one pointer leads to it, the directory is doubled first.
 *
 * Hashes are keyed, so their bits are uniform. Were places, too, all segments would fill at the
 * same time, and be split at the same time: while the voters grow by a tenth, as many segments
 * again. Voters would wait for that, and for the memory that it takes. So places are twice as dense
 * at one end as at the other, and at any time segments of all degrees of fullness are there:
 * growing costs the same always, and takes the same memory for each voter.
 *
 * Should bits not be uniform, the directory still stays small: it is doubled only while it has few
 * pointers a segment; beyond that, the crowded segment itself grows.
 *
 * Only memory can fail, and an insert allocates all that it needs before it changes anything
 * visible. */
#include "ledger/electorate.h"

#include "base/log.h"
#include "base/owner.h"
#include "ledger/blocks.h"

#include <stdlib.h>
#include <string.h>

enum {
    SEGMENT_SLOTS = 4096,      /* of a new segment; a power of two */
    POINTERS_PER_SEGMENT = 16, /* the most that the directory may have on average; uniform
                                * hashes need 2 to 4 */
    FULL_SIXTEENTHS = 13,      /* of a segment's slots are in use when it is split: some 43 bytes a
                                * voter, as segments are from half so full to that. Searches for
                                * new voters grow long beyond it */
    DEPTH_MIN = 1,             /* so that a shift by 64 - depth is always defined */
    DEPTH_OF_HINT_MAX = 16, /* most that electorate_new reserves: a hint of 6 GiB would be wrong */
};

struct slot {
    uint64_t high;                    /* of the voter's hash */
    uint64_t low : 16;                /* of it, the lowest bits */
    uint64_t proof : VOTE_PROOF_BITS; /* of the vote, as are: */
    uint64_t seq : 40;                /* 0 if the slot is empty; then all is 0 */
    uint64_t value : 24;
};
_Static_assert(sizeof(struct slot) == 24, "a slot is 24 bytes");

struct segment {
    unsigned depth;  /* top bits of the hash that all of its voters share */
    size_t capacity; /* slots; a power of two */
    size_t used;     /* of them */
    struct slot slots[];
};

struct electorate {
    struct owner owner;         /* asserted where it grows: once a ballot would cost too much */
    unsigned depth;             /* the directory has 2^depth pointers */
    size_t segment_count;       /* distinct ones */
    size_t count;               /* voters in all segments */
    struct segment **directory; /* a segment has 2^(depth - its own) neighbouring pointers */
    struct blocks source;       /* of the blocks */
    struct block *blocks;       /* memory for segments of SEGMENT_SLOTS */
    struct free_segment {
        struct free_segment *next;
    } * free_segments; /* in the blocks */
};

enum { SEGMENT_BYTES = sizeof(struct segment) + SEGMENT_SLOTS * sizeof(struct slot) };

/* Segments side by side in one huge page. Given back when the electorate is freed. */
struct block {
    struct block *next;
    char segments[BLOCK_BYTES / SEGMENT_BYTES][SEGMENT_BYTES];
};
_Static_assert(sizeof(struct block) <= BLOCK_BYTES, "a block is a huge page at most");

static struct slot slot_make(struct hash voter, struct vote vote)
{
    return (struct slot){.high = voter.high,
                         .low = voter.low & UINT16_MAX,
                         .proof = vote.proof,
                         .seq = vote.seq,
                         .value = vote.value};
}

static bool slot_is_empty(const struct slot *slot)
{
    return slot->seq == 0;
}

static struct vote slot_vote(const struct slot *slot)
{
    return (struct vote){.seq = slot->seq, .value = slot->value, .proof = slot->proof};
}

static uint64_t multiply_high(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

/* The place of a hash that begins with u is u + u(1 - u)/3, about log2(1 + u); both are fractions
 * of 2^64. So a segment has between 3/4 and 3/2 times as many voters as the mean. */
static uint64_t place(uint64_t high)
{
    return high + multiply_high(high, ~high) / 3;
}

static size_t directory_index(const struct electorate *electorate, struct hash voter)
{
    return place(voter.high) >> (64 - electorate->depth);
}

static struct segment *segment_of(const struct electorate *electorate, struct hash voter)
{
    return electorate->directory[directory_index(electorate, voter)];
}

/* Where in a segment the search for a voter begins, still to be cut to its size. */
static size_t search_start(uint64_t high, uint64_t low)
{
    return high << 16 | low;
}

/* The slot that holds the voter, or else the empty one where it would go. There always is an empty
 * one. */
static struct slot *segment_slot(struct segment *segment, uint64_t high, uint64_t low)
{
    low &= UINT16_MAX;
    for (size_t i = search_start(high, low);; i++) {
        struct slot *slot = &segment->slots[i & (segment->capacity - 1)];
        if (slot_is_empty(slot) || (slot->high == high && slot->low == low))
            return slot;
    }
}

/* Empties a slot in use. Whoever stands behind it, up to the next empty slot, and would not be
 * found any more by a search that begins at or before the gap, moves into the gap, which moves on.
 */
static void segment_remove(struct segment *segment, const struct slot *removed)
{
    const size_t mask = segment->capacity - 1;
    size_t gap = (size_t)(removed - segment->slots);
    for (size_t i = gap + 1; !slot_is_empty(&segment->slots[i & mask]); i++) {
        const struct slot *slot = &segment->slots[i & mask];
        size_t distance = (i - search_start(slot->high, slot->low)) & mask;
        if (distance >= ((i - gap) & mask)) {
            segment->slots[gap & mask] = *slot;
            gap = i;
        }
    }
    segment->slots[gap & mask] = (struct slot){0};
    segment->used--;
}

static bool segment_is_full(const struct segment *segment)
{
    return segment->used >= segment->capacity / 16 * FULL_SIXTEENTHS;
}

static int block_add(struct electorate *electorate)
{
    struct block *block = blocks_take(&electorate->source);
    if (block == NULL)
        return -1;
    block->next = electorate->blocks;
    electorate->blocks = block;
    for (size_t i = 0; i < BLOCK_BYTES / SEGMENT_BYTES; i++) {
        struct free_segment *free_segment = (struct free_segment *)block->segments[i];
        free_segment->next = electorate->free_segments;
        electorate->free_segments = free_segment;
    }
    return 0;
}

/* Takes an empty segment of the usual size from the blocks. NULL if memory is short. */
static struct segment *segment_take(struct electorate *electorate)
{
    if (electorate->free_segments == NULL && block_add(electorate) != 0)
        return NULL;
    struct free_segment *taken = electorate->free_segments;
    electorate->free_segments = taken->next;
    return memset(taken, 0, SEGMENT_BYTES);
}

static struct segment *segment_new(struct electorate *electorate, unsigned depth, size_t capacity)
{
    struct segment *segment = capacity == SEGMENT_SLOTS
                                  ? segment_take(electorate)
                                  : calloc(1, sizeof *segment + capacity * sizeof(struct slot));
    if (segment != NULL) {
        segment->depth = depth;
        segment->capacity = capacity;
    }
    return segment;
}

static void segment_free(struct electorate *electorate, struct segment *segment)
{
    if (segment == NULL)
        return;
    if (segment->capacity != SEGMENT_SLOTS) {
        free(segment);
        return;
    }
    struct free_segment *free_segment = (struct free_segment *)segment;
    free_segment->next = electorate->free_segments;
    electorate->free_segments = free_segment;
}

static void segment_insert(struct segment *segment, const struct slot *slot)
{
    *segment_slot(segment, slot->high, slot->low) = *slot;
    segment->used++;
}

/* Moves the voters of `from` for whom the next bit of their place is set to `to`, and those who
 * stay to where a search finds them. Whoever is taken out and put in again comes no further back
 * than before, if that is done in the order of the slots and begins behind an empty one. */
static void segment_deal(struct segment *from, struct segment *to)
{
    const size_t mask = from->capacity - 1;
    size_t start = 0;
    while (!slot_is_empty(&from->slots[start]))
        start++;
    for (size_t i = start + 1; i <= start + mask; i++) {
        struct slot *slot = &from->slots[i & mask];
        if (slot_is_empty(slot))
            continue;
        const struct slot taken = *slot;
        bool bit = place(taken.high) >> (63 - from->depth) & 1;
        *slot = (struct slot){0};
        from->used--;
        segment_insert(bit ? to : from, &taken);
    }
}

/* Makes `count` pointers, from `first` on, lead to `segment`. */
static void directory_fill(struct electorate *electorate, size_t first, size_t count,
                           struct segment *segment)
{
    for (size_t i = 0; i < count; i++)
        electorate->directory[first + i] = segment;
}

/* How many pointers lead to the segment, and the first of them. */
static size_t directory_span(const struct electorate *electorate, const struct segment *segment,
                             struct hash voter, size_t *first)
{
    size_t count = (size_t)1 << (electorate->depth - segment->depth);
    *first = directory_index(electorate, voter) & ~(count - 1);
    return count;
}

static bool directory_may_double(const struct electorate *electorate)
{
    return (size_t)2 << electorate->depth <= electorate->segment_count * POINTERS_PER_SEGMENT;
}

static int directory_double(struct electorate *electorate)
{
    size_t count = (size_t)1 << electorate->depth;
    struct segment **directory = malloc(2 * count * sizeof *directory);
    if (directory == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        directory[2 * i] = directory[2 * i + 1] = electorate->directory[i];
    free(electorate->directory);
    electorate->directory = directory;
    electorate->depth++;
    return 0;
}

/* Splits the voter's segment in two. The directory must have more than one pointer to it. */
static int segment_split(struct electorate *electorate, struct segment *segment, struct hash voter)
{
    struct segment *half = segment_new(electorate, segment->depth + 1, segment->capacity);
    if (half == NULL)
        return -1;
    size_t first;
    size_t count = directory_span(electorate, segment, voter, &first);
    segment_deal(segment, half);
    segment->depth++;
    directory_fill(electorate, first + count / 2, count / 2, half);
    electorate->segment_count++;
    return 0;
}

/* Gives the voter's segment twice the slots. */
static int segment_grow(struct electorate *electorate, struct segment *segment, struct hash voter)
{
    struct segment *bigger = segment_new(electorate, segment->depth, 2 * segment->capacity);
    if (bigger == NULL)
        return -1;
    for (size_t i = 0; i < segment->capacity; i++)
        if (!slot_is_empty(&segment->slots[i]))
            segment_insert(bigger, &segment->slots[i]);
    size_t first;
    size_t count = directory_span(electorate, segment, voter, &first);
    directory_fill(electorate, first, count, bigger);
    segment_free(electorate, segment);
    return 0;
}

/* Makes room in the voter's segment, which is full. One step may not be enough: all of them may
 * go to one half. */
static int make_room(struct electorate *electorate, struct segment *segment, struct hash voter)
{
    OWNER_ASSERT(&electorate->owner);
    if (segment->depth == electorate->depth) {
        if (!directory_may_double(electorate))
            return segment_grow(electorate, segment, voter);
        if (directory_double(electorate) != 0)
            return -1;
    }
    return segment_split(electorate, segment, voter);
}

/* The greatest depth to which so many voters would split all segments: the emptiest, with 3/4 of
 * the mean, are then half as full as they get. So a hint saves splits, and takes no memory that
 * growing would not take. */
static unsigned depth_for(size_t expected)
{
    const size_t least_mean = SEGMENT_SLOTS / 16 * FULL_SIXTEENTHS / 2 * 4 / 3;
    unsigned depth = DEPTH_MIN;
    while (depth < DEPTH_OF_HINT_MAX && expected >> (depth + 1) > least_mean)
        depth++;
    return depth;
}

struct electorate *electorate_new(size_t expected)
{
    struct electorate *electorate = calloc(1, sizeof *electorate);
    if (electorate == NULL)
        return NULL;
    owner_take(&electorate->owner);
    electorate->depth = depth_for(expected);
    size_t count = (size_t)1 << electorate->depth;
    electorate->directory = calloc(count, sizeof(struct segment *));
    if (electorate->directory == NULL)
        goto err;
    for (; electorate->segment_count < count; electorate->segment_count++) {
        struct segment *segment = segment_new(electorate, electorate->depth, SEGMENT_SLOTS);
        if (segment == NULL)
            goto err;
        electorate->directory[electorate->segment_count] = segment;
    }
    return electorate;

err:
    electorate_free(electorate);
    return NULL;
}

void electorate_free(struct electorate *electorate)
{
    if (electorate == NULL)
        return;
    size_t count = electorate->directory != NULL ? (size_t)1 << electorate->depth : 0;
    for (size_t i = 0; i < count;) {
        struct segment *segment = electorate->directory[i];
        if (segment == NULL) /* electorate_new got no further */
            break;
        i += (size_t)1 << (electorate->depth - segment->depth);
        segment_free(electorate, segment);
    }
    blocks_end(&electorate->source);
    while (electorate->blocks != NULL) {
        struct block *block = electorate->blocks;
        electorate->blocks = block->next;
        free(block);
    }
    free(electorate->directory);
    free(electorate);
}

void electorate_prefetch(const struct electorate *electorate, struct hash voter)
{
    /* This assumes a segment of the usual size: reading its size would be another cache miss. The
     * second one is in the next cache line, where most searches end. */
    const struct segment *segment = segment_of(electorate, voter);
    __builtin_prefetch(&segment->slots[voter.low & (SEGMENT_SLOTS - 1)]);
    __builtin_prefetch(&segment->slots[(voter.low + 3) & (SEGMENT_SLOTS - 1)]);
}

struct vote electorate_find(const struct electorate *electorate, struct hash voter)
{
    return slot_vote(segment_slot(segment_of(electorate, voter), voter.high, voter.low));
}

/* Records the vote of a voter who is not in the table yet, and whose slot in `segment` is free. */
static int insert(struct electorate *electorate, struct segment *segment, struct slot *slot,
                  struct hash voter, struct vote vote)
{
    while (segment_is_full(segment)) {
        if (make_room(electorate, segment, voter) != 0)
            return -1;
        segment = segment_of(electorate, voter);
        slot = segment_slot(segment, voter.high, voter.low);
    }
    *slot = slot_make(voter, vote);
    segment->used++;
    electorate->count++;
    return 0;
}

static void forget(struct electorate *electorate, struct segment *segment, struct slot *slot)
{
    segment_remove(segment, slot);
    electorate->count--;
}

int electorate_set(struct electorate *electorate, struct hash voter, struct vote vote,
                   struct vote *before)
{
    struct segment *segment = segment_of(electorate, voter);
    struct slot *slot = segment_slot(segment, voter.high, voter.low);
    const struct vote old = slot_vote(slot);
    if (old.seq == 0 && vote.seq != 0) {
        if (insert(electorate, segment, slot, voter, vote) != 0)
            return -1;
    } else if (vote.seq != 0) {
        *slot = slot_make(voter, vote);
    } else if (old.seq != 0) {
        forget(electorate, segment, slot);
    }
    if (before != NULL)
        *before = old;
    return 0;
}

void electorate_take(struct electorate *electorate)
{
    owner_take(&electorate->owner);
}

size_t electorate_count(const struct electorate *electorate)
{
    OWNER_ASSERT(&electorate->owner);
    return electorate->count;
}
