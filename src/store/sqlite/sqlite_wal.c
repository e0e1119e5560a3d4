/* Reading the log as a file. */
#include "store/sqlite/sqlite_wal.h"

#include <errno.h>
#include <unistd.h>

static uint32_t big_endian_32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Whether all of it is there. */
static bool read_at(int file, void *bytes, size_t len, off_t at)
{
    ssize_t n;
    while ((n = pread(file, bytes, len, at)) < 0 && errno == EINTR)
        ;
    return n == (ssize_t)len;
}

bool wal_read_frame(int file, uint64_t index, struct wal_frame *frame)
{
    unsigned char header[WAL_FRAME_HEADER_BYTES];
    if (!read_at(file, header, sizeof header, wal_frame_at(index)))
        return false;
    *frame = (struct wal_frame){
        .page = big_endian_32(header),
        .database_pages = big_endian_32(header + 4),
        .salts = {big_endian_32(header + 8), big_endian_32(header + 12)},
        .sums = {big_endian_32(header + 16), big_endian_32(header + 20)},
    };
    return true;
}
