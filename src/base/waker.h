/* Wakes one sleeping thread, and costs nothing when it is awake: a write to an eventfd is made only
 * if the thread said that it may sleep.
 *
 *   sleeper (one thread)                         wakers (any thread)
 *   waker_prepare(w)                             publish work
 *   if (there is work) waker_cancel(w)           waker_wake(w)
 *   else wait until w->fd is readable,
 *        then waker_finish(w)
 *
 * Both sides exchange the same flag after, or before, they touch the work; the exchanges are in one
 * total order, so either the waker sees the sleeper's flag or the sleeper sees the work. */
#ifndef TALLYCAST_WAKER_H
#define TALLYCAST_WAKER_H

#include <stdatomic.h>
#include <stdbool.h>

struct waker {
    _Atomic bool asleep;
    int fd; /* an eventfd, non-blocking */
};

/* Returns 0, or -1 with errno set. */
int waker_init(struct waker *waker) __attribute__((warn_unused_result));
void waker_destroy(struct waker *waker);

/* Sleeper: says that it is about to sleep. It must look for work once more after this. */
void waker_prepare(struct waker *waker);

/* Sleeper: there was work after all. */
void waker_cancel(struct waker *waker);

/* Sleeper: is awake again; empties the eventfd. Harmless if nobody woke it. */
void waker_finish(struct waker *waker);

/* Sleeper: after waker_prepare, blocks until woken, and finishes; for a thread without a loop. */
void waker_sleep(struct waker *waker);

/* The same, but blocks for at most so long. */
void waker_sleep_ms(struct waker *waker, int timeout_ms);

/* Any thread: wakes the sleeper if it said that it may sleep. Call it after the work was published.
 */
void waker_wake(struct waker *waker);

#endif
