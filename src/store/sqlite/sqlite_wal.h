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

struct wal_scan {
    uint64_t frames;       /* of whole transactions: what SQLite reads */
    uint64_t room;         /* for frames in the file, whatever is there */
    uint64_t bad_at;       /* the byte from which on the file is not what SQLite reads */
    uint64_t lost_commits; /* transactions of this log whose end is behind that, at least */
    bool is_headless;      /* nothing is read, since the header is damaged */
};

/* Reads the whole log as SQLite does when it opens it, and what is behind the place where SQLite
 * stops. After a power cut that may be the end of one transaction, which nobody was told of: each
 * is synced before the next is written, and the header before the first. More are damage. Returns
 * 0, or -1 with errno set. */
int wal_scan(int file, struct wal_scan *scan) __attribute__((warn_unused_result));

/* Writes the first `frames` frames once more and syncs them: an earlier sync may have failed, and
 * then what was read is in the kernel's cache alone. It takes no room. The rest is cut off. Returns
 * 0, or -1 with errno set. */
int wal_secure(int file, uint64_t frames) __attribute__((warn_unused_result));

#endif
