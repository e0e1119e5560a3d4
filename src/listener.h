/* The listener: accepts on every address and on the admin socket, on the main thread, and hands
 * each connection to a worker. */
#ifndef TALLYCAST_LISTENER_H
#define TALLYCAST_LISTENER_H

#include "config.h"
#include "server.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

struct listener;

enum { LISTENER_WHY_MAX = 512 };

/* Binds and listens, but does not accept yet. NULL, with one line for a person in `why`, if an
 * address can't be had. */
struct listener *listener_new(struct server *server, struct event_base *base,
                              char why[LISTENER_WHY_MAX]);

/* Starts to accept. */
void listener_start(struct listener *listener);

/* Takes no more connections; what waits in the kernel's queue is reset. */
void listener_stop(struct listener *listener);

/* Closes the sockets and removes the admin socket's path. */
void listener_free(struct listener *listener);

/* The address of public socket `index`, with the port that was taken, as `HOST:PORT`; NULL past the
 * last. */
const char *listener_address(const struct listener *listener, size_t index);

struct listener_stats {
    uint64_t accepted;
    uint64_t refused;   /* for one connection too many */
    uint64_t queue;     /* waiting to be accepted */
    uint64_t queue_max; /* the longest seen when accepting */
    uint64_t overflows; /* of any listening socket of this network namespace, since boot
                           (TcpExtListenOverflows) */
};

/* Any thread, until listener_free. */
void listener_stats(const struct listener *listener, struct listener_stats *stats);

#endif
