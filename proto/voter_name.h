/* Names of voters: what may be one, and which are the same voter's (PROTOCOL.md, "Names"). Pure;
 * any thread; nothing is allocated. */
#ifndef TALLYCAST_PROTO_VOTER_NAME_H
#define TALLYCAST_PROTO_VOTER_NAME_H

#include "proto/limits.h"
#include "proto/span.h"

#include <stdint.h>

#define VOTER_NAME_FORM                                                                      \
    "a voter's name is 1 to 128 bytes of text, without quotation marks, control characters " \
    "and unknown ones"

/* A name as it was given, but for the white space: none is left around it, and a space stands for
 * each stretch of it within. NUL-terminated. */
struct voter_name {
    uint8_t len;
    char text[PROTO_VOTER_MAX + 1];
};

/* Takes a name as somebody wrote it. Returns false, with `name` undefined, if it can't be one. */
bool voter_name_parse(struct span given, struct voter_name *name);

/* What all spellings of a voter's name have in common: without regard to case, to how a character
 * is composed, and to characters that nobody sees. `name` is the text of one that was parsed, of at
 * most PROTO_VOTER_MAX bytes. Returns the length in bytes, from 1; or 0 for a text that is none.
 * What it gives for a name never changes: ballots are found by it. */
size_t voter_name_fold(struct span name, char folded[PROTO_VOTER_MAX]);

#endif
