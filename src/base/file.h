/* Making files safely: whole writes, and durable names that replace nothing. Any thread, if not
 * said otherwise. */
#ifndef TALLYCAST_FILE_H
#define TALLYCAST_FILE_H

#include <stddef.h>

/* Opens /dev/null for each of the descriptors 0 to 2 that the parent closed: the next file or
 * socket would get its number, and then what is printed. O_RDWR throws that away; with O_PATH
 * reading and writing fail (EBADF), as they do on a closed one. Main thread, first of all. */
void file_fill_standard(int flags);

/* Writes all of it. Returns 0, or -1 with errno set and part of it written. */
int file_write(int fd, const char *bytes, size_t len) __attribute__((warn_unused_result));

/* Gives the finished file `first_name` the name `path` in the same directory. A file that has that
 * name already keeps it. Returns 0, and first_name is gone; or -1 with errno set (EEXIST: the name
 * is taken) and first_name unchanged. */
int file_give_name(const char *first_name, const char *path) __attribute__((warn_unused_result));

/* Makes the changed names in the directory of the file `path` durable: those that were made, linked
 * or removed. If the directory can't be synced (on some file systems, or if it can't be read),
 * syncs the whole file system as well as it can. Returns 0, or -1 with errno set. */
int file_sync_directory(const char *path) __attribute__((warn_unused_result));

#endif
