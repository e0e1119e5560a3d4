/* Ties: one of several choices that are alike. Every decision goes into the result as a step, so
 * that everybody can see what it hung on. */
#ifndef TALLYCAST_TIE_H
#define TALLYCAST_TIE_H

#include "count/choice_set.h"
#include "count/result.h"

#include <stdint.h>

/* Who is looked for: the choice with the most votes, of equals the earliest in the lot; or the one
 * with the fewest, of equals the latest. */
enum tie_side { TIE_MOST, TIE_FEWEST };

/* The first choice of the set in the poll's lot, or the last one. */
unsigned lot_choose(const struct poll *poll, const struct choice_set *set, enum tie_side side);

/* Of the set, those with the most or the fewest votes. */
void tie_narrow(struct choice_set *set, const uint64_t *votes, enum tie_side side);

/* Has the set be narrowed by a rule, by votes that the rule looks at, and notes the tie if that
 * left out any. */
void tie_rule(struct result *result, enum result_stake stake, enum result_rule rule,
              struct choice_set *set, const uint64_t *votes, enum tie_side side);

/* The one that the lot chooses; it is noted as a tie if there is more than one. */
unsigned tie_by_lot(struct result *result, enum result_stake stake, const struct choice_set *set,
                    enum tie_side side);

/* One of those who are alike in the newest round: by the latest earlier round in which they
 * differ, and then by the lot. */
unsigned tie_by_earlier_rounds(struct result *result, enum result_stake stake,
                               struct choice_set *set, enum tie_side side);

/* Sorts choices by their votes in the newest round, the most first; equals by the latest earlier
 * round in which they differ, then by the lot. The set is then in this order. */
void tie_sort(const struct result *result, struct choice_set *set);

#endif
