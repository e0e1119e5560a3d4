/* The write-ahead log: how long it is, and when its pages are moved into the database file (a
 * checkpoint). All are ours (wal_autocheckpoint=0), between commits, on the thread that owns the
 * store.
 *
 * A failed checkpoint is harmless: SQLite counts pages as moved only after it has synced the
 * database file, so the next one writes them all again. */
#include "store/sqlite/sqlite_internal.h"

#include "base/failpoint.h"
#include "base/log.h"

/* How many pages of log are worth a checkpoint. */
static const uint64_t worth_pages[] = {
    [STORE_IDLE] = 100, [STORE_BUSY] = SQLITE_BUSY_PAGES, [STORE_REFUSING] = 1, /* an emptied log
                                                                                   makes room on a
                                                                                   full disk */
};

static int log_grew(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    struct sqlite_store *store = context;
    store->log_pages = (uint64_t)pages;
    atomic_store_explicit(&store->log_bytes, (uint64_t)pages * (SQLITE_STORE_PAGE_BYTES + 24) + 32,
                          memory_order_relaxed);
    return SQLITE_OK;
}

void sqlite_watch_log(struct sqlite_store *store)
{
    sqlite3_wal_hook(store->db, log_grew, store);
}

static void log_moved(struct sqlite_store *store)
{
    store->log_pages = 0;
    store->log_begun = false;
    store->retry_pages = 0;
    store->checkpoint_failing = false;
}

int sqlite_checkpoint(struct sqlite_store *store)
{
    int code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code == SQLITE_OK)
        log_moved(store);
    return code;
}

int sqlite_checkpoint_all(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    int code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code != SQLITE_OK)
        return sqlite_fail_system(store, why, "can't be written");
    log_moved(store);
    atomic_store_explicit(&store->log_bytes, 0, memory_order_relaxed);
    return 0;
}

void sqlite_work(struct store *base, enum store_moment moment)
{
    struct sqlite_store *store = sqlite_store(base);
    if (store->log_pages < worth_pages[moment] || store->log_pages < store->retry_pages)
        return;
    if (!sqlite_image_keep(&store->image, store->log_pages)) {
        store->retry_pages = store->log_pages + SQLITE_BUSY_PAGES;
        return;
    }
    int code = sqlite_checkpoint(store);
    failpoint(FAILPOINT_AFTER_CHECKPOINT);
    if (code == SQLITE_OK)
        return;
    store->retry_pages = store->log_pages * 2;
    if (!store->checkpoint_failing)
        log_warning("checkpoint failed, the log stays and grows file=%s error=%s", store->path,
                    sqlite3_errstr(code));
    store->checkpoint_failing = true;
}

uint64_t sqlite_pending_bytes(const struct store *base)
{
    return atomic_load_explicit(&sqlite_store(base)->log_bytes, memory_order_relaxed);
}
