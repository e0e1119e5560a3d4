/* Some of a poll's choices, in the order of creation unless they are sorted. */
#ifndef TALLYCAST_CHOICE_SET_H
#define TALLYCAST_CHOICE_SET_H

#include "proto/limits.h"

#include <stdint.h>

struct choice_set {
    unsigned count;
    uint8_t choice[PROTO_CHOICES_MAX];
};

/* The choice is not in the set. */
static inline void choice_set_add(struct choice_set *set, unsigned choice)
{
    unsigned at = set->count++;
    for (; at > 0 && set->choice[at - 1] > choice; at--)
        set->choice[at] = set->choice[at - 1];
    set->choice[at] = (uint8_t)choice;
}

static inline void choice_set_remove(struct choice_set *set, unsigned choice)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < set->count; i++)
        if (set->choice[i] != choice)
            set->choice[kept++] = set->choice[i];
    set->count = kept;
}

#endif
