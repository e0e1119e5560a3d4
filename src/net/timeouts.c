/* Deadlines in queues, and one timer. Runs on the loop's thread.
 *
 * At most EXPIRIES_A_ROUND deadlines are dealt with at once, so thousands that pass in the same
 * moment do not delay the others on the loop. If the process stood still, none is judged before the
 * loop has had time to see what peers did meanwhile. */
#include "net/timeouts.h"

#include "base/clock.h"

enum { EXPIRIES_A_ROUND = 64 };

static uint64_t first_due_ns(const struct timeouts *timeouts)
{
    uint64_t due_ns = UINT64_MAX;
    for (unsigned kind = 0; kind < TIMEOUTS_KINDS; kind++) {
        const struct timeout *first = TAILQ_FIRST(&timeouts->queues[kind]);
        if (first && first->due_ns < due_ns)
            due_ns = first->due_ns;
    }
    return due_ns;
}

/* A timer set for a longer wait must not hold up a shorter one. A timer set for a shorter wait
 * stays: by the time it fires, that wait has often ended and another has begun, so the timer is not
 * touched for each. */
static void set_timer(struct timeouts *timeouts)
{
    uint64_t due_ns = first_due_ns(timeouts);
    if (due_ns < timeouts->grace_until_ns)
        due_ns = timeouts->grace_until_ns;
    if (due_ns >= timeouts->timer_due_ns)
        return;
    uint64_t now_ns = clock_monotonic_ns();
    timeouts->timer_due_ns = due_ns;
    timeouts->timer_fires_ns = due_ns > now_ns ? due_ns : now_ns;
    loop_set_timer(&timeouts->timer, timeouts->timer_fires_ns - now_ns + 1000);
}

/* Deals with one deadline that has passed. Returns whether there was one. */
static bool expire_one(struct timeouts *timeouts, uint64_t now_ns)
{
    for (unsigned kind = 0; kind < TIMEOUTS_KINDS; kind++) {
        struct timeout *first = TAILQ_FIRST(&timeouts->queues[kind]);
        if (first && first->due_ns <= now_ns) {
            timeouts->expire(first, kind, now_ns);
            return true;
        }
    }
    return false;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct timeouts *timeouts = context;
    uint64_t now_ns = clock_monotonic_ns();
    loop_is_awake(timeouts->loop);
    if (loop_stood_still(timeouts->timer_fires_ns, now_ns))
        timeouts->grace_until_ns = now_ns + (uint64_t)LOOP_GRACE_MS * NS_PER_MS;
    for (int i = 0; i < EXPIRIES_A_ROUND && now_ns >= timeouts->grace_until_ns; i++)
        if (!expire_one(timeouts, now_ns))
            break;
    timeouts->timer_due_ns = UINT64_MAX;
    set_timer(timeouts);
}

void timeouts_init(struct timeouts *timeouts, struct loop *loop,
                   void (*expire)(struct timeout *timeout, unsigned kind, uint64_t now_ns))
{
    *timeouts = (struct timeouts){.loop = loop, .expire = expire, .timer_due_ns = UINT64_MAX};
    for (unsigned kind = 0; kind < TIMEOUTS_KINDS; kind++)
        TAILQ_INIT(&timeouts->queues[kind]);
    evtimer_assign(&timeouts->timer, loop->base, on_timer, timeouts);
}

void timeouts_destroy(struct timeouts *timeouts)
{
    event_del(&timeouts->timer);
}

void timeouts_begin(struct timeouts *timeouts, unsigned kind, struct timeout *timeout,
                    uint64_t now_ns, uint64_t wait_ns)
{
    loop_assert_owner(timeouts->loop);
    timeout->due_ns = now_ns + wait_ns;
    TAILQ_INSERT_TAIL(&timeouts->queues[kind], timeout, link);
    set_timer(timeouts);
}

void timeouts_end(struct timeouts *timeouts, unsigned kind, struct timeout *timeout)
{
    loop_assert_owner(timeouts->loop);
    TAILQ_REMOVE(&timeouts->queues[kind], timeout, link);
}
