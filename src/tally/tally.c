/* The tally's table of newest snapshots. Runs on any thread; only the ledger thread publishes.
 *
 * Happy path: tally_publish takes at most PUBLISH_CHUNK polls at a time. It stages their snapshots
 * on every feed's ring; holding the mutex, it swaps each poll's snapshot and publishes the rings;
 * after that it drops the old snapshots and wakes the feeds.
 *
 * A feed whose ring is full loses nothing that matters: the poll's bit in its stale set is
 * raised under the same mutex, and tally_receive fetches the newest snapshot of every such poll. A
 * snapshot that was pushed before may then arrive after a newer one: the receiver compares
 * sequences.
 *
 * Polls do not depend on each other, so a reader may see one poll of a batch changed and another
 * not yet; within a poll every snapshot is whole. */
#include "tally/tally.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/ring.h"
#include "base/waker.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEED_SLOTS = 1024,  /* snapshots on their way to one broadcast loop */
    PUBLISH_CHUNK = 32, /* polls a critical section: bounds how long the mutex is held */
    STALE_WORDS = (POLLS_MAX + 63) / 64,
};

struct feed {
    struct ring snapshots; /* of struct snapshot *, ledger thread → broadcast loop */
    struct waker *waker;
    size_t staged;               /* changes of a chunk that are dealt with; ledger thread */
    _Atomic uint32_t backlog;    /* set by the feed's thread */
    _Atomic bool any_stale;      /* some bit below is set */
    uint64_t stale[STALE_WORDS]; /* by poll id - 1; guarded by the mutex */
};

struct tally {
    pthread_mutex_t mutex; /* guards polls[] and stale bits */
    _Atomic uint32_t poll_count;
    struct shown_poll {
        const struct poll *poll; /* set before poll_count covers it, and then for good */
        struct snapshot *snapshot;
        struct poll_texts *texts;
    } polls[POLLS_MAX]; /* by poll id - 1 */
    struct tally_stats stats;
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
        snapshot->open = poll_setting(poll, SETTING_STATE) == STATE_OPEN;
    return snapshot;
}

struct snapshot *snapshot_copy(const struct snapshot *from)
{
    struct snapshot *copy = snapshot_alloc(from->poll);
    if (!copy)
        return NULL;
    copy->open = from->open;
    copy->seq = from->seq;
    copy->state_seq = from->state_seq;
    copy->ballots = from->ballots;
    copy->mark = from->mark;
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
    if (snapshot && atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) == 1)
        free(snapshot);
}

void snapshot_view(const struct snapshot *snapshot, struct tally_view *view)
{
    const struct poll *poll = snapshot->poll;
    *view = (struct tally_view){
        .poll = poll->name.text,
        .open = snapshot->open,
        .hidden = snapshot->open && poll_setting(poll, SETTING_REVEAL) == REVEAL_CLOSED,
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
        /* The definition's const is for its readers; its life ends here, with every thread. */
        struct poll *poll = (struct poll *)(uintptr_t)tally->polls[i].poll;
        snapshot_unref(tally->polls[i].snapshot);
        poll_texts_unref(tally->polls[i].texts);
        poll_free(poll);
    }
    pthread_mutex_destroy(&tally->mutex);
    free(tally);
}

void tally_feed_attach(struct tally *tally, unsigned feed, struct waker *waker)
{
    tally->feeds[feed].waker = waker;
}

/* When the mutex was asked for and had. */
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
static void feed_stage(struct feed *feed, const struct tally_change *changes, size_t count)
{
    for (feed->staged = 0; feed->staged < count; feed->staged++) {
        struct snapshot *snapshot = changes[feed->staged].snapshot;
        struct snapshot **slot = snapshot ? ring_slot(&feed->snapshots) : NULL;
        if (slot)
            *slot = snapshot_ref(snapshot);
        else if (snapshot)
            return; /* the ring is full */
    }
}

/* Publishes what was staged, and marks the polls stale that the ring had no room for. */
static void feed_publish_locked(struct tally *tally, struct feed *feed,
                                const struct tally_change *changes, size_t count)
{
    ring_publish(&feed->snapshots);
    for (size_t i = feed->staged; i < count; i++) {
        if (!changes[i].snapshot)
            continue;
        uint32_t index = changes[i].poll - 1;
        feed->stale[index / 64] |= (uint64_t)1 << index % 64;
        atomic_store_explicit(&feed->any_stale, true, memory_order_release);
        atomic_fetch_add_explicit(&tally->stats.ring_full, 1, memory_order_relaxed);
    }
}

/* Puts one change in place, and what it replaces into `before`. */
static void change_apply_locked(struct tally *tally, const struct tally_change *change,
                                uint64_t now_ns, struct tally_change *before)
{
    struct shown_poll *shown = &tally->polls[change->poll - 1];
    *before = (struct tally_change){.poll = change->poll};
    if (change->texts) {
        before->texts = shown->texts;
        shown->texts = change->texts;
    }
    if (!change->snapshot)
        return;
    if (change->snapshot->mark.counted_ns == 0)
        change->snapshot->mark.counted_ns = now_ns;
    before->snapshot = shown->snapshot;
    shown->snapshot = change->snapshot;
    if (change->poll > atomic_load_explicit(&tally->poll_count, memory_order_relaxed)) {
        shown->poll = change->snapshot->poll;
        atomic_store_explicit(&tally->poll_count, change->poll, memory_order_release);
    }
}

/* What can be done before the mutex is held or after it was is done there: inside are the swaps and
 * one store a feed. Both are inside so that whoever takes a snapshot under the mutex finds it,
 * or a newer one, on its ring too. */
static void publish_chunk(struct tally *tally, const struct tally_change *changes, size_t count)
{
    struct tally_change replaced[PUBLISH_CHUNK];
    uint64_t snapshots = 0;
    for (unsigned i = 0; i < tally->feed_count; i++)
        feed_stage(&tally->feeds[i], changes, count);

    struct held held = tally_lock(tally);
    for (size_t i = 0; i < count; i++)
        change_apply_locked(tally, &changes[i], held.had_ns, &replaced[i]);
    for (unsigned i = 0; i < tally->feed_count; i++)
        feed_publish_locked(tally, &tally->feeds[i], changes, count);
    tally_unlock(tally, held);

    for (size_t i = 0; i < count; i++) {
        snapshots += changes[i].snapshot != NULL;
        snapshot_unref(replaced[i].snapshot);
        poll_texts_unref(replaced[i].texts);
    }
    atomic_fetch_add_explicit(&tally->stats.snapshots, snapshots, memory_order_relaxed);
}

void tally_publish(struct tally *tally, const struct tally_change *changes, size_t count)
{
    for (size_t done = 0; done < count; done += PUBLISH_CHUNK)
        publish_chunk(tally, changes + done,
                      count - done < PUBLISH_CHUNK ? count - done : PUBLISH_CHUNK);
    for (unsigned i = 0; i < tally->feed_count && count > 0; i++)
        if (tally->feeds[i].waker)
            waker_wake(tally->feeds[i].waker);
}

const struct snapshot *tally_peek(const struct tally *tally, uint32_t poll)
{
    return tally->polls[poll - 1].snapshot;
}

const struct poll_texts *tally_peek_texts(const struct tally *tally, uint32_t poll)
{
    return tally->polls[poll - 1].texts;
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

struct snapshot *tally_snapshot(struct tally *tally, uint32_t poll, struct poll_texts **texts)
{
    INVARIANT(poll >= 1 && poll <= tally_poll_count(tally));
    struct held held = tally_lock(tally);
    struct snapshot *snapshot = snapshot_ref(tally->polls[poll - 1].snapshot);
    if (texts)
        *texts = poll_texts_ref(tally->polls[poll - 1].texts);
    tally_unlock(tally, held);
    return snapshot;
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
        size_t room = max - count < PUBLISH_CHUNK ? max - count : PUBLISH_CHUNK;
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
