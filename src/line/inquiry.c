/* Asks every worker about its connections. The asker's worker posts a task to each (itself too);
 * each fills its own buffer; whoever counts down to zero posts the whole back. Nothing is locked: a
 * part has one writer, and the count's release and acquire hand it over. If the asking connection
 * is gone by then, the reply is dropped. Memory that does not suffice for every row refuses CLIENTS
 * with LIMIT. */
#include "line/inquiry.h"

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "net/socket.h"
#include "line/session_reply.h"
#include "proto/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inquiry;

/* One worker's share. */
struct part {
    struct loop_task task;
    struct inquiry *inquiry;
    struct worker *worker;
    struct buffer rows;
    uint64_t count; /* connections listed or kicked */
    bool failed;    /* memory did not suffice for its rows */
};

struct inquiry {
    uint64_t kick_id; /* 0: list */
    struct worker *asker;
    struct conn_ref from;
    struct loop_task done;
    _Atomic unsigned missing;
    struct part parts[];
};

static int list_client(struct buffer *rows, const struct client *client, uint64_t now_ns)
{
    const struct conn *conn = &client->conn;
    const struct client_protocol *protocol = client_protocol(client);
    const char *voter = protocol->voter(client);
    char peer[PEER_TEXT_MAX];
    char *out = buffer_reserve(rows, REPLY_MAX);
    if (!out)
        return -1;
    int len = snprintf(
        out, REPLY_MAX,
        "=%" PRIu64 " fd=%d peer=%s kind=%s age_s=%" PRIu64 " idle_s=%" PRIu64 " lines=%" PRIu64
        " bytes_out=%" PRIu64 " pending=%zu unsent=%u blocked_ms=%" PRIu32 " voter=%s\n",
        client->id, conn->fd, client_peer_text(client, peer), protocol->kind(client),
        (now_ns - client->opened_ns) / NS_PER_S, (now_ns - conn->read_ns) / NS_PER_S,
        client->messages, conn->bytes_out, client->in_flight + conn->unsent.len,
        socket_unsent(conn->fd),
        conn_waits(conn, CONN_BLOCKED) ? (uint32_t)(now_ns / NS_PER_MS) - conn->blocked_since_ms
                                       : 0,
        voter ? voter : "-");
    rows->len += (size_t)len;
    return 0;
}

/* Whether it is the session that asks. */
static bool is_asker(const struct inquiry *inquiry, const struct client *client)
{
    return client->worker == inquiry->asker && client->conn.ref.slot == inquiry->from.slot &&
           client->conn.ref.generation == inquiry->from.generation;
}

/* Who kicks himself is told so first. */
static void kick(const struct inquiry *inquiry, struct client *client)
{
    if (is_asker(inquiry, client))
        return;
    conn_doom(&client->conn, CLOSE_KICKED);
    conn_settle(&client->conn);
}

static void look_at(struct part *part, struct client *client, uint64_t now_ns)
{
    uint64_t kick_id = part->inquiry->kick_id;
    if (kick_id == 0) {
        part->count++;
        part->failed |= list_client(&part->rows, client, now_ns) != 0;
    } else if (client->id == kick_id) {
        part->count++;
        kick(part->inquiry, client);
    }
}

static void reply_clients(const struct inquiry *inquiry, struct session *session)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < inquiry->asker->server->worker_count; i++)
        if (inquiry->parts[i].failed) {
            session_reply_refusal(session, ERR_LIMIT, 0, NULL);
            return;
        }
    for (unsigned i = 0; i < inquiry->asker->server->worker_count; i++) {
        const struct part *part = &inquiry->parts[i];
        count += part->count;
        char *out = part->rows.len > 0 ? conn_reserve(&session->client.conn, part->rows.len) : NULL;
        if (!out)
            continue;
        memcpy(out, part->rows.bytes, part->rows.len);
        conn_wrote(&session->client.conn, part->rows.len);
    }
    session_reply_number(session, count, false);
}

static void reply_kick(const struct inquiry *inquiry, struct session *session)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < inquiry->asker->server->worker_count; i++)
        count += inquiry->parts[i].count;
    if (count == 0) {
        session_reply_refusal(session, ERR_NO_SUCH_CLIENT, 0, NULL);
        return;
    }
    session_reply_ok(session);
    if (session->client.id == inquiry->kick_id) /* its later commands are not executed */
        conn_finish(&session->client.conn, CLOSE_KICKED);
}

/* Asker's thread. */
static void finish(struct loop_task *task)
{
    struct inquiry *inquiry = container_of(task, struct inquiry, done);
    struct conn *conn = conn_find(&inquiry->asker->pool, inquiry->from);
    if (conn) {
        if (inquiry->kick_id == 0)
            reply_clients(inquiry, session_of(conn));
        else
            reply_kick(inquiry, session_of(conn));
        session_reply_done(session_of(conn));
        conn_settle(conn);
    }
    for (unsigned i = 0; i < inquiry->asker->server->worker_count; i++)
        buffer_free(&inquiry->parts[i].rows);
    free(inquiry);
}

/* The asked worker's thread. */
static void run_part(struct loop_task *task)
{
    struct part *part = container_of(task, struct part, task);
    struct inquiry *inquiry = part->inquiry;
    struct conn_pool *pool = &part->worker->pool;
    uint64_t now_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i].conn)
            look_at(part, client_of(pool->slots[i].conn), now_ns);
    if (atomic_fetch_sub_explicit(&inquiry->missing, 1, memory_order_acq_rel) == 1)
        loop_post(&inquiry->asker->loop, &inquiry->done);
}

int inquiry_start(struct session *session, uint64_t kick_id)
{
    struct server *server = session->client.worker->server;
    struct inquiry *inquiry =
        calloc(1, sizeof *inquiry + server->worker_count * sizeof inquiry->parts[0]);
    if (!inquiry)
        return -1;
    inquiry->kick_id = kick_id;
    inquiry->asker = session->client.worker;
    inquiry->from = session->client.conn.ref;
    inquiry->done.run = finish;
    inquiry->missing = server->worker_count;
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct part *part = &inquiry->parts[i];
        part->task.run = run_part;
        part->inquiry = inquiry;
        part->worker = &server->workers[i];
        loop_post(&server->workers[i].loop, &part->task);
    }
    return 0;
}
