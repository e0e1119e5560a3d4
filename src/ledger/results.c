/* Results of methods that need more than the tally's counts (see results.h).
 *
 * Happy path: a batch is published and answered → results_note lists its polls whose results lag
 * behind → results_work takes the one whose turn it is, hands a view of its profile to the
 * tabulator → later finds the result there, and publishes a copy of the newest snapshot that
 * carries it. So results travel, and replace each other, as tallies do. Between two batches there
 * is no draft, so the newest snapshot and the profile are of the same entries.
 *
 * The tabulator rests as long as it has counted, so that it takes half of a processor at most.
 *
 * If memory is short for a view, a result or a copy, the poll waits for its next turn, and that is
 * logged once. */
#include "ledger/results.h"

#include "base/clock.h"
#include "base/log.h"
#include "count/method.h"
#include "ledger/ledger.h"
#include "ledger/ports.h"
#include "ledger/profiles.h"
#include "proto/error.h"

#include <errno.h>
#include <stdlib.h>

/* ---- who waits ---- */

static void answer(struct results *results, struct request_wait *wait, int error)
{
    ports_answer(
        results->ports, wait->port,
        (struct answer){
            .to = wait->from, .number = wait->poll, .value = wait->pairs, .error = (int16_t)error});
    free(wait);
}

static void answer_all(struct results *results, uint32_t poll, int error)
{
    struct request_wait_list *list = &results->waits[poll - 1];
    struct request_wait *wait;
    while ((wait = SLIST_FIRST(list))) {
        SLIST_REMOVE_HEAD(list, link);
        results->waiting--;
        answer(results, wait, error);
    }
}

void results_wait(struct results *results, struct request_wait *wait)
{
    if (!snapshot_owes_result(tally_peek(results->tally, wait->poll))) {
        answer(results, wait, 0);
        return;
    }
    SLIST_INSERT_HEAD(&results->waits[wait->poll - 1], wait, link);
    results->waiting++;
    turns_hurry(&results->turns, wait->poll);
}

/* The server stops: nobody is kept waiting, and the tabulator may end. */
static void give_up(struct results *results)
{
    for (uint32_t poll = 1; results->waiting > 0; poll++)
        answer_all(results, poll, ERR_SHUTTING_DOWN);
    (void)tabulator_end(&results->tabulator, 0);
}

/* ---- counting ---- */

/* Has the poll counted again, as if its last turn had not been. */
static void retry(struct results *results, const struct counting *counting)
{
    if (!results->memory_is_short)
        log_warning("no memory to count a result: it is tried again poll=%s",
                    tally_poll(results->tally, counting->poll)->name.text);
    results->memory_is_short = true;
    turns_want(&results->turns, counting->poll, counting->since_ns);
}

/* Shows a result. Returns 0, or -1 if memory is short. */
static int publish(struct results *results, uint32_t poll, struct result *result)
{
    struct snapshot *snapshot = snapshot_copy(tally_peek(results->tally, poll));
    if (!snapshot)
        return -1;
    snapshot_set_result(snapshot, result_ref(result));
    tally_publish(results->tally, &snapshot, 1);
    return 0;
}

/* Takes what the tabulator has counted. */
static void finish(struct results *results)
{
    const struct counting counting = results->counting;
    uint64_t took_ns, now_ns = clock_monotonic_ns();
    struct result *result = tabulator_take(&results->tabulator, &took_ns);
    turns_rest(&results->turns, now_ns + took_ns);
    if (result)
        result->seq = counting.seq;
    if (!result || publish(results, counting.poll, result) != 0) {
        retry(results, &counting);
    } else {
        results->memory_is_short = false;
        histogram_record(&results->stats->result_us, took_ns / 1000);
        histogram_record(&results->stats->result_age_us, (now_ns - counting.since_ns) / 1000);
        if (!snapshot_owes_result(tally_peek(results->tally, counting.poll)))
            answer_all(results, counting.poll, 0);
    }
    result_unref(result);
}

/* Hands the tabulator the poll whose turn it is. What is hidden by now need not be counted. */
static void begin(struct results *results)
{
    struct counting *counting = &results->counting;
    while ((counting->poll =
                turns_next(&results->turns, clock_monotonic_ns(), &counting->since_ns)) != 0) {
        const struct snapshot *snapshot = tally_peek(results->tally, counting->poll);
        if (!snapshot_lacks_result(snapshot))
            continue;
        struct profile_view *view = profile_view(profiles_of(results->profiles, snapshot->poll));
        counting->seq = snapshot->seq;
        if (view)
            tabulator_hand(&results->tabulator, view);
        else
            retry(results, counting);
        return;
    }
}

void results_note(struct results *results, const struct snapshot *snapshot, uint64_t now_ns)
{
    uint32_t poll = snapshot->poll->id;
    if (method_is_additive(snapshot->poll))
        return;
    if (snapshot_lacks_result(snapshot))
        turns_want(&results->turns, poll, now_ns);
    if (SLIST_EMPTY(&results->waits[poll - 1]))
        return;
    if (snapshot_owes_result(snapshot))
        turns_hurry(&results->turns, poll);
    else
        answer_all(results, poll, 0);
}

void results_work(struct results *results)
{
    if (atomic_load_explicit(results->cancelled, memory_order_relaxed)) {
        give_up(results);
        return;
    }
    if (tabulator_is_done(&results->tabulator))
        finish(results);
    if (results->turns.wanted > 0 && tabulator_is_free(&results->tabulator))
        begin(results);
}

bool results_have_work(const struct results *results)
{
    if (atomic_load_explicit(results->cancelled, memory_order_relaxed))
        return results->waiting > 0;
    return tabulator_is_done(&results->tabulator) ||
           results_due_ns(results) <= clock_monotonic_ns();
}

uint64_t results_due_ns(const struct results *results)
{
    return tabulator_is_free(&results->tabulator) ? turns_due_ns(&results->turns) : UINT64_MAX;
}

/* ---- life ---- */

struct results *results_new(struct tally *tally, const struct profiles *profiles,
                            struct ports *ports, struct ledger_stats *stats,
                            const atomic_bool *cancelled)
{
    struct results *results = calloc(1, sizeof *results);
    if (!results)
        return NULL;
    results->tally = tally;
    results->profiles = profiles;
    results->ports = ports;
    results->stats = stats;
    results->cancelled = cancelled;
    turns_init(&results->turns);
    int error = tabulator_start(&results->tabulator, ports_waker(ports));
    if (error != 0) {
        free(results);
        errno = error;
        return NULL;
    }
    uint64_t now_ns = clock_monotonic_ns();
    for (uint32_t poll = 1; poll <= tally_poll_count(tally); poll++)
        results_note(results, tally_peek(tally, poll), now_ns);
    return results;
}

bool results_end(struct results *results, unsigned timeout_ms)
{
    return tabulator_end(&results->tabulator, timeout_ms);
}

void results_free(struct results *results)
{
    if (!results)
        return;
    tabulator_destroy(&results->tabulator);
    free(results);
}
