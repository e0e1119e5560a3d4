/* What the ballots of a poll say, and how they are counted: the poll's method. A ballot's value is
 * the number of a distinct ballot, from 1; all other rooms carry it without knowing what it means.
 *
 * There is one method: single choice, in which value n is choice n, so nothing is looked up.
 * Another one belongs beside it, behind these functions. They depend on the poll alone. Any thread.
 */
#ifndef TALLYCAST_COUNT_H
#define TALLYCAST_COUNT_H

#include "poll/poll.h"

#include <stdbool.h>
#include <stdint.h>

/* The value of a ballot for one choice, which the poll has; from 0. */
static inline uint32_t count_value(const struct poll *poll, unsigned choice)
{
    (void)poll;
    return choice + 1;
}

/* The choice, from 0, of a ballot with a value that the poll has. */
static inline unsigned count_choice(const struct poll *poll, uint32_t value)
{
    (void)poll;
    return value - 1;
}

/* Whether a ballot of the poll can have the value. */
static inline bool count_has_value(const struct poll *poll, uint32_t value)
{
    return value >= 1 && value <= poll->choice_count;
}

/* Counts a ballot in place of the voter's earlier one, whose value is `before`; 0 if there was
 * none. Changes the poll's counts, which are by choice. Both values are ones that the poll has. */
void count_ballot(const struct poll *poll, uint64_t *counts, uint32_t before, uint32_t value);

#endif
