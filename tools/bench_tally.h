/* The pushes of one poll, checked: each must be a whole, well-formed tally of that poll, whose
 * counts add up, and agree with those of the newest that any subscriber was sent. The same line
 * goes to thousands of subscribers, so the newest good one is kept, and its copies are only
 * compared. One thread each. */
#ifndef TALLYCAST_TOOLS_BENCH_TALLY_H
#define TALLYCAST_TOOLS_BENCH_TALLY_H

#include "buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero but `poll` and `choice_count` is a fresh one. */
struct tally_check {
    const char *poll; /* its name; not owned */
    unsigned choice_count;
    struct buffer line;    /* the newest good one */
    uint64_t seq, ballots; /* of that */
};

/* Checks a line without its LF. Returns NULL and sets *seq to the tally's sequence, or a static
 * text that says what is wrong with it. */
const char *tally_check_push(struct tally_check *check, const char *line, size_t len,
                             uint64_t *seq);

/* Whether the newest push said what a tally (as SHOW answers it, without `+OK `) says. */
bool tally_check_is(const struct tally_check *check, const char *tally, size_t len);

void tally_check_free(struct tally_check *check);

#endif
