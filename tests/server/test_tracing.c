/* Journeys of ballots, end to end: what TRACE VOTE and JOURNEY tell, and that no record is lost. */
#include "tests/support/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SUBSCRIBERS = 4 };

/* In the order of JOURNEY's rows; each is no earlier than the one that it follows. */
static const struct {
    const char *name;
    unsigned since;
} stages[] = {{"readable", 0},   {"read", 0},      {"parsed", 1},  {"queued", 2},
              {"judged", 3},     {"committed", 4}, {"counted", 5}, {"answered", 6},
              {"first_push", 6}, {"last_push", 8}};
enum { STAGES = sizeof stages / sizeof stages[0], ANSWERED = 7 };

static struct server server;
static struct client *admin, *voter;

/* What a reply to JOURNEY said. */
struct journey {
    uint64_t counts[STAGES]; /* of the stage's figure */
    uint64_t at_ns[STAGES];
    bool reached[STAGES];
    bool has_ballot, traced, complete, has_rtt, has_accept_queue;
    uint64_t seq, freshness_count, acknowledgement_count;
};

static void set_up(void)
{
    server_init(&server);
    server_start(&server, "--broadcast-threads", "2", "--ingest-threads", "2", "--push-interval",
                 "0", NULL);
    admin = server_admin(&server);
    voter = server_client(&server);
    client_ask(admin, "CREATE lunch pizza sushi ballots=unlimited", "+OK 1");
}

static void tear_down(void)
{
    server_end(&server);
}

static unsigned stage_of(const char *name)
{
    unsigned i = 0;
    while (i < STAGES && strcmp(stages[i].name, name) != 0)
        i++;
    ck_assert_msg(i < STAGES, "%s is no stage", name);
    return i;
}

static void take_row(struct journey *journey, const char *row)
{
    char name[32], word[32];
    unsigned long long a, b;
    if (sscanf(row, "=stage %31s count=%llu p50_ns=", name, &a) == 2) {
        journey->counts[stage_of(name)] = a;
    } else if (sscanf(row, "=span %31s count=%llu p50_ns=", name, &a) == 2) {
        *(strcmp(name, "freshness") == 0 ? &journey->freshness_count
                                         : &journey->acknowledgement_count) = a;
    } else if (sscanf(row, "=ballot seq=%llu poll=%31s", &a, name) == 2) {
        journey->has_ballot = true;
        journey->seq = a;
        ck_assert_str_eq(name, "lunch");
        journey->traced = strstr(row, " traced=yes") != NULL;
        journey->complete = strstr(row, " complete=yes") != NULL;
    } else if (sscanf(row, "=stamp %31s %llu", name, &a) == 2) {
        journey->at_ns[stage_of(name)] = a;
        journey->reached[stage_of(name)] = true;
    } else {
        ck_assert_msg(sscanf(row, "=kernel %31s %llu %31s", name, &b, word) == 3, "%s", row);
        journey->has_rtt |= strcmp(name, "rtt") == 0;
        journey->has_accept_queue |= strcmp(name, "accept_queue") == 0;
    }
}

/* Asks JOURNEY, of one ballot unless `seq` is 0. */
static struct journey look(uint64_t seq)
{
    struct journey journey = {0};
    unsigned rows = 0;
    if (seq)
        client_send(admin, "JOURNEY %llu", (unsigned long long)seq);
    else
        client_send(admin, "JOURNEY");
    const char *line;
    while ((line = client_line(admin))[0] == '=') {
        take_row(&journey, line);
        rows++;
    }
    unsigned told;
    ck_assert_int_eq(sscanf(line, "+OK %u", &told), 1);
    ck_assert_uint_eq(told, rows);
    ck_assert(journey.has_accept_queue);
    return journey;
}

/* Asks until every loop has reported the ballot's pushes. */
static struct journey look_when_complete(uint64_t seq)
{
    int64_t end_ms = server_now_ms() + SERVER_DEADLINE_S * 1000;
    for (;;) {
        struct journey journey = look(seq);
        if (journey.complete)
            return journey;
        ck_assert_msg(server_now_ms() < end_ms, "the pushes of %llu are never reported",
                      (unsigned long long)seq);
    }
}

static void assert_stamps_rise(const struct journey *journey, unsigned last)
{
    for (unsigned i = 0; i <= last; i++) {
        ck_assert_msg(journey->reached[i], "%s", stages[i].name);
        ck_assert_msg(journey->at_ns[i] >= journey->at_ns[stages[i].since], "%s", stages[i].name);
    }
    for (unsigned i = last + 1; i < STAGES; i++)
        ck_assert_msg(!journey->reached[i], "%s", stages[i].name);
    ck_assert_uint_eq(journey->at_ns[0], 0);
}

/* Over both broadcast loops, half of them by name. */
static void subscribe_all(struct client *subscribers[SUBSCRIBERS])
{
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        subscribers[i] = server_client(&server);
        client_ask(subscribers[i], i < SUBSCRIBERS / 2 ? "SUBSCRIBE lunch" : "SUBSCRIBE *",
                   "+OK 1");
        client_line(subscribers[i]);
    }
}

static uint64_t trace(const char *choice)
{
    char line[64];
    snprintf(line, sizeof line, "TRACE VOTE lunch %s", choice);
    return client_ask_number(admin, line);
}

/* When everything is answered, no record is in use. */
static void assert_no_record_is_lost(void)
{
    int64_t end_ms = server_now_ms() + SERVER_DEADLINE_S * 1000;
    while (client_stat(admin, "journeys_open") > 0)
        ck_assert_msg(server_now_ms() < end_ms, "records of journeys are lost");
}

START_TEST(a_traced_ballot_is_stamped_at_every_stage)
{
    struct client *subscribers[SUBSCRIBERS];
    subscribe_all(subscribers);
    uint64_t seq = trace("pizza");
    ck_assert_uint_eq(seq, 2);
    struct journey journey = look_when_complete(seq);
    ck_assert(journey.has_ballot && journey.traced);
    ck_assert_uint_eq(journey.seq, seq);
    assert_stamps_rise(&journey, STAGES - 1);
    for (unsigned i = 1; i <= ANSWERED; i++)
        ck_assert_uint_eq(journey.counts[i], 1);
    ck_assert_uint_eq(journey.acknowledgement_count, 1);
    ck_assert_uint_ge(journey.freshness_count, 1); /* one a loop that has subscribers */
    ck_assert_uint_le(journey.freshness_count, 2);
    ck_assert(!journey.has_rtt); /* a Unix socket has none */
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        client_expect(subscribers[i], "> lunch open 2 1 pizza=1 sushi=0");
    assert_no_record_is_lost();
}
END_TEST

START_TEST(without_subscribers_there_is_no_push)
{
    struct journey journey = look_when_complete(trace("2"));
    assert_stamps_rise(&journey, ANSWERED);
    ck_assert_uint_eq(journey.freshness_count, 0);
}
END_TEST

START_TEST(the_last_few_are_found_by_their_sequence)
{
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(trace(i % 2 ? "pizza" : "sushi"), 2 + i);
    for (uint64_t seq = 2; seq < 10; seq++) {
        struct journey journey = look_when_complete(seq);
        ck_assert_uint_eq(journey.seq, seq);
        ck_assert(journey.traced);
    }
    ck_assert_uint_eq(look(0).seq, 9);
    ck_assert(!look(1).has_ballot);
    ck_assert(!look(10).has_ballot);
}
END_TEST

START_TEST(others_may_not_trace)
{
    client_ask(voter, "PING", "+OK");
    client_ask_error(voter, "TRACE VOTE lunch pizza", "NOT-ALLOWED");
    client_ask_error(voter, "JOURNEY", "NOT-ALLOWED");
    struct client *first = server_client(&server); /* and as a first line it is HTTP's */
    client_ask_error(first, "TRACE VOTE lunch pizza", "UNKNOWN-COMMAND");
    client_expect_end(first);
    ck_assert(!look(0).has_ballot);
    client_ask(admin, "SHOW lunch", "+OK lunch open 1 0 pizza=0 sushi=0");
}
END_TEST

START_TEST(the_records_of_refused_ballots_come_back)
{
    enum { BALLOTS = 20000 };
    client_ask(admin, "CREATE done yes no state=closed", "+OK 2");
    client_ask(admin, "CREATE once yes no ballots=once voters=named", "+OK 3");
    client_ask(admin, "VOTE once yes as=ann id=k", "+OK 4");
    static const struct {
        const char *line, *reply;
    } ballots[] = {{"VOTE done yes\n", "^-POLL-CLOSED "},
                   {"VOTE once yes as=ann id=k\n", "^\\+OK 4 duplicate$"},
                   {"VOTE once no as=ann id=k\n", "^-ALREADY-VOTED 4 "}};
    uint64_t counted = look(0).counts[ANSWERED];
    for (unsigned i = 0; i < BALLOTS; i++) {
        /* Refusals in a row would end the connection. */
        if (i % 2 == 0)
            client_write(voter, "VOTE once yes as=ann id=k\n", 26);
        client_write(voter, ballots[i % 3].line, strlen(ballots[i % 3].line));
    }
    for (unsigned i = 0; i < BALLOTS; i++) {
        if (i % 2 == 0)
            client_expect(voter, "+OK 4 duplicate");
        client_expect_match(voter, ballots[i % 3].reply);
    }
    for (unsigned i = 0; i < 300; i++)
        client_ask(admin, "TRACE VOTE once yes as=ann id=k", "+OK 4 duplicate");
    assert_no_record_is_lost();
    ck_assert_uint_eq(look(0).counts[ANSWERED], counted);
    ck_assert(!look(4).has_ballot);
    ck_assert(trace("pizza") > 0); /* the pool is as full as ever */
    ck_assert(look_when_complete(5).has_ballot);
}
END_TEST

/* Connections that go with their ballots in flight. */
START_TEST(the_records_of_those_who_leave_come_back)
{
    enum { LEAVERS = 40, BALLOTS = 500 };
    static char lines[BALLOTS * 24];
    size_t len = 0;
    for (unsigned i = 0; i < BALLOTS; i++)
        len += (size_t)sprintf(lines + len, "VOTE lunch %u\n", 1 + i % 2);
    const struct linger reset = {.l_onoff = 1};
    for (unsigned i = 0; i < LEAVERS; i++) {
        struct client *leaver = server_client(&server);
        ck_assert_int_eq(setsockopt(leaver->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        client_write(leaver, lines, len);
        client_close(leaver);
    }
    assert_no_record_is_lost();
}
END_TEST

START_TEST(a_storm_is_sampled)
{
    enum { BALLOTS = 40000 };
    struct client *subscribers[SUBSCRIBERS];
    struct crowd crowd;
    subscribe_all(subscribers);
    crowd_init(&crowd, &server, 8, BALLOTS);
    crowd_connect(&crowd);
    crowd_vote(&crowd, BALLOTS / 2);
    uint64_t traced = trace("pizza");
    crowd_finish(&crowd);
    struct journey journey = look(traced);
    ck_assert(journey.has_ballot && journey.traced);
    assert_no_record_is_lost();
    /* One in 256: 157 of 40,001, give or take. */
    ck_assert_uint_gt(journey.counts[ANSWERED], 50);
    journey = look(0);
    ck_assert_uint_gt(journey.counts[ANSWERED], 100);
    ck_assert_uint_lt(journey.counts[ANSWERED], 230);
    ck_assert_uint_gt(journey.freshness_count, 0);
    ck_assert(journey.has_rtt); /* of a sampled ballot's connection */
    crowd_disconnect(&crowd);
    crowd_free(&crowd);
}
END_TEST

/* Tallies that replace each other before they are pushed: the newest one's push shows the traced
 * ballot too. */
START_TEST(a_conflated_tally_still_shows_the_ballot)
{
    server_end(&server);
    server_init(&server);
    server_start(&server, "--broadcast-threads", "1", "--push-interval", "1000", NULL);
    admin = server_admin(&server);
    voter = server_client(&server);
    client_ask(admin, "CREATE lunch pizza sushi ballots=unlimited", "+OK 1");
    struct client *subscriber = server_client(&server);
    client_ask(subscriber, "SUBSCRIBE lunch", "+OK 1");
    client_line(subscriber);
    client_ask(voter, "VOTE lunch pizza", "+OK 2"); /* is pushed, and the interval begins */
    client_expect(subscriber, "> lunch open 2 1 pizza=1 sushi=0");
    uint64_t seq = trace("pizza");
    client_ask(voter, "VOTE lunch sushi", "+OK 4"); /* two commits in an interval */
    client_expect_match(subscriber, "^> lunch open [34] [23] ");
    struct journey journey = look_when_complete(seq);
    ck_assert_uint_eq(journey.seq, seq);
    assert_stamps_rise(&journey, STAGES - 1);
    ck_assert_uint_eq(journey.freshness_count, 1);
}
END_TEST

SERVER_MAIN("tracing", {"tracing", .set_up = set_up, .tear_down = tear_down,
                        .tests = {{a_traced_ballot_is_stamped_at_every_stage},
                                  {without_subscribers_there_is_no_push},
                                  {the_last_few_are_found_by_their_sequence},
                                  {others_may_not_trace},
                                  {the_records_of_refused_ballots_come_back},
                                  {the_records_of_those_who_leave_come_back},
                                  {a_storm_is_sampled},
                                  {a_conflated_tally_still_shows_the_ballot}}})
