/* A bounded single-producer single-consumer ring of fixed-size slots: the one lock-free primitive,
 * and the only way data passes between threads on a ballot's way.
 *
 *   function          producer   consumer   any thread, with the other two stopped
 *   ring_init                               yes
 *   ring_destroy                            yes
 *   ring_slot         yes
 *   ring_publish      yes
 *   ring_push         yes
 *   ring_peek                    yes
 *   ring_consume                 yes
 *   ring_pop                     yes
 *   ring_is_empty     yes        yes        (a hint for the producer, exact for the consumer)
 *
 * The producer fills slots and publishes them together; the consumer sees all of a publication or a
 * prefix of it. Indices only grow; each side keeps a copy of the other's and reads the shared one
 * only when its copy says full or empty. */
#ifndef TALLYCAST_RING_H
#define TALLYCAST_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CACHE_LINE_BYTES = 64 };

struct ring {
    /* Set by ring_init, then read-only. */
    unsigned char *slots;
    size_t slot_bytes;
    uint64_t capacity; /* slots; a power of two */

    /* The producer's cache line. */
    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t tail; /* slots ever published */
    uint64_t filled;    /* slots ever handed out by ring_slot; >= tail */
    uint64_t head_seen; /* the producer's copy of head */

    /* The consumer's cache line. */
    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t head; /* slots ever consumed */
    uint64_t tail_seen;                               /* the consumer's copy of tail */
};

/* Makes a ring of `capacity` slots (a power of two, at least 2) of `slot_bytes` each. Returns 0, or
 * -1 if memory is short. */
int ring_init(struct ring *ring, size_t capacity, size_t slot_bytes)
    __attribute__((warn_unused_result));

/* Frees the slots. The caller must first release what they hold. */
void ring_destroy(struct ring *ring);

/* The next free slot for the producer to fill, or NULL if the ring is full. The consumer sees it
 * only after ring_publish. */
void *ring_slot(struct ring *ring);

/* Publishes every slot handed out since the last call. Returns how many. */
size_t ring_publish(struct ring *ring);

/* Copies up to `count` slots in and publishes them. Returns how many went in. */
size_t ring_push(struct ring *ring, const void *slots, size_t count);

/* The oldest published slots that lie side by side in memory: *count of them (0 if there are none).
 * They stay valid until ring_consume. */
const void *ring_peek(struct ring *ring, size_t *count);

/* Gives back the `count` oldest slots to the producer; at most as many as ring_peek returned. */
void ring_consume(struct ring *ring, size_t count);

/* Copies out and consumes up to `max` slots. Returns how many. */
size_t ring_pop(struct ring *ring, void *slots, size_t max);

bool ring_is_empty(const struct ring *ring);

#endif
