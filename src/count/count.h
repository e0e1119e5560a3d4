/* What the ballots of a poll say, and what they add to its counts. A ballot's value is the number
 * of a distinct ballot, from 1; the rooms that carry it don't know what it means.
 *
 * In a poll of single choice, value n is choice n, so nothing is looked up. In the others a value
 * has marks (poll/values.h). VALUE_ABSTAIN is an abstention in every poll, and adds to no count.
 * Any thread, for values that it was told of. */
#ifndef TALLYCAST_COUNT_H
#define TALLYCAST_COUNT_H

#include "poll/poll.h"
#include "poll/values.h"

#include <stdbool.h>
#include <stdint.h>

/* The value of a ballot for one choice, which the poll has; from 0. Single choice. */
static inline uint32_t count_value(const struct poll *poll, unsigned choice)
{
    (void)poll;
    return choice + 1;
}

/* The choice, from 0, of a ballot with a value that the poll has, and which is no abstention.
 * Single choice. */
static inline unsigned count_choice(const struct poll *poll, uint32_t value)
{
    (void)poll;
    return value - 1;
}

/* Whether a ballot of the poll can have the value, as long as no other is added. Ledger's thread.
 */
bool count_has_value(const struct poll *poll, uint32_t value);

/* Counts a ballot in place of the voter's earlier one, whose value is `before`; 0 if there was
 * none. Changes the poll's counts, which are by choice: of ballots, approvals, or first
 * preferences, or sums of scores. Both values are ones that the poll has. */
void count_ballot(const struct poll *poll, uint64_t *counts, uint32_t before, uint32_t value);

#endif
