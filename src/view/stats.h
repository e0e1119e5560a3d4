/* The counts of the server's parts, put together: for STATS, whose rows are stats.def, and for
 * /metrics, whose list is metrics.def. */
#ifndef TALLYCAST_STATS_H
#define TALLYCAST_STATS_H

#include "trace/journey.h"
#include "ledger/ledger.h"
#include "net/close.h"
#include "serve/listener.h"
#include "serve/server.h"
#include "tally/tally.h"

#include <stdint.h>

struct stats {
    const struct server *server;
    const struct ledger_stats *ledger;
    const struct tally_stats *tally;
    const struct journey_stats *journeys;
    struct listener_stats listener;
    struct { /* the workers' counters, summed */
#define COUNTER(name) uint64_t name;
#include "base/counters.def"
#undef COUNTER
    } sum;
    uint64_t closes[CLOSE_REASONS]; /* the workers', summed */
    uint64_t fds_open;
    uint64_t fds_max;
};

/* Any thread: the counts as of now. The values are of slightly different instants. */
void stats_gather(const struct server *server, struct stats *stats);

/* Any thread: calls `row` for each row of STATS, in order. */
void stats_each(const struct server *server,
                void (*row)(void *context, const char *name, uint64_t value), void *context);

#endif
