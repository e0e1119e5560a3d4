/* Waits that must end by a deadline, of a few kinds. All waits of a kind are equally long, so a new
 * one goes to the end of the kind's queue, and the first of a queue is due first. One timer is set
 * for the first of all, and only while there is one. On the loop's thread. */
#ifndef TALLYCAST_TIMEOUTS_H
#define TALLYCAST_TIMEOUTS_H

#include "net/loop.h"

#include <stdint.h>
#include <sys/queue.h>

enum { TIMEOUTS_KINDS = 4 };

/* Embedded in the object that waits. In one queue at most. */
struct timeout {
    uint64_t due_ns; /* on the monotonic clock */
    TAILQ_ENTRY(timeout) link;
};

TAILQ_HEAD(timeout_queue, timeout);

struct timeouts {
    struct loop *loop;
    /* The deadline has passed: ends the wait, or begins it anew. */
    void (*expire)(struct timeout *timeout, unsigned kind, uint64_t now_ns);
    struct timeout_queue queues[TIMEOUTS_KINDS]; /* by deadline */
    struct event timer;
    uint64_t timer_due_ns;   /* UINT64_MAX if it is not set */
    uint64_t timer_fires_ns; /* the same, but not before it was set */
    uint64_t grace_until_ns; /* no deadline is judged before that */
};

void timeouts_init(struct timeouts *timeouts, struct loop *loop,
                   void (*expire)(struct timeout *timeout, unsigned kind, uint64_t now_ns));

/* All waits must have ended. */
void timeouts_destroy(struct timeouts *timeouts);

/* Begins a wait of `wait_ns`, the same for all of a kind, from `now_ns` on the monotonic clock. */
void timeouts_begin(struct timeouts *timeouts, unsigned kind, struct timeout *timeout,
                    uint64_t now_ns, uint64_t wait_ns);

/* Ends a wait of that kind before its deadline. */
void timeouts_end(struct timeouts *timeouts, unsigned kind, struct timeout *timeout);

#endif
