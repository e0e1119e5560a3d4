/* The values of a poll: its distinct ballots, numbered from 1 in the order in which the ledger
 * first recorded them. A ballot is its marks, one byte a choice (proto/marks.h); what they mean,
 * this does not know. A poll of the kind `single` has none, since there value n is choice n.
 *
 * One thread adds, finds and takes back: the ledger's, or before that starts, the main one. Any
 * other may read the marks of a value that it was told of: they stay where they are until the poll
 * ends.
 *
 * It grows by linear hashing. The number of chains grows with the number of values: each new one
 * divides one chain in two, so none waits until a whole table has been moved. A value takes 12
 * bytes, and its marks rounded up to a multiple of 4. */
#ifndef TALLYCAST_VALUES_H
#define TALLYCAST_VALUES_H

#include "poll/voter.h"
#include "proto/entry.h"

#include <stdint.h>

/* Of one poll. The last number of all stands for an abstention, in every poll. */
enum { VALUES_MAX = ENTRY_VALUE_MAX - 1 };

struct values;

/* Of ballots with `choice_count` marks. NULL if memory is short. */
struct values *values_new(unsigned choice_count);
void values_free(struct values *values); /* NULL is fine */

/* A hash by which marks are found. It is keyed, since clients choose what they mark, and kept in
 * memory alone. Any thread. */
uint64_t values_hash(const struct voter_key *key, const uint8_t *marks, unsigned choice_count);

/* The value with these marks; 0 if there is none. Marks that are alike must come with the same
 * hash; others may have it, too. */
uint32_t values_find(const struct values *values, const uint8_t *marks, uint64_t hash)
    __attribute__((warn_unused_result));

/* Gives the next number to marks that have none yet; copies them. Returns the number, or 0 with
 * nothing changed if memory is short or VALUES_MAX is reached. */
uint32_t values_add(struct values *values, const uint8_t *marks, uint64_t hash)
    __attribute__((warn_unused_result));

/* Takes back the newest values until `count` are left. Nobody may have been told of them. */
void values_truncate(struct values *values, uint32_t count);

/* How many there are: they have the numbers from 1 to this. */
uint32_t values_count(const struct values *values);

/* The marks of a value. Any thread that was told of it. */
const uint8_t *values_marks(const struct values *values, uint32_t value);

#endif
