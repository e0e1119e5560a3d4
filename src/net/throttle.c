/* Token buckets (see throttle.h), each kept as one instant: until when its budget is used up. A
 * request that is taken moves it on by an interval, from now at the earliest; one that moves it
 * further ahead of now than a burst waits until it no longer is. So each waiter has its own place
 * in time, and a queue is called from its front. Nothing is allocated; nothing can fail. */
#include "net/throttle.h"

#include "base/address.h"
#include "base/clock.h"

#include <string.h>
#include <sys/random.h>

static const uint64_t burst_ns = (uint64_t)THROTTLE_BURST_S * NS_PER_S;

/* The address or network that has a budget, in 64 bits. No network is 0:ffff::/32. */
static uint64_t network_of(const struct in6_addr *address)
{
    uint64_t network;
    if (address_is_v4(address))
        return UINT64_C(0xffff) << 32 | address_to_v4(address).s_addr;
    memcpy(&network, address, sizeof network);
    return network;
}

/* Nobody outside can tell who shares a bucket with whom. */
static struct throttle_bucket *bucket_of(struct throttle *throttle, const struct in6_addr *address)
{
    _Static_assert(THROTTLE_BUCKETS == 1 << 8, "eight bits choose one");
    uint64_t mixed = (network_of(address) ^ throttle->salt[0]) * throttle->salt[1];
    mixed = (mixed ^ mixed >> 32) * throttle->salt[1];
    return &throttle->buckets[mixed >> 56];
}

static void set_timer(struct throttle *throttle)
{
    if (throttle->waiters > 0 && !evtimer_pending(&throttle->timer, NULL))
        loop_set_timer(&throttle->timer, (uint64_t)THROTTLE_TICK_MS * NS_PER_MS);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct throttle *throttle = context;
    loop_is_awake(throttle->loop);
    throttle_run(throttle, clock_monotonic_ns());
}

/* ---- buckets ---- */

/* Until when the budget was used up before the first waiter's request was taken. */
static uint64_t first_from_ns(const struct throttle *throttle, const struct throttle_bucket *bucket)
{
    return bucket->taken_until_ns - bucket->waiters * throttle->interval_ns;
}

static void forget(struct throttle *throttle, struct throttle_waiter *waiter)
{
    STAILQ_REMOVE(&waiter->bucket->queue, waiter, throttle_waiter, link);
    waiter->bucket->waiters--;
    throttle->waiters--;
}

static void run_bucket(struct throttle *throttle, struct throttle_bucket *bucket, uint64_t now_ns)
{
    while (bucket->waiters > 0 && first_from_ns(throttle, bucket) <= now_ns + burst_ns) {
        struct throttle_waiter *first = STAILQ_FIRST(&bucket->queue);
        forget(throttle, first);
        throttle->go_on(first);
    }
}

/* ---- all of them ---- */

void throttle_init(struct throttle *throttle, struct loop *loop, uint64_t interval_ns,
                   void (*go_on)(struct throttle_waiter *waiter))
{
    *throttle = (struct throttle){.loop = loop, .go_on = go_on, .interval_ns = interval_ns};
    for (int i = 0; i < THROTTLE_BUCKETS; i++)
        STAILQ_INIT(&throttle->buckets[i].queue);
    /* Without randomness the buckets are still there, and only foreseeable. */
    if (getrandom(throttle->salt, sizeof throttle->salt, GRND_NONBLOCK) < 0)
        throttle->salt[1] = UINT64_C(0x9e3779b97f4a7c15);
    throttle->salt[1] |= 1;
    evtimer_assign(&throttle->timer, loop->base, on_timer, throttle);
}

void throttle_destroy(struct throttle *throttle)
{
    event_del(&throttle->timer);
}

bool throttle_take(struct throttle *throttle, const struct in6_addr *address,
                   struct throttle_waiter *waiter, uint64_t now_ns)
{
    loop_assert_owner(throttle->loop);
    if (throttle->interval_ns == 0)
        return true;
    struct throttle_bucket *bucket = bucket_of(throttle, address);
    if (bucket->taken_until_ns < now_ns)
        bucket->taken_until_ns = now_ns;
    bool is_within = bucket->taken_until_ns <= now_ns + burst_ns && bucket->waiters == 0;
    bucket->taken_until_ns += throttle->interval_ns;
    if (is_within)
        return true;
    waiter->bucket = bucket;
    STAILQ_INSERT_TAIL(&bucket->queue, waiter, link);
    bucket->waiters++;
    throttle->waiters++;
    set_timer(throttle);
    return false;
}

void throttle_leave(struct throttle *throttle, struct throttle_waiter *waiter)
{
    loop_assert_owner(throttle->loop);
    waiter->bucket->taken_until_ns -= throttle->interval_ns;
    forget(throttle, waiter);
}

void throttle_run(struct throttle *throttle, uint64_t now_ns)
{
    loop_assert_owner(throttle->loop);
    for (int i = 0; i < THROTTLE_BUCKETS && throttle->waiters > 0; i++)
        run_bucket(throttle, &throttle->buckets[i], now_ns);
    set_timer(throttle);
}

void throttle_open(struct throttle *throttle)
{
    throttle->interval_ns = 0;
    for (int i = 0; i < THROTTLE_BUCKETS; i++)
        throttle->buckets[i].taken_until_ns = 0;
    throttle_run(throttle, clock_monotonic_ns());
}
