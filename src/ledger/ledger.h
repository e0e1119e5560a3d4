/* The ledger: one thread that puts every ballot and every change of a poll in a total order, makes
 * them durable, counts them, shows them and answers, in that sequence, a batch at a time. It alone
 * owns the electorate and the store.
 *
 * A loop talks to it through a port of its own: a ring of requests there, a ring of answers back. A
 * loop never has more requests in flight than LEDGER_PORT_SLOTS, so an answer always finds room. */
#ifndef TALLYCAST_LEDGER_H
#define TALLYCAST_LEDGER_H

#include "base/conn_ref.h"
#include "base/hash.h"
#include "base/histogram.h"
#include "trace/journey.h"
#include "poll/poll.h"
#include "store/store.h"
#include "tally/tally.h"
#include "poll/voter.h"
#include "proto/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ledger;
struct waker;

enum {
    LEDGER_PORT_SLOTS = 16384,
    LEDGER_BUSY_CHECKPOINT = 1000, /* pages of log: a checkpoint is due though ballots wait */
};
#define LEDGER_DOUBT_NS (10 * UINT64_C(1000000000))

enum request_kind {
    REQUEST_BALLOT,
    REQUEST_CREATE, /* detail: a struct poll */
    REQUEST_TITLE,  /* detail: a struct request_text */
    REQUEST_LABEL,  /* detail: a struct request_text; choice */
    REQUEST_OPEN,
    REQUEST_CLOSE,
    REQUEST_BACKUP, /* detail: a struct request_text, the file's path; or NULL: file */
};

/* Text that a request carries. One block of memory. */
struct request_text {
    size_t len;
    char bytes[]; /* and a NUL */
};

/* A copy of `len` bytes. NULL if memory is short. Freed by free(). */
struct request_text *request_text_new(const char *bytes, size_t len);

/* One slot of the ring to the ledger: 64 bytes, a cache line. */
struct request {
    struct conn_ref from;
    union {
        uint32_t poll;
        int32_t file; /* owned: BACKUP's, open and empty, where it has no path */
    };
    uint16_t choice; /* from 0 */
    uint8_t kind;    /* enum request_kind */
    bool has_key;
    struct hash voter;
    struct hash key; /* of id=, where has_key */
    void *detail; /* owned by the request, freed by the ledger. BALLOT: a struct request_text with
                     the voter's name where the poll records names, or NULL */
    struct journey *journey; /* of a sampled ballot, or NULL; the ledger's until it answers */
};

/* One slot of the ring back. */
struct answer {
    struct conn_ref to;
    uint64_t number; /* the sequence (of the entry, or of the earlier ballot); BACKUP: bytes, or the
                        errno that says why there are none, 0 where none does */
    int32_t error;   /* 0, or an enum error */
    bool duplicate;
    uint16_t journey; /* the number of the request's; 0 for none */
};

/* Loads everything that the store holds. Ports are the loops, in the order of their numbers;
 * wakers[i] wakes loop i. NULL, with `why` filled, if the database is damaged or memory is short.
 * The caller keeps tally, store and key. */
struct ledger *ledger_new(struct store *store, struct tally *tally, const struct voter_key *key,
                          unsigned ports, struct waker *const *wakers, char why[STORE_WHY_MAX]);
void ledger_free(struct ledger *ledger);

/* Before ledger_start: makes a poll durably, unless its name is in use. Takes over `poll`. Returns
 * 0, ERR_POLL_EXISTS, ERR_STORAGE or ERR_LIMIT. */
int ledger_create_poll(struct ledger *ledger, struct poll *poll)
    __attribute__((warn_unused_result));

/* Starts the thread. Returns 0, or -1 with errno set. */
int ledger_start(struct ledger *ledger) __attribute__((warn_unused_result));

/* Has the thread answer everything that is in the ports, and waits for its end. The loops must have
 * stopped sending. */
void ledger_stop(struct ledger *ledger);

/* Loop `port`'s thread: the next free slot for a request, or NULL if the ring is full. */
struct request *ledger_request(struct ledger *ledger, unsigned port);

/* Loop `port`'s thread: sends the requests that were filled, and wakes the ledger if it sleeps. */
void ledger_send(struct ledger *ledger, unsigned port);

/* Loop `port`'s thread: takes up to `max` answers. Returns how many. */
size_t ledger_receive(struct ledger *ledger, unsigned port, struct answer *answers, size_t max);

/* Loop `port`'s thread: whether ledger_receive would find something. */
bool ledger_port_is_empty(const struct ledger *ledger, unsigned port);

/* Any thread. */
struct ledger_stats {
    _Atomic uint64_t accepted;   /* ballots recorded */
    _Atomic uint64_t duplicate;  /* ballots that repeated one that counts */
    _Atomic uint64_t refused;    /* ballots refused by the ledger */
    _Atomic uint64_t seq;        /* of the last durable entry */
    struct histogram batch;      /* entries a commit */
    struct histogram commit_us;  /* time of a commit, sync included */
    atomic_bool refusing;        /* the last batch with entries was refused for want of storage */
    _Atomic uint64_t refused_ns; /* when that last happened; monotonic */
};
const struct ledger_stats *ledger_stats(const struct ledger *ledger);

/* Any thread: whether an entry would be recorded, as far as is known: false for LEDGER_DOUBT_NS
 * after a batch was refused for want of storage, unless one was recorded since. Not for longer: who
 * waits for this before he sends ballots would wait for ever. */
bool ledger_is_writable(const struct ledger *ledger);

#endif
