/* BACKUP: a copy of the database, made by a thread of its own while ballots go on (the store says
 * how). One at a time. The copying thread says that it is done and wakes the ledger, which answers.
 */
#include "ledger/backup.h"

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/waker.h"
#include "ledger/ports.h"
#include "proto/error.h"
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>

static void *backup_run(void *context)
{
    struct backup *backup = context;
    backup->error = backup->path ? store_backup_copy(backup->store, backup->path->bytes,
                                                     backup->cancelled, &backup->bytes)
                                 : store_backup_fill(backup->store, backup->file, backup->cancelled,
                                                     &backup->bytes);
    if (backup->error != 0 && errno == ECANCELED)
        backup->error = ERR_SHUTTING_DOWN;
    else if (backup->error != 0)
        backup->bytes = (uint64_t)errno;
    atomic_store_explicit(&backup->done, true, memory_order_release);
    waker_wake(ports_waker(backup->ports));
    return NULL;
}

static void drop_target(const struct store *store, struct request_text *path, int file)
{
    if (!path)
        store_drop_file(store, file);
    free(path);
}

/* Returns 0, or an error for the answer. */
static int start(struct backup *backup, struct store *store, struct ports *ports, unsigned port,
                 const struct request *request, const atomic_bool *cancelled)
{
    if (atomic_load(cancelled))
        return ERR_SHUTTING_DOWN;
    if (backup->running)
        return ERR_LIMIT;
    int error = store_backup_begin(store);
    if (error != 0)
        return error;
    *backup = (struct backup){.port = port,
                              .to = request->from,
                              .path = request->detail,
                              .file = request->file,
                              .store = store,
                              .ports = ports,
                              .cancelled = cancelled};
    if (pthread_create(&backup->thread, NULL, backup_run, backup) != 0) {
        store_backup_end(store);
        return ERR_LIMIT;
    }
    backup->running = true;
    return 0;
}

void backup_begin(struct backup *backup, struct store *store, struct ports *ports, unsigned port,
                  const struct request *request, const atomic_bool *cancelled)
{
    int error = start(backup, store, ports, port, request, cancelled);
    if (error == 0)
        return;
    ports_answer(ports, port,
                 (struct answer){.to = request->from,
                                 .number = error == ERR_STORAGE ? (uint64_t)errno : 0,
                                 .error = (int16_t)error});
    drop_target(store, request->detail, request->file);
}

bool backup_is_done(const struct backup *backup)
{
    return backup->running && atomic_load_explicit(&backup->done, memory_order_acquire);
}

void backup_await(const struct backup *backup, unsigned timeout_ms)
{
    uint64_t due_ns = clock_monotonic_ns() + timeout_ms * (uint64_t)NS_PER_MS;
    while (backup->running && !backup_is_done(backup)) {
        struct waker *waker = ports_waker(backup->ports); /* the copying thread wakes the ledger */
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= due_ns)
            return;
        waker_prepare(waker);
        if (backup_is_done(backup))
            waker_cancel(waker);
        else
            waker_sleep_ms(waker, (int)((due_ns - now_ns) / NS_PER_MS) + 1);
    }
}

void backup_destroy(struct backup *backup)
{
    if (!backup->running)
        return;
    pthread_join(backup->thread, NULL);
    store_backup_end(backup->store);
    drop_target(backup->store, backup->path, backup->file);
}

void backup_finish(struct backup *backup)
{
    if (!backup_is_done(backup))
        return;
    pthread_join(backup->thread, NULL);
    store_backup_end(backup->store);
    backup->running = false;
    failpoint(FAILPOINT_BACKUP_DONE);
    ports_answer(backup->ports, backup->port,
                 (struct answer){
                     .to = backup->to, .number = backup->bytes, .error = (int16_t)backup->error});
    drop_target(backup->store, backup->path, backup->file);
}
