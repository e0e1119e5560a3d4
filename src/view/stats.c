/* Gathers the counters of the workers, the listeners and the kernel; STATS shows each row of
 * stats.def. Any thread: everything read is atomic, or the kernel's. */
#include "view/stats.h"

#include "base/clock.h"
#include "base/counters.h"
#include "store/store.h"
#include "serve/worker.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void sum_counters(const struct server *server, struct stats *stats)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        const struct counters *counters = &server->workers[i].counters;
#define COUNTER(name) stats->sum.name += counter_get(&counters->name);
#include "base/counters.def"
#undef COUNTER
        for (unsigned reason = 0; reason < CLOSE_REASONS; reason++)
            stats->closes[reason] += counter_get(&server->workers[i].pool.closes[reason]);
    }
}

static uint64_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (!directory)
        return 0;
    uint64_t count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count > 3 ? count - 3 : 0; /* `.`, `..` and the directory's own */
}

/* Since Linux 6.2 the directory's size is their number; listing ten thousand takes milliseconds. */
static uint64_t open_descriptors(void)
{
    struct stat directory;
    if (stat("/proc/self/fd", &directory) == 0 && directory.st_size > 0)
        return (uint64_t)directory.st_size;
    return count_descriptors();
}

static uint64_t descriptor_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

void stats_gather(const struct server *server, struct stats *stats)
{
    *stats = (struct stats){.server = server,
                            .ledger = ledger_stats(server->ledger),
                            .tally = tally_stats(server->tally),
                            .journeys = server->journey_stats,
                            .fds_open = open_descriptors(),
                            .fds_max = descriptor_limit()};
    listener_stats(server->listener, &stats->listener);
    sum_counters(server, stats);
}

void stats_each(const struct server *server,
                void (*row)(void *context, const char *name, uint64_t value), void *context)
{
    struct stats stats;
    stats_gather(server, &stats);
    const struct stats *g = &stats;
#define STAT(name, value)  row(context, #name, value);
#define TOTAL(name, value) STAT(name, value)
#include "view/stats.def"
#undef TOTAL
#undef STAT
}
