/* Networks: addresses that begin with the same bits, as 10.0.0.0/8 and fd00::/8 write them. Any
 * thread. */
#ifndef TALLYCAST_NETWORK_H
#define TALLYCAST_NETWORK_H

#include "base/address.h"

enum {
    NETWORKS_MAX = 16,
    NETWORK_TEXT_MAX = ADDRESS_TEXT_MAX + 4, /* bytes, the NUL included: an address and /128 */
};

struct network {
    struct in6_addr address; /* 0 behind the prefix */
    uint8_t bits;            /* of the prefix; for IPv4, of the IPv4-mapped address: 96 more */
};

struct networks {
    size_t count;
    struct network list[NETWORKS_MAX];
};

/* Takes a network, or an address, which is a network of itself. Bits behind the prefix are ignored.
 * Returns 0, or -1 if it is neither. */
int network_parse(struct network *network, const char *text, size_t len)
    __attribute__((warn_unused_result));

bool network_has(const struct network *network, const struct in6_addr *address);

/* Whether one of them has the address. */
bool networks_have(const struct networks *networks, const struct in6_addr *address);

/* Writes it as network_parse takes it, with the prefix length unless that is the whole address.
 * Returns `text`. */
const char *network_text(const struct network *network, char text[NETWORK_TEXT_MAX]);

#endif
