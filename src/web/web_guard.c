/* The guard: checks that keep other sites' pages from acting through a reader's browser, and the
 * address that votes. On the worker's thread.
 *
 * A page may bind a name of its own to this server's address (DNS rebinding), and would then have
 * the same origin; so the Host must be one of the server's names. A page of another site may post a
 * form; so a ballot's Origin must be the server's own. */
#include "web/web_guard.h"

#include "base/log.h"
#include "config/config.h"
#include "proto/line.h"
#include "web/forwarded.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* ---- the host ---- */

/* A Host without its port. One whose port is no number stays whole, and so matches no name. */
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

/* A dot at a name's end only says that the name is complete. */
static struct span without_dot(struct span name)
{
    if (name.len > 1 && name.at[name.len - 1] == '.')
        name.len--;
    return name;
}

static bool is_name(struct span host, const char *name)
{
    return host.len == strlen(name) && strncasecmp(host.at, name, host.len) == 0;
}

/* Whether the host is an address. An address is no name, so nobody can have rebound it. */
static bool is_literal(struct span host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    bool bracketed = host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    if (bracketed)
        host = (struct span){host.at + 1, host.len - 2};
    if (host.len >= sizeof text)
        return false;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    return inet_pton(bracketed ? AF_INET6 : AF_INET, text, &address) == 1;
}

/* Whether the host is the machine's own name, or its name in the local network (mDNS). */
static bool is_machine(struct span host)
{
    char name[HOST_NAME_MAX + sizeof ".local"];
    if (gethostname(name, HOST_NAME_MAX + 1) != 0)
        return false;
    name[HOST_NAME_MAX] = '\0';
    if (is_name(host, name))
        return name[0] != '\0';
    name[strcspn(name, ".")] = '\0';
    strcat(name, ".local");
    return is_name(host, name);
}

/* Whether the server goes by a host, with its port. */
static bool is_own_host(const void *context, struct span host)
{
    const struct config *config = context;
    host = host_name(host);
    if (is_literal(host))
        return true;
    host = without_dot(host);
    if (is_name(host, "localhost"))
        return true;
    for (size_t i = 0; i < config->http_host_count; i++)
        if (is_name(host, config->http_hosts[i]) || strcmp(config->http_hosts[i], "*") == 0)
            return true;
    return is_name(host, config->http.host) || is_machine(host);
}

/* No page can forge its browser's Host, but it may write X-Forwarded-Host, which many a proxy
 * passes on. So what a proxy tells is judged besides Host, not in its place. HTTP/1.0, which no
 * browser speaks, may name no host. */
int web_guard_host(const struct web_session *session, const struct http_request *request,
                   const char **why)
{
    const struct client *client = &session->client;
    const struct config *config = client->worker->server->config;
    if (forwarded_hosts_are(request, &config->proxies, &client->conn.peer, is_own_host, config))
        return 0;
    *why = "the server does not go by that name; --http-host adds one";
    return 421;
}

/* ---- origins ---- */

/* A host and port without the port that its scheme has anyway. */
static struct span without_port(struct span host, const char *port)
{
    size_t len = strlen(port);
    if (host.len > len && memcmp(host.at + host.len - len, port, len) == 0)
        host.len -= len;
    return host;
}

static bool is_same_host(struct span a, struct span b)
{
    return a.len == b.len && a.len > 0 && strncasecmp(a.at, b.at, a.len) == 0;
}

/* Whether an origin is the host's. The scheme, one of two, is not compared: a proxy may have taken
 * TLS off. */
static bool is_origin_of(struct span origin, struct span host)
{
    static const struct {
        struct span begin;
        const char *port;
    } schemes[] = {{{"http://", 7}, ":80"}, {{"https://", 8}, ":443"}};
    for (size_t i = 0; i < 2; i++) {
        struct span begin = schemes[i].begin;
        if (origin.len <= begin.len || memcmp(origin.at, begin.at, begin.len) != 0)
            continue;
        struct span own = {origin.at + begin.len, origin.len - begin.len};
        return is_same_host(without_port(own, schemes[i].port),
                            without_port(host, schemes[i].port));
    }
    return false;
}

/* No page can forge the Sec-Fetch-Site of its browser. So same-origin is enough, also behind a
 * proxy that changes the Host. */
bool web_guard_is_own_origin(const struct web_session *session, const struct http_request *request)
{
    struct span site = request->headers[HTTP_HEADER_SEC_FETCH_SITE];
    struct span origin = request->headers[HTTP_HEADER_ORIGIN];
    if (site.at && span_is(site, "same-origin"))
        return true;
    if (site.at && !span_is(site, "none"))
        return false;
    return !origin.at || is_origin_of(origin, web_guard_asked_host(session, request));
}

void web_guard_describe_origin(const struct web_session *session,
                               const struct http_request *request, char text[WEB_GUARD_TEXT_MAX])
{
    struct span origin = request->headers[HTTP_HEADER_ORIGIN];
    struct span host = web_guard_asked_host(session, request);
    const int most = (WEB_GUARD_TEXT_MAX - 128) / 2;
    int n = snprintf(text, WEB_GUARD_TEXT_MAX,
                     "a page of another site may not vote here: its origin is %.*s, and the "
                     "request is for %.*s (a proxy must pass Host on)",
                     origin.len < (size_t)most ? (int)origin.len : most, origin.at,
                     host.len < (size_t)most ? (int)host.len : most, host.at);
    if (!origin.at || !host.at || !line_is_text(text, (size_t)n))
        strcpy(text, "a page of another site may not vote here");
}

bool web_guard_is_navigation(const struct http_request *request)
{
    struct span destination = request->headers[HTTP_HEADER_SEC_FETCH_DEST];
    return !destination.at || span_is(destination, "document");
}

bool web_guard_is_cors(const struct web_session *session, const struct http_request *request)
{
    const char *allowed = session->client.worker->server->config->cors;
    struct span origin = request->headers[HTTP_HEADER_ORIGIN];
    if (!allowed || !origin.at || request->method == HTTP_POST)
        return false;
    return strcmp(allowed, "*") == 0 || span_is(origin, allowed);
}

/* ---- what proxies tell ---- */

bool web_guard_is_proxy(const struct web_session *session)
{
    const struct in6_addr address = peer_address(&session->client.conn.peer);
    return networks_have(&session->client.worker->server->config->proxies, &address);
}

struct span web_guard_asked_host(const struct web_session *session,
                                 const struct http_request *request)
{
    const struct client *client = &session->client;
    return forwarded_host(request, &client->worker->server->config->proxies, &client->conn.peer);
}

bool web_guard_is_https(const struct web_session *session, const struct http_request *request)
{
    const struct client *client = &session->client;
    return forwarded_is_https(request, &client->worker->server->config->proxies,
                              &client->conn.peer);
}

/* Logged once in the process's life: each ballot that is refused for it says so, too. */
static void log_silent_proxy(const union peer *peer)
{
    static atomic_flag logged = ATOMIC_FLAG_INIT;
    char text[PEER_TEXT_MAX];
    if (atomic_flag_test_and_set(&logged))
        return;
    peer_address_text(peer, text);
    log_warning("the trusted proxy %s does not say in X-Forwarded-For who asks: ballots in polls "
                "with voters=address are refused",
                text);
}

/* Logged once in the process's life: anybody may write the field, so that is all that can be
 * done. */
static void log_unknown_proxy(const union peer *peer)
{
    static atomic_flag logged = ATOMIC_FLAG_INIT;
    char text[PEER_TEXT_MAX];
    if (atomic_flag_test_and_set(&logged))
        return;
    peer_address_text(peer, text);
    log_warning("%s seems to be a proxy, for it says in X-Forwarded-For who asks, but it is no "
                "--trusted-proxy: in polls with voters=address all who come by it are one voter",
                text);
}

bool web_guard_asker(const struct web_session *session, const struct http_request *request,
                     struct in6_addr *address)
{
    const struct client *client = &session->client;
    return forwarded_address(request, &client->worker->server->config->proxies, &client->conn.peer,
                             address) == 0;
}

size_t web_guard_address(const struct web_session *session, const struct http_request *request,
                         char text[PEER_TEXT_MAX])
{
    const struct client *client = &session->client;
    const union peer *peer = &client->conn.peer;
    struct in6_addr address;
    if (!web_guard_asker(session, request, &address)) {
        log_silent_proxy(peer);
        return 0;
    }
    if (request->headers[HTTP_HEADER_X_FORWARDED_FOR].at && !web_guard_is_proxy(session))
        log_unknown_proxy(peer);
    return address_text(&address, text);
}
