/* tallyctl and polls of every kind: how they are made, what is exported of them, and that their
 * results come out the same, whichever way they are counted. */
#include "tests/support/ctl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORDS_MAX = 12, PATH_BYTES = SERVER_PATH_MAX + 32 };

static struct server server;

static void set_up(void)
{
    server_init(&server);
    server_start(&server, NULL);
    ctl_set_up(&server);
}

static void tear_down(void)
{
    ctl_tear_down();
    server_end(&server);
}

/* Sends a line to the server, which takes it. */
static void order(const char *line)
{
    struct client *admin = server_admin(&server);
    client_send(admin, "%s", line);
    client_expect_match(admin, "^\\+OK");
    client_close(admin);
}

/* Casts ballots, each of another voter, of a poll with voters=named; NULL after the last. */
static void cast(const char *poll, const char *const *ballots)
{
    struct client *client = server_client(&server);
    for (unsigned i = 0; ballots[i]; i++) {
        client_send(client, "VOTE %s %s as=v%u", poll, ballots[i], i);
        client_expect_match(client, "^\\+OK");
    }
    client_close(client);
}

/* Keeps what tallyctl printed in a file of the test's directory. */
static void keep_output(const char *name, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", server.directory, name);
    FILE *file = fopen(path, "w");
    ck_assert(file && fwrite(ctl.out.bytes, 1, ctl.out.len, file) == ctl.out.len);
    ck_assert_int_eq(fclose(file), 0);
}

/* ---- polls ---- */

START_TEST(create_takes_settings_of_every_kind)
{
    struct client *client = server_client(&server);
    EXPECT("1\n", "create", "board", "a", "b", "c", "method=stv", "seats=2", "lot=c>a>b");
    client_ask(client, "DESCRIBE board", "=title board");
    for (unsigned setting = 0; setting < 5; setting++)
        client_expect_match(client, "^=setting ");
    client_expect(client, "=setting kind ranked");
    client_expect(client, "=setting method stv");
    client_expect(client, "=setting equal no");
    client_expect(client, "=setting abstain yes");
    client_expect(client, "=setting seats 2");
    client_close(client);
    EXPECT_FAILURE(STATUS_REFUSED, "seats= is for method=approval, score and stv", "create", "x",
                   "a", "b", "kind=ranked", "seats=2");
    EXPECT_FAILURE(STATUS_REFUSED, "kind= is one of: single, approval", "create", "x", "a", "b",
                   "kind=dance");
    EXPECT_FAILURE(STATUS_REFUSED, "lot", "create", "x", "a", "b", "lot=a>c");
}
END_TEST

START_TEST(vote_takes_ballots_of_every_kind)
{
    order("CREATE p a b c kind=ranked voters=named");
    order("CREATE q a b c kind=score voters=named");
    EXPECT("3\n", "vote", "p", "b>a=c", "--voter", "ann");
    EXPECT("4\n", "vote", "p", "-", "--voter", "bob");
    EXPECT("5\n", "vote", "--voter", "ann", "q", "a=5,c=2");
    EXPECT_FAILURE(STATUS_REFUSED, "p: the ballot names a twice", "vote", "p", "a>a", "--voter",
                   "cy");
    EXPECT_FAILURE(STATUS_REFUSED, "q: a score is from 0 to 5 here", "vote", "q", "a=6", "--voter",
                   "cy");
}
END_TEST

START_TEST(help_tells_settings)
{
    RUN(STATUS_DONE, "create", "--help");
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "\n  kind=single|approval|score|ranked  "));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "\n  seats=N  "));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "\n  lot=drawn|listed|c>a>b  "));
}
END_TEST

/* ---- what is shown ---- */

#define BALLOTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A closed poll of one kind or another, whose choices are a, b, c. */
static void make_closed(const char *settings, const char *const *ballots)
{
    char line[128];
    snprintf(line, sizeof line, "CREATE p a b c %s voters=named lot=b>c>a", settings);
    order(line);
    order("TITLE p What?");
    order("LABEL p b Bert");
    cast("p", ballots);
    order("CLOSE p");
}

static const struct {
    const char *settings;
    const char *const *ballots;
    unsigned short columns;
    const char *shown, *result;
} screens[] = {
    {"kind=single", BALLOTS("b", "a", "b"), 40,
     "p: closed, 3 ballots\n"
     "  a     #######         1   33.3%\n"
     "  Bert  ##############  2   66.7%  leads\n"
     "  c                     0    0.0%\n",
     "p: closed, 3 ballots\n"
     "most votes (plurality/1): 3 ballots\n"
     "\n"
     "  a     #######         1   33.3%\n"
     "  Bert  ##############  2   66.7%\n"
     "  c                     0    0.0%\n"
     "\n"
     "Winner: Bert\n"},
    {"method=star", BALLOTS("a=5,b=4", "b=2,a=1", "b=1"), 40,
     "p: closed, 3 ballots, sums of scores\n"
     "  a     ###################     6\n"
     "  Bert  ######################  7  leads\n"
     "  c                             0\n",
     "p: closed, 3 ballots\n"
     "STAR: sums of scores, then a run-off (star/1): 3 ballots\n"
     "\n"
     "  a     ###################     6\n"
     "  Bert  ######################  7\n"
     "  c                             0\n"
     "\n"
     "Run-off\n"
     "  Bert  ######################  2\n"
     "  a     ###########             1\n"
     "\n"
     "Winner: Bert\n"},
    {"method=irv", BALLOTS("a>b", "c>b", "b", "-", "a"), 24,
     "p: closed, 5 ballots, first preferences\n"
     "  a     2   40.0%  leads\n"
     "  Bert  1   20.0%\n"
     "  c     1   20.0%\n",
     "p: closed, 5 ballots\n"
     "instant run-off (irv/1): 5 ballots, 1 abstained\n"
     "\n"
     "Round 1\n"
     "  a     2   50.0%\n"
     "  Bert  1   25.0%\n"
     "  c     1   25.0%  out\n"
     "  Tie for going out between Bert and c, decided by the lot.\n"
     "  c is out.\n"
     "\n"
     "Round 2\n"
     "  a     2   50.0%\n"
     "  Bert  2   50.0%  out\n"
     "  Tie for going out between a and Bert, decided by the latest earlier round in which they "
     "differ.\n"
     "  Bert is out.\n"
     "\n"
     "Round 3\n"
     "  a          2  100.0%\n"
     "  exhausted  2\n"
     "  a is elected.\n"
     "\n"
     "Winner: a\n"},
    {"method=approval seats=2", BALLOTS("a,b", "b,c", "b,c"), 60,
     "p: closed, 3 ballots\n"
     "  a     ###########                         1   33.3%\n"
     "  Bert  ##################################  3  100.0%  leads\n"
     "  c     #######################             2   66.7%  leads\n",
     "p: closed, 3 ballots\n"
     "most approvals (approval/1): 3 ballots, 2 seats\n"
     "\n"
     "  a     ###########                         1   33.3%\n"
     "  Bert  ##################################  3  100.0%\n"
     "  c     #######################             2   66.7%\n"
     "\n"
     "Elected\n"
     "  1. Bert\n"
     "  2. c\n"},
};

START_TEST(a_terminal_shows_who_leads)
{
    char expected[1024];
    setenv("LC_ALL", "C", 1);
    ctl.terminal_columns = screens[_i].columns;
    make_closed(screens[_i].settings, screens[_i].ballots);
    snprintf(expected, sizeof expected, "What?\n%s", screens[_i].shown);
    EXPECT_TTY(expected, "show", "p");
    snprintf(expected, sizeof expected, "What?\n%s", screens[_i].result);
    EXPECT_TTY(expected, "result", "p");
}
END_TEST

START_TEST(leaders_are_those_of_the_result)
{
    make_closed("method=irv", BALLOTS("a>c", "a>c", "b>c", "b>c", "c>b"));
    EXPECT("p\tclosed\t5\t9\tb\tWhat?\n", "polls");
    RUN(STATUS_DONE, "results", "p", "--json");
    ctl_expect_json("{\"poll\": \"p\", \"title\": \"What?\", \"state\": \"closed\","
                    " \"ballots\": 5, \"choice\": \"a\", \"label\": \"a\", \"count\": 2,"
                    " \"percent\": 40.0}");
    order("CREATE q a b kind=score");
    EXPECT("poll,title,state,ballots,choice,label,count,percent\r\n"
           "q,q,open,0,a,a,0,\r\nq,q,open,0,b,b,0,\r\n",
           "results", "q");
    order("CREATE r a b kind=ranked reveal=closed");
    RUN(STATUS_DONE, "polls");
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "\nq\topen\t0\t10\t-\tq\n"));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "\nr\topen\t0\t11\t(hidden)\tr\n"));
}
END_TEST

START_TEST(watching_a_screen_tells_the_leaders)
{
    setenv("LC_ALL", "C", 1);
    ctl.terminal_columns = 60;
    make_closed("method=irv", BALLOTS("a>c", "a>c", "b>c", "b>c", "c>b"));
    ctl_start(TO_TERMINAL, ARGUMENTS("watch", "p", "--timeout", "60"));
    while (!strstr(ctl.out.bytes, "p: closed, 5 ballots, first preferences") ||
           !strstr(ctl.out.bytes, "  c "))
        ctl_receive();
    ck_assert_int_eq(kill(ctl.pid, SIGTERM), 0);
    ctl_expect_status(-SIGTERM);
    assert_match(ctl.out.bytes, "  a +#+ +2   40.0%\r?\n");
    assert_match(ctl.out.bytes, "  Bert +#+ +2   40.0%  leads\r?\n");
}
END_TEST

START_TEST(a_hidden_result)
{
    order("CREATE p a b kind=ranked reveal=closed lot=listed");
    RUN(STATUS_REFUSED, "result", "p");
    ck_assert_str_eq(ctl.out.bytes, "method schulze/1 seats=1 ballots=0\nlot a>b\n");
    ck_assert_ptr_nonnull(strstr(ctl.err.bytes, "p: the result is hidden until"));
    RUN(STATUS_DONE, "result", "p", "--json");
    ctl_expect_json("{\"poll\": \"p\", \"title\": \"p\", \"state\": \"open\","
                    " \"hidden\": true, \"seq\": 1, \"method\": \"schulze/1\", \"seats\": 1,"
                    " \"ballots\": 0, \"lot\": [\"a\", \"b\"], \"steps\": [],"
                    " \"winners\": []}");
    EXPECT_TTY("p\np: open, 0 ballots, counts hidden until it is closed\n"
               "Schulze (schulze/1): 0 ballots\n"
               "The result is hidden until the poll is closed.\n",
               "result", "p");
    EXPECT_FAILURE(STATUS_REFUSED, "there is no such poll", "result", "q");
    order("CREATE r a b");
    RUN(STATUS_DONE, "result", "r", "--pairs");
    ctl_run(TO_TERMINAL, STATUS_DONE, ARGUMENTS("result", "r"));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "Nobody is elected: nobody has voted\n"));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "The poll is open: this is how it stands.\n"));
}
END_TEST

/* ---- exports, and counting them again ---- */

static const struct {
    const char *settings; /* of the poll p with the choices a b c, whose lot is b>c>a */
    const char *const *ballots;
    const char *csv;
    const char *method, *option; /* that count needs, where the file doesn't say it */
    const char *result;          /* without its first rows up to the lot's */
    const char *recounted;
} elections[] = {
    {"kind=single", BALLOTS("b", "a", "-", "b", "c"),
     "weight,a,b,c\r\n1,1,0,0\r\n1,0,1,0\r\n1,0,1,0\r\n1,0,0,1\r\n1,,,\r\n", "--method=plurality",
     NULL, "round 1 a=1 b=2 c=1\nwinner 1 b\n", "plurality/1: elected b"},
    {"kind=approval seats=2", BALLOTS("b,a", "a,b", "c", "-"),
     "weight,a,b,c\r\n1,1,1,0\r\n1,1,1,0\r\n1,0,0,1\r\n1,,,\r\n", "--method=approval", "--seats=2",
     "round 1 a=2 b=2 c=1\nwinner 1 b\nwinner 2 a\n", "approval/1: elected b, a"},
    {"kind=score scores=9", BALLOTS("a=9,b=3", "b=7", "a=0", "b=3,a=9", "-"),
     "weight,a,b,c\r\n1,9,3,0\r\n1,9,3,0\r\n1,0,7,0\r\n1,0,0,0\r\n1,,,\r\n", "--method=score",
     "--scores=9", "round 1 a=18 b=13 c=0\nwinner 1 a\n", "score/1: elected a"},
    {"method=star", BALLOTS("a=5,b=3", "b=4,c=5", "c=1,b=2"),
     "weight,a,b,c\r\n1,5,3,0\r\n1,0,4,5\r\n1,0,2,1\r\n", "--method=star", NULL,
     "round 1 a=5 b=9 c=6\nrunoff b=2 c=1 equal=0\nwinner 1 b\n", "star/1: elected b"},
    {"kind=ranked", BALLOTS("a>b", "a=c>b", "b", "-", "c=a>b"),
     "weight,a,b,c\r\n1,1,2,1\r\n1,1,2,1\r\n1,1,2,\r\n1,,1,\r\n1,,,\r\n", "--method=schulze", NULL,
     "rank 1 a\nrank 2 b,c\nwinner 1 a\n", "schulze/1: elected a"},
    {"method=irv", BALLOTS("a>b", "c>b", "b", "-", "a"),
     "weight,a,b,c\r\n1,1,2,\r\n1,1,,\r\n1,,1,\r\n1,,2,1\r\n1,,,\r\n", "--method=irv", NULL,
     "round 1 a=2 b=1 c=1 exhausted=0\ntie 1 eliminate b,c by=lot\neliminate 1 c\n"
     "round 2 a=2 b=2 c=0 exhausted=0\ntie 2 eliminate a,b by=earlier\neliminate 2 b\n"
     "round 3 a=2 b=0 c=0 exhausted=2\nelect 3 a\nwinner 1 a\n",
     "irv/1: elected a; tie to eliminate b,c by=lot; tie to eliminate a,b by=earlier"},
    {"method=stv seats=2", BALLOTS("a>b", "a>b", "a", "b", "c"),
     "weight,a,b,c\r\n1,1,2,\r\n1,1,2,\r\n1,1,,\r\n1,,1,\r\n1,,,1\r\n", "--method=stv", "--seats=2",
     "round 1 a=3.00000 b=1.00000 c=1.00000 exhausted=0.00000\n"
     "elect 1 a surplus=1.00000\ntransfer 1 a surplus=1.00000\n"
     "round 2 a=2.00000 b=1.66666 c=1.00000 exhausted=0.33333\n"
     "eliminate 2 c\n"
     "round 3 a=2.00000 b=1.66666 c=0.00000 exhausted=1.33333\n"
     "elect 3 b\nwinner 1 a\nwinner 2 b\n",
     "stv-scottish/1: elected a, b"},
};

/* What stands behind the row of the lot. */
static const char *result_printed(void)
{
    static const char lot[] = "\nlot b>c>a\n";
    const char *row = strstr(ctl.out.bytes, lot);
    ck_assert_msg(row != NULL, "%s", ctl.out.bytes);
    return row + strlen(lot);
}

/* Exports the poll, and counts that with arguments for `count`, NULL after the last. */
static void expect_counted(const char *format, const char *const *arguments, const char *result)
{
    char path[PATH_BYTES];
    const char *count[WORDS_MAX] = {"count", path};
    RUN(STATUS_DONE, "export", "p", "--format", format);
    keep_output(format, path);
    for (unsigned i = 0; arguments[i]; i++)
        count[2 + i] = arguments[i];
    ctl_run(TO_PIPE, STATUS_DONE, count);
    ck_assert_str_eq(result_printed(), result);
}

static void make_poll(int i)
{
    char line[128];
    snprintf(line, sizeof line, "CREATE p a b c %s voters=named lot=b>c>a", elections[i].settings);
    order(line);
    cast("p", elections[i].ballots);
}

START_TEST(an_export_counts_to_the_same_result)
{
    const char *method = elections[_i].method, *option = elections[_i].option;
    make_poll(_i);
    EXPECT(elections[_i].csv, "export", "p");
    expect_counted("csv", ARGUMENTS("--lot=b>c>a", method, option), elections[_i].result);
    expect_counted("json", ARGUMENTS(NULL), elections[_i].result);
    if (_i >= 4) /* ranked */
        expect_counted("blt", ARGUMENTS("--lot=b>c>a", method), elections[_i].result);
    else
        EXPECT_FAILURE(STATUS_USAGE, "BLT is for ranked ballots", "export", "p", "--format=blt");
}
END_TEST

/* Of a closed poll, the server's result is waited for, and then it is of the last tally. */
START_TEST(a_recount_compares_results)
{
    char expected[256];
    make_poll(_i);
    order("CLOSE p");
    RUN(STATUS_DONE, "result", "p");
    ck_assert_str_eq(result_printed(), elections[_i].result);
    snprintf(expected, sizeof expected, "p: ok\n  %s\n", elections[_i].recounted);
    EXPECT(expected, "recount");
    RUN(STATUS_DONE, "recount", "--json");
    json_t *poll = ctl_json_line(), *result = json_object_get(poll, "result");
    json_t *shown = json_object_get(poll, "shown_result");
    ck_assert_int_gt(json_integer_value(json_object_get(shown, "seq")), 0);
    json_object_del(shown, "seq");
    ck_assert(json_is_array(json_object_get(result, "winners")) && json_equal(result, shown));
    json_decref(poll);
}
END_TEST

/* Nobody learns from it who cast which ballot, nor when. */
START_TEST(an_export_gives_nobody_away)
{
    static const char csv[] = "weight,a,b\r\n1,1,\r\n1,2,1\r\n1,2,1\r\n1,,1\r\n";
    char path[PATH_BYTES];
    order("CREATE p a b voters=named kind=ranked");
    cast("p", BALLOTS("b>a", "a", "b", "b>a"));
    order("CREATE q a b voters=named kind=ranked");
    cast("q", BALLOTS("b", "b>a", "b>a", "a"));
    EXPECT(csv, "export", "p");
    EXPECT(csv, "export", "q", "--counted");
    RUN(STATUS_DONE, "export", "p", "--ledger");
    keep_output("ledger", path);
    ck_assert_str_eq(ctl_line(), "seq,time,choice,voter,key\r");
    assert_match(ctl_line(), "^2,[^,]+,b>a,[0-9a-f]{32},\r$");
    EXPECT_FAILURE(STATUS_USAGE, "not both", "export", "p", "--ledger", "--counted");
    EXPECT_FAILURE(STATUS_USAGE, "no place for voters", "export", "p", "--ledger", "--format=blt");
    EXPECT_FAILURE(STATUS_REFUSED, "--counted has those that do", "count", "--method=irv", path);
}
END_TEST

START_TEST(names_are_exported_where_they_are_recorded)
{
    order("CREATE p a b voters=named record=name kind=score");
    cast("p", BALLOTS("a=5", "-"));
    RUN(STATUS_DONE, "export", "p", "--raw");
    ck_assert_str_eq(ctl_line(), "seq,time,choice,voter,key\r");
    assert_match(ctl_line(), "^2,[^,]+,a=5,v0,\r$");
    assert_match(ctl_line(), "^3,[^,]+,-,v1,\r$");
    ctl_expect_no_more();
    EXPECT("\xef\xbb\xbfweight,a,b\r\n1,5,0\r\n1,,\r\n", "export", "p", "--counted", "--bom");
}
END_TEST

/* What a damaged file says is no ballot. */
START_TEST(a_damaged_ballot_is_not_counted)
{
    char copy[PATH_BYTES];
    order("CREATE p a b voters=named kind=ranked");
    cast("p", BALLOTS("a>b"));
    order("CREATE q a b");
    snprintf(copy, sizeof copy, "%s/copy", server.directory);
    RUN(STATUS_DONE, "backup", copy);
    database_change(copy, "UPDATE value SET marks = x'0303'");
    RUN(STATUS_REFUSED, "recount", copy);
    ck_assert_ptr_nonnull(strstr(ctl.err.bytes, "poll 1 is damaged: what a ballot says"));
    ck_assert_ptr_nonnull(strstr(ctl.out.bytes, "q: ok\n  plurality/1: nobody is elected, "));
}
END_TEST

SERVER_MAIN("tallyctl kinds",
            {"polls", .set_up = set_up, .tear_down = tear_down,
             .tests = {{create_takes_settings_of_every_kind},
                       {help_tells_settings},
                       {vote_takes_ballots_of_every_kind}}},
            {"shown", .set_up = set_up, .tear_down = tear_down,
             .tests = {{a_terminal_shows_who_leads, .loops = UNIT_COUNT(screens)},
                       {leaders_are_those_of_the_result},
                       {watching_a_screen_tells_the_leaders},
                       {a_hidden_result}}},
            {"exports", .set_up = set_up, .tear_down = tear_down,
             .tests = {{an_export_counts_to_the_same_result, .loops = UNIT_COUNT(elections)},
                       {a_recount_compares_results, .loops = UNIT_COUNT(elections)},
                       {an_export_gives_nobody_away},
                       {names_are_exported_where_they_are_recorded},
                       {a_damaged_ballot_is_not_counted}}})
