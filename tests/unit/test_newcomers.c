/* Who is noticed to bring many new voters, and how often that is told. */
#include "serve/newcomers.h"
#include "base/clock.h"
#include "tests/support/unit.h"

static struct newcomers newcomers;

static void setup(void)
{
    newcomers = (struct newcomers){0};
}

static struct in6_addr numbered(uint32_t number)
{
    struct in6_addr address = {0};
    for (int i = 0; i < 4; i++)
        address.s6_addr[15 - i] = (uint8_t)(number >> 8 * i);
    return address;
}

/* Returns how often it was told of while so many come, at these seconds. */
static unsigned come(uint32_t number, unsigned count, uint64_t at_s)
{
    struct in6_addr address = numbered(number);
    unsigned told = 0;
    for (unsigned i = 0; i < count; i++)
        told += newcomers_note(&newcomers, &address, at_s * NS_PER_S);
    return told;
}

START_TEST(many_are_told_once_a_minute)
{
    ck_assert_uint_eq(come(1, NEWCOMERS_MANY - 1, 100), 0);
    ck_assert_uint_eq(come(1, 1, 159), 1);
    ck_assert_uint_eq(come(1, 10 * NEWCOMERS_MANY, 159), 0);
    ck_assert_uint_eq(come(2, NEWCOMERS_MANY, 159), 0);
    ck_assert_uint_eq(come(1, NEWCOMERS_MANY - 1, 160), 0); /* another minute */
    ck_assert_uint_eq(come(1, 1, 161), 1);
}
END_TEST

/* A time from before the minute began neither ends it nor is lost. */
START_TEST(an_earlier_time_is_of_the_same_minute)
{
    ck_assert_uint_eq(come(1, NEWCOMERS_MANY - 2, 200), 0);
    ck_assert_uint_eq(come(1, 1, 199), 0);
    ck_assert_uint_eq(come(1, 1, 201), 1);
}
END_TEST

START_TEST(few_of_many_addresses_are_not_told)
{
    for (uint32_t number = 0; number < 100000; number++)
        ck_assert_uint_eq(come(number, 1, 100), 0);
}
END_TEST

START_TEST(one_among_many_is_found)
{
    unsigned told = 0;
    for (uint32_t number = 1; number <= 4 * NEWCOMERS_MANY; number++) {
        told += come(number, 1, 100);
        told += come(0, 1, 100);
    }
    ck_assert_uint_eq(told, 1);
}
END_TEST

UNIT_MAIN("newcomers", {"addresses", .set_up = setup,
                        .tests = {{many_are_told_once_a_minute},
                                  {an_earlier_time_is_of_the_same_minute},
                                  {few_of_many_addresses_are_not_told},
                                  {one_among_many_is_found}}})
