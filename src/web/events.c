/* Event streams (SSE): a subscriber whose tallies are events. On the worker's thread. */
#include "web/web_internal.h"

#include "proto/error.h"

#include <sodium.h>
#include <stdio.h>

#define TYPE_EVENTS "text/event-stream"

/* After how long a browser that lost its connection comes back: different for each, so that they
 * don't all come at once when a server starts again. */
enum { RETRY_LEAST_MS = 2000, RETRY_MOST_MS = 5000 };

static enum route_result reply_stream(struct exchange *exchange, const char *body, size_t len)
{
    const struct response response = {
        .status = 200, .type = TYPE_EVENTS, .body = body, .len = len, .endless = true};
    return exchange_reply(exchange, &response);
}

/* Makes the client a subscriber to a poll, or to all where `poll` is NULL. On a broadcast worker.
 * Returns 0 or ERR_LIMIT. */
static int subscribe(struct exchange *exchange, const struct poll *poll)
{
    if (client_subscribe(&exchange->client, ENCODING_EVENT) != 0 ||
        subscriber_add(exchange->client.subscriber, poll, 0) < 0)
        return ERR_LIMIT;
    return 0;
}

static enum route_result stream(struct exchange *exchange, const struct poll *poll)
{
    char retry[sizeof "retry: 5000\n\n"];
    struct conn *conn = &exchange->client.conn;
    if (exchange->head)
        return reply_stream(exchange, NULL, 0);
    if (!exchange->client.worker->broadcast) {
        conn_pause(conn);
        conn_leave(conn);
        return ROUTE_WAITS;
    }
    if (subscribe(exchange, poll) != 0) {
        exchange->closes = true;
        return exchange_refuse(exchange, ERR_LIMIT, 0, NULL);
    }
    exchange->streams = true;
    unsigned wait_ms = RETRY_LEAST_MS + randombytes_uniform(RETRY_MOST_MS - RETRY_LEAST_MS + 1);
    int len = snprintf(retry, sizeof retry, "retry: %u\n\n", wait_ms);
    return reply_stream(exchange, retry, (size_t)len);
}

enum route_result exchange_events(struct exchange *exchange, const struct call *call)
{
    const struct poll *poll = exchange_find_poll(exchange, call);
    return poll ? stream(exchange, poll) : exchange_refuse(exchange, ERR_NO_SUCH_POLL, 0, NULL);
}

enum route_result exchange_all_events(struct exchange *exchange, const struct call *call)
{
    (void)call;
    return stream(exchange, NULL);
}
