/* Judging: decides what a batch changes. */
#ifndef TALLYCAST_JUDGE_H
#define TALLYCAST_JUDGE_H

#include "ledger/electorate.h"
#include "poll/poll.h"
#include "tally/tally.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/* Decides on each request of the batch, in order. Ledger's thread. */
void judge_batch(struct ledger *ledger);

/* Whether a ballot in this poll is known by a hash in the electorate, and by which. Any thread. */
bool judge_identity(const struct poll *poll, const struct hash *voter, bool has_key,
                    const struct hash *key, struct hash *identity);

/* Whether a ballot with a key has, in this poll, a second entry in the electorate by which its
 * caster is known, and which: a hash of the voter and the key together. The voter's vote is the
 * caster's own if both entries have the same sequence. Both hashes are keyed, so their sum is as
 * good as one. Any thread. */
bool judge_proof(const struct poll *poll, const struct hash *voter, bool has_key,
                 const struct hash *key, struct hash *proof);

/* Counts a ballot in place of the voter's earlier one, if there was one (before.seq is not 0).
 * Called by the snapshot's owner. */
void judge_count(struct snapshot *snapshot, struct vote before, unsigned choice, uint64_t seq);

#endif
