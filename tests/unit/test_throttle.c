/* Addresses that ask for much, on a clock that the test sets. The timer is not waited for. */
#include "net/throttle.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/container.h"
#include "tests/support/unit.h"

#include <string.h>

enum { INTERVAL_NS = NS_PER_MS, BURST = THROTTLE_BURST_S * 1000 + 1, MANY = 100 };

static struct loop loop;
static struct throttle throttle;
static struct waiter {
    struct throttle_waiter waiter;
    unsigned called; /* how many were called before it, from 1; 0: it was not */
} waiters[MANY];
static unsigned called;
static uint64_t now_ns;

static void on_turn(struct throttle_waiter *waiter)
{
    container_of(waiter, struct waiter, waiter)->called = ++called;
}

static bool no_work(void *context)
{
    (void)context;
    return false;
}

static void set_up(void)
{
    const struct loop_source source = {NULL, no_work, no_work};
    now_ns = 1; /* the machine has only just started */
    called = 0;
    memset(waiters, 0, sizeof waiters);
    ck_assert_int_eq(loop_init(&loop, &source), 0);
    throttle_init(&throttle, &loop, INTERVAL_NS, on_turn);
    throttle.salt[0] = 0; /* always the same buckets */
    throttle.salt[1] = UINT64_C(0x9e3779b97f4a7c15);
}

static void tear_down(void)
{
    throttle_destroy(&throttle);
    loop_destroy(&loop);
}

static bool take(const char *text, unsigned waiter)
{
    struct in6_addr address;
    ck_assert_int_eq(address_parse(&address, text, strlen(text)), 0);
    return throttle_take(&throttle, &address, &waiters[waiter].waiter, now_ns);
}

/* Takes until the address must wait, at most 100,000 times. Returns how many. */
static unsigned take_all(const char *text, unsigned waiter)
{
    unsigned taken = 0;
    while (taken < 100000 && take(text, waiter))
        taken++;
    return taken;
}

static bool timer_is_set(void)
{
    return evtimer_pending(&throttle.timer, NULL);
}

START_TEST(a_burst_passes_and_what_follows_is_called_at_the_rate)
{
    ck_assert_uint_eq(take_all("192.0.2.1", 0), BURST);
    for (unsigned i = 1; i < MANY; i++)
        ck_assert(!take("192.0.2.1", i));
    ck_assert(timer_is_set());
    throttle_run(&throttle, now_ns += INTERVAL_NS - 1);
    ck_assert_uint_eq(called, 0);
    throttle_run(&throttle, now_ns += 1);
    ck_assert_uint_eq(called, 1);
    throttle_run(&throttle, now_ns += (MANY - 2) * INTERVAL_NS);
    ck_assert_uint_eq(called, MANY - 1);
    throttle_run(&throttle, now_ns += INTERVAL_NS);
    for (unsigned i = 0; i < MANY; i++)
        ck_assert_uint_eq(waiters[i].called, i + 1); /* first come, first called */
    ck_assert_uint_eq(throttle.waiters, 0);
}
END_TEST

START_TEST(who_rests_has_a_burst_again)
{
    ck_assert_uint_eq(take_all("192.0.2.1", 0), BURST);
    throttle_run(&throttle, now_ns += 11 * INTERVAL_NS);
    ck_assert_uint_eq(take_all("192.0.2.1", 1), 10); /* one was the waiter's */
    throttle_run(&throttle, now_ns += 1000 * (uint64_t)NS_PER_S);
    ck_assert_uint_eq(take_all("192.0.2.1", 2), BURST);
}
END_TEST

/* However the ones before it fare, nobody overtakes a waiter of his address. */
START_TEST(whoever_comes_later_waits_behind_them)
{
    take_all("192.0.2.1", 0);
    now_ns += 2 * INTERVAL_NS; /* the timer is late */
    ck_assert(!take("192.0.2.1", 1));
    throttle_run(&throttle, now_ns);
    ck_assert_uint_eq(waiters[0].called, 1);
    ck_assert_uint_eq(waiters[1].called, 2);
}
END_TEST

START_TEST(who_leaves_gives_his_turn_back)
{
    take_all("192.0.2.1", 0);
    ck_assert(!take("192.0.2.1", 1));
    throttle_leave(&throttle, &waiters[0].waiter);
    throttle_run(&throttle, now_ns += INTERVAL_NS);
    ck_assert_uint_eq(waiters[0].called, 0);
    ck_assert_uint_eq(waiters[1].called, 1);
}
END_TEST

START_TEST(each_address_has_its_own_and_a_network_of_ipv6_one)
{
    take_all("192.0.2.1", 0);
    ck_assert(!take("::ffff:192.0.2.1", 1));
    ck_assert_uint_eq(take_all("192.0.2.2", 2), BURST);
    ck_assert_uint_eq(take_all("2001:db8::1", 3), BURST);
    ck_assert(!take("2001:db8::ffff:ffff:ffff:ffff", 4));
    ck_assert_uint_eq(take_all("2001:db8:0:1::1", 5), BURST);
}
END_TEST

START_TEST(an_open_one_lets_everybody_go_on)
{
    take_all("192.0.2.1", 0);
    for (unsigned i = 1; i < MANY; i++)
        ck_assert(!take("192.0.2.1", i));
    throttle_open(&throttle);
    ck_assert_uint_eq(called, MANY);
    ck_assert_uint_eq(take_all("192.0.2.1", 0), 100000);
}
END_TEST

START_TEST(the_timer_calls_them_and_rests_when_nobody_waits)
{
    take_all("192.0.2.1", 0);
    evtimer_del(&throttle.timer);
    event_active(&throttle.timer, EV_TIMEOUT, 1); /* the true clock is far beyond the test's */
    event_base_loop(loop.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    ck_assert_uint_eq(called, 1);
    ck_assert(!timer_is_set());
}
END_TEST

UNIT_MAIN("throttle", {"addresses", .set_up = set_up, .tear_down = tear_down,
                       .tests = {{a_burst_passes_and_what_follows_is_called_at_the_rate},
                                 {who_rests_has_a_burst_again},
                                 {whoever_comes_later_waits_behind_them},
                                 {who_leaves_gives_his_turn_back},
                                 {each_address_has_its_own_and_a_network_of_ipv6_one},
                                 {an_open_one_lets_everybody_go_on},
                                 {the_timer_calls_them_and_rests_when_nobody_waits}}})
