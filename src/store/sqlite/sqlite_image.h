/* The image of a database: what was in it when a backup began, whatever is written since. */
#ifndef TALLYCAST_SQLITE_IMAGE_H
#define TALLYCAST_SQLITE_IMAGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct kept_page;

enum { IMAGE_BLOCK_BYTES = 1 << 18 };

/* All zero: there is none. */
struct sqlite_image {
    int file, log;  /* not its own */
    uint64_t bytes; /* of the database when it began */
    bool held;      /* no page of the database may be overwritten until the end */
    size_t kept_count;
    pthread_mutex_t mutex;
    uint64_t read_bytes;     /* the reader has everything before; guarded by the mutex */
    struct kept_page **kept; /* by block; guarded by the mutex */
};

/* Begins an image of the `bytes` of `file`, which hold everything; or, with `log_frames`, of what
 * the file and so many frames of the log hold together. The log's owner. Returns 0, or -1 with
 * errno set and nothing begun. */
int sqlite_image_begin(struct sqlite_image *image, int file, uint64_t bytes, int log,
                       uint64_t log_frames) __attribute__((warn_unused_result));

/* Keeps the pages of the file that so many frames of the log are going to overwrite, if the reader
 * does not have them yet. The log's owner, before a checkpoint. Returns false if they must not be
 * overwritten now. */
bool sqlite_image_keep(struct sqlite_image *image, uint64_t log_frames);

/* Reads the next block of at most IMAGE_BLOCK_BYTES into `block`. One thread, from the beginning
 * on. Returns its length, 0 at the end, or -1 with errno set. */
ssize_t sqlite_image_read(struct sqlite_image *image, void *block);

/* Frees what was kept. The log's owner, when nobody reads any more. */
void sqlite_image_end(struct sqlite_image *image);

#endif
