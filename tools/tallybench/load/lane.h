/* A lane: a thread of the load with an epoll set, and the connections that it owns. It opens them,
 * a few at a time, and hands their events to the modules of their roles. */
#ifndef TALLYCAST_TOOLS_BENCH_LANE_H
#define TALLYCAST_TOOLS_BENCH_LANE_H

#include "tools/tallybench/load/conn.h"
#include "tools/tallybench/figures/hdr.h"
#include "tools/tallybench/load/load.h"

#include <pthread.h>

enum { LANE_BUFFER_BYTES = 1 << 18 };

/* Figures of a lane, counted since the start; written by it alone, read by any thread. */
struct lane_counters {
    _Atomic uint64_t acknowledged, http_acknowledged, pushes, events, churned, bytes_in, bytes_out;
};

/* How many connections of each role a lane takes, and the number of the first. */
struct lane_share {
    unsigned first, count;
};

struct lane {
    struct load *load;
    pthread_t thread;
    int epoll, timer, wake; /* wake: an eventfd, written by lane_wake */
    int news;               /* the main thread's eventfd: written when `done` moves on */
    _Atomic int done;       /* the last phase that this lane has completed, or -1 */
    enum phase phase;       /* the lane's present phase */
    uint64_t armed_ns;      /* the instant that the timer is set to */
    uint64_t first_source;  /* connection number of the lane's first, for its source address */
    struct voters *voters;  /* NULL if it has none; the same below */
    struct readers *readers;
    struct churn *churn;
    struct bench_conn *idle;
    unsigned idle_count;
    struct bench_conn **conns; /* all that are to be opened */
    unsigned conn_count, opened, greeted, subscribed_wanted, subscribed;
    struct lane_counters counters;
    struct hdr ack, freshness, late, connect; /* ns */
    struct hdr http_ack, sse_freshness;       /* the same over HTTP, which the others leave out */
    struct hdr result_freshness;
    struct hdr
        kind_ack[PLAN_KINDS_MAX]; /* ack and http_ack by the polls' kinds, if there are some */
    char buffer[LANE_BUFFER_BYTES];
};

/* A lane's share of the work. One lane has all voters of the run, and one all churn. */
struct lane_work {
    bool votes, churns;
    struct lane_share subscribers, slow, stalled, sse, stalled_sse, idle;
    uint64_t first_source;
};

/* Makes a lane and starts its thread. Returns NULL with errno set if a system call fails. */
struct lane *lane_start(struct load *load, const struct lane_work *work, int news);

/* Main thread: makes the lane look at the load's phase. */
void lane_wake(struct lane *lane);

/* Main thread, in PHASE_STOP: waits for the thread's end. The figures stay until lane_free. */
void lane_join(struct lane *lane);
void lane_free(struct lane *lane);

/* ---- for the roles' modules ---- */

/* Adds to a counter of the lane's. */
static inline void lane_count(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + number,
                          memory_order_relaxed);
}

/* Adds a connection to open in PHASE_CONNECT; its owner keeps it. */
void lane_add(struct lane *lane, struct bench_conn *conn);

#endif
