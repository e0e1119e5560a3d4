/* A backup that the running server writes for us, in the directory of its admin socket: there both
 * sides may make and see files, whatever else the server is kept from. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_COPY_H
#define TALLYCAST_TOOLS_TALLYCTL_COPY_H

#include "tools/tallyctl/tallyctl.h"

#include <limits.h>

struct copy {
    char path[PATH_MAX];
};

/* Has the server write it. Signals are caught from here to copy_remove, which must be called
 * however this ends. A signal is waited out, since only the whole file can be removed for good; a
 * second one is not. Errors as those of client_call. */
enum status copy_make(const char *admin, struct copy *copy) CHECKED;

/* Removes the file, if there is one, and then ends the process if a signal asked for that.
 * STATUS_REFUSED, and it is told, if it can't be removed. */
enum status copy_remove(struct copy *copy) CHECKED;

#endif
