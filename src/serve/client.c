/* Clients: arriving at a worker, moving to another, stopping, and leaving.
 *
 * Happy path: the listener opens a client → it arrives at an ingest worker, which attaches its
 * connection and greets it → a client that subscribes leaves, with its unread input, and arrives at
 * a broadcast worker → its connection closes, and it leaves admission.
 *
 * If memory is short at an arrival, that client alone is closed. */
#include "serve/client.h"

#include "net/admission.h"
#include "net/socket.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "proto/number.h"
#include "push/delivery.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void log_open(const struct client *client)
{
    char peer[PEER_TEXT_MAX];
    if (log_shows(LOG_LEVEL_DEBUG))
        log_debug("connection opened id=%" PRIu64 " peer=%s kind=%s", client->id,
                  client_peer_text(client, peer), client_protocol(client)->kind(client));
}

/* The client's new worker takes it, with its unread input. */
static void arrive(struct loop_task *task)
{
    struct client *client = container_of(task, struct client, arrival);
    struct conn *conn = &client->conn;
    bool new = client->opened_ns == 0;
    if (new)
        admission_arrived(client->worker->server->admission);
    if (conn_attach(&client->worker->pool, conn) != 0) {
        conn_abandon(conn);
        return;
    }
    if (new) {
        client->opened_ns = conn->read_ns = clock_monotonic_ns();
        log_open(client);
        client_protocol(client)->greet(client);
    }
    conn_resume(conn);
    if (client->worker->stage >= WORKER_STOPPING)
        conn->handler->stop(conn);
    conn_settle(conn);
}

int client_open(struct server *server, const struct client_protocol *protocol, int fd,
                const union peer *peer, uint64_t id, enum client_origin origin)
{
    struct client *client = calloc(1, protocol->size);
    if (!client) {
        close(fd);
        return -1;
    }
    conn_init(&client->conn, &protocol->handler, fd, peer);
    client->id = id;
    client->admin = origin == CLIENT_ADMIN;
    client->refused = origin == CLIENT_ONE_TOO_MANY;
    client->arrival.run = arrive;
    client->worker = worker_for_ingest(server);
    admission_hand_over(server->admission);
    loop_post(&client->worker->loop, &client->arrival);
    return 0;
}

int client_subscribe(struct client *client, enum encoding encoding)
{
    loop_assert_owner(&client->worker->loop);
    if (client->subscriber)
        return 0;
    client->subscriber = subscriber_new(client->worker->broadcast, &client->conn, encoding);
    if (!client->subscriber)
        return -1;
    socket_limit_buffers(client->conn.transport.fd, client->worker->pool.stall_ns / NS_PER_MS);
    conn_stay(&client->conn); /* for the last tallies, if the server began to stop before */
    return 0;
}

int client_await_result(struct client *client, const struct poll *poll, bool pairs)
{
    struct request_wait *wait = request_wait_new(pairs);
    if (!wait)
        return ERR_LIMIT;
    *worker_request(client->worker) = (struct request){
        .from = client->conn.ref,
        .poll = poll->id,
        .kind = REQUEST_RESULT,
        .detail = wait,
    };
    client->in_flight++;
    return 0;
}

void client_answered(struct client *client, uint32_t resume_at)
{
    struct conn *conn = &client->conn;
    client->in_flight--;
    if (client->in_flight == 0 && conn->ended)
        conn_want_writable(conn); /* a subscriber is owed the tally with its last ballot */
    if (client->in_flight <= resume_at && !client->waits_for_ring)
        conn_resume(conn);
}

/* ---- the connection's events ---- */

bool client_may_read(struct conn *conn)
{
    struct client *client = client_of(conn);
    if (client->worker->stage >= WORKER_STOPPING) /* all earlier input is executed by now */
        client->refuses_input = true;
    if (!worker_ring_is_full(client->worker))
        return true;
    worker_wait(client->worker, client);
    conn_pause(conn);
    return false;
}

bool client_is_busy(const struct conn *conn)
{
    return container_of(conn, const struct client, conn)->in_flight > 0;
}

/* A subscriber that half-closed is owed the tallies as of that instant. */
bool client_owes_pushes(const struct conn *conn)
{
    const struct client *client = container_of(conn, const struct client, conn);
    return client->subscriber && delivery_is_owed(client->subscriber);
}

void client_leave(struct conn *conn)
{
    struct client *client = client_of(conn);
    worker_forget(client->worker, client);
    conn_detach(conn);
    worker_unload(client->worker);
    client->worker = worker_for_broadcast(client->worker->server);
    client->arrival.run = arrive;
    loop_post(&client->worker->loop, &client->arrival);
}

void client_stop(struct conn *conn)
{
    struct client *client = client_of(conn);
    loop_assert_owner(&client->worker->loop);
    conn_read_now(conn);
    conn_flush(conn);
    if (!client->subscriber) /* subscribers stay for the last tallies */
        conn_finish_when_done(conn);
}

static void log_close(const struct client *client)
{
    const struct conn *conn = &client->conn;
    const struct client_protocol *protocol = client_protocol(client);
    const enum close_reason reason = (enum close_reason)conn->closes_for;
    char peer[PEER_TEXT_MAX];
    if (!log_shows(LOG_LEVEL_DEBUG))
        return;
    log_debug("connection closed id=%" PRIu64
              " peer=%s kind=%s reason=%s error=%s messages=%" PRIu64 " bytes_out=%" PRIu64
              " age_ms=%" PRIu64,
              client->id, client_peer_text(client, peer), protocol->kind(client),
              close_word(reason), close_is_error(reason) ? "yes" : "no", client->messages,
              conn->bytes_out, (clock_monotonic_ns() - client->opened_ns) / NS_PER_MS);
}

void client_close(struct conn *conn)
{
    struct client *client = client_of(conn);
    loop_assert_owner(&client->worker->loop);
    log_close(client);
    worker_forget(client->worker, client);
    if (client->subscriber)
        subscriber_free(client->subscriber);
    client->subscriber = NULL;
}

void client_free(struct conn *conn)
{
    struct client *client = client_of(conn);
    struct admission *admission = client->worker->server->admission;
    worker_unload(client->worker);
    if (client->refused)
        admission_turned_away(admission, client_told(client_protocol(client)));
    else if (!client->admin)
        admission_leave(admission, &conn->peer);
    free(client);
}

/* ---- addresses ---- */

size_t client_own_words(const struct client *client, char *words)
{
    _Static_assert(sizeof "connection::" + SERVER_BOOT_ID_CHARS + NUMBER_DIGITS_MAX <=
                       CLIENT_WORDS_MAX,
                   "they fit");
    char *at = words;
    memcpy(at, "connection:", 11);
    memcpy(at += 11, client->worker->server->boot_id, SERVER_BOOT_ID_CHARS);
    *(at += SERVER_BOOT_ID_CHARS) = ':';
    return (size_t)(number_put(at + 1, client->id) - words);
}

size_t client_run_words(const struct client *client, char *words)
{
    words[0] = 'c'; /* of connection: a browser's words begin otherwise */
    memcpy(words + 1, &client->id, sizeof client->id);
    return 1 + sizeof client->id;
}

const char *client_peer_text(const struct client *client, char text[PEER_TEXT_MAX])
{
    const union peer *peer = &client->conn.peer;
    return peer->family == AF_UNIX ? strcpy(text, "admin") : peer_text(peer, text);
}
