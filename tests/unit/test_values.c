/* The distinct ballots of a poll, against a plain model: the marks of value n are made from n. */
#include "poll/values.h"

#include "tests/support/allocation.h"
#include "tests/support/mix.h"
#include "tests/support/scale.h"
#include "tests/support/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { CHOICES = 10 };

static struct values *values;

static void set_up(void)
{
    values = values_new(CHOICES);
    ck_assert_ptr_nonnull(values);
}

static void tear_down(void)
{
    values_free(values);
}

/* Of the ballot with that number; each has others. */
static const uint8_t *marks_of(uint64_t number)
{
    static _Thread_local uint8_t marks[CHOICES];
    const uint64_t bits[] = {mix(number), number};
    memcpy(marks, bits, CHOICES);
    return marks;
}

/* How the hashes of ballots can be: by the number of a test's loop. */
static uint64_t uniform(uint64_t number)
{
    return mix(~number);
}

static uint64_t upper_half_alone(uint64_t number)
{
    return number << 32;
}

static uint64_t few(uint64_t number)
{
    return mix(number % 7);
}

static uint64_t (*const hashes[])(uint64_t number) = {uniform, upper_half_alone, few};

static void add(uint64_t number, uint64_t hash)
{
    uint32_t value = values_count(values) + 1;
    MUST(values_find(values, marks_of(number), hash) == 0);
    MUST(values_add(values, marks_of(number), hash) == value);
    MUST(values_count(values) == value);
}

static void assert_is(uint32_t value, uint64_t number, uint64_t hash)
{
    MUST(values_find(values, marks_of(number), hash) == value);
    MUST(memcmp(values_marks(values, value), marks_of(number), CHOICES) == 0);
}

START_TEST(there_are_none_at_first)
{
    ck_assert_uint_eq(values_count(values), 0);
    ck_assert_uint_eq(values_find(values, marks_of(1), uniform(1)), 0);
    values_truncate(values, 0);
    values_free(NULL);
}
END_TEST

START_TEST(each_has_the_next_number_and_its_marks)
{
    enum { COUNT = 3000 };
    for (uint64_t number = 1; number <= COUNT; number++)
        add(number, hashes[_i](number));
    for (uint32_t value = 1; value <= COUNT; value++)
        assert_is(value, value, hashes[_i](value));
    for (uint64_t number = COUNT + 1; number <= 2 * COUNT; number++)
        MUST(values_find(values, marks_of(number), hashes[_i](number)) == 0);
}
END_TEST

START_TEST(those_with_one_hash_differ_in_any_mark)
{
    uint8_t marks[CHOICES] = {0};
    ck_assert_uint_eq(values_add(values, marks, 5), 1);
    for (uint32_t i = 0; i < CHOICES; i++) {
        marks[i] = 1;
        ck_assert_uint_eq(values_find(values, marks, 5), 0);
        ck_assert_uint_eq(values_add(values, marks, 5), 2 + i);
        marks[i] = 0;
    }
    for (uint32_t i = 0; i < CHOICES; i++) {
        marks[i] = 1;
        ck_assert_uint_eq(values_find(values, marks, 5), 2 + i);
        marks[i] = 0;
    }
}
END_TEST

START_TEST(the_hash_is_of_all_marks_and_the_key)
{
    static const struct voter_key keys[] = {{{1}}, {{2}}};
    uint8_t marks[CHOICES] = {0};
    const uint64_t hash = values_hash(&keys[0], marks, CHOICES);
    ck_assert_uint_eq(values_hash(&keys[0], marks, CHOICES), hash);
    ck_assert_uint_ne(values_hash(&keys[1], marks, CHOICES), hash);
    ck_assert_uint_ne(values_hash(&keys[0], marks, CHOICES - 1), hash);
    for (unsigned i = 0; i < CHOICES; i++) {
        marks[i] = 1;
        ck_assert_uint_ne(values_hash(&keys[0], marks, CHOICES), hash);
        marks[i] = 0;
    }
}
END_TEST

START_TEST(a_million_take_24_bytes_each_and_never_move)
{
    const uint32_t count = (uint32_t)scaled(1 << 20);
    const uint8_t *first = NULL;
    size_t bytes = allocations.bytes;
    for (uint32_t number = 1; number <= count; number++) {
        add(number, uniform(number));
        if (!first)
            first = values_marks(values, 1);
    }
    ck_assert_ptr_eq(values_marks(values, 1), first);
    for (uint32_t value = 1; value <= count; value++)
        assert_is(value, value, uniform(value));
    if (count == 1 << 20)
        ck_assert_uint_eq(allocations.bytes - bytes, 24u << 20);
}
END_TEST

START_TEST(what_is_taken_back_can_be_another_later)
{
    static const uint32_t lefts[] = {0, 1, 15, 16, 17, 31, 32, 33, 500, 999, 1000};
    enum { COUNT = 1000 };
    for (int i = 0; i < UNIT_COUNT(lefts); i++) {
        const uint64_t other = 10000 * (uint64_t)(i + 1);
        for (uint64_t number = values_count(values) + 1; number <= COUNT; number++)
            add(number, hashes[_i](number));
        values_truncate(values, lefts[i]);
        ck_assert_uint_eq(values_count(values), lefts[i]);
        for (uint32_t number = 1; number <= COUNT; number++)
            MUST(values_find(values, marks_of(number), hashes[_i](number)) ==
                 (number <= lefts[i] ? number : 0));
        for (uint64_t number = lefts[i] + 1; number <= COUNT; number++)
            add(other + number, hashes[_i](other + number));
        for (uint32_t value = 1; value <= COUNT; value++)
            assert_is(value, value <= lefts[i] ? value : other + value,
                      hashes[_i](value <= lefts[i] ? value : other + value));
        values_truncate(values, lefts[i]);
    }
}
END_TEST

START_TEST(memory_that_runs_short_changes_nothing)
{
    enum { COUNT = 5000 };
    unsigned failures = 0;
    for (uint64_t number = 1; number <= COUNT; number++) {
        for (long left = 0;; left++) {
            MUST(left < 10);
            allocations_fail_after(left);
            uint32_t value = values_add(values, marks_of(number), uniform(number));
            allocations_succeed();
            if (value == number)
                break;
            failures++;
            MUST(value == 0 && values_count(values) == number - 1);
            MUST(values_find(values, marks_of(number), uniform(number)) == 0);
        }
    }
    for (uint32_t value = 1; value <= COUNT; value++)
        assert_is(value, value, uniform(value));
    ck_assert_uint_ge(failures,
                      2 * 9); /* records and chains, each with at least that many blocks */

    allocations_fail_after(0);
    struct values *none = values_new(CHOICES);
    allocations_succeed();
    ck_assert_ptr_null(none);
}
END_TEST

START_TEST(the_last_number_is_no_value)
{
    static const uint8_t none[3];
    struct values *most = values_new(3);
    ck_assert_ptr_nonnull(most);
    for (uint32_t number = 1; number <= VALUES_MAX; number++)
        MUST(values_add(most, (const uint8_t *)&number, number) == number);
    ck_assert_uint_lt(values_count(most), VALUE_ABSTAIN);
    ck_assert_uint_eq(values_add(most, none, 0), 0);
    ck_assert_uint_eq(values_find(most, none, 0), 0);
    for (uint32_t number = 1; number <= VALUES_MAX; number++)
        MUST(values_find(most, (const uint8_t *)&number, number) == number);
    values_truncate(most, VALUES_MAX - 1);
    ck_assert_uint_eq(values_add(most, none, 0), VALUES_MAX);
    values_free(most);
}
END_TEST

/* Values that another thread was told of. */
static _Atomic uint32_t told;

static void *read_what_is_told(void *context)
{
    const uint32_t *count = context;
    for (uint32_t known = 0; known < *count; known = atomic_load(&told))
        for (uint32_t value = known; value > 0 && value + 1000 > known; value--)
            MUST(memcmp(values_marks(values, value), marks_of(value), CHOICES) == 0);
    return NULL;
}

START_TEST(another_thread_reads_what_it_was_told_of)
{
    uint32_t count = (uint32_t)scaled(100000);
    pthread_t reader;
    ck_assert_int_eq(pthread_create(&reader, NULL, read_what_is_told, &count), 0);
    for (uint32_t number = 1; number <= count; number++) {
        add(number, uniform(number));
        add(0, uniform(0)); /* not told, and taken back */
        values_truncate(values, number);
        atomic_store(&told, number);
    }
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
}
END_TEST

UNIT_MAIN("values",
          {"one thread", set_up, tear_down,
           .tests = {{there_are_none_at_first},
                     {each_has_the_next_number_and_its_marks, .loops = UNIT_COUNT(hashes)},
                     {those_with_one_hash_differ_in_any_mark},
                     {the_hash_is_of_all_marks_and_the_key},
                     {what_is_taken_back_can_be_another_later, .loops = UNIT_COUNT(hashes)},
                     {memory_that_runs_short_changes_nothing}}},
          {"many", set_up, tear_down, .timeout_s = 60,
           .tests = {{a_million_take_24_bytes_each_and_never_move}, {the_last_number_is_no_value}}},
          {"two threads", set_up, tear_down, .timeout_s = 60,
           .tests = {{another_thread_reads_what_it_was_told_of}}})
