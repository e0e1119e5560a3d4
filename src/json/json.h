/* JSON values → text, for every reply that holds one. */
#ifndef TALLYCAST_JSON_H
#define TALLYCAST_JSON_H

#include "base/buffer.h"

#include <jansson.h>

/* Appends the value in one line, without white space between its parts: whatever strings it holds,
 * no byte of it is a line's end. Returns 0, or -1 if memory is short or `json` is NULL, and then
 * the buffer holds what it held. Any thread. */
int json_append(struct buffer *out, const json_t *json) __attribute__((warn_unused_result));

/* json_append of a value that is the caller's no more, whatever comes of it. */
int json_append_new(struct buffer *out, json_t *json) __attribute__((warn_unused_result));

#endif
