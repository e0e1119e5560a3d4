/* tallyctl, run as anybody runs it, against the real server: what it prints to a pipe, to a
 * terminal and as JSON, and its exit statuses.
 *
 * Nothing sleeps: every wait is for the program's output or its end, with a deadline. */
#include "proto/limits.h"
#include "tests/support/ctl.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct server server;
static struct client *client;

/* ---- the server ---- */

static void start(void)
{
    server_start(&server, "--push-interval", "0", NULL);
    ctl_set_up(&server);
    client = server_client(&server);
}

static void set_up(void)
{
    server_init(&server);
    start();
    EXPECT("1\n", "create", "lunch", "pizza", "sushi", "ballots=unlimited", "lot=listed");
}

static void tear_down(void)
{
    ctl_tear_down();
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
    EXPECT("2\n", "vote", "lunch", "pizza", "--id", "1");
    EXPECT("2 duplicate\n", "vote", "lunch", "--id", "1", "pizza");
    EXPECT("3\n", "close", "lunch");
    EXPECT("3 duplicate\n", "close", "lunch");
    EXPECT("4\n", "open", "lunch");
    EXPECT("5\n", "title", "lunch", "Where do", "we eat?");
    EXPECT("6\n", "label", "lunch", "pizza", "Pizza", "margherita");
    client_ask(client, "DESCRIBE lunch", "=title Where do we eat?");
    client_expect_settings(client);
    client_expect(client, "=choice pizza 1 Pizza margherita");
}
END_TEST

START_TEST(changes_tell_their_sequence_in_json)
{
    RUN(STATUS_DONE, "--json", "vote", "lunch", "pizza", "--id", "1");
    ctl_expect_json("{\"seq\": 2, \"duplicate\": false}");
    RUN(STATUS_DONE, "vote", "lunch", "--json", "pizza", "--id", "1");
    ctl_expect_json("{\"seq\": 2, \"duplicate\": true}");
    RUN(STATUS_DONE, "create", "tea", "green", "black", "voters=named", "--json");
    ctl_expect_json("{\"seq\": 3, \"duplicate\": false}");
    ctl_expect_no_more();
}
END_TEST

/* What the poll is called by itself, and by people. */
static void expect_description(const char *poll, const char *title, const char *const *choices)
{
    char line[128];
    snprintf(line, sizeof line, "DESCRIBE %s", poll);
    client_send(client, "%s", line);
    client_expect(client, "=title %s", title);
    client_expect_settings(client);
    for (; *choices != NULL; choices++)
        client_expect(client, "=choice %s", *choices);
    client_expect_match(client, "^\\+OK");
}

START_TEST(create_makes_names_of_words)
{
    RUN(STATUS_DONE, "create", "--title", "Who leads us?", "Board 2026", "Anna M\u00fcller",
        "Bertrand No\u00ebl", "E = mc\u00b2", "anna muller", "\u6771\u4eac", "yes", "state=open",
        "Ballots=Once");
    expect_description("board-2026", "Who leads us?",
                       ARGUMENTS("anna-muller 0 Anna M\u00fcller",
                                 "bertrand-noel 0 Bertrand No\u00ebl", "e-mc 0 E = mc\u00b2",
                                 "anna-muller-2 0 anna muller", "choice 0 \u6771\u4eac",
                                 "yes 0 yes"));
    RUN(STATUS_DONE, "create", "Tea?", "Green", "black", "--json");
    expect_description("tea", "Tea?", ARGUMENTS("green 0 Green", "black 0 black"));
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
    EXPECT_FAILURE(STATUS_REFUSED, "lunch: there is a poll of that name", "create", "lunch", "a",
                   "b");
    EXPECT_FAILURE(STATUS_REFUSED, "tea: two choices have the same name", "create", "tea", "a",
                   "a");
    EXPECT_FAILURE(STATUS_REFUSED, "tea: there is no such poll; 'tallyctl polls'", "close", "tea");
    EXPECT_FAILURE(STATUS_REFUSED, "tea: there is no such poll", "show", "tea");
    EXPECT_FAILURE(STATUS_REFUSED, "tea: there is no such poll", "watch", "tea");
    RUN(STATUS_REFUSED, "results", "lunch", "tea");
    ck_assert_ptr_nonnull(strstr(ctl.err.bytes, " tea: there is no such poll"));
    EXPECT_FAILURE(STATUS_REFUSED, "lunch: the poll has no such choice; 'tallyctl show POLL'",
                   "vote", "lunch", "tea");
    EXPECT_FAILURE(STATUS_REFUSED, "4711: there is no such connection", "kick", "4711");
    EXPECT_FAILURE(STATUS_REFUSED, "there is no such poll", "export", "tea");
    EXPECT("2\n", "create", "board", "yes", "no", "voters=named", "ballots=once", "state=closed");
    EXPECT_FAILURE(STATUS_REFUSED, "'tallyctl open POLL' opens it", "vote", "board", "yes",
                   "--voter", "ann");
    EXPECT("3\n", "open", "board");
    EXPECT_FAILURE(STATUS_REFUSED, "--voter NAME says who votes", "vote", "board", "yes");
    EXPECT("4\n", "vote", "board", "yes", "--voter", "ann");
    EXPECT_FAILURE(STATUS_REFUSED, "board: a ballot was recorded for this voter before", "vote",
                   "board", "no", "--voter", "ann");
    EXPECT("5\n", "create", "here", "yes", "no", "voters=address", "ballots=once");
    EXPECT("6\n", "vote", "here", "yes");
    EXPECT_FAILURE(STATUS_REFUSED, "here: the voter chose otherwise before", "vote", "here", "no");
}
END_TEST

/* ---- tallies ---- */

START_TEST(polls_to_a_pipe)
{
    EXPECT("2\n", "create", "award", "film", "book", "reveal=closed");
    EXPECT("3\n", "vote", "lunch", "sushi");
    EXPECT("4\n", "vote", "award", "book");
    EXPECT("lunch\topen\t1\t3\tsushi\tlunch\naward\topen\t1\t4\t(hidden)\taward\n", "polls");
    EXPECT("5\n", "vote", "lunch", "pizza");
    EXPECT("lunch\topen\t2\t5\t-\tlunch\naward\topen\t1\t4\t(hidden)\taward\n", "polls");
    EXPECT("6\n", "title", "award", "Best of the year");
    RUN(STATUS_DONE, "polls", "--json");
    ctl_expect_json("{\"poll\": \"lunch\", \"state\": \"open\", \"seq\": 5, \"ballots\": 2, "
                    "\"hidden\": false, \"choices\": [{\"choice\": \"pizza\", \"count\": 1}, "
                    "{\"choice\": \"sushi\", \"count\": 1}], \"title\": \"lunch\"}");
    ctl_expect_json("{\"poll\": \"award\", \"state\": \"open\", \"seq\": 4, \"ballots\": 1, "
                    "\"hidden\": true, \"choices\": [], \"title\": \"Best of the year\"}");
    ctl_expect_no_more();
}
END_TEST

START_TEST(polls_on_a_terminal)
{
    EXPECT("2\n", "vote", "lunch", "sushi");
    EXPECT_TTY("POLL   STATE  BALLOTS  SEQ  LEADER  TITLE\n"
               "lunch  open         1    2  sushi   lunch\n",
               "polls");
    ctl.terminal_columns = 50;
    EXPECT("3\n", "title", "lunch", "Where do we eat on Friday?");
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("polls"));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "  sushi   Where do we e\u2026\n"));
}
END_TEST

START_TEST(results_as_a_table)
{
    EXPECT("2\n", "label", "lunch", "sushi", "=Sushi, raw");
    EXPECT("3\n", "title", "lunch", "Where?");
    EXPECT("4\n", "vote", "lunch", "sushi");
    EXPECT("5\n", "vote", "lunch", "sushi");
    EXPECT("6\n", "vote", "lunch", "pizza");
    EXPECT("poll,title,state,ballots,choice,label,count,percent\r\n"
           "lunch,Where?,open,3,pizza,pizza,1,33.3\r\n"
           "lunch,Where?,open,3,sushi,\"'=Sushi, raw\",2,66.7\r\n",
           "results");
    RUN(STATUS_DONE, "results", "lunch", "--raw", "--bom");
    ck_assert_int_eq(strncmp(ctl.out.bytes, "\xef\xbb\xbfpoll,", 8), 0);
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, ",\"=Sushi, raw\","));
    RUN(STATUS_DONE, "results", "--format", "json");
    json_decref(ctl_json_line());
    ctl_expect_json(
        "{\"poll\": \"lunch\", \"title\": \"Where?\", \"state\": \"open\", \"ballots\": 3, "
        "\"choice\": \"sushi\", \"label\": \"=Sushi, raw\", \"count\": 2, "
        "\"percent\": 66.666666666666671}");
}
END_TEST

START_TEST(results_that_are_hidden)
{
    EXPECT("2\n", "create", "award", "film", "book", "reveal=closed");
    EXPECT("3\n", "vote", "award", "book");
    RUN(STATUS_REFUSED, "results", "award");
    ck_assert_str_eq(ctl.out.bytes, "poll,title,state,ballots,choice,label,count,percent\r\n"
                                    "award,award,open,1,film,film,,\r\n"
                                    "award,award,open,1,book,book,,\r\n");
    ck_assert_ptr_nonnull(strstr(ctl.err.bytes, "hidden"));
}
END_TEST

START_TEST(show_to_a_pipe)
{
    EXPECT("2\n", "vote", "lunch", "sushi");
    EXPECT("pizza\t0\nsushi\t1\n", "show", "LUNCH");
    EXPECT("3\n", "title", "lunch", "Where?");
    RUN(STATUS_DONE, "show", "lunch", "--json");
    ctl_expect_json("{\"poll\": \"lunch\", \"state\": \"open\", \"seq\": 2, \"ballots\": 1, "
                    "\"hidden\": false, \"title\": \"Where?\", \"settings\": {"
                    "\"ballots\": \"unlimited\", \"voters\": \"connection\", \"reveal\": \"live\", "
                    "\"record\": \"pseudonym\", \"state\": \"open\", \"kind\": \"single\", "
                    "\"method\": \"plurality\", \"abstain\": \"yes\", "
                    "\"lot\": \"pizza>sushi\"}, \"choices\": ["
                    "{\"choice\": \"pizza\", \"label\": \"pizza\", \"count\": 0}, "
                    "{\"choice\": \"sushi\", \"label\": \"sushi\", \"count\": 1}]}");
    ctl_expect_no_more();
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

/* The protocol lets no control characters in, but marks that change the direction of text. What
 * else is escaped, the tests of tools/lib/text.c tell. */
START_TEST(a_terminal_gets_no_marks_that_reorder)
{
    EXPECT("2\n", "title", "lunch", "red \u202e");
    EXPECT("3\n", "label", "lunch", "pizza", "\u2066x");
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("show", "lunch"));
    assert_harmless(ctl.out.bytes);
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "red \\xe2\\x80\\xae\n"));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "  \\xe2\\x81\\xa6x  "));
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("show", "lunch", "--json"));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "\"red \\u202E\""));
    json_t *object = ctl_json_line();
    ck_assert_str_eq(json_string_value(json_object_get(object, "title")), "red \u202e");
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
    ctl_expect_status(STATUS_DONE);
    ctl_expect_no_more();
}
END_TEST

START_TEST(watch_in_json)
{
    START("watch", "lunch", "--count", "1", "--json");
    ctl_expect_json("{\"poll\": \"lunch\", \"state\": \"open\", \"seq\": 1, \"ballots\": 0, "
                    "\"hidden\": false, \"choices\": [{\"choice\": \"pizza\", \"count\": 0}, "
                    "{\"choice\": \"sushi\", \"count\": 0}]}");
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    ctl_expect_json("{\"poll\": \"lunch\", \"state\": \"open\", \"seq\": 2, \"ballots\": 1, "
                    "\"hidden\": false, \"choices\": [{\"choice\": \"pizza\", \"count\": 0}, "
                    "{\"choice\": \"sushi\", \"count\": 1}]}");
    ctl_expect_status(STATUS_DONE);
    ctl_expect_no_more();
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
    ctl_expect_status(STATUS_DONE);
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
    ctl_expect_status(-SIGINT);
}
END_TEST

static void await_error(const char *words)
{
    while (strstr(ctl.err.bytes, words) == NULL)
        ctl_receive();
}

/* A server of the test's own, at in_directory("other"). */
static int listen_as_another(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s", in_directory("other"));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 2), 0);
    return listener;
}

static void say(int connection, const char *lines)
{
    size_t len = strlen(lines);
    ck_assert_int_eq(write(connection, lines, len), (ssize_t)len);
}

static int accept_and_say(int listener, const char *lines)
{
    int connection = accept(listener, NULL, NULL);
    ck_assert_int_ge(connection, 0);
    say(connection, lines);
    return connection;
}

static void hear(int connection, const char *line)
{
    char heard[64];
    ssize_t len = read(connection, heard, sizeof heard - 1);
    ck_assert_int_ge(len, 0);
    heard[len] = '\0';
    ck_assert_str_eq(heard, line);
}

static void await_output(const char *words)
{
    while (strstr(ctl.out.bytes, words) == NULL)
        ctl_receive();
}

/* What was told before is not told again, and is no change. */
START_TEST(watch_goes_on_when_the_server_comes_back)
{
    START("watch", "--count", "1");
    ck_assert_str_eq(ctl_line(), "lunch open 1 0 pizza=0 sushi=0");
    server_signal(&server, SIGKILL);
    await_error("tallyctl: the server is gone; trying to reach it again\n");
    server_wait(&server);
    server_end(&server);
    start();
    await_error("tallyctl: the server is there again\n");
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    ck_assert_str_eq(ctl_line(), "lunch open 2 1 pizza=0 sushi=1");
    ctl_expect_status(STATUS_DONE);
}
END_TEST

START_TEST(watch_waits_for_a_server_no_longer_than_it_may)
{
    START("watch", "--timeout", "1");
    ctl_line();
    server_signal(&server, SIGKILL);
    await_error("the server is gone");
    ctl_expect_status(STATUS_DONE);
    server_wait(&server);
}
END_TEST

/* As of `watch | head -1`: no change comes by which it would notice. */
START_TEST(watch_ends_with_its_reader)
{
    START("watch");
    ctl_line();
    close(ctl.out.fd);
    ctl.out.fd = -1;
    ctl_expect_status(-SIGPIPE);
    ck_assert_str_eq(ctl.err.bytes, "");
}
END_TEST

#define SCREEN_ON  "\033[?1049h\033[?25l\033[?7l"
#define SCREEN_OFF "\033[?7h\033[?25h\033[?1049l"

/* On the terminal's other screen, which is left with the last frame on the first one. */
START_TEST(watch_on_a_terminal_redraws_in_place)
{
    char last[1024];
    ctl_start(TO_TERMINAL, ARGUMENTS("watch", "lunch", "--count", "1"));
    while (strstr(ctl.out.bytes, "lunch: open, 0 ballots") == NULL)
        ctl_receive();
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    ctl_expect_status(STATUS_DONE);
    snprintf(last, sizeof last,
             SCREEN_OFF "lunch\n"
                        "lunch: open, 1 ballot\n"
                        "  pizza  %s  0    0.0%%\n"
                        "  sushi  %s  1  100.0%%  leads\n",
             bar("\u2588", 0), bar("\u2588", 50));
    ck_assert_int_eq(strncmp(ctl.out.bytes, SCREEN_ON, strlen(SCREEN_ON)), 0);
    const char *left = strstr(ctl.out.bytes, SCREEN_OFF);
    ck_assert_ptr_nonnull(left);
    ck_assert_str_eq(left, last);
}
END_TEST

START_TEST(watch_on_a_terminal_cleans_up_after_a_signal)
{
    ctl_start(TO_TERMINAL, ARGUMENTS("watch"));
    while (strstr(ctl.out.bytes, "lunch: open, 0 ballots") == NULL)
        ctl_receive();
    ck_assert_int_eq(kill(ctl.pid, SIGTERM), 0);
    ctl_expect_status(-SIGTERM);
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, SCREEN_OFF "lunch\nlunch: open, 0 ballots\n"));
}
END_TEST

static const char *const watches[][3] = {{"watch", NULL}, {"stats", "--watch"}};

START_TEST(a_key_ends_a_watch)
{
    ctl_start(TO_CONSOLE, watches[_i]);
    await_output(SCREEN_ON);
    await_output("\033[J");
    ck_assert_int_eq(write(ctl.out.fd, "xq", 2), 2);
    ctl_expect_status(STATUS_DONE);
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, SCREEN_OFF));
}
END_TEST

/* Presses a key, and waits until it was read. */
static void press(char key)
{
    int keyboard = open(ptsname(ctl.out.fd), O_RDONLY | O_NOCTTY | O_CLOEXEC);
    int waiting = 1;
    ck_assert_int_eq(write(ctl.out.fd, &key, 1), 1);
    for (int64_t since = server_now_ms(); waiting > 0; poll(NULL, 0, 1)) {
        ck_assert_int_eq(ioctl(keyboard, FIONREAD, &waiting), 0);
        ck_assert_int_lt(server_now_ms() - since, SERVER_DEADLINE_S * 1000);
    }
    close(keyboard);
}

START_TEST(a_key_ends_a_watch_that_waits_for_titles)
{
    int listener = listen_as_another();
    ctl_start(TO_CONSOLE, ARGUMENTS("--admin", in_directory("other"), "watch"));
    int pushes = accept_and_say(listener, "+TALLYCAST 1\n");
    int titles = accept_and_say(listener, "+TALLYCAST 1\n");
    hear(pushes, "SUBSCRIBE *\n");
    say(pushes, "+OK 1\n> lunch open 1 0 a=0 b=0\n");
    hear(titles, "DESCRIBE lunch\n");
    press('q');
    say(titles, "+OK\n");
    ctl_expect_status(STATUS_DONE);
    close(pushes);
    close(titles);
    close(listener);
}
END_TEST

/* A line as wide as the terminal keeps its last column: it is cleared before it is written. */
START_TEST(a_line_is_cleared_before_it_is_written)
{
    ctl_start(TO_TERMINAL, ARGUMENTS("watch", "lunch"));
    await_output("\033[H\033[Klunch\n\033[Klunch: open, 0 ballots\n\033[K  pizza ");
    ck_assert_ptr_null(strstr(ctl.out.bytes, "\033[K\n"));
    ck_assert_int_eq(kill(ctl.pid, SIGTERM), 0);
    ctl_expect_status(-SIGTERM);
}
END_TEST

static const char *const dumb_terminals[] = {"dumb", "", NULL};

START_TEST(a_dumb_terminal_is_sent_lines)
{
    if (dumb_terminals[_i] != NULL)
        setenv("TERM", dumb_terminals[_i], 1);
    else
        unsetenv("TERM");
    ctl_start(TO_TERMINAL, ARGUMENTS("watch", "lunch"));
    await_output("\n");
    ck_assert_int_eq(kill(ctl.pid, SIGTERM), 0);
    ctl_expect_status(-SIGTERM);
    ck_assert_str_eq(ctl.out.bytes, "lunch open 1 0 pizza=0 sushi=0\n");
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("stats", "--watch", "--timeout", "0.1"));
    ck_assert_ptr_null(strchr(ctl.out.bytes, '\033'));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "ballots recorded"));
}
END_TEST

static const struct {
    unsigned short columns;
    const char *line;
} widths[] = {
    {25, "  pizza  7  100.0%  leads\n"},
    {18, "  pizza  7  100.0%\n"},
    {12, "  pizza  7\n"},
    {7, "  p\u2026  7\n"},
};

/* What is left out first is what can be told from the rest. */
START_TEST(a_narrow_terminal_shows_the_counts)
{
    ctl.terminal_columns = widths[_i].columns;
    for (int i = 0; i < 7; i++)
        client_ask_number(client, "VOTE lunch pizza");
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("show", "lunch"));
    ck_assert_msg(strstr(ctl.out.bytes, widths[_i].line) != NULL, "%s", ctl.out.bytes);
}
END_TEST

/* A frame of more lines than the terminal has rows says so in the last row, after the others. */
START_TEST(what_does_not_fit_on_the_screen_is_told)
{
    ctl_start(TO_TERMINAL, ARGUMENTS("stats", "--watch", "--all"));
    while (strstr(ctl.out.bytes, "\n\033[J... more than fits here") == NULL)
        ctl_receive();
    unsigned lines = 0;
    for (const char *at = ctl.out.bytes; (at = strstr(at, "\033[K")) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, CTL_TERMINAL_ROWS - 1);
    ck_assert_int_eq(kill(ctl.pid, SIGTERM), 0);
    ctl_expect_status(-SIGTERM);
}
END_TEST

/* ---- the server's state ---- */

START_TEST(stats_to_a_pipe)
{
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    RUN(STATUS_DONE, "stats");
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "\nballots_accepted\t1\n"));
    RUN(STATUS_DONE, "stats", "--json");
    json_t *stats = ctl_json_line();
    ck_assert_int_eq(json_integer_value(json_object_get(stats, "ballots_accepted")), 1);
    ck_assert_ptr_null(json_object_get(stats, "rates"));
    json_decref(stats);
    ctl_expect_no_more();
}
END_TEST

START_TEST(stats_on_a_terminal_are_those_that_matter)
{
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("stats"));
    assert_match(ctl_line(), "^running for +[0-9]+ s$");
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes + ctl.taken, "\nballots recorded "));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes + ctl.taken, " KiB\n"));
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("stats", "--all"));
    assert_match(ctl_line(), "^uptime_s +[0-9]+$");
}
END_TEST

START_TEST(stats_are_watched)
{
    START("stats", "--watch", "--count", "1", "--json");
    json_decref(ctl_json_line());
    client_ask(client, "VOTE lunch sushi", "+OK 2");
    json_t *stats = ctl_json_line();
    json_t *rates = json_object_get(stats, "rates");
    double rate = json_real_value(json_object_get(rates, "ballots_accepted"));
    ck_assert(rate > 0.5 && rate < 1.5);
    ck_assert_ptr_nonnull(json_object_get(rates, "requests_read"));
    ck_assert_ptr_nonnull(json_object_get(rates, "closed_quit"));
    ck_assert_ptr_null(json_object_get(rates, "connections"));
    json_decref(stats);
    ctl_expect_status(STATUS_DONE);
    ctl_expect_no_more();
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

/* What a row of `clients --json` tells. */
struct row {
    json_int_t id, backlog, blocked_ms;
    bool is_voter;
    bool is_ann;
};

static struct row next_row(void)
{
    json_t *object = ctl_json_line();
    struct row row = {
        .id = json_number(object, "id"),
        .backlog = json_number(object, "unsent") + json_number(object, "pending"),
        .blocked_ms = json_number(object, "blocked_ms"),
        .is_voter = strcmp(json_string_value(json_object_get(object, "kind")), "voter") == 0,
    };
    ck_assert(json_is_string(json_object_get(object, "peer")));
    const char *voter = json_string_value(json_object_get(object, "voter"));
    ck_assert_ptr_nonnull(voter);
    row.is_ann = strcmp(voter, "Ann Lee") == 0;
    json_decref(object);
    return row;
}

static bool comes_before(struct row left, struct row right)
{
    if (left.backlog != right.backlog)
        return left.backlog > right.backlog;
    if (left.blocked_ms != right.blocked_ms)
        return left.blocked_ms > right.blocked_ms;
    return left.id < right.id;
}

/* Waits until there is one that takes no more. Returns its row, the first; the others are next. */
static struct row await_stalled(void)
{
    struct row first = {0};
    int64_t deadline_ms = server_now_ms() + SERVER_DEADLINE_S * 1000;
    while (first.blocked_ms == 0) {
        ck_assert_msg(server_now_ms() < deadline_ms, "nobody is stalled");
        RUN(STATUS_DONE, "clients", "--json");
        first = next_row();
    }
    return first;
}

/* ---- journey ---- */

/* The stages in the order in which they are shown. */
static const char *const stages[] = {"readable",  "read",    "parsed",   "queued",     "judged",
                                     "committed", "counted", "answered", "first_push", "last_push"};
enum { STAGE_COUNT = sizeof stages / sizeof stages[0] };

/* Subscribes, so that there is somebody to push to. */
static void subscribe(void)
{
    client_ask(client, "SUBSCRIBE lunch", "+OK 1");
    client_line(client);
}

START_TEST(journey_without_a_ballot)
{
    RUN(STATUS_DONE, "journey");
    ck_assert_str_eq(ctl_line(), "read\t0\t0\t0\t0");
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes + ctl.taken, "\nfreshness\t0\t0\t0\t0\n\n"));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes + ctl.taken, "\naccept_queue\t0\tconnections\n"));
    RUN(STATUS_DONE, "journey", "--json");
    json_t *journey = ctl_json_line();
    ck_assert(json_is_null(json_object_get(journey, "trace")));
    ck_assert_uint_eq(json_array_size(json_object_get(journey, "stages")), STAGE_COUNT - 1);
    ck_assert_uint_eq(json_array_size(json_object_get(journey, "spans")), 2);
    json_decref(journey);
}
END_TEST

static const struct {
    const char *key;
    int status;
    uint64_t ballots;
} answers[] = {{"y\n", STATUS_DONE, 1}, {"n\n", STATUS_REFUSED, 0}, {"\n", STATUS_REFUSED, 0}};

START_TEST(journey_asks_before_it_casts_a_ballot)
{
    ctl_start(TO_CONSOLE, ARGUMENTS("journey", "lunch", "sushi"));
    await_error("for sushi in lunch. Cast it? [y/N] ");
    ck_assert_int_gt(write(ctl.out.fd, answers[_i].key, strlen(answers[_i].key)), 0);
    ctl_expect_status(answers[_i].status);
    ck_assert_uint_eq(client_stat(server_admin(&server), "ballots_accepted"), answers[_i].ballots);
}
END_TEST

START_TEST(journey_of_a_ballot_to_a_pipe)
{
    subscribe();
    RUN(STATUS_DONE, "journey", "lunch", "sushi", "--yes");
    client_expect(client, "> lunch open 2 1 pizza=0 sushi=1");
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        char pattern[64];
        snprintf(pattern, sizeof pattern, "^%s\t[0-9]+$", stages[i]);
        assert_match(ctl_line(), pattern);
    }
    ck_assert_str_eq(ctl_line(), "");
    for (unsigned i = 1; i < STAGE_COUNT; i++) {
        char pattern[64];
        snprintf(pattern, sizeof pattern, "^%s\t1(\t[0-9]+){3}$", stages[i]);
        assert_match(ctl_line(), pattern);
    }
}
END_TEST

START_TEST(journey_of_a_ballot_in_json)
{
    EXPECT("2\n", "create", "board", "yes", "no", "voters=named", "ballots=once");
    RUN(STATUS_DONE, "journey", "board", "yes", "--voter", "ann", "--json", "--yes");
    json_t *journey = ctl_json_line(), *trace = json_object_get(journey, "trace");
    ck_assert_int_eq(json_integer_value(json_object_get(trace, "seq")), 3);
    ck_assert_str_eq(json_string_value(json_object_get(trace, "poll")), "board");
    ck_assert(json_is_true(json_object_get(trace, "traced")));
    ck_assert(json_is_true(json_object_get(trace, "complete")));
    json_t *stamps = json_object_get(trace, "stamps");
    ck_assert_uint_eq(json_array_size(stamps), STAGE_COUNT - 2); /* nobody is pushed to */
    for (size_t i = 0; i < json_array_size(stamps); i++)
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(stamps, i), "stage")),
                         stages[i]);
    json_decref(journey);
    EXPECT_FAILURE(STATUS_REFUSED, "before", "journey", "board", "yes", "--voter", "ann", "--yes");
    EXPECT_FAILURE(STATUS_REFUSED, "before", "journey", "board", "no", "--voter", "ann", "--yes");
    EXPECT_FAILURE(STATUS_REFUSED, "--voter", "journey", "board", "no", "--yes");
}
END_TEST

/* Each stage has a bar, which begins no further left than the one of the stage that it follows. */
static void assert_waterfall(const char *block)
{
    assert_match(ctl_line(), "^ballot [0-9]+ of lunch, traced$");
    ck_assert_str_eq(ctl_line(), "");
    ptrdiff_t before = 0;
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        const char *line = ctl_line();
        ck_assert_msg(strncmp(line, stages[i], strlen(stages[i])) == 0, "%s", line);
        assert_match(line, " [0-9.]+ (ns|us|ms|s) ");
        ck_assert_ptr_nonnull(strstr(line, block));
        ptrdiff_t at = strstr(line, block) - line;
        if (strcmp(stages[i], "first_push") != 0) /* beside the answer */
            ck_assert_msg(at >= before, "%s", line);
        before = at;
    }
    ck_assert_str_eq(ctl_line(), "");
    assert_match(ctl_line(), "^STAGE +COUNT +P50 +P99 +MAX$");
    assert_match(ctl_line(), "^read +[12]  +[0-9.]+ [num]s +[0-9.]+ [num]s +[0-9.]+ [num]s$");
}

START_TEST(journey_on_a_terminal_is_a_waterfall)
{
    subscribe();
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("journey", "lunch", "pizza", "--yes"));
    assert_waterfall("\u2588");
    setenv("LC_ALL", "C", 1);
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("journey"));
    assert_waterfall("#");
    EXPECT("3\n", "vote", "lunch", "pizza");
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("journey"));
    ck_assert_str_eq(ctl_line(), "ballot 2 of lunch, traced");
}
END_TEST

START_TEST(clients_lists_those_first_that_hold_the_most_back)
{
    char pattern[64];
    create_wide_poll();
    stall(server_client(&server));
    struct client *other = server_client(&server);
    client_ask(other, "AS 7", "+OK 7"); /* a name, which no JSON may tell as a number */
    client_ask(client, "AS Ann Lee", "+OK Ann Lee");
    struct row first = await_stalled();
    ck_assert_int_gt(first.backlog, 0);
    struct row before = first;
    unsigned others = 0, anns = 0;
    for (; ctl_has_more(); others++) {
        struct row row = next_row();
        anns += row.is_ann;
        ck_assert(comes_before(before, row));
        before = row;
    }
    ck_assert_uint_eq(anns, 1);
    ck_assert_uint_ge(others, 4); /* client, other, and two administrators */
    RUN(STATUS_DONE, "clients");
    assert_match(ctl_line(), "^ *ID  ");
    snprintf(pattern, sizeof pattern, "^ *%d  ", (int)first.id);
    assert_match(ctl_line(), pattern);
}
END_TEST

/* The id of the one voter, as an argument; valid until the next call. */
static const char *voter_id(void)
{
    static char id[32];
    struct row row;
    RUN(STATUS_DONE, "clients", "--json");
    do
        row = next_row();
    while (!row.is_voter);
    snprintf(id, sizeof id, "%d", (int)row.id);
    return id;
}

START_TEST(kick_closes_a_connection)
{
    const char *id = voter_id();
    EXPECT("", "kick", id);
    ck_assert_ptr_null(client_line_or_end(client));
    EXPECT_FAILURE(STATUS_REFUSED, "there is no such connection", "kick", id);
    client = server_client(&server);
    RUN(STATUS_DONE, "kick", voter_id(), "--json");
    ctl_expect_json("{\"ok\": true}");
}
END_TEST

START_TEST(kick_closes_the_connections_of_an_address)
{
    struct client *other = server_client(&server);
    EXPECT("2\n", "kick", "127.0.0.1");
    ck_assert_ptr_null(client_line_or_end(client));
    ck_assert_ptr_null(client_line_or_end(other));
    server_client(&server);
    RUN(STATUS_DONE, "kick", "127.0.0.1", "--json");
    ctl_expect_json("{\"closed\": 1}");
    EXPECT_FAILURE(STATUS_REFUSED, "127.0.0.1: there is no such connection", "kick", "127.0.0.1");
}
END_TEST

START_TEST(shutdown_stops_the_server)
{
    EXPECT("", "shutdown");
    client_expect_end(client);
    client_finish(client);
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
    EXPECT_FAILURE(STATUS_REFUSED, "of that name already", "backup", in_directory("copy"));
    EXPECT_FAILURE(STATUS_REFUSED, "No such file", "backup", in_directory("no/where"));
    database_assert_recount(in_directory("copy"));
}
END_TEST

START_TEST(backup_takes_a_path_from_where_one_is)
{
    ck_assert_int_eq(chdir(server.directory), 0);
    RUN(STATUS_DONE, "backup", "my copy", "--json");
    json_t *object = ctl_json_line();
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
    client_ask(client, "VOTE roll no as=\"a, b\"", "+OK 4");
    client_ask(client, "VOTE roll no as=Ann", "+OK 5");
    client_ask(client, "VOTE lunch sushi id=1", "+OK 6");
}

START_TEST(export_as_csv)
{
    vote_in_a_roll_call();
    RUN(STATUS_DONE, "export", "roll");
    ck_assert_str_eq(ctl_line(), "seq,time,choice,voter,key\r");
    assert_match(ctl_line(), "^3," TIME ",yes,Ann,\r$");
    assert_match(ctl_line(), "^4," TIME ",no,\"a, b\",\r$");
    assert_match(ctl_line(), "^5," TIME ",no,Ann,\r$");
    ctl_expect_no_more();
    RUN(STATUS_DONE, "export", "lunch", "--ledger", "--format", "csv");
    ck_assert_str_eq(ctl_line(), "seq,time,choice,voter,key\r");
    assert_match(ctl_line(), "^6," TIME ",sushi,[0-9a-f]{32},[0-9a-f]{32}\r$");
    ctl_expect_no_more();
}
END_TEST

START_TEST(export_holds_no_formulas)
{
    static const char *const voters[] = {"=1+1", "+1", "-1", "@SUM(1)", "ann"};
    struct client *admin = server_admin(&server);
    client_ask(admin, "CREATE roll yes no voters=named record=name", "+OK 2");
    for (int i = 0; i < UNIT_COUNT(voters); i++) {
        char line[64];
        snprintf(line, sizeof line, "VOTE roll yes as=%s", voters[i]);
        client_ask_number(client, line);
    }
    for (int raw = 0; raw < 2; raw++) {
        RUN(STATUS_DONE, "export", "roll", raw ? "--raw" : "--format=csv");
        ctl_line();
        for (int i = 0; i < UNIT_COUNT(voters); i++) {
            char field[32];
            bool is_text = raw || i == UNIT_COUNT(voters) - 1;
            snprintf(field, sizeof field, ",yes,%s%s,\r", is_text ? "" : "'", voters[i]);
            ck_assert_ptr_nonnull(strstr(ctl_line(), field));
        }
    }
}
END_TEST

START_TEST(export_as_json)
{
    static const struct {
        json_int_t seq;
        const char *choice, *voter;
    } ballots[] = {{3, "yes", "Ann"}, {4, "no", "a, b"}, {5, "no", "Ann"}};
    vote_in_a_roll_call();
    RUN(STATUS_DONE, "export", "roll", "--format", "json");
    for (unsigned i = 0; i < 3; i++) {
        json_t *ballot = ctl_json_line();
        ck_assert_int_eq(json_number(ballot, "seq"), ballots[i].seq);
        assert_match(json_string_value(json_object_get(ballot, "time")), "^" TIME "$");
        ck_assert_str_eq(json_string_value(json_object_get(ballot, "choice")), ballots[i].choice);
        ck_assert_str_eq(json_string_value(json_object_get(ballot, "voter")), ballots[i].voter);
        ck_assert(json_is_null(json_object_get(ballot, "key")));
        json_decref(ballot);
    }
    ctl_expect_no_more();
    RUN(STATUS_DONE, "export", "lunch", "--json", "--ledger");
    json_t *ballot = ctl_json_line();
    assert_match(json_string_value(json_object_get(ballot, "key")), "^[0-9a-f]{32}$");
    json_decref(ballot);
}
END_TEST

/* ---- recount ---- */

#define LUNCH_RECOUNTED "lunch: ok\n  plurality/1: elected sushi\n"
#define ROLL_RECOUNTED  "roll: ok\n  plurality/1: elected no\n"

static void expect_recounted_json(const char *poll, const char *tally, const char *winner)
{
    json_t *object = ctl_json_line(), *result = json_object_get(object, "result");
    ck_assert_str_eq(json_string_value(json_object_get(object, "poll")), poll);
    ck_assert(json_is_true(json_object_get(object, "ok")));
    ck_assert_str_eq(json_string_value(json_object_get(object, "shown")), tally);
    ck_assert_str_eq(json_string_value(json_object_get(object, "recounted")), tally);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(result, "winners"), 0)),
                     winner);
    json_decref(object);
}

START_TEST(recount_of_the_running_server)
{
    vote_in_a_roll_call();
    EXPECT(LUNCH_RECOUNTED ROLL_RECOUNTED, "recount");
    RUN(STATUS_DONE, "recount", "--json");
    expect_recounted_json("lunch", "lunch open 6 1 pizza=0 sushi=1", "sushi");
    expect_recounted_json("roll", "roll open 5 2 yes=0 no=2", "no");
    for (unsigned i = 0; i < 3; i++) {
        json_t *check = ctl_json_line();
        ck_assert(json_is_string(json_object_get(check, "check")));
        ck_assert(json_is_true(json_object_get(check, "ok")));
        ck_assert_int_eq(json_number(check, "count"), 0);
        json_decref(check);
    }
    ctl_expect_no_more();
}
END_TEST

/* A file, and how many there are beside it. */
struct contents {
    char *bytes;
    size_t len;
    struct timespec modified;
    unsigned files;
};

static struct contents look_at(const char *path)
{
    struct contents contents;
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    contents.bytes = server_read_file(path, &contents.len);
    contents.modified = status.st_mtim;
    contents.files = server_count_files(&server, "");
    return contents;
}

static void assert_unchanged(const char *path, struct contents before)
{
    struct contents now = look_at(path);
    ck_assert_uint_eq(now.len, before.len);
    ck_assert_mem_eq(now.bytes, before.bytes, now.len);
    ck_assert_int_eq(now.modified.tv_sec, before.modified.tv_sec);
    ck_assert_int_eq(now.modified.tv_nsec, before.modified.tv_nsec);
    ck_assert_uint_eq(now.files, before.files);
    free(now.bytes);
    free(before.bytes);
}

/* Recounts a file. Returns what is printed, which must not have changed anything. */
static const char *recount(const char *path, int status)
{
    struct contents before = look_at(path);
    RUN(status, "recount", path);
    assert_unchanged(path, before);
    return ctl.out.bytes;
}

static const char *make_backup(void)
{
    RUN(STATUS_DONE, "backup", in_directory("copy"));
    return in_directory("copy");
}

START_TEST(recount_of_a_file)
{
    vote_in_a_roll_call();
    ck_assert_str_eq(recount(make_backup(), STATUS_DONE), LUNCH_RECOUNTED ROLL_RECOUNTED);
    server_end(&server);
    ck_assert_str_eq(recount(server.database, STATUS_DONE), LUNCH_RECOUNTED ROLL_RECOUNTED);
}
END_TEST

/* A server that was killed leaves ballots in the log beside the file. */
START_TEST(recount_of_a_database_that_was_left_in_a_hurry)
{
    char wal[SERVER_PATH_MAX + 8];
    vote_in_a_roll_call();
    server_signal(&server, SIGKILL);
    server_wait(&server);
    snprintf(wal, sizeof wal, "%s-wal", server.database);
    struct contents before = look_at(wal);
    ck_assert_uint_gt(before.len, 0);
    RUN(STATUS_DONE, "recount", server.database, "--json");
    json_t *lunch = ctl_json_line();
    ck_assert_str_eq(json_string_value(json_object_get(lunch, "recounted")),
                     "lunch open 6 1 pizza=0 sushi=1");
    json_decref(lunch);
    assert_unchanged(wal, before);
    recount(server.database, STATUS_DONE);
}
END_TEST

static const struct {
    const char *sql;
    const char *out, *err; /* among what is printed */
} tamperings[] = {
    {"UPDATE sheet SET body = CAST(substr(body, 1, 5) || x'01' || substr(body, 7) AS BLOB)",
     "lunch: DIFFERS: shown lunch open 6 1 pizza=0 sushi=1 | recounted lunch open 6 1 pizza=1 "
     "sushi=0\n",
     "not as it was written: entry 6\n"},
    {"DELETE FROM sheet WHERE first_seq = 6", "lunch: DIFFERS: ", "was last shown"},
    {"DELETE FROM last_tally WHERE poll = 1", "lunch: DIFFERS: shown nothing | recounted lunch ",
     ""},
    {"UPDATE named_ballot SET value = 7 WHERE seq = 3", LUNCH_RECOUNTED ROLL_RECOUNTED,
     "not as it was written: entry 3\n"},
    {"UPDATE named_ballot SET seq = 2 WHERE seq = 3", "lunch: ok\n",
     "not as it was written: entry 2\n"},
    {"INSERT INTO last_tally VALUES (9, 'tea open 1 0 green=0 black=0')", LUNCH_RECOUNTED,
     "a poll that there isn't: 1\n"},
};

START_TEST(recount_of_a_file_that_was_tampered_with)
{
    vote_in_a_roll_call();
    database_change(make_backup(), tamperings[_i].sql);
    const char *out = recount(in_directory("copy"), STATUS_REFUSED);
    ck_assert_msg(strstr(out, tamperings[_i].out) != NULL, "%s", out);
    ck_assert_msg(strstr(ctl.err.bytes, tamperings[_i].err) != NULL, "%s", ctl.err.bytes);
}
END_TEST

START_TEST(recount_tells_differences_in_json)
{
    database_change(make_backup(), "UPDATE last_tally SET line = 'lunch open 1 1 pizza=1 sushi=0'");
    RUN(STATUS_REFUSED, "recount", in_directory("copy"), "--json");
    json_t *lunch = ctl_json_line();
    ck_assert(json_is_false(json_object_get(lunch, "ok")));
    ck_assert_str_eq(json_string_value(json_object_get(lunch, "shown")),
                     "lunch open 1 1 pizza=1 sushi=0");
    ck_assert_str_eq(json_string_value(json_object_get(lunch, "recounted")),
                     "lunch open 1 0 pizza=0 sushi=0");
    json_decref(lunch);
}
END_TEST

/* Recounts a file of which nothing can be said, and that must not be touched. */
static void assert_not_recounted(const char *path, const char *why)
{
    ck_assert_str_eq(recount(path, STATUS_REFUSED), "");
    ck_assert_msg(strstr(ctl.err.bytes, why) != NULL, "%s", ctl.err.bytes);
    ck_assert_ptr_nonnull(strstr(ctl.err.bytes, path));
}

START_TEST(recount_refuses_other_files)
{
    database_change(make_backup(), "PRAGMA user_version = 3");
    assert_not_recounted(in_directory("copy"), "version 3");
    database_change(in_directory("copy"), "PRAGMA user_version = 1");
    assert_not_recounted(in_directory("copy"), "tallyctl import '");
    database_change(in_directory("copy"), "PRAGMA application_id = 1");
    assert_not_recounted(in_directory("copy"), "not a database of tallycast");
    assert_not_recounted(server.log, "not a database");
    assert_not_recounted(server.database, "a running server has it in use");
    EXPECT_FAILURE(STATUS_REFUSED, "No such file", "recount", in_directory("nothing"));
    EXPECT_FAILURE(STATUS_REFUSED, "not a database", "recount", server.directory);
    client_ask(client, "VOTE lunch pizza", "+OK 2"); /* which holds its lock still */
}
END_TEST

/* ---- import ---- */

/* Of old ones, tests/unit/test_import tells. */
START_TEST(a_backup_is_imported)
{
    char new[SERVER_PATH_MAX + 32];
    snprintf(new, sizeof new, "%s", in_directory("new"));
    RUN(STATUS_DONE, "import", make_backup(), new);
    ck_assert_str_eq(ctl.out.bytes, "1 entry, 1 poll: all tallies are the same\n");
    RUN(STATUS_DONE, "recount", new);
    ck_assert_str_eq(ctl_line(), "lunch: ok");
    EXPECT_FAILURE(STATUS_REFUSED, "it stays", "import", in_directory("copy"), new);
    EXPECT_FAILURE(STATUS_REFUSED, "a running server has it in use; stop it first", "import",
                   server.database, in_directory("another"));
}
END_TEST

/* ---- usage ---- */

static const char *const misuses[][5] = {
    {NULL},
    {"dance"},
    {"POLLS"},
    {"--dance"},
    {"--admin"},
    {"polls", "lunch"},
    {"polls", "--count", "1"},
    {"show"},
    {"show", "lunch", "tea"},
    {"show", "two words"},
    {"show", ""},
    {"create", "tea", "green"},
    {"title", "lunch"},
    {"title", "lunch", "a\nb"},
    {"label", "lunch", "pizza"},
    {"vote", "lunch"},
    {"watch", "--count", "0"},
    {"watch", "--count", "many"},
    {"watch", "--timeout", "-1"},
    {"watch", "--timeout"},
    {"stats", "lunch"},
    {"stats", "--watch=1"},
    {"journey", "lunch"},
    {"journey", "--voter", "ann"},
    {"journey", "lunch", "pizza", "sushi"},
    {"journey", "lunch", "two words"},
    {"vote", "lunch", "pizza", "as=ann"},
    {"journey", "lunch", "pizza"}, /* without --yes */
    {"create", "tea", "green", "state=open"},
    {"create", "tea", "green", ""},
    {"create", "tea", "green", "a\nb"},
    {"create", "--title", "a\nb", "tea", "green"},
    {"polls", "--voter", "ann"},
    {"kick"},
    {"backup"},
    {"export"},
    {"export", "lunch", "--format", "xml"},
    {"recount", "one", "another"},
    {"import", "old"},
    {"shutdown", "now"},
};

START_TEST(a_command_line_that_is_wrong)
{
    ctl_expect_failure(STATUS_USAGE, "", misuses[_i]);
    client_ask(client, "POLLS", "=lunch open 1 0 pizza=0 sushi=0");
    client_expect(client, "+OK 1");
}
END_TEST

START_TEST(the_command_that_was_meant_is_told)
{
    EXPECT_FAILURE(STATUS_USAGE, "pols: there is no such command: is 'polls' meant?", "pols");
    EXPECT_FAILURE(STATUS_USAGE, "tallyctl --help lists them", "dance");
}
END_TEST

START_TEST(a_line_that_is_too_long)
{
    char text[PROTO_ADMIN_LINE_MAX + 1];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    EXPECT_FAILURE(STATUS_USAGE, "too long", "title", "lunch", text);
}
END_TEST

static const struct {
    const char *name, *usage;
} commands[] = {
#define COMMAND(name, usage, least, most, options, meaning) {#name, usage},
#include "tools/tallyctl/commands.def"
#undef COMMAND
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

START_TEST(help_names_every_command)
{
    RUN(STATUS_DONE, "--help");
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        char row[64];
        snprintf(row, sizeof row, "\n  %s ", commands[i].name);
        ck_assert_msg(strstr(ctl.out.bytes, row) != NULL, "no %s", commands[i].name);
    }
    RUN(STATUS_DONE, "-h");
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "\n  -V, --version "));
    RUN(STATUS_DONE, "-V");
    RUN(STATUS_DONE, "--version");
    assert_match(ctl.out.bytes, "^tallyctl [0-9]+\\.[0-9]+\\.[0-9]+\n$");
}
END_TEST

START_TEST(each_command_has_its_help)
{
    char usage[512];
    const char *name = commands[_i].name;
    RUN(STATUS_DONE, name, "--help");
    snprintf(usage, sizeof usage, "usage: tallyctl [--admin PATH] [--json] %s%s%s\n", name,
             commands[_i].usage[0] != '\0' ? " " : "", commands[_i].usage);
    ck_assert_msg(strncmp(ctl.out.bytes, usage, strlen(usage)) == 0, "%s", ctl.out.bytes);
}
END_TEST

/* ---- connections ---- */

static const char *const without_server[][5] = {
    {"create", "tea", "green", "black"},
    {"open", "lunch"},
    {"close", "lunch"},
    {"title", "lunch", "Lunch"},
    {"label", "lunch", "pizza", "Pizza"},
    {"polls"},
    {"show", "lunch"},
    {"watch"},
    {"vote", "lunch", "pizza"},
    {"stats"},
    {"journey"},
    {"results"},
    {"clients"},
    {"kick", "1"},
    {"backup", "copy"},
    {"export", "lunch"},
    {"recount"},
    {"shutdown"},
};

START_TEST(there_is_no_server)
{
    setenv("TALLYCAST_ADMIN", in_directory("nothing"), 1);
    ctl_expect_failure(STATUS_NO_CONNECTION, "no connection", without_server[_i]);
}
END_TEST

START_TEST(the_option_goes_before_the_environment)
{
    setenv("TALLYCAST_ADMIN", in_directory("nothing"), 1);
    EXPECT("lunch\topen\t0\t1\t-\tlunch\n", "--admin", server.admin, "polls");
    EXPECT("lunch\topen\t0\t1\t-\tlunch\n", "polls", "--admin", server.admin);
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    EXPECT_FAILURE(STATUS_NO_CONNECTION, "too long", "polls", "--admin", path);
}
END_TEST

static const struct {
    const char *line;
    int status;
    const char *why;
} greetings[] = {
    {"220 mail.example.org ESMTP\n", STATUS_NO_CONNECTION, "none of the protocol's"},
    {"+OK POP3 server ready\n", STATUS_NO_CONNECTION, "not tallycast"},
    {"+TALLYCAST 2 max-line=1024\n", STATUS_NO_CONNECTION, "another version"},
    {"-TOO-MANY-CONNECTIONS try again later\n", STATUS_REFUSED, "no room for another connection"},
    {"", STATUS_NO_CONNECTION, "closed at the other end"},
};

START_TEST(what_answers_is_another)
{
    int listener = listen_as_another();
    START("--admin", in_directory("other"), "polls");
    close(accept_and_say(listener, greetings[_i].line));
    ctl_expect_status(greetings[_i].status);
    ck_assert_msg(strstr(ctl.err.bytes, greetings[_i].why) != NULL, "%s", ctl.err.bytes);
    close(listener);
}
END_TEST

START_TEST(a_server_that_stands_still_is_not_waited_for)
{
    server_signal(&server, SIGSTOP);
    EXPECT_FAILURE(STATUS_NO_CONNECTION, "does not answer", "--timeout", "0.1", "polls");
    EXPECT_FAILURE(STATUS_NO_CONNECTION, "does not answer", "backup", "copy", "--timeout", "0.1");
    int64_t since = server_now_ms();
    EXPECT_FAILURE(STATUS_NO_CONNECTION, "does not answer", "watch", "--timeout", "0.1");
    ck_assert_int_lt(server_now_ms() - since, 8000); /* not the usual ten seconds */
    server_signal(&server, SIGCONT);
    RUN(STATUS_DONE, "polls", "--timeout", "20");
}
END_TEST

static const struct {
    enum outlet outlet;
    const char *why;
} losses[] = {{TO_FULL_DISK, "No space left"}, {TO_NOTHING, "Bad file descriptor"}};

START_TEST(output_that_is_lost_is_an_error)
{
    enum outlet outlet = losses[_i].outlet;
    ctl_run(outlet, STATUS_REFUSED, ARGUMENTS("--help"));
    ctl_run(outlet, STATUS_REFUSED, ARGUMENTS("polls", "--help"));
    ctl_run(outlet, STATUS_REFUSED, ARGUMENTS("-V"));
    ctl_run(outlet, STATUS_REFUSED, ARGUMENTS("polls"));
    ck_assert_ptr_nonnull(strstr(ctl.err.bytes, losses[_i].why));
    ctl_run(outlet, STATUS_REFUSED, ARGUMENTS("export", "lunch"));
}
END_TEST

SERVER_MAIN("tallyctl",
            {"polls", .set_up = set_up, .tear_down = tear_down,
             .tests = {{changes_tell_their_sequence},
                       {changes_tell_their_sequence_in_json},
                       {create_makes_names_of_words},
                       {a_text_may_begin_with_a_dash},
                       {what_the_server_refuses},
                       {polls_to_a_pipe},
                       {polls_on_a_terminal},
                       {results_as_a_table},
                       {results_that_are_hidden},
                       {show_to_a_pipe},
                       {hidden_counts_are_not_shown},
                       {show_on_a_terminal_draws_bars},
                       {a_terminal_gets_no_marks_that_reorder},
                       {errors_have_no_control_characters},
                       {watch_prints_each_change},
                       {watch_in_json},
                       {watch_without_names_follows_new_polls_too},
                       {watch_ends_when_its_time_is_over},
                       {watch_ends_by_the_signal_that_it_gets},
                       {watch_goes_on_when_the_server_comes_back},
                       {watch_waits_for_a_server_no_longer_than_it_may},
                       {watch_ends_with_its_reader},
                       {watch_on_a_terminal_redraws_in_place},
                       {watch_on_a_terminal_cleans_up_after_a_signal},
                       {a_key_ends_a_watch, .loops = UNIT_COUNT(watches)},
                       {a_key_ends_a_watch_that_waits_for_titles},
                       {a_line_is_cleared_before_it_is_written},
                       {a_dumb_terminal_is_sent_lines, .loops = UNIT_COUNT(dumb_terminals)},
                       {a_narrow_terminal_shows_the_counts, .loops = UNIT_COUNT(widths)},
                       {what_does_not_fit_on_the_screen_is_told}}},
            {"server", .set_up = set_up, .tear_down = tear_down,
             .tests = {{stats_to_a_pipe},
                       {stats_on_a_terminal_are_those_that_matter},
                       {stats_are_watched},
                       {journey_without_a_ballot},
                       {journey_asks_before_it_casts_a_ballot, .loops = UNIT_COUNT(answers)},
                       {journey_of_a_ballot_to_a_pipe},
                       {journey_of_a_ballot_in_json},
                       {journey_on_a_terminal_is_a_waterfall},
                       {clients_lists_those_first_that_hold_the_most_back},
                       {kick_closes_a_connection},
                       {kick_closes_the_connections_of_an_address},
                       {shutdown_stops_the_server},
                       {there_is_no_server, .loops = UNIT_COUNT(without_server)},
                       {the_option_goes_before_the_environment},
                       {what_answers_is_another, .loops = UNIT_COUNT(greetings)},
                       {a_server_that_stands_still_is_not_waited_for},
                       {output_that_is_lost_is_an_error, .loops = UNIT_COUNT(losses)}}},
            {"database", .set_up = set_up, .tear_down = tear_down,
             .tests = {{backup_writes_a_file},
                       {backup_takes_a_path_from_where_one_is},
                       {export_as_csv},
                       {export_holds_no_formulas},
                       {export_as_json},
                       {recount_of_the_running_server},
                       {recount_of_a_file},
                       {recount_of_a_database_that_was_left_in_a_hurry},
                       {recount_of_a_file_that_was_tampered_with, .loops = UNIT_COUNT(tamperings)},
                       {recount_tells_differences_in_json},
                       {recount_refuses_other_files}}},
            {"import", .set_up = set_up, .tear_down = tear_down, .tests = {{a_backup_is_imported}}},
            {"usage", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_command_line_that_is_wrong, .loops = UNIT_COUNT(misuses)},
                       {the_command_that_was_meant_is_told},
                       {a_line_that_is_too_long},
                       {help_names_every_command},
                       {each_command_has_its_help, .loops = COMMAND_COUNT}}})
