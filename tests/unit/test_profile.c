/* Profiles against a plain model: an array of weights by value. */
#include "count/profile.h"

#include "tests/support/allocation.h"
#include "tests/support/mix.h"
#include "tests/support/scale.h"
#include "tests/support/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = 70000 }; /* so that all three bytes of a value count */

static struct poll *poll;
static struct profile *profile;

/* What the profile should be; the weight of abstentions is that of value 0. */
static struct model {
    uint64_t ballots, weight;
    uint64_t weights[VALUES + 1];
} model;

static void set_up(void)
{
    static const struct name choices[] = {{1, "a"}, {1, "b"}};
    const struct settings settings = {{0}};
    poll = poll_new(&(struct name){1, "p"}, &settings, choices, UNIT_COUNT(choices), NULL);
    ck_assert_ptr_nonnull(poll);
    poll->values = values_new(poll->choice_count);
    ck_assert_ptr_nonnull(poll->values);
    profile = profile_new(poll);
    ck_assert_ptr_nonnull(profile);
}

static void tear_down(void)
{
    profile_free(profile);
    poll_free(poll);
}

/* So that the poll has the values up to this one; the marks of one tell it. */
static void have_values(uint32_t value)
{
    while (values_count(poll->values) < value) {
        uint32_t next = values_count(poll->values) + 1;
        const uint8_t marks[] = {(uint8_t)next, (uint8_t)(next >> 8)};
        MUST(values_add(poll->values, marks, mix(next)) == next);
    }
}

static uint64_t *model_weight(uint32_t value)
{
    return &model.weights[value == VALUE_ABSTAIN ? 0 : value];
}

static int count(uint32_t before, uint32_t value, uint32_t weight)
{
    if (value && value != VALUE_ABSTAIN)
        have_values(value);
    if (profile_count(profile, before, value, weight) != 0)
        return -1;
    if (before)
        *model_weight(before) -= weight;
    if (value)
        *model_weight(value) += weight;
    model.ballots += (uint64_t)(value != 0) - (uint64_t)(before != 0);
    model.weight += weight * ((uint64_t)(value != 0) - (uint64_t)(before != 0));
    return 0;
}

static void assert_view(const struct profile_view *view, const struct model *expected)
{
    MUST(view->poll == poll);
    MUST(view->ballots == expected->ballots);
    MUST(view->weight == expected->weight);
    MUST(view->abstained == expected->weights[0]);
    for (uint32_t value = 1; value <= VALUES; value++)
        MUST(profile_weight(view, value) == expected->weights[value]);
}

static struct profile_view *look(void)
{
    struct profile_view *view = profile_view(profile);
    ck_assert_ptr_nonnull(view);
    return view;
}

/* A ballot, and sometimes a change of another one, or one that is taken back. */
static int count_any(uint64_t step)
{
    uint32_t values[2];
    for (unsigned i = 0; i < 2; i++) {
        uint64_t bits = mix(2 * step + i);
        uint32_t most = bits & 1 ? 300 : VALUES;
        values[i] = bits % 16 == 2 ? VALUE_ABSTAIN : (uint32_t)(bits >> 8) % most + 1;
    }
    uint32_t weight = step % 5 ? 1 : (uint32_t)step;
    uint32_t before = *model_weight(values[0]) >= weight ? values[0] : 0;
    return count(before, before && step % 3 == 0 ? 0 : values[1], weight);
}

START_TEST(nothing_counts_at_first)
{
    struct profile_view *view = look();
    assert_view(view, &model);
    ck_assert_uint_eq(view->value_count, 0);
    ck_assert_uint_eq(profile_weight(view, VALUES_MAX), 0);
    profile_view_free(view);
    profile_view_free(NULL);
    profile_free(NULL);
}
END_TEST

START_TEST(ballots_are_counted_changed_and_taken_back)
{
    ck_assert_int_eq(count(0, 1, 1), 0);
    ck_assert_int_eq(count(0, VALUE_ABSTAIN, 3), 0);
    ck_assert_int_eq(count(0, 257, 2), 0);
    ck_assert_int_eq(count(1, 65537, 1), 0);
    ck_assert_int_eq(count(257, VALUE_ABSTAIN, 2), 0);
    struct profile_view *view = look();
    assert_view(view, &model);
    ck_assert_uint_eq(view->ballots, 3);
    ck_assert_uint_eq(view->weight, 6);
    ck_assert_uint_eq(view->abstained, 5);
    ck_assert_uint_eq(view->value_count, 65537);
    ck_assert_mem_eq(profile_marks(view, 257), "\1\1", 2);
    profile_view_free(view);
    ck_assert_int_eq(count(VALUE_ABSTAIN, 0, 5), 0);
    ck_assert_int_eq(count(65537, 65537, 1), 0);
    view = look();
    assert_view(view, &model);
    ck_assert_uint_eq(view->ballots, 2);
    ck_assert_uint_eq(view->abstained, 0);
    profile_view_free(view);
}
END_TEST

START_TEST(a_poll_without_values_has_those_of_its_choices)
{
    values_free(poll->values);
    poll->values = NULL;
    ck_assert_int_eq(profile_count(profile, 0, 2, 1), 0);
    struct profile_view *view = look();
    ck_assert_uint_eq(view->value_count, 2);
    ck_assert_uint_eq(profile_weight(view, 1), 0);
    ck_assert_uint_eq(profile_weight(view, 2), 1);
    profile_view_free(view);
}
END_TEST

START_TEST(a_view_stays_as_it_was)
{
    enum { VIEWS = 8, STEPS = 500 };
    struct {
        struct profile_view *view;
        struct model *then;
    } kept[VIEWS] = {{0}};
    for (uint64_t round = 0; round < 50; round++) {
        for (uint64_t step = 0; step < STEPS; step++)
            MUST(count_any(round * STEPS + step) == 0);
        unsigned i = mix(round) % VIEWS;
        if (kept[i].view) {
            assert_view(kept[i].view, kept[i].then);
            profile_view_free(kept[i].view);
        } else {
            kept[i].then = malloc(sizeof model);
            ck_assert_ptr_nonnull(kept[i].then);
        }
        kept[i].view = look();
        *kept[i].then = model;
    }
    profile_free(profile); /* its views stay */
    profile = NULL;
    for (unsigned i = 0; i < VIEWS; i++) {
        if (kept[i].view)
            assert_view(kept[i].view, kept[i].then);
        profile_view_free(kept[i].view);
        free(kept[i].then);
    }
}
END_TEST

START_TEST(a_view_costs_one_allocation_and_all_is_given_back)
{
    long blocks = allocations.blocks;
    for (uint32_t value = 1; value <= VALUES; value++)
        MUST(profile_count(profile, 0, value, 1) == 0);
    long held = allocations.blocks;
    ck_assert_int_gt(held, blocks);
    struct profile_view *view = look();
    ck_assert_int_eq(allocations.blocks, held + 1);
    for (uint32_t value = 1; value <= VALUES; value++)
        MUST(profile_count(profile, value, VALUES, 1) == 0);
    ck_assert_int_gt(allocations.blocks, held + 1);
    profile_view_free(view);
    ck_assert_int_eq(allocations.blocks, held);
    profile_free(profile);
    profile = NULL;
    ck_assert_int_eq(allocations.blocks, blocks - 1);
}
END_TEST

START_TEST(memory_that_runs_short_changes_nothing)
{
    unsigned failures = 0;
    have_values(VALUES);
    for (uint64_t step = 0; step < 300; step++) {
        struct profile_view *view = look();
        int result = -1;
        for (long left = 0; result != 0; left++) {
            MUST(left < 10);
            allocations_fail_after(left);
            result = count_any(step);
            allocations_succeed();
            failures += result != 0;
        }
        profile_view_free(view);
    }
    ck_assert_uint_gt(failures, 300);
    struct profile_view *view = look();
    assert_view(view, &model);
    allocations_fail_after(0);
    struct profile_view *none = profile_view(profile);
    struct profile *no_profile = profile_new(poll);
    allocations_succeed();
    ck_assert(!none && !no_profile);
    profile_view_free(view);
}
END_TEST

/* A refused batch is taken back though there is no memory left. */
START_TEST(a_reversal_needs_no_memory)
{
    struct profile_view *view = look();
    ck_assert_int_eq(count(0, 1, 1), 0);
    ck_assert_int_eq(count(1, 300, 1), 0);
    allocations_fail_after(0);
    int results = profile_count(profile, 300, 1, 1) | profile_count(profile, 1, 0, 1);
    allocations_succeed();
    ck_assert_int_eq(results, 0);
    struct profile_view *after = look();
    memset(&model, 0, sizeof model);
    assert_view(after, &model);
    profile_view_free(after);
    profile_view_free(view);
}
END_TEST

/* A view on its way to another thread. Every ballot moves from a value to the next, so in each
 * view the weights sum up to the same. */
static _Atomic(struct profile_view *) passed;

static void *read_views(void *context)
{
    const uint64_t *views = context;
    for (uint64_t seen = 0; seen < *views;) {
        struct profile_view *view = atomic_exchange(&passed, NULL);
        if (!view)
            continue;
        uint64_t sum = 0;
        for (uint32_t value = 1; value <= view->value_count; value++)
            sum += profile_weight(view, value);
        MUST(sum == view->weight);
        profile_view_free(view);
        seen++;
    }
    return NULL;
}

START_TEST(another_thread_reads_a_view_and_frees_it)
{
    enum { BALLOTS = 1000, MOST = 2000 };
    uint64_t views = scaled(300), step = 0;
    pthread_t reader;
    have_values(MOST);
    for (uint32_t value = 1; value <= BALLOTS; value++)
        ck_assert_int_eq(profile_count(profile, 0, value, 1), 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, read_views, &views), 0);
    for (uint64_t given = 0; given < views;) {
        uint32_t from = (uint32_t)(step++ % MOST) + 1;
        struct profile_view *view = look();
        bool has = profile_weight(view, from) > 0;
        if (atomic_load(&passed)) {
            profile_view_free(view);
        } else {
            atomic_store(&passed, view);
            given++;
        }
        if (has)
            MUST(profile_count(profile, from, from % MOST + 1, 1) == 0);
    }
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
}
END_TEST

UNIT_MAIN("profile",
          {"one thread", set_up, tear_down, .timeout_s = 30,
           .tests = {{nothing_counts_at_first},
                     {ballots_are_counted_changed_and_taken_back},
                     {a_poll_without_values_has_those_of_its_choices},
                     {a_view_stays_as_it_was},
                     {a_view_costs_one_allocation_and_all_is_given_back},
                     {memory_that_runs_short_changes_nothing},
                     {a_reversal_needs_no_memory}}},
          {"two threads", set_up, tear_down, .timeout_s = 30,
           .tests = {{another_thread_reads_a_view_and_frees_it}}})
