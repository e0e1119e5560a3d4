/* What a ballot says of each choice, and its text. Pure functions, for any thread. */
#ifndef TALLYCAST_PROTO_MARKS_H
#define TALLYCAST_PROTO_MARKS_H

#include "proto/name.h"
#include "proto/settings.h"
#include "proto/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MARKS_WHY_SIZE = 160, /* bytes of a text for a person, its NUL included */
    MARKS_TEXT_MAX = PROTO_CHOICES_MAX * (PROTO_NAME_MAX + (int)sizeof "=10,"),
};

/* The mark of each choice, in the order of creation:
 *   single, approval: 1 if the ballot names it, else 0
 *   score: its score; 0 also if it isn't named
 *   ranked: its rank from 1, without gaps; choices ranked equal share one; 0 if it isn't named
 * Two texts with the same marks are the same ballot. An abstention marks nothing. */
struct marks {
    bool abstains;
    unsigned count; /* as many as there are choices */
    uint8_t mark[PROTO_CHOICES_MAX];
};

/* Whether a word that is no name can be a ballot of some kind: `-`, or names with `,` `>` `=`
 * between or about them. Whether it is one depends on the poll. */
bool marks_may_be(struct span text);

/* Reads a ballot: `c` (single), `a,c` (approval), `a=5,c=2` (score), `b>a=c` (ranked), or `-`.
 * Choices are names, or numbers from 1 where no choice has that name. Returns 0; ERR_NO_SUCH_CHOICE
 * or ERR_BAD_BALLOT with a text for a person in `why`, and the marks are undefined. The text may be
 * any bytes. */
int marks_parse(struct span text, const struct settings *settings, const struct name *choices,
                unsigned choice_count, struct marks *marks, char why[MARKS_WHY_SIZE])
    __attribute__((warn_unused_result));

/* Writes the canonical text, which marks_parse() reads as the same marks: choices in the order of
 * creation, and by rank where there are ranks. Scores of 0 are left out, but for those that `min`
 * asks for. MARKS_TEXT_MAX bytes at most, without a NUL. Returns the length. */
size_t marks_write(const struct marks *marks, const struct settings *settings,
                   const struct name *choices, char *out);

/* Whether marks from elsewhere, one a choice, are such as marks_parse() makes of a ballot that
 * doesn't abstain. */
bool marks_are_valid(const uint8_t *mark, const struct settings *settings, unsigned choice_count);

#endif
