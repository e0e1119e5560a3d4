/* Heads and bodies of replies. Runs on the thread of the worker that owns the connection.
 *
 * Fails: if memory is short for a reply's body, the request is refused with LIMIT; for the
 * refusal's body, that is left out; for the head, the connection is doomed. */
#include "web/web_reply.h"

#include "base/log.h"
#include "config/config.h"
#include "proto/http.h"
#include "web/page.h"
#include "web/policy.h"
#include "web/problem.h"

#include <string.h>
#include <time.h>

enum { DATE_CHARS = 29 };

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

/* Puts the fields that restrain a page's scripts, and who may embed the page. */
static char *put_page_fields(char *at)
{
    at = http_put_field(at, "Content-Security-Policy", policy_text());
    return http_put_field(at, "Referrer-Policy", "same-origin");
}

static char *put_cors_fields(char *at, const struct web_session *session)
{
    const char *allowed = session->client.worker->server->config->cors;
    if (session->cors)
        at = http_put_field(at, "Access-Control-Allow-Origin", allowed);
    if (allowed && strcmp(allowed, "*") != 0)
        at = http_put_field(at, "Vary", "Origin");
    return at;
}

static char *put_cookie(char *at, struct web_session *session)
{
    if (!session->sets_cookie)
        return at;
    char cookie[VOTER_COOKIE_SIZE];
    voter_cookie_put(&session->voter, session->https, cookie);
    session->sets_cookie = false;
    return http_put_field(at, "Set-Cookie", cookie);
}

static char *put_head(char *at, struct web_session *session, const struct web_response *response)
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
    if (response->endless)
        at = http_put_field(at, "X-Accel-Buffering", "no"); /* nginx gathers replies otherwise */
    at = put_cors_fields(at, session);
    at = put_cookie(at, session);
    if (session->closes_for != CLOSE_NONE)
        at = http_put_field(at, "Connection", "close");
    if (!response->endless && response->status != 204 && response->status != 304)
        at = http_put_length(at, response->len);
    return http_put_end(at);
}

enum web_result web_reply(struct web_session *session, const struct web_response *response)
{
    struct conn *conn = &session->client.conn;
    bool has_body = !session->head && response->status != 304;
    if (session->closes_for == CLOSE_NONE && response->endless && has_body)
        session->closes_for = CLOSE_QUIT;
    if (session->closes_for == CLOSE_NONE && session->client.worker->stage >= WORKER_STOPPING)
        session->closes_for = CLOSE_STOP;
    if (!has_body)
        conn->pool->unsent_made += response->len;
    char *out = conn_reserve(conn, HTTP_REPLY_HEAD_MAX + response->len);
    if (!out)
        return WEB_REPLIED;
    char *end = put_head(out, session, response);
    INVARIANT(end - out <= HTTP_REPLY_HEAD_MAX);
    if (has_body && response->len > 0) {
        memcpy(end, response->body, response->len);
        end += response->len;
    }
    conn_wrote(conn, (size_t)(end - out));
    if (session->closes_for != CLOSE_NONE && !session->streams)
        conn_finish(conn, (enum close_reason)session->closes_for);
    return WEB_REPLIED;
}

enum web_result web_reply_buffer(struct web_session *session, struct web_response *response,
                                 struct buffer *body, bool failed)
{
    if (failed) {
        buffer_free(body);
        return web_refuse(session, ERR_LIMIT, 0, NULL);
    }
    response->body = body->bytes;
    response->len = body->len;
    web_reply(session, response);
    buffer_free(body);
    return WEB_REPLIED;
}

struct page_place web_place(const struct web_session *session, char root[WEB_ROOT_SIZE])
{
    char *at = root;
    for (unsigned i = 0; i < session->depth; i++)
        at = stpcpy(at, "../");
    *at = '\0';
    return (struct page_place){root, tally_ledger(session->client.worker->server->tally)};
}

static int make_refusal(const struct web_session *session, const struct web_refusal *refusal,
                        struct buffer *body)
{
    /* A browser's form was for a poll, so the way back is the poll's page. */
    const char *poll = session->poll ? session->poll->name.text : NULL;
    if (session->html) {
        char root[WEB_ROOT_SIZE];
        const struct page_place place = web_place(session, root);
        return page_error(body, &place, refusal->status, http_reason(refusal->status),
                          refusal->detail, poll);
    }
    return problem_append(body, refusal->status, refusal->code, refusal->detail, refusal->seq);
}

/* If memory is short, a refusal has no body. */
enum web_result web_refuse_as(struct web_session *session, const struct web_refusal *refusal)
{
    struct buffer body = {0};
    struct web_response response = {
        .status = refusal->status,
        .type = session->html ? TYPE_HTML : PROBLEM_TYPE,
        .allow = refusal->allow,
        .page = session->html,
        .retries = refusal->status == 503,
    };
    if (make_refusal(session, refusal, &body) == 0) {
        response.body = body.bytes;
        response.len = body.len;
    }
    web_reply(session, &response);
    buffer_free(&body);
    return WEB_REPLIED;
}

enum web_result web_refuse(struct web_session *session, enum error error, uint64_t seq,
                           const char *detail)
{
    const struct web_refusal refusal = {
        .status = error_status(error),
        .code = error_code(error),
        .seq = seq,
        .detail = detail ? detail : error_detail(error),
    };
    return web_refuse_as(session, &refusal);
}

enum web_result web_refuse_status(struct web_session *session, int status, const char *detail)
{
    const struct web_refusal refusal = {.status = status, .detail = detail};
    return web_refuse_as(session, &refusal);
}
