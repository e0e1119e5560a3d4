/* A poll's lot: all its choices in an order that decides what nothing else does. It is kept as the
 * choices, from 0, by their places in it. Pure functions, for any thread. */
#ifndef TALLYCAST_PROTO_LOT_H
#define TALLYCAST_PROTO_LOT_H

#include "proto/name.h"
#include "proto/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOT_TEXT_MAX = PROTO_CHOICES_MAX * (PROTO_NAME_MAX + 1), /* bytes of `c>a>b` */
    LOT_WHY_SIZE = 160, /* bytes of a text for a person, its NUL included */
};

/* For a person: a row of HELP. */
#define LOT_HELP "lot=drawn|listed|c>a>b  the order that decides what nothing else does"

/* The lot in the order of creation. */
void lot_list(uint8_t *lot, unsigned choice_count);

/* Whether each choice is in the lot once. */
bool lot_is_valid(const uint8_t *lot, unsigned choice_count);

/* Reads `c>a>b`, with choices' names or numbers. Returns 0; or -1, with a text for a person in
 * `why`, and the lot is undefined. */
int lot_parse(struct span text, const struct name *choices, unsigned choice_count, uint8_t *lot,
              char why[LOT_WHY_SIZE]) __attribute__((warn_unused_result));

/* Writes `c>a>b`, LOT_TEXT_MAX bytes at most, without a NUL. Returns the length. */
size_t lot_write(const uint8_t *lot, const struct name *choices, unsigned choice_count, char *out);

#endif
