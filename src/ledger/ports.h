/* The ports: how the loops and the ledger talk. Each loop has one: a ring of requests to the ledger
 * and a ring of answers back. A loop never has more requests in flight than PORT_SLOTS, so an
 * answer always finds room. Ports are numbered as the loops are. */
#ifndef TALLYCAST_PORTS_H
#define TALLYCAST_PORTS_H

#include "ledger/request.h"

#include <stdbool.h>
#include <stddef.h>

struct ports;
struct waker;

enum { PORT_SLOTS = 16384 };

/* Makes a port for each of `count` loops; loops[i] wakes loop i and stays the caller's. Before
 * threads start. NULL, with errno set, if memory or descriptors are short. */
struct ports *ports_new(unsigned count, struct waker *const *loops);
void ports_free(struct ports *ports);

/* ---- a loop's side: the thread of loop `port` ---- */

/* The next free slot for a request, or NULL if the ring is full. */
struct request *ports_request(struct ports *ports, unsigned port);

/* Sends the requests that were filled, and wakes the ledger if it sleeps. */
void ports_send(struct ports *ports, unsigned port);

/* Takes up to `max` answers. Returns how many. */
size_t ports_receive(struct ports *ports, unsigned port, struct answer *answers, size_t max);

/* Whether ports_receive would find something. */
bool ports_has_answer(const struct ports *ports, unsigned port);

/* ---- the ledger's side: its thread ---- */

unsigned ports_count(const struct ports *ports);

/* Whether any port has a request. */
bool ports_has_request(const struct ports *ports);

/* The next requests of a port that lie side by side, and how many; ports_consume frees that many of
 * their slots. */
const struct request *ports_peek(struct ports *ports, unsigned port, size_t *count);
void ports_consume(struct ports *ports, unsigned port, size_t count);

/* Puts an answer in a port's ring; ports_flush sends the answers in all rings, with one wake a
 * loop. */
void ports_answer(struct ports *ports, unsigned port, struct answer answer);
void ports_flush(struct ports *ports);

/* Wakes the ledger's thread. It alone prepares and sleeps; any thread may wake. */
struct waker *ports_waker(struct ports *ports);

#endif
