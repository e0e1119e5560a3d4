/* What the server must hold, measured on the real one, with what was asked beside each figure:
 * `make figures`. Too long, and too much at the mercy of the machine's other work, for `make
 * check`. Takes some two minutes.
 *
 * A figure that falls short fails its test, after all of its row's figures are printed. */
#include "tests/support/server.h"

#include "base/clock.h"
#include "json/poll_json.h"
#include "store/sqlite/sqlite.h"
#include "tests/support/entries.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    IDLE_CONNECTIONS = 10000,
    IDLE_S = 10,
    VOTERS = 50,
    VOTERS_IN_FLIGHT = 64,
    MANY_NAMES = 1000000,
    FEW_NAMES = 10000, /* where memory is measured: the electorate must not grow meanwhile */
    VOTE_S = 5,
    SUBSCRIBERS = 1000,
    BALLOTS_LOADED = 10000000,
    LINE_BYTES = 64, /* of a vote, at most */
};

static bool shortfall;
static unsigned voter_names = MANY_NAMES;

/* Prints a figure beside the most (or the least) that it may be, and notes if it falls short. */
static void figure(const char *what, double measured, const char *relation, double asked,
                   const char *unit)
{
    bool good = relation[0] == '<' ? measured <= asked : measured >= asked;
    printf("%-58s %12.1f %-12s asked %s %.0f%s\n", what, measured, unit, relation, asked,
           good ? "" : "  SHORT");
    fflush(stdout);
    shortfall |= !good;
}

/* Prints a figure that nothing was asked of. */
static void remark(const char *what, double measured, const char *unit)
{
    printf("%-58s %12.1f %s\n", what, measured, unit);
    fflush(stdout);
}

static int compare_doubles(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

static void assert_no_shortfall(void)
{
    ck_assert_msg(!shortfall, "a figure falls short");
}

static double seconds_since(int64_t began_ms)
{
    return (double)(server_now_ms() - began_ms) / 1000;
}

static void allow_descriptors(void)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A row of STATS. */
static double stat_value(struct server *server, const char *name)
{
    struct client *admin = server_admin(server);
    client_send(admin, "STATS");
    double value = -1;
    const char *line;
    while ((line = client_line(admin))[0] == '=')
        if (strncmp(line + 1, name, strlen(name)) == 0 && line[1 + strlen(name)] == ' ')
            value = strtod(line + 2 + strlen(name), NULL);
    client_close(admin);
    ck_assert_msg(value >= 0, "no %s in STATS", name);
    return value;
}

static void create_poll(struct server *server)
{
    struct client *admin = server_admin(server);
    client_send(admin, "CREATE q c0 c1 c2 c3 c4 voters=named");
    ck_assert_str_eq(client_line(admin), "+OK 1");
    client_close(admin);
}

/* ---- sockets by the thousand ---- */

/* Opens connections, each of which has read its greeting and sent `line` if that is not NULL. */
static int *open_many(const struct server *server, int count, const char *line)
{
    int *sockets = calloc((size_t)count, sizeof *sockets);
    for (int i = 0; i < count; i++) {
        char greeting[64];
        sockets[i] = server_socket(server);
        ck_assert_msg(sockets[i] >= 0, "connection %d: %s", i, strerror(errno));
        struct pollfd ready = {sockets[i], POLLIN, 0};
        ck_assert_int_eq(poll(&ready, 1, SERVER_DEADLINE_S * 1000), 1);
        ck_assert_int_gt((int)recv(sockets[i], greeting, sizeof greeting, 0), 0);
        if (line)
            ck_assert_int_eq((int)send(sockets[i], line, strlen(line), 0), (int)strlen(line));
    }
    return sockets;
}

static void close_many(int *sockets, int count)
{
    for (int i = 0; i < count; i++)
        close(sockets[i]);
    free(sockets);
}

/* ---- readers, on a thread of their own ---- */

struct readers {
    int *sockets;
    int count;
    atomic_bool stop;
    uint64_t pushes;
    pthread_t thread;
};

static void *read_pushes(void *context)
{
    struct readers *readers = context;
    char bytes[1 << 14];
    int set = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < readers->count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = readers->sockets[i]};
        epoll_ctl(set, EPOLL_CTL_ADD, readers->sockets[i], &event);
    }
    struct epoll_event events[64];
    while (!atomic_load(&readers->stop)) {
        int ready = epoll_wait(set, events, 64, 100);
        for (int i = 0; i < ready; i++) {
            ssize_t n = recv(events[i].data.fd, bytes, sizeof bytes, MSG_DONTWAIT);
            for (ssize_t at = 0; at < n; at++)
                readers->pushes += bytes[at] == '>';
        }
    }
    close(set);
    return NULL;
}

static void readers_start(struct readers *readers, const struct server *server, int count)
{
    *readers =
        (struct readers){.sockets = open_many(server, count, "SUBSCRIBE q\n"), .count = count};
    ck_assert_int_eq(pthread_create(&readers->thread, NULL, read_pushes, readers), 0);
}

static void readers_end(struct readers *readers)
{
    atomic_store(&readers->stop, true);
    pthread_join(readers->thread, NULL);
    close_many(readers->sockets, readers->count);
}

/* ---- voters ---- */

struct voter {
    int socket;
    int in_flight;
};

static uint64_t random_state = 88172645463325252u;

/* xorshift64 (Marsaglia, 2003). */
static uint64_t random_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Fills the voter's window. */
static void cast(struct voter *voter)
{
    char lines[VOTERS_IN_FLIGHT * LINE_BYTES];
    size_t len = 0;
    for (; voter->in_flight < VOTERS_IN_FLIGHT; voter->in_flight++) {
        uint64_t number = random_number();
        len += (size_t)snprintf(lines + len, sizeof lines - len, "VOTE q c%u as=v%u\n",
                                (unsigned)(number % 5), (unsigned)(number >> 8) % voter_names);
    }
    ck_assert_int_eq((int)send(voter->socket, lines, len, 0), (int)len);
}

/* Takes the replies that have come. Returns how many; each must be an acknowledgement. */
static uint64_t take_replies(struct voter *voter)
{
    char bytes[1 << 14];
    ssize_t n = recv(voter->socket, bytes, sizeof bytes, MSG_DONTWAIT);
    ck_assert_int_gt((int)n, 0);
    uint64_t replies = 0;
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '-')
            ck_abort_msg("refused: %.60s", bytes + i);
        replies += bytes[i] == '\n';
    }
    voter->in_flight -= (int)replies;
    return replies;
}

/* Has VOTERS connections vote for VOTE_S seconds. Returns the ballots acknowledged a second. */
static double vote(const struct server *server)
{
    struct voter voters[VOTERS] = {{0}};
    int *sockets = open_many(server, VOTERS, NULL);
    int set = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < VOTERS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &voters[i]};
        voters[i].socket = sockets[i];
        ck_assert_int_eq(epoll_ctl(set, EPOLL_CTL_ADD, sockets[i], &event), 0);
        cast(&voters[i]);
    }
    int64_t began_ms = server_now_ms();
    uint64_t acknowledged = 0;
    while (seconds_since(began_ms) < VOTE_S) {
        struct epoll_event events[VOTERS];
        int ready = epoll_wait(set, events, VOTERS, 1000);
        for (int i = 0; i < ready; i++) {
            acknowledged += take_replies(events[i].data.ptr);
            cast(events[i].data.ptr);
        }
    }
    double rate = (double)acknowledged / seconds_since(began_ms);
    close(set);
    close_many(sockets, VOTERS);
    return rate;
}

/* ---- the figures ---- */

START_TEST(idle_connections)
{
    struct server server;
    allow_descriptors();
    server_init(&server);
    server_start(&server, "--max-connections", "12000", NULL);
    int *one = open_many(&server, 1, NULL);
    uint64_t before = server_rss_bytes(&server);
    int *sockets = open_many(&server, IDLE_CONNECTIONS, NULL);
    figure("10,000 idle connections: memory of the process, each",
           (double)(server_rss_bytes(&server) - before) / IDLE_CONNECTIONS, "<=", 512, "bytes");
    uint64_t ticks = server_cpu_ticks(&server), sleeps = server_sleeps(&server);
    poll(NULL, 0, IDLE_S * 1000); /* nothing must happen */
    figure("10,000 idle connections: processor time in 10 s",
           (double)(server_cpu_ticks(&server) - ticks) * 1000 / (double)sysconf(_SC_CLK_TCK),
           "<=", 0, "ms");
    figure("10,000 idle connections: wake-ups in 10 s", (double)(server_sleeps(&server) - sleeps),
           "<=", 10, "");
    close_many(sockets, IDLE_CONNECTIONS);
    close_many(one, 1);
    server_end(&server);
    assert_no_shortfall();
}
END_TEST

START_TEST(full_load_with_subscribers)
{
    struct server server;
    struct readers readers;
    allow_descriptors();
    server_init(&server);
    server_start(&server, NULL);
    create_poll(&server);
    remark("50 connections, 64 in flight: ballots acknowledged", vote(&server), "a second");
    figure("  lines a read call",
           stat_value(&server, "lines_read") / stat_value(&server, "read_calls"), ">=", 30, "");
    remark("  entries a commit, median", stat_value(&server, "batch_p50"), "");
    remark("  a commit, median", stat_value(&server, "commit_us_p50"), "us");
    remark("  a commit, 99th percentile", stat_value(&server, "commit_us_p99"), "us");
    readers_start(&readers, &server, SUBSCRIBERS);
    remark("the same with 1,000 subscribers that read", vote(&server), "a second");
    readers_end(&readers);
    remark("  pushes read", (double)readers.pushes / VOTE_S, "a second");
    figure("  tally's mutex held, 99.9th percentile", stat_value(&server, "lock_hold_ns_p999"),
           "<=", 10000, "ns");
    remark("  tally's mutex held, longest", stat_value(&server, "lock_hold_ns_max"), "ns");
    remark("  tally's mutex waited for, 99th percentile", stat_value(&server, "lock_wait_ns_p99"),
           "ns");
    server_end(&server);
    assert_no_shortfall();
}
END_TEST

START_TEST(stalled_subscribers)
{
    struct server server;
    allow_descriptors();
    server_init(&server);
    server_start(&server, "--push-interval", "0", NULL);
    create_poll(&server);
    voter_names = FEW_NAMES;
    double without = vote(&server);
    uint64_t before = server_rss_bytes(&server);
    int *sockets = open_many(&server, SUBSCRIBERS, "SUBSCRIBE q\n");
    for (int i = 0, least = 1; i < SUBSCRIBERS;
         i++) /* so that it does not take minutes to fill it */
        ck_assert_int_eq(setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUF, &least, sizeof least), 0);
    double with = vote(&server); /* fills what the kernel holds for them */
    double stalled = vote(&server);
    figure("1,000 stalled subscribers: memory of the process, each",
           (double)(server_rss_bytes(&server) - before) / SUBSCRIBERS, "<=", 4096, "bytes");
    remark("  ballots without them", without, "a second");
    remark("  ballots while their buffers fill", with, "a second");
    remark("  ballots once they have stalled", stalled, "a second");
    remark("  writes that blocked", stat_value(&server, "writes_blocked"), "");
    close_many(sockets, SUBSCRIBERS);
    server_end(&server);
    assert_no_shortfall();
}
END_TEST

/* Appends ballots of new voters. Returns the sequence that comes next. */
static uint64_t append_ballots(struct store *store, uint64_t seq, uint64_t counts[5])
{
    enum { BATCH = 10000 };
    static struct entry ballots[BATCH];
    char line[256];
    const char *reason = "";
    for (int i = 0; i < BATCH; i++, seq++) {
        struct hash voter;
        randombytes_buf(&voter, sizeof voter);
        counts[seq % 5]++;
        ballots[i] = entry_ballot(seq, 1, 1 + (uint32_t)(seq % 5), voter);
    }
    int len = snprintf(line, sizeof line,
                       "q open %" PRIu64 " %" PRIu64 " c0=%" PRIu64 " c1=%" PRIu64 " c2=%" PRIu64
                       " c3=%" PRIu64 " c4=%" PRIu64,
                       seq - 1, counts[0] + counts[1] + counts[2] + counts[3] + counts[4],
                       counts[0], counts[1], counts[2], counts[3], counts[4]);
    const struct store_tally tally = {1, line, (size_t)len};
    const struct store_batch batch = {ballots, BATCH, &tally, 1};
    ck_assert_msg(store_append(store, &batch, &reason) == STORE_RECORDED, "%s", reason);
    store_work(store, STORE_BUSY);
    return seq;
}

/* Ten million named ballots, of as many voters, and the tally that they give. */
static void fill_database(const char *path)
{
    struct store *store;
    char why[STORE_WHY_MAX];
    uint64_t counts[5] = {0};
    ck_assert_msg(store_open(&store, &sqlite_engine, path, false, why) == 0, "%s", why);
    for (uint64_t seq = 2; seq < 2 + BALLOTS_LOADED;)
        seq = append_ballots(store, seq, counts);
    ck_assert_msg(store_finish(store, why) == 0, "%s", why);
    store_close(store);
}

START_TEST(start_with_ten_million_ballots)
{
    struct server server;
    server_init(&server);
    server_start(&server, NULL);
    create_poll(&server);
    server_stop(&server);
    fill_database(server.database);
    for (int i = 0; i < 3; i++) {
        int64_t began_ms = server_now_ms();
        server_start(&server, NULL);
        figure("start with 10 million ballots, until ready", seconds_since(began_ms), "<=", 5, "s");
        if (i == 0)
            remark("  memory of the process", (double)server_rss_bytes(&server) / (1 << 20), "MiB");
        server_stop(&server);
    }
    server_end(&server);
    assert_no_shortfall();
}
END_TEST

/* The median time of encoding a poll's tally as an event, which a broadcast loop does once for each
 * snapshot that it sends. */
static double encoding_us(unsigned choice_count)
{
    enum { ROUNDS = 101, EVENTS = 50 };
    struct name name = {.len = 4, .text = "poll"}, choices[PROTO_CHOICES_MAX];
    for (unsigned i = 0; i < choice_count; i++)
        choices[i].len = (uint8_t)snprintf(choices[i].text, sizeof choices[i].text, "choice-%u", i);
    struct poll *poll = poll_new(&name, &(struct settings){{0}}, choices, choice_count, NULL);
    struct snapshot *snapshot = snapshot_new(poll);
    struct buffer out = {0};
    double rounds_us[ROUNDS];
    for (unsigned i = 0; i < choice_count; i++)
        snapshot->counts[i] = 1000 + i;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t began_ns = clock_monotonic_ns();
        for (int i = 0; i < EVENTS; i++) {
            out.len = 0;
            ck_assert_int_eq(poll_json_event(&out, snapshot, "0123456789abcdef"), 0);
        }
        rounds_us[round] = (double)(clock_monotonic_ns() - began_ns) / EVENTS / 1000;
    }
    qsort(rounds_us, ROUNDS, sizeof rounds_us[0], compare_doubles);
    buffer_free(&out);
    snapshot_unref(snapshot);
    poll_free(poll);
    return rounds_us[ROUNDS / 2];
}

START_TEST(events_of_many_choices)
{
    remark("encoding an event of 3 choices", encoding_us(3), "us");
    remark("encoding an event of 20 choices", encoding_us(20), "us");
    figure("encoding an event of 64 choices", encoding_us(64), "<=", 500, "us");
    assert_no_shortfall();
}
END_TEST

/* CK_RUN_CASE=NAME measures one alone. */

SERVER_MAIN("figures", {"idle", .timeout_s = 300, .tests = {{idle_connections}}},
            {"load", .timeout_s = 300, .tests = {{full_load_with_subscribers}}},
            {"stalled", .timeout_s = 300, .tests = {{stalled_subscribers}}},
            {"events", .timeout_s = 300, .tests = {{events_of_many_choices}}},
            {"start", .timeout_s = 300, .tests = {{start_with_ten_million_ballots}}})
