/* A start on a database, in this process, as main.c makes it; and what it then would serve. Each is
 * a process of its own (damage.c), so that one that aborts or hangs is a failure like others. */
#ifndef TALLYCAST_TESTS_DAMAGE_START_H
#define TALLYCAST_TESTS_DAMAGE_START_H

#include "tests/torture/damage_ledger.h"

#include "proto/sheet.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* What a ledger says, up to an entry: a hash of every entry, which does not depend on how they were
 * put into sheets; and of every poll, as it is shown. */
struct state {
    uint64_t seq;
    unsigned char entries[SHEET_CHAIN_BYTES];
    unsigned char polls[SHEET_CHAIN_BYTES];
};

/* Judges the database without changing it, as `tallyctl recount` does. With `trail`, which has room
 * for TRAIL_MAX, fills in the hash of the entries up to each one, from 0. Returns 0 with *state set
 * but for the polls, or -1 with `why` filled. */
enum { TRAIL_MAX = 8192 };
typedef unsigned char trail_hash[SHEET_CHAIN_BYTES];
int start_judge(const char *path, struct state *state, trail_hash *trail, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* What a start came to. In shared memory: it outlives the process. */
struct start {
    bool refused;        /* by the server; `why` says why */
    bool judged_refused; /* by start_judge; `judged_why` says why */
    bool refused_writes; /* it served, but recorded nothing new */
    struct state state;  /* as it was served */
    char why[STORE_WHY_MAX], judged_why[STORE_WHY_MAX];
    char broken[STORE_WHY_MAX]; /* a promise; empty if all were kept */
};

/* Judges the database, starts on it, asks again for some of the ballots, casts new ones, makes a
 * poll, ends in good order, and judges again. */
void start_try(struct start *start, const char *path, const struct book *book,
               struct torture *random);

#endif
