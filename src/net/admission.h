/* Admission: how many connections there may be, in all and from one address. The main thread
 * admits; any thread may count a departure. A mutex guards it, taken once at a connection's arrival
 * and once at its departure, and never on a ballot's way. */
#ifndef TALLYCAST_ADMISSION_H
#define TALLYCAST_ADMISSION_H

#include "base/network.h"
#include "net/peer.h"

#include <stdbool.h>

struct admission;

/* max_per_address 0 means no limit. Connections of `proxies` carry many people, and are not counted
 * by address; the caller keeps the list, unchanged. NULL if memory is short. */
struct admission *admission_new(unsigned max_connections, unsigned max_per_address,
                                const struct networks *proxies);
void admission_free(struct admission *admission);

/* Connections too many are told so: those that are greeted with it, and those that have asked for
 * something. Each kind has its own bound, so that the first, who may be silent, shut out no probe
 * that asks whether the server is well. */
enum admission_told { ADMISSION_GREETED, ADMISSION_ASKED, ADMISSION_TOLD_KINDS };
enum { ADMISSION_TURNING_AWAY_MAX = 16 }; /* of a kind */

/* Whether a connection too many may be told so. If not, enough others are being told, and it must
 * be closed at once, lest a flood of them take the administrator's descriptors. Counted until
 * admission_turned_away. */
bool admission_turn_away(struct admission *admission, enum admission_told kind);
void admission_turned_away(struct admission *admission, enum admission_told kind);

/* Counts a connection that is handed to a worker, until it arrives there (admission_arrived). Any
 * thread; no lock. */
void admission_hand_over(struct admission *admission);
void admission_arrived(struct admission *admission);
unsigned admission_arriving(const struct admission *admission);

/* Whether a connection of this peer may come in. If so, it is counted until admission_leave. */
bool admission_enter(struct admission *admission, const union peer *peer);
/* Whether a connection that was refused would have been refused from any address. */
bool admission_is_full(struct admission *admission);
void admission_leave(struct admission *admission, const union peer *peer);

#endif
