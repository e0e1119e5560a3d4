/* The changes of a snapshot. Only a text needs memory. */
#include "ledger/apply.h"

#include "count/count.h"

void apply_ballot(struct snapshot *snapshot, struct vote before, struct vote vote)
{
    const uint32_t old = before.value, value = vote.value;
    count_ballot(snapshot->poll, snapshot->counts, old, value);
    snapshot->ballots += before.seq == 0;
    snapshot->abstained += (uint64_t)(value == VALUE_ABSTAIN) - (uint64_t)(old == VALUE_ABSTAIN);
    snapshot->seq = vote.seq;
}

void apply_state(struct snapshot *snapshot, bool open, uint64_t seq)
{
    snapshot->open = open;
    snapshot->opened |= open;
    snapshot->seq = snapshot->state_seq = seq;
}

int apply_text(struct snapshot *snapshot, enum entry_kind kind, const struct entry_text *text,
               uint64_t seq)
{
    unsigned index = kind == ENTRY_LABEL ? text->choice + 1 : 0;
    return snapshot_set_text(snapshot, index, text->text.at, text->text.len, seq);
}
