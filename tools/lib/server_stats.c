/* Rows of STATS. */
#include "tools/lib/server_stats.h"

#include "proto/number.h"

#include <string.h>

void server_stats_take(struct span row, void *context)
{
    struct server_stats *stats = context;
    struct span name = span_cut(&row, ' ');
    if (name.len == 0 || name.len >= SERVER_STATS_NAME_MAX || stats->count == SERVER_STATS_MAX)
        return;
    struct server_stats_row *taken = &stats->rows[stats->count];
    if (!number_parse(row.at, row.len, UINT64_MAX, &taken->value))
        return;
    memcpy(taken->name, name.at, name.len);
    taken->name[name.len] = '\0';
    stats->count++;
}

uint64_t server_stats_value(const struct server_stats *stats, const char *name)
{
    for (unsigned i = 0; i < stats->count; i++)
        if (strcmp(stats->rows[i].name, name) == 0)
            return stats->rows[i].value;
    return 0;
}
