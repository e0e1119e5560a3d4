/* HTTP as the load speaks it (see http.h).
 *
 * llhttp is stopped at the end of each reply, and at the end of a head whose body has no end of its
 * own: the bytes after that are the caller's. It keeps its place between reads, so a reply may come
 * in any pieces. */
#include "tools/tallybench/load/http.h"

#include "tools/lib/memory.h"

#include <jansson.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAME_SIZE = 16 }; /* of a header that is read */

struct http_replies {
    llhttp_t parser;
    struct http_reply reply;
    bool ended; /* `reply` is whole: the next byte begins another */
    bool stream;
    char name[NAME_SIZE]; /* of the header being read */
    size_t name_len, value_len, body_len;
    char body[HTTP_REPLY_BODY_BYTES];
};

/* ---- what llhttp tells ---- */

static int on_begin(llhttp_t *parser)
{
    struct http_replies *replies = parser->data;
    replies->reply = (struct http_reply){0};
    replies->name_len = replies->body_len = 0;
    return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    struct http_replies *replies = parser->data;
    for (size_t i = 0; i < len; i++, replies->name_len++)
        if (replies->name_len < NAME_SIZE - 1)
            replies->name[replies->name_len] = at[i];
    return 0;
}

static bool is_named(const struct http_replies *replies, const char *name)
{
    return replies->name_len == strlen(name) &&
           strncasecmp(replies->name, name, replies->name_len) == 0;
}

/* Appends as much as there is room for. */
static void gather(char *out, size_t size, size_t *len, const char *at, size_t more)
{
    if (more > size - *len)
        more = size - *len;
    memcpy(out + *len, at, more);
    *len += more;
}

/* The same for a text, whose NUL is within `size`. */
static void gather_text(char *out, size_t size, size_t *len, const char *at, size_t more)
{
    gather(out, size - 1, len, at, more);
    out[*len] = '\0';
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http_replies *replies = parser->data;
    struct http_reply *reply = &replies->reply;
    if (is_named(replies, "content-type"))
        gather_text(reply->type, sizeof reply->type, &replies->value_len, at, len);
    else if (is_named(replies, "set-cookie"))
        gather_text(reply->cookie, sizeof reply->cookie, &replies->value_len, at, len);
    return 0;
}

static int on_field(llhttp_t *parser)
{
    struct http_replies *replies = parser->data;
    replies->reply.cookie[strcspn(replies->reply.cookie, ";")] = '\0';
    replies->name_len = replies->value_len = 0;
    return 0;
}

static int on_head(llhttp_t *parser)
{
    struct http_replies *replies = parser->data;
    const uint16_t framed = F_CONTENT_LENGTH | F_TRANSFER_ENCODING;
    replies->reply.status = parser->status_code;
    replies->stream = parser->status_code == 200 && !(parser->flags & framed);
    return replies->stream ? HPE_PAUSED : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct http_replies *replies = parser->data;
    gather(replies->body, sizeof replies->body, &replies->body_len, at, len);
    return 0;
}

static int on_end(llhttp_t *parser)
{
    struct http_replies *replies = parser->data;
    replies->ended = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_begin,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_field,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_end,
};

/* ---- replies ---- */

struct http_replies *http_replies_new(void)
{
    struct http_replies *replies = must_calloc(1, sizeof *replies);
    llhttp_init(&replies->parser, HTTP_RESPONSE, &settings);
    replies->parser.data = replies;
    return replies;
}

void http_replies_free(struct http_replies *replies)
{
    free(replies);
}

enum http_take http_replies_take(struct http_replies *replies, struct span *input)
{
    if (replies->ended)
        llhttp_resume(&replies->parser);
    replies->ended = false;
    llhttp_errno_t error = llhttp_execute(&replies->parser, input->at, input->len);
    if (error == HPE_OK)
        return HTTP_TAKE_PART;
    if (error != HPE_PAUSED)
        return HTTP_TAKE_WRONG;
    const char *stop = llhttp_get_error_pos(&replies->parser);
    input->len -= (size_t)(stop - input->at);
    input->at = stop;
    replies->reply.body = (struct span){replies->body, replies->body_len};
    return replies->stream ? HTTP_TAKE_STREAM : HTTP_TAKE_REPLY;
}

const struct http_reply *http_replies_last(const struct http_replies *replies)
{
    return &replies->reply;
}

const char *http_replies_why(const struct http_replies *replies)
{
    return llhttp_get_error_reason(&replies->parser);
}

/* ---- requests ---- */

size_t http_put_get(char out[HTTP_REQUEST_BYTES], const char *host, const char *path,
                    const char *accept)
{
    return (size_t)snprintf(out, HTTP_REQUEST_BYTES,
                            "GET %.256s HTTP/1.1\r\nHost: %.256s\r\nAccept: %.64s\r\n\r\n", path,
                            host, accept);
}

size_t http_put_ballot(char out[HTTP_REQUEST_BYTES], const struct http_ballot *ballot)
{
    char body[HTTP_REQUEST_BYTES / 2 + 128];
    const char *voter = ballot->voter[0] ? "\",\"voter\":\"" : "";
    const char *cookie = ballot->cookie[0] ? "\r\nCookie: " : "";
    int len = snprintf(body, sizeof body, "{\"%.8s\":\"%.960s%s%.64s\"}", ballot->member,
                       ballot->paper, voter, ballot->voter);
    return (size_t)snprintf(out, HTTP_REQUEST_BYTES,
                            "POST /polls/%.64s/ballots HTTP/1.1\r\nHost: %.256s%s%.256s\r\n"
                            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                            ballot->poll, ballot->host, cookie, ballot->cookie, len, body);
}

const char *http_read_ballot_reply(const struct http_reply *reply, uint64_t *seq)
{
    json_int_t number = 0;
    int duplicate = 1;
    if (reply->status != 201)
        return "a status other than 201";
    if (strcmp(reply->type, "application/json") != 0)
        return "a type other than application/json";
    json_t *json = json_loadb(reply->body.at, reply->body.len, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_unpack(json, "{s:I,s:b!}", "seq", &number, "duplicate", &duplicate) == 0;
    json_decref(json);
    if (!good || number <= 0)
        return "not {\"seq\":N,\"duplicate\":false}";
    /* The plan has no repeats, so a duplicate is as wrong as an error. */
    if (duplicate)
        return "a duplicate";
    *seq = (uint64_t)number;
    return NULL;
}
