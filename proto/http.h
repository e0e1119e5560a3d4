/* The HTTP codec: bytes → a request, and the heads of replies → bytes. Pure: no I/O, no allocation,
 * no state. HTTP/1.1 and 1.0 (RFC 9110, 9112) without what the server has no use for: no coding
 * but chunked, no absolute targets, no upgrades. */
#ifndef TALLYCAST_PROTO_HTTP_H
#define TALLYCAST_PROTO_HTTP_H

#include "proto/span.h"

#include <stdint.h>

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER };

enum {
    HTTP_HEAD_MAX = 8 * 1024,   /* bytes of a request's head, its empty line included */
    HTTP_BODY_MAX = 4 * 1024,   /* bytes of its body; of a chunked one, with what frames it */
    HTTP_TARGET_MAX = 2 * 1024, /* bytes of its target */
    HTTP_REPLY_HEAD_MAX = 2048, /* bytes of a reply's head */
};

enum http_header {
#define HTTP_HEADER(id, name, repeated) HTTP_HEADER_##id,
#include "proto/http_headers.def"
#undef HTTP_HEADER
    HTTP_HEADER_COUNT
};

/* A request. Its spans point into the bytes, but that of a chunked body into the request itself; at
 * is NULL if absent. */
struct http_request {
    enum http_method method;
    unsigned minor;        /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;       /* what the version and Connection ask for */
    struct span target;    /* as it was sent: path?query, or `*` with OPTIONS */
    struct span path;      /* begins with `/`; still encoded; absent if the target is `*` */
    struct span query;     /* after the `?`; still encoded */
    struct span body;      /* absent without a Content-Length or chunks; may be empty */
    bool expects_continue; /* waits for 100 before it sends its body */
    struct span fields;    /* the lines of all header fields, whole */
    struct span
        headers[HTTP_HEADER_COUNT]; /* values without the blanks around them; may be empty */
    uint32_t repeated; /* a bit for each header that came in several lines: `headers` has the last
                        * one */
    char joined[HTTP_BODY_MAX]; /* a chunked body; never cleared */
};

/* Goes through the lines of a field that may have several, in order: *line becomes the value of the
 * next line, or of the first if line->at is NULL. After the last, returns false with *line
 * unchanged. */
bool http_next_line(const struct http_request *request, enum http_header header, struct span *line);

/* The request at the beginning of the bytes. Returns its length in bytes, 0 if it is not whole, or
 * minus the status of its refusal (400, 413, 414, 417, 431, 501, 505), with *why set to a static
 * text for a person; then nobody can tell where the next request begins, and the connection must
 * end after the reply. The same bytes may be offered again with more behind them: a request that is
 * whole or refused stays so, whatever is behind it. `request` is undefined unless a request is
 * returned; but after 0 its `body` is there, and `expects_continue` is set, if the head was found
 * whole and the body was not; else neither is. */
int http_request_parse(const char *bytes, size_t len, struct http_request *request,
                       const char **why) __attribute__((warn_unused_result));

/* The result of the last look at an incomplete request; all 0 before the first. */
struct http_part {
    uint16_t searched; /* bytes without the end of the head, or of the chunks, in them; or
                          HTTP_PART_HEAD_FOUND */
    uint16_t enough;   /* so many bytes are worth another look, whatever they hold */
};

enum { HTTP_PART_HEAD_FOUND = UINT16_MAX };

/* The same for a request that comes in pieces; each call offers all bytes so far. It is looked at
 * again once it may be whole, or its head has doubled, so that a head that comes byte by byte costs
 * a few looks, not one for each byte; so a refusal may come later. When nothing more will come,
 * call http_request_parse for the final result. */
int http_request_resume(const char *bytes, size_t len, struct http_part *part,
                        struct http_request *request, const char **why)
    __attribute__((warn_unused_result));

/* "Created". The status is one of http_status.def. */
const char *http_reason(int status);

/* The head of a reply: each function appends a line and a NUL at `at`, and returns the NUL's place,
 * where the next line or the body goes. The caller keeps the head, its NUL included, within
 * HTTP_REPLY_HEAD_MAX bytes, and control characters out of names and values. */
char *http_put_status(char *at, int status); /* HTTP/1.1 201 Created */
char *http_put_field(char *at, const char *name, const char *value);
char *http_put_length(char *at, uint64_t bytes); /* Content-Length */
char *http_put_end(char *at);

#endif
