/* Subscribers: what they are sent and when, and that those who don't read harm nobody. */
#include "tests/support/crowd.h"
#include "tests/support/scale.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

static struct server server;
static struct client *admin, *voter;

/* One broadcast thread, so that what one subscriber has got tells what another would have got. */
static void start(const char *push_interval)
{
    server_init(&server);
    server_start(&server, "--broadcast-threads", "1", "--push-interval", push_interval, NULL);
    admin = server_admin(&server);
    voter = server_client(&server);
    client_ask(admin, "CREATE lunch pizza sushi ballots=unlimited", "+OK 1");
}

static void set_up(void)
{
    start("0");
}

static void tear_down(void)
{
    server_end(&server);
}

/* ---- reading pushes ---- */

/* The sequence of a push of a poll's tally. */
static uint64_t push_seq(const char *line, const char *poll)
{
    char pattern[128];
    snprintf(pattern, sizeof pattern, "^> %s (open|closed) [0-9]+ [0-9]+( [^ =]+=[0-9]+)*$", poll);
    assert_match(line, pattern);
    const char *state = line + 2 + strlen(poll) + 1;
    return strtoull(strchr(state, ' '), NULL, 10);
}

/* Reads pushes until the one of `last`, none older than the one before. Returns how many. */
static unsigned read_until(struct client *subscriber, const char *poll, uint64_t last)
{
    unsigned count = 0;
    uint64_t before = 0;
    while (before < last) {
        uint64_t seq = push_seq(client_line(subscriber), poll);
        ck_assert_msg(seq > before, "%llu is pushed after %llu", (unsigned long long)seq,
                      (unsigned long long)before);
        before = seq;
        count++;
    }
    ck_assert_uint_eq(before, last);
    return count;
}

static struct client *subscribe(const char *line, const char *reply)
{
    struct client *subscriber = server_client(&server);
    client_ask(subscriber, line, reply);
    return subscriber;
}

/* The client's kernel will hold little of what the client does not read. */
static void limit_receiving(struct client *client)
{
    const int bytes = 16384;
    ck_assert_int_eq(setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

/* The sequence of the poll's tally now. */
static uint64_t current_seq(const char *poll)
{
    client_send(voter, "SHOW %s", poll);
    const char *line = client_line(voter);
    ck_assert_int_eq(strncmp(line, "+OK ", 4), 0);
    return strtoull(strchr(line + 4 + strlen(poll) + 1, ' '), NULL, 10);
}

static uint64_t storm(uint64_t ballots)
{
    struct crowd crowd;
    crowd_init(&crowd, &server, 8, ballots);
    crowd_connect(&crowd);
    crowd_finish(&crowd);
    ck_assert_uint_eq(crowd_count(&crowd, FATE_COUNTED), ballots);
    crowd_disconnect(&crowd);
    crowd_free(&crowd);
    return current_seq("lunch");
}

/* ---- pushes ---- */

START_TEST(each_change_is_pushed)
{
    struct client *subscriber = subscribe("SUBSCRIBE lunch", "+OK 1");
    client_expect(subscriber, "> lunch open 1 0 pizza=0 sushi=0");
    for (unsigned i = 1; i <= 100; i++) {
        client_send(voter, "VOTE lunch pizza");
        client_expect(voter, "+OK %u", 1 + i);
        client_expect(subscriber, "> lunch open %u %u pizza=%u sushi=0", 1 + i, i, i);
    }
    client_ask(admin, "CLOSE lunch", "+OK 102");
    client_expect(subscriber, "> lunch closed 102 100 pizza=100 sushi=0");
}
END_TEST

START_TEST(nothing_is_pushed_that_is_not_counted)
{
    struct client *subscriber = subscribe("SUBSCRIBE *", "+OK 1");
    client_expect(subscriber, "> lunch open 1 0 pizza=0 sushi=0");
    client_ask(voter, "VOTE lunch pizza id=1", "+OK 2");
    client_ask(voter, "VOTE lunch pizza id=1", "+OK 2 duplicate");
    client_ask_error(voter, "VOTE lunch sushi id=1", "ALREADY-VOTED 2");
    client_ask(admin, "TITLE lunch Lunch", "+OK 3");
    client_ask(admin, "LABEL lunch 1 Pizza", "+OK 4");
    client_ask(admin, "OPEN lunch", "+OK 1 duplicate");
    client_ask(voter, "VOTE lunch sushi id=2", "+OK 5");
    client_expect(subscriber, "> lunch open 2 1 pizza=1 sushi=0");
    client_expect(subscriber, "> lunch open 5 2 pizza=1 sushi=1");
}
END_TEST

START_TEST(a_subscriber_may_do_everything_else)
{
    struct client *subscriber = server_client(&server);
    static const char lines[] = "SUBSCRIBE lunch\nPING\nVOTE lunch pizza\nSHOW lunch\nPING end\n";
    client_write(subscriber, lines, sizeof lines - 1);
    client_expect(subscriber, "+OK 1");
    client_expect(subscriber, "> lunch open 1 0 pizza=0 sushi=0");
    client_expect(subscriber, "+OK");
    /* The push of its own ballot comes at any time between replies. */
    const char *replies[] = {"+OK 2", "+OK lunch open 2 1 pizza=1 sushi=0", "+OK end"};
    unsigned pushes = 0;
    for (unsigned i = 0; i < 3;) {
        const char *line = client_line(subscriber);
        if (line[0] == '>') {
            ck_assert_str_eq(line, "> lunch open 2 1 pizza=1 sushi=0");
            pushes++;
        } else {
            ck_assert_str_eq(line, replies[i++]);
        }
    }
    if (pushes == 0)
        client_expect(subscriber, "> lunch open 2 1 pizza=1 sushi=0");
    ck_assert_uint_le(pushes, 1);
}
END_TEST

START_TEST(a_subscriber_that_votes_pipelined)
{
    enum { BALLOTS = 5000 };
    struct client *subscriber = subscribe("SUBSCRIBE lunch", "+OK 1");
    uint64_t pushed = push_seq(client_line(subscriber), "lunch"), answered = 1;
    for (unsigned i = 0; i < BALLOTS; i++)
        client_send(subscriber, "VOTE lunch pizza");
    while (pushed < 1 + BALLOTS || answered < 1 + BALLOTS) {
        const char *line = client_line(subscriber);
        if (line[0] == '>') {
            uint64_t seq = push_seq(line, "lunch");
            ck_assert_uint_gt(seq, pushed);
            pushed = seq;
        } else {
            ck_assert_uint_eq(strtoull(line + strlen("+OK "), NULL, 10), ++answered);
        }
    }
}
END_TEST

START_TEST(no_push_comes_inside_a_reply)
{
    for (unsigned i = 2; i <= 1000; i++) {
        client_send(admin, "CREATE poll-%u yes no", i);
        client_expect(admin, "+OK %u", i);
    }
    struct client *subscriber = server_client(&server);
    limit_receiving(subscriber); /* so that a reply is made in several rounds */
    client_ask(subscriber, "SUBSCRIBE *", "+OK 1000");
    for (unsigned i = 0; i < 20; i++) {
        for (unsigned j = 0; j < 50; j++)
            client_send(voter, "VOTE lunch pizza");
        client_send(subscriber, "POLLS");
    }
    for (unsigned replies = 0; replies < 20; replies++) {
        const char *line;
        while ((line = client_line(subscriber))[0] == '>')
            ;
        for (unsigned rows = 0; rows < 1000; rows++, line = client_line(subscriber))
            ck_assert_int_eq(line[0], '=');
        ck_assert_str_eq(line, "+OK 1000");
    }
}
END_TEST

/* ---- subscribing and unsubscribing ---- */

START_TEST(all_covers_later_polls_and_passes_over_exceptions)
{
    struct client *witness = subscribe("SUBSCRIBE *", "+OK 1");
    struct client *subscriber = subscribe("SUBSCRIBE *", "+OK 1");
    client_expect(witness, "> lunch open 1 0 pizza=0 sushi=0");
    client_expect(subscriber, "> lunch open 1 0 pizza=0 sushi=0");
    client_ask(admin, "CREATE tea green black", "+OK 2");
    client_expect(subscriber, "> tea open 2 0 green=0 black=0");
    client_expect(witness, "> tea open 2 0 green=0 black=0");
    client_ask(subscriber, "UNSUBSCRIBE lunch", "+OK 1");
    client_ask(subscriber, "UNSUBSCRIBE lunch", "+OK 1"); /* it is no less excepted */
    client_ask(voter, "VOTE lunch pizza", "+OK 3");
    client_ask(voter, "VOTE tea black", "+OK 4");
    client_expect(witness, "> lunch open 3 1 pizza=1 sushi=0");
    client_expect(witness, "> tea open 4 1 green=0 black=1");
    client_expect(subscriber, "> tea open 4 1 green=0 black=1");
    client_ask(subscriber, "SUBSCRIBE lunch", "+OK 1");
    client_expect(subscriber, "> lunch open 3 1 pizza=1 sushi=0");
    client_ask(subscriber, "UNSUBSCRIBE *", "+OK 0");
    client_ask(voter, "VOTE lunch pizza", "+OK 5");
    client_expect(witness, "> lunch open 5 2 pizza=2 sushi=0");
    client_ask(subscriber, "PING", "+OK");
}
END_TEST

START_TEST(unsubscribing_counts_what_is_left)
{
    client_ask(admin, "CREATE tea green black", "+OK 2");
    client_ask(voter, "UNSUBSCRIBE lunch", "+OK 0");
    client_ask(voter, "UNSUBSCRIBE *", "+OK 0");
    struct client *subscriber = subscribe("SUBSCRIBE lunch", "+OK 1");
    client_line(subscriber);
    client_ask(subscriber, "SUBSCRIBE tea", "+OK 1");
    client_line(subscriber);
    client_ask(subscriber, "UNSUBSCRIBE lunch", "+OK 1");
    client_ask(subscriber, "UNSUBSCRIBE lunch", "+OK 1");
    client_ask(subscriber, "UNSUBSCRIBE tea", "+OK 0");
    client_ask(subscriber, "SUBSCRIBE *", "+OK 2");
}
END_TEST

START_TEST(subscribing_again_sends_the_tally_again)
{
    struct client *subscriber = subscribe("SUBSCRIBE lunch every=3600000", "+OK 1");
    client_expect(subscriber, "> lunch open 1 0 pizza=0 sushi=0");
    client_ask(voter, "VOTE lunch pizza", "+OK 2");
    client_ask(subscriber, "SUBSCRIBE lunch", "+OK 1");
    client_expect(subscriber, "> lunch open 2 1 pizza=1 sushi=0");
    client_ask(voter, "VOTE lunch pizza", "+OK 3");
    client_expect(subscriber, "> lunch open 3 2 pizza=2 sushi=0");
}
END_TEST

START_TEST(an_unsubscribed_poll_is_not_pushed)
{
    struct client *witness = subscribe("SUBSCRIBE lunch", "+OK 1");
    struct client *subscriber = subscribe("SUBSCRIBE lunch", "+OK 1");
    client_line(witness);
    client_line(subscriber);
    client_ask(subscriber, "UNSUBSCRIBE lunch", "+OK 0");
    for (unsigned i = 2; i < 100; i++) {
        client_send(voter, "VOTE lunch pizza");
        client_expect(voter, "+OK %u", i);
        client_expect_match(witness, "^> lunch open ");
        client_ask(subscriber, "PING", "+OK");
    }
}
END_TEST

/* ---- results ---- */

START_TEST(results_follow_their_tallies_for_who_asked)
{
    struct client *plain = subscribe("SUBSCRIBE lunch", "+OK 1");
    struct client *named = subscribe("SUBSCRIBE lunch results=yes", "+OK 1");
    struct client *all = subscribe("SUBSCRIBE * results=yes", "+OK 1");
    struct client *const both[] = {named, all};
    for (unsigned i = 0; i < 2; i++) {
        client_expect(both[i], "> lunch open 1 0 pizza=0 sushi=0");
        client_expect(both[i], "> @result lunch 1");
    }
    client_ask(voter, "VOTE lunch sushi", "+OK 2");
    client_ask(admin, "TITLE lunch Lunch?", "+OK 3"); /* no news */
    client_ask(admin, "CLOSE lunch", "+OK 4");
    for (unsigned i = 0; i < 2; i++) {
        client_expect(both[i], "> lunch open 2 1 pizza=0 sushi=1");
        client_expect(both[i], "> @result lunch 2 sushi");
        client_expect(both[i], "> lunch closed 4 1 pizza=0 sushi=1");
        client_expect(both[i], "> @result lunch 4 sushi");
    }
    client_expect(plain, "> lunch open 1 0 pizza=0 sushi=0");
    client_expect(plain, "> lunch open 2 1 pizza=0 sushi=1");
    client_expect(plain, "> lunch closed 4 1 pizza=0 sushi=1");
    client_ask(plain, "PING", "+OK");
}
END_TEST

START_TEST(results_end_with_the_subscription)
{
    struct client *subscriber = subscribe("SUBSCRIBE * results=yes", "+OK 1");
    client_line(subscriber);
    client_line(subscriber);
    client_ask(subscriber, "SUBSCRIBE lunch", "+OK 1"); /* by name without: that counts */
    client_expect(subscriber, "> lunch open 1 0 pizza=0 sushi=0");
    client_ask(voter, "VOTE lunch sushi", "+OK 2");
    client_expect(subscriber, "> lunch open 2 1 pizza=0 sushi=1");
    client_ask(subscriber, "SUBSCRIBE lunch results=yes", "+OK 1");
    client_expect(subscriber, "> lunch open 2 1 pizza=0 sushi=1");
    client_expect(subscriber, "> @result lunch 2 sushi");
    client_ask(subscriber, "UNSUBSCRIBE lunch", "+OK 0");
    client_ask(voter, "VOTE lunch sushi", "+OK 3");
    client_ask(subscriber, "SUBSCRIBE *", "+OK 1");
    client_expect(subscriber, "> lunch open 3 2 pizza=0 sushi=2");
    client_ask(subscriber, "PING", "+OK");
}
END_TEST

START_TEST(a_hidden_result_names_nobody)
{
    client_ask(admin, "CREATE award film book reveal=closed", "+OK 2");
    struct client *subscriber = subscribe("SUBSCRIBE award results=yes", "+OK 1");
    client_expect(subscriber, "> award open 2 0");
    client_expect(subscriber, "> @result award 2");
    client_ask(voter, "VOTE award book", "+OK 3");
    client_expect(subscriber, "> award open 3 1");
    client_expect(subscriber, "> @result award 3");
    client_ask(admin, "CLOSE award", "+OK 4");
    client_expect(subscriber, "> award closed 4 1 film=0 book=1");
    client_expect(subscriber, "> @result award 4 book");
}
END_TEST

/* The sequence of a push, of a tally or a result, of the poll `lunch`. */
static uint64_t any_push_seq(const char *line, bool *is_result)
{
    *is_result = strncmp(line, "> @result lunch ", 16) == 0;
    return *is_result ? strtoull(line + 16, NULL, 10) : push_seq(line, "lunch");
}

/* Both kinds of pushes rise, each to the last one. */
static void read_both_until(struct client *subscriber, uint64_t last)
{
    uint64_t seen[2] = {0};
    while (seen[false] < last || seen[true] < last) {
        bool is_result;
        uint64_t seq = any_push_seq(client_line(subscriber), &is_result);
        ck_assert_uint_gt(seq, seen[is_result]);
        seen[is_result] = seq;
    }
    ck_assert(seen[false] == last && seen[true] == last);
}

START_TEST(after_a_storm_a_thousand_have_the_last_result)
{
    enum { SUBSCRIBERS = 1000 };
    static const char *const lines[] = {"SUBSCRIBE lunch results=yes", "SUBSCRIBE * results=yes",
                                        "SUBSCRIBE * every=50 results=yes"};
    struct client **subscribers = calloc(SUBSCRIBERS, sizeof *subscribers);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        subscribers[i] = subscribe(lines[i % 3], "+OK 1");
    uint64_t last = storm(scaled(2000));
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        read_both_until(subscribers[i], last);
    free(subscribers);
}
END_TEST

/* ---- paces ---- */

/* Votes until `ms` are over. Returns the last sequence. */
static uint64_t vote_for(int64_t ms)
{
    int64_t end = server_now_ms() + ms;
    char reply[64] = "";
    while (server_now_ms() < end) {
        client_send(voter, "VOTE lunch pizza");
        snprintf(reply, sizeof reply, "%s", client_line(voter));
    }
    return strtoull(reply + strlen("+OK "), NULL, 10);
}

/* That no more than one push came in each interval, but that the last came, too. */
static void assert_paced(const char *line, int64_t interval_ms)
{
    int64_t began = server_now_ms();
    struct client *subscriber = subscribe(line, "+OK 1");
    uint64_t last = vote_for(5 * interval_ms);
    unsigned pushes = read_until(subscriber, "lunch", last);
    int64_t intervals = (server_now_ms() - began) / interval_ms;
    ck_assert_int_le(pushes, intervals + 2); /* the first at once, the last after the end */
    ck_assert_uint_ge(pushes, 3);
}

START_TEST(every_is_the_least_time_between_pushes)
{
    assert_paced("SUBSCRIBE lunch every=100", 100);
}
END_TEST

START_TEST(every_holds_for_all_as_well)
{
    assert_paced("SUBSCRIBE * every=100", 100);
}
END_TEST

START_TEST(the_push_interval_holds_for_everyone)
{
    server_end(&server);
    start("100");
    assert_paced("SUBSCRIBE lunch every=1", 100);
}
END_TEST

START_TEST(after_a_storm_everyone_has_the_last_tally)
{
    static const char *const lines[] = {"SUBSCRIBE lunch", "SUBSCRIBE *",
                                        "SUBSCRIBE lunch every=50", "SUBSCRIBE * every=50"};
    struct client *subscribers[32];
    for (unsigned i = 0; i < 32; i++)
        subscribers[i] = subscribe(lines[i % 4], "+OK 1");
    uint64_t last = storm(scaled(50000));
    for (unsigned i = 0; i < 32; i++)
        read_until(subscribers[i], "lunch", last);
}
END_TEST

START_TEST(with_the_default_interval_everyone_has_the_last_tally_too)
{
    struct client *subscribers[8];
    server_end(&server);
    start("50");
    for (unsigned i = 0; i < 8; i++)
        subscribers[i] = subscribe("SUBSCRIBE lunch", "+OK 1");
    uint64_t last = storm(scaled(20000));
    for (unsigned i = 0; i < 8; i++)
        read_until(subscribers[i], "lunch", last);
}
END_TEST

static void raise_open_files(void)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The ledger knows how many are being told: ballots that come one by one are committed 1 us apart
 * for each, so that the pushes have the processor. Without that a ballot takes a sync. */
START_TEST(commits_wait_for_a_crowd)
{
    enum { CROWD = 3000, BALLOTS = 50, CROWD_GAP_US = 1 };
    raise_open_files();
    for (unsigned i = 0; i < CROWD; i++)
        client_send(server_client(&server), "SUBSCRIBE lunch");
    while (client_stat(admin, "updates_sent") < CROWD)
        ;
    client_ask(voter, "VOTE lunch pizza", "+OK 2");
    int64_t began_ms = server_now_ms();
    for (unsigned i = 0; i < BALLOTS; i++) /* each while the one before it is told */
        client_ask_number(voter, "VOTE lunch pizza");
    int64_t took_ms = server_now_ms() - began_ms;
    /* Now and then all have been told before the next ballot comes. */
    ck_assert_int_ge(took_ms, BALLOTS * CROWD * CROWD_GAP_US / 1000 / 2);
}
END_TEST

/* ---- ends ---- */

START_TEST(a_subscriber_that_half_closes_is_sent_the_current_tally)
{
    struct client *subscriber = subscribe("SUBSCRIBE lunch", "+OK 1");
    client_line(subscriber);
    for (unsigned i = 0; i < 100; i++)
        client_send(voter, "VOTE lunch pizza");
    for (unsigned i = 0; i < 100; i++)
        client_expect(voter, "+OK %u", 2 + i);
    client_finish(subscriber);
    read_until(subscriber, "lunch", 101);
    client_expect_end(subscriber);
}
END_TEST

/* Nor does it wait for an interval that began before: its own, after it was passed over. */
START_TEST(a_subscriber_that_half_closes_waits_for_no_interval)
{
    static const char *const lines[] = {"SUBSCRIBE lunch every=3600000",
                                        "SUBSCRIBE * every=3600000"};
    struct client *patient = subscribe(lines[_i], "+OK 1");
    struct client *other = subscribe("SUBSCRIBE lunch", "+OK 1");
    client_line(patient);
    client_line(other);
    client_ask(voter, "VOTE lunch pizza", "+OK 2");
    client_expect(other, "> lunch open 2 1 pizza=1 sushi=0");
    server_await_idle(&server); /* it has been passed over */
    client_finish(patient);
    client_expect(patient, "> lunch open 2 1 pizza=1 sushi=0");
    client_expect_end(patient);
}
END_TEST

/* What it is owed was known when it half-closed: ballots that go on don't keep it, though there is
 * always a poll that has changed since it was last published. */
START_TEST(a_subscriber_that_half_closes_leaves_while_others_vote)
{
    enum { INTERVAL_MS = 200 };
    static const char *const lines[] = {"SUBSCRIBE *", "SUBSCRIBE * every=3600000"};
    tear_down();
    start("200");
    client_ask(admin, "CREATE dinner soup salad ballots=unlimited", "+OK 2");
    struct client *leaving = subscribe(lines[_i], "+OK 2");
    int64_t began_ms = server_now_ms();
    /* One begins half an interval after the other is published: they stay out of step. */
    while (server_now_ms() < began_ms + 3 * INTERVAL_MS / 2)
        client_ask_number(voter, "VOTE lunch pizza");
    while (server_now_ms() < began_ms + 3 * INTERVAL_MS) {
        client_ask_number(voter, "VOTE lunch pizza");
        client_ask_number(voter, "VOTE dinner soup");
    }
    client_finish(leaving);
    int64_t finished_ms = server_now_ms();
    while (!leaving->ended) {
        ck_assert_int_lt(server_now_ms() - finished_ms, 20 * INTERVAL_MS);
        client_ask_number(voter, "VOTE lunch pizza");
        client_ask_number(voter, "VOTE dinner soup");
        client_receive(leaving);
    }
}
END_TEST

/* Its own ballots are in what it is sent last, though the poll cools. */
START_TEST(a_subscriber_that_votes_and_half_closes_sees_its_ballots)
{
    static const char lines[] = "SUBSCRIBE lunch\nVOTE lunch pizza\nVOTE lunch sushi\n";
    tear_down();
    start("60000");
    struct client *leaving = server_client(&server);
    client_write(leaving, lines, sizeof lines - 1);
    client_finish(leaving);
    const char *line;
    char last[64] = "";
    while ((line = client_line_or_end(leaving)))
        if (line[0] == '>')
            snprintf(last, sizeof last, "%s", line);
    ck_assert_str_eq(last, "> lunch open 3 2 pizza=1 sushi=1");
    ck_assert_int_eq(leaving->error, 0);
}
END_TEST

/* In the push interval of a poll, too: a stop does not wait for it, and does not drop the reader.
 */
START_TEST(a_stop_sends_who_half_closed_the_last_tally)
{
    tear_down();
    start("60000");
    struct client *leaving = subscribe("SUBSCRIBE *", "+OK 1");
    client_expect(leaving, "> lunch open 1 0 pizza=0 sushi=0");
    client_ask(voter, "VOTE lunch pizza", "+OK 2");
    client_ask(voter, "VOTE lunch pizza", "+OK 3");
    client_finish(leaving);
    server_await_idle(&server);
    server_signal(&server, SIGTERM);
    client_expect(leaving, "> lunch open 3 2 pizza=2 sushi=0");
    client_expect_end(leaving);
    server_wait(&server);
    ck_assert(!server_logged(&server, "did not take their last replies"));
}
END_TEST

START_TEST(a_stop_sends_the_last_tallies)
{
    struct client *subscribers[3] = {
        subscribe("SUBSCRIBE lunch every=3600000", "+OK 1"),
        subscribe("SUBSCRIBE * every=3600000", "+OK 1"),
        subscribe("SUBSCRIBE lunch", "+OK 1"),
    };
    for (unsigned i = 0; i < 3; i++)
        client_expect(subscribers[i], "> lunch open 1 0 pizza=0 sushi=0");
    client_ask(voter, "VOTE lunch pizza", "+OK 2");
    client_ask(voter, "VOTE lunch pizza", "+OK 3");
    server_signal(&server, SIGTERM);
    for (unsigned i = 0; i < 3; i++) {
        read_until(subscribers[i], "lunch", 3);
        client_expect_end(subscribers[i]);
    }
    server_wait(&server);
}
END_TEST

/* ---- slow readers ---- */

enum { WIDE_CHOICES = 200 };

/* A poll with long tallies, so that a few pushes fill a socket. */
static void create_wide(void)
{
    char line[1024];
    size_t len = (size_t)sprintf(line, "CREATE wide ballots=unlimited");
    for (unsigned i = 0; i < WIDE_CHOICES; i++)
        len += (size_t)sprintf(line + len, " c%02x", i);
    client_send(admin, "%s", line);
    client_line(admin);
}

/* Subscribes to `wide`, and will hold little of what it does not read. */
static struct client *subscribe_narrow(void)
{
    struct client *subscriber = server_client(&server);
    limit_receiving(subscriber);
    client_ask(subscriber, "SUBSCRIBE wide", "+OK 1");
    return subscriber;
}

/* Subscribers whose sockets take no more now. */
static unsigned count_stalled(void)
{
    unsigned count = 0;
    const char *row;
    client_send(admin, "CLIENTS");
    while ((row = client_line(admin))[0] == '=') {
        const char *blocked = strstr(row, " blocked_ms=");
        ck_assert_ptr_nonnull(blocked);
        count += strstr(row, " kind=subscriber ") != NULL && strtoull(blocked + 12, NULL, 10) > 0;
    }
    return count;
}

static void vote_wide(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        client_send(voter, "VOTE wide c00");
        client_expect_match(voter, "^\\+OK [0-9]+$");
    }
}

/* Votes in `wide` until so many subscribers are stalled. */
static void vote_until_stalled(unsigned count)
{
    int64_t deadline = server_now_ms() + SERVER_DEADLINE_S * 1000;
    while (count_stalled() < count) {
        ck_assert_int_lt(server_now_ms(), deadline);
        vote_wide(10);
    }
}

START_TEST(a_subscriber_that_never_reads_harms_nobody)
{
    create_wide();
    struct client *stalled = subscribe_narrow();
    vote_until_stalled(1);
    struct client *reader = subscribe("SUBSCRIBE lunch", "+OK 1");
    uint64_t last = storm(scaled(20000));
    read_until(reader, "lunch", last);
    client_send(stalled, "PING end");
    const char *line;
    while ((line = client_line(stalled))[0] == '>')
        push_seq(line, "wide"); /* is whole */
    ck_assert_str_eq(line, "+OK end");
}
END_TEST

START_TEST(a_subscriber_that_reads_again_gets_the_newest)
{
    create_wide();
    struct client *stalled = subscribe_narrow();
    vote_until_stalled(1);
    vote_wide(500);
    uint64_t last = current_seq("wide");
    unsigned pushes = read_until(stalled, "wide", last);
    ck_assert_uint_lt(pushes, 500); /* what it missed in between was not kept for it */
    ck_assert_uint_gt(client_stat(admin, "updates_conflated"), 0);
}
END_TEST

/* Everyone is owed each of these tallies before the next one is: it is pushed, or left out. */
START_TEST(a_push_that_is_left_out_is_counted_once)
{
    create_wide();
    struct client *stalled = subscribe_narrow();
    struct client *reader = subscribe("SUBSCRIBE wide", "+OK 1");
    unsigned votes = 0;
    client_line(reader);
    for (unsigned left = 20; left > 0; votes++) {
        vote_wide(1);
        client_line(reader);
        left -= left < 20 || count_stalled() > 0;
    }
    unsigned pushes = read_until(stalled, "wide", current_seq("wide")) - 1; /* but for the first */
    ck_assert_uint_eq(pushes + client_stat(admin, "updates_conflated"), votes);
}
END_TEST

START_TEST(a_stalled_subscriber_of_all_gets_the_newest_of_each)
{
    enum { POLLS = 300 };
    unsigned seen[POLLS] = {0};
    for (unsigned i = 0; i < POLLS; i++) {
        client_send(admin, "CREATE p%u yes no ballots=unlimited", i);
        client_line(admin);
    }
    struct client *stalled = server_client(&server);
    limit_receiving(stalled);
    client_ask(stalled, "SUBSCRIBE *", "+OK 301");
    unsigned rounds = 0;
    for (; client_stat(admin, "writes_blocked") == 0 || rounds < 20; rounds++) {
        for (unsigned i = 0; i < POLLS; i++)
            client_send(voter, "VOTE p%u yes", i);
        for (unsigned i = 0; i < POLLS; i++)
            client_line(voter);
    }
    for (unsigned newest = 0; newest < POLLS;) {
        unsigned poll, ballots;
        unsigned long long seq;
        if (sscanf(client_line(stalled), "> p%u open %llu %u", &poll, &seq, &ballots) != 3)
            continue; /* lunch */
        ck_assert_uint_lt(poll, POLLS);
        ck_assert(ballots >= seen[poll]);
        seen[poll] = ballots;
        newest += ballots == rounds;
    }
    client_ask(stalled, "PING", "+OK");
}
END_TEST

START_TEST(a_stalled_subscriber_is_closed_in_time)
{
    server_end(&server);
    server_start(&server, "--push-interval", "0", "--stall-timeout", "1", NULL);
    admin = server_admin(&server);
    voter = server_client(&server);
    create_wide();
    struct client *stalled = subscribe_narrow(), *idle = subscribe("SUBSCRIBE lunch", "+OK 1");
    client_line(idle);
    vote_until_stalled(1);
    int64_t began = server_now_ms();
    ck_assert_uint_eq(client_stat(admin, "slow_readers"), 0);
    while (client_stat(admin, "slow_readers") == 0) { /* its kernel may still have taken some */
        ck_assert_int_lt(server_now_ms() - began, SERVER_DEADLINE_S * 1000);
        vote_wide(10);
    }
    ck_assert_int_ge(server_now_ms() - began, 500);
    while (client_line_or_end(stalled) != NULL)
        ;
    client_ask(idle, "PING", "+OK"); /* that it was sent nothing is not its fault */
    ck_assert_uint_eq(client_stat(admin, "slow_readers"), 1);
    ck_assert_uint_eq(client_stat(admin, "subscribers"), 1);
}
END_TEST

START_TEST(a_thousand_stalled_subscribers_cost_little)
{
    unsigned count = (unsigned)scaled(1000);
    raise_open_files();
    create_wide();
    client_ask(voter, "VOTE wide c00", "+OK 3");
    uint64_t before = server_rss_bytes(&server);
    for (unsigned i = 0; i < count; i++)
        subscribe_narrow();
    vote_until_stalled(count);
    uint64_t after = server_rss_bytes(&server);
    storm(scaled(20000)); /* votes go on */
    if (SERVER_SANITIZED)
        printf("memory of stalled subscribers is not checked: there is a sanitizer\n");
    else
        ck_assert_msg(after < before + (uint64_t)count * 4096 + (1 << 20), "%llu bytes each",
                      (unsigned long long)((after - before) / count));
}
END_TEST

SERVER_MAIN("subscribers",
            {"pushes", .set_up = set_up, .tear_down = tear_down,
             .tests = {{each_change_is_pushed},
                       {nothing_is_pushed_that_is_not_counted},
                       {a_subscriber_may_do_everything_else},
                       {a_subscriber_that_votes_pipelined},
                       {no_push_comes_inside_a_reply},
                       {all_covers_later_polls_and_passes_over_exceptions},
                       {unsubscribing_counts_what_is_left},
                       {subscribing_again_sends_the_tally_again},
                       {an_unsubscribed_poll_is_not_pushed},
                       {results_follow_their_tallies_for_who_asked},
                       {results_end_with_the_subscription},
                       {a_hidden_result_names_nobody},
                       {after_a_storm_a_thousand_have_the_last_result}}},
            {"paces", .set_up = set_up, .tear_down = tear_down,
             .tests = {{every_is_the_least_time_between_pushes},
                       {every_holds_for_all_as_well},
                       {the_push_interval_holds_for_everyone},
                       {after_a_storm_everyone_has_the_last_tally},
                       {with_the_default_interval_everyone_has_the_last_tally_too},
                       {commits_wait_for_a_crowd}}},
            {"ends", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_subscriber_that_half_closes_is_sent_the_current_tally},
                       {a_subscriber_that_half_closes_waits_for_no_interval, .loops = 2},
                       {a_subscriber_that_half_closes_leaves_while_others_vote, .loops = 2},
                       {a_subscriber_that_votes_and_half_closes_sees_its_ballots},
                       {a_stop_sends_who_half_closed_the_last_tally},
                       {a_stop_sends_the_last_tallies}}},
            {"slow readers", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_subscriber_that_never_reads_harms_nobody},
                       {a_subscriber_that_reads_again_gets_the_newest},
                       {a_push_that_is_left_out_is_counted_once},
                       {a_stalled_subscriber_of_all_gets_the_newest_of_each},
                       {a_stalled_subscriber_is_closed_in_time},
                       {a_thousand_stalled_subscribers_cost_little}}})
