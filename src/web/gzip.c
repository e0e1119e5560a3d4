/* zlib, in one call: bodies are whole before they are sent. Any thread. Memory can be short. */
#include "web/gzip.h"

#define ZLIB_CONST
#include <zlib.h>

enum {
    LEVEL = 3, /* of 9: a list's rows are alike, so more effort hardly makes it smaller */
    GZIP_WINDOW = 15 + 16, /* the largest window, in gzip's format */
    MEMORY_LEVEL = 8,
};

int gzip_append(struct buffer *out, struct span plain)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return -1;
    uLong bound = deflateBound(&stream, (uLong)plain.len);
    char *room = buffer_reserve(out, bound);
    if (room) {
        stream.next_in = (const unsigned char *)plain.at;
        stream.avail_in = (unsigned)plain.len;
        stream.next_out = (unsigned char *)room;
        stream.avail_out = (unsigned)bound;
        deflate(&stream, Z_FINISH); /* is sure to finish: there is room for the largest result */
        out->len += stream.total_out;
    }
    deflateEnd(&stream);
    return room ? 0 : -1;
}
