/* Reading the log as a file, in order. A frame is good if it has the salts of the log's header and
 * the sum of everything before it. */
#include "store/sqlite/sqlite_wal.h"

#include "base/big_endian.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum {
    MAGIC = 0x377f0682, /* and one more if sums are of big-endian words */
    HEADER_SALTS_AT = 16,
    HEADER_SUMS_AT = 24,
    FRAME_SUMMED_BYTES = 8, /* of its header; then the page */
    LOST_PAGES_MAX = 256,   /* of one transaction; in a larger one no page is known again */
};

static uint32_t little_endian_32(const unsigned char *bytes)
{
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

/* Returns how much of it is there, or -1 with errno set. */
static ssize_t read_at(int file, void *bytes, size_t len, off_t at)
{
    ssize_t n;
    while ((n = pread(file, bytes, len, at)) < 0 && errno == EINTR)
        ;
    return n;
}

static struct wal_frame parse_frame(const unsigned char header[WAL_FRAME_HEADER_BYTES])
{
    return (struct wal_frame){
        .page = big_endian_32(header),
        .database_pages = big_endian_32(header + 4),
        .salts = {big_endian_32(header + 8), big_endian_32(header + 12)},
        .sums = {big_endian_32(header + 16), big_endian_32(header + 20)},
    };
}

bool wal_read_frame(int file, uint64_t index, struct wal_frame *frame)
{
    unsigned char header[WAL_FRAME_HEADER_BYTES];
    if (read_at(file, header, sizeof header, wal_frame_at(index)) != (ssize_t)sizeof header)
        return false;
    *frame = parse_frame(header);
    return true;
}

/* ---- what is lost ---- */

/* Transactions behind the place where SQLite stops reading. One ends with a frame that says so; or,
 * if that frame is damaged, where a page comes a second time, since a transaction writes each page
 * once. The second kind counts only before the first: batches that were refused, and so never
 * ended, leave frames as well. One that has not ended counts if it goes on from one that has: that
 * was synced before. */
struct lost {
    uint64_t commits;
    bool has_begun;   /* one that goes on from the last commit */
    uint64_t repeats; /* since the last commit */
    size_t page_count;
    uint32_t pages[LOST_PAGES_MAX]; /* of the transaction to which the last frame belongs */
};

static bool has_page(const struct lost *lost, uint32_t page)
{
    for (size_t i = 0; i < lost->page_count; i++)
        if (lost->pages[i] == page)
            return true;
    return false;
}

static void lose(struct lost *lost, const struct wal_frame *frame, bool goes_on)
{
    if (goes_on && lost->commits > 0 && lost->page_count == 0)
        lost->has_begun = true;
    if (has_page(lost, frame->page)) {
        lost->repeats++;
        lost->page_count = 0;
    }
    if (lost->page_count < LOST_PAGES_MAX)
        lost->pages[lost->page_count++] = frame->page;
    if (frame->database_pages == 0)
        return;
    lost->commits += 1 + lost->repeats;
    lost->repeats = 0;
    lost->page_count = 0;
    lost->has_begun = false;
}

/* ---- scanning ---- */

struct log {
    bool is_good; /* so far: the sums are those of everything before */
    bool is_big_endian;
    bool is_before; /* the last frame was of this log, and said that its sums are these: */
    uint32_t sums_before[2];
    uint32_t salts[2];
    uint32_t sums[2];
};

static void add(struct log *log, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint32_t first =
            log->is_big_endian ? big_endian_32(bytes + i) : little_endian_32(bytes + i);
        uint32_t second =
            log->is_big_endian ? big_endian_32(bytes + i + 4) : little_endian_32(bytes + i + 4);
        log->sums[0] += first + log->sums[1];
        log->sums[1] += second + log->sums[0];
    }
}

static struct log parse_header(const unsigned char header[WAL_HEADER_BYTES])
{
    uint32_t magic = big_endian_32(header);
    struct log log = {.is_big_endian = magic & 1,
                      .salts = {big_endian_32(header + HEADER_SALTS_AT),
                                big_endian_32(header + HEADER_SALTS_AT + 4)}};
    add(&log, header, HEADER_SUMS_AT);
    log.is_good = (magic & ~UINT32_C(1)) == MAGIC &&
                  log.sums[0] == big_endian_32(header + HEADER_SUMS_AT) &&
                  log.sums[1] == big_endian_32(header + HEADER_SUMS_AT + 4) &&
                  big_endian_32(header + 8) == WAL_PAGE_BYTES;
    return log;
}

static bool has_salts(const struct wal_frame *frame, const struct log *log)
{
    return frame->salts[0] == log->salts[0] && frame->salts[1] == log->salts[1];
}

/* Adds a frame to the sums, and returns whether they are then its own. */
static bool sums_go_on(struct log *log, const struct wal_frame *frame, const unsigned char *bytes)
{
    add(log, bytes, FRAME_SUMMED_BYTES);
    add(log, bytes + WAL_FRAME_HEADER_BYTES, WAL_PAGE_BYTES);
    return log->sums[0] == frame->sums[0] && log->sums[1] == frame->sums[1];
}

/* Whether a frame goes on where the good ones ended. */
static bool goes_on(struct log *log, const struct wal_frame *frame, const unsigned char *bytes)
{
    return log->is_good && has_salts(frame, log) && frame->page > 0 &&
           sums_go_on(log, frame, bytes);
}

/* Whether a frame goes on from the one before, which is of this log but not good: what an earlier
 * log, or a batch that was refused, left goes on from itself alone. */
static bool goes_on_from_bad(struct log *log, const struct wal_frame *frame,
                             const unsigned char *bytes)
{
    memcpy(log->sums, log->sums_before, sizeof log->sums);
    return log->is_before && frame->page > 0 && sums_go_on(log, frame, bytes);
}

/* The salts of a log whose header is damaged are those of its first frame. */
static void adopt_salts(struct log *log, const struct wal_frame *first)
{
    if (log->is_good)
        return;
    log->salts[0] = first->salts[0];
    log->salts[1] = first->salts[1];
}

static void scan_frame(struct log *log, struct lost *lost, const unsigned char *bytes,
                       struct wal_scan *scan)
{
    struct wal_frame frame = parse_frame(bytes);
    if (scan->room++ == 0)
        adopt_salts(log, &frame);
    log->is_good = goes_on(log, &frame, bytes);
    bool goes_on_at_all = log->is_good || goes_on_from_bad(log, &frame, bytes);
    bool is_ours = goes_on_at_all || (frame.page > 0 && has_salts(&frame, log));
    if (log->is_good && frame.database_pages > 0)
        scan->frames = scan->room;
    else if (is_ours && !log->is_good)
        lose(lost, &frame, goes_on_at_all);
    log->is_before = is_ours;
    memcpy(log->sums_before, frame.sums, sizeof frame.sums);
}

int wal_scan(int file, struct wal_scan *scan)
{
    unsigned char header[WAL_HEADER_BYTES], bytes[WAL_FRAME_HEADER_BYTES + WAL_PAGE_BYTES];
    *scan = (struct wal_scan){0};
    ssize_t n = read_at(file, header, sizeof header, 0);
    if (n < (ssize_t)sizeof header)
        return n < 0 ? -1 : 0;
    struct log log = parse_header(header);
    struct lost lost = {0};
    const bool is_headless = !log.is_good;
    while ((n = read_at(file, bytes, sizeof bytes, wal_frame_at(scan->room))) ==
           (ssize_t)sizeof bytes)
        scan_frame(&log, &lost, bytes, scan);
    scan->lost_commits = lost.commits + lost.has_begun;
    scan->is_headless = is_headless && scan->room > 0;
    scan->bad_at = scan->frames > 0 ? (uint64_t)wal_frame_at(scan->frames) : 0;
    return n < 0 ? -1 : 0;
}

int wal_secure(int file, uint64_t frames)
{
    unsigned char bytes[WAL_FRAME_HEADER_BYTES + WAL_PAGE_BYTES];
    off_t end = wal_frame_at(frames);
    for (off_t at = 0; at < end;) {
        size_t len = (size_t)(end - at) < sizeof bytes ? (size_t)(end - at) : sizeof bytes;
        ssize_t n = read_at(file, bytes, len, at);
        if (n > 0)
            n = pwrite(file, bytes, (size_t)n, at);
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return -1;
        }
        at += n;
    }
    return ftruncate(file, end) == 0 && fsync(file) == 0 ? 0 : -1;
}
