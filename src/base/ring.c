/* A bounded single-producer single-consumer ring (see ring.h for who may call what).
 *
 * The producer writes slots, then stores `tail` with release; the consumer loads it with acquire
 * and so sees the slots whole. The consumer hands slots back the same way through `head`. Indices
 * count slots since the start and wrap around at 2^64 without harm, since only their differences
 * and low bits are used. Only ring_init can fail. */
#include "base/ring.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static unsigned char *slot_at(const struct ring *ring, uint64_t index)
{
    return ring->slots + (index & (ring->capacity - 1)) * ring->slot_bytes;
}

/* Slots from `index` to the end of the memory. */
static size_t run_from(const struct ring *ring, uint64_t index)
{
    return ring->capacity - (index & (ring->capacity - 1));
}

int ring_init(struct ring *ring, size_t capacity, size_t slot_bytes)
{
    INVARIANT(capacity >= 2 && (capacity & (capacity - 1)) == 0 && slot_bytes > 0);
    size_t bytes;
    if (__builtin_mul_overflow(capacity, slot_bytes, &bytes) || bytes > SIZE_MAX - CACHE_LINE_BYTES)
        return -1;
    /* aligned_alloc wants a multiple of the alignment. */
    bytes = (bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    ring->slots = aligned_alloc(CACHE_LINE_BYTES, bytes);
    if (ring->slots == NULL)
        return -1;
    ring->slot_bytes = slot_bytes;
    ring->capacity = capacity;
    ring->filled = ring->head_seen = ring->tail_seen = 0;
    atomic_init(&ring->tail, 0);
    atomic_init(&ring->head, 0);
    return 0;
}

void ring_destroy(struct ring *ring)
{
    free(ring->slots);
    ring->slots = NULL;
}

/* Producer: free slots, at least one if there is any: it reads `head` anew only when there seem to
 * be none. */
static size_t free_slots(struct ring *ring)
{
    if (ring->filled - ring->head_seen == ring->capacity)
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
    return ring->capacity - (ring->filled - ring->head_seen);
}

void *ring_slot(struct ring *ring)
{
    if (free_slots(ring) == 0)
        return NULL;
    return slot_at(ring, ring->filled++);
}

size_t ring_publish(struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    size_t count = ring->filled - tail;
    if (count > 0)
        atomic_store_explicit(&ring->tail, ring->filled, memory_order_release);
    return count;
}

size_t ring_push(struct ring *ring, const void *slots, size_t count)
{
    const unsigned char *from = slots;
    size_t pushed = 0;
    while (pushed < count) {
        size_t run = min_size(free_slots(ring), run_from(ring, ring->filled));
        if (run == 0)
            break;
        run = min_size(run, count - pushed);
        memcpy(slot_at(ring, ring->filled), from + pushed * ring->slot_bytes,
               run * ring->slot_bytes);
        ring->filled += run;
        pushed += run;
    }
    ring_publish(ring);
    return pushed;
}

const void *ring_peek(struct ring *ring, size_t *count)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (ring->tail_seen == head)
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    *count = min_size(ring->tail_seen - head, run_from(ring, head));
    return slot_at(ring, head);
}

void ring_consume(struct ring *ring, size_t count)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    INVARIANT(count <= ring->tail_seen - head);
    atomic_store_explicit(&ring->head, head + count, memory_order_release);
}

size_t ring_pop(struct ring *ring, void *slots, size_t max)
{
    unsigned char *to = slots;
    size_t popped = 0;
    while (popped < max) {
        size_t run;
        const void *from = ring_peek(ring, &run);
        if (run == 0)
            break;
        run = min_size(run, max - popped);
        memcpy(to + popped * ring->slot_bytes, from, run * ring->slot_bytes);
        ring_consume(ring, run);
        popped += run;
    }
    return popped;
}

bool ring_is_empty(const struct ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_relaxed) ==
           atomic_load_explicit(&ring->tail, memory_order_acquire);
}
