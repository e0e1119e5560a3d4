/* The server's counts, in Prometheus' text format. The list of metrics is metrics.def. */
#ifndef TALLYCAST_METRICS_H
#define TALLYCAST_METRICS_H

#include "base/buffer.h"
#include "serve/server.h"

/* The type of the body. */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends every metric as it is now. Returns 0, or -1 with the buffer unchanged if memory is short.
 * Any thread. */
int metrics_append(struct buffer *out, const struct server *server)
    __attribute__((warn_unused_result));

#endif
