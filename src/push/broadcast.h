/* Broadcasting: the newest tally of each poll to every subscriber of one broadcast loop. Loop's
 * thread only.
 *
 * Per poll a topic holds the newest snapshot and its line, encoded once. A change after a quiet
 * time is published at once, then at most once in the push interval, and the last change always.
 * Publishing starts a fan-out over the topic's subscriptions, done in slices; if a newer snapshot
 * comes meanwhile, the subscriptions not yet visited simply get that.
 *
 * A subscriber whose socket takes no more is parked: it costs one partly sent line, and no fan-out
 * looks at it. When its socket is writable again it is sent the newest of what it missed. */
#ifndef TALLYCAST_BROADCAST_H
#define TALLYCAST_BROADCAST_H

#include "base/counters.h"
#include "net/loop.h"
#include "tally/tally.h"

struct broadcast;
struct journey_stats;

enum { BROADCAST_BEAT_MS = 15000 }; /* between two heartbeats of an event stream */

/* The broadcast of one loop, fed by a feed of the tally. NULL if memory is short. */
struct broadcast *broadcast_new(struct loop *loop, struct tally *tally, unsigned feed,
                                struct counters *counters, struct journey_stats *journey_stats,
                                unsigned push_interval_ms);
/* All subscribers must be gone. */
void broadcast_free(struct broadcast *broadcast);

/* Takes new snapshots and does one slice of the fan-outs. Returns whether work is left. */
bool broadcast_work(struct broadcast *broadcast);

/* Whether snapshots have arrived. */
bool broadcast_is_pending(struct broadcast *broadcast);

/* Any thread: what the loop knows of sampled ballots' pushes. */
struct push_watches;
const struct push_watches *broadcast_watches(const struct broadcast *broadcast);

/* Publishes every change at once, whatever the intervals; for a server that stops. */
void broadcast_publish_last(struct broadcast *broadcast);

#endif
