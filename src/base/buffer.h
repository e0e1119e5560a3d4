/* A growable run of bytes with one owner. */
#ifndef TALLYCAST_BUFFER_H
#define TALLYCAST_BUFFER_H

#include <stddef.h>

/* All zero is an empty buffer that owns nothing. */
struct buffer {
    char *bytes;
    size_t len;      /* bytes held */
    size_t capacity; /* bytes allocated */
};

/* Room for `more` bytes after those held; the caller writes them and adds to `len`. NULL, with
 * nothing changed, if memory is short. */
char *buffer_reserve(struct buffer *buffer, size_t more);

/* Appends a copy. Returns 0, or -1 if memory is short. */
int buffer_append(struct buffer *buffer, const char *bytes, size_t len)
    __attribute__((warn_unused_result));

/* Drops the first `count` bytes. A buffer that becomes empty gives its memory back. */
void buffer_drop(struct buffer *buffer, size_t count);

void buffer_free(struct buffer *buffer);

#endif
