/* Names of voters: which texts may be one, and which are the same voter's (PROTOCOL.md, "Names").
 * Pure; any thread; nothing is allocated. */
#ifndef TALLYCAST_PROTO_VOTER_NAME_H
#define TALLYCAST_PROTO_VOTER_NAME_H

#include "proto/limits.h"
#include "proto/span.h"

#include <stdint.h>

#define VOTER_NAME_FORM                                                                       \
    "a voter's name is 1 to 128 bytes of text, without control characters and unknown ones; " \
    "one with quotation marks is one word of ASCII, and does not begin with one"

/* A name as given, with its white space tidied: none is left around it, and one space stands for
 * each stretch within. NUL-terminated. */
struct voter_name {
    uint8_t len;
    char text[PROTO_VOTER_MAX + 1];
};

/* Takes a name as somebody wrote it. Returns false, with `name` undefined, if it can't be one. */
bool voter_name_parse(struct span given, struct voter_name *name);

/* Folds a voter's name to the form that all its spellings share: case, composition of characters
 * and invisible characters make no difference. `name` is the text of a parsed name, of at most
 * PROTO_VOTER_MAX bytes. Returns the length in bytes, from 1; or 0 for a text that is no name. The
 * result for a name must never change: ballots are found by it. */
size_t voter_name_fold(struct span name, char folded[PROTO_VOTER_MAX]);

#endif
