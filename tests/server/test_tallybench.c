/* tallybench from end to end: against the real server, for a second; against the naive one; and
 * against servers that break a promise each, which it must notice. */
#include "tests/support/server.h"

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

/* A place for files; no server of tests/support/server.c is started in it. */
static struct server place;
static const char *output; /* NULL: the place's log */
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
        int log = open(output ? output : place.log, O_WRONLY | O_CREAT | O_APPEND, 0600);
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

START_TEST(all_kinds_of_load_over_http)
{
    make_place();
    int status = run_bench("run --serve %s --directory %s --duration 1 --voters 3 --http-voters 10 "
                           "--http-pipeline 3 --polls 3 --identity named:500 --subscribers 5 "
                           "--sse 30 --stalled-sse 10 --json %s --report %s -- --push-interval 5",
                           environment("TALLYCAST_BINARY", "./tallycast"), place.directory,
                           json_path, report_path);
    assert_status(status, 0);
    json_t *json = load_json();
    ck_assert_double_eq(number_at(json, "violation_count"), 0);
    ck_assert_double_eq(number_at(json, "options.stalled_sse"), 10);
    ck_assert_double_gt(number_at(json, "http_ballots_acknowledged"), 0);
    ck_assert_double_gt(number_at(json, "ballots_acknowledged"),
                        number_at(json, "http_ballots_acknowledged"));
    ck_assert_double_gt(number_at(json, "http_ballots_per_s"), 0);
    ck_assert_double_gt(number_at(json, "http_ack_ns.count"), 0);
    ck_assert_double_gt(number_at(json, "events_per_s"), 0);
    ck_assert_double_gt(number_at(json, "sse_freshness_ns.count"), 0);
    ck_assert_double_gt(number_at(json, "freshness_ns.count"), 0);
    ck_assert_double_eq(number_at(json, "server.stats_after.ballots_accepted"),
                        number_at(json, "ballots_acknowledged"));
    json_decref(json);
    size_t len;
    char *page = server_read_file(report_path, &len);
    ck_assert_ptr_nonnull(strstr(page, "Freshness of events"));
    ck_assert_ptr_nonnull(strstr(page, "Latency over HTTP"));
    free(page);
}
END_TEST

/* tallybench compares the tallies with what its ballots must count. */
START_TEST(polls_of_every_kind)
{
    make_place();
    int status =
        run_bench("run --serve %s --directory %s --duration 0.5 --voters 10 --polls 8 "
                  "--kind single,approval,score,ranked --method stv --distinct 50 --camps 3 "
                  "--identity named:500 --subscribers 16 --results 8 --json %s "
                  "-- --push-interval 5",
                  environment("TALLYCAST_BINARY", "./tallycast"), place.directory, json_path);
    assert_status(status, 0);
    json_t *json = load_json();
    ck_assert_double_eq(number_at(json, "violation_count"), 0);
    ck_assert_double_gt(number_at(json, "result_freshness_ns.count"), 0);
    ck_assert_double_gt(number_at(json, "kind_ack_ns.single.count"), 0);
    ck_assert_double_gt(number_at(json, "kind_ack_ns.approval.count"), 0);
    ck_assert_double_gt(number_at(json, "kind_ack_ns.score.count"), 0);
    ck_assert_double_gt(number_at(json, "kind_ack_ns.ranked.count"), 0);
    ck_assert_double_gt(number_at(json, "pushes_per_s"), 0);
    json_decref(json);
}
END_TEST

/* It is said before anything is measured. */
START_TEST(polls_that_there_are_not)
{
    size_t len;
    make_place();
    assert_status(run_bench("run --serve %s --directory %s --kind ranked --choices 65",
                            environment("TALLYCAST_BINARY", "./tallycast"), place.directory),
                  1);
    char *log = server_read_file(place.log, &len);
    ck_assert_ptr_nonnull(strstr(log, "tallybench: method=schulze takes at most 64 choices"));
    free(log);
}
END_TEST

/* Where each connection is a voter, its cookie says which. */
START_TEST(voters_by_their_cookies)
{
    make_place();
    int status =
        run_bench("run --serve %s --directory %s --ballots 60 --voters 0 --http-voters 3 --json %s",
                  environment("TALLYCAST_BINARY", "./tallycast"), place.directory, json_path);
    assert_status(status, 0);
    json_t *json = load_json();
    ck_assert_double_eq(number_at(json, "http_ballots_acknowledged"), 60);
    json_decref(json);
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
    ck_assert_double_gt(number_at(json, "sheets_per_s_1000"), 0);
    ck_assert_double_gt(number_at(json, "sheets_per_s_10000"), 0);
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
    RESULT_GOES_BACK,  /* an older result after a newer one */
    RESULT_OF_ANOTHER, /* poll */
    LAST_RESULT_MISSING,
    SUBSCRIBED_TO_NOTHING,
    GREETING_UNKNOWN,
    GREETING_AND_MORE,
    STATS_COUNT_OTHERWISE,
    LEDGER_SKIPS,      /* sequences that no ballot has */
    CONNECTION_CLOSED, /* in the middle */
    SERVER_DIES,
    SERVER_ENDS_BADLY, /* with a status other than 0 */
    /* Over HTTP alone: */
    REPLY_IS_NONE,    /* the bytes are no HTTP */
    REPLY_OF_A_FORM,  /* of another type than JSON */
    REPLY_ENDLESS,    /* has no length */
    COOKIE_CHANGES,   /* each reply has another, and the latest must come back: that is fine */
    HELLO_REFUSED,    /* 503 */
    EVENTS_REFUSED,   /* 503 instead of a stream */
    EVENTS_ARE_JSON,  /* a stream of another type */
    EVENT_ID_DIFFERS, /* from its tally's sequence */
};

static const struct promise {
    enum wrong wrong;
    const char *words; /* of the message; NULL if all is well */
    bool web;          /* the load comes over HTTP */
} promises[] = {
    {NOTHING_WRONG, NULL, false},
    {SEQUENCE_STANDS, "sequence 5 after 5", false},
    {SEQUENCE_SHARED, "two ballots were acknowledged with the same sequence", false},
    {BALLOT_LOST, "the server says: poll-1", false},
    {BALLOT_REFUSED, "voter 1: -STORAGE", false},
    {BALLOT_DUPLICATE, "voter 1: +OK 6 duplicate", false},
    {REPLY_TOO_MANY, "voter 1: +OK", false},
    {REPLY_OUT_OF_ORDER, "sequence 6 after 7", false},
    {REPLY_MISSING, "voter 1: +OK end", false},
    {SILENCE, "not every ballot was answered", false},
    {PUSH_TO_A_VOTER, "voter 1: > poll-1", false},
    {PUSH_GOES_BACK, "came after that of", false},
    {PUSH_FORGETS, "fewer ballots than an earlier one", false},
    {PUSH_CHANGES, "another tally with the same sequence", false},
    {PUSH_MISCOUNTS, "don't add up", false},
    {PUSH_OF_ANOTHER, "a poll that was not subscribed", false},
    {PUSH_IS_MALFORMED, "not a well-formed tally", false},
    {PUSH_WITHOUT_END, "a line of", false},
    {LAST_PUSH_MISSING, "not every subscriber got the last tally", false},
    {LAST_PUSH_DIFFERS, "the last push is not what SHOW says", false},
    {RESULT_GOES_BACK, "of another poll or older: > @result poll-1 5", false},
    {RESULT_OF_ANOTHER, "of another poll or older: > @result another", false},
    {LAST_RESULT_MISSING, "not every subscriber got the last tally", false},
    {SUBSCRIBED_TO_NOTHING, "SUBSCRIBE was answered: +OK 0", false},
    {GREETING_UNKNOWN, "the server's greeting is: +HELLO", false},
    {GREETING_AND_MORE, "unasked after the greeting: +OK", false},
    {STATS_COUNT_OTHERWISE, "the server's STATS count 7", false},
    {LEDGER_SKIPS, "the ledger went from 1 to 12", false},
    {CONNECTION_CLOSED, "the server closed the connection", false},
    {SERVER_DIES, "admin socket: ", false}, /* closed or reset, as it happens */
    {SERVER_ENDS_BADLY, "did not end well", false},
    {NOTHING_WRONG, NULL, true},
    {COOKIE_CHANGES, NULL, true},
    {SEQUENCE_STANDS, "HTTP voter 1: sequence 5 after 5", true},
    {SEQUENCE_SHARED, "two ballots were acknowledged with the same sequence", true},
    {BALLOT_LOST, "the server says: poll-1", true},
    {BALLOT_REFUSED, "a status other than 201: 503 application/problem+json: {", true},
    {BALLOT_DUPLICATE, "a duplicate: 201 application/json: {", true},
    {REPLY_TOO_MANY, "a reply that no ballot waits for: 201", true},
    {REPLY_OUT_OF_ORDER, "sequence 6 after 7", true},
    {REPLY_MISSING, "a status other than 201: 200 text/plain: hello", true},
    {REPLY_IS_NONE, "HTTP voter 1: ", true},
    {REPLY_OF_A_FORM, "a type other than application/json: 201 text/html", true},
    {REPLY_ENDLESS, "a reply without an end: 200 text/plain", true},
    {HELLO_REFUSED, "HTTP voter 1: the first reply is 503", true},
    {SILENCE, "not every ballot was answered", true},
    {PUSH_GOES_BACK, "SSE reader 1: the tally of", true},
    {PUSH_FORGETS, "fewer ballots than an earlier one", true},
    {PUSH_CHANGES, "another tally with the same sequence", true},
    {PUSH_MISCOUNTS, "don't add up", true},
    {PUSH_OF_ANOTHER, "a poll that was not subscribed", true},
    {PUSH_IS_MALFORMED, "not a well-formed event", true},
    {PUSH_WITHOUT_END, "a line of", true},
    {EVENT_ID_DIFFERS, "an event whose id is not its tally's sequence", true},
    {LAST_PUSH_MISSING, "not every subscriber got the last tally", true},
    {LAST_PUSH_DIFFERS, "the last push is not what SHOW says", true},
    {EVENTS_REFUSED, "SSE reader 1: the first reply is 503", true},
    {EVENTS_ARE_JSON, "SSE reader 1: the first reply is 200 application/json", true},
    {CONNECTION_CLOSED, "HTTP voter 1: the server closed the connection", true},
};

enum { LIAR_LINE, LIAR_WEB, LIAR_ADMIN, LIAR_LISTENERS };
enum { LIAR_CONNECTIONS = 8, LIAR_BALLOTS = 10, LIAR_ODD_SEQ = 6 /* the fifth ballot's */ };

/* A server of one poll with choices a and b, whose ballots all count; a process of its own. */
struct liar {
    enum wrong wrong;
    int listeners[LIAR_LISTENERS];
    struct liar_client {
        int fd;
        bool web, subscribed, asks_results, ignored;
        char bytes[2048];
        size_t len;
    } clients[LIAR_CONNECTIONS];
    const struct liar_client *last_voter;
    bool has_lied;
    unsigned cookie; /* the latest that was given; 0 for none */
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

/* What a tally says. */
struct told {
    const char *poll;
    uint64_t seq, ballots, a, b;
};

/* The tally as it is, with so many ballots more or less for each choice. */
static struct told told(const struct liar *liar, uint64_t seq, int more_a, int more_b)
{
    uint64_t a = liar->counts[0] + (uint64_t)more_a, b = liar->counts[1] + (uint64_t)more_b;
    return (struct told){liar->poll, seq, a + b, a, b};
}

static void say_tally(int fd, const char *prefix, const struct told *tally)
{
    say(fd, "%s%s open %" PRIu64 " %" PRIu64 " a=%" PRIu64 " b=%" PRIu64 "\n", prefix, tally->poll,
        tally->seq, tally->ballots, tally->a, tally->b);
}

static void say_event(int fd, uint64_t id, const struct told *tally)
{
    say(fd,
        "event: tally\nid: %" PRIu64
        "\ndata: {\"poll\":\"%s\",\"ledger\":\"0123456789abcdef\",\"seq\":%" PRIu64
        ",\"texts\":0,\"state\":\"open\",\"open\":true,\"hidden\":false,\"ballots\":%" PRIu64
        ",\"choices\":[{\"choice\":\"a\",\"count\":%" PRIu64
        "},{\"choice\":\"b\",\"count\":%" PRIu64 "}]}\n\n",
        id, tally->poll, tally->seq, tally->ballots, tally->a, tally->b);
}

static void push_told(const struct liar_client *client, struct told tally)
{
    if (client->web)
        say_event(client->fd, tally.seq, &tally);
    else
        say_tally(client->fd, "> ", &tally);
}

/* `> @result POLL SEQ WINNER` */
static void push_result(const struct liar *liar, const struct liar_client *client)
{
    const bool last = liar->seq == LIAR_BALLOTS + 1, odd = liar->seq == LIAR_ODD_SEQ;
    if (!client->asks_results || (last && liar->wrong == LAST_RESULT_MISSING))
        return;
    say(client->fd, "> @result %s %" PRIu64 " a\n", liar->poll, liar->seq);
    if (odd && liar->wrong == RESULT_GOES_BACK)
        say(client->fd, "> @result %s %" PRIu64 " a\n", liar->poll, liar->seq - 1);
    if (odd && liar->wrong == RESULT_OF_ANOTHER)
        say(client->fd, "> @result another %" PRIu64 " a\n", liar->seq);
}

static void push_wrong(const struct liar *liar, const struct liar_client *client)
{
    const uint64_t seq = liar->seq;
    const struct told miscounted = {liar->poll, seq + 1, 5, 5, 5};
    struct told another = told(liar, seq + 1, 0, 0);
    another.poll = "another";
    switch (liar->wrong) {
    case PUSH_GOES_BACK:
        push_told(client, told(liar, seq - 1, 0, 0));
        break;
    case PUSH_FORGETS:
        push_told(client, told(liar, seq + 1, -1, 0));
        break;
    case PUSH_CHANGES:
        push_told(client, told(liar, seq, 1, -1));
        break;
    case PUSH_MISCOUNTS:
        push_told(client, miscounted);
        break;
    case PUSH_OF_ANOTHER:
        push_told(client, another);
        break;
    case PUSH_IS_MALFORMED:
        say(client->fd, client->web ? "data: 7\n\n" : "> poll-1 open 7 1 a=\n");
        break;
    case PUSH_WITHOUT_END:
        for (int i = 0; i < 1200; i++)
            say(client->fd, "%0256d", 0);
        break;
    case EVENT_ID_DIFFERS:
        another = told(liar, seq, 0, 0);
        say_event(client->fd, seq + 1, &another);
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
        int more = last && liar->wrong == LAST_PUSH_DIFFERS;
        push_told(client, told(liar, liar->seq, more, -more));
        push_result(liar, client);
        if (liar->seq == LIAR_ODD_SEQ)
            push_wrong(liar, client);
    }
}

/* Over HTTP: a whole reply. */
static void say_reply(const struct liar_client *client, const char *status, const char *fields,
                      const char *type, const char *body)
{
    say(client->fd, "HTTP/1.1 %s\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status,
        fields, type, strlen(body), body);
}

static void say_recorded(const struct liar_client *client, const char *fields, const char *type,
                         uint64_t seq, bool duplicate)
{
    char body[80];
    if (!client->web) {
        say(client->fd, "+OK %" PRIu64 "%s\n", seq, duplicate ? " duplicate" : "");
        return;
    }
    snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"duplicate\":%s}", seq,
             duplicate ? "true" : "false");
    say_reply(client, "201 Created", fields, type, body);
}

/* The first reply gives a cookie, which the next request must bring. */
static void say_ok(struct liar *liar, const struct liar_client *client, uint64_t seq)
{
    char fields[64] = "";
    if (client->web && (liar->cookie == 0 || liar->wrong == COOKIE_CHANGES))
        snprintf(fields, sizeof fields, "Set-Cookie: liar=%u; HttpOnly\r\n", ++liar->cookie);
    say_recorded(client, fields, "application/json", seq, false);
}

static void refuse_ballot(const struct liar_client *client)
{
    if (client->web)
        say_reply(client, "503 Service Unavailable", "", "application/problem+json",
                  "{\"code\":\"STORAGE\"}");
    else
        say(client->fd, "-STORAGE the disk is full\n");
}

/* Answers the ballot that is wrong. */
static void answer_wrong(struct liar *liar, struct liar_client *client)
{
    const uint64_t seq = liar->seq;
    switch (liar->wrong) {
    case SEQUENCE_STANDS:
        say_ok(liar, client, seq - 1);
        break;
    case BALLOT_REFUSED:
        refuse_ballot(client);
        break;
    case BALLOT_DUPLICATE:
        say_recorded(client, "", "application/json", seq, true);
        break;
    case REPLY_TOO_MANY:
        say_ok(liar, client, seq);
        say_ok(liar, client, seq + 100);
        say_ok(liar, client, seq + 101);
        break;
    case REPLY_OUT_OF_ORDER: /* with its successor */
    case REPLY_MISSING:
        break;
    case REPLY_IS_NONE:
        say(client->fd, "+OK %" PRIu64 "\n", seq);
        break;
    case REPLY_OF_A_FORM:
        say_recorded(client, "", "text/html", seq, false);
        break;
    case REPLY_ENDLESS:
        say(client->fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
        break;
    case SILENCE:
        client->ignored = true;
        break;
    case PUSH_TO_A_VOTER:
        push_told(client, told(liar, seq, 0, 0));
        break;
    case CONNECTION_CLOSED:
        client->ignored = true;
        shutdown(client->fd, SHUT_WR);
        break;
    case SERVER_DIES:
        _exit(0);
    default:
        say_ok(liar, client, seq);
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
        say_ok(liar, client, liar->seq - 1);
    } else {
        say_ok(liar, client, liar->seq);
        if (liar->seq == LIAR_ODD_SEQ + 1 && liar->wrong == REPLY_OUT_OF_ORDER)
            say_ok(liar, client, liar->seq - 1);
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
        client->asks_results = strstr(line, " results=yes");
        say(client->fd, "+OK %d\n", liar->wrong != SUBSCRIBED_TO_NOTHING);
        push_told(client, told(liar, liar->seq, 0, 0));
    } else if (strncmp(line, "SHOW ", 5) == 0) {
        const struct told tally = told(liar, liar->seq, 0, 0);
        say_tally(client->fd, "+OK ", &tally);
    } else if (strcmp(line, "STATS") == 0) {
        bool after = liar->seq > 1;
        uint64_t accepted = after && liar->wrong == STATS_COUNT_OTHERWISE ? 7 : liar->seq - 1;
        say(client->fd, "=ballots_accepted %" PRIu64 "\n=ledger_seq %" PRIu64 "\n+OK\n", accepted,
            liar->seq + (after && liar->wrong == LEDGER_SKIPS));
    } else {
        say(client->fd, "+OK%s\n", strchr(line, ' ') ? strchr(line, ' ') : "");
    }
}

static void take_events_request(struct liar *liar, struct liar_client *client)
{
    if (liar->wrong == EVENTS_REFUSED) {
        say_reply(client, "503 Service Unavailable", "", "text/plain", "later");
        return;
    }
    client->subscribed = true;
    say(client->fd, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\nretry: 2000\n\n",
        liar->wrong == EVENTS_ARE_JSON ? "application/json" : "text/event-stream");
    push_told(client, told(liar, liar->seq, 0, 0));
    say(client->fd, "event: beat\ndata: {}\n\n");
}

/* Of pipelined requests, later ones may lack a cookie that only an earlier one's reply gave. */
static bool has_cookie(const struct liar *liar, const char *head)
{
    unsigned cookie = 0;
    const char *field = strstr(head, "\r\nCookie: liar=");
    if (field)
        sscanf(field, "\r\nCookie: liar=%u\r\n", &cookie);
    return cookie + 2 > liar->cookie;
}

static void take_request(struct liar *liar, struct liar_client *client, const char *head,
                         const char *body)
{
    if (client->ignored)
        return;
    if (strncmp(head, "POST /polls/poll-1/ballots ", 27) == 0 && has_cookie(liar, head))
        take_vote(liar, client, strcmp(body, "{\"choice\":\"a\"}") == 0);
    else if (strncmp(head, "GET /polls/poll-1/events ", 25) == 0)
        take_events_request(liar, client);
    else if (strncmp(head, "GET /hello ", 11) == 0 && liar->wrong != HELLO_REFUSED)
        say_reply(client, "200 OK", "", "text/plain", "hello\n");
    else
        say_reply(client, "503 Service Unavailable", "", "text/plain", "not so");
}

/* Takes a request or a line off what was heard. False if there is none. */
static bool take_message(struct liar *liar, struct liar_client *client)
{
    char message[sizeof client->bytes + 1], *end;
    size_t len = 0;
    memcpy(message, client->bytes, client->len);
    message[client->len] = '\0';
    end = strstr(message, client->web ? "\r\n\r\n" : "\n");
    if (!end)
        return false;
    char *body = end + (client->web ? 4 : 1);
    const char *length = client->web ? strstr(message, "Content-Length: ") : NULL;
    if (length && length < end)
        len = strtoul(length + strlen("Content-Length: "), NULL, 10);
    size_t used = (size_t)(body - message) + len;
    if (used > client->len)
        return false;
    client->len -= used;
    memmove(client->bytes, client->bytes + used, client->len);
    *end = '\0';
    body[len] = '\0';
    if (client->web)
        take_request(liar, client, message, body);
    else
        take_line(liar, client, message);
    return true;
}

static void hear(struct liar *liar, struct liar_client *client)
{
    ssize_t n =
        recv(client->fd, client->bytes + client->len, sizeof client->bytes - client->len, 0);
    if (n <= 0) {
        close(client->fd);
        *client = (struct liar_client){.fd = -1};
        return;
    }
    client->len += (size_t)n;
    while (take_message(liar, client))
        ;
}

static void greet(struct liar *liar, int listener)
{
    int i = 0;
    while (i < LIAR_CONNECTIONS && liar->clients[i].fd >= 0)
        i++;
    if (i == LIAR_CONNECTIONS)
        _exit(1);
    bool web = listener == liar->listeners[LIAR_WEB];
    liar->clients[i] = (struct liar_client){.fd = accept(listener, NULL, NULL), .web = web};
    if (web)
        return;
    bool wrong = listener == liar->listeners[LIAR_LINE];
    say(liar->clients[i].fd, "+%s 1 max-line=1024\n%s",
        wrong && liar->wrong == GREETING_UNKNOWN ? "HELLO" : "TALLYCAST",
        wrong && liar->wrong == GREETING_AND_MORE ? "+OK 1\n" : "");
}

static void lie(struct liar *liar)
{
    for (;;) {
        struct pollfd set[LIAR_CONNECTIONS + LIAR_LISTENERS];
        for (int i = 0; i < LIAR_CONNECTIONS; i++)
            set[i] = (struct pollfd){.fd = liar->clients[i].fd, .events = POLLIN};
        for (int i = 0; i < LIAR_LISTENERS; i++)
            set[LIAR_CONNECTIONS + i] = (struct pollfd){.fd = liar->listeners[i], .events = POLLIN};
        poll(set, LIAR_CONNECTIONS + LIAR_LISTENERS, -1);
        for (int i = 0; i < LIAR_CONNECTIONS; i++)
            if (set[i].fd >= 0 && set[i].revents)
                hear(liar, &liar->clients[i]);
        for (int i = 0; i < LIAR_LISTENERS; i++)
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

/* A listening socket, whose address is told. */
static int listen_anywhere(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(bind(fd, (struct sockaddr *)address, sizeof *address) == 0 && listen(fd, 8) == 0);
    require(getsockname(fd, (struct sockaddr *)address, &len) == 0);
    return fd;
}

/* What --serve starts: this program again, with LIAR in its environment and the arguments of a
 * tallycast, of which --admin matters. Never returns. */
static void be_a_liar(enum wrong wrong, char **arguments)
{
    static struct liar liar;
    struct sockaddr_in line, web;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    liar.wrong = wrong;
    for (int i = 0; i < LIAR_CONNECTIONS; i++)
        liar.clients[i].fd = -1;
    signal(SIGTERM, wrong == SERVER_ENDS_BADLY ? end_badly : end_well);
    while (*arguments && strcmp(*arguments, "--admin") != 0)
        arguments++;
    require(arguments[0] && arguments[1] && strlen(arguments[1]) < sizeof local.sun_path);
    strcpy(local.sun_path, arguments[1]);
    liar.listeners[LIAR_LINE] = listen_anywhere(&line);
    liar.listeners[LIAR_WEB] = listen_anywhere(&web);
    liar.listeners[LIAR_ADMIN] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(bind(liar.listeners[LIAR_ADMIN], (struct sockaddr *)&local, sizeof local) == 0);
    require(listen(liar.listeners[LIAR_ADMIN], 8) == 0);
    printf("ready listen=127.0.0.1:%u http=127.0.0.1:%u admin=%s\n", ntohs(line.sin_port),
           ntohs(web.sin_port), local.sun_path);
    fflush(stdout);
    lie(&liar);
}

START_TEST(broken_promises_are_noticed)
{
    char self[PATH_MAX], number[12];
    const struct promise *promise = &promises[_i];
    const char *load = promise->web ? "--voters 0 --http-pipeline 2 --sse 1 --http-voters"
                                    : "--pipeline 2 --subscribers 1 --results 1 --voters";
    make_place();
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert_int_gt(len, 0);
    self[len] = '\0';
    snprintf(number, sizeof number, "%d", (int)promise->wrong);
    setenv("LIAR", number, 1);
    int status = run_bench("run --serve %s --directory %s --ballots %d --choices 2 --patience 1 "
                           "--json %s %s %d",
                           self, place.directory, LIAR_BALLOTS, json_path, load,
                           promise->wrong == SEQUENCE_SHARED ? 2 : 1);
    assert_status(status, promise->words ? 1 : 0);
    if (promise->words && !server_logged(&place, promise->words)) {
        char *log = server_read_file(place.log, &(size_t){0});
        ck_abort_msg("it did not say '%s', but:\n%s", promise->words, log);
    }
    json_t *json = load_json();
    ck_assert_int_eq(number_at(json, "violation_count") > 0, promise->words != NULL);
    json_decref(json);
}
END_TEST

static const char *const short_ones[] = {"--help",   "-h",        "run --help",
                                         "suite -h", "--version", "-V"};

START_TEST(output_that_is_lost_is_an_error)
{
    make_place();
    assert_status(run_bench("%s", short_ones[_i]), 0);
    output = "/dev/full";
    assert_status(run_bench("%s", short_ones[_i]), 1);
}
END_TEST

int main(int argc, char **argv)
{
    const char *liar = getenv("LIAR");
    if (liar && argc > 1)
        be_a_liar((enum wrong)atoi(liar), argv);
    return server_tests_run(
        "tallybench",
        UNIT_CASES({"tallybench",
                    .tests = {{all_kinds_of_load},
                              {all_kinds_of_load_over_http},
                              {polls_of_every_kind},
                              {polls_that_there_are_not},
                              {voters_by_their_cookies},
                              {open_loop_of_so_many_ballots},
                              {a_server_that_runs_already},
                              {the_naive_server_is_right_without_stalls},
                              {a_suite},
                              {limits},
                              {wrong_usage},
                              {output_that_is_lost_is_an_error, .loops = UNIT_COUNT(short_ones)},
                              {open_loop_ends_with_its_ballots},
                              {an_interrupt_ends_a_run_in_order},
                              {broken_promises_are_noticed, .loops = UNIT_COUNT(promises)}}}));
}
