/* A writer of JSON, for every reply that holds some. It appends values to a buffer, one after the
 * other, in one line without white space between them. Whatever the texts hold, the result holds no
 * line end.
 *
 * It writes commas by itself; the caller opens and closes, and names an object's members. If memory
 * is short, the writer remembers it and writes no more: json_write_finish tells. Any thread. */
#ifndef TALLYCAST_JSON_WRITE_H
#define TALLYCAST_JSON_WRITE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_writer {
    struct buffer *out;
    size_t begin; /* bytes that were in the buffer before */
    bool follows; /* a value or member stands before the next one */
    bool failed;
};

/* Begins to write behind the buffer's contents. */
struct json_writer json_write_begin(struct buffer *out);

/* Returns 0, or -1 if memory was short, with the buffer as it was before json_write_begin. */
int json_write_finish(struct json_writer *writer) __attribute__((warn_unused_result));

/* `{`, `[`, and their ends. */
void json_write_open(struct json_writer *writer, char bracket);
void json_write_close(struct json_writer *writer, char bracket);

/* The name of the member whose value comes next: letters, digits and `_`. */
void json_write_name(struct json_writer *writer, const char *name);

void json_write_text(struct json_writer *writer, const char *bytes, size_t len); /* UTF-8 */
void json_write_string(struct json_writer *writer, const char *text); /* UTF-8 and a NUL */
void json_write_number(struct json_writer *writer, uint64_t number);
void json_write_bool(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);

/* Writes a finished JSON value as it is. */
void json_write_raw(struct json_writer *writer, const char *bytes, size_t len);

#endif
