/* llhttp as the codec uses it: for bodies in chunks, and for the head, at whose end it is stopped,
 * so it never handles CONNECT or an upgrade. Each call makes a new parser, which costs less than
 * keeping one for each connection. Any thread. */
#include "proto/http_head.h"

#include <llhttp.h>

/* ---- llhttp's callbacks ---- */

struct gathering {
    struct http_head *head;
    struct span name;
    struct span value;
};

static int on_target(llhttp_t *parser, const char *at, size_t len)
{
    struct gathering *gathering = parser->data;
    gathering->head->target = (struct span){at, len};
    return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    struct gathering *gathering = parser->data;
    gathering->name = (struct span){at, len};
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct gathering *gathering = parser->data;
    gathering->value = (struct span){at, len};
    return 0;
}

static int on_field(llhttp_t *parser)
{
    struct gathering *gathering = parser->data;
    struct http_head *head = gathering->head;
    head->field(head->context, gathering->name, gathering->value);
    return 0;
}

static int on_end(llhttp_t *parser)
{
    struct gathering *gathering = parser->data;
    gathering->head->names_close = (parser->flags & F_CONNECTION_CLOSE) != 0;
    gathering->head->names_keep_alive = (parser->flags & F_CONNECTION_KEEP_ALIVE) != 0;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_field,
    .on_headers_complete = on_end,
};

/* ---- llhttp's errors ---- */

/* Whether llhttp, which stopped at `stop`, refused a version that the server does not speak: then
 * it had read the digits. With HTTP/1.0 and 1.1, it refused what came after them. */
static bool is_other_version(const struct http_head *head, const char *stop)
{
    enum { VERSION_LEN = sizeof " HTTP/1.1" - 1 };
    const char *version = head->target.at + head->target.len;
    return stop - version >= VERSION_LEN && !(version[6] == '1' && version[8] <= '1');
}

static enum http_head_result judge_error(const struct http_head *head, llhttp_errno_t error,
                                         const char *stop)
{
    switch (error) {
    case HPE_INVALID_METHOD:
        return HTTP_HEAD_BAD_METHOD;
    case HPE_INVALID_VERSION:
        return is_other_version(head, stop) ? HTTP_HEAD_BAD_VERSION : HTTP_HEAD_MALFORMED;
    case HPE_INVALID_TRANSFER_ENCODING:
        return HTTP_HEAD_BAD_CODING;
    default:
        return HTTP_HEAD_MALFORMED;
    }
}

enum http_head_result http_head_parse(const char *at, size_t len, struct http_head *head,
                                      const char **why)
{
    struct gathering gathering = {.head = head};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &gathering;

    llhttp_errno_t error = llhttp_execute(&parser, at, len);
    head->major = llhttp_get_http_major(&parser);
    head->minor = llhttp_get_http_minor(&parser);
    if (error == HPE_OK)
        return HTTP_HEAD_PART;
    const char *stop = llhttp_get_error_pos(&parser);
    if (error == HPE_PAUSED) {
        head->len = (size_t)(stop - at);
        return HTTP_HEAD_WHOLE;
    }
    *why = llhttp_get_error_reason(&parser);
    return judge_error(head, error, stop);
}

/* ---- Chunked bodies ---- */

/* A body being put together. */
struct joining {
    char *body;
    size_t len;
};

static int on_chunk(llhttp_t *parser, const char *at, size_t len)
{
    struct joining *joining = parser->data;
    memcpy(joining->body + joining->len, at, len);
    joining->len += len;
    return 0;
}

/* Behind the last chunk's size. What follows is not left to llhttp, which takes trailers, and ends
 * their lines with an LF alone. */
static int on_size(llhttp_t *parser)
{
    return parser->content_length == 0 ? HPE_PAUSED : HPE_OK;
}

static const llhttp_settings_t joining_settings = {
    .on_body = on_chunk,
    .on_chunk_header = on_size,
};

/* Whether the bytes from `at` are a CRLF: 1, 0 if they may become one, or -1. */
static int is_line_end(const char *at, size_t len)
{
    static const char line_end[] = {'\r', '\n'};
    if (memcmp(at, line_end, len < sizeof line_end ? len : sizeof line_end) != 0)
        return -1;
    return len >= sizeof line_end;
}

ptrdiff_t http_chunks_join(const char *at, size_t len, char *body, size_t *body_len,
                           const char **why)
{
    struct joining joining = {.body = body};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &joining_settings);
    parser.data = &joining;
    llhttp_errno_t error = llhttp_execute(&parser, at, len);
    *body_len = joining.len;
    if (error == HPE_OK)
        return 0;
    const char *end = llhttp_get_error_pos(&parser);
    if (error != HPE_PAUSED) {
        *why = llhttp_get_error_reason(&parser);
        return -1;
    }
    *why = "an empty line must follow the last chunk";
    int ends = is_line_end(end, (size_t)(at + len - end));
    return ends > 0 ? end + 2 - at : ends;
}
