/* Weights by value (see profile.h). Its owner changes it; views are read and freed by any thread.
 *
 * A node may be changed in place only if one parent alone leads to it, and one alone to that, up to
 * the profile itself. So a change goes down from the root, and copies what it finds shared. A copy
 * shares all that is below: those nodes get another reference, and their turn comes below.
 *
 * Only memory can fail. */
#include "count/profile.h"

#include <stdlib.h>

enum { HEIGHT = 2 }; /* of the root above the leaves */

struct profile {
    struct profile_view now; /* what a view would be; its root may be shared with views */
};

static struct profile_node *node_ref(struct profile_node *node)
{
    if (node)
        atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
    return node;
}

static void node_unref(struct profile_node *node, unsigned height)
{
    if (!node || atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; height > 0 && i < PROFILE_NODE_WIDTH; i++)
        node_unref(node->node[i], height - 1);
    free(node);
}

/* A copy of a node; an empty one of NULL. NULL if memory is short. */
static struct profile_node *node_copy(const struct profile_node *from, unsigned height)
{
    struct profile_node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->refs = 1;
    for (unsigned i = 0; from && i < PROFILE_NODE_WIDTH; i++) {
        if (height > 0)
            node->node[i] = node_ref(from->node[i]);
        else
            node->weight[i] = from->weight[i];
    }
    return node;
}

/* Makes sure that a node is there and nobody else's. Its parent is the profile's alone. NULL if
 * memory is short. */
static struct profile_node *node_own(struct profile_node **at, unsigned height)
{
    struct profile_node *before = *at;
    /* Whoever had the other references has read what it wanted to. */
    if (before && atomic_load_explicit(&before->refs, memory_order_acquire) == 1)
        return before;
    struct profile_node *own = node_copy(before, height);
    if (!own)
        return NULL;
    node_unref(before, height);
    return *at = own;
}

/* Where the weight of a value is, to be changed. NULL if memory is short. */
static uint64_t *weight_of(struct profile *profile, uint32_t value)
{
    if (value == VALUE_ABSTAIN)
        return &profile->now.abstained;
    struct profile_node **at = &profile->now.root, *node;
    for (unsigned height = HEIGHT;; height--) {
        unsigned i = value >> height * PROFILE_NODE_BITS & (PROFILE_NODE_WIDTH - 1);
        if (!(node = node_own(at, height)))
            return NULL;
        if (height == 0)
            return &node->weight[i];
        at = &node->node[i];
    }
}

struct profile *profile_new(const struct poll *poll)
{
    struct profile *profile = calloc(1, sizeof *profile);
    if (profile)
        profile->now.poll = poll;
    return profile;
}

void profile_free(struct profile *profile)
{
    if (!profile)
        return;
    node_unref(profile->now.root, HEIGHT);
    free(profile);
}

int profile_count(struct profile *profile, uint32_t before, uint32_t value, uint32_t weight)
{
    uint64_t none = weight;
    uint64_t *from = before ? weight_of(profile, before) : &none;
    uint64_t *to = value ? weight_of(profile, value) : &none;
    if (!from || !to)
        return -1;
    *from -= weight;
    *to += weight;
    if (!before) {
        profile->now.ballots++;
        profile->now.weight += weight;
    } else if (!value) {
        profile->now.ballots--;
        profile->now.weight -= weight;
    }
    return 0;
}

struct profile_view *profile_view(struct profile *profile)
{
    struct profile_view *view = malloc(sizeof *view);
    if (!view)
        return NULL;
    *view = profile->now;
    node_ref(view->root);
    const struct poll *poll = view->poll;
    view->value_count = poll->values ? values_count(poll->values) : poll->choice_count;
    return view;
}

void profile_view_free(struct profile_view *view)
{
    if (!view)
        return;
    node_unref(view->root, HEIGHT);
    free(view);
}
