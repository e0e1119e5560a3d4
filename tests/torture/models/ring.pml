/* The ring: every slot arrives once, in order and whole, and none is written again before it was
 * read.
 *
 * Models free_slots, ring_slot, ring_publish, ring_push, ring_peek, ring_consume, ring_pop and
 * ring_is_empty of src/base/ring.c, with their memory orders; one producer and one consumer that mix them
 * as they like, in batches of any size. Indices wrap around on the way, at INDEX_END in place of
 * 2^64.
 *
 * Left out: what is in a slot beside its number, and ring_is_empty as the producer's hint.
 *
 * MUTATION PUBLISH_RELAXED race: the tail is stored without release
 * MUTATION PEEK_RELAXED race: the tail is loaded without acquire
 * MUTATION CONSUME_RELAXED race: the head is stored without release
 * MUTATION FREE_RELAXED race: the head is loaded without acquire
 * MUTATION PUBLISH_EARLY race: a slot is published before it is filled
 * MUTATION CONSUME_EARLY race: a slot is given back before it is read
 * MUTATION FULL_LATE race: the ring is full one slot too late
 * MUTATION RUN_TOO_LONG broken: a run of slots goes on past the end of the memory
 * MUTATION PUBLISH_FORGOTTEN stuck: a push of several runs publishes only the first */

#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef ITEMS
#define ITEMS 5
#endif
#define INDEX_END 16 /* a multiple of CAPACITY, and more than ITEMS */
#define FIRST 14     /* the index to begin with: the end is on the way */

#define THREADS 2
#define PRODUCER 0
#define CONSUMER 1
#define ATOMICS 2
#define TAIL 0
#define HEAD 1
#define PLACES (ATOMICS + CAPACITY)
#define STORES (ITEMS + 2)
#define CARRIERS 1
#define USES(thread, place) 1
#include "memory.pml"

#ifdef PUBLISH_RELAXED
#define PUBLISH_ORDER RELAXED
#else
#define PUBLISH_ORDER RELEASE
#endif
#ifdef PEEK_RELAXED
#define PEEK_ORDER RELAXED
#else
#define PEEK_ORDER ACQUIRE
#endif
#ifdef CONSUME_RELAXED
#define CONSUME_ORDER RELAXED
#else
#define CONSUME_ORDER RELEASE
#endif
#ifdef FREE_RELAXED
#define FREE_ORDER RELAXED
#else
#define FREE_ORDER ACQUIRE
#endif
#ifdef FULL_LATE
#define FULL_AT (CAPACITY + 1)
#else
#define FULL_AT CAPACITY
#endif

#define DISTANCE(from, to) (((to) + INDEX_END - (from)) % INDEX_END)
#define ADD(index, n) (((index) + (n)) % INDEX_END)
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#ifdef RUN_TOO_LONG
#define RUN_FROM(index) CAPACITY
#else
#define RUN_FROM(index) (CAPACITY - (index) % CAPACITY)
#endif

byte slots[CAPACITY];

/* A run of slots lies side by side in memory. Past its end there is nothing of ours. */
inline slot_in_run(base, offset)
{
    assert((base) % CAPACITY + (offset) < CAPACITY)
}

inline fill(index, number)
{
    access(PRODUCER, ATOMICS + (index) % CAPACITY);
    slots[(index) % CAPACITY] = number
}

/* ring_publish */
inline publish()
{
    load(PRODUCER, TAIL, RELAXED, tail);
    if
    :: DISTANCE(tail, filled) > 0 -> put(PRODUCER, TAIL, PUBLISH_ORDER, filled)
    :: else
    fi;
    tail = 0
}

proctype producer()
{
    byte filled = FIRST, head_seen = FIRST, tail, free, side, want, offset;
    byte sent; /* slots filled so far; the n-th holds n */

    do
    :: sent == ITEMS -> break
    :: sent < ITEMS ->
        /* free_slots */
        if
        :: DISTANCE(head_seen, filled) == FULL_AT -> load(PRODUCER, HEAD, FREE_ORDER, head_seen)
        :: else
        fi;
        free = FULL_AT - DISTANCE(head_seen, filled);
        if
        :: free == 0 ->
            publish();
            await_store(PRODUCER, HEAD)
        :: free > 0 -> /* ring_slot, and then ring_publish, or more slots before that */
#ifdef PUBLISH_EARLY
            filled = ADD(filled, 1);
            publish();
            fill(ADD(filled, INDEX_END - 1), sent);
#else
            fill(filled, sent);
            filled = ADD(filled, 1);
#endif
            sent++;
            if
            :: publish()
            :: true
            fi
        :: free > 0 -> /* ring_push of `want` slots */
            select(want : 1 .. ITEMS);
            want = MIN(want, ITEMS - sent);
            do
            :: want == 0 -> break
            :: want > 0 ->
                if
                :: DISTANCE(head_seen, filled) == FULL_AT ->
                    load(PRODUCER, HEAD, FREE_ORDER, head_seen)
                :: else
                fi;
                side = MIN(FULL_AT - DISTANCE(head_seen, filled), RUN_FROM(filled));
                side = MIN(side, want);
                if
                :: side == 0 -> break
                :: else
                fi;
                offset = 0;
                do
                :: offset < side ->
                    slot_in_run(filled, offset);
                    fill(ADD(filled, offset), sent);
                    sent++;
                    offset++
                :: else -> break
                od;
                filled = ADD(filled, side);
                want = want - side;
#ifdef PUBLISH_FORGOTTEN
                publish();
                goto pushed
#endif
            od;
            publish();
pushed:
            side = 0;
            want = 0;
            offset = 0
        fi;
        free = 0
    od;
#ifndef PUBLISH_FORGOTTEN
    publish()
#endif
}

/* ring_consume, with its INVARIANT */
inline consume()
{
    load(CONSUMER, HEAD, RELAXED, head);
    assert(uses <= DISTANCE(head, tail_seen));
    put(CONSUMER, HEAD, CONSUME_ORDER, ADD(head, uses))
}

/* ring_is_empty: exact for the consumer. What it has seen published it does not call empty. */
inline check_empty()
{
    load(CONSUMER, HEAD, RELAXED, head);
    load(CONSUMER, TAIL, ACQUIRE, tail);
    assert(tail_seen == head || head != tail);
    assert(DISTANCE(head, tail) <= CAPACITY);
    tail = 0
}

proctype consumer()
{
    byte tail_seen = FIRST, head, tail, count, reads, uses, offset;
    byte received;

    do
    :: received == ITEMS -> break
    :: received < ITEMS ->
        /* ring_peek */
        load(CONSUMER, HEAD, RELAXED, head);
        if
        :: tail_seen == head -> load(CONSUMER, TAIL, PEEK_ORDER, tail_seen)
        :: else
        fi;
        count = MIN(DISTANCE(head, tail_seen), RUN_FROM(head));
        if
        :: count == 0 -> await_store(CONSUMER, TAIL)
        :: count > 0 -> /* reads some of them (ring_pop: all that it takes), gives back some */
            select(reads : 1 .. CAPACITY);
            reads = MIN(reads, count);
            select(uses : 1 .. CAPACITY);
            uses = MIN(uses, reads);
#ifdef CONSUME_EARLY
            consume();
#endif
            do
            :: offset < reads ->
                slot_in_run(head, offset);
                access(CONSUMER, ATOMICS + ADD(head, offset) % CAPACITY);
                assert(slots[ADD(head, offset) % CAPACITY] == received + offset); /* whole, in order */
                offset++
            :: else -> break
            od;
#ifndef CONSUME_EARLY
            consume();
#endif
            received = received + uses;
            offset = 0;
            reads = 0;
            uses = 0;
            check_empty()
        fi;
        count = 0
    od
}

init {
    atomic {
        begin(TAIL, FIRST);
        begin(HEAD, FIRST);
        run producer();
        run consumer()
    }
}
