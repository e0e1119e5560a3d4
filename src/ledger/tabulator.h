/* The tabulator: a thread that counts results, one at a time, while ballots go on. It gets a
 * consistent view of a poll's ballots, which nobody changes, and gives back the result. It never
 * touches what the ledger owns, holds no lock, and has a lower priority than all other threads.
 *
 * The ledger's thread calls all of this. */
#ifndef TALLYCAST_TABULATOR_H
#define TALLYCAST_TABULATOR_H

#include "count/profile.h"
#include "count/result.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct waker;

enum tabulator_state {
    TABULATOR_FREE,
    TABULATOR_COUNTS, /* what is below is the thread's */
    TABULATOR_DONE,   /* it is the ledger's again */
};

struct tabulator {
    pthread_t thread;
    bool runs;                 /* the thread is to be joined */
    sem_t handed;              /* posted for each view, and for the end */
    atomic_bool ends;          /* a view that is not begun is not counted */
    struct waker *waker;       /* the ledger's; NULL before the start */
    _Atomic int state;         /* enum tabulator_state */
    struct profile_view *view; /* owned */
    struct result *result;     /* owned; NULL if memory was short for it */
    uint64_t took_ns;
};

/* Starts the thread of one that is all zero; it wakes the ledger when it is done. Returns 0, or an
 * errno. */
int tabulator_start(struct tabulator *tabulator, struct waker *waker)
    __attribute__((warn_unused_result));

/* Whether it takes a view; whether tabulator_take would give something. */
bool tabulator_is_free(const struct tabulator *tabulator);
bool tabulator_is_done(const struct tabulator *tabulator);

/* Has it count, and takes over the view. It must be free. */
void tabulator_hand(struct tabulator *tabulator, struct profile_view *view);

/* What it has counted, when it is done; from then on it is free. The caller owns the result; NULL
 * if memory was short. *took_ns gets the time that counting took. */
struct result *tabulator_take(struct tabulator *tabulator, uint64_t *took_ns);

/* Has the thread end, which counts to the end what it has begun. Returns whether it ended within so
 * long. After that only tabulator_destroy may be called. */
bool tabulator_end(struct tabulator *tabulator, unsigned timeout_ms);

/* Ends the thread however long that takes, and frees what it holds. One that is all zero is fine.
 */
void tabulator_destroy(struct tabulator *tabulator);

#endif
