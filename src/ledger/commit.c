/* Committing a batch: the accepted entries, and the tallies that they lead to, in one transaction;
 * then everyone is shown the drafts. A refused transaction undoes all of judging, and every verdict
 * that rested on it. */
#include "ledger/commit.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "ledger/state.h"
#include "proto/reply.h"
#include "trace/journey.h"

#include <stdlib.h>

static int lines_reserve(struct ledger *ledger)
{
    size_t needed = 0;
    for (size_t i = 0; i < ledger->batch.touched_count; i++) {
        const struct snapshot *snapshot =
            ledger->batch.drafts[ledger->batch.touched[i] - 1].snapshot;
        if (snapshot)
            needed += tally_line_max(snapshot->poll->choice_count);
    }
    if (needed <= ledger->batch.lines_capacity)
        return 0;
    char *lines = realloc(ledger->batch.lines, needed);
    if (!lines)
        return -1;
    ledger->batch.lines = lines;
    ledger->batch.lines_capacity = needed;
    return 0;
}

/* The tallies that the batch leads to, for the store. Returns how many, or -1 if memory is short.
 */
static ptrdiff_t encode_tallies(struct ledger *ledger)
{
    if (lines_reserve(ledger) != 0)
        return -1;
    ptrdiff_t tallies = 0;
    char *at = ledger->batch.lines;
    for (size_t i = 0; i < ledger->batch.touched_count; i++) {
        const struct snapshot *snapshot =
            ledger->batch.drafts[ledger->batch.touched[i] - 1].snapshot;
        if (!snapshot || snapshot->seq < ledger->batch.first_seq) /* only a text has changed */
            continue;
        size_t len = snapshot_encode_line(snapshot, at);
        ledger->batch.tallies[tallies++] = (struct store_tally){ledger->batch.touched[i], at, len};
        at += len;
    }
    return tallies;
}

static enum store_outcome append_batch(struct ledger *ledger, const char **why)
{
    ptrdiff_t tallies = encode_tallies(ledger);
    if (tallies < 0) {
        *why = "out of memory";
        return STORE_REFUSED;
    }
    const struct store_batch batch = {
        .entries = ledger->batch.entries,
        .entry_count = ledger->batch.entry_count,
        .tallies = ledger->batch.tallies,
        .tally_count = (size_t)tallies,
    };
    uint64_t began_ns = clock_monotonic_ns();
    enum store_outcome outcome = store_append(ledger->store, &batch, why);
    ledger->batch.committed_ns = clock_monotonic_ns();
    histogram_record(&ledger->stats.commit_us, (ledger->batch.committed_ns - began_ns) / 1000);
    histogram_record(&ledger->stats.batch, batch.entry_count);
    return outcome;
}

/* Takes back everything that judging did. */
static void batch_undo(struct ledger *ledger)
{
    while (ledger->batch.undo_count > 0)
        batch_undo_last(&ledger->batch, ledger->electorate);
    while (ledger->batch.counted_count > 0)
        batch_undo_counted(&ledger->batch);
    batch_undo_values(&ledger->batch);
    batch_drop_drafts(&ledger->batch);
    for (uint32_t i = 0; i < ledger->batch.created_count; i++) {
        profiles_remove(&ledger->profiles, ledger->batch.created[i]);
        poll_free(ledger->batch.created[i]);
    }
    ledger->batch.created_count = 0;
    for (size_t i = 0; i < ledger->batch.request_count; i++)
        if (ledger->batch.verdicts[i].rests_on >= ledger->batch.first_seq)
            ledger->batch.verdicts[i] = (struct verdict){.error = ERR_STORAGE};
    ledger->batch.entry_count = 0;
    ledger->next_seq = ledger->batch.first_seq;
}

static void storage_note(struct ledger *ledger, bool failing, const char *why)
{
    if (failing)
        atomic_store_explicit(&ledger->stats.refused_ns, clock_monotonic_ns(),
                              memory_order_relaxed);
    bool failed = atomic_exchange_explicit(&ledger->stats.refusing, failing, memory_order_relaxed);
    if (failing && !failed)
        log_error("the database refuses entries; ballots are answered -STORAGE until it takes them "
                  "again error=%s",
                  why);
    if (!failing && failed)
        log_info("the database takes entries again");
}

void commit_check_health(struct ledger *ledger, uint64_t now_ns)
{
    OWNER_ASSERT(&ledger->owner);
    if (now_ns - ledger->health_checked_ns < COMMIT_HEALTH_NS)
        return;
    ledger->health_checked_ns = now_ns;
    const char *ailment = store_health(ledger->store);
    const char *before = atomic_exchange_explicit(&ledger->ailment, ailment, memory_order_relaxed);
    if (ailment && !before)
        log_error("%s; ballots are answered -STORAGE until it is back", ailment);
    if (before && !ailment)
        log_info("the database is back in its place");
}

static bool is_well(struct ledger *ledger)
{
    commit_check_health(ledger, clock_monotonic_ns());
    return !atomic_load_explicit(&ledger->ailment, memory_order_relaxed);
}

/* Nobody is answered: what this server knows may be of the past. */
static _Noreturn void end_fenced(const char *why)
{
    log_fatal("the ledger has another owner: stopping before anyone is answered reason=%s", why);
}

/* Returns whether the batch's entries were recorded; if not, they were undone. */
static bool record_entries(struct ledger *ledger)
{
    const char *why = NULL;
    if (!is_well(ledger)) {
        batch_undo(ledger);
        return false;
    }
    enum store_outcome outcome = append_batch(ledger, &why);
    if (outcome == STORE_FENCED)
        end_fenced(why);
    storage_note(ledger, outcome != STORE_RECORDED, why);
    if (outcome != STORE_RECORDED)
        batch_undo(ledger);
    return outcome == STORE_RECORDED;
}

/* Verdicts that rest on earlier entries go out without a commit of their own: only if the store
 * says that these are still all that there is. */
static void confirm_batch(struct ledger *ledger)
{
    const char *why = NULL;
    enum store_outcome outcome = store_confirm(ledger->store, &why);
    if (outcome == STORE_FENCED)
        end_fenced(why);
    if (outcome == STORE_RECORDED)
        return;
    storage_note(ledger, true, why);
    for (size_t i = 0; i < ledger->batch.request_count; i++)
        ledger->batch.verdicts[i] = (struct verdict){.error = ERR_STORAGE};
}

bool commit_batch(struct ledger *ledger)
{
    OWNER_ASSERT(&ledger->owner);
    if (batch_has_entries(&ledger->batch) && record_entries(ledger)) {
        failpoint(FAILPOINT_AFTER_COMMIT);
        return true;
    }
    batch_drop_drafts(&ledger->batch);
    confirm_batch(ledger);
    return false;
}

/* Marks the drafts that hold sampled ballots, for the threads that push them. */
static void mark_drafts(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->batch.sampled_count; i++) {
        const struct request *request = &ledger->batch.requests[ledger->batch.sampled[i]];
        struct snapshot *draft = ledger->batch.drafts[request->poll - 1].snapshot;
        bool traced = request->journey->traced ||
                      (draft->mark.traced && draft->mark.first_seq == ledger->batch.first_seq);
        draft->mark = (struct snapshot_mark){.first_seq = ledger->batch.first_seq,
                                             .last_seq = draft->seq,
                                             .committed_ns = ledger->batch.committed_ns,
                                             .traced = traced};
    }
}

/* The ledger may look at the tally that it has just shown until it publishes again. */
static void stamp_journeys(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->batch.sampled_count; i++) {
        const struct request *request = &ledger->batch.requests[ledger->batch.sampled[i]];
        request->journey->at_ns[JOURNEY_committed] = ledger->batch.committed_ns;
        request->journey->at_ns[JOURNEY_counted] =
            tally_peek(ledger->tally, request->poll)->mark.counted_ns;
    }
}

void commit_publish(struct ledger *ledger)
{
    OWNER_ASSERT(&ledger->owner);
    for (uint32_t i = 0; i < ledger->batch.created_count; i++)
        if (directory_add(&ledger->directory, ledger->batch.created[i]) != 0)
            log_broken(__FILE__, __LINE__,
                       "no memory for the name of a poll that is durable already");
    mark_drafts(ledger);
    size_t changes = batch_list_changes(&ledger->batch);
    tally_publish(ledger->tally, ledger->batch.changes, changes);
    stamp_journeys(ledger);
    for (size_t i = 0; ledger->results && i < changes; i++)
        results_note(ledger->results, ledger->batch.changes[i], ledger->batch.committed_ns);
    atomic_store_explicit(&ledger->stats.seq, ledger->next_seq - 1, memory_order_relaxed);
    batch_forget_drafts(&ledger->batch);
    if (ledger->next_seq > ENTRY_SEQ_MAX) /* no later batch has an entry */
        log_error("the ledger is full: all that needs an entry is answered -LIMIT from now on");
}
