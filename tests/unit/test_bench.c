/* Tests of what tallybench rests on: the histogram's error, the options, the arithmetic of a steady
 * rate, the plan of ballots, the check of pushes, events and replies of HTTP, probes, figures,
 * source addresses, the wait of a crowd's reader. */
#include "base/clock.h"
#include "proto/command.h"
#include "proto/http.h"
#include "tools/tallybench/load/event.h"
#include "tools/tallybench/figures/faults.h"
#include "tools/tallybench/figures/figure.h"
#include "tools/tallybench/figures/hdr.h"
#include "tools/tallybench/load/http.h"
#include "tools/tallybench/load/probes.h"
#include "tools/tallybench/figures/options.h"
#include "tools/tallybench/load/pace.h"
#include "tools/tallybench/load/plan.h"
#include "tools/tallybench/run/scenario.h"
#include "tools/tallybench/load/tally.h"
#include "tools/tallybench/load/target.h"
#include "tools/lib/units.h"
#include "tools/tallybench/load/wait.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- the histogram ---- */

static struct hdr hdr;

START_TEST(hdr_errs_by_one_percent_at_most)
{
    for (uint64_t value = 1; value < UINT64_C(1) << 62; value += value / 97 + 1) {
        memset(&hdr, 0, sizeof hdr);
        hdr_record(&hdr, value);
        hdr_record(&hdr, UINT64_MAX); /* so that the value is not the maximum, which is exact */
        uint64_t told = hdr_quantile(&hdr, 0.5);
        uint64_t error = told > value ? told - value : value - told;
        ck_assert_msg(error <= value / 100, "%lu for %lu", (unsigned long)told,
                      (unsigned long)value);
    }
    ck_assert_uint_eq(hdr_quantile(&hdr, 1), UINT64_MAX);
}
END_TEST

START_TEST(hdr_quantiles_of_many)
{
    memset(&hdr, 0, sizeof hdr);
    ck_assert_uint_eq(hdr_quantile(&hdr, 0.5), 0);
    for (uint64_t value = 1; value <= 100000; value++)
        hdr_record(&hdr, value);
    struct hdr_summary summary = hdr_summarize(&hdr);
    ck_assert_uint_eq(summary.count, 100000);
    ck_assert_uint_eq(summary.max, 100000);
    ck_assert_double_eq_tol((double)summary.p50, 50000, 500);
    ck_assert_double_eq_tol((double)summary.p90, 90000, 900);
    ck_assert_double_eq_tol((double)summary.p99, 99000, 990);
    ck_assert_double_eq_tol((double)summary.p999, 99900, 999);
    ck_assert_uint_le(summary.p999, summary.max);
}
END_TEST

START_TEST(hdr_adds_and_subtracts)
{
    static struct hdr other, seen, since;
    memset(&hdr, 0, sizeof hdr);
    hdr_record(&hdr, 10);
    hdr_take_since(&since, &hdr, &seen);
    ck_assert_uint_eq(hdr_summarize(&since).count, 1);
    hdr_record(&hdr, 1000);
    hdr_record(&hdr, 1000);
    hdr_take_since(&since, &hdr, &seen);
    ck_assert_uint_eq(hdr_summarize(&since).count, 2);
    ck_assert_double_eq_tol((double)hdr_quantile(&since, 0.5), 1000, 10);
    hdr_record(&hdr, 20); /* the largest of before is none of these */
    hdr_take_since(&since, &hdr, &seen);
    ck_assert_uint_eq(hdr_quantile(&since, 0.99), 20);
    ck_assert_uint_eq(hdr_summarize(&since).max, 20);
    hdr_record(&other, 5000);
    hdr_add(&hdr, &other);
    ck_assert_uint_eq(hdr_summarize(&hdr).count, 5);
    ck_assert_uint_eq(hdr_summarize(&hdr).max, 5000);
}
END_TEST

/* ---- options ---- */

enum { ARGUMENTS_MAX = 16 };

static struct options options;
static char error[OPTIONS_ERROR_MAX];

/* Parses words that are separated by single spaces. */
static enum options_outcome parse(enum options_command command, const char *line)
{
    static char words[512];
    static char *arguments[ARGUMENTS_MAX + 1];
    char *rest = NULL;
    int count = 0;
    memset(arguments, 0, sizeof arguments);
    snprintf(words, sizeof words, "tallybench %s", line);
    for (char *word = strtok_r(words, " ", &rest); word && count < ARGUMENTS_MAX;
         word = strtok_r(NULL, " ", &rest))
        arguments[count++] = word;
    options_init(&options);
    return options_parse(&options, command, count, arguments, error);
}

START_TEST(options_are_taken)
{
    ck_assert_int_eq(parse(OPTIONS_RUN, "--admin /a --voters 7 --duration 0.25 --slow 12:100 "
                                        "--identity named:1000 --rate=5"),
                     OPTIONS_GO);
    ck_assert_str_eq(options.admin, "/a");
    ck_assert_uint_eq(options.voters, 7);
    ck_assert_double_eq(options.duration_s, 0.25);
    ck_assert_uint_eq(options.slow, 12);
    ck_assert_uint_eq(options.slow_bytes_per_s, 100);
    ck_assert_uint_eq(options.named, 1000);
    ck_assert_uint_eq(options.rate, 5);
    ck_assert_uint_eq(options.pipeline, 64);
    ck_assert_uint_eq(options_connections(&options), 19);
    ck_assert_ptr_null(options.server_arguments[0]);
}
END_TEST

START_TEST(options_of_http)
{
    ck_assert_int_eq(parse(OPTIONS_RUN, "--admin /a --http 127.0.0.1:3000 --voters 0 --sse 3 "
                                        "--stalled-sse 4 --http-voters 5 --ballots 6"),
                     OPTIONS_GO);
    ck_assert_str_eq(options.http, "127.0.0.1:3000");
    ck_assert_uint_eq(options_voters(&options), 5);
    ck_assert_uint_eq(options_connections(&options), 12);
    ck_assert_uint_eq(options.http_pipeline, 1);
    ck_assert(options_need_http(&options));
    ck_assert_int_eq(parse(OPTIONS_RUN, "--serve x --subscribers 3"), OPTIONS_GO);
    ck_assert(!options_need_http(&options));
}
END_TEST

START_TEST(options_of_kinds)
{
    ck_assert_int_eq(parse(OPTIONS_RUN, "--serve x"), OPTIONS_GO);
    ck_assert_uint_eq(options.kind_count, 1);
    ck_assert_uint_eq(options.kinds[0], KIND_SINGLE);
    ck_assert_int_eq(options.method, -1);
    ck_assert_int_eq(parse(OPTIONS_RUN, "--serve x --polls 2 --method STV --kind Ranked,single "
                                        "--distinct 1000000 --camps 3"),
                     OPTIONS_GO);
    ck_assert_uint_eq(options.kind_count, 2);
    ck_assert_uint_eq(options.kinds[0], KIND_RANKED);
    ck_assert_uint_eq(options.kinds[1], KIND_SINGLE);
    ck_assert_int_eq(options.method, METHOD_STV);
    ck_assert_uint_eq(options.distinct, 1000000);
    ck_assert_uint_eq(options.camps, 3);
}
END_TEST

START_TEST(options_leave_the_servers_alone)
{
    ck_assert_int_eq(parse(OPTIONS_RUN, "--serve ./tallycast -- --push-interval 0"), OPTIONS_GO);
    ck_assert_str_eq(options.server_arguments[0], "--push-interval");
    ck_assert_str_eq(options.server_arguments[1], "0");
}
END_TEST

static const struct {
    enum options_command command;
    const char *line;
    const char *about; /* a part of the message */
} wrong_options[] = {
    {OPTIONS_RUN, "", "--serve"},
    {OPTIONS_SUITE, "", "--serve"},
    {OPTIONS_RUN, "--admin /a --voters", "--voters"},
    {OPTIONS_RUN, "--admin /a --voters x", "--voters"},
    {OPTIONS_RUN, "--admin /a --voters -1", "--voters"},
    {OPTIONS_RUN, "--admin /a --pipeline 0", "--pipeline: '0' is not a number from 1 to 100000"},
    {OPTIONS_RUN, "--admin /a --choices 257", "--choices"},
    {OPTIONS_RUN, "--admin /a --duration 1s", "--duration"},
    {OPTIONS_RUN, "--admin /a --duration nan", "'nan' is not a time in seconds"},
    {OPTIONS_RUN, "--admin /a --slow 5", "'5' is not N:BYTES_PER_S"},
    {OPTIONS_RUN, "--admin /a --slow 5:0", "--slow"},
    {OPTIONS_RUN, "--admin /a --identity named:0", "--identity"},
    {OPTIONS_RUN, "--admin /a --identity nobody", "--identity"},
    {OPTIONS_RUN, "--admin /a --identity named:49", "--identity"}, /* 50 voters */
    {OPTIONS_RUN, "--admin /a --voters 0 --ballots 5", "--ballots"},
    {OPTIONS_RUN, "--serve x --http-voters 2 --identity named:51", "--identity"}, /* 52 voters */
    {OPTIONS_RUN, "--admin /a --sse 1", "need --http"},
    {OPTIONS_RUN, "--admin /a --stalled-sse 1", "need --http"},
    {OPTIONS_RUN, "--admin /a --http-voters 1", "need --http"},
    {OPTIONS_RUN, "--serve naive --sse 1", "the naive server speaks no HTTP"},
    {OPTIONS_RUN, "--admin /a --http-pipeline 0", "--http-pipeline"},
    {OPTIONS_RUN, "--admin /a --kind list", "--kind: 'list' is not KIND,..."},
    {OPTIONS_RUN, "--admin /a --kind ranked,ranked", "--kind"},
    {OPTIONS_RUN, "--admin /a --kind ranked,single", "fewer --polls than kinds"},
    {OPTIONS_RUN, "--admin /a --method borda", "--method"},
    {OPTIONS_RUN, "--admin /a --method irv", "no poll has ballots that it counts"},
    {OPTIONS_RUN, "--admin /a --kind score --method irv", "no poll has ballots that it counts"},
    {OPTIONS_RUN, "--serve naive --kind score", "the naive server knows ballots of one choice"},
    {OPTIONS_RUN, "--admin /a --distinct 0", "--distinct"},
    {OPTIONS_RUN, "--admin /a --subscribers 3 --results 4", "--results"},
    {OPTIONS_RUN, "--admin /a --repeat 3", "no such option"},
    {OPTIONS_RUN, "--admin /a stray", "stray"},
    {OPTIONS_SUITE, "--serve x --compare fast", "--compare"},
    {OPTIONS_SUITE, "--serve x --voters 5", "no such option"},
};

START_TEST(options_that_are_wrong)
{
    ck_assert_int_eq(parse(wrong_options[_i].command, wrong_options[_i].line), OPTIONS_WRONG);
    ck_assert_msg(strstr(error, wrong_options[_i].about) != NULL, "'%s' gave: %s",
                  wrong_options[_i].line, error);
}
END_TEST

START_TEST(options_help)
{
    ck_assert_int_eq(parse(OPTIONS_LIMITS, "--sockets 5 --help"), OPTIONS_HELP);
}
END_TEST

/* ---- waiting ---- */

static uint64_t time_wait_ns(struct input_wait *wait)
{
    struct epoll_event event;
    uint64_t began_ns = clock_monotonic_ns();
    ck_assert_int_eq(input_wait(wait, &event, 1, -1), 1);
    return clock_monotonic_ns() - began_ns;
}

/* Something is there at every look. */
START_TEST(only_a_crowds_reader_that_has_caught_up_rests)
{
    unsigned attempts = 1;
    int ready = eventfd(1, 0), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, ready, &event), 0);

    struct input_wait few = {.epoll = epoll}, crowd = {.epoll = epoll, .crowd = true};
    ck_assert_uint_ge(time_wait_ns(&crowd), WAIT_REST_NS);
    ck_assert_uint_ge(time_wait_ns(&crowd), WAIT_REST_NS);
    while (time_wait_ns(&few) >= WAIT_REST_NS)
        ck_assert_uint_lt(attempts++, 100); /* the machine is busy */
    do {
        ck_assert_uint_lt(attempts++, 100);
        crowd.before = WAIT_CAUGHT_UP;
    } while (time_wait_ns(&crowd) >= WAIT_REST_NS);
    ck_assert_int_eq(crowd.before, 1);
    close(ready);
    close(epoll);
}
END_TEST

/* ---- pace ---- */

static const uint64_t rates[] = {1, 3, 7, 10, 999, 1000000, 99999989};

START_TEST(pace_due_agrees_with_times)
{
    struct pace pace = {.begin_ns = 123456789, .rate = rates[_i]};
    ck_assert_uint_eq(pace_due(&pace, pace.begin_ns - 1), 0);
    ck_assert_uint_eq(pace_time_ns(&pace, 0), pace.begin_ns);
    for (uint64_t i = 1; i < rates[_i] * 3155760000; i = i * 3 + 1) {
        uint64_t due_ns = pace_time_ns(&pace, i);
        ck_assert_uint_ge(pace_due(&pace, due_ns), i + 1);
        ck_assert_uint_le(pace_due(&pace, due_ns - 1), i);
    }
    /* A century of the highest rate: no rounding adds up. */
    ck_assert_uint_eq(pace_time_ns(&pace, rates[_i] * 3155760000),
                      pace.begin_ns + 3155760000u * UINT64_C(1000000000));
}
END_TEST

START_TEST(pace_shares_add_up)
{
    for (uint64_t count = 0; count < 40; count++)
        for (uint64_t sharers = 1; sharers < 9; sharers++) {
            uint64_t sum = 0, counted[9] = {0};
            for (uint64_t i = 0; i < count; i++)
                counted[i % sharers]++;
            for (uint64_t i = 0; i < sharers; i++) {
                ck_assert_uint_eq(pace_share(count, i, sharers), counted[i]);
                sum += pace_share(count, i, sharers);
            }
            ck_assert_uint_eq(sum, count);
        }
}
END_TEST

/* ---- the plan ---- */

enum { PLAN_VOTERS = 11, PLAN_POLLS = 3, PLAN_CHOICES = 4, PLAN_CONNECTIONS = 2 };

static void make_plan(struct plan *plan, const char *run, unsigned connections, unsigned polls,
                      unsigned choices, uint64_t named)
{
    char why[SETTINGS_WHY_SIZE];
    const struct plan_wish wish = {.run = run,
                                   .connections = connections,
                                   .polls = polls,
                                   .choices = choices,
                                   .named = named,
                                   .kinds = {KIND_SINGLE},
                                   .kind_count = 1,
                                   .method = -1};
    ck_assert_int_eq(plan_init(plan, &wish, why), 0);
}

/* What a server would know: of each voter and poll, the choice that counts. */
static unsigned known[PLAN_VOTERS][PLAN_POLLS];

static void cast_planned(struct plan *plan, struct plan_cursor *cursor, unsigned connection)
{
    char line[PLAN_BALLOT_MAX + 1], letter;
    unsigned poll, choice, voter;
    char *end = plan_put_ballot(plan, cursor, connection, line);
    *end = '\0';
    ck_assert_int_eq(sscanf(line, "VOTE poll-%u %c as=v%u\n", &poll, &letter, &voter), 3);
    choice = (unsigned)(letter - 'a') + 1;
    ck_assert_uint_lt(voter, PLAN_VOTERS);
    ck_assert_uint_eq(voter % PLAN_CONNECTIONS, connection); /* nobody else's */
    ck_assert_uint_ne(known[voter][poll - 1], choice);       /* no repeat */
    known[voter][poll - 1] = choice;
    plan_acknowledge(plan, cursor);
    plan_step(plan, cursor);
}

static void assert_foretold(const struct plan *plan)
{
    uint64_t counts[PLAN_POLLS][PLAN_CHOICES] = {{0}}, ballots[PLAN_POLLS] = {0};
    for (unsigned v = 0; v < PLAN_VOTERS; v++)
        for (unsigned p = 0; p < PLAN_POLLS; p++)
            if (known[v][p] > 0) {
                counts[p][known[v][p] - 1]++;
                ballots[p]++;
            }
    for (unsigned p = 0; p < PLAN_POLLS; p++) {
        ck_assert_uint_eq(plan->polls[p].ballots, ballots[p]);
        ck_assert_mem_eq(plan->polls[p].counts, counts[p], sizeof counts[p]);
    }
}

START_TEST(plan_foretells_named_tallies)
{
    struct plan plan;
    struct plan_cursor cursors[PLAN_CONNECTIONS];
    make_plan(&plan, NULL, PLAN_CONNECTIONS, PLAN_POLLS, PLAN_CHOICES, PLAN_VOTERS);
    for (unsigned i = 0; i < PLAN_CONNECTIONS; i++)
        cursors[i] = plan_begin(&plan, i);
    for (unsigned i = 0; i < 500; i++) {
        /* One connection is faster than the other. */
        cast_planned(&plan, &cursors[i % 3 == 0], i % 3 == 0);
        assert_foretold(&plan);
    }
    for (unsigned v = 0; v < PLAN_VOTERS; v++)
        for (unsigned p = 0; p < PLAN_POLLS; p++)
            ck_assert_uint_ne(known[v][p], 0); /* everyone got everywhere */
    plan_free(&plan);
}
END_TEST

START_TEST(plan_counts_every_ballot_of_a_connection)
{
    struct plan plan;
    char line[PLAN_BALLOT_MAX + 1], command[PROTO_LINE_MAX * 2];
    make_plan(&plan, "x", 1, 2, 2, 0);
    plan_create_command(&plan, 1, command);
    ck_assert_str_eq(command, "CREATE bench-x-2 voters=connection ballots=unlimited a b");
    struct plan_cursor cursor = plan_begin(&plan, 0);
    *plan_put_ballot(&plan, &cursor, 0, line) = '\0';
    ck_assert_str_eq(line, "VOTE bench-x-1 a\n");
    for (unsigned i = 0; i < 8; i++) {
        plan_acknowledge(&plan, &cursor);
        plan_step(&plan, &cursor);
    }
    for (unsigned p = 0; p < 2; p++) {
        ck_assert_uint_eq(plan.polls[p].ballots, 4);
        ck_assert_uint_eq(plan.polls[p].counts[0], 2);
        ck_assert_uint_eq(plan.polls[p].counts[1], 2);
    }
    plan_free(&plan);
}
END_TEST

START_TEST(plan_creates_the_largest_poll)
{
    struct plan plan;
    struct command parsed;
    char command[PROTO_LINE_MAX * 2];
    const char *why;
    make_plan(&plan, "ffffffffffffffff", 1, 1, PROTO_CHOICES_MAX, 1000);
    plan_create_command(&plan, 0, command);
    ck_assert_uint_lt(strlen(command), PROTO_LINE_MAX);
    ck_assert_int_eq(command_parse(command, strlen(command), &parsed, &why), 0);
    ck_assert_uint_eq(parsed.choice_count, PROTO_CHOICES_MAX);
    ck_assert_str_eq(parsed.choices[25].text, "z");
    ck_assert_str_eq(parsed.choices[26].text, "a1");
    plan_free(&plan);
}
END_TEST

/* ---- pushes ---- */

static const struct {
    const char *line;
    uint64_t seq; /* 0: it is wrong */
} pushes[] = {
    {"> lunch open 12 3 a=1 b=2", 12},
    {"> lunch open 12 3 a=1 b=2", 12}, /* the same again */
    {"> lunch closed 13 3 a=1 b=2", 13},
    {"> lunch open 12 3 a=1 b=1", 0},
    {"> lunch open 12 3 a=1 b=2 c=0", 0},
    {"> dinner open 12 3 a=1 b=2", 0},
    {"> lunch ajar 12 3 a=1 b=2", 0},
    {"> lunch open 12 3 a=1 b=", 0},
    {"lunch open 12 3 a=1 b=2", 0},
    {"+OK 12", 0},
    {">", 0},
    {"", 0},
    {"> lunch open 14 3 a=0 b=3", 14},
    {"> lunch open 14 3 a=1 b=2", 0}, /* another one with that sequence */
    {"> lunch open 15 2 a=0 b=2", 0}, /* fewer ballots */
    {"> lunch open 15 4 a=1 b=3", 15},
    {"> lunch open 14 3 a=0 b=3", 14}, /* to a slow reader */
    {"> lunch open 14 5 a=2 b=3", 0},  /* more ballots than one after it */
    {"> lunch open 15 4 a=1 b=3", 15},
};

START_TEST(tally_check_knows_wrong_pushes)
{
    struct tally_check check = {
        .poll = "lunch", .choice_count = 2, .adds_up = true, .form = tally_of_line};
    for (size_t i = 0; i < sizeof pushes / sizeof pushes[0]; i++) {
        uint64_t seq = 0;
        const char *wrong = tally_check_push(&check, pushes[i].line, strlen(pushes[i].line), &seq);
        ck_assert_msg(!wrong == (pushes[i].seq > 0), "%s: %s", pushes[i].line,
                      wrong ? wrong : "good");
        if (!wrong)
            ck_assert_uint_eq(seq, pushes[i].seq);
    }
    ck_assert(tally_check_is(&check, "lunch open 15 4 a=1 b=3", 23));
    ck_assert(!tally_check_is(&check, "lunch open 15 4 a=2 b=2", 23));
    ck_assert(!tally_check_is(&check, "lunch open 15 4 a=1 b=33", 24));
    tally_check_free(&check);
}
END_TEST

/* ---- events ---- */

#define CHOICES_JSON "[{\"choice\":\"a\",\"count\":1},{\"choice\":\"b\",\"count\":2}]"
#define TALLY_JSON(seq)                                                             \
    "{\"poll\":\"lunch\",\"ledger\":\"0123456789abcdef\",\"seq\":" seq              \
    ",\"texts\":0,\"state\":\"open\",\"open\":true,\"hidden\":false,\"ballots\":3," \
    "\"choices\":" CHOICES_JSON "}"
#define EVENT(id, data) "event: tally\nid: " id "\ndata: " data

static const struct {
    const char *block;
    const char *wrong; /* a part of the message; NULL if it is good */
} events[] = {
    {EVENT("12", TALLY_JSON("12")), NULL},
    {EVENT("13", TALLY_JSON("12")), "not its tally's sequence"},
    {EVENT("", TALLY_JSON("12")), "not a well-formed event"},
    {EVENT("-12", TALLY_JSON("12")), "not a well-formed event"},
    {EVENT("12 ", TALLY_JSON("12")), "not a well-formed event"},
    {"id: 12\nevent: tally\ndata: " TALLY_JSON("12"), "not a well-formed event"},
    {"event: tallyho\nid: 12\ndata: " TALLY_JSON("12"), "not a well-formed event"},
    {"event: tally\nid: 12", "not a well-formed event"},
    {"event: tally\ndata: " TALLY_JSON("12"), "not a well-formed event"},
    {EVENT("12", TALLY_JSON("12") "\ndata: 1"), "not a well-formed event"},
    {EVENT("12", TALLY_JSON("12") " x"), "data are no tally"},
    {EVENT("12", TALLY_JSON("\"12\"")), "data are no tally"},
    {EVENT("12", TALLY_JSON("12.0")), "data are no tally"},
    {EVENT("12", TALLY_JSON("12,\"seq\":12")), "data are no tally"},
    {EVENT("12", TALLY_JSON("12,\"more\":1")), "data are no tally"},
    {EVENT("12", "{\"poll\":\"lunch\",\"seq\":12}"), "data are no tally"},
    {EVENT("12", TALLY_JSON("12,\"open\":false")), "data are no tally"},
    {EVENT("12", "[]"), "data are no tally"},
    {EVENT("12", ""), "data are no tally"},
    {"", "not a well-formed event"},
};

START_TEST(events_are_taken_apart)
{
    struct tally_row row;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        const char *wrong = event_parse(events[i].block, strlen(events[i].block), &row);
        ck_assert_msg(!wrong == !events[i].wrong, "%s: %s", events[i].block,
                      wrong ? wrong : "good");
        if (wrong)
            ck_assert_ptr_nonnull(strstr(wrong, events[i].wrong));
    }
    ck_assert_ptr_null(event_parse(events[0].block, strlen(events[0].block), &row));
    ck_assert_str_eq(row.poll.text, "lunch");
    ck_assert(row.open && !row.hidden);
    ck_assert_uint_eq(row.seq, 12);
    ck_assert_uint_eq(row.ballots, 3);
    ck_assert_uint_eq(row.choice_count, 2);
    ck_assert_str_eq(row.choices[1].text, "b");
    ck_assert_uint_eq(row.counts[1], 2);
}
END_TEST

START_TEST(events_that_are_silent)
{
    static const char *const silent[] = {"retry: 2500", "event: beat\ndata: {}"};
    static const char *const loud[] = {
        "",  "retry: soon",  "event: beat",           "event: beat\ndata: 1\ndata: 2",
        ":", "event: tally", "event: beats\ndata: {}"};
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
        ck_assert(event_is_silent((struct span){silent[i], strlen(silent[i])}));
    for (size_t i = 0; i < sizeof loud / sizeof loud[0]; i++)
        ck_assert(!event_is_silent((struct span){loud[i], strlen(loud[i])}));
}
END_TEST

/* In whatever form a tally is pushed, the same is asked of it. */
START_TEST(tally_check_knows_wrong_events)
{
    struct tally_check check = {
        .poll = "lunch", .choice_count = 2, .adds_up = true, .form = event_parse};
    uint64_t seq = 0;
    const char *event = EVENT("12", TALLY_JSON("12"));
    ck_assert_ptr_null(tally_check_push(&check, event, strlen(event), &seq));
    ck_assert_uint_eq(seq, 12);
    ck_assert(tally_check_is(&check, "lunch open 12 3 a=1 b=2", 23));
    ck_assert(!tally_check_is(&check, "lunch open 12 3 a=2 b=1", 23));
    ck_assert(!tally_check_is(&check, "lunch closed 12 3 a=1 b=2", 25));
    ck_assert(!tally_check_is(&check, "lunch open 13 3 a=1 b=2", 23));
    check.poll = "dinner";
    event = EVENT("13", TALLY_JSON("13"));
    ck_assert_str_eq(tally_check_push(&check, event, strlen(event), &seq),
                     "a tally of a poll that was not subscribed");
    tally_check_free(&check);
}
END_TEST

/* ---- HTTP ---- */

#define CREATED                                                                                 \
    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nSet-Cookie: v=1.x; HttpOnly\r\n" \
    "Content-Length: 27\r\n\r\n{\"seq\":7,\"duplicate\":false}"
#define HELLO       "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
#define EVENTS_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

/* Takes the next reply off bytes that come in pieces of one size. */
static enum http_take take_in_pieces(struct http_replies *replies, const char **at, size_t piece)
{
    enum http_take take = HTTP_TAKE_PART;
    while (take == HTTP_TAKE_PART && **at) {
        struct span input = {*at, strlen(*at) < piece ? strlen(*at) : piece};
        size_t offered = input.len;
        take = http_replies_take(replies, &input);
        *at += take == HTTP_TAKE_PART ? offered : offered - input.len;
    }
    return take;
}

START_TEST(http_replies_come_in_any_pieces)
{
    static const char bytes[] = CREATED HELLO EVENTS_HEAD ":\n\n";
    for (size_t piece = 1; piece <= strlen(bytes); piece++) {
        struct http_replies *replies = http_replies_new();
        const struct http_reply *reply = http_replies_last(replies);
        const char *at = bytes;
        ck_assert_int_eq(take_in_pieces(replies, &at, piece), HTTP_TAKE_REPLY);
        ck_assert_uint_eq(reply->status, 201);
        ck_assert_str_eq(reply->type, "application/json");
        ck_assert_str_eq(reply->cookie, "v=1.x");
        ck_assert_uint_eq(reply->body.len, 27);
        ck_assert_mem_eq(reply->body.at, "{\"seq\":7,\"duplicate\":false}", 27);
        ck_assert_int_eq(take_in_pieces(replies, &at, piece), HTTP_TAKE_REPLY);
        ck_assert_uint_eq(reply->status, 200);
        ck_assert_str_eq(reply->type, "text/plain");
        ck_assert_str_eq(reply->cookie, "");
        ck_assert_uint_eq(reply->body.len, 5);
        ck_assert_int_eq(take_in_pieces(replies, &at, piece), HTTP_TAKE_STREAM);
        ck_assert_str_eq(reply->type, "text/event-stream");
        ck_assert_str_eq(at, ":\n\n");
        http_replies_free(replies);
    }
}
END_TEST

START_TEST(http_replies_that_are_wrong)
{
    static const char *const wrong[] = {
        "+TALLYCAST 1 max-line=1024\n",
        "HTTP/3.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\nmore",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct http_replies *replies = http_replies_new();
        const char *at = wrong[i];
        enum http_take take = take_in_pieces(replies, &at, 1000);
        if (take == HTTP_TAKE_REPLY) /* and after it */
            take = take_in_pieces(replies, &at, 1000);
        ck_assert_msg(take == HTTP_TAKE_WRONG, "%s", wrong[i]);
        ck_assert_ptr_nonnull(http_replies_why(replies));
        http_replies_free(replies);
    }
}
END_TEST

/* What the server's codec makes of the requests. */
START_TEST(http_requests_are_the_servers)
{
    char text[HTTP_REQUEST_BYTES];
    struct http_request request;
    const char *why;
    struct http_ballot ballot = {"127.0.0.1:3000", "v=1", "lunch", "choice", "pizza", "v12"};
    int len = (int)http_put_ballot(text, &ballot);
    ck_assert_int_eq(http_request_parse(text, (size_t)len, &request, &why), len);
    ck_assert_int_eq(request.method, HTTP_POST);
    ck_assert_mem_eq(request.path.at, "/polls/lunch/ballots", request.path.len);
    ck_assert_mem_eq(request.headers[HTTP_HEADER_COOKIE].at, "v=1", 3);
    ck_assert_mem_eq(request.body.at, "{\"choice\":\"pizza\",\"voter\":\"v12\"}", request.body.len);
    ballot.cookie = ballot.voter = "";
    len = (int)http_put_ballot(text, &ballot);
    ck_assert_int_eq(http_request_parse(text, (size_t)len, &request, &why), len);
    ck_assert_ptr_null(request.headers[HTTP_HEADER_COOKIE].at);
    ck_assert_mem_eq(request.body.at, "{\"choice\":\"pizza\"}", request.body.len);
    ballot.member = "ballot";
    ballot.paper = "pizza>sushi";
    len = (int)http_put_ballot(text, &ballot);
    ck_assert_int_eq(http_request_parse(text, (size_t)len, &request, &why), len);
    ck_assert_mem_eq(request.body.at, "{\"ballot\":\"pizza>sushi\"}", request.body.len);
    len = (int)http_put_get(text, "127.0.0.1:3000", "/polls/lunch/events", "text/event-stream");
    ck_assert_int_eq(http_request_parse(text, (size_t)len, &request, &why), len);
    ck_assert_mem_eq(request.path.at, "/polls/lunch/events", request.path.len);
    ck_assert_mem_eq(request.headers[HTTP_HEADER_HOST].at, "127.0.0.1:3000", 14);
}
END_TEST

START_TEST(http_ballot_replies)
{
    static const struct {
        unsigned status;
        const char *type, *body;
        uint64_t seq; /* 0: it is wrong */
    } cases[] = {
        {201, "application/json", "{\"seq\":7,\"duplicate\":false}", 7},
        {201, "application/json", "{\"duplicate\": false, \"seq\": 7}", 7},
        {200, "application/json", "{\"seq\":7,\"duplicate\":false}", 0},
        {201, "text/html", "{\"seq\":7,\"duplicate\":false}", 0},
        {201, "application/json", "{\"seq\":7,\"duplicate\":true}", 0},
        {201, "application/json", "{\"seq\":0,\"duplicate\":false}", 0},
        {201, "application/json", "{\"seq\":7}", 0},
        {201, "application/json", "{\"seq\":7,\"duplicate\":false,\"more\":1}", 0},
        {201, "application/json", "{\"seq\":7,\"duplicate\":false}}", 0},
        {201, "application/json", "", 0},
        {409, "application/problem+json", "{\"code\":\"POLL-CLOSED\"}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_reply reply = {.status = cases[i].status,
                                   .body = {cases[i].body, strlen(cases[i].body)}};
        uint64_t seq = 0;
        snprintf(reply.type, sizeof reply.type, "%s", cases[i].type);
        const char *wrong = http_read_ballot_reply(&reply, &seq);
        ck_assert_msg(!wrong == (cases[i].seq > 0), "%s", cases[i].body);
        ck_assert_uint_eq(seq, cases[i].seq);
    }
}
END_TEST

/* ---- faults ---- */

START_TEST(faults_of_one_kind_hide_no_other)
{
    struct faults faults = FAULTS_INITIALIZER;
    for (int i = 0; i < 1000; i++)
        faults_add(&faults, "voter %d: lost", i);
    faults_add(&faults, "the server did not end well");
    ck_assert_uint_eq(faults_count(&faults), 1001);
    ck_assert_uint_eq(faults.kept, FAULTS_KEPT_OF_A_KIND + 1);
    ck_assert_str_eq(faults.texts[0], "voter 0: lost");
    ck_assert_str_eq(faults.texts[faults.kept - 1], "the server did not end well");
}
END_TEST

/* ---- probes ---- */

enum { PROBES = 100000 };

static void *read_probes(void *context)
{
    struct probes *probes = context;
    struct probes_cursor cursor = probes_begin(probes);
    uint64_t seen = 0;
    while (seen < PROBES) {
        const struct probe *probe = probes_peek(probes, &cursor);
        if (!probe)
            continue;
        if (probes_peek(probes, &cursor) != probe || probe->seq != seen + 1 ||
            probe->ack_ns != probe->seq * 2)
            return NULL;
        probes_pass(&cursor);
        seen++;
    }
    return probes_peek(probes, &cursor) ? NULL : probes;
}

START_TEST(probes_reach_a_reader_in_order)
{
    struct probes probes;
    pthread_t reader;
    void *good;
    probes_init(&probes);
    ck_assert_int_eq(pthread_create(&reader, NULL, read_probes, &probes), 0);
    for (uint64_t seq = 1; seq <= PROBES; seq++)
        probes_add(&probes, seq, seq * 2);
    pthread_join(reader, &good);
    ck_assert_ptr_eq(good, &probes);
    probes_free(&probes);
}
END_TEST

/* ---- addresses ---- */

static const char *source_of(const struct target *target, uint64_t number)
{
    struct sockaddr_in source;
    if (!target_source(target, number, &source))
        return "";
    return inet_ntoa(source.sin_addr);
}

START_TEST(target_spreads_loopback_sources)
{
    struct target target;
    char why[TARGET_ERROR_MAX];
    ck_assert_int_eq(target_resolve(&target, "127.0.0.1:9000", why), 0);
    ck_assert_str_eq(source_of(&target, 0), "");
    ck_assert_str_eq(source_of(&target, TARGET_PORTS - 1), "");
    ck_assert_str_eq(source_of(&target, TARGET_PORTS), "127.1.0.2");
    ck_assert_str_eq(source_of(&target, (uint64_t)TARGET_PORTS * 250), "127.1.1.1");
    ck_assert_int_eq(target_resolve(&target, "192.0.2.1:9000", why), 0);
    ck_assert_str_eq(source_of(&target, TARGET_PORTS), "");
    ck_assert_int_eq(target_resolve(&target, "[::1]:9000", why), 0);
    ck_assert_int_eq(target.address.ss_family, AF_INET6);
    ck_assert_str_eq(source_of(&target, TARGET_PORTS), "");
    ck_assert_int_eq(target_resolve(&target, "9000", why), -1);
    ck_assert_int_eq(target_resolve(&target, "localhost:", why), -1);
}
END_TEST

/* ---- figures ---- */

START_TEST(figures_have_medians)
{
    struct figure figure = {.ratio_to = "x", .relation = FIGURE_AT_LEAST, .asked = 0.8};
    char text[FIGURE_RATIO_SIZE];
    ck_assert(!figure_met(&figure)); /* nothing was measured */
    figure_add(&figure, 5, 0.9);
    figure_add(&figure, 1, 0.7);
    figure_add(&figure, 9, 0.8);
    ck_assert_double_eq(figure_value(&figure), 5);
    ck_assert_double_eq(figure_ratio(&figure), 0.8);
    ck_assert(figure_met(&figure));
    ck_assert_str_eq(figure_ratio_text(&figure, text), "0.80 of x, asked >= 0.80");
    figure_add(&figure, 7, 0.7);
    ck_assert_double_eq(figure_value(&figure), 6);
    ck_assert_double_eq_tol(figure_ratio(&figure), 0.75, 1e-9);
    ck_assert(!figure_met(&figure));
    figure.relation = FIGURE_AT_MOST;
    ck_assert(figure_met(&figure));
    figure_add(&figure, 7, 7 / 0.0);
    ck_assert_uint_eq(figure.count, 4);
}
END_TEST

START_TEST(units_for_people)
{
    char out[UNITS_SIZE];
    ck_assert_str_eq(units_ns(out, 0), "0 ns");
    ck_assert_str_eq(units_ns(out, 999), "999 ns");
    ck_assert_str_eq(units_ns(out, 1234), "1.23 us");
    ck_assert_str_eq(units_ns(out, 45600000), "45.6 ms");
    ck_assert_str_eq(units_ns(out, 123e9), "123 s");
    ck_assert_str_eq(units_count(out, 0), "0");
    ck_assert_str_eq(units_count(out, 999.6), "1,000");
    ck_assert_str_eq(units_count(out, 1234567), "1,234,567");
    ck_assert_str_eq(units_bytes(out, 512), "512 B");
    ck_assert_str_eq(units_bytes(out, 1536), "1.50 KiB");
}
END_TEST

/* ---- scenarios ---- */

static const struct scenario *earlier_scenario(const char *name, unsigned before)
{
    for (unsigned i = 0; i < before; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

/* Readers are what is compared; all else must be the same, or the ratio tells something else. */
static void assert_like_with_like(const struct scenario *scenario, const struct scenario *baseline)
{
    struct options with = scenario->load, without = baseline->load;
    with.subscribers = without.subscribers = with.stalled = without.stalled = 0;
    with.sse = without.sse = with.stalled_sse = without.stalled_sse = 0;
    with.slow = without.slow = with.slow_bytes_per_s = without.slow_bytes_per_s = 0;
    ck_assert_mem_eq(&with, &without, sizeof with);
    ck_assert_int_eq(scenario->push_at_once, baseline->push_at_once);
}

START_TEST(scenarios_are_sound)
{
    for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
        const struct scenario *scenario = &scenarios[i];
        char *arguments[SCENARIO_ARGUMENTS_MAX];
        options_init(&options);
        options.duration_s = 1;
        struct options made = scenario_options(scenario, &options, arguments);
        ck_assert_ptr_null(earlier_scenario(scenario->name, i));
        if (scenario->baseline) {
            const struct scenario *baseline = earlier_scenario(scenario->baseline, i);
            ck_assert_ptr_nonnull(baseline);
            assert_like_with_like(scenario, baseline);
            /* Right behind it: they are run one after the other. */
            ck_assert(baseline == scenario - 1 ||
                      strcmp(scenario[-1].baseline, scenario->baseline) == 0);
        }
        ck_assert(scenario->figures[0].figure.name && scenario->figures[0].value);
        ck_assert_uint_gt(options_connections(&made), 0);
        ck_assert_double_le(made.warmup_s, 1);
        ck_assert_ptr_eq(made.server_arguments, arguments);
    }
}
END_TEST

UNIT_MAIN("bench", {"bench", .tests = {{hdr_errs_by_one_percent_at_most},
                                       {hdr_quantiles_of_many},
                                       {hdr_adds_and_subtracts},
                                       {options_are_taken},
                                       {options_of_http},
                                       {options_of_kinds},
                                       {options_leave_the_servers_alone},
                                       {options_that_are_wrong, .loops = UNIT_COUNT(wrong_options)},
                                       {options_help},
                                       {only_a_crowds_reader_that_has_caught_up_rests},
                                       {pace_due_agrees_with_times, .loops = UNIT_COUNT(rates)},
                                       {pace_shares_add_up},
                                       {plan_foretells_named_tallies},
                                       {plan_counts_every_ballot_of_a_connection},
                                       {plan_creates_the_largest_poll},
                                       {tally_check_knows_wrong_pushes},
                                       {events_are_taken_apart},
                                       {events_that_are_silent},
                                       {tally_check_knows_wrong_events},
                                       {http_replies_come_in_any_pieces},
                                       {http_replies_that_are_wrong},
                                       {http_requests_are_the_servers},
                                       {http_ballot_replies},
                                       {faults_of_one_kind_hide_no_other},
                                       {probes_reach_a_reader_in_order},
                                       {target_spreads_loopback_sources},
                                       {figures_have_medians},
                                       {units_for_people},
                                       {scenarios_are_sound}}})
