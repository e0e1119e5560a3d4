/* Loading: the entries in order, each checked and applied as when it was judged; last, the result
 * must equal the tallies that were shown. Runs on the main thread, before the ledger's starts.
 * While loading, each poll's draft is its future snapshot.
 *
 * The store gives what it finds; this checks that it is what a ledger can have recorded: sequences
 * without a gap from 1; polls in the order of their ids; no entry of a poll before its CREATE, no
 * change that changes nothing, no ballot while the poll is closed, none that says what there isn't,
 * none whose marks can't be or were there before, no second one where there is one for each
 * voter. */
#include "ledger/load.h"

#include "base/failpoint.h"
#include "base/log.h"
#include "count/count.h"
#include "ledger/apply.h"
#include "ledger/judge.h"
#include "ledger/state.h"
#include "poll/voter.h"
#include "proto/line.h"
#include "proto/lot.h"
#include "proto/marks.h"
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
        struct vote vote;
        uint32_t poll;
        bool identified; /* the electorate knows it */
        struct hash identity;
    } gathered[GATHER_MAX];
};

/* The kinds in words for people. */
static const char *const kind_names[] = {
    [ENTRY_BALLOT] = "ballot", [ENTRY_CREATE] = "CREATE", [ENTRY_OPEN] = "OPEN",
    [ENTRY_CLOSE] = "CLOSE",   [ENTRY_TITLE] = "TITLE",   [ENTRY_LABEL] = "LABEL",
};

static int damaged(char why[STORE_WHY_MAX], const char *what, uint64_t at)
{
    snprintf(why, STORE_WHY_MAX, "the database is damaged: %s %" PRIu64, what, at);
    return -1;
}

/* Names an entry and what is wrong with it. */
static int bad_entry(const struct entry *entry, const char *fault, char why[STORE_WHY_MAX])
{
    snprintf(why, STORE_WHY_MAX, "the database is damaged: %s %" PRIu64 ": %s",
             kind_names[entry->kind], entry->seq, fault);
    return -1;
}

static int out_of_memory(char why[STORE_WHY_MAX])
{
    snprintf(why, STORE_WHY_MAX, "out of memory");
    return -1;
}

/* ---- changes of polls ---- */

static bool has_choice_before(const struct entry_create *create, unsigned i)
{
    for (unsigned j = 0; j < i; j++)
        if (name_equal(&create->choices[i], &create->choices[j]))
            return true;
    return false;
}

/* What is wrong with a new poll, or NULL. */
static const char *judge_poll(const struct ledger *ledger, const struct entry *entry)
{
    const struct entry_create *create = &entry->create;
    if (entry->poll != ledger->directory.count + 1 || entry->poll > POLLS_MAX)
        return "not the next poll";
    if (directory_find(&ledger->directory, create->name))
        return "another poll has its name";
    if (create->choice_count < PROTO_CHOICES_MIN || create->choice_count > PROTO_CHOICES_MAX)
        return "its number of choices can't be";
    for (unsigned i = 1; i < create->choice_count; i++)
        if (has_choice_before(create, i))
            return "two choices have the same name";
    if (!settings_are_valid(create->settings, create->choice_count))
        return "no poll has such settings";
    if (create->lot && !lot_is_valid(create->lot, create->choice_count))
        return "its lot lacks a choice";
    return NULL;
}

static int load_poll(struct ledger *ledger, const struct entry *entry, char *why)
{
    const struct entry_create *create = &entry->create;
    const char *fault = judge_poll(ledger, entry);
    if (fault)
        return bad_entry(entry, fault, why);
    struct poll *poll = poll_new(create->name, create->settings, create->choices,
                                 create->choice_count, create->lot);
    if (!poll)
        return out_of_memory(why);
    poll->id = entry->poll;
    struct snapshot *snapshot = snapshot_new(poll);
    if (!snapshot || profiles_add(&ledger->profiles, poll) != 0 ||
        directory_add(&ledger->directory, poll) != 0) {
        profiles_remove(&ledger->profiles, poll);
        snapshot_unref(snapshot);
        poll_free(poll);
        return out_of_memory(why);
    }
    apply_state(snapshot, snapshot->open, entry->seq);
    batch_draft(&ledger->batch, poll->id)->snapshot = snapshot;
    return 0;
}

static int load_state(struct snapshot *snapshot, const struct entry *entry, char *why)
{
    bool open = entry->kind == ENTRY_OPEN;
    if (snapshot->open == open)
        return bad_entry(entry, open ? "the poll is open already" : "the poll is closed already",
                         why);
    apply_state(snapshot, open, entry->seq);
    return 0;
}

static int load_text(struct snapshot *snapshot, const struct entry *entry, char *why)
{
    const struct entry_text *text = &entry->text;
    if (entry->kind == ENTRY_LABEL && text->choice >= snapshot->poll->choice_count)
        return bad_entry(entry, "the poll has no such choice", why);
    if (text->text.len > PROTO_TEXT_MAX || !line_is_text(text->text.at, text->text.len))
        return bad_entry(entry, "its text can't be", why);
    return apply_text(snapshot, entry->kind, text, entry->seq) == 0 ? 0 : out_of_memory(why);
}

/* ---- ballots ---- */

/* Counts a ballot as it was counted when it was cast. */
static int count_loaded(struct ledger *ledger, const struct loaded *loaded, char *why)
{
    struct snapshot *snapshot = ledger->batch.drafts[loaded->poll - 1].snapshot;
    struct vote before = {0};
    struct electorate *electorate = ledger->electorate;
    if (loaded->identified &&
        electorate_set(electorate, loaded->identity, loaded->vote, &before) != 0) {
        snprintf(why, STORE_WHY_MAX, "out of memory for the electorate");
        return -1;
    }
    if (before.seq && poll_setting(snapshot->poll, SETTING_BALLOTS) != BALLOTS_CHANGEABLE)
        return damaged(why, "a voter's second ballot in a poll that takes one, ballot",
                       loaded->vote.seq);
    if (before.seq &&
        !count_has_value(snapshot->poll, before.value)) /* the voter of another poll */
        return damaged(why, "its voter has voted in another poll, ballot", loaded->vote.seq);
    struct profile *profile = profiles_of(&ledger->profiles, snapshot->poll);
    if (profile && profile_count(profile, before.value, loaded->vote.value, 1) != 0)
        return out_of_memory(why);
    apply_ballot(snapshot, before, loaded->vote);
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

/* A name where the poll records names, a hash elsewhere. */
static bool can_be_voter(const struct poll *poll, const struct entry_ballot *ballot)
{
    if (poll_setting(poll, SETTING_RECORD) != RECORD_NAME)
        return !ballot->name.at;
    return ballot->name.at && ballot->name.len <= PROTO_VOTER_MAX &&
           line_is_text(ballot->name.at, ballot->name.len);
}

/* What is wrong with what a ballot says, or NULL. The hash is one of its marks, if it has any. */
static const char *judge_value(const struct poll *poll, const struct entry_ballot *ballot,
                               uint64_t hash)
{
    const uint8_t *marks = (const uint8_t *)ballot->marks.at;
    if (!marks && count_has_value(poll, ballot->value))
        return NULL;
    if (!poll->values)
        return "the poll has no such choice";
    if (!marks)
        return "the poll has no such value";
    if (ballot->value != values_count(poll->values) + 1)
        return "it defines a value that is not the next one";
    if (ballot->marks.len != poll->choice_count ||
        !marks_are_valid(marks, &poll->settings, poll->choice_count))
        return "its marks can't be";
    return values_find(poll->values, marks, hash) == 0 ? NULL : "its marks have a value already";
}

/* What is wrong with a ballot, or NULL. */
static const char *judge_ballot(const struct snapshot *snapshot, const struct entry_ballot *ballot,
                                uint64_t hash)
{
    const struct poll *poll = snapshot->poll;
    if (!snapshot->open)
        return "the poll is closed";
    const char *fault = judge_value(poll, ballot, hash);
    if (fault)
        return fault;
    if (ballot->weight != 1)
        return "its weight can't be";
    return can_be_voter(poll, ballot) ? NULL : "its voter can't be";
}

/* Judges a ballot, and defines the value that it is the first to have. */
static int check_ballot(struct ledger *ledger, const struct snapshot *snapshot,
                        const struct entry *entry, char *why)
{
    const struct entry_ballot *ballot = &entry->ballot;
    const uint8_t *marks = (const uint8_t *)ballot->marks.at;
    uint64_t hash = marks ? values_hash(ledger->key, marks, (unsigned)ballot->marks.len) : 0;
    const char *fault = judge_ballot(snapshot, ballot, hash);
    if (fault)
        return bad_entry(entry, fault, why);
    if (marks && values_add(snapshot->poll->values, marks, hash) == 0)
        return out_of_memory(why);
    return 0;
}

static int load_ballot(struct loading *loading, const struct snapshot *snapshot,
                       const struct entry *entry, char *why)
{
    struct ledger *ledger = loading->ledger;
    const struct entry_ballot *ballot = &entry->ballot;
    failpoint(FAILPOINT_START_LOAD);
    if (check_ballot(ledger, snapshot, entry, why) != 0)
        return -1;
    struct hash voter = ballot->voter;
    if (ballot->name.at)
        voter = voter_hash(ledger->key, VOTER_HASH_VOTER, entry->poll, ballot->name.at,
                           ballot->name.len);
    struct loaded *loaded = &loading->gathered[loading->count++];
    loaded->vote = vote_make(entry->seq, ballot->value,
                             judge_proof(snapshot->poll, ballot->has_key, &ballot->key));
    loaded->poll = entry->poll;
    loaded->identified =
        judge_identity(snapshot->poll, &voter, ballot->has_key, &ballot->key, &loaded->identity);
    if (loaded->identified)
        electorate_prefetch(ledger->electorate, loaded->identity);
    return loading->count == GATHER_MAX ? count_gathered(loading, why) : 0;
}

/* ---- entries ---- */

static int load_change(struct loading *loading, struct snapshot *snapshot,
                       const struct entry *entry, char *why)
{
    if (count_gathered(loading, why) != 0) /* the ballots before it */
        return -1;
    switch (entry->kind) {
    case ENTRY_BALLOT:
        break;
    case ENTRY_CREATE:
        return load_poll(loading->ledger, entry, why);
    case ENTRY_OPEN:
    case ENTRY_CLOSE:
        return load_state(snapshot, entry, why);
    case ENTRY_TITLE:
    case ENTRY_LABEL:
        return load_text(snapshot, entry, why);
    }
    log_broken(__FILE__, __LINE__, "an entry of no kind");
}

/* Sequences have no gap, and none is used twice. */
static int take_seq(struct ledger *ledger, uint64_t seq, char *why)
{
    if (seq < ledger->next_seq)
        return damaged(why, "a sequence is used twice:", seq);
    if (seq > ledger->next_seq || seq > ENTRY_SEQ_MAX)
        return damaged(why, "an entry is missing:", ledger->next_seq);
    ledger->next_seq++;
    return 0;
}

static int load_entry(void *context, const struct entry *entry, char *why)
{
    struct loading *loading = context;
    struct ledger *ledger = loading->ledger;
    if (take_seq(ledger, entry->seq, why) != 0)
        return -1;
    struct snapshot *snapshot = NULL;
    if (entry->kind != ENTRY_CREATE) {
        if (entry->poll < 1 || entry->poll > ledger->directory.count)
            return bad_entry(entry, "there is no such poll", why);
        snapshot = ledger->batch.drafts[entry->poll - 1].snapshot;
    }
    return entry->kind == ENTRY_BALLOT ? load_ballot(loading, snapshot, entry, why)
                                       : load_change(loading, snapshot, entry, why);
}

/* The entries must give the tally that was last shown. */
static int load_tally(void *context, const struct store_tally *tally, char *why)
{
    struct loading *loading = context;
    struct ledger *ledger = loading->ledger;
    if (count_gathered(loading, why) != 0) /* the last ones */
        return -1;
    if (tally->poll != loading->tallies + 1 || tally->poll > ledger->directory.count ||
        !line_is_text(tally->line, tally->len))
        return damaged(why, "last_tally of poll", tally->poll);
    loading->tallies++;
    const struct snapshot *snapshot = ledger->batch.drafts[tally->poll - 1].snapshot;
    char *line = malloc(tally_line_max(snapshot->poll->choice_count));
    if (!line)
        return out_of_memory(why);
    size_t len = snapshot_encode_line(snapshot, line);
    bool same = len == tally->len && memcmp(line, tally->line, len) == 0;
    if (!same)
        snprintf(why, STORE_WHY_MAX,
                 "the database is damaged: its ballots give \"%.*s\", but \"%.*s\" was last shown",
                 (int)len, line, (int)tally->len, tally->line);
    free(line);
    return same ? 0 : -1;
}

int load_ledger(struct ledger *ledger, char why[STORE_WHY_MAX])
{
    OWNER_ASSERT(&ledger->owner);
    ledger->next_seq = 1;
    struct loading loading = {.ledger = ledger};
    const struct store_visitor visitor = {&loading, load_entry, load_tally};
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
