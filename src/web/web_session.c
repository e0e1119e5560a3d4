/* Requests in, replies out. Runs on the thread of the worker that owns the connection.
 *
 * Happy path: conn gives bytes to on_input → http_request_resume → the guard (exchange_guard.c) →
 * the route → its reply. A POST of a ballot is answered by the ledger; until then the connection's
 * next request waits.
 *
 * Fails: a request that is malformed gets its status, and the connection ends, since there is no
 * telling where the next one begins. Memory that is short for a reply's body refuses it with LIMIT;
 * for the refusal, dooms the connection. */
#include "web/web_session.h"
#include "web/web_internal.h"

#include "base/clock.h"
#include "config/config.h"
#include "base/log.h"
#include "web/page.h"
#include "web/problem.h"
#include "tally/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DATE_CHARS = 29 };

/* ---- replies ---- */

/* `Sun, 06 Nov 1994 08:49:37 GMT`, made once a second and thread. */
static const char *http_date(void)
{
    static _Thread_local time_t made;
    static _Thread_local char date[DATE_CHARS + 1];
    time_t now = time(NULL);
    if (now != made) {
        struct tm parts;
        gmtime_r(&now, &parts);
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        made = now;
    }
    return date;
}

static char *put_optional(char *at, const char *name, const char *value)
{
    return value ? http_put_field(at, name, value) : at;
}

/* What restrains a page's scripts, and who may show it. */
static char *put_page_fields(char *at)
{
    at = http_put_field(at, "Content-Security-Policy",
                        "default-src 'none'; script-src 'self'; style-src 'self'; "
                        "img-src 'self' data:; connect-src 'self'; form-action 'self'; "
                        "base-uri 'none'; frame-ancestors 'none'");
    return http_put_field(at, "Referrer-Policy", "same-origin");
}

static char *put_cors_fields(char *at, const struct exchange *exchange)
{
    const char *allowed = exchange->client.worker->server->config->cors;
    if (exchange->cors)
        at = http_put_field(at, "Access-Control-Allow-Origin", allowed);
    if (allowed && strcmp(allowed, "*") != 0)
        at = http_put_field(at, "Vary", "Origin");
    return at;
}

static char *put_cookie(char *at, struct exchange *exchange)
{
    if (!exchange->sets_cookie)
        return at;
    char cookie[WEB_VOTER_COOKIE_SIZE];
    web_voter_cookie(&exchange->voter, cookie);
    exchange->sets_cookie = false;
    return http_put_field(at, "Set-Cookie", cookie);
}

static char *put_head(char *at, struct exchange *exchange, const struct response *response)
{
    at = http_put_status(at, response->status);
    at = http_put_field(at, "Date", http_date());
    at = put_optional(at, "Content-Type", response->type);
    at = put_optional(at, "Content-Encoding", response->encoding);
    at = put_optional(at, "ETag", response->etag);
    at = put_optional(at, "Location", response->location);
    at = put_optional(at, "Allow", response->allow);
    at = http_put_field(at, "Cache-Control", response->cache ? response->cache : "no-store");
    at = http_put_field(at, "X-Content-Type-Options", "nosniff");
    if (response->varies_by_kind)
        at = http_put_field(at, "Vary", "Accept, Accept-Encoding");
    if (response->retries)
        at = http_put_field(at, "Retry-After", "1");
    if (response->page)
        at = put_page_fields(at);
    at = put_cors_fields(at, exchange);
    at = put_cookie(at, exchange);
    if (exchange->closes)
        at = http_put_field(at, "Connection", "close");
    if (!response->endless && response->status != 204 && response->status != 304)
        at = http_put_length(at, response->len);
    return http_put_end(at);
}

enum route_result exchange_reply(struct exchange *exchange, const struct response *response)
{
    struct conn *conn = &exchange->client.conn;
    bool has_body = !exchange->head && response->status != 304;
    exchange->closes |=
        (response->endless && has_body) || exchange->client.worker->stage >= WORKER_STOPPING;
    if (!has_body)
        conn->pool->unsent_made += response->len;
    char *out = conn_reserve(conn, HTTP_REPLY_HEAD_MAX + response->len);
    if (!out)
        return ROUTE_REPLIED;
    char *end = put_head(out, exchange, response);
    INVARIANT(end - out <= HTTP_REPLY_HEAD_MAX);
    if (has_body && response->len > 0) {
        memcpy(end, response->body, response->len);
        end += response->len;
    }
    conn_wrote(conn, (size_t)(end - out));
    if (exchange->closes && !exchange->streams)
        conn_finish(conn);
    return ROUTE_REPLIED;
}

enum route_result exchange_reply_buffer(struct exchange *exchange, struct response *response,
                                        struct buffer *body, bool failed)
{
    if (failed) {
        buffer_free(body);
        return exchange_refuse(exchange, ERR_LIMIT, 0, NULL);
    }
    response->body = body->bytes;
    response->len = body->len;
    exchange_reply(exchange, response);
    buffer_free(body);
    return ROUTE_REPLIED;
}

/* What a refusal says. */
struct refusal {
    int status;
    const char *code; /* of the line protocol; NULL for none */
    uint64_t seq;
    const char *detail;
    const char *allow;
};

/* The poll that a browser's form was for, whose page is the way back; NULL for none. */
static const char *poll_of_form(const struct exchange *exchange)
{
    return exchange->poll ? exchange_poll_of_ballot(exchange)->name.text : NULL;
}

static int make_refusal(const struct exchange *exchange, const struct refusal *refusal,
                        struct buffer *body)
{
    if (exchange->html)
        return page_error(body, refusal->status, http_reason(refusal->status), refusal->detail,
                          poll_of_form(exchange));
    return problem_append(body, refusal->status, refusal->code, refusal->detail, refusal->seq);
}

/* Where memory is short, a refusal has no body. */
static enum route_result refuse(struct exchange *exchange, const struct refusal *refusal)
{
    struct buffer body = {0};
    struct response response = {
        .status = refusal->status,
        .type = exchange->html ? TYPE_HTML : PROBLEM_TYPE,
        .allow = refusal->allow,
        .page = exchange->html,
        .retries = refusal->status == 503,
    };
    if (make_refusal(exchange, refusal, &body) == 0) {
        response.body = body.bytes;
        response.len = body.len;
    }
    exchange_reply(exchange, &response);
    buffer_free(&body);
    return ROUTE_REPLIED;
}

enum route_result exchange_refuse(struct exchange *exchange, enum error error, uint64_t seq,
                                  const char *detail)
{
    const struct refusal refusal = {
        .status = error_status(error),
        .code = error_code(error),
        .seq = seq,
        .detail = detail ? detail : error_detail(error),
    };
    return refuse(exchange, &refusal);
}

enum route_result exchange_refuse_status(struct exchange *exchange, int status, const char *detail)
{
    const struct refusal refusal = {.status = status, .detail = detail};
    return refuse(exchange, &refusal);
}

/* ---- routes ---- */

enum { GET_ = 1 << HTTP_GET | 1 << HTTP_HEAD, POST_ = 1 << HTTP_POST };

static const struct route {
    unsigned methods; /* bits by enum http_method */
    const char *path;
    const char *type; /* of its replies; NULL if that is not to be asked for */
    route_execute *execute;
} routes[] = {
#define ROUTE(methods, path, type, execute) {methods, path, type, execute},
#include "web/routes.def"
#undef ROUTE
};

/* Whether a path is one of a route. If so, *name is what stands where the route has `*`. */
static bool path_matches(const char *pattern, struct span path, struct span *name)
{
    const char *at = path.at, *end = path.at + path.len;
    *name = (struct span){0};
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (at == end || *at++ != *pattern)
                return false;
            continue;
        }
        name->at = at;
        while (at < end && *at != '/')
            at++;
        name->len = (size_t)(at - name->at);
    }
    return at == end;
}

/* The route of a path, or NULL. */
static const struct route *find_route(struct span path, struct span *name)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (path_matches(routes[i].path, path, name))
            return &routes[i];
    return NULL;
}

static const char *allowed_methods(unsigned methods)
{
    return methods & 1 << HTTP_POST ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

/* What may be asked there; a browser asks before it lets a page of another origin ask. */
static enum route_result take_options(struct exchange *exchange, unsigned methods)
{
    const struct response response = {.status = 204, .allow = allowed_methods(methods)};
    return exchange_reply(exchange, &response);
}

static enum route_result refuse_method(struct exchange *exchange, unsigned methods)
{
    const struct refusal refusal = {
        .status = 405,
        .detail = "Allow says what may be asked here",
        .allow = allowed_methods(methods),
    };
    return refuse(exchange, &refusal);
}

static enum route_result route(struct exchange *exchange, const struct http_request *request)
{
    struct call call = {.request = request};
    if (!request->path.at) /* OPTIONS * */
        return take_options(exchange, GET_);
    const struct route *found = find_route(request->path, &call.name);
    if (!found)
        return exchange_refuse_status(exchange, 404, "there is nothing of that name; try /about");
    if (request->method == HTTP_OPTIONS)
        return take_options(exchange, found->methods);
    if (!(found->methods & 1u << request->method))
        return refuse_method(exchange, found->methods);
    if (found->type && !http_accepts(request->headers[HTTP_HEADER_ACCEPT], found->type))
        return exchange_refuse_status(exchange, 406,
                                      "what there is has a type that Accept excludes");
    return found->execute(exchange, &call);
}

/* ---- requests ---- */

static void begin(struct exchange *exchange, const struct http_request *request)
{
    exchange->head = request->method == HTTP_HEAD;
    exchange->closes = !request->keep_alive || request->minor == 0;
    exchange->cors = exchange_is_cors(exchange, request);
    exchange->html = http_prefers_html(request->headers[HTTP_HEADER_ACCEPT]);
    exchange->sets_cookie = false;
    exchange->poll = 0;
}

/* Deals with a whole request. Returns false if it must wait. */
static bool take_request(struct exchange *exchange, const struct http_request *request)
{
    const char *why = NULL;
    begin(exchange, request);
    int refusal = exchange_check_host(exchange, request, &why);
    if (exchange->client.late || exchange->client.worker->stage >= WORKER_QUIET)
        exchange_refuse(exchange, ERR_SHUTTING_DOWN, 0, NULL);
    else if (refusal != 0)
        exchange_refuse_status(exchange, refusal, why);
    else if (route(exchange, request) == ROUTE_WAITS)
        return false;
    exchange->client.messages++;
    counter_add(&exchange->client.worker->counters.requests_read, 1);
    return true;
}

/* There is no telling where the next request begins. */
static void take_malformed(struct exchange *exchange, int status, const char *why)
{
    exchange->head = exchange->html = exchange->cors = exchange->sets_cookie = false;
    exchange->closes = true;
    exchange_refuse_status(exchange, status, why);
}

/* Whether the next request must wait for the output, or the answer, of the one before it.
 * `unsent_made` is the pool's as this connection's turn began. */
static bool must_wait(struct exchange *exchange, uint64_t unsent_made)
{
    struct conn *conn = &exchange->client.conn;
    if (exchange->client.in_flight > 0) {
        conn_pause(conn);
        return true;
    }
    uint64_t made = conn->pool->out.len + conn->pool->unsent_made - unsent_made;
    if (conn->blocked || made >= CONN_ROUND_BYTES) {
        conn_hold(conn);
        return true;
    }
    return false;
}

static size_t on_input(struct conn *conn, char *bytes, size_t len)
{
    struct exchange *exchange = exchange_of(conn);
    const uint64_t unsent_made = conn->pool->unsent_made;
    size_t used = 0;
    while (used < len && conn->state == CONN_OPEN && !exchange->streams) {
        if (must_wait(exchange, unsent_made))
            return used;
        struct http_request request;
        const char *why = NULL;
        int n = http_request_resume(bytes + used, len - used, &exchange->part, &request, &why);
        if (n == 0)
            return used;
        if (n < 0) {
            take_malformed(exchange, -n, why);
            return len;
        }
        if (!take_request(exchange, &request))
            return used;
        conn_end_message(conn);
        used += (size_t)n;
    }
    return exchange->streams ? len : used;
}

/* Refuses a request that will not be whole: for the fault in what has come of it, if there is one,
 * and else for what it lacks. */
static void take_part(struct exchange *exchange, int status, const char *why)
{
    struct http_request request;
    const struct buffer *unread = &exchange->client.conn.unread;
    const char *fault;
    int n = unread->len > 0 ? http_request_parse(unread->bytes, unread->len, &request, &fault) : 0;
    if (n < 0)
        take_malformed(exchange, -n, fault);
    else
        take_malformed(exchange, status, why);
}

static void on_unfinished(struct conn *conn, size_t len)
{
    (void)len;
    take_part(exchange_of(conn), 400, "the request has no end");
}

static void on_overdue(struct conn *conn)
{
    struct exchange *exchange = exchange_of(conn);
    counter_add(&exchange->client.worker->counters.slow_lines, 1);
    take_part(exchange, 408, "the request was not whole in time");
}

static void on_answer(struct conn *conn, const struct answer *answer)
{
    struct exchange *exchange = exchange_of(conn);
    if (conn->state != CONN_DOOMED)
        exchange_voted(exchange, answer);
    exchange->client.in_flight--;
    if (conn->paused && !conn->waiting)
        conn_resume(conn);
}

static void on_writable(struct conn *conn)
{
    struct exchange *exchange = exchange_of(conn);
    if (exchange->client.subscriber)
        subscriber_catch_up(exchange->client.subscriber);
}

/* ---- the protocol ---- */

static void greet(struct client *client)
{
    struct exchange *exchange = exchange_of(&client->conn);
    if (!client->refused)
        return;
    exchange->closes = true;
    exchange_refuse(exchange, ERR_TOO_MANY_CONNECTIONS, 0, NULL);
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

const struct client_protocol exchange_protocol = {
    .handler =
        {
            .messages = CONN_REQUESTS,
            .input = on_input,
            .may_read = client_may_read,
            .unfinished = on_unfinished,
            .writable = on_writable,
            .overdue = on_overdue,
            .answer = on_answer,
            .leave = client_leave,
            .stop = client_stop,
            .busy = client_is_busy,
            .behind = client_is_behind,
            .close = client_close,
            .free = client_free,
        },
    .size = sizeof(struct exchange),
    .greet = greet,
    .kind = kind,
    .voter = voter,
};
