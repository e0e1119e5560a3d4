/* Event streams (SSE): a subscriber whose tallies are events. On the worker's thread. */
#include "proto/error.h"
#include "web/web_polls.h"
#include "web/web_reply.h"
#include "web/web_call.h"

#include <sodium.h>
#include <stdio.h>

#define TYPE_EVENTS "text/event-stream"

/* The time after which a browser that lost its connection comes back. Each gets another one, so
 * that they don't all come at once when a server starts again. */
enum { RETRY_LEAST_MS = 2000, RETRY_MOST_MS = 5000 };

static enum web_result reply_stream(struct web_session *session, const char *body, size_t len)
{
    const struct web_response response = {
        .status = 200,
        .type = TYPE_EVENTS,
        .cache = "no-store, no-transform", /* a proxy that compresses delays events, too */
        .body = body,
        .len = len,
        .endless = true,
    };
    return web_reply(session, &response);
}

/* Subscribes the client to a poll, or to all if `poll` is NULL, of which it has seen what changed
 * up to the entry `seen`; with `results`, to results, too. On a broadcast worker. Returns 0 or
 * ERR_LIMIT. */
static int subscribe(struct web_session *session, const struct poll *poll, uint64_t seen,
                     bool results)
{
    if (client_subscribe(&session->client, ENCODING_EVENT) != 0 ||
        subscriber_add(session->client.subscriber, poll, 0, results) < 0)
        return ERR_LIMIT;
    if (!poll)
        subscriber_has_seen(session->client.subscriber, seen);
    return 0;
}

static enum web_result stream(struct web_session *session, const struct poll *poll, uint64_t seen,
                              struct span query)
{
    char retry[sizeof "retry: 5000\n\n"];
    struct conn *conn = &session->client.conn;
    bool results = false;
    if (!web_read_flag(query, "results", &results))
        return web_refuse(session, ERR_BAD_ARGUMENT, 0, "results is yes or no");
    if (session->head)
        return reply_stream(session, NULL, 0);
    if (!session->client.worker->broadcast) {
        conn_pause(conn);
        conn_leave(conn);
        return WEB_WAITS;
    }
    if (subscribe(session, poll, seen, results) != 0) {
        session->closes_for = CLOSE_MEMORY;
        return web_refuse(session, ERR_LIMIT, 0, NULL);
    }
    session->streams = true;
    unsigned wait_ms = RETRY_LEAST_MS + randombytes_uniform(RETRY_MOST_MS - RETRY_LEAST_MS + 1);
    int len = snprintf(retry, sizeof retry, "retry: %u\n\n", wait_ms);
    return reply_stream(session, retry, (size_t)len);
}

enum web_result web_events(struct web_session *session, const struct web_call *call)
{
    const struct poll *poll = web_find_poll(session, call);
    return poll ? stream(session, poll, 0, call->request->query)
                : web_refuse(session, ERR_NO_SUCH_POLL, 0, NULL);
}

enum web_result web_all_events(struct web_session *session, const struct web_call *call)
{
    const struct tally *tally = session->client.worker->server->tally;
    struct span query = call->request->query;
    return stream(session, NULL, web_read_since(tally, query), query);
}
