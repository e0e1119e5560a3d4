/* The data that the threads of a run share. The main thread makes it before the others start and
 * frees it after they have ended. In between, the comment beside each member says which threads may
 * touch it. */
#ifndef TALLYCAST_TOOLS_BENCH_LOAD_H
#define TALLYCAST_TOOLS_BENCH_LOAD_H

#include "base/buffer.h"
#include "tools/tallybench/figures/faults.h"
#include "tools/tallybench/load/probes.h"
#include "tools/tallybench/figures/options.h"
#include "tools/tallybench/load/plan.h"
#include "tools/tallybench/load/target.h"

#include <stdatomic.h>

/* A run goes through these in order; the main thread sets them, the lanes follow. */
enum phase {
    PHASE_CONNECT, /* until every connection is greeted, and every subscriber subscribed */
    PHASE_VOTE,    /* until end_ns, or --ballots */
    PHASE_DRAIN,   /* no new ballots; until every reply has come */
    PHASE_SETTLE,  /* until every reading subscriber has the last tally */
    PHASE_STOP,
};

/* A poll's last tally, by SHOW, after every ballot was answered. */
struct load_last {
    uint64_t seq;
    struct buffer tally; /* without `+OK ` */
};

struct load {
    const struct options *options;
    struct target target;
    struct target http;    /* resolved if any connection speaks HTTP */
    const char *http_host; /* the same as text, for Host; not owned */
    struct plan plan;      /* the counts: the voters' lane */
    struct probes *probes; /* of each poll; added by the voters' lane */
    struct faults faults;  /* any thread */
    _Atomic int phase;     /* written by the main thread */
    /* Set before PHASE_VOTE, 0 until then. The measured time is from begin_ns to before end_ns. */
    uint64_t vote_ns, begin_ns, end_ns;
    struct load_last *lasts; /* of each poll; set before PHASE_SETTLE */
};

/* Any thread. */
static inline enum phase load_phase(struct load *load)
{
    return (enum phase)atomic_load_explicit(&load->phase, memory_order_acquire);
}

/* From PHASE_VOTE on, any thread: whether an instant is within the measured time. */
static inline bool load_measures(const struct load *load, uint64_t when_ns)
{
    return when_ns >= load->begin_ns && when_ns < load->end_ns;
}

#endif
