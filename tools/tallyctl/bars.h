/* Bars, one below the other: what they are of, the bar, its number, and what is said of it. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_BARS_H
#define TALLYCAST_TOOLS_TALLYCTL_BARS_H

#include <stdint.h>
#include <stdio.h>

/* A bar. No text is owned; all are escaped. */
struct bar {
    const char *label;
    const char *number;
    const char *percent; /* of TEXT_PERCENT_SIZE at most; "" for none */
    const char *mark;    /* a word behind all, such as "leads"; "" for none */
    uint64_t length;     /* the longest one fills the room that there is */
};

/* Draws them, none wider than `columns` if that leaves room for the numbers. What has no room is
 * left out: the bar first, then marks, then percentages. */
void bars_draw(const struct bar *bars, unsigned count, unsigned columns, FILE *out);

#endif
