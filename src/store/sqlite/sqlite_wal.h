/* SQLite's write-ahead log as a file: https://www.sqlite.org/fileformat.html#the_write_ahead_log.
 * Any thread. */
#ifndef TALLYCAST_SQLITE_WAL_H
#define TALLYCAST_SQLITE_WAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { WAL_HEADER_BYTES = 32, WAL_FRAME_HEADER_BYTES = 24, WAL_PAGE_BYTES = 4096 };

/* A page as a transaction wrote it. */
struct wal_frame {
    uint32_t page;           /* from 1 */
    uint32_t database_pages; /* of the last frame of a transaction; 0 of others */
    uint32_t salts[2];       /* the same in all frames since the log was begun anew */
    uint32_t sums[2];
};

/* Where frame `index`, from 0, begins. Its page follows its header. */
static inline off_t wal_frame_at(uint64_t index)
{
    return (off_t)(WAL_HEADER_BYTES + index * (WAL_FRAME_HEADER_BYTES + WAL_PAGE_BYTES));
}

/* Reads a frame's header; false if the file has no such frame. */
bool wal_read_frame(int file, uint64_t index, struct wal_frame *frame);

#endif
