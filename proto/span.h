/* Bytes inside something else: a line, a request, a template. Any thread. */
#ifndef TALLYCAST_PROTO_SPAN_H
#define TALLYCAST_PROTO_SPAN_H

#include "proto/ascii.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Not NUL-terminated, and valid as long as what it points into. at is NULL if absent. */
struct span {
    const char *at;
    size_t len;
};

/* Whether the span holds exactly the bytes of the NUL-terminated `text`. */
static inline bool span_is(struct span span, const char *text)
{
    return span.len == strlen(text) && (span.len == 0 || memcmp(span.at, text, span.len) == 0);
}

/* The same, the case of ASCII letters ignored. */
static inline bool span_is_nocase(struct span span, const char *text)
{
    for (size_t left = span.len; left > 0; left--, span.at++, text++)
        if (*text == '\0' || ascii_fold(*span.at) != ascii_fold(*text))
            return false;
    return *text == '\0';
}

/* The span without the spaces and TABs around it. */
static inline struct span span_trim(struct span span)
{
    while (span.len > 0 && ascii_is_blank(span.at[0])) {
        span.at++;
        span.len--;
    }
    while (span.len > 0 && ascii_is_blank(span.at[span.len - 1]))
        span.len--;
    return span;
}

/* Cuts the part before the first `mark` off `rest`, and drops the mark; cuts off all of `rest` if
 * there is none. */
static inline struct span span_cut(struct span *rest, char mark)
{
    const char *at = rest->len > 0 ? memchr(rest->at, mark, rest->len) : NULL;
    struct span piece = {rest->at, at ? (size_t)(at - rest->at) : rest->len};
    size_t taken = piece.len + (at ? 1 : 0);
    rest->at += taken;
    rest->len -= taken;
    return piece;
}

#endif
