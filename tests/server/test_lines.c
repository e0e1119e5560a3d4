/* Bytes: how lines are cut out of what comes, in what order they are answered, and which lines cost
 * a client its connection. */
#include "tests/support/server.h"

#include "proto/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct server server;

static void set_up(void)
{
    server_init(&server);
    server_start(&server, "--poll", "lunch=pizza,sushi", NULL);
}

static void tear_down(void)
{
    server_end(&server);
}

static void write_text(struct client *client, const char *text)
{
    client_write(client, text, strlen(text));
}

/* ---- pipelining ---- */

enum { PIPELINED = 10000 };

static const char *const cycle_lines[] = {
    "VOTE lunch pizza\n", "PING\n", "VOTE lunch sushi\n", "VOTE nothing here\n", "nonsense\n",
};
enum { CYCLE = sizeof cycle_lines / sizeof cycle_lines[0] };

/* The replies come in the order of the commands, the sequences in that of the ballots. */
START_TEST(ten_thousand_commands_in_one_write)
{
    char *bytes = malloc(PIPELINED * 32);
    size_t len = 0;
    unsigned long long seq = 1;
    struct client *client = server_client(&server);
    for (unsigned i = 0; i < PIPELINED; i++)
        len += (size_t)sprintf(bytes + len, "%s", cycle_lines[i % CYCLE]);
    client_write(client, bytes, len);
    free(bytes);
    for (unsigned i = 0; i < PIPELINED; i += CYCLE) {
        client_expect(client, "+OK %llu", ++seq);
        client_expect(client, "+OK");
        client_expect(client, "+OK %llu", ++seq);
        client_expect_error(client, "NO-SUCH-POLL");
        client_expect_error(client, "UNKNOWN-COMMAND");
    }
    client_ask(client, "SHOW lunch", "+OK lunch open 4001 1 pizza=0 sushi=1");
}
END_TEST

START_TEST(ten_megabytes_there_and_back)
{
    struct client *client = server_client(&server);
    char line[1024];
    memset(line, 'x', sizeof line);
    memcpy(line, "PING ", 5);
    line[1000] = '\0';
    for (unsigned i = 0; i < PIPELINED; i++)
        client_send(client, "%s", line);
    for (unsigned i = 0; i < PIPELINED; i++)
        client_expect(client, "+OK %s", line + 5);
}
END_TEST

static const char session[] = "VOTE lunch pizza\r\n\n \t\nAS ann\nPING a  b \nSHOW lunch\nQUIT\n";

static void expect_session(struct client *client)
{
    client_expect_match(client, "^\\+OK [0-9]+$");
    client_expect(client, "+OK ann");
    client_expect(client, "+OK a  b ");
    client_expect_match(client, "^\\+OK lunch open [0-9]+ [0-9]+ pizza=[0-9]+ sushi=0$");
    client_expect(client, "+OK bye");
    client_expect_end(client);
}

START_TEST(a_session_split_at_any_byte)
{
    for (size_t at = 1; at < sizeof session - 1; at++) {
        struct client *client = server_client(&server);
        client_write(client, session, at);
        /* The server reads the first part alone: it has answered another connection since. */
        client_ask(server_client(&server), "PING", "+OK");
        client_write(client, session + at, sizeof session - 1 - at);
        expect_session(client);
        client_close(client);
    }
}
END_TEST

START_TEST(a_session_byte_by_byte)
{
    struct client *client = server_client(&server);
    for (size_t at = 0; at < sizeof session - 1; at++)
        client_write(client, session + at, 1);
    expect_session(client);
}
END_TEST

START_TEST(a_word_may_be_in_any_case_and_blanks_are_many)
{
    struct client *client = server_client(&server);
    client_ask(client, "\t vote  LUNCH\tPizza \t", "+OK 2");
    client_ask(client, "sHoW Lunch", "+OK lunch open 2 1 pizza=1 sushi=0");
    client_ask(client, "PING  two  words ", "+OK two  words ");
}
END_TEST

/* ---- the ends of lines and of connections ---- */

START_TEST(a_half_close_is_answered_whole)
{
    struct client *client = server_client(&server);
    write_text(client, "VOTE lunch pizza\nPING\nVOTE lunch sushi\n");
    client_finish(client);
    client_expect(client, "+OK 2");
    client_expect(client, "+OK");
    client_expect(client, "+OK 3");
    client_expect_end(client);
}
END_TEST

START_TEST(a_half_close_without_a_line)
{
    struct client *client = server_client(&server);
    client_finish(client);
    client_expect_end(client);
}
END_TEST

START_TEST(an_unfinished_last_line_is_not_executed)
{
    struct client *client = server_client(&server);
    write_text(client, "VOTE lunch sushi\nVOTE lunch pizza");
    client_finish(client);
    client_expect(client, "+OK 2");
    client_expect_error(client, "BAD-LINE");
    client_expect_end(client);
    client_ask(server_client(&server), "SHOW lunch", "+OK lunch open 2 1 pizza=0 sushi=1");
}
END_TEST

START_TEST(an_aborted_connection_harms_nobody)
{
    for (unsigned i = 0; i < 50; i++) {
        struct client *client = server_client(&server);
        for (unsigned j = 0; j < 100; j++)
            write_text(client, "PING x\nVOTE lunch pizza\n");
        client_close(client); /* with replies unread: a reset */
    }
    client_ask(server_client(&server), "PING", "+OK");
}
END_TEST

/* What the server has not read when it closes must not turn its last reply into a reset. */
START_TEST(unread_input_does_not_destroy_the_last_reply)
{
    for (unsigned i = 0; i < 50; i++) {
        struct client *client = server_client(&server);
        write_text(client, "PING last\nQUIT\n");
        for (unsigned j = 0; j < 20; j++)
            write_text(client, "PING more\n");
        client_expect(client, "+OK last");
        client_expect(client, "+OK bye");
        write_text(client, "PING more\n");
        client_expect_end(client);
        client_close(client);
    }
}
END_TEST

START_TEST(quit_drops_what_follows)
{
    struct client *client = server_client(&server);
    write_text(client, "QUIT\nVOTE lunch pizza\n");
    client_expect(client, "+OK bye");
    client_expect_end(client);
    client_ask(server_client(&server), "SHOW lunch", "+OK lunch open 1 0 pizza=0 sushi=0");
}
END_TEST

/* Once its machine has the last reply, a peer that sends on is dropped after 64 KiB; before it has,
 * a few more may be read. */
START_TEST(who_sends_on_after_the_end_is_dropped)
{
    enum { MOST_BYTES = 1024 * 1024, FLOOD_BYTES = 8 * 1024 * 1024 };
    static const char piece[16 * 1024];
    struct client *client = server_client(&server), *admin = server_admin(&server);
    client_ask(client, "QUIT", "+OK bye");
    uint64_t before = client_stat(admin, "bytes_in");
    size_t sent = 0;
    while (sent < FLOOD_BYTES && send(client->fd, piece, sizeof piece, MSG_NOSIGNAL) > 0)
        sent += sizeof piece;
    ck_assert_msg(sent < FLOOD_BYTES, "it was let send on");
    ck_assert_uint_le(client_stat(admin, "bytes_in") - before, MOST_BYTES);
}
END_TEST

/* ---- long lines ---- */

/* Sends `PING x…` with `len` bytes before its end. */
static void write_ping(struct client *client, size_t len, const char *end)
{
    char *line = malloc(len);
    memset(line, 'x', len);
    memcpy(line, "PING ", 5);
    client_write(client, line, len);
    free(line);
    write_text(client, end);
}

static void expect_long_pong(struct client *client, size_t len)
{
    const char *line = client_line(client);
    ck_assert_uint_eq(strlen(line), len);
    ck_assert_int_eq(strncmp(line, "+OK x", 5), 0);
}

START_TEST(a_line_may_have_1024_bytes)
{
    struct client *client = server_client(&server);
    write_ping(client, 1023, "\n");
    expect_long_pong(client, 1022);
    write_ping(client, 1022, "\r\n");
    expect_long_pong(client, 1021);
}
END_TEST

static const struct {
    size_t len;
    const char *end;
} long_lines[] = {
    {1024, "\n"}, {1023, "\r\n"}, {1025, "\n"}, {2048, "\n"}, {65536, "\n"}, {1000000, "\n"},
};

START_TEST(a_longer_line_is_refused_once)
{
    struct client *client = server_client(&server);
    write_text(client, "PING before\n");
    write_ping(client, long_lines[_i].len, long_lines[_i].end);
    write_text(client, "PING after\n");
    client_expect(client, "+OK before");
    client_expect_error(client, "LINE-TOO-LONG");
    client_expect(client, "+OK after");
}
END_TEST

START_TEST(a_long_line_is_refused_before_its_end)
{
    struct client *client = server_client(&server);
    client_ask(client, "PING", "+OK");
    write_ping(client, 5000, "");
    client_expect_error(client, "LINE-TOO-LONG");
    write_text(client, " and its rest\nPING\n");
    client_expect(client, "+OK");
}
END_TEST

START_TEST(a_long_line_without_an_end)
{
    struct client *client = server_client(&server);
    write_ping(client, 5000, "");
    client_finish(client);
    client_expect_error(client, "LINE-TOO-LONG");
    client_expect_end(client);
}
END_TEST

/* ---- what is no text ---- */

static void assert_nothing_was_voted(void)
{
    client_ask(server_client(&server), "SHOW lunch", "+OK lunch open 1 0 pizza=0 sushi=0");
}

static const struct {
    const char *bytes;
    size_t len;
} bad_lines[] = {
    {"PING \0", 6},
    {"PING \x01", 6},
    {"PING a\rb", 8},
    {"PING a\r\r", 8},
    {"PING \x1b[0m", 9},
    {"PING \x7f", 6},
    {"PING \x80", 6},
    {"PING \xc2\x80", 7},
    {"PING \xc2\x9f", 7},
    {"PING \xc0\xaf", 7},
    {"PING \xe0\x80\xaf", 8},
    {"PING \xed\xa0\x80", 8},
    {"PING \xf4\x90\x80\x80", 9},
    {"PING \xff", 6},
    {"PING \xe2\x82", 7},
};

START_TEST(a_line_that_is_no_text_is_refused)
{
    struct client *client = server_client(&server);
    client_ask(client, "PING", "+OK");
    client_write(client, bad_lines[_i].bytes, bad_lines[_i].len);
    write_text(client, "\nPING\n");
    client_expect_error(client, "BAD-LINE");
    client_expect(client, "+OK");
}
END_TEST

START_TEST(a_first_line_that_is_no_text_closes)
{
    struct client *client = server_client(&server);
    client_write(client, bad_lines[_i].bytes, bad_lines[_i].len);
    write_text(client, "\nVOTE lunch pizza\n");
    client_expect_error(client, "BAD-LINE");
    client_expect_end(client);
    assert_nothing_was_voted();
}
END_TEST

START_TEST(text_of_the_world_is_given_back)
{
    static const char *const texts[] = {"\xc2\xa0",         "Grüße", "寿司", "🍕",
                                        "\xf4\x8f\xbf\xbf", "a\tb"};
    struct client *client = server_client(&server);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        client_send(client, "PING %s", texts[i]);
        client_expect(client, "+OK %s", texts[i]);
    }
}
END_TEST

/* ---- errors in a row ---- */

static void make_errors(struct client *client, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        write_text(client, "nonsense\n");
    for (unsigned i = 0; i < count; i++)
        client_expect_error(client, "UNKNOWN-COMMAND");
}

START_TEST(a_hundred_errors_in_a_row_close)
{
    struct client *client = server_client(&server);
    make_errors(client, 100);
    client_expect_error(client, "TOO-MANY-ERRORS");
    client_expect_end(client);
}
END_TEST

START_TEST(what_follows_a_hundred_errors_is_not_executed)
{
    struct client *client = server_client(&server);
    for (unsigned i = 0; i < 100; i++)
        write_text(client, "nonsense\n");
    write_text(client, "VOTE lunch pizza\n");
    for (unsigned i = 0; i < 100; i++)
        client_expect_error(client, "UNKNOWN-COMMAND");
    client_expect_error(client, "TOO-MANY-ERRORS");
    client_expect_end(client);
    client_ask(server_client(&server), "SHOW lunch", "+OK lunch open 1 0 pizza=0 sushi=0");
}
END_TEST

static const char *const good_lines[] = {
    "PING", "SHOW lunch", "VOTE lunch pizza", "HELP PING", "DESCRIBE lunch", "POLLS", "AS ann",
};

START_TEST(any_other_reply_starts_the_count_anew)
{
    struct client *client = server_client(&server);
    for (unsigned round = 0; round < 3; round++) {
        make_errors(client, 99);
        client_send(client, "%s", good_lines[_i]);
        while (client_line(client)[0] == '=')
            ;
    }
    client_ask(client, "PING", "+OK");
}
END_TEST

START_TEST(errors_that_blame_nobody_do_not_count)
{
    struct client *client = server_client(&server);
    client_ask(server_admin(&server), "CLOSE lunch", "+OK 2");
    for (unsigned i = 0; i < 150; i++)
        client_ask_error(client, "VOTE lunch pizza", "POLL-CLOSED");
    client_ask(client, "PING", "+OK");
}
END_TEST

START_TEST(every_error_that_blames_counts)
{
    struct client *client = server_client(&server);
    client_ask(server_admin(&server), "CREATE board yes no voters=named", "+OK 2");
    char long_line[1200];
    memset(long_line, 'x', sizeof long_line);
    long_line[sizeof long_line - 1] = '\0';
    static const char *const lines[] = {"SHOW nothing", "VOTE lunch tea", "VOTE lunch",
                                        "CLOSE lunch",  "VOTE board yes", "PING \x01"};
    enum { LINES = sizeof lines / sizeof lines[0] };
    for (unsigned i = 0; i < 99; i++) {
        client_send(client, "%s", i % (LINES + 1) == LINES ? long_line : lines[i % (LINES + 1)]);
        ck_assert_int_eq(client_line(client)[0], '-');
    }
    client_send(client, "nonsense");
    client_expect_error(client, "UNKNOWN-COMMAND");
    client_expect_error(client, "TOO-MANY-ERRORS");
    client_expect_end(client);
}
END_TEST

/* ---- other protocols ---- */

#define BYTES(error, bytes)            \
    {                                  \
        error, bytes, sizeof bytes - 1 \
    }

/* What a browser, or another program that somebody else can steer, may be made to begin with; and
 * in it, or after it, a vote. */
static const struct {
    const char *error;
    const char *bytes;
    size_t len;
} beginnings[] = {
    BYTES("UNKNOWN-COMMAND", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    BYTES("UNKNOWN-COMMAND", "POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n"),
    BYTES("UNKNOWN-COMMAND", "\r\n\r\nPOST / HTTP/1.1\r\n\r\n"),
    BYTES("UNKNOWN-COMMAND", "HEAD x\n"),
    BYTES("UNKNOWN-COMMAND", "PUT x\n"),
    BYTES("UNKNOWN-COMMAND", "DELETE x\n"),
    BYTES("UNKNOWN-COMMAND", "OPTIONS * HTTP/1.0\r\n"),
    BYTES("UNKNOWN-COMMAND", "PATCH x\n"),
    BYTES("UNKNOWN-COMMAND", "CONNECT x:1\n"),
    BYTES("UNKNOWN-COMMAND", "TRACE x\n"),
    BYTES("UNKNOWN-COMMAND", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    BYTES("UNKNOWN-COMMAND", "BREW / HTTP/1.1\r\n"),
    BYTES("UNKNOWN-COMMAND", "patch / HTTP/1.1\r\n"),
    BYTES("UNKNOWN-COMMAND", "VOTE lunch pizza HTTP/1.1\n"), /* a script may choose the method */
    BYTES("UNKNOWN-COMMAND", "DESCRIBE rtsp://localhost/ RTSP/1.0\r\n"),
    BYTES("UNKNOWN-COMMAND", "SSH-2.0-OpenSSH_9.2\r\n"),
    BYTES("UNKNOWN-COMMAND", "EHLO localhost\r\n"), /* mail, and file transfer */
    BYTES("UNKNOWN-COMMAND", "USER anonymous\r\n"),
    BYTES("UNKNOWN-COMMAND", "PROXY TCP4 192.0.2.1 192.0.2.2 4711 4000\r\n"), /* HAProxy's */
    BYTES("BAD-LINE", "GET \x01\xff\n"),
    BYTES("BAD-LINE", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), /* TLS */
    BYTES("BAD-LINE", "\x80\x2e\x01\x03\x01"),                         /* and of the oldest kind */
    BYTES("BAD-LINE", "\n\x01\x00\x04\x21\x12\xa4\x42"),               /* ICE: a length, and STUN */
    BYTES("BAD-LINE", "\x00\x03\x00\x08\x21\x12\xa4\x42"),             /* TURN */
    BYTES("BAD-LINE", "\x03\x00\x00\x13\x0e\xe0\x00"),                 /* RDP */
    BYTES("BAD-LINE", "0\x0c\x02\x01\x01`\x07"),                       /* LDAP */
    BYTES("BAD-LINE", "\x05\x01"),                                     /* SOCKS */
    BYTES("BAD-LINE", "<policy-file-request/>\0"),
    BYTES("BAD-LINE", "VOTE lunch\0pizza"),
    BYTES("BAD-LINE", "\xff\xfb"
                      "\x1f\x16\x03\x01"), /* no more than options of Telnet are passed over */
};

START_TEST(another_protocol_is_refused_and_closed)
{
    struct client *client = server_client(&server);
    client_write(client, beginnings[_i].bytes, beginnings[_i].len);
    write_text(client, "\nVOTE lunch pizza\nVOTE lunch sushi\n");
    client_expect_error(client, beginnings[_i].error);
    client_expect_end(client);
    assert_nothing_was_voted();
}
END_TEST

/* Binary bytes need no line's end: who waits for an answer to them would wait for it in vain. */
START_TEST(what_is_no_text_is_refused_before_its_line_ends)
{
    struct client *client = server_client(&server);
    client_write(client, "\x16\x03\x01", 3);
    client_expect_error(client, "BAD-LINE");
    client_expect_end(client);
}
END_TEST

/* In pieces, so that the server sees only later what it is. */
START_TEST(another_protocol_that_comes_in_pieces)
{
    struct client *client = server_client(&server);
    write_text(client, "BREW ");
    client_ask(server_client(&server), "PING", "+OK");
    write_text(client, " HTTP/1.1\r\nX: y\r\n\r\n");
    write_text(client, "VOTE lunch pizza\n");
    client_expect_error(client, "UNKNOWN-COMMAND");
    client_expect_end(client);
    assert_nothing_was_voted();
}
END_TEST

/* Its version would stand at its end. */
START_TEST(a_first_line_that_is_too_long_closes)
{
    static const char *const methods[] = {"POST", "VOTE"};
    struct client *client = server_client(&server);
    client_send(client, "%s /%01500d HTTP/1.1\r\n\r\nVOTE lunch pizza", methods[_i], 0);
    client_expect_error(client, "LINE-TOO-LONG");
    client_expect_end(client);
    assert_nothing_was_voted();
}
END_TEST

/* The names of protocols that a TLS client offers stand in its first record as they are. */
START_TEST(a_real_tls_client_votes_for_nothing)
{
    char command[256];
    snprintf(
        command, sizeof command,
        "command -v openssl >/dev/null || exit 77; exec openssl s_client -connect "
        "127.0.0.1:%u -alpn \"$(printf '\\nVOTE lunch pizza\\n.')\" </dev/null >/dev/null 2>&1",
        server.port);
    int status = system(command);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        return;                               /* no openssl here */
    ck_assert_int_eq(WEXITSTATUS(status), 1); /* it got no TLS */
    assert_nothing_was_voted();
    struct client *admin = server_admin(&server);
    ck_assert_uint_eq(client_stat(admin, "connections_total"), 3); /* but it came */
}
END_TEST

#define PUTTY "\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18\xff\xfb\x27\xff\xfd\x01\xff\xfb\x03\xff\xfd\x03"

START_TEST(options_of_telnet_are_passed_over)
{
    static const char *const offers[] = {
        PUTTY,
        "\xff\xfa\x1f\x01\n\x01\x18\xff\xf0", /* a window of 266 columns */
        "\r\n" PUTTY "\r\n",
    };
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        struct client *client = server_client(&server);
        size_t len = strlen(offers[i]);
        for (size_t at = 0; at < len; at += 2) /* each cut in two */
            client_write(client, offers[i] + at, len - at < 2 ? len - at : 2);
        write_text(client, "PING one\r\n\xff\xf1PING two\r\n");
        client_expect(client, "+OK one");
        client_expect(client, "+OK two");
    }
}
END_TEST

/* telnet sends this at Ctrl-C, and then shows nothing before it is answered. What came before is
 * answered first. */
START_TEST(a_mark_of_telnet_is_answered)
{
    struct client *client = server_client(&server);
    write_text(client, "VOTE lunch pizza\r\n\xff\xf4\xff\xfd\x06PING\r\n\xff\xfd\x01PING two\r\n");
    client_expect(client, "+OK 2");
    client_expect(client, "\xff\xfc\x06+OK");
    client_expect(client, "+OK two");
}
END_TEST

START_TEST(an_option_of_telnet_without_an_end_closes)
{
    static const char zeros[PROTO_LINE_MAX];
    struct client *client = server_client(&server);
    write_text(client, "\xff\xfa\x1f");
    client_write(client, zeros, sizeof zeros);
    client_expect_error(client, "LINE-TOO-LONG");
    client_expect_end(client);
}
END_TEST

/* The ballot before it, in the same packet, is answered first. */
START_TEST(an_option_without_an_end_waits_for_the_answers_before_it)
{
    static const char vote[] = "VOTE lunch pizza\n\xff\xfa";
    char bytes[sizeof vote - 1 + PROTO_LINE_MAX - 2] = {0};
    memcpy(bytes, vote, sizeof vote - 1);
    struct client *client = server_client(&server);
    client_write(client, bytes, sizeof bytes);
    client_expect(client, "+OK 2");
    client_expect_error(client, "LINE-TOO-LONG");
    client_expect_end(client);
}
END_TEST

static const char *const not_foreign[] = {"get / there",      "GET",           "POSTAL code",
                                          "PING HTTP/1.1 ok", "PING http/1.1", "PING HTTP/11"};

START_TEST(what_only_resembles_another_protocol_does_not_close)
{
    struct client *client = server_client(&server);
    client_send(client, "%s", not_foreign[_i]);
    client_line(client);
    client_ask(client, "PING", "+OK");
}
END_TEST

SERVER_MAIN("lines",
            {"order", .set_up = set_up, .tear_down = tear_down,
             .tests = {{ten_thousand_commands_in_one_write},
                       {ten_megabytes_there_and_back},
                       {a_session_split_at_any_byte},
                       {a_session_byte_by_byte},
                       {a_word_may_be_in_any_case_and_blanks_are_many}}},
            {"ends", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_half_close_is_answered_whole},
                       {a_half_close_without_a_line},
                       {an_unfinished_last_line_is_not_executed},
                       {an_aborted_connection_harms_nobody},
                       {unread_input_does_not_destroy_the_last_reply},
                       {quit_drops_what_follows},
                       {who_sends_on_after_the_end_is_dropped}}},
            {"bytes", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_line_may_have_1024_bytes},
                       {a_longer_line_is_refused_once, .loops = UNIT_COUNT(long_lines)},
                       {a_long_line_is_refused_before_its_end},
                       {a_long_line_without_an_end},
                       {a_line_that_is_no_text_is_refused, .loops = UNIT_COUNT(bad_lines)},
                       {a_first_line_that_is_no_text_closes, .loops = UNIT_COUNT(bad_lines)},
                       {text_of_the_world_is_given_back}}},
            {"errors in a row", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_hundred_errors_in_a_row_close},
                       {what_follows_a_hundred_errors_is_not_executed},
                       {any_other_reply_starts_the_count_anew, .loops = UNIT_COUNT(good_lines)},
                       {errors_that_blame_nobody_do_not_count},
                       {every_error_that_blames_counts}}},
            {"other protocols", .set_up = set_up, .tear_down = tear_down,
             .tests = {{another_protocol_is_refused_and_closed, .loops = UNIT_COUNT(beginnings)},
                       {what_is_no_text_is_refused_before_its_line_ends},
                       {another_protocol_that_comes_in_pieces},
                       {a_first_line_that_is_too_long_closes, .loops = 2},
                       {a_real_tls_client_votes_for_nothing},
                       {options_of_telnet_are_passed_over},
                       {a_mark_of_telnet_is_answered},
                       {an_option_of_telnet_without_an_end_closes},
                       {an_option_without_an_end_waits_for_the_answers_before_it},
                       {what_only_resembles_another_protocol_does_not_close,
                        .loops = UNIT_COUNT(not_foreign)}}})
