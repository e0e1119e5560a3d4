/* A connection's subscriptions: to polls by name, or to `*`, all of now and later. On the thread of
 * the broadcast loop that owns the connection. */
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

/* Subscribes to a poll, or, if `poll` is NULL, to all of now and later; at most one push per poll
 * in every_ms. If it was subscribed, only the interval changes, and the tally is sent anew. The
 * tallies are sent when the connection settles. Returns the number of polls that this covers, or
 * ERR_LIMIT. */
int subscriber_add(struct subscriber *subscriber, const struct poll *poll, uint32_t every_ms);

/* Ends that. Returns the number of polls still subscribed, or ERR_LIMIT if memory is short. */
int subscriber_remove(struct subscriber *subscriber, const struct poll *poll);

/* Of one whose peer half-closed: whether a tally of before that is still to be sent to it, if only
 * when its poll's interval is over. */
bool subscriber_is_owed(struct subscriber *subscriber);

/* The connection takes output: sends the newest of what it has not seen. */
void subscriber_catch_up(struct subscriber *subscriber);

#endif
