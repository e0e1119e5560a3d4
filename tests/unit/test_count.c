/* What the ballots of a poll say: values and choices, and the counts that ballots change. */
#include "count/count.h"

#include "proto/entry.h"
#include "tests/support/unit.h"

#include <stdio.h>

static struct poll *poll;

static void make_poll(unsigned choice_count)
{
    static struct name choices[PROTO_CHOICES_MAX];
    const struct settings settings = {{0}};
    for (unsigned i = 0; i < choice_count; i++)
        choices[i].len = (uint8_t)snprintf(choices[i].text, sizeof choices[i].text, "c%u", i);
    poll = poll_new(&(struct name){1, "p"}, &settings, choices, choice_count, NULL);
    ck_assert_ptr_nonnull(poll);
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
    ck_assert(!count_has_value(poll, ENTRY_VALUE_MAX));
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

UNIT_MAIN("count",
          {"single choice", .tests = {{each_choice_has_a_value_and_there_are_no_others,
                                       .loops = UNIT_COUNT(choice_counts)},
                                      {a_ballot_counts_for_its_choice_in_place_of_the_one_before}}})
