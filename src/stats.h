/* STATS: what the parts of the server count, put together. The list of rows is stats.def. */
#ifndef TALLYCAST_STATS_H
#define TALLYCAST_STATS_H

#include "server.h"

#include <stdint.h>

/* Any thread: calls `row` for each row, in order. The values are of slightly different instants. */
void stats_each(const struct server *server,
                void (*row)(void *context, const char *name, uint64_t value), void *context);

#endif
