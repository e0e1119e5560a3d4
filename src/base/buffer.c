/* Growable bytes. Grows by doubling from 64, so that the partial line that a connection keeps stays
 * small. */
#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

char *buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t needed = buffer->len + more;
    if (needed > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 64;
        while (capacity < needed)
            capacity *= 2;
        char *bytes = realloc(buffer->bytes, capacity);
        if (!bytes)
            return NULL;
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    return buffer->bytes + buffer->len;
}

int buffer_append(struct buffer *buffer, const char *bytes, size_t len)
{
    if (len == 0)
        return 0; /* an empty buffer may have no memory */
    char *room = buffer_reserve(buffer, len);
    if (!room)
        return -1;
    memcpy(room, bytes, len);
    buffer->len += len;
    return 0;
}

void buffer_drop(struct buffer *buffer, size_t count)
{
    if (count == buffer->len) {
        buffer_free(buffer);
        return;
    }
    buffer->len -= count;
    memmove(buffer->bytes, buffer->bytes + count, buffer->len);
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}
