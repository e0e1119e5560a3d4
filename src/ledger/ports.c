/* The rings between the loops and the ledger, and their wakers (see ports.h). Only making them can
 * fail. */
#include "ledger/ports.h"

#include "base/log.h"
#include "base/ring.h"
#include "base/waker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct port {
    struct ring requests; /* loop → ledger */
    struct ring answers;  /* ledger → loop */
    struct waker *loop;
};

struct ports {
    struct waker ledger;
    unsigned count;
    struct port each[];
};

struct ports *ports_new(unsigned count, struct waker *const *loops)
{
    struct ports *ports;
    size_t bytes = sizeof *ports + count * sizeof ports->each[0];
    int error = posix_memalign((void **)&ports, CACHE_LINE_BYTES, bytes);
    if (error != 0) {
        errno = error;
        return NULL;
    }
    memset(ports, 0, bytes);
    ports->count = count;
    bool made = waker_init(&ports->ledger) == 0;
    if (made)
        errno = ENOMEM; /* a ring can only lack memory */
    for (unsigned i = 0; i < count && made; i++) {
        struct port *port = &ports->each[i];
        port->loop = loops[i];
        made = ring_init(&port->requests, PORT_SLOTS, sizeof(struct request)) == 0 &&
               ring_init(&port->answers, PORT_SLOTS, sizeof(struct answer)) == 0;
    }
    if (made)
        return ports;
    error = errno;
    ports_free(ports);
    errno = error;
    return NULL;
}

void ports_free(struct ports *ports)
{
    for (unsigned i = 0; i < ports->count; i++) {
        ring_destroy(&ports->each[i].requests);
        ring_destroy(&ports->each[i].answers);
    }
    if (ports->ledger.fd >= 0)
        waker_destroy(&ports->ledger);
    free(ports);
}

/* ---- a loop's side ---- */

struct request *ports_request(struct ports *ports, unsigned port)
{
    return ring_slot(&ports->each[port].requests);
}

void ports_send(struct ports *ports, unsigned port)
{
    if (ring_publish(&ports->each[port].requests) > 0)
        waker_wake(&ports->ledger);
}

size_t ports_receive(struct ports *ports, unsigned port, struct answer *answers, size_t max)
{
    return ring_pop(&ports->each[port].answers, answers, max);
}

bool ports_has_answer(const struct ports *ports, unsigned port)
{
    return !ring_is_empty(&ports->each[port].answers);
}

/* ---- the ledger's side ---- */

unsigned ports_count(const struct ports *ports)
{
    return ports->count;
}

bool ports_has_request(const struct ports *ports)
{
    for (unsigned i = 0; i < ports->count; i++)
        if (!ring_is_empty(&ports->each[i].requests))
            return true;
    return false;
}

const struct request *ports_peek(struct ports *ports, unsigned port, size_t *count)
{
    return ring_peek(&ports->each[port].requests, count);
}

void ports_consume(struct ports *ports, unsigned port, size_t count)
{
    ring_consume(&ports->each[port].requests, count);
}

void ports_answer(struct ports *ports, unsigned port, struct answer answer)
{
    struct answer *slot = ring_slot(&ports->each[port].answers);
    INVARIANT(slot);
    *slot = answer;
}

void ports_flush(struct ports *ports)
{
    for (unsigned i = 0; i < ports->count; i++)
        if (ring_publish(&ports->each[i].answers) > 0)
            waker_wake(ports->each[i].loop);
}

struct waker *ports_waker(struct ports *ports)
{
    return &ports->ledger;
}
