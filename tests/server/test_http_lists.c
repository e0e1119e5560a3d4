/* Lists of polls over HTTP: what a reader of many gets, and that one who has it already, or takes
 * it compressed, gets the same. */
#include "tests/support/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { UNPACKED_MAX = 512 * 1024 };

static struct server server;

static void set_up(void)
{
    server_init(&server);
}

static void tear_down(void)
{
    server_end(&server);
}

static const char *const lists[] = {"/", "/polls"};

/* Starts a server with so many polls of four choices, and takes its web's client. */
static struct client *start(unsigned polls)
{
    server_start(&server, "--http=127.0.0.1:0", "--poll=lunch=pizza,sushi", NULL);
    struct client *admin = server_admin(&server);
    for (unsigned i = 1; i < polls; i++)
        client_send(admin, "CREATE poll%u a b c d", i);
    for (unsigned i = 1; i < polls; i++)
        client_expect_match(admin, "^\\+OK");
    client_close(admin);
    return web_client(&server);
}

/* The body, decoded if it is compressed. */
static const char *unpacked(const struct web_reply *reply)
{
    static char text[UNPACKED_MAX];
    const char *coding = web_field(reply, "Content-Encoding");
    ck_assert_str_eq(web_field(reply, "Vary"), "Accept, Accept-Encoding");
    if (!coding)
        return reply->body;
    ck_assert_str_eq(coding, "gzip");
    z_stream stream = {.next_in = (unsigned char *)reply->body,
                       .avail_in = (unsigned)reply->len,
                       .next_out = (unsigned char *)text,
                       .avail_out = sizeof text - 1};
    ck_assert_int_eq(inflateInit2(&stream, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    text[stream.total_out] = '\0';
    inflateEnd(&stream);
    return text;
}

static const struct web_reply *ask(struct client *client, const char *target, const char *fields)
{
    web_ask(client, "GET", target, fields);
    return web_expect(client, 200);
}

#define GZIP "Accept-Encoding: gzip, br\r\n"

START_TEST(a_list_is_compressed_for_who_takes_it)
{
    struct client *client = start(100);
    const char *target = lists[_i];
    const struct web_reply *reply = ask(client, target, "");
    ck_assert_ptr_null(web_field(reply, "Content-Encoding"));
    char *plain = strdup(reply->body);
    size_t plain_len = reply->len;
    for (unsigned again = 0; again < 3; again++) {
        reply = ask(client, target, GZIP);
        ck_assert_str_eq(web_field(reply, "Content-Encoding"), "gzip");
        ck_assert_uint_lt(5 * reply->len, plain_len);
        ck_assert_str_eq(unpacked(reply), plain);
    }
    ck_assert_ptr_null(
        web_field(ask(client, target, "Accept-Encoding: gzip;q=0\r\n"), "Content-Encoding"));
    free(plain);
}
END_TEST

/* Each ballot is in the next list, whether that was compressed anew or not. */
START_TEST(a_list_is_never_old)
{
    struct client *client = start(3), *voter = server_client(&server);
    char expected[64];
    for (unsigned i = 1; i <= 50; i++) {
        client_send(voter, "VOTE lunch %u", 1 + i % 2);
        client_expect_match(voter, "^\\+OK");
        snprintf(expected, sizeof expected, _i == 0 ? "data-seq=\"%u\"" : "\"seq\":%u,", 3 + i);
        ck_assert_ptr_nonnull(strstr(unpacked(ask(client, lists[_i], GZIP)), expected));
    }
}
END_TEST

/* What a reader has seen is told by its ETag, as long as nothing has changed: no ballot, no title,
 * no poll that was made. */
START_TEST(a_list_that_is_known)
{
    static const char *const changes[] = {"VOTE lunch pizza", "TITLE poll2 Other", "CREATE new a b",
                                          "CLOSE poll1"};
    struct client *client = start(5), *admin = server_admin(&server);
    char etag[128], fields[256];
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        snprintf(etag, sizeof etag, "%s", web_field(ask(client, lists[_i], GZIP), "ETag"));
        snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", etag);
        for (unsigned again = 0; again < 2; again++) {
            web_ask(client, "GET", lists[_i], fields);
            ck_assert_str_eq(web_field(web_expect(client, 304), "ETag"), etag);
        }
        client_send(admin, "%s", changes[i]);
        client_expect_match(admin, "^\\+OK");
        ck_assert_str_ne(web_field(ask(client, lists[_i], fields), "ETag"), etag);
    }
}
END_TEST

/* Parts of a list are not taken for one another. */
START_TEST(parts_of_a_list)
{
    static const char *const targets[] = {"/",
                                          "/?from=1",
                                          "/?from=2",
                                          "/polls",
                                          "/polls?limit=2",
                                          "/polls?after=1",
                                          "/polls?after=1&limit=2"};
    enum { COUNT = sizeof targets / sizeof targets[0] };
    struct client *client = start(4);
    char etags[COUNT][128];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(etags[i], sizeof etags[i], "%s", web_field(ask(client, targets[i], GZIP), "ETag"));
        for (size_t before = 0; before < i; before++)
            ck_assert_str_ne(etags[i], etags[before]);
    }
}
END_TEST

SERVER_MAIN("http_lists", {"lists", .set_up = set_up, .tear_down = tear_down,
                           .tests = {{a_list_is_compressed_for_who_takes_it, .loops = 2},
                                     {a_list_is_never_old, .loops = 2},
                                     {a_list_that_is_known, .loops = 2},
                                     {parts_of_a_list}}})
