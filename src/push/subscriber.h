/* A connection's subscriptions: to polls by name, or to `*`: all polls, present and future. On the
 * thread of the broadcast loop that owns the connection. */
#ifndef TALLYCAST_SUBSCRIBER_H
#define TALLYCAST_SUBSCRIBER_H

#include "net/conn.h"
#include "push/encoding.h"
#include "poll/poll.h"
#include "proto/error.h"

struct broadcast;
struct subscriber;

enum { SUBSCRIPTIONS_MAX = 1024 }; /* of one connection, named one by one; `*` counts once */

/* NULL if memory is short. */
struct subscriber *subscriber_new(struct broadcast *broadcast, struct conn *conn,
                                  enum encoding encoding);
void subscriber_free(struct subscriber *subscriber);

/* Subscribes to a poll or, if `poll` is NULL, to all, present and future; with `results`, to its
 * results, too. At most one tally, and one result, is pushed per poll in every_ms. If it was
 * subscribed already, only the interval and `results` change, and all is sent anew. The pushes
 * begin when the connection settles. Returns the number of polls that this covers, or ERR_LIMIT. */
int subscriber_add(struct subscriber *subscriber, const struct poll *poll, uint32_t every_ms,
                   bool results);

/* For one that has just subscribed to all: its reader has seen the tallies up to the entry `seq`,
 * and is sent only those that have changed since. */
void subscriber_has_seen(struct subscriber *subscriber, uint64_t seq);

/* Ends a subscription. Returns the number of polls still subscribed, or ERR_LIMIT if memory is
 * short. */
int subscriber_remove(struct subscriber *subscriber, const struct poll *poll);

#endif
