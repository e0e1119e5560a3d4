/* A consistent copy of the running server's database. The server writes it into a file that is
 * opened here and passed to it. So the file lies where its reader has room and may make files, and
 * belongs to its reader, whatever access the server lacks. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_COPY_H
#define TALLYCAST_TOOLS_TALLYCTL_COPY_H

#include "tools/tallyctl/tallyctl.h"

#include <limits.h>

struct copy {
    int file; /* open; -1 if it could not be made */
    uint64_t bytes;
    char path[PATH_MAX]; /* empty once it has another name */
};

/* Makes a new file whose name begins with `prefix`, and has the server fill it. Signals are caught
 * from here to copy_remove, which the caller must call however this ends. Errors as those of
 * client_call. */
enum status copy_make(const struct invocation *invocation, const char *prefix,
                      struct copy *copy) CHECKED;

/* The same in the directory for temporary files: TMPDIR, else /var/tmp. */
enum status copy_make_temporary(const struct invocation *invocation, struct copy *copy) CHECKED;

/* Closes the file, removes its first name if it still has that, and then ends the process if a
 * signal asked for that. STATUS_REFUSED, with a message, if the name can't be removed. */
enum status copy_remove(struct copy *copy) CHECKED;

#endif
