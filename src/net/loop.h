/* A loop: a thread with a libevent base, a waker, and an inbox of tasks that other threads post. It
 * knows nothing of connections; its user gives it one source of work besides events (its rings). */
#ifndef TALLYCAST_LOOP_H
#define TALLYCAST_LOOP_H

#include "base/waker.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* A task for a loop's thread. Embedded in the object that it is about; the loop does not free
 * it. */
struct loop_task {
    STAILQ_ENTRY(loop_task) link;
    void (*run)(struct loop_task *task);
};

/* Work that does not come by events. Both are called on the loop's thread. */
struct loop_source {
    void *context;
    bool (*work)(void *context); /* does some; returns whether some is left */
    bool (*pending)(
        void *context); /* whether work has arrived: called between "may sleep" and sleeping */
};

struct loop {
    struct event_base *base;
    struct waker waker;
    struct event wake_event;
    struct loop_source source;
    pthread_t thread; /* for joining */
    pthread_t owner;  /* the same, as the loop's thread itself knows it */
    bool started;
    bool quit;         /* loop's thread */
    bool may_sleep;    /* loop's thread: wakers know that it may sleep */
    uint64_t woken_ns; /* see loop_woken_ns */
    pthread_mutex_t inbox_mutex;
    STAILQ_HEAD(loop_task_list, loop_task) inbox; /* under inbox_mutex */
    _Atomic bool inbox_filled;
};

/* Makes a loop, not running yet. Returns 0, or -1 with errno set and nothing left behind. */
int loop_init(struct loop *loop, const struct loop_source *source)
    __attribute__((warn_unused_result));
void loop_destroy(struct loop *loop);

/* Starts the thread under a name of up to 15 bytes. Returns 0, or -1 with errno set. */
int loop_start(struct loop *loop, const char *name) __attribute__((warn_unused_result));

/* Waits for the thread's end. */
void loop_join(struct loop *loop);

/* Loop's thread: end it after this round. */
void loop_quit(struct loop *loop);

/* Any thread: has the loop run a task. Tasks of one thread run in the order in which they were
 * posted. */
void loop_post(struct loop *loop, struct loop_task *task);

/* Loop's thread, in an event's callback that has work to do: tells wakers, once a round, that they
 * need not wake it. */
void loop_is_awake(struct loop *loop);

/* Loop's thread, in an event's callback or the source's work (tells wakers as well): when the first
 * of this round's events was handled, on the monotonic clock. That is when epoll returned, but for
 * the time to get here. Work of a round without such an event gets the time of its first call. */
uint64_t loop_woken_ns(struct loop *loop);

/* Loop's thread: sets a timer of the server's own, made with evtimer_assign, to `wait_ns` from now.
 * It must not be lost: if there is no memory for it, the process aborts. (loop_init keeps some for
 * the first few.) */
void loop_set_timer(struct event *timer, uint64_t wait_ns);

/* Whether a timer that was due then comes so late that the process, or the machine, stood still
 * meanwhile. The loop may not have seen yet what peers did in that time, so no deadline may be
 * judged before it has run for LOOP_GRACE_MS. */
enum { LOOP_STILL_MS = 500, LOOP_GRACE_MS = 1000 };
bool loop_stood_still(uint64_t due_ns, uint64_t now_ns);

/* Aborts unless the loop's thread (or, before it is started, any thread) calls. */
void loop_assert_owner(const struct loop *loop);

#endif
