/* What the ledger does when a batch can't be recorded: nothing of it stays, it is told once when it
 * begins and once when it ends, and a start goes on where the last entry was. On each engine, whose
 * answers can be others; memory is counted through the linker's --wrap. */
#include "ledger/ledger.h"
#include "ledger/ports.h"

#include "tests/support/capture.h"
#include "tests/support/coverage.h"
#include "proto/error.h"
#include "tests/support/temporary.h"
#include "base/waker.h"
#include "tests/support/allocation.h"
#include "tests/support/engines.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static atomic_long clock_ahead_s;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = __real_clock_gettime(clock, now);
    now->tv_sec += clock_ahead_s;
    return result;
}

/* ---- the ledger under test ---- */

static char directory[TEMPORARY_MAX];
static char path[TEMPORARY_MAX + 8];
static char why[STORE_WHY_MAX];
static const struct voter_key key = {{1, 2, 3}};
static struct store *store;
static struct tally *tally;
static struct ports *ports;
static struct ledger *ledger;
static struct waker waker;

static void make_ledger(void)
{
    struct waker *const wakers[] = {&waker};
    ck_assert_msg(store_open(&store, engine, path, false, why) == 0, "%s", why);
    tally = tally_new(1);
    ck_assert_int_eq(waker_init(&waker), 0);
    ports = ports_new(1, wakers);
    ck_assert_ptr_nonnull(ports);
    ledger = ledger_new(store, tally, &key, ports, why);
    ck_assert_msg(ledger != NULL, "%s", why);
}

static void free_ledger(void)
{
    ledger_free(ledger);
    ports_free(ports);
    tally_free(tally);
    store_close(store);
    waker_destroy(&waker);
}

static struct poll *make_poll(char letter, unsigned kind, unsigned method)
{
    const struct name name = {1, {letter}}, choices[] = {{1, "a"}, {1, "b"}};
    const struct settings settings = {
        {[SETTING_KIND] = (uint16_t)kind, [SETTING_METHOD] = (uint16_t)method}};
    return poll_new(&name, &settings, choices, 2, NULL);
}

static int create_poll(void)
{
    return ledger_create_poll(ledger, make_poll('p', KIND_SINGLE, METHOD_PLURALITY));
}

static void setup(void)
{
    temporary_directory(directory, "tallycast-refusal");
    snprintf(path, sizeof path, "%s/test.db", directory);
    make_ledger();
}

static void teardown(void)
{
    char log[TEMPORARY_MAX + 32];
    snprintf(log, sizeof log, "%s-wal", path);
    free_ledger();
    unlink(path);
    unlink(log);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing is left behind */
}

static struct answer take_answer(void)
{
    struct answer answer;
    while (ports_receive(ports, 0, &answer, 1) == 0) {
        waker_prepare(&waker);
        if (!ports_has_answer(ports, 0))
            waker_sleep(&waker);
        else
            waker_cancel(&waker);
    }
    return answer;
}

static void put_ballot(uint64_t voter)
{
    *ports_request(ports, 0) =
        (struct request){.kind = REQUEST_BALLOT, .poll = 1, .value = 1, .voter = {voter, voter}};
}

static struct answer cast(uint64_t voter)
{
    put_ballot(voter);
    ports_send(ports, 0);
    return take_answer();
}

/* How often `part` is in `text`. */
static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;
    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        count++;
    }
    return count;
}

START_TEST(it_is_told_once_when_it_begins_and_once_when_it_ends)
{
    char told[4096];
    uint64_t voter = 1;
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_int_eq(ledger_start(ledger), 0);
    struct capture capture = capture_begin();
    bool as_expected = cast(voter++).error == 0;
    engine_faults.refuse = 3;
    for (unsigned i = 0; i < 3; i++)
        as_expected &= cast(voter++).error == ERR_STORAGE;
    as_expected &= cast(voter++).error == 0 && cast(voter++).error == 0;
    capture_end(&capture, told, sizeof told);
    ck_assert(as_expected);
    ck_assert_msg(occurrences(told, "refuses entries") == 1, "%s", told);
    ck_assert_msg(occurrences(told, "takes entries again") == 1, "%s", told);
    ck_assert_uint_eq(occurrences(told, "\n"), 2);
    ledger_stop(ledger);
}
END_TEST

/* Known from the answer on. */
START_TEST(others_see_whether_it_is_writable)
{
    ck_assert_int_eq(create_poll(), 0);
    ck_assert(ledger_is_writable(ledger));
    ck_assert_int_eq(ledger_start(ledger), 0);
    ck_assert_int_eq(cast(1).error, 0);
    ck_assert(ledger_is_writable(ledger));
    engine_faults.refuse = 2;
    for (uint64_t voter = 2; voter <= 3; voter++) {
        ck_assert_int_eq(cast(voter).error, ERR_STORAGE);
        ck_assert(atomic_load(&ledger_stats(ledger)->refusing));
        ck_assert(!ledger_is_writable(ledger));
    }
    ck_assert_int_eq(cast(2).error, 0);
    ck_assert(!atomic_load(&ledger_stats(ledger)->refusing));
    ck_assert(ledger_is_writable(ledger));
    ledger_stop(ledger);
}
END_TEST

/* A repeat needs no room, so it tells nothing about it. */
START_TEST(a_repeat_does_not_make_it_writable)
{
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_int_eq(ledger_start(ledger), 0);
    ck_assert_int_eq(cast(1).error, 0);
    engine_faults.refuse = 1;
    ck_assert_int_eq(cast(2).error, ERR_STORAGE);
    ck_assert(cast(1).duplicate);
    ck_assert(!ledger_is_writable(ledger));
    ledger_stop(ledger);
}
END_TEST

START_TEST(a_doubt_ends_though_nobody_votes)
{
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_int_eq(ledger_start(ledger), 0);
    engine_faults.refuse = 2;
    ck_assert_int_eq(cast(1).error, ERR_STORAGE);
    clock_ahead_s = 9;
    ck_assert(!ledger_is_writable(ledger));
    clock_ahead_s = 11;
    ck_assert(ledger_is_writable(ledger));
    ck_assert(atomic_load(&ledger_stats(ledger)->refusing));
    ck_assert_int_eq(cast(1).error, ERR_STORAGE);
    ck_assert(!ledger_is_writable(ledger));
    ledger_stop(ledger);
}
END_TEST

/* Requests that are refused, made for the nth time. */
static struct request ballot(uint64_t n)
{
    return (struct request){.kind = REQUEST_BALLOT, .poll = 1, .value = 1, .voter = {n, n}};
}

static struct request approval(uint64_t n)
{
    return (struct request){.kind = REQUEST_BALLOT,
                            .poll = 2,
                            .voter = {n, n},
                            .detail = request_ballot_new(
                                &(struct request_ballot){.marks = {"\1\1", 2}, .marks_hash = n})};
}

static struct request creation(uint64_t n)
{
    (void)n;
    return (struct request){.kind = REQUEST_CREATE,
                            .detail = make_poll('r', KIND_APPROVAL, METHOD_APPROVAL)};
}

static struct request repetition(uint64_t n)
{
    (void)n;
    return (struct request){.kind = REQUEST_CREATE,
                            .detail = make_poll('q', KIND_APPROVAL, METHOD_APPROVAL)};
}

static const struct {
    struct request (*make)(uint64_t n);
    int error;
} refused[] = {{ballot, ERR_STORAGE},
               {approval, ERR_STORAGE},
               {creation, ERR_STORAGE},
               {repetition, ERR_POLL_EXISTS}};

START_TEST(what_is_refused_leaves_no_memory_behind)
{
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_int_eq(ledger_create_poll(ledger, make_poll('q', KIND_APPROVAL, METHOD_APPROVAL)), 0);
    ck_assert_int_eq(ledger_start(ledger), 0);
    engine_faults.refuse = 101;
    int error = refused[_i].error;
    long before = 0;
    for (uint64_t n = 0; n <= 100 && error == refused[_i].error; n++) {
        *ports_request(ports, 0) = refused[_i].make(n);
        ports_send(ports, 0);
        error = take_answer().error;
        if (n == 0)
            before = allocations.blocks; /* whatever is made once is made now */
    }
    long after = allocations.blocks;
    ck_assert_int_eq(error, refused[_i].error);
    ck_assert_int_eq(after, before);
    ledger_stop(ledger);
}
END_TEST

/* Takes, as a broadcast loop does, what was shown. */
static void take_snapshots(void)
{
    struct snapshot *snapshot;
    while (tally_receive(tally, 0, &snapshot, 1) == 1)
        snapshot_unref(snapshot);
}

/* Both are there when the ledger looks, if it was not started before. Returns whether both were
 * taken. */
static bool title_twice(bool start)
{
    for (unsigned i = 0; i < 2; i++)
        *ports_request(ports, 0) = (struct request){
            .kind = REQUEST_TITLE, .poll = 1, .detail = request_text_new("Lunch?", 6)};
    ports_send(ports, 0);
    if (start && ledger_start(ledger) != 0)
        return false;
    int first = take_answer().error, second = take_answer().error;
    take_snapshots();
    return first == 0 && second == 0;
}

/* Of two titles in a batch the second replaces the first before anybody saw it. */
START_TEST(a_title_that_is_replaced_leaves_no_memory_behind)
{
    ck_assert_int_eq(create_poll(), 0);
    bool titled = title_twice(true); /* whatever is made once is made now */
    long before = allocations.blocks;
    for (unsigned i = 0; i < 100; i++)
        titled &= title_twice(false);
    long after = allocations.blocks;
    ck_assert(titled);
    ck_assert_int_eq(after, before);
    ledger_stop(ledger);
}
END_TEST

START_TEST(without_memory_for_the_tallies_nothing_is_recorded)
{
    allocations_fail_to_grow();
    int error = create_poll();
    allocations_succeed();
    ck_assert_int_eq(error, ERR_STORAGE);
    ck_assert_uint_eq(tally_poll_count(tally), 0);
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_uint_eq(tally_poll_count(tally), 1);
    ck_assert_uint_eq(ledger_stats(ledger)->seq, 1);
}
END_TEST

START_TEST(a_start_goes_on_after_the_last_ballot)
{
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_int_eq(ledger_start(ledger), 0);
    for (uint64_t voter = 1; voter <= 40; voter++)
        ck_assert_uint_eq(cast(voter).number, voter + 1);
    ledger_stop(ledger);
    free_ledger();
    make_ledger();
    ck_assert_uint_eq(ledger_stats(ledger)->seq, 41);
    ck_assert_int_eq(ledger_start(ledger), 0);
    struct answer answer = cast(41);
    ck_assert_int_eq(answer.error, 0);
    ck_assert_uint_eq(answer.number, 42);
    ledger_stop(ledger);
}
END_TEST

/* A repeat is answered without a commit; what is recorded needs no other word. */
START_TEST(what_records_nothing_is_confirmed)
{
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_int_eq(ledger_start(ledger), 0);
    ck_assert_int_eq(cast(1).error, 0);
    ck_assert_int_eq(engine_faults.confirms, 0);
    int appends = engine_faults.appends;
    ck_assert(cast(1).duplicate);
    ck_assert_int_eq(engine_faults.confirms, 1);
    ck_assert_int_eq(engine_faults.appends, appends);
    ledger_stop(ledger);
}
END_TEST

START_TEST(what_is_not_confirmed_is_not_told)
{
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_int_eq(ledger_start(ledger), 0);
    ck_assert_int_eq(cast(1).error, 0);
    engine_faults.refuse_confirms = 1;
    struct answer answer = cast(1);
    ck_assert_int_eq(answer.error, ERR_STORAGE);
    ck_assert(!answer.duplicate);
    ck_assert(!ledger_is_writable(ledger));
    ck_assert(cast(1).duplicate);
    ledger_stop(ledger);
}
END_TEST

/* In a batch that is refused, a repeat of an earlier ballot rests on nothing of it. */
START_TEST(a_refused_batch_is_confirmed_for_what_stands)
{
    static const int repeated[] = {0, ERR_STORAGE};
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_int_eq(ledger_start(ledger), 0);
    ck_assert_int_eq(cast(1).error, 0);
    ledger_stop(ledger);
    free_ledger();
    make_ledger();
    engine_faults.refuse = 1;
    engine_faults.refuse_confirms = _i;
    put_ballot(2);
    put_ballot(1);
    ports_send(ports, 0);
    ck_assert_int_eq(ledger_start(ledger), 0); /* both are one batch */
    ck_assert_int_eq(take_answer().error, ERR_STORAGE);
    ck_assert_int_eq(take_answer().error, repeated[_i]);
    ledger_stop(ledger);
}
END_TEST

/* Another server has taken the ledger: what this one knows may be of the past. */
START_TEST(a_fenced_ledger_ends_the_process)
{
    ck_assert_int_eq(create_poll(), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        coverage_of_aborts();
        if (ledger_start(ledger) != 0 || cast(1).error != 0)
            _exit(1);
        engine_faults.fence = 1;
        cast(_i == 0 ? 2 : 1); /* to be recorded, or a repeat: neither is answered */
        _exit(2);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

/* It is looked at most once a second, by the clock that the test sets. */
START_TEST(a_database_that_was_moved_takes_nothing_until_it_is_back)
{
    static const char *const suffixes[] = {"", "-wal"};
    char from[TEMPORARY_MAX + 32], to[TEMPORARY_MAX + 40], told[4096];
    snprintf(from, sizeof from, "%s%s", path, suffixes[_i]);
    snprintf(to, sizeof to, "%s.moved", from);
    ck_assert_int_eq(create_poll(), 0);
    ck_assert_int_eq(ledger_start(ledger), 0);
    struct capture capture = capture_begin();
    bool as_expected = cast(1).error == 0 && !ledger_health(ledger);
    as_expected &= rename(from, to) == 0;
    clock_ahead_s = 2;
    as_expected &= cast(2).error == ERR_STORAGE && cast(2).error == ERR_STORAGE;
    as_expected &= cast(1).duplicate && ledger_health(ledger) && !ledger_is_writable(ledger);
    as_expected &= rename(to, from) == 0;
    clock_ahead_s = 4;
    as_expected &= cast(2).error == 0 && !ledger_health(ledger);
    capture_end(&capture, told, sizeof told);
    ck_assert_msg(as_expected, "%s", told);
    ck_assert_msg(occurrences(told, "was moved or removed under the server") == 1, "%s", told);
    ck_assert_msg(occurrences(told, "back in its place") == 1, "%s", told);
    ledger_stop(ledger);
}
END_TEST

/* Nobody votes: the ledger's thread looks by itself. */
START_TEST(it_is_seen_though_nobody_votes)
{
    char moved[TEMPORARY_MAX + 32];
    snprintf(moved, sizeof moved, "%s.moved", path);
    ck_assert_int_eq(ledger_start(ledger), 0);
    ck_assert_int_eq(rename(path, moved), 0);
    while (!ledger_health(ledger))
        sched_yield();
    ck_assert_int_eq(rename(moved, path), 0);
    while (ledger_health(ledger))
        sched_yield();
    ledger_stop(ledger);
}
END_TEST

ENGINES_MAIN(
    "refusal",
    {"refusals", .set_up = setup, .tear_down = teardown,
     .tests = {{it_is_told_once_when_it_begins_and_once_when_it_ends},
               {others_see_whether_it_is_writable},
               {a_repeat_does_not_make_it_writable},
               {a_doubt_ends_though_nobody_votes},
               {what_is_refused_leaves_no_memory_behind, .loops = UNIT_COUNT(refused)},
               {without_memory_for_the_tallies_nothing_is_recorded},
               {a_start_goes_on_after_the_last_ballot},
               {what_records_nothing_is_confirmed},
               {what_is_not_confirmed_is_not_told},
               {a_refused_batch_is_confirmed_for_what_stands, .loops = 2},
               {a_fenced_ledger_ends_the_process, .loops = 2}}},
    {"SQLite's own", .only_if = engine_is_sqlite, .set_up = setup, .tear_down = teardown,
     .tests = {{a_title_that_is_replaced_leaves_no_memory_behind}, /* that of entries is on disk */
               {a_database_that_was_moved_takes_nothing_until_it_is_back, .loops = 2},
               {it_is_seen_though_nobody_votes}}})
