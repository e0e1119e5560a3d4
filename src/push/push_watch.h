/* The last part of a ballot's journey, as one broadcast loop sees it: when a fan-out that shows a
 * sampled ballot wrote its first push, and its last. A watch begins with the mark of a snapshot
 * (tally.h), waits until the poll is published (a newer snapshot that replaces the marked one
 * meanwhile shows the ballot too), and ends when every subscription that was owed a visit then has
 * had it. It does not wait for readers that are parked, or that wait for their own interval.
 *
 * The loop's thread, but where said. A loop has a few watches and never waits for one: a ballot
 * that finds none free has no pushes, and a traced one takes precedence. */
#ifndef TALLYCAST_PUSH_WATCH_H
#define TALLYCAST_PUSH_WATCH_H

#include "push/fanout.h"
#include "trace/journey.h"
#include "tally/tally.h"

enum { PUSH_WATCHES = 16, PUSH_FANOUTS = 2 };

struct push_watch {
    struct push_watch **place; /* where it is listed as active; NULL if it is not */
    uint32_t poll;
    bool pushed; /* something was written since last_ns */
    struct snapshot_mark mark;
    uint64_t first_ns, last_ns; /* of the pushes; 0 for none */
    const struct fanout *fanouts[PUSH_FANOUTS];
    uint64_t until[PUSH_FANOUTS]; /* count of visits by which each has visited everyone */
};

/* A loop's report: words for a seqlog. It is about every ballot of the poll from first_seq to
 * last_seq. */
struct push_report {
    uint64_t poll;
    uint64_t first_seq, last_seq;
    uint64_t first_ns, last_ns; /* monotonic clock; 0 where nobody was pushed to */
};

struct push_watches {
    struct journey_stats *stats;
    struct push_watch watches[PUSH_WATCHES];
    struct push_watch *free[PUSH_WATCHES];
    unsigned free_count;
    unsigned active_count;
    struct seqlog sampled, traced; /* of struct push_report; any thread reads */
};

void push_watches_init(struct push_watches *watches, struct journey_stats *stats);

/* A snapshot with a new mark has come. *waiting is the poll's watch that waits for publication,
 * NULL if there is none; it may be filled. */
void push_watch_wait(struct push_watches *watches, struct push_watch **waiting, uint32_t poll,
                     const struct snapshot_mark *mark);

/* The poll was published, and these fan-outs have begun. *waiting becomes *active. If one is active
 * already, the two become one if nothing was pushed yet; otherwise one of them is given up, and
 * reported without pushes. */
void push_watch_begin(struct push_watches *watches, struct push_watch **waiting,
                      struct push_watch **active, const struct fanout *const fanouts[PUSH_FANOUTS]);

/* A push of the poll was written. */
void push_watch_pushed(struct push_watch *watch);

/* After some visits: ends the watches whose time has come, and counts and reports them. */
void push_watches_look(struct push_watches *watches);

/* Any thread: the first report about a ballot. */
bool push_watches_find(const struct push_watches *watches, bool traced, uint64_t poll, uint64_t seq,
                       struct push_report *report);

#endif
