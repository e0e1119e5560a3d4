/* The HTTP codec's grammar: the head of a request, taken apart by llhttp in its strict mode.
 * Internal to the codec; proto/http.c says which part of it the server takes. (llhttp.h declares
 * names that http.h declares too, so only http_head.c includes it.) */
#ifndef TALLYCAST_PROTO_HTTP_HEAD_H
#define TALLYCAST_PROTO_HTTP_HEAD_H

#include "proto/span.h"

#include <stddef.h>

enum http_head_result {
    HTTP_HEAD_WHOLE,
    HTTP_HEAD_PART, /* it is well-formed as far as it goes */
    HTTP_HEAD_MALFORMED,
    HTTP_HEAD_BAD_METHOD,  /* none that llhttp knows, or not even a word */
    HTTP_HEAD_BAD_VERSION, /* HTTP/1.2, 3.0 */
    HTTP_HEAD_BAD_CODING,  /* Transfer-Encoding lists codings that make no sense */
};

/* A head's contents. Spans point into the head. */
struct http_head {
    struct span target;
    unsigned major, minor; /* HTTP/major.minor */
    bool names_close;      /* Connection does */
    bool names_keep_alive;
    size_t len; /* bytes, the empty line included; set if it is whole */
    /* Set by the caller; called for each field, in order. The value may have blanks at its end. */
    void (*field)(void *context, struct span name, struct span value);
    void *context;
};

/* Puts a chunked body together. The `len` bytes begin with a head that http_head_parse has found
 * whole, and that says `chunked`; the body goes to `body`, which has room for as many bytes as come
 * behind that head. Returns how many bytes the request has, head and body, with *body_len set; 0 if
 * it is not whole; or -1 if it is malformed or has trailers, with *why a static text. */
ptrdiff_t http_chunks_join(const char *at, size_t len, char *body, size_t *body_len,
                           const char **why);

/* Takes apart a head, or the beginning of one, which begins with its request line; it does not look
 * behind the head. For a refusal, *why is a static text. */
enum http_head_result http_head_parse(const char *at, size_t len, struct http_head *head,
                                      const char **why);

#endif
