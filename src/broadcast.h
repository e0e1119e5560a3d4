/* Broadcasting: the newest tally of each poll to every subscriber of one broadcast loop. Loop's
 * thread only.
 *
 * Per poll a topic holds the newest snapshot and its line, encoded once. A change after a quiet
 * time is published at once, then at most once in the push interval, and the last change always.
 * Publishing starts a fan-out over the topic's subscriptions, done in slices; a newer snapshot that
 * comes meanwhile simply is what those not yet visited get.
 *
 * A subscriber whose socket takes no more is passed over: it costs one partly sent line. When its
 * socket is writable again it is sent the newest of what it missed. */
#ifndef TALLYCAST_BROADCAST_H
#define TALLYCAST_BROADCAST_H

#include "conn.h"
#include "tally.h"

struct broadcast;
struct subscriber;

enum { SUBSCRIPTIONS_MAX = 1024 }; /* of one connection, named one by one; `*` counts once */

/* The broadcast of one loop, fed by an outlet of the tally. NULL if memory is short. */
struct broadcast *broadcast_new(struct loop *loop, struct tally *tally, unsigned outlet,
                                struct counters *counters, unsigned push_interval_ms);
/* All subscribers must be gone. */
void broadcast_free(struct broadcast *broadcast);

/* Takes new snapshots and does one slice of the fan-outs. Returns whether work is left. */
bool broadcast_work(struct broadcast *broadcast);

/* Whether snapshots have arrived. */
bool broadcast_is_pending(struct broadcast *broadcast);

/* Publishes every change at once, whatever the intervals; for a server that stops. */
void broadcast_publish_last(struct broadcast *broadcast);

/* A connection's subscriptions. NULL if memory is short. */
struct subscriber *subscriber_new(struct broadcast *broadcast, struct conn *conn);
void subscriber_free(struct subscriber *subscriber);

/* Subscribes to a poll, or, if `poll` is NULL, to all of now and later; at most one push per poll
 * in every_ms. If it was subscribed, only the interval changes, and the tally is sent anew. The
 * tallies are sent when the connection settles. Returns the number of polls that this covers, or
 * ERR_LIMIT. */
int subscriber_add(struct subscriber *subscriber, const struct poll *poll, uint32_t every_ms);

/* Ends that. Returns the number of polls still subscribed, or ERR_LIMIT if memory is short. */
int subscriber_remove(struct subscriber *subscriber, const struct poll *poll);

/* Whether a tally that was published is still to be sent to it, if only when its poll's interval is
 * over. */
bool subscriber_is_behind(struct subscriber *subscriber);

/* The connection takes output: sends the newest of what it has not seen. */
void subscriber_catch_up(struct subscriber *subscriber);

#endif
