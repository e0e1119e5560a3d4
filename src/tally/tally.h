/* The tally: the newest snapshot of every poll, under the one mutex that threads share on a
 * ballot's way.
 *
 * The ledger thread prepares new snapshots outside the mutex and publishes them: in one short
 * critical section it swaps pointers and publishes the new slots of each feed's ring. Everyone else
 * takes references. Nothing is allocated, freed, written or woken while the mutex is held. */
#ifndef TALLYCAST_TALLY_H
#define TALLYCAST_TALLY_H

#include "base/histogram.h"
#include "count/result.h"
#include "poll/poll.h"
#include "proto/reply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally;
struct waker;

/* The mark of a snapshot: the sampled ballots (journey.h) that it is the first to show, those of
 * the last batch with any. A newer snapshot keeps the mark of the one before unless it has its own,
 * so that a receiver that misses a snapshot still finds its mark. By the sequences, a receiver
 * tells which marks it knows already. */
struct snapshot_mark {
    uint64_t first_seq;    /* of the batch */
    uint64_t last_seq;     /* of the snapshot; 0 where there is no mark */
    uint64_t committed_ns; /* monotonic clock */
    uint64_t counted_ns;   /* set by tally_publish */
    bool traced;           /* some of them is traced */
};

/* A rendering of a snapshot. The first thread that needs it makes it, and then all share it, so
 * that thousands of equal requests cost as much as one. It lives as long as the snapshot. */
enum rendering_kind {
    RENDERING_JSON,   /* the poll as JSON, for HTTP */
    RENDERING_CARD,   /* its part of the page that lists polls */
    RENDERING_RESULT, /* its newest result as JSON, without pairs */
    RENDERINGS,
};

struct rendering {
    size_t len;
    char bytes[];
};

/* One poll's counts and texts at one point of the ledger. Immutable once published;
 * reference-counted.
 *
 * The result of a method that is additive is made of the counts by whoever needs it first, and kept
 * like a rendering. That of another method takes longer than ballots may wait: it is made from an
 * earlier snapshot or this one, and comes with a copy of the newest, so it may lag behind the
 * counts. Each copy keeps it until a newer one comes, or results are hidden. */
struct snapshot {
    _Atomic unsigned refs;
    bool open;
    bool opened; /* is open, or has been */
    const struct poll *poll;
    struct poll_texts *texts; /* owned reference; NULL while the texts are the poll's names */
    uint64_t seq;             /* of the last entry that changed the tally */
    uint64_t texts_seq;       /* of the last entry that changed a text; 0 for none */
    uint64_t state_seq;       /* of the entry that opened or closed the poll */
    uint64_t ballots;         /* ballots that count, abstentions included */
    uint64_t abstained;       /* of them, abstentions */
    struct snapshot_mark mark;
    _Atomic(struct result *) result;                    /* owned reference; NULL until made */
    _Atomic(struct rendering *) renderings[RENDERINGS]; /* owned; NULL until made */
    uint64_t counts[];                                  /* by choice, poll->choice_count of them */
};

/* A snapshot of a new poll, or a copy to be changed before it is published. The caller owns one
 * reference. NULL if memory is short. Any thread. */
struct snapshot *snapshot_new(const struct poll *poll);
struct snapshot *snapshot_copy(const struct snapshot *from);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */

/* Of the last entry that changed anything: never falls from one snapshot of a poll to the next. */
static inline uint64_t snapshot_version(const struct snapshot *snapshot)
{
    return snapshot->seq > snapshot->texts_seq ? snapshot->seq : snapshot->texts_seq;
}

/* Whether the poll's results are hidden: nobody may be told of a count or a winner. Any thread. */
bool snapshot_is_hidden(const struct snapshot *snapshot);

/* The newest result that there is, which belongs to the tally `result->seq`; it lives as long as
 * the snapshot. NULL if there is none yet, or memory is short for one that is additive. It is for
 * those who may see it: the caller asks snapshot_is_hidden first. Any thread. */
struct result *snapshot_result(struct snapshot *snapshot);

/* The tally to which the result belongs that may be shown: of a hidden one nothing is shown, and
 * that belongs to the present tally. 0 if there is none yet. Any thread. */
uint64_t snapshot_result_seq(const struct snapshot *snapshot);

/* Whether a result must still be counted before it can be told: of a closed poll the one of its
 * last tally, of an open one any. Never while it is hidden. Any thread. */
bool snapshot_owes_result(const struct snapshot *snapshot);

/* Whether the result lags behind the tally, and may be counted: it is not hidden. Any thread. */
bool snapshot_lacks_result(const struct snapshot *snapshot);

/* Gives a snapshot that is not published yet a newer result, and takes over the reference. */
void snapshot_set_result(struct snapshot *snapshot, struct result *result);

/* Whether a snapshot of a poll shows anything that another one of it does not show yet. */
bool snapshot_is_newer(const struct snapshot *snapshot, const struct snapshot *than);

/* Changes a text of a snapshot that is not published yet, by the entry `seq`: the title, which is
 * number 0, or the label of choice `index - 1`. Returns 0, or -1 if memory is short. */
int snapshot_set_text(struct snapshot *snapshot, unsigned index, const char *bytes, size_t len,
                      uint64_t seq) __attribute__((warn_unused_result));

/* The rendering of that kind, or NULL if there is none yet. Any thread. */
const struct rendering *snapshot_rendering(const struct snapshot *snapshot,
                                           enum rendering_kind kind);

/* Keeps a copy of `len` bytes as the rendering, unless another thread was first with the same.
 * Returns the kept one; NULL if memory is short. Any thread. */
const struct rendering *snapshot_keep_rendering(struct snapshot *snapshot, enum rendering_kind kind,
                                                const char *bytes, size_t len);

/* The text for people: the title, or a label; the name if none was given. Points into the
   snapshot. */
struct span snapshot_title(const struct snapshot *snapshot);
struct span snapshot_label(const struct snapshot *snapshot, unsigned choice);

/* "open"; "closed"; or "waiting", before the poll is first opened. */
const char *snapshot_state(const struct snapshot *snapshot);

/* A setting of the poll as it is now: of its state, what OPEN and CLOSE made of it. */
unsigned snapshot_setting(const struct snapshot *snapshot, enum setting setting);

/* The codec's view of a snapshot, for encoding. Points into the snapshot. `hidden` is set while the
 * poll's results are hidden. */
void snapshot_view(const struct snapshot *snapshot, struct tally_view *view);

/* Writes a snapshot's tally as it will be shown once it is not hidden, without its LF; `out` has
 * room for tally_line_max bytes. Returns its length. */
size_t snapshot_encode_line(const struct snapshot *snapshot, char *out);

/* `feeds` is the number of broadcast loops. NULL if memory is short. */
struct tally *tally_new(unsigned feeds);
void tally_free(struct tally *tally);

/* Gives a feed its thread's waker. Before threads start. */
void tally_feed_attach(struct tally *tally, unsigned feed, struct waker *waker);

/* Ledger thread: shows the polls' new snapshots to everyone; their references pass to the tally.
 * New polls come in the order of their ids. A feed whose ring is full gets the poll marked
 * stale. */
void tally_publish(struct tally *tally, struct snapshot *const *snapshots, size_t count);

/* Ledger thread, which alone publishes: the newest snapshot without the mutex, borrowed until the
 * next tally_publish. */
const struct snapshot *tally_peek(const struct tally *tally, uint32_t poll);

/* Any thread: the number of an entry such that every snapshot that is taken from now on shows what
 * all entries up to it have changed. */
uint64_t tally_seq(const struct tally *tally);

/* Any thread: the number of polls, without the mutex; polls have the ids 1 to this. */
uint32_t tally_poll_count(const struct tally *tally);

/* Any thread: the definition of a poll that exists, without the mutex. It never changes, and lives
 * as long as the tally. */
const struct poll *tally_poll(const struct tally *tally, uint32_t poll);

/* Any thread: whether a poll that exists takes ballots, without the mutex. */
bool tally_is_open(const struct tally *tally, uint32_t poll);

/* Any thread: a reference to the newest snapshot of a poll that exists. The caller owns it. */
struct snapshot *tally_snapshot(struct tally *tally, uint32_t poll);

/* The same for many polls, a few at a time, so they may be of different instants. */
void tally_snapshots(struct tally *tally, const uint32_t *polls, size_t count,
                     struct snapshot **snapshots);

/* The identity of the tallies' ledger: every other ledger has another one, and so has a restored
 * one. Set before the threads start; tally_ledger returns it as 16 hexadecimal digits. */
void tally_set_ledger(struct tally *tally, uint64_t identity);
uint64_t tally_identity(const struct tally *tally);
const char *tally_ledger(const struct tally *tally);

/* Feed's thread: takes up to `max` snapshots off the feed's ring, then fetches stale polls'
 * newest. The caller owns the references. Returns how many; fewer than `max` means that there are
 * no more. */
size_t tally_receive(struct tally *tally, unsigned feed, struct snapshot **snapshots, size_t max);

/* Feed's thread: whether tally_receive would find something. */
bool tally_feed_is_empty(struct tally *tally, unsigned feed);

/* Feed's thread: the number of subscribers among whom some lack the newest tally; 0 if none do. */
void tally_feed_set_backlog(struct tally *tally, unsigned feed, uint32_t backlog);

/* Ledger thread: the same, over all feeds. */
uint32_t tally_backlog(const struct tally *tally);

/* Any thread: how long threads waited for the mutex and held it, in ns, and how many snapshots
 * passed. */
struct tally_stats {
    struct histogram lock_wait_ns;
    struct histogram lock_hold_ns;
    _Atomic uint64_t snapshots; /* published */
    _Atomic uint64_t ring_full; /* snapshots that found a feed's ring full */
};
const struct tally_stats *tally_stats(const struct tally *tally);

#endif
