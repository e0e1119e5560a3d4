/* The listener: accepts on every address and on the admin socket, on the main thread, and hands
 * each connection to a worker. */
#ifndef TALLYCAST_LISTENER_H
#define TALLYCAST_LISTENER_H

#include "serve/bind.h"
#include "serve/server.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

struct client_protocol;
struct listener;

enum { LISTENER_WHY_MAX = BIND_WHY_MAX };

/* The protocol of each kind of address. Both outlive the listener. */
struct listener_protocols {
    const struct client_protocol *line; /* on --listen's addresses and on the admin socket */
    const struct client_protocol *http; /* on --http's */
};

/* Takes the public addresses, but does not listen yet. NULL, with one line for a person in `why`,
 * if an address can't be had. */
struct listener *listener_new(struct server *server, struct event_base *base,
                              const struct listener_protocols *protocols,
                              char why[LISTENER_WHY_MAX]);

/* Makes the admin socket, listens and accepts. The database must be this process's by now: then an
 * admin socket on which nobody answers is a dead server's. Returns 0, or -1 with `why` filled. */
int listener_start(struct listener *listener, char why[LISTENER_WHY_MAX])
    __attribute__((warn_unused_result));

/* Takes no more connections; those in the kernel's queue are reset. */
void listener_stop(struct listener *listener);

/* Closes the sockets and removes the admin socket's path. */
void listener_free(struct listener *listener);

/* The address of socket `index` for lines, with the port that was taken, as `HOST:PORT`; NULL past
 * the last. */
const char *listener_address(const struct listener *listener, size_t index);

/* The address on which HTTP is spoken, in the same form; NULL if it is off. */
const char *listener_http_address(const struct listener *listener);

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
