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
    atomic_bool cancelled;
    atomic_bool done; /* the copying thread has set what follows */
    int error;
    uint64_t bytes;
};

/* Starts a copy, which takes over the request's path or file; or puts the answer why not in its
 * port, where ports_flush sends it. */
void backup_begin(struct backup *backup, struct store *store, struct ports *ports, unsigned port,
                  const struct request *request);

/* Whether a copy waits for backup_finish. */
bool backup_is_done(const struct backup *backup);

/* Has a copy that is under way end early. */
void backup_cancel(struct backup *backup);

/* Puts the answer of a copy that is done in its port; waits for the copy first if `wait`. */
void backup_finish(struct backup *backup, bool wait);

#endif
