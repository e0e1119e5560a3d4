/* The tally's table of newest snapshots. Runs on any thread; only the ledger thread publishes.
 *
 * Happy path: tally_publish takes at most CHUNK polls at a time. It stages their snapshots
 * on every feed's ring; holding the mutex, it swaps each poll's snapshot and publishes the rings;
 * after that it drops the old snapshots and wakes the feeds.
 *
 * A feed whose ring is full loses nothing that matters: the poll's bit in its stale set is
 * raised under the same mutex, and tally_receive fetches the newest snapshot of every such poll. A
 * snapshot that was pushed before may then arrive after a newer one: the receiver compares
 * versions.
 *
 * Polls do not depend on each other, so a reader may see one poll of a batch changed and another
 * not yet; within a poll every snapshot is whole. */
#include "tally/tally.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/ring.h"
#include "base/waker.h"
#include "count/method.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEED_SLOTS = 1024, /* snapshots on their way to one broadcast loop */
    CHUNK = 32,        /* polls a critical section: bounds how long the mutex is held */
    STALE_WORDS = (POLLS_MAX + 63) / 64,
};

struct feed {
    struct ring snapshots; /* of struct snapshot *, ledger thread → broadcast loop */
    struct waker *waker;
    size_t staged;               /* snapshots of a chunk dealt with so far; ledger thread */
    _Atomic uint32_t backlog;    /* set by the feed's thread */
    _Atomic bool any_stale;      /* some bit below is set */
    uint64_t stale[STALE_WORDS]; /* by poll id - 1; guarded by the mutex */
};

struct tally {
    pthread_mutex_t mutex; /* guards polls[] and stale bits */
    _Atomic uint32_t poll_count;
    _Atomic uint64_t seq; /* of the last entry that is shown, with all before it */
    struct shown_poll {
        const struct poll *poll; /* set before poll_count covers it, then never changed */
        struct snapshot *snapshot;
        _Atomic bool open; /* as in the snapshot */
    } polls[POLLS_MAX];    /* by poll id - 1 */
    struct tally_stats stats;
    uint64_t identity;
    char ledger[sizeof "0123456789abcdef"];
    unsigned feed_count;
    struct feed feeds[];
};

static struct snapshot *snapshot_alloc(const struct poll *poll)
{
    struct snapshot *snapshot =
        calloc(1, sizeof *snapshot + poll->choice_count * sizeof snapshot->counts[0]);
    if (!snapshot)
        return NULL;
    snapshot->refs = 1;
    snapshot->poll = poll;
    return snapshot;
}

struct snapshot *snapshot_new(const struct poll *poll)
{
    struct snapshot *snapshot = snapshot_alloc(poll);
    if (snapshot)
        snapshot->open = snapshot->opened = poll_setting(poll, SETTING_STATE) == STATE_OPEN;
    return snapshot;
}

bool snapshot_is_hidden(const struct snapshot *snapshot)
{
    return snapshot->open && poll_setting(snapshot->poll, SETTING_REVEAL) == REVEAL_CLOSED;
}

struct snapshot *snapshot_copy(const struct snapshot *from)
{
    struct snapshot *copy = snapshot_alloc(from->poll);
    if (!copy)
        return NULL;
    copy->open = from->open;
    copy->opened = from->opened;
    copy->texts = poll_texts_ref(from->texts);
    copy->seq = from->seq;
    copy->texts_seq = from->texts_seq;
    copy->state_seq = from->state_seq;
    copy->ballots = from->ballots;
    copy->abstained = from->abstained;
    copy->mark = from->mark;
    struct result *result =
        snapshot_is_hidden(from) ? NULL : atomic_load_explicit(&from->result, memory_order_relaxed);
    if (result &&
        !method_is_additive(from->poll)) /* one that is additive is of those counts alone */
        copy->result = result_ref(result);
    memcpy(copy->counts, from->counts, from->poll->choice_count * sizeof from->counts[0]);
    return copy;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int kind = 0; kind < RENDERINGS; kind++)
        free(atomic_load_explicit(&snapshot->renderings[kind], memory_order_relaxed));
    result_unref(atomic_load_explicit(&snapshot->result, memory_order_relaxed));
    poll_texts_unref(snapshot->texts);
    free(snapshot);
}

/* Makes the result of the counts, unless another thread is first with the same. */
static struct result *make_result(struct snapshot *snapshot)
{
    struct result *first = NULL;
    struct result *made = result_of_counts(snapshot->poll, snapshot->counts, snapshot->ballots,
                                           snapshot->ballots, snapshot->abstained);
    if (!made)
        return NULL;
    made->seq = snapshot->seq;
    if (atomic_compare_exchange_strong_explicit(&snapshot->result, &first, made,
                                                memory_order_acq_rel, memory_order_acquire))
        return made;
    result_unref(made);
    return first;
}

struct result *snapshot_result(struct snapshot *snapshot)
{
    struct result *result = atomic_load_explicit(&snapshot->result, memory_order_acquire);
    return result || !method_is_additive(snapshot->poll) ? result : make_result(snapshot);
}

uint64_t snapshot_result_seq(const struct snapshot *snapshot)
{
    if (method_is_additive(snapshot->poll) || snapshot_is_hidden(snapshot))
        return snapshot->seq;
    const struct result *result = atomic_load_explicit(&snapshot->result, memory_order_acquire);
    return result ? result->seq : 0;
}

bool snapshot_lacks_result(const struct snapshot *snapshot)
{
    return snapshot_result_seq(snapshot) < snapshot->seq;
}

bool snapshot_owes_result(const struct snapshot *snapshot)
{
    return snapshot->open ? snapshot_result_seq(snapshot) == 0 : snapshot_lacks_result(snapshot);
}

void snapshot_set_result(struct snapshot *snapshot, struct result *result)
{
    result_unref(atomic_exchange_explicit(&snapshot->result, result, memory_order_relaxed));
}

bool snapshot_is_newer(const struct snapshot *snapshot, const struct snapshot *than)
{
    uint64_t version = snapshot_version(snapshot), than_version = snapshot_version(than);
    return version > than_version ||
           (version == than_version && snapshot_result_seq(snapshot) > snapshot_result_seq(than));
}

const struct rendering *snapshot_rendering(const struct snapshot *snapshot,
                                           enum rendering_kind kind)
{
    return atomic_load_explicit(&snapshot->renderings[kind], memory_order_acquire);
}

const struct rendering *snapshot_keep_rendering(struct snapshot *snapshot, enum rendering_kind kind,
                                                const char *bytes, size_t len)
{
    struct rendering *made = malloc(sizeof *made + len), *first = NULL;
    if (!made)
        return NULL;
    made->len = len;
    memcpy(made->bytes, bytes, len);
    if (atomic_compare_exchange_strong_explicit(&snapshot->renderings[kind], &first, made,
                                                memory_order_acq_rel, memory_order_acquire))
        return made;
    free(made);
    return first;
}

int snapshot_set_text(struct snapshot *snapshot, unsigned index, const char *bytes, size_t len,
                      uint64_t seq)
{
    struct poll_texts *changed =
        poll_texts_change(snapshot->poll, snapshot->texts, index, bytes, len);
    if (!changed)
        return -1;
    poll_texts_unref(snapshot->texts);
    snapshot->texts = changed;
    snapshot->texts_seq = seq;
    return 0;
}

static struct span text_of(const struct snapshot *snapshot, unsigned index, const struct name *name)
{
    if (!snapshot->texts)
        return (struct span){name->text, name->len};
    return (struct span){snapshot->texts->text[index].bytes, snapshot->texts->text[index].len};
}

struct span snapshot_title(const struct snapshot *snapshot)
{
    return text_of(snapshot, 0, &snapshot->poll->name);
}

struct span snapshot_label(const struct snapshot *snapshot, unsigned choice)
{
    return text_of(snapshot, 1 + choice, &snapshot->poll->choices[choice]);
}

const char *snapshot_state(const struct snapshot *snapshot)
{
    return snapshot->open ? "open" : snapshot->opened ? "closed" : "waiting";
}

unsigned snapshot_setting(const struct snapshot *snapshot, enum setting setting)
{
    return setting == SETTING_STATE ? (snapshot->open ? STATE_OPEN : STATE_CLOSED)
                                    : poll_setting(snapshot->poll, setting);
}

void snapshot_view(const struct snapshot *snapshot, struct tally_view *view)
{
    const struct poll *poll = snapshot->poll;
    *view = (struct tally_view){
        .poll = poll->name.text,
        .open = snapshot->open,
        .hidden = snapshot_is_hidden(snapshot),
        .seq = snapshot->seq,
        .ballots = snapshot->ballots,
        .choice_count = poll->choice_count,
        .choices = poll->choices,
        .counts = snapshot->counts,
    };
}

size_t snapshot_encode_line(const struct snapshot *snapshot, char *out)
{
    struct tally_view view;
    snapshot_view(snapshot, &view);
    view.hidden = false;
    return tally_encode(out, "", &view) - 1; /* without its LF */
}

struct tally *tally_new(unsigned feeds)
{
    struct tally *tally;
    if (posix_memalign((void **)&tally, CACHE_LINE_BYTES,
                       sizeof *tally + feeds * sizeof tally->feeds[0]) != 0)
        return NULL;
    memset(tally, 0, sizeof *tally + feeds * sizeof tally->feeds[0]);
    pthread_mutex_init(&tally->mutex, NULL);
    for (unsigned i = 0; i < feeds; i++) {
        if (ring_init(&tally->feeds[i].snapshots, FEED_SLOTS, sizeof(struct snapshot *)) != 0) {
            tally_free(tally);
            return NULL;
        }
        tally->feed_count++;
    }
    return tally;
}

void tally_free(struct tally *tally)
{
    for (unsigned i = 0; i < tally->feed_count; i++) {
        struct snapshot *snapshot;
        while (ring_pop(&tally->feeds[i].snapshots, &snapshot, 1) == 1)
            snapshot_unref(snapshot);
        ring_destroy(&tally->feeds[i].snapshots);
    }
    for (uint32_t i = 0; i < tally->poll_count; i++) {
        /* The const is for the poll's readers; all threads have ended, and so does the poll. */
        struct poll *poll = (struct poll *)(uintptr_t)tally->polls[i].poll;
        snapshot_unref(tally->polls[i].snapshot);
        poll_free(poll);
    }
    pthread_mutex_destroy(&tally->mutex);
    free(tally);
}

void tally_feed_attach(struct tally *tally, unsigned feed, struct waker *waker)
{
    tally->feeds[feed].waker = waker;
}

/* The instants at which a thread asked for the mutex and got it. */
struct held {
    uint64_t asked_ns;
    uint64_t had_ns;
};

static struct held tally_lock(struct tally *tally)
{
    struct held held = {.asked_ns = clock_monotonic_ns()};
    pthread_mutex_lock(&tally->mutex);
    held.had_ns = clock_monotonic_ns();
    return held;
}

static void tally_unlock(struct tally *tally, struct held held)
{
    uint64_t released_ns = clock_monotonic_ns();
    pthread_mutex_unlock(&tally->mutex);
    histogram_record_shared(&tally->stats.lock_wait_ns, held.had_ns - held.asked_ns);
    histogram_record_shared(&tally->stats.lock_hold_ns, released_ns - held.had_ns);
}

/* Fills slots of a feed's ring, which nobody sees before they are published. */
static void feed_stage(struct feed *feed, struct snapshot *const *snapshots, size_t count)
{
    struct snapshot **slot;
    for (feed->staged = 0; feed->staged < count; feed->staged++) {
        if (!(slot = ring_slot(&feed->snapshots)))
            return; /* the ring is full */
        *slot = snapshot_ref(snapshots[feed->staged]);
    }
}

/* Publishes the staged snapshots, and marks the polls stale for which the ring had no room. */
static void feed_publish_locked(struct tally *tally, struct feed *feed,
                                struct snapshot *const *snapshots, size_t count)
{
    ring_publish(&feed->snapshots);
    for (size_t i = feed->staged; i < count; i++) {
        uint32_t index = snapshots[i]->poll->id - 1;
        feed->stale[index / 64] |= (uint64_t)1 << index % 64;
        atomic_store_explicit(&feed->any_stale, true, memory_order_release);
        atomic_fetch_add_explicit(&tally->stats.ring_full, 1, memory_order_relaxed);
    }
}

/* Puts a snapshot in place. Returns the replaced one, or NULL. */
static struct snapshot *snapshot_show_locked(struct tally *tally, struct snapshot *snapshot,
                                             uint64_t now_ns)
{
    uint32_t poll = snapshot->poll->id;
    struct shown_poll *shown = &tally->polls[poll - 1];
    struct snapshot *before = shown->snapshot;
    if (snapshot->mark.counted_ns == 0)
        snapshot->mark.counted_ns = now_ns;
    shown->snapshot = snapshot;
    atomic_store_explicit(&shown->open, snapshot->open, memory_order_relaxed);
    if (poll > atomic_load_explicit(&tally->poll_count, memory_order_relaxed)) {
        shown->poll = snapshot->poll;
        atomic_store_explicit(&tally->poll_count, poll, memory_order_release);
    }
    return before;
}

/* All that can be done before or after holding the mutex is done there. Inside are only the swaps
 * and one store a feed. Both are inside so that a thread that takes a snapshot under the mutex also
 * finds it, or a newer one, on its ring. */
static void publish_chunk(struct tally *tally, struct snapshot *const *snapshots, size_t count)
{
    struct snapshot *replaced[CHUNK];
    for (unsigned i = 0; i < tally->feed_count; i++)
        feed_stage(&tally->feeds[i], snapshots, count);

    struct held held = tally_lock(tally);
    for (size_t i = 0; i < count; i++)
        replaced[i] = snapshot_show_locked(tally, snapshots[i], held.had_ns);
    for (unsigned i = 0; i < tally->feed_count; i++)
        feed_publish_locked(tally, &tally->feeds[i], snapshots, count);
    tally_unlock(tally, held);

    for (size_t i = 0; i < count; i++)
        snapshot_unref(replaced[i]);
    atomic_fetch_add_explicit(&tally->stats.snapshots, count, memory_order_relaxed);
}

void tally_publish(struct tally *tally, struct snapshot *const *snapshots, size_t count)
{
    uint64_t seq = atomic_load_explicit(&tally->seq, memory_order_relaxed);
    for (size_t i = 0; i < count; i++)
        if (snapshot_version(snapshots[i]) > seq)
            seq = snapshot_version(snapshots[i]);
    for (size_t done = 0; done < count; done += CHUNK)
        publish_chunk(tally, snapshots + done, count - done < CHUNK ? count - done : CHUNK);
    atomic_store_explicit(&tally->seq, seq, memory_order_release);
    for (unsigned i = 0; i < tally->feed_count && count > 0; i++)
        if (tally->feeds[i].waker)
            waker_wake(tally->feeds[i].waker);
}

const struct snapshot *tally_peek(const struct tally *tally, uint32_t poll)
{
    return tally->polls[poll - 1].snapshot;
}

uint64_t tally_seq(const struct tally *tally)
{
    return atomic_load_explicit(&tally->seq, memory_order_acquire);
}

uint32_t tally_poll_count(const struct tally *tally)
{
    return atomic_load_explicit(&tally->poll_count, memory_order_acquire);
}

const struct poll *tally_poll(const struct tally *tally, uint32_t poll)
{
    INVARIANT(poll >= 1 && poll <= tally_poll_count(tally));
    return tally->polls[poll - 1].poll;
}

bool tally_is_open(const struct tally *tally, uint32_t poll)
{
    INVARIANT(poll >= 1 && poll <= tally_poll_count(tally));
    return atomic_load_explicit(&tally->polls[poll - 1].open, memory_order_relaxed);
}

void tally_set_ledger(struct tally *tally, uint64_t identity)
{
    tally->identity = identity;
    snprintf(tally->ledger, sizeof tally->ledger, "%016" PRIx64, identity);
}

uint64_t tally_identity(const struct tally *tally)
{
    return tally->identity;
}

const char *tally_ledger(const struct tally *tally)
{
    return tally->ledger;
}

struct snapshot *tally_snapshot(struct tally *tally, uint32_t poll)
{
    INVARIANT(poll >= 1 && poll <= tally_poll_count(tally));
    struct held held = tally_lock(tally);
    struct snapshot *snapshot = snapshot_ref(tally->polls[poll - 1].snapshot);
    tally_unlock(tally, held);
    return snapshot;
}

void tally_snapshots(struct tally *tally, const uint32_t *polls, size_t count,
                     struct snapshot **snapshots)
{
    const uint32_t known = tally_poll_count(tally);
    for (size_t done = 0; done < count;) {
        size_t end = count - done < CHUNK ? count : done + CHUNK;
        struct held held = tally_lock(tally);
        for (; done < end; done++) {
            INVARIANT(polls[done] >= 1 && polls[done] <= known);
            snapshots[done] = snapshot_ref(tally->polls[polls[done] - 1].snapshot);
        }
        tally_unlock(tally, held);
    }
}

static size_t fetch_stale_locked(struct tally *tally, struct feed *feed,
                                 struct snapshot **snapshots, size_t max)
{
    size_t count = 0;
    for (uint32_t word = 0; word < STALE_WORDS; word++) {
        while (feed->stale[word]) {
            if (count == max)
                return count;
            uint32_t bit = (uint32_t)__builtin_ctzll(feed->stale[word]);
            feed->stale[word] &= feed->stale[word] - 1;
            snapshots[count++] = snapshot_ref(tally->polls[word * 64 + bit].snapshot);
        }
    }
    atomic_store_explicit(&feed->any_stale, false, memory_order_relaxed);
    return count;
}

size_t tally_receive(struct tally *tally, unsigned feed_index, struct snapshot **snapshots,
                     size_t max)
{
    struct feed *feed = &tally->feeds[feed_index];
    size_t count = ring_pop(&feed->snapshots, snapshots, max);
    if (count < max && atomic_load_explicit(&feed->any_stale, memory_order_acquire)) {
        size_t room = max - count < CHUNK ? max - count : CHUNK;
        struct held held = tally_lock(tally);
        size_t fetched = fetch_stale_locked(tally, feed, snapshots + count, room);
        tally_unlock(tally, held);
        count += fetched;
    }
    return count;
}

bool tally_feed_is_empty(struct tally *tally, unsigned feed_index)
{
    struct feed *feed = &tally->feeds[feed_index];
    return ring_is_empty(&feed->snapshots) &&
           !atomic_load_explicit(&feed->any_stale, memory_order_acquire);
}

void tally_feed_set_backlog(struct tally *tally, unsigned feed_index, uint32_t backlog)
{
    struct feed *feed = &tally->feeds[feed_index];
    if (atomic_load_explicit(&feed->backlog, memory_order_relaxed) != backlog)
        atomic_store_explicit(&feed->backlog, backlog, memory_order_relaxed);
}

uint32_t tally_backlog(const struct tally *tally)
{
    uint32_t backlog = 0;
    for (unsigned i = 0; i < tally->feed_count; i++)
        backlog += atomic_load_explicit(&tally->feeds[i].backlog, memory_order_relaxed);
    return backlog;
}

const struct tally_stats *tally_stats(const struct tally *tally)
{
    return &tally->stats;
}
