/* BACKUP: one copy of the database at a time, made by a thread of its own. */
#ifndef TALLYCAST_BACKUP_H
#define TALLYCAST_BACKUP_H

#include "ledger/request.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ports;
struct store;

/* The ledger's thread owns it, except where noted. All zero: none is under way. */
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
    atomic_bool done;             /* the copying thread has set the members below */
    int error;
    uint64_t bytes;
};

/* Starts a copy, which takes over the request's path or file; or else puts an answer with the error
 * in its port, for ports_flush to send. Once *cancelled, the copy ends early, and none is begun. */
void backup_begin(struct backup *backup, struct store *store, struct ports *ports, unsigned port,
                  const struct request *request, const atomic_bool *cancelled);

/* Whether a copy waits for backup_finish. */
bool backup_is_done(const struct backup *backup);

/* Waits until a copy under way is done, if there is one, but at most so long. */
void backup_await(const struct backup *backup, unsigned timeout_ms);

/* Puts the answer of a finished copy in its port. */
void backup_finish(struct backup *backup);

/* Waits for a copy without a backup_finish, however long it takes. */
void backup_destroy(struct backup *backup);

#endif
