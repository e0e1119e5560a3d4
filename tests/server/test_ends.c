/* Why connections end: each reason is counted once, told in the log, and documented. */
#include "net/close.h"
#include "tests/support/server.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server server;
static struct client *admin;

static void set_up(void)
{
    server_init(&server);
    server_start(&server, "--http", "127.0.0.1:0", "--log-level", "debug", "--line-timeout", "1",
                 "--request-timeout", "1", "--max-errors", "2", "--max-connections", "3", NULL);
    admin = server_admin(&server);
}

static void tear_down(void)
{
    server_end(&server);
}

/* ---- causes ---- */

static void peer_closes(void)
{
    client_close(server_client(&server));
}

static void peer_half_closes(void)
{
    struct client *client = server_client(&server);
    client_finish(client);
    client_expect_end(client);
}

static void peer_quits(void)
{
    client_ask(server_client(&server), "QUIT", "+OK bye");
}

static void request_is_the_last(void)
{
    client_send(server_connect_http(&server, "127.0.0.1"),
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r");
}

static void request_is_of_1_0(void)
{
    client_send(server_connect_http(&server, "127.0.0.1"), "GET /healthz HTTP/1.0\r\n\r");
}

/* With nothing unsent, a linger time of 0 makes close() send a reset. */
static void peer_resets(void)
{
    struct client *client = server_client(&server);
    const struct linger now = {.l_onoff = 1};
    ck_assert_int_eq(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    client_close(client);
}

static void line_is_slow(void)
{
    client_write(server_client(&server), "PI", 2);
}

static void request_is_slow(void)
{
    client_write(server_connect_http(&server, "127.0.0.1"), "GET /", 5);
}

static void http_on_the_line_port(void)
{
    client_send(server_client(&server), "GET / HTTP/1.1\r");
}

static void request_is_malformed(void)
{
    client_send(server_connect_http(&server, "127.0.0.1"), "what?\r");
}

static void errors_in_a_row(void)
{
    client_send(server_client(&server), "what\nwhat");
}

static void one_too_many(void)
{
    for (int i = 0; i < 3; i++)
        server_client(&server);
    client_expect_error(server_connect(&server, "127.0.0.1"), "TOO-MANY-CONNECTIONS");
}

static void is_kicked(void)
{
    struct client *client = server_client(&server);
    client_send(admin, "CLIENTS");
    unsigned long id = 0;
    const char *row;
    while ((row = client_line(admin))[0] == '=')
        if (strstr(row, "kind=voter"))
            id = strtoul(row + 1, NULL, 10);
    client_send(admin, "KICK %lu", id);
    client_expect(admin, "+OK");
    client_expect_end(client);
}

static const struct {
    const char *word;
    void (*cause)(void);
} causes[] = {
    {"peer", peer_closes},
    {"peer", peer_half_closes},
    {"quit", peer_quits},
    {"quit", request_is_the_last},
    {"quit", request_is_of_1_0},
    {"reset", peer_resets},
    {"slow", line_is_slow},
    {"slow", request_is_slow},
    {"malformed", http_on_the_line_port},
    {"malformed", request_is_malformed},
    {"errors", errors_in_a_row},
    {"refused", one_too_many},
    {"kicked", is_kicked},
};

static uint64_t closed(const char *word)
{
    char name[32];
    snprintf(name, sizeof name, "closed_%s", word);
    return client_stat(admin, name);
}

/* Waits for what must happen, as the server's clock has it. */
static void await_closed(const char *word)
{
    int64_t deadline_ms = server_now_ms() + SERVER_DEADLINE_S * 1000;
    while (closed(word) == 0)
        ck_assert_msg(server_now_ms() < deadline_ms, "nothing was closed as %s", word);
    ck_assert_uint_eq(closed(word), 1);
}

START_TEST(each_cause_has_its_reason)
{
    const char *word = causes[_i].word;
    causes[_i].cause();
    await_closed(word);
    for (int reason = CLOSE_NONE + 1; reason < CLOSE_REASONS; reason++)
        if (strcmp(close_word((enum close_reason)reason), word) != 0)
            ck_assert_uint_eq(closed(close_word((enum close_reason)reason)), 0);
    server_end(&server);
    char told[64];
    snprintf(told, sizeof told, "reason=%s ", word);
    ck_assert(server_logged(&server, told));
}
END_TEST

START_TEST(a_stop_is_a_reason)
{
    server_client(&server);
    server_stop(&server);
    ck_assert(server_logged(&server, "kind=voter reason=stop error=no"));
}
END_TEST

/* Of one connection: its beginning and its end, which tells what it had become meanwhile. */
START_TEST(the_log_tells_of_each_connection_at_debug_level)
{
    char told[128];
    struct client *client = server_client(&server);
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    ck_assert_int_eq(getsockname(client->fd, (struct sockaddr *)&own, &len), 0);
    const unsigned port = ntohs(own.sin_port);
    client_ask(client, "SUBSCRIBE *", "+OK 0");
    client_ask(client, "PING", "+OK");
    client_close(client);
    await_closed("peer");
    snprintf(told, sizeof told, "debug connection opened id=2 peer=127.0.0.1:%u kind=voter\n",
             port);
    ck_assert(server_logged(&server, told));
    snprintf(told, sizeof told,
             "debug connection closed id=2 peer=127.0.0.1:%u kind=subscriber reason=peer error=no "
             "messages=2 bytes_out=%zu age_ms=",
             port, strlen("+TALLYCAST 1 max-line=1024\n+OK 0\n+OK\n"));
    ck_assert(server_logged(&server, told));
}
END_TEST

START_TEST(the_log_tells_of_no_connection_otherwise)
{
    server_end(&server);
    server_init(&server);
    server_start(&server, NULL);
    client_ask(server_client(&server), "QUIT", "+OK bye");
    server_end(&server);
    ck_assert(!server_logged(&server, "connection opened"));
    ck_assert(!server_logged(&server, "connection closed"));
}
END_TEST

START_TEST(every_reason_is_documented)
{
    size_t len;
    char row[256];
    char *page = server_read_source("proto/PROTOCOL.md", &len);
    for (int i = CLOSE_NONE + 1; i < CLOSE_REASONS; i++) {
        enum close_reason reason = (enum close_reason)i;
        snprintf(row, sizeof row, "\n| `%s` | %s| %s |", close_word(reason),
                 close_is_error(reason) ? "yes " : "", close_text(reason));
        ck_assert_msg(strstr(page, row), "not in PROTOCOL.md:%s", row);
    }
    free(page);
}
END_TEST

SERVER_MAIN("ends", {"ends", .set_up = set_up, .tear_down = tear_down,
                     .tests = {{each_cause_has_its_reason, .loops = UNIT_COUNT(causes)},
                               {a_stop_is_a_reason},
                               {the_log_tells_of_each_connection_at_debug_level},
                               {the_log_tells_of_no_connection_otherwise},
                               {every_reason_is_documented}}})
