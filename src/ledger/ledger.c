/* The ledger thread: gather → judge → commit → publish → answer; then results (results.c).
 *
 * Happy path: gather takes what is in the ports into a batch; judge goes through it in order,
 * updates the electorate, and changes drafts (private copies of the polls' snapshots); commit
 * records the accepted entries and the drafts' tallies in one transaction; publish hands the drafts
 * to the tally, which shows them; answer sends each request's verdict back. While a batch is being
 * synced the next one gathers in the rings: group commit. Batches wait for more to gather only
 * while a backlog of subscribers is being sent the last tally, and at most BACKLOG_GAP_MAX_NS.
 *
 * A refused batch undoes all of it: the electorate and the profiles from journals, the drafts by
 * dropping them, values and the sequence by going back. A verdict that rests on an entry of the
 * failed batch (its own, an earlier ballot that it repeats, a CLOSE before it) becomes -STORAGE;
 * one that rests on durable entries stands, if the store confirms that they still are all that
 * there is.
 *
 * A fenced batch ends the process, and so does an unknown outcome, inside the store: with nothing
 * published and nobody answered. */
#include "ledger/ledger.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/waker.h"
#include "ledger/commit.h"
#include "ledger/judge.h"
#include "ledger/load.h"
#include "ledger/ports.h"
#include "ledger/state.h"
#include "trace/journey.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BACKUP_END_MS = 1000,  /* how long a stop waits for a copy, which may hang in a call */
    BACKLOG_GAP_NS = 1000, /* from batch to batch, for each subscriber in a backlog */
    BACKLOG_GAP_MAX_NS = 8 * NS_PER_MS,
};

static void answer_batch(struct ledger *ledger)
{
    uint64_t ballots = 0, duplicates = 0, refusals = 0;
    for (size_t i = 0; i < ledger->batch.request_count; i++) {
        const struct verdict *verdict = &ledger->batch.verdicts[i];
        if (ledger->batch.requests[i].kind == REQUEST_BALLOT) {
            ballots++;
            duplicates += verdict->duplicate;
            refusals += verdict->error != 0;
        }
        ports_answer(ledger->ports, ledger->batch.request_ports[i],
                     (struct answer){.to = ledger->batch.requests[i].from,
                                     .number = verdict->number,
                                     .error = verdict->error,
                                     .value = verdict->value & ENTRY_VALUE_MAX,
                                     .duplicate = verdict->duplicate,
                                     .first = verdict->first,
                                     .journey = journey_number(ledger->batch.requests[i].journey)});
        if (ledger->batch.requests[i].detail)
            request_free_detail(&ledger->batch.requests[i]);
    }
    counter_add(&ledger->stats.accepted, ballots - duplicates - refusals);
    counter_add(&ledger->stats.duplicate, duplicates);
    counter_add(&ledger->stats.refused, refusals);
    ports_flush(ledger->ports);
}

/* Where processors are short, the threads that have just been woken send the answers now, and what
 * is read meanwhile joins the next batch: fewer commits, and each larger. Where one is free, or
 * nobody else waits for it, this takes no time. */
static void let_others_go_first(void)
{
    sched_yield();
}

static void process_batch(struct ledger *ledger)
{
    judge_batch(ledger);
    if (commit_batch(ledger))
        commit_publish(ledger);
    failpoint(FAILPOINT_AFTER_APPLY);
    answer_batch(ledger);
    batch_reset(&ledger->batch);
    let_others_go_first();
}

/* ---- the thread ---- */

static void take(struct ledger *ledger, unsigned port, struct request *request)
{
    if (request->kind == REQUEST_BACKUP) {
        backup_begin(&ledger->backup, ledger->store, ledger->ports, port, request,
                     &ledger->no_waits);
        return;
    }
    if (request->kind == REQUEST_RESULT) {
        struct request_wait *wait = request->detail;
        wait->from = request->from;
        wait->poll = request->poll;
        wait->port = (uint16_t)port;
        results_wait(ledger->results, wait);
        return;
    }
    ledger->batch.requests[ledger->batch.request_count] = *request;
    ledger->batch.request_ports[ledger->batch.request_count++] = (uint16_t)port;
}

static void gather_port(struct ledger *ledger, unsigned port, size_t share)
{
    size_t limit = ledger->batch.request_count + share;
    while (ledger->batch.request_count < limit) {
        size_t available, room = limit - ledger->batch.request_count;
        const struct request *slots = ports_peek(ledger->ports, port, &available);
        if (available == 0)
            return;
        size_t count = available < room ? available : room;
        for (size_t i = 0; i < count; i++) {
            struct request request = slots[i];
            take(ledger, port, &request);
        }
        ports_consume(ledger->ports, port, count);
    }
}

/* Takes what is in the ports, an equal share of a batch from each. Returns whether there was
 * anything. */
static bool gather_batch(struct ledger *ledger)
{
    unsigned ports = ports_count(ledger->ports);
    for (unsigned i = 0; i < ports; i++)
        gather_port(ledger, (ledger->first_port + i) % ports, BATCH_MAX / ports);
    ledger->first_port = (ledger->first_port + 1) % ports;
    return ledger->batch.request_count > 0;
}

static bool has_work(const struct ledger *ledger)
{
    return ports_has_request(ledger->ports) || backup_is_done(&ledger->backup) ||
           results_have_work(ledger->results) ||
           atomic_load_explicit(&ledger->stopping, memory_order_acquire);
}

/* How long the ledger may sleep if nothing wakes it. */
static int sleep_ms(const struct ledger *ledger)
{
    uint64_t now_ns = clock_monotonic_ns(), due_ns = results_due_ns(ledger->results);
    uint64_t rest_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    return (int)((rest_ns < COMMIT_HEALTH_NS ? rest_ns + NS_PER_MS - 1 : COMMIT_HEALTH_NS) /
                 NS_PER_MS);
}

static void wait_for_work(struct ledger *ledger)
{
    store_work(ledger->store, STORE_IDLE);
    struct waker *waker = ports_waker(ledger->ports);
    waker_prepare(waker);
    if (has_work(ledger))
        waker_cancel(waker);
    else
        waker_sleep_ms(waker, sleep_ms(ledger));
    commit_check_health(ledger, clock_monotonic_ns());
}

/* A commit takes as much processor time as some thirty pushes, however few ballots are in it. While
 * subscribers wait for pushes, ballots that come one by one must not take a commit each: the ledger
 * makes some six commits in the time that telling all subscribers takes. A voter who votes after a
 * pause does not wait. */
static void await_gap(const struct ledger *ledger, uint64_t began_ns)
{
    uint64_t gap_ns = (uint64_t)tally_backlog(ledger->tally) * BACKLOG_GAP_NS;
    uint64_t due_ns = began_ns + (gap_ns < BACKLOG_GAP_MAX_NS ? gap_ns : BACKLOG_GAP_MAX_NS);
    const struct timespec due = {(time_t)(due_ns / NS_PER_S), (long)(due_ns % NS_PER_S)};
    if (gap_ns == 0 || clock_monotonic_ns() >= due_ns)
        return;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        ;
}

/* The calling thread takes ownership of the ledger and its parts. */
static void take_over(struct ledger *ledger)
{
    owner_take(&ledger->owner);
    store_take(ledger->store);
    electorate_take(ledger->electorate);
}

static void *ledger_run(void *context)
{
    struct ledger *ledger = context;
    take_over(ledger);
    uint64_t began_ns = 0; /* of the last batch */
    for (;;) {
        /* Read before gathering: the requests sent before the stop are then found below. */
        bool stopping = atomic_load_explicit(&ledger->stopping, memory_order_acquire);
        await_gap(ledger, began_ns);
        bool gathered = gather_batch(ledger);
        if (gathered) {
            began_ns = clock_monotonic_ns();
            process_batch(ledger);
            bool refusing = atomic_load_explicit(&ledger->stats.refusing, memory_order_relaxed);
            store_work(ledger->store, refusing ? STORE_REFUSING : STORE_BUSY);
        }
        backup_finish(&ledger->backup);
        results_work(ledger->results);
        ports_flush(ledger->ports); /* the answers of a backup, or about a result */
        if (stopping && !gathered)
            break;
        if (!gathered)
            wait_for_work(ledger);
    }
    atomic_store(&ledger->no_waits, true);
    results_work(ledger->results);
    backup_await(&ledger->backup, BACKUP_END_MS);
    backup_finish(&ledger->backup);
    ports_flush(ledger->ports);
    return NULL;
}

/* ---- life ---- */

/* No more voters than the database has room for: each takes a hash there. */
static size_t estimate_voters(const struct store *store)
{
    uint64_t room = (store_database_bytes(store) + store_pending_bytes(store)) / HASH_BYTES;
    uint64_t voters = store_voter_estimate(store);
    return voters < room ? voters : room;
}

struct ledger *ledger_new(struct store *store, struct tally *tally, const struct voter_key *key,
                          struct ports *ports, char why[STORE_WHY_MAX])
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger) {
        snprintf(why, STORE_WHY_MAX, "out of memory");
        return NULL;
    }
    owner_take(&ledger->owner);
    ledger->store = store;
    ledger->tally = tally;
    ledger->key = key;
    ledger->ports = ports;
    ledger->electorate = electorate_new(estimate_voters(store));
    if (batch_init(&ledger->batch) != 0 || !ledger->electorate) {
        snprintf(why, STORE_WHY_MAX, "out of memory");
        goto fail;
    }
    if (load_ledger(ledger, why) != 0)
        goto fail;
    return ledger;
fail:
    ledger_free(ledger);
    return NULL;
}

/* A poll that was loaded but never shown still belongs to its draft. */
static void free_unshown_polls(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->batch.touched_count; i++) {
        const struct snapshot *snapshot =
            ledger->batch.drafts[ledger->batch.touched[i] - 1].snapshot;
        if (ledger->batch.touched[i] > tally_poll_count(ledger->tally))
            poll_free((struct poll *)(uintptr_t)snapshot->poll);
    }
}

void ledger_free(struct ledger *ledger)
{
    results_free(ledger->results);
    backup_destroy(&ledger->backup);
    free_unshown_polls(ledger);
    batch_destroy(&ledger->batch);
    profiles_destroy(&ledger->profiles);
    if (ledger->electorate)
        electorate_free(ledger->electorate);
    directory_free(&ledger->directory);
    free(ledger);
}

int ledger_check(struct store *store, uint64_t *last_seq, char why[STORE_WHY_MAX])
{
    /* Any key tells voters apart in polls that record names; the other polls hold hashes. */
    static const struct voter_key any_key;
    struct tally *tally = tally_new(0);
    struct ledger *ledger = NULL;
    if (tally)
        ledger = ledger_new(store, tally, &any_key, NULL, why);
    else
        snprintf(why, STORE_WHY_MAX, "out of memory");
    if (ledger) {
        *last_seq = ledger->next_seq - 1;
        ledger_free(ledger);
    }
    if (tally)
        tally_free(tally);
    return ledger ? 0 : -1;
}

int ledger_create_poll(struct ledger *ledger, struct poll *poll)
{
    OWNER_ASSERT(&ledger->owner);
    ledger->batch.requests[0] = (struct request){.kind = REQUEST_CREATE, .detail = poll};
    ledger->batch.request_count = 1;
    judge_batch(ledger);
    if (commit_batch(ledger))
        commit_publish(ledger);
    request_free_detail(&ledger->batch.requests[0]);
    batch_reset(&ledger->batch);
    return ledger->batch.verdicts[0].error;
}

int ledger_start(struct ledger *ledger)
{
    OWNER_ASSERT(&ledger->owner);
    results_free(ledger->results); /* of an earlier run */
    ledger->results = results_new(ledger->tally, &ledger->profiles, ledger->ports, &ledger->stats,
                                  &ledger->no_waits);
    if (!ledger->results)
        return -1;
    int error = pthread_create(&ledger->thread, NULL, ledger_run, ledger);
    if (error != 0) {
        errno = error;
        return -1;
    }
    pthread_setname_np(ledger->thread, "ledger");
    return 0;
}

bool ledger_stop(struct ledger *ledger)
{
    atomic_store_explicit(&ledger->stopping, true, memory_order_release);
    waker_wake(ports_waker(ledger->ports));
    pthread_join(ledger->thread, NULL);
    take_over(ledger);
    return !ledger->backup.running;
}

bool ledger_await_result(struct ledger *ledger, unsigned timeout_ms)
{
    OWNER_ASSERT(&ledger->owner);
    return results_end(ledger->results, timeout_ms);
}

void ledger_end_waits(struct ledger *ledger)
{
    atomic_store(&ledger->no_waits, true);
    waker_wake(ports_waker(ledger->ports));
}

/* ---- looking at it ---- */

const struct ledger_stats *ledger_stats(const struct ledger *ledger)
{
    return &ledger->stats;
}

const char *ledger_health(const struct ledger *ledger)
{
    const struct ledger_stats *stats = &ledger->stats;
    const char *ailment = atomic_load_explicit(&ledger->ailment, memory_order_relaxed);
    if (ailment)
        return ailment;
    if (counter_get(&stats->seq) >= ENTRY_SEQ_MAX)
        return "the ledger is full: the numbers of its entries are used up";
    return atomic_load_explicit(&stats->refusing, memory_order_relaxed) &&
                   clock_monotonic_ns() - counter_get(&stats->refused_ns) < LEDGER_DOUBT_NS
               ? "the database refuses entries"
               : NULL;
}

bool ledger_is_writable(const struct ledger *ledger)
{
    return !ledger_health(ledger);
}

uint64_t ledger_identity(const struct ledger *ledger)
{
    return store_identity(ledger->store);
}
