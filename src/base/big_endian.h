/* Integers as big-endian bytes, most significant byte first, as files and hashes have them. Any
 * thread. */
#ifndef TALLYCAST_BIG_ENDIAN_H
#define TALLYCAST_BIG_ENDIAN_H

#include <stdint.h>

/* Writes the lowest `bytes` bytes of a number; at most 8. */
static inline void big_endian_put(unsigned char *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
}

static inline uint64_t big_endian_get(const unsigned char *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | from[i];
    return value;
}

static inline uint32_t big_endian_32(const unsigned char *from)
{
    return (uint32_t)big_endian_get(from, 4);
}

#endif
