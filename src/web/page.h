/* The pages that a browser is shown, from the templates in web/ and what poll_json makes of a poll.
 * They are whole without JavaScript; the scripts in web/ keep them current.
 *
 * Each function appends a page to `out` and returns 0, or an enum template_result with `out` as it
 * was. Any thread. */
#ifndef TALLYCAST_PAGE_H
#define TALLYCAST_PAGE_H

#include "base/buffer.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* All polls, or a part of them: the object that GET /polls answers. */
int page_index(struct buffer *out, const json_t *listing) __attribute__((warn_unused_result));

/* What the form of a poll's page sends beside the choice, so that a ballot that is sent twice
 * counts once: members of a ballot (doc/HTTP.md). NULL for none. */
struct page_form {
    const char *token;
    const char *id;
};

/* Vote and see. `poll` is the object of poll_json. `voted` is the choice that the browser's ballot
 * was just recorded for, by its name; NULL, or a name that is none of the poll's, says nothing. */
int page_poll(struct buffer *out, const json_t *poll, const char *voted,
              const struct page_form *form) __attribute__((warn_unused_result));

/* The big screen. `url` is the voting page's, as a phone in the room would open it, beginning with
 * http:// or https://; it is shown, and encoded as a QR code. */
int page_screen(struct buffer *out, const json_t *poll, const char *url)
    __attribute__((warn_unused_result));

/* A refusal: the HTTP status, its name, and what went wrong in words. `poll` is the name of the
 * poll whose page is the way back; NULL for the list of polls. */
int page_error(struct buffer *out, int status, const char *title, const char *detail,
               const char *poll) __attribute__((warn_unused_result));

/* Where the time of a ballot goes: the object of journey_json. */
int page_journey(struct buffer *out, const json_t *journey) __attribute__((warn_unused_result));

/* Shares of 100 that add up to 100, or are all 0 where all counts are: each rounded down, then one
 * more for those that lost most, the earlier of two that lost the same. web/tally.js does the same.
 * `percents` has room for `count`, which is at most PROTO_CHOICES_MAX; the sum of the counts is
 * below 2^57. */
void page_percents(const uint64_t *counts, size_t count, unsigned *percents);

#endif
