/* Each engine's table, with some of its functions in between. */
#include "tests/support/engines.h"

#include "store/sqlite/sqlite.h"
#include "tests/support/store_memory.h"

#include <stdio.h>

static const struct {
    const char *name;
    const struct store_engine *engine;
} engines[ENGINE_COUNT] = {{"SQLite", &sqlite_engine}, {"memory", &memory_engine}};

struct engine_faults engine_faults;
const struct store_engine *engine;

static const struct store_engine *real;
static struct store_engine faulty;

/* Counts down; false at 0. */
static bool is_due(atomic_int *count)
{
    if (atomic_load(count) == 0)
        return false;
    atomic_fetch_sub(count, 1);
    return true;
}

/* The other owner stays. */
static bool is_fenced(void)
{
    int left = atomic_load(&engine_faults.fence);
    if (left > 1)
        atomic_fetch_sub(&engine_faults.fence, 1);
    return left == 1;
}

static enum store_outcome append(struct store *store, const struct store_batch *batch,
                                 const char **why)
{
    atomic_fetch_add(&engine_faults.appends, 1);
    if (atomic_load(&engine_faults.appends_wait)) {
        sem_post(&engine_faults.waits);
        sem_wait(&engine_faults.goes_on);
    }
    *why = "the test refuses it";
    if (is_fenced())
        return STORE_FENCED;
    return is_due(&engine_faults.refuse) ? STORE_REFUSED : real->append(store, batch, why);
}

static enum store_outcome confirm(struct store *store, const char **why)
{
    atomic_fetch_add(&engine_faults.confirms, 1);
    *why = "the test does not confirm it";
    if (is_fenced())
        return STORE_FENCED;
    if (is_due(&engine_faults.refuse_confirms))
        return STORE_REFUSED;
    return real->confirm ? real->confirm(store, why) : STORE_RECORDED;
}

static int backup_copy(const struct store *store, const char *path, const atomic_bool *cancelled,
                       uint64_t *bytes)
{
    if (atomic_load(&engine_faults.backups_hang))
        sem_wait(&engine_faults.backup_goes_on);
    return real->backup_copy(store, path, cancelled, bytes);
}

const char *engine_choose(int index, const char *name)
{
    static char suite[ENGINE_COUNT][64]; /* Check keeps the pointer */
    real = engines[index].engine;
    faulty = *real;
    faulty.append = append;
    faulty.confirm = confirm;
    faulty.backup_copy = backup_copy;
    engine = &faulty;
    snprintf(suite[index], sizeof suite[index], "%s on %s", name, engines[index].name);
    return suite[index];
}

bool engine_is_sqlite(void)
{
    return real == &sqlite_engine;
}
