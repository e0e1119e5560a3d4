/* The rows of STATS: names and numbers. */
#ifndef TALLYCAST_TOOLS_LIB_SERVER_STATS_H
#define TALLYCAST_TOOLS_LIB_SERVER_STATS_H

#include "tools/lib/admin.h"

enum {
    SERVER_STATS_MAX = 256,
    SERVER_STATS_NAME_MAX = 64
}; /* more rows, and rows of longer names, are left out */

struct server_stats {
    unsigned count;
    struct server_stats_row {
        char name[SERVER_STATS_NAME_MAX];
        uint64_t value;
    } rows[SERVER_STATS_MAX];
};

/* An admin_row_fn: adds a row to `context`, a struct server_stats. */
void server_stats_take(struct span row, void *context);

/* A row's value; 0 if there is none. */
uint64_t server_stats_value(const struct server_stats *stats, const char *name);

#endif
