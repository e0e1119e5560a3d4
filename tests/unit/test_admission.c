/* Admission: who may come in, and that whoever leaves makes room. Allocations can be made to fail
 * through the linker's --wrap. */
#include "net/admission.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <stdlib.h>

static union peer peer_v4(uint32_t address)
{
    union peer peer = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)}};
    return peer;
}

static union peer peer_v6(const char *text)
{
    union peer peer = {.v6 = {.sin6_family = AF_INET6}};
    ck_assert_int_eq(inet_pton(AF_INET6, text, &peer.v6.sin6_addr), 1);
    return peer;
}

static struct admission *admission;
static struct networks proxies;

static void make(unsigned max_connections, unsigned max_per_address)
{
    admission = admission_new(max_connections, max_per_address, &proxies);
    ck_assert_ptr_nonnull(admission);
}

START_TEST(all_connections_count_together)
{
    const union peer peers[3] = {peer_v4(1), peer_v4(2), peer_v4(3)};
    make(2, 0);
    ck_assert(admission_enter(admission, &peers[0]));
    ck_assert(admission_enter(admission, &peers[1]));
    ck_assert(!admission_enter(admission, &peers[2]));
    admission_leave(admission, &peers[0]);
    ck_assert(admission_enter(admission, &peers[2]));
    ck_assert(!admission_enter(admission, &peers[0]));
    admission_free(admission);
}
END_TEST

START_TEST(an_address_has_its_own_limit)
{
    const union peer many = peer_v4(0x0a000001), other = peer_v4(0x0a000002);
    make(100, 2);
    ck_assert(admission_enter(admission, &many));
    ck_assert(admission_enter(admission, &many));
    ck_assert(!admission_enter(admission, &many));
    ck_assert(admission_enter(admission, &other));
    admission_leave(admission, &many);
    ck_assert(admission_enter(admission, &many));
    ck_assert(!admission_enter(admission, &many));
    admission_free(admission); /* with addresses that are still connected */
}
END_TEST

/* A voter has one address, whichever socket took it. */
START_TEST(a_mapped_address_is_the_same_one)
{
    const union peer plain = peer_v4(0x0a000001), mapped = peer_v6("::ffff:10.0.0.1"),
                     other = peer_v6("fd00::1");
    make(100, 1);
    ck_assert(admission_enter(admission, &plain));
    ck_assert(!admission_enter(admission, &mapped));
    ck_assert(admission_enter(admission, &other));
    ck_assert(!admission_enter(admission, &other));
    admission_leave(admission, &plain);
    ck_assert(admission_enter(admission, &mapped));
    admission_leave(admission, &mapped);
    admission_leave(admission, &other);
    admission_free(admission);
}
END_TEST

/* A proxy's connections are many people's. */
START_TEST(a_proxy_has_no_limit_of_its_own)
{
    const union peer proxy = peer_v4(0x0a010203), mapped = peer_v6("::ffff:10.9.9.9"),
                     other = peer_v4(0x0b000001);
    ck_assert_int_eq(network_parse(&proxies.list[0], "10.0.0.0/8", 10), 0);
    proxies.count = 1;
    make(5, 1);
    for (int i = 0; i < 2; i++) {
        ck_assert(admission_enter(admission, &proxy));
        ck_assert(admission_enter(admission, &mapped));
    }
    ck_assert(admission_enter(admission, &other));
    ck_assert(!admission_enter(admission, &proxy)); /* the limit on all counts them */
    admission_leave(admission, &proxy);
    ck_assert(!admission_enter(admission, &other));
    ck_assert(admission_enter(admission, &mapped));
    admission_free(admission);
}
END_TEST

/* Far more addresses than the table has buckets: chains are searched, and taken apart from any of
 * their places. */
START_TEST(a_crowd_of_addresses_comes_and_goes)
{
    enum { ADDRESSES = 20000 };
    make(ADDRESSES + 1, 1);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < ADDRESSES; i++) {
            union peer peer = peer_v4(i);
            ck_assert(admission_enter(admission, &peer));
            ck_assert(!admission_enter(admission, &peer));
        }
        for (uint32_t i = 0; i < ADDRESSES; i++) {
            union peer peer = peer_v4(i * 7919 % ADDRESSES);
            admission_leave(admission, &peer);
        }
    }
    admission_free(admission);
}
END_TEST

START_TEST(an_address_without_memory_is_refused)
{
    const union peer peer = peer_v4(1);
    allocations_fail_after(0);
    struct admission *none = admission_new(10, 1, &proxies);
    allocations_succeed();
    ck_assert_ptr_null(none);
    make(1, 1);
    allocations_fail_after(0);
    bool entered = admission_enter(admission, &peer);
    allocations_succeed();
    ck_assert(!entered);
    ck_assert(admission_enter(admission, &peer)); /* the refused one was not counted */
    admission_leave(admission, &peer);
    admission_free(admission);
}
END_TEST

START_TEST(only_some_are_told_that_they_are_too_many)
{
    make(1, 0);
    int told = 0;
    while (told < 1000 && admission_turn_away(admission, ADMISSION_GREETED))
        told++;
    ck_assert_int_eq(told, 16);
    ck_assert(!admission_turn_away(admission, ADMISSION_GREETED));
    ck_assert(admission_turn_away(admission, ADMISSION_ASKED)); /* these don't count for those */
    admission_turned_away(admission, ADMISSION_ASKED);
    admission_turned_away(admission, ADMISSION_GREETED);
    ck_assert(admission_turn_away(admission, ADMISSION_GREETED));
    ck_assert(!admission_turn_away(admission, ADMISSION_GREETED));
    admission_free(admission);
}
END_TEST

START_TEST(those_on_their_way_are_counted)
{
    make(1, 0);
    ck_assert_uint_eq(admission_arriving(admission), 0);
    admission_hand_over(admission);
    admission_hand_over(admission);
    ck_assert_uint_eq(admission_arriving(admission), 2);
    admission_arrived(admission);
    ck_assert_uint_eq(admission_arriving(admission), 1);
    admission_free(admission);
}
END_TEST

UNIT_MAIN("admission", {"admission", .tests = {{all_connections_count_together},
                                               {an_address_has_its_own_limit},
                                               {a_mapped_address_is_the_same_one},
                                               {a_proxy_has_no_limit_of_its_own},
                                               {a_crowd_of_addresses_comes_and_goes},
                                               {an_address_without_memory_is_refused},
                                               {only_some_are_told_that_they_are_too_many},
                                               {those_on_their_way_are_counted}}})
