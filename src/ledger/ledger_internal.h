/* What the ledger_*.c files share: the ledger's data and its steps. Nobody else includes it. The
 * ledger's thread owns all of it; before that is started, the main thread does. */
#ifndef TALLYCAST_LEDGER_INTERNAL_H
#define TALLYCAST_LEDGER_INTERNAL_H

#include "poll/directory.h"
#include "ledger/electorate.h"
#include "ledger/ledger.h"
#include "base/ring.h"
#include "base/waker.h"

#include <pthread.h>
#include <stdatomic.h>

enum { BATCH_MAX = 16384 }; /* requests a commit */

/* One loop's connection to the ledger. */
struct port {
    struct ring requests; /* loop → ledger */
    struct ring answers;  /* ledger → loop */
    struct waker *waker;  /* the loop's */
};

/* What was decided about a request. */
struct verdict {
    int32_t error;
    bool duplicate;
    uint64_t number;   /* for the answer */
    uint64_t rests_on; /* the entry without which the verdict would not be true; 0 for none */
};

/* What a batch changes about a poll, before it is shown. */
struct draft {
    struct snapshot *snapshot;
    struct poll_texts *texts;
    bool touched; /* listed in batch.touched */
};

/* An electorate's entry as it was before the batch. */
struct undo {
    struct hash voter;
    struct vote before;
};

/* One copy of the database under way. */
struct backup {
    bool running;
    pthread_t thread;
    unsigned port;
    struct conn_ref to;
    struct request_text *path; /* owned; NULL: */
    int file;                  /* owned */
    const struct store *store;
    struct waker *ledger;
    atomic_bool cancelled;
    atomic_bool done; /* the copying thread has set what follows */
    int error;
    uint64_t bytes;
};

struct ledger {
    struct store *store;
    struct tally *tally;
    const struct voter_key *key;
    struct electorate *electorate;
    struct directory directory; /* of durable polls */
    uint64_t next_seq;

    /* The batch. Arrays of BATCH_MAX but where noted. */
    struct request *requests;
    uint16_t *request_ports;
    struct verdict *verdicts;
    size_t request_count;
    uint64_t first_seq; /* next_seq when the batch began */
    struct store_ballot *ballots;
    size_t ballot_count;
    struct store_event *events;
    size_t event_count;
    struct undo *undos;
    size_t undo_count;
    uint16_t *sampled; /* by place in `requests`: accepted ballots that have a journey */
    size_t sampled_count;
    uint64_t committed_ns; /* monotonic clock, when the batch was synced */
    struct poll **created; /* polls of this batch, in the order of their ids */
    uint32_t created_count;
    struct draft *drafts; /* POLLS_MAX, by poll id - 1; all zero between batches */
    uint32_t *touched;    /* POLLS_MAX: ids of the polls with a draft */
    size_t touched_count;
    struct tally_change *changes; /* POLLS_MAX */
    struct store_tally *tallies;  /* POLLS_MAX */
    char *lines;                  /* the tallies' bytes */
    size_t lines_capacity;

    struct backup backup;
    struct ledger_stats stats;
    struct waker waker;
    pthread_t thread;
    atomic_bool stopping;
    unsigned port_count;
    unsigned first_port; /* where the next gathering starts, so that no loop always comes last */
    struct port *ports;
};

/* ---- ledger_judge.c: what a batch would change ---- */

/* Decides on each request of the batch, in order. */
void ledger_judge(struct ledger *ledger);

/* The draft of a poll, listed as touched. */
struct draft *ledger_draft_touch(struct ledger *ledger, uint32_t poll);

/* Empties the drafts, with or without releasing what they hold. */
void ledger_drafts_drop(struct ledger *ledger);
void ledger_drafts_forget(struct ledger *ledger);

/* Whether a ballot in this poll is known by a hash in the electorate, and by which. */
bool ledger_ballot_identity(const struct poll *poll, const struct hash *voter, bool has_key,
                            const struct hash *key, struct hash *identity);

/* Counts a ballot in place of the voter's earlier one, if there was one (before.seq is not 0). */
void ledger_count_ballot(struct snapshot *snapshot, struct vote before, unsigned choice,
                         uint64_t seq);

/* ---- ledger_commit.c: making it durable and showing it ---- */

/* Makes the batch durable, or undoes it. Returns whether there is something new to show. */
bool ledger_commit(struct ledger *ledger);

/* Shows what was committed. */
void ledger_publish(struct ledger *ledger);

/* Writes a snapshot's tally as it will be shown once the poll may be seen, without an end of line;
 * `out` has room for tally_line_max bytes. Returns its length. */
size_t ledger_encode_line(const struct snapshot *snapshot, char *out);

/* ---- ledger_load.c ---- */

/* Reads everything that the store holds and shows it. Returns 0, or -1 with `why` filled. */
int ledger_load(struct ledger *ledger, char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

/* ---- ledger_backup.c ---- */

/* Starts a copy, which takes over the request's path or file; or answers why not. */
void ledger_backup_start(struct ledger *ledger, unsigned port, struct request *request);

/* Answers a copy that is done; waits for it first if `wait`. */
void ledger_backup_finish(struct ledger *ledger, bool wait);

/* ---- ledger.c ---- */

/* Puts an answer in a port's ring; ledger_flush_answers sends what was put in all of them. */
void ledger_answer(struct ledger *ledger, unsigned port, struct answer answer);
void ledger_flush_answers(struct ledger *ledger);

#endif
