/* What the exchange_*.c files share. Nobody else includes it. Worker's thread throughout. */
#ifndef TALLYCAST_EXCHANGE_INTERNAL_H
#define TALLYCAST_EXCHANGE_INTERNAL_H

#include "base/buffer.h"
#include "web/web_session.h"
#include "proto/http.h"
#include "proto/http_value.h"

#include <jansson.h>

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_JSON "application/json"

enum { ETAG_MAX = 64, EXCHANGE_POLLS_MAX = 100 /* in one list */ };

/* A reply. What is NULL or 0 is left out. */
struct response {
    int status;
    const char *type;
    const char *body;
    size_t len;
    const char *etag;
    const char *encoding;
    const char *location;
    const char *allow;
    const char *cache;   /* Cache-Control; NULL is no-store */
    bool retries;        /* may be asked again in a second */
    bool page;           /* is shown by a browser: with what restrains its scripts */
    bool varies_by_kind; /* another Accept may get another reply */
    bool endless;        /* its body has no length: the connection's end is its end */
};

/* The request as its route sees it. */
struct call {
    const struct http_request *request;
    struct span name; /* the part of the path where the route has `*`; at is NULL for none */
};

enum route_result {
    ROUTE_REPLIED,
    ROUTE_ASKED, /* the ledger will answer */
    ROUTE_WAITS, /* not executed: the connection is paused, and the request is to be read again */
};

/* Executes a request; nothing of the connection is in flight. */
typedef enum route_result route_execute(struct exchange *exchange, const struct call *call);

route_execute exchange_index, exchange_poll_page, exchange_screen, exchange_journey, exchange_asset,
    exchange_polls, exchange_poll, exchange_vote, exchange_events, exchange_all_events,
    exchange_metrics, exchange_healthz, exchange_readyz, exchange_hello, exchange_about;

static inline struct exchange *exchange_of(struct conn *conn)
{
    return (struct exchange *)conn;
}

/* Replies; nothing of `response` is owned. */
enum route_result exchange_reply(struct exchange *exchange, const struct response *response);

/* Replies with what `body` holds, and frees it. `failed` says that memory was short for it. */
enum route_result exchange_reply_buffer(struct exchange *exchange, struct response *response,
                                        struct buffer *body, bool failed);

/* Refuses with a problem (RFC 9457), or, where a browser's form asked, a page. A NULL detail stands
 * for the error's own. */
enum route_result exchange_refuse(struct exchange *exchange, enum error error, uint64_t seq,
                                  const char *detail);
enum route_result exchange_refuse_status(struct exchange *exchange, int status, const char *detail);

/* The poll of the ballot in flight. */
const struct poll *exchange_poll_of_ballot(const struct exchange *exchange);

/* The answer to the ballot in flight. */
void exchange_voted(struct exchange *exchange, const struct answer *answer);

/* The part of the list of polls that a query asks for, or all that one list takes. Returns whether
 * its numbers are fine; else the rule says how they are to be. */
bool exchange_read_range(const struct call *call, uint64_t *after, uint64_t *limit)
    __attribute__((warn_unused_result));
#define EXCHANGE_RANGE_RULE "after is a number from 0, and limit one from 1 to 100"

/* Polls as GET /polls lists them: up to `limit` after the one with the id `after`; *newest is the
 * latest sequence among them. The caller owns it. NULL if memory is short. */
json_t *exchange_list(struct exchange *exchange, uint64_t after, uint64_t limit, uint64_t *newest);

/* A poll as GET /polls/POLL shows it. The caller owns it. NULL if memory is short. */
json_t *exchange_read_poll(struct exchange *exchange, uint32_t id, uint64_t *seq);

/* Knows the browser by its cookie, or has the reply give it one. */
void exchange_know_voter(struct exchange *exchange, const struct http_request *request);

/* The poll that a call names, or NULL. */
const struct poll *exchange_find_poll(struct exchange *exchange, const struct call *call);

/* ---- who may ask (exchange_guard.c) ---- */

/* Whether the request names this server: 0, or the status of the refusal with *why set. */
int exchange_check_host(const struct exchange *exchange, const struct http_request *request,
                        const char **why);

/* Whether a request that changes something comes from a page of this server, or from no page. */
bool exchange_is_own_origin(const struct http_request *request);

/* Whether the browser says that it has sent the cookies that it has for this server. */
bool exchange_has_sent_cookies(const struct http_request *request);

/* Whether --cors lets the request's origin read the reply. */
bool exchange_is_cors(const struct exchange *exchange, const struct http_request *request);

/* The address that votes where voters=address: the peer's, or the one that a trusted proxy names.
 * Returns its length, or 0 if the proxy names none. */
size_t exchange_address(const struct exchange *exchange, const struct http_request *request,
                        char text[PEER_TEXT_MAX]);

#endif
