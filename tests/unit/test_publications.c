/* The order of publications: every thing once, by its last publication, and not a step too many. */
#include "push/publications.h"
#include "base/container.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static struct publications publications;
static struct published things[POLLS_MAX];

static void setup(void)
{
    memset(&publications, 0, sizeof publications);
    memset(things, 0, sizeof things);
}

static void publish_all(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        publications_add(&publications, &things[i]);
}

/* The same by looking at everything. */
static struct published *look(unsigned count, uint64_t number)
{
    struct published *first = NULL;
    for (unsigned i = 0; i < count; i++)
        if (things[i].number > number && (!first || things[i].number < first->number))
            first = &things[i];
    return first;
}

/* Walks to the end; returns how many things it met. */
static unsigned walk_from(uint64_t number)
{
    unsigned met = 0;
    for (const struct published *thing; (thing = publications_after(&publications, number));
         met++) {
        ck_assert_uint_gt(thing->number, number);
        number = thing->number;
    }
    return met;
}

START_TEST(there_is_nothing_at_first)
{
    ck_assert_ptr_null(publications_after(&publications, 0));
}
END_TEST

START_TEST(each_is_met_once_by_its_last_publication)
{
    enum { THINGS = 50 };
    unsigned seed = 1;
    publish_all(THINGS);
    for (unsigned round = 0; round < 5000; round++) {
        /* A few are published most of the time. */
        unsigned r = (unsigned)rand_r(&seed);
        publications_add(&publications, &things[r % 3 ? r % 5 : r % THINGS]);
        ck_assert_uint_le(publications.count, 2 * THINGS + PUBLICATIONS_SLACK);
        uint64_t number = publications.last_number - (unsigned)rand_r(&seed) % 200 % (round + 1);
        ck_assert_ptr_eq(publications_after(&publications, number), look(THINGS, number));
    }
    ck_assert_uint_eq(walk_from(0), THINGS);
}
END_TEST

/* As a subscriber to everything does: 786,099 steps, when each search began at the end. */
START_TEST(catching_up_takes_steps_in_proportion)
{
    enum { PUBLISHED_AGAIN = 5000, STEPS_A_THING = 32 };
    publish_all(POLLS_MAX);
    publish_all(PUBLISHED_AGAIN);
    publications.steps = 0;
    ck_assert_uint_eq(walk_from(0), POLLS_MAX);
    ck_assert_uint_le(publications.steps, STEPS_A_THING * POLLS_MAX);
}
END_TEST

/* As most visits of a fan-out do. */
START_TEST(the_last_one_is_found_at_once)
{
    publish_all(POLLS_MAX);
    for (unsigned i = 0; i < 1000; i++) {
        publications_add(&publications, &things[i % 2]);
        publications.steps = 0;
        ck_assert_ptr_eq(publications_after(&publications, publications.last_number - 1),
                         &things[i % 2]);
        ck_assert_uint_le(publications.steps, 3);
        ck_assert_ptr_null(publications_after(&publications, publications.last_number));
    }
}
END_TEST

START_TEST(one_that_is_published_often_leaves_little_behind)
{
    publish_all(10);
    for (unsigned i = 0; i < 100000; i++)
        publications_add(&publications, &things[3]);
    publications.steps = 0;
    ck_assert_uint_eq(walk_from(0), 10);
    ck_assert_uint_le(publications.steps, 20 * (10 + PUBLICATIONS_SLACK));
}
END_TEST

UNIT_MAIN("publications", {"order", .set_up = setup,
                           .tests = {{there_is_nothing_at_first},
                                     {each_is_met_once_by_its_last_publication},
                                     {catching_up_takes_steps_in_proportion},
                                     {the_last_one_is_found_at_once},
                                     {one_that_is_published_often_leaves_little_behind}}})
