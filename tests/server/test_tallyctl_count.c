/* `tallyctl count`: elections in files, without a server. Published ones come to what was
 * published; and how a result is told, to a pipe, to a terminal and as JSON. */
#include "tests/support/ctl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct server server; /* which never runs: its directory is for files */

static void set_up(void)
{
    server_init(&server);
    ctl_set_up(&server);
}

static void tear_down(void)
{
    ctl_tear_down();
    server_end(&server);
}

/* Writes a file in the test's directory. Returns its path, valid until the next call. */
static const char *make_file(const char *text)
{
    static char path[SERVER_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/election", server.directory);
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    return path;
}

/* ---- published elections ---- */

static const char *text_at(const json_t *array, size_t i)
{
    const char *text = json_string_value(json_array_get(array, i));
    ck_assert_ptr_nonnull(text);
    return text;
}

static void expect_equal(const json_t *value, const json_t *expected, const char *of)
{
    char *printed = json_dumps(value, JSON_ENCODE_ANY),
         *wanted = json_dumps(expected, JSON_ENCODE_ANY);
    ck_assert_msg(json_equal(value, expected), "%s: %s and not %s", of, printed, wanted);
    free(printed);
    free(wanted);
}

/* What `count --json` prints of a file by a method; freed by the caller. */
static json_t *count_file(const char *path, const char *method)
{
    RUN(STATUS_DONE, "count", "--json", path, "--method", method);
    json_t *result = ctl_json_line();
    ctl_expect_no_more();
    return result;
}

static const char *winner_of(const json_t *result)
{
    ck_assert_uint_eq(json_array_size(json_object_get(result, "winners")), 1);
    return text_at(json_object_get(result, "winners"), 0);
}

static void check_schulze(const char *path, const json_t *expected)
{
    json_t *result = count_file(path, "schulze");
    expect_equal(json_object_get(result, "ranks"), json_object_get(expected, "schulze"), path);
    json_decref(result);
}

static void check_irv(const char *path, const json_t *expected)
{
    json_t *result = count_file(path, "irv");
    ck_assert_str_eq(winner_of(result), json_string_value(json_object_get(expected, "irv")));
    json_decref(result);
}

static void check_star(const char *path, const json_t *expected)
{
    json_t *result = count_file(path, "star"), *runoff = json_object_get(result, "runoff");
    json_t *round = json_array_get(json_object_get(result, "rounds"), 0);
    expect_equal(json_object_get(round, "votes"), json_object_get(expected, "scores"), path);
    for (size_t i = 0; i < 2; i++)
        expect_equal(json_object_get(json_object_get(runoff, "votes"),
                                     text_at(json_object_get(expected, "finalists"), i)),
                     json_array_get(json_object_get(expected, "runoff"), i), path);
    ck_assert_str_eq(winner_of(result), json_string_value(json_object_get(expected, "winner")));
    json_decref(result);
}

/* Each stage: what is exhausted, and then the votes of c1, c2, … */
static void check_stage(const json_t *round, const json_t *stage, const char *path)
{
    expect_equal(json_object_get(round, "exhausted"), json_array_get(stage, 0), path);
    for (size_t i = 1; i < json_array_size(stage); i++) {
        char name[8];
        snprintf(name, sizeof name, "c%u", (unsigned)i);
        expect_equal(json_object_get(json_object_get(round, "votes"), name),
                     json_array_get(stage, i), path);
    }
}

static bool is_among(const json_t *array, const char *text)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (strcmp(text_at(array, i), text) == 0)
            return true;
    return false;
}

static void check_stv(const char *path, const json_t *expected)
{
    json_t *result = count_file(path, "stv"), *rounds = json_object_get(result, "rounds");
    const json_t *stages = json_object_get(expected, "stages");
    const json_t *elected = json_object_get(expected, "elected_in_any_order");
    const json_t *winners = json_object_get(result, "winners");
    ck_assert_int_eq(json_integer_value(json_object_get(result, "quota")),
                     strtol(json_string_value(json_object_get(expected, "quota")), NULL, 10));
    ck_assert_uint_eq(json_array_size(rounds), json_array_size(stages));
    for (size_t i = 0; i < json_array_size(stages); i++)
        check_stage(json_array_get(rounds, i), json_array_get(stages, i), path);
    ck_assert_uint_eq(json_array_size(winners), json_array_size(elected));
    for (size_t i = 0; i < json_array_size(elected); i++)
        ck_assert(is_among(winners, text_at(elected, i)));
    json_decref(result);
}

static const struct {
    const char *member; /* of what is expected, if the method is to be checked */
    void (*check)(const char *path, const json_t *expected);
} methods[] = {
    {"schulze", check_schulze}, {"irv", check_irv}, {"runoff", check_star}, {"stages", check_stv}};

/* Returns by how many methods it was counted. */
static unsigned check_file(const char *path)
{
    unsigned checked = 0;
    json_t *election = json_load_file(path, 0, NULL);
    const json_t *expected = json_object_get(election, "expect");
    ck_assert_ptr_nonnull(expected);
    for (int i = 0; i < UNIT_COUNT(methods); i++)
        if (json_object_get(expected, methods[i].member)) {
            methods[i].check(path, expected);
            checked++;
        }
    json_decref(election);
    return checked;
}

START_TEST(published_elections)
{
    char directory[SERVER_PATH_MAX], path[SERVER_PATH_MAX + 256];
    const char *sources = getenv("TALLYCAST_SRCDIR");
    snprintf(directory, sizeof directory, "%s/tests/elections", sources ? sources : ".");
    DIR *files = opendir(directory);
    ck_assert_ptr_nonnull(files);
    unsigned elections = 0;
    for (struct dirent *file; (file = readdir(files));) {
        snprintf(path, sizeof path, "%s/%s", directory, file->d_name);
        if (strstr(file->d_name, ".json")) {
            ck_assert_uint_gt(check_file(path), 0);
            elections++;
        }
    }
    closedir(files);
    ck_assert_uint_ge(elections, 40);
}
END_TEST

/* ---- how a result is told ---- */

#define FRUIT "\"Apple\"\n\"Fig #1\"\n\"Pear\"\n\"What to plant\"\n"
#define TIED  "3 1\n2 1 0\n2 2 3 0\n2 3 2 0\n1 0\n0\n" FRUIT

START_TEST(to_a_pipe_rows)
{
    EXPECT("method irv/1 seats=1 ballots=7 weight=7 abstain=1\n"
           "lot apple>fig-1>pear\n"
           "round 1 apple=2 fig-1=2 pear=2 exhausted=0\n"
           "tie 1 eliminate apple,fig-1,pear by=lot\n"
           "eliminate 1 pear\n"
           "round 2 apple=2 fig-1=4 pear=0 exhausted=0\n"
           "elect 2 fig-1\n"
           "winner 1 fig-1\n",
           "count", make_file(TIED), "--method=irv");
    EXPECT("method irv/1 seats=1 ballots=7 weight=7 abstain=1\n"
           "lot pear>fig-1>apple\n"
           "round 1 apple=2 fig-1=2 pear=2 exhausted=0\n"
           "tie 1 eliminate apple,fig-1,pear by=lot\n"
           "eliminate 1 apple\n"
           "round 2 apple=0 fig-1=2 pear=2 exhausted=2\n"
           "tie 2 eliminate fig-1,pear by=lot\n"
           "eliminate 2 fig-1\n"
           "round 3 apple=0 fig-1=0 pear=4 exhausted=2\n"
           "elect 3 pear\n"
           "winner 1 pear\n",
           "count", make_file(TIED), "--method=irv", "--lot", "3>fig-1>apple");
}
END_TEST

START_TEST(pairs_where_they_are_asked_for)
{
    EXPECT("method schulze/1 seats=1 ballots=1 weight=1 abstain=0\n"
           "lot a>b\n"
           "rank 1 a\nrank 2 b\n"
           "winner 1 a\n"
           "pair a b 1 0\n"
           "path a b 1\npath b a 0\n",
           "count", make_file("a,b\n1,2\n"), "--method=schulze", "--pairs");
}
END_TEST

static const struct {
    const char *text;
    const char *method;
    unsigned short columns;
    const char *drawn;
} drawings[] = {
    {TIED, "irv", 50,
     "What to plant\n"
     "instant run-off (irv/1): 7 ballots, 1 abstained\n"
     "\n"
     "Round 1\n"
     "  Apple   ######################  2   33.3%\n"
     "  Fig #1  ######################  2   33.3%\n"
     "  Pear    ######################  2   33.3%  out\n"
     "  Tie for going out between Apple, Fig #1 and Pear, decided by the lot.\n"
     "  Pear is out.\n"
     "\n"
     "Round 2\n"
     "  Apple   ##########            2   33.3%\n"
     "  Fig #1  ####################  4   66.7%  elected\n"
     "  Fig #1 is elected.\n"
     "\n"
     "Winner: Fig #1\n"},
    {"a,b,ballots\n1,2,10\n2,1,9\n", "irv", 20,
     "instant run-off (irv/1): 19 ballots\n"
     "\n"
     "Round 1\n"
     "  a  10   52.6%\n"
     "  b   9   47.4%\n"
     "  a is elected.\n"
     "\n"
     "Winner: a\n"},
    {"Ann,Bert,Carl\n5,3,0\n0,4,5\n5,5,5\n2,3,0\n", "star", 60,
     "STAR: sums of scores, then a run-off (star/1): 4 ballots\n"
     "\n"
     "  Ann   #################################          12\n"
     "  Bert  #########################################  15\n"
     "  Carl  ###########################                10\n"
     "\n"
     "Run-off\n"
     "  Bert           #################################  2\n"
     "  Ann            #################                  1\n"
     "  no preference  #################                  1\n"
     "\n"
     "Winner: Bert\n"},
    {"a,b\n,\n", "approval", 60,
     "most approvals (approval/1): 1 ballot, 1 abstained\n"
     "\n"
     "  a                                                 0\n"
     "  b                                                 0\n"
     "\n"
     "Nobody is elected: every ballot abstains\n"},
    {"a,b,c,weight\n1,1,0,3\n0,1,1,1\n", "approval", 60,
     "most approvals (approval/1): 2 ballots that weigh 4\n"
     "\n"
     "  a  ############################           3   75.0%\n"
     "  b  #####################################  4  100.0%\n"
     "  c  #########                              1   25.0%\n"
     "\n"
     "Winner: b\n"},
    {"a,b,c\n1,2,2\n1,,\n", "schulze", 60,
     "Schulze (schulze/1): 2 ballots\n"
     "\n"
     "  1. a\n"
     "  2. b and c\n"
     "\n"
     "Winner: a\n"},
    {"4 2\n5 1 2 0\n3 3 0\n2 4 0\n2 2 1 0\n0\n\"Ann\"\n\"Bert\"\n\"Carl\"\n\"Dora\"\n", "stv", 60,
     "single transferable vote, Scottish rules (stv-scottish/1): 12 ballots, 2 seats, quota 5\n"
     "\n"
     "Round 1\n"
     "  Ann   ##################################  5.00000  elected\n"
     "  Bert  ##############                      2.00000\n"
     "  Carl  ####################                3.00000\n"
     "  Dora  ##############                      2.00000  out\n"
     "  Ann is elected.\n"
     "  Tie for going out between Bert and Dora, decided by the lot.\n"
     "  Dora is out.\n"
     "\n"
     "Round 2\n"
     "  Ann        #############################  5.00000  elected\n"
     "  Bert       ############                   2.00000  out\n"
     "  Carl       #################              3.00000\n"
     "  exhausted  ############                   2.00000\n"
     "  Bert is out.\n"
     "\n"
     "Round 3\n"
     "  Ann        #############################  5.00000  elected\n"
     "  Carl       #################              3.00000  elected\n"
     "  exhausted  #######################        4.00000\n"
     "  Carl is elected.\n"
     "\n"
     "Elected\n"
     "  1. Ann\n"
     "  2. Carl\n"},
};

START_TEST(on_a_terminal_words)
{
    setenv("LC_ALL", "C", 1);
    ctl.terminal_columns = drawings[_i].columns;
    EXPECT_TTY(drawings[_i].drawn, "count", make_file(drawings[_i].text), "--method",
               drawings[_i].method);
}
END_TEST

START_TEST(as_json_one_object)
{
    RUN(STATUS_DONE, "count", "--json", make_file(TIED), "--method=irv", "--pairs");
    ctl_expect_json(
        "{\"title\": \"What to plant\", \"hidden\": false, \"method\": \"irv/1\", \"seats\": 1,"
        " \"ballots\": 7, \"weight\": 7, \"abstain\": 1,"
        " \"lot\": [\"apple\", \"fig-1\", \"pear\"], \"rounds\": ["
        "{\"round\": 1, \"votes\": {\"apple\": 2, \"fig-1\": 2, \"pear\": 2},"
        " \"exhausted\": 0},"
        "{\"round\": 2, \"votes\": {\"apple\": 2, \"fig-1\": 4, \"pear\": 0},"
        " \"exhausted\": 0}], \"steps\": ["
        "{\"round\": 1, \"step\": \"tie\", \"of\": \"eliminate\","
        " \"choices\": [\"apple\", \"fig-1\", \"pear\"], \"by\": \"lot\"},"
        "{\"round\": 1, \"step\": \"eliminate\", \"choice\": \"pear\"},"
        "{\"round\": 2, \"step\": \"elect\", \"choice\": \"fig-1\"}],"
        " \"winners\": [\"fig-1\"], \"pairs\": [[\"apple\", \"fig-1\", 2, 4],"
        " [\"apple\", \"pear\", 2, 4], [\"fig-1\", \"pear\", 2, 2]]}");
    ctl_expect_no_more();
}
END_TEST

/* ---- files and options ---- */

START_TEST(a_file_on_standard_input)
{
    ctl.input = make_file("a,b\n1,2\n");
    RUN(STATUS_DONE, "count", "-", "--method=stv");
    ck_assert_str_eq(ctl_line(),
                     "method stv-scottish/1 seats=1 ballots=1 weight=1 abstain=0 quota=1");
    ctl.input = make_file("a,b\n1,x\n");
    EXPECT_FAILURE(STATUS_REFUSED, "standard input: line 2: column 2: 'x' is no rank", "count", "-",
                   "--method=stv");
}
END_TEST

START_TEST(what_cannot_be_counted)
{
    const char *path = make_file("3 2\n1 1=2 0\n0\n" FRUIT);
    EXPECT_FAILURE(STATUS_REFUSED, "No such file", "count", "nonsuch");
    EXPECT_FAILURE(STATUS_REFUSED, "Is a directory", "count", server.directory);
    EXPECT_FAILURE(STATUS_REFUSED, "--method=M", "count", path);
    EXPECT_FAILURE(STATUS_REFUSED, "line 2: no choices are ranked equal", "count", path,
                   "--method=stv");
    EXPECT_FAILURE(STATUS_REFUSED, "counts ballots of kind=score", "count", path, "--method=star");
    EXPECT_FAILURE(STATUS_REFUSED, "seats= is for method=", "count", path, "--method=schulze",
                   "--seats=2");
    EXPECT_FAILURE(STATUS_USAGE, "method= is one of: plurality", "count", path, "--method=borda");
    EXPECT_FAILURE(STATUS_USAGE, "seats= is a number from 1", "count", path, "--method=stv",
                   "--seats=none");
    EXPECT_FAILURE(STATUS_USAGE, "scores= is a number", "count", path, "--method=star",
                   "--scores=x");
    EXPECT_FAILURE(STATUS_USAGE, "--lot: ", "count", path, "--method=schulze", "--lot=apple");
    EXPECT_FAILURE(STATUS_USAGE, "--pairs: there is no such option here", "polls", "--pairs");
}
END_TEST

SERVER_MAIN("tallyctl count",
            {"published", .set_up = set_up, .tear_down = tear_down,
             .tests = {{published_elections}}},
            {"told", .set_up = set_up, .tear_down = tear_down,
             .tests = {{to_a_pipe_rows},
                       {pairs_where_they_are_asked_for},
                       {on_a_terminal_words, .loops = UNIT_COUNT(drawings)},
                       {as_json_one_object},
                       {a_file_on_standard_input},
                       {what_cannot_be_counted}}})
