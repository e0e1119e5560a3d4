/* Wakes one sleeping thread through an eventfd (see waker.h for the protocol).
 *
 * Every write to the flag is an exchange with acquire and release, and must stay one: then all of
 * them form one chain in which each synchronizes with those before it. If a waker's exchange comes
 * before the sleeper's, the sleeper sees the work; if it comes after, the waker reads `true` and
 * writes the eventfd. A plain store anywhere would cut the chain. A wake may be late or surplus,
 * never lost. Only waker_init can fail. */
#include "base/waker.h"

#include "base/log.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/poll.h>
#include <unistd.h>

int waker_init(struct waker *waker)
{
    atomic_init(&waker->asleep, false);
    waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return waker->fd < 0 ? -1 : 0;
}

void waker_destroy(struct waker *waker)
{
    close(waker->fd);
    waker->fd = -1;
}

static bool set_asleep(struct waker *waker, bool asleep)
{
    return atomic_exchange_explicit(&waker->asleep, asleep, memory_order_acq_rel);
}

void waker_prepare(struct waker *waker)
{
    set_asleep(waker, true);
}

void waker_cancel(struct waker *waker)
{
    /* A waker that was quicker leaves the eventfd readable: the next sleep ends at once, and
     * empties it. */
    set_asleep(waker, false);
}

void waker_finish(struct waker *waker)
{
    set_asleep(waker, false);
    /* Even if the flag was still set: otherwise a late write for an earlier sleep would stay
     * readable for good. */
    uint64_t wakes;
    ssize_t n;
    do
        n = read(waker->fd, &wakes, sizeof wakes);
    while (n < 0 && errno == EINTR);
    INVARIANT(n == sizeof wakes || (n < 0 && errno == EAGAIN));
}

/* Negative: for ever. */
void waker_sleep_ms(struct waker *waker, int timeout_ms)
{
    struct pollfd readable = {.fd = waker->fd, .events = POLLIN};
    int n;
    do
        n = poll(&readable, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    INVARIANT(n == 1 || (n == 0 && timeout_ms >= 0));
    waker_finish(waker);
}

void waker_sleep(struct waker *waker)
{
    waker_sleep_ms(waker, -1);
}

void waker_wake(struct waker *waker)
{
    if (!set_asleep(waker, false))
        return;
    const uint64_t one = 1;
    ssize_t n;
    do
        n = write(waker->fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    INVARIANT(n == sizeof one);
}
