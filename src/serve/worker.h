/* A worker: one loop with its connections, its port to the ledger and its directory of polls. There
 * are two kinds with the same code: ingest workers take all new connections; broadcast workers take
 * those that subscribe.
 *
 * A function marked "own thread" asserts it, except those that each ballot calls (a request, its
 * journey, whether the ring is full): for these, conn_settle asserts it once for the run of ballots
 * that it ends. */
#ifndef TALLYCAST_WORKER_H
#define TALLYCAST_WORKER_H

#include "push/broadcast.h"
#include "net/conn.h"
#include "base/counters.h"
#include "poll/directory.h"
#include "trace/journey.h"
#include "ledger/ports.h"
#include "net/loop.h"
#include "net/throttle.h"
#include "proto/marks.h"
#include "serve/newcomers.h"
#include "serve/server.h"

#include <semaphore.h>

/* How far a worker's stop has come. */
enum worker_stage {
    WORKER_RUNNING,
    WORKER_STOPPING,  /* takes no more input */
    WORKER_QUIET,     /* has reported that it is quiet: no more requests or queries */
    WORKER_FINISHING, /* ends with its last connection */
};

struct client;
TAILQ_HEAD(client_list, client);

enum { WORKER_WHY_SIZE = MARKS_WHY_SIZE };

struct worker {
    struct loop loop;
    struct conn_pool pool;
    struct counters counters;
    struct server *server;
    unsigned number; /* its place in server->workers, and its port */
    struct directory directory;
    struct journeys journeys;
    struct newcomers newcomers;
    uint32_t in_flight;          /* requests that the ledger has not answered: at most PORT_SLOTS */
    struct throttle throttle;    /* of what one address asks for over HTTP */
    struct client_list waiting;  /* clients that found the ring full, first come first */
    struct broadcast *broadcast; /* NULL on an ingest worker */
    _Atomic uint32_t load;       /* connections handed to it, arrived or not */
    enum worker_stage stage;
    bool overdue;              /* the deadline of the stop has passed */
    uint64_t stop_deadline_ns; /* when the rest is closed; set before the task is posted */
    uint64_t finish_deadline_ns;
    struct event stop_timer;
    uint64_t stop_fires_ns;    /* when it should fire */
    sem_t *quiet;              /* posted once, when quiet */
    char why[WORKER_WHY_SIZE]; /* a text for a person that goes into the reply being made */
    struct loop_task stop_task;
    struct loop_task finish_task;
};

/* Makes worker `number` of the server. Returns 0, or -1 with errno set. */
int worker_init(struct worker *worker, struct server *server, unsigned number)
    __attribute__((warn_unused_result));
void worker_destroy(struct worker *worker);
int worker_start(struct worker *worker) __attribute__((warn_unused_result));

/* Any thread: the worker of a kind with the fewest connections; one more is counted to it. */
struct worker *worker_for_ingest(struct server *server);
struct worker *worker_for_broadcast(struct server *server);

/* Own thread: a connection counted to this worker is gone, or has moved on. */
void worker_unload(struct worker *worker);

/* Own thread: the poll of that name, or NULL. Takes no lock. */
const struct poll *worker_find_poll(struct worker *worker, const struct name *name);

/* Own thread: brings the directory up to date. Returns the number of polls. */
uint32_t worker_know_polls(struct worker *worker);

/* Own thread: a request to fill, or NULL if the ring is full. It is sent with the others of this
 * round. */
struct request *worker_request(struct worker *worker);

/* Own thread: gives the filled request of this connection's ballot a journey's record to take
 * along. */
void worker_begin_journey(struct worker *worker, const struct conn *conn, struct request *request,
                          bool traced) __attribute__((cold));

/* Own thread: the same if it is the ballot's turn to be sampled, or it is traced. */
static inline void worker_sample(struct worker *worker, const struct conn *conn,
                                 struct request *request, bool traced)
{
    if (journeys_sample(&worker->journeys) || traced)
        worker_begin_journey(worker, conn, request, traced);
}

/* Own thread: resumes the client's paused connection when the ring has room again. */
void worker_wait(struct worker *worker, struct client *client);
bool worker_ring_is_full(const struct worker *worker);

/* Own thread: takes a request of that address from what it may ask for. Returns whether it must
 * wait; then the client's connection is paused until it is its turn. */
bool worker_awaits_turn(struct worker *worker, struct client *client,
                        const struct in6_addr *address) __attribute__((warn_unused_result));

/* Own thread: forgets a client that is leaving. */
void worker_forget(struct worker *worker, struct client *client);

/* Main thread: has the worker take no more input, answer what was read, and close all but
 * subscribers. *quiet is posted when nothing is in flight (and, by an ingest worker, when its last
 * connection is closed), at the latest at the deadline, a monotonic time. */
void worker_stop(struct worker *worker, uint64_t deadline_ns, sem_t *quiet);

/* Main thread, after the ledger has stopped: has the worker push the last tallies, close what is
 * left and end its thread, at the latest at the deadline. */
void worker_finish(struct worker *worker, uint64_t deadline_ns);

#endif
