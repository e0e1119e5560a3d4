/* Pairs of choices: on how many votes one stands above the other. A score stands above a lower one;
 * a rank above a later one, and above all that a ballot does not name. Any thread. */
#ifndef TALLYCAST_PAIRS_H
#define TALLYCAST_PAIRS_H

#include "count/profile.h"
#include "count/result.h"

#include <stdint.h>

/* Gives the result the pairs of a profile of scores or ranks, unless there are more choices than
 * RESULT_PAIRS_MAX. Returns 0, or -1 if memory is short. */
int pairs_count(struct result *result, const struct profile_view *view)
    __attribute__((warn_unused_result));

/* The votes of one pair, whatever the number of choices. */
void pairs_between(const struct profile_view *view, unsigned a, unsigned b, uint64_t *above,
                   uint64_t *below);

#endif
