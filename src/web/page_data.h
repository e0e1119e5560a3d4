/* What the pages' templates show of a poll. Any thread. */
#ifndef TALLYCAST_PAGE_DATA_H
#define TALLYCAST_PAGE_DATA_H

#include "proto/marks.h"
#include "proto/span.h"
#include "tally/tally.h"

#include <jansson.h>
#include <stdint.h>

/* A page's place: the data that every page gets besides what it shows. */
struct page_place {
    const char *root;   /* relative path from the page's address to the server's own: "", "../",
                         * … */
    const char *ledger; /* the identity of the ledger (tally_ledger) */
};

/* A poll's page's data about its reader. */
struct page_reader {
    const struct marks *own;    /* the reader's ballot that counts, or NULL */
    uint64_t seq;               /* that ballot's sequence if the ledger tells it; otherwise 0 */
    const struct marks *filled; /* what the reader's form says that was refused, or NULL */
    const char *problem;        /* why it was refused, for a person; or NULL */
    const char *voter;          /* the name under which the reader wanted to vote; or NULL */
    /* Members of a ballot (doc/HTTP.md) that the form sends beside the choice, so that a ballot
     * that is sent twice counts once. NULL for none. */
    const char *token;
    const char *id;
};

/* A poll's data; `reader` is NULL on pages that are the same for everybody. NULL if memory is
 * short. */
json_t *page_data_of_poll(const struct page_place *place, struct snapshot *snapshot,
                          const struct page_reader *reader);

/* The direction in which what a ballot says is written: a label's own, or that of a sentence. */
const char *page_data_words_dir(const struct poll *poll);

/* The text of a ballot as VOTE takes it; "" for none. NULL if memory is short. */
json_t *page_data_ballot(const struct poll *poll, const struct marks *marks);

/* A title or label. Only a hand-edited database can hold one that is no text. NULL if memory is
 * short. */
json_t *page_data_text(struct span text);

#endif
