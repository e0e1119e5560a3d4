/* Letters of the protocol's words: ASCII only, whatever the locale says. */
#ifndef TALLYCAST_PROTO_ASCII_H
#define TALLYCAST_PROTO_ASCII_H

#include <stdbool.h>
#include <stddef.h>

/* The letter in lower case; any other byte as it is. */
static inline char ascii_fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Whether `word` is the NUL-terminated `name`, the case of letters ignored. */
static inline bool ascii_equal(const char *word, size_t len, const char *name)
{
    const char *end = word + len;
    for (; word < end; word++, name++)
        if (*name == '\0' || ascii_fold(*word) != ascii_fold(*name))
            return false;
    return *name == '\0';
}

#endif
