/* Starting the server: polls of the command line that exist already; and what the parent left it of
 * descriptors, signals, a terminal and somebody who reads its log. */
#include "tests/support/server.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static const char OTHER[] = "the poll exists with other choices, which stay poll=drink";

START_TEST(polls_that_exist_are_taken_as_they_are)
{
    static const char *const same = "drink=tea,coffee";
    server_start(&server, "--poll", "lunch=pizza,sushi", "--poll", same, NULL);
    client_ask(server_client(&server), "VOTE drink tea", "+OK 3");
    server_end(&server);
    server_start(&server, "--poll", same, "--poll", "new=yes,no", NULL);
    client_ask(server_client(&server), "SHOW drink", "+OK drink open 3 1 tea=1 coffee=0");
    client_ask(server_client(&server), "SHOW new", "+OK new open 4 0 yes=0 no=0");
    server_end(&server);
    ck_assert(!server_logged(&server, "other choices"));
}
END_TEST

static const char *const others[] = {"drink=tea,coffee,milk", "drink=tea,milk"};

START_TEST(a_poll_with_other_choices_stays_as_it_is)
{
    server_start(&server, "--poll", "drink=tea,coffee", NULL);
    server_end(&server);
    ck_assert(!server_logged(&server, OTHER));
    server_start(&server, "--poll", others[_i], NULL);
    ck_assert(server_logged(&server, OTHER));
    client_ask(server_client(&server), "SHOW drink", "+OK drink open 1 0 tea=0 coffee=0");
}
END_TEST

/* ---- descriptors ---- */

static void expect_on_dev_null(int fd)
{
    char link[64], target[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)server.pid, fd);
    ssize_t len = readlink(link, target, sizeof target - 1);
    ck_assert_int_gt((int)len, 0);
    target[len] = '\0';
    ck_assert_str_eq(target, "/dev/null");
}

/* A database or a client must not get a standard descriptor's number: it would get the log. */
START_TEST(closed_standard_descriptors_are_filled)
{
    close(STDIN_FILENO); /* the server gets what this process has */
    server.error_to = -1;
    server_start(&server, "--poll", "lunch=pizza,sushi", NULL);
    expect_on_dev_null(STDIN_FILENO);
    expect_on_dev_null(STDERR_FILENO);
    client_ask(server_client(&server), "VOTE lunch pizza", "+OK 2");
}
END_TEST

/* A pipe into which nothing more goes. */
static int full_pipe(void)
{
    static char page[4096];
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fcntl(ends[1], F_SETPIPE_SZ, sizeof page), sizeof page);
    ck_assert_int_eq(write(ends[1], page, sizeof page), sizeof page);
    return ends[1];
}

/* Whoever reads the log holds up neither the start, nor an answer, nor the end. */
START_TEST(a_log_that_nobody_reads_holds_nothing_up)
{
    char backup[SERVER_PATH_MAX + 32];
    server.error_to = full_pipe();
    server_start(&server, "--poll", "lunch=pizza,sushi", NULL);
    client_ask(server_client(&server), "VOTE lunch pizza", "+OK 2");
    snprintf(backup, sizeof backup, "BACKUP %.200s/none/backup.db", server.directory);
    client_ask_error(server_admin(&server), backup, "BAD-ARGUMENT"); /* which is logged */
    int64_t began_ms = server_now_ms();
    server_end(&server);
    ck_assert_int_lt(server_now_ms() - began_ms, 10000);
}
END_TEST

/* ---- signals ---- */

static void expect_alive_after(int number)
{
    server_signal(&server, number);
    client_ask(server_client(&server), "PING", "+OK");
    server_end(&server); /* only now, and in good order */
}

/* Whether the server ignores a signal, by what the kernel says. */
static bool ignores(int number)
{
    char line[256];
    unsigned long long mask = 0;
    snprintf(line, sizeof line, "/proc/%d/status", (int)server.pid);
    FILE *status = fopen(line, "re");
    ck_assert_ptr_nonnull(status);
    while (fgets(line, sizeof line, status) && sscanf(line, "SigIgn: %llx", &mask) != 1)
        ;
    fclose(status);
    return mask >> (number - 1) & 1;
}

static const int nohup[] = {SIGHUP, SIGINT};

START_TEST(what_the_parent_has_ignored_stays_ignored)
{
    signal(nohup[_i], SIG_IGN);
    server_start(&server, NULL);
    ck_assert(ignores(nohup[_i]));
    expect_alive_after(nohup[_i]);
}
END_TEST

static const int without_meaning[] = {SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};

START_TEST(signals_without_a_meaning_are_ignored)
{
    server_start(&server, NULL);
    ck_assert(ignores(without_meaning[_i]));
    expect_alive_after(without_meaning[_i]);
}
END_TEST

START_TEST(hangup_asks_for_what_it_can_not_do)
{
    signal(SIGHUP, SIG_DFL);
    server_start(&server, NULL);
    server_signal(&server, SIGHUP);
    server_await_log(&server, "SIGHUP is ignored");
    expect_alive_after(SIGHUP);
}
END_TEST

START_TEST(the_end_of_its_terminal_stops_it)
{
    signal(SIGHUP, SIG_DFL);
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    server.terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_gt(server.terminal, 0);
    server_start(&server, NULL);
    close(master); /* the kernel sends SIGHUP to the session's leader, which the server is */
    ck_assert_int_eq(server_wait(&server), 0);
    ck_assert(server_logged(&server, "stopped"));
}
END_TEST

START_TEST(a_blocked_signal_stops_it_all_the_same)
{
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &term, &before), 0);
    server_start(&server, NULL);
    ck_assert_int_eq(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    server_end(&server);
}
END_TEST

/* Only the signals that it handles reach it. It starts until its configuration, a pipe, ends. */
START_TEST(the_first_process_of_a_container_can_be_stopped_while_it_starts)
{
    if (SERVER_SANITIZED) {
        puts(
            "a container's first process is not tested: the test's own leak check forks behind it");
        return;
    }
    if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
        puts("a container's first process is not tested: the kernel lets this user make none");
        return;
    }
    char path[SERVER_PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/pipe", server.directory);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    server_launch(&server, "--config", path, NULL);
    int fd = open(path, O_WRONLY | O_CLOEXEC); /* waits for the server, which reads */
    ck_assert_int_ge(fd, 0);
    server_signal(&server, SIGTERM);
    close(fd);
    ck_assert_int_eq(server_wait(&server), 128 + SIGTERM);
}
END_TEST

/* ---- who may administer ---- */

enum { NOBODY = 65534, GROUP = 1 /* daemon; in every Debian */ };

static const struct {
    gid_t own, other;     /* the groups of the user who comes */
    bool for_all_by_mode; /* the file system lets everybody connect */
    const char *admitted; /* the greeting, NULL for the end, or "" where the kernel refuses */
} comers[] = {
    {GROUP, NOBODY, false, "+TALLYCAST 1 max-line=65536"},
    {NOBODY, GROUP, false, "+TALLYCAST 1 max-line=65536"},
    {NOBODY, NOBODY, false, ""},
    {NOBODY, NOBODY, true, NULL},
};

static void let_everybody_look(void)
{
    char parent[SERVER_PATH_MAX];
    snprintf(parent, sizeof parent, "%s", server.directory);
    *strrchr(parent, '/') = '\0';
    ck_assert(chmod(parent, 0711) == 0 && chmod(server.directory, 0711) == 0);
}

/* A socket that another user has connected, or -1. */
static int connect_as(gid_t own, gid_t other)
{
    ck_assert(setgroups(1, &other) == 0 && setegid(own) == 0 && seteuid(NOBODY) == 0);
    int fd = server_socket_admin(&server);
    ck_assert(seteuid(0) == 0 && setegid(0) == 0 && setgroups(0, NULL) == 0);
    return fd;
}

START_TEST(the_admin_group_and_nobody_else_administers)
{
    if (geteuid() != 0) {
        puts("other users are not tested: only root can become them");
        return;
    }
    server_start(&server, "--admin-group=daemon", NULL);
    let_everybody_look();
    if (comers[_i].for_all_by_mode)
        ck_assert_int_eq(chmod(server.admin, 0666), 0);
    int fd = connect_as(comers[_i].own, comers[_i].other);
    ck_assert_int_eq(fd < 0, comers[_i].admitted && comers[_i].admitted[0] == '\0');
    if (fd < 0)
        return;
    struct client *comer = client_adopt(&server, fd);
    const char *line = client_line_or_end(comer);
    ck_assert_int_eq(line != NULL, comers[_i].admitted != NULL);
    if (line)
        ck_assert_str_eq(line, comers[_i].admitted);
}
END_TEST

/* Whoever starts servers tries again after status 1, and not after 2. */
static const struct {
    int status;
    const char *arguments[2];
    const char *why; /* in its log; NULL for none */
} ends[] = {
    {0, {"--help"}, NULL},
    {0, {"--version"}, NULL},
    {0, {"--check-config"}, NULL},
    {0, {"--check-config", "--poll=lunch=pizza,sushi"}, NULL},
    {2, {"--check-config", "--poll=lunch"}, "--poll: 'lunch' is not NAME=CHOICE"},
    {2, {"--presure=1"}, "there is no option '--presure'"},
    {2, {"lunch"}, "unexpected argument 'lunch'"},
    {2, {"--push-interval", "often"}, "--push-interval: 'often' is not a whole number"},
    {2, {"--max-connections=0"}, "--max-connections: '0' is not a whole number"},
    {2, {"--listen", "127.0.0.1:65536"}, "--listen: '127.0.0.1:65536' is not HOST:PORT"},
    {2, {"--admin-group", "no such group"}, "there is no group 'no such group'"},
    {2, {"--config", "/nowhere/tallycast.conf"}, "can't open /nowhere/tallycast.conf"},
    {2, {"--check-config=yes"}, "--check-config takes no value"},
    {1, {"--database", "/nowhere/tallycast.db"}, "/nowhere/tallycast.db"},
    {1, {"--admin", "/nowhere/tallycast.sock"}, "can't make the admin socket"},
    {1, {"--listen", "192.0.2.1:0"}, "can't listen on 192.0.2.1:0"}, /* RFC 5737: nobody's */
};

START_TEST(the_exit_status_tells_a_mistake_from_bad_luck)
{
    int status = server_run(&server, ends[_i].arguments[0], ends[_i].arguments[1], NULL);
    ck_assert_int_eq(status, ends[_i].status);
    ck_assert(server_logged(&server, ends[_i].why ? ends[_i].why : ""));
    ck_assert_int_eq(server_logged(&server, "tallycast: "), ends[_i].status == 2);
}
END_TEST

SERVER_MAIN("start",
            {"exit status", .set_up = set_up, .tear_down = tear_down,
             .tests = {{the_exit_status_tells_a_mistake_from_bad_luck, .loops = UNIT_COUNT(ends)}}},
            {"administrators", .set_up = set_up, .tear_down = tear_down,
             .tests = {{the_admin_group_and_nobody_else_administers, .loops = UNIT_COUNT(comers)}}},
            {"polls", .set_up = set_up, .tear_down = tear_down,
             .tests = {{polls_that_exist_are_taken_as_they_are},
                       {a_poll_with_other_choices_stays_as_it_is, .loops = UNIT_COUNT(others)}}},
            {"descriptors", .set_up = set_up, .tear_down = tear_down,
             .tests = {{closed_standard_descriptors_are_filled},
                       {a_log_that_nobody_reads_holds_nothing_up}}},
            {"signals", .set_up = set_up, .tear_down = tear_down,
             .tests = {
                 {what_the_parent_has_ignored_stays_ignored, .loops = UNIT_COUNT(nohup)},
                 {signals_without_a_meaning_are_ignored, .loops = UNIT_COUNT(without_meaning)},
                 {hangup_asks_for_what_it_can_not_do},
                 {the_end_of_its_terminal_stops_it},
                 {a_blocked_signal_stops_it_all_the_same},
                 {the_first_process_of_a_container_can_be_stopped_while_it_starts}}})
