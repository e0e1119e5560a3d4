/* Turns: which poll's result is counted next, and when. */
#include "ledger/turns.h"

#include "tests/support/unit.h"

#include <string.h>

#define MS UINT64_C(1000000)

static struct turns turns;

static void set_up(void)
{
    memset(&turns, 0, sizeof turns);
    turns_init(&turns);
}

static void assert_next(uint64_t now_ns, uint32_t poll, uint64_t since_ns)
{
    uint64_t since = 0;
    ck_assert_uint_eq(turns_next(&turns, now_ns, &since), poll);
    ck_assert_uint_eq(since, since_ns);
}

static void assert_none(uint64_t now_ns)
{
    assert_next(now_ns, 0, 0);
}

START_TEST(nothing_is_wanted_at_first)
{
    assert_none(UINT64_MAX);
    ck_assert_uint_eq(turns_due_ns(&turns), UINT64_MAX);
    turns_hurry(&turns, 1);
    assert_none(UINT64_MAX);
}
END_TEST

START_TEST(each_poll_has_its_turn_once_and_in_order)
{
    turns_want(&turns, 3, 10);
    turns_want(&turns, 1, 11);
    turns_want(&turns, POLLS_MAX, 12);
    turns_want(&turns, 3, 13);
    ck_assert_uint_eq(turns_due_ns(&turns), 0);
    assert_next(20, 3, 10);
    assert_next(20, 1, 11);
    assert_next(20, POLLS_MAX, 12);
    assert_none(20);
    ck_assert_uint_eq(turns_due_ns(&turns), UINT64_MAX);
}
END_TEST

START_TEST(a_poll_rests_after_its_turn)
{
    turns_want(&turns, 1, 10 * MS);
    assert_next(10 * MS, 1, 10 * MS);
    turns_want(&turns, 1, 11 * MS);
    turns_want(&turns, 1, 12 * MS);
    ck_assert_uint_eq(turns_due_ns(&turns), 110 * MS);
    assert_none(110 * MS - 1);
    turns_want(&turns, 2, 50 * MS); /* one that does not rest need not wait */
    assert_next(50 * MS, 2, 50 * MS);
    assert_next(110 * MS, 1, 11 * MS);
    assert_none(1000 * MS);
    turns_want(&turns, 2, 2000 * MS);
    assert_next(2000 * MS, 2, 2000 * MS);
}
END_TEST

/* It was counted, but in vain. */
START_TEST(a_turn_in_vain_is_wanted_since_the_earlier_time)
{
    turns_want(&turns, 1, 10 * MS);
    assert_next(20 * MS, 1, 10 * MS);
    turns_want(&turns, 1, 25 * MS);
    turns_want(&turns, 1, 10 * MS);
    assert_none(119 * MS);
    assert_next(120 * MS, 1, 10 * MS);
}
END_TEST

START_TEST(many_polls_that_change_all_the_time_are_served_alike)
{
    enum { POLLS = 50, ROUNDS = 20 };
    unsigned served[POLLS + 1] = {0};
    uint64_t now_ns = MS, since_ns;
    for (unsigned i = 0; i < POLLS * ROUNDS; i++, now_ns += 3 * MS) {
        for (uint32_t poll = 1; poll <= POLLS; poll++)
            turns_want(&turns, poll, now_ns);
        uint32_t next = turns_next(&turns, now_ns, &since_ns);
        ck_assert_uint_gt(next, 0);
        ck_assert_uint_le(now_ns - since_ns, POLLS * 3 * MS);
        served[next]++;
    }
    for (uint32_t poll = 1; poll <= POLLS; poll++)
        ck_assert_uint_eq(served[poll], ROUNDS);
}
END_TEST

START_TEST(who_is_waited_for_comes_first_and_does_not_rest)
{
    for (uint32_t poll = 1; poll <= 3; poll++)
        turns_want(&turns, poll, 10 * MS);
    turns_rest(&turns, 500 * MS);
    ck_assert_uint_eq(turns_due_ns(&turns), 500 * MS);
    assert_none(499 * MS);
    turns_hurry(&turns, 3);
    turns_hurry(&turns, 2);
    turns_hurry(&turns, 3);
    ck_assert_uint_eq(turns_due_ns(&turns), 0);
    assert_next(20 * MS, 3, 10 * MS);
    assert_next(20 * MS, 2, 10 * MS);
    assert_none(20 * MS);
    turns_want(&turns, 3, 21 * MS);
    turns_hurry(&turns, 3);
    assert_next(21 * MS, 3, 21 * MS);
    assert_next(500 * MS, 1, 10 * MS);
}
END_TEST

START_TEST(all_rest_together)
{
    turns_want(&turns, 1, 10 * MS);
    assert_next(10 * MS, 1, 10 * MS);
    turns_rest(&turns, 300 * MS);
    turns_want(&turns, 1, 20 * MS);
    ck_assert_uint_eq(turns_due_ns(&turns), 300 * MS); /* its own rest ends sooner */
    turns_want(&turns, 2, 30 * MS);
    assert_none(299 * MS);
    assert_next(300 * MS, 2, 30 * MS);
    assert_next(300 * MS, 1, 20 * MS);
}
END_TEST

UNIT_MAIN("turns", {"turns", .set_up = set_up,
                    .tests = {{nothing_is_wanted_at_first},
                              {each_poll_has_its_turn_once_and_in_order},
                              {a_poll_rests_after_its_turn},
                              {a_turn_in_vain_is_wanted_since_the_earlier_time},
                              {many_polls_that_change_all_the_time_are_served_alike},
                              {who_is_waited_for_comes_first_and_does_not_rest},
                              {all_rest_together}}})
