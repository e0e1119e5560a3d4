/* tallyctl, run as anybody runs it, against the real server: what it prints to a pipe, to a
 * terminal and as JSON, and its exit statuses.
 *
 * Nothing sleeps: every wait is for the program's output or its end, with a deadline. */
#include "server.h"

#include "tools/tallyctl.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 16, OUTPUT_MAX = 1 << 20, TERMINAL_COLUMNS = 80, TERMINAL_ROWS = 24 };

static struct server server;
static struct client *client;

/* ---- the program ---- */

/* What its standard output is. */
enum outlet { TO_PIPE, TO_TERMINAL, TO_FULL_DISK };

/* Bytes that it printed, NUL-terminated. */
struct output {
    int fd; /* -1 once it has ended */
    size_t len;
    char bytes[OUTPUT_MAX];
};

/* The one that runs, or that ran last. */
static struct {
    pid_t pid;
    size_t taken; /* bytes of `out` that ctl_line has returned */
    struct output out, err;
} ctl;

/* The terminal's two ends. It passes output on as it is. */
static void open_terminal(int ends[2])
{
    const struct winsize size = {.ws_row = TERMINAL_ROWS, .ws_col = TERMINAL_COLUMNS};
    struct termios modes;
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert(ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert(ends[1] >= 0 && tcgetattr(ends[1], &modes) == 0);
    cfmakeraw(&modes);
    ck_assert_int_eq(tcsetattr(ends[1], TCSANOW, &modes), 0);
    ck_assert_int_eq(ioctl(ends[1], TIOCSWINSZ, &size), 0);
}

static void open_outlet(enum outlet outlet, int ends[2])
{
    if (outlet == TO_TERMINAL)
        open_terminal(ends);
    else
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    if (outlet == TO_FULL_DISK) {
        close(ends[1]);
        ends[1] = open("/dev/full", O_WRONLY | O_CLOEXEC);
        ck_assert_int_ge(ends[1], 0);
    }
}

/* Becomes tallyctl. Returns only if that fails. */
static void become_ctl(const char *const *arguments, int out, int err)
{
    const char *binary = getenv("TALLYCTL_BINARY");
    char *all[ARGUMENTS_MAX + 2] = {NULL};
    all[0] = strdup(binary != NULL ? binary : "./tallyctl");
    for (unsigned i = 0; arguments[i] != NULL && i < ARGUMENTS_MAX; i++)
        all[i + 1] = strdup(arguments[i]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(all[0], all);
    perror(all[0]);
}

static void ctl_start(enum outlet outlet, const char *const *arguments)
{
    int out[2], err[2];
    open_outlet(outlet, out);
    open_outlet(TO_PIPE, err);
    ck_assert_int_eq(ctl.pid, 0);
    ctl.pid = fork();
    ck_assert_int_ge(ctl.pid, 0);
    if (ctl.pid == 0) {
        become_ctl(arguments, out[1], err[1]);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    ctl.taken = ctl.out.len = ctl.err.len = 0;
    ctl.out.bytes[0] = ctl.err.bytes[0] = '\0';
    ctl.out.fd = out[0];
    ctl.err.fd = err[0];
}

static void take_output(struct output *output)
{
    ck_assert_uint_lt(output->len + 1, OUTPUT_MAX);
    ssize_t len =
        read(output->fd, output->bytes + output->len, OUTPUT_MAX - 1 - output->len);
    if (len > 0) {
        output->len += (size_t)len;
        output->bytes[output->len] = '\0';
        return;
    }
    ck_assert(len == 0 || errno == EIO); /* EIO is the end of a terminal */
    close(output->fd);
    output->fd = -1;
}

/* Takes what it prints next. */
static void ctl_receive(void)
{
    struct pollfd wanted[] = {{.fd = ctl.out.fd, .events = POLLIN},
                              {.fd = ctl.err.fd, .events = POLLIN}};
    ck_assert_msg(poll(wanted, 2, SERVER_DEADLINE_S * 1000) > 0, "tallyctl prints nothing");
    if (wanted[0].revents != 0)
        take_output(&ctl.out);
    if (wanted[1].revents != 0)
        take_output(&ctl.err);
}

/* The next line, without its LF. */
static const char *ctl_line(void)
{
    char *line = ctl.out.bytes + ctl.taken, *end;
    while ((end = strchr(line, '\n')) == NULL) {
        ck_assert_msg(ctl.out.fd >= 0, "tallyctl has ended: %s", ctl.err.bytes);
        ctl_receive();
    }
    *end = '\0';
    ctl.taken = (size_t)(end - ctl.out.bytes) + 1;
    return line;
}

/* Waits for its end. Returns its exit status, or the negated number of the signal that ended it. */
static int ctl_wait(void)
{
    int status;
    while (ctl.out.fd >= 0 || ctl.err.fd >= 0)
        ctl_receive();
    ck_assert_int_eq(waitpid(ctl.pid, &status, 0), ctl.pid);
    ctl.pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void assert_status(int expected)
{
    int status = ctl_wait();
    ck_assert_msg(status == expected, "tallyctl ends with %d: %s", status, ctl.err.bytes);
}

static void run(enum outlet outlet, int status, const char *const *arguments)
{
    ctl_start(outlet, arguments);
    assert_status(status);
    if (status == STATUS_DONE)
        ck_assert_str_eq(ctl.err.bytes, "");
}

static void expect_output(enum outlet outlet, const char *output, const char *const *arguments)
{
    run(outlet, STATUS_DONE, arguments);
    ck_assert_str_eq(ctl.out.bytes, output);
}

static void expect_failure(int status, const char *why, const char *const *arguments)
{
    run(TO_PIPE, status, arguments);
    ck_assert_str_eq(ctl.out.bytes, "");
    assert_match(ctl.err.bytes, "^tallyctl: .+\n$");
    ck_assert_msg(strstr(ctl.err.bytes, why) != NULL, "\"%s\" does not say \"%s\"", ctl.err.bytes,
                  why);
}

#define ARGUMENTS(...)          ((const char *const[]){__VA_ARGS__, NULL})
#define START(...)              ctl_start(TO_PIPE, ARGUMENTS(__VA_ARGS__))
#define RUN(status, ...)        run(TO_PIPE, status, ARGUMENTS(__VA_ARGS__))
#define EXPECT(output, ...)     expect_output(TO_PIPE, output, ARGUMENTS(__VA_ARGS__))
#define EXPECT_TTY(output, ...) expect_output(TO_TERMINAL, output, ARGUMENTS(__VA_ARGS__))
#define EXPECT_FAILURE(status, why, ...) expect_failure(status, why, ARGUMENTS(__VA_ARGS__))

/* The next line of a program that prints JSON, one object a line; freed by the caller. */
static json_t *json_line(void)
{
    json_error_t error;
    const char *line = ctl_line();
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json_is_object(object), "%s: %s", line, error.text);
    return object;
}

/* The next line is this JSON. */
static void expect_json(const char *text)
{
    json_t *object = json_line(), *expected = json_loads(text, 0, NULL);
    char *printed = json_dumps(object, JSON_COMPACT);
    ck_assert_ptr_nonnull(expected);
    ck_assert_msg(json_equal(object, expected), "%s and not %s", printed, text);
    free(printed);
    json_decref(object);
    json_decref(expected);
}

static void expect_no_more(void)
{
    ck_assert_str_eq(ctl.out.bytes + ctl.taken, "");
}

/* ---- the server ---- */

static void start(void)
{
    server_start(&server, "--push-interval", "0", NULL);
    setenv("TALLYCAST_ADMIN", server.admin, 1);
    client = server_client(&server);
}

static void set_up(void)
{
    setenv("LC_ALL", "C.UTF-8", 1);
    server_init(&server);
    start();
    EXPECT("1\n", "create", "lunch", "pizza", "sushi", "ballots=unlimited");
}

static void tear_down(void)
{
    if (ctl.pid != 0)
        kill(ctl.pid, SIGKILL);
    server_end(&server);
}

/* The path of a file in the server's directory, valid until the next call. */
static const char *in_directory(const char *name)
{
    static char path[SERVER_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", server.directory, name);
    return path;
}

/* ---- what changes something ---- */

START_TEST(changes_tell_their_sequence)
{
    EXPECT("2\n", "vote", "lunch", "pizza", "id=1");
    EXPECT("2 duplicate\n", "vote", "lunch", "pizza", "id=1");
    EXPECT("3\n", "close", "lunch");
    EXPECT("3 duplicate\n", "close", "lunch");
    EXPECT("4\n", "open", "lunch");
    EXPECT("5\n", "title", "lunch", "Where do", "we eat?");
    EXPECT("6\n", "label", "lunch", "pizza", "Pizza", "margherita");
    client_ask(client, "DESCRIBE lunch", "=title Where do we eat?");
    client_ask(client, "SHOW lunch", "=setting ballots unlimited");
}
END_TEST

START_TEST(changes_tell_their_sequence_in_json)
{
    RUN(STATUS_DONE, "--json", "vote", "lunch", "pizza", "id=1");
    expect_json("{\"seq\": 2, \"duplicate\": false}");
    RUN(STATUS_DONE, "vote", "lunch", "--json", "pizza", "id=1");
    expect_json("{\"seq\": 2, \"duplicate\": true}");
    RUN(STATUS_DONE, "create", "tea", "green", "black", "voters=named", "--json");
    expect_json("{\"seq\": 3, \"duplicate\": false}");
    expect_no_more();
}
END_TEST

START_TEST(a_text_may_begin_with_a_dash)
{
    EXPECT("2\n", "title", "lunch", "--json", "-1");
    client_ask(client, "DESCRIBE lunch", "=title --json -1");
}
END_TEST

START_TEST(what_the_server_refuses)
{
    EXPECT_FAILURE(STATUS_REFUSED, "POLL-EXISTS", "create", "lunch", "a", "b");
    EXPECT_FAILURE(STATUS_REFUSED, "BAD-ARGUMENT", "create", "tea", "a", "a");
    EXPECT_FAILURE(STATUS_REFUSED, "NO-SUCH-POLL", "close", "tea");
    EXPECT_FAILURE(STATUS_REFUSED, "NO-SUCH-POLL", "show", "tea");
    EXPECT_FAILURE(STATUS_REFUSED, "NO-SUCH-POLL", "watch", "tea");
    EXPECT_FAILURE(STATUS_REFUSED, "NO-SUCH-CHOICE", "vote", "lunch", "tea");
    EXPECT_FAILURE(STATUS_REFUSED, "NO-SUCH-CLIENT", "kick", "4711");
    EXPECT_FAILURE(STATUS_REFUSED, "BAD-ARGUMENT", "kick", "all");
    EXPECT_FAILURE(STATUS_REFUSED, "there is no such poll", "export", "tea");
}
END_TEST

/* ---- tallies ---- */

START_TEST(polls_to_a_pipe)
{
    EXPECT("2\n", "create", "award", "film", "book", "reveal=closed");
    EXPECT("3\n", "vote", "lunch", "sushi");
    EXPECT("4\n", "vote", "award", "book");
    EXPECT("lunch\topen\t1\t3\tsushi\naward\topen\t1\t4\t(hidden)\n", "polls");
    EXPECT("5\n", "vote", "lunch", "pizza");
    EXPECT("lunch\topen\t2\t5\t-\naward\topen\t1\t4\t(hidden)\n", "polls");
    RUN(STATUS_DONE, "polls", "--json");
    expect_json("{\"poll\": \"lunch\", \"state\": \"open\", \"seq\": 5, \"ballots\": 2, "
                "\"hidden\": false, \"choices\": [{\"choice\": \"pizza\", \"count\": 1}, "
                "{\"choice\": \"sushi\", \"count\": 1}]}");
    expect_json("{\"poll\": \"award\", \"state\": \"open\", \"seq\": 4, \"ballots\": 1, "
                "\"hidden\": true, \"choices\": []}");
    expect_no_more();
}
END_TEST

START_TEST(polls_on_a_terminal)
{
    EXPECT("2\n", "vote", "lunch", "sushi");
    EXPECT_TTY("POLL   STATE  BALLOTS  SEQ  LEADER\n"
               "lunch  open         1    2  sushi\n",
               "polls");
}
END_TEST

START_TEST(show_to_a_pipe)
{
    EXPECT("2\n", "vote", "lunch", "sushi");
    EXPECT("pizza\t0\nsushi\t1\n", "show", "LUNCH");
    EXPECT("3\n", "title", "lunch", "Where?");
    RUN(STATUS_DONE, "show", "lunch", "--json");
    expect_json("{\"poll\": \"lunch\", \"state\": \"open\", \"seq\": 2, \"ballots\": 1, "
                "\"hidden\": false, \"title\": \"Where?\", \"settings\": {"
                "\"ballots\": \"unlimited\", \"voters\": \"connection\", \"reveal\": \"live\", "
                "\"record\": \"pseudonym\", \"state\": \"open\"}, \"choices\": ["
                "{\"choice\": \"pizza\", \"label\": \"pizza\", \"count\": 0}, "
                "{\"choice\": \"sushi\", \"label\": \"sushi\", \"count\": 1}]}");
    expect_no_more();
}
END_TEST

START_TEST(hidden_counts_are_not_shown)
{
    EXPECT("2\n", "create", "award", "film", "book", "reveal=closed");
    EXPECT("3\n", "vote", "award", "book");
    EXPECT_FAILURE(STATUS_REFUSED, "hidden", "show", "award");
    EXPECT_TTY("award\n"
               "award: open, 1 ballot, counts hidden until it is closed\n"
               "  film\n"
               "  book\n",
               "show", "award");
    EXPECT("4\n", "close", "award");
    EXPECT("film\t0\nbook\t1\n", "show", "award");
}
END_TEST

/* A bar of 50 columns. */
static const char *bar(const char *cell, unsigned filled)
{
    static char bars[2][256];
    static unsigned next;
    char *bar = bars[next++ % 2];
    bar[0] = '\0';
    for (unsigned i = 0; i < 50; i++)
        strcat(bar, i < filled ? cell : " ");
    return bar;
}

/* Pizza has two ballots and sushi one. */
static void assert_bars(const char *cell)
{
    char expected[1024];
    snprintf(expected, sizeof expected,
             "Where do we eat?\n"
             "lunch: open, 3 ballots\n"
             "  pizza   %s  2   66.7%%  leads\n"
             "  Sushi!  %s  1   33.3%%\n",
             bar(cell, 50), bar(cell, 25));
    EXPECT_TTY(expected, "show", "lunch");
}

START_TEST(show_on_a_terminal_draws_bars)
{
    EXPECT("2\n", "title", "lunch", "Where do we eat?");
    EXPECT("3\n", "label", "lunch", "sushi", "Sushi!");
    EXPECT("4\n", "vote", "lunch", "pizza");
    EXPECT("5\n", "vote", "lunch", "pizza");
    EXPECT("6\n", "vote", "lunch", "sushi");
    assert_bars("\u2588");
    setenv("LC_ALL", "C", 1);
    assert_bars("#");
}
END_TEST

/* ---- what a terminal must not be sent ---- */

/* Nothing but text and ends of lines. */
static void assert_harmless(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        ck_assert_msg(*at >= 0x20 || *at == '\n', "byte %02x is printed: %s", *at, text);
        ck_assert_msg(*at != 0x7f && !(at[0] == 0xc2 && at[1] < 0xa0), "a control is printed: %s",
                      text);
    }
}

/* Changes the closed database with SQL, as no server would. */
static void tamper(const char *path, const char *sql)
{
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(path, &database), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s", sql,
                  sqlite3_errmsg(database));
    sqlite3_close(database);
}

/* The protocol lets no control characters in, but the database may hold any. */
START_TEST(a_terminal_gets_no_control_characters)
{
    server_end(&server);
    tamper(server.database,
           "INSERT INTO poll_event VALUES"
           " (2, 2, 1, 'title', NULL, 'red ' || char(27) || '[31m' || char(7, 127, 0x9b, 0x202e)),"
           " (3, 3, 1, 'label', 1, char(27) || ']0;title' || char(7))");
    start();
    run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("show", "lunch"));
    assert_harmless(ctl.out.bytes);
    ck_assert_ptr_nonnull(
        strstr(ctl.out.bytes, "red \\x1b[31m\\x07\\x7f\\xc2\\x9b\\xe2\\x80\\xae\n"));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "  \\x1b]0;title\\x07  "));
    run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("show", "lunch", "--json"));
    assert_harmless(ctl.out.bytes);
    json_t *object = json_line();
    ck_assert_str_eq(json_string_value(json_object_get(object, "title")),
                     "red \x1b[31m\x07\x7f\u009b\u202e");
    json_decref(object);
}
END_TEST

START_TEST(errors_have_no_control_characters)
{
    EXPECT_FAILURE(STATUS_USAGE, "\\x1b[31m", "show", "\x1b[31m");
    assert_harmless(ctl.err.bytes);
    EXPECT_FAILURE(STATUS_USAGE, "\\x1b[31m", "\x1b[31m");
    assert_harmless(ctl.err.bytes);
}
END_TEST

/* ---- watch ---- */

START_TEST(watch_prints_each_change)
{
    START("watch", "lunch", "--count", "2");
    ck_assert_str_eq(ctl_line(), "lunch open 1 0 pizza=0 sushi=0");
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    ck_assert_str_eq(ctl_line(), "lunch open 2 1 pizza=0 sushi=1");
    client_ask(client, "VOTE lunch pizza", "+OK 3");
    ck_assert_str_eq(ctl_line(), "lunch open 3 2 pizza=1 sushi=1");
    assert_status(STATUS_DONE);
    expect_no_more();
}
END_TEST

START_TEST(watch_in_json)
{
    START("watch", "lunch", "--count", "1", "--json");
    expect_json("{\"poll\": \"lunch\", \"state\": \"open\", \"seq\": 1, \"ballots\": 0, "
                "\"hidden\": false, \"choices\": [{\"choice\": \"pizza\", \"count\": 0}, "
                "{\"choice\": \"sushi\", \"count\": 0}]}");
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    expect_json("{\"poll\": \"lunch\", \"state\": \"open\", \"seq\": 2, \"ballots\": 1, "
                "\"hidden\": false, \"choices\": [{\"choice\": \"pizza\", \"count\": 0}, "
                "{\"choice\": \"sushi\", \"count\": 1}]}");
    assert_status(STATUS_DONE);
    expect_no_more();
}
END_TEST

START_TEST(watch_without_names_follows_new_polls_too)
{
    START("watch", "--count", "2");
    ck_assert_str_eq(ctl_line(), "lunch open 1 0 pizza=0 sushi=0");
    client_ask(server_admin(&server), "CREATE tea green black", "+OK 2");
    ck_assert_str_eq(ctl_line(), "tea open 2 0 green=0 black=0");
    client_ask(client, "VOTE tea black", "+OK 3");
    ck_assert_str_eq(ctl_line(), "tea open 3 1 green=0 black=1");
    assert_status(STATUS_DONE);
}
END_TEST

START_TEST(watch_ends_when_its_time_is_over)
{
    EXPECT("lunch open 1 0 pizza=0 sushi=0\n", "watch", "lunch", "Lunch", "--timeout", "0.3");
}
END_TEST

START_TEST(watch_ends_by_the_signal_that_it_gets)
{
    START("watch");
    ctl_line();
    ck_assert_int_eq(kill(ctl.pid, SIGINT), 0);
    assert_status(-SIGINT);
}
END_TEST

START_TEST(watch_tells_that_the_server_is_gone)
{
    START("watch");
    ctl_line();
    server_signal(&server, SIGKILL);
    assert_status(STATUS_NO_CONNECTION);
    ck_assert_ptr_nonnull(strstr(ctl.err.bytes, "connection to the server was lost"));
    server_wait(&server);
}
END_TEST

/* On the terminal's other screen, which is left with the last frame on the first one. */
START_TEST(watch_on_a_terminal_redraws_in_place)
{
    static const char on[] = "\033[?1049h\033[?25l\033[?7l", off[] = "\033[?7h\033[?25h\033[?1049l";
    char last[1024];
    ctl_start(TO_TERMINAL, ARGUMENTS("watch", "lunch", "--count", "1"));
    while (strstr(ctl.out.bytes, "lunch: open, 0 ballots") == NULL)
        ctl_receive();
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    assert_status(STATUS_DONE);
    snprintf(last, sizeof last,
             "%slunch\n"
             "lunch: open, 1 ballot\n"
             "  pizza  %s  0    0.0%%\n"
             "  sushi  %s  1  100.0%%  leads\n",
             off, bar("\u2588", 0), bar("\u2588", 50));
    ck_assert_int_eq(strncmp(ctl.out.bytes, on, strlen(on)), 0);
    const char *left = strstr(ctl.out.bytes, off);
    ck_assert_ptr_nonnull(left);
    ck_assert_str_eq(left, last);
}
END_TEST

/* ---- the server's state ---- */

START_TEST(stats_to_a_pipe)
{
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    RUN(STATUS_DONE, "stats");
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "\nballots_accepted\t1\n"));
    RUN(STATUS_DONE, "stats", "--json");
    json_t *stats = json_line();
    ck_assert_int_eq(json_integer_value(json_object_get(stats, "ballots_accepted")), 1);
    ck_assert_ptr_null(json_object_get(stats, "rates"));
    json_decref(stats);
    expect_no_more();
}
END_TEST

START_TEST(stats_are_watched)
{
    START("stats", "--watch", "--count", "1", "--json");
    json_decref(json_line());
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    json_t *stats = json_line();
    json_t *rate = json_object_get(json_object_get(stats, "rates"), "ballots_accepted");
    ck_assert(json_real_value(rate) > 0.5 && json_real_value(rate) < 1.5);
    json_decref(stats);
    assert_status(STATUS_DONE);
    expect_no_more();
}
END_TEST

/* Has a client's socket take no more: it asks for much, and reads nothing. */
static void stall(struct client *staller)
{
    enum { LISTINGS = 6000 };
    static char lines[LISTINGS * 6 + 1];
    for (unsigned i = 0; i < LISTINGS; i++)
        strcpy(lines + i * 6, "POLLS\n");
    ck_assert_int_eq(send(staller->fd, lines, sizeof lines - 1, MSG_DONTWAIT), sizeof lines - 1);
}

static void create_wide_poll(void)
{
    char line[1024];
    size_t len = (size_t)sprintf(line, "CREATE wide");
    for (unsigned i = 0; i < 200; i++)
        len += (size_t)sprintf(line + len, " c%02x", i);
    client_ask(server_admin(&server), line, "+OK 2");
}

static json_int_t json_number(json_t *object, const char *name)
{
    json_t *number = json_object_get(object, name);
    ck_assert_msg(json_is_integer(number), "there is no number %s", name);
    return json_integer_value(number);
}

/* The first row of `clients`. Its id is returned, and its unsent and pending bytes set. */
static json_int_t first_client(json_int_t *backlog)
{
    RUN(STATUS_DONE, "clients", "--json");
    json_t *row = json_line();
    json_int_t id = json_number(row, "id");
    *backlog = json_number(row, "unsent") + json_number(row, "pending");
    ck_assert(json_is_string(json_object_get(row, "peer")));
    ck_assert(json_is_string(json_object_get(row, "kind")));
    json_decref(row);
    return id;
}

START_TEST(clients_lists_those_first_that_hold_the_most_back)
{
    json_int_t first, backlog = 0;
    char pattern[64];
    create_wide_poll();
    stall(server_client(&server));
    struct client *other = server_client(&server);
    client_ask(other, "AS 7", "+OK 7");
    int64_t deadline_ms = server_now_ms() + SERVER_DEADLINE_S * 1000;
    while ((first = first_client(&backlog)), backlog == 0)
        ck_assert_msg(server_now_ms() < deadline_ms, "nobody is stalled");
    json_int_t before = 0;
    for (unsigned i = 0; i < 4; i++) { /* the others, by their ids */
        json_t *row = json_line();
        ck_assert_int_eq(json_number(row, "unsent"), 0);
        ck_assert_int_gt(json_number(row, "id"), before);
        before = json_number(row, "id");
        json_decref(row);
    }
    expect_no_more();
    RUN(STATUS_DONE, "clients");
    ck_assert_int_eq(strncmp(ctl_line(), "ID  ", 4), 0);
    snprintf(pattern, sizeof pattern, "^ *%d  ", (int)first);
    assert_match(ctl_line(), pattern);
}
END_TEST

START_TEST(kick_closes_a_connection)
{
    json_int_t backlog = 0;
    char id[32];
    snprintf(id, sizeof id, "%d", (int)first_client(&backlog)); /* the client's: the oldest */
    EXPECT("", "kick", id);
    ck_assert_ptr_null(client_line_or_end(client));
    EXPECT_FAILURE(STATUS_REFUSED, "NO-SUCH-CLIENT", "kick", id);
    client = server_client(&server);
    snprintf(id, sizeof id, "%d", (int)first_client(&backlog));
    RUN(STATUS_DONE, "kick", id, "--json");
    expect_json("{\"ok\": true}");
}
END_TEST

START_TEST(shutdown_stops_the_server)
{
    EXPECT("", "shutdown");
    client_expect_end(client);
    ck_assert_int_eq(server_wait(&server), 0);
    EXPECT_FAILURE(STATUS_NO_CONNECTION, "no connection", "shutdown");
}
END_TEST

/* ---- the database ---- */

START_TEST(backup_writes_a_file)
{
    char size[32];
    struct stat status;
    RUN(STATUS_DONE, "backup", in_directory("copy"));
    ck_assert_int_eq(stat(in_directory("copy"), &status), 0);
    snprintf(size, sizeof size, "%d\n", (int)status.st_size);
    ck_assert_str_eq(ctl.out.bytes, size);
    EXPECT_FAILURE(STATUS_REFUSED, "exists", "backup", in_directory("copy"));
    EXPECT_FAILURE(STATUS_REFUSED, "BAD-ARGUMENT", "backup", in_directory("no/where"));
    database_assert_recount(in_directory("copy"));
}
END_TEST

START_TEST(backup_takes_a_path_from_where_one_is)
{
    ck_assert_int_eq(chdir(server.directory), 0);
    RUN(STATUS_DONE, "backup", "my copy", "--json");
    json_t *object = json_line();
    ck_assert_int_gt(json_number(object, "bytes"), 4096);
    json_decref(object);
    database_assert_recount(in_directory("my copy"));
}
END_TEST

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{9}Z"

static void vote_in_a_roll_call(void)
{
    struct client *admin = server_admin(&server);
    client_ask(admin, "CREATE roll yes no voters=named record=name", "+OK 2");
    client_ask(client, "VOTE roll yes as=Ann", "+OK 3");
    client_ask(client, "VOTE roll no as=a,\"b\"", "+OK 4");
    client_ask(client, "VOTE roll no as=Ann", "+OK 5");
    client_ask(client, "VOTE lunch sushi id=1", "+OK 6");
}

static void assert_no_copy_is_left(void)
{
    char command[SERVER_PATH_MAX + 64];
    snprintf(command, sizeof command, "%s/.tallyctl-*", server.directory);
    ck_assert_int_eq(count_matches(command), 0);
}
