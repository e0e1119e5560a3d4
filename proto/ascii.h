/* Letters of the protocol's words: ASCII only, whatever the locale says. */
#ifndef TALLYCAST_PROTO_ASCII_H
#define TALLYCAST_PROTO_ASCII_H

#include <stdbool.h>

/* The letter in lower case; any other byte as it is. */
static inline char ascii_fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether a character separates words: a space or TAB. */
static inline bool ascii_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

#endif
