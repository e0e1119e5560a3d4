/* The histogram, against the values themselves, sorted. */
#include "base/histogram.h"
#include "tests/support/unit.h"

#include <pthread.h>
#include <stdlib.h>

static struct histogram *histogram;

static void make_histogram(void)
{
    histogram = calloc(1, sizeof *histogram);
    ck_assert_ptr_nonnull(histogram);
}

static void free_histogram(void)
{
    free(histogram);
}

/* Half a bucket: 1/64, and what integers round off. */
static void assert_close(uint64_t value, uint64_t exact)
{
    uint64_t error = value > exact ? value - exact : exact - value;
    ck_assert_msg(error <= exact / 64, "%ju is not close to %ju", (uintmax_t)value,
                  (uintmax_t)exact);
}

START_TEST(an_empty_one_gives_zero)
{
    ck_assert_uint_eq(histogram_count(histogram), 0);
    ck_assert_uint_eq(histogram_max(histogram), 0);
    ck_assert_uint_eq(histogram_quantile(histogram, 0.5), 0);
}
END_TEST

START_TEST(small_values_are_exact)
{
    for (uint64_t value = 0; value < 64; value++)
        histogram_record(histogram, value);
    ck_assert_uint_eq(histogram_count(histogram), 64);
    ck_assert_uint_eq(histogram_max(histogram), 63);
    for (unsigned i = 1; i <= 64; i++)
        ck_assert_uint_eq(histogram_quantile(histogram, i / 64.0), i - 1);
}
END_TEST

/* Each power of two and its neighbours: where buckets change their width. */
START_TEST(every_magnitude_is_within_its_error)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int step = -1; step <= 1; step++) {
            struct histogram one = {0};
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)step;
            histogram_record(&one, value);
            histogram_record(&one, UINT64_MAX);
            assert_close(histogram_quantile(&one, 0.5), value);
            ck_assert_uint_eq(histogram_count(&one), 2);
        }
    }
}
END_TEST

START_TEST(the_largest_value_is_exact)
{
    histogram_record(histogram, 1000003);
    histogram_record(histogram, 999983);
    ck_assert_uint_eq(histogram_max(histogram), 1000003);
    ck_assert_uint_eq(histogram_quantile(histogram, 1), 1000003);
    ck_assert_uint_eq(histogram_quantile(histogram, 7), 1000003);
    ck_assert_uint_le(histogram_quantile(histogram, 0.5), 1000003);
    histogram_record(histogram, UINT64_MAX);
    ck_assert_uint_eq(histogram_max(histogram), UINT64_MAX);
}
END_TEST

START_TEST(the_sum_is_exact)
{
    ck_assert_uint_eq(histogram_sum(histogram), 0);
    histogram_record(histogram, 1000003);
    histogram_record(histogram, 17);
    ck_assert_uint_eq(histogram_sum(histogram), 1000020);
    histogram_record(histogram, UINT64_MAX);
    ck_assert_uint_eq(histogram_sum(histogram), 1000019); /* modulo 2^64 */
}
END_TEST

/* A value on a bound is at or below it, one of the next bucket is not. */
START_TEST(what_lies_below_bounds)
{
    static const uint64_t bounds[] = {0, 1, 1, 63, 1000, 1000000, UINT64_MAX};
    enum { COUNT = sizeof bounds / sizeof bounds[0] };
    uint64_t at_most[COUNT];
    ck_assert_uint_eq(histogram_cumulate(histogram, bounds, COUNT, at_most), 0);
    ck_assert_uint_eq(at_most[COUNT - 1], 0);
    static const uint64_t values[] = {0, 1, 2, 64, 1000, 1032, 1000000, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        histogram_record(histogram, values[i]);
    ck_assert_uint_eq(histogram_cumulate(histogram, bounds, COUNT, at_most), 8);
    static const uint64_t expected[COUNT] = {1, 2, 2, 3, 5, 7, 8};
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_uint_eq(at_most[i], expected[i]);
    ck_assert_uint_eq(histogram_cumulate(histogram, bounds, 0, NULL), 8);
}
END_TEST

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

START_TEST(quantiles_agree_with_the_sorted_values)
{
    enum { COUNT = 100000 };
    uint64_t *values = calloc(COUNT, sizeof *values);
    uint64_t state = 1;
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < COUNT; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        values[i] = (state >> 20) >> (state >> 59); /* of all magnitudes */
        histogram_record(histogram, values[i]);
    }
    qsort(values, COUNT, sizeof *values, compare);
    ck_assert_uint_eq(histogram_count(histogram), COUNT);
    ck_assert_uint_eq(histogram_max(histogram), values[COUNT - 1]);
    static const double quantiles[] = {0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        size_t rank = (size_t)(quantiles[i] * COUNT + 0.5);
        assert_close(histogram_quantile(histogram, quantiles[i]), values[rank > 0 ? rank - 1 : 0]);
    }
    free(values);
}
END_TEST

static void *record_shared(void *shared)
{
    for (uint64_t value = 1; value <= 100000; value++)
        histogram_record_shared(shared, value);
    return NULL;
}

START_TEST(shared_writers_lose_nothing)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, record_shared, histogram), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(histogram_count(histogram), 400000);
    ck_assert_uint_eq(histogram_max(histogram), 100000);
    ck_assert_uint_eq(histogram_sum(histogram), UINT64_C(4) * 100000 * 100001 / 2);
}
END_TEST

UNIT_MAIN("histogram", {"histogram", .set_up = make_histogram, .tear_down = free_histogram,
                        .tests = {{an_empty_one_gives_zero},
                                  {shared_writers_lose_nothing},
                                  {small_values_are_exact},
                                  {every_magnitude_is_within_its_error},
                                  {the_largest_value_is_exact},
                                  {the_sum_is_exact},
                                  {what_lies_below_bounds},
                                  {quantiles_agree_with_the_sorted_values}}})
