/* The order in which things were last published, for readers that catch up: each goes on after the
 * number up to which it has everything. A thing that is published again goes to the end, and
 * readers pass over the entry that it leaves behind. The number of entries is that of the things,
 * up to a factor. So a walk from any number to the end looks at each thing a bounded number of
 * times, and finding its beginning costs the logarithm of its distance from the end. One thread. */
#ifndef TALLYCAST_PUBLICATIONS_H
#define TALLYCAST_PUBLICATIONS_H

#include "poll/poll.h"

#include <stdint.h>

/* Embedded in the thing that is published. */
struct published {
    uint64_t number; /* of its last publication; 0 for none */
};

enum {
    PUBLICATIONS_SLACK = 64, /* entries that may be left behind, beside one a thing */
    PUBLICATIONS_MAX = 2 * POLLS_MAX + PUBLICATIONS_SLACK,
};

/* All zero is an empty one. */
struct publications {
    uint64_t last_number;
    uint32_t things; /* ever published: POLLS_MAX at most */
    uint32_t count;  /* of entries */
    uint64_t steps;  /* that publications_after took, ever */
    struct publication {
        uint64_t number;
        struct published *thing;
    } entries[PUBLICATIONS_MAX]; /* by number */
};

/* A thing is published, now or again: it gets the next number. */
void publications_add(struct publications *publications, struct published *thing);

/* The first thing whose last publication came after `number`; NULL if there is none. */
struct published *publications_after(struct publications *publications, uint64_t number);

#endif
