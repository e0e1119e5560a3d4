/* The wait of a reader of many sockets for input. */
#ifndef TALLYCAST_TOOLS_BENCH_WAIT_H
#define TALLYCAST_TOOLS_BENCH_WAIT_H

#include <stdbool.h>
#include <sys/epoll.h>

enum {
    WAIT_CROWD = 4096,     /* sockets from which a reader counts as a crowd's */
    WAIT_REST_NS = 200000, /* before a look by a crowd's reader that has caught up */
    WAIT_CAUGHT_UP = 32,   /* fewer events than this in the last look mean so */
};

/* Of one thread. */
struct input_wait {
    int epoll;
    bool crowd;
    int before; /* events that the last look found; 0 at first */
};

/* epoll_wait(2), with a rest before it if a crowd's reader has caught up, as network cards gather
 * frames for a while before they interrupt. Otherwise almost each push wakes the reader, and on one
 * machine that takes the sender's time: the figures would measure it, not the server. */
int input_wait(struct input_wait *wait, struct epoll_event *events, int max, int timeout_ms);

#endif
