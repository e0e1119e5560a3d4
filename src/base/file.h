/* What must be right wherever a file is made: whole writes, and names that last. Any thread. */
#ifndef TALLYCAST_FILE_H
#define TALLYCAST_FILE_H

#include <stddef.h>

/* Writes all of it. Returns 0, or -1 with errno set and part of it written. */
int file_write(int fd, const char *bytes, size_t len) __attribute__((warn_unused_result));

/* Makes the names in the directory of `path` durable: those that were made, linked or removed.
 * Returns 0, or -1 with errno set. */
int file_sync_directory(const char *path) __attribute__((warn_unused_result));

#endif
