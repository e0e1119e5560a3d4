/* Tallies on their way to subscribers. On the thread of the broadcast loop that owns the
 * connection. */
#ifndef TALLYCAST_DELIVERY_H
#define TALLYCAST_DELIVERY_H

#include "push/fanout.h"
#include "push/subscriber.h"

/* The connection takes output: sends the newest tallies that the subscriber has not seen. */
void delivery_catch_up(struct subscriber *subscriber);

/* For a subscriber whose peer half-closed: whether it is still owed an earlier tally, if only when
 * the poll's interval is over. */
bool delivery_is_owed(struct subscriber *subscriber);

/* Sends one subscription what it lacks, if its time and its socket allow; parks it if its socket
 * does not. The connection may be gone afterwards. */
fanout_visit delivery_visit;

/* Sends a heartbeat, if the socket takes it. The connection may be gone afterwards. */
fanout_visit delivery_beat;

#endif
