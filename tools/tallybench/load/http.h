/* HTTP as the load speaks it: requests as text, and replies off a connection, one after the other.
 * Framing and heads are llhttp's business. No I/O. One thread each. */
#ifndef TALLYCAST_TOOLS_BENCH_HTTP_H
#define TALLYCAST_TOOLS_BENCH_HTTP_H

#include "proto/span.h"

#include <stdint.h>

enum {
    HTTP_REQUEST_BYTES = 2048,    /* the most that a request may have */
    HTTP_REPLY_BODY_BYTES = 1024, /* the most that is kept of a body */
    HTTP_REPLY_TYPE_SIZE = 64,
    HTTP_REPLY_COOKIE_SIZE = 256,
};

struct http_reply {
    unsigned status;
    char type[HTTP_REPLY_TYPE_SIZE];     /* Content-Type, or "" */
    char cookie[HTTP_REPLY_COOKIE_SIZE]; /* NAME=VALUE of Set-Cookie, or "" */
    struct span body;                    /* cut at HTTP_REPLY_BODY_BYTES */
};

enum http_take {
    HTTP_TAKE_PART,   /* the reply is not whole; all bytes were taken */
    HTTP_TAKE_REPLY,  /* a whole reply was taken */
    HTTP_TAKE_STREAM, /* a head was taken, whose body ends with the connection */
    HTTP_TAKE_WRONG,  /* it is no reply (http_replies_why), and no more can be taken */
};

/* The replies of one connection. */
struct http_replies;
struct http_replies *http_replies_new(void) __attribute__((returns_nonnull));
void http_replies_free(struct http_replies *replies);

/* Takes bytes off the input, up to the end of the next reply. */
enum http_take http_replies_take(struct http_replies *replies, struct span *input);

/* After HTTP_TAKE_REPLY and HTTP_TAKE_STREAM, until the next take. */
const struct http_reply *http_replies_last(const struct http_replies *replies);

/* After HTTP_TAKE_WRONG. */
const char *http_replies_why(const struct http_replies *replies);

/* Writes a GET. Returns its length. */
size_t http_put_get(char out[HTTP_REQUEST_BYTES], const char *host, const char *path,
                    const char *accept);

/* Writes a ballot: a POST of JSON, whose `member` says what `paper` says, of at most 960 bytes.
 * `voter` and `cookie` (NAME=VALUE) may be "". */
struct http_ballot {
    const char *host, *cookie, *poll, *member, *paper, *voter;
};
size_t http_put_ballot(char out[HTTP_REQUEST_BYTES], const struct http_ballot *ballot);

/* Parses the reply to a ballot that must be counted as a new one: 201 with
 * {"seq":N,"duplicate":false}. Returns NULL, or what is wrong. */
const char *http_read_ballot_reply(const struct http_reply *reply, uint64_t *seq);

#endif
