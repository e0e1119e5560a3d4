/* Judging: goes through a batch in order and decides on each request. All changes are private:
 * drafts are copies of the polls' snapshots that nobody sees before they are durable, and a journal
 * notes each changed entry of the electorate, so that commit_batch can take it back.
 *
 * Fails: if memory is short, the one request is refused with LIMIT; so is each that would need an
 * entry beyond ENTRY_SEQ_MAX. */
#include "ledger/judge.h"

#include "base/clock.h"
#include "base/log.h"
#include "ledger/apply.h"
#include "ledger/state.h"
#include "trace/journey.h"

#include <string.h>

enum { PREFETCH_AHEAD = 8 }; /* ballots between asking for an electorate's entry and using it */

/* ---- drafts ---- */

/* The poll as this batch has left it so far. */
static const struct snapshot *poll_now(const struct ledger *ledger, uint32_t poll)
{
    const struct snapshot *draft = ledger->batch.drafts[poll - 1].snapshot;
    return draft ? draft : tally_peek(ledger->tally, poll);
}

/* Whether the numbers of entries are used up. */
static bool is_full(const struct ledger *ledger)
{
    return ledger->next_seq > ENTRY_SEQ_MAX;
}

/* A snapshot of the poll that this batch may change by one more entry; NULL if there is no room for
 * that entry, or memory is short. */
static struct snapshot *draft_snapshot(struct ledger *ledger, uint32_t poll)
{
    if (is_full(ledger))
        return NULL;
    struct draft *draft = batch_draft(&ledger->batch, poll);
    if (!draft->snapshot && (draft->snapshot = snapshot_copy(tally_peek(ledger->tally, poll)))) {
        const struct values *values = draft->snapshot->poll->values;
        draft->value_count = values ? values_count(values) : 0;
    }
    return draft->snapshot;
}

/* ---- judging ---- */

static struct verdict refused(enum error error, uint64_t rests_on)
{
    return (struct verdict){.error = (int16_t)error, .number = rests_on, .rests_on = rests_on};
}

/* A verdict that tells what a ballot says. */
static struct verdict of_value(struct verdict verdict, uint32_t value)
{
    verdict.value = value;
    return verdict;
}

/* The same client has cast another ballot for the voter. */
static struct verdict refused_own(struct vote before)
{
    return of_value(refused(ERR_ALREADY_VOTED, before.seq), before.value);
}

/* Somebody else cast a ballot for the same voter. Not even its number is told: with that, the
 * tallies that were shown would give away its choice. */
static struct verdict refused_untold(uint64_t rests_on)
{
    return (struct verdict){.error = ERR_ALREADY_VOTED, .rests_on = rests_on};
}

/* A limit was reached, perhaps only by this batch's entries, which may be undone. */
static struct verdict refused_by_limit(const struct ledger *ledger)
{
    const struct batch *batch = &ledger->batch;
    return (struct verdict){.error = ERR_LIMIT,
                            .rests_on = batch_has_entries(batch) ? batch->first_seq : 0};
}

static struct verdict repeated(uint64_t seq)
{
    return (struct verdict){.duplicate = true, .number = seq, .rests_on = seq};
}

static struct verdict accepted(uint64_t seq)
{
    return (struct verdict){.number = seq, .rests_on = seq};
}

bool judge_identity(const struct poll *poll, const struct hash *voter, bool has_key,
                    const struct hash *key, struct hash *identity)
{
    bool unlimited = poll_setting(poll, SETTING_BALLOTS) == BALLOTS_UNLIMITED;
    *identity = unlimited ? *key : *voter;
    return !unlimited || has_key;
}

uint64_t judge_proof(const struct poll *poll, bool has_key, const struct hash *key)
{
    bool claimable = poll_setting(poll, SETTING_VOTERS) == VOTERS_NAMED &&
                     poll_setting(poll, SETTING_BALLOTS) != BALLOTS_UNLIMITED;
    return claimable && has_key ? (key->low | 1) & VOTE_PROOF_MAX : 0;
}

/* The batch's next entry, still without what its kind has. */
static struct entry *record(struct ledger *ledger, enum entry_kind kind, uint32_t poll)
{
    INVARIANT(!is_full(ledger));
    struct entry *entry = &ledger->batch.entries[ledger->batch.entry_count++];
    entry->seq = ledger->next_seq++;
    entry->time_ns = ledger->batch.time_ns;
    entry->poll = poll;
    entry->kind = kind;
    return entry;
}

/* A ballot that `defines` its value is recorded with its marks. */
static void record_ballot(struct ledger *ledger, const struct request *request, uint32_t value,
                          bool defines)
{
    static const struct request_ballot nothing;
    const struct request_ballot *detail = request->detail ? request->detail : &nothing;
    struct entry_ballot *ballot = &record(ledger, ENTRY_BALLOT, request->poll)->ballot;
    *ballot = (struct entry_ballot){
        .value = value,
        .weight = 1,
        .has_key = request_has_id(request),
        .voter = request->voter,
        .key = request->key,
        .name = detail->name,
        .spelling = detail->spelling,
        .marks = defines ? detail->marks : nothing.marks,
    };
}

/* ---- values ---- */

/* The value of what a ballot says; 0 if none has said it before. */
static uint32_t find_value(const struct poll *poll, const struct request *request)
{
    if (request->value != 0)
        return request->value;
    const struct request_ballot *detail = request->detail;
    return values_find(poll->values, (const uint8_t *)detail->marks.at, detail->marks_hash);
}

/* Makes a value of what a ballot is the first to say. 0 if memory or numbers are used up. */
static uint32_t add_value(const struct poll *poll, const struct request *request)
{
    const struct request_ballot *detail = request->detail;
    return values_add(poll->values, (const uint8_t *)detail->marks.at, detail->marks_hash);
}

/* Counts a ballot in the poll's profile, if it has one, to be undone with the batch. Returns 0, or
 * -1 if memory is short. */
static int count_in_profile(struct ledger *ledger, const struct poll *poll, uint32_t before,
                            uint32_t value)
{
    if (!poll->values)
        return 0;
    const struct counted counted = {profiles_of(&ledger->profiles, poll), before, value};
    if (!counted.profile)
        return 0;
    if (profile_count(counted.profile, before, value, 1) != 0)
        return -1;
    ledger->batch.counted[ledger->batch.counted_count++] = counted;
    return 0;
}

/* Sets a vote in the electorate, to be undone with the batch. Returns 0, or -1 if memory is
 * short. */
static int set_vote(struct ledger *ledger, struct hash hash, struct vote vote)
{
    struct undo undo = {.voter = hash};
    if (electorate_set(ledger->electorate, hash, vote, &undo.before) != 0)
        return -1;
    ledger->batch.undos[ledger->batch.undo_count++] = undo;
    return 0;
}

/* Where a ballot counts: under which hash, and in place of what. */
struct standing {
    struct hash identity;
    bool identified; /* the electorate knows it by its identity */
    struct vote before;
    uint64_t proof;
};

static struct standing find_standing(const struct ledger *ledger, const struct poll *poll,
                                     const struct request *request)
{
    struct standing standing = {0};
    standing.identified = judge_identity(poll, &request->voter, request_has_id(request),
                                         &request->key, &standing.identity);
    standing.proof = judge_proof(poll, request->key_kind >= REQUEST_KEY_ID, &request->key);
    if (standing.identified)
        standing.before = electorate_find(ledger->electorate, standing.identity);
    return standing;
}

/* Counts and records a ballot; a `value` of 0 becomes a new one. */
static struct verdict take_ballot(struct ledger *ledger, const struct request *request,
                                  const struct standing *standing, uint32_t value)
{
    const bool defines = value == 0;
    struct snapshot *draft = draft_snapshot(ledger, request->poll);
    if (!draft || (defines && (value = add_value(draft->poll, request)) == 0))
        return refused_by_limit(ledger);
    struct vote vote = vote_make(ledger->next_seq, value, standing->proof);
    if (standing->identified && set_vote(ledger, standing->identity, vote) != 0)
        goto err_value;
    if (count_in_profile(ledger, draft->poll, standing->before.value, value) != 0)
        goto err_vote;
    apply_ballot(draft, standing->before, vote);
    record_ballot(ledger, request, value, defines);
    struct verdict verdict = of_value(accepted(vote.seq), value);
    verdict.first = standing->identified && standing->before.seq == 0;
    return verdict;

err_vote:
    if (standing->identified)
        batch_undo_last(&ledger->batch, ledger->electorate);
err_value:
    if (defines)
        values_truncate(draft->poll->values, value - 1);
    return refused_by_limit(ledger);
}

/* The answer tells nobody what somebody else has cast under the same name: the same choice gets the
 * same answer as any other. */
static struct verdict judge_ballot(struct ledger *ledger, const struct request *request)
{
    const struct snapshot *now = poll_now(ledger, request->poll);
    const struct standing standing = find_standing(ledger, now->poll, request);
    const struct vote before = standing.before;
    const uint32_t value = find_value(now->poll, request);
    const bool own = before.proof == standing.proof;

    if (before.seq && own && before.value == value)
        return of_value(repeated(before.seq), value);
    if (!now->open)
        return refused(ERR_POLL_CLOSED, now->state_seq);
    if (before.seq && poll_setting(now->poll, SETTING_BALLOTS) != BALLOTS_CHANGEABLE)
        return own ? refused_own(before) : refused_untold(before.seq);
    if (request->key_kind == REQUEST_KEY_AFTER && before.seq > request->after)
        return refused_own(before);
    if (request->key_kind == REQUEST_KEY_ID_OF_ONE && before.seq && own)
        return refused_own(before);
    return take_ballot(ledger, request, &standing, value);
}

/* Later requests of the batch may change this, but there is no need to wait: the answer, like all,
 * comes when the batch is durable. */
static struct verdict judge_lookup(const struct ledger *ledger, const struct request *request)
{
    struct vote vote = electorate_find(ledger->electorate, request->voter);
    return (struct verdict){.number = vote.seq, .value = vote.value, .rests_on = vote.seq};
}

/* The poll of that name, durable or of this batch; NULL if there is none. */
static const struct poll *poll_named(const struct ledger *ledger, const struct name *name)
{
    for (uint32_t i = 0; i < ledger->batch.created_count; i++)
        if (name_equal(&ledger->batch.created[i]->name, name))
            return ledger->batch.created[i];
    return directory_find(&ledger->directory, name);
}

/* Takes over the request's poll if it is accepted. */
static struct verdict judge_create(struct ledger *ledger, struct request *request)
{
    struct poll *poll = request->detail;
    const struct poll *existing = poll_named(ledger, &poll->name);
    if (existing)
        return refused(ERR_POLL_EXISTS,
                       existing->id > ledger->directory.count ? ledger->batch.first_seq : 0);
    uint32_t id = ledger->directory.count + ledger->batch.created_count + 1;
    poll->id = id;
    if (id > POLLS_MAX || is_full(ledger) || profiles_add(&ledger->profiles, poll) != 0)
        return refused_by_limit(ledger);
    struct snapshot *snapshot = snapshot_new(poll);
    if (!snapshot) {
        profiles_remove(&ledger->profiles, poll);
        return refused_by_limit(ledger);
    }
    request->detail = NULL;
    ledger->batch.created[ledger->batch.created_count++] = poll;
    struct entry *entry = record(ledger, ENTRY_CREATE, id);
    entry->create = (struct entry_create){.name = &poll->name,
                                          .settings = &poll->settings,
                                          .choices = poll->choices,
                                          .choice_count = poll->choice_count,
                                          .lot = poll->lot};
    apply_state(snapshot, snapshot->open, entry->seq);
    batch_draft(&ledger->batch, id)->snapshot = snapshot;
    return accepted(entry->seq);
}

static struct verdict judge_state(struct ledger *ledger, const struct request *request, bool open)
{
    const struct snapshot *now = poll_now(ledger, request->poll);
    if (now->open == open)
        return repeated(now->state_seq);
    struct snapshot *draft = draft_snapshot(ledger, request->poll);
    if (!draft)
        return refused_by_limit(ledger);
    struct entry *entry = record(ledger, open ? ENTRY_OPEN : ENTRY_CLOSE, request->poll);
    apply_state(draft, open, entry->seq);
    return accepted(entry->seq);
}

/* TITLE and LABEL: an entry, but no change of the tally. */
static struct verdict judge_text(struct ledger *ledger, const struct request *request,
                                 enum entry_kind kind)
{
    const struct request_text *text = request->detail;
    const struct entry_text changed = {
        .choice = kind == ENTRY_LABEL ? request->choice : 0,
        .text = {text->bytes, text->len},
    };
    struct snapshot *draft = draft_snapshot(ledger, request->poll);
    if (!draft || apply_text(draft, kind, &changed, ledger->next_seq) != 0)
        return refused_by_limit(ledger);
    struct entry *entry = record(ledger, kind, request->poll);
    entry->text = changed;
    return accepted(entry->seq);
}

static struct verdict judge(struct ledger *ledger, struct request *request)
{
    switch ((enum request_kind)request->kind) {
    case REQUEST_BALLOT:
        return judge_ballot(ledger, request);
    case REQUEST_LOOKUP:
        return judge_lookup(ledger, request);
    case REQUEST_CREATE:
        return judge_create(ledger, request);
    case REQUEST_TITLE:
        return judge_text(ledger, request, ENTRY_TITLE);
    case REQUEST_LABEL:
        return judge_text(ledger, request, ENTRY_LABEL);
    case REQUEST_OPEN:
        return judge_state(ledger, request, true);
    case REQUEST_CLOSE:
        return judge_state(ledger, request, false);
    case REQUEST_BACKUP:
    case REQUEST_RESULT:
        break;
    }
    log_broken(__FILE__, __LINE__, "a request that can't be judged");
}

static void prefetch(const struct ledger *ledger, const struct request *request)
{
    if (request->kind != REQUEST_BALLOT)
        return;
    electorate_prefetch(ledger->electorate, request->voter);
    if (request_has_id(request))
        electorate_prefetch(ledger->electorate, request->key);
}

/* Lists a ballot whose journey goes on. It is one in 256, so this is kept out of the loop over
 * all. */
__attribute__((noinline)) static void note_journey(struct ledger *ledger, size_t place)
{
    const struct verdict *verdict = &ledger->batch.verdicts[place];
    if (verdict->error != 0 || verdict->duplicate)
        return;
    ledger->batch.requests[place].journey->at_ns[JOURNEY_judged] = clock_monotonic_ns();
    ledger->batch.sampled[ledger->batch.sampled_count++] = (uint16_t)place;
}

void judge_batch(struct ledger *ledger)
{
    OWNER_ASSERT(&ledger->owner);
    ledger->batch.first_seq = ledger->next_seq;
    ledger->batch.time_ns = clock_real_ns();
    for (size_t i = 0; i < ledger->batch.request_count; i++) {
        if (i + PREFETCH_AHEAD < ledger->batch.request_count)
            prefetch(ledger, &ledger->batch.requests[i + PREFETCH_AHEAD]);
        ledger->batch.verdicts[i] = judge(ledger, &ledger->batch.requests[i]);
        if (ledger->batch.requests[i].journey)
            note_journey(ledger, i);
    }
}
