/* Requests in, replies out. Runs on the thread of the worker that owns the connection.
 *
 * Happy path: conn gives bytes to on_input → http_request_resume → the guard (web_guard.c) → the
 * route (web_route.c) → its reply (web_reply.c). A POST of a ballot is answered by the ledger
 * (web_vote.c); until then the connection's next request waits, so replies are in order. A reader
 * of events becomes a subscriber as SUBSCRIBE makes one: its connection moves to a broadcast worker
 * with its request unread, and the request is executed there.
 *
 * Fails: a malformed request gets its status, and the connection ends, since nobody can tell where
 * the next one begins. */
#include "web/web_protocol.h"

#include "proto/http_value.h"
#include "push/delivery.h"
#include "web/web_guard.h"
#include "web/web_reply.h"
#include "web/web_route.h"
#include "web/web_session.h"
#include "web/web_vote.h"

/* The number of a path's parts before the last one, capped: no page is that deep. */
static uint8_t depth_of(struct span path)
{
    unsigned slashes = 0;
    for (size_t i = 1; i < path.len && slashes < UINT8_MAX; i++)
        slashes += path.at[i] == '/';
    return (uint8_t)slashes;
}

/* The least that a request counts for, in bytes of output. A connection's turn ends with
 * CONN_ROUND_BYTES, so a request with little or no output must cost something. */
enum { LEAST_COST = 1024 };

static void begin(struct web_session *session, const struct http_request *request)
{
    session->head = request->method == HTTP_HEAD;
    session->closes_for = session->client.refused                     ? CLOSE_REFUSED
                          : request->keep_alive && request->minor > 0 ? CLOSE_NONE
                                                                      : CLOSE_QUIT;
    session->cors = web_guard_is_cors(session, request);
    session->html = http_prefers_html(request->headers[HTTP_HEADER_ACCEPT]);
    session->https = web_guard_is_https(session, request);
    session->sets_cookie = session->continued = false;
    session->depth = depth_of(request->path);
    session->poll = NULL;
}

static void refuse_one_too_many(struct web_session *session)
{
    session->closes_for = CLOSE_REFUSED;
    web_refuse(session, ERR_TOO_MANY_CONNECTIONS, 0, NULL);
}

static void refuse_host(struct web_session *session, int status, const char *why)
{
    const struct web_refusal refusal = {.status = status, .code = "OTHER-HOST", .detail = why};
    web_refuse_as(session, &refusal);
}

/* Whether the request must wait for its address's turn. A proxy that does not say who asks is not
 * held up for all who come by it. */
static bool awaits_turn(struct web_session *session, const struct http_request *request)
{
    struct client *client = &session->client;
    struct in6_addr address;
    if (session->has_turn || !web_guard_asker(session, request, &address))
        return false;
    session->has_turn = true;
    return worker_awaits_turn(client->worker, client, &address);
}

/* Deals with a whole request. Returns false if it must wait. */
static bool take_request(struct web_session *session, const struct http_request *request)
{
    const char *why = NULL;
    const struct web_found found = web_route_find(request);
    begin(session, request);
    int refusal = web_guard_host(session, request, &why);
    if (session->client.refuses_input || session->client.worker->stage >= WORKER_QUIET)
        web_refuse(session, ERR_SHUTTING_DOWN, 0, NULL);
    else if (session->client.refused && !web_route_is_probe(&found))
        refuse_one_too_many(session);
    else if (!web_route_is_urgent(&found, request) && awaits_turn(session, request))
        return false;
    else if (refusal != 0)
        refuse_host(session, refusal, why);
    else if (web_route(session, request, &found) == WEB_WAITS)
        return false;
    session->has_turn = false;
    session->client.messages++;
    session->client.conn.pool->unsent_made += LEAST_COST;
    counter_add(&session->client.worker->counters.requests_read, 1);
    return true;
}

/* Nobody can tell where the next request begins, so the connection ends. */
static void take_malformed(struct web_session *session, enum close_reason reason, int status,
                           const char *why)
{
    session->head = session->html = session->cors = session->sets_cookie = false;
    session->closes_for = (uint8_t)reason;
    session->depth = 0;
    web_refuse_status(session, status, why);
}

/* Whether the next request must wait for the output, or the answer, of the one before it.
 * `unsent_made` is the pool's as this connection's turn began. */
static bool must_wait(struct web_session *session, uint64_t unsent_made)
{
    struct conn *conn = &session->client.conn;
    if (session->client.in_flight > 0) {
        conn_pause(conn);
        return true;
    }
    uint64_t made = conn->pool->out.len + conn->pool->unsent_made - unsent_made;
    if (conn_waits(conn, CONN_BLOCKED) || made >= CONN_ROUND_BYTES) {
        conn_hold(conn);
        return true;
    }
    return false;
}

/* Tells a client that waits with a request's body, once, to go on. Whether the request is allowed
 * is told when it is whole, since bodies are short. */
static void tell_to_continue(struct web_session *session)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char *out = session->continued ? NULL : conn_reserve(&session->client.conn, sizeof interim - 1);
    if (!out)
        return;
    memcpy(out, interim, sizeof interim - 1);
    conn_wrote(&session->client.conn, sizeof interim - 1);
    session->continued = true;
}

static size_t on_input(struct conn *conn, char *bytes, size_t len)
{
    struct web_session *session = web_session_of(conn);
    const uint64_t unsent_made = conn->pool->unsent_made;
    size_t used = 0;
    while (used < len && conn->state == CONN_OPEN && !session->streams) {
        if (must_wait(session, unsent_made))
            return used;
        struct http_request request;
        const char *why = NULL;
        int n = http_request_resume(bytes + used, len - used, &session->part, &request, &why);
        if (n == 0) {
            if (request.body.at && request.expects_continue)
                tell_to_continue(session);
            return used;
        }
        if (n < 0) {
            take_malformed(session, CLOSE_MALFORMED, -n, why);
            return len;
        }
        if (!take_request(session, &request))
            return used;
        conn_end_message(conn);
        used += (size_t)n;
    }
    return session->streams ? len : used;
}

/* Refuses a request that will not be whole: for a fault in the part that came, if there is one, and
 * otherwise for what is missing. */
static void take_part(struct web_session *session, enum close_reason reason, int status,
                      const char *why)
{
    struct http_request request;
    const struct buffer *unread = &session->client.conn.unread;
    const char *fault;
    int n = unread->len > 0 ? http_request_parse(unread->bytes, unread->len, &request, &fault) : 0;
    if (n < 0)
        take_malformed(session, reason, -n, fault);
    else
        take_malformed(session, reason, status, why);
}

static void on_unfinished(struct conn *conn, size_t len)
{
    (void)len;
    take_part(web_session_of(conn), CLOSE_MALFORMED, 400, "the request has no end");
}

static void on_overdue(struct conn *conn)
{
    take_part(web_session_of(conn), CLOSE_SLOW, 408, "the request was not whole in time");
}

static void on_answer(struct client *client, const struct answer *answer)
{
    struct conn *conn = &client->conn;
    struct web_session *session = web_session_of(conn);
    if (conn->state != CONN_DOOMED)
        web_take_answer(session, answer);
    client_answered(client, 0);
}

static void on_writable(struct conn *conn)
{
    struct web_session *session = web_session_of(conn);
    if (session->client.subscriber)
        delivery_catch_up(session->client.subscriber);
}

/* ---- the protocol ---- */

/* A connection over the limit is answered only if its request is there, whole, and asks for the
 * server's health. */
static void greet(struct client *client)
{
    if (!client->refused)
        return;
    conn_read_now(&client->conn);
    if (client->conn.state == CONN_OPEN)
        refuse_one_too_many(web_session_of(&client->conn));
}

static const char *kind(const struct client *client)
{
    return client->subscriber ? "events" : "web";
}

static const char *voter(const struct client *client)
{
    (void)client;
    return NULL;
}

const struct client_protocol web_protocol = {
    .handler =
        {
            .messages = CONN_REQUESTS,
            .input = on_input,
            .may_read = client_may_read,
            .unfinished = on_unfinished,
            .writable = on_writable,
            .overdue = on_overdue,
            .leave = client_leave,
            .stop = client_stop,
            .busy = client_is_busy,
            .owes_pushes = client_owes_pushes,
            .close = client_close,
            .free = client_free,
        },
    .size = sizeof(struct web_session),
    .peer_begins = true,
    .greet = greet,
    .answer = on_answer,
    .kind = kind,
    .voter = voter,
};
