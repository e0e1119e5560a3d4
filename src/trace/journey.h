/* The journey of a ballot: when it reached each stage between the voter's socket and the last
 * subscriber's. One ballot in JOURNEY_ONE_IN is sampled, and every TRACE VOTE.
 *
 * A record has one owner at every instant, like the request that it travels with:
 *
 *   worker   journey_begin → journeys_send          readable, read, parsed, queued
 *   ledger   from the request to its answer         judged, committed, counted
 *   worker   journey_answer → journeys_written      answered; or journey_drop
 *
 * Nothing is locked and nothing is allocated: records come from the worker's pool, and a ballot
 * that finds it empty is not sampled. A ballot leaves no figures if it is refused, repeats an
 * earlier one, or loses its connection before it is answered.
 *
 * The pushes are another thread's, and there may be several: snapshots carry a mark (tally.h), and
 * each broadcast loop reports for itself (push_watch.h). */
#ifndef TALLYCAST_JOURNEY_H
#define TALLYCAST_JOURNEY_H

#include "base/histogram.h"
#include "base/seqlog.h"
#include "trace/socket_state.h"

#include <stdbool.h>
#include <stdint.h>

enum journey_stage {
    JOURNEY_readable, /* epoll had returned with the connection */
#define STAGE(name, since, meaning) JOURNEY_##name,
#define SPAN(name, from, to, meaning)
#include "trace/journey.def"
#undef STAGE
#undef SPAN
    JOURNEY_STAGES
};

enum journey_figure {
#define STAGE(name, since, meaning)   FIGURE_##name,
#define SPAN(name, from, to, meaning) FIGURE_##name,
#include "trace/journey.def"
#undef STAGE
#undef SPAN
    JOURNEY_FIGURES
};

struct journey_figure_info {
    const char *name;
    enum journey_stage from, to;
    const char *meaning;
};
extern const struct journey_figure_info journey_figures[JOURNEY_FIGURES];

/* Whether a figure is a stage's own, not one over several. */
static inline bool journey_figure_is_stage(unsigned figure)
{
    return figure < JOURNEY_STAGES - 1;
}

/* "readable", "read"... */
const char *journey_stage_name(unsigned stage);

enum {
    JOURNEY_ONE_IN = 256,
    JOURNEY_POOL = 192, /* records a worker: three times what 16,384 ballots in flight need */
};

/* The figures into which all workers and broadcast loops count. */
struct journey_stats {
    struct histogram figures_ns[JOURNEY_FIGURES];
};

/* Any thread: counts the figures of the stages from `first` to `last`, in ns of one clock. */
void journey_count(struct journey_stats *stats, const uint64_t at_ns[JOURNEY_STAGES],
                   enum journey_stage first, enum journey_stage last);

/* A record. Its owner alone reads and writes it. */
struct journey {
    uint64_t at_ns[JOURNEY_STAGES]; /* monotonic clock; 0 for a stage not reached */
    uint64_t seq;                   /* once answered */
    uint32_t poll;
    uint16_t number; /* its place in the pool, from 1: an answer has room for that */
    bool traced;
};

/* A finished journey, as it is kept: words for a seqlog. */
struct journey_kept {
    uint64_t seq;
    uint64_t poll;
    uint64_t at_ns[JOURNEY_STAGES];
    uint64_t socket[SOCKET_STATE_COUNT]; /* of its connection, as it was answered */
};

/* A worker's journeys. Its thread owns them, except what is kept and counted. */
struct journeys {
    struct journey_stats *stats; /* the server's */
    _Atomic uint64_t *open;      /* the worker's count of records in use */
    struct journey records[JOURNEY_POOL];
    uint16_t free[JOURNEY_POOL]; /* numbers */
    uint16_t free_count;
    uint16_t unsent_count;
    uint16_t answered_count;
    uint16_t unsent[JOURNEY_POOL];   /* numbers of those whose requests are filled */
    uint16_t answered[JOURNEY_POOL]; /* of those whose answers are still to be written */
    uint32_t countdown;              /* ballots until the next sample */
    uint32_t random;                 /* of the gaps between samples; never 0 */
    uint64_t kept_ns;                /* when a sample was last kept */
    struct seqlog sampled, traced;   /* the last ones, of struct journey_kept; any thread reads */
};

/* Before the thread starts. `seed` is of the gaps between samples. */
void journeys_init(struct journeys *journeys, struct journey_stats *stats, _Atomic uint64_t *open,
                   uint32_t seed);

/* Whether to sample this ballot. Called once for each. */
static inline bool journeys_sample(struct journeys *journeys)
{
    return --journeys->countdown == 0;
}

/* A ballot's request is filled. The ballot came with a read at `read_ns`, for which epoll returned
 * at `readable_ns`. Returns the record, to be handed over with the request; NULL if the pool is
 * empty. */
struct journey *journey_begin(struct journeys *journeys, uint64_t readable_ns, uint64_t read_ns,
                              uint32_t poll, bool traced);

/* The requests that were filled are sent next. */
void journeys_send(struct journeys *journeys);

/* Ledger's thread: the record's number, for the answer to carry. */
static inline uint16_t journey_number(const struct journey *journey)
{
    return journey ? journey->number : 0;
}

/* An answer that carries a journey (by its number, not 0) has come; `seq` is the recorded ballot's.
 * The answer is about to be written: journeys_written must follow. */
void journey_answer(struct journeys *journeys, uint16_t number, uint64_t seq);

/* The same, for a ballot that has no sequence of its own, or nobody to tell it to. */
void journey_drop(struct journeys *journeys, uint16_t number);

/* The answers since the last call were written to this socket; or were not, if fd is -1. */
void journeys_written(struct journeys *journeys, int fd);

/* Any thread: the last journey that was kept, of the traced or of the sampled ones; of sequence
 * `seq`, or of any if that is 0. */
bool journeys_find(const struct journeys *journeys, bool traced, uint64_t seq,
                   struct journey_kept *kept);

#endif
