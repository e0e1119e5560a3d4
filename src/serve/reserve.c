/* Connections over the limit that have not spoken yet, in the order of arrival. Runs on the main
 * thread.
 *
 * If memory is short for its events, a connection is closed. */
#include "serve/reserve.h"

#include <event2/event_struct.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

enum { RESERVE_WAIT_S = 1 };

struct place {
    struct event event;
    struct reserve *reserve;
    const struct client_protocol *protocol;
    int fd;
    union peer peer;
    TAILQ_ENTRY(place) link; /* reserve->waiting or reserve->free */
};

struct reserve {
    struct event_base *base;
    reserve_ready *ready;
    void *context;
    TAILQ_HEAD(place_list, place) waiting, free;
    struct place places[RESERVE_PLACES];
};

struct reserve *reserve_new(struct event_base *base, reserve_ready *ready, void *context)
{
    struct reserve *reserve = calloc(1, sizeof *reserve);
    if (!reserve)
        return NULL;
    reserve->base = base;
    reserve->ready = ready;
    reserve->context = context;
    TAILQ_INIT(&reserve->waiting);
    TAILQ_INIT(&reserve->free);
    for (int i = 0; i < RESERVE_PLACES; i++) {
        reserve->places[i].reserve = reserve;
        TAILQ_INSERT_TAIL(&reserve->free, &reserve->places[i], link);
    }
    return reserve;
}

/* The caller then owns the descriptor. */
static int vacate(struct place *place)
{
    struct reserve *reserve = place->reserve;
    event_del(&place->event);
    TAILQ_REMOVE(&reserve->waiting, place, link);
    TAILQ_INSERT_TAIL(&reserve->free, place, link);
    return place->fd;
}

void reserve_free(struct reserve *reserve)
{
    while (!TAILQ_EMPTY(&reserve->waiting))
        close(vacate(TAILQ_FIRST(&reserve->waiting)));
    free(reserve);
}

static void on_spoken_or_late(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    struct place *place = context;
    struct reserve *reserve = place->reserve;
    int kept = vacate(place);
    if (what & EV_READ)
        reserve->ready(reserve->context, place->protocol, kept, &place->peer);
    else
        close(kept);
}

void reserve_keep(struct reserve *reserve, const struct client_protocol *protocol, int fd,
                  const union peer *peer)
{
    static const struct timeval wait = {RESERVE_WAIT_S, 0};
    if (TAILQ_EMPTY(&reserve->free))
        close(vacate(TAILQ_FIRST(&reserve->waiting)));
    struct place *place = TAILQ_FIRST(&reserve->free);
    TAILQ_REMOVE(&reserve->free, place, link);
    TAILQ_INSERT_TAIL(&reserve->waiting, place, link);
    place->protocol = protocol;
    place->fd = fd;
    place->peer = *peer;
    event_assign(&place->event, reserve->base, fd, EV_READ, on_spoken_or_late, place);
    if (event_add(&place->event, &wait) != 0)
        close(vacate(place));
}
