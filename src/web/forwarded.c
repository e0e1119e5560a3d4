/* X-Forwarded-For, -Proto and -Host.
 *
 * Each proxy appends the address of its client to X-Forwarded-For, in the line that came or in a
 * line of its own. All lines are one list (RFC 9110, 5.3), which is read from its end. Anybody may
 * have written what stands before an address that is no proxy of ours. So the last such item
 * decides; and none of our proxies wrote an item that is no address (`unknown`, or nothing at all).
 *
 * In the other two, the first value is what the browser asked for. They may lie: it is the page in
 * a browser that may set them, and a proxy may pass on what it set. Links go by them; a page gets
 * nothing by a lie, as long as Host and each value of X-Forwarded-Host are judged.
 *
 * Forwarded (RFC 7239) is not read: a proxy that writes one of the two kinds passes on what a
 * stranger wrote in the other, and the server can't tell which kind a proxy writes. */
#include "web/forwarded.h"

#include "proto/http_value.h"

static bool is_trusted(const struct networks *proxies, const union peer *peer)
{
    const struct in6_addr address = peer_address(peer);
    return networks_have(proxies, &address);
}

/* The result so far of reading the list. */
struct search {
    const struct networks *proxies;
    bool any;
    bool known; /* `address` asks, unless more follows */
    struct in6_addr address;
};

/* Some proxies put an item into quotation marks, as Forwarded would have an IPv6 address. */
static struct span without_quotes(struct span item)
{
    if (item.len >= 2 && item.at[0] == '"' && item.at[item.len - 1] == '"')
        return (struct span){item.at + 1, item.len - 2};
    return item;
}

static void take_item(struct search *search, struct span item)
{
    union peer peer;
    item = without_quotes(item);
    bool is_address = peer_parse(&peer, item.at, item.len) == 0;
    if (is_address && search->any && is_trusted(search->proxies, &peer))
        return;
    search->any = true;
    search->known = is_address;
    if (is_address)
        search->address = peer_address(&peer);
}

int forwarded_address(const struct http_request *request, const struct networks *proxies,
                      const union peer *peer, struct in6_addr *address)
{
    *address = peer_address(peer);
    if (!networks_have(proxies, address))
        return 0;
    struct search search = {.proxies = proxies};
    struct span line = {0}, item;
    while (http_next_line(request, HTTP_HEADER_X_FORWARDED_FOR, &line)) {
        struct span rest = line;
        while (http_next_item(&rest, &item))
            take_item(&search, item);
    }
    *address = search.address;
    return search.known ? 0 : -1;
}

/* The first value of a field, if a trusted proxy sent it; at is NULL for none. */
static struct span first_value(const struct http_request *request, enum http_header header,
                               const struct networks *proxies, const union peer *peer)
{
    struct span line = {0}, item;
    if (!is_trusted(proxies, peer) || !http_next_line(request, header, &line) ||
        !http_next_item(&line, &item) || item.len == 0)
        return (struct span){0};
    return item;
}

bool forwarded_is_https(const struct http_request *request, const struct networks *proxies,
                        const union peer *peer)
{
    struct span proto = first_value(request, HTTP_HEADER_X_FORWARDED_PROTO, proxies, peer);
    return proto.at && span_is_nocase(proto, "https");
}

bool forwarded_hosts_are(const struct http_request *request, const struct networks *proxies,
                         const union peer *peer, forwarded_host_test *test, const void *context)
{
    struct span host = request->headers[HTTP_HEADER_HOST], line = {0}, item;
    if (host.at && !test(context, host))
        return false;
    if (!is_trusted(proxies, peer))
        return true;
    while (http_next_line(request, HTTP_HEADER_X_FORWARDED_HOST, &line))
        for (struct span rest = line; http_next_item(&rest, &item);)
            if (item.len > 0 && !test(context, item))
                return false;
    return true;
}

struct span forwarded_host(const struct http_request *request, const struct networks *proxies,
                           const union peer *peer)
{
    struct span host = first_value(request, HTTP_HEADER_X_FORWARDED_HOST, proxies, peer);
    return host.at ? host : request->headers[HTTP_HEADER_HOST];
}
