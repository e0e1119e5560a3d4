/* The ledger thread: gather → judge → commit → publish → answer.
 *
 * Happy path: gather takes what is in the ports into a batch; judge goes through it in order,
 * updates the electorate, and changes drafts (private copies of the polls' snapshots); commit
 * records the accepted entries and the drafts' tallies in one transaction; publish hands the drafts
 * to the tally, which shows them; answer sends each request's verdict back. While a batch is being
 * synced the next one gathers in the rings: group commit. Only while a crowd of subscribers is
 * being told the last tally do batches wait for more to gather, and at most CROWD_GAP_MAX_NS.
 *
 * A refused commit (ERR_STORAGE) undoes all of it: the electorate from a journal, the drafts by
 * dropping them, the sequence by going back. A verdict that rests on an entry of the failed batch
 * (its own, an earlier ballot that it repeats, a CLOSE before it) becomes -STORAGE; one that rests
 * on durable entries stands.
 *
 * An unknown outcome of a commit aborts inside the store, with nothing published and nobody
 * answered. */
#include "ledger/ledger.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/failpoint.h"
#include "ledger/ledger_internal.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDLE_CHECKPOINT = 100, /* pages of log that are worth a checkpoint before the thread sleeps */
    CROWD_GAP_NS = 1000,   /* from batch to batch, for each in a crowd that is being told */
    CROWD_GAP_MAX_NS = 8 * NS_PER_MS,
};

struct request_text *request_text_new(const char *bytes, size_t len)
{
    struct request_text *text = malloc(sizeof *text + len + 1);
    if (!text)
        return NULL;
    text->len = len;
    memcpy(text->bytes, bytes, len);
    text->bytes[len] = '\0';
    return text;
}

/* ---- answering ---- */

void ledger_answer(struct ledger *ledger, unsigned port, struct answer answer)
{
    struct answer *slot = ring_slot(&ledger->ports[port].answers);
    INVARIANT(slot);
    *slot = answer;
}

void ledger_flush_answers(struct ledger *ledger)
{
    for (unsigned i = 0; i < ledger->port_count; i++)
        if (ring_publish(&ledger->ports[i].answers) > 0)
            waker_wake(ledger->ports[i].waker);
}

static void batch_answer(struct ledger *ledger)
{
    uint64_t ballots = 0, duplicates = 0, refusals = 0;
    for (size_t i = 0; i < ledger->request_count; i++) {
        const struct verdict *verdict = &ledger->verdicts[i];
        if (ledger->requests[i].kind == REQUEST_BALLOT) {
            ballots++;
            duplicates += verdict->duplicate;
            refusals += verdict->error != 0;
        }
        ledger_answer(ledger, ledger->request_ports[i],
                      (struct answer){.to = ledger->requests[i].from,
                                      .number = verdict->number,
                                      .error = verdict->error,
                                      .duplicate = verdict->duplicate,
                                      .journey = journey_number(ledger->requests[i].journey)});
        free(ledger->requests[i].detail);
    }
    counter_add(&ledger->stats.accepted, ballots - duplicates - refusals);
    counter_add(&ledger->stats.duplicate, duplicates);
    counter_add(&ledger->stats.refused, refusals);
    ledger_flush_answers(ledger);
}

static void batch_reset(struct ledger *ledger)
{
    ledger->request_count = 0;
    ledger->ballot_count = 0;
    ledger->event_count = 0;
    ledger->undo_count = 0;
    ledger->sampled_count = 0;
    ledger->created_count = 0;
}

static void batch_process(struct ledger *ledger)
{
    ledger_judge(ledger);
    if (ledger_commit(ledger))
        ledger_publish(ledger);
    failpoint(FAILPOINT_AFTER_APPLY);
    batch_answer(ledger);
    batch_reset(ledger);
}

/* ---- the thread ---- */

static void take(struct ledger *ledger, unsigned port, struct request *request)
{
    if (request->kind == REQUEST_BACKUP) {
        ledger_backup_start(ledger, port, request);
        return;
    }
    ledger->requests[ledger->request_count] = *request;
    ledger->request_ports[ledger->request_count++] = (uint16_t)port;
}

static void gather_port(struct ledger *ledger, unsigned port, size_t share)
{
    struct ring *ring = &ledger->ports[port].requests;
    size_t limit = ledger->request_count + share;
    while (ledger->request_count < limit) {
        size_t available;
        const struct request *slots = ring_peek(ring, &available);
        if (available == 0)
            return;
        size_t count =
            available < limit - ledger->request_count ? available : limit - ledger->request_count;
        for (size_t i = 0; i < count; i++) {
            struct request request = slots[i];
            take(ledger, port, &request);
        }
        ring_consume(ring, count);
    }
}

/* Takes what is in the ports, an equal share of a batch from each. Returns whether there was
 * anything. */
static bool batch_gather(struct ledger *ledger)
{
    size_t share = BATCH_MAX / ledger->port_count;
    for (unsigned i = 0; i < ledger->port_count; i++)
        gather_port(ledger, (ledger->first_port + i) % ledger->port_count, share);
    ledger->first_port = (ledger->first_port + 1) % ledger->port_count;
    return ledger->request_count > 0;
}

static bool has_work(const struct ledger *ledger)
{
    for (unsigned i = 0; i < ledger->port_count; i++)
        if (!ring_is_empty(&ledger->ports[i].requests))
            return true;
    return (ledger->backup.running &&
            atomic_load_explicit(&ledger->backup.done, memory_order_acquire)) ||
           atomic_load_explicit(&ledger->stopping, memory_order_acquire);
}

static void rest(struct ledger *ledger)
{
    store_checkpoint(ledger->store, IDLE_CHECKPOINT);
    waker_prepare(&ledger->waker);
    if (has_work(ledger))
        waker_cancel(&ledger->waker);
    else
        waker_sleep(&ledger->waker);
}

/* A commit takes as much of a processor as some thirty pushes, however few ballots are in it. Where
 * subscribers wait for theirs, ballots that come one by one must not take it for a commit each:
 * some six commits are made in the time that telling all of them takes. Who votes after a pause
 * waits for nothing. */
static void await_gap(const struct ledger *ledger, uint64_t began_ns)
{
    uint64_t gap_ns = (uint64_t)tally_crowd(ledger->tally) * CROWD_GAP_NS;
    uint64_t due_ns = began_ns + (gap_ns < CROWD_GAP_MAX_NS ? gap_ns : CROWD_GAP_MAX_NS);
    const struct timespec due = {(time_t)(due_ns / NS_PER_S), (long)(due_ns % NS_PER_S)};
    if (gap_ns == 0 || clock_monotonic_ns() >= due_ns)
        return;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        ;
}

static void *ledger_run(void *context)
{
    struct ledger *ledger = context;
    uint64_t began_ns = 0; /* of the last batch */
    for (;;) {
        /* Read before gathering: what was sent before the stop is then found below. */
        bool stopping = atomic_load_explicit(&ledger->stopping, memory_order_acquire);
        await_gap(ledger, began_ns);
        bool gathered = batch_gather(ledger);
        if (gathered) {
            began_ns = clock_monotonic_ns();
            batch_process(ledger);
            /* A full disk may refuse entries for want of the room that the log itself takes. */
            bool refusing = atomic_load_explicit(&ledger->stats.refusing, memory_order_relaxed);
            store_checkpoint(ledger->store, refusing ? 1 : LEDGER_BUSY_CHECKPOINT);
        }
        ledger_backup_finish(ledger, false);
        ledger_flush_answers(ledger); /* a backup's: that ended, or could not begin */
        if (stopping && !gathered)
            break;
        if (!gathered)
            rest(ledger);
    }
    atomic_store(&ledger->backup.cancelled, true);
    ledger_backup_finish(ledger, true);
    return NULL;
}

/* ---- life ---- */

static int allocate(struct ledger *ledger)
{
    const struct {
        void *array;
        size_t count, size;
    } arrays[] = {
        {&ledger->requests, BATCH_MAX, sizeof *ledger->requests},
        {&ledger->request_ports, BATCH_MAX, sizeof *ledger->request_ports},
        {&ledger->verdicts, BATCH_MAX, sizeof *ledger->verdicts},
        {&ledger->ballots, BATCH_MAX, sizeof *ledger->ballots},
        {&ledger->events, BATCH_MAX, sizeof *ledger->events},
        {&ledger->undos, BATCH_MAX, sizeof *ledger->undos},
        {&ledger->sampled, BATCH_MAX, sizeof *ledger->sampled},
        {&ledger->created, BATCH_MAX, sizeof *ledger->created},
        {&ledger->drafts, POLLS_MAX, sizeof *ledger->drafts},
        {&ledger->touched, POLLS_MAX, sizeof *ledger->touched},
        {&ledger->changes, POLLS_MAX, sizeof *ledger->changes},
        {&ledger->tallies, POLLS_MAX, sizeof *ledger->tallies},
    };
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        void *array = calloc(arrays[i].count, arrays[i].size);
        if (!array)
            return -1;
        memcpy(arrays[i].array, &array, sizeof array);
    }
    return 0;
}

static int ports_init(struct ledger *ledger, unsigned ports, struct waker *const *wakers)
{
    if (posix_memalign((void **)&ledger->ports, CACHE_LINE_BYTES, ports * sizeof *ledger->ports) !=
        0)
        return -1;
    memset(ledger->ports, 0, ports * sizeof *ledger->ports);
    ledger->port_count = ports;
    for (unsigned i = 0; i < ports; i++) {
        ledger->ports[i].waker = wakers[i];
        if (ring_init(&ledger->ports[i].requests, LEDGER_PORT_SLOTS, sizeof(struct request)) != 0 ||
            ring_init(&ledger->ports[i].answers, LEDGER_PORT_SLOTS, sizeof(struct answer)) != 0)
            return -1;
    }
    return 0;
}

struct ledger *ledger_new(struct store *store, struct tally *tally, const struct voter_key *key,
                          unsigned ports, struct waker *const *wakers, char why[STORE_WHY_MAX])
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger) {
        snprintf(why, STORE_WHY_MAX, "out of memory");
        return NULL;
    }
    ledger->store = store;
    ledger->tally = tally;
    ledger->key = key;
    ledger->waker.fd = -1;
    if (allocate(ledger) != 0 || ports_init(ledger, ports, wakers) != 0 ||
        !(ledger->electorate = electorate_new(store_voter_estimate(store)))) {
        snprintf(why, STORE_WHY_MAX, "out of memory");
        goto fail;
    }
    if (waker_init(&ledger->waker) != 0) {
        snprintf(why, STORE_WHY_MAX, "can't make an eventfd: %s", strerror(errno));
        goto fail;
    }
    if (ledger_load(ledger, why) != 0)
        goto fail;
    return ledger;
fail:
    ledger_free(ledger);
    return NULL;
}

/* A poll that was loaded but never shown belongs to its draft still. */
static void free_unshown_polls(struct ledger *ledger)
{
    for (size_t i = 0; ledger->touched && i < ledger->touched_count; i++) {
        const struct snapshot *snapshot = ledger->drafts[ledger->touched[i] - 1].snapshot;
        if (ledger->touched[i] > tally_poll_count(ledger->tally))
            poll_free((struct poll *)(uintptr_t)snapshot->poll);
    }
}

void ledger_free(struct ledger *ledger)
{
    free_unshown_polls(ledger);
    ledger_drafts_drop(ledger);
    for (unsigned i = 0; i < ledger->port_count; i++) {
        ring_destroy(&ledger->ports[i].requests);
        ring_destroy(&ledger->ports[i].answers);
    }
    void *const arrays[] = {
        ledger->requests, ledger->request_ports, ledger->verdicts, ledger->ballots, ledger->events,
        ledger->undos,    ledger->sampled,       ledger->created,  ledger->drafts,  ledger->touched,
        ledger->changes,  ledger->tallies,       ledger->lines,    ledger->ports};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        free(arrays[i]);
    if (ledger->electorate)
        electorate_free(ledger->electorate);
    directory_free(&ledger->directory);
    if (ledger->waker.fd >= 0)
        waker_destroy(&ledger->waker);
    free(ledger);
}

int ledger_create_poll(struct ledger *ledger, struct poll *poll)
{
    ledger->requests[0] = (struct request){.kind = REQUEST_CREATE, .detail = poll};
    ledger->request_count = 1;
    ledger_judge(ledger);
    if (ledger_commit(ledger))
        ledger_publish(ledger);
    free(ledger->requests[0].detail);
    batch_reset(ledger);
    return ledger->verdicts[0].error;
}

int ledger_start(struct ledger *ledger)
{
    int error = pthread_create(&ledger->thread, NULL, ledger_run, ledger);
    if (error != 0) {
        errno = error;
        return -1;
    }
    pthread_setname_np(ledger->thread, "ledger");
    return 0;
}

void ledger_stop(struct ledger *ledger)
{
    atomic_store_explicit(&ledger->stopping, true, memory_order_release);
    waker_wake(&ledger->waker);
    pthread_join(ledger->thread, NULL);
}

/* ---- the loops' side ---- */

struct request *ledger_request(struct ledger *ledger, unsigned port)
{
    return ring_slot(&ledger->ports[port].requests);
}

void ledger_send(struct ledger *ledger, unsigned port)
{
    if (ring_publish(&ledger->ports[port].requests) > 0)
        waker_wake(&ledger->waker);
}

size_t ledger_receive(struct ledger *ledger, unsigned port, struct answer *answers, size_t max)
{
    return ring_pop(&ledger->ports[port].answers, answers, max);
}

bool ledger_port_is_empty(const struct ledger *ledger, unsigned port)
{
    return ring_is_empty(&ledger->ports[port].answers);
}

const struct ledger_stats *ledger_stats(const struct ledger *ledger)
{
    return &ledger->stats;
}

bool ledger_is_writable(const struct ledger *ledger)
{
    const struct ledger_stats *stats = &ledger->stats;
    return !atomic_load_explicit(&stats->refusing, memory_order_relaxed) ||
           clock_monotonic_ns() - counter_get(&stats->refused_ns) >= LEDGER_DOUBT_NS;
}
