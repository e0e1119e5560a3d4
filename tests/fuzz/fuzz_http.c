/* Fuzzes the HTTP codec with the bytes of a connection, and its values with the same bytes
 * (libFuzzer). Whatever they are, nothing outside of them is read; a request that is taken holds to
 * what http.h promises, and to rules that are checked here by splitting lines, which is nothing
 * like the codec's way; and it makes no difference how the bytes came split, or what is behind a
 * request. */
#include "proto/number.h"
#include "proto/http.h"
#include "proto/http_value.h"

#include "proto/ascii.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- Parsing ---- */

/* In a block of exactly its size: the sanitizer sees a step beyond it. The caller frees it. */
static char *copy(const uint8_t *data, size_t size)
{
    char *block = malloc(size ? size : 1);
    require(block != NULL);
    memcpy(block, data, size);
    return block;
}

static bool is_refusal(int result)
{
    static const int statuses[] = {400, 413, 414, 417, 431, 501, 505};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (result == -statuses[i])
            return true;
    return false;
}

static int parse(const char *bytes, size_t len, struct http_request *request)
{
    const char *why = NULL;
    memset(request, 0xa5, sizeof *request); /* so that a member left unset is none that passes */
    int result = http_request_parse(bytes, len, request, &why);
    require(result >= 0 || (is_refusal(result) && why && *why));
    require(result <= 0 || (size_t)result <= len);
    return result;
}

static int parse_copy(const uint8_t *data, size_t size)
{
    struct http_request request;
    char *bytes = copy(data, size);
    int result = parse(bytes, size, &request);
    free(bytes);
    return result;
}

/* ---- What a request promises ---- */

static void require_inside(struct span span, const char *begin, const char *end)
{
    if (span.at)
        require(span.at >= begin && span.at <= end && span.len <= (size_t)(end - span.at));
    else
        require(span.len == 0);
}

static void require_text(struct span span)
{
    for (size_t i = 0; i < span.len; i++) {
        unsigned char byte = (unsigned char)span.at[i];
        require(byte == '\t' || (byte >= ' ' && byte != 0x7f));
    }
}

static void require_target(const struct http_request *request, const char *begin, const char *end)
{
    struct span target = request->target, path = request->path, query = request->query;
    require_inside(target, begin, end);
    require(target.len >= 1 && target.len <= HTTP_TARGET_MAX);
    require(!memchr(target.at, '#', target.len) && !memchr(target.at, ' ', target.len));
    if (!path.at) {
        require(request->method == HTTP_OPTIONS && target.len == 1 && target.at[0] == '*');
        require(!query.at);
        return;
    }
    require(path.at == target.at && path.at[0] == '/');
    require(path.len + (query.at ? 1 + query.len : 0) == target.len);
    require(!query.at || query.at == path.at + path.len + 1);
    require(!memchr(path.at, '?', path.len));
}

/* The lines of a field come in their order, and end with the one that the request keeps. */
static void require_lines(const struct http_request *request, enum http_header header)
{
    struct span line = {0}, last = {0};
    unsigned count = 0;
    for (; http_next_line(request, header, &line); count++) {
        require(!last.at || line.at > last.at + last.len);
        require_inside(line, request->fields.at, request->fields.at + request->fields.len);
        last = line;
    }
    require(last.at == request->headers[header].at && last.len == request->headers[header].len);
    require((count > 1) == (request->repeated >> header & 1));
}

static void require_headers(const struct http_request *request, const char *begin, const char *end)
{
    require_inside(request->fields, begin, end);
    for (int i = 0; i < HTTP_HEADER_COUNT; i++) {
        struct span value = request->headers[i];
        require_inside(value, begin, end);
        require_text(value);
        require_lines(request, (enum http_header)i);
        if (value.len > 0)
            require(!strchr(" \t", value.at[0]) && !strchr(" \t", value.at[value.len - 1]));
    }
    struct span coding = request->headers[HTTP_HEADER_TRANSFER_ENCODING];
    require(!coding.at || (request->minor == 1 && span_is_nocase(coding, "chunked")));
    struct span expected = request->headers[HTTP_HEADER_EXPECT];
    require(!expected.at || request->minor == 0 || span_is_nocase(expected, "100-continue"));
    require(request->expects_continue == (expected.at && request->minor == 1));
    require(request->minor == 0 || request->headers[HTTP_HEADER_HOST].at);
}

/* Chunks, each a line with its length in hexadecimal digits, and perhaps more behind a `;`, and so
 * many bytes; a chunk without any; and an empty line. Each line ends in CRLF. */
static void require_chunks(const struct http_request *request, const char *at, const char *end)
{
    struct span body = request->body;
    require(body.at == request->joined && end - at <= HTTP_BODY_MAX);
    for (;;) {
        char *stop;
        unsigned long len = strtoul(at, &stop, 16);
        const char *data = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        require(stop > at && strchr(";\r \t", *stop) && len <= body.len && data[-2] == '\r');
        at = data;
        if (len == 0)
            break;
        require(memcmp(at, body.at, len) == 0 && memcmp(at + len, "\r\n", 2) == 0);
        body.at += len;
        body.len -= len;
        at += len + 2;
    }
    require(body.len == 0 && at + 2 == end && memcmp(at, "\r\n", 2) == 0);
}

static void require_body(const struct http_request *request, const char *head_end, const char *end)
{
    struct span length = request->headers[HTTP_HEADER_CONTENT_LENGTH], body = request->body;
    bool chunked = request->headers[HTTP_HEADER_TRANSFER_ENCODING].at;
    uint64_t bytes;
    require(body.len <= HTTP_BODY_MAX && (length.at || chunked) == (body.at != NULL));
    require(!length.at || !chunked);
    if (chunked)
        require_chunks(request, head_end, end);
    else
        require(body.at ? body.at == head_end && body.at + body.len == end : head_end == end);
    if (length.at)
        require(number_parse(length.at, length.len, HTTP_BODY_MAX, &bytes) && bytes == body.len);
}

/* ---- What its head may hold, line by line ---- */

struct counts {
    unsigned hosts, lengths, codings;
};

static void require_field(struct span line, struct counts *counts)
{
    const char *colon = memchr(line.at, ':', line.len);
    require(colon && colon > line.at);
    size_t len = (size_t)(colon - line.at);
    for (size_t i = 0; i < len; i++)
        require(line.at[i] > ' ' && line.at[i] < 0x7f);
    counts->hosts += span_is_nocase((struct span){line.at, len}, "host");
    counts->lengths += span_is_nocase((struct span){line.at, len}, "content-length");
    counts->codings += span_is_nocase((struct span){line.at, len}, "transfer-encoding");
}

static void require_request_line(struct span line)
{
    unsigned blanks = 0;
    for (size_t i = 0; i < line.len; i++)
        blanks += line.at[i] == ' ' || line.at[i] == '\t';
    require(blanks == 2 && line.len >= sizeof "M * HTTP/1.1" - 1);
    const char *version = line.at + line.len - 9;
    require(memcmp(version, " HTTP/1.", 8) == 0 && (version[8] == '0' || version[8] == '1'));
}

/* Takes the next line, which CR LF ends: neither stands anywhere else. */
static struct span take_line(const char **at, const char *end)
{
    const char *lf = memchr(*at, '\n', (size_t)(end - *at));
    require(lf && lf > *at && lf[-1] == '\r');
    struct span line = {*at, (size_t)(lf - 1 - *at)};
    require_text(line);
    *at = lf + 1;
    return line;
}

static void require_head(const char *at, const char *end)
{
    struct counts counts = {0};
    require(end - at <= HTTP_HEAD_MAX);
    struct span line = take_line(&at, end);
    if (line.len == 0)
        line = take_line(&at, end);
    require_request_line(line);
    while ((line = take_line(&at, end)).len > 0)
        require_field(line, &counts);
    require(at == end && counts.hosts <= 1 && counts.lengths + counts.codings <= 1);
}

static void require_request(const struct http_request *request, const char *bytes, int len)
{
    const char *end = bytes + len, *head_end = memmem(bytes + 2, (size_t)len - 2, "\r\n\r\n", 4);
    require(head_end);
    head_end += 4;
    require(request->method >= HTTP_GET && request->method <= HTTP_OTHER);
    require(request->minor <= 1);
    require_head(bytes, head_end);
    require_target(request, bytes, head_end);
    require_headers(request, bytes, head_end);
    require_body(request, head_end, end);
}

/* ---- How it came ---- */

/* Every part of a short input, some forty of a long one. */
static void require_parts(const uint8_t *data, size_t size, int whole)
{
    size_t step = 1 + size / 40, end = whole > 0 ? (size_t)whole : size;
    for (size_t part = 0; part < end; part += step) {
        int result = parse_copy(data, part);
        require(result == 0 || (whole < 0 && result == whole));
    }
    if (whole > 0)
        require(parse_copy(data, end - 1) == 0 && parse_copy(data, end) == whole);
}

/* The same, byte by byte. Where nothing more comes, the whole is looked at once more. */
static void require_resumed(const uint8_t *data, size_t size, int whole)
{
    struct http_request request;
    struct http_part part = {0};
    const char *why;
    int result = 0;
    char *bytes = copy(data, size);
    for (size_t come = 1; result == 0 && come <= size; come++) {
        result = http_request_resume(bytes, come, &part, &request, &why);
        require(result <= 0 || (size_t)result == come);
    }
    if (result == 0)
        result = http_request_parse(bytes, size, &request, &why);
    require(result == whole);
    free(bytes);
}

static void require_rest(const uint8_t *data, size_t size, int whole)
{
    static const uint8_t rest[] = "\r\n\r\nGET / HTTP/1.1\r\n \0";
    uint8_t *longer = malloc(size + sizeof rest);
    require(longer != NULL);
    memcpy(longer, data, size);
    memcpy(longer + size, rest, sizeof rest);
    require(parse_copy(longer, size + sizeof rest) == whole);
    free(longer);
}

static void fuzz_request(const uint8_t *data, size_t size)
{
    struct http_request request, again;
    char *bytes = copy(data, size);
    int whole = parse(bytes, size, &request);
    if (whole > 0)
        require_request(&request, bytes, whole);
    require(parse(bytes, size, &again) == whole);
    if (whole > 0)
        require(memcmp(&again.target, &request.target, sizeof request.target) == 0 &&
                memcmp(again.headers, request.headers, sizeof request.headers) == 0);
    free(bytes);
    require_parts(data, size, whole);
    require_resumed(data, size, whole);
    if (whole != 0)
        require_rest(data, size, whole);
}

/* ---- Values ---- */

static void require_decoded(struct span raw)
{
    char out[64];
    int len = http_decode(raw, true, out, sizeof out);
    require(len >= -1 && len < (int)sizeof out);
    if (len >= 0)
        require(strlen(out) == (size_t)len && (size_t)len <= raw.len);
}

static void require_pairs(struct span form)
{
    const char *begin = form.at, *end = form.at + form.len;
    struct span name, value;
    size_t taken = 0;
    while (http_next_pair(&form, &name, &value)) {
        require_inside(name, begin, end);
        require_inside(value, begin, end);
        require(!memchr(name.at, '=', name.len) && !memchr(value.at, '&', value.len));
        require_decoded(name);
        require_decoded(value);
        taken += name.len + value.len;
    }
    require(form.len == 0 && taken <= (size_t)(end - begin));
}

static void fuzz_values(const uint8_t *data, size_t size)
{
    char *bytes = copy(data, size);
    struct span span = {bytes, size}, value = {NULL, 0};
    require_pairs(span);
    require_decoded(span);
    for (struct span rest = span; http_next_cookie(&rest, "id", &value);) {
        require_inside(value, bytes, bytes + size);
        require(value.at >= bytes + 3 && memcmp(value.at - 3, "id=", 3) == 0);
        require(!memchr(value.at, ';', value.len));
    }
    for (struct span rest = span; http_next_item(&rest, &value);) {
        require_inside(value, bytes, bytes + size);
        require(!memchr(value.at, ',', value.len));
    }
    require(!http_prefers_html(span) || http_accepts(span, "text/html"));
    (void)http_accepts(span, "gzip");
    (void)http_type_is(span, "application/json");
    (void)http_etag_matches(span, "\"7\"");
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_request(data, size);
    fuzz_values(data, size);
    return 0;
}
