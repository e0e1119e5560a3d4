/* A connection to a server's admin socket, for programs: lines out, replies in. One thread a
 * connection. Nothing is printed here: the outcome and admin_why tell what went wrong. */
#ifndef TALLYCAST_TOOLS_LIB_ADMIN_H
#define TALLYCAST_TOOLS_LIB_ADMIN_H

#include "proto/reply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    ADMIN_LINE_MAX = 65536, /* bytes of the server's lines: a tally of 256 choices has 22 KiB */
    ADMIN_COMMAND_MAX = 16384,
    ADMIN_ERROR_MAX = 512,
};

enum admin_outcome {
    ADMIN_DONE,
    ADMIN_REFUSED,     /* the reply is the server's error */
    ADMIN_LOST,        /* there is no connection any more, or another program answers */
    ADMIN_LATE,        /* the deadline came first */
    ADMIN_INTERRUPTED, /* the interrupt's descriptor is readable; nothing is lost */
};

/* How long to wait. */
struct admin_wait {
    uint64_t deadline_ns; /* of the monotonic clock; ADMIN_FOREVER for none */
    int interrupt_fd;     /* ends the wait when it is readable; -1 for none */
};
#define ADMIN_FOREVER UINT64_MAX

/* Waits so many seconds from now at most. */
struct admin_wait admin_wait_s(unsigned seconds);

struct admin;

/* Just the socket, connected: -1 with errno set if that fails, EAGAIN if the server does not take
 * the connection before the deadline. */
int admin_connect(const char *path, uint64_t deadline_ns) __attribute__((warn_unused_result));

/* Connects and takes the greeting. However this ends, the caller owns *admin and must give it to
 * admin_close. On ADMIN_REFUSED, *reply is the error in place of the greeting. */
enum admin_outcome admin_open(struct admin **admin, const char *path, struct admin_wait wait,
                              struct reply *reply) __attribute__((warn_unused_result));

/* NULL is ignored. */
void admin_close(struct admin *admin);

/* After ADMIN_LOST and ADMIN_LATE: why, for a person. */
const char *admin_why(const struct admin *admin);

/* After admin_open, ADMIN_LOST: the system's error that was the reason; 0 for another reason. */
int admin_errno(const struct admin *admin);

/* The server's process, as the kernel tells it; 0 if this process can't see it. */
pid_t admin_server(const struct admin *admin);

/* Sends whole lines, LF included, and passes the open file `file` along unless that is -1. It may
 * block until the server reads. */
enum admin_outcome admin_send(struct admin *admin, const char *lines, size_t len, int file)
    __attribute__((warn_unused_result));

/* Takes the next line, of whatever kind. The reply's spans are good until the next read. A whole
 * line that is here takes precedence over a deadline or an interrupt. */
enum admin_outcome admin_read(struct admin *admin, struct admin_wait wait, struct reply *reply)
    __attribute__((warn_unused_result));

/* Whether a whole line is here already. */
bool admin_has_line(const struct admin *admin);

/* Takes a row, the text after `=`. */
typedef void admin_row_fn(struct span row, void *context);

/* Takes the rest of a reply: gives its rows to `take` (may be NULL), and ends with its last line in
 * *reply. May be called again after ADMIN_INTERRUPTED. Pushes are passed over. */
enum admin_outcome admin_reply(struct admin *admin, struct admin_wait wait, admin_row_fn *take,
                               void *context, struct reply *reply)
    __attribute__((warn_unused_result));

/* Sends a command (without LF) and takes its reply. Returns 0; else -1 with `error` filled: the
 * server refuses, answers nonsense, is gone, or takes longer than ADMIN_ASK_S. */
enum { ADMIN_ASK_S = 10 };
int admin_ask(struct admin *admin, const char *command, admin_row_fn *take, void *context,
              struct reply *reply, char error[ADMIN_ERROR_MAX]) __attribute__((warn_unused_result));

#endif
