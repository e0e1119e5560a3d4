/* Pages, their files, and the plain routes. On the worker's thread. */
#include "web/web_internal.h"

#include "web/asset.h"
#include "view/journey_view.h"
#include "json/json.h"
#include "ledger/ledger.h"
#include "view/metrics.h"
#include "web/page.h"
#include "web/template.h"

#include <stdio.h>
#include <string.h>

enum { ASSET_NAME_MAX = 64, URL_MAX = 512 };

/* ---- pages ---- */

/* Replies with a page that a page_* function made, with its result. */
static enum route_result reply_page(struct exchange *exchange, struct buffer *body, int result)
{
    struct response response = {
        .status = 200, .type = TYPE_HTML, .page = true, .varies_by_kind = true};
    if (result != TEMPLATE_BROKEN)
        return exchange_reply_buffer(exchange, &response, body, result != 0);
    buffer_free(body);
    return exchange_refuse_status(exchange, 500, "the page can't be made; the log says why");
}

enum route_result exchange_index(struct exchange *exchange, const struct call *call)
{
    uint64_t after, limit, newest;
    if (!exchange_read_range(call, &after, &limit))
        return exchange_refuse(exchange, ERR_BAD_ARGUMENT, 0, EXCHANGE_RANGE_RULE);
    struct buffer body = {0};
    json_t *list = exchange_list(exchange, after, limit, &newest);
    int result = list ? page_index(&body, list) : TEMPLATE_NO_MEMORY;
    json_decref(list);
    return reply_page(exchange, &body, result);
}

/* The choice that the query says was just voted for, or NULL. */
static const char *voted_choice(struct span query, char choice[PROTO_NAME_MAX + 1])
{
    struct span name, value;
    while (http_next_pair(&query, &name, &value))
        if (name.len == 5 && memcmp(name.at, "voted", 5) == 0 &&
            http_decode(value, true, choice, PROTO_NAME_MAX + 1) > 0)
            return choice;
    return NULL;
}

enum route_result exchange_poll_page(struct exchange *exchange, const struct call *call)
{
    const struct poll *poll = exchange_find_poll(exchange, call);
    if (!poll)
        return exchange_refuse(exchange, ERR_NO_SUCH_POLL, 0, NULL);
    /* Who comes by another site's link has sent no cookie (SameSite=Strict) and may have one, which
     * a new one would replace. Of whom that is not known gets his with the first ballot, which
     * never comes from another site. */
    if (poll_setting(poll, SETTING_VOTERS) == VOTERS_CONNECTION &&
        exchange_has_sent_cookies(call->request))
        exchange_know_voter(exchange, call->request);
    uint64_t seq;
    char choice[PROTO_NAME_MAX + 1];
    struct buffer body = {0};
    json_t *json = exchange_read_poll(exchange, poll->id, &seq);
    int result = json ? page_poll(&body, json, voted_choice(call->request->query, choice))
                      : TEMPLATE_NO_MEMORY;
    json_decref(json);
    return reply_page(exchange, &body, result);
}

/* The voting page's address as this browser would write it; where it names no host (HTTP/1.0), by
 * the address at which it arrived. */
static void make_url(char url[URL_MAX], const struct exchange *exchange, struct span host,
                     const struct poll *poll)
{
    char text[PEER_TEXT_MAX];
    const union peer local = peer_local(exchange->client.conn.fd);
    if (!host.at)
        host = (struct span){text, strlen(peer_text(&local, text))};
    snprintf(url, URL_MAX, "http://%.*s/p/%s", (int)host.len, host.at, poll->name.text);
}

enum route_result exchange_screen(struct exchange *exchange, const struct call *call)
{
    const struct poll *poll = exchange_find_poll(exchange, call);
    if (!poll)
        return exchange_refuse(exchange, ERR_NO_SUCH_POLL, 0, NULL);
    char url[URL_MAX];
    uint64_t seq;
    make_url(url, exchange, call->request->headers[HTTP_HEADER_HOST], poll);
    struct buffer body = {0};
    json_t *json = exchange_read_poll(exchange, poll->id, &seq);
    int result = json ? page_screen(&body, json, url) : TEMPLATE_NO_MEMORY;
    json_decref(json);
    return reply_page(exchange, &body, result);
}

enum route_result exchange_journey(struct exchange *exchange, const struct call *call)
{
    (void)call;
    struct buffer body = {0};
    json_t *json = journey_json(exchange->client.worker->server);
    int result = json ? page_journey(&body, json) : TEMPLATE_NO_MEMORY;
    json_decref(json);
    return reply_page(exchange, &body, result);
}

enum route_result exchange_asset(struct exchange *exchange, const struct call *call)
{
    char name[ASSET_NAME_MAX];
    const struct http_request *request = call->request;
    const struct asset *asset =
        http_decode(call->name, false, name, sizeof name) > 0 ? asset_find(name) : NULL;
    if (!asset)
        return exchange_refuse_status(exchange, 404, "there is no such file");
    bool gzip = http_accepts(request->headers[HTTP_HEADER_ACCEPT_ENCODING], "gzip");
    struct span bytes = gzip ? asset->gzip : asset->plain;
    bool has = http_etag_matches(request->headers[HTTP_HEADER_IF_NONE_MATCH], asset->etag);
    const struct response response = {
        .status = has ? 304 : 200,
        .type = asset->type,
        .etag = asset->etag,
        .encoding = gzip ? "gzip" : NULL,
        .cache = "no-cache",
        .varies_by_kind = true,
        .body = bytes.at,
        .len = bytes.len,
    };
    return exchange_reply(exchange, &response);
}

/* ---- plain routes ---- */

static enum route_result reply_text(struct exchange *exchange, int status, const char *text)
{
    const struct response response = {
        .status = status, .type = TYPE_TEXT, .body = text, .len = strlen(text)};
    return exchange_reply(exchange, &response);
}

enum route_result exchange_hello(struct exchange *exchange, const struct call *call)
{
    (void)call;
    return reply_text(exchange, 200, "Hello from tallycast.\n");
}

enum route_result exchange_about(struct exchange *exchange, const struct call *call)
{
    (void)call;
    return reply_text(exchange, 200, "tallycast " PACKAGE_VERSION "\nprotocol 1\n");
}

enum route_result exchange_healthz(struct exchange *exchange, const struct call *call)
{
    (void)call;
    return reply_text(exchange, 200, "alive\n");
}

/* Whatever answers here has loaded its ledger. */
enum route_result exchange_readyz(struct exchange *exchange, const struct call *call)
{
    (void)call;
    if (!ledger_is_writable(exchange->client.worker->server->ledger))
        return exchange_refuse(exchange, ERR_STORAGE, 0, "the database took nothing the last time");
    return reply_text(exchange, 200, "ready\n");
}

enum route_result exchange_metrics(struct exchange *exchange, const struct call *call)
{
    (void)call;
    struct buffer body = {0};
    struct response response = {.status = 200, .type = METRICS_TYPE};
    bool failed = metrics_append(&body, exchange->client.worker->server) != 0;
    return exchange_reply_buffer(exchange, &response, &body, failed);
}
