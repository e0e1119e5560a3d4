/* A bound for how much one address may ask for: so many requests a second, and as many at once as
 * THROTTLE_BURST_S seconds allow. Who asks for more waits; nobody is refused. An address is an IPv4
 * address, or an IPv6 network of 64 bits. Addresses that fall on the same of THROTTLE_BUCKETS, by a
 * hash that is drawn anew for each throttle, share its budget. One loop's thread. */
#ifndef TALLYCAST_THROTTLE_H
#define TALLYCAST_THROTTLE_H

#include "net/loop.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
    THROTTLE_BUCKETS = 256,
    THROTTLE_BURST_S = 8,
    THROTTLE_TICK_MS = 10, /* between two looks at those who wait */
};

/* Embedded in what waits for its address's turn. */
struct throttle_waiter {
    STAILQ_ENTRY(throttle_waiter) link; /* few leave, and most of them from the front */
    struct throttle_bucket *bucket;
};

STAILQ_HEAD(throttle_queue, throttle_waiter);

struct throttle {
    struct loop *loop;
    void (*go_on)(struct throttle_waiter *waiter);
    uint64_t interval_ns; /* from one request of an address to the next; 0: nobody waits */
    uint64_t salt[2];     /* random; the second is odd */
    struct event timer;   /* set while there are waiters */
    uint64_t waiters;
    struct throttle_bucket {
        uint64_t taken_until_ns;     /* the budget is used up to here, beyond now for a burst */
        struct throttle_queue queue; /* whose requests are the last ones taken; first come first */
        uint32_t waiters;
    } buckets[THROTTLE_BUCKETS];
};

/* `go_on` is called for each waiter whose turn it is, and may free it. An interval of 0 is no
 * bound. */
void throttle_init(struct throttle *throttle, struct loop *loop, uint64_t interval_ns,
                   void (*go_on)(struct throttle_waiter *waiter));
/* Nobody waits any more. */
void throttle_destroy(struct throttle *throttle);

/* Takes a request of an address from its budget. Returns whether it may be dealt with now;
 * otherwise the waiter is called in its turn. */
bool throttle_take(struct throttle *throttle, const struct in6_addr *address,
                   struct throttle_waiter *waiter, uint64_t now_ns)
    __attribute__((warn_unused_result));

/* A waiter that will not ask after all. */
void throttle_leave(struct throttle *throttle, struct throttle_waiter *waiter);

/* Calls those whose turn it is; the timer does it, too. */
void throttle_run(struct throttle *throttle, uint64_t now_ns);

/* Calls all that wait, and has nobody wait from now on: the server stops. */
void throttle_open(struct throttle *throttle);

#endif
