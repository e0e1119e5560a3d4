/* A poll that closes while many vote: a ballot is before the close or after it, for everybody. */
#include "tests/support/crowd.h"
#include "tests/support/scale.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct server server;
static struct client *admin;

static void set_up(void)
{
    server_init(&server);
    server_start(&server, NULL);
    admin = server_admin(&server);
}

static void tear_down(void)
{
    server_end(&server);
}

/* ---- one ballot each, pipelined ---- */

/* Each connection's ballots are in order, so after the first that is refused none is counted; and
 * none that is counted stands behind the close in the ledger. */
static void assert_cut(const struct crowd *crowd, uint64_t closed_seq)
{
    for (unsigned voter = 0; voter < crowd->connections; voter++) {
        bool refused = false;
        for (uint64_t i = voter; i < crowd->count; i += crowd->connections) {
            const struct ballot *ballot = &crowd->ballots[i];
            ck_assert_int_ne(ballot->fate, FATE_UNKNOWN);
            refused |= ballot->fate == FATE_REFUSED;
            ck_assert_msg(!refused || ballot->fate == FATE_REFUSED,
                          "ballot %llu is counted after one that was refused",
                          (unsigned long long)i);
            ck_assert(ballot->fate == FATE_REFUSED || ballot->seq < closed_seq);
        }
    }
}

START_TEST(what_is_acknowledged_is_what_counts)
{
    struct crowd crowd;
    client_ask(admin, "CREATE lunch pizza sushi ballots=unlimited", "+OK 1");
    struct client *subscriber = server_client(&server);
    client_ask(subscriber, "SUBSCRIBE lunch", "+OK 1");
    crowd_init(&crowd, &server, 16, scaled(20000));
    crowd.refusal = "POLL-CLOSED";
    crowd_connect(&crowd);
    crowd_vote(&crowd, crowd.count * (unsigned)(_i + 1) / 10);
    client_send(admin, "CLOSE lunch");
    crowd_finish(&crowd);
    ck_assert_uint_eq(crowd.answered, crowd.count);

    const char *reply = client_line(admin);
    ck_assert_int_eq(strncmp(reply, "+OK ", 4), 0);
    uint64_t closed_seq = strtoull(reply + 4, NULL, 10);
    assert_cut(&crowd, closed_seq);
    crowd_assert_tally(&crowd, admin);
    ck_assert_uint_gt(crowd_count(&crowd, FATE_REFUSED), 0);

    /* The close is the last change of the tally, and the last that subscribers are sent. */
    char last[128], shown[128];
    client_send(admin, "SHOW lunch");
    snprintf(shown, sizeof shown, "%s", client_line(admin) + strlen("+OK "));
    do
        snprintf(last, sizeof last, "%s", client_line(subscriber) + strlen("> "));
    while (strstr(last, " closed ") == NULL);
    ck_assert_str_eq(last, shown);

    server_end(&server);
    database_assert_recount(server.database);
    ck_assert_uint_eq(database_number(server.database, "SELECT ballots FROM tally"),
                      crowd_count(&crowd, FATE_COUNTED));
    ck_assert_uint_eq(database_number(server.database, "SELECT seq FROM tally"), closed_seq);
    crowd_free(&crowd);
}
END_TEST

/* ---- voters who change their minds ---- */

enum { VOTERS = 32, IN_FLIGHT = 16 };

struct changer {
    struct client *client;
    unsigned sent, answered; /* ballots; the nth is for choice n % 2 */
    int counted;             /* choice of the last that was acknowledged, or -1 */
    bool refused;
};

static void change_mind(struct changer *changer)
{
    while (!changer->refused && changer->sent - changer->answered < IN_FLIGHT)
        client_send(changer->client, "VOTE lunch %u", 1 + changer->sent++ % 2);
}

static void note_replies(struct changer *changer)
{
    const char *reply;
    client_receive(changer->client);
    while ((reply = client_next(changer->client)) != NULL) {
        int choice = (int)(changer->answered++ % 2);
        if (strncmp(reply, "+OK ", 4) == 0) {
            /* After the close only a repeat of what counts is answered so. */
            ck_assert(!changer->refused ||
                      (strstr(reply, " duplicate") != NULL && choice == changer->counted));
            changer->counted = choice;
        } else {
            ck_assert_int_eq(strncmp(reply, "-POLL-CLOSED ", 13), 0);
            changer->refused = true;
        }
    }
}

/* Goes on until everyone was refused, and all is answered. */
static void change_minds(struct changer changers[VOTERS], unsigned before_close)
{
    unsigned answered = 0, busy = VOTERS;
    bool closed = false;
    while (busy > 0) {
        struct pollfd wanted[VOTERS];
        for (unsigned i = 0; i < VOTERS; i++) {
            change_mind(&changers[i]);
            bool waits = changers[i].answered < changers[i].sent;
            wanted[i] =
                (struct pollfd){.fd = waits ? changers[i].client->fd : -1, .events = POLLIN};
        }
        ck_assert_int_gt(poll(wanted, VOTERS, SERVER_DEADLINE_S * 1000), 0);
        answered = busy = 0;
        for (unsigned i = 0; i < VOTERS; i++) {
            note_replies(&changers[i]);
            answered += changers[i].answered;
            busy += !changers[i].refused || changers[i].answered < changers[i].sent;
        }
        if (!closed && answered >= before_close) {
            client_send(admin, "CLOSE lunch");
            closed = true;
        }
    }
}

START_TEST(the_last_acknowledged_choice_counts)
{
    struct changer changers[VOTERS];
    unsigned counts[2] = {0, 0};
    client_ask(admin, "CREATE lunch pizza sushi", "+OK 1");
    for (unsigned i = 0; i < VOTERS; i++)
        changers[i] = (struct changer){.client = server_client(&server), .counted = -1};
    change_minds(changers, (unsigned)scaled(10000));
    client_expect_match(admin, "^\\+OK [0-9]+$");
    for (unsigned i = 0; i < VOTERS; i++) {
        ck_assert_int_ge(changers[i].counted, 0);
        counts[changers[i].counted]++;
    }
    char expected[128];
    snprintf(expected, sizeof expected, "^\\+OK lunch closed [0-9]+ %u pizza=%u sushi=%u$", VOTERS,
             counts[0], counts[1]);
    client_send(admin, "SHOW lunch");
    client_expect_match(admin, expected);
    server_end(&server);
    database_assert_recount(server.database);
}
END_TEST

/* ---- opening and closing without end ---- */

START_TEST(a_poll_that_opens_and_closes_under_load)
{
    struct crowd crowd;
    client_ask(admin, "CREATE lunch pizza sushi ballots=unlimited", "+OK 1");
    crowd_init(&crowd, &server, 16, scaled(40000));
    crowd.refusal = "POLL-CLOSED";
    crowd_connect(&crowd);
    for (unsigned i = 0; i < 50; i++) {
        client_send(admin, "CLOSE lunch");
        client_send(admin, "OPEN lunch");
        crowd_vote(&crowd, crowd.count * (i + 1) / 50);
    }
    for (unsigned i = 0; i < 100; i++)
        client_expect_match(admin, "^\\+OK [0-9]+$");
    crowd_assert_tally(&crowd, admin);
    crowd_disconnect(&crowd);
    crowd.refusal = NULL;
    crowd_connect(&crowd);
    crowd_finish(&crowd); /* those that were refused are counted now, and no other again */
    ck_assert_uint_eq(crowd_count(&crowd, FATE_COUNTED), crowd.count);
    crowd_assert_tally(&crowd, admin);
    server_end(&server);
    database_assert_recount(server.database);
    ck_assert_uint_eq(database_number(server.database, "SELECT count(*) FROM ballot"), crowd.count);
    crowd_free(&crowd);
}
END_TEST

SERVER_MAIN("closing", {"closing", .set_up = set_up, .tear_down = tear_down,
                        .tests = {{what_is_acknowledged_is_what_counts, .loops = 5},
                                  {the_last_acknowledged_choice_counts},
                                  {a_poll_that_opens_and_closes_under_load}}})
