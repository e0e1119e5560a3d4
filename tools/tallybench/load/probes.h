/* Probes: a sample of a poll's ballots, and the instants at which they were acknowledged, by which
 * readers tell how much later a tally with them came. A list that only grows: one thread adds, any
 * number of readers each go through all of it, with no lock. */
#ifndef TALLYCAST_TOOLS_BENCH_PROBES_H
#define TALLYCAST_TOOLS_BENCH_PROBES_H

#include <stdatomic.h>
#include <stdint.h>

enum { PROBES_A_CHUNK = 255 };

struct probe {
    uint64_t seq;
    uint64_t ack_ns; /* monotonic */
};

struct probe_chunk {
    struct probe probes[PROBES_A_CHUNK];
    struct probe_chunk *next;
};

struct probes {
    _Atomic uint64_t count;
    uint64_t next_ns; /* adding thread: none is added before that */
    struct probe_chunk *first, *last;
};

/* A reader's place in the list. */
struct probes_cursor {
    const struct probe_chunk *chunk;
    unsigned at; /* in the chunk; PROBES_A_CHUNK: its successor's first */
    uint64_t passed;
};

/* The list starts empty. */
void probes_init(struct probes *probes);
void probes_free(struct probes *probes);

/* The adding thread. */
void probes_add(struct probes *probes, uint64_t seq, uint64_t ack_ns);

/* A reader's place at the start of the list. Before or while probes are added. */
struct probes_cursor probes_begin(const struct probes *probes);

/* The probe at the cursor, or NULL if there is none yet. Valid as long as the list. */
const struct probe *probes_peek(const struct probes *probes, struct probes_cursor *cursor);
void probes_pass(struct probes_cursor *cursor);

#endif
