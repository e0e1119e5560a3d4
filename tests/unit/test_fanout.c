/* Rounds of visits: everyone once, in a circle, whoever joins, leaves, is parked meanwhile. */
#include "push/fanout.h"
#include "base/container.h"
#include "tests/support/unit.h"

#include <stdlib.h>

enum { MEMBERS = 5 };

static struct fanout_queue busy;
static struct fanout fanout;
static struct guest {
    unsigned visits;
    struct fanout_member member;
} guests[MEMBERS];

static void setup(void)
{
    TAILQ_INIT(&busy);
    fanout_init(&fanout, &busy, NULL);
    for (unsigned i = 0; i < MEMBERS; i++) {
        guests[i] = (struct guest){0};
        fanout_join(&fanout, &guests[i].member);
    }
}

static struct guest *next(void)
{
    struct fanout_member *member = fanout_next(&fanout);
    if (!member)
        return NULL;
    struct guest *guest = container_of(member, struct guest, member);
    guest->visits++;
    return guest;
}

static unsigned visit_all(void)
{
    unsigned visits = 0;
    while (next())
        visits++;
    return visits;
}

static void assert_busy(bool expected)
{
    ck_assert(fanout.is_busy == expected);
    ck_assert(TAILQ_EMPTY(&busy) == !expected);
}

START_TEST(visits_everyone_once_a_round)
{
    assert_busy(false);
    ck_assert_ptr_null(next());
    fanout_begin(&fanout);
    assert_busy(true);
    for (unsigned i = 0; i < MEMBERS; i++)
        ck_assert_ptr_eq(next(), &guests[i]);
    ck_assert_ptr_null(next());
    assert_busy(false);
}
END_TEST

START_TEST(goes_on_where_it_stopped_when_begun_anew)
{
    fanout_begin(&fanout);
    ck_assert_ptr_eq(next(), &guests[0]);
    ck_assert_ptr_eq(next(), &guests[1]);
    fanout_begin(&fanout);
    for (unsigned i = 0; i < MEMBERS; i++)
        ck_assert_ptr_eq(next(), &guests[(2 + i) % MEMBERS]);
    ck_assert_ptr_null(next());
}
END_TEST

/* Else those who came first would always be served first, and the others always wait. */
START_TEST(everyone_is_first_in_turn_and_last_in_turn)
{
    unsigned first[MEMBERS] = {0}, last[MEMBERS] = {0};
    for (unsigned round = 0; round < MEMBERS; round++) {
        struct guest *guest;
        fanout_begin(&fanout);
        first[(guest = next()) - guests]++;
        for (unsigned i = 1; i < MEMBERS; i++)
            guest = next();
        last[guest - guests]++;
        ck_assert_ptr_null(next());
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        ck_assert_uint_eq(first[i], 1);
        ck_assert_uint_eq(last[i], 1);
        ck_assert_uint_eq(guests[i].visits, MEMBERS);
    }
}
END_TEST

START_TEST(the_first_of_the_next_round_may_leave)
{
    fanout_begin(&fanout);
    visit_all();
    struct guest *start = container_of(fanout.start, struct guest, member);
    fanout_leave(&fanout, &start->member);
    fanout_begin(&fanout);
    ck_assert_ptr_eq(next(), start + 1);
    ck_assert_uint_eq(visit_all(), MEMBERS - 2);
}
END_TEST

START_TEST(passes_over_those_who_are_parked)
{
    fanout_park(&fanout, &guests[1].member);
    fanout_park(&fanout, &guests[1].member);
    fanout_park(&fanout, &guests[4].member);
    ck_assert_uint_eq(fanout_size(&fanout), MEMBERS);
    ck_assert_uint_eq(fanout.parked, 2);
    fanout_begin(&fanout);
    ck_assert_uint_eq(visit_all(), MEMBERS - 2);
    ck_assert_uint_eq(guests[1].visits + guests[4].visits, 0);
    fanout_unpark(&fanout, &guests[1].member);
    fanout_unpark(&fanout, &guests[1].member);
    fanout_begin(&fanout);
    ck_assert_uint_eq(visit_all(), MEMBERS - 1);
    ck_assert_uint_eq(guests[1].visits, 1);
}
END_TEST

START_TEST(a_round_of_nobody_is_over)
{
    for (unsigned i = 0; i < MEMBERS; i++)
        fanout_park(&fanout, &guests[i].member);
    fanout_begin(&fanout);
    assert_busy(false);
    ck_assert_ptr_null(next());
    ck_assert_uint_eq(fanout_size(&fanout), MEMBERS);
}
END_TEST

START_TEST(ends_when_the_last_is_parked_or_leaves)
{
    fanout_begin(&fanout);
    for (unsigned i = 0; i < MEMBERS - 1; i++)
        fanout_park(&fanout, &guests[i].member);
    assert_busy(true);
    fanout_leave(&fanout, &guests[MEMBERS - 1].member);
    assert_busy(false);
    ck_assert_ptr_null(next());
    ck_assert_uint_eq(fanout_size(&fanout), MEMBERS - 1);
}
END_TEST

START_TEST(whoever_is_next_may_leave)
{
    fanout_begin(&fanout);
    ck_assert_ptr_eq(next(), &guests[0]);
    fanout_leave(&fanout, &guests[1].member);
    ck_assert_ptr_eq(next(), &guests[2]);
    fanout_park(&fanout, &guests[2].member); /* the one that is being visited */
    ck_assert_ptr_eq(next(), &guests[3]);
}
END_TEST

START_TEST(one_that_joins_in_a_round_is_visited_and_so_are_the_others)
{
    struct guest late = {0};
    fanout_begin(&fanout);
    next();
    fanout_park(&fanout, &guests[0].member);
    fanout_unpark(&fanout, &guests[0].member);
    fanout_join(&fanout, &late.member);
    visit_all();
    ck_assert_uint_eq(late.visits, 1);
    for (unsigned i = 1; i < MEMBERS; i++)
        ck_assert_uint_eq(guests[i].visits, 1);
}
END_TEST

START_TEST(one_that_is_parked_may_leave)
{
    fanout_park(&fanout, &guests[2].member);
    fanout_leave(&fanout, &guests[2].member);
    ck_assert_uint_eq(fanout_size(&fanout), MEMBERS - 1);
    ck_assert_uint_eq(fanout.parked, 0);
}
END_TEST

/* Whatever happens between two visits, each one that was there at the publication, and neither
 * left nor was parked, is visited before the round ends. */
START_TEST(nobody_is_forgotten_whatever_happens)
{
    unsigned visits_before[MEMBERS];
    srand((unsigned)_i);
    for (unsigned round = 0; round < 200; round++) {
        bool stayed[MEMBERS];
        fanout_begin(&fanout);
        for (unsigned i = 0; i < MEMBERS; i++) {
            stayed[i] = !guests[i].member.parked;
            visits_before[i] = guests[i].visits;
        }
        do {
            unsigned i = (unsigned)rand() % MEMBERS;
            if (rand() % 2) {
                fanout_park(&fanout, &guests[i].member);
                stayed[i] = false;
            } else {
                fanout_unpark(&fanout, &guests[i].member);
            }
        } while (next());
        for (unsigned i = 0; i < MEMBERS; i++)
            ck_assert(!stayed[i] || guests[i].visits > visits_before[i]);
    }
}
END_TEST

UNIT_MAIN("fanout", {"fanout", .set_up = setup,
                     .tests = {{visits_everyone_once_a_round},
                               {goes_on_where_it_stopped_when_begun_anew},
                               {everyone_is_first_in_turn_and_last_in_turn},
                               {the_first_of_the_next_round_may_leave},
                               {passes_over_those_who_are_parked},
                               {a_round_of_nobody_is_over},
                               {ends_when_the_last_is_parked_or_leaves},
                               {whoever_is_next_may_leave},
                               {one_that_joins_in_a_round_is_visited_and_so_are_the_others},
                               {one_that_is_parked_may_leave},
                               {nobody_is_forgotten_whatever_happens, .loops = 20}}})
