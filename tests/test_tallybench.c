/* tallybench from end to end: against the real server, for a second; against the naive one; and
 * against servers that break a promise each, which it must notice. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 48 };

/* A place for files; no server of tests/server.c is started in it. */
static struct server place;
static char json_path[SERVER_PATH_MAX + 16], report_path[SERVER_PATH_MAX + 16];

static void make_place(void)
{
    server_init(&place);
    snprintf(json_path, sizeof json_path, "%s/result.json", place.directory);
    snprintf(report_path, sizeof report_path, "%s/report.html", place.directory);
}

static const char *environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

/* Starts tallybench in a process group of its own, with words separated by single spaces, its
 * output going to the place's log. */
static pid_t start_bench_of(const char *format, va_list values)
{
    static char line[2048];
    char *arguments[ARGUMENTS_MAX + 1] = {NULL}, *rest = NULL;
    int count = 0;
    int head = snprintf(line, sizeof line, "%s ", environment("TALLYBENCH_BINARY", "./tallybench"));
    vsnprintf(line + head, sizeof line - (size_t)head, format, values);
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        ck_assert_int_lt(count, ARGUMENTS_MAX);
        arguments[count++] = word;
    }
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    setpgid(pid, pid);
    if (pid == 0) {
        int log = open(place.log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execv(arguments[0], arguments);
        _exit(127);
    }
    return pid;
}

static pid_t start_bench(const char *format, ...) __attribute__((format(printf, 1, 2)));
static pid_t start_bench(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    pid_t pid = start_bench_of(format, values);
    va_end(values);
    return pid;
}

/* Returns its exit status. */
static int await_bench(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run_bench(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int run_bench(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    pid_t pid = start_bench_of(format, values);
    va_end(values);
    return await_bench(pid);
}

static void assert_status(int status, int expected)
{
    size_t len;
    if (status == expected)
        return;
    char *log = server_read_file(place.log, &len);
    ck_abort_msg("exit status %d, its output:\n%s", status, log);
}

static json_t *load_json(void)
{
    json_error_t error;
    json_t *json = json_load_file(json_path, 0, &error);
    ck_assert_msg(json != NULL, "%s: %s", json_path, error.text);
    return json;
}

/* The number at a path of names separated by dots. */
static double number_at(const json_t *json, const char *path)
{
    char names[128], *rest = NULL;
    snprintf(names, sizeof names, "%s", path);
    for (char *name = strtok_r(names, ".", &rest); name; name = strtok_r(NULL, ".", &rest)) {
        json = json_object_get(json, name);
        ck_assert_msg(json != NULL, "no %s", path);
    }
    ck_assert_msg(json_is_number(json), "%s is no number", path);
    return json_number_value(json);
}

/* ---- good servers ---- */

START_TEST(all_kinds_of_load)
{
    make_place();
    int status = run_bench("run --serve %s --directory %s --duration 1 --voters 10 --pipeline 32 "
                           "--polls 3 --identity named:500 --subscribers 30 --stalled 10 "
                           "--slow 10:200 --idle 20 --churn 50 --json %s --report %s "
                           "-- --push-interval 5",
                           environment("TALLYCAST_BINARY", "./tallycast"), place.directory,
                           json_path, report_path);
    assert_status(status, 0);
    json_t *json = load_json();
    ck_assert_double_eq(number_at(json, "violation_count"), 0);
    ck_assert_double_eq(number_at(json, "options.stalled"), 10);
    ck_assert_double_eq_tol(number_at(json, "seconds"), 1, 0.9);
    ck_assert_double_gt(number_at(json, "ballots_per_s"), 0);
    ck_assert_double_gt(number_at(json, "pushes_per_s"), 0);
    ck_assert_double_gt(number_at(json, "churned"), 0);
    ck_assert_double_gt(number_at(json, "ack_ns.p50"), 0);
    ck_assert_double_ge(number_at(json, "ack_ns.max"), number_at(json, "ack_ns.p99"));
    ck_assert_double_gt(number_at(json, "freshness_ns.count"), 0);
    ck_assert_double_eq(number_at(json, "server.stats_after.ballots_accepted"),
                        number_at(json, "ballots_acknowledged"));
    ck_assert_double_gt(number_at(json, "server.rss_max_bytes"), 0);
    ck_assert_uint_gt(json_array_size(json_object_get(json, "samples")), 0);
    json_decref(json);
    size_t len;
    char *page = server_read_file(report_path, &len);
    ck_assert_ptr_nonnull(strstr(page, "<svg"));
    ck_assert_ptr_nonnull(strstr(page, "prefers-color-scheme:dark"));
    ck_assert_ptr_nonnull(strstr(page, "</html>"));
    ck_assert_ptr_null(strstr(page, "http"));
    free(page);
}
END_TEST

START_TEST(open_loop_of_so_many_ballots)
{
    make_place();
    int status =
        run_bench("run --serve %s --directory %s --ballots 200 --rate 1000 --voters 7 "
                  "--pipeline 100 --json %s",
                  environment("TALLYCAST_BINARY", "./tallycast"), place.directory, json_path);
    assert_status(status, 0);
    json_t *json = load_json();
    ck_assert_double_eq(number_at(json, "ballots_acknowledged"), 200);
    ck_assert_double_eq(number_at(json, "ack_ns.count"), 200);
    ck_assert_double_eq(number_at(json, "late_ns.count"), 200);
    json_decref(json);
}
END_TEST

/* Of a rate so high that more ballots than these are due at the first look at the clock. */
START_TEST(open_loop_ends_with_its_ballots)
{
    make_place();
    int status =
        run_bench("run --serve %s --directory %s --ballots 5 --rate 100000000 --voters 3 --json %s",
                  environment("TALLYCAST_BINARY", "./tallycast"), place.directory, json_path);
    assert_status(status, 0);
    json_t *json = load_json();
    ck_assert_double_eq(number_at(json, "ballots_acknowledged"), 5);
    ck_assert_double_eq(number_at(json, "ballots_unsent"), 0);
    ck_assert_double_eq(number_at(json, "ack_ns.count"), 5);
    json_decref(json);
}
END_TEST

START_TEST(a_server_that_runs_already)
{
    make_place();
    server_start(&place, NULL);
    for (int i = 0; i < 2; i++) /* again: polls of another name */
        assert_status(run_bench("run --admin %s --target 127.0.0.1:%u --ballots 100 --voters 2 "
                                "--subscribers 2",
                                place.admin, place.port),
                      0);
    server_end(&place);
}
END_TEST

START_TEST(the_naive_server_is_right_without_stalls)
{
    make_place();
    int status = run_bench("run --serve naive --directory %s --ballots 500 --voters 5 "
                           "--pipeline 10 --identity named:20 --subscribers 5 --json %s",
                           place.directory, json_path);
    assert_status(status, 0);
}
END_TEST

START_TEST(a_suite)
{
    make_place();
    int status = run_bench("suite --serve %s --directory %s --repeat 1 --duration 0.5 "
                           "--only one-in-flight,durable-stalled --json %s --report %s",
                           environment("TALLYCAST_BINARY", "./tallycast"), place.directory,
                           json_path, report_path);
    assert_status(status, 0);
    json_t *json = load_json();
    json_t *list = json_object_get(json, "scenarios");
    ck_assert_uint_eq(json_array_size(list), 3); /* one of them as the other's baseline */
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "name")),
                     "durable-alone");
    for (size_t i = 0; i < 3; i++) {
        json_t *figure = json_array_get(json_object_get(json_array_get(list, i), "figures"), 0);
        ck_assert_uint_eq(json_array_size(json_object_get(figure, "values")), 1);
        if (i > 0) /* a baseline is compared with nothing */
            ck_assert_double_gt(number_at(figure, "ratio"), 0);
    }
    json_decref(json);
}
END_TEST

START_TEST(limits)
{
    make_place();
    assert_status(run_bench("limits --duration 0.1 --sockets 10 --directory %s --json %s",
                            place.directory, json_path),
                  0);
    json_t *json = load_json();
    ck_assert_double_gt(number_at(json, "rows_per_s_1000"), 0);
    ck_assert_double_gt(number_at(json, "rows_per_s_10000"), 0);
    ck_assert_double_gt(number_at(json, "sends_per_s"), 0);
    ck_assert_double_gt(number_at(json, "fdatasync_ns_p50"), 0);
    json_decref(json);
}
END_TEST

START_TEST(wrong_usage)
{
    make_place();
    assert_status(run_bench("run"), 2);
    assert_status(run_bench("fly"), 2);
    assert_status(run_bench("run --serve /nowhere/tallycast --directory %s", place.directory), 1);
    assert_status(run_bench("run --admin /nowhere/socket"), 1);
    assert_status(run_bench("suite --serve x --only nothing"), 2);
    assert_status(run_bench("naive --listen nowhere"), 2);
    assert_status(run_bench("run --serve x --duration 0"), 2);
}
END_TEST

/* ---- Ctrl-C ---- */

/* Its path is there a moment before anybody listens. */
static bool admin_listens(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", place.admin);
    bool listens = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return listens;
}

/* Waits for a server's admin socket, and then for its first ballots. */
static void await_ballots(void)
{
    int64_t deadline_ms = server_now_ms() + 20000;
    while (!admin_listens()) {
        ck_assert_int_lt(server_now_ms(), deadline_ms);
        sched_yield();
    }
    struct client *admin = server_admin(&place);
    while (client_stat(admin, "ballots_accepted") == 0)
        ck_assert_int_lt(server_now_ms(), deadline_ms);
    client_close(admin);
}

/* The signal goes to all of the terminal's processes; the server must not be one. */
START_TEST(an_interrupt_ends_a_run_in_order)
{
    make_place();
    snprintf(place.admin, sizeof place.admin, "%.80s/admin", place.directory);
    pid_t pid = start_bench("run --serve %s --directory %s --duration 600 --subscribers 3 "
                            "--pipeline 100 --json %s -- --admin %s",
                            environment("TALLYCAST_BINARY", "./tallycast"), place.directory,
                            json_path, place.admin);
    await_ballots();
    ck_assert_int_eq(kill(-pid, SIGINT), 0);
    assert_status(await_bench(pid), 0);
    ck_assert(server_logged(&place, "all hold"));
    json_t *json = load_json();
    ck_assert_double_gt(number_at(json, "ballots_acknowledged"), 0);
    ck_assert_double_eq(number_at(json, "server.stats_after.ballots_accepted"),
                        number_at(json, "ballots_acknowledged"));
    json_decref(json);
}
END_TEST

/* ---- servers that break a promise ---- */

enum wrong {
    NOTHING_WRONG,
    SEQUENCE_STANDS,    /* two ballots of a connection have one sequence */
    SEQUENCE_SHARED,    /* two ballots of two connections have */
    BALLOT_LOST,        /* one that was acknowledged does not count */
    BALLOT_REFUSED,     /* as if the disk were full */
    BALLOT_DUPLICATE,   /* answered as a repeat, which it isn't */
    REPLY_TOO_MANY,     /* a ballot is answered twice */
    REPLY_OUT_OF_ORDER, /* the second before the first */
    REPLY_MISSING,
    SILENCE, /* from one on, none is answered */
    PUSH_TO_A_VOTER,
    PUSH_GOES_BACK,  /* an older tally after a newer one */
    PUSH_FORGETS,    /* a newer tally has fewer ballots */
    PUSH_CHANGES,    /* another tally with the same sequence */
    PUSH_MISCOUNTS,  /* the counts don't add up */
    PUSH_OF_ANOTHER, /* poll */
    PUSH_IS_MALFORMED,
    PUSH_WITHOUT_END, /* 300 KiB and no LF */
    LAST_PUSH_MISSING,
    LAST_PUSH_DIFFERS, /* from what SHOW says */
    SUBSCRIBED_TO_NOTHING,
    GREETING_UNKNOWN,
    GREETING_AND_MORE,
    STATS_COUNT_OTHERWISE,
    LEDGER_SKIPS,      /* sequences that no ballot has */
    CONNECTION_CLOSED, /* in the middle */
    SERVER_DIES,
    SERVER_ENDS_BADLY, /* with a status other than 0 */
};

static const struct {
    enum wrong wrong;
    const char *words; /* of the message; NULL if all is well */
} promises[] = {
    {NOTHING_WRONG, NULL},
    {SEQUENCE_STANDS, "sequence 5 after 5"},
    {SEQUENCE_SHARED, "two ballots were acknowledged with the same sequence"},
    {BALLOT_LOST, "the server says: poll-1"},
    {BALLOT_REFUSED, "voter 1: -STORAGE"},
    {BALLOT_DUPLICATE, "voter 1: +OK 6 duplicate"},
    {REPLY_TOO_MANY, "voter 1: +OK"},
    {REPLY_OUT_OF_ORDER, "sequence 6 after 7"},
    {REPLY_MISSING, "voter 1: +OK end"},
    {SILENCE, "not every ballot was answered"},
    {PUSH_TO_A_VOTER, "voter 1: > poll-1"},
    {PUSH_GOES_BACK, "came after that of"},
    {PUSH_FORGETS, "fewer ballots than an earlier one"},
    {PUSH_CHANGES, "another tally with the same sequence"},
    {PUSH_MISCOUNTS, "don't add up"},
    {PUSH_OF_ANOTHER, "a poll that was not subscribed"},
    {PUSH_IS_MALFORMED, "not a well-formed tally"},
    {PUSH_WITHOUT_END, "a line of"},
    {LAST_PUSH_MISSING, "not every subscriber got the last tally"},
    {LAST_PUSH_DIFFERS, "the last push is not what SHOW says"},
    {SUBSCRIBED_TO_NOTHING, "SUBSCRIBE was answered: +OK 0"},
    {GREETING_UNKNOWN, "the server's greeting is: +HELLO"},
    {GREETING_AND_MORE, "unasked after the greeting: +OK"},
    {STATS_COUNT_OTHERWISE, "the server's STATS count 7"},
    {LEDGER_SKIPS, "the ledger went from 1 to 12"},
    {CONNECTION_CLOSED, "the server closed the connection"},
    {SERVER_DIES, "admin socket: "}, /* closed or reset, as it happens */
    {SERVER_ENDS_BADLY, "did not end well"},
};

enum { LIAR_CONNECTIONS = 8, LIAR_BALLOTS = 10, LIAR_ODD_SEQ = 6 /* the fifth ballot's */ };

/* A server of one poll with choices a and b, whose ballots all count; a process of its own. */
struct liar {
    enum wrong wrong;
    int listeners[2]; /* the line port, the admin socket */
    struct liar_client {
        int fd;
        bool subscribed, ignored;
        char bytes[512];
        size_t len;
    } clients[LIAR_CONNECTIONS];
    const struct liar_client *last_voter;
    bool has_lied;
    char poll[64];
    uint64_t seq, counts[2];
};

static void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(int fd, const char *format, ...)
{
    char line[512];
    va_list values;
    va_start(values, format);
    int len = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (send(fd, line, (size_t)len, MSG_NOSIGNAL) < 0)
        _exit(1);
}

/* A tally with so many ballots more or less for each choice. */
static void say_tally(const struct liar *liar, int fd, const char *prefix, uint64_t seq, int more_a,
                      int more_b)
{
    uint64_t a = liar->counts[0] + (uint64_t)more_a, b = liar->counts[1] + (uint64_t)more_b;
    say(fd, "%s%s open %" PRIu64 " %" PRIu64 " a=%" PRIu64 " b=%" PRIu64 "\n", prefix, liar->poll,
        seq, a + b, a, b);
}

static void push_wrong(const struct liar *liar, int fd)
{
    switch (liar->wrong) {
    case PUSH_GOES_BACK:
        say_tally(liar, fd, "> ", liar->seq - 1, 0, 0);
        break;
    case PUSH_FORGETS:
        say_tally(liar, fd, "> ", liar->seq + 1, -1, 0);
        break;
    case PUSH_CHANGES:
        say_tally(liar, fd, "> ", liar->seq, 1, -1);
        break;
    case PUSH_MISCOUNTS:
        say(fd, "> %s open %" PRIu64 " 5 a=5 b=5\n", liar->poll, liar->seq + 1);
        break;
    case PUSH_OF_ANOTHER:
        say_tally(liar, fd, "> another-", liar->seq + 1, 0, 0);
        break;
    case PUSH_IS_MALFORMED:
        say(fd, "> %s open 7 1 a=\n", liar->poll);
        break;
    case PUSH_WITHOUT_END:
        for (int i = 0; i < 1200; i++)
            say(fd, "%0256d", 0);
        break;
    default:
        break;
    }
}

static void push(const struct liar *liar)
{
    bool last = liar->seq == LIAR_BALLOTS + 1;
    for (int i = 0; i < LIAR_CONNECTIONS; i++) {
        const struct liar_client *client = &liar->clients[i];
        if (!client->subscribed || (last && liar->wrong == LAST_PUSH_MISSING))
            continue;
        bool differs = last && liar->wrong == LAST_PUSH_DIFFERS;
        say_tally(liar, client->fd, "> ", liar->seq, differs ? 1 : 0, differs ? -1 : 0);
        if (liar->seq == LIAR_ODD_SEQ)
            push_wrong(liar, client->fd);
    }
}

/* Answers the ballot that is wrong. */
static void answer_wrong(struct liar *liar, struct liar_client *client)
{
    const uint64_t seq = liar->seq;
    switch (liar->wrong) {
    case SEQUENCE_STANDS:
        say(client->fd, "+OK %" PRIu64 "\n", seq - 1);
        break;
    case BALLOT_REFUSED:
        say(client->fd, "-STORAGE the disk is full\n");
        break;
    case BALLOT_DUPLICATE:
        say(client->fd, "+OK %" PRIu64 " duplicate\n", seq);
        break;
    case REPLY_TOO_MANY:
        say(client->fd, "+OK %" PRIu64 "\n+OK %" PRIu64 "\n+OK %" PRIu64 "\n", seq, seq + 100,
            seq + 101);
        break;
    case REPLY_OUT_OF_ORDER: /* with its successor */
    case REPLY_MISSING:
        break;
    case SILENCE:
        client->ignored = true;
        break;
    case PUSH_TO_A_VOTER:
        say_tally(liar, client->fd, "> ", seq, 0, 0);
        break;
    case CONNECTION_CLOSED:
        client->ignored = true;
        shutdown(client->fd, SHUT_WR);
        break;
    case SERVER_DIES:
        _exit(0);
    default:
        say(client->fd, "+OK %" PRIu64 "\n", seq);
    }
}

static void take_vote(struct liar *liar, struct liar_client *client, bool first)
{
    bool odd = ++liar->seq == LIAR_ODD_SEQ;
    bool shares = liar->wrong == SEQUENCE_SHARED && !liar->has_lied && liar->last_voter &&
                  liar->last_voter != client;
    liar->counts[first ? 0 : 1] += !(odd && liar->wrong == BALLOT_LOST);
    liar->last_voter = client;
    push(liar);
    if (odd) {
        answer_wrong(liar, client);
    } else if (shares) {
        liar->has_lied = true;
        say(client->fd, "+OK %" PRIu64 "\n", liar->seq - 1);
    } else {
        say(client->fd, "+OK %" PRIu64 "\n", liar->seq);
        if (liar->seq == LIAR_ODD_SEQ + 1 && liar->wrong == REPLY_OUT_OF_ORDER)
            say(client->fd, "+OK %" PRIu64 "\n", liar->seq - 1);
    }
}

static void take_line(struct liar *liar, struct liar_client *client, const char *line)
{
    char poll[64] = "", choice[64] = "";
    sscanf(line, "%*s %63s %63s", poll, choice);
    if (client->ignored)
        return;
    if (strncmp(line, "CREATE ", 7) == 0) {
        snprintf(liar->poll, sizeof liar->poll, "%s", poll);
        say(client->fd, "+OK %" PRIu64 "\n", ++liar->seq);
    } else if (strncmp(line, "VOTE ", 5) == 0) {
        take_vote(liar, client, strcmp(choice, "a") == 0);
    } else if (strncmp(line, "SUBSCRIBE ", 10) == 0) {
        client->subscribed = true;
        say(client->fd, "+OK %d\n", liar->wrong != SUBSCRIBED_TO_NOTHING);
        say_tally(liar, client->fd, "> ", liar->seq, 0, 0);
    } else if (strncmp(line, "SHOW ", 5) == 0) {
        say_tally(liar, client->fd, "+OK ", liar->seq, 0, 0);
    } else if (strcmp(line, "STATS") == 0) {
        bool after = liar->seq > 1;
        uint64_t accepted = after && liar->wrong == STATS_COUNT_OTHERWISE ? 7 : liar->seq - 1;
        say(client->fd, "=ballots_accepted %" PRIu64 "\n=ledger_seq %" PRIu64 "\n+OK\n", accepted,
            liar->seq + (after && liar->wrong == LEDGER_SKIPS));
    } else {
        say(client->fd, "+OK%s\n", strchr(line, ' ') ? strchr(line, ' ') : "");
    }
}

static void hear(struct liar *liar, struct liar_client *client)
{
    char *end;
    ssize_t n =
        recv(client->fd, client->bytes + client->len, sizeof client->bytes - client->len, 0);
    if (n <= 0) {
        close(client->fd);
        *client = (struct liar_client){.fd = -1};
        return;
    }
    client->len += (size_t)n;
    while ((end = memchr(client->bytes, '\n', client->len))) {
        *end = '\0';
        take_line(liar, client, client->bytes);
        client->len -= (size_t)(end + 1 - client->bytes);
        memmove(client->bytes, end + 1, client->len);
    }
}

static void greet(struct liar *liar, int listener)
{
    int i = 0;
    while (i < LIAR_CONNECTIONS && liar->clients[i].fd >= 0)
        i++;
    if (i == LIAR_CONNECTIONS)
        _exit(1);
    liar->clients[i] = (struct liar_client){.fd = accept(listener, NULL, NULL)};
    bool wrong = listener == liar->listeners[0];
    say(liar->clients[i].fd, "+%s 1 max-line=1024\n%s",
        wrong && liar->wrong == GREETING_UNKNOWN ? "HELLO" : "TALLYCAST",
        wrong && liar->wrong == GREETING_AND_MORE ? "+OK 1\n" : "");
}

static void lie(struct liar *liar)
{
    for (;;) {
        struct pollfd set[LIAR_CONNECTIONS + 2];
        for (int i = 0; i < LIAR_CONNECTIONS; i++)
            set[i] = (struct pollfd){.fd = liar->clients[i].fd, .events = POLLIN};
        for (int i = 0; i < 2; i++)
            set[LIAR_CONNECTIONS + i] = (struct pollfd){.fd = liar->listeners[i], .events = POLLIN};
        poll(set, LIAR_CONNECTIONS + 2, -1);
        for (int i = 0; i < LIAR_CONNECTIONS; i++)
            if (set[i].fd >= 0 && set[i].revents)
                hear(liar, &liar->clients[i]);
        for (int i = 0; i < 2; i++)
            if (set[LIAR_CONNECTIONS + i].revents)
                greet(liar, liar->listeners[i]);
    }
}

static void end_well(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

static void end_badly(int signal_number)
{
    (void)signal_number;
    _exit(3);
}

static void require(bool good)
{
    if (!good)
        _exit(1);
}

/* What --serve starts: this program again, with LIAR in its environment and the arguments of a
 * tallycast, of which --admin matters. Never returns. */
static void be_a_liar(enum wrong wrong, char **arguments)
{
    static struct liar liar;
    struct sockaddr_in line = {.sin_family = AF_INET};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    socklen_t len = sizeof line;
    liar.wrong = wrong;
    for (int i = 0; i < LIAR_CONNECTIONS; i++)
        liar.clients[i].fd = -1;
    signal(SIGTERM, wrong == SERVER_ENDS_BADLY ? end_badly : end_well);
    while (*arguments && strcmp(*arguments, "--admin") != 0)
        arguments++;
    require(arguments[0] && arguments[1] && strlen(arguments[1]) < sizeof local.sun_path);
    strcpy(local.sun_path, arguments[1]);
    line.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    liar.listeners[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    liar.listeners[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(bind(liar.listeners[0], (struct sockaddr *)&line, sizeof line) == 0);
    require(bind(liar.listeners[1], (struct sockaddr *)&local, sizeof local) == 0);
    require(listen(liar.listeners[0], 8) == 0 && listen(liar.listeners[1], 8) == 0);
    require(getsockname(liar.listeners[0], (struct sockaddr *)&line, &len) == 0);
    printf("ready listen=127.0.0.1:%u admin=%s\n", ntohs(line.sin_port), local.sun_path);
    fflush(stdout);
    lie(&liar);
}

START_TEST(broken_promises_are_noticed)
{
    char self[PATH_MAX], number[12];
    enum wrong wrong = promises[_i].wrong;
    make_place();
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert_int_gt(len, 0);
    self[len] = '\0';
    snprintf(number, sizeof number, "%d", (int)wrong);
    setenv("LIAR", number, 1);
    int status =
        run_bench("run --serve %s --directory %s --ballots %d --voters %d "
                  "--pipeline 2 --choices 2 --subscribers 1 --patience 1 --json %s",
                  self, place.directory, LIAR_BALLOTS, wrong == SEQUENCE_SHARED ? 2 : 1, json_path);
    assert_status(status, promises[_i].words ? 1 : 0);
    if (promises[_i].words && !server_logged(&place, promises[_i].words)) {
        char *log = server_read_file(place.log, &(size_t){0});
        ck_abort_msg("it did not say '%s', but:\n%s", promises[_i].words, log);
    }
    json_t *json = load_json();
    ck_assert_int_eq(number_at(json, "violation_count") > 0, promises[_i].words != NULL);
    json_decref(json);
}
END_TEST

int main(int argc, char **argv)
{
    const char *liar = getenv("LIAR");
    if (liar && argc > 1)
        be_a_liar((enum wrong)atoi(liar), argv);
    Suite *suite = suite_create("tallybench");
    TCase *tests = server_tests_case(suite, "tallybench");
    tcase_add_test(tests, all_kinds_of_load);
    tcase_add_test(tests, open_loop_of_so_many_ballots);
    tcase_add_test(tests, a_server_that_runs_already);
    tcase_add_test(tests, the_naive_server_is_right_without_stalls);
    tcase_add_test(tests, a_suite);
    tcase_add_test(tests, limits);
    tcase_add_test(tests, wrong_usage);
    tcase_add_test(tests, open_loop_ends_with_its_ballots);
    tcase_add_test(tests, an_interrupt_ends_a_run_in_order);
    tcase_add_loop_test(tests, broken_promises_are_noticed, 0,
                        (int)(sizeof promises / sizeof promises[0]));
    return server_tests_run(suite);
}
