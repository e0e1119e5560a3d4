/* A batch: the requests that are judged, committed and answered together, the verdict on each, and
 * the batch's changes to the polls before they are shown. Owned by the ledger's thread; before that
 * starts, by the main thread. */
#ifndef TALLYCAST_BATCH_H
#define TALLYCAST_BATCH_H

#include "count/profile.h"
#include "ledger/electorate.h"
#include "ledger/request.h"
#include "store/store.h"
#include "tally/tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BATCH_MAX = 16384 }; /* requests a commit */

/* The decision about a request. */
struct verdict {
    int16_t error;
    bool duplicate;
    bool first;        /* a ballot: its voter had none in the poll before */
    uint32_t value;    /* for the answer */
    uint64_t number;   /* for the answer */
    uint64_t rests_on; /* the entry without which the verdict would not be true; 0 for none */
};

/* A batch's changes to a poll, before they are shown. */
struct draft {
    struct snapshot *snapshot;
    uint32_t value_count; /* of the poll's values before the batch; if there is a snapshot */
    bool touched;         /* listed in batch.touched */
};

/* An electorate's entry as it was before the batch. */
struct undo {
    struct hash voter;
    struct vote before;
};

/* A ballot that a profile counted. */
struct counted {
    struct profile *profile;
    uint32_t before; /* the value of the voter's earlier one; 0 for none */
    uint32_t value;
};

/* Arrays have BATCH_MAX elements, except where noted. */
struct batch {
    struct request *requests;
    uint16_t *request_ports;
    struct verdict *verdicts;
    size_t request_count;
    uint64_t first_seq;    /* next_seq when the batch began */
    uint64_t time_ns;      /* of its entries */
    struct entry *entries; /* what is accepted, from first_seq on */
    size_t entry_count;
    struct undo *undos;
    size_t undo_count;
    struct counted *counted;
    size_t counted_count;
    uint16_t *sampled; /* by place in `requests`: accepted ballots that have a journey */
    size_t sampled_count;
    uint64_t committed_ns; /* monotonic clock, when the batch was synced */
    struct poll **created; /* polls of this batch, in the order of their ids */
    uint32_t created_count;
    struct draft *drafts; /* POLLS_MAX, by poll id - 1; all zero between batches */
    uint32_t *touched;    /* POLLS_MAX: ids of the polls with a draft */
    size_t touched_count;
    struct snapshot **changes;   /* POLLS_MAX */
    struct store_tally *tallies; /* POLLS_MAX */
    char *lines;                 /* the tallies' bytes */
    size_t lines_capacity;
};

static inline bool batch_has_entries(const struct batch *batch)
{
    return batch->entry_count > 0;
}

/* Makes an empty batch of one that is all zero. Returns 0, or -1 if memory is short; the caller
 * must call batch_destroy in any case. */
int batch_init(struct batch *batch) __attribute__((warn_unused_result));
void batch_destroy(struct batch *batch);

/* Forgets the requests and their verdicts, but keeps the drafts. */
void batch_reset(struct batch *batch);

/* Takes back the last noted change of the electorate. */
void batch_undo_last(struct batch *batch, struct electorate *electorate);

/* Takes back the last ballot that a profile counted. */
void batch_undo_counted(struct batch *batch);

/* Takes back the values that the batch has added. */
void batch_undo_values(struct batch *batch);

/* The draft of a poll, listed as touched. */
struct draft *batch_draft(struct batch *batch, uint32_t poll);

/* Empties the drafts. Releases what they hold, unless somebody else owns it now. */
void batch_drop_drafts(struct batch *batch);
void batch_forget_drafts(struct batch *batch);

/* Lists the drafts' snapshots in `changes`, for the tally. Returns how many. */
size_t batch_list_changes(struct batch *batch);

#endif
