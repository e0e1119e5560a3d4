/* A ballot that came over HTTP: turns the body of POST /polls/POLL/ballots into what VOTE would
   say. */
#ifndef TALLYCAST_BALLOT_JSON_H
#define TALLYCAST_BALLOT_JSON_H

#include "proto/http.h"
#include "proto/marks.h"
#include "proto/name.h"
#include "proto/span.h"
#include "poll/poll.h"
#include "proto/voter_name.h"
#include "proto/error.h"

#include <stdint.h>

/* The fields of a form for each choice: what a page without a script sends. */
enum ballot_fields { FIELDS_NONE, FIELDS_APPROVE, FIELDS_SCORE, FIELDS_RANK };

enum { BALLOT_TEXT_SIZE = HTTP_BODY_MAX + 1 };

/* Names and ids as the line protocol has them. */
struct ballot_form {
    char text[BALLOT_TEXT_SIZE];      /* what VOTE takes as the ballot; "" if there are fields */
    enum ballot_fields fields;        /* if there is no text */
    uint8_t field[PROTO_CHOICES_MAX]; /* by choice: what its field says; 0 also if there is none */
    bool is_empty;               /* neither text nor fields: of a form on which nothing is ticked */
    struct voter_name voter;     /* len 0 if absent */
    char id[PROTO_NAME_MAX + 1]; /* "" if absent */
    char token[PROTO_NAME_MAX + 1]; /* "" if absent; not checked yet */
    bool has_after;
    uint64_t after; /* sequence of the voter's last ballot that the sender knows; 0 for none */
};

/* Reads a JSON object with the member "choice" or "ballot" and, if wanted, "voter", "id" and
 * "token", all strings, and "after", a number, and nothing else. Returns 0; or ERR_BAD_ARGUMENT, or
 * ERR_LIMIT if memory is short, with `form` undefined and *why a static text for a person, or NULL
 * for the error's own. (A shortage inside a string passes for bad syntax.) Any thread. */
int ballot_json_read(struct span body, struct ballot_form *form, const char **why)
    __attribute__((warn_unused_result));

/* The same for application/x-www-form-urlencoded. An empty voter, id, token, after or rank is an
 * absent one: a browser sends every field of a form. Instead of a text it may have a field for each
 * choice, `approve-N`, `score-N` or `rank-N`, where N is the choice's number; a text beside them
 * counts alone, as that of the button that abstains. */
int ballot_json_read_form(struct span body, struct ballot_form *form, const char **why)
    __attribute__((warn_unused_result));

/* The marks of the ballot in a poll with these settings. Returns 0 or an enum error with *why NULL
 * or a text; `room` is room for it. Also of a ballot that is refused, marks are what its fields
 * say, unless it has a text. Any thread. */
int ballot_form_marks(const struct ballot_form *form, const struct poll *poll, struct marks *marks,
                      char room[MARKS_WHY_SIZE], const char **why)
    __attribute__((warn_unused_result));

#endif
