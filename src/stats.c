/* Gathers the workers' counters, the listeners' and what the kernel knows, then shows each row of
 * stats.def. Any thread: everything read is atomic, or the kernel's. */
#include "stats.h"

#include "clock.h"
#include "counters.h"
#include "ledger.h"
#include "listener.h"
#include "store.h"
#include "tally.h"
#include "worker.h"

#include <dirent.h>
#include <sys/resource.h>

/* The workers' counters, summed. */
struct sum {
#define COUNTER(name) uint64_t name;
#include "counters.def"
#undef COUNTER
};

struct gathered {
    const struct server *server;
    const struct ledger_stats *ledger;
    const struct tally_stats *tally;
    struct listener_stats listener;
    struct sum sum;
};

static void sum_counters(const struct server *server, struct sum *sum)
{
    *sum = (struct sum){0};
    for (unsigned i = 0; i < server->worker_count; i++) {
        const struct counters *counters = &server->workers[i].counters;
#define COUNTER(name) sum->name += counter_get(&counters->name);
#include "counters.def"
#undef COUNTER
    }
}

static uint64_t stats_open_descriptors(void)
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

static uint64_t stats_descriptor_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

void stats_each(const struct server *server,
                void (*row)(void *context, const char *name, uint64_t value), void *context)
{
    struct gathered gathered = {.server = server,
                                .ledger = ledger_stats(server->ledger),
                                .tally = tally_stats(server->tally)};
    listener_stats(server->listener, &gathered.listener);
    sum_counters(server, &gathered.sum);
    const struct gathered *g = &gathered;
#define STAT(name, value) row(context, #name, value);
#include "stats.def"
#undef STAT
}
