/* Limits: of connections, lines, errors, descriptors, polls and memory. At each of them the server
 * says so, and goes on. */
#include "tests/support/scale.h"
#include "tests/support/server.h"
#include "tests/support/web.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server server;

static void set_up(void)
{
    server_init(&server);
}

static void tear_down(void)
{
    server_end(&server);
}

static rlim_t raise_open_files(void)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur;
}

/* ---- connections ---- */

static void expect_refusal(struct client *client)
{
    client_expect_error(client, "TOO-MANY-CONNECTIONS");
    client_expect_end(client);
    client_close(client);
}

/* Connects again and again until one is let in. */
static void connect_until_greeted(void)
{
    int64_t deadline = server_now_ms() + SERVER_DEADLINE_S * 1000;
    for (;;) {
        struct client *client = server_connect(&server, "127.0.0.1");
        const char *line = client_line(client);
        if (strcmp(line, "+TALLYCAST 1 max-line=1024") == 0)
            return;
        assert_match(line, "^-TOO-MANY-CONNECTIONS .+$");
        client_close(client);
        ck_assert_int_lt(server_now_ms(), deadline);
    }
}

START_TEST(one_connection_too_many)
{
    server_start(&server, "--max-connections", "3", NULL);
    struct client *admin = server_admin(&server), *clients[3];
    for (unsigned i = 0; i < 3; i++)
        clients[i] = server_client(&server);
    expect_refusal(server_connect(&server, "127.0.0.1"));
    expect_refusal(server_connect(&server, "127.0.0.2"));
    client_ask(clients[2], "PING", "+OK");
    client_ask(server_admin(&server), "PING", "+OK"); /* an administrator always gets in */
    client_close(clients[0]);
    connect_until_greeted();
    ck_assert_uint_ge(client_stat(admin, "connections_total"), 4);
}
END_TEST

START_TEST(one_connection_too_many_of_an_address)
{
    server_start(&server, "--max-per-address", "2", NULL);
    struct client *first = server_client(&server);
    server_client(&server);
    expect_refusal(server_connect(&server, "127.0.0.1"));
    struct client *other = server_connect(&server, "127.0.0.2");
    client_expect(other, "+TALLYCAST 1 max-line=1024");
    client_close(first);
    connect_until_greeted();
}
END_TEST

START_TEST(a_trusted_proxy_has_no_limit_of_its_own)
{
    server_start(&server, "--max-per-address", "1", "--trusted-proxy", "127.0.0.1/32",
                 "--max-connections", "3", NULL);
    for (int i = 0; i < 2; i++)
        client_expect(server_connect(&server, "127.0.0.1"), "+TALLYCAST 1 max-line=1024");
    client_expect(server_connect(&server, "127.0.0.2"), "+TALLYCAST 1 max-line=1024");
    expect_refusal(server_connect(&server, "127.0.0.1"));
}
END_TEST

START_TEST(a_connection_that_moved_is_counted_once)
{
    server_start(&server, "--max-connections", "2", "--poll", "lunch=pizza,sushi", NULL);
    struct client *subscriber = server_client(&server);
    client_ask(subscriber, "SUBSCRIBE lunch", "+OK 1");
    client_line(subscriber);
    struct client *second = server_client(&server);
    expect_refusal(server_connect(&server, "127.0.0.1"));
    client_close(subscriber);
    connect_until_greeted();
    client_close(second);
    connect_until_greeted();
    expect_refusal(server_connect(&server, "127.0.0.1"));
}
END_TEST

/* Few are on their way to a worker at a time; the others wait in the kernel's queue, and come in.
 */
START_TEST(a_burst_of_connections_is_let_in)
{
    enum { BURST = 1000 };
    static struct client *clients[BURST];
    raise_open_files();
    server_start(&server, NULL);
    for (unsigned i = 0; i < BURST; i++)
        clients[i] = server_connect(&server, "127.0.0.1");
    struct client *admin = server_admin(&server); /* also past those who wait */
    for (unsigned i = 0; i < BURST; i++)
        client_expect(clients[i], "+TALLYCAST 1 max-line=1024");
    ck_assert_uint_eq(client_stat(admin, "connections"), BURST + 1);
}
END_TEST

/* ---- what one address asks for ---- */

#define AS(address) "X-Forwarded-For: " address "\r\n"

/* Asks that often for something, as that address, and takes the first replies. */
static struct client *ask_often(const char *fields, unsigned asked, unsigned taken)
{
    struct client *client = web_client(&server);
    for (unsigned i = 0; i < asked; i++)
        web_ask(client, "GET", "/hello", fields);
    for (unsigned i = 0; i < taken; i++)
        web_expect(client, 200);
    return client;
}

/* With one a second, nine may come at once; the tenth waits for a second, and nobody else does. */
START_TEST(an_address_that_asks_for_much_waits)
{
    server_start(&server, "--http", "127.0.0.1:0", "--request-rate", "1", "--ingest-threads", "1",
                 "--trusted-proxy", "127.0.0.1", "--poll", "lunch=pizza,sushi", NULL);
    int64_t began_ms = server_now_ms();
    struct client *hasty = ask_often(AS("192.0.2.1"), 10, 9), *other = web_client(&server);
    web_post(other, "/polls/lunch/ballots", "application/json", AS("192.0.2.1"),
             "{\"choice\":\"pizza\"}");
    web_expect(other, 201);
    web_ask(other, "GET", "/readyz", AS("192.0.2.1"));
    web_expect(other, 200);
    web_ask(other, "GET", "/hello", AS("192.0.2.2"));
    web_expect(other, 200);
    web_ask(other, "GET", "/hello", ""); /* a proxy that does not say who asks */
    web_expect(other, 200);
    web_expect(hasty, 200);
    ck_assert_int_ge(server_now_ms() - began_ms, 999);
    ck_assert_uint_eq(client_stat(server_admin(&server), "requests_throttled"), 1);
}
END_TEST

/* With one a second for all of eight threads, a connection's third request waits for eight
 * seconds. */
START_TEST(a_stop_waits_for_nobodys_turn)
{
    server_start(&server, "--http", "127.0.0.1:0", "--request-rate", "1", "--ingest-threads", "8",
                 NULL);
    int64_t began_ms = server_now_ms();
    struct client *hasty = ask_often("", 3, 2), *admin = server_admin(&server);
    while (client_stat(admin, "requests_throttled") == 0)
        ;
    server_signal(&server, SIGTERM);
    web_expect(hasty, 200);
    client_expect_end(hasty);
    ck_assert_int_lt(server_now_ms() - began_ms, 4000); /* before its turn */
    ck_assert_int_eq(server_wait(&server), 0);
}
END_TEST

START_TEST(no_address_waits_without_a_bound)
{
    server_start(&server, "--http", "127.0.0.1:0", "--request-rate", "0", NULL);
    ask_often("", 1000, 1000);
    ck_assert_uint_eq(client_stat(server_admin(&server), "requests_throttled"), 0);
}
END_TEST

/* ---- lines ---- */

static void expect_too_slow(struct client *client)
{
    client_expect_error(client, "LINE-TOO-SLOW");
    client_expect_end(client);
}

/* Bytes that keep coming do not buy a line more time; lines that are whole do not use it up. */
START_TEST(a_line_has_its_time_from_its_first_byte)
{
    server_start(&server, "--line-timeout", "1", NULL);
    struct client *idle = server_client(&server), *fast = server_client(&server);
    struct client *slow = server_client(&server), *admin = server_admin(&server);
    int64_t began = server_now_ms();
    client_write(fast, "PI", 2);
    for (unsigned round = 0; client_next(slow) == NULL; round++) {
        client_write(fast, "NG\nPI", 5); /* there is always half a line of it, never an old one */
        client_expect(fast, "+OK");
        client_write(slow, "x", round % 1024 == 0);
        client_receive(slow);
        ck_assert_int_lt(server_now_ms() - began, SERVER_DEADLINE_S * 1000);
    }
    ck_assert_int_ge(server_now_ms() - began, 1000);
    client_expect_end(slow);
    ck_assert_uint_eq(client_stat(admin, "slow_lines"), 1);
    client_ask(idle, "PING", "+OK"); /* who sends nothing may stay */
}
END_TEST

START_TEST(the_rest_of_a_long_line_has_its_time_too)
{
    char line[2000];
    memset(line, 'x', sizeof line);
    server_start(&server, "--line-timeout", "1", NULL);
    struct client *client = server_client(&server);
    client_ask(client, "PING", "+OK"); /* a first line that is too long closes */
    client_write(client, line, sizeof line);
    client_expect_error(client, "LINE-TOO-LONG");
    expect_too_slow(client);
}
END_TEST

START_TEST(half_a_line_of_a_subscriber_is_too_slow)
{
    server_start(&server, "--line-timeout", "1", "--poll", "lunch=pizza,sushi", NULL);
    struct client *after = server_client(&server), *along = server_client(&server);
    client_ask(after, "SUBSCRIBE lunch", "+OK 1");
    client_line(after);
    client_write(after, "PI", 2);
    client_write(along, "SUBSCRIBE lunch\nPI", 18); /* it moves with its half line */
    client_expect(along, "+OK 1");
    client_line(along);
    expect_too_slow(after);
    expect_too_slow(along);
    ck_assert_uint_eq(client_stat(server_admin(&server), "slow_lines"), 2);
}
END_TEST

START_TEST(without_a_line_timeout_half_a_line_may_wait)
{
    enum { LONGER_THAN_A_SECOND_MS = 1200 };
    server_start(&server, "--line-timeout", "0", NULL);
    struct client *client = server_client(&server);
    client_write(client, "PI", 2);
    struct pollfd wanted = {.fd = client->fd, .events = POLLIN};
    ck_assert_int_eq(poll(&wanted, 1, LONGER_THAN_A_SECOND_MS), 0);
    client_ask(client, "NG", "+OK");
}
END_TEST

/* One timer serves all deadlines of a loop: a far one must not hold up a near one. */
/* Has the server, which is stopped, pass a deadline of one second. */
static void let_a_second_pass(void)
{
    enum { LONGER_THAN_A_SECOND_MS = 1800 };
    poll(NULL, 0, LONGER_THAN_A_SECOND_MS);
}

/* Waits until the server has read so many bytes beside what it is asked here. */
static void await_bytes_in(struct client *witness, uint64_t bytes)
{
    enum { ASKED = 6 }; /* STATS and its LF */
    int64_t deadline_ms = server_now_ms() + SERVER_DEADLINE_S * 1000;
    for (uint64_t asked = ASKED; client_stat(witness, "bytes_in") < bytes + asked; asked += ASKED)
        ck_assert_int_lt(server_now_ms(), deadline_ms);
}

/* While the server is stopped (SIGSTOP, a laptop's lid) nobody is late: neither who sent the rest
 * meanwhile nor who sends it when it goes on. */
START_TEST(time_in_which_the_server_stood_still_does_not_count)
{
    static const char rest[] = "lthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    server_start(&server, "--line-timeout", "1", "--request-timeout", "1", "--http", "127.0.0.1:0",
                 NULL);
    struct client *meanwhile = server_client(&server), *after = server_client(&server);
    struct client *web = server_connect_http(&server, "127.0.0.1");
    struct client *admin = server_admin(&server);
    client_write(meanwhile, "PI", 2);
    client_write(after, "PI", 2);
    client_write(web, "GET /hea", 8);
    await_bytes_in(admin, 12);
    server_signal(&server, SIGSTOP);
    client_write(meanwhile, "NG\n", 3);
    client_write(web, rest, sizeof rest - 1);
    let_a_second_pass();
    server_signal(&server, SIGCONT);
    client_expect(meanwhile, "+OK");
    client_write(after, "NG\n", 3);
    client_expect(after, "+OK");
    client_expect(web, "HTTP/1.1 200 OK\r");
    ck_assert_uint_eq(client_stat(admin, "slow_lines"), 0);
    client_write(after, "PI", 2); /* afterwards, time counts as ever */
    expect_too_slow(after);
}
END_TEST

START_TEST(half_a_line_does_not_hold_up_other_deadlines)
{
    server_start(&server, "--line-timeout", "3600", NULL);
    struct client *half = server_client(&server), *quits = server_client(&server);
    struct client *admin = server_admin(&server);
    client_write(half, "PING\nPI", 7);
    client_expect(half, "+OK");
    client_ask(quits, "QUIT", "+OK bye"); /* and stays: the server drops it after a second */
    int64_t deadline = server_now_ms() + SERVER_DEADLINE_S * 1000;
    while (client_stat(admin, "connections") > 2)
        ck_assert_int_lt(server_now_ms(), deadline);
    client_ask(half, "NG", "+OK");
}
END_TEST

/* ---- errors and ballots of one connection ---- */

START_TEST(errors_in_a_row)
{
    server_start(&server, "--max-errors", "300", NULL);
    struct client *client = server_client(&server);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 299; i++)
            client_ask_error(client, "NONSENSE", "UNKNOWN-COMMAND");
        if (round == 0)
            client_ask(client, "PING", "+OK");
    }
    client_ask_error(client, "NONSENSE", "UNKNOWN-COMMAND");
    client_expect_error(client, "TOO-MANY-ERRORS");
    client_expect_end(client);
}
END_TEST

START_TEST(one_error_may_be_too_many)
{
    server_start(&server, "--max-errors", "1", NULL);
    struct client *client = server_client(&server);
    client_ask_error(client, "NONSENSE\nPING", "UNKNOWN-COMMAND");
    client_expect_error(client, "TOO-MANY-ERRORS");
    client_expect_end(client);
}
END_TEST

/* Other threads found them. */
START_TEST(errors_of_kick_count)
{
    server_start(&server, "--max-errors", "3", NULL);
    struct client *admin = server_admin(&server);
    client_ask_error(admin, "NONSENSE", "UNKNOWN-COMMAND");
    for (unsigned i = 0; i < 2; i++)
        client_ask_error(admin, "KICK 4711", "NO-SUCH-CLIENT");
    client_expect_error(admin, "TOO-MANY-ERRORS");
    client_expect_end(admin);
}
END_TEST

/* A single voter's batch is what it has in flight. */
static uint64_t greatest_batch(const char *max_in_flight)
{
    enum { BALLOTS = 2000 };
    server_start(&server, "--max-in-flight", max_in_flight, "--poll", "lunch=pizza,sushi", NULL);
    struct client *voter = server_client(&server);
    for (unsigned i = 0; i < BALLOTS; i++)
        client_send(voter, "VOTE lunch %u", 1 + i % 2);
    for (unsigned i = 0; i < BALLOTS; i++)
        client_expect(voter, "+OK %u", 2 + i);
    uint64_t greatest = client_stat(server_admin(&server), "batch_max");
    server_end(&server);
    unlink(server.database);
    return greatest;
}

START_TEST(ballots_in_flight)
{
    ck_assert_uint_eq(greatest_batch("1"), 1);
    ck_assert_uint_le(greatest_batch("8"), 8);
    ck_assert_uint_gt(greatest_batch("4096"), 8);
}
END_TEST

/* ---- descriptors ---- */

enum { FEW_FILES = 128, WATCHED_MS = 400 };

#define SHORTAGE "can't accept now"

/* Administrators are not counted to max-connections, so they can take all descriptors. */
static void take_all_descriptors(struct client *admins[FEW_FILES], struct client *witness)
{
    int64_t deadline = server_now_ms() + SERVER_DEADLINE_S * 1000;
    for (unsigned i = 0; i < FEW_FILES; i++)
        admins[i] = server_connect_admin(&server);
    while (!server_logged(&server, SHORTAGE)) {
        ck_assert_int_lt(server_now_ms(), deadline);
        client_ask(witness, "PING", "+OK");
    }
}

START_TEST(without_descriptors_it_pauses_and_goes_on)
{
    struct client *admins[FEW_FILES];
    server.open_files = FEW_FILES;
    server_start(&server, NULL);
    ck_assert(server_logged(&server, "max-connections lowered"));
    struct client *witness = server_client(&server), *admin = server_admin(&server);
    ck_assert_uint_eq(client_stat(admin, "fds_max"), FEW_FILES);
    take_all_descriptors(admins, witness);
    struct client *waiting = server_connect(&server, "127.0.0.1");

    /* It serves those whom it has, and does not spin over those who wait. */
    uint64_t ticks = server_main_thread_ticks(&server);
    int64_t end = server_now_ms() + WATCHED_MS;
    while (server_now_ms() < end)
        client_ask(witness, "PING", "+OK");
    int64_t used_ms =
        (int64_t)(server_main_thread_ticks(&server) - ticks) * 1000 / sysconf(_SC_CLK_TCK);
    ck_assert_int_le(used_ms, WATCHED_MS / 4);
    ck_assert_ptr_null(client_next(waiting));
    uint64_t open = client_stat(admin, "fds_open");
    ck_assert(open == 0 || open >= FEW_FILES); /* before Linux 6.2 to count them takes one */

    for (unsigned i = 0; i < FEW_FILES; i++)
        client_close(admins[i]);
    client_expect(waiting, "+TALLYCAST 1 max-line=1024"); /* it has waited in the kernel's queue */
    client_ask(admin, "PING", "+OK");
}
END_TEST

/* A server that could take nobody does not say that it is ready. */
static const unsigned too_few[] = {8, 12, 16, 20, 25, 40, 64};

START_TEST(too_few_descriptors_to_start)
{
    server.open_files = too_few[_i];
    ck_assert_int_eq(server_run(&server, NULL), 1);
    ck_assert(server_logged(&server, "too few open files are allowed"));
}
END_TEST

/* ---- polls ---- */

enum { POLLS = 10000, ADMINS = 16 };

/* Sends everything first, so that the server takes many in one transaction. */
START_TEST(ten_thousand_polls_and_no_more)
{
    struct client *admins[ADMINS];
    server_start(&server, NULL);
    for (unsigned i = 0; i < ADMINS; i++)
        admins[i] = server_admin(&server);
    for (unsigned i = 0; i < POLLS; i++)
        client_send(admins[i % ADMINS], "CREATE p%u yes no", i);
    for (unsigned i = 0; i < POLLS; i++)
        client_expect_match(admins[i % ADMINS], "^\\+OK [0-9]+$");
    client_ask_error(admins[0], "CREATE more yes no", "LIMIT");
    client_ask_error(admins[0], "CREATE p1 yes no", "POLL-EXISTS");
    server_end(&server);

    server_start(&server, NULL);
    struct client *client = server_client(&server);
    client_send(client, "POLLS");
    for (unsigned i = 0; i < POLLS; i++)
        client_expect_match(client, "^=p[0-9]+ open [0-9]+ 0 yes=0 no=0$");
    client_expect(client, "+OK 10000");
    client_ask(client, "VOTE p9999 yes", "+OK 10001");
    client_ask_error(server_admin(&server), "CREATE more yes no", "LIMIT");
}
END_TEST

/* ---- memory and processor time ---- */

/* Sends until neither the server nor the kernel takes more, though the server has time for others.
 */
static void send_until_stuck(struct client *client, struct client *other)
{
    char lines[16 * 1024];
    for (size_t i = 0; i < sizeof lines; i += 1024) {
        memset(lines + i, 'x', 1023);
        memcpy(lines + i, "PING ", 5);
        lines[i + 1023] = '\n';
    }
    for (unsigned stuck = 0; stuck < 200;) {
        ssize_t sent = send(client->fd, lines, sizeof lines, MSG_DONTWAIT | MSG_NOSIGNAL);
        ck_assert(sent >= 0 || errno == EAGAIN);
        stuck = sent < 0 ? stuck + 1 : 0;
        client_ask(other, "PING", "+OK");
    }
}

START_TEST(who_sends_and_never_reads_costs_little)
{
    enum { SENDERS = 20, SENDER_BYTES = 256 * 1024 };
    server_start(&server, NULL);
    struct client *other = server_client(&server);
    send_until_stuck(server_client(&server), other);
    uint64_t before = server_rss_bytes(&server);
    for (unsigned i = 0; i < SENDERS; i++)
        send_until_stuck(server_client(&server), other);
    uint64_t after = server_rss_bytes(&server);
    if (SERVER_SANITIZED)
        printf("memory of those who never read is not checked: there is a sanitizer\n");
    else
        ck_assert_msg(after < before + SENDERS * SENDER_BYTES, "%llu bytes each",
                      (unsigned long long)((after - before) / SENDERS));
}
END_TEST

enum { IDLE_BYTES = 512, IDLE_SPARE = 200, QUIET_MS = 2000, WARM_UP = 8 };

/* A greeted connection. The ports of one address would not do for very many. */
static int open_idle(unsigned number)
{
    char from[32], greeting[64];
    snprintf(from, sizeof from, "127.0.0.%u", 1 + number / 2000);
    int fd = server_socket_from(&server, from);
    ck_assert_msg(fd >= 0, "connection %u: %s", number, strerror(errno));
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&wanted, 1, SERVER_DEADLINE_S * 1000), 1);
    ck_assert_int_gt(recv(fd, greeting, sizeof greeting, 0), 0);
    ck_assert_int_eq(greeting[0], '+');
    return fd;
}

/* Nothing is sent, no time is used, and no thread wakes but the ledger's, once a second, to look
 * whether its files are in place: the one wait of these tests for something that must not happen.
 */
static void assert_quiet(struct pollfd *wanted, nfds_t count)
{
    uint64_t sleeps = server_await_idle(&server), ticks = server_cpu_ticks(&server);
    ck_assert_int_eq(poll(wanted, count, QUIET_MS), 0);
    if (SERVER_SANITIZED) {
        printf("idle processor time is not checked: there is a sanitizer\n");
        return;
    }
    ck_assert_uint_eq(server_cpu_ticks(&server), ticks);
    ck_assert_uint_le(server_await_idle(&server), sleeps + QUIET_MS / 1000 + 1);
}

START_TEST(ten_thousand_idle_connections_cost_little)
{
    unsigned count = (unsigned)scaled(10000);
    rlim_t files = raise_open_files();
    char most[16];
    if (count + IDLE_SPARE > files) {
        count = (unsigned)files - IDLE_SPARE;
        printf("%u idle connections only: that is the limit of open files\n", count);
    }
    snprintf(most, sizeof most, "%u", count + 1);
    server_start(&server, "--max-connections", most, "--poll", "lunch=pizza,sushi", NULL);
    struct client *admin = server_admin(&server);
    struct pollfd *wanted = calloc(count, sizeof *wanted);
    for (unsigned i = 0; i < WARM_UP; i++) /* the code that they run is loaded once */
        close(open_idle(i));
    uint64_t before = server_rss_bytes(&server);
    for (unsigned i = 0; i < count; i++)
        wanted[i] = (struct pollfd){.fd = open_idle(i), .events = POLLIN};
    uint64_t each = (server_rss_bytes(&server) - before) / count;
    if (SERVER_SANITIZED)
        printf("memory of idle connections is not checked: there is a sanitizer\n");
    else
        ck_assert_msg(each <= IDLE_BYTES, "%llu bytes each", (unsigned long long)each);
    ck_assert_uint_eq(client_stat(admin, "connections"), count + 1);
    assert_quiet(wanted, count);
    client_ask(server_client(&server), "VOTE lunch pizza", "+OK 2");
    for (unsigned i = 0; i < count; i++)
        close(wanted[i].fd);
    free(wanted);
}
END_TEST

SERVER_MAIN("limits",
            {"connections", .set_up = set_up, .tear_down = tear_down,
             .tests = {{one_connection_too_many},
                       {one_connection_too_many_of_an_address},
                       {a_trusted_proxy_has_no_limit_of_its_own},
                       {a_connection_that_moved_is_counted_once},
                       {a_burst_of_connections_is_let_in},
                       {an_address_that_asks_for_much_waits},
                       {a_stop_waits_for_nobodys_turn},
                       {no_address_waits_without_a_bound},
                       {a_line_has_its_time_from_its_first_byte},
                       {the_rest_of_a_long_line_has_its_time_too},
                       {half_a_line_of_a_subscriber_is_too_slow},
                       {without_a_line_timeout_half_a_line_may_wait},
                       {time_in_which_the_server_stood_still_does_not_count},
                       {half_a_line_does_not_hold_up_other_deadlines},
                       {errors_in_a_row},
                       {errors_of_kick_count},
                       {one_error_may_be_too_many},
                       {ballots_in_flight},
                       {without_descriptors_it_pauses_and_goes_on},
                       {too_few_descriptors_to_start, .loops = UNIT_COUNT(too_few)},
                       {ten_thousand_polls_and_no_more}}},
            {"costs", .set_up = set_up, .tear_down = tear_down,
             .tests = {{who_sends_and_never_reads_costs_little},
                       {ten_thousand_idle_connections_cost_little}}})
