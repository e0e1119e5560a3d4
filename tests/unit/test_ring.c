/* The ring alone, with one thread playing both sides, and between two real threads. */
#include "base/ring.h"
#include "tests/support/scale.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* An odd size, so that a slot off by one shows. */
struct item {
    uint64_t number;
    uint64_t check;
    unsigned char tail[7];
};

static struct item item_of(uint64_t number)
{
    struct item item = {.number = number, .check = number * UINT64_C(0x9e3779b97f4a7c15)};
    memset(item.tail, (int)(number & 0xff), sizeof item.tail);
    return item;
}

static void assert_item(const struct item *item, uint64_t number)
{
    struct item expected = item_of(number);
    ck_assert_uint_eq(item->number, expected.number);
    ck_assert_uint_eq(item->check, expected.check);
    ck_assert_mem_eq(item->tail, expected.tail, sizeof item->tail);
}

/* As ring_init, but as if `start` slots had gone through already. */
static void init_at(struct ring *ring, size_t capacity, uint64_t start)
{
    ck_assert_int_eq(ring_init(ring, capacity, sizeof(struct item)), 0);
    ring->filled = ring->head_seen = ring->tail_seen = start;
    atomic_store(&ring->tail, start);
    atomic_store(&ring->head, start);
}

static size_t push_numbers(struct ring *ring, uint64_t from, size_t count)
{
    struct item items[64];
    ck_assert_uint_le(count, 64);
    for (size_t i = 0; i < count; i++)
        items[i] = item_of(from + i);
    return ring_push(ring, items, count);
}

static size_t pop_numbers(struct ring *ring, uint64_t from, size_t max)
{
    struct item items[64];
    ck_assert_uint_le(max, 64);
    size_t count = ring_pop(ring, items, max);
    ck_assert_uint_le(count, max);
    for (size_t i = 0; i < count; i++)
        assert_item(&items[i], from + i);
    return count;
}

START_TEST(a_new_ring_is_empty)
{
    struct ring ring;
    size_t count = 1;
    init_at(&ring, 4, 0);
    ck_assert(ring_is_empty(&ring));
    ck_assert_uint_eq(pop_numbers(&ring, 0, 4), 0);
    ring_peek(&ring, &count);
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(ring_publish(&ring), 0);
    ring_destroy(&ring);
}
END_TEST

START_TEST(a_full_ring_takes_what_fits)
{
    struct ring ring;
    init_at(&ring, 8, 0);
    ck_assert_uint_eq(push_numbers(&ring, 0, 5), 5);
    ck_assert_uint_eq(push_numbers(&ring, 5, 5), 3);
    ck_assert_uint_eq(push_numbers(&ring, 8, 1), 0);
    ck_assert_ptr_null(ring_slot(&ring));
    ck_assert_uint_eq(pop_numbers(&ring, 0, 3), 3);
    ck_assert_uint_eq(push_numbers(&ring, 8, 5), 3);
    ck_assert_uint_eq(pop_numbers(&ring, 3, 64), 8);
    ck_assert(ring_is_empty(&ring));
    ring_destroy(&ring);
}
END_TEST

START_TEST(slots_show_only_once_published)
{
    struct ring ring;
    struct item item;
    init_at(&ring, 4, 0);
    for (uint64_t i = 0; i < 3; i++)
        *(struct item *)ring_slot(&ring) = item_of(i);
    ck_assert(ring_is_empty(&ring));
    ck_assert_uint_eq(ring_pop(&ring, &item, 1), 0);
    ck_assert_uint_eq(ring_publish(&ring), 3);
    ck_assert_uint_eq(ring_publish(&ring), 0);
    ck_assert(!ring_is_empty(&ring));
    ck_assert_uint_eq(pop_numbers(&ring, 0, 64), 3);
    ring_destroy(&ring);
}
END_TEST

START_TEST(peek_gives_neighbours_up_to_the_end_of_memory)
{
    struct ring ring;
    size_t count;
    init_at(&ring, 8, 0);
    ck_assert_uint_eq(push_numbers(&ring, 0, 6), 6);
    ck_assert_uint_eq(pop_numbers(&ring, 0, 6), 6);
    ck_assert_uint_eq(push_numbers(&ring, 6, 5), 5);

    const struct item *items = ring_peek(&ring, &count);
    ck_assert_uint_eq(count, 2);
    assert_item(&items[0], 6);
    assert_item(&items[1], 7);
    ring_consume(&ring, 1);
    items = ring_peek(&ring, &count);
    ck_assert_uint_eq(count, 1);
    assert_item(items, 7);
    ring_consume(&ring, 1);
    items = ring_peek(&ring, &count);
    ck_assert_uint_eq(count, 3);
    assert_item(&items[2], 10);
    ring_destroy(&ring);
}
END_TEST

/* Every fill level of a small ring is met at every index, those around 2^64 among them. */
START_TEST(indices_wrap_around)
{
    struct ring ring;
    uint64_t pushed = 0;
    uint64_t popped = 0;
    init_at(&ring, 8, UINT64_MAX - 100);
    for (unsigned round = 0; round < 400; round++) {
        size_t want = round % 9;
        size_t free_before = 8 - (pushed - popped);
        size_t count = push_numbers(&ring, pushed, want);
        ck_assert_uint_eq(count, want < free_before ? want : free_before);
        pushed += count;
        ck_assert_int_eq(ring_is_empty(&ring), pushed == popped);
        popped += pop_numbers(&ring, popped, (round * 5 + 1) % 7);
    }
    popped += pop_numbers(&ring, popped, 64);
    ck_assert_uint_eq(pushed, popped);
    ck_assert_uint_gt(pushed, 500); /* far past 2^64 */
    uint64_t tail = atomic_load(&ring.tail);
    ck_assert_uint_eq(tail, UINT64_MAX - 100 + pushed);
    ring_destroy(&ring);
}
END_TEST

START_TEST(init_refuses_what_memory_cannot_hold)
{
    struct ring ring;
    ck_assert_int_eq(ring_init(&ring, (size_t)1 << 62, 8), -1);
    ck_assert_int_eq(ring_init(&ring, 2, SIZE_MAX / 2), -1);
}
END_TEST

START_TEST(init_tells_that_memory_is_short)
{
    struct ring ring;
    allocations_fail_after(0);
    int made = ring_init(&ring, 4, sizeof(struct item));
    allocations_succeed();
    ck_assert_int_eq(made, -1);
}
END_TEST

/* Whatever its memory held before. */
START_TEST(a_ring_begins_at_zero_and_ends_without_slots)
{
    struct ring ring;
    memset(&ring, 0xa5, sizeof ring);
    ck_assert_int_eq(ring_init(&ring, 4, sizeof(struct item)), 0);
    ck_assert_uint_eq(ring.filled, 0);
    ck_assert_uint_eq(ring.head_seen, 0);
    ck_assert_uint_eq(ring.tail_seen, 0);
    ck_assert_uint_eq(atomic_load(&ring.tail), 0);
    ck_assert_uint_eq(atomic_load(&ring.head), 0);
    ck_assert_uint_eq((uintptr_t)ring.slots % CACHE_LINE_BYTES, 0);
    ck_assert_uint_eq(allocations.aligned_bytes,
                      2 * CACHE_LINE_BYTES); /* 4 of 24 bytes, in whole lines */
    ck_assert_uint_eq(push_numbers(&ring, 1, 5), 4);
    ck_assert_uint_eq(pop_numbers(&ring, 1, 8), 4);
    ck_assert_ptr_nonnull(allocations.aligned);
    ring_destroy(&ring);
    ck_assert_ptr_null(allocations.aligned);
    ck_assert_ptr_null(ring.slots);
}
END_TEST

START_TEST(the_two_sides_share_no_cache_line)
{
    ck_assert_uint_eq(offsetof(struct ring, tail) % CACHE_LINE_BYTES, 0);
    ck_assert_uint_eq(offsetof(struct ring, head) % CACHE_LINE_BYTES, 0);
    ck_assert_uint_ne(offsetof(struct ring, tail), offsetof(struct ring, head));
    ck_assert_uint_eq(sizeof(struct ring) % CACHE_LINE_BYTES, 0);
}
END_TEST

struct stream {
    struct ring ring;
    uint64_t total;
};

/* By turns with both ways of producing, in batches of 1 to 61. */
static void *produce(void *arg)
{
    struct stream *stream = arg;
    struct item items[61];
    unsigned turn = 0;
    for (uint64_t next = 0; next < stream->total;) {
        uint64_t want = turn++ % 61 + 1;
        if (want > stream->total - next)
            want = stream->total - next;
        uint64_t done = 0;
        if (turn % 2 == 0) {
            for (uint64_t i = 0; i < want; i++)
                items[i] = item_of(next + i);
            done = ring_push(&stream->ring, items, want);
        } else {
            struct item *slot;
            while (done < want && (slot = ring_slot(&stream->ring)) != NULL)
                *slot = item_of(next + done++);
            ring_publish(&stream->ring);
        }
        next += done;
        if (done == 0)
            sched_yield();
    }
    return NULL;
}

/* The consumer's twin of it: it checks without ck_assert, which is slow, and returns the first
 * wrong number. */
static uint64_t consume(struct stream *stream)
{
    struct item items[47];
    unsigned turn = 0;
    uint64_t next = 0;
    while (next < stream->total) {
        const struct item *batch = items;
        size_t count;
        bool peeked = turn++ % 2 == 0;
        if (peeked)
            batch = ring_peek(&stream->ring, &count);
        else
            count = ring_pop(&stream->ring, items, turn % 47 + 1);
        for (size_t i = 0; i < count; i++) {
            struct item expected = item_of(next + i);
            if (batch[i].number != expected.number || batch[i].check != expected.check ||
                memcmp(batch[i].tail, expected.tail, sizeof expected.tail) != 0)
                return next + i;
        }
        if (peeked)
            ring_consume(&stream->ring, count);
        next += count;
        if (count == 0)
            sched_yield();
    }
    return next;
}

START_TEST(two_threads_keep_order_and_content)
{
    struct stream stream = {.total = scaled(20000000)};
    pthread_t producer;
    init_at(&stream.ring, 1024, UINT64_MAX - stream.total / 2);
    ck_assert_int_eq(pthread_create(&producer, NULL, produce, &stream), 0);
    ck_assert_uint_eq(consume(&stream), stream.total);
    ck_assert_int_eq(pthread_join(producer, NULL), 0);
    ck_assert(ring_is_empty(&stream.ring));
    ring_destroy(&stream.ring);
}
END_TEST

UNIT_MAIN("ring",
          {"one thread", .tests = {{a_new_ring_is_empty},
                                   {a_full_ring_takes_what_fits},
                                   {slots_show_only_once_published},
                                   {peek_gives_neighbours_up_to_the_end_of_memory},
                                   {indices_wrap_around},
                                   {init_refuses_what_memory_cannot_hold},
                                   {init_tells_that_memory_is_short},
                                   {a_ring_begins_at_zero_and_ends_without_slots},
                                   {the_two_sides_share_no_cache_line}}},
          {"two threads", .timeout_s = 60, .tests = {{two_threads_keep_order_and_content}}})
