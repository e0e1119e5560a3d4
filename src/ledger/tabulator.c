/* Counting results on a thread of its own (see tabulator.h).
 *
 * Happy path: the ledger hands a view over and posts the semaphore → the thread counts, gives the
 * view back, says that it is done and wakes the ledger → the ledger takes the result. `state` says
 * whose the rest is; so there is one view and one result, and nothing is waited for.
 *
 * If memory is short, there is no result. */
#include "ledger/tabulator.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/waker.h"
#include "count/method.h"

#include <sys/resource.h>
#include <unistd.h>

enum { NICENESS = 10 }; /* voters' threads come first where processors are few */

static void count(struct tabulator *tabulator)
{
    uint64_t began_ns = clock_monotonic_ns();
    tabulator->result = method_count(tabulator->view);
    profile_view_free(tabulator->view);
    tabulator->view = NULL;
    tabulator->took_ns = clock_monotonic_ns() - began_ns;
}

static void *tabulator_run(void *context)
{
    struct tabulator *tabulator = context;
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS); /* on Linux, of this thread alone */
    for (;;) {
        while (sem_wait(&tabulator->handed) != 0)
            ; /* a signal */
        if (atomic_load_explicit(&tabulator->ends, memory_order_relaxed))
            return NULL;
        count(tabulator);
        atomic_store_explicit(&tabulator->state, TABULATOR_DONE, memory_order_release);
        waker_wake(tabulator->waker);
    }
}

int tabulator_start(struct tabulator *tabulator, struct waker *waker)
{
    tabulator->waker = waker;
    int error = sem_init(&tabulator->handed, 0, 0);
    INVARIANT(error == 0); /* it has no way to fail here */
    error = pthread_create(&tabulator->thread, NULL, tabulator_run, tabulator);
    if (error != 0) {
        sem_destroy(&tabulator->handed);
        return error;
    }
    pthread_setname_np(tabulator->thread, "tabulator");
    tabulator->runs = true;
    return 0;
}

static enum tabulator_state state_of(const struct tabulator *tabulator)
{
    return (enum tabulator_state)atomic_load_explicit(&tabulator->state, memory_order_acquire);
}

bool tabulator_is_free(const struct tabulator *tabulator)
{
    return state_of(tabulator) == TABULATOR_FREE;
}

bool tabulator_is_done(const struct tabulator *tabulator)
{
    return state_of(tabulator) == TABULATOR_DONE;
}

void tabulator_hand(struct tabulator *tabulator, struct profile_view *view)
{
    INVARIANT(tabulator_is_free(tabulator));
    tabulator->view = view;
    atomic_store_explicit(&tabulator->state, TABULATOR_COUNTS, memory_order_relaxed);
    sem_post(&tabulator->handed);
}

struct result *tabulator_take(struct tabulator *tabulator, uint64_t *took_ns)
{
    INVARIANT(tabulator_is_done(tabulator));
    struct result *result = tabulator->result;
    *took_ns = tabulator->took_ns;
    tabulator->result = NULL;
    atomic_store_explicit(&tabulator->state, TABULATOR_FREE, memory_order_relaxed);
    return result;
}

/* ---- the end ---- */

bool tabulator_end(struct tabulator *tabulator, unsigned timeout_ms)
{
    uint64_t due_ns = clock_real_ns() + timeout_ms * (uint64_t)NS_PER_MS;
    const struct timespec due = {(time_t)(due_ns / NS_PER_S), (long)(due_ns % NS_PER_S)};
    if (!tabulator->runs)
        return true;
    if (!atomic_exchange_explicit(&tabulator->ends, true, memory_order_relaxed))
        sem_post(&tabulator->handed);
    tabulator->runs = pthread_timedjoin_np(tabulator->thread, NULL, &due) != 0;
    return !tabulator->runs;
}

void tabulator_destroy(struct tabulator *tabulator)
{
    if (!tabulator->waker)
        return; /* it was never started */
    if (!tabulator_end(tabulator, 0))
        pthread_join(tabulator->thread, NULL);
    sem_destroy(&tabulator->handed);
    if (tabulator->view)
        profile_view_free(tabulator->view);
    result_unref(tabulator->result);
}
