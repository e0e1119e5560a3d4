/* A client: what every connection of a peer has in common, whatever protocol it speaks: its worker,
 * its arrival there, its move to a broadcast worker when it subscribes, its part in admission, and
 * its end. The protocols (lines and HTTP) embed it and add the meaning.
 *
 * Worker's thread throughout, but for client_open. */
#ifndef TALLYCAST_CLIENT_H
#define TALLYCAST_CLIENT_H

#include "base/container.h"
#include "net/admission.h"
#include "net/conn.h"
#include "push/subscriber.h"
#include "serve/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;

/* A protocol's parts. The handler is the connection's, and leads to the client's protocol. */
struct client_protocol {
    struct conn_handler handler; /* first */
    size_t size;                 /* of the object in which the client is embedded, in bytes */
    bool peer_begins;            /* the peer speaks first, so a refusal can depend on its request */
    /* The client has arrived at its first worker: greets it, or tells it why it is refused. */
    void (*greet)(struct client *client);
    /* The ledger answered a request of this client. */
    void (*answer)(struct client *client, const struct answer *answer);
    /* For a person: the client's kind ("voter", "web"...), and the name that it gives itself, or
     * NULL. */
    const char *(*kind)(const struct client *client);
    const char *(*voter)(const struct client *client);
};

/* The beginning of every protocol's object. */
struct client {
    struct conn conn; /* first: a client is reached by its connection */
    struct worker *worker;
    union {
        struct loop_task arrival;         /* on its way to the worker */
        TAILQ_ENTRY(client) waiting_link; /* worker->waiting */
        struct throttle_waiter turn;      /* worker->throttle */
    };
    uint64_t id; /* as CLIENTS shows it; never reused while the server runs */
    uint32_t in_flight;
    bool admin : 1;
    bool refused : 1;        /* one connection too many: it is told so, and closed */
    bool refuses_input : 1;  /* the server stops: input read from now on is not executed */
    bool waits_for_ring : 1; /* on worker->waiting */
    bool waits_for_turn : 1; /* in worker->throttle; not for the ring, too */
    uint64_t messages;       /* lines or requests that were executed */
    uint64_t opened_ns;
    struct subscriber *subscriber; /* NULL before it first subscribes */
};

enum client_origin { CLIENT_PUBLIC, CLIENT_ADMIN, CLIENT_ONE_TOO_MANY };

/* Main thread: gives an accepted socket to an ingest worker. Takes over the descriptor in any case.
 * Returns 0, or -1 if memory is short. */
int client_open(struct server *server, const struct client_protocol *protocol, int fd,
                const union peer *peer, uint64_t id, enum client_origin origin)
    __attribute__((warn_unused_result));

/* A connection of a pool as a client. */
static inline struct client *client_of(struct conn *conn)
{
    return container_of(conn, struct client, conn);
}

static inline const struct client_protocol *client_protocol(const struct client *client)
{
    return container_of(client->conn.handler, const struct client_protocol, handler);
}

/* How a connection too many of this protocol is told so. */
static inline enum admission_told client_told(const struct client_protocol *protocol)
{
    return protocol->peer_begins ? ADMISSION_ASKED : ADMISSION_GREETED;
}

/* Makes the client a subscriber, with its tallies in this encoding, unless it is one already.
 * Returns 0, or -1 if memory is short. */
int client_subscribe(struct client *client, enum encoding encoding)
    __attribute__((warn_unused_result));

/* Asks the ledger to answer once the poll's result, with `pairs` or without, may be told. The
 * worker's ring has room. Returns 0, or ERR_LIMIT if memory is short. */
int client_await_result(struct client *client, const struct poll *poll, bool pairs)
    __attribute__((warn_unused_result));

/* A request in flight was answered. A paused client goes on when no more than `resume_at` are in
 * flight. */
void client_answered(struct client *client, uint32_t resume_at);

/* Parts of a protocol's handler. */
bool client_may_read(struct conn *conn);
bool client_is_busy(const struct conn *conn);
bool client_owes_pushes(const struct conn *conn);
void client_leave(struct conn *conn);
void client_stop(struct conn *conn);
void client_close(struct conn *conn);
void client_free(struct conn *conn); /* last of all; frees the object */

/* `connection:BOOT-ID:ID`: no other connection of this or another run has the same. Returns its
 * length; `words` has room for CLIENT_WORDS_MAX. */
enum { CLIENT_WORDS_MAX = 64 };
size_t client_own_words(const struct client *client, char *words);

/* The same in few bytes, for what is not recorded: no other connection of this run has them. */
size_t client_run_words(const struct client *client, char *words);

/* The peer's address for a person ("127.0.0.1:4711", "[::1]:4711", "admin"). */
const char *client_peer_text(const struct client *client, char text[PEER_TEXT_MAX]);

#endif
