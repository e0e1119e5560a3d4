/* Loading: polls, then their events, then ballots in order, each counted as when it was cast; last,
 * the result must equal the tallies that were shown. Runs on the main thread, before the ledger's
 * starts. While loading, each poll's draft is its future snapshot. The store has checked that each
 * number is in its range (sqlite_load.c); this checks the rows against each other. */
#include "ledger/load.h"

#include "base/failpoint.h"
#include "ledger/judge.h"
#include "ledger/state.h"
#include "poll/voter.h"
#include "proto/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ballots that were read but not counted yet. Meanwhile the processor fetches what counting them
 * needs; for a large electorate, waiting for that would be most of the time of loading. */
enum { GATHER_MAX = 32 };

struct loading {
    struct ledger *ledger;
    uint32_t tallies; /* tallies compared so far */
    size_t count;     /* ballots gathered */
    struct loaded {
        uint64_t seq;
        uint32_t poll;
        uint16_t choice;
        bool identified; /* has an entry in the electorate */
        struct hash identity;
        uint64_t proof;
    } gathered[GATHER_MAX];
};

static int damaged(char why[STORE_WHY_MAX], const char *what, uint64_t at)
{
    snprintf(why, STORE_WHY_MAX, "the database is damaged: %s %" PRIu64, what, at);
    return -1;
}

static int load_poll(void *context, struct poll *poll, char *why)
{
    struct ledger *ledger = ((struct loading *)context)->ledger;
    struct snapshot *snapshot = NULL;
    if (poll->id != ledger->directory.count + 1 || !(snapshot = snapshot_new(poll)) ||
        directory_add(&ledger->directory, poll) != 0) {
        uint32_t id = poll->id;
        snapshot_unref(snapshot);
        poll_free(poll);
        return damaged(why, "poll", id);
    }
    batch_draft(&ledger->batch, poll->id)->snapshot = snapshot;
    return 0;
}

static int load_text(struct snapshot *snapshot, const struct store_event *event)
{
    unsigned index = event->kind == STORE_LABEL ? event->choice + 1 : 0;
    if (index > snapshot->poll->choice_count)
        return -1;
    return snapshot_set_text(snapshot, index, event->text, event->text_len, event->seq);
}

static int load_event(void *context, const struct store_event *event, char *why)
{
    struct ledger *ledger = ((struct loading *)context)->ledger;
    if (event->poll->id > ledger->directory.count)
        return damaged(why, "poll_event", event->seq);
    ledger->next_seq = event->seq + 1; /* events come in their order, and before the ballots */
    struct snapshot *snapshot = ledger->batch.drafts[event->poll->id - 1].snapshot;
    switch (event->kind) {
    case STORE_CREATE:
        snapshot->open = snapshot->opened =
            setting_value_find(SETTING_STATE, event->text, event->text_len) == STATE_OPEN;
        snapshot->seq = snapshot->state_seq = event->seq;
        return 0;
    case STORE_OPEN:
    case STORE_CLOSE:
        snapshot->open = event->kind == STORE_OPEN;
        snapshot->opened |= snapshot->open;
        snapshot->seq = snapshot->state_seq = event->seq;
        return 0;
    case STORE_TITLE:
    case STORE_LABEL:
        return load_text(snapshot, event) == 0 ? 0 : damaged(why, "poll_event", event->seq);
    }
    return damaged(why, "poll_event", event->seq);
}

/* Counts a ballot as it was counted when it was cast. */
static int count_loaded(struct ledger *ledger, const struct loaded *loaded, char *why)
{
    struct snapshot *snapshot = ledger->batch.drafts[loaded->poll - 1].snapshot;
    struct vote before = {0}, vote = vote_make(loaded->seq, loaded->choice, loaded->proof);
    struct electorate *electorate = ledger->electorate;
    if (loaded->identified && electorate_set(electorate, loaded->identity, vote, &before) != 0) {
        snprintf(why, STORE_WHY_MAX, "out of memory for the electorate");
        return -1;
    }
    if (before.seq && before.choice >= snapshot->poll->choice_count) /* the voter of another poll */
        return damaged(why, "ballot", loaded->seq);
    uint64_t seq = loaded->seq > snapshot->seq ? loaded->seq : snapshot->seq;
    judge_count(snapshot, before, loaded->choice, seq);
    return 0;
}

static int count_gathered(struct loading *loading, char *why)
{
    for (size_t i = 0; i < loading->count; i++)
        if (count_loaded(loading->ledger, &loading->gathered[i], why) != 0)
            return -1;
    loading->count = 0;
    return 0;
}

static int load_ballot(void *context, const struct store_ballot *ballot, char *why)
{
    struct loading *loading = context;
    struct ledger *ledger = loading->ledger;
    failpoint(FAILPOINT_START_LOAD);
    const struct snapshot *snapshot = ballot->poll <= ledger->directory.count
                                          ? ledger->batch.drafts[ballot->poll - 1].snapshot
                                          : NULL;
    if (!snapshot || ballot->choice >= snapshot->poll->choice_count)
        return damaged(why, "ballot", ballot->seq);
    struct hash voter = ballot->voter;
    if (ballot->voter_name)
        voter = voter_hash(ledger->key, VOTER_HASH_VOTER, ballot->poll, ballot->voter_name,
                           ballot->voter_name_len);
    struct loaded *loaded = &loading->gathered[loading->count++];
    loaded->seq = ballot->seq;
    loaded->poll = ballot->poll;
    loaded->choice = ballot->choice;
    loaded->identified =
        judge_identity(snapshot->poll, &voter, ballot->has_key, &ballot->key, &loaded->identity);
    loaded->proof = judge_proof(snapshot->poll, ballot->has_key, &ballot->key);
    if (loaded->identified)
        electorate_prefetch(ledger->electorate, loaded->identity);
    if (ballot->seq >= ledger->next_seq)
        ledger->next_seq = ballot->seq + 1;
    return loading->count == GATHER_MAX ? count_gathered(loading, why) : 0;
}

/* The ballots must give the tally that was last shown. */
static int load_tally(void *context, const struct store_tally *tally, char *why)
{
    struct ledger *ledger = ((struct loading *)context)->ledger;
    if (count_gathered(context, why) != 0) /* the last ones: ballots come before tallies */
        return -1;
    if (tally->poll > ledger->directory.count)
        return damaged(why, "last_tally of poll", tally->poll);
    const struct snapshot *snapshot = ledger->batch.drafts[tally->poll - 1].snapshot;
    char *line = malloc(tally_line_max(snapshot->poll->choice_count));
    if (!line)
        return damaged(why, "no memory for poll", tally->poll);
    size_t len = snapshot_encode_line(snapshot, line);
    bool same = len == tally->len && memcmp(line, tally->line, len) == 0;
    if (!same)
        snprintf(why, STORE_WHY_MAX,
                 "the database is damaged: its ballots give \"%.*s\", but \"%.*s\" was last shown",
                 (int)len, line, (int)tally->len, tally->line);
    free(line);
    ((struct loading *)context)->tallies++;
    return same ? 0 : -1;
}

int load_ledger(struct ledger *ledger, char why[STORE_WHY_MAX])
{
    OWNER_ASSERT(&ledger->owner);
    ledger->next_seq = 1;
    struct loading loading = {.ledger = ledger};
    const struct store_visitor visitor = {&loading, load_poll, load_event, load_ballot, load_tally};
    if (store_load(ledger->store, &visitor, why) != 0)
        return -1;
    if (loading.tallies != ledger->directory.count)
        return damaged(why, "rows of last_tally:", loading.tallies);
    size_t changes = batch_list_changes(&ledger->batch);
    tally_publish(ledger->tally, ledger->batch.changes, changes);
    batch_forget_drafts(&ledger->batch);
    atomic_store_explicit(&ledger->stats.seq, ledger->next_seq - 1, memory_order_relaxed);
    return 0;
}
