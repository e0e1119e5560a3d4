/* The matrix of pairs (see pairs.h).
 *
 * With n choices each ballot has n × n pairs, so this is most of the time that Schulze's method
 * takes. A ballot becomes n *keys*, one byte a choice, the lower the better; a vector compares one
 * of them with 16 others at once, and the answers of many ballots are added up in bytes, before
 * they go to the matrix. So that ballots can be added up in bytes, each counts once: those with
 * more weight count in one batch for each bit of their weight, and a batch's sums are worth its
 * power of two. */
#include "count/pairs.h"

#include <stdlib.h>
#include <string.h>

enum {
    LANES = 16, /* keys that are compared at once */
    VECTORS_MAX = RESULT_PAIRS_MAX / LANES,
    BATCH = 255, /* ballots: what a byte can count */
    BITS = 64,
};

typedef int8_t keys __attribute__((vector_size(LANES)));
typedef uint8_t sums __attribute__((vector_size(LANES)));

struct ballot {
    union {
        int8_t key[RESULT_PAIRS_MAX];
        keys vector[VECTORS_MAX];
    };
};

/* Ballots whose weight has a bit. */
struct batch {
    unsigned count;
    struct ballot ballots[BATCH];
};

struct counting {
    uint64_t *pairs;
    unsigned choice_count;
    unsigned vectors;      /* that the choices fill, the last one perhaps in part */
    struct batch *batches; /* by bit */
};

/* Lower is better. A rank that is not given is the last one of all. */
static int key_of(const struct poll *poll, unsigned mark)
{
    if (poll_setting(poll, SETTING_KIND) == KIND_SCORE)
        return -(int)mark;
    return mark == 0 ? INT8_MAX : (int)mark;
}

/* How many of a batch's ballots have choice `a` above each of the others. Inlined for each number
 * of vectors, so that the sums stay in registers. */
static inline __attribute__((always_inline)) void sum_above(const struct batch *batch, unsigned a,
                                                            unsigned vectors, sums *above)
{
    sums counts[VECTORS_MAX] = {{0}};
    for (unsigned i = 0; i < batch->count; i++) {
        const struct ballot *ballot = &batch->ballots[i];
        keys key = ballot->key[a] - (keys){0};
#pragma GCC unroll 4
        for (unsigned v = 0; v < vectors; v++)
            counts[v] -= (sums)(key < ballot->vector[v]); /* true is -1 */
    }
    memcpy(above, counts, sizeof counts);
}

static void count_above(const struct batch *batch, unsigned a, unsigned vectors, sums *above)
{
    switch (vectors) {
    case 1:
        return sum_above(batch, a, 1, above);
    case 2:
        return sum_above(batch, a, 2, above);
    case 3:
        return sum_above(batch, a, 3, above);
    default:
        return sum_above(batch, a, VECTORS_MAX, above);
    }
}

static void add_batch(struct counting *counting, unsigned bit)
{
    struct batch *batch = &counting->batches[bit];
    union {
        sums vector[VECTORS_MAX];
        uint8_t count[RESULT_PAIRS_MAX];
    } above;
    for (unsigned a = 0; a < counting->choice_count; a++) {
        uint64_t *row = &counting->pairs[a * counting->choice_count];
        count_above(batch, a, counting->vectors, above.vector);
        for (unsigned b = 0; b < counting->choice_count; b++)
            row[b] += (uint64_t)above.count[b] << bit;
    }
    batch->count = 0;
}

static void add_ballot(struct counting *counting, const struct ballot *ballot, uint64_t weight)
{
    for (; weight > 0; weight &= weight - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(weight);
        struct batch *batch = &counting->batches[bit];
        batch->ballots[batch->count++] = *ballot;
        if (batch->count == BATCH)
            add_batch(counting, bit);
    }
}

static void add_ballots(struct counting *counting, const struct profile_view *view)
{
    struct ballot ballot = {0};
    for (uint32_t value = 0; profile_next(view, &value);) {
        uint64_t weight = profile_weight(view, value);
        const uint8_t *marks = profile_marks(view, value);
        for (unsigned i = 0; i < counting->choice_count; i++)
            ballot.key[i] = (int8_t)key_of(view->poll, marks[i]);
        add_ballot(counting, &ballot, weight);
    }
    for (unsigned bit = 0; bit < BITS; bit++)
        add_batch(counting, bit);
}

int pairs_count(struct result *result, const struct profile_view *view)
{
    unsigned count = view->poll->choice_count;
    if (count > RESULT_PAIRS_MAX)
        return 0;
    struct counting counting = {
        .pairs = calloc((size_t)count * count, sizeof *counting.pairs),
        .choice_count = count,
        .vectors = (count + LANES - 1) / LANES,
        .batches = calloc(BITS, sizeof *counting.batches),
    };
    result->pairs = counting.pairs;
    int error = counting.pairs && counting.batches ? 0 : -1;
    if (error == 0)
        add_ballots(&counting, view);
    free(counting.batches);
    return error;
}

void pairs_between(const struct profile_view *view, unsigned a, unsigned b, uint64_t *above,
                   uint64_t *below)
{
    *above = *below = 0;
    for (uint32_t value = 0; profile_next(view, &value);) {
        uint64_t weight = profile_weight(view, value);
        const uint8_t *marks = profile_marks(view, value);
        int first = key_of(view->poll, marks[a]), second = key_of(view->poll, marks[b]);
        *above += first < second ? weight : 0;
        *below += first > second ? weight : 0;
    }
}
