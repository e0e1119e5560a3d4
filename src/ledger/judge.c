/* Judging: goes through a batch in order and decides on each request. All changes are private:
 * drafts are copies of the polls' snapshots that nobody sees before they are durable, and a journal
 * notes each changed entry of the electorate, so that commit_batch can take it back.
 *
 * Fails: if memory is short, the one request is refused with LIMIT. */
#include "ledger/judge.h"

#include "base/clock.h"
#include "base/log.h"
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

/* A snapshot of the poll that this batch may change; NULL if memory is short. */
static struct snapshot *draft_snapshot(struct ledger *ledger, uint32_t poll)
{
    struct draft *draft = batch_draft(&ledger->batch, poll);
    if (!draft->snapshot)
        draft->snapshot = snapshot_copy(tally_peek(ledger->tally, poll));
    return draft->snapshot;
}

/* ---- judging ---- */

static struct verdict refused(enum error error, uint64_t rests_on)
{
    return (struct verdict){.error = (int16_t)error, .number = rests_on, .rests_on = rests_on};
}

/* Somebody else cast a ballot for the same voter. Not even its number is told: with that, the
 * tallies that were shown would give away its choice. */
static struct verdict refused_untold(uint64_t rests_on)
{
    return (struct verdict){.error = ERR_ALREADY_VOTED, .rests_on = rests_on};
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
    return claimable && has_key ? (key->low | 1) & 0xffffffffffffu : 0;
}

void judge_count(struct snapshot *snapshot, struct vote before, unsigned choice, uint64_t seq)
{
    if (before.seq)
        snapshot->counts[before.choice]--;
    else
        snapshot->ballots++;
    snapshot->counts[choice]++;
    snapshot->seq = seq;
}

static void record_ballot(struct ledger *ledger, const struct request *request, uint64_t seq)
{
    const struct request_text *name = request->detail;
    ledger->batch.ballots[ledger->batch.ballot_count++] = (struct store_ballot){
        .seq = seq,
        .poll = request->poll,
        .choice = request->choice,
        .has_key = request->key_kind == REQUEST_KEY_ID,
        .voter = request->voter,
        .key = request->key,
        .voter_name = name ? name->bytes : NULL,
        .voter_name_len = name ? name->len : 0,
    };
}

/* Sets an entry of the electorate, to be undone with the batch. Returns 0, or -1 if memory is
 * short. */
static int set_entry(struct ledger *ledger, struct hash hash, struct vote vote)
{
    struct undo undo = {.voter = hash};
    if (electorate_set(ledger->electorate, hash, vote, &undo.before) != 0)
        return -1;
    ledger->batch.undos[ledger->batch.undo_count++] = undo;
    return 0;
}

/* The answer tells nobody what somebody else has cast under the same name: the same choice gets the
 * same answer as any other. */
static struct verdict judge_ballot(struct ledger *ledger, const struct request *request)
{
    const struct snapshot *now = poll_now(ledger, request->poll);
    struct hash identity;
    bool identified = judge_identity(now->poll, &request->voter,
                                     request->key_kind == REQUEST_KEY_ID, &request->key, &identity);
    uint64_t proof = judge_proof(now->poll, request->key_kind >= REQUEST_KEY_ID, &request->key);
    struct vote before = {0};
    if (identified)
        before = electorate_find(ledger->electorate, identity);
    bool own = before.proof == proof;

    if (before.seq && own && before.choice == request->choice)
        return repeated(before.seq);
    if (!now->open)
        return refused(ERR_POLL_CLOSED, now->state_seq);
    if (before.seq && poll_setting(now->poll, SETTING_BALLOTS) != BALLOTS_CHANGEABLE)
        return own ? refused(ERR_ALREADY_VOTED, before.seq) : refused_untold(before.seq);
    if (request->key_kind == REQUEST_KEY_AFTER && before.seq > request->after)
        return refused(ERR_ALREADY_VOTED, before.seq);

    struct snapshot *draft = draft_snapshot(ledger, request->poll);
    struct vote vote = vote_make(ledger->next_seq, request->choice, proof);
    if (!draft || (identified && set_entry(ledger, identity, vote) != 0))
        return refused(ERR_LIMIT, 0);
    judge_count(draft, before, request->choice, vote.seq);
    record_ballot(ledger, request, vote.seq);
    ledger->next_seq++;
    struct verdict verdict = accepted(vote.seq);
    verdict.first = identified && before.seq == 0;
    return verdict;
}

/* Later requests of the batch may change this, but there is no need to wait: the answer, like all,
 * comes when the batch is durable. */
static struct verdict judge_lookup(const struct ledger *ledger, const struct request *request)
{
    struct vote vote = electorate_find(ledger->electorate, request->voter);
    return (struct verdict){.number = vote.seq, .choice = vote.choice, .rests_on = vote.seq};
}

static struct store_event *record_event(struct ledger *ledger, enum store_event_kind kind,
                                        const struct poll *poll)
{
    struct store_event *event = &ledger->batch.events[ledger->batch.event_count++];
    *event = (struct store_event){.seq = ledger->next_seq++, .kind = kind, .poll = poll};
    return event;
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
    if (id > POLLS_MAX) /* perhaps only by this batch's polls, which may be undone */
        return refused(ERR_LIMIT, ledger->batch.created_count > 0 ? ledger->batch.first_seq : 0);
    poll->id = id;
    struct snapshot *snapshot = snapshot_new(poll);
    if (!snapshot)
        return refused(ERR_LIMIT, 0);
    request->detail = NULL;
    ledger->batch.created[ledger->batch.created_count++] = poll;
    uint64_t seq = record_event(ledger, STORE_CREATE, poll)->seq;
    snapshot->seq = snapshot->state_seq = seq;
    batch_draft(&ledger->batch, id)->snapshot = snapshot;
    return accepted(seq);
}

static struct verdict judge_state(struct ledger *ledger, const struct request *request, bool open)
{
    const struct snapshot *now = poll_now(ledger, request->poll);
    if (now->open == open)
        return repeated(now->state_seq);
    struct snapshot *draft = draft_snapshot(ledger, request->poll);
    if (!draft)
        return refused(ERR_LIMIT, 0);
    draft->open = open;
    draft->opened |= open;
    draft->seq = draft->state_seq =
        record_event(ledger, open ? STORE_OPEN : STORE_CLOSE, draft->poll)->seq;
    return accepted(draft->seq);
}

/* TITLE and LABEL: an entry, but no change of the tally. */
static struct verdict judge_text(struct ledger *ledger, const struct request *request,
                                 enum store_event_kind kind)
{
    const struct request_text *text = request->detail;
    unsigned index = kind == STORE_LABEL ? 1u + request->choice : 0;
    struct snapshot *draft = draft_snapshot(ledger, request->poll);
    if (!draft || snapshot_set_text(draft, index, text->bytes, text->len, ledger->next_seq) != 0)
        return refused(ERR_LIMIT, 0);
    struct store_event *event = record_event(ledger, kind, draft->poll);
    event->choice = request->choice;
    event->text = text->bytes;
    event->text_len = text->len;
    return accepted(event->seq);
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
        return judge_text(ledger, request, STORE_TITLE);
    case REQUEST_LABEL:
        return judge_text(ledger, request, STORE_LABEL);
    case REQUEST_OPEN:
        return judge_state(ledger, request, true);
    case REQUEST_CLOSE:
        return judge_state(ledger, request, false);
    case REQUEST_BACKUP:
        break;
    }
    log_broken(__FILE__, __LINE__, "a request that can't be judged");
}

static void prefetch(const struct ledger *ledger, const struct request *request)
{
    if (request->kind != REQUEST_BALLOT)
        return;
    electorate_prefetch(ledger->electorate, request->voter);
    if (request->key_kind == REQUEST_KEY_ID)
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
    for (size_t i = 0; i < ledger->batch.request_count; i++) {
        if (i + PREFETCH_AHEAD < ledger->batch.request_count)
            prefetch(ledger, &ledger->batch.requests[i + PREFETCH_AHEAD]);
        ledger->batch.verdicts[i] = judge(ledger, &ledger->batch.requests[i]);
        if (ledger->batch.requests[i].journey)
            note_journey(ledger, i);
    }
}
