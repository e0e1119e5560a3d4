/* A file that is being made. Until it is whole it has a name that no other process can have, which
 * tells what it will be; and if its maker is killed, it can be told that nobody needs it. Any
 * thread. */
#ifndef TALLYCAST_PARTIAL_H
#define TALLYCAST_PARTIAL_H

#include <limits.h>

struct partial {
    int file;            /* open for reading and writing; -1 once it is closed */
    char name[PATH_MAX]; /* empty if it has none any more */
};

/* Makes an empty file beside `path`, of mode 0600. Returns 0, or -1 with errno set and nothing
 * made. */
int partial_make(struct partial *partial, const char *path) __attribute__((warn_unused_result));

/* Closes it. Returns 0, or -1 with errno set: some file systems report a failed write only now. */
int partial_close(struct partial *partial) __attribute__((warn_unused_result));

/* Gives it the name `path`, unless a file has that. Returns 0, or -1 with errno set as
 * file_give_name does. */
int partial_give_name(struct partial *partial, const char *path)
    __attribute__((warn_unused_result));

/* Closes it, if it is open, and removes the name that it has beside its final one. Preserves
 * errno. */
void partial_drop(struct partial *partial);

/* Removes what killed processes have left beside `path`: files of such names that nobody holds. */
void partial_clear(const char *path);

#endif
