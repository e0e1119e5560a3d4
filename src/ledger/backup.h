/* BACKUP: one copy of the database at a time, made by a thread of its own. */
#ifndef TALLYCAST_BACKUP_H
#define TALLYCAST_BACKUP_H

#include "ledger/request.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ports;
struct store;

/* The ledger's thread owns it, but where noted. All zero: none is under way. */
struct backup {
    bool running;
    pthread_t thread;
    unsigned port;
    struct conn_ref to;
    struct request_text *path; /* owned; NULL: */
    int file;                  /* owned */
    struct store *store;
    struct ports *ports;
    const atomic_bool *cancelled; /* set by any thread */
    atomic_bool done;             /* the copying thread has set what follows */
    int error;
    uint64_t bytes;
};

/* Starts a copy, which takes over the request's path or file; or puts the answer why not in its
 * port, where ports_flush sends it. The copy ends early once *cancelled, and none is begun. */
void backup_begin(struct backup *backup, struct store *store, struct ports *ports, unsigned port,
                  const struct request *request, const atomic_bool *cancelled);

/* Whether a copy waits for backup_finish. */
bool backup_is_done(const struct backup *backup);

/* Waits until no copy is under way that is not done, but at most so long. */
void backup_await(const struct backup *backup, unsigned timeout_ms);

/* Puts the answer of a copy that is done in its port. */
void backup_finish(struct backup *backup);

/* Waits for a copy that nobody finished, however long it takes. */
void backup_destroy(struct backup *backup);

#endif
