/* The words of a server's row, and the numbers among them. Pure; spans point into the row. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_WORDS_H
#define TALLYCAST_TOOLS_TALLYCTL_WORDS_H

#include "proto/span.h"

#include <stdint.h>

/* Takes the first word off `rest`, and the space behind it. A len of 0 says that there was none. */
struct span words_take(struct span *rest);

/* Whether a span is the NUL-terminated `word`. */
bool words_equal(struct span span, const char *word);

/* The number that the whole span is; false if it is none. */
bool words_number(struct span span, uint64_t *number);

#endif
