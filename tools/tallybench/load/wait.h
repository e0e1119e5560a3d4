/* How a reader of many sockets waits for what comes on them. */
#ifndef TALLYCAST_TOOLS_BENCH_WAIT_H
#define TALLYCAST_TOOLS_BENCH_WAIT_H

#include <stdbool.h>
#include <sys/epoll.h>

enum {
    WAIT_CROWD = 4096,     /* sockets from which a reader counts as a crowd's */
    WAIT_REST_NS = 200000, /* before a look by a crowd's reader that has caught up */
    WAIT_CAUGHT_UP = 32,   /* fewer events than this in the look before say so */
};

/* Of one thread. */
struct input_wait {
    int epoll;
    bool crowd;
    int before; /* how many events the look before found; at first 0 */
};

/* epoll_wait(2), with a rest before it where a crowd's reader has caught up: as network cards
 * gather frames for a while before they interrupt. Else the reader is woken for almost each push,
 * and on one machine that is the sender's time: it would be measured, not the server. */
int input_wait(struct input_wait *wait, struct epoll_event *events, int max, int timeout_ms);

#endif
