/* IP addresses: text to bytes, and back. */
#include "base/address.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4_AT = 12 }; /* offset of the IPv4 address in a mapped one, in bytes */

static const struct in6_addr v4_mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

bool address_is_v4(const struct in6_addr *address)
{
    return memcmp(address, &v4_mapped, V4_AT) == 0;
}

struct in6_addr address_of_v4(struct in_addr v4)
{
    struct in6_addr address = v4_mapped;
    memcpy(&address.s6_addr[V4_AT], &v4, sizeof v4);
    return address;
}

struct in_addr address_to_v4(const struct in6_addr *address)
{
    struct in_addr v4;
    memcpy(&v4, &address->s6_addr[V4_AT], sizeof v4);
    return v4;
}

int address_parse(struct in6_addr *address, const char *text, size_t len)
{
    char given[ADDRESS_TEXT_MAX];
    if (len == 0 || len >= sizeof given || memchr(text, '\0', len))
        return -1;
    memcpy(given, text, len);
    given[len] = '\0';
    if (inet_pton(AF_INET6, given, address) == 1)
        return 0;
    struct in_addr v4;
    if (inet_pton(AF_INET, given, &v4) != 1)
        return -1;
    *address = address_of_v4(v4);
    return 0;
}

size_t address_text(const struct in6_addr *address, char text[ADDRESS_TEXT_MAX])
{
    const char *made = address_is_v4(address)
                           ? inet_ntop(AF_INET, &address->s6_addr[V4_AT], text, ADDRESS_TEXT_MAX)
                           : inet_ntop(AF_INET6, address, text, ADDRESS_TEXT_MAX);
    INVARIANT(made);
    return strlen(text);
}
