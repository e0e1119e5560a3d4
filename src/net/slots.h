/* The connections of a loop by their slots, which other threads name them by (conn_ref.h). A slot
 * that was left has another generation, so an answer to a connection that is gone finds nothing,
 * and not the one that came after it. On the loop's thread. */
#ifndef TALLYCAST_SLOTS_H
#define TALLYCAST_SLOTS_H

#include "base/conn_ref.h"

#include <stddef.h>
#include <stdint.h>

struct conn;

struct slots {
    struct slot {
        struct conn *conn; /* NULL if free */
        uint32_t generation;
        uint32_t next_free;
    } * all;
    uint32_t size;       /* allocated */
    uint32_t first_free; /* UINT32_MAX if none */
    uint32_t count;      /* connections */
};

void slots_init(struct slots *slots);

/* All must be free. */
void slots_destroy(struct slots *slots);

/* Gives a connection a slot. Returns 0, or -1 if memory is short. */
int slots_take(struct slots *slots, struct conn *conn, struct conn_ref *ref)
    __attribute__((warn_unused_result));

/* The connection leaves its slot. */
void slots_leave(struct slots *slots, struct conn_ref ref);

/* The connection that `ref`, which slots_take once gave, names; or NULL if it is gone. */
static inline struct conn *slots_find(const struct slots *slots, struct conn_ref ref)
{
    const struct slot *slot = &slots->all[ref.slot];
    return slot->generation == ref.generation ? slot->conn : NULL;
}

/* The connection in a slot below `size`, or NULL. */
static inline struct conn *slots_at(const struct slots *slots, uint32_t index)
{
    return slots->all[index].conn;
}

#endif
