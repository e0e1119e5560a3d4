/* Memory that runs short at a chosen allocation, and is counted. A test that uses it is linked with
 * $(memory_wraps), so the code under test, Check and the test itself allocate through it; jansson,
 * too, after allocations_of_jansson. Any thread. */
#ifndef TALLYCAST_TESTS_ALLOCATION_H
#define TALLYCAST_TESTS_ALLOCATION_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

extern struct allocations {
    _Atomic long left;            /* that succeed before one fails; negative: all do */
    _Atomic bool once;            /* only that one fails, and not all after it */
    _Atomic bool blocks_stay;     /* realloc fails */
    _Atomic long blocks;          /* in use */
    _Atomic size_t bytes;         /* in all, whatever was freed since */
    _Atomic size_t malloc_bytes;  /* of the newest by malloc */
    _Atomic size_t aligned_bytes; /* of the newest by aligned_alloc */
    _Atomic(void *) aligned;      /* that one; NULL once it is freed */
} allocations;

/* `count` allocations succeed, and then all fail; or only the one behind them does. */
void allocations_fail_after(long count);
void allocations_fail_once_after(long count);
/* No block grows: realloc fails, and only that. */
void allocations_fail_to_grow(void);
void allocations_succeed(void);

/* Has `append` append to a buffer again and again: each of its allocations in turn is the first
 * that fails, until all succeed. Each failure, which is a result but 0, must leave the buffer as it
 * was, and no memory behind. Returns how many there were. (Check allocates, so `append` asserts
 * nothing.) */
unsigned allocations_fail_each(struct buffer *out, int (*append)(void));

/* Whether this thread's allocations succeed whatever was said. */
void allocations_spare_this_thread(bool spare);

/* From here on jansson's memory is of these, too. */
void allocations_of_jansson(void);

#endif
