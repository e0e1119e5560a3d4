/* A text file, line by line, and what is wrong with it. Pure; any thread. */
#ifndef TALLYCAST_TOOLS_ELECTION_LINES_H
#define TALLYCAST_TOOLS_ELECTION_LINES_H

#include "proto/span.h"

/* The room for what is wrong, NUL included: as that of an election. */
enum { LINES_WHY_MAX = 512 };

struct lines {
    struct span rest;
    unsigned number; /* of the line that was taken last; from 1 */
    char *why;       /* LINES_WHY_MAX bytes, the caller's; filled by lines_fail */
};

/* Begins at the text's first line; a byte order mark before it is passed over. */
void lines_begin(struct lines *lines, const char *text, size_t len, char why[LINES_WHY_MAX]);

/* Takes the next line, without its LF or CR LF. Returns 1; 0 at the end; -1, with `why`, if the
 * line is not UTF-8, or has control characters other than TAB. */
int lines_next(struct lines *lines, struct span *line) __attribute__((warn_unused_result));

/* Fills `why`: `line 12: ` and the words. Returns -1. */
int lines_fail(const struct lines *lines, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
