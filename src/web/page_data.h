/* What the pages' templates show of a poll. Any thread. */
#ifndef TALLYCAST_PAGE_DATA_H
#define TALLYCAST_PAGE_DATA_H

#include "proto/span.h"
#include "tally/tally.h"

#include <jansson.h>

/* A page's place: the data that every page gets besides what it shows. */
struct page_place {
    const char *root;   /* relative path from the page's address to the server's own: "", "../",
                         * … */
    const char *ledger; /* the identity of the ledger (tally_ledger) */
};

/* A poll's data; `voted` is the choice, from 0, of the reader's ballot, or -1. NULL if memory is
 * short. */
json_t *page_data_of_poll(const struct page_place *place, const struct snapshot *snapshot,
                          int voted);

/* A title or label. Only a hand-edited database can hold one that is no text. NULL if memory is
 * short. */
json_t *page_data_text(struct span text);

#endif
