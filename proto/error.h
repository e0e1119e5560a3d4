/* The protocol's errors, as negative return values. The list is errors.def. */
#ifndef TALLYCAST_PROTO_ERROR_H
#define TALLYCAST_PROTO_ERROR_H

#include <stdbool.h>

enum error_ordinal {
#define ERROR(id, code, text, blames, status, detail) ERROR_ORDINAL_##id,
#include "proto/errors.def"
#undef ERROR
    ERROR_COUNT
};

/* The text for a person when ALREADY_VOTED may not tell which ballot it was: the error then has no
   sequence. */
#define ALREADY_VOTED_UNTOLD "a ballot was recorded for this voter before"

/* Returned by fallible functions: 0, or one of these. */
enum error {
#define ERROR(id, code, text, blames, status, detail) ERR_##id = -1 - ERROR_ORDINAL_##id,
#include "proto/errors.def"
#undef ERROR
};

/* The stable code as it stands on the wire ("NO-SUCH-POLL"). Any thread. */
const char *error_code(enum error error);

/* The default text for a person. */
const char *error_text(enum error error);

/* Whether the error counts towards TOO-MANY-ERRORS. */
bool error_blames_client(enum error error);

/* The HTTP status of the error: 4xx or 503. */
int error_status(enum error error);

/* The default text for a person at a browser or a program that speaks HTTP. */
const char *error_detail(enum error error);

#endif
