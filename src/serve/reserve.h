/* The reserve: places for connections over the limit whose peers speak first. Idle connections must
 * not shut out a probe that asks whether the server is well. So such a connection is kept, for a
 * second at most, until its peer has said something. When all places are taken, the one that has
 * been silent longest is closed. Main thread. */
#ifndef TALLYCAST_RESERVE_H
#define TALLYCAST_RESERVE_H

#include "net/peer.h"

#include <event2/event.h>

enum { RESERVE_PLACES = 16 };

struct client_protocol;
struct reserve;

/* Takes over a connection whose peer has spoken. */
typedef void reserve_ready(void *context, const struct client_protocol *protocol, int fd,
                           const union peer *peer);

/* NULL if memory is short. */
struct reserve *reserve_new(struct event_base *base, reserve_ready *ready, void *context);

/* Closes those that wait. */
void reserve_free(struct reserve *reserve);

/* Takes over a connection. */
void reserve_keep(struct reserve *reserve, const struct client_protocol *protocol, int fd,
                  const union peer *peer);

#endif
