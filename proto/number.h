/* Numbers in decimal digits. Any thread. */
#ifndef TALLYCAST_PROTO_NUMBER_H
#define TALLYCAST_PROTO_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_DIGITS_MAX = 20 }; /* of a uint64_t */

/* Reads digits only (leading zeros too) of a number that is at most `max`. Returns false, with
 * `number` unchanged, on anything else. */
bool number_parse(const char *word, size_t len, uint64_t max, uint64_t *number);

/* Appends the decimal digits of `number`, NUMBER_DIGITS_MAX at most. Returns the end. */
char *number_put(char *at, uint64_t number);

#endif
