/* What each choice has of a poll's ballots: the numbers that bars are drawn by. Pure. */
#ifndef TALLYCAST_SHARES_H
#define TALLYCAST_SHARES_H

#include "proto/limits.h"
#include "tally/tally.h"

#include <stddef.h>
#include <stdint.h>

enum { SHARES_TEXT_MAX = 16 }; /* bytes of a share of 1, NUL included */

struct shares {
    size_t count;
    uint64_t each[PROTO_CHOICES_MAX]; /* ballots */
    unsigned percents[PROTO_CHOICES_MAX];
    uint64_t sum;
    uint64_t most;
};

/* Takes the counts of a tally; hidden ones stand as none. */
void shares_take(struct shares *shares, const struct tally_view *view);

/* A part of a whole as a share of 1, in text; 0 of nothing. */
const char *shares_text(uint64_t part, uint64_t whole, char text[SHARES_TEXT_MAX]);

/* The same in per cent, rounded to the nearest. */
unsigned shares_percent(uint64_t part, uint64_t whole);

/* Shares of 100 that add up to 100, or are all 0 if all counts are. Each is rounded down; then
 * those that lost most get one more, the earlier of two that lost the same. web/tally.js does the
 * same. `percents` has room for `count`, which is at most PROTO_CHOICES_MAX; the sum of the counts
 * is below 2^57. */
void shares_percents(const uint64_t *counts, size_t count, unsigned *percents);

#endif
