/* The waker: what it costs when nobody sleeps, and that no wake is ever lost. A lost one shows as a
 * test that does not end, and Check's time limit fails it. */
#include "base/waker.h"
#include "tests/support/scale.h"
#include "tests/support/unit.h"
#include "tests/support/wrap.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/poll.h>
#include <unistd.h>

/* ---- calls that can be made to fail ---- */

enum { ABORTED = 99 };

static _Thread_local int failures; /* of the next calls of this thread, with failure_errno */
static _Thread_local int failure_errno;

static bool fails(void)
{
    if (failures == 0)
        return false;
    failures--;
    errno = failure_errno;
    return true;
}

WRAP(fails(), -1, int, eventfd, (unsigned initial, int flags), (initial, flags))
WRAP(fails(), -1, ssize_t, read, (int fd, void *bytes, size_t len), (fd, bytes, len))
WRAP(fails(), -1, ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
WRAP(fails(), -1, int, poll, (struct pollfd * fds, nfds_t count, int timeout_ms),
     (fds, count, timeout_ms))

_Noreturn void __wrap_abort(void);
_Noreturn void __wrap_abort(void)
{
    exit(ABORTED);
}

static void fail_next(int count, int error)
{
    failures = count;
    failure_errno = error;
}

/* ---- one thread ---- */

static bool is_readable(const struct waker *waker)
{
    struct pollfd readable = {.fd = waker->fd, .events = POLLIN};
    return poll(&readable, 1, 0) == 1;
}

START_TEST(a_thread_that_is_awake_is_not_written_to)
{
    struct waker waker;
    ck_assert_int_eq(waker_init(&waker), 0);
    waker_wake(&waker);
    ck_assert(!is_readable(&waker));
    waker_prepare(&waker);
    waker_cancel(&waker);
    waker_wake(&waker);
    ck_assert(!is_readable(&waker));
    waker_destroy(&waker);
}
END_TEST

START_TEST(a_sleeper_is_woken_once)
{
    struct waker waker;
    uint64_t wakes;
    ck_assert_int_eq(waker_init(&waker), 0);
    waker_prepare(&waker);
    ck_assert(!is_readable(&waker));
    for (int i = 0; i < 3; i++)
        waker_wake(&waker);
    ck_assert_int_eq(read(waker.fd, &wakes, sizeof wakes), sizeof wakes);
    ck_assert_uint_eq(wakes, 1);
    waker_destroy(&waker);
}
END_TEST

START_TEST(finish_empties_the_eventfd)
{
    struct waker waker;
    ck_assert_int_eq(waker_init(&waker), 0);
    waker_finish(&waker); /* harmless when nobody woke it */
    waker_prepare(&waker);
    waker_wake(&waker);
    ck_assert(is_readable(&waker));
    waker_finish(&waker);
    ck_assert(!is_readable(&waker));

    /* The wake of a sleep that was called off ends the next one at once, and is gone after it. */
    waker_prepare(&waker);
    waker_wake(&waker);
    waker_cancel(&waker);
    waker_prepare(&waker);
    waker_sleep(&waker);
    ck_assert(!is_readable(&waker));
    waker_wake(&waker);
    ck_assert(!is_readable(&waker));
    waker_destroy(&waker);
}
END_TEST

START_TEST(without_an_eventfd_there_is_no_waker)
{
    struct waker waker;
    fail_next(1, EMFILE);
    ck_assert_int_eq(waker_init(&waker), -1);
    ck_assert_int_eq(errno, EMFILE);
}
END_TEST

START_TEST(signals_lose_no_wake)
{
    struct waker waker;
    ck_assert_int_eq(waker_init(&waker), 0);
    waker_prepare(&waker);
    fail_next(3, EINTR);
    waker_wake(&waker);
    ck_assert_int_eq(failures, 0);
    ck_assert(is_readable(&waker));
    fail_next(3, EINTR);
    waker_sleep(&waker); /* interrupted while it waits; and while it reads: */
    ck_assert_int_eq(failures, 0);
    ck_assert(!is_readable(&waker));
    waker_prepare(&waker);
    waker_wake(&waker);
    fail_next(3, EINTR);
    waker_finish(&waker);
    ck_assert_int_eq(failures, 0);
    ck_assert(!is_readable(&waker));
    waker_destroy(&waker);
}
END_TEST

/* What no working kernel does would be a lost wake: the process ends instead. */
enum { BROKEN_WAKE, BROKEN_SLEEP, BROKEN_FINISH, BROKEN_CALLS };

START_TEST(a_broken_eventfd_ends_the_process)
{
    struct waker waker;
    ck_assert_int_eq(waker_init(&waker), 0);
    waker_prepare(&waker);
    fail_next(1, EIO);
    if (_i == BROKEN_WAKE)
        waker_wake(&waker);
    else if (_i == BROKEN_SLEEP)
        waker_sleep(&waker);
    else
        waker_finish(&waker);
}
END_TEST

/* ---- threads ---- */

/* A mailbox of one number: the receiver waits until it is what it expects. */
struct box {
    struct waker waker;
    _Atomic uint64_t number;
};

static void box_post(struct box *box, uint64_t number)
{
    atomic_store_explicit(&box->number, number, memory_order_release);
    waker_wake(&box->waker);
}

static void box_await(struct box *box, uint64_t number)
{
    while (atomic_load_explicit(&box->number, memory_order_acquire) < number) {
        waker_prepare(&box->waker);
        if (atomic_load_explicit(&box->number, memory_order_acquire) >= number)
            waker_cancel(&box->waker);
        else
            waker_sleep(&box->waker);
    }
}

struct pair {
    struct box ping;
    struct box pong;
    uint64_t rounds;
};

static void *answer_pings(void *arg)
{
    struct pair *pair = arg;
    for (uint64_t i = 1; i <= pair->rounds; i++) {
        box_await(&pair->ping, i);
        box_post(&pair->pong, i);
    }
    return NULL;
}

/* Each side sleeps only until the other's one wake: a single lost one stops both for good. */
START_TEST(ping_pong_never_stops)
{
    struct pair pair = {.rounds = scaled(200000)};
    pthread_t thread;
    ck_assert_int_eq(waker_init(&pair.ping.waker), 0);
    ck_assert_int_eq(waker_init(&pair.pong.waker), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, answer_pings, &pair), 0);
    for (uint64_t i = 1; i <= pair.rounds; i++) {
        box_post(&pair.ping, i);
        box_await(&pair.pong, i);
    }
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    waker_destroy(&pair.ping.waker);
    waker_destroy(&pair.pong.waker);
}
END_TEST

struct crowd {
    struct waker waker;
    _Atomic uint64_t numbers[2]; /* one poster each */
    uint64_t rounds;
};

struct poster {
    struct crowd *crowd;
    _Atomic uint64_t *number;
};

static void *post_all(void *arg)
{
    struct poster *poster = arg;
    for (uint64_t i = 1; i <= poster->crowd->rounds; i++) {
        atomic_store_explicit(poster->number, i, memory_order_release);
        waker_wake(&poster->crowd->waker);
    }
    return NULL;
}

static bool crowd_is_done(const struct crowd *crowd)
{
    return atomic_load_explicit(&crowd->numbers[0], memory_order_acquire) == crowd->rounds &&
           atomic_load_explicit(&crowd->numbers[1], memory_order_acquire) == crowd->rounds;
}

/* Two wakers race with each other and with the sleeper, which must come to see the last post of
 * each. */
START_TEST(two_wakers_never_lose_the_last_wake)
{
    for (uint64_t turn = 0, turns = scaled(2000); turn < turns; turn++) {
        struct crowd crowd = {.rounds = 1 + turn % 40};
        pthread_t threads[2];
        struct poster posters[2];
        ck_assert_int_eq(waker_init(&crowd.waker), 0);
        for (int i = 0; i < 2; i++) {
            posters[i] = (struct poster){&crowd, &crowd.numbers[i]};
            ck_assert_int_eq(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
        }
        while (!crowd_is_done(&crowd)) {
            waker_prepare(&crowd.waker);
            if (crowd_is_done(&crowd))
                waker_cancel(&crowd.waker);
            else
                waker_sleep(&crowd.waker);
        }
        for (int i = 0; i < 2; i++)
            ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        waker_destroy(&crowd.waker);
    }
}
END_TEST

UNIT_MAIN("waker",
          {"one thread", .tests = {{a_thread_that_is_awake_is_not_written_to},
                                   {a_sleeper_is_woken_once},
                                   {finish_empties_the_eventfd},
                                   {without_an_eventfd_there_is_no_waker},
                                   {signals_lose_no_wake},
                                   {a_broken_eventfd_ends_the_process, .loops = BROKEN_CALLS,
                                    .exit_status = ABORTED}}},
          {"threads", .timeout_s = 60,
           .tests = {{ping_pong_never_stops}, {two_wakers_never_lose_the_last_wake}}})
