/* A backup takes long, and what is recorded meanwhile must not pile up in the log: its end would be
 * one long checkpoint, for which every voter waits. So checkpoints go on, and before each the pages
 * are kept that it overwrites and the reader has not come to. Entries are appended, so these are
 * few: the last pages of tables, and the tallies.
 *
 * Whoever writes first keeps the page, then overwrites it; the reader reads a block, puts the kept
 * pages in their place, and only then says that it has the block. So a page that changed while it
 * was read, was kept.
 *
 * If the log could not be moved into the file (the disk is full), its frames are a part of the
 * image: no checkpoint may begin the log anew until the end. */
#include "store/sqlite/sqlite_image.h"

#include "store/sqlite/sqlite_wal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT_MAX = 4096 }; /* pages in memory: 16 MiB */

struct kept_page {
    struct kept_page *next;
    uint64_t at;           /* in the database, in bytes */
    off_t log_at;          /* where the log has it; 0 if it is here: */
    unsigned char bytes[]; /* WAL_PAGE_BYTES, or none */
};

static size_t block_count(uint64_t bytes)
{
    return (size_t)((bytes + IMAGE_BLOCK_BYTES - 1) / IMAGE_BLOCK_BYTES);
}

static struct kept_page *find(const struct sqlite_image *image, uint64_t at)
{
    struct kept_page *page = image->kept[at / IMAGE_BLOCK_BYTES];
    while (page && page->at != at)
        page = page->next;
    return page;
}

static void insert(struct sqlite_image *image, struct kept_page *page)
{
    struct kept_page **block = &image->kept[page->at / IMAGE_BLOCK_BYTES];
    page->next = *block;
    *block = page;
    image->kept_count++;
}

/* Where a frame's page is in the database. 1, 0 if the image does not have it, or -1 with errno set
 * if the frame can't be read. */
static int frame_place(const struct sqlite_image *image, uint64_t index, uint64_t *at)
{
    struct wal_frame frame;
    if (!wal_read_frame(image->log, index, &frame)) {
        errno = EIO;
        return -1;
    }
    *at = (uint64_t)(frame.page - 1) * WAL_PAGE_BYTES;
    return frame.page > 0 && *at < image->bytes;
}

/* Of several frames of a page the last one counts. Returns 0, or -1 with errno set. */
static int overlay(struct sqlite_image *image, uint64_t log_frames)
{
    for (uint64_t i = 0; i < log_frames; i++) {
        uint64_t at;
        int placed = frame_place(image, i, &at);
        if (placed < 0)
            return -1;
        if (placed == 0)
            continue;
        struct kept_page *page = find(image, at);
        if (!page) {
            page = malloc(sizeof *page);
            if (!page)
                return -1;
            page->at = at;
            insert(image, page);
        }
        page->log_at = wal_frame_at(i) + WAL_FRAME_HEADER_BYTES;
    }
    return 0;
}

int sqlite_image_begin(struct sqlite_image *image, int file, uint64_t bytes, int log,
                       uint64_t log_frames)
{
    struct kept_page **kept = calloc(block_count(bytes) + 1, sizeof *kept);
    if (!kept)
        return -1;
    *image = (struct sqlite_image){
        .file = file, .log = log, .bytes = bytes, .held = log_frames > 0, .kept = kept};
    pthread_mutex_init(&image->mutex, NULL);
    if (overlay(image, log_frames) == 0)
        return 0;
    int error = errno;
    sqlite_image_end(image);
    errno = error;
    return -1;
}

void sqlite_image_end(struct sqlite_image *image)
{
    for (size_t i = 0; i < block_count(image->bytes); i++)
        for (struct kept_page *page = image->kept[i], *next; page; page = next) {
            next = page->next;
            free(page);
        }
    free(image->kept);
    pthread_mutex_destroy(&image->mutex);
    *image = (struct sqlite_image){0};
}

/* ---- keeping ---- */

/* Keeps a page of the file, unless the reader has it, or it is kept. Only this thread inserts. */
static bool keep(struct sqlite_image *image, uint64_t at, uint64_t read_bytes)
{
    if (at < read_bytes || find(image, at))
        return true;
    struct kept_page *page =
        image->kept_count < KEPT_MAX ? malloc(sizeof *page + WAL_PAGE_BYTES) : NULL;
    if (!page)
        return false;
    page->at = at;
    page->log_at = 0;
    if (pread(image->file, page->bytes, WAL_PAGE_BYTES, (off_t)at) != WAL_PAGE_BYTES) {
        free(page);
        return false;
    }
    pthread_mutex_lock(&image->mutex);
    insert(image, page);
    pthread_mutex_unlock(&image->mutex);
    return true;
}

bool sqlite_image_keep(struct sqlite_image *image, uint64_t log_frames)
{
    if (!image->kept)
        return true;
    if (image->held)
        return false;
    pthread_mutex_lock(&image->mutex);
    uint64_t at, read_bytes = image->read_bytes;
    pthread_mutex_unlock(&image->mutex);
    for (uint64_t i = 0; i < log_frames && read_bytes < image->bytes; i++) {
        int placed = frame_place(image, i, &at);
        if (placed < 0 || (placed > 0 && !keep(image, at, read_bytes)))
            return false;
    }
    return true;
}

/* ---- reading ---- */

/* What the file has of a block; it ends early where only the log has the rest. -1 with errno set.
 */
static ssize_t read_file(const struct sqlite_image *image, void *block, size_t len, off_t at)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(image->file, (char *)block + done, len - done, at + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* Puts a kept page in its place. Returns 0, or -1 with errno set. */
static int put(const struct sqlite_image *image, const struct kept_page *page, unsigned char *to)
{
    if (page->log_at == 0) {
        memcpy(to, page->bytes, WAL_PAGE_BYTES);
        return 0;
    }
    if (pread(image->log, to, WAL_PAGE_BYTES, page->log_at) == WAL_PAGE_BYTES)
        return 0;
    errno = EIO;
    return -1;
}

/* Puts all kept pages of a block in their place, and counts those that the file does not have. */
static int put_all(const struct sqlite_image *image, unsigned char *block, uint64_t begin,
                   size_t in_file, size_t *not_in_file)
{
    int result = 0;
    *not_in_file = 0;
    for (const struct kept_page *page = image->kept[begin / IMAGE_BLOCK_BYTES]; page && result == 0;
         page = page->next) {
        result = put(image, page, block + (page->at - begin));
        *not_in_file += page->at - begin >= in_file;
    }
    return result;
}

ssize_t sqlite_image_read(struct sqlite_image *image, void *block)
{
    uint64_t begin = image->read_bytes; /* only this thread changes it */
    uint64_t left = image->bytes - begin;
    size_t len = left < IMAGE_BLOCK_BYTES ? (size_t)left : IMAGE_BLOCK_BYTES, not_in_file;
    ssize_t in_file = read_file(image, block, len, (off_t)begin);
    if (len == 0 || in_file < 0)
        return in_file;
    in_file -= in_file % WAL_PAGE_BYTES;
    pthread_mutex_lock(&image->mutex);
    int result = put_all(image, block, begin, (size_t)in_file, &not_in_file);
    image->read_bytes = begin + len;
    pthread_mutex_unlock(&image->mutex);
    if (result != 0)
        return -1;
    if ((size_t)in_file + not_in_file * WAL_PAGE_BYTES >= len)
        return (ssize_t)len;
    errno = EIO; /* shorter than it was */
    return -1;
}
