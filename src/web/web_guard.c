/* Who may ask, and who votes: the checks that keep other sites' pages from acting through a
 * reader's browser. On the worker's thread.
 *
 * A page may bind a name of its own to this server's address (DNS rebinding) and would then be of
 * the same origin: so the Host must be one that the server goes by. A page of another site may post
 * a form: so a ballot's Origin must be the server's own. */
#include "web/web_guard.h"

#include "config/config.h"

#include <string.h>
#include <strings.h>

/* A Host without its port. One whose port is no number stays whole, and is nobody's name. */
static struct span host_name(struct span host)
{
    const char *colon = host.len > 0 ? memrchr(host.at, ':', host.len) : NULL;
    const char *bracket = host.len > 0 ? memrchr(host.at, ']', host.len) : NULL;
    if (!colon || (bracket && bracket > colon))
        return host;
    for (const char *at = colon + 1; at < host.at + host.len; at++)
        if (*at < '0' || *at > '9')
            return host;
    host.len = (size_t)(colon - host.at);
    return host;
}

static bool is_name(struct span host, const char *name)
{
    return host.len == strlen(name) && strncasecmp(host.at, name, host.len) == 0;
}

/* Whether the host is this address; one with colons stands in brackets. */
static bool is_address(struct span host, const char *address)
{
    if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
        host = (struct span){host.at + 1, host.len - 2};
    return is_name(host, address);
}

/* Whether the host is the address at which the connection arrived: where the server listens on all
 * of the machine's, that is how it is reached. */
static bool is_local_address(const struct web_session *session, struct span host)
{
    const union peer local = peer_local(session->client.conn.fd);
    char text[PEER_TEXT_MAX];
    peer_address_text(&local, text);
    return local.family != AF_UNSPEC && is_address(host, text);
}

int web_guard_host(const struct web_session *session, const struct http_request *request,
                   const char **why)
{
    const struct config *config = session->client.worker->server->config;
    struct span host = host_name(request->headers[HTTP_HEADER_HOST]);
    if (!host.at) /* HTTP/1.0, which no browser speaks */
        return 0;
    if (is_name(host, "localhost") || is_address(host, config->http.host))
        return 0;
    for (size_t i = 0; i < config->http_host_count; i++)
        if (is_name(host, config->http_hosts[i]))
            return 0;
    if (is_local_address(session, host))
        return 0;
    *why = "the server does not go by that name; --http-host adds one";
    return 421;
}

static bool is_span(struct span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

bool web_guard_is_own_origin(const struct http_request *request)
{
    struct span site = request->headers[HTTP_HEADER_SEC_FETCH_SITE];
    if (site.at && !is_span(site, "same-origin") && !is_span(site, "none"))
        return false;
    struct span origin = request->headers[HTTP_HEADER_ORIGIN];
    struct span host = request->headers[HTTP_HEADER_HOST];
    if (!origin.at)
        return true;
    const char *after = origin.len > 7 && memcmp(origin.at, "http://", 7) == 0    ? origin.at + 7
                        : origin.len > 8 && memcmp(origin.at, "https://", 8) == 0 ? origin.at + 8
                                                                                  : NULL;
    return after && host.at && (size_t)(origin.at + origin.len - after) == host.len &&
           strncasecmp(after, host.at, host.len) == 0;
}

bool web_guard_has_sent_cookies(const struct http_request *request)
{
    struct span site = request->headers[HTTP_HEADER_SEC_FETCH_SITE];
    return site.at &&
           (is_span(site, "same-origin") || is_span(site, "same-site") || is_span(site, "none"));
}

bool web_guard_is_cors(const struct web_session *session, const struct http_request *request)
{
    const char *allowed = session->client.worker->server->config->cors;
    struct span origin = request->headers[HTTP_HEADER_ORIGIN];
    if (!allowed || !origin.at || request->method == HTTP_POST)
        return false;
    return strcmp(allowed, "*") == 0 || is_span(origin, allowed);
}

static bool is_trusted(const struct config *config, const char *text)
{
    struct in6_addr address;
    return address_parse(&address, text, strlen(text)) == 0 &&
           networks_have(&config->proxies, &address);
}

/* Takes the last address of a list off it. Returns whether it was one. */
static bool last_address(struct span *list, char text[PEER_TEXT_MAX])
{
    const char *comma = list->len > 0 ? memrchr(list->at, ',', list->len) : NULL;
    const char *at = comma ? comma + 1 : list->at;
    size_t len = (size_t)(list->at + list->len - at);
    list->len = comma ? (size_t)(comma - list->at) : 0;
    for (; len > 0 && (*at == ' ' || *at == '\t'); len--)
        at++;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    union peer peer;
    if (peer_parse(&peer, at, len) != 0)
        return false;
    peer_address_text(&peer, text);
    return true;
}

/* Each proxy appends who asked it. So from the end of the list the first that is no proxy of ours
 * is the voter; what stands before it anybody may have written. */
size_t web_guard_address(const struct web_session *session, const struct http_request *request,
                         char text[PEER_TEXT_MAX])
{
    const struct config *config = session->client.worker->server->config;
    struct span list = request->headers[HTTP_HEADER_X_FORWARDED_FOR];
    size_t len = peer_address_text(&session->client.conn.peer, text);
    if (!list.at || !is_trusted(config, text))
        return len;
    do {
        if (!last_address(&list, text))
            return 0;
    } while (is_trusted(config, text) && list.len > 0);
    return strlen(text);
}
