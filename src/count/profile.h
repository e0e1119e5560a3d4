/* The profile of a poll: for how much weight each value counts. It is all that a method of counting
 * needs to know of the ballots.
 *
 * Weights are the leaves of a tree with 256 branches at each node: the three bytes of a value lead
 * to its weight. Nodes are reference-counted, and one that is shared is copied before it is
 * changed. So a view, which is the whole profile at one instant, costs one reference, however many
 * values there are; and the profile goes on while another thread reads the view. */
#ifndef TALLYCAST_PROFILE_H
#define TALLYCAST_PROFILE_H

#include "poll/poll.h"
#include "poll/values.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PROFILE_NODE_BITS = 8,
    PROFILE_NODE_WIDTH = 1 << PROFILE_NODE_BITS,
};

/* A node. Those of the lowest level hold weights, the others nodes. */
struct profile_node {
    _Atomic unsigned refs;
    union {
        struct profile_node *node[PROFILE_NODE_WIDTH]; /* NULL where no value has counted */
        uint64_t weight[PROFILE_NODE_WIDTH];
    };
};

/* A profile at one instant. Immutable. Weights are of voters: each is 1 unless they differ. */
struct profile_view {
    const struct poll *poll;
    uint32_t value_count;      /* values have the numbers from 1 to this */
    uint64_t ballots;          /* that count, abstentions included */
    uint64_t weight;           /* theirs */
    uint64_t abstained;        /* of it, the weight of abstentions */
    struct profile_node *root; /* owned reference; NULL if no value has counted */
};

/* For how much weight a value counts; 0 where no ballot has it any more. Any thread. */
static inline uint64_t profile_weight(const struct profile_view *view, uint32_t value)
{
    const struct profile_node *node = view->root;
    if (node)
        node = node->node[value >> 2 * PROFILE_NODE_BITS];
    if (node)
        node = node->node[value >> PROFILE_NODE_BITS & (PROFILE_NODE_WIDTH - 1)];
    return node ? node->weight[value & (PROFILE_NODE_WIDTH - 1)] : 0;
}

/* The marks of a value, in a poll whose ballots have marks; one for each choice. Any thread. */
static inline const uint8_t *profile_marks(const struct profile_view *view, uint32_t value)
{
    return values_marks(view->poll->values, value);
}

/* Goes from one value that counts to the next, in the order of their numbers:
 *     for (uint32_t value = 0; profile_next(view, &value);)
 * Returns false behind the last one. Any thread. */
static inline bool profile_next(const struct profile_view *view, uint32_t *value)
{
    while (++*value <= view->value_count)
        if (profile_weight(view, *value) > 0)
            return true;
    return false;
}

struct profile;

/* The profile of a poll before its first ballot. The poll must outlive it and its views. NULL if
 * memory is short. Owned by one thread, which alone calls it. */
struct profile *profile_new(const struct poll *poll);
void profile_free(struct profile *profile); /* NULL is fine; its views stay */

/* Counts a ballot of that weight in place of the voter's earlier one, whose value is `before`, 0 if
 * there was none. A `value` of 0 only takes the earlier one back. Returns 0, or -1 with nothing
 * changed if memory is short. To reverse a call, with none of profile_view in between, never
 * fails. */
int profile_count(struct profile *profile, uint32_t before, uint32_t value, uint32_t weight)
    __attribute__((warn_unused_result));

/* The profile as it is now; to be freed by any thread. NULL if memory is short. */
struct profile_view *profile_view(struct profile *profile);
void profile_view_free(struct profile_view *view); /* NULL is fine */

#endif
