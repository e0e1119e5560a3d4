/* The polls by name, as one thread knows them. Each loop and the ledger has its own, so naming a
 * ballot takes no lock. Polls are never removed or renamed, so a directory can be behind, but never
 * wrong. Owner thread only. */
#ifndef TALLYCAST_DIRECTORY_H
#define TALLYCAST_DIRECTORY_H

#include "poll/poll.h"

/* All zero is an empty directory. */
struct directory {
    const struct poll **slots; /* open addressing; NULL is free */
    size_t capacity;           /* a power of two, or 0 */
    uint32_t count;            /* polls held: those with ids 1 to count */
};

/* The poll of that name, or NULL. */
const struct poll *directory_find(const struct directory *directory, const struct name *name);

/* Adds a poll that is not there yet. Returns 0, or -1 if memory is short. */
int directory_add(struct directory *directory, const struct poll *poll)
    __attribute__((warn_unused_result));

void directory_free(struct directory *directory);

#endif
