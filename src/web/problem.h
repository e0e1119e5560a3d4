/* Refusals for HTTP: problem details by RFC 9457. */
#ifndef TALLYCAST_PROBLEM_H
#define TALLYCAST_PROBLEM_H

#include "base/buffer.h"

#include <stdint.h>

/* The type of the body: application/problem+json. */
#define PROBLEM_TYPE "application/problem+json"

/* Appends a refusal:
 *   {"type":"about:blank","title":"Conflict","status":409,"code":"ALREADY-VOTED","detail":"…","seq":7}
 * `code` is the line protocol's, or NULL if it has none; `detail` a text for a person, or NULL;
 * `seq` the entry that the refusal rests on, or 0. Returns 0, or -1 with the buffer unchanged if
 * memory is short. Any thread. */
int problem_append(struct buffer *out, int status, const char *code, const char *detail,
                   uint64_t seq) __attribute__((warn_unused_result));

#endif
