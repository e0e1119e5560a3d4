/* The electorate's memory, in blocks of the size of a huge page. When the kernel gives a page, it
 * clears it; for a huge one, that takes 0.1 ms, or 5 ms where a machine's memory is another
 * machine's promise. In that time every voter would wait. So once there are many blocks, a thread
 * of its own has the next one ready before it is needed. Owner thread only. */
#ifndef TALLYCAST_BLOCKS_H
#define TALLYCAST_BLOCKS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    BLOCK_BYTES = 2 << 20,
    BLOCKS_WITHOUT_THREAD = 8, /* that many are taken first: so few voters need no thread */
};

/* All zero is a beginning. */
struct blocks {
    size_t taken;
    bool has_thread;       /* guards what is below */
    _Atomic(void *) ready; /* put there by the thread, taken by the owner; or NULL */
    atomic_bool ends;
    sem_t wanted; /* posted when one is taken, and at the end */
    pthread_t thread;
};

/* A block, aligned to its size, to be freed by free(). NULL if memory is short. What is in it, is
 * not told. */
void *blocks_take(struct blocks *blocks);

/* Ends the thread, and frees what it had ready. Blocks that were taken stay. */
void blocks_end(struct blocks *blocks);

#endif
