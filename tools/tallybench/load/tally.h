/* The pushes of one poll in one form, checked: each must be a whole, well-formed tally of that
 * poll, whose counts add up, and agree with those of the newest push to any reader. The same bytes
 * go to thousands of readers, so the newest good ones are kept, and their copies are only compared:
 * each different push is taken apart once. One thread each. */
#ifndef TALLYCAST_TOOLS_BENCH_TALLY_H
#define TALLYCAST_TOOLS_BENCH_TALLY_H

#include "base/buffer.h"
#include "proto/reply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses a push. Returns NULL, or a static text that says what is wrong with it. */
typedef const char *tally_form(const char *bytes, size_t len, struct tally_row *row);

/* The line protocol's: `> ` and the tally, without LF. (Events: event.h.) */
tally_form tally_of_line;

/* All zero but the first four is a fresh one. */
struct tally_check {
    const char *poll; /* its name; not owned */
    unsigned choice_count;
    bool adds_up; /* each ballot counts for one choice */
    tally_form *form;
    struct buffer push;    /* the newest good one */
    uint64_t seq, ballots; /* of that */
};

/* Checks a push. Returns NULL and sets *seq to the tally's sequence, or a static text that says
 * what is wrong with it. */
const char *tally_check_push(struct tally_check *check, const char *bytes, size_t len,
                             uint64_t *seq);

/* Whether the newest push said what a tally (as SHOW answers it, without `+OK `) says. */
bool tally_check_is(const struct tally_check *check, const char *tally, size_t len);

void tally_check_free(struct tally_check *check);

#endif
