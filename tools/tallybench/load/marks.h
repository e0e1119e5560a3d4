/* Marked ballots: the instants at which a sample of a poll's ballots was acknowledged, by which
 * readers tell how much later a tally with them came. A list that only grows: one thread adds, any
 * number of readers each go through all of it, with no lock. */
#ifndef TALLYCAST_TOOLS_BENCH_MARKS_H
#define TALLYCAST_TOOLS_BENCH_MARKS_H

#include <stdatomic.h>
#include <stdint.h>

enum { MARKS_A_CHUNK = 255 };

struct mark {
    uint64_t seq;
    uint64_t ack_ns; /* monotonic */
};

struct mark_chunk {
    struct mark marks[MARKS_A_CHUNK];
    struct mark_chunk *next;
};

struct marks {
    _Atomic uint64_t count;
    uint64_t next_ns; /* adding thread: none is added before that */
    struct mark_chunk *first, *last;
};

/* A reader's place in the list. */
struct marks_cursor {
    const struct mark_chunk *chunk;
    unsigned at; /* in the chunk; MARKS_A_CHUNK: its successor's first */
    uint64_t passed;
};

/* The list starts empty. */
void marks_init(struct marks *marks);
void marks_free(struct marks *marks);

/* The adding thread. */
void marks_add(struct marks *marks, uint64_t seq, uint64_t ack_ns);

/* A reader's place at the start of the list. Before or while marks are added. */
struct marks_cursor marks_begin(const struct marks *marks);

/* The mark at the cursor, or NULL if there is none yet. Valid as long as the list. */
const struct mark *marks_peek(const struct marks *marks, struct marks_cursor *cursor);
void marks_pass(struct marks_cursor *cursor);

#endif
