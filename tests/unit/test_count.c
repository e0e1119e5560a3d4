/* What the ballots of a poll say: values and choices, and the counts that ballots change. */
#include "count/count.h"

#include "proto/entry.h"
#include "tests/support/unit.h"

#include <stdio.h>

static struct poll *poll;

static void make_poll_with(unsigned choice_count, const struct settings *settings)
{
    static struct name choices[PROTO_CHOICES_MAX];
    for (unsigned i = 0; i < choice_count; i++)
        choices[i].len = (uint8_t)snprintf(choices[i].text, sizeof choices[i].text, "c%u", i);
    poll = poll_new(&(struct name){1, "p"}, settings, choices, choice_count, NULL);
    ck_assert_ptr_nonnull(poll);
}

static void make_poll(unsigned choice_count)
{
    make_poll_with(choice_count, &(struct settings){{0}});
}

/* Of the fewest choices that a poll has, and of the most. */
static const unsigned choice_counts[] = {PROTO_CHOICES_MIN, PROTO_CHOICES_MAX};

START_TEST(each_choice_has_a_value_and_there_are_no_others)
{
    unsigned count = choice_counts[_i];
    make_poll(count);
    for (unsigned choice = 0; choice < count; choice++) {
        uint32_t value = count_value(poll, choice);
        ck_assert_uint_ge(value, 1);
        ck_assert(count_has_value(poll, value));
        ck_assert_uint_eq(count_choice(poll, value), choice);
    }
    ck_assert(!count_has_value(poll, 0));
    ck_assert(!count_has_value(poll, count_value(poll, count - 1) + 1));
    ck_assert(!count_has_value(poll, VALUES_MAX));
    poll_free(poll);
}
END_TEST

START_TEST(a_ballot_counts_for_its_choice_in_place_of_the_one_before)
{
    make_poll(3);
    uint64_t counts[3] = {0};
    count_ballot(poll, counts, 0, count_value(poll, 0));
    count_ballot(poll, counts, 0, count_value(poll, 2));
    ck_assert(counts[0] == 1 && counts[1] == 0 && counts[2] == 1);
    count_ballot(poll, counts, count_value(poll, 0), count_value(poll, 2));
    ck_assert(counts[0] == 0 && counts[1] == 0 && counts[2] == 2);
    count_ballot(poll, counts, count_value(poll, 2), count_value(poll, 2));
    ck_assert(counts[0] == 0 && counts[1] == 0 && counts[2] == 2);
    poll_free(poll);
}
END_TEST

/* Ballots in polls of three choices, by their marks, and what they count together. */
static const struct {
    unsigned kind, method;
    uint8_t marks[3][3];
    uint64_t counts[3];
} marked[] = {
    {KIND_APPROVAL, METHOD_APPROVAL, {{1, 0, 1}, {0, 0, 1}, {1, 1, 1}}, {2, 1, 3}},
    {KIND_SCORE, METHOD_SCORE, {{10, 0, 1}, {0, 0, 0}, {10, 3, 9}}, {20, 3, 10}},
    {KIND_SCORE, METHOD_STAR, {{5, 0, 1}, {0, 5, 0}, {5, 3, 2}}, {10, 8, 3}},
    {KIND_RANKED, METHOD_SCHULZE, {{1, 2, 1}, {3, 1, 2}, {0, 2, 1}}, {1, 1, 2}},
    {KIND_RANKED, METHOD_STV, {{1, 2, 3}, {0, 1, 0}, {1, 0, 2}}, {2, 1, 0}},
};

static void make_marked_poll(int i)
{
    make_poll_with(3, &(struct settings){{[SETTING_KIND] = (uint16_t)marked[i].kind,
                                          [SETTING_METHOD] = (uint16_t)marked[i].method}});
    for (uint32_t value = 1; value <= 3; value++) {
        ck_assert(!count_has_value(poll, value));
        ck_assert_uint_eq(values_add(poll->values, marked[i].marks[value - 1], value), value);
        ck_assert(count_has_value(poll, value));
    }
}

START_TEST(a_ballot_counts_what_its_marks_say)
{
    make_marked_poll(_i);
    uint64_t counts[3] = {0};
    for (uint32_t value = 1; value <= 3; value++)
        count_ballot(poll, counts, 0, value);
    ck_assert_mem_eq(counts, marked[_i].counts, sizeof counts);
    count_ballot(poll, counts, 3, 3);
    ck_assert_mem_eq(counts, marked[_i].counts, sizeof counts);
    count_ballot(poll, counts, 3, VALUE_ABSTAIN); /* and again in place of an abstention */
    count_ballot(poll, counts, VALUE_ABSTAIN, 3);
    ck_assert_mem_eq(counts, marked[_i].counts, sizeof counts);
    for (uint32_t value = 1; value <= 3; value++)
        count_ballot(poll, counts, value, VALUE_ABSTAIN);
    ck_assert(counts[0] == 0 && counts[1] == 0 && counts[2] == 0);
    poll_free(poll);
}
END_TEST

START_TEST(an_abstention_is_a_value_where_it_is_taken)
{
    for (unsigned kind = KIND_SINGLE; kind <= KIND_RANKED; kind++)
        for (unsigned abstain = ABSTAIN_YES; abstain <= ABSTAIN_NO; abstain++) {
            make_poll_with(
                3, &(struct settings){
                       {[SETTING_KIND] = (uint16_t)kind, [SETTING_ABSTAIN] = (uint16_t)abstain}});
            ck_assert_int_eq(count_has_value(poll, VALUE_ABSTAIN), abstain == ABSTAIN_YES);
            ck_assert(!count_has_value(poll, VALUES_MAX));
            poll_free(poll);
        }
}
END_TEST

UNIT_MAIN("count",
          {"single choice", .tests = {{each_choice_has_a_value_and_there_are_no_others,
                                       .loops = UNIT_COUNT(choice_counts)},
                                      {a_ballot_counts_for_its_choice_in_place_of_the_one_before}}},
          {"marks", .tests = {{a_ballot_counts_what_its_marks_say, .loops = UNIT_COUNT(marked)},
                              {an_abstention_is_a_value_where_it_is_taken}}})
