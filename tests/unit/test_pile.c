/* The ballots that tallybench casts in polls of every kind: that they are different, and ballots of
 * their kind; and that the plan foretells the tallies, by counting them in another way. */
#include "tools/tallybench/load/plan.h"
#include "proto/command.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static struct pile pile;
static char why[SETTINGS_WHY_SIZE];

static int make(unsigned kind, unsigned choices, unsigned count, unsigned camps)
{
    const struct pile_wish wish = {
        .kind = kind, .method = -1, .choice_count = choices, .count = count, .camps = camps};
    return pile_init(&pile, &wish, why);
}

static const uint8_t *marks_of(unsigned number)
{
    return pile.marks + (size_t)number * pile.choice_count;
}

static int compare_marks(const void *a, const void *b)
{
    return memcmp(a, b, pile.choice_count);
}

/* ---- piles ---- */

static const struct {
    unsigned kind, choices, count, camps;
} profiles[] = {
    {KIND_APPROVAL, 3, 7, 0},  {KIND_APPROVAL, 20, 5000, 0}, {KIND_SCORE, 2, 36, 0},
    {KIND_SCORE, 20, 5000, 0}, {KIND_RANKED, 3, 6, 0},       {KIND_RANKED, 10, 20000, 0},
    {KIND_RANKED, 3, 6, 2},    {KIND_RANKED, 10, 20000, 3},  {KIND_RANKED, 2, 1, 1},
};

START_TEST(ballots_of_a_pile_are_different)
{
    ck_assert_int_eq(
        make(profiles[_i].kind, profiles[_i].choices, profiles[_i].count, profiles[_i].camps), 0);
    ck_assert_uint_eq(pile.count, profiles[_i].count);
    for (unsigned i = 0; i < pile.count; i++) {
        char text[PROTO_LINE_MAX];
        struct marks read;
        size_t len = pile_write(&pile, i, text);
        ck_assert_int_eq(marks_parse((struct span){text, len}, &pile.settings, pile.names,
                                     pile.choice_count, &read, why),
                         0);
        ck_assert_mem_eq(read.mark, marks_of(i), pile.choice_count);
    }
    qsort(pile.marks, pile.count, pile.choice_count, compare_marks);
    for (unsigned i = 1; i < pile.count; i++)
        ck_assert_int_lt(compare_marks(marks_of(i - 1), marks_of(i)), 0);
    pile_free(&pile);
}
END_TEST

static const struct {
    unsigned kind, choices, most;
} exhausted[] = {{KIND_APPROVAL, 3, 7}, {KIND_SCORE, 2, 36}, {KIND_RANKED, 3, 6}};

START_TEST(a_pile_has_all_that_there_can_be)
{
    ck_assert_int_eq(make(exhausted[_i].kind, exhausted[_i].choices, PILE_MAX, 0), 0);
    ck_assert_uint_eq(pile.count, exhausted[_i].most);
    pile_free(&pile);
}
END_TEST

static const struct {
    unsigned kind, choices, count;
    const char *why;
} impossible[] = {
    {KIND_RANKED, 65, 7, "method=schulze takes at most 64 choices"},
    {KIND_SCORE, 129, 7, "a ballot of more than 128 choices may not fit a line"},
};

START_TEST(piles_that_there_are_not)
{
    ck_assert_int_eq(make(impossible[_i].kind, impossible[_i].choices, impossible[_i].count, 0),
                     -1);
    ck_assert_ptr_eq(strstr(why, impossible[_i].why), why);
    pile_free(&pile);
}
END_TEST

/* In how many pairs of choices two rankings differ. */
static unsigned distance(const uint8_t *a, const uint8_t *b)
{
    unsigned pairs = 0;
    for (unsigned i = 0; i < pile.choice_count; i++)
        for (unsigned j = 0; j < i; j++)
            pairs += (a[i] < a[j]) != (b[i] < b[j]);
    return pairs;
}

START_TEST(rankings_of_a_camp_are_alike)
{
    unsigned same = 0, other = 0;
    ck_assert_int_eq(make(KIND_RANKED, 20, 200, 2), 0);
    for (unsigned i = 0; i + 2 < pile.count; i++) {
        same += distance(marks_of(i), marks_of(i + 2));
        other += distance(marks_of(i), marks_of(i + 1));
    }
    ck_assert_uint_lt(3 * same, other);
    pile_free(&pile);
}
END_TEST

START_TEST(a_pile_is_the_same_in_each_run)
{
    ck_assert_int_eq(make(KIND_SCORE, 5, 100, 0), 0);
    struct pile first = pile;
    ck_assert_int_eq(make(KIND_SCORE, 5, 100, 0), 0);
    ck_assert_mem_eq(first.marks, pile.marks, (size_t)5 * 100);
    pile_free(&first);
    pile_free(&pile);
}
END_TEST

/* ---- the plan ---- */

enum { VOTERS = 11, POLLS = 4, CHOICES = 4, CONNECTIONS = 2, DISTINCT = 7, BALLOTS = 1000 };

static struct plan plan;
static struct command created[POLLS];
static struct marks known[VOTERS][POLLS]; /* what a server would know; no marks: none */

static void make_plan(void)
{
    const struct plan_wish wish = {
        .connections = CONNECTIONS,
        .polls = POLLS,
        .choices = CHOICES,
        .named = VOTERS,
        .kinds = {KIND_RANKED, KIND_SINGLE, KIND_SCORE, KIND_APPROVAL},
        .kind_count = 4,
        .method = METHOD_IRV,
        .distinct = DISTINCT,
    };
    char line[PROTO_LINE_MAX * 2];
    const char *reason;
    ck_assert_int_eq(plan_init(&plan, &wish, why), 0);
    for (unsigned p = 0; p < POLLS; p++) {
        plan_create_command(&plan, p, line);
        ck_assert_int_eq(command_parse(line, strlen(line), &created[p], &reason), 0);
        ck_assert_uint_eq(created[p].settings.value[SETTING_KIND], wish.kinds[p]);
    }
    ck_assert_uint_eq(created[0].settings.value[SETTING_METHOD], METHOD_IRV);
}

/* Takes a ballot's line as a server does. */
static void take(char *line, size_t len)
{
    static struct command vote;
    const char *reason;
    struct marks marks;
    ck_assert_int_eq(line[len - 1], '\n');
    ck_assert_int_eq(command_parse(line, len - 1, &vote, &reason), 0);
    unsigned p = (unsigned)strtoul(vote.poll.text + strlen("poll-"), NULL, 10) - 1;
    unsigned voter = (unsigned)strtoul(vote.voter.at + 1, NULL, 10);
    ck_assert(p < POLLS && voter < VOTERS);
    ck_assert_int_eq(
        marks_parse(vote.ballot, &created[p].settings, created[p].choices, CHOICES, &marks, why),
        0);
    ck_assert(known[voter][p].count == 0 ||
              memcmp(known[voter][p].mark, marks.mark, CHOICES) != 0); /* no repeat */
    known[voter][p] = marks;
}

static void assert_foretold(unsigned p)
{
    uint64_t counts[CHOICES] = {0}, ballots = 0;
    for (unsigned v = 0; v < VOTERS; v++) {
        ballots += known[v][p].count > 0;
        for (unsigned c = 0; c < CHOICES && known[v][p].count > 0; c++)
            counts[c] += p == 0 ? known[v][p].mark[c] == 1 : known[v][p].mark[c];
    }
    ck_assert_uint_eq(plan.polls[p].ballots, ballots);
    ck_assert_mem_eq(plan.polls[p].counts, counts, sizeof counts);
}

START_TEST(plan_foretells_tallies_of_every_kind)
{
    struct plan_cursor cursors[CONNECTIONS];
    char line[PROTO_LINE_MAX + 1];
    make_plan();
    for (unsigned i = 0; i < CONNECTIONS; i++)
        cursors[i] = plan_begin(&plan, i);
    for (unsigned i = 0; i < BALLOTS; i++) {
        const unsigned number = i % 3 == 0; /* one connection is faster than the other */
        struct plan_cursor *cursor = &cursors[number];
        const unsigned p = cursor->poll;
        take(line, (size_t)(plan_put_ballot(&plan, cursor, number, line) - line));
        plan_acknowledge(&plan, cursor);
        plan_step(&plan, cursor);
        assert_foretold(p);
    }
    plan_free(&plan);
}
END_TEST

/* However many connections there are, each paper is cast once before one is cast again. */
START_TEST(connections_share_the_pile)
{
    enum { SHARERS = 5, DISTINCT_SHARED = 100 };
    unsigned seen[DISTINCT_SHARED] = {0};
    const struct plan_wish wish = {.connections = SHARERS,
                                   .polls = 1,
                                   .choices = 5,
                                   .kinds = {KIND_RANKED},
                                   .kind_count = 1,
                                   .method = -1,
                                   .distinct = DISTINCT_SHARED};
    ck_assert_int_eq(plan_init(&plan, &wish, why), 0);
    for (unsigned number = 0; number < SHARERS; number++) {
        struct plan_cursor cursor = plan_begin(&plan, number);
        for (unsigned i = 0; i < DISTINCT_SHARED / SHARERS; i++) {
            seen[cursor.paper]++;
            plan_step(&plan, &cursor);
        }
    }
    for (unsigned i = 0; i < DISTINCT_SHARED; i++)
        ck_assert_uint_eq(seen[i], 1);
    plan_free(&plan);
}
END_TEST

static const struct {
    unsigned kind;
    int method;
} longest[] = {{KIND_APPROVAL, -1}, {KIND_SCORE, METHOD_STAR}, {KIND_RANKED, METHOD_STV}};

START_TEST(longest_ballots_fit_a_line)
{
    char line[PROTO_LINE_MAX + 1];
    const struct plan_wish wish = {.run = "ffffffffffffffff",
                                   .connections = 1,
                                   .polls = 1000,
                                   .choices = PILE_CHOICES_MAX,
                                   .named = 1000000000,
                                   .kinds = {longest[_i].kind},
                                   .kind_count = 1,
                                   .method = longest[_i].method,
                                   .distinct = 100};
    ck_assert_int_eq(plan_init(&plan, &wish, why), 0);
    struct plan_cursor cursor = {.poll = 999, .voter = 999999999};
    memset(plan.piles[0].marks, longest[_i].kind == KIND_SCORE ? 5 : 1, PILE_CHOICES_MAX);
    for (unsigned i = 0; i < PILE_CHOICES_MAX && longest[_i].kind == KIND_RANKED; i++)
        plan.piles[0].marks[i] = (uint8_t)(i + 1);
    ck_assert_int_lt(plan_put_ballot(&plan, &cursor, 0, line) - line, PROTO_LINE_MAX);
    plan_free(&plan);
}
END_TEST

UNIT_MAIN("pile",
          {"pile", .tests = {{ballots_of_a_pile_are_different, .loops = UNIT_COUNT(profiles)},
                             {a_pile_has_all_that_there_can_be, .loops = UNIT_COUNT(exhausted)},
                             {piles_that_there_are_not, .loops = UNIT_COUNT(impossible)},
                             {rankings_of_a_camp_are_alike},
                             {a_pile_is_the_same_in_each_run}}},
          {"plan", .tests = {{plan_foretells_tallies_of_every_kind},
                             {connections_share_the_pile},
                             {longest_ballots_fit_a_line, .loops = UNIT_COUNT(longest)}}})
