/* Results on the ledger's side, with the real tabulator: what is counted and when, who is told, and
 * how it ends. The test is the ledger's thread and the loop of port 0. Counting can be held up
 * through the linker's --wrap, and memory can run short. */
#include "ledger/results.h"

#include "base/clock.h"
#include "base/waker.h"
#include "count/method.h"
#include "ledger/ledger.h"
#include "ledger/ports.h"
#include "ledger/profiles.h"
#include "poll/values.h"
#include "proto/error.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- counting that can be held up, and fail ---- */

static atomic_bool is_held; /* counting waits for `go` once it has begun */
static sem_t begun, go;
static _Atomic unsigned counted[4]; /* times, by poll */
static atomic_bool count_fails;

struct result *__real_method_count(const struct profile_view *view);
struct result *__wrap_method_count(const struct profile_view *view);
struct result *__wrap_method_count(const struct profile_view *view)
{
    sem_post(&begun);
    while (is_held && sem_wait(&go) != 0)
        ;
    counted[view->poll->id]++;
    return count_fails ? NULL : __real_method_count(view);
}

static bool threads_fail;
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context)
{
    return threads_fail ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

/* ---- the ledger that has them ---- */

static struct tally *tally;
static struct profiles profiles;
static struct ports *ports;
static struct waker waker; /* of the loop */
static struct ledger_stats stats;
static atomic_bool cancelled;
static struct results *results;
static uint64_t seq;

static void show(struct snapshot *snapshot)
{
    ck_assert_ptr_nonnull(snapshot);
    tally_publish(tally, &snapshot, 1);
    if (results)
        results_note(results, snapshot, clock_monotonic_ns());
}

static struct snapshot *changed(uint32_t poll)
{
    struct snapshot *snapshot = snapshot_copy(tally_peek(tally, poll));
    snapshot->seq = ++seq;
    return snapshot;
}

/* The next poll: `a`, `b` and `c`, by Schulze's method. */
static void create(enum setting setting, unsigned value)
{
    static const struct name choices[] = {{1, "a"}, {1, "b"}, {1, "c"}};
    char why[SETTINGS_WHY_SIZE];
    struct name name = {0};
    uint32_t id = tally_poll_count(tally) + 1;
    name.len = (uint8_t)sprintf(name.text, "p%u", id);
    struct settings settings = {{0}};
    settings.value[SETTING_KIND] = KIND_RANKED;
    settings.value[setting] = (uint8_t)value;
    ck_assert_int_eq(settings_complete(&settings, 1u << SETTING_KIND | 1u << setting, 3, why), 0);
    struct poll *poll = poll_new(&name, &settings, choices, 3, NULL);
    poll->id = id;
    ck_assert_int_eq(profiles_add(&profiles, poll), 0);
    struct snapshot *snapshot = snapshot_new(poll);
    snapshot->seq = snapshot->state_seq = ++seq;
    show(snapshot);
}

/* A ballot that ranks `first` alone. */
static void cast(uint32_t poll, unsigned first)
{
    struct values *values = tally_poll(tally, poll)->values;
    uint8_t marks[3] = {0};
    marks[first] = 1;
    uint32_t value = values_find(values, marks, first);
    if (value == 0)
        value = values_add(values, marks, first);
    struct profile *profile = profiles_of(&profiles, tally_poll(tally, poll));
    ck_assert_int_eq(profile_count(profile, 0, value, 1), 0);
    struct snapshot *snapshot = changed(poll);
    snapshot->ballots++;
    snapshot->counts[first]++;
    show(snapshot);
}

static void set_open(uint32_t poll, bool open)
{
    struct snapshot *snapshot = changed(poll);
    snapshot->open = open;
    snapshot->state_seq = snapshot->seq;
    show(snapshot);
}

static void start(void)
{
    results = results_new(tally, &profiles, ports, &stats, &cancelled);
    ck_assert_ptr_nonnull(results);
}

static void set_up(void)
{
    struct waker *const wakers[] = {&waker};
    allocations_succeed();
    ck_assert_int_eq(sem_init(&begun, 0, 0) | sem_init(&go, 0, 0) | waker_init(&waker), 0);
    tally = tally_new(1);
    ports = ports_new(1, wakers);
    start();
}

static void tear_down(void)
{
    results_free(results);
    profiles_destroy(&profiles);
    ports_free(ports);
    tally_free(tally);
    waker_destroy(&waker);
}

/* One round of the ledger's thread, which sleeps if there is nothing to do. */
static void work(void)
{
    struct waker *ledger = ports_waker(ports);
    results_work(results);
    ports_flush(ports);
    waker_prepare(ledger);
    if (results_have_work(results))
        waker_cancel(ledger);
    else
        waker_sleep_ms(ledger, 10);
}

static uint64_t shown_seq(uint32_t poll)
{
    return snapshot_result_seq(tally_peek(tally, poll));
}

/* Works until the poll's result is that of its tally. */
static void settle(uint32_t poll)
{
    while (shown_seq(poll) < tally_peek(tally, poll)->seq)
        work();
}

static void assert_winner(uint32_t poll, unsigned choice)
{
    struct snapshot *snapshot = tally_snapshot(tally, poll);
    const struct result *result = snapshot_result(snapshot);
    ck_assert_uint_eq(result->winner_count, 1);
    ck_assert_uint_eq(result->winners[0], choice);
    snapshot_unref(snapshot);
}

static void await_result(uint32_t poll, uint32_t slot)
{
    struct request_wait *wait = request_wait_new(true);
    wait->from = (struct conn_ref){slot, 1};
    wait->poll = poll;
    results_wait(results, wait);
    ports_flush(ports);
}

static bool is_answered(uint32_t poll, uint32_t slot, int error)
{
    struct answer answer;
    if (ports_receive(ports, 0, &answer, 1) == 0)
        return false;
    ck_assert_uint_eq(answer.number, poll);
    ck_assert_uint_eq(answer.to.slot, slot);
    ck_assert_uint_eq(answer.value, 1);
    ck_assert_int_eq(answer.error, error);
    return true;
}

/* ---- counting ---- */

START_TEST(a_result_is_that_of_its_tally)
{
    create(SETTING_METHOD, METHOD_SCHULZE);
    settle(1);
    cast(1, 2);
    cast(1, 2);
    cast(1, 0);
    settle(1);
    ck_assert_uint_eq(shown_seq(1), 4);
    assert_winner(1, 2);
    ck_assert_uint_eq(tally_peek(tally, 1)->counts[2], 2);
    ck_assert_uint_eq(histogram_count(&stats.result_us), histogram_count(&stats.result_age_us));
}
END_TEST

/* While one is counted, any number of changes makes one more. */
START_TEST(changes_meanwhile_are_counted_together)
{
    is_held = true;
    create(SETTING_METHOD, METHOD_SCHULZE);
    results_work(results);
    sem_wait(&begun);
    for (unsigned i = 0; i < 100; i++) {
        cast(1, 1);
        results_work(results);
    }
    ck_assert_uint_eq(shown_seq(1), 0);
    is_held = false;
    sem_post(&go);
    settle(1);
    ck_assert_uint_eq(counted[1], 2);
    ck_assert_uint_eq(shown_seq(1), 101);
    assert_winner(1, 1);
}
END_TEST

/* A result that comes late goes with the tally of today, and does not touch it. */
START_TEST(a_late_result_comes_with_the_newest_tally)
{
    create(SETTING_METHOD, METHOD_SCHULZE);
    cast(1, 0);
    is_held = true;
    results_work(results);
    sem_wait(&begun);
    cast(1, 1);
    is_held = false;
    sem_post(&go);
    while (shown_seq(1) == 0)
        work();
    const struct snapshot *snapshot = tally_peek(tally, 1);
    ck_assert_uint_eq(snapshot->seq, 3);
    ck_assert_uint_eq(snapshot->ballots, 2);
    ck_assert_uint_eq(shown_seq(1), 2);
    assert_winner(1, 0);
}
END_TEST

START_TEST(every_poll_has_its_turn)
{
    for (unsigned i = 0; i < 3; i++)
        create(SETTING_METHOD, METHOD_SCHULZE);
    for (unsigned i = 0; i < 300; i++) {
        cast(1, i % 3);
        if (i == 20)
            cast(2, 1);
        if (i == 30)
            cast(3, 2);
        work();
    }
    settle(2);
    settle(3);
    settle(1);
    assert_winner(2, 1);
    assert_winner(3, 2);
}
END_TEST

/* Without that, a poll with many ballots would be counted without end. */
START_TEST(a_poll_is_counted_ten_times_a_second)
{
    create(SETTING_METHOD, METHOD_SCHULZE);
    uint64_t began_ns = clock_monotonic_ns();
    for (unsigned results_seen = 0; results_seen < 3;) {
        uint64_t before = shown_seq(1);
        cast(1, 0);
        work();
        results_seen += shown_seq(1) > before;
    }
    ck_assert_uint_ge(clock_monotonic_ns() - began_ns, 2 * TURNS_PACE_NS);
}
END_TEST

START_TEST(what_is_hidden_is_not_counted)
{
    create(SETTING_REVEAL, REVEAL_CLOSED);
    cast(1, 0);
    create(SETTING_METHOD, METHOD_SCHULZE);
    settle(2);
    ck_assert_uint_eq(counted[1], 0);
    ck_assert_ptr_null(atomic_load(&tally_peek(tally, 1)->result));
    await_result(1, 5); /* there is nothing to wait for */
    ck_assert(is_answered(1, 5, 0));
    set_open(1, false);
    settle(1);
    ck_assert_uint_eq(counted[1], 1);
    assert_winner(1, 0);
}
END_TEST

/* It was to be counted, but by its turn it is hidden. */
START_TEST(what_has_been_hidden_meanwhile_is_not_counted)
{
    create(SETTING_REVEAL, REVEAL_CLOSED);
    set_open(1, false);
    set_open(1, true);
    create(SETTING_METHOD, METHOD_SCHULZE);
    settle(2);
    ck_assert_uint_eq(counted[1], 0);
}
END_TEST

START_TEST(what_was_loaded_is_counted_at_the_start)
{
    results_free(results);
    results = NULL;
    create(SETTING_METHOD, METHOD_SCHULZE);
    cast(1, 1);
    start();
    settle(1);
    assert_winner(1, 1);
}
END_TEST

/* ---- waiting ---- */

START_TEST(of_a_closed_poll_the_last_result_is_waited_for)
{
    create(SETTING_METHOD, METHOD_SCHULZE);
    settle(1);
    cast(1, 1);
    await_result(1, 1); /* of an open one there is a result */
    ck_assert(is_answered(1, 1, 0));
    is_held = true;
    set_open(1, false);
    await_result(1, 2);
    results_work(results);
    sem_wait(&begun);
    sem_wait(&begun);
    ck_assert(!is_answered(1, 2, 0));
    sem_post(&go);
    while (!is_answered(1, 2, 0))
        work();
    ck_assert_uint_eq(shown_seq(1), 3);
    assert_winner(1, 1);
}
END_TEST

START_TEST(of_a_new_poll_the_first_result_is_waited_for)
{
    create(SETTING_METHOD, METHOD_SCHULZE);
    await_result(1, 1);
    await_result(1, 1);
    for (unsigned answers = 0; answers < 2;) {
        work();
        answers += is_answered(1, 1, 0);
        answers += is_answered(1, 1, 0);
    }
    ck_assert_uint_eq(shown_seq(1), 1);
}
END_TEST

/* It is open again: the result that is shown will do. */
START_TEST(a_poll_that_opens_again_ends_the_waiting)
{
    create(SETTING_METHOD, METHOD_SCHULZE);
    settle(1);
    is_held = true;
    set_open(1, false);
    await_result(1, 1);
    ck_assert(!is_answered(1, 1, 0));
    set_open(1, true);
    ports_flush(ports);
    ck_assert(is_answered(1, 1, 0));
    is_held = false;
    sem_post(&go);
}
END_TEST

/* ---- memory ---- */

START_TEST(without_memory_for_the_result_it_is_counted_again)
{
    create(SETTING_METHOD, METHOD_SCHULZE);
    count_fails = true;
    while (counted[1] < 2)
        work();
    ck_assert_uint_eq(shown_seq(1), 0);
    count_fails = false;
    settle(1);
}
END_TEST

START_TEST(without_memory_for_a_view_or_a_copy_it_is_tried_again)
{
    allocations_spare_this_thread(false);
    create(SETTING_METHOD, METHOD_SCHULZE);
    cast(1, 1);
    allocations_fail_after(0); /* for the view */
    results_work(results);
    allocations_succeed();
    ck_assert_uint_eq(counted[1], 0);
    is_held = true;
    do {
        work();
    } while (sem_trywait(&begun) != 0);
    sem_post(&go);
    while (!tabulator_is_done(&results->tabulator))
        waker_sleep_ms(ports_waker(ports), 1);
    allocations_fail_after(0); /* for the copy */
    results_work(results);
    allocations_succeed();
    ck_assert_uint_eq(counted[1], 1);
    ck_assert_uint_eq(shown_seq(1), 0);
    is_held = false;
    settle(1);
    assert_winner(1, 1);
}
END_TEST

START_TEST(without_a_thread_or_memory_there_is_none)
{
    allocations_spare_this_thread(false);
    threads_fail = true;
    ck_assert_ptr_null(results_new(tally, &profiles, ports, &stats, &cancelled));
    ck_assert_int_eq(errno, EAGAIN);
    threads_fail = false;
    allocations_fail_after(0);
    struct results *none = results_new(tally, &profiles, ports, &stats, &cancelled);
    allocations_succeed();
    ck_assert_ptr_null(none);
}
END_TEST

/* ---- the end ---- */

START_TEST(a_stop_refuses_who_waits_and_leaves_what_is_counted_behind)
{
    is_held = true;
    create(SETTING_METHOD, METHOD_SCHULZE);
    await_result(1, 1);
    results_work(results);
    sem_wait(&begun);
    cancelled = true;
    ck_assert(results_have_work(results));
    results_work(results);
    ports_flush(ports);
    ck_assert(is_answered(1, 1, ERR_SHUTTING_DOWN));
    ck_assert(!results_have_work(results));
    ck_assert(!results_end(results, 1));
    sem_post(&go);
    while (!results_end(results, 100))
        ;
    ck_assert_uint_eq(shown_seq(1), 0);
}
END_TEST

START_TEST(a_stop_waits_for_nothing_where_nothing_is_counted)
{
    create(SETTING_METHOD, METHOD_SCHULZE);
    settle(1);
    while (!results_end(results, 100))
        ;
    ck_assert(results_end(results, 0));
}
END_TEST

UNIT_MAIN("results", {"results", .set_up = set_up, .tear_down = tear_down,
                      .tests = {{a_result_is_that_of_its_tally},
                                {changes_meanwhile_are_counted_together},
                                {a_late_result_comes_with_the_newest_tally},
                                {every_poll_has_its_turn},
                                {a_poll_is_counted_ten_times_a_second},
                                {what_is_hidden_is_not_counted},
                                {what_has_been_hidden_meanwhile_is_not_counted},
                                {what_was_loaded_is_counted_at_the_start},
                                {of_a_closed_poll_the_last_result_is_waited_for},
                                {of_a_new_poll_the_first_result_is_waited_for},
                                {a_poll_that_opens_again_ends_the_waiting},
                                {without_memory_for_the_result_it_is_counted_again},
                                {without_memory_for_a_view_or_a_copy_it_is_tried_again},
                                {without_a_thread_or_memory_there_is_none},
                                {a_stop_refuses_who_waits_and_leaves_what_is_counted_behind},
                                {a_stop_waits_for_nothing_where_nothing_is_counted}}})
