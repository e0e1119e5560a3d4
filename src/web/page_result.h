/* A poll's result as the pages tell it. Any thread. */
#ifndef TALLYCAST_PAGE_RESULT_H
#define TALLYCAST_PAGE_RESULT_H

#include "count/result.h"
#include "tally/tally.h"

#include <jansson.h>

/* The newest result of a snapshot, which keeps it; NULL while there is none, and of a single
 * choice, whose tally says it all. */
const struct result *page_result_of(struct snapshot *snapshot);

/* The result in words and tables. NULL if memory is short; JSON's null where there is nothing to
 * tell: of a single choice, and while results are hidden. */
json_t *page_result_data(struct snapshot *snapshot);

/* Who is elected, or leads, in words: none while results are hidden. NULL if memory is short. */
json_t *page_result_verdict(const struct snapshot *snapshot, const struct result *result);

/* The names of those that it elects, with spaces between them: none while results are hidden. NULL
 * if memory is short. */
json_t *page_result_winners(const struct snapshot *snapshot, const struct result *result);

#endif
