/* The ledger's data, shared by judging, committing and loading. The ledger's thread owns all of it;
 * before that starts, the main thread does. */
#ifndef TALLYCAST_LEDGER_STATE_H
#define TALLYCAST_LEDGER_STATE_H

#include "base/owner.h"
#include "ledger/backup.h"
#include "ledger/batch.h"
#include "ledger/electorate.h"
#include "ledger/ledger.h"
#include "ledger/profiles.h"
#include "ledger/results.h"
#include "poll/directory.h"

#include <pthread.h>
#include <stdatomic.h>

struct ledger {
    struct owner owner;
    struct store *store;
    struct tally *tally;
    const struct voter_key *key;
    struct ports *ports;
    struct electorate *electorate;
    struct directory directory; /* of durable polls */
    struct profiles profiles;
    uint64_t next_seq;
    struct batch batch;
    struct backup backup;
    struct results *results;       /* owned; NULL before the thread starts */
    uint64_t health_checked_ns;    /* when the store was last asked how it is */
    _Atomic(const char *) ailment; /* its answer; NULL while it is well */
    struct ledger_stats stats;     /* read by any thread */
    pthread_t thread;
    atomic_bool stopping; /* set by the main thread, as is: */
    atomic_bool no_waits; /* a backup under way ends, and nobody waits for a result */
    unsigned first_port;  /* the next gathering starts here, so that no loop always comes last */
};

#endif
