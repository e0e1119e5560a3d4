/* A command's connection to the server: tools/lib/admin.h for one invocation, with its patience,
 * the signals that it catches, and its words. One thread. Errors are reported on standard error
 * where they happen. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_CLIENT_H
#define TALLYCAST_TOOLS_TALLYCTL_CLIENT_H

#include "proto/number.h"
#include "proto/reply.h"
#include "tools/tallyctl/tallyctl.h"
#include "tools/tallyctl/request.h"

#define CLIENT_NO_DEADLINE UINT64_MAX

struct client;

/* Connects and reads the greeting. On STATUS_DONE the caller owns *client and must give it to
 * client_close, and the invocation must outlive it. Otherwise STATUS_NO_CONNECTION, or
 * STATUS_REFUSED if the server has no room. */
enum status client_open(const struct invocation *invocation, struct client **client) CHECKED;

/* The same for a caller that goes on without a server: if there is none, or no more, or it stands
 * still, the status is STATUS_LOST from here on, without a message. */
enum status client_open_quietly(const struct invocation *invocation,
                                struct client **client) CHECKED;
void client_be_quiet(struct client *client);

/* NULL is ignored. */
void client_close(struct client *client);

/* Sends one command. */
enum status client_send(struct client *client, const struct request *request) CHECKED;

/* Waits for the next line. The reply's spans are good until the next read. STATUS_TIMEOUT at
 * `deadline_ns` of the monotonic clock, STATUS_INTERRUPTED when a caught signal waits (a whole line
 * that is here takes precedence), STATUS_NO_CONNECTION when the server closes. */
enum status client_read(struct client *client, uint64_t deadline_ns, struct reply *reply) CHECKED;

/* Whether a whole line is here already. */
bool client_has_line(const struct client *client);

/* Takes one row: the text after `=`. */
typedef void client_row_fn(struct span row, void *context);

/* Sends a command, gives its rows to `take_row` (NULL if none are expected), and ends with its `+`
 * in *reply. An error of the server is reported, and is STATUS_REFUSED. STATUS_INTERRUPTED: a fatal
 * signal was taken, and the rest of the reply is still to come. Not for a client that is
 * subscribed. */
enum status client_call(struct client *client, const struct request *request,
                        client_row_fn *take_row, void *context, struct reply *reply) CHECKED;

/* Reports the server's error in this program's words, after `about` and a colon; NULL stands for
 * the invocation's first argument, if it has one. */
enum status client_refused(const struct client *client, const struct reply *reply,
                           const char *about);

/* Reads the whole span as a number; false if it is none. */
static inline bool span_number(struct span span, uint64_t *number)
{
    return number_parse(span.at, span.len, UINT64_MAX, number);
}

#endif
