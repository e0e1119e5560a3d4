/* A ballot that came over HTTP: turns the body of POST /polls/POLL/ballots into what VOTE would
   say. */
#ifndef TALLYCAST_BALLOT_JSON_H
#define TALLYCAST_BALLOT_JSON_H

#include "proto/name.h"
#include "proto/span.h"
#include "proto/voter_name.h"
#include "proto/error.h"

#include <stdint.h>

/* Names and ids as the line protocol has them. */
struct ballot_form {
    struct name choice;             /* a name, or a number in digits */
    struct voter_name voter;        /* len 0 if absent */
    char id[PROTO_NAME_MAX + 1];    /* "" if absent */
    char token[PROTO_NAME_MAX + 1]; /* "" if absent; not checked yet */
    bool has_after;
    uint64_t after; /* sequence of the voter's last ballot that the sender knows; 0 for none */
};

/* Reads a JSON object with the member "choice" and, if wanted, "voter", "id" and "token", all
 * strings, and "after", a number, and nothing else. Returns 0; or ERR_BAD_ARGUMENT, or ERR_LIMIT if
 * memory is short, with `form` undefined and *why a static text for a person, or NULL for the
 * error's own. (A shortage inside a string passes for bad syntax.) Any thread. */
int ballot_json_read(struct span body, struct ballot_form *form, const char **why)
    __attribute__((warn_unused_result));

/* The same for application/x-www-form-urlencoded. An empty voter, id, token or after is an absent
 * one: a browser sends every field of a form. */
int ballot_json_read_form(struct span body, struct ballot_form *form, const char **why)
    __attribute__((warn_unused_result));

#endif
