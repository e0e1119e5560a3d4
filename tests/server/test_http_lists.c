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

/* The token that a list gives its reader, for the events since. */
static void take_since(const struct web_reply *reply, const char *before, char since[64])
{
    const char *at = strstr(reply->body, before);
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(sscanf(at + strlen(before), "%63[0-9a-f-]", since), 1);
}

/* The poll of the next event. */
static const char *told_poll(struct client *reader)
{
    static char name[64];
    const char *line;
    do
        line = client_line(reader);
    while (strncmp(line, "data: ", 6) != 0);
    ck_assert_int_eq(sscanf(line, "data: {\"poll\":\"%63[^\"]\"", name), 1);
    return name;
}

/* A poll is told of: perhaps behind others that have changed, but never one that has not. */
static void expect_told(struct client *reader, const char *poll)
{
    const char *told;
    do {
        told = told_poll(reader);
        ck_assert_str_ne(told, "poll3");
        ck_assert_str_ne(told, "poll4");
    } while (strcmp(told, poll) != 0);
}

static struct client *read_events(const char *since)
{
    struct client *reader = web_client(&server);
    char target[128];
    snprintf(target, sizeof target, "/events%s%s", since ? "?since=" : "", since ? since : "");
    web_ask(reader, "GET", target, "");
    ck_assert_int_eq(web_head(reader)->status, 200);
    return reader;
}

/* Whoever has a list is told what changes, and not again what is in it: a ballot, a title, a poll
 * that is made; and so is whoever comes back. */
START_TEST(events_since_a_list)
{
    static const char *const before[] = {"data-since=\"", "\"since\":\""};
    struct client *client = start(5), *admin = server_admin(&server);
    char since[64];
    take_since(ask(client, lists[_i], ""), before[_i], since);
    client_ask_number(admin, "VOTE lunch pizza");
    struct client *reader = read_events(since);
    expect_told(reader, "lunch");
    client_ask_number(admin, "TITLE poll2 Supper");
    expect_told(reader, "poll2");
    client_ask_number(admin, "CREATE new a b");
    expect_told(reader, "new");
    client_close(reader);

    reader = read_events(since);
    expect_told(reader, "new"); /* which was the last to change */
    client_ask_number(admin, "VOTE poll1 a");
    expect_told(reader, "poll1");
}
END_TEST

/* Of another ledger, or what is none: everything is told. */
START_TEST(events_since_something_else)
{
    static const char *const others[] = {
        NULL, "", "7", "-", "0123456789abcdef-99", "0123456789abcdef"};
    struct client *client = start(2);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct client *reader = read_events(others[i]);
        told_poll(reader);
        told_poll(reader);
        client_close(reader);
    }
    char since[64];
    take_since(ask(client, "/polls", ""), "\"since\":\"", since);
    strcpy(strchr(since, '-'), "-x");
    told_poll(read_events(since));
}
END_TEST

SERVER_MAIN("http_lists", {"lists", .set_up = set_up, .tear_down = tear_down,
                           .tests = {{a_list_is_compressed_for_who_takes_it, .loops = 2},
                                     {a_list_is_never_old, .loops = 2},
                                     {a_list_that_is_known, .loops = 2},
                                     {parts_of_a_list},
                                     {events_since_a_list, .loops = 2},
                                     {events_since_something_else}}})
