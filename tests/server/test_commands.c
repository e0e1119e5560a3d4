/* Every command and every error code, as PROTOCOL.md tells them. What the transcripts there show
 * already is not repeated. LINE-TOO-LONG, BAD-LINE and TOO-MANY-ERRORS are tested with lines,
 * TOO-MANY-CONNECTIONS with limits, STORAGE and SHUTTING-DOWN with durability. */
#include "tests/support/server.h"

#include "proto/command.h"
#include "proto/limits.h"
#include "proto/lot.h"
#include "proto/settings.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct server server;
static struct client *admin, *client;

static void set_up(void)
{
    server_init(&server);
    server_start(&server, "--poll", "lunch=pizza,sushi", NULL);
    admin = server_admin(&server);
    client = server_client(&server);
}

static void tear_down(void)
{
    server_end(&server);
}

#define COUNT(array) ((int)(sizeof array / sizeof array[0]))

/* ---- the list of commands ---- */

static const struct {
    const char *word;
    bool everyone;
    const char *row;
} commands[] = {
#define EVERYONE true
#define ACT      false
#define ADMIN    false
#define COMMAND(word, name, access, arguments, usage, meaning) \
    {#word, access, "=" usage "  " meaning},
#include "proto/commands.def"
#undef COMMAND
#undef EVERYONE
#undef ACT
#undef ADMIN
};

START_TEST(help_tells_of_each_command)
{
    client_send(client, "HELP %s", commands[_i].word);
    client_expect(client, "%s", commands[_i].row);
    for (enum setting i = 0; _i == CMD_CREATE && i < SETTING_COUNT; i++)
        client_expect(client, "=  %s", setting_help(i));
    if (_i == CMD_CREATE)
        client_expect(client, "=  " LOT_HELP);
    client_expect(client, "+OK");
}
END_TEST

static void expect_help(struct client *who, bool whole)
{
    client_send(who, "HELP");
    for (int i = 0; i < COUNT(commands); i++)
        if (whole || commands[i].everyone)
            client_expect(who, "%s", commands[i].row);
    client_expect(who, "+OK");
}

START_TEST(help_lists_what_one_may_use)
{
    expect_help(client, false);
    expect_help(admin, true);
    client_ask_error(client, "HELP nonsense", "BAD-ARGUMENT");
}
END_TEST

START_TEST(an_administrators_command_is_not_for_everyone)
{
    if (commands[_i].everyone)
        return;
    client_ask_error(client, commands[_i].word, "NOT-ALLOWED");
    client_send(client, "%s lunch pizza", commands[_i].word);
    client_expect_error(client, "NOT-ALLOWED");
    client_ask(client, "PING", "+OK");
}
END_TEST

/* ---- arguments ---- */

static const char *const bad_arguments[] = {
    "VOTE",
    "VOTE lunch",
    "VOTE lunch pizza sushi",
    "VOTE lunch pizza id=",
    "VOTE lunch pizza as=",
    "VOTE lunch pizza id=1 id=2",
    "VOTE lunch pizza colour=red",
    "VOTE lunch pizza as=ann", /* its voters are connections */
    "VOTE lunch pizza;sushi",
    "VOTE lunch -pizza",
    "VOTE .lunch pizza",
    "VOTE l\xc3\xbcnch pizza",
    "AS",
    "AS ann \"bob\"",
    ("AS \xe2\x80\xae"
     "nna"),
    "VOTE lunch pizza as=\"ann",
    "SHOW",
    "SHOW lunch lunch",
    "SHOW *",
    "DESCRIBE",
    "DESCRIBE lunch lunch",
    "POLLS lunch",
    "SUBSCRIBE",
    "SUBSCRIBE lunch lunch",
    "SUBSCRIBE lunch every=",
    "SUBSCRIBE lunch every=0",
    "SUBSCRIBE lunch every=3600001",
    "SUBSCRIBE lunch every=-1",
    "SUBSCRIBE lunch every=18446744073709551617",
    "SUBSCRIBE lunch every=1 every=1",
    "SUBSCRIBE every=1",
    "UNSUBSCRIBE",
    "UNSUBSCRIBE lunch lunch",
    "QUIT now",
    "CREATE",
    "CREATE tea",
    "CREATE tea green",
    "CREATE tea green black green",
    "CREATE tea green black ballots=",
    "CREATE tea green black ballots=many",
    "CREATE tea green black voters=named voters=named",
    "CREATE tea green black,white red",
    "CREATE -tea green black",
    "TITLE",
    "TITLE lunch",
    "LABEL lunch",
    "LABEL lunch pizza",
    "OPEN",
    "OPEN lunch lunch",
    "CLOSE",
    "CLOSE *",
    "STATS all",
    "CLIENTS all",
    "KICK",
    "KICK all",
    "KICK 127.0.0.256",
    "KICK 127.0.0.1:80",
    "KICK -1",
    "KICK 18446744073709551616",
    "BACKUP",
    "BACKUP votes",
    "TRACE",
    "TRACE VOTE lunch",
    "TRACE PING",
    "JOURNEY lunch",
    "JOURNEY 1 2",
    "SHUTDOWN now",
};

START_TEST(a_bad_argument_changes_nothing)
{
    client_ask_error(admin, bad_arguments[_i], "BAD-ARGUMENT");
    client_ask(admin, "POLLS", "=lunch open 1 0 pizza=0 sushi=0");
    client_expect(admin, "+OK 1");
}
END_TEST

static const struct {
    const char *line;
    const char *code;
} refusals[] = {
    {"VOTE tea green", "NO-SUCH-POLL"},
    {"SHOW tea", "NO-SUCH-POLL"},
    {"DESCRIBE tea", "NO-SUCH-POLL"},
    {"SUBSCRIBE tea", "NO-SUCH-POLL"},
    {"UNSUBSCRIBE tea", "NO-SUCH-POLL"},
    {"TITLE tea Tea", "NO-SUCH-POLL"},
    {"LABEL tea green Tea", "NO-SUCH-POLL"},
    {"OPEN tea", "NO-SUCH-POLL"},
    {"CLOSE tea", "NO-SUCH-POLL"},
    {"VOTE lunch tea", "NO-SUCH-CHOICE"},
    {"VOTE lunch 0", "NO-SUCH-CHOICE"},
    {"VOTE lunch 3", "NO-SUCH-CHOICE"},
    {"VOTE lunch 4294967297", "NO-SUCH-CHOICE"},
    {"VOTE lunch 18446744073709551617", "NO-SUCH-CHOICE"},
    {"LABEL lunch tea Tea", "NO-SUCH-CHOICE"},
    {"TRACE VOTE tea green", "NO-SUCH-POLL"},
    {"TRACE VOTE lunch tea", "NO-SUCH-CHOICE"},
    {"KICK 0", "NO-SUCH-CLIENT"},
    {"KICK 4711", "NO-SUCH-CLIENT"},
    {"CREATE LUNCH tea coffee", "POLL-EXISTS"},
    {"VOTES lunch pizza", "UNKNOWN-COMMAND"},
    {"+OK", "UNKNOWN-COMMAND"},
};

START_TEST(what_is_not_there_is_refused)
{
    client_ask_error(admin, refusals[_i].line, refusals[_i].code);
}
END_TEST

/* ---- names and texts ---- */

#define LONG_NAME "a23456789.123456789_123456789-123456789.123456789_123456789-1234"

START_TEST(names_have_64_bytes_at_most)
{
    client_send(admin, "CREATE %s %s 0", LONG_NAME, LONG_NAME);
    client_expect(admin, "+OK 2");
    client_send(client, "VOTE %s %s", LONG_NAME, LONG_NAME);
    client_expect(client, "+OK 3");
    client_send(admin, "CREATE %sx a b", LONG_NAME);
    client_expect_error(admin, "BAD-ARGUMENT");
    client_send(client, "SHOW %sx", LONG_NAME);
    client_expect_error(client, "BAD-ARGUMENT");
    client_send(client, "AS %s%s", LONG_NAME, LONG_NAME); /* a voter's has 128 */
    client_expect(client, "+OK %s%s", LONG_NAME, LONG_NAME);
    client_send(client, "AS %s%sx", LONG_NAME, LONG_NAME);
    client_expect_error(client, "BAD-ARGUMENT");
    client_send(client, "VOTE lunch pizza id=%sx", LONG_NAME);
    client_expect_error(client, "BAD-ARGUMENT");
}
END_TEST

START_TEST(texts_have_200_bytes_at_most)
{
    char text[PROTO_TEXT_MAX + 2];
    memset(text, 'x', sizeof text);
    text[PROTO_TEXT_MAX] = '\0';
    client_send(admin, "TITLE lunch \t %s  ", text);
    client_expect(admin, "+OK 2");
    client_send(client, "DESCRIBE lunch");
    client_expect(client, "=title %s", text);
    text[PROTO_TEXT_MAX] = 'x';
    text[PROTO_TEXT_MAX + 1] = '\0';
    client_send(admin, "TITLE lunch %s", text);
    client_expect_error(admin, "BAD-ARGUMENT");
    client_send(admin, "LABEL lunch 1 %s", text);
    client_expect_error(admin, "BAD-ARGUMENT");
}
END_TEST

/* A line of CREATE with `count` choices named 0, 1, …; short names, so that 256 fit. */
static void send_create(const char *poll, unsigned count)
{
    char line[4096];
    size_t len = (size_t)sprintf(line, "CREATE %s", poll);
    for (unsigned i = 0; i < count; i++)
        len += (size_t)sprintf(line + len, " %x", i);
    client_send(admin, "%s", line);
}

START_TEST(a_poll_has_256_choices_at_most)
{
    send_create("most", PROTO_CHOICES_MAX);
    client_expect(admin, "+OK 2");
    client_ask(client, "VOTE most ff", "+OK 3");
    client_ask(client, "VOTE most 256", "+OK 3 duplicate"); /* which is its number */
    client_send(client, "SHOW most");
    client_expect_match(client, "^\\+OK most open 3 1 0=0 1=0 .* fe=0 ff=1$");
    send_create("more", PROTO_CHOICES_MAX + 1);
    client_expect_error(admin, "BAD-ARGUMENT");
}
END_TEST

/* As many choices as there may be, with long names; and lines about as long as may be. */
START_TEST(an_administrators_line_may_be_long)
{
    enum { NAME_BYTES = 32 };
    static char line[PROTO_ADMIN_LINE_MAX + 2];
    size_t len = (size_t)sprintf(line, "CREATE wide");
    for (unsigned i = 0; i < PROTO_CHOICES_MAX; i++)
        len += (size_t)sprintf(line + len, " %0*x", NAME_BYTES, i);
    strcpy(line + len, "\n");
    client_write(admin, line, len + 1);
    client_expect(admin, "+OK 2");
    client_ask(client, "VOTE wide 256", "+OK 3");
    client_send(client, "SHOW wide");
    client_expect_match(client, "^\\+OK wide open 3 1 0{32}=0 .* 0{30}ff=1$");

    memset(line, 'x', sizeof line);
    memcpy(line, "PING ", 5);
    line[PROTO_ADMIN_LINE_MAX - 1] = '\n';
    client_write(admin, line, PROTO_ADMIN_LINE_MAX);
    ck_assert_uint_eq(strlen(client_line(admin)),
                      PROTO_ADMIN_LINE_MAX - 1 - strlen("PING ") + strlen("+OK "));
    line[PROTO_ADMIN_LINE_MAX - 1] = 'x';
    line[PROTO_ADMIN_LINE_MAX] = '\n';
    client_write(admin, line, PROTO_ADMIN_LINE_MAX + 1);
    client_expect_error(admin, "LINE-TOO-LONG");
    client_ask(admin, "PING", "+OK");
}
END_TEST

START_TEST(a_choices_name_goes_before_its_number)
{
    client_ask(admin, "CREATE goals 2 1 0", "+OK 2");
    client_ask(client, "VOTE goals 1", "+OK 3");
    client_ask(client, "SHOW goals", "+OK goals open 3 1 2=0 1=1 0=0");
    client_ask(client, "VOTE goals 3", "+OK 4");
    client_ask(client, "SHOW goals", "+OK goals open 4 1 2=0 1=0 0=1");
}
END_TEST

START_TEST(polls_are_listed_in_the_order_of_creation)
{
    client_ask(admin, "CREATE zoo lion ape", "+OK 2");
    client_ask(admin, "CREATE art film book state=closed reveal=closed", "+OK 3");
    client_ask(client, "POLLS", "=lunch open 1 0 pizza=0 sushi=0");
    client_expect(client, "=zoo open 2 0 lion=0 ape=0");
    client_expect(client, "=art closed 3 0 film=0 book=0");
    client_expect(client, "+OK 3");
}
END_TEST

START_TEST(a_thousand_polls_are_listed)
{
    for (unsigned i = 2; i <= 1000; i++)
        client_send(admin, "CREATE poll-%u yes no", i);
    for (unsigned i = 2; i <= 1000; i++)
        client_expect(admin, "+OK %u", i);
    client_send(client, "POLLS");
    client_expect(client, "=lunch open 1 0 pizza=0 sushi=0");
    for (unsigned i = 2; i <= 1000; i++)
        client_expect(client, "=poll-%u open %u 0 yes=0 no=0", i, i);
    client_expect(client, "+OK 1000");
}
END_TEST

/* ---- voting ---- */

/* Each row breaks all the rules that are checked after the one that it is answered with. */
static const struct {
    const char *line;
    const char *code;
} vote_order[] = {
    {"VOTE nothing, pizza as=", "BAD-ARGUMENT"},  {"VOTE nothing tea as=ann", "NO-SUCH-POLL"},
    {"VOTE shut tea as=ann", "NO-SUCH-CHOICE"},   {"VOTE shut pizza as=ann", "BAD-ARGUMENT"},
    {"VOTE board yes", "VOTER-REQUIRED"},         {"VOTE board no as=ann", "POLL-CLOSED"},
    {"VOTE nothing pizza,sushi", "NO-SUCH-POLL"}, {"VOTE shut pizza,sushi as=ann", "BAD-BALLOT"},
};

START_TEST(the_order_in_which_a_ballot_is_checked)
{
    client_ask(admin, "CREATE shut pizza sushi state=closed", "+OK 2");
    client_ask(admin, "CREATE board yes no voters=named ballots=once", "+OK 3");
    client_ask(admin, "VOTE board yes as=ann id=k", "+OK 4");
    client_ask(admin, "CLOSE board", "+OK 5");
    client_ask_error(client, vote_order[_i].line, vote_order[_i].code);
    client_ask(client, "VOTE board yes as=ann id=k",
               "+OK 4 duplicate"); /* a repeat goes before closed */
}
END_TEST

/* Writes a command and 256 choices' names, with `separator` between them. */
static void list_choices(char *line, size_t size, const char *command, char separator)
{
    size_t len = (size_t)snprintf(line, size, "%s ", command);
    for (unsigned i = 1; i <= PROTO_CHOICES_MAX; i++)
        len += (size_t)snprintf(line + len, size - len, "choice-%u%c", i,
                                i < PROTO_CHOICES_MAX ? separator : '\0');
}

/* A ballot that a voter's line can't hold is not recorded; an administrator's line can hold it. */
START_TEST(a_ballot_that_is_longer_than_a_line)
{
    char create[8192], vote[8192];
    list_choices(create, sizeof create, "CREATE long kind=approval", ' ');
    list_choices(vote, sizeof vote, "VOTE long", ',');
    client_ask(admin, create, "+OK 2");
    client_ask(client, "PING", "+OK"); /* the first line would end the connection */
    client_ask_error(client, vote, "LINE-TOO-LONG");
    client_send(client, "SHOW long");
    client_expect_match(client, "^\\+OK long open 2 0 choice-1=0 ");
    client_ask(admin, vote, "+OK 3");
    client_send(client, "SHOW long");
    client_expect_match(client, "^\\+OK long open 3 1 choice-1=1 .* choice-256=1$");
}
END_TEST

START_TEST(voters_by_address)
{
    client_ask(admin, "CREATE tea green black voters=address", "+OK 2");
    client_ask(client, "VOTE tea green", "+OK 3");
    client_ask(server_client(&server), "VOTE tea green", "+OK 3 duplicate");
    client_ask(server_client(&server), "VOTE tea black", "+OK 4");
    client_ask(admin, "VOTE tea black", "+OK 5");
    client_ask(server_admin(&server), "VOTE tea black", "+OK 5 duplicate");
    client_ask(client, "SHOW tea", "+OK tea open 5 2 green=0 black=2");
}
END_TEST

START_TEST(voters_by_connection)
{
    client_ask(client, "VOTE lunch pizza", "+OK 2");
    client_ask(server_client(&server), "VOTE lunch pizza", "+OK 3");
    client_ask(client, "AS ann", "+OK ann"); /* of which this poll takes no notice */
    client_ask(client, "VOTE lunch pizza id=1", "+OK 2 duplicate");
    client_ask(admin, "VOTE lunch sushi", "+OK 4");
    client_ask(client, "SHOW lunch", "+OK lunch open 4 3 pizza=2 sushi=1");
}
END_TEST

START_TEST(as_holds_until_the_next)
{
    client_ask(admin, "CREATE tea green black voters=named", "+OK 2");
    client_ask(client, "AS ann", "+OK ann");
    client_ask(client, "VOTE tea green", "+OK 3");
    client_ask(client, "VOTE tea green as=bob", "+OK 4");
    client_ask(client, "VOTE tea green", "+OK 3 duplicate");
    client_ask(client, "AS carol", "+OK carol");
    client_ask(client, "VOTE tea green", "+OK 5");
    client_ask_error(client, "AS", "BAD-ARGUMENT");
    client_ask(client, "VOTE tea green", "+OK 5 duplicate");
}
END_TEST

/* However a name is spelt, it is one voter's; after a restart, too, and in plain SQL. */
START_TEST(spellings_of_a_name)
{
    client_ask(admin, "CREATE roll yes no voters=named record=name", "+OK 2");
    client_ask(admin, "CREATE tea green black voters=named ballots=once", "+OK 3");
    client_ask(client, "AS  J\xc3\xbcrgen \t von   Ahn", "+OK J\xc3\xbcrgen von Ahn");
    client_ask(client, "VOTE roll yes", "+OK 4");
    client_ask(client, "VOTE tea green", "+OK 5");
    client_ask(client, "VOTE roll yes as=\"JU\xcc\x88RGEN VON AHN\"", "+OK 4 duplicate");
    client_ask_error(client, "VOTE tea black as=\"j\xc3\xbcrgen  von ahn\"", "ALREADY-VOTED");
    client_ask(client, "VOTE roll no as=\"J\xc3\x9cRGEN von Ahn\"", "+OK 6");
    client_ask(client, "VOTE roll no as=JurgenVonAhn", "+OK 7");
    client_ask(client, "SHOW roll", "+OK roll open 7 2 yes=0 no=2");
    server_stop(&server);
    database_assert_recount(server.database);
    char *recorded =
        database_text(server.database, "SELECT group_concat(voter) FROM ballot WHERE poll = 2");
    ck_assert_str_eq(recorded, "j\xc3\xbcrgen von ahn,j\xc3\xbcrgen von ahn,jurgenvonahn");
    free(recorded);
    recorded = database_text(server.database, "SELECT group_concat(spelling) FROM ballot");
    ck_assert_str_eq(recorded, "J\xc3\xbcrgen von Ahn,J\xc3\x9cRGEN von Ahn,JurgenVonAhn");
    free(recorded);
    server_start(&server, NULL);
    client = server_client(&server);
    client_ask(client, "SHOW roll", "+OK roll open 7 2 yes=0 no=2");
    client_ask(client, "VOTE roll no as=\"j\xc3\xbcrgen von ahn\"",
               "+OK 8"); /* another connection's */
    client_ask(client, "SHOW roll", "+OK roll open 8 2 yes=0 no=2");
    client_ask_error(client, "VOTE tea black as=\"J\xc3\xbcrgen von Ahn\"", "ALREADY-VOTED");
}
END_TEST

START_TEST(what_the_database_tells_of_a_voter)
{
    client_ask(admin, "CREATE roll yes no voters=named record=name", "+OK 2");
    client_ask(admin, "CREATE tea green black voters=named", "+OK 3");
    client_ask(admin, "CREATE cake big small voters=named", "+OK 4");
    client_ask(client, "VOTE roll yes as=Ann", "+OK 5");
    client_ask(client, "VOTE tea green as=Ann", "+OK 6");
    client_ask(client, "VOTE cake big as=Ann", "+OK 7");
    server_end(&server);
    char *recorded =
        database_text(server.database, "SELECT voter || spelling FROM ballot WHERE seq = 5");
    ck_assert_str_eq(recorded, "annAnn");
    free(recorded);
    recorded = database_text(server.database, "SELECT group_concat(typeof(voter) || length(voter)) "
                                              "FROM ballot WHERE seq > 5");
    ck_assert_str_eq(recorded, "blob16,blob16");
    free(recorded);
    /* Nobody can tell from it that the voter of two polls is the same. */
    ck_assert_uint_eq(
        database_number(server.database, "SELECT count(DISTINCT voter) FROM ballot WHERE seq > 5"),
        2);
}
END_TEST

START_TEST(hidden_results_are_hidden_everywhere)
{
    client_ask(admin, "CREATE award film book reveal=closed", "+OK 2");
    client_ask(client, "VOTE award book", "+OK 3");
    client_ask(client, "SHOW award", "+OK award open 3 1");
    client_ask(admin, "SHOW award", "+OK award open 3 1");
    client_ask(admin, "CLOSE award", "+OK 4");
    client_ask(client, "SHOW award", "+OK award closed 4 1 film=0 book=1");
}
END_TEST

/* ---- the administrator's commands ---- */

static const char *const stat_names[] = {
    "uptime_s",          "connections",
    "connections_total", "connections_refused",
    "subscribers",       "polls",
    "ballots_accepted",  "ballots_duplicate",
    "ballots_refused",   "new_voters",
    "ledger_seq",        "commits",
    "batch_p50",         "batch_p99",
    "batch_max",         "commit_us_p50",
    "commit_us_p99",     "commit_us_max",
    "lock_wait_ns_p50",  "lock_wait_ns_p99",
    "lock_wait_ns_max",  "lock_hold_ns_p50",
    "lock_hold_ns_p999", "lock_hold_ns_max",
    "snapshots",         "updates_sent",
    "updates_conflated", "writes_blocked",
    "slow_readers",      "slow_lines",
    "ring_full",         "read_calls",
    "write_calls",       "lines_read",
    "bytes_in",          "bytes_out",
    "accept_queue",      "accept_queue_max",
    "listen_overflows",  "fds_open",
    "fds_max",           "requests_read",
    "database_bytes",    "wal_bytes",
};

/* Whether PROTOCOL.md tells what the row "=NAME VALUE" of STATS means. */
static bool is_documented(const char *page, const char *row)
{
    char name[64];
    snprintf(name, sizeof name, "`%.*s`", (int)strcspn(row + 1, " "), row + 1);
    return strstr(page, name) != NULL;
}

START_TEST(stats_has_every_row)
{
    size_t len;
    char *page = server_read_source("proto/PROTOCOL.md", &len);
    client_send(admin, "STATS");
    const char *row;
    while ((row = client_line(admin))[0] == '=') {
        assert_match(row, "^=[a-z0-9_]+ [0-9]+$");
        ck_assert_msg(is_documented(page, row), "not in PROTOCOL.md: %s", row);
    }
    free(page);
    ck_assert_str_eq(row, "+OK");
    for (int i = 0; i < COUNT(stat_names); i++)
        client_stat(admin, stat_names[i]);
}
END_TEST

START_TEST(stats_count_what_happens)
{
    uint64_t seq = client_stat(admin, "ledger_seq"), lines = client_stat(admin, "lines_read");
    client_ask(client, "VOTE lunch pizza", "+OK 2");
    client_ask(client, "VOTE lunch pizza", "+OK 2 duplicate");
    client_ask_error(client, "VOTE lunch tea", "NO-SUCH-CHOICE");
    client_ask(client, "SUBSCRIBE lunch", "+OK 1");
    client_expect(client, "> lunch open 2 1 pizza=1 sushi=0");
    ck_assert_uint_eq(client_stat(admin, "connections"), 2);
    ck_assert_uint_eq(client_stat(admin, "connections_total"), 2);
    ck_assert_uint_eq(client_stat(admin, "subscribers"), 1);
    ck_assert_uint_eq(client_stat(admin, "polls"), 1);
    ck_assert_uint_eq(client_stat(admin, "ballots_accepted"), 1);
    ck_assert_uint_eq(client_stat(admin, "ballots_duplicate"), 1);
    ck_assert_uint_eq(client_stat(admin, "ballots_refused"), 1);
    ck_assert_uint_eq(client_stat(admin, "ledger_seq"), seq + 1);
    ck_assert_uint_ge(client_stat(admin, "lines_read"), lines + 4);
    ck_assert_uint_eq(client_stat(admin, "updates_sent"), 1);
    ck_assert_uint_eq(client_stat(admin, "batch_max"), 1);
    ck_assert_uint_gt(client_stat(admin, "commit_us_max"), 0);
    ck_assert_uint_gt(client_stat(admin, "database_bytes"), 4096);
}
END_TEST

#define ROW_REST                                                                \
    " age_s=[0-9]+ idle_s=[0-9]+ lines=[0-9]+ bytes_out=[0-9]+ pending=[0-9]+ " \
    "unsent=[0-9]+ blocked_ms=[0-9]+ voter="

/* The CLIENTS row of a kind, copied; fails if there is not exactly one. */
static void find_row(const char *kind, char *found, size_t size)
{
    unsigned count = 0, rows = 0;
    const char *row;
    client_send(admin, "CLIENTS");
    while ((row = client_line(admin))[0] == '=') {
        rows++;
        if (strstr(row, kind) == NULL)
            continue;
        snprintf(found, size, "%s", row);
        count++;
    }
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(strtoull(row + strlen("+OK "), NULL, 10), rows);
}

START_TEST(clients_has_a_row_for_each)
{
    char row[512];
    client_ask(client, "AS Ann", "+OK Ann");
    struct client *subscriber = server_client(&server);
    client_ask(subscriber, "SUBSCRIBE *", "+OK 1");
    client_line(subscriber);
    find_row(" kind=voter ", row, sizeof row);
    assert_match(row, "^=[0-9]+ fd=[0-9]+ peer=127\\.0\\.0\\.1:[0-9]+ kind=voter" ROW_REST "Ann$");
    find_row(" kind=subscriber ", row, sizeof row);
    assert_match(row,
                 "^=[0-9]+ fd=[0-9]+ peer=127\\.0\\.0\\.1:[0-9]+ kind=subscriber" ROW_REST "-$");
    find_row(" kind=admin ", row, sizeof row);
    assert_match(row, "^=[0-9]+ fd=[0-9]+ peer=admin kind=admin" ROW_REST "-$");
}
END_TEST

static void kick_one(const char *kind)
{
    char row[512];
    find_row(kind, row, sizeof row);
    client_send(admin, "KICK %llu", strtoull(row + 1, NULL, 10));
    client_expect(admin, "+OK");
    client_send(admin, "KICK %llu", strtoull(row + 1, NULL, 10));
    client_expect_error(admin, "NO-SUCH-CLIENT");
}

START_TEST(kick_closes_a_connection)
{
    struct client *subscriber = server_client(&server);
    client_ask(subscriber, "SUBSCRIBE *", "+OK 1");
    client_line(subscriber);
    kick_one(" kind=voter ");
    ck_assert_ptr_null(client_line_or_end(client));
    kick_one(" kind=subscriber ");
    ck_assert_ptr_null(client_line_or_end(subscriber));
    ck_assert_uint_eq(client_stat(admin, "connections"), 1);
}
END_TEST

/* Of many addresses one's connections are closed, and nobody else's. */
START_TEST(kick_closes_all_connections_of_an_address)
{
    enum { EACH = 300 }; /* more than a query looks at in one turn */
    static const char *const addresses[] = {"127.0.0.2", "127.0.0.3"};
    struct client *clients[2][EACH];
    for (int i = 0; i < 2 * EACH; i++)
        client_line(clients[i % 2][i / 2] = server_connect(&server, addresses[i % 2]));
    client_ask(clients[0][7], "SUBSCRIBE lunch", "+OK 1");
    client_line(clients[0][7]);
    client_ask(admin, "KICK 127.0.0.2", "+OK 300");
    for (int i = 0; i < EACH; i++)
        ck_assert_ptr_null(client_line_or_end(clients[0][i]));
    client_ask_error(admin, "KICK 127.0.0.2", "NO-SUCH-CLIENT");
    client_ask_error(admin, "KICK ::", "NO-SUCH-CLIENT"); /* as an admin socket has no address */
    client_ask(clients[1][EACH - 1], "PING", "+OK");
    client_ask(admin, "KICK ::ffff:127.0.0.3", "+OK 300");
}
END_TEST

/* Its rows come as it takes them, and nothing comes between them. */
START_TEST(clients_may_be_many)
{
    enum { CLIENTS = 600, QUERIES = 20 };
    client_ask(admin, "SUBSCRIBE lunch", "+OK 1");
    client_line(admin);
    for (int i = 0; i < CLIENTS; i++)
        server_client(&server);
    for (int i = 0; i < QUERIES; i++)
        client_send(admin, "CLIENTS");
    client_ask(client, "VOTE lunch pizza", "+OK 2");
    unsigned pushes = 0;
    for (int i = 0; i < QUERIES; i++) {
        unsigned rows = 0;
        const char *line;
        while ((line = client_line(admin))[0] == '=' || (rows == 0 && line[0] == '>'))
            line[0] == '=' ? rows++ : pushes++;
        ck_assert_uint_eq(rows, CLIENTS + 2);
        ck_assert_str_eq(line, "+OK 602");
    }
    ck_assert_uint_le(pushes, 1);
    if (pushes == 0)
        client_expect(admin, "> lunch open 2 1 pizza=1 sushi=0");
}
END_TEST

START_TEST(a_query_ends_with_whoever_asked)
{
    for (int i = 0; i < 50; i++) {
        struct client *asker = server_admin(&server);
        client_send(asker, "CLIENTS\nKICK 127.9.9.9\nCLIENTS");
        client_close(asker);
    }
    client_ask(admin, "PING", "+OK");
}
END_TEST

START_TEST(an_administrator_may_kick_itself)
{
    char row[512];
    find_row(" kind=admin ", row, sizeof row);
    client_send(admin, "KICK %llu", strtoull(row + 1, NULL, 10));
    client_expect(admin, "+OK");
    ck_assert_ptr_null(client_line_or_end(admin));
    client_ask(server_admin(&server), "PING", "+OK");
}
END_TEST

/* Not even a subscription, which keeps its connection where the server stops. */
START_TEST(an_administrator_that_kicked_itself_is_not_listened_to)
{
    char row[512];
    find_row(" kind=admin ", row, sizeof row);
    client_send(admin, "KICK %llu\nCLOSE lunch\nSUBSCRIBE *\nPING", strtoull(row + 1, NULL, 10));
    client_expect(admin, "+OK");
    ck_assert_ptr_null(client_line_or_end(admin));
    client_ask(client, "VOTE lunch pizza", "+OK 2");
}
END_TEST

START_TEST(backup_writes_a_new_file)
{
    char line[SERVER_PATH_MAX + 64], *copy = line + strlen("BACKUP ");
    struct stat status;
    client_ask(client, "VOTE lunch pizza", "+OK 2");
    snprintf(line, sizeof line, "BACKUP %s/a copy of lunch", server.directory);
    uint64_t bytes = client_ask_number(admin, line);
    ck_assert_int_eq(stat(copy, &status), 0);
    ck_assert_uint_eq((uint64_t)status.st_size, bytes);
    ck_assert_int_eq((int)(status.st_mode & 077), 0);
    database_assert_recount(copy);
    ck_assert_uint_eq(database_number(copy, "SELECT ballots FROM tally"), 1);
    client_ask(admin, line, "-BAD-ARGUMENT File exists"); /* now */
    ck_assert_int_eq(unlink(copy), 0);
    client_ask_number(admin, line);
}
END_TEST

START_TEST(backup_into_nowhere)
{
    char line[SERVER_PATH_MAX + 64];
    snprintf(line, sizeof line, "BACKUP %s/nowhere/copy", server.directory);
    client_ask(admin, line, "-BAD-ARGUMENT No such file or directory");
    client_ask_error(admin, "BACKUP copy", "BAD-ARGUMENT"); /* relative to what, nobody knows */
    snprintf(line, sizeof line, "BACKUP %s", server.directory);
    client_ask(admin, line, "-BAD-ARGUMENT File exists");
}
END_TEST

static int open_file(const char *name, int flags)
{
    char path[SERVER_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", server.directory, name);
    int file = open(path, flags | O_CLOEXEC, 0600);
    ck_assert_int_ge(file, 0);
    return file;
}

/* Sends a line with files passed along. */
static void send_files(const char *line, const int *files, size_t count)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {0};
    struct iovec bytes = {(void *)(uintptr_t)line, strlen(line)};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    *rights = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                               .cmsg_type = SCM_RIGHTS,
                               .cmsg_len = CMSG_LEN(count * sizeof(int))};
    memcpy(CMSG_DATA(rights), files, count * sizeof(int));
    ck_assert_int_eq(sendmsg(admin->fd, &message, MSG_NOSIGNAL), (ssize_t)strlen(line));
}

/* How many files the server has open. */
static unsigned server_files(void)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)server.pid);
    DIR *files = opendir(path);
    ck_assert_ptr_nonnull(files);
    while (readdir(files) != NULL)
        count++;
    closedir(files);
    return count;
}

/* The server may not even see the directory in which it lies. */
START_TEST(backup_writes_a_file_that_is_passed)
{
    char copy[SERVER_PATH_MAX + 32];
    client_ask(client, "VOTE lunch pizza", "+OK 2");
    unsigned files = server_files();
    int file = open_file("passed", O_WRONLY | O_CREAT | O_EXCL);
    send_files("BACKUP -\n", &file, 1);
    const char *reply = client_line(admin);
    assert_match(reply, "^\\+OK [0-9]+$");
    struct stat status;
    ck_assert_int_eq(fstat(file, &status), 0);
    ck_assert_uint_eq((uint64_t)status.st_size, strtoull(reply + 4, NULL, 10));
    close(file);
    snprintf(copy, sizeof copy, "%s/passed", server.directory);
    database_assert_recount(copy);
    ck_assert_uint_eq(database_number(copy, "SELECT ballots FROM tally"), 1);
    client_ask_error(admin, "BACKUP -", "BAD-ARGUMENT"); /* it was taken */
    ck_assert_uint_eq(server_files(), files);
}
END_TEST

/* Before the line that wants it; and of several the first, since the kernel drops the others. */
START_TEST(the_last_file_that_was_passed_is_taken)
{
    unsigned server_had = server_files();
    int files[] = {open_file("first", O_WRONLY | O_CREAT), open_file("second", O_WRONLY | O_CREAT),
                   open_file("third", O_WRONLY | O_CREAT)};
    send_files("PING one\n", &files[0], 1);
    client_expect(admin, "+OK one");
    send_files("PING two\n", &files[1], 2);
    client_expect(admin, "+OK two");
    ck_assert_uint_eq(server_files(), server_had + 1);
    client_ask_number(admin, "BACKUP -");
    static const off_t least[] = {0, 1, 0};
    for (int i = 0; i < UNIT_COUNT(files); i++) {
        struct stat status;
        ck_assert_int_eq(fstat(files[i], &status), 0);
        ck_assert_int_eq(status.st_size > 0, least[i]);
        close(files[i]);
    }
    int file = open_file("fourth", O_WRONLY | O_CREAT);
    send_files("QUIT\n", &file, 1);
    client_expect(admin, "+OK bye");
    client_expect_end(admin);
    close(file);
    while (server_files() >= server_had)
        sched_yield();
}
END_TEST

static const struct {
    const char *name;
    int flags;
    const char *why;
} unfit_files[] = {
    {"empty", O_RDONLY | O_CREAT, "Bad file descriptor"},
    {".", O_RDONLY | O_DIRECTORY, "Invalid argument"},
    {"log", O_WRONLY, "File exists"},
    {"votes.db", O_RDWR, "File exists"},
    {"votes.db-wal", O_RDWR, "File exists"},
};

/* By whom the database is locked; 0 for nobody. */
static pid_t database_owner(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(server.database, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(fcntl(file, F_GETLK, &lock), 0);
    close(file);
    return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

START_TEST(backup_refuses_files_that_are_unfit)
{
    int file = open_file(unfit_files[_i].name, unfit_files[_i].flags);
    send_files("BACKUP -\n", &file, 1);
    client_expect(admin, "-BAD-ARGUMENT %s", unfit_files[_i].why);
    close(file);
    client_ask(admin, "BACKUP -", "-BAD-ARGUMENT no open file came with the line");
    ck_assert_int_eq(database_owner(), server.pid);
    client_ask(client, "VOTE lunch pizza", "+OK 2");
}
END_TEST

/* Whether it is used, followed by another, or comes with the last line, or after it. */
START_TEST(the_database_that_is_passed_is_not_unlocked)
{
    static const char *const lines[] = {"BACKUP -\n", "PING\n", "QUIT\n", "QUIT\n"};
    int file = open_file("votes.db", O_RDWR);
    ck_assert_int_eq(database_owner(), server.pid);
    send_files(lines[_i], &file, 1);
    if (_i == 1)
        send_files("PING\n", &file, 1);
    (void)client_line(admin);
    if (_i == 3)
        send_files("PING\n", &file, 1);
    client_close(admin);
    admin = server_admin(&server);
    client_ask(admin, "PING", "+OK");
    ck_assert_int_eq(database_owner(), server.pid);
    close(file);
}
END_TEST

START_TEST(a_backup_begins_at_the_files_beginning)
{
    int file = open_file("passed", O_WRONLY | O_CREAT);
    ck_assert_int_eq(lseek(file, 4096, SEEK_SET), 4096);
    send_files("BACKUP -\n", &file, 1);
    const char *reply = client_line(admin);
    struct stat status;
    ck_assert_int_eq(fstat(file, &status), 0);
    ck_assert_uint_eq((uint64_t)status.st_size, strtoull(reply + 4, NULL, 10));
    close(file);
}
END_TEST

/* Without room for the copy. */
START_TEST(backup_tells_why_there_is_none)
{
    int file = open_file("limited", O_WRONLY | O_CREAT);
    const struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};
    ck_assert_int_eq(prlimit(server.pid, RLIMIT_FSIZE, &limit, NULL), 0);
    send_files("BACKUP -\n", &file, 1);
    client_expect(admin,
                  "-STORAGE the copy could not be written, there is no backup: File too large");
    close(file);
}
END_TEST

/* At the same time: each is a whole copy, or is refused and leaves no file. */
START_TEST(many_backups_at_once)
{
    enum { BACKUPS = 16 };
    struct client *admins[BACKUPS];
    char copy[SERVER_PATH_MAX + 32];
    unsigned made = 0;
    for (unsigned i = 0; i < BACKUPS; i++)
        admins[i] = server_admin(&server);
    for (unsigned i = 0; i < BACKUPS; i++)
        client_send(admins[i], "BACKUP %s/copy-%u", server.directory, i);
    for (unsigned i = 0; i < BACKUPS; i++) {
        const char *reply = client_line(admins[i]);
        assert_match(reply, "^(\\+OK [0-9]+|-LIMIT .+)$");
        snprintf(copy, sizeof copy, "%s/copy-%u", server.directory, i);
        ck_assert_int_eq(access(copy, F_OK) == 0, reply[0] == '+');
        made += reply[0] == '+';
    }
    ck_assert_uint_ge(made, 1);
}
END_TEST

START_TEST(shutdown_stops_the_server)
{
    client_ask(client, "VOTE lunch pizza", "+OK 2");
    client_ask(admin, "SHUTDOWN", "+OK");
    client_close(admin);
    client_expect_end(client);
    client_close(client);
    ck_assert_int_eq(server_wait(&server), 0);
    database_assert_recount(server.database);
}
END_TEST

START_TEST(a_connection_has_1024_subscriptions_at_most)
{
    for (unsigned i = 2; i <= 1025; i++) {
        client_send(admin, "CREATE poll-%u yes no", i);
        client_expect(admin, "+OK %u", i);
    }
    client_ask(client, "SUBSCRIBE lunch", "+OK 1");
    client_expect(client, "> lunch open 1 0 pizza=0 sushi=0");
    for (unsigned i = 2; i <= 1024; i++) {
        client_send(client, "SUBSCRIBE poll-%u", i);
        client_expect(client, "+OK 1");
        client_expect(client, "> poll-%u open %u 0 yes=0 no=0", i, i);
    }
    client_ask_error(client, "SUBSCRIBE poll-1025", "LIMIT");
    client_ask(client, "UNSUBSCRIBE lunch", "+OK 1023");
    client_ask(client, "SUBSCRIBE poll-1025", "+OK 1");
}
END_TEST

/* ---- the log ---- */

/* Who did what is for the log; what a voter does is not. */
START_TEST(acts_are_logged_and_ballots_are_not)
{
    char who[64];
    client_ask(admin, "CREATE board yes no voters=named", "+OK 2");
    client_ask(admin, "TITLE board Shall we?", "+OK 3");
    client_ask(admin, "TRACE VOTE board yes as=ann", "+OK 4");
    client_ask(client, "VOTE board no as=bob", "+OK 5");
    client_ask_error(admin, "CREATE board yes no", "POLL-EXISTS");
    client_ask_error(admin, "CLOSE nothing", "NO-SUCH-POLL");
    client_ask(admin, "POLLS", "=lunch open 1 0 pizza=0 sushi=0");
    server_await_log(&server, "refused command=CLOSE error=NO-SUCH-POLL connection=");
    ck_assert(server_logged(&server, " command=\"CREATE board yes no voters=named\"\n"));
    ck_assert(server_logged(&server, " command=\"TITLE board Shall we?\"\n"));
    ck_assert(server_logged(&server, "refused command=CREATE error=POLL-EXISTS connection="));
    /* However long the command is. */
    snprintf(who, sizeof who, "info administrator uid=%d pid=%d connection=", (int)getuid(),
             (int)getpid());
    ck_assert(server_logged(&server, who));
    server_end(&server);
    ck_assert(!server_logged(&server, "ann") && !server_logged(&server, "bob"));
    ck_assert(!server_logged(&server, "VOTE") && !server_logged(&server, "POLLS"));
}
END_TEST

SERVER_MAIN("commands",
            {"the list", .set_up = set_up, .tear_down = tear_down,
             .tests = {{acts_are_logged_and_ballots_are_not},
                       {help_tells_of_each_command, .loops = UNIT_COUNT(commands)},
                       {help_lists_what_one_may_use},
                       {an_administrators_command_is_not_for_everyone,
                        .loops = UNIT_COUNT(commands)}}},
            {"arguments", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_bad_argument_changes_nothing, .loops = UNIT_COUNT(bad_arguments)},
                       {what_is_not_there_is_refused, .loops = UNIT_COUNT(refusals)},
                       {names_have_64_bytes_at_most},
                       {texts_have_200_bytes_at_most},
                       {a_poll_has_256_choices_at_most},
                       {an_administrators_line_may_be_long},
                       {a_choices_name_goes_before_its_number},
                       {polls_are_listed_in_the_order_of_creation},
                       {a_thousand_polls_are_listed}}},
            {"voting", .set_up = set_up, .tear_down = tear_down,
             .tests = {{the_order_in_which_a_ballot_is_checked, .loops = UNIT_COUNT(vote_order)},
                       {a_ballot_that_is_longer_than_a_line},
                       {voters_by_address},
                       {voters_by_connection},
                       {as_holds_until_the_next},
                       {spellings_of_a_name},
                       {what_the_database_tells_of_a_voter},
                       {hidden_results_are_hidden_everywhere}}},
            {"administration", .set_up = set_up, .tear_down = tear_down,
             .tests = {{stats_has_every_row},
                       {stats_count_what_happens},
                       {clients_has_a_row_for_each},
                       {kick_closes_a_connection},
                       {kick_closes_all_connections_of_an_address},
                       {clients_may_be_many},
                       {a_query_ends_with_whoever_asked},
                       {an_administrator_may_kick_itself},
                       {an_administrator_that_kicked_itself_is_not_listened_to},
                       {backup_writes_a_new_file},
                       {backup_into_nowhere},
                       {backup_writes_a_file_that_is_passed},
                       {the_last_file_that_was_passed_is_taken},
                       {the_database_that_is_passed_is_not_unlocked, .loops = 4},
                       {a_backup_begins_at_the_files_beginning},
                       {backup_refuses_files_that_are_unfit, .loops = UNIT_COUNT(unfit_files)},
                       {backup_tells_why_there_is_none},
                       {many_backups_at_once},
                       {shutdown_stops_the_server},
                       {a_connection_has_1024_subscriptions_at_most}}})
