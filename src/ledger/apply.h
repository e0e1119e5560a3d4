/* What an entry changes in its poll: the same when it is judged and when it is loaded. Called by
 * the snapshot's owner, before it is published. */
#ifndef TALLYCAST_APPLY_H
#define TALLYCAST_APPLY_H

#include "ledger/electorate.h"
#include "proto/entry.h"
#include "tally/tally.h"

#include <stdbool.h>
#include <stdint.h>

/* Counts a ballot in place of the voter's earlier one, if there was one (before.seq is not 0). */
void apply_ballot(struct snapshot *snapshot, struct vote before, struct vote vote);

/* Opens or closes the poll. CREATE does it, too, with the state that the poll begins in. */
void apply_state(struct snapshot *snapshot, bool open, uint64_t seq);

/* Changes the title, or a label of a choice that the poll has. Returns 0, or -1 if memory is
 * short. */
int apply_text(struct snapshot *snapshot, enum entry_kind kind, const struct entry_text *text,
               uint64_t seq) __attribute__((warn_unused_result));

#endif
