/* Judging: decides what a batch changes. */
#ifndef TALLYCAST_JUDGE_H
#define TALLYCAST_JUDGE_H

#include "base/hash.h"
#include "poll/poll.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/* Decides on each request of the batch, in order. Ledger's thread. */
void judge_batch(struct ledger *ledger);

/* Whether a ballot in this poll is known by a hash in the electorate, and by which. Any thread. */
bool judge_identity(const struct poll *poll, const struct hash *voter, bool has_key,
                    const struct hash *key, struct hash *identity);

/* What tells, in a poll where others may claim the same voter, who cast a ballot: a part of its
 * key. 0 in other polls, and for a ballot without a key. Any thread. */
uint64_t judge_proof(const struct poll *poll, bool has_key, const struct hash *key);

#endif
