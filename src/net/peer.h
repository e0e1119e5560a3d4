/* A peer: the other end of a connection, by its address. Any thread. */
#ifndef TALLYCAST_PEER_H
#define TALLYCAST_PEER_H

#include "base/address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* As the kernel gives it; family AF_UNIX for the admin socket. */
union peer {
    sa_family_t family;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Longest: [IPv6]:65535. The NUL included. */
enum { PEER_TEXT_MAX = 64 };

/* Takes an address as a proxy or a person writes it, with or without a port: 192.0.2.1,
 * 192.0.2.1:4711, 2001:db8::1, [2001:db8::1], [2001:db8::1]:4711. An IPv4-mapped one becomes IPv4;
 * without a port it has port 0. Returns 0, or -1 if the text is no address. */
int peer_parse(union peer *peer, const char *text, size_t len) __attribute__((warn_unused_result));

/* The address at which a connected or bound TCP socket is reached. AF_UNSPEC if the kernel does not
 * say. */
union peer peer_local(int fd);

/* The address alone, IPv4 as IPv4-mapped; all zero if there is none. */
struct in6_addr peer_address(const union peer *peer);
unsigned peer_port(const union peer *peer);

/* For a person: `127.0.0.1:4711`, `[::1]:4711`; `local` if there is no address. Returns `text`. */
const char *peer_text(const union peer *peer, char text[PEER_TEXT_MAX]);

/* The address alone, as voters=address knows it: `127.0.0.1`, `::1`; `local` if there is none.
 * Returns its length. */
size_t peer_address_text(const union peer *peer, char text[PEER_TEXT_MAX]);

#endif
