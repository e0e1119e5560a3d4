/* An IP address, always as IPv6; an IPv4 address is IPv4-mapped (::ffff:192.0.2.1). So an IPv4
 * address is the same whichever way it was written or came in. Any thread. */
#ifndef TALLYCAST_ADDRESS_H
#define TALLYCAST_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum { ADDRESS_TEXT_MAX = INET6_ADDRSTRLEN }; /* bytes, the NUL included */

/* Parses an address without port or brackets; names and zones (%eth0) are refused. Returns 0, or -1
 * if it is no address. */
int address_parse(struct in6_addr *address, const char *text, size_t len)
    __attribute__((warn_unused_result));

bool address_is_v4(const struct in6_addr *address);
struct in6_addr address_of_v4(struct in_addr v4);
struct in_addr address_to_v4(const struct in6_addr *address); /* of one that is IPv4 */

/* Writes it in its one canonical form: 192.0.2.1, 2001:db8::1. Returns its length. */
size_t address_text(const struct in6_addr *address, char text[ADDRESS_TEXT_MAX]);

#endif
