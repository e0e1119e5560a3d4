/* Blocks made ahead (see blocks.h). Happy path: the owner takes the one that is ready and wakes the
 * thread, which makes the next. If the thread is late, or could not be started, the owner makes one
 * itself. Only memory can fail. */
#include "ledger/blocks.h"

#include "base/log.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096 }; /* a small page: what is touched, if there are no huge ones */

/* Without huge pages, most lookups in a large table miss the TLB too, which took half of the time
 * of loading 10 million ballots. */
static void *block_make(void)
{
    void *block = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    if (block != NULL)
        madvise(block, BLOCK_BYTES, MADV_HUGEPAGE); /* small pages do too */
    return block;
}

static void block_touch(volatile char *block)
{
    for (size_t at = 0; at < BLOCK_BYTES; at += PAGE_BYTES)
        block[at] = 0;
}

static void *make_ahead(void *context)
{
    struct blocks *blocks = context;
    for (;;) {
        while (sem_wait(&blocks->wanted) != 0)
            ; /* a signal */
        if (atomic_load_explicit(&blocks->ends, memory_order_relaxed))
            return NULL;
        if (atomic_load_explicit(&blocks->ready, memory_order_relaxed) != NULL)
            continue; /* the owner was faster, and made one itself */
        void *block = block_make();
        if (block != NULL)
            block_touch(block);
        atomic_store_explicit(&blocks->ready, block, memory_order_release);
    }
}

static bool thread_start(struct blocks *blocks)
{
    int error = sem_init(&blocks->wanted, 0, 0);
    INVARIANT(error == 0); /* it has no way to fail here */
    if (pthread_create(&blocks->thread, NULL, make_ahead, blocks) == 0) {
        pthread_setname_np(blocks->thread, "electorate");
        return true;
    }
    sem_destroy(&blocks->wanted);
    return false;
}

void *blocks_take(struct blocks *blocks)
{
    void *block = atomic_exchange_explicit(&blocks->ready, NULL, memory_order_acquire);
    if (block == NULL && (block = block_make()) == NULL)
        return NULL;
    if (++blocks->taken == BLOCKS_WITHOUT_THREAD)
        blocks->has_thread = thread_start(blocks);
    if (blocks->has_thread)
        sem_post(&blocks->wanted);
    return block;
}

void blocks_end(struct blocks *blocks)
{
    if (!blocks->has_thread)
        return;
    atomic_store_explicit(&blocks->ends, true, memory_order_relaxed);
    sem_post(&blocks->wanted);
    pthread_join(blocks->thread, NULL);
    sem_destroy(&blocks->wanted);
    free(atomic_load_explicit(&blocks->ready, memory_order_relaxed));
    *blocks = (struct blocks){0};
}
