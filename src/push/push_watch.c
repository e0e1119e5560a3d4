/* Watches over fan-outs. The end of a watch is counted in visits, not looked for in the fan-outs:
 * where tallies change all the time a fan-out never comes to rest, but begins anew. */
#include "push/push_watch.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

_Static_assert(sizeof(struct push_report) <= SEQLOG_WORDS * sizeof(uint64_t),
               "a report must fit into a record of a seqlog");

void push_watches_init(struct push_watches *watches, struct journey_stats *stats)
{
    memset(watches, 0, sizeof *watches);
    watches->stats = stats;
    for (int i = 0; i < PUSH_WATCHES; i++)
        watches->free[watches->free_count++] = &watches->watches[i];
}

static void give_back(struct push_watches *watches, struct push_watch *watch)
{
    INVARIANT(watches->free_count < PUSH_WATCHES);
    if (watch->place) {
        *watch->place = NULL;
        watches->active_count--;
    }
    *watch = (struct push_watch){0};
    watches->free[watches->free_count++] = watch;
}

void push_watch_wait(struct push_watches *watches, struct push_watch **waiting, uint32_t poll,
                     const struct snapshot_mark *mark)
{
    struct push_watch *watch = *waiting;
    if (watch) { /* the same pushes will show both; freshness is the older one's */
        watch->mark.last_seq = mark->last_seq;
        watch->mark.traced |= mark->traced;
        return;
    }
    if (watches->free_count == 0)
        return;
    watch = watches->free[--watches->free_count];
    watch->poll = poll;
    watch->mark = *mark;
    *waiting = watch;
}

/* Called after the figures are counted, so a reader of the report sees them too. */
static void report(struct push_watches *watches, const struct push_watch *watch)
{
    const struct push_report words = {
        .poll = watch->poll,
        .first_seq = watch->mark.first_seq,
        .last_seq = watch->mark.last_seq,
        .first_ns = watch->first_ns,
        .last_ns = watch->last_ns,
    };
    seqlog_add(watch->mark.traced ? &watches->traced : &watches->sampled, &words, sizeof words);
}

/* Ends a watch without its pushes. Its ballots are reported all the same, since a query for one
 * must not wait for ever. */
static void give_up(struct push_watches *watches, struct push_watch *watch)
{
    watch->first_ns = watch->last_ns = 0;
    report(watches, watch);
    give_back(watches, watch);
}

static void watch_rounds(struct push_watch *watch, const struct fanout *const fanouts[PUSH_FANOUTS])
{
    for (int i = 0; i < PUSH_FANOUTS; i++) {
        watch->fanouts[i] = fanouts[i];
        watch->until[i] = fanouts[i]->visits + fanouts[i]->remaining;
    }
}

/* Merges two watches. Nothing that shows the first one's ballots has gone out yet, so the same
 * pushes will show those of both. */
static void merge(struct push_watch *watch, const struct push_watch *other,
                  const struct fanout *const fanouts[PUSH_FANOUTS])
{
    watch->mark.last_seq = other->mark.last_seq;
    watch->mark.traced |= other->mark.traced;
    watch_rounds(watch, fanouts);
}

void push_watch_begin(struct push_watches *watches, struct push_watch **waiting,
                      struct push_watch **active, const struct fanout *const fanouts[PUSH_FANOUTS])
{
    struct push_watch *watch = *waiting;
    if (!watch)
        return;
    *waiting = NULL;
    if (*active && (*active)->first_ns == 0) {
        merge(*active, watch, fanouts);
        give_back(watches, watch);
        return;
    }
    if (*active && ((*active)->mark.traced || !watch->mark.traced)) {
        give_up(watches, watch);
        return;
    }
    if (*active)
        give_up(watches, *active);
    *active = watch;
    watch->place = active;
    watches->active_count++;
    watch_rounds(watch, fanouts);
}

void push_watch_pushed(struct push_watch *watch)
{
    watch->pushed = true;
    if (watch->first_ns == 0)
        watch->first_ns = clock_monotonic_ns();
}

static bool is_over(const struct push_watch *watch)
{
    for (int i = 0; i < PUSH_FANOUTS; i++)
        if (watch->fanouts[i]->is_busy && watch->fanouts[i]->visits < watch->until[i])
            return false;
    return true;
}

static void count(struct push_watches *watches, const struct push_watch *watch)
{
    const uint64_t at_ns[JOURNEY_STAGES] = {
        [JOURNEY_committed] = watch->mark.committed_ns,
        [JOURNEY_counted] = watch->mark.counted_ns,
        [JOURNEY_first_push] = watch->first_ns,
        [JOURNEY_last_push] = watch->last_ns,
    };
    journey_count(watches->stats, at_ns, JOURNEY_first_push, JOURNEY_last_push);
}

/* Reads the clock once for the pushes of a slice, not once a push: "last" is exact to the time that
 * a slice takes. */
void push_watches_look(struct push_watches *watches)
{
    if (watches->active_count == 0)
        return;
    uint64_t now_ns = clock_monotonic_ns();
    for (int i = 0; i < PUSH_WATCHES; i++) {
        struct push_watch *watch = &watches->watches[i];
        if (!watch->place)
            continue;
        if (watch->pushed)
            watch->last_ns = now_ns;
        watch->pushed = false;
        if (!is_over(watch))
            continue;
        if (watch->last_ns > 0)
            count(watches, watch);
        report(watches, watch);
        give_back(watches, watch);
    }
}

bool push_watches_find(const struct push_watches *watches, bool traced, uint64_t poll, uint64_t seq,
                       struct push_report *report)
{
    const struct seqlog *log = traced ? &watches->traced : &watches->sampled;
    for (unsigned age = 0; age < SEQLOG_SLOTS; age++)
        if (seqlog_read(log, age, report, sizeof *report) && report->poll == poll &&
            report->first_seq <= seq && seq <= report->last_seq)
            return true;
    return false;
}
