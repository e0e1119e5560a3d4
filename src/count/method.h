/* Counting a poll's ballots by the poll's method. Each method is a file of its own, which opens
 * with its rule; all are pure functions of the profile, with integers alone. They allocate what is
 * bounded by the number of choices, and irv and stv 8 bytes for each distinct ballot. Any thread.
 */
#ifndef TALLYCAST_METHOD_H
#define TALLYCAST_METHOD_H

#include "count/profile.h"
#include "count/result.h"

#include <stdbool.h>
#include <stdint.h>

/* The most weight that a profile may have, so that no count overflows. A ledger has numbers for
 * fewer ballots (2^40), so it is kept where each weighs 1; who gives more must see to it. */
#define METHOD_WEIGHT_MAX UINT64_C(100000000000000)

/* Whether the result follows from the tally's counts alone. */
bool method_is_additive(const struct poll *poll);

/* Counts a profile, by any method. The caller owns a reference to the result, with a `seq` of 0.
 * NULL if memory is short. */
struct result *method_count(const struct profile_view *view);

/* The same by a method that is additive, of the tally's counts: approvals, sums of scores, or
 * ballots, by choice. */
struct result *result_of_counts(const struct poll *poll, const uint64_t *counts, uint64_t ballots,
                                uint64_t weight, uint64_t abstained);

#endif
