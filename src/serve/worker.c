/* Workers' rounds and flow control. Runs on the worker's own thread but where said.
 *
 * A round: send the requests that the last events made → take answers and give each to its
 * connection → resume those that waited for room in the ring → (broadcast) take snapshots, one
 * slice of the fan-outs.
 *
 * Answers of one connection come in runs, so the connection is settled, and thereby written to,
 * once a run.
 *
 * The ring is full when PORT_SLOTS requests are in flight; then connections are not read,
 * and TCP slows their peers down. */
#include "serve/worker.h"

#include "base/clock.h"
#include "base/container.h"
#include "config/config.h"
#include "serve/client.h"
#include "base/log.h"
#include "tally/tally.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWERS_MAX = 1024 }; /* between two looks at events */

static bool is_broadcast(const struct server *server, unsigned number)
{
    return number >= server->ingest_count;
}

/* ---- polls ---- */

uint32_t worker_know_polls(struct worker *worker)
{
    loop_assert_owner(&worker->loop);
    uint32_t count = tally_poll_count(worker->server->tally);
    while (worker->directory.count < count) {
        const struct poll *poll = tally_poll(worker->server->tally, worker->directory.count + 1);
        if (directory_add(&worker->directory, poll) != 0) /* for its voters it would not exist */
            log_fatal("no memory for the name of a poll: stopping");
    }
    return worker->directory.count;
}

const struct poll *worker_find_poll(struct worker *worker, const struct name *name)
{
    const struct poll *poll = directory_find(&worker->directory, name);
    if (!poll && worker->directory.count < tally_poll_count(worker->server->tally)) {
        worker_know_polls(worker);
        poll = directory_find(&worker->directory, name);
    }
    return poll;
}

/* ---- requests ---- */

bool worker_ring_is_full(const struct worker *worker)
{
    return worker->in_flight == PORT_SLOTS;
}

struct request *worker_request(struct worker *worker)
{
    if (worker_ring_is_full(worker))
        return NULL;
    struct request *request = ports_request(worker->server->ports, worker->number);
    INVARIANT(request); /* the ring holds no more than what is in flight */
    worker->in_flight++;
    return request;
}

void worker_begin_journey(struct worker *worker, const struct conn *conn, struct request *request,
                          bool traced)
{
    request->journey = journey_begin(&worker->journeys, conn->read_ns - conn->readable_for_ns,
                                     conn->read_ns, request->poll, traced);
}

static void send_requests(struct worker *worker)
{
    journeys_send(&worker->journeys);
    ports_send(worker->server->ports, worker->number);
}

void worker_wait(struct worker *worker, struct client *client)
{
    loop_assert_owner(&worker->loop);
    counter_add(&worker->counters.ring_full, 1);
    if (!client->waits_for_ring)
        TAILQ_INSERT_TAIL(&worker->waiting, client, waiting_link);
    client->waits_for_ring = true;
}

void worker_forget(struct worker *worker, struct client *client)
{
    loop_assert_owner(&worker->loop);
    if (client->waits_for_ring)
        TAILQ_REMOVE(&worker->waiting, client, waiting_link);
    if (client->waits_for_turn)
        throttle_leave(&worker->throttle, &client->turn);
    client->waits_for_ring = client->waits_for_turn = false;
}

/* A client's turn has come. */
static void go_on(struct throttle_waiter *waiter)
{
    struct client *client = container_of(waiter, struct client, turn);
    client->waits_for_turn = false;
    conn_resume(&client->conn);
    conn_settle(&client->conn);
}

bool worker_awaits_turn(struct worker *worker, struct client *client,
                        const struct in6_addr *address)
{
    if (throttle_take(&worker->throttle, address, &client->turn, loop_woken_ns(&worker->loop)))
        return false;
    counter_add(&worker->counters.requests_throttled, 1);
    client->waits_for_turn = true;
    conn_pause(&client->conn);
    return true;
}

static void resume_waiting(struct worker *worker)
{
    struct client *client;
    while (!worker_ring_is_full(worker) && (client = TAILQ_FIRST(&worker->waiting))) {
        worker_forget(worker, client);
        conn_resume(&client->conn);
        conn_settle(&client->conn);
    }
}

/* ---- answers ---- */

/* Notes an answer that carries a journey. */
__attribute__((noinline)) static void note_journey(struct worker *worker, const struct conn *conn,
                                                   const struct answer *answer)
{
    if (!conn || answer->error != 0 || answer->duplicate)
        journey_drop(&worker->journeys, answer->journey);
    else
        journey_answer(&worker->journeys, answer->journey, answer->number);
}

/* Writes a connection's answers. */
static void settle(struct worker *worker, struct conn *conn)
{
    struct conn_ref ref = conn->ref;
    conn_settle(conn);
    if (worker->journeys.answered_count == 0)
        return;
    conn = conn_find(&worker->pool, ref); /* it may be gone */
    journeys_written(&worker->journeys,
                     conn && !conn_waits(conn, CONN_BLOCKED) ? conn->transport.fd : -1);
}

/* Notes a ballot that was its voter's first; `client` is NULL if it is gone. Proxies are left out:
 * many people come from a proxy's address. */
static void note_newcomer(struct worker *worker, const struct client *client)
{
    counter_add(&worker->counters.new_voters, 1);
    if (!client || client->admin)
        return;
    const struct in6_addr address = peer_address(&client->conn.peer);
    char text[ADDRESS_TEXT_MAX];
    if (networks_have(&worker->server->config->proxies, &address) ||
        !newcomers_note(&worker->newcomers, &address, loop_woken_ns(&worker->loop)))
        return;
    address_text(&address, text);
    log_warning("many new voters from one address in a minute address=%s voters=%d", text,
                NEWCOMERS_MANY);
}

static void take_answers(struct worker *worker, const struct answer *answers, size_t count)
{
    struct conn *current = NULL;
    for (size_t i = 0; i < count; i++) {
        struct conn *conn = conn_find(&worker->pool, answers[i].to);
        if (current && conn != current)
            settle(worker, current);
        current = conn;
        worker->in_flight--;
        if (answers[i].journey)
            note_journey(worker, conn, &answers[i]);
        if (answers[i].first)
            note_newcomer(worker, conn ? client_of(conn) : NULL);
        if (conn)
            client_protocol(client_of(conn))->answer(client_of(conn), &answers[i]);
    }
    if (current)
        settle(worker, current);
}

static bool receive_answers(struct worker *worker)
{
    struct answer answers[ANSWERS_MAX];
    size_t count = ports_receive(worker->server->ports, worker->number, answers, ANSWERS_MAX);
    take_answers(worker, answers, count);
    if (count > 0)
        resume_waiting(worker);
    return count == ANSWERS_MAX;
}

/* ---- the round ---- */

/* Whether some connection has input that is not executed, or waits for an answer. */
static bool any_conn_waits(const struct worker *worker)
{
    for (uint32_t i = 0; i < worker->pool.slots.size; i++) {
        const struct conn *conn = slots_at(&worker->pool.slots, i);
        if (conn && (conn_waits(conn, CONN_HELD) || conn->handler->busy(conn)))
            return true;
    }
    return false;
}

/* Whether some connection may still ask for something. A connection that only waits for its peer to
 * take the last replies may wait until the very end. */
static bool any_conn_asks(const struct worker *worker)
{
    for (uint32_t i = 0; i < worker->pool.slots.size; i++) {
        const struct conn *conn = slots_at(&worker->pool.slots, i);
        if (conn && !conn_is_answered(conn))
            return true;
    }
    return false;
}

/* A stopping worker is quiet when it has answered all that it read and, if it is for ingest, reads
 * no more. From then on it asks nothing of the ledger or of other workers. */
static void note_quiet(struct worker *worker)
{
    bool busy = worker->broadcast ? any_conn_waits(worker) : any_conn_asks(worker);
    bool quiet = worker->in_flight == 0 && !busy;
    if (!quiet && !worker->overdue)
        return;
    worker->stage = WORKER_QUIET;
    sem_post(worker->quiet);
}

static bool worker_work(void *context)
{
    struct worker *worker = context;
    send_requests(worker);
    bool more = receive_answers(worker);
    more |= conn_pool_run_yielded(&worker->pool);
    if (worker->broadcast)
        more |= broadcast_work(worker->broadcast);
    send_requests(worker);
    if (worker->stage == WORKER_STOPPING)
        note_quiet(worker);
    if (worker->stage == WORKER_FINISHING && worker->pool.slots.count == 0)
        loop_quit(&worker->loop);
    return more;
}

static bool worker_pending(void *context)
{
    struct worker *worker = context;
    return ports_has_answer(worker->server->ports, worker->number) ||
           (worker->broadcast && broadcast_is_pending(worker->broadcast));
}

/* ---- stopping ---- */

static void each_conn(struct worker *worker, void (*act)(struct conn *conn))
{
    for (uint32_t i = 0; i < worker->pool.slots.size; i++)
        if (slots_at(&worker->pool.slots, i))
            act(slots_at(&worker->pool.slots, i));
}

static void stop_conn(struct conn *conn)
{
    conn->handler->stop(conn);
    conn_settle(conn);
}

static void finish_conn(struct conn *conn)
{
    conn_finish_when_done(conn);
    conn_settle(conn);
}

static void drop_conn(struct conn *conn)
{
    conn_doom(conn, CLOSE_OVERDUE);
    conn_settle(conn);
}

/* Drops a connection that still owes or is owed something, but neither a subscriber that only waits
 * for the last tallies nor a peer that only has to take its last replies. */
static void drop_unanswered_conn(struct conn *conn)
{
    if (conn_is_answered(conn))
        return;
    if (conn->finishing || conn_waits(conn, CONN_HELD) || conn->handler->busy(conn))
        drop_conn(conn);
}

static void set_stop_timer(struct worker *worker, uint64_t deadline_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    worker->stop_fires_ns = deadline_ns > now_ns ? deadline_ns : now_ns;
    loop_set_timer(&worker->stop_timer, worker->stop_fires_ns - now_ns);
}

static void on_stop_deadline(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct worker *worker = context;
    uint64_t now_ns = clock_monotonic_ns();
    loop_is_awake(&worker->loop);
    if (loop_stood_still(worker->stop_fires_ns, now_ns)) {
        set_stop_timer(worker, now_ns + (uint64_t)LOOP_GRACE_MS * NS_PER_MS);
        return;
    }
    uint32_t before = worker->pool.slots.count;
    each_conn(worker, worker->stage == WORKER_FINISHING ? drop_conn : drop_unanswered_conn);
    if (worker->pool.slots.count < before)
        log_warning(
            "closed connections that did not take their last replies in time connections=%u",
            before - worker->pool.slots.count);
    worker->overdue = true;
}

static void run_stop(struct loop_task *task)
{
    struct worker *worker = container_of(task, struct worker, stop_task);
    worker->stage = WORKER_STOPPING;
    set_stop_timer(worker, worker->stop_deadline_ns);
    throttle_open(&worker->throttle);
    each_conn(worker, stop_conn);
}

void worker_stop(struct worker *worker, uint64_t deadline_ns, sem_t *quiet)
{
    worker->quiet = quiet;
    worker->stop_deadline_ns = deadline_ns;
    worker->stop_task.run = run_stop;
    loop_post(&worker->loop, &worker->stop_task);
}

static void run_finish(struct loop_task *task)
{
    struct worker *worker = container_of(task, struct worker, finish_task);
    worker->stage = WORKER_FINISHING;
    set_stop_timer(worker, worker->finish_deadline_ns);
    if (worker->broadcast)
        broadcast_publish_last(worker->broadcast);
    each_conn(worker, finish_conn);
}

void worker_finish(struct worker *worker, uint64_t deadline_ns)
{
    worker->finish_deadline_ns = deadline_ns;
    worker->finish_task.run = run_finish;
    loop_post(&worker->loop, &worker->finish_task);
}

/* ---- life ---- */

static struct worker *least_loaded(struct server *server, unsigned from, unsigned to)
{
    struct worker *least = &server->workers[from];
    for (unsigned i = from + 1; i < to; i++)
        if (atomic_load(&server->workers[i].load) < atomic_load(&least->load))
            least = &server->workers[i];
    atomic_fetch_add(&least->load, 1);
    return least;
}

struct worker *worker_for_ingest(struct server *server)
{
    return least_loaded(server, 0, server->ingest_count);
}

struct worker *worker_for_broadcast(struct server *server)
{
    return least_loaded(server, server->ingest_count, server->worker_count);
}

void worker_unload(struct worker *worker)
{
    loop_assert_owner(&worker->loop);
    atomic_fetch_sub(&worker->load, 1);
}

/* An address's connections are spread over the ingest workers, and so is what it may ask for. What
 * comes to a broadcast worker was counted before. */
static uint64_t throttle_interval_ns(const struct worker *worker)
{
    const unsigned most = worker->server->config->request_rate;
    if (most == 0 || is_broadcast(worker->server, worker->number))
        return 0;
    return worker->server->ingest_count * (uint64_t)NS_PER_S / most;
}

int worker_init(struct worker *worker, struct server *server, unsigned number)
{
    const struct config *config = server->config;
    *worker = (struct worker){.server = server, .number = number};
    TAILQ_INIT(&worker->waiting);
    journeys_init(&worker->journeys, server->journey_stats, &worker->counters.journeys_open,
                  number + 1);
    const struct loop_source source = {worker, worker_work, worker_pending};
    if (loop_init(&worker->loop, &source) != 0)
        return -1;
    const uint64_t message_ns[CONN_MESSAGES] = {
        [CONN_LINES] = (uint64_t)config->line_timeout_s * NS_PER_S,
        [CONN_REQUESTS] = (uint64_t)config->request_timeout_s * NS_PER_S,
    };
    if (conn_pool_init(&worker->pool, &worker->loop, &worker->counters,
                       (uint64_t)config->stall_timeout_s * NS_PER_S, message_ns) != 0)
        goto err_after_loop;
    throttle_init(&worker->throttle, &worker->loop, throttle_interval_ns(worker), go_on);
    evtimer_assign(&worker->stop_timer, worker->loop.base, on_stop_deadline, worker);
    if (is_broadcast(server, number)) {
        unsigned feed = number - server->ingest_count;
        worker->broadcast = broadcast_new(&worker->loop, server->tally, feed, &worker->counters,
                                          server->journey_stats, config->push_interval_ms);
        if (!worker->broadcast)
            goto err_after_pool;
        tally_feed_attach(server->tally, feed, &worker->loop.waker);
    }
    return 0;
err_after_pool:
    conn_pool_destroy(&worker->pool);
err_after_loop:
    loop_destroy(&worker->loop);
    errno = ENOMEM;
    return -1;
}

void worker_destroy(struct worker *worker)
{
    event_del(&worker->stop_timer);
    throttle_destroy(&worker->throttle);
    if (worker->broadcast)
        broadcast_free(worker->broadcast);
    conn_pool_destroy(&worker->pool);
    directory_free(&worker->directory);
    loop_destroy(&worker->loop);
}

int worker_start(struct worker *worker)
{
    char name[16];
    if (worker->broadcast)
        snprintf(name, sizeof name, "broadcast-%u", worker->number - worker->server->ingest_count);
    else
        snprintf(name, sizeof name, "ingest-%u", worker->number);
    return loop_start(&worker->loop, name);
}
