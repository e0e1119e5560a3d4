/* Tests of the HTTP codec: what it takes, and of every rule what it refuses. Each row of each table
 * is parsed whole, cut off at every byte, and with something behind it, in blocks of exactly its
 * size, so that a sanitizer sees a step beyond them. */
#include "proto/http.h"
#include "tests/support/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* A request line, and one with the field that it cannot be without. */
#define LINE "GET / HTTP/1.1\r\n"
#define HOST "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

/* The block that the last request was parsed in: spans point into it. */
static char *block;
static struct http_request request;
static const char *why;

/* ---- Parsing ---- */

static int parse_bytes(const char *bytes, size_t len)
{
    free(block);
    block = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(block);
    memcpy(block, bytes, len);
    memset(&request, 0xa5, sizeof request);
    why = NULL;
    return http_request_parse(block, len, &request, &why);
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

/* Whatever of it has come, the answer is the whole's, or that it isn't whole. Of long ones not
 * every part is looked at, but every one near the beginning and the end. */
static void assert_parts(const char *bytes, size_t len, int whole)
{
    size_t end = whole > 0 ? (size_t)whole : len;
    for (size_t part = 0; part < end; part++) {
        if (part > 600 && part + 300 < end)
            part += 61;
        int result = parse_bytes(bytes, part);
        ck_assert_msg(result == 0 || (whole < 0 && result == whole),
                      "%zu bytes of '%.300s' gave %d, the whole %d", part, bytes, result, whole);
    }
}

/* What is behind a request that is whole or refused makes no difference. */
static void assert_rest(const char *bytes, size_t len, int whole)
{
    static const char *const rests[] = {"\r\n", "x", " ", "\n", "GET / HTTP/1.1\r\n\r\n"};
    char *longer = malloc(len + 64);
    ck_assert_ptr_nonnull(longer);
    memcpy(longer, bytes, len);
    for (size_t i = 0; i < COUNT_OF(rests); i++) {
        size_t rest_len = strlen(rests[i]);
        memcpy(longer + len, rests[i], rest_len);
        int result = parse_bytes(longer, len + rest_len);
        ck_assert_msg(result == whole, "'%s' behind '%.300s' gave %d, not %d", rests[i], bytes,
                      result, whole);
    }
    free(longer);
}

/* Byte by byte: a request is taken with its last byte, and a refusal of the whole comes from
 * whatever is looked at last. */
static void assert_resumed(const char *bytes, size_t len, int whole)
{
    struct http_part part = {0};
    int result = 0;
    size_t come = 0;
    while (result == 0 && come < len)
        result = http_request_resume(bytes, ++come, &part, &request, &why);
    if (whole > 0)
        ck_assert_uint_eq(come, (size_t)whole);
    if (result != 0) /* so that the next request begins anew */
        ck_assert(part.searched == 0 && part.enough == 0);
    else /* the last look was before the last byte */
        result = http_request_parse(bytes, len, &request, &why);
    ck_assert_msg(result == whole, "'%.300s' byte by byte gave %d, not %d", bytes, result, whole);
}

/* Leaves the whole request parsed. */
static void assert_result(const char *bytes, size_t len, int expected)
{
    int result = parse_bytes(bytes, len);
    ck_assert_msg(result == expected, "'%.300s' gave %d (%s), not %d", bytes, result,
                  why ? why : "", expected);
    if (expected < 0)
        ck_assert_msg(why && *why, "'%.300s' is refused without a word", bytes);
    assert_parts(bytes, len, expected);
    assert_resumed(bytes, len, expected);
    if (expected != 0)
        assert_rest(bytes, len, expected);
    ck_assert_int_eq(parse_bytes(bytes, len), expected);
}

static void assert_whole(const char *text)
{
    assert_result(text, strlen(text), (int)strlen(text));
}

static void assert_refused(const char *text, int status)
{
    assert_result(text, strlen(text), -status);
}

static void assert_span(struct span span, const char *text)
{
    ck_assert_ptr_nonnull(span.at);
    ck_assert_msg(span.len == strlen(text) && memcmp(span.at, text, span.len) == 0,
                  "'%.*s' is not '%s'", (int)span.len, span.at, text);
}

static void assert_absent(struct span span)
{
    ck_assert_ptr_null(span.at);
    ck_assert_uint_eq(span.len, 0);
}

/* ---- Requests ---- */

START_TEST(simplest)
{
    assert_whole(LINE "Host: a\r\n\r\n");
    ck_assert_int_eq(request.method, HTTP_GET);
    ck_assert_uint_eq(request.minor, 1);
    ck_assert(request.keep_alive);
    assert_span(request.target, "/");
    assert_span(request.path, "/");
    assert_absent(request.query);
    assert_absent(request.body);
    for (int i = 0; i < HTTP_HEADER_COUNT; i++)
        if (i == HTTP_HEADER_HOST)
            assert_span(request.headers[i], "a");
        else
            assert_absent(request.headers[i]);
}
END_TEST

START_TEST(every_field)
{
    assert_whole("POST /polls/lunch/ballots HTTP/1.1\r\n"
                 "host: localhost:3000\r\nCONTENT-LENGTH: 3\r\nContent-Type: application/json\r\n"
                 "Origin: http://localhost:3000\r\nSec-Fetch-Site: same-origin\r\n"
                 "Cookie: a=b; c=d\r\nIf-None-Match: \"7\"\r\nAccept: text/html, */*;q=0.8\r\n"
                 "Accept-Encoding: gzip\r\nX-Forwarded-For: 192.0.2.1\r\n"
                 "Last-Event-ID: 42\r\nX-Other: ignored\r\n\r\n{}\n");
    static const struct {
        enum http_header header;
        const char *value;
    } expected[] = {
        {HTTP_HEADER_HOST, "localhost:3000"},
        {HTTP_HEADER_CONTENT_LENGTH, "3"},
        {HTTP_HEADER_CONTENT_TYPE, "application/json"},
        {HTTP_HEADER_ORIGIN, "http://localhost:3000"},
        {HTTP_HEADER_SEC_FETCH_SITE, "same-origin"},
        {HTTP_HEADER_COOKIE, "a=b; c=d"},
        {HTTP_HEADER_IF_NONE_MATCH, "\"7\""},
        {HTTP_HEADER_ACCEPT, "text/html, */*;q=0.8"},
        {HTTP_HEADER_ACCEPT_ENCODING, "gzip"},
        {HTTP_HEADER_X_FORWARDED_FOR, "192.0.2.1"},
        {HTTP_HEADER_LAST_EVENT_ID, "42"},
    };
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_span(request.headers[expected[i].header], expected[i].value);
    ck_assert_int_eq(request.method, HTTP_POST);
    assert_span(request.body, "{}\n");
}
END_TEST

START_TEST(methods)
{
    static const struct {
        const char *word;
        enum http_method method;
    } rows[] = {
        {"GET", HTTP_GET},         {"HEAD", HTTP_HEAD},   {"POST", HTTP_POST},
        {"OPTIONS", HTTP_OPTIONS}, {"PUT", HTTP_OTHER},   {"DELETE", HTTP_OTHER},
        {"PATCH", HTTP_OTHER},     {"TRACE", HTTP_OTHER}, {"PROPFIND", HTTP_OTHER},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[128];
        snprintf(text, sizeof text, "%s /x HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].word);
        assert_whole(text);
        ck_assert_int_eq(request.method, rows[i].method);
    }
}
END_TEST

START_TEST(keeping_alive)
{
    static const struct {
        const char *version, *connection;
        bool keep_alive;
    } rows[] = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: CLOSE\r\n", false},
        {"1.1", "Connection:close\r\n", false},
        {"1.1", "Connection: x, close ,y\r\n", false},
        {"1.1", "Connection: keep-alive\r\n", true},
        {"1.1", "Connection: keep-alive, close\r\n", false},
        {"1.1", "Connection: close\r\nConnection: keep-alive\r\n", false},
        {"1.1", "Connection: closed\r\n", true},
        {"1.1", "Connection: not-close\r\n", true},
        {"1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n", true},
        {"1.0", "", false},
        {"1.0", "Connection: keep-alive\r\n", true},
        {"1.0", "Connection: Keep-Alive\r\n", true},
        {"1.0", "Connection: keep-alive, close\r\n", false},
        {"1.0", "Connection: close\r\n", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        snprintf(text, sizeof text, "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", rows[i].version,
                 rows[i].connection);
        assert_whole(text);
        ck_assert_msg(request.keep_alive == rows[i].keep_alive, "%s", text);
        ck_assert_uint_eq(request.minor, rows[i].version[2] == '1');
    }
}
END_TEST

START_TEST(targets)
{
    static const struct {
        const char *target, *path, *query;
    } rows[] = {
        {"/", "/", NULL},
        {"/polls?after=3&limit=10", "/polls", "after=3&limit=10"},
        {"/?", "/", ""},
        {"/a?b?c", "/a", "b?c"},
        {"//b/../%2e%2E/%00", "//b/../%2e%2E/%00", NULL},
        {"/a:b@c;d=e,f!$&'()*+~|{}^`\"<>\\", "/a:b@c;d=e,f!$&'()*+~|{}^`\"<>\\", NULL},
        {"/*", "/*", NULL},
        {"/http://a/", "/http://a/", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].target);
        assert_whole(text);
        assert_span(request.target, rows[i].target);
        assert_span(request.path, rows[i].path);
        if (rows[i].query)
            assert_span(request.query, rows[i].query);
        else
            assert_absent(request.query);
    }
}
END_TEST

START_TEST(target_of_the_server_as_such)
{
    assert_whole("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_int_eq(request.method, HTTP_OPTIONS);
    assert_span(request.target, "*");
    assert_absent(request.path);
    assert_absent(request.query);
}
END_TEST

START_TEST(bodies)
{
    static const char *const words[] = {"GET", "HEAD", "POST", "OPTIONS", "PUT"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        char text[128];
        snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\na\r\nb",
                 words[i]);
        assert_whole(text);
        assert_span(request.body, "a\r\nb");
    }
    assert_whole(POST "Content-Length: 0\r\n\r\n");
    assert_span(request.body, "");
    assert_whole(POST "\r\n");
    assert_absent(request.body);
    assert_whole("POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx");
    assert_span(request.body, "x");
}
END_TEST

START_TEST(body_that_is_not_whole)
{
    ck_assert_int_eq(parse(POST "Content-Length: 4\r\n\r\n"), 0);
    ck_assert_int_eq(parse(POST "Content-Length: 4\r\n\r\nabc"), 0);
}
END_TEST

/* A body is any bytes, those of a request among them. */
START_TEST(body_of_any_bytes)
{
    static const char text[] = POST "Content-Length: 21\r\n\r\n\0\n\xff\r\n\r\nGET / HTTP/9.9";
    assert_result(text, sizeof text - 1, sizeof text - 1);
    ck_assert_uint_eq(request.body.len, 21);
}
END_TEST

START_TEST(values)
{
    static const struct {
        const char *field, *value;
    } rows[] = {
        {"Cookie:a=b", "a=b"},        {"Cookie: \t a=b\t ", "a=b"},
        {"Cookie: a \t b", "a \t b"}, {"Cookie:", ""},
        {"Cookie: \t ", ""},          {"cOOKIE: \x80\xff", "\x80\xff"},
        {"Cookie: a: b", "a: b"},     {"X-Cookie: x\r\nCookies: y\r\nCookie: z\r\nCooki: w", "z"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        snprintf(text, sizeof text, HOST "%s\r\n\r\n", rows[i].field);
        assert_whole(text);
        assert_span(request.headers[HTTP_HEADER_COOKIE], rows[i].value);
    }
}
END_TEST

START_TEST(last_line_of_a_list)
{
    assert_whole(HOST "X-Forwarded-For: 192.0.2.1\r\nAccept: text/html\r\n"
                      "X-Forwarded-For: 192.0.2.2\r\nAccept: text/plain\r\n"
                      "If-None-Match: \"1\"\r\nIf-None-Match: \"2\"\r\n"
                      "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_span(request.headers[HTTP_HEADER_X_FORWARDED_FOR], "192.0.2.2");
    assert_span(request.headers[HTTP_HEADER_ACCEPT], "text/plain");
    assert_span(request.headers[HTTP_HEADER_IF_NONE_MATCH], "\"2\"");
    assert_span(request.headers[HTTP_HEADER_ACCEPT_ENCODING], "gzip");
}
END_TEST

static void assert_lines(const char *fields, const char *const *lines)
{
    char text[256];
    struct span line = {0};
    snprintf(text, sizeof text, "GET /cookie:0 HTTP/1.1\r\n%sHost: a\r\n\r\n", fields);
    assert_whole(text);
    for (; *lines; lines++) {
        ck_assert_msg(http_next_line(&request, HTTP_HEADER_COOKIE, &line), "'%s'", fields);
        assert_span(line, *lines);
    }
    ck_assert_msg(!http_next_line(&request, HTTP_HEADER_COOKIE, &line), "'%s'", fields);
    ck_assert_ptr_eq(line.at, request.headers[HTTP_HEADER_COOKIE].at); /* the last one is that */
}

START_TEST(all_lines_of_a_list)
{
    static const struct {
        const char *fields, *lines[5];
    } rows[] = {
        {"", {NULL}},
        {"Cookie: a=1\r\n", {"a=1"}},
        {"Cookie:\r\n", {""}},
        {"Cookie: a=1\r\nCookie: b=2\r\n", {"a=1", "b=2"}},
        {"COOKIE:a=1 \r\nX: Cookie: x\r\nCookies: y\r\ncookie:\tb: c\t\r\n", {"a=1", "b: c"}},
        {"Cookie:\r\nCookie: \r\nCookie: a\r\nCookie:\r\n", {"", "", "a", ""}},
        {"Cookie: a\r\nCookie: \t \r\n", {"a", ""}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_lines(rows[i].fields, rows[i].lines);
}
END_TEST

START_TEST(pipelined)
{
    static const char text[] = POST "Content-Length: 2\r\n\r\nabGET /next HTTP/1.1\r\n";
    const size_t len = sizeof POST "Content-Length: 2\r\n\r\nab" - 1;
    ck_assert_int_eq(parse(text), (int)len);
    assert_span(request.body, "ab");
    for (int byte = 0; byte < 256; byte++) {
        char longer[sizeof text];
        memcpy(longer, text, len);
        longer[len] = (char)byte;
        ck_assert_int_eq(parse_bytes(longer, len + 1), (int)len);
    }
}
END_TEST

START_TEST(empty_line_before)
{
    assert_whole("\r\n" HOST "\r\n");
    assert_span(request.path, "/");
    assert_refused("\r\n\r\n" HOST "\r\n", 400);
    assert_refused("\n" HOST "\r\n", 400);
    assert_refused("\r\r\n" HOST "\r\n", 400);
    assert_refused(" \r\n" HOST "\r\n", 400);
    ck_assert_int_eq(parse("\r"), 0);
    ck_assert_int_eq(parse("\r\n"), 0);
    ck_assert_int_eq(parse("\r\n\r"), 0);
    ck_assert_int_eq(parse(""), 0);
}
END_TEST

/* Nothing switches to another protocol: what follows is parsed as the next request. */
START_TEST(upgrades_are_ignored)
{
    static const char text[] = HOST "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\n"
                                    "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    assert_whole(text);
    ck_assert(request.keep_alive);
    assert_whole(POST "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nab");
    assert_span(request.body, "ab");
}
END_TEST

/* ---- Refusals ---- */

struct refusal {
    const char *text;
    int status;
};

static void assert_refusals(const struct refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_refused(rows[i].text, rows[i].status);
}

START_TEST(versions)
{
    static const struct refusal rows[] = {
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/0.9\r\n\r\n", 505},
        {"GET / HTTP/3.1\r\n\r\n", 505},
        {"GET /\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/x.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.x\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP 1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", 400},
        {"OPTIONS * RTSP/1.0\r\nHost: a\r\n\r\n", 400},
        {"SOURCE / ICE/1.0\r\nHost: a\r\n\r\n", 400},
    };
    assert_refusals(rows, COUNT_OF(rows));
}
END_TEST

START_TEST(request_lines)
{
    static const struct refusal rows[] = {
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
        {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET\r\nHost: a\r\n\r\n", 400},
        {"HELLO\r\nHost: a\r\n\r\n", 400},
        {"vote lunch pizza\r\n\r\n", 501},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"GETS / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"GE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"X-!#$%&'*+.^_`|~9 / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"\x16\x03\x01\x02", 400},
    };
    assert_refusals(rows, COUNT_OF(rows));
    ck_assert_int_eq(parse("BREW"), 0); /* BREWING is no method either, but B( is no word */
}
END_TEST

START_TEST(refused_targets)
{
    static const struct refusal rows[] = {
        {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"CONNECT * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /# HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    };
    assert_refusals(rows, COUNT_OF(rows));
}
END_TEST

START_TEST(hosts)
{
    static const struct refusal rows[] = {
        {LINE "\r\n", 400},
        {LINE "X-Host: a\r\n\r\n", 400},
        {LINE "Host: a\r\nHost: a\r\n\r\n", 400},
        {LINE "Host: a\r\nhost: b\r\n\r\n", 400},
        {LINE "Host:\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    };
    assert_refusals(rows, COUNT_OF(rows));
    assert_whole("GET / HTTP/1.0\r\n\r\n");
    assert_absent(request.headers[HTTP_HEADER_HOST]);
}
END_TEST

START_TEST(repeated_fields)
{
    static const char *const names[] = {"Content-Type", "Origin", "Sec-Fetch-Site",
                                        "Last-Event-ID"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char text[256];
        snprintf(text, sizeof text, HOST "%s: a\r\n\r\n", names[i]);
        assert_whole(text);
        snprintf(text, sizeof text, HOST "%s: a\r\nX: y\r\n%s: a\r\n\r\n", names[i], names[i]);
        assert_refused(text, 400);
        snprintf(text, sizeof text, HOST "%s:\r\n%s: a\r\n\r\n", names[i], names[i]);
        assert_refused(text, 400);
    }
}
END_TEST

START_TEST(lines_of_fields)
{
    static const struct refusal rows[] = {
        {HOST " X: folded\r\n\r\n", 400},
        {HOST "X: a\r\n b\r\n\r\n", 400},
        {HOST "X: a\r\n\tb\r\n\r\n", 400},
        {HOST "X: a\r\n \r\n\r\n", 400},
        {LINE " Host: a\r\n\r\n", 400},
        {HOST "X : a\r\n\r\n", 400},
        {HOST "X\t: a\r\n\r\n", 400},
        {HOST ": a\r\n\r\n", 400},
        {HOST ":\r\n\r\n", 400},
        {HOST "X\r\n\r\n", 400},
        {HOST "X Y: a\r\n\r\n", 400},
        {HOST "X(Y): a\r\n\r\n", 400},
        {HOST "\xc3\x9c: a\r\n\r\n", 400},
        {HOST "X: a\n\r\n", 400},
        {HOST "X: a\r\n\n", 400},
        {HOST "\n", 400},
        {HOST "X: a\r\r\n\r\n", 400},
        {HOST "X: a\rY: b\r\n\r\n", 400},
        {HOST "\rX: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
    };
    assert_refusals(rows, COUNT_OF(rows));
}
END_TEST

static const char whole_head[] = "POST /a?b HTTP/1.1\r\nHost: a\r\nX: y z\r\n\r\n";

/* Whether a place of whole_head is in a field's value, or the blank before it. */
static bool is_in_value(size_t place)
{
    static const char shape[] = "..................\r\n.....vv\r\n..vvvv\r\n\r\n";
    ck_assert_uint_eq(sizeof shape, sizeof whole_head);
    return shape[place] == 'v';
}

/* Each byte that is not for heads, in the place of each byte of one. */
START_TEST(every_control_byte_at_every_place)
{
    size_t len = sizeof whole_head - 1;
    assert_whole(whole_head);
    for (int byte = 0; byte < 256; byte++) {
        if (byte >= 0x20 && byte < 0x7f)
            continue;
        for (size_t place = 0; place < len; place++) {
            char text[sizeof whole_head];
            memcpy(text, whole_head, sizeof text);
            if (text[place] == (char)byte)
                continue;
            text[place] = (char)byte;
            bool taken = (byte == '\t' || byte >= 0x80) && is_in_value(place);
            assert_result(text, len, taken ? (int)len : -400);
        }
    }
}
END_TEST

/* Whoever expects to be told to go on is, as soon as his head is there. */
START_TEST(expectations)
{
    assert_whole(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx");
    ck_assert(request.expects_continue);
    ck_assert_int_eq(parse(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n"), 0);
    ck_assert(request.body.at && request.expects_continue);
    ck_assert_int_eq(parse(POST "expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"), 0);
    ck_assert(request.body.at && request.expects_continue);
    ck_assert_int_eq(parse(POST "Content-Length: 1\r\n\r\n"), 0);
    ck_assert(request.body.at && !request.expects_continue);
    ck_assert_int_eq(parse(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r"), 0);
    ck_assert(!request.body.at);
    assert_whole("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx");
    ck_assert(!request.expects_continue);
    assert_refused(POST "Expect: x\r\n\r\n", 417);
    assert_refused(POST "Expect: 100-continue, x\r\n\r\n", 417);
    assert_refused(POST "Expect: 100-continue\r\nContent-Length: 4097\r\n\r\n", 413);
}
END_TEST

/* ---- Bodies in chunks ---- */

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

START_TEST(chunked_bodies)
{
    static const struct {
        const char *text, *body;
    } rows[] = {
        {CHUNKED "0\r\n\r\n", ""},
        {CHUNKED "5\r\nabcde\r\n0\r\n\r\n", "abcde"},
        {CHUNKED "1\r\na\r\n2\r\nbc\r\n00002\r\nde\r\n0\r\n\r\n", "abcde"},
        {CHUNKED "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
        {CHUNKED "8\r\na\r\n\r\nb\r\n\r\n0\r\n\r\n", "a\r\n\r\nb\r\n"},
        {CHUNKED "3;x=y\r\nabc\r\n0\r\n\r\n", "abc"},
        {CHUNKED "3\r\nabc\r\n000;x=y\r\n\r\n", "abc"},
        {POST "transfer-encoding: \tCHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n", "a"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_whole(rows[i].text);
        assert_span(request.body, rows[i].body);
    }
}
END_TEST

START_TEST(faulty_chunks)
{
    static const struct refusal rows[] = {
        {CHUNKED "g\r\n", 400},
        {CHUNKED "-1\r\na\r\n0\r\n\r\n", 400},
        {CHUNKED "0x1\r\na\r\n0\r\n\r\n", 400},
        {CHUNKED " 1\r\na\r\n0\r\n\r\n", 400},
        {CHUNKED "\r\n", 400},
        {CHUNKED "1\na\n0\n\n", 400},
        {CHUNKED "1\r\nab\r\n0\r\n\r\n", 400},
        {CHUNKED "2\r\na\r\n0\r\n\r\n", 400},
        {CHUNKED "1\r\na0\r\n\r\n", 400},
        {CHUNKED "1\r\na\n0\r\n\r\n", 400},
        {CHUNKED "1\r\na\r\n0\n\r\n", 400},
        {CHUNKED "1;x=y\na\r\n0\r\n\r\n", 400},
        {CHUNKED "0;x=y\n\r\n", 400},
        {CHUNKED "0;x=\"y\n\"\r\n\r\n", 400},
        {CHUNKED "0;x\ry\r\n\r\n", 400},
        /* behind the last chunk: no trailers, and no other end of the line */
        {CHUNKED "0\r\n\n", 400},
        {CHUNKED "0\r\n\r\r\n", 400},
        {CHUNKED "0\r\n\rX\r\n\r\n", 400},
        {CHUNKED "0\r\nX: y\n\r\n", 400},
        {CHUNKED "0\r\nX: y\r\n\n", 400},
        {CHUNKED "0\r\nX: y\r\n\r\n", 400},
        {CHUNKED "0\r\n X: y\r\n\r\n", 400},
        {CHUNKED "1\r\na\r\n0;x=y\r\nX: y\r\n\r\n", 400},
        {CHUNKED "10000000000000000\r\na\r\n0\r\n\r\n", 400},
    };
    assert_refusals(rows, COUNT_OF(rows));
}
END_TEST

/* Ways to have two readers disagree on where a request ends. */
START_TEST(smuggling)
{
    static const struct refusal rows[] = {
        /* two lengths */
        {POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400},
        {POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", 400},
        {POST "Content-Length: 0\r\ncontent-length: 5\r\n\r\nabcde", 400},
        {POST "Content-Length: 5, 5\r\n\r\nabcde", 400},
        {POST "Content-Length: 5,6\r\n\r\nabcdef", 400},
        {POST "Content-Length: 5 6\r\n\r\nabcdef", 400},
        /* lengths that are none */
        {POST "Content-Length: +5\r\n\r\nabcde", 400},
        {POST "Content-Length: -5\r\n\r\nabcde", 400},
        {POST "Content-Length: -0\r\n\r\n", 400},
        {POST "Content-Length: 0x5\r\n\r\nabcde", 400},
        {POST "Content-Length: 5.0\r\n\r\nabcde", 400},
        {POST "Content-Length: 1e0\r\n\r\na", 400},
        {POST "Content-Length: 5;\r\n\r\nabcde", 400},
        {POST "Content-Length: \"5\"\r\n\r\nabcde", 400},
        {POST "Content-Length: five\r\n\r\nabcde", 400},
        {POST "Content-Length:\r\n\r\n", 400},
        {POST "Content-Length: \t\r\n\r\n", 400},
        {POST "Content-Length: \v5\r\n\r\nabcde", 400},
        {POST "Content-Length: 5\t\r\n\r\nabcde", 400},
        {POST "Content-Length: 5\f\r\n\r\nabcde", 400},
        {POST "Content-Length: \xd9\xa5\r\n\r\nabcde", 400},
        {POST "Content-Length: \xc2\xa0"
              "5\r\n\r\nabcde",
         400},
        {POST "Content-Length: 18446744073709551616\r\n\r\n", 400},
        {POST "Content-Length: 18446744073709551621\r\n\r\nabcde", 400},
        {POST "Content-Length: 4294967301\r\n\r\nabcde", 413},
        {POST "Content-Length : 5\r\n\r\nabcde", 400},
        {POST " Content-Length: 5\r\n\r\nabcde", 400},
        {POST "Content-Length: \r\n 5\r\n\r\nabcde", 400},
        {POST "X: y\rContent-Length: 5\r\n\r\nabcde", 400},
        {POST "X: y\nContent-Length: 5\r\n\r\nabcde", 400},
        /* a length and a coding */
        {POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nabcde", 400},
        {POST "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nabcde", 400},
        {POST "Content-Length: 5\r\nTransfer-Encoding: x, chunked, x\r\n\r\nabcde", 400},
        {POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        /* codings, plain and dressed up */
        {POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
        {POST "Transfer-Encoding: identity\r\n\r\n", 501},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        {POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", 501},
        {POST "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
        {POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501},
        {POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", 501},
        {POST "Transfer-Encoding:\r\n\r\n", 501},
        {POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
        {POST " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: \r\n chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        /* a head that one reader ends before the other */
        {POST "X: y\r\n\rZ: w\r\n\r\n", 400},
        {POST "X: y\n\nGET / HTTP/1.1\r\n\r\n", 400},
        {POST "X: y\r\n\nGET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
    };
    assert_refusals(rows, COUNT_OF(rows));
}
END_TEST

START_TEST(lengths_that_are_taken)
{
    static const char *const lengths[] = {"5", " 5", "\t5", "  5  ", "05", "000000000000000005"};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        char text[256];
        snprintf(text, sizeof text, POST "Content-Length:%s\r\n\r\nabcde", lengths[i]);
        assert_whole(text);
        assert_span(request.body, "abcde");
    }
    assert_whole(POST "Content-Length: 010\r\n\r\n0123456789"); /* ten, in decimal */
    assert_whole(POST "Content_Length: 7\r\nX-Content-Length: 7\r\nContent-Length: 1\r\n\r\na");
    assert_span(request.body, "a");
}
END_TEST

/* ---- Limits ---- */

static char big[HTTP_HEAD_MAX + HTTP_BODY_MAX + 64];

/* A head of so many bytes, ended or not, at the beginning of `big`. */
static void make_head(size_t len, const char *start, bool ended)
{
    size_t start_len = strlen(start);
    ck_assert_uint_lt(start_len + 4, len);
    memset(big, 'x', sizeof big);
    memcpy(big, start, start_len);
    if (ended)
        memcpy(big + len - 4, "\r\n\r\n", 4);
}

START_TEST(longest_head)
{
    make_head(HTTP_HEAD_MAX, HOST "X: ", true);
    assert_result(big, HTTP_HEAD_MAX, HTTP_HEAD_MAX);
    make_head(HTTP_HEAD_MAX, "\r\n" HOST "X: ", true);
    assert_result(big, HTTP_HEAD_MAX, HTTP_HEAD_MAX);
}
END_TEST

/* The refusal comes with the byte that makes it one, whether or not an end would come. */
START_TEST(too_long_head)
{
    make_head(HTTP_HEAD_MAX + 1, HOST "X: ", true);
    assert_result(big, HTTP_HEAD_MAX + 1, -431);
    ck_assert_int_eq(parse_bytes(big, HTTP_HEAD_MAX - 1), 0);
    ck_assert_int_eq(parse_bytes(big, HTTP_HEAD_MAX), -431);
    make_head(sizeof big - 64, HOST "X: ", false);
    assert_result(big, sizeof big - 64, -431);
    make_head(HTTP_HEAD_MAX + 2, HOST "X: ", true);
    assert_result(big, HTTP_HEAD_MAX + 2, -431);
}
END_TEST

START_TEST(too_many_fields)
{
    size_t len = (size_t)sprintf(big, HOST);
    while (len + 4 <= HTTP_HEAD_MAX - 2)
        len += (size_t)sprintf(big + len, "a:\r\n");
    size_t whole = len + (size_t)sprintf(big + len, "\r\n");
    assert_result(big, whole, (int)whole);
    for (; len <= HTTP_HEAD_MAX; len += 4)
        memcpy(big + len, "a:\r\n", 4);
    assert_result(big, len, -431);
}
END_TEST

/* A method without an end, a target without one. */
START_TEST(endless_words)
{
    memset(big, 'M', sizeof big);
    ck_assert_int_eq(parse_bytes(big, HTTP_HEAD_MAX - 1), 0);
    ck_assert_int_eq(parse_bytes(big, HTTP_HEAD_MAX), -431);
    memset(big, ' ', sizeof big);
    ck_assert_int_eq(parse_bytes(big, 1), -400);
}
END_TEST

static size_t make_target(size_t target_len, bool ended)
{
    memset(big, 'x', sizeof big);
    memcpy(big, "GET /", 5);
    size_t len = 4 + target_len;
    if (ended)
        len += (size_t)sprintf(big + len, " HTTP/1.1\r\nHost: a\r\n\r\n");
    return len;
}

START_TEST(targets_at_their_bound)
{
    size_t len = make_target(HTTP_TARGET_MAX, true);
    assert_result(big, len, (int)len);
    ck_assert_uint_eq(request.target.len, HTTP_TARGET_MAX);
    len = make_target(HTTP_TARGET_MAX + 1, true);
    assert_result(big, len, -414);
    len = make_target(HTTP_TARGET_MAX, false);
    ck_assert_int_eq(parse_bytes(big, len), 0);
    len = make_target(HTTP_TARGET_MAX + 1, false);
    assert_result(big, len, -414);
    len = make_target(HTTP_HEAD_MAX + 100, true);
    assert_result(big, len, -414);
    /* What is wrong before the target's bound comes first, and what is wrong behind it does not. */
    big[100] = '\n';
    assert_result(big, len, -400);
    big[100] = 'x';
    big[3000] = '\n';
    assert_result(big, len, -414);
    memcpy(big, "GAT /", 5);
    assert_result(big, len, -501);
}
END_TEST

START_TEST(bodies_at_their_bound)
{
    int head = sprintf(big, POST "Content-Length: %d\r\n\r\n", HTTP_BODY_MAX);
    memset(big + head, 'x', HTTP_BODY_MAX);
    assert_result(big, (size_t)head + HTTP_BODY_MAX, head + HTTP_BODY_MAX);
    ck_assert_uint_eq(request.body.len, HTTP_BODY_MAX);

    /* refused by its head, before any of it came */
    assert_refused(POST "Content-Length: 4097\r\n\r\n", 413);
    assert_refused(POST "Content-Length: 18446744073709551615\r\n\r\n", 413);
}
END_TEST

/* Of a chunked body what frames it counts. */
START_TEST(chunked_bodies_at_their_bound)
{
    static const char end[] = "\r\n0\r\n\r\n";
    int head = sprintf(big, CHUNKED);
    const size_t whole = (size_t)head + HTTP_BODY_MAX, end_len = sizeof end - 1;
    int line = sprintf(big + head, "%x\r\n", (unsigned)(HTTP_BODY_MAX - end_len - 5));
    ck_assert_int_eq(line, 5);
    memset(big + head + line, 'x', HTTP_BODY_MAX);
    memcpy(big + whole - end_len, end, end_len);
    assert_result(big, whole, (int)whole);
    ck_assert_uint_eq(request.body.len, HTTP_BODY_MAX - end_len - 5);
    big[head + 2]++; /* one more */
    memcpy(big + whole - end_len, "x\r\n0\r\n\r\n", end_len + 1);
    assert_result(big, whole + 1, -413);
}
END_TEST

/* The longest request that there can be. */
START_TEST(longest_request)
{
    make_head(HTTP_HEAD_MAX, POST "Content-Length: 4096\r\nX: ", true);
    assert_result(big, HTTP_HEAD_MAX + HTTP_BODY_MAX, HTTP_HEAD_MAX + HTTP_BODY_MAX);
    ck_assert_int_eq(parse_bytes(big, HTTP_HEAD_MAX + HTTP_BODY_MAX - 1), 0);
}
END_TEST

/* ---- Pieces ---- */

/* How often a request is looked at that comes byte by byte: each look makes `request` anew. */
static unsigned count_looks(const char *bytes, size_t len)
{
    enum { NOT_LOOKED = 99 };
    struct http_part part = {0};
    unsigned looks = 0;
    for (size_t come = 1; come <= len; come++) {
        request.minor = NOT_LOOKED;
        ck_assert_int_eq(http_request_resume(bytes, come, &part, &request, &why), 0);
        looks += request.minor != NOT_LOOKED;
    }
    return looks;
}

/* 8 KiB of fields, or a body with what ends a head in it, are not looked at byte by byte. */
START_TEST(pieces)
{
    char text[HTTP_HEAD_MAX];
    size_t len = (size_t)sprintf(text, HOST);
    while (len + 5 < sizeof text)
        len += (size_t)sprintf(text + len, "a:\r\n");
    ck_assert_uint_le(count_looks(text, len), 256 + 5);

    len = (size_t)sprintf(text, POST "Content-Length: 4096\r\n\r\n");
    const size_t head_len = len;
    while (len < head_len + 4000)
        len += (size_t)sprintf(text + len, "\r\n\r\n");
    ck_assert_uint_le(count_looks(text, len), (unsigned)head_len);

    /* nor are chunks, but where they may end */
    len = (size_t)sprintf(text, CHUNKED "fff\r\n");
    while (len < head_len + 4000)
        len += (size_t)sprintf(text + len, "%s", len % 100 == 0 ? "\r\n\r\n" : "x");
    ck_assert_uint_le(count_looks(text, len), (unsigned)head_len + 50);
}
END_TEST

/* A fault is told at once where the head is short, and with the 8 KiB at the latest. */
START_TEST(faults_in_pieces)
{
    struct http_part part = {0};
    char text[HTTP_HEAD_MAX + 1] = HOST "no field\r\n";
    size_t len = strlen(text), come = 0;
    int result = 0;
    while (result == 0 && come < len)
        result = http_request_resume(text, ++come, &part, &request, &why);
    ck_assert_int_eq(result, -400);

    len = (size_t)sprintf(text, HOST "a: ");
    memset(text + len, 'x', sizeof text - len);
    part = (struct http_part){0};
    for (come = 1; come < HTTP_HEAD_MAX; come++)
        ck_assert_int_eq(http_request_resume(text, come, &part, &request, &why), 0);
    ck_assert_int_eq(http_request_resume(text, come, &part, &request, &why), -431);
}
END_TEST

/* ---- Replies ---- */

START_TEST(reply_heads)
{
    char head[HTTP_REPLY_HEAD_MAX];
    char *at = http_put_status(head, 201);
    at = http_put_field(at, "Content-Type", "text/plain; charset=utf-8");
    at = http_put_field(at, "Vary", "");
    at = http_put_length(at, UINT64_MAX);
    at = http_put_end(at);
    static const char expected[] = "HTTP/1.1 201 Created\r\n"
                                   "Content-Type: text/plain; charset=utf-8\r\n"
                                   "Vary: \r\n"
                                   "Content-Length: 18446744073709551615\r\n"
                                   "\r\n";
    ck_assert_str_eq(head, expected);
    ck_assert_ptr_eq(at, head + strlen(expected));
}
END_TEST

START_TEST(lengths_of_replies)
{
    char head[64];
    ck_assert_ptr_eq(http_put_length(head, 0), head + strlen(head));
    ck_assert_str_eq(head, "Content-Length: 0\r\n");
}
END_TEST

/* Each is in the list once, with three digits and a reason. */
START_TEST(reasons)
{
    static const int statuses[] = {
#define HTTP_STATUS(status, reason) status,
#include "proto/http_status.def"
#undef HTTP_STATUS
    };
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        ck_assert(statuses[i] >= 100 && statuses[i] <= 599);
        ck_assert(i == 0 || statuses[i] > statuses[i - 1]);
        ck_assert_uint_ge(strlen(http_reason(statuses[i])), 2);
    }
    ck_assert_str_eq(http_reason(200), "OK");
    ck_assert_str_eq(http_reason(505), "HTTP Version Not Supported");
}
END_TEST

START_TEST(status_that_is_in_no_list_aborts)
{
    (void)http_reason(299);
}
END_TEST

/* ---- The suite ---- */

enum { GROUP_MAX = 20 };
struct group {
    const char *name;
    const TTest *tests[GROUP_MAX + 1];
};

int main(void)
{

    int status = UNIT_RUN(
        "http_codec", /* every byte at every place takes its time */
        {"requests", .timeout_s = 60,
         .tests = {{simplest},
                   {every_field},
                   {methods},
                   {keeping_alive},
                   {targets},
                   {target_of_the_server_as_such},
                   {bodies},
                   {body_that_is_not_whole},
                   {body_of_any_bytes},
                   {values},
                   {last_line_of_a_list},
                   {all_lines_of_a_list},
                   {pipelined},
                   {empty_line_before},
                   {upgrades_are_ignored},
                   {lengths_that_are_taken}}},
        {"refusals", .timeout_s = 60,
         .tests = {{versions},
                   {request_lines},
                   {refused_targets},
                   {hosts},
                   {repeated_fields},
                   {lines_of_fields},
                   {every_control_byte_at_every_place},
                   {expectations},
                   {chunked_bodies},
                   {faulty_chunks},
                   {smuggling}}},
        {"limits", .timeout_s = 60,
         .tests = {{longest_head},
                   {too_long_head},
                   {too_many_fields},
                   {endless_words},
                   {targets_at_their_bound},
                   {bodies_at_their_bound},
                   {chunked_bodies_at_their_bound},
                   {longest_request}}},
        {"pieces", .timeout_s = 60, .tests = {{pieces}, {faults_in_pieces}}},
        {"replies", .timeout_s = 60, .tests = {{reply_heads}, {lengths_of_replies}, {reasons}}},
        {"invariants", .tests = {{status_that_is_in_no_list_aborts, .signal = SIGABRT}}});
    free(block);
    return status;
}
