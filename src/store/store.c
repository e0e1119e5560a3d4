/* The store's functions: each checks its caller's thread, and asks the engine. */
#include "store/store.h"

#include <unistd.h>

/* ---- life ---- */

static int opened(struct store *store, const struct store_engine *engine)
{
    store->engine = engine;
    owner_take(&store->owner);
    return 0;
}

int store_open(struct store **store, const struct store_engine *engine, const char *name, bool sync,
               char why[STORE_WHY_MAX])
{
    int result = engine->open(store, name, sync, why);
    return result == 0 ? opened(*store, engine) : result;
}

int store_open_to_read(struct store **store, const struct store_engine *engine, const char *name,
                       char why[STORE_WHY_MAX])
{
    int result = engine->open_to_read(store, name, why);
    return result == 0 ? opened(*store, engine) : result;
}

void store_take(struct store *store)
{
    owner_take(&store->owner);
}

void store_close(struct store *store)
{
    store->engine->close(store);
}

int store_key_check(const struct store *store, struct hash *check, char why[STORE_WHY_MAX])
{
    return store->engine->key_check(store, check, why);
}

int store_has_ballots(const struct store *store, char why[STORE_WHY_MAX])
{
    return store->engine->has_ballots(store, why);
}

int store_set_key_check(struct store *store, struct hash check, char why[STORE_WHY_MAX])
{
    OWNER_ASSERT(&store->owner);
    return store->engine->set_key_check(store, check, why);
}

uint64_t store_voter_estimate(const struct store *store)
{
    return store->engine->voter_estimate(store);
}

int store_load(struct store *store, const struct store_visitor *visitor, char why[STORE_WHY_MAX])
{
    OWNER_ASSERT(&store->owner);
    return store->engine->load(store, visitor, why);
}

int store_follow(struct store *store, uint64_t after_seq, const struct store_visitor *visitor,
                 char why[STORE_WHY_MAX])
{
    OWNER_ASSERT(&store->owner);
    return store->engine->follow(store, after_seq, visitor, why);
}

int store_adopt(struct store *store, char why[STORE_WHY_MAX])
{
    OWNER_ASSERT(&store->owner);
    return store->engine->adopt(store, why);
}

int store_finish(struct store *store, char why[STORE_WHY_MAX])
{
    OWNER_ASSERT(&store->owner);
    return store->engine->finish ? store->engine->finish(store, why) : 0;
}

/* ---- recording ---- */

enum store_outcome store_append(struct store *store, const struct store_batch *batch,
                                const char **why)
{
    OWNER_ASSERT(&store->owner);
    return store->engine->append(store, batch, why);
}

enum store_outcome store_confirm(struct store *store, const char **why)
{
    OWNER_ASSERT(&store->owner);
    return store->engine->confirm ? store->engine->confirm(store, why) : STORE_RECORDED;
}

void store_work(struct store *store, enum store_moment moment)
{
    OWNER_ASSERT(&store->owner);
    if (store->engine->work)
        store->engine->work(store, moment);
}

/* ---- looking at it ---- */

uint64_t store_identity(const struct store *store)
{
    return store->engine->identity(store);
}

const char *store_health(const struct store *store)
{
    OWNER_ASSERT(&store->owner);
    return store->engine->health ? store->engine->health(store) : NULL;
}

uint64_t store_database_bytes(const struct store *store)
{
    return store->engine->database_bytes(store);
}

uint64_t store_pending_bytes(const struct store *store)
{
    return store->engine->pending_bytes ? store->engine->pending_bytes(store) : 0;
}

/* ---- backups ---- */

int store_backup_begin(struct store *store)
{
    OWNER_ASSERT(&store->owner);
    return store->engine->backup_begin(store);
}

int store_backup_copy(const struct store *store, const char *path, const atomic_bool *cancelled,
                      uint64_t *bytes)
{
    return store->engine->backup_copy(store, path, cancelled, bytes);
}

int store_backup_fill(const struct store *store, int file, const atomic_bool *cancelled,
                      uint64_t *bytes)
{
    return store->engine->backup_fill(store, file, cancelled, bytes);
}

void store_backup_end(struct store *store)
{
    OWNER_ASSERT(&store->owner);
    store->engine->backup_end(store);
}

void store_drop_file(const struct store *store, int file)
{
    if (store->engine->drop_file)
        store->engine->drop_file(store, file);
    else
        close(file);
}
