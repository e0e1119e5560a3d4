/* Results of methods that are counted by the tabulator, end to end: who is told what and when, and
 * that nobody is told what is hidden. */
#include "tests/support/scale.h"
#include "tests/support/server.h"
#include "tests/support/web.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct server server;
static struct client *admin, *voter;

static void set_up(void)
{
    server_init(&server);
    server_start(&server, "--http", "127.0.0.1:0", "--push-interval", "0", NULL);
    admin = server_admin(&server);
    voter = server_client(&server);
}

static void tear_down(void)
{
    server_end(&server);
}

/* ---- ballots ---- */

/* Sends ballots of named voters, of whom each ranks three of `choices` choices, and waits for none.
 * There are many different ones. */
static void send_ballots(struct client *client, const char *poll, unsigned choices, unsigned first,
                         unsigned count)
{
    char *lines = malloc(count * 64);
    size_t len = 0;
    for (unsigned i = first; i < first + count; i++) {
        unsigned a = i % choices, b = (a + 1 + i / choices % (choices - 1)) % choices;
        unsigned c = (a + b + 1) % choices;
        len += (size_t)sprintf(lines + len, "VOTE %s c%u>c%u", poll, a, b);
        if (c != a && c != b)
            len += (size_t)sprintf(lines + len, ">c%u", c);
        len += (size_t)sprintf(lines + len, " as=v%u\n", i);
    }
    client_write(client, lines, len);
    free(lines);
}

static void take_answers(struct client *client, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        client_expect_match(client, "^\\+OK [0-9]+$");
}

/* `CREATE NAME c0 c1 … OPTIONS`. */
static void create(const char *name, unsigned choices, const char *options)
{
    char line[4096];
    int len = sprintf(line, "CREATE %s", name);
    for (unsigned i = 0; i < choices; i++)
        len += sprintf(line + len, " c%u", i);
    sprintf(line + len, " voters=named %s", options);
    client_ask_number(admin, line);
}

/* ---- replies ---- */

/* The number behind a word of a row. */
static uint64_t number_in(const char *row, const char *word)
{
    const char *at = strstr(row, word);
    ck_assert_msg(at != NULL, "no %s in %s", word, row);
    return strtoull(at + strlen(word), NULL, 10);
}

/* Takes a whole reply to RESULT. Returns its SEQ; *ballots gets how many were counted. */
static uint64_t take_result(struct client *client, uint64_t *ballots)
{
    const char *line = client_line(client);
    *ballots = number_in(line, " ballots=");
    while (line[0] == '=')
        line = client_line(client);
    assert_match(line, "^\\+OK [0-9]+$");
    return strtoull(line + strlen("+OK "), NULL, 10);
}

/* The same as text, with the poll's name and all sequences left out. */
static void append_reply(char *out, struct client *client, const char *poll)
{
    const char *line;
    do {
        line = client_line(client);
        strcat(out, line[0] == '=' ? line : "+OK SEQ");
        strcat(out, "\n");
        ck_assert_ptr_null(strstr(line, poll));
    } while (line[0] == '=');
}

/* ---- waiting ---- */

/* While ballots come in as fast as they can. */
START_TEST(right_after_the_close_the_last_result_is_told)
{
    enum { BALLOTS = 2000 };
    static const char *const methods[] = {"schulze", "irv", "stv"};
    unsigned ballots = (unsigned)scaled(BALLOTS);
    for (unsigned i = 0; i < 3; i++) {
        char line[64];
        uint64_t counted;
        sprintf(line, "method=%s", methods[i]);
        create(methods[i], 12, line);
        send_ballots(voter, methods[i], 12, 0, ballots);
        take_answers(voter, ballots / 2);
        client_send(admin, "CLOSE %s", methods[i]);
        client_send(admin, "RESULT %s", methods[i]);
        client_send(admin, "SHOW %s", methods[i]);
        client_expect_match(admin, "^\\+OK [0-9]+$");
        uint64_t seq = take_result(admin, &counted);
        char expected[64];
        snprintf(expected, sizeof expected, "^\\+OK %s closed %llu %llu ", methods[i],
                 (unsigned long long)seq, (unsigned long long)counted);
        client_expect_match(admin, expected);
        for (unsigned j = ballots / 2; j < ballots; j++)
            client_expect_match(voter, "^(\\+OK [0-9]+|-POLL-CLOSED .*)$");
    }
}
END_TEST

START_TEST(what_follows_waits_with_it)
{
    create("p", 3, "method=irv");
    send_ballots(voter, "p", 3, 0, 6);
    take_answers(voter, 6);
    static const char lines[] = "CLOSE p\nRESULT p\nPING a\nRESULT p\nPING b\n";
    uint64_t ballots;
    client_write(admin, lines, sizeof lines - 1);
    client_expect(admin, "+OK 8");
    ck_assert_uint_eq(take_result(admin, &ballots), 8);
    client_expect(admin, "+OK a");
    ck_assert_uint_eq(take_result(admin, &ballots), 8);
    client_expect(admin, "+OK b");
}
END_TEST

START_TEST(over_http_it_is_waited_for_as_well)
{
    struct client *web = web_client(&server);
    create("p", 12, "method=schulze");
    for (unsigned round = 0; round < 20; round++) {
        send_ballots(voter, "p", 12, 100 * round, 100);
        take_answers(voter, 100);
        uint64_t seq = client_ask_number(admin, "CLOSE p");
        char expected[64];
        sprintf(expected, "\"seq\":%llu,", (unsigned long long)seq);
        web_ask(web, "GET", "/polls/p/result", "");
        web_ask(web, "HEAD", "/polls/p/result", ""); /* the next request waits with it */
        const struct web_reply *reply = web_expect(web, 200);
        ck_assert_msg(strstr(reply->body, expected) != NULL, "%s", reply->body);
        ck_assert_ptr_nonnull(web_field(reply, "ETag"));
        ck_assert_int_eq(web_head(web)->status, 200);
        client_ask_number(admin, "OPEN p");
    }
}
END_TEST

/* The server must find nobody where its answer goes. */
START_TEST(who_leaves_while_it_waits_is_not_missed)
{
    create("p", 40, "method=schulze");
    send_ballots(voter, "p", 40, 0, (unsigned)scaled(3000));
    take_answers(voter, (unsigned)scaled(3000));
    for (unsigned round = 0; round < 10; round++) {
        client_ask_number(admin, "CLOSE p");
        for (unsigned i = 0; i < 10; i++) {
            struct client *client = server_client(&server);
            client_send(client, "RESULT p pairs");
            client_close(client);
        }
        client_ask_number(admin, "OPEN p");
    }
    client_ask(admin, "PING", "+OK");
}
END_TEST

/* It is told, or else that the server stops; and the stop does not wait for it. */
START_TEST(a_stop_meanwhile_answers)
{
    create("p", 60, "method=schulze");
    send_ballots(voter, "p", 60, 0, (unsigned)scaled(5000));
    take_answers(voter, (unsigned)scaled(5000));
    client_send(admin, "CLOSE p");
    client_send(voter, "PING");
    client_expect(voter, "+OK");
    client_send(voter, "RESULT p");
    client_send(voter, "PING end");
    client_expect_match(admin, "^\\+OK [0-9]+$");
    server_signal(&server, SIGTERM);
    const char *line;
    while ((line = client_line_or_end(voter)))
        assert_match(line, "^(=|\\+OK|-SHUTTING-DOWN )");
    ck_assert_int_eq(server_wait(&server), 0);
}
END_TEST

/* ---- long replies ---- */

static unsigned count_rows(struct client *client, char kind)
{
    unsigned rows = 0;
    const char *line;
    while ((line = client_line(client))[0] == '=')
        rows++;
    ck_assert_int_eq(line[0], kind);
    return rows;
}

/* A reply of hundreds of kilobytes, to a reader that takes a few at a time, who subscribes, too: no
 * push comes in between. */
START_TEST(a_long_reply_is_made_as_it_is_taken)
{
    enum { CHOICES = 60, ASKED = 10 };
    const int bytes = 16384;
    create("p", CHOICES, "method=schulze");
    send_ballots(voter, "p", CHOICES, 0, 200);
    take_answers(voter, 200);
    struct client *reader = server_client(&server);
    ck_assert_int_eq(setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
    client_ask(reader, "SUBSCRIBE p results=yes", "+OK 1");
    for (unsigned i = 0; i < ASKED; i++)
        client_send(reader, "RESULT p pairs");
    send_ballots(voter, "p", CHOICES, 200, 200);
    take_answers(voter, 200);
    for (unsigned i = 0; i < ASKED;) {
        const char *line = client_line(reader);
        if (line[0] == '>')
            continue;
        assert_match(line, "^=method schulze/1 ");
        ck_assert_uint_ge(count_rows(reader, '+'), CHOICES * (CHOICES - 1) / 2);
        i++;
    }
}
END_TEST

/* ---- pushes ---- */

START_TEST(a_thousand_subscribers_get_the_last_result)
{
    enum { SUBSCRIBERS = 1000 };
    static const char *const lines[] = {"SUBSCRIBE p results=yes", "SUBSCRIBE * results=yes"};
    unsigned ballots = (unsigned)scaled(1000);
    char last[64];
    struct client **subscribers = calloc(SUBSCRIBERS, sizeof *subscribers);
    create("p", 8, "method=irv");
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        subscribers[i] = server_client(&server);
        client_ask(subscribers[i], lines[i % 2], "+OK 1");
    }
    send_ballots(voter, "p", 8, 0, ballots);
    take_answers(voter, ballots);
    snprintf(last, sizeof last, "> @result p %llu ",
             (unsigned long long)client_ask_number(admin, "CLOSE p"));
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        while (strncmp(client_line(subscribers[i]), last, strlen(last)) != 0)
            ;
    uint64_t results = client_stat(admin, "results");
    ck_assert_uint_ge(results, 1);
    ck_assert_uint_gt(client_stat(admin, "result_us_max"), 0);
    ck_assert_uint_ge(client_stat(admin, "result_age_us_max"), client_stat(admin, "result_us_p50"));
    free(subscribers);
}
END_TEST

/* ---- hidden results ---- */

/* Everything that can be asked about a hidden poll, in which everybody is for `first`. */
static void look_at_hidden(const char *poll, unsigned first, char *seen)
{
    char line[128];
    struct client *subscriber = server_client(&server), *web = web_client(&server);
    create(poll, 3, "method=stv seats=2 reveal=closed lot=c1>c0>c2");
    snprintf(line, sizeof line, "SUBSCRIBE %s results=yes", poll);
    client_ask(subscriber, line, "+OK 1");
    for (unsigned i = 0; i < 20; i++) {
        snprintf(line, sizeof line, "VOTE %s c%u>c%u as=v%u", poll, first, (first + 1) % 3, i);
        client_ask_number(voter, line);
    }
    seen[0] = '\0';
    client_send(voter, "RESULT %s", poll);
    append_reply(seen, voter, poll);
    client_send(voter, "RESULT %s pairs", poll);
    append_reply(seen, voter, poll);
    for (unsigned i = 0; i < 42; i++) { /* a tally and a result each time */
        const char *push = client_line(subscriber);
        assert_match(push,
                     i % 2 == 0 ? "^> [a-z]+ open [0-9]+ [0-9]+$" : "^> @result [a-z]+ [0-9]+$");
    }
    snprintf(line, sizeof line, "/polls/%s/result?pairs=yes", poll);
    const char *body = strstr(web_get(web, line)->body, "\"hidden\"");
    ck_assert_ptr_nonnull(body);
    strcat(seen, body);
    snprintf(line, sizeof line, "/polls/%s/events?results=yes", poll);
    web_ask(web, "GET", line, "");
    web_head(web);
    while (!(body = strstr(client_line(web), "\"method\"")))
        ;
    strcat(seen, body);
}

START_TEST(what_is_hidden_shows_in_nothing)
{
    static char for_the_first[8192], for_the_last[8192];
    look_at_hidden("alpha", 0, for_the_first);
    look_at_hidden("omega", 2, for_the_last);
    ck_assert_str_eq(for_the_first, for_the_last);
    ck_assert_uint_eq(client_stat(admin, "results"), 0); /* there is none to look for */
    client_ask_number(admin, "CLOSE omega");
    client_send(voter, "RESULT omega");
    const char *line;
    while (strncmp(line = client_line(voter), "=winner 1 ", 10) != 0)
        ck_assert_int_eq(line[0], '=');
    ck_assert_str_eq(line, "=winner 1 c2");
}
END_TEST

/* ---- after a start ---- */

START_TEST(results_are_there_again_after_a_start)
{
    uint64_t ballots;
    create("p", 5, "method=star");
    for (unsigned i = 0; i < 5; i++) {
        client_send(voter, "VOTE p c%u=5,c0=2 as=v%u", 1 + i % 4, i);
        client_expect_match(voter, "^\\+OK [0-9]+$");
    }
    server_stop(&server);
    server_start(&server, NULL);
    struct client *client = server_client(&server);
    client_send(client, "RESULT p");
    ck_assert_uint_eq(take_result(client, &ballots), 6);
    ck_assert_uint_eq(ballots, 5);
}
END_TEST

SERVER_MAIN("results", {"results", .set_up = set_up, .tear_down = tear_down,
                        .tests = {{right_after_the_close_the_last_result_is_told},
                                  {what_follows_waits_with_it},
                                  {over_http_it_is_waited_for_as_well},
                                  {who_leaves_while_it_waits_is_not_missed},
                                  {a_stop_meanwhile_answers},
                                  {a_long_reply_is_made_as_it_is_taken},
                                  {a_thousand_subscribers_get_the_last_result},
                                  {what_is_hidden_shows_in_nothing},
                                  {results_are_there_again_after_a_start}}})
