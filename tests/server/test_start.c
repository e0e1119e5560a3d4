/* Starting the server: polls of the command line that exist already, and a parent that left little.
 */
#include "tests/support/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* A database or a client must not get a standard descriptor's number: it would get the log. */
START_TEST(closed_standard_descriptors_are_filled)
{
    char link[64], target[64];
    close(STDIN_FILENO); /* the server gets what this process has */
    server_start(&server, "--poll", "lunch=pizza,sushi", NULL);
    snprintf(link, sizeof link, "/proc/%d/fd/0", (int)server.pid);
    ssize_t len = readlink(link, target, sizeof target - 1);
    ck_assert_int_gt((int)len, 0);
    target[len] = '\0';
    ck_assert_str_eq(target, "/dev/null");
    client_ask(server_client(&server), "VOTE lunch pizza", "+OK 2");
}
END_TEST

SERVER_MAIN("start",
            {"start", .set_up = set_up, .tear_down = tear_down,
             .tests = {{polls_that_exist_are_taken_as_they_are},
                       {a_poll_with_other_choices_stays_as_it_is, .loops = UNIT_COUNT(others)},
                       {closed_standard_descriptors_are_filled}}})
