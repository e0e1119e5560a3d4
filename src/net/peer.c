/* Peers' addresses, from text and to text. */
#include "net/peer.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PORT_DIGITS = 5, PORT_LAST = 65535 };

static bool has_address(const union peer *peer)
{
    return peer->family == AF_INET || peer->family == AF_INET6;
}

/* The decimal number after a colon. Returns it, or -1 if it is no port. */
static int parse_port(const char *text, size_t len)
{
    int port = 0;
    if (len == 0 || len > PORT_DIGITS)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        port = port * 10 + (text[i] - '0');
    }
    return port > 0 && port <= PORT_LAST ? port : -1;
}

/* The end of the address that begins at `text`: before its bracket, or before the one colon of an
 * IPv4 address with a port. */
static const char *address_end(const char *text, const char *end, bool bracketed)
{
    const char *stop = memchr(text, bracketed ? ']' : ':', (size_t)(end - text));
    if (!stop)
        return bracketed ? NULL : end;
    return !bracketed && memchr(stop + 1, ':', (size_t)(end - stop - 1)) ? end : stop;
}

static union peer make_peer(const struct in6_addr *address, unsigned port)
{
    union peer peer = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)}};
    peer.v6.sin6_addr = *address;
    if (!address_is_v4(address))
        return peer;
    peer = (union peer){.v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}};
    peer.v4.sin_addr = address_to_v4(address);
    return peer;
}

int peer_parse(union peer *peer, const char *text, size_t len)
{
    struct in6_addr address;
    const char *end = text + len;
    bool bracketed = len > 0 && *text == '[';
    const char *at = text + bracketed;
    const char *stop = address_end(at, end, bracketed);
    if (!stop || address_parse(&address, at, (size_t)(stop - at)) != 0)
        return -1;
    if (bracketed && !memchr(at, ':', (size_t)(stop - at)))
        return -1; /* nobody writes [192.0.2.1] */
    stop += bracketed;
    int port = 0;
    if (stop < end && (*stop != ':' || (port = parse_port(stop + 1, (size_t)(end - stop - 1))) < 0))
        return -1;
    *peer = make_peer(&address, (unsigned)port);
    return 0;
}

union peer peer_local(int fd)
{
    union peer local = {.family = AF_UNSPEC};
    socklen_t len = sizeof local;
    if (getsockname(fd, (struct sockaddr *)&local, &len) != 0)
        local.family = AF_UNSPEC;
    return local;
}

struct in6_addr peer_address(const union peer *peer)
{
    if (peer->family == AF_INET6)
        return peer->v6.sin6_addr;
    return peer->family == AF_INET ? address_of_v4(peer->v4.sin_addr) : in6addr_any;
}

unsigned peer_port(const union peer *peer)
{
    if (peer->family == AF_INET6)
        return ntohs(peer->v6.sin6_port);
    return peer->family == AF_INET ? ntohs(peer->v4.sin_port) : 0;
}

size_t peer_address_text(const union peer *peer, char text[PEER_TEXT_MAX])
{
    if (!has_address(peer))
        return strlen(strcpy(text, "local"));
    const struct in6_addr address = peer_address(peer);
    return address_text(&address, text);
}

const char *peer_text(const union peer *peer, char text[PEER_TEXT_MAX])
{
    char host[PEER_TEXT_MAX];
    peer_address_text(peer, host);
    if (!has_address(peer))
        return strcpy(text, host);
    snprintf(text, PEER_TEXT_MAX, strchr(host, ':') ? "[%.48s]:%u" : "%.48s:%u", host,
             peer_port(peer));
    return text;
}
