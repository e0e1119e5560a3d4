/* A connection to the server's admin socket: one command, one reply. Main thread; it waits, for
 * ADMIN_TIMEOUT_S at most. */
#ifndef TALLYCAST_TOOLS_BENCH_ADMIN_H
#define TALLYCAST_TOOLS_BENCH_ADMIN_H

#include "proto/reply.h"

#include <stdbool.h>
#include <sys/types.h>

enum { ADMIN_TIMEOUT_S = 10, ADMIN_LINE_MAX = 16384, ADMIN_ERROR_MAX = 512 };

struct admin;

/* Connects and takes the greeting. On success the caller owns *admin, to be given to admin_close;
 * else -1 with `error` filled. */
int admin_open(struct admin **admin, const char *path, char error[ADMIN_ERROR_MAX])
    __attribute__((warn_unused_result));

/* NULL is ignored. */
void admin_close(struct admin *admin);

/* The server's process, as the kernel tells it; 0 if it lives where this process can't see it. */
pid_t admin_server(const struct admin *admin);

/* Takes a row, the text after `=`. */
typedef void admin_row_fn(struct span row, void *context);

/* Sends a command (without LF), gives its rows to `take` (may be NULL), and sets *reply to its `+`
 * line, whose spans are good until the next call. Returns 0; else -1 with `error` filled: the
 * server refused, answers nonsense, is gone, or takes longer than ADMIN_TIMEOUT_S. */
int admin_ask(struct admin *admin, const char *command, admin_row_fn *take, void *context,
              struct reply *reply, char error[ADMIN_ERROR_MAX]) __attribute__((warn_unused_result));

#endif
