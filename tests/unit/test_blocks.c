/* Blocks that are made ahead, and what happens without the thread or the memory for that. */
#include "ledger/blocks.h"

#include "tests/support/allocation.h"
#include "tests/support/unit.h"
#include "tests/support/wrap.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TAKEN = 2 * BLOCKS_WITHOUT_THREAD };

static bool threads_fail;

WRAP(threads_fail, EAGAIN, int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context),
     (thread, attributes, run, context))

static struct blocks blocks;
static void *taken[TAKEN];

static void take(unsigned i)
{
    taken[i] = blocks_take(&blocks);
    ck_assert_ptr_nonnull(taken[i]);
    ck_assert_uint_eq((uintptr_t)taken[i] % BLOCK_BYTES, 0);
    memset(taken[i], (int)i, BLOCK_BYTES);
}

/* All are given back, and each still has what was put into it. */
static void end(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const unsigned char *bytes = taken[i];
        ck_assert(bytes[0] == i && bytes[BLOCK_BYTES - 1] == i);
        free(taken[i]);
    }
    blocks_end(&blocks);
}

static void *await_ready(void)
{
    void *ready;
    while (!(ready = atomic_load(&blocks.ready)))
        sched_yield();
    return ready;
}

START_TEST(few_blocks_need_no_thread)
{
    long before = allocations.blocks;
    for (unsigned i = 0; i < BLOCKS_WITHOUT_THREAD - 1; i++)
        take(i);
    ck_assert(!blocks.has_thread);
    ck_assert_int_eq(allocations.blocks - before, BLOCKS_WITHOUT_THREAD - 1);
    end(BLOCKS_WITHOUT_THREAD - 1);
    ck_assert_int_eq(allocations.blocks, before);
}
END_TEST

START_TEST(the_next_one_is_ready)
{
    long before = allocations.blocks;
    for (unsigned i = 0; i < TAKEN; i++) {
        void *ready = blocks.has_thread ? await_ready() : NULL;
        take(i);
        ck_assert(!ready || taken[i] == ready);
    }
    ck_assert(blocks.has_thread);
    end(TAKEN);
    ck_assert_int_eq(allocations.blocks, before); /* the one that was ready, too */
}
END_TEST

START_TEST(nobody_waits_for_the_thread)
{
    for (unsigned i = 0; i < TAKEN; i++)
        take(i);
    end(TAKEN);
}
END_TEST

START_TEST(without_a_thread_there_are_blocks)
{
    threads_fail = true;
    for (unsigned i = 0; i < TAKEN; i++)
        take(i);
    ck_assert(!blocks.has_thread);
    end(TAKEN);
    threads_fail = false;
}
END_TEST

/* The thread finds none, either, and tries again when it is asked. */
START_TEST(without_memory_there_is_none_until_there_is_some)
{
    for (unsigned i = 0; i < BLOCKS_WITHOUT_THREAD; i++)
        take(i);
    await_ready();
    allocations_fail_after(0);
    void *last = blocks_take(&blocks), *none = blocks_take(&blocks);
    allocations_succeed();
    ck_assert_ptr_nonnull(last);
    ck_assert_ptr_null(none);
    take(BLOCKS_WITHOUT_THREAD);
    await_ready();
    take(BLOCKS_WITHOUT_THREAD + 1);
    free(last);
    end(BLOCKS_WITHOUT_THREAD + 2);
}
END_TEST

UNIT_MAIN("blocks", {"blocks", .tests = {{few_blocks_need_no_thread},
                                         {the_next_one_is_ready},
                                         {nobody_waits_for_the_thread},
                                         {without_a_thread_there_are_blocks},
                                         {without_memory_there_is_none_until_there_is_some}}})
