/* The times of ballots, gathered to be shown: the percentiles of every stage, one ballot's stamps,
 * and the kernel's side. Any thread. */
#ifndef TALLYCAST_JOURNEY_VIEW_H
#define TALLYCAST_JOURNEY_VIEW_H

#include "trace/journey.h"
#include "serve/server.h"

#include <stdbool.h>
#include <stdint.h>

#define JOURNEY_NOT_REACHED UINT64_MAX

struct journey_view {
    struct {
        uint64_t count, p50_ns, p99_ns, max_ns;
    } figures[JOURNEY_FIGURES];
    bool has_ballot; /* there is a ballot to show: */
    bool traced;     /* it was, or else sampled */
    bool complete;   /* every broadcast loop has told about its pushes */
    uint64_t seq;
    const char *poll;               /* its name; lives as long as the server */
    uint64_t at_ns[JOURNEY_STAGES]; /* time since it was readable; or JOURNEY_NOT_REACHED */
    uint64_t accept_queue;          /* connections that wait to be accepted */
    bool has_socket;                /* of the ballot shown or, since only TCP tells much, of the
                                       newest that came by TCP: */
    uint64_t socket[SOCKET_STATE_COUNT];
};

/* Fills the view with the ballot of sequence `seq` if it was traced lately; for 0, with the last
 * traced one or, if there is none, the last sampled one. */
void journey_look(const struct server *server, uint64_t seq, struct journey_view *view);

#endif
