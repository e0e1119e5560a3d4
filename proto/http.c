/* The HTTP codec: the part of HTTP that the server takes. Any thread.
 *
 * A request's head is looked at three times, each look narrower than the one before. First its
 * bytes, without any grammar: where the head ends, and what no head may hold (control characters,
 * bare CR or LF, folded lines, more than the limits). Then llhttp parses what passed. Then the
 * rules: exactly one Host, one length, a target that is a path. A request that a proxy in front
 * could read differently is refused rather than interpreted: if the two disagree on where it ends,
 * another request can be smuggled past the proxy.
 *
 * The first fault from the left decides, so that the answer does not depend on how the bytes were
 * split: a part of a request is refused only if the whole is, and in the same way. The rules about
 * fields wait for the end of the head. A head that comes in pieces is looked at from its beginning
 * each time, but not with each piece: 8 KiB of short fields take 80 us, which every byte would cost
 * again. */
#include "proto/number.h"
#include "proto/http.h"

#include "proto/ascii.h"
#include "proto/http_head.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A parse under way. */
struct parse {
    const char *at;  /* where the request line begins */
    const char *end; /* of the head if it is whole, otherwise of a possible part of one */
    bool whole;
    int status; /* of the refusal that stands at `end`, or 0 */
    const char *why;
    struct http_request *request;
    const char *field_fault; /* of the first field that is malformed or must not repeat; or NULL */
};

static int refuse(struct parse *parse, int status, const char *why)
{
    parse->status = status;
    parse->why = why;
    return -status;
}

/* ---- The first look: bytes ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_text(char c)
{
    unsigned char byte = (unsigned char)c;
    return (byte >= ' ' && byte != 0x7f) || byte == '\t';
}

/* Shortens parse->end to the part that holds no fault visible without a grammar. */
static const char *stop(struct parse *parse, const char *at, const char *why)
{
    parse->end = at;
    (void)refuse(parse, 400, why);
    return NULL;
}

/* Looks at a line. Returns the beginning of the next one; NULL if the line is not whole or is at
 * fault. */
static const char *scan_line(struct parse *parse, const char *line)
{
    const char *at = line, *end = parse->end;
    if (at < end && is_blank(*at))
        return stop(parse, at, "a line begins with a blank");
    while (at < end && is_text(*at))
        at++;
    if (at == end || (*at == '\r' && at + 1 == end))
        return NULL;
    if (*at == '\n')
        return stop(parse, at, "a line ends in LF without CR");
    if (*at != '\r')
        return stop(parse, at, "a control character in the head");
    if (at[1] != '\n')
        return stop(parse, at + 1, "a CR without LF");
    return at + 2;
}

/* Finds the end of the head, or a fault before it. */
static void scan(struct parse *parse)
{
    const char *line = parse->at, *next;
    while ((next = scan_line(parse, line))) {
        bool is_empty = next - line == 2;
        if (is_empty && line == parse->at) {
            (void)stop(parse, line, "more than one empty line before the request");
            return;
        }
        line = next;
        if (is_empty) {
            parse->whole = true;
            parse->end = line;
            return;
        }
    }
}

/* Stops at a target that is too long, whether or not its end has come. */
static void limit_target(struct parse *parse)
{
    const char *blank = memchr(parse->at, ' ', (size_t)(parse->end - parse->at));
    if (!blank || parse->end - (blank + 1) <= HTTP_TARGET_MAX)
        return;
    if (memchr(blank + 1, ' ', HTTP_TARGET_MAX + 1))
        return;
    parse->end = blank + 1 + HTTP_TARGET_MAX;
    parse->whole = false;
    (void)refuse(parse, 414, "the target is longer than 2048 bytes");
}

/* An empty line before a request is skipped, for the sake of old clients (RFC 9112, 2.2). */
static const char *skip_empty_line(const char *bytes, const char *end)
{
    return end - bytes >= 2 && memcmp(bytes, "\r\n", 2) == 0 ? bytes + 2 : bytes;
}

static void find_head(struct parse *parse, const char *bytes, size_t len)
{
    bool full = len >= HTTP_HEAD_MAX;
    parse->end = bytes + (full ? HTTP_HEAD_MAX : len);
    parse->at = skip_empty_line(bytes, parse->end);
    scan(parse);
    if (full && !parse->whole && parse->status == 0)
        (void)refuse(parse, 431, "the head is longer than 8192 bytes");
    limit_target(parse);
}

/* ---- The second look: grammar ---- */

static const struct {
    const char *name;
    bool may_repeat;
} known[] = {
#define REFUSED                         false
#define LAST                            true
#define HTTP_HEADER(id, name, repeated) [HTTP_HEADER_##id] = {name, repeated},
#include "proto/http_headers.def"
#undef HTTP_HEADER
#undef LAST
#undef REFUSED
};
_Static_assert(HTTP_HEADER_COUNT <= 32, "each has a bit in http_request.repeated");

/* A field's value as a reader of its line has it: one that is empty, of which llhttp tells the end
 * of the line, stands behind the blanks. */
static struct span value_of(struct span name, struct span value)
{
    if (value.len > 0)
        return span_trim(value);
    const char *at = name.at + name.len + 1;
    while (is_blank(*at))
        at++;
    return (struct span){at, 0};
}

/* llhttp found a field. */
static void on_field(void *context, struct span name, struct span value)
{
    struct parse *parse = context;
    if (name.len == 0)
        parse->field_fault = "a field without a name";
    for (int i = 0; i < HTTP_HEADER_COUNT; i++) {
        if (!span_is_nocase(name, known[i].name))
            continue;
        struct span *slot = &parse->request->headers[i];
        if (slot->at && !known[i].may_repeat)
            parse->field_fault = "a field is given twice";
        parse->request->repeated |= (uint32_t)(slot->at != NULL) << i;
        *slot = value_of(name, value);
        return;
    }
}

/* Judges a method that llhttp does not know: another word, or no word at all. While only its
 * beginning is there, nobody can tell which. */
static int judge_method(struct parse *parse)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (const char *at = parse->at; at < parse->end; at++) {
        char c = ascii_fold(*at);
        if (c == ' ' && at > parse->at)
            return refuse(parse, 501, "no such method");
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr(marks, c))
            return refuse(parse, 400, "the request does not begin with a method");
    }
    return -parse->status;
}

/* ---- The third look: rules ---- */

static int judge_version(struct parse *parse, const struct http_head *head)
{
    if (head->major != 1 || head->minor > 1)
        return refuse(parse, 505, "HTTP/1.1 or 1.0, please");
    parse->request->minor = head->minor;
    parse->request->keep_alive = !head->names_close && (head->minor == 1 || head->names_keep_alive);
    return 0;
}

/* The request line is a method, a target and a version with a space between each; llhttp takes more
 * spaces, and other protocols. This also checks that llhttp and the scan agree on where the head
 * ends. */
static bool line_is_exact(const struct parse *parse, const struct http_head *head)
{
    const char *blank = memchr(parse->at, ' ', (size_t)(parse->end - parse->at));
    const char *version = head->target.at + head->target.len;
    return blank && blank + 1 == head->target.at && memcmp(version, " HTTP/1.", 8) == 0 &&
           memcmp(version + 9, "\r\n", 2) == 0 && parse->whole &&
           parse->at + head->len == parse->end;
}

static enum http_method find_method(struct span word)
{
    static const char *const words[HTTP_OTHER] = {
        [HTTP_GET] = "GET",
        [HTTP_HEAD] = "HEAD",
        [HTTP_POST] = "POST",
        [HTTP_OPTIONS] = "OPTIONS",
    };
    for (int i = 0; i < HTTP_OTHER; i++)
        if (word.len == strlen(words[i]) && memcmp(word.at, words[i], word.len) == 0)
            return (enum http_method)i;
    return HTTP_OTHER;
}

static void split_target(struct http_request *request)
{
    struct span target = request->target;
    const char *mark = memchr(target.at, '?', target.len);
    request->path = (struct span){target.at, mark ? (size_t)(mark - target.at) : target.len};
    if (mark)
        request->query = (struct span){mark + 1, target.len - request->path.len - 1};
}

static int judge_target(struct parse *parse, struct span method)
{
    struct http_request *request = parse->request;
    struct span target = request->target;
    request->method = find_method(method);
    if (request->method == HTTP_OPTIONS && target.len == 1 && target.at[0] == '*')
        return 0;
    if (target.at[0] != '/' || span_is_nocase(method, "connect"))
        return refuse(parse, 400, "the target is not a path");
    if (memchr(target.at, '#', target.len))
        return refuse(parse, 400, "the target has a fragment");
    split_target(request);
    return 0;
}

static bool is_chunked(const struct http_request *request)
{
    return request->headers[HTTP_HEADER_TRANSFER_ENCODING].at != NULL;
}

/* Refuses a body whose framing the server does not read. If two fields tell its end, neither can be
 * trusted. */
static int refuse_coding(struct parse *parse)
{
    if (parse->request->headers[HTTP_HEADER_CONTENT_LENGTH].at)
        return refuse(parse, 400, "Content-Length and Transfer-Encoding");
    return refuse(parse, 501, "of transfer codings only chunked is taken");
}

static int judge_coding(struct parse *parse)
{
    const struct http_request *request = parse->request;
    if (request->headers[HTTP_HEADER_CONTENT_LENGTH].at ||
        !span_is_nocase(request->headers[HTTP_HEADER_TRANSFER_ENCODING], "chunked"))
        return refuse_coding(parse);
    return request->minor == 1 ? 0 : refuse(parse, 400, "Transfer-Encoding in HTTP/1.0");
}

static int judge_fields(struct parse *parse)
{
    const struct http_request *request = parse->request;
    if (parse->field_fault)
        return refuse(parse, 400, parse->field_fault);
    if (request->minor == 1 && !request->headers[HTTP_HEADER_HOST].at)
        return refuse(parse, 400, "no Host");
    return is_chunked(request) ? judge_coding(parse) : 0;
}

/* One expectation can be met (RFC 9110, 10.1.1), and is nothing to HTTP/1.0. */
static int judge_expectation(struct parse *parse)
{
    struct http_request *request = parse->request;
    struct span expected = request->headers[HTTP_HEADER_EXPECT];
    if (!expected.at || request->minor == 0)
        return 0;
    if (!span_is_nocase(expected, "100-continue"))
        return refuse(parse, 417, "only 100-continue can be expected");
    request->expects_continue = true;
    return 0;
}

/* Sets the body's bounds, which may lie beyond the bytes so far; for a chunked body, its start. */
static int judge_body(struct parse *parse)
{
    struct http_request *request = parse->request;
    struct span length = request->headers[HTTP_HEADER_CONTENT_LENGTH];
    uint64_t bytes;
    if (is_chunked(request)) {
        request->body = (struct span){parse->end, 0};
        return 0;
    }
    if (!length.at)
        return 0;
    if (!number_parse(length.at, length.len, UINT64_MAX, &bytes))
        return refuse(parse, 400, "Content-Length is not a number");
    if (bytes > HTTP_BODY_MAX)
        return refuse(parse, 413, "the body is longer than 4096 bytes");
    request->body = (struct span){parse->end, (size_t)bytes};
    return 0;
}

static int judge_head(struct parse *parse, const struct http_head *head)
{
    int refusal = judge_version(parse, head);
    if (refusal == 0 && !line_is_exact(parse, head))
        refusal = refuse(parse, 400, "the request line is not METHOD TARGET HTTP/1.1");
    if (refusal == 0) {
        struct span method = {parse->at, (size_t)(head->target.at - 1 - parse->at)};
        parse->request->target = head->target;
        refusal = judge_target(parse, method);
    }
    if (refusal == 0)
        refusal = judge_fields(parse);
    if (refusal == 0)
        refusal = judge_expectation(parse);
    return refusal == 0 ? judge_body(parse) : refusal;
}

/* The fields' lines, between the request line and the empty one. */
static struct span fields_of(const struct parse *parse)
{
    const char *line_end = memchr(parse->at, '\n', (size_t)(parse->end - parse->at));
    const char *fields = line_end + 1;
    return (struct span){fields, (size_t)(parse->end - 2 - fields)};
}

/* ---- Requests ---- */

/* Returns minus the status of a refusal, 0 if the head is not whole, or its length from parse->at.
 */
static int parse_head(struct parse *parse)
{
    struct http_head head = {.field = on_field, .context = parse};
    const char *why = NULL;
    size_t len = (size_t)(parse->end - parse->at);
    switch (http_head_parse(parse->at, len, &head, &why)) {
    case HTTP_HEAD_WHOLE:
        break;
    case HTTP_HEAD_PART:
        /* The preface of HTTP/2 goes on after its empty line. */
        return parse->whole ? refuse(parse, 505, "HTTP/1.1 or 1.0, please") : -parse->status;
    case HTTP_HEAD_MALFORMED:
        return refuse(parse, 400, why);
    case HTTP_HEAD_BAD_METHOD:
        return judge_method(parse);
    case HTTP_HEAD_BAD_VERSION:
        return refuse(parse, 505, "HTTP/1.1 or 1.0, please");
    case HTTP_HEAD_BAD_CODING:
        return refuse_coding(parse);
    }
    int refusal = judge_head(parse, &head);
    if (refusal == 0)
        parse->request->fields = fields_of(parse);
    return refusal == 0 ? (int)len : refusal;
}

/* Puts a chunked body together, of what has come up to `end`. Returns 1 with *len set to its length
 * with what frames it, 0 if it is not whole, or minus the status of a refusal. */
static int join_chunks(struct parse *parse, const char *end, size_t *len)
{
    struct http_request *request = parse->request;
    const char *why, *limit = parse->end + HTTP_BODY_MAX;
    bool full = end >= limit;
    size_t body_len;
    ptrdiff_t whole = http_chunks_join(parse->at, (size_t)((full ? limit : end) - parse->at),
                                       request->joined, &body_len, &why);
    if (whole < 0)
        return refuse(parse, 400, why);
    if (whole == 0)
        return full ? refuse(parse, 413, "the body with its chunks is longer than 4096 bytes") : 0;
    request->body = (struct span){request->joined, body_len};
    *len = (size_t)(parse->at + whole - parse->end);
    return 1;
}

/* The same for any body. */
static int find_body(struct parse *parse, const char *end, size_t *len)
{
    if (is_chunked(parse->request))
        return join_chunks(parse, end, len);
    *len = parse->request->body.len;
    return *len <= (size_t)(end - parse->end);
}

static void clear(struct http_request *request)
{
    memset(request, 0, offsetof(struct http_request, joined));
    request->method = HTTP_OTHER;
}

int http_request_parse(const char *bytes, size_t len, struct http_request *request,
                       const char **why)
{
    struct parse parse = {.request = request};
    clear(request);
    find_head(&parse, bytes, len);
    int result = parse_head(&parse);
    size_t body_len = 0;
    if (result > 0 && request->body.at)
        result = find_body(&parse, bytes + len, &body_len);
    if (result <= 0) {
        *why = parse.why;
        return result;
    }
    return (int)(parse.end + body_len - bytes);
}

bool http_next_line(const struct http_request *request, enum http_header header, struct span *line)
{
    const struct span *last = &request->headers[header];
    if (line->at == last->at)
        return false;
    if (!(request->repeated & UINT32_C(1) << header)) {
        *line = *last;
        return true;
    }
    struct span rest = request->fields;
    if (line->at) {
        rest.len -= (size_t)(line->at - rest.at);
        rest.at = line->at;
        (void)span_cut(&rest, '\n'); /* the end of that line */
    }
    while (rest.len > 0) {
        struct span value = span_cut(&rest, '\n');
        if (!span_is_nocase(span_cut(&value, ':'), known[header].name))
            continue;
        value.len--; /* the CR */
        *line = span_trim(value);
        return true;
    }
    return false;
}

/* ---- Requests in pieces ---- */

enum { SHORT_HEAD = 256 }; /* bytes: so far, each piece is looked at, and faults are told at once */

static bool holds_head_end(const char *bytes, size_t len, size_t searched)
{
    static const char head_end[] = "\r\n\r\n";
    const size_t end_len = sizeof head_end - 1;
    size_t from = searched < end_len ? 0 : searched - (end_len - 1);
    return from < len && memmem(bytes + from, len - from, head_end, end_len);
}

/* The result of a look at the bytes of an incomplete request. */
static struct http_part part_of(const char *bytes, size_t len, const struct http_request *request)
{
    struct span body = request->body;
    if (body.at && is_chunked(request)) /* which ends as a head does */
        return (struct http_part){(uint16_t)len, (uint16_t)(body.at + HTTP_BODY_MAX - bytes)};
    if (body.at)
        return (struct http_part){HTTP_PART_HEAD_FOUND, (uint16_t)(body.at + body.len - bytes)};
    size_t enough = len < SHORT_HEAD ? len + 1 : 2 * len;
    if (enough > HTTP_HEAD_MAX)
        enough = HTTP_HEAD_MAX;
    return (struct http_part){(uint16_t)len, (uint16_t)enough};
}

int http_request_resume(const char *bytes, size_t len, struct http_part *part,
                        struct http_request *request, const char **why)
{
    if (len < part->enough && !holds_head_end(bytes, len, part->searched)) {
        if (part->searched != HTTP_PART_HEAD_FOUND)
            part->searched = (uint16_t)len;
        request->body.at = NULL;
        request->expects_continue = false;
        return 0;
    }
    int result = http_request_parse(bytes, len, request, why);
    *part = result == 0 ? part_of(bytes, len, request) : (struct http_part){0};
    return result;
}

/* ---- Replies ---- */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
#define HTTP_STATUS(status, reason) {status, reason},
#include "proto/http_status.def"
#undef HTTP_STATUS
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    abort(); /* the list lacks this status */
}

char *http_put_status(char *at, int status)
{
    at = stpcpy(at, "HTTP/1.1 ");
    at = number_put(at, (uint64_t)status);
    *at++ = ' ';
    at = stpcpy(at, http_reason(status));
    return stpcpy(at, "\r\n");
}

char *http_put_field(char *at, const char *name, const char *value)
{
    at = stpcpy(at, name);
    at = stpcpy(at, ": ");
    at = stpcpy(at, value);
    return stpcpy(at, "\r\n");
}

char *http_put_length(char *at, uint64_t bytes)
{
    at = stpcpy(at, "Content-Length: ");
    at = number_put(at, bytes);
    return stpcpy(at, "\r\n");
}

char *http_put_end(char *at)
{
    return stpcpy(at, "\r\n");
}
