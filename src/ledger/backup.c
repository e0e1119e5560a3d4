/* BACKUP: a copy of the database, made by a thread of its own while ballots go on (store_backup.c
 * says how). One at a time. The copying thread says that it is done and wakes the ledger, which
 * answers. */
#include "ledger/ledger_internal.h"

#include "base/failpoint.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void *backup_run(void *context)
{
    struct backup *backup = context;
    backup->error = backup->path ? store_backup_copy(backup->store, backup->path->bytes,
                                                     &backup->cancelled, &backup->bytes)
                                 : store_backup_fill(backup->store, backup->file,
                                                     &backup->cancelled, &backup->bytes);
    if (backup->error != 0)
        backup->bytes = (uint64_t)errno;
    atomic_store_explicit(&backup->done, true, memory_order_release);
    waker_wake(backup->ledger);
    return NULL;
}

static void drop_target(struct request_text *path, int file)
{
    if (!path)
        close(file);
    free(path);
}

/* Returns 0, or an error for the answer. */
static int start(struct ledger *ledger, unsigned port, const struct request *request)
{
    struct backup *backup = &ledger->backup;
    if (backup->running)
        return ERR_LIMIT;
    int error = store_backup_begin(ledger->store);
    if (error != 0)
        return error;
    *backup = (struct backup){.port = port,
                              .to = request->from,
                              .path = request->detail,
                              .file = request->file,
                              .store = ledger->store,
                              .ledger = &ledger->waker};
    if (pthread_create(&backup->thread, NULL, backup_run, backup) != 0) {
        store_backup_end(ledger->store);
        return ERR_LIMIT;
    }
    backup->running = true;
    return 0;
}

void ledger_backup_start(struct ledger *ledger, unsigned port, struct request *request)
{
    int error = start(ledger, port, request);
    if (error == 0)
        return;
    ledger_answer(ledger, port, (struct answer){.to = request->from, .error = error});
    drop_target(request->detail, request->file);
}

void ledger_backup_finish(struct ledger *ledger, bool wait)
{
    struct backup *backup = &ledger->backup;
    if (!backup->running || (!wait && !atomic_load_explicit(&backup->done, memory_order_acquire)))
        return;
    pthread_join(backup->thread, NULL);
    store_backup_end(ledger->store);
    backup->running = false;
    failpoint(FAILPOINT_BACKUP_DONE);
    ledger_answer(
        ledger, backup->port,
        (struct answer){.to = backup->to, .number = backup->bytes, .error = backup->error});
    drop_target(backup->path, backup->file);
    ledger_flush_answers(ledger);
}
