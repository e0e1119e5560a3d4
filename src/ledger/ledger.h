/* The ledger: one thread that puts every ballot and every change of a poll in a total order, makes
 * them durable, counts them, shows them and answers, in that sequence, a batch at a time. It alone
 * owns the electorate and the store. The loops talk to it through their ports (ports.h). */
#ifndef TALLYCAST_LEDGER_H
#define TALLYCAST_LEDGER_H

#include "base/histogram.h"
#include "poll/voter.h"
#include "store/store.h"
#include "tally/tally.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ledger;
struct ports;

#define LEDGER_DOUBT_NS (10 * UINT64_C(1000000000))

/* Loads everything that the store holds. NULL, with `why` filled, if the database is damaged or
 * memory is short. The caller keeps store, tally, key and ports. */
struct ledger *ledger_new(struct store *store, struct tally *tally, const struct voter_key *key,
                          struct ports *ports, char why[STORE_WHY_MAX]);
void ledger_free(struct ledger *ledger);

/* Loads what the store holds as ledger_new does, and frees it again. Returns 0 if a server would
 * start on it, with *last_seq set to its last entry, or 0; or -1 with `why` filled. For tools, with
 * a store that is open for reading; any thread that owns the store. */
int ledger_check(struct store *store, uint64_t *last_seq, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Before ledger_start: makes a poll durably, unless its name is in use. Takes over `poll`. Returns
 * 0, ERR_POLL_EXISTS, ERR_STORAGE or ERR_LIMIT. */
int ledger_create_poll(struct ledger *ledger, struct poll *poll)
    __attribute__((warn_unused_result));

/* Starts the thread. Returns 0, or -1 with errno set. */
int ledger_start(struct ledger *ledger) __attribute__((warn_unused_result));

/* Any thread: ends what may take long: a backup under way, and waiting for a result; nothing of
 * that begins any more. */
void ledger_end_waits(struct ledger *ledger);

/* Has the thread answer everything that is in the ports, and waits for its end. The loops must have
 * stopped sending. Returns false if a backup hangs in a call and was left behind, without an
 * answer. Then ledger_free would wait for it, and nothing that it uses may be freed first. */
bool ledger_stop(struct ledger *ledger);

/* After that: returns whether the result that was being counted, if one was, is done with within so
 * long. If not, ledger_free would wait for it, and no poll may be freed first. */
bool ledger_await_result(struct ledger *ledger, unsigned timeout_ms);

/* Any thread. */
struct ledger_stats {
    _Atomic uint64_t accepted;  /* ballots recorded */
    _Atomic uint64_t duplicate; /* ballots that repeated one that counts */
    _Atomic uint64_t refused;   /* ballots refused by the ledger */
    _Atomic uint64_t seq;       /* of the last durable entry */
    struct histogram batch;     /* entries a commit */
    struct histogram commit_us; /* time of a commit, sync included */
    struct histogram result_us; /* time that counting a result took, by the tabulator */
    struct histogram
        result_age_us;           /* time from the change that a result lacked until it is shown */
    atomic_bool refusing;        /* the last batch with entries was refused for want of storage */
    _Atomic uint64_t refused_ns; /* when that last happened; monotonic */
};
const struct ledger_stats *ledger_stats(const struct ledger *ledger);

/* Any thread: NULL if an entry would be recorded, as far as is known; otherwise the reason why not,
 * as static text for people. After a batch was refused for want of storage, it says so for
 * LEDGER_DOUBT_NS, unless one was recorded since. Not for longer: a client that waits for this
 * before it sends ballots would wait for ever. If the store says that it is not well, it says so
 * until that ends. A full ledger (ENTRY_SEQ_MAX) says so for good. */
const char *ledger_health(const struct ledger *ledger);

/* Any thread: whether ledger_health is NULL. */
bool ledger_is_writable(const struct ledger *ledger);

/* Any thread: a random number that tells this ledger from others, and from itself before a backup
 * was restored. It does not change while the server runs. */
uint64_t ledger_identity(const struct ledger *ledger);

#endif
