/* The ledger in this process, on each engine and a real tally: what it judges, what it shows
 * and what it takes back. The test is the loop of port 0. Commits, allocations and threads can be
 * made to fail through the linker's --wrap. */
#include "ledger/ledger.h"

#include "base/counters.h"
#include "ledger/ports.h"
#include "ledger/state.h"
#include "ledger/state.h"
#include "store/database.h"
#include "store/sqlite/sqlite_pragmas.h"
#include "trace/journey.h"
#include "base/clock.h"

#include "proto/error.h"
#include "tests/support/database.h"
#include "tests/support/temporary.h"
#include "base/waker.h"
#include "proto/command.h"
#include "proto/marks.h"
#include "tests/support/allocation.h"
#include "tests/support/capture.h"
#include "tests/support/engines.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- what can be made to fail ---- */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context);
static bool threads_fail;
static bool wakers_fail;

int __real_eventfd(unsigned initial, int flags);
int __wrap_eventfd(unsigned initial, int flags);
int __wrap_eventfd(unsigned initial, int flags)
{
    if (!wakers_fail)
        return __real_eventfd(initial, flags);
    errno = EMFILE;
    return -1;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context)
{
    return threads_fail ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

uint32_t __real_values_add(struct values *values, const uint8_t *marks, uint64_t hash);
uint32_t __wrap_values_add(struct values *values, const uint8_t *marks, uint64_t hash);
static atomic_bool values_are_full;

uint32_t __wrap_values_add(struct values *values, const uint8_t *marks, uint64_t hash)
{
    return values_are_full ? 0 : __real_values_add(values, marks, hash);
}

/* ---- the ledger under test ---- */

static char directory[TEMPORARY_MAX];
static char path[PATH_MAX];
static char why[STORE_WHY_MAX];
static const struct voter_key key = {{1, 2, 3}};
static struct store *store;
static struct tally *tally;
static struct ports *ports;
static struct ledger *ledger;
static struct waker waker;
static bool started;
static unsigned port_count = 2;

static struct ports *make_ports(void)
{
    struct waker *const wakers[] = {&waker, &waker, &waker};
    return ports_new(port_count, wakers);
}

static struct ledger *make_ledger(void)
{
    return ledger_new(store, tally, &key, ports, why);
}

static void start(void)
{
    ck_assert_msg(store_open(&store, engine, path, false, why) == 0, "%s", why);
    tally = tally_new(1);
    ck_assert_int_eq(waker_init(&waker), 0);
    ports = make_ports();
    ck_assert_ptr_nonnull(ports);
    ledger = make_ledger();
    ck_assert_msg(ledger != NULL, "%s", why);
    ck_assert_int_eq(ledger_start(ledger), 0);
    started = true;
}

static void stop(void)
{
    if (started)
        ledger_stop(ledger);
    started = false;
    ledger_free(ledger);
    ports_free(ports);
    tally_free(tally);
    store_close(store);
    waker_destroy(&waker);
}

static void restart(void)
{
    stop();
    start();
}

static void setup(void)
{
    allocations_succeed();
    allocations_spare_this_thread(true); /* only the ledger's fail */
    temporary_directory(directory, "tallycast-ledger");
    snprintf(path, sizeof path, "%s/test.db", directory);
    start();
}

static void remove_file(const char *suffix)
{
    char name[PATH_MAX + 16];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    unlink(name);
}

static void teardown(void)
{
    stop();
    remove_file("");
    remove_file("-wal");
    remove_file(".copy");
    ck_assert_int_eq(rmdir(directory), 0); /* nothing is left behind */
}

/* ---- asking ---- */

static struct poll *parse_poll(const char *line)
{
    static struct command command;
    const char *reason;
    ck_assert_int_eq(command_parse(line, strlen(line), &command, &reason), 0);
    return poll_new(&command.poll, &command.settings, command.choices, command.choice_count,
                    command.lot);
}

static void put_request(unsigned port, struct request request)
{
    struct request *slot = ports_request(ports, port);
    ck_assert_ptr_nonnull(slot);
    *slot = request;
}

static struct answer take_answer(unsigned port)
{
    struct answer answer;
    while (ports_receive(ports, port, &answer, 1) == 0) {
        waker_prepare(&waker);
        if (!ports_has_answer(ports, port))
            waker_sleep(&waker);
        else
            waker_cancel(&waker);
    }
    return answer;
}

static struct answer ask(struct request request)
{
    put_request(0, request);
    ports_send(ports, 0);
    return take_answer(0);
}

static struct request create(const char *line)
{
    return (struct request){.kind = REQUEST_CREATE, .detail = parse_poll(line)};
}

static struct request ballot(uint32_t poll, uint16_t choice, uint64_t voter)
{
    return (struct request){
        .kind = REQUEST_BALLOT, .poll = poll, .value = choice + 1u, .voter = {voter, ~voter}};
}

static struct request keyed(uint32_t poll, uint16_t choice, uint64_t voter, uint64_t id)
{
    struct request request = ballot(poll, choice, voter);
    request.key_kind = REQUEST_KEY_ID;
    request.key = (struct hash){id, id};
    return request;
}

/* In a poll that records names. */
static struct request named(uint32_t poll, uint16_t choice, const char *name, const char *spelling)
{
    struct request request = ballot(poll, choice, 0);
    request.voter = voter_hash(&key, VOTER_HASH_VOTER, poll, name, strlen(name));
    request.detail = request_ballot_new(&(struct request_ballot){
        .name = {name, strlen(name)}, .spelling = {spelling, strlen(spelling)}});
    return request;
}

static struct request text(enum request_kind kind, uint32_t poll, uint16_t choice,
                           const char *bytes)
{
    return (struct request){.kind = kind,
                            .poll = poll,
                            .choice = choice,
                            .detail = request_text_new(bytes, strlen(bytes))};
}

static struct request state(enum request_kind kind, uint32_t poll)
{
    return (struct request){.kind = kind, .poll = poll};
}

static void assert_answer(struct answer answer, int error, uint64_t number, bool duplicate)
{
    ck_assert_int_eq(answer.error, error);
    ck_assert_uint_eq(answer.number, number);
    ck_assert_int_eq(answer.duplicate, duplicate);
}

#define ASSERT_ACCEPTED(request, seq) assert_answer(ask(request), 0, seq, false)
#define ASSERT_REPEATED(request, seq) assert_answer(ask(request), 0, seq, true)
#define ASSERT_REFUSED(request, code) ck_assert_int_eq(ask(request).error, code)

static void assert_shown(uint32_t poll, const char *expected)
{
    struct snapshot *snapshot = tally_snapshot(tally, poll);
    struct tally_view view;
    snapshot_view(snapshot, &view);
    view.hidden = false;
    char line[512];
    size_t len = tally_encode(line, "", &view);
    line[len - 1] = '\0';
    ck_assert_str_eq(line, expected);
    snapshot_unref(snapshot);
}

static void assert_text(uint32_t poll, unsigned index, const char *expected)
{
    struct snapshot *snapshot = tally_snapshot(tally, poll);
    struct span text = index == 0 ? snapshot_title(snapshot) : snapshot_label(snapshot, index - 1);
    ck_assert_msg(span_is(text, expected), "'%.*s' is not '%s'", (int)text.len, text.at, expected);
    snapshot_unref(snapshot);
}

/* Sends requests together, so that they are one batch, and takes the answers. */
static void ask_batch(const struct request *requests, struct answer *answers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct request request = requests[i];
        request.from = (struct conn_ref){(uint32_t)i, 7};
        put_request(0, request);
    }
    ports_send(ports, 0);
    for (size_t i = 0; i < count; i++) {
        answers[i] = take_answer(0);
        ck_assert_uint_eq(answers[i].to.slot, i);
        ck_assert_uint_eq(answers[i].to.generation, 7);
    }
}

/* ---- judging ---- */

START_TEST(a_changeable_ballot_moves)
{
    ASSERT_ACCEPTED(create("CREATE p a b c"), 1);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 2);
    ASSERT_ACCEPTED(ballot(1, 1, 11), 3);
    ASSERT_REPEATED(ballot(1, 0, 10), 2);
    ASSERT_ACCEPTED(ballot(1, 2, 10), 4);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 5);
    assert_shown(1, "p open 5 2 a=1 b=1 c=0");
    const struct ledger_stats *stats = ledger_stats(ledger);
    ck_assert_uint_eq(stats->accepted, 4);
    ck_assert_uint_eq(stats->duplicate, 1);
    ck_assert_uint_eq(stats->refused, 0);
    ck_assert_uint_eq(stats->seq, 5);
}
END_TEST

START_TEST(once_is_once)
{
    ASSERT_ACCEPTED(create("CREATE p a b ballots=once"), 1);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 2);
    assert_answer(ask(ballot(1, 1, 10)), ERR_ALREADY_VOTED, 2, false);
    ASSERT_REPEATED(ballot(1, 0, 10), 2);
    assert_shown(1, "p open 2 1 a=1 b=0");
    ck_assert_uint_eq(ledger_stats(ledger)->refused, 1);
}
END_TEST

START_TEST(an_unlimited_ballot_is_known_by_its_key)
{
    ASSERT_ACCEPTED(create("CREATE p a b ballots=unlimited"), 1);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 2);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 3);
    ASSERT_ACCEPTED(keyed(1, 1, 10, 5), 4);
    ASSERT_REPEATED(keyed(1, 1, 11, 5), 4);
    assert_answer(ask(keyed(1, 0, 11, 5)), ERR_ALREADY_VOTED, 4, false);
    assert_shown(1, "p open 4 3 a=2 b=1");
}
END_TEST

static struct request claimed(uint16_t choice, uint64_t voter, enum request_key kind, uint64_t of)
{
    struct request request = keyed(1, choice, voter, of);
    request.key = (struct hash){of << 32, of << 32}; /* no voter: those are small */
    request.key_kind = kind;
    return request;
}

#define OWN REQUEST_KEY_OWN
#define ID  REQUEST_KEY_ID
#define ONE REQUEST_KEY_ID_OF_ONE

/* Where others may claim the same voter, a repeat is told to whoever has the key alone; to others
 * each choice is answered alike. */
START_TEST(only_its_caster_is_told_of_a_ballot_that_is_once)
{
    ASSERT_ACCEPTED(create("CREATE p a b ballots=once voters=named"), 1);
    ASSERT_ACCEPTED(claimed(0, 10, OWN, 1), 2);
    ASSERT_ACCEPTED(claimed(1, 11, ID, 1), 3);
    for (uint16_t choice = 0; choice < 2; choice++) {
        assert_answer(ask(claimed(choice, 10, OWN, 2)), ERR_ALREADY_VOTED, 0, false);
        assert_answer(ask(claimed(choice, 10, ID, 2)), ERR_ALREADY_VOTED, 0, false);
        assert_answer(ask(claimed(choice, 11, OWN, 2)), ERR_ALREADY_VOTED, 0, false);
    }
    ASSERT_REPEATED(claimed(0, 10, OWN, 1), 2);
    assert_answer(ask(claimed(1, 10, OWN, 1)), ERR_ALREADY_VOTED, 2, false);
    ASSERT_REPEATED(claimed(1, 11, ID, 1), 3);
    assert_answer(ask(claimed(0, 11, ID, 1)), ERR_ALREADY_VOTED, 3, false);
    assert_shown(1, "p open 3 2 a=1 b=1");
    ASSERT_ACCEPTED(state(REQUEST_CLOSE, 1), 4);
    for (uint16_t choice = 0; choice < 2; choice++)
        ASSERT_REFUSED(claimed(choice, 10, OWN, 2), ERR_POLL_CLOSED);
    ASSERT_REPEATED(claimed(0, 10, OWN, 1), 2);
}
END_TEST

START_TEST(only_its_caster_is_told_of_a_ballot_that_can_change)
{
    ASSERT_ACCEPTED(create("CREATE p a b voters=named"), 1);
    ASSERT_ACCEPTED(claimed(0, 10, OWN, 1), 2);
    ASSERT_REPEATED(claimed(0, 10, OWN, 1), 2);
    ASSERT_ACCEPTED(claimed(0, 10, OWN, 2), 3); /* as a change would be; and it counts once */
    assert_shown(1, "p open 3 1 a=1 b=0");
    ASSERT_REPEATED(claimed(0, 10, OWN, 2), 3);
    ASSERT_ACCEPTED(claimed(0, 10, OWN, 1), 4); /* its earlier ballot counts no more */
    ASSERT_ACCEPTED(claimed(1, 10, OWN, 1), 5);
    ASSERT_REPEATED(claimed(1, 10, OWN, 1), 5);
    ASSERT_ACCEPTED(claimed(1, 10, ID, 7), 6);
    assert_shown(1, "p open 6 1 a=0 b=1");
    restart(); /* keys of id= are recorded, those of connections are not */
    ASSERT_REPEATED(claimed(1, 10, ID, 7), 6);
    ASSERT_ACCEPTED(claimed(1, 10, OWN, 1), 7);
    restart(); /* nobody is known to have cast the last one */
    ASSERT_ACCEPTED(claimed(1, 10, ID, 7), 8);
}
END_TEST

/* So a ballot that was given up does not count behind the one that was sent in its place. */
START_TEST(an_id_may_be_of_one_ballot)
{
    ASSERT_ACCEPTED(create("CREATE p a b voters=named"), 1);
    ASSERT_ACCEPTED(claimed(0, 10, ONE, 1), 2);
    ASSERT_REPEATED(claimed(0, 10, ONE, 1), 2);
    struct answer answer = ask(claimed(1, 10, ONE, 1));
    assert_answer(answer, ERR_ALREADY_VOTED, 2, false);
    ck_assert_uint_eq(answer.value, 1);
    ASSERT_ACCEPTED(claimed(1, 11, ONE, 1), 3); /* another voter's */
    ASSERT_ACCEPTED(claimed(1, 10, ONE, 2), 4);
    restart();
    ASSERT_REPEATED(claimed(1, 10, ONE, 2), 4);
    assert_answer(ask(claimed(0, 10, ONE, 2)), ERR_ALREADY_VOTED, 4, false);
    ASSERT_ACCEPTED(claimed(0, 10, ID, 2), 5); /* which does not ask for it */
    assert_shown(1, "p open 5 2 a=1 b=1");
}
END_TEST

START_TEST(a_voter_takes_the_same_memory_whoever_casts_the_ballots)
{
    enum { CASTERS = 100 };
    struct request requests[CASTERS];
    struct answer answers[CASTERS];
    ASSERT_ACCEPTED(create("CREATE p a b voters=named"), 1);
    for (unsigned i = 0; i < CASTERS; i++)
        requests[i] = claimed(i % 2, 10, OWN, i + 1);
    ask_batch(requests, answers, CASTERS);
    assert_answer(answers[CASTERS - 1], 0, 1 + CASTERS, false);
    ledger_stop(ledger);
    started = false;
    ck_assert_uint_eq(electorate_count(ledger->electorate), 1);
}
END_TEST

START_TEST(a_closed_poll_takes_repeats_only)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    ASSERT_REPEATED(state(REQUEST_OPEN, 1), 1);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 2);
    ASSERT_ACCEPTED(state(REQUEST_CLOSE, 1), 3);
    ASSERT_REPEATED(state(REQUEST_CLOSE, 1), 3);
    ASSERT_REPEATED(ballot(1, 0, 10), 2);
    ASSERT_REFUSED(ballot(1, 1, 10), ERR_POLL_CLOSED);
    ASSERT_REFUSED(ballot(1, 1, 11), ERR_POLL_CLOSED);
    assert_shown(1, "p closed 3 1 a=1 b=0");
    ASSERT_ACCEPTED(state(REQUEST_OPEN, 1), 4);
    ASSERT_ACCEPTED(ballot(1, 1, 11), 5);
    assert_shown(1, "p open 5 2 a=1 b=1");
}
END_TEST

START_TEST(a_batch_is_judged_in_order)
{
    ASSERT_ACCEPTED(create("CREATE p a b ballots=once"), 1);
    const struct request requests[] = {
        ballot(1, 0, 10),        ballot(1, 0, 10),        ballot(1, 1, 10),
        create("CREATE q x y"),  create("CREATE q z w"),  create("CREATE p z w"),
        state(REQUEST_CLOSE, 1), state(REQUEST_CLOSE, 1), ballot(1, 0, 11),
        state(REQUEST_OPEN, 1),  ballot(1, 1, 11),
    };
    struct answer answers[11];
    ask_batch(requests, answers, 11);
    assert_answer(answers[0], 0, 2, false);
    assert_answer(answers[1], 0, 2, true);
    assert_answer(answers[2], ERR_ALREADY_VOTED, 2, false);
    assert_answer(answers[3], 0, 3, false);
    ck_assert_int_eq(answers[4].error, ERR_POLL_EXISTS);
    ck_assert_int_eq(answers[5].error, ERR_POLL_EXISTS);
    assert_answer(answers[6], 0, 4, false);
    assert_answer(answers[7], 0, 4, true);
    ck_assert_int_eq(answers[8].error, ERR_POLL_CLOSED);
    assert_answer(answers[9], 0, 5, false);
    assert_answer(answers[10], 0, 6, false);
    ck_assert_int_eq(engine_faults.appends, 2);
    assert_shown(1, "p open 6 2 a=1 b=1");
    assert_shown(2, "q open 3 0 x=0 y=0");
    ASSERT_ACCEPTED(ballot(2, 1, 10), 7);
}
END_TEST

START_TEST(texts_change_one_at_a_time)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    const struct request requests[] = {text(REQUEST_TITLE, 1, 0, "Draft"),
                                       text(REQUEST_LABEL, 1, 1, "Bananas"),
                                       text(REQUEST_TITLE, 1, 0, "Fruit")};
    struct answer answers[3];
    ask_batch(requests, answers, 3);
    assert_answer(answers[2], 0, 4, false);
    assert_text(1, 0, "Fruit");
    assert_text(1, 1, "a");
    assert_text(1, 2, "Bananas");
    ASSERT_ACCEPTED(text(REQUEST_LABEL, 1, 0, "Apples"), 5);
    assert_text(1, 0, "Fruit");
    assert_text(1, 1, "Apples");
    assert_shown(1, "p open 1 0 a=0 b=0"); /* no change of the tally */
    restart();
    assert_text(1, 0, "Fruit");
    assert_text(1, 1, "Apples");
    assert_text(1, 2, "Bananas");
}
END_TEST

START_TEST(polls_end_at_their_limit)
{
    char line[64];
    for (int i = 0; i < POLLS_MAX; i++) {
        snprintf(line, sizeof line, "CREATE p%d a b", i);
        put_request(0, create(line));
    }
    ports_send(ports, 0);
    for (int i = 0; i < POLLS_MAX; i++)
        if (take_answer(0).error != 0)
            ck_abort_msg("poll %d is refused", i);
    ASSERT_REFUSED(create("CREATE more a b"), ERR_LIMIT);
    ASSERT_REFUSED(create("CREATE p9999 a b"), ERR_POLL_EXISTS);
    ASSERT_ACCEPTED(ballot(POLLS_MAX, 1, 1), POLLS_MAX + 1);
    restart();
    assert_shown(POLLS_MAX, "p9999 open 10001 1 a=0 b=1");
    ASSERT_REFUSED(create("CREATE more a b"), ERR_LIMIT);
}
END_TEST

START_TEST(every_port_is_answered_in_its_own_order)
{
    enum { EACH = 3 * PORT_SLOTS / 4, ROUNDS = 3 };
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    uint64_t voter = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < EACH; i++) {
            for (unsigned port = 0; port < 2; port++) {
                struct request request = ballot(1, (uint16_t)port, ++voter);
                request.from = (struct conn_ref){i, port};
                *ports_request(ports, port) = request;
            }
        }
        ports_send(ports, 0);
        ports_send(ports, 1);
        for (unsigned port = 0; port < 2; port++)
            for (uint32_t i = 0; i < EACH; i++) {
                struct answer answer = take_answer(port);
                if (answer.error != 0 || answer.to.slot != i || answer.to.generation != port)
                    ck_abort_msg("port %u, answer %u", port, i);
            }
        ck_assert(!ports_has_answer(ports, 0) && !ports_has_answer(ports, 1));
    }
    char expected[64];
    snprintf(expected, sizeof expected, "p open %d %d a=%d b=%d", 2 * EACH * ROUNDS + 1,
             2 * EACH * ROUNDS, EACH * ROUNDS, EACH * ROUNDS);
    assert_shown(1, expected);
}
END_TEST

/* Sends a ballot over each port while the batch before is being committed: the next one. Returns
 * when that one is. */
static void send_by_each_port(uint64_t *voter)
{
    for (unsigned port = 0; port < port_count; port++) {
        put_request(port, ballot(1, 0, ++*voter));
        ports_send(ports, port);
    }
    sem_post(&engine_faults.goes_on);
    sem_wait(&engine_faults.waits);
}

/* Where many wait, none comes always first: each batch begins with the next port. */
START_TEST(ports_take_turns)
{
    enum { PORTS = 3, ROUNDS = 7 };
    uint64_t voter = 1, first = 3;
    sem_init(&engine_faults.waits, 0, 0);
    sem_init(&engine_faults.goes_on, 0, 0);
    port_count = PORTS;
    restart();
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    engine_faults.appends_wait = true;
    put_request(0, ballot(1, 0, voter));
    ports_send(ports, 0);
    sem_wait(&engine_faults.waits);
    for (int round = 0; round < ROUNDS; round++)
        send_by_each_port(&voter);
    engine_faults.appends_wait = false;
    sem_post(&engine_faults.goes_on);
    ck_assert_uint_eq(take_answer(0).number, 2);
    uint64_t before = 0; /* the place in its batch that port 0 had in the last round */
    for (int round = 0; round < ROUNDS; round++, first += PORTS) {
        uint64_t place = take_answer(0).number - first;
        ck_assert_uint_lt(place, PORTS);
        ck_assert_uint_eq(take_answer(1).number, first + (place + 1) % PORTS);
        ck_assert_uint_eq(take_answer(2).number, first + (place + 2) % PORTS);
        ck_assert(round == 0 || place == (before + PORTS - 1) % PORTS);
        before = place;
    }
}
END_TEST

START_TEST(a_full_port_takes_no_more)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    for (int i = 0; i < PORT_SLOTS; i++)
        *ports_request(ports, 0) = ballot(1, 0, (uint64_t)i + 1);
    ck_assert_ptr_null(ports_request(ports, 0));
    ports_send(ports, 0);
    for (int i = 0; i < PORT_SLOTS; i++)
        take_answer(0);
    ASSERT_REPEATED(ballot(1, 0, 1), 2);
}
END_TEST

/* ---- beside a crowd ---- */

/* How long ballots take that come one by one, each when the one before is answered. */
static uint64_t time_one_by_one(unsigned count)
{
    static uint64_t voter;
    uint64_t begin_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < count; i++)
        ck_assert_int_eq(ask(ballot(1, 0, ++voter)).error, 0);
    return clock_monotonic_ns() - begin_ns;
}

/* 1 us for each who is told, and at most 8 ms, pass between two commits then; else a commit, which
 * is not synced here, takes a tenth of what is looked for. */
START_TEST(ballots_gather_while_a_crowd_is_told)
{
    enum { BALLOTS = 20, GAPS = BALLOTS - 1, ATTEMPTS = 100 };
    static const struct {
        uint32_t crowd;
        uint64_t at_least_ns, less_than_ns;
    } crowds[] = {
        {0, 0, GAPS * 2 * NS_PER_MS},
        {2000, GAPS * 2 * NS_PER_MS, GAPS * 8 * NS_PER_MS},
        {UINT32_MAX, GAPS * 8 * NS_PER_MS, GAPS * 16 * NS_PER_MS},
        {0, 0, GAPS * 2 * NS_PER_MS},
    };
    unsigned attempts = 1;
    ASSERT_ACCEPTED(create("CREATE lunch a b"), 1);
    for (size_t i = 0; i < sizeof crowds / sizeof crowds[0]; i++) {
        tally_feed_set_backlog(tally, 0, crowds[i].crowd);
        uint64_t took_ns;
        while ((took_ns = time_one_by_one(BALLOTS)) >= crowds[i].less_than_ns)
            ck_assert_uint_lt(attempts++, ATTEMPTS); /* the machine is busy */
        ck_assert_uint_ge(took_ns, crowds[i].at_least_ns);
    }
}
END_TEST

/* ---- starting again ---- */

START_TEST(a_restart_changes_nothing)
{
    ASSERT_ACCEPTED(create("CREATE p a b c"), 1);
    ASSERT_ACCEPTED(create("CREATE q a b ballots=unlimited state=closed reveal=closed"), 2);
    ASSERT_ACCEPTED(state(REQUEST_OPEN, 2), 3);
    for (uint64_t voter = 1; voter <= 100; voter++)
        ASSERT_ACCEPTED(ballot(1, (uint16_t)(voter % 3), voter), 3 + voter);
    ASSERT_ACCEPTED(ballot(1, 0, 1), 104);
    ASSERT_ACCEPTED(keyed(2, 1, 1, 77), 105);
    ASSERT_ACCEPTED(ballot(2, 1, 1), 106);
    ASSERT_ACCEPTED(state(REQUEST_CLOSE, 1), 107);
    for (int times = 0; times < 2; times++) {
        assert_shown(1, "p closed 107 100 a=34 b=33 c=33");
        assert_shown(2, "q open 106 2 a=0 b=2");
        ck_assert_uint_eq(ledger_stats(ledger)->seq, 107);
        ASSERT_REPEATED(ballot(1, 0, 1), 104);
        ASSERT_REPEATED(ballot(1, 2, 2), 5);
        ASSERT_REFUSED(ballot(1, 1, 2), ERR_POLL_CLOSED);
        ASSERT_REPEATED(keyed(2, 1, 1, 77), 105);
        ASSERT_REPEATED(state(REQUEST_CLOSE, 1), 107);
        restart();
    }
    ASSERT_ACCEPTED(state(REQUEST_OPEN, 1), 108);
}
END_TEST

START_TEST(recorded_names_are_hashed_again)
{
    ASSERT_ACCEPTED(create("CREATE p a b voters=named record=name ballots=once"), 1);
    ASSERT_ACCEPTED(named(1, 1, "ann", "Ann"), 2);
    restart();
    ASSERT_REPEATED(named(1, 1, "ann", "ANN"), 2);
}
END_TEST

static void expect_ballot(uint32_t poll, uint64_t voter, uint64_t seq, uint32_t value)
{
    struct request request = ballot(poll, 0, voter);
    request.kind = REQUEST_LOOKUP;
    struct answer answer = ask(request);
    ck_assert_int_eq(answer.error, 0);
    ck_assert_uint_eq(answer.number, seq);
    ck_assert_uint_eq(answer.value, value);
}

/* It records nothing, counts nothing, and knows what was recorded before the last start. */
START_TEST(a_voters_ballot_is_looked_up)
{
    ASSERT_ACCEPTED(create("CREATE lunch pizza sushi"), 1);
    expect_ballot(1, 7, 0, 0);
    ASSERT_ACCEPTED(ballot(1, 1, 7), 2);
    expect_ballot(1, 7, 2, 2);
    expect_ballot(1, 8, 0, 0);
    restart();
    expect_ballot(1, 7, 2, 2);
    ASSERT_ACCEPTED(ballot(1, 0, 7), 3);
    expect_ballot(1, 7, 3, 1);
    ck_assert_uint_eq(counter_get(&ledger_stats(ledger)->accepted), 1);
    ck_assert_uint_eq(counter_get(&ledger_stats(ledger)->seq), 3);
}
END_TEST

static struct request later(struct request request, uint64_t after)
{
    request.key_kind = REQUEST_KEY_AFTER;
    request.after = after;
    return request;
}

/* What was given up, and comes after all, does not replace what came later. */
START_TEST(a_ballot_that_comes_late_is_refused)
{
    ASSERT_ACCEPTED(create("CREATE lunch pizza sushi tacos"), 1);
    ASSERT_ACCEPTED(later(ballot(1, 0, 7), 0), 2);
    ASSERT_ACCEPTED(later(ballot(1, 1, 7), 2), 3);
    ASSERT_REFUSED(later(ballot(1, 2, 7), 2), ERR_ALREADY_VOTED);
    ASSERT_REPEATED(later(ballot(1, 1, 7), 0), 3);
    restart();
    ASSERT_REFUSED(later(ballot(1, 2, 7), 0), ERR_ALREADY_VOTED);
    ASSERT_ACCEPTED(later(ballot(1, 2, 7), 3), 4);
}
END_TEST

START_TEST(polls_are_made_before_the_start)
{
    ledger_stop(ledger);
    started = false;
    ck_assert_int_eq(ledger_create_poll(ledger, parse_poll("CREATE p a b")), 0);
    ck_assert_int_eq(ledger_create_poll(ledger, parse_poll("CREATE p c d")), ERR_POLL_EXISTS);
    engine_faults.refuse = 1;
    ck_assert_int_eq(ledger_create_poll(ledger, parse_poll("CREATE q a b")), ERR_STORAGE);
    ck_assert_int_eq(ledger_create_poll(ledger, parse_poll("CREATE q a b")), 0);
    assert_shown(1, "p open 1 0 a=0 b=0");
    assert_shown(2, "q open 2 0 a=0 b=0");
}
END_TEST

START_TEST(a_thread_that_can_not_be_started)
{
    ledger_stop(ledger);
    started = false;
    threads_fail = true;
    ck_assert_int_eq(ledger_start(ledger), -1);
    ck_assert_int_eq(errno, EAGAIN);
    threads_fail = false;
}
END_TEST

/* ---- ballots of every kind ---- */

enum { TEXTS = 3 };

/* Ballots of three voters, and the same in other words. What the tally shows of them is what it
 * shows whoever cast which. */
static const struct {
    const char *create, *texts[TEXTS], *others[TEXTS], *counts, *profile;
} kinds[] = {
    {"CREATE p a b c", {"a", "c", "-"}, {"1", "C", "-"}, "a=1 b=0 c=1", NULL},
    {"CREATE p a b c kind=approval", {"a,b", "c", "-"}, {"b,a", "3", "-"}, "a=1 b=1 c=1", NULL},
    {"CREATE p a b c kind=score scores=9",
     {"a=9,b=1", "b=2", "-"},
     {"b=1,c=0,a=9", "a=0,b=2", "-"},
     "a=9 b=3 c=0",
     NULL},
    {"CREATE p a b c method=star",
     {"a=5,c=1", "a=0", "-"},
     {"c=1,a=5", "b=0,c=0", "-"},
     "a=5 b=0 c=1",
     "1:a=5,c=1 1:a=0"},
    {"CREATE p a b c kind=ranked",
     {"c=b>a", "a", "-"},
     {"b=c>a", "1", "-"},
     "a=1 b=1 c=1",
     "1:b=c>a 1:a"},
    {"CREATE p a b c method=irv",
     {"c>a", "c>a>b", "-"},
     {"3>1", "c>1>2", "-"},
     "a=0 b=0 c=2",
     "1:c>a 1:c>a>b"},
    {"CREATE p a b c method=stv seats=2 ballots=once",
     {"b", "b>c", "-"},
     {"2", "2>3", "-"},
     "a=0 b=2 c=0",
     "1:b 1:b>c"},
};

/* A ballot as a worker sends it. */
static struct request says(uint32_t poll_id, const char *words, uint64_t voter)
{
    const struct poll *poll = tally_poll(tally, poll_id);
    struct request request = ballot(poll_id, 0, voter);
    struct marks marks;
    char fault[MARKS_WHY_SIZE];
    ck_assert_msg(marks_parse((struct span){words, strlen(words)}, &poll->settings, poll->choices,
                              poll->choice_count, &marks, fault) == 0,
                  "%s: %s", words, fault);
    if (marks.abstains) {
        request.value = VALUE_ABSTAIN;
    } else if (!poll->values) {
        request.value =
            (1 + (uint32_t)((uint8_t *)memchr(marks.mark, 1, marks.count) - marks.mark)) &
            ENTRY_VALUE_MAX;
    } else {
        request.value = 0;
        request.detail = request_ballot_new(
            &(struct request_ballot){.marks = {(const char *)marks.mark, marks.count},
                                     .marks_hash = values_hash(&key, marks.mark, marks.count)});
    }
    return request;
}

/* The weights of the values, in their order, and what they say. The ledger has nothing to do. */
static void assert_profile(uint32_t poll_id, const char *expected)
{
    const struct poll *poll = tally_poll(tally, poll_id);
    struct profile *profile = profiles_of(&ledger->profiles, poll);
    if (!expected) {
        ck_assert_ptr_null(profile);
        return;
    }
    struct profile_view *view = profile_view(profile);
    char found[1024] = "";
    size_t len = 0;
    for (uint32_t value = 1; value <= view->value_count; value++) {
        struct marks marks = {.count = poll->choice_count};
        if (profile_weight(view, value) == 0)
            continue;
        memcpy(marks.mark, profile_marks(view, value), marks.count);
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%d:", len > 0 ? " " : "",
                                (int)profile_weight(view, value));
        len += marks_write(&marks, &poll->settings, poll->choices, found + len);
        found[len] = '\0';
    }
    struct snapshot *snapshot = tally_snapshot(tally, poll_id);
    ck_assert_str_eq(found, expected);
    ck_assert_uint_eq(view->ballots, snapshot->ballots);
    ck_assert_uint_eq(view->abstained, snapshot->abstained);
    snapshot_unref(snapshot);
    profile_view_free(view);
}

/* What is shown of kinds[_i] once each of its texts is the ballot of one voter. */
static void assert_kind(int kind, uint64_t seq)
{
    char line[256];
    snprintf(line, sizeof line, "p open %d %d %s", (int)seq, TEXTS, kinds[kind].counts);
    assert_shown(1, line);
    assert_profile(1, kinds[kind].profile);
    struct snapshot *snapshot = tally_snapshot(tally, 1);
    ck_assert_uint_eq(snapshot->abstained, 1);
    snapshot_unref(snapshot);
}

START_TEST(each_kind_is_counted_and_repeated_in_any_words)
{
    ASSERT_ACCEPTED(create(kinds[_i].create), 1);
    for (uint64_t voter = 0; voter < TEXTS; voter++)
        ASSERT_ACCEPTED(says(1, kinds[_i].texts[voter], voter), 2 + voter);
    for (int times = 0; times < 2; times++) {
        assert_kind(_i, 1 + TEXTS);
        for (uint64_t voter = 0; voter < TEXTS; voter++) {
            ASSERT_REPEATED(says(1, kinds[_i].texts[voter], voter), 2 + voter);
            ASSERT_REPEATED(says(1, kinds[_i].others[voter], voter), 2 + voter);
        }
        restart();
    }
}
END_TEST

START_TEST(a_ballot_of_each_kind_changes_or_stays)
{
    ASSERT_ACCEPTED(create(kinds[_i].create), 1);
    const struct poll *poll = tally_poll(tally, 1);
    const bool once = poll_setting(poll, SETTING_BALLOTS) == BALLOTS_ONCE;
    for (uint64_t voter = 0; voter < TEXTS; voter++)
        ASSERT_ACCEPTED(says(1, kinds[_i].texts[voter], voter), 2 + voter);
    for (uint64_t voter = 0; voter < TEXTS; voter++) {
        const struct request next = says(1, kinds[_i].others[(voter + 1) % TEXTS], voter);
        if (once)
            assert_answer(ask(next), ERR_ALREADY_VOTED, 2 + voter, false);
        else
            ASSERT_ACCEPTED(next, 2 + TEXTS + voter);
    }
    assert_kind(_i, once ? 1 + TEXTS : 1 + 2 * TEXTS);
    restart();
    assert_kind(_i, once ? 1 + TEXTS : 1 + 2 * TEXTS);
}
END_TEST

/* The value tells a reader what his ballot says. */
START_TEST(a_ballots_value_is_told)
{
    ASSERT_ACCEPTED(create("CREATE p a b c kind=ranked ballots=once"), 1);
    static const struct {
        const char *text;
        uint64_t voter;
        uint32_t value;
    } ballots[] = {
        {"c>a", 1, 1}, {"a", 2, 2}, {"c>a", 3, 1}, {"-", 4, VALUE_ABSTAIN}, {"c>a", 1, 1}};
    for (int i = 0; i < UNIT_COUNT(ballots); i++)
        ck_assert_uint_eq(ask(says(1, ballots[i].text, ballots[i].voter)).value, ballots[i].value);
    ck_assert_uint_eq(ask(says(1, "b", 3)).value, 1); /* ALREADY-VOTED */
    expect_ballot(1, 2, 3, 2);
    expect_ballot(1, 4, 5, VALUE_ABSTAIN);
    expect_ballot(1, 9, 0, 0);
}
END_TEST

START_TEST(unlimited_ballots_have_values_too)
{
    ASSERT_ACCEPTED(create("CREATE p a b c kind=ranked ballots=unlimited"), 1);
    ASSERT_ACCEPTED(says(1, "c>a", 1), 2);
    ASSERT_ACCEPTED(says(1, "c>a", 1), 3);
    struct request with_id = says(1, "b", 1);
    with_id.key_kind = REQUEST_KEY_ID;
    with_id.key = (struct hash){5, 5};
    ASSERT_ACCEPTED(with_id, 4);
    with_id.detail = says(1, "2", 1).detail;
    ASSERT_REPEATED(with_id, 4);
    assert_profile(1, "2:c>a 1:b");
    restart();
    assert_profile(1, "2:c>a 1:b");
    assert_shown(1, "p open 4 3 a=0 b=1 c=2");
}
END_TEST

START_TEST(recorded_names_and_marks_go_together)
{
    ASSERT_ACCEPTED(create("CREATE p a b kind=approval voters=named record=name"), 1);
    const struct poll *poll = tally_poll(tally, 1);
    for (int times = 0; times < 2; times++) {
        const uint8_t marks[] = {1, 1};
        struct request request = named(1, 0, "ann", "Ann");
        free(request.detail);
        request.value = 0;
        request.detail = request_ballot_new(
            &(struct request_ballot){.name = {"ann", 3},
                                     .spelling = {"Ann", 3},
                                     .marks = {(const char *)marks, poll->choice_count},
                                     .marks_hash = values_hash(&key, marks, poll->choice_count)});
        assert_answer(ask(request), 0, 2, times == 1);
        restart();
        poll = tally_poll(tally, 1);
        assert_shown(1, "p open 2 1 a=1 b=1");
    }
}
END_TEST

/* Values that only a refused batch had are other ballots' later, and its profile is as it was. */
START_TEST(a_refused_commit_takes_its_values_back)
{
    ASSERT_ACCEPTED(create("CREATE p a b c kind=ranked"), 1);
    ASSERT_ACCEPTED(create("CREATE q a b c kind=approval"), 2);
    ASSERT_ACCEPTED(says(1, "a>b", 1), 3);
    const struct request requests[] = {
        says(1, "a>b", 1), /* rests on a durable entry */
        says(1, "b>c", 1), says(1, "b>c", 2),
        says(1, "a>b", 1), says(1, "c", 3),
        says(1, "-", 4),   says(2, "a,c", 21),
        says(1, "b>c", 2), create("CREATE r a b kind=ranked"),
    };
    struct answer answers[UNIT_COUNT(requests)];
    engine_faults.refuse = 1;
    ask_batch(requests, answers, UNIT_COUNT(requests));
    assert_answer(answers[0], 0, 3, true);
    for (int i = 1; i < UNIT_COUNT(requests); i++)
        ck_assert_int_eq(answers[i].error, ERR_STORAGE);
    for (uint32_t poll = 1; poll <= 2; poll++)
        ck_assert_uint_eq(values_count(tally_poll(tally, poll)->values), poll == 1 ? 1 : 0);
    assert_profile(1, "1:a>b");
    ck_assert_uint_eq(ask(says(1, "c", 3)).value, 2);
    ck_assert_uint_eq(ask(says(1, "b>c", 2)).value, 3);
    ck_assert_uint_eq(ask(says(2, "b", 23)).value, 1);
    ASSERT_ACCEPTED(create("CREATE r a b kind=ranked"), 7);
    for (int times = 0; times < 2; times++) {
        assert_profile(1, "1:a>b 1:c 1:b>c");
        assert_profile(3, "");
        assert_shown(1, "p open 5 3 a=1 b=1 c=1");
        assert_shown(2, "q open 6 1 a=0 b=1 c=0");
        restart();
    }
}
END_TEST

/* Each allocation of the ledger's thread fails in turn while it works on a ballot that says
 * something new. */
START_TEST(a_value_without_memory_is_none)
{
    ASSERT_ACCEPTED(create("CREATE p a b c d e kind=score scores=10 method=star"), 1);
    unsigned refused = 0;
    uint64_t seq = 1;
    for (unsigned n = 1; n <= 40; n++) {
        char words[64];
        snprintf(words, sizeof words, "a=%u,b=%u", n % 11, n / 11 + 1);
        int error = -1;
        for (long skipped = 0; error != 0; skipped++) {
            ck_assert_int_lt(skipped, 40);
            const struct request request = says(1, words, n);
            allocations_fail_once_after(skipped);
            struct answer answer = ask(request);
            allocations_succeed();
            error = answer.error;
            refused += error != 0;
            if (error != 0)
                ck_assert(error == ERR_LIMIT || error == ERR_STORAGE);
            else
                ck_assert_uint_eq(answer.value, n);
            ck_assert_uint_eq(values_count(tally_poll(tally, 1)->values), error == 0 ? n : n - 1);
        }
        assert_answer(ask(says(1, words, n)), 0, ++seq, true);
    }
    ck_assert_uint_gt(refused, 40);
    restart();
    ck_assert_uint_eq(values_count(tally_poll(tally, 1)->values), 40);
    struct profile_view *view = profile_view(profiles_of(&ledger->profiles, tally_poll(tally, 1)));
    for (uint32_t value = 1; value <= 40; value++)
        ck_assert_uint_eq(profile_weight(view, value), 1);
    profile_view_free(view);
}
END_TEST

START_TEST(numbers_of_values_that_are_used_up_are_a_limit)
{
    ASSERT_ACCEPTED(create("CREATE p a b c kind=ranked"), 1);
    ASSERT_ACCEPTED(says(1, "a>b", 1), 2);
    values_are_full = true;
    assert_answer(ask(says(1, "b>a", 2)), ERR_LIMIT, 0, false);
    assert_answer(ask(says(1, "b>a", 1)), ERR_LIMIT, 0, false);
    ASSERT_ACCEPTED(says(1, "a>b", 2), 3);
    ASSERT_ACCEPTED(says(1, "-", 3), 4);
    values_are_full = false;
    ASSERT_ACCEPTED(says(1, "b>a", 2), 5);
    assert_shown(1, "p open 5 3 a=1 b=1 c=0");
}
END_TEST

/* ---- refused commits ---- */

START_TEST(a_refused_commit_is_as_if_it_had_never_been)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    ASSERT_ACCEPTED(create("CREATE q a b ballots=once state=closed"), 2);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 3);
    ASSERT_ACCEPTED(text(REQUEST_TITLE, 1, 0, "Before"), 4);
    const struct request requests[] = {
        ballot(1, 0, 10),                   /* rests on a durable entry */
        ballot(1, 1, 10),                   /* accepted, then taken back */
        ballot(1, 1, 10),                   /* repeats it */
        ballot(1, 0, 10),                   /* and moves again */
        ballot(1, 1, 11),                   /* a new voter */
        create("CREATE r a b"),             /* a new poll */
        create("CREATE r a b"),             /* its name is in use, says this batch */
        create("CREATE p a b"),             /* its name is in use for good */
        text(REQUEST_TITLE, 1, 0, "After"), /* a text */
        ballot(2, 0, 30),                   /* the poll was closed before */
        state(REQUEST_OPEN, 2),             /* opens */
        state(REQUEST_CLOSE, 1),            /* closes */
        ballot(1, 1, 12),                   /* closed, says this batch */
    };
    const int errors[] = {0,           ERR_STORAGE, ERR_STORAGE,     ERR_STORAGE, ERR_STORAGE,
                          ERR_STORAGE, ERR_STORAGE, ERR_POLL_EXISTS, ERR_STORAGE, ERR_POLL_CLOSED,
                          ERR_STORAGE, ERR_STORAGE, ERR_STORAGE};
    struct answer answers[13];
    engine_faults.refuse = 1;
    ask_batch(requests, answers, 13);
    for (int i = 0; i < 13; i++)
        ck_assert_msg(answers[i].error == errors[i], "answer %d is %d", i, answers[i].error);
    assert_answer(answers[0], 0, 3, true);

    assert_shown(1, "p open 3 1 a=1 b=0");
    assert_text(1, 0, "Before");
    ck_assert_uint_eq(tally_poll_count(tally), 2);
    ck_assert_uint_eq(ledger_stats(ledger)->seq, 4);
    ASSERT_REPEATED(ballot(1, 0, 10), 3); /* the voters stand where they stood */
    ASSERT_ACCEPTED(ballot(1, 1, 11), 5); /* no sequence is lost */
    ASSERT_ACCEPTED(create("CREATE r c d"), 6);
    ASSERT_REFUSED(ballot(2, 0, 30), ERR_POLL_CLOSED);
    restart();
    assert_shown(1, "p open 5 2 a=1 b=1");
    assert_shown(3, "r open 6 0 c=0 d=0");
}
END_TEST

/* Its sequence is used again, by somebody else's ballot. */
START_TEST(a_refused_commit_leaves_no_proof)
{
    ASSERT_ACCEPTED(create("CREATE p a b voters=named"), 1);
    engine_faults.refuse = 1;
    ASSERT_REFUSED(claimed(0, 10, OWN, 1), ERR_STORAGE);
    ASSERT_ACCEPTED(claimed(0, 10, OWN, 2), 2);
    ASSERT_ACCEPTED(claimed(0, 10, OWN, 1), 3);
    ASSERT_REPEATED(claimed(0, 10, OWN, 1), 3);
}
END_TEST

/* The one that was a poll too many is none if the one before it is taken back. */
START_TEST(a_refused_commit_leaves_room_for_polls)
{
    static struct request creations[POLLS_MAX - 1];
    static struct answer answers[POLLS_MAX - 1];
    for (unsigned i = 0; i < POLLS_MAX - 1; i++) {
        char line[64];
        snprintf(line, sizeof line, "CREATE p%u a b", i);
        creations[i] = create(line);
    }
    ask_batch(creations, answers, POLLS_MAX - 1);
    const struct request two[] = {create("CREATE q a b"), create("CREATE r a b")};
    engine_faults.refuse = 1;
    ask_batch(two, answers, 2);
    ck_assert_int_eq(answers[0].error, ERR_STORAGE);
    ck_assert_int_eq(answers[1].error, ERR_STORAGE);
    const struct request again[] = {create("CREATE r a b"), create("CREATE q a b")};
    ask_batch(again, answers, 2);
    ck_assert_int_eq(answers[0].error, 0);
    ck_assert_int_eq(answers[1].error, ERR_LIMIT);
    assert_answer(ask(create("CREATE q a b")), ERR_LIMIT, 0, false);
}
END_TEST

START_TEST(refusals_come_and_go)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    for (int times = 0; times < 3; times++) {
        engine_faults.refuse = 2;
        ASSERT_REFUSED(ballot(1, 0, 10), ERR_STORAGE);
        ASSERT_REFUSED(ballot(1, 0, 11), ERR_STORAGE);
        ASSERT_ACCEPTED(ballot(1, 0, 20 + (uint64_t)times), 2 + (uint64_t)times);
    }
    assert_shown(1, "p open 4 3 a=3 b=0");
}
END_TEST

START_TEST(what_changes_nothing_is_not_committed)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 2);
    int before = engine_faults.appends;
    ASSERT_REPEATED(ballot(1, 0, 10), 2);
    ASSERT_REPEATED(state(REQUEST_OPEN, 1), 1);
    ASSERT_REFUSED(create("CREATE p a b"), ERR_POLL_EXISTS);
    ck_assert_int_eq(engine_faults.appends, before);
}
END_TEST

/* ---- the end of the numbers ---- */

/* Restarts as if all entries but the last few had been recorded already. */
static void use_up_sequences(unsigned left)
{
    ledger_stop(ledger);
    ledger->next_seq = ENTRY_SEQ_MAX + 1 - left;
    ledger->stopping = false;
    ck_assert_int_eq(ledger_start(ledger), 0);
}

START_TEST(a_full_ledger_refuses_what_needs_an_entry)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    ASSERT_ACCEPTED(create("CREATE q a b state=closed"), 2);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 3);
    use_up_sequences(1);
    ck_assert_ptr_null(ledger_health(ledger));
    char log[512];
    struct capture capture = capture_begin();
    ASSERT_ACCEPTED(ballot(1, 1, 10), ENTRY_SEQ_MAX);
    capture_end(&capture, log, sizeof log);
    ck_assert_ptr_nonnull(strstr(log, "the ledger is full"));
    ck_assert_ptr_nonnull(strstr(ledger_health(ledger), "full"));
    assert_shown(1, "p open 1099511627775 1 a=0 b=1");
    int before = engine_faults.appends;
    ASSERT_REPEATED(ballot(1, 1, 10), ENTRY_SEQ_MAX);
    ASSERT_REPEATED(state(REQUEST_OPEN, 1), 1);
    const struct request requests[] = {
        ballot(1, 0, 10),       ballot(1, 0, 11),       state(REQUEST_CLOSE, 1),
        state(REQUEST_OPEN, 2), create("CREATE r a b"), text(REQUEST_TITLE, 1, 0, "Title"),
        ballot(1, 1, 10),
    };
    struct answer answers[UNIT_COUNT(requests)];
    ask_batch(requests, answers, UNIT_COUNT(requests));
    for (int i = 0; i < UNIT_COUNT(requests) - 1; i++)
        assert_answer(answers[i], ERR_LIMIT, 0, false);
    assert_answer(answers[UNIT_COUNT(requests) - 1], 0, ENTRY_SEQ_MAX, true);
    ck_assert_int_eq(engine_faults.appends, before);
    assert_shown(1, "p open 1099511627775 1 a=0 b=1");
    assert_text(1, 0, "p");
}
END_TEST

/* What finds no room beside an entry that is taken back may find it the next time. */
START_TEST(a_refused_commit_leaves_room_for_entries)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    use_up_sequences(1);
    const struct request requests[] = {ballot(1, 0, 10), ballot(1, 0, 11)};
    struct answer answers[2];
    engine_faults.refuse = 1;
    ask_batch(requests, answers, 2);
    ck_assert_int_eq(answers[0].error, ERR_STORAGE);
    ck_assert_int_eq(answers[1].error, ERR_STORAGE);
    ask_batch(requests, answers, 2);
    assert_answer(answers[0], 0, ENTRY_SEQ_MAX, false);
    assert_answer(answers[1], ERR_LIMIT, 0, false);
}
END_TEST

/* ---- journeys ---- */

static struct request sampled(struct request request, struct journey *journey)
{
    *journey = (struct journey){.poll = request.poll, .number = 9, .traced = true};
    request.journey = journey;
    return request;
}

START_TEST(the_journey_of_a_ballot_is_stamped_and_marked)
{
    struct journey journeys[2];
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    uint64_t before_ns = clock_monotonic_ns();
    const struct request requests[] = {ballot(1, 0, 10), sampled(ballot(1, 1, 11), &journeys[0]),
                                       ballot(1, 0, 12), sampled(ballot(1, 1, 13), &journeys[1])};
    struct answer answers[4];
    ask_batch(requests, answers, 4);
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t *at_ns = journeys[i].at_ns;
        ck_assert_uint_eq(answers[2 * i].journey, 0);
        ck_assert_uint_eq(answers[2 * i + 1].journey, 9);
        ck_assert_uint_ge(at_ns[JOURNEY_judged], before_ns);
        ck_assert_uint_ge(at_ns[JOURNEY_committed], at_ns[JOURNEY_judged]);
        ck_assert_uint_ge(at_ns[JOURNEY_counted], at_ns[JOURNEY_committed]);
        ck_assert_uint_le(at_ns[JOURNEY_counted], clock_monotonic_ns());
        ck_assert_uint_eq(at_ns[JOURNEY_answered], 0);
    }
    const struct snapshot_mark mark = tally_peek(tally, 1)->mark;
    ck_assert_uint_le(mark.first_seq, 5);
    ck_assert_uint_ge(mark.last_seq, 5);
    ck_assert_uint_eq(mark.committed_ns, journeys[1].at_ns[JOURNEY_committed]);
    ck_assert_uint_eq(mark.counted_ns, journeys[1].at_ns[JOURNEY_counted]);
    ck_assert(mark.traced);
}
END_TEST

/* One that was asked for is shown rather than a sampled one of the same commit, wherever it stands;
 * the next commit's mark is its own. */
START_TEST(a_traced_ballot_marks_its_commit)
{
    struct journey traced, other;
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    for (unsigned i = 0; i < 2; i++) {
        struct request requests[] = {sampled(ballot(1, 0, 10 + 2 * i), i ? &other : &traced),
                                     sampled(ballot(1, 1, 11 + 2 * i), i ? &traced : &other)};
        other.traced = false;
        struct answer answers[2];
        ask_batch(requests, answers, 2);
        ck_assert(tally_peek(tally, 1)->mark.traced);
    }
    struct request last = sampled(ballot(1, 0, 20), &other);
    other.traced = false;
    ASSERT_ACCEPTED(last, 6);
    ck_assert(!tally_peek(tally, 1)->mark.traced);
}
END_TEST

START_TEST(a_ballot_that_changes_nothing_gives_its_journey_back_unmarked)
{
    struct journey repeated, closed, unstored;
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    ASSERT_ACCEPTED(ballot(1, 0, 10), 2);
    struct answer answer = ask(sampled(ballot(1, 0, 10), &repeated));
    assert_answer(answer, 0, 2, true);
    ck_assert_uint_eq(answer.journey, 9);
    engine_faults.refuse = 1;
    answer = ask(sampled(ballot(1, 1, 11), &unstored));
    ck_assert_int_eq(answer.error, ERR_STORAGE);
    ck_assert_uint_eq(answer.journey, 9);
    ASSERT_ACCEPTED(state(REQUEST_CLOSE, 1), 3);
    answer = ask(sampled(ballot(1, 1, 12), &closed));
    ck_assert_int_eq(answer.error, ERR_POLL_CLOSED);
    ck_assert_uint_eq(answer.journey, 9);
    ck_assert_uint_eq(repeated.at_ns[JOURNEY_judged] | closed.at_ns[JOURNEY_judged], 0);
    ck_assert_uint_eq(unstored.at_ns[JOURNEY_committed], 0);
    ck_assert_uint_eq(tally_peek(tally, 1)->mark.last_seq, 0);
}
END_TEST

/* ---- memory ---- */

/* Each allocation of the ledger's thread fails in turn while it works on one batch. Whatever it
 * refuses, what it shows is what it accepted. */
START_TEST(memory_that_is_short_refuses_and_breaks_nothing)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    uint64_t accepted = 0, polls = 1;
    for (long skipped = 0; skipped < 40; skipped++) {
        char line[64];
        snprintf(line, sizeof line, "CREATE q%ld a b", skipped);
        const struct request requests[] = {ballot(1, 0, 1000 + (uint64_t)skipped),
                                           text(REQUEST_TITLE, 1, 0, "Title"), create(line),
                                           state(REQUEST_OPEN, 1)};
        struct answer answers[4];
        allocations_fail_once_after(skipped);
        ask_batch(requests, answers, 4);
        allocations_succeed();
        accepted += answers[0].error == 0;
        polls += answers[2].error == 0;
        for (int i = 0; i < 4; i++)
            ck_assert_msg(answers[i].error == 0 || answers[i].error == ERR_LIMIT ||
                              answers[i].error == ERR_STORAGE,
                          "answer %d is %d", i, answers[i].error);
        ck_assert_uint_eq(tally_poll_count(tally), polls);
    }
    ck_assert_uint_lt(accepted, 40);
    ck_assert_uint_gt(accepted, 0);
    uint64_t seq = ledger_stats(ledger)->seq;
    ck_assert_uint_eq(ask(ballot(1, 1, 5000)).number, seq + 1);
    char expected[64];
    snprintf(expected, sizeof expected, "p open %d %d a=%d b=1", (int)seq + 1, (int)accepted + 1,
             (int)accepted);
    assert_shown(1, expected);
    restart();
    assert_shown(1, expected);
    ck_assert_uint_eq(tally_poll_count(tally), polls);
}
END_TEST

START_TEST(a_start_without_memory_says_so)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    ASSERT_ACCEPTED(create("CREATE q a b"), 2);
    ASSERT_ACCEPTED(text(REQUEST_LABEL, 1, 1, "Text"), 3);
    ASSERT_ACCEPTED(ballot(1, 0, 1), 4);
    stop();
    ck_assert_int_eq(waker_init(&waker), 0);
    ports = make_ports();
    ck_assert_ptr_nonnull(ports);
    allocations_spare_this_thread(false);
    int failures = 0;
    bool loaded = false;
    for (long skipped = 0; !loaded; skipped++) {
        ck_assert_int_lt(skipped, 1000);
        ck_assert_int_eq(store_open(&store, engine, path, false, why), 0);
        tally = tally_new(1);
        why[0] = '\0';
        allocations_fail_once_after(skipped);
        ledger = make_ledger();
        allocations_succeed();
        loaded = ledger != NULL;
        if (!loaded) {
            failures++;
            ck_assert_str_ne(why, "");
            tally_free(tally);
            store_close(store);
        }
    }
    ck_assert_int_gt(failures, 15);
    assert_shown(1, "p open 4 1 a=1 b=0");
    assert_text(1, 2, "Text");
}
END_TEST

START_TEST(a_text_without_memory_is_none)
{
    allocations_spare_this_thread(false);
    allocations_fail_once_after(0);
    ck_assert_ptr_null(request_text_new("text", 4));
    allocations_succeed();
    struct request_text *made = request_text_new("text", 4);
    ck_assert_ptr_nonnull(made);
    free(made);
}
END_TEST

START_TEST(a_voters_spelling_is_kept_where_it_differs)
{
    static const struct {
        const char *name, *spelling, *kept;
    } voters[] = {{"ann", "ann", NULL}, {"ann", "Ann", "Ann"}, {"ann", "anna", "anna"}};
    for (int i = 0; i < UNIT_COUNT(voters); i++) {
        const struct span name = {voters[i].name, strlen(voters[i].name)};
        const struct span spelling = {voters[i].spelling, strlen(voters[i].spelling)};
        const struct request_ballot parts = {.name = name, .spelling = spelling};
        struct request_ballot *voter = request_ballot_new(&parts);
        ck_assert(span_is(voter->name, voters[i].name));
        ck_assert(voters[i].kept ? span_is(voter->spelling, voters[i].kept) : !voter->spelling.at);
        free(voter);
        allocations_spare_this_thread(false);
        allocations_fail_once_after(0);
        voter = request_ballot_new(&parts);
        allocations_succeed();
        allocations_spare_this_thread(true);
        ck_assert_ptr_null(voter);
    }
}
END_TEST

START_TEST(without_memory_or_a_waker_there_are_no_ports)
{
    wakers_fail = true;
    errno = 0;
    ck_assert_ptr_null(make_ports());
    ck_assert_int_eq(errno, EMFILE);
    wakers_fail = false;
    allocations_spare_this_thread(false);
    struct ports *made = NULL;
    for (int skipped = 0; !made; skipped++) {
        allocations_fail_once_after(skipped);
        made = make_ports();
        int error = errno;
        allocations_succeed();
        ck_assert(made || error == ENOMEM);
    }
    ports_free(made);
}
END_TEST

/* ---- backups ---- */

static const char *copy_path(void)
{
    static char copy[PATH_MAX + 8];
    snprintf(copy, sizeof copy, "%s.copy", path);
    return copy;
}

START_TEST(a_backup_is_answered_with_its_size)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    struct answer answer = ask(text(REQUEST_BACKUP, 0, 0, copy_path()));
    ck_assert_int_eq(answer.error, 0);
    ck_assert_uint_eq(answer.number, store_database_bytes(store));
    ASSERT_REFUSED(text(REQUEST_BACKUP, 0, 0, copy_path()), ERR_BAD_ARGUMENT);
    ASSERT_REFUSED(text(REQUEST_BACKUP, 0, 0, "/nowhere/at/all"), ERR_BAD_ARGUMENT);
    ASSERT_ACCEPTED(ballot(1, 0, 1), 2);
}
END_TEST

/* The second is judged before the first's end can be: they are of one batch. */
START_TEST(one_backup_at_a_time)
{
    const struct request requests[] = {text(REQUEST_BACKUP, 0, 0, copy_path()),
                                       text(REQUEST_BACKUP, 0, 0, copy_path())};
    for (unsigned i = 0; i < 2; i++) {
        struct request request = requests[i];
        request.from.slot = i;
        put_request(0, request);
    }
    ports_send(ports, 0);
    struct answer answers[2];
    for (int i = 0; i < 2; i++) {
        struct answer answer = take_answer(0);
        answers[answer.to.slot] = answer;
    }
    ck_assert_int_eq(answers[0].error, 0);
    ck_assert_int_eq(answers[1].error, ERR_LIMIT);
}
END_TEST

START_TEST(a_backup_without_a_thread)
{
    threads_fail = true;
    ASSERT_REFUSED(text(REQUEST_BACKUP, 0, 0, copy_path()), ERR_LIMIT);
    threads_fail = false;
    ck_assert_int_eq(ask(text(REQUEST_BACKUP, 0, 0, copy_path())).error, 0);
}
END_TEST

/* A checkpoint is held back as long as a backup is under way, and no longer. */
START_TEST(after_a_backup_the_log_does_not_grow)
{
    enum { COMMITS = SQLITE_BUSY_PAGES * 2 / 3, LOG_PAGE_BYTES = 24 + 4096 };
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    threads_fail = _i;
    struct answer answer = ask(text(REQUEST_BACKUP, 0, 0, copy_path()));
    ck_assert_int_eq(answer.error, threads_fail ? ERR_LIMIT : 0);
    threads_fail = false;
    for (uint64_t voter = 1; voter <= COMMITS; voter++) /* two pages or more each */
        ASSERT_ACCEPTED(ballot(1, voter % 2, voter), 1 + voter);
    ck_assert_uint_lt(store_pending_bytes(store), (SQLITE_BUSY_PAGES + 100) * LOG_PAGE_BYTES);
}
END_TEST

START_TEST(a_stop_ends_a_backup)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    put_request(0, text(REQUEST_BACKUP, 0, 0, copy_path()));
    put_request(0, ballot(1, 0, 1));
    ports_send(ports, 0);
    ledger_stop(ledger);
    started = false;
    struct answer answers[3];
    ck_assert_uint_eq(ports_receive(ports, 0, answers, 3), 2); /* both are answered */
}
END_TEST

START_TEST(a_stop_does_not_wait_for_a_backup_that_hangs)
{
    engine_faults.backups_hang = true;
    sem_init(&engine_faults.backup_goes_on, 0, 0);
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    put_request(0, text(REQUEST_BACKUP, 0, 0, copy_path()));
    put_request(0, ballot(1, 0, 1));
    ports_send(ports, 0);
    started = false;
    ck_assert(!ledger_stop(ledger));
    struct answer answers[3];
    ck_assert_uint_eq(ports_receive(ports, 0, answers, 3), 1); /* the ballot's */
    sem_post(&engine_faults.backup_goes_on);
}
END_TEST

START_TEST(no_backup_is_begun_once_they_are_ended)
{
    ledger_end_waits(ledger);
    ASSERT_REFUSED(text(REQUEST_BACKUP, 0, 0, copy_path()), ERR_SHUTTING_DOWN);
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
}
END_TEST

/* ---- damage ---- */

#define SPAN(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }
#define CHANGE(number, which, of)                                    \
    {                                                                \
        .seq = (number), .time_ns = 1, .poll = (of), .kind = (which) \
    }
#define POLL(number, of, given, rules, count)                                          \
    {                                                                                  \
        .seq = (number), .time_ns = 1, .poll = (of), .kind = ENTRY_CREATE, .create = { \
            &polls_names[given],                                                       \
            &(rules),                                                                  \
            choices,                                                                   \
            count                                                                      \
        }                                                                              \
    }
#define TEXT(number, which, of, at, words)                                                         \
    {                                                                                              \
        .seq = (number), .time_ns = 1, .poll = (of), .kind = (which), .text = {(at), SPAN(words) } \
    }
#define BALLOT(number, of, says, ...)                                                  \
    {                                                                                  \
        .seq = (number), .time_ns = 1, .poll = (of), .kind = ENTRY_BALLOT, .ballot = { \
            .value = (says),                                                           \
            .weight = 1,                                                               \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
#define VOTER(bits) .voter = {(bits), (bits)}

static const struct name polls_names[] = {{1, "p"}, {1, "q"}, {1, "r"}};
static const struct name choices[] = {{1, "a"}, {1, "b"}, {1, "c"}}, twins[] = {{1, "a"}, {1, "a"}};
static const struct settings plain = {{0}}, roll = {{BALLOTS_ONCE, VOTERS_NAMED, REVEAL_LIVE,
                                                     RECORD_NAME, STATE_OPEN}};

/* A sound ledger. */
static const struct entry sound[] = {
    POLL(1, 1, 0, plain, 2),
    POLL(2, 2, 1, plain, 3),
    TEXT(3, ENTRY_LABEL, 1, 1, "B"),
    BALLOT(4, 1, 1, VOTER(1)),
    BALLOT(5, 2, 3, VOTER(2)),
    CHANGE(6, ENTRY_CLOSE, 1),
    POLL(7, 3, 2, roll, 2),
    TEXT(8, ENTRY_TITLE, 3, 0, "R"),
    BALLOT(9, 3, 1, .name = SPAN("ann"), .spelling = SPAN("Ann")),
    BALLOT(10, 3, 2, .name = SPAN("bob")),
};
enum { ENTRIES = sizeof sound / sizeof sound[0] };

#define TALLY(of, words)                                        \
    {                                                           \
        .poll = (of), .line = (words), .len = sizeof(words) - 1 \
    }
static const struct store_tally tallies[] = {
    TALLY(1, "p closed 6 1 a=1 b=0"),
    TALLY(2, "q open 5 1 a=0 b=0 c=1"),
    TALLY(3, "r open 10 2 a=1 b=1"),
};

/* What may be wrong with a ledger: entries in the place of its own, as no judge writes them; or
 * rows that are changed afterwards, which the store sees unless they are tallies. */
static const struct {
    struct entry entries[3]; /* those that have a sequence */
    const char *sql;
    const char *expected;
} damages[] = {
    {.entries = {BALLOT(4, 1, 3, VOTER(1))}, .expected = "ballot 4: the poll has no such choice"},
    {.entries = {BALLOT(4, 3, 1, VOTER(1))}, .expected = "ballot 4: there is no such poll"},
    {.entries = {BALLOT(4, 1, 2, VOTER(1))},
     .expected = "its ballots give \"p closed 6 1 a=0 b=1\""},
    {.entries = {BALLOT(4, 1, 1, .name = SPAN("ann"))}, .expected = "ballot 4: its voter can't be"},
    {.entries = {BALLOT(9, 3, 1, VOTER(0))}, .expected = "ballot 9: its voter can't be"},
    {.entries = {BALLOT(9, 3, 1, .name = SPAN("a\n"))}, .expected = "named_ballot 9"},
    /* gaps, and sequences that are there twice */
    {.sql = "DELETE FROM sheet", .expected = "an entry is missing: 4"},
    {.sql = "DELETE FROM named_ballot WHERE seq = 9", .expected = "an entry is missing: 9"},
    {.sql = "DELETE FROM poll_event WHERE seq = 3", .expected = "an entry is missing: 3"},
    {.sql = "DELETE FROM poll_event WHERE seq = 1", .expected = "poll 2"},
    {.sql = "UPDATE poll_event SET seq = 5 WHERE seq = 6",
     .expected = "a sequence is used twice: 5"},
    {.sql = "UPDATE poll_event SET seq = (1 << 40) - 1 WHERE seq = 7",
     .expected = "an entry is missing: 7"},
    /* entries in their places, and wrong there */
    {.entries = {POLL(1, 9, 0, plain, 2)}, .expected = "poll 9"},
    {.entries = {CHANGE(4, ENTRY_CLOSE, 1), BALLOT(5, 1, 1, VOTER(1)), BALLOT(6, 2, 3, VOTER(2))},
     .expected = "ballot 5: the poll is closed"},
    {.entries = {BALLOT(9, 1, 1, VOTER(3))}, .expected = "ballot 9: the poll is closed"},
    {.entries = {CHANGE(6, ENTRY_OPEN, 1)}, .expected = "OPEN 6: the poll is open already"},
    {.entries = {CHANGE(7, ENTRY_CLOSE, 1)}, .expected = "CLOSE 7: the poll is closed already"},
    {.entries = {TEXT(3, ENTRY_LABEL, 3, 1, "B")}, .expected = "LABEL 3: there is no such poll"},
    {.entries = {BALLOT(10, 3, 2, .name = SPAN("ann"))},
     .expected = "a voter's second ballot in a poll that takes one, ballot 10"},
    {.entries = {BALLOT(4, 2, 3, VOTER(1)), BALLOT(5, 1, 1, VOTER(1))},
     .expected = "its voter has voted in another poll, ballot 5"},
    /* texts and names */
    {.entries = {TEXT(3, ENTRY_LABEL, 1, 2, "B")},
     .expected = "LABEL 3: the poll has no such choice"},
    {.entries = {TEXT(3, ENTRY_LABEL, 1, 1, "two\nlines")}, .expected = "poll_event 3"},
    {.entries = {TEXT(3, ENTRY_LABEL, 1, 1, "\xff")}, .expected = "poll_event 3"},
    {.entries = {TEXT(8, ENTRY_TITLE, 3, 0, "a\x1b")}, .expected = "poll_event 8"},
    {.entries = {{.seq = 1,
                  .poll = 1,
                  .kind = ENTRY_CREATE,
                  .create = {&polls_names[0], &plain, twins, 2}}},
     .expected = "CREATE 1: two choices have the same name"},
    {.entries = {POLL(1, 1, 0, plain, 1)}, .expected = "poll_event 1"},
    /* tallies */
    {.sql = "UPDATE last_tally SET line = line || ' '", .expected = "was last shown"},
    {.sql = "UPDATE last_tally SET line = line || char(10)", .expected = "last_tally of poll 1"},
    {.sql = "UPDATE last_tally SET poll = 9 WHERE poll = 2", .expected = "last_tally of poll 3"},
    {.sql = "UPDATE last_tally SET poll = 9 WHERE poll = 3", .expected = "last_tally of poll 9"},
    {.sql = "DELETE FROM last_tally WHERE poll = 3", .expected = "last_tally: 2"},
};

/* Writes the ledger with these entries in the place of its own. */
static void write_entries(const struct entry *changes, size_t count)
{
    struct entry changed[ENTRIES];
    const struct store_batch batch = {changed, ENTRIES, tallies, UNIT_COUNT(tallies)};
    const char *reason = "";
    memcpy(changed, sound, sizeof changed);
    for (size_t i = 0; i < count; i++)
        if (changes[i].seq > 0)
            changed[changes[i].seq - 1] = changes[i];
    ck_assert_msg(store_append(store, &batch, &reason) == STORE_RECORDED, "%s", reason);
}

static void stop_with_key_check(void)
{
    if (started)
        ledger_stop(ledger); /* the store is this thread's again */
    started = false;
    ck_assert_int_eq(store_set_key_check(store, (struct hash){1, 2}, why), 0);
    stop();
}

/* As a tool looks at it. */
static int check_database(void)
{
    struct store *read;
    struct voter_key read_key;
    if (database_open_to_read(&read, &read_key, engine, path, why) != 0)
        return -1;
    uint64_t last_seq;
    int result = ledger_check(read, &last_seq, why);
    store_close(read);
    return result;
}

START_TEST(a_check_finds_what_a_start_would)
{
    static const struct {
        const char *sql, *expected;
    } broken[] = {
        {"UPDATE server SET key_check = x'00'", "does not tell the key of its voters"},
        {"DELETE FROM server", "does not tell the key of its voters"},
        {"DROP TABLE choice", "choice"},
    };
    ASSERT_ACCEPTED(create("CREATE p a b record=name voters=named"), 1);
    ASSERT_ACCEPTED(named(1, 0, "ann", "ann"), 2);
    stop_with_key_check();
    ck_assert_msg(check_database() == 0, "%s", why);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        database_change(path, broken[i].sql);
        ck_assert_int_eq(check_database(), -1);
        ck_assert_msg(strstr(why, broken[i].expected), "said: %s", why);
    }
    remove_file("");
    remove_file("-wal");
    start();
}
END_TEST

static const struct name name_p = {1, "p"}, name_q = {1, "q"};
static const struct name two_choices[] = {{1, "a"}, {1, "b"}};
static const struct settings defaults = {{0}};

#define CREATE(name, choice_count)                    \
    {                                                 \
        &(name), &defaults, two_choices, choice_count \
    }

/* Second entries, after CREATE p a b, that no ledger records and an engine may give all the same.
 */
static const struct {
    struct entry entry;
    const char *expected;
} impossible[] = {
    {{.seq = 1, .poll = 1, .kind = ENTRY_CLOSE}, "a sequence is used twice: 1"},
    {{.seq = 3, .poll = 1, .kind = ENTRY_CLOSE}, "an entry is missing: 2"},
    {{.seq = 2, .poll = 0, .kind = ENTRY_CLOSE}, "CLOSE 2: there is no such poll"},
    {{.seq = 2, .poll = 2, .kind = ENTRY_CLOSE}, "CLOSE 2: there is no such poll"},
    {{.seq = 2, .poll = 1, .kind = ENTRY_CREATE, .create = CREATE(name_q, 2)},
     "CREATE 2: not the next poll"},
    {{.seq = 2, .poll = 3, .kind = ENTRY_CREATE, .create = CREATE(name_q, 2)},
     "CREATE 2: not the next poll"},
    {{.seq = 2, .poll = 2, .kind = ENTRY_CREATE, .create = CREATE(name_p, 2)},
     "CREATE 2: another poll has its name"},
    {{.seq = 2, .poll = 2, .kind = ENTRY_CREATE, .create = CREATE(name_q, 1)},
     "CREATE 2: its number of choices can't be"},
    {{.seq = 2, .poll = 1, .kind = ENTRY_LABEL, .text = {2, {"C", 1}}},
     "LABEL 2: the poll has no such choice"},
    {{.seq = 2, .poll = 1, .kind = ENTRY_BALLOT, .ballot = {.value = 0, .weight = 1}},
     "ballot 2: the poll has no such choice"},
    {{.seq = 2, .poll = 1, .kind = ENTRY_BALLOT, .ballot = {.value = 3, .weight = 1}},
     "ballot 2: the poll has no such choice"},
    {{.seq = 2, .poll = 1, .kind = ENTRY_BALLOT, .ballot = {.value = 1, .weight = 0}},
     "ballot 2: its weight can't be"},
    {{.seq = 2, .poll = 1, .kind = ENTRY_BALLOT, .ballot = {.value = 1, .weight = 2}},
     "ballot 2: its weight can't be"},
    {{.seq = 2,
      .poll = 1,
      .kind = ENTRY_BALLOT,
      .ballot = {.value = 1, .weight = 1, .marks = {"\1\0", 2}}},
     "ballot 2: the poll has no such choice"},
};

/* Ballots that no ledger records after the one that defines value 1, in a poll of rankings. */
static const struct {
    struct entry_ballot ballot;
    const char *expected;
} impossible_values[] = {
    {{.value = 0}, "ballot 3: the poll has no such value"},
    {{.value = 2}, "ballot 3: the poll has no such value"},
    {{.value = VALUE_ABSTAIN}, "ballot 3: the poll has no such value"},
    {{.value = 1, .marks = {"\2\1", 2}}, "ballot 3: it defines a value that is not the next one"},
    {{.value = 3, .marks = {"\2\1", 2}}, "ballot 3: it defines a value that is not the next one"},
    {{.value = 2, .marks = {"\1\2", 2}}, "ballot 3: its marks have a value already"},
    {{.value = 2, .marks = {"\1\3", 2}}, "ballot 3: its marks can't be"},
    {{.value = 2, .marks = {"\1\1", 2}}, "ballot 3: its marks can't be"},
    {{.value = 2, .marks = {"\2\1\0", 3}}, "ballot 3: its marks can't be"},
};

/* A start on these entries of a poll says what is expected, and makes nothing of them. */
static void assert_refused(const struct entry *entries, size_t count, const char *expected)
{
    static const char line[] = "p open 1 0 a=0 b=0";
    const struct store_tally tally_of_p = {1, line, strlen(line)};
    const struct store_batch batch = {entries, count, &tally_of_p, 1};
    const char *reason;
    ledger_stop(ledger); /* the store is this thread's again */
    started = false;
    ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
    stop();
    ck_assert_int_eq(store_open(&store, engine, path, false, why), 0);
    tally = tally_new(1);
    ck_assert_int_eq(waker_init(&waker), 0);
    long blocks_before = allocations.blocks;
    struct ledger *made = make_ledger();
    ck_assert_int_eq(allocations.blocks, blocks_before); /* the poll was loaded, and is freed */
    ck_assert_ptr_null(made);
    ck_assert_msg(strstr(why, expected), "said: %s", why);
    ck_assert_uint_eq(tally_poll_count(tally), 0); /* nothing of it is shown */
    tally_free(tally);
    store_close(store);
    waker_destroy(&waker);
    snprintf(path, sizeof path, "%s/another.db", directory);
    start();
}

START_TEST(an_entry_that_can_not_be_is_refused)
{
    const struct entry entries[] = {
        {.seq = 1, .poll = 1, .kind = ENTRY_CREATE, .create = CREATE(name_p, 2)},
        impossible[_i].entry};
    assert_refused(entries, UNIT_COUNT(entries), impossible[_i].expected);
}
END_TEST

START_TEST(a_value_that_can_not_be_is_refused)
{
    static struct command command;
    static const char line[] = "CREATE p a b method=irv abstain=no";
    const char *reason;
    ck_assert_int_eq(command_parse(line, strlen(line), &command, &reason), 0);
    struct entry entries[] = {
        {.seq = 1,
         .poll = 1,
         .kind = ENTRY_CREATE,
         .create = {.name = &command.poll,
                    .settings = &command.settings,
                    .choices = command.choices,
                    .choice_count = 2}},
        {.seq = 2,
         .poll = 1,
         .kind = ENTRY_BALLOT,
         .ballot = {.value = 1, .weight = 1, .voter = {1, 1}, .marks = {"\1\2", 2}}},
        {.seq = 3, .poll = 1, .kind = ENTRY_BALLOT, .ballot = impossible_values[_i].ballot}};
    entries[2].ballot.weight = 1;
    entries[2].ballot.voter = (struct hash){2, 2};
    assert_refused(entries, UNIT_COUNT(entries), impossible_values[_i].expected);
}
END_TEST

static bool engine_gives_what_it_was_given(void)
{
    return !engine_is_sqlite();
}

/* A hint from a file is believed no further than the file could go. */
START_TEST(a_tally_of_too_many_takes_no_memory)
{
    ASSERT_ACCEPTED(create("CREATE p a b"), 1);
    stop_with_key_check();
    database_change(path, "UPDATE last_tally SET line = 'p open 1 100000000 a=100000000 b=0'");
    size_t bytes_before = allocations.bytes;
    ck_assert_int_eq(check_database(), -1);
    ck_assert_msg(strstr(why, "was last shown"), "said: %s", why);
    ck_assert_uint_lt(allocations.bytes - bytes_before, 32 << 20);
    remove_file("");
    remove_file("-wal");
    start();
}
END_TEST

START_TEST(the_sound_ledger_is_loaded)
{
    ledger_stop(ledger);
    started = false;
    write_entries(NULL, 0);
    stop_with_key_check();
    ck_assert_msg(check_database() == 0, "%s", why);
    start();
}
END_TEST

START_TEST(a_database_that_can_not_be_is_refused)
{
    ledger_stop(ledger); /* the store is this thread's again */
    started = false;
    write_entries(damages[_i].entries, UNIT_COUNT(damages[_i].entries));
    stop_with_key_check();
    if (damages[_i].sql)
        database_change(path, damages[_i].sql);
    char checked[STORE_WHY_MAX]; /* what a recount says */
    ck_assert_int_eq(check_database(), -1);
    memcpy(checked, why, sizeof checked);
    ck_assert_msg(strstr(why, "damaged") && strstr(why, damages[_i].expected), "said: %s", why);
    ck_assert_int_eq(store_open(&store, engine, path, false, why), 0);
    tally = tally_new(1);
    ck_assert_int_eq(waker_init(&waker), 0);
    ck_assert_ptr_null(make_ledger());
    ck_assert_str_eq(why, checked);
    ck_assert_uint_eq(tally_poll_count(tally), 0); /* nothing of it is shown */
    tally_free(tally);
    store_close(store);
    waker_destroy(&waker);
    remove_file("");
    remove_file("-wal");
    start();
}
END_TEST

ENGINES_MAIN(
    "ledger",
    {"judging", .set_up = setup, .tear_down = teardown, .timeout_s = 60,
     .tests = {{a_changeable_ballot_moves},
               {once_is_once},
               {only_its_caster_is_told_of_a_ballot_that_is_once},
               {only_its_caster_is_told_of_a_ballot_that_can_change},
               {an_id_may_be_of_one_ballot},
               {a_voter_takes_the_same_memory_whoever_casts_the_ballots},
               {an_unlimited_ballot_is_known_by_its_key},
               {a_closed_poll_takes_repeats_only},
               {a_batch_is_judged_in_order},
               {texts_change_one_at_a_time},
               {polls_end_at_their_limit},
               {every_port_is_answered_in_its_own_order},
               {ports_take_turns},
               {a_full_port_takes_no_more},
               {ballots_gather_while_a_crowd_is_told},
               {a_restart_changes_nothing},
               {recorded_names_are_hashed_again},
               {a_voters_ballot_is_looked_up},
               {each_kind_is_counted_and_repeated_in_any_words, .loops = UNIT_COUNT(kinds)},
               {a_ballot_of_each_kind_changes_or_stays, .loops = UNIT_COUNT(kinds)},
               {a_ballots_value_is_told},
               {unlimited_ballots_have_values_too},
               {recorded_names_and_marks_go_together},
               {numbers_of_values_that_are_used_up_are_a_limit},
               {a_ballot_that_comes_late_is_refused},
               {polls_are_made_before_the_start},
               {the_journey_of_a_ballot_is_stamped_and_marked},
               {a_traced_ballot_marks_its_commit},
               {a_ballot_that_changes_nothing_gives_its_journey_back_unmarked}}},
    {"failing", .set_up = setup, .tear_down = teardown, .timeout_s = 60,
     .tests = {{a_thread_that_can_not_be_started},
               {a_refused_commit_is_as_if_it_had_never_been},
               {a_refused_commit_leaves_no_proof},
               {a_refused_commit_takes_its_values_back},
               {a_value_without_memory_is_none},
               {a_refused_commit_leaves_room_for_polls},
               {a_full_ledger_refuses_what_needs_an_entry},
               {a_refused_commit_leaves_room_for_entries},
               {refusals_come_and_go},
               {what_changes_nothing_is_not_committed},
               {memory_that_is_short_refuses_and_breaks_nothing},
               {a_start_without_memory_says_so},
               {a_text_without_memory_is_none},
               {a_voters_spelling_is_kept_where_it_differs},
               {without_memory_or_a_waker_there_are_no_ports},
               {a_backup_is_answered_with_its_size},
               {one_backup_at_a_time},
               {a_backup_without_a_thread},
               {a_stop_ends_a_backup},
               {a_stop_does_not_wait_for_a_backup_that_hangs},
               {no_backup_is_begun_once_they_are_ended}}},
    {"entries", .only_if = engine_gives_what_it_was_given, .set_up = setup, .tear_down = teardown,
     .tests = {{an_entry_that_can_not_be_is_refused, .loops = UNIT_COUNT(impossible)},
               {a_value_that_can_not_be_is_refused, .loops = UNIT_COUNT(impossible_values)}}},
    {"files", .only_if = engine_is_sqlite, .set_up = setup, .tear_down = teardown, .timeout_s = 60,
     .tests = {{after_a_backup_the_log_does_not_grow, .loops = 2},
               {a_check_finds_what_a_start_would},
               {a_tally_of_too_many_takes_no_memory},
               {the_sound_ledger_is_loaded},
               {a_database_that_can_not_be_is_refused, .loops = UNIT_COUNT(damages)}}})
