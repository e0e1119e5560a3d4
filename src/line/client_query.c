/* Queries over all connections (see client_query.h).
 *
 * Happy path: a task looks at some slots of the first worker, and is posted again, to the same
 * worker or to the next → when it has many rows it is posted back to the asker's, which sends them,
 * and posts it again once they are taken → after the last slot of the last worker, the reply. One
 * thread at a time has the query; posting hands it over.
 *
 * If the asking connection closes meanwhile, the query ends with it. If memory is short for rows,
 * CLIENTS ends with LIMIT. */
#include "line/client_query.h"

#include "base/clock.h"
#include "base/container.h"
#include "line/session_reply.h"
#include "net/peer.h"
#include "net/socket.h"
#include "proto/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { SLOTS_A_TURN = 256 }; /* about a ms of a worker's time where all hold connections */

struct client_query {
    enum client_query_kind kind;
    uint64_t id;
    struct in6_addr address;
    struct worker *asker;
    struct conn_ref from;
    struct loop_task task;
    LIST_ENTRY(client_query) link; /* parked, until its rows are taken */
    unsigned worker; /* number of the worker being looked at; worker_count after the last */
    uint32_t slot;   /* next slot of that worker's pool */
    uint64_t count;  /* connections listed or kicked */
    struct buffer rows;
    bool failed; /* memory was short for a row */
};

/* The parked queries of this thread's sessions. A session has no member for its query: idle
 * sessions are as many as the voters, and administrators are one or two. */
static _Thread_local LIST_HEAD(query_list, client_query) parked;

static int list_client(struct buffer *rows, const struct client *client, uint64_t now_ns)
{
    const struct conn *conn = &client->conn;
    const struct client_protocol *protocol = client_protocol(client);
    const char *voter = protocol->voter(client);
    const char *quote = voter && strchr(voter, ' ') ? "\"" : ""; /* one with spaces holds none */
    char peer[PEER_TEXT_MAX];
    char *out = buffer_reserve(rows, REPLY_MAX);
    if (!out)
        return -1;
    int len = snprintf(
        out, REPLY_MAX,
        "=%" PRIu64 " fd=%d peer=%s kind=%s age_s=%" PRIu64 " idle_s=%" PRIu64 " lines=%" PRIu64
        " bytes_out=%" PRIu64 " pending=%zu unsent=%u blocked_ms=%" PRIu64 " voter=%s%s%s\n",
        client->id, conn->transport.fd, client_peer_text(client, peer), protocol->kind(client),
        (now_ns - client->opened_ns) / NS_PER_S, (now_ns - conn->read_ns) / NS_PER_S,
        client->messages, conn->bytes_out, client->in_flight + conn->unsent.len,
        socket_unsent(conn->transport.fd), conn_blocked_ns(conn, now_ns) / NS_PER_MS, quote,
        voter ? voter : "-", quote);
    rows->len += (size_t)len;
    return 0;
}

static bool is_asker(const struct client_query *query, const struct client *client)
{
    return client->worker == query->asker && client->conn.ref.slot == query->from.slot &&
           client->conn.ref.generation == query->from.generation;
}

static bool is_meant(const struct client_query *query, const struct client *client)
{
    if (query->kind == QUERY_KICK_ID)
        return client->id == query->id;
    const struct in6_addr address = peer_address(&client->conn.peer);
    return client->conn.peer.family != AF_UNIX &&
           memcmp(&address, &query->address, sizeof address) == 0;
}

/* A session that kicks itself is told so first. */
static void kick(struct client_query *query, struct client *client)
{
    query->count++;
    if (is_asker(query, client))
        return;
    conn_doom(&client->conn, CLOSE_KICKED);
    conn_settle(&client->conn);
}

static void look_at(struct client_query *query, struct client *client, uint64_t now_ns)
{
    if (query->kind == QUERY_LIST) {
        query->count++;
        query->failed |= list_client(&query->rows, client, now_ns) != 0;
    } else if (is_meant(query, client)) {
        kick(query, client);
    }
}

static bool is_over(const struct client_query *query)
{
    return query->failed || query->worker == query->asker->server->worker_count ||
           (query->kind == QUERY_KICK_ID && query->count > 0);
}

static void go_on(struct client_query *query);

static void query_free(struct client_query *query)
{
    buffer_free(&query->rows);
    free(query);
}

/* ---- asker's thread ---- */

static void reply(const struct client_query *query, struct session *session)
{
    if (query->failed)
        session_reply_refusal(session, ERR_LIMIT, 0, NULL);
    else if (query->kind != QUERY_LIST && query->count == 0)
        session_reply_refusal(session, ERR_NO_SUCH_CLIENT, 0, NULL);
    else if (query->kind == QUERY_KICK_ID)
        session_reply_ok(session);
    else
        session_reply_number(session, query->count, false);
    if (query->kind == QUERY_KICK_ID && session->client.id == query->id)
        conn_finish(&session->client.conn, CLOSE_KICKED); /* its later commands are not executed */
}

static void finish(struct client_query *query, struct session *session)
{
    if (query->kind == QUERY_LIST)
        conn_end_reply(&session->client.conn);
    reply(query, session);
    conn_want_writable(&session->client.conn); /* for pushes that were held back */
    session_reply_done(session);
    query_free(query);
}

static void send_rows(struct client_query *query, struct session *session)
{
    struct conn *conn = &session->client.conn;
    char *out = query->rows.len > 0 ? conn_reserve(conn, query->rows.len) : NULL;
    if (!out)
        return;
    memcpy(out, query->rows.bytes, query->rows.len);
    conn_wrote(conn, query->rows.len);
    query->rows.len = 0;
}

static void come_back(struct loop_task *task)
{
    struct client_query *query = container_of(task, struct client_query, task);
    struct conn *conn = conn_find(&query->asker->pool, query->from);
    if (!conn) {
        query_free(query);
        return;
    }
    struct session *session = session_of(conn);
    send_rows(query, session);
    if (is_over(query)) {
        finish(query, session);
    } else {
        LIST_INSERT_HEAD(&parked, query, link);
        conn_want_writable(conn); /* goes on as soon as these rows are taken */
    }
    conn_settle(conn);
}

/* Takes the session's query off the list; NULL if it has none there. */
static struct client_query *unpark(const struct session *session)
{
    struct client_query *query;
    LIST_FOREACH (query, &parked, link)
        if (is_asker(query, &session->client)) {
            LIST_REMOVE(query, link);
            return query;
        }
    return NULL;
}

void client_query_resume(struct session *session)
{
    struct client_query *query = unpark(session);
    if (query)
        go_on(query);
}

void client_query_forget(struct session *session)
{
    struct client_query *query = unpark(session);
    if (query)
        query_free(query);
}

int client_query_start(struct session *session, enum client_query_kind kind, uint64_t id,
                       const struct in6_addr *address)
{
    struct worker *asker = session->client.worker;
    loop_assert_owner(&asker->loop);
    struct client_query *query = calloc(1, sizeof *query);
    if (!query)
        return -1;
    *query = (struct client_query){
        .kind = kind, .id = id, .asker = asker, .from = session->client.conn.ref};
    if (kind == QUERY_KICK_ADDRESS)
        query->address = *address;
    if (kind == QUERY_LIST)
        conn_begin_reply(&session->client.conn);
    go_on(query);
    return 0;
}

/* ---- the asked worker's thread ---- */

static void look_at_slots(struct loop_task *task)
{
    struct client_query *query = container_of(task, struct client_query, task);
    struct worker *worker = &query->asker->server->workers[query->worker];
    const struct slots *slots = &worker->pool.slots;
    uint64_t now_ns = clock_monotonic_ns();
    loop_assert_owner(&worker->loop);
    for (unsigned i = 0; i < SLOTS_A_TURN && query->slot < slots->size; i++, query->slot++)
        if (slots_at(slots, query->slot))
            look_at(query, client_of(slots_at(slots, query->slot)), now_ns);
    if (query->slot >= slots->size) {
        query->slot = 0;
        query->worker++;
    }
    if (!is_over(query) && query->rows.len < CONN_ROUND_BYTES) {
        go_on(query);
        return;
    }
    query->task.run = come_back;
    loop_post(&query->asker->loop, &query->task);
}

/* Hands the query to its next worker. */
static void go_on(struct client_query *query)
{
    query->task.run = look_at_slots;
    loop_post(&query->asker->server->workers[query->worker].loop, &query->task);
}
