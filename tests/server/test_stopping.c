/* A stop under the worst of circumstances: voters that pipeline without pause, readers that are
 * blocked, an administrator's commands, backups, connections that arrive or break off meanwhile.
 * What was read is answered, in order; who reads gets the last tallies; nobody holds it up.
 *
 * The sign that a stop has begun is that it ends a connection which waits for nothing. */
#include "tests/support/server.h"

#include "tests/support/scale.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 64,
    STOP_MAX_MS = 10000,    /* that a stop may take, whatever the clients do */
    STOP_CUT_OFF_MS = 9000, /* when those are cut off that do not read */
    STOP_SOON_MS = 4000,    /* that it may take if they all read: less than any of its deadlines */
};

static struct server server;
static struct client *admin, *voter;

/* One thread of each kind, so that what happens to one client tells what has happened to others. */
static void start(void)
{
    server_start(&server, "--ingest-threads", "1", "--broadcast-threads", "1", "--push-interval",
                 "0", NULL);
    admin = server_admin(&server);
    voter = server_client(&server);
}

static void set_up(void)
{
    server_init(&server);
    start();
}

static void tear_down(void)
{
    server_end(&server);
}

/* ---- the end ---- */

/* What there is to wait for. Returns how many the server has not closed. */
static unsigned list_open(struct client *const *clients, unsigned count, struct pollfd *wanted)
{
    unsigned open = 0;
    ck_assert_uint_le(count, CLIENTS_MAX);
    for (unsigned i = 0; i < count; i++) {
        bool ended = clients[i]->ended;
        wanted[i] = (struct pollfd){.fd = ended ? -1 : clients[i]->fd, .events = POLLIN};
        open += !ended;
    }
    return open;
}

static void receive_or_finish(struct client *client)
{
    if (!client->ended)
        client_receive(client);
    if (client->ended)
        client_finish(client);
}

/* Takes what comes until the server has closed each connection, and then ends the other side of it,
 * for which the server would wait a second. */
static void receive_to_end(struct client *const *clients, unsigned count)
{
    struct pollfd wanted[CLIENTS_MAX];
    for (unsigned i = 0; i < count; i++)
        receive_or_finish(clients[i]); /* a write may have seen the end already */
    while (list_open(clients, count, wanted) > 0) {
        ck_assert_msg(poll(wanted, count, SERVER_DEADLINE_S * 1000) > 0,
                      "a connection is not closed");
        for (unsigned i = 0; i < count; i++)
            if (wanted[i].revents != 0)
                receive_or_finish(clients[i]);
    }
}

/* Those who wait for nothing are the first to be closed. */
static void expect_ends_of_idle(void)
{
    struct client *const idle[] = {voter, admin};
    receive_to_end(idle, 2);
    client_expect_end(voter);
    client_expect_end(admin);
}

/* Waits for the server's end. Everyone who is to read must have begun to. */
static void expect_stopped(int64_t began_ms, int64_t most_ms)
{
    ck_assert_int_eq(server_wait(&server), 0);
    int64_t took_ms = server_now_ms() - began_ms;
    ck_assert_msg(took_ms <= most_ms, "the stop took %lld ms", (long long)took_ms);
}

/* ---- voters that pipeline without pause ---- */

enum { FLOODERS = 2, FLOOD_BALLOTS = 400000, FLOOD_LINE_MAX = 32 };

/* A connection that sends one ballot after the other, each of another voter, as fast as it can. */
struct flooder {
    struct client *client;
    unsigned number;
    char *ballots;
    size_t sent, len; /* bytes of them: more than are sent before the stop */
    bool refused;     /* was told of the stop */
    unsigned acknowledged;
    char *seqs; /* those of its ballots, in the order of the replies, with commas between */
    size_t seqs_len;
    FILE *seqs_stream;
    char last_push[128];
};

static void flooder_init(struct flooder *flooder, unsigned number, bool subscribed)
{
    *flooder = (struct flooder){.client = server_client(&server), .number = number};
    flooder->seqs_stream = open_memstream(&flooder->seqs, &flooder->seqs_len);
    flooder->ballots = malloc((size_t)FLOOD_BALLOTS * FLOOD_LINE_MAX);
    ck_assert(flooder->seqs_stream != NULL && flooder->ballots != NULL);
    for (unsigned i = 0; i < FLOOD_BALLOTS; i++)
        flooder->len +=
            (size_t)sprintf(flooder->ballots + flooder->len, "VOTE q yes as=%u.%u\n", number, i);
    if (!subscribed)
        return;
    client_ask(flooder->client, "SUBSCRIBE q every=3600000", "+OK 1");
    client_expect(flooder->client, "> q open 1 0 yes=0 no=0");
}

static void flooder_free(struct flooder *flooder)
{
    fclose(flooder->seqs_stream);
    free(flooder->seqs);
    free(flooder->ballots);
}

static void note_line(struct flooder *flooder, const char *line)
{
    if (line[0] == '>') {
        snprintf(flooder->last_push, sizeof flooder->last_push, "%s", line + strlen("> "));
        return;
    }
    ck_assert_msg(!flooder->refused, "\"%s\" comes after -SHUTTING-DOWN", line);
    flooder->refused = strncmp(line, "-SHUTTING-DOWN ", 15) == 0;
    if (flooder->refused)
        return;
    ck_assert_msg(strncmp(line, "+OK ", 4) == 0, "a ballot is answered \"%s\"", line);
    fprintf(flooder->seqs_stream, "%s%s", flooder->acknowledged > 0 ? "," : "", line + 4);
    flooder->acknowledged++;
}

/* Sends what its socket takes. Returns how much that was; 0 also if the server has closed. */
static size_t flood(struct flooder *flooder)
{
    ssize_t sent = send(flooder->client->fd, flooder->ballots + flooder->sent,
                        flooder->len - flooder->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    flooder->sent += sent > 0 ? (size_t)sent : 0;
    return sent > 0 ? (size_t)sent : 0;
}

static void take_replies(struct flooder *flooder)
{
    const char *line;
    if (flooder->client->ended)
        return;
    client_receive(flooder->client);
    while ((line = client_next(flooder->client)) != NULL)
        note_line(flooder, line);
    if (flooder->client->ended)
        client_finish(flooder->client);
}

/* Sends and takes replies, until the server has closed every connection, or so many ballots are
 * acknowledged. */
static void flood_until(struct flooder flooders[FLOODERS], unsigned enough)
{
    unsigned acknowledged = 0;
    for (unsigned open = FLOODERS; open > 0 && acknowledged < enough;) {
        struct pollfd wanted[FLOODERS];
        for (unsigned i = 0; i < FLOODERS; i++)
            wanted[i] = (struct pollfd){
                .fd = flooders[i].client->ended ? -1 : flooders[i].client->fd,
                .events = flooders[i].sent < flooders[i].len ? POLLIN | POLLOUT : POLLIN,
            };
        ck_assert_int_gt(poll(wanted, FLOODERS, SERVER_DEADLINE_S * 1000), 0);
        open = acknowledged = 0;
        for (unsigned i = 0; i < FLOODERS; i++) {
            if (wanted[i].revents & POLLOUT)
                flood(&flooders[i]);
            take_replies(&flooders[i]);
            open += !flooders[i].client->ended;
            acknowledged += flooders[i].acknowledged;
        }
    }
}

/* When the server is told to stop, there is more input in its sockets than it reads at a time. */
static void stop_with_full_sockets(struct flooder flooders[FLOODERS])
{
    server_signal(&server, SIGSTOP);
    for (unsigned i = 0; i < FLOODERS; i++)
        while (flood(&flooders[i]) > 0)
            ;
    server_signal(&server, SIGTERM);
    server_signal(&server, SIGCONT);
}

/* The ballots of a flooder that the database has are those that were acknowledged: the first ones
 * that it sent, and each with the sequence that its reply told. */
static void assert_recorded(struct flooder *flooder)
{
    char sql[256];
    fflush(flooder->seqs_stream);
    snprintf(sql, sizeof sql,
             "SELECT group_concat(seq) FROM (SELECT seq FROM ballot WHERE voter GLOB '%u.*' "
             "ORDER BY CAST(substr(voter, 3) AS INTEGER))",
             flooder->number);
    char *recorded = database_text(server.database, sql);
    ck_assert_msg(strcmp(recorded, flooder->seqs) == 0,
                  "the replies to flooder %u are not those to its ballots", flooder->number);
    free(recorded);
    snprintf(sql, sizeof sql,
             "SELECT max(CAST(substr(voter, 3) AS INTEGER)) + 1 FROM ballot "
             "WHERE voter GLOB '%u.*'",
             flooder->number);
    ck_assert_uint_eq(database_number(server.database, sql), flooder->acknowledged);
}

/* Returns how many ballots were acknowledged. */
static unsigned stop_under_flood(bool subscribed)
{
    struct flooder flooders[FLOODERS];
    unsigned acknowledged = 0;
    bool refused = false;
    client_ask(admin, "CREATE q yes no voters=named record=name", "+OK 1");
    for (unsigned i = 0; i < FLOODERS; i++)
        flooder_init(&flooders[i], i, subscribed);
    client_close(admin);
    client_close(voter);
    flood_until(flooders, (unsigned)scaled(10000));
    stop_with_full_sockets(flooders);
    flood_until(flooders, UINT_MAX);
    ck_assert_int_eq(server_wait(&server), 0);
    char *last = database_text(server.database, "SELECT line FROM last_tally");
    for (unsigned i = 0; i < FLOODERS; i++) {
        ck_assert_int_eq(flooders[i].client->error, 0);
        assert_recorded(&flooders[i]);
        if (subscribed) /* the stop is what sends it: the interval is not over */
            ck_assert_str_eq(flooders[i].last_push, last);
        acknowledged += flooders[i].acknowledged;
        refused |= flooders[i].refused;
        flooder_free(&flooders[i]);
    }
    free(last);
    ck_assert(refused || subscribed); /* of subscribers no more is read once all is answered */
    database_assert_recount(server.database);
    return acknowledged;
}

START_TEST(replies_to_pipelined_ballots_stay_in_order)
{
    unsigned ballots = stop_under_flood(false);
    start();
    client_send(voter, "SHOW q");
    client_expect(voter, "+OK q open %u %u yes=%u no=0", ballots + 1, ballots, ballots);
}
END_TEST

START_TEST(subscribers_that_vote_get_the_last_tally_too)
{
    stop_under_flood(true);
}
END_TEST

/* Longer than a connection lingers by itself. */
enum { SLEEPS_MS = 1500 };
#define SLEEPER_BALLOTS 20000
#define TEXT(number)    TEXT_OF(number)
#define TEXT_OF(number) #number

/* A voter that gets no processor for a while, and whose machine has no room for all its replies:
 * they are three times the window that a connection begins with. */
START_TEST(a_voter_that_sleeps_gets_all_its_replies)
{
    int room = 1; /* as little as the kernel gives, beyond the window that it has promised */
    struct pollfd end = {.fd = server.out, .events = POLLIN};
    client_ask(admin, "CREATE q yes no ballots=unlimited", "+OK 1");
    client_close(admin);
    ck_assert_int_eq(setsockopt(voter->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    for (unsigned i = 0; i < SLEEPER_BALLOTS; i++)
        client_send(voter, "VOTE q yes");
    client_send(voter, "SHUTDOWN"); /* which is not for everyone; the last that is answered */
    struct client *watcher = server_client(&server);
    client_send(watcher, "SUBSCRIBE q");
    while (!strstr(client_line(watcher), " yes=" TEXT(SLEEPER_BALLOTS) " "))
        ;
    client_close(watcher);
    server_signal(&server, SIGTERM);
    poll(&end, 1, SLEEPS_MS); /* it may end sooner, if this machine has taken all replies */
    for (unsigned i = 0; i < SLEEPER_BALLOTS; i++)
        client_expect(voter, "+OK %u", i + 2);
    client_expect_error(voter, "NOT-ALLOWED");
    client_expect_end(voter);
    client_close(voter);
    ck_assert_int_eq(server_wait(&server), 0);
}
END_TEST

/* ---- readers that are blocked ---- */

enum { WIDE_POLLS = 250, WIDE_CHOICES = 200 };

/* Polls w0, w1, …, whose tallies together are more than the sockets of a reader hold. */
static void create_wide_polls(void)
{
    char choices[WIDE_CHOICES * 4 + 1];
    for (unsigned i = 0; i < WIDE_CHOICES; i++)
        sprintf(choices + 4 * i, " c%02x", i);
    for (unsigned i = 0; i < WIDE_POLLS; i++)
        client_send(admin, "CREATE w%u%s ballots=unlimited", i, choices);
    for (unsigned i = 0; i < WIDE_POLLS; i++)
        client_expect(admin, "+OK %u", i + 1);
}

/* That a stop which has begun does not come to its end while commands that were read wait behind a
 * blocked output. Were it to, those who only subscribe would be closed at once. */
static void expect_stop_waits(const struct client *subscriber)
{
    enum { LONG_ENOUGH_MS = 300 };
    struct pollfd wanted = {.fd = subscriber->fd, .events = POLLIN};
    expect_ends_of_idle();
    ck_assert_msg(poll(&wanted, 1, LONG_ENOUGH_MS) == 0, "the stop does not wait");
}

/* Waits until so many connections' sockets take no more. */
static void await_blocked(unsigned count)
{
    unsigned blocked = 0;
    int64_t deadline_ms = server_now_ms() + SERVER_DEADLINE_S * 1000;
    while (blocked < count) {
        ck_assert_msg(server_now_ms() < deadline_ms, "only %u of %u are blocked", blocked, count);
        const char *row;
        blocked = 0;
        client_send(admin, "CLIENTS");
        while ((row = client_line(admin))[0] == '=')
            blocked += strstr(row, " blocked_ms=") != NULL && strstr(row, " blocked_ms=0 ") == NULL;
    }
}

START_TEST(a_subscriber_that_was_blocked_gets_the_last_tallies)
{
    unsigned newest[WIDE_POLLS] = {0};
    create_wide_polls();
    struct client *blocked = server_client(&server);
    client_send(blocked, "SUBSCRIBE *");
    await_blocked(1);
    struct client *witness = server_client(&server);
    client_ask(witness, "SUBSCRIBE w0", "+OK 1");
    for (unsigned i = 0; i < WIDE_POLLS; i++)
        client_send(voter, "VOTE w%u c00", i);
    for (unsigned i = 0; i < WIDE_POLLS; i++)
        client_expect(voter, "+OK %u", WIDE_POLLS + 1 + i);

    int64_t began_ms = server_now_ms();
    server_signal(&server, SIGTERM);
    expect_ends_of_idle();
    receive_to_end(&witness, 1); /* the last tallies are on their way */
    client_expect(blocked, "+OK %d", WIDE_POLLS);
    const char *line;
    while ((line = client_line_or_end(blocked)) != NULL) {
        unsigned poll, ballots;
        ck_assert_msg(sscanf(line, "> w%u open %*u %u c00=", &poll, &ballots) == 2 &&
                          poll < WIDE_POLLS,
                      "\"%.60s\" is pushed", line);
        ck_assert_uint_ge(ballots, newest[poll]);
        newest[poll] = ballots;
    }
    for (unsigned i = 0; i < WIDE_POLLS; i++)
        ck_assert_msg(newest[i] == 1, "it did not get the last tally of w%u", i);
    client_finish(blocked);
    client_expect_end(blocked);
    expect_stopped(began_ms, STOP_SOON_MS);
}
END_TEST

enum { HELD_LISTINGS = 4, HELD_BALLOTS = 100 };

/* Subscribes to a poll's tally, in which nobody has voted. */
static struct client *subscribe(unsigned poll)
{
    struct client *subscriber = server_client(&server);
    client_send(subscriber, "SUBSCRIBE w%u", poll);
    client_expect(subscriber, "+OK 1");
    client_expect_match(subscriber, "^> w[0-9]+ open [0-9]+ 0 ");
    return subscriber;
}

/* A subscriber whose ballots the server has read, but not executed: it waits until the replies to
 * what was asked before them are taken. */
static struct client *subscribe_and_hold_ballots(void)
{
    char lines[HELD_LISTINGS * 8 + HELD_BALLOTS * 16];
    size_t len = 0;
    struct client *blocked = subscribe(0);
    for (unsigned i = 0; i < HELD_LISTINGS; i++)
        len += (size_t)sprintf(lines + len, "POLLS\n");
    for (unsigned i = 0; i < HELD_BALLOTS; i++)
        len += (size_t)sprintf(lines + len, "VOTE w1 c00\n");
    client_write(blocked, lines, len);
    await_blocked(1);
    return blocked;
}

static void expect_held_replies(struct client *blocked)
{
    for (unsigned listing = 0; listing < HELD_LISTINGS; listing++) {
        for (unsigned i = 0; i < WIDE_POLLS; i++)
            client_expect_match(blocked, "^=w[0-9]+ open ");
        client_expect(blocked, "+OK %d", WIDE_POLLS);
    }
    for (unsigned i = 0; i < HELD_BALLOTS; i++)
        client_expect(blocked, "+OK %u", WIDE_POLLS + 1 + i);
}

START_TEST(ballots_behind_blocked_output_are_answered)
{
    create_wide_polls();
    struct client *blocked = subscribe_and_hold_ballots();
    struct client *witness = subscribe(0);
    int64_t began_ms = server_now_ms();
    server_signal(&server, SIGTERM);
    expect_stop_waits(witness);
    expect_held_replies(blocked);
    receive_to_end((struct client *const[]){blocked, witness}, 2);
    client_expect_end(blocked);
    expect_stopped(began_ms, STOP_SOON_MS);
    ck_assert_uint_eq(database_number(server.database, "SELECT count(*) FROM ballot"),
                      HELD_BALLOTS);
}
END_TEST

START_TEST(a_subscriber_that_is_refused_gets_the_last_tally_too)
{
    create_wide_polls();
    struct client *blocked = subscribe_and_hold_ballots();
    struct client *talker = subscribe(1);
    int64_t began_ms = server_now_ms();
    const char *reply;
    server_signal(&server, SIGTERM);
    expect_ends_of_idle();
    do {
        client_send(talker, "PING");
        reply = client_line(talker);
    } while (strcmp(reply, "+OK") == 0); /* the stop has not come to its thread yet */
    assert_match(reply, "^-SHUTTING-DOWN .+$");
    expect_held_replies(blocked);
    receive_to_end((struct client *const[]){blocked, talker}, 2);
    char last[64] = "", expected[64];
    const char *line;
    while ((line = client_line_or_end(talker)) != NULL)
        snprintf(last, sizeof last, "%s", line);
    snprintf(expected, sizeof expected, "> w1 open %u %u c00=%u ", WIDE_POLLS + HELD_BALLOTS,
             HELD_BALLOTS, HELD_BALLOTS);
    ck_assert_msg(strncmp(last, expected, strlen(expected)) == 0, "the last it got is \"%s\"",
                  last);
    expect_stopped(began_ms, STOP_SOON_MS);
}
END_TEST

/* Each CLIENTS asks the other threads, some of which have less to do and could end before. */
START_TEST(queries_of_a_subscribed_administrator_are_answered)
{
    enum { QUERIES = 2000 };
    client_ask(admin, "CREATE q yes no", "+OK 1");
    struct client *subscriber = server_admin(&server);
    client_ask(subscriber, "SUBSCRIBE *", "+OK 1");
    client_expect(subscriber, "> q open 1 0 yes=0 no=0");
    struct client *witness = server_client(&server);
    client_ask(witness, "SUBSCRIBE q", "+OK 1");
    client_expect(witness, "> q open 1 0 yes=0 no=0");
    char *lines = malloc(QUERIES * strlen("CLIENTS\n") + 1);
    ck_assert_ptr_nonnull(lines);
    for (unsigned i = 0; i < QUERIES; i++)
        strcpy(lines + i * strlen("CLIENTS\n"), "CLIENTS\n");
    ssize_t sent = send(subscriber->fd, lines, strlen(lines), 0);
    ck_assert_int_eq(sent, (ssize_t)strlen(lines));
    free(lines);
    await_blocked(1);

    int64_t began_ms = server_now_ms();
    server_signal(&server, SIGTERM);
    expect_stop_waits(witness);
    for (unsigned i = 0; i < QUERIES; i++) {
        const char *line;
        while ((line = client_line(subscriber))[0] == '=')
            ;
        assert_match(line, "^\\+OK [1-4]$");
    }
    receive_to_end((struct client *const[]){subscriber, witness}, 2);
    client_expect_end(subscriber);
    expect_stopped(began_ms, STOP_SOON_MS);
}
END_TEST

/* Waits until the database's log is moved into its file. */
static void await_empty_log(int64_t deadline_ms)
{
    char log[SERVER_PATH_MAX + 8];
    struct stat status;
    snprintf(log, sizeof log, "%s-wal", server.database);
    while (stat(log, &status) == 0 && status.st_size > 0) {
        ck_assert_msg(server_now_ms() < deadline_ms, "the log is not emptied");
        poll(NULL, 0, 5);
    }
}

/* Nor do they take from the database the time that a slow disk may need. */
START_TEST(subscribers_that_never_read_are_cut_off_in_time)
{
    create_wide_polls();
    for (unsigned i = 0; i < 3; i++)
        client_send(server_client(&server), "SUBSCRIBE *");
    await_blocked(3);
    int64_t began_ms = server_now_ms();
    server_signal(&server, SIGTERM);
    await_empty_log(began_ms + STOP_CUT_OFF_MS);
    expect_stopped(began_ms, STOP_MAX_MS);
}
END_TEST

/* ---- signals, arrivals ---- */

static const int stop_signals[] = {SIGTERM, SIGINT};

START_TEST(each_signal_stops_in_good_order)
{
    client_ask(admin, "CREATE q yes no", "+OK 1");
    struct client *subscriber = server_client(&server);
    client_ask(subscriber, "SUBSCRIBE q every=3600000", "+OK 1");
    client_expect(subscriber, "> q open 1 0 yes=0 no=0");
    client_ask(voter, "VOTE q yes", "+OK 2");
    int64_t began_ms = server_now_ms();
    server_signal(&server, stop_signals[_i]);
    expect_ends_of_idle();
    receive_to_end(&subscriber, 1);
    client_expect(subscriber, "> q open 2 1 yes=1 no=0");
    client_expect_end(subscriber);
    expect_stopped(began_ms, STOP_SOON_MS);
    ck_assert_int_ne(access(server.admin, F_OK), 0);
    database_assert_recount(server.database);
}
END_TEST

/* One that asked to subscribe about when the stop began: it is served to the end, or told, or just
 * closed. Only one that had not been accepted yet may be reset. */
static void expect_served_or_told(struct client *client, bool greeted)
{
    const char *line = client_line_or_end(client);
    if (line != NULL && !greeted) {
        ck_assert_str_eq(line, "+TALLYCAST 1 max-line=1024");
        greeted = true;
        line = client_line_or_end(client);
    }
    if (line != NULL && strcmp(line, "+OK 1") == 0) {
        client_expect(client, "> q open 1 0 yes=0 no=0");
        line = client_line_or_end(client);
    } else if (line != NULL) {
        assert_match(line, "^-SHUTTING-DOWN .+$");
        line = client_line_or_end(client);
    }
    ck_assert_msg(line == NULL, "\"%s\" is the last line", line);
    ck_assert_msg(!greeted || client->error == 0, "not an orderly end: %s",
                  strerror(client->error));
}

START_TEST(subscribers_that_arrive_with_the_stop)
{
    enum { ROUNDS = 10, ARRIVALS = 30 };
    client_ask(admin, "CREATE q yes no", "+OK 1");
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct client *clients[ARRIVALS];
        for (unsigned i = 0; i < ARRIVALS; i++)
            clients[i] = i % 3 == 0 ? server_connect(&server, "127.0.0.1") : server_client(&server);
        int64_t began_ms = server_now_ms();
        for (unsigned i = 0; i < ARRIVALS; i++) {
            if (i == round * ARRIVALS / ROUNDS)
                server_signal(&server, SIGTERM);
            client_send(clients[i], "SUBSCRIBE *");
        }
        expect_ends_of_idle();
        receive_to_end(clients, ARRIVALS);
        for (unsigned i = 0; i < ARRIVALS; i++)
            expect_served_or_told(clients[i], i % 3 != 0);
        for (unsigned i = 0; i < ARRIVALS; i++)
            client_close(clients[i]);
        client_close(admin);
        client_close(voter);
        expect_stopped(began_ms, STOP_SOON_MS);
        start();
    }
}
END_TEST

/* ---- backups ---- */

enum { BACKUP_TRIES = 5 };

/* Makes the database so big that a copy of it takes some time. */
static void start_with_big_database(void)
{
    client_ask(admin, "CREATE q yes no", "+OK 1");
    server_end(&server);
    database_change(server.database, "CREATE TABLE padding AS SELECT zeroblob(64 << 20) AS bytes;"
                                     "DROP TABLE padding"); /* its pages stay in the file */
    start();
}

static void copy_path(char path[SERVER_PATH_MAX + 16], unsigned number)
{
    snprintf(path, SERVER_PATH_MAX + 16, "%s/copy-%u", server.directory, number);
}

static void send_backup(struct client *client, unsigned number)
{
    char path[SERVER_PATH_MAX + 16];
    copy_path(path, number);
    unlink(path);
    client_send(client, "BACKUP %s", path);
}

/* Waits until it is written, or is over already. */
static void await_copying(struct client *client)
{
    int64_t deadline_ms = server_now_ms() + SERVER_DEADLINE_S * 1000;
    while (server_count_files(&server, "partial") == 0 && client->begin == client->end) {
        ck_assert_msg(server_now_ms() < deadline_ms, "the backup does not begin");
        client_receive(client);
    }
}

/* Asks for a backup, and for another while that is made. Returns whether the refusal of the second
 * came before the first was made. It need not, for the copy may be made in no time; but if refusals
 * had to wait for that, this were never true. */
static bool second_is_refused_meanwhile(struct client *first, struct client *second)
{
    char path[SERVER_PATH_MAX + 16];
    copy_path(path, 1);
    send_backup(first, 1);
    await_copying(first);
    send_backup(second, 2);
    bool refused = strncmp(client_line(second), "-LIMIT ", 7) == 0;
    bool meanwhile = access(path, F_OK) != 0;
    client_expect_match(first, "^\\+OK [0-9]+$");
    return refused && meanwhile;
}

START_TEST(a_second_backup_is_refused_at_once)
{
    start_with_big_database();
    struct client *second = server_admin(&server);
    unsigned tries = 0;
    while (!second_is_refused_meanwhile(admin, second))
        ck_assert_msg(++tries < BACKUP_TRIES, "each refusal came with the end of the first backup");
}
END_TEST

/* There is a whole copy if that is what the administrator was told, and else nothing. */
START_TEST(a_shutdown_ends_a_backup)
{
    char path[SERVER_PATH_MAX + 16];
    start_with_big_database();
    struct client *second = server_admin(&server);
    send_backup(second, 1);
    await_copying(second);
    int64_t began_ms = server_now_ms();
    client_ask(admin, "SHUTDOWN", "+OK");
    expect_ends_of_idle();
    const char *reply = client_line(second);
    bool made = strncmp(reply, "+OK ", 4) == 0;
    ck_assert_msg(made || strncmp(reply, "-SHUTTING-DOWN ", 15) == 0, "BACKUP is answered \"%s\"",
                  reply);
    receive_to_end(&second, 1);
    client_expect_end(second);
    expect_stopped(began_ms, STOP_MAX_MS);
    copy_path(path, 1);
    ck_assert_int_eq(access(path, F_OK) == 0, made);
    if (made)
        database_assert_recount(path);
    ck_assert_uint_eq(server_count_files(&server, "partial"), 0);
}
END_TEST

/* ---- subscribers that break off ---- */

enum { PACED_POLLS = 30, PACED_SUBSCRIPTIONS = 8, BREAKERS = 20, BREAKER_BALLOTS = 5000 };

static void vote_in_all_paced_polls(void)
{
    for (unsigned i = 0; i < PACED_POLLS; i++)
        client_send(voter, "VOTE p%u a", i);
    for (unsigned i = 0; i < PACED_POLLS; i++)
        client_expect_match(voter, "^\\+OK [0-9]+$");
}

/* Connections that subscribe to several polls at several paces. */
static void breakers_subscribe(struct client *breakers[BREAKERS], unsigned round)
{
    static const unsigned paces_ms[] = {1, 11, 20, 50};
    for (unsigned i = 0; i < BREAKERS; i++) {
        breakers[i] = server_client(&server);
        for (unsigned j = 0; j < PACED_SUBSCRIPTIONS; j++)
            client_send(breakers[i], "SUBSCRIBE p%u every=%u",
                        (round + i * 11 + j * 3) % PACED_POLLS, paces_ms[(i + j + round) % 4]);
    }
    for (unsigned i = 0; i < BREAKERS; i++)
        for (unsigned replies = 0; replies < PACED_SUBSCRIPTIONS;)
            replies += client_line(breakers[i])[0] == '+';
}

/* They all send ballots, which keep the server so busy that it does not see them being reset. It
 * finds them broken when it pushes what had to wait. */
static void breakers_break_off(struct client *breakers[BREAKERS], const char *lines, size_t len)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    for (unsigned i = 0; i < BREAKERS; i++)
        ck_assert_int_gt(send(breakers[i]->fd, lines, len, MSG_DONTWAIT | MSG_NOSIGNAL), 0);
    for (unsigned i = 0; i < BREAKERS; i++) {
        setsockopt(breakers[i]->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        client_close(breakers[i]);
    }
}

static void subscribe_and_break_off(unsigned round)
{
    static char lines[BREAKER_BALLOTS * 16];
    struct client *breakers[BREAKERS];
    size_t len = 0;
    for (unsigned i = 0; i < BREAKER_BALLOTS; i++)
        len += (size_t)sprintf(lines + len, "VOTE p%u a\n", (i * 7 + round) % PACED_POLLS);
    breakers_subscribe(breakers, round);
    for (unsigned i = 0; i < 20; i++)
        vote_in_all_paced_polls();
    breakers_break_off(breakers, lines, len);
}

/* Waits until a subscriber has got the tally that each poll has now. */
static void expect_current_tallies(struct client *subscriber)
{
    char current[PACED_POLLS][64];
    bool seen[PACED_POLLS] = {false};
    for (unsigned i = 0; i < PACED_POLLS; i++) {
        client_send(voter, "SHOW p%u", i);
        snprintf(current[i], sizeof current[i], "%s", client_line(voter) + strlen("+OK "));
    }
    for (unsigned left = PACED_POLLS; left > 0;) {
        unsigned poll;
        const char *line = client_line(subscriber);
        ck_assert_int_eq(sscanf(line, "> p%u open", &poll), 1);
        ck_assert_uint_lt(poll, PACED_POLLS);
        if (seen[poll] || strcmp(line + strlen("> "), current[poll]) != 0)
            continue;
        seen[poll] = true;
        left--;
    }
}

START_TEST(paced_subscribers_that_break_off_harm_nobody)
{
    enum { FOR_MS = 2000 };
    for (unsigned i = 0; i < PACED_POLLS; i++)
        client_send(admin, "CREATE p%u a b ballots=unlimited", i);
    for (unsigned i = 0; i < PACED_POLLS; i++)
        client_expect(admin, "+OK %u", i + 1);
    struct client *witness = server_client(&server);
    client_ask(witness, "SUBSCRIBE * every=20", "+OK 30");
    int64_t end_ms = server_now_ms() + FOR_MS;
    for (unsigned round = 0; server_now_ms() < end_ms; round++) {
        subscribe_and_break_off(round);
        vote_in_all_paced_polls();
        client_receive(witness);
    }
    server_await_idle(&server); /* the ballots of those who are gone are counted */
    vote_in_all_paced_polls();
    expect_current_tallies(witness);
    server_end(&server);
    database_assert_recount(server.database);
}
END_TEST

SERVER_MAIN("stopping",
            {"pipelines", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_voter_that_sleeps_gets_all_its_replies},
                       {replies_to_pipelined_ballots_stay_in_order},
                       {subscribers_that_vote_get_the_last_tally_too}}},
            {"blocked", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_subscriber_that_was_blocked_gets_the_last_tallies},
                       {ballots_behind_blocked_output_are_answered},
                       {a_subscriber_that_is_refused_gets_the_last_tally_too},
                       {queries_of_a_subscribed_administrator_are_answered},
                       {subscribers_that_never_read_are_cut_off_in_time}}},
            {"stops", .set_up = set_up, .tear_down = tear_down,
             .tests = {{each_signal_stops_in_good_order, .loops = UNIT_COUNT(stop_signals)},
                       {subscribers_that_arrive_with_the_stop},
                       {a_second_backup_is_refused_at_once},
                       {a_shutdown_ends_a_backup},
                       {paced_subscribers_that_break_off_harm_nobody}}})
