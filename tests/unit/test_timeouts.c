/* Deadlines on a clock that the test sets. The timer is not waited for: the loop is told that it
 * has fired. */
#include "net/timeouts.h"

#include "base/clock.h"
#include "base/container.h"
#include "tests/support/unit.h"

#include <string.h>
#include <time.h>

enum { MANY = 100, AT_ONCE = 64, WAIT_NS = 100 };

static uint64_t now_ns;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){(time_t)(now_ns / NS_PER_S), (long)(now_ns % NS_PER_S)};
    return 0;
}

static struct loop loop;
static struct timeouts timeouts;
static struct wait {
    struct timeout timeout;
    unsigned kind;
    unsigned expired; /* so often */
} waits[MANY];
static unsigned expired;
static bool again; /* a wait that has expired begins anew */

static void begin(struct wait *wait, unsigned kind, uint64_t wait_ns)
{
    wait->kind = kind;
    timeouts_begin(&timeouts, kind, &wait->timeout, now_ns, wait_ns);
}

static void on_expired(struct timeout *timeout, unsigned kind, uint64_t at_ns)
{
    struct wait *wait = container_of(timeout, struct wait, timeout);
    ck_assert_uint_eq(kind, wait->kind);
    ck_assert_uint_eq(at_ns, now_ns);
    timeouts_end(&timeouts, kind, timeout);
    wait->expired++;
    expired++;
    if (again)
        begin(wait, kind, WAIT_NS);
}

static bool no_work(void *context)
{
    (void)context;
    return false;
}

static void set_up(void)
{
    const struct loop_source source = {NULL, no_work, no_work};
    now_ns = NS_PER_S;
    again = false;
    memset(waits, 0, sizeof waits);
    ck_assert_int_eq(loop_init(&loop, &source), 0);
    timeouts_init(&timeouts, &loop, on_expired);
}

static void tear_down(void)
{
    timeouts_destroy(&timeouts);
    loop_destroy(&loop);
}

static bool timer_is_set(void)
{
    return evtimer_pending(&timeouts.timer, NULL);
}

/* The timer fires now. Returns how many have expired. */
static unsigned fire(void)
{
    unsigned before = expired;
    evtimer_del(&timeouts.timer);
    event_active(&timeouts.timer, EV_TIMEOUT, 1);
    event_base_loop(loop.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    return expired - before;
}

START_TEST(a_wait_ends_at_its_deadline)
{
    ck_assert(!timer_is_set());
    begin(&waits[0], 0, WAIT_NS);
    begin(&waits[1], 3, WAIT_NS / 2);
    begin(&waits[2], 0, WAIT_NS);
    ck_assert(timer_is_set());
    ck_assert_uint_eq(fire(), 0);
    now_ns += WAIT_NS / 2;
    ck_assert_uint_eq(fire(), 1);
    ck_assert_uint_eq(waits[1].expired, 1);
    timeouts_end(&timeouts, 0, &waits[0].timeout);
    now_ns += WAIT_NS / 2;
    ck_assert(timer_is_set());
    ck_assert_uint_eq(fire(), 1);
    ck_assert_uint_eq(waits[2].expired, 1);
    ck_assert(!timer_is_set());
}
END_TEST

START_TEST(a_shorter_wait_is_not_held_up_by_a_longer_one)
{
    begin(&waits[0], 0, 10 * NS_PER_S);
    uint64_t longer_ns = timeouts.timer_fires_ns;
    begin(&waits[1], 1, WAIT_NS);
    ck_assert_uint_lt(timeouts.timer_fires_ns, longer_ns);
    begin(&waits[2], 2, NS_PER_S);
    ck_assert_uint_eq(timeouts.timer_fires_ns, now_ns + WAIT_NS);
}
END_TEST

START_TEST(a_wait_that_begins_anew_has_its_whole_time)
{
    again = true;
    begin(&waits[0], 2, WAIT_NS);
    for (unsigned n = 1; n < 4; n++) {
        now_ns += WAIT_NS;
        ck_assert_uint_eq(fire(), 1);
        ck_assert_uint_eq(waits[0].expired, n);
        ck_assert_uint_eq(timeouts.timer_fires_ns, now_ns + WAIT_NS);
    }
}
END_TEST

START_TEST(many_at_once_are_dealt_with_in_parts)
{
    for (unsigned i = 0; i < MANY; i++)
        begin(&waits[i], i % TIMEOUTS_KINDS, WAIT_NS);
    now_ns += WAIT_NS;
    ck_assert_uint_eq(fire(), AT_ONCE);
    ck_assert(timer_is_set());
    ck_assert_uint_eq(fire(), MANY - AT_ONCE);
    ck_assert(!timer_is_set());
}
END_TEST

START_TEST(nobody_is_judged_right_after_a_standstill)
{
    begin(&waits[0], 1, WAIT_NS);
    now_ns += WAIT_NS + (uint64_t)LOOP_STILL_MS * NS_PER_MS;
    ck_assert_uint_eq(fire(), 0);
    ck_assert_uint_eq(timeouts.timer_fires_ns, now_ns + (uint64_t)LOOP_GRACE_MS * NS_PER_MS);
    now_ns += (uint64_t)LOOP_GRACE_MS * NS_PER_MS;
    ck_assert_uint_eq(fire(), 1);
}
END_TEST

UNIT_MAIN("timeouts", {"timeouts", .set_up = set_up, .tear_down = tear_down,
                       .tests = {{a_wait_ends_at_its_deadline},
                                 {a_shorter_wait_is_not_held_up_by_a_longer_one},
                                 {a_wait_that_begins_anew_has_its_whole_time},
                                 {many_at_once_are_dealt_with_in_parts},
                                 {nobody_is_judged_right_after_a_standstill}}})
