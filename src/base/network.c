/* Networks: prefixes of addresses. */
#include "base/network.h"

#include <stdio.h>
#include <string.h>

enum { ADDRESS_BITS = 128, V4_BITS = 32 };

/* The decimal number of one to three digits. Returns it, or -1 if the text is no number, or one
 * above `most`. */
static int parse_bits(const char *text, size_t len, int most)
{
    int bits = 0;
    if (len == 0 || len > 3)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        bits = bits * 10 + (text[i] - '0');
    }
    return bits <= most ? bits : -1;
}

/* The mask of a prefix in byte `i` of an address. */
static uint8_t mask_of(unsigned bits, unsigned i)
{
    unsigned rest = bits > 8 * i ? bits - 8 * i : 0;
    return (uint8_t)(rest >= 8 ? 0xff : 0xff00u >> rest);
}

int network_parse(struct network *network, const char *text, size_t len)
{
    const char *slash = memchr(text, '/', len);
    size_t address_len = slash ? (size_t)(slash - text) : len;
    if (address_parse(&network->address, text, address_len) != 0)
        return -1;
    int all = memchr(text, ':', address_len) ? ADDRESS_BITS : V4_BITS;
    int bits = slash ? parse_bits(slash + 1, len - address_len - 1, all) : all;
    if (bits < 0)
        return -1;
    network->bits = (uint8_t)(ADDRESS_BITS - all + bits);
    for (unsigned i = 0; i < sizeof network->address.s6_addr; i++)
        network->address.s6_addr[i] =
            (uint8_t)(network->address.s6_addr[i] & mask_of(network->bits, i));
    return 0;
}

bool network_has(const struct network *network, const struct in6_addr *address)
{
    for (unsigned i = 0; 8 * i < network->bits; i++)
        if ((address->s6_addr[i] & mask_of(network->bits, i)) != network->address.s6_addr[i])
            return false;
    return true;
}

bool networks_have(const struct networks *networks, const struct in6_addr *address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (network_has(&networks->list[i], address))
            return true;
    return false;
}

const char *network_text(const struct network *network, char text[NETWORK_TEXT_MAX])
{
    bool is_v4 = network->bits >= ADDRESS_BITS - V4_BITS && address_is_v4(&network->address);
    size_t len = address_text(&network->address, text);
    int bits = is_v4 ? network->bits - (ADDRESS_BITS - V4_BITS) : network->bits;
    if (network->bits < ADDRESS_BITS)
        snprintf(text + len, NETWORK_TEXT_MAX - len, "/%d", bits);
    return text;
}
