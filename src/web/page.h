/* The pages that a browser is shown, from the templates in web/ and what the tally has of the
 * polls. They work without JavaScript; the scripts in web/ keep them current.
 *
 * Each function appends a page to `out` and returns 0, or an enum template_result with `out` as it
 * was. Any thread. */
#ifndef TALLYCAST_PAGE_H
#define TALLYCAST_PAGE_H

#include "base/buffer.h"
#include "tally/tally.h"
#include "view/journey_view.h"
#include "web/page_data.h"

#include <stddef.h>
#include <stdint.h>

/* Polls, or a part of them. */
struct page_list {
    struct snapshot *const *snapshots;
    size_t count;
    const char *since; /* what its reader has seen, for GET /events */
    const char *next;  /* the query that leads to the next part, or NULL */
};

/* The list of polls. The page is at the server's own address, so `root` is always the same, which a
 * poll's card relies on: it is made once. */
int page_index(struct buffer *out, const struct page_place *place, const struct page_list *list)
    __attribute__((warn_unused_result));

/* The page to vote on and to watch the tally. */
int page_poll(struct buffer *out, const struct page_place *place, struct snapshot *snapshot,
              const struct page_reader *reader) __attribute__((warn_unused_result));

/* The page that asks before a final ballot, if no script does. `marks` are valid in the poll;
 * `voter` is the name under which the voter wants to vote, and may be empty. */
int page_confirm(struct buffer *out, const struct page_place *place,
                 const struct snapshot *snapshot, const struct page_reader *reader,
                 const struct marks *marks, const char *voter) __attribute__((warn_unused_result));

/* The big screen. `url` is the voting page's, as a phone in the room would open it, beginning with
 * http:// or https://; it is shown, and encoded as a QR code. */
int page_screen(struct buffer *out, const struct page_place *place, struct snapshot *snapshot,
                const char *url) __attribute__((warn_unused_result));

/* A refusal: the HTTP status, its name, and what went wrong in words. The way back leads to the
 * page of the poll named `poll`, or to the list of polls if it is NULL. */
int page_error(struct buffer *out, const struct page_place *place, int status, const char *title,
               const char *detail, const char *poll) __attribute__((warn_unused_result));

/* The page that shows where the time of a ballot goes. */
int page_journey(struct buffer *out, const struct page_place *place,
                 const struct journey_view *journey) __attribute__((warn_unused_result));

#endif
