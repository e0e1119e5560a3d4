/* The methods, for method.c: each fills a new result, which has the rounds and the memory that
 * method.c knows it to need. Those that need memory besides return 0, or -1 if it is short. */
#ifndef TALLYCAST_METHODS_H
#define TALLYCAST_METHODS_H

#include "count/profile.h"
#include "count/result.h"

#include <stdint.h>

/* The sums of a profile, by choice: ballots, approvals or scores. */
void plurality_sums(const struct profile_view *view, uint64_t *sums);

/* Plurality, approval and score. */
void plurality_count(struct result *result, const uint64_t *sums);

void star_count(struct result *result, const struct profile_view *view);
int schulze_count(struct result *result) __attribute__((warn_unused_result));
int irv_count(struct result *result, const struct profile_view *view)
    __attribute__((warn_unused_result));
int stv_count(struct result *result, const struct profile_view *view)
    __attribute__((warn_unused_result));

#endif
