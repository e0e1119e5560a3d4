/* Names of polls and choices, and ids of ballots: their form, and how they are compared. Any
 * thread. */
#ifndef TALLYCAST_PROTO_NAME_H
#define TALLYCAST_PROTO_NAME_H

#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The name of a poll or choice, folded to lower case and NUL-terminated. */
struct name {
    uint8_t len;
    char text[PROTO_NAME_MAX + 1];
};

static inline bool name_equal(const struct name *a, const struct name *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* Whether the byte can stand in a name of a poll or choice. */
bool name_may_have(char c);

/* Checks and folds the name of a poll or choice: 1 to 64 of a-z 0-9 . _ -, beginning with a letter
 * or digit. Returns false, with `name` undefined, if its form is wrong. */
bool name_parse(const char *word, size_t len, struct name *name);
#define NAME_FORM "a name is 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit"

/* Whether a word is an id=: 1 to 64 printable ASCII characters without space. */
bool id_is_valid(const char *word, size_t len);
#define ID_FORM "an id is 1 to 64 printable ASCII characters, no spaces"

#endif
