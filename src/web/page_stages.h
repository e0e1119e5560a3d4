/* The stages of a count, as pages show them: columns of one table, and what was decided at each, in
 * words. A stage is what one sees at one time: a round of irv and stv; of star the sums, and then
 * the run-off; of schulze how many others each choice beats. Other methods have none. Any thread.
 * What is returned is NULL if memory is short. */
#ifndef TALLYCAST_PAGE_STAGES_H
#define TALLYCAST_PAGE_STAGES_H

#include "count/result.h"
#include "tally/tally.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What is told of a choice at a stage. */
struct page_cell {
    json_t *text;      /* for the table: votes, points, or nothing */
    json_t *figure;    /* large, on the big screen */
    uint64_t part, of; /* of the bar's length; `of` may be 0 */
    const char *state; /* "elected", "out", or "" */
};

/* What a stage is called, what comes of it in words, and its cells. */
struct page_stages {
    const struct snapshot *snapshot;
    const struct result *result;
    unsigned first; /* the stage of the count that is told first */
    unsigned count; /* of those that are told */
    json_t *(*name)(const struct page_stages *stages, unsigned stage);
    json_t *(*words)(const struct page_stages *stages, unsigned stage);
    struct page_cell (*cell)(const struct page_stages *stages, unsigned stage, unsigned choice);
};

/* The stages of a result, which may be NULL: then, and where nobody has voted, there are none. Both
 * must outlive them. */
struct page_stages page_stages_of(const struct snapshot *snapshot, const struct result *result);

/* What was decided where there are no stages; empty where there are. */
json_t *page_stages_undivided(const struct page_stages *stages);

/* Whether votes went to nobody any more at some stage, and how many at this one. */
bool page_stages_exhaust(const struct page_stages *stages);
json_t *page_stages_exhausted(const struct page_stages *stages, unsigned stage);

/* Who beats whom, a row a choice; no rows where that is not what decides, or can't be read. */
json_t *page_stages_duels(const struct page_stages *stages);

#endif
