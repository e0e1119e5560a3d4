/* Admission: how many connections there may be, in all and from one address. The main thread
 * admits; any thread may let leave. A mutex guards it, taken once a connection's arrival and
 * departure and never on a ballot's way. */
#ifndef TALLYCAST_ADMISSION_H
#define TALLYCAST_ADMISSION_H

#include "base/network.h"
#include "net/peer.h"

#include <stdbool.h>

struct admission;

/* max_per_address 0 means no limit. Connections of `proxies` are many people's, and not counted by
 * address; the caller keeps the list, unchanged. NULL if memory is short. */
struct admission *admission_new(unsigned max_connections, unsigned max_per_address,
                                const struct networks *proxies);
void admission_free(struct admission *admission);

enum { ADMISSION_TURNING_AWAY_MAX = 16 };

/* A connection too many may be told so, unless enough others are being told: then it must be closed
 * at once, lest a flood of them take the descriptors that are kept for the administrator. Counted
 * until admission_turned_away. */
bool admission_turn_away(struct admission *admission);
void admission_turned_away(struct admission *admission);

/* Connections that are handed to a worker and have not arrived there: counted by whoever hands one
 * over, until admission_arrived. Any thread; no lock. */
void admission_hand_over(struct admission *admission);
void admission_arrived(struct admission *admission);
unsigned admission_arriving(const struct admission *admission);

/* Whether a connection of this peer may come in. If so, it is counted until admission_leave. */
bool admission_enter(struct admission *admission, const union peer *peer);
/* Whether one that did not come in would not have from any address. */
bool admission_is_full(struct admission *admission);
void admission_leave(struct admission *admission, const union peer *peer);

#endif
