/* A server's life on a disk whose power will be cut: sessions of the real ledger and store in this
 * process, with the voters that a loop would bring, and what they were told, at which instant of
 * the disk's record. */
#ifndef TALLYCAST_TESTS_POWER_RUN_H
#define TALLYCAST_TESTS_POWER_RUN_H

#include "tests/support/says.h"
#include "tests/torture/disk.h"

#include "base/hash.h"
#include "ledger/ledger.h"
#include "ledger/request.h"
#include "proto/settings.h"
#include "poll/voter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POWER_POLLS = 6, POWER_CHOICES = 3, POWER_CASTS_MAX = 40000, POWER_FACTS_MAX = 100000 };

#define POWER_DATABASE "tally.db"

/* The polls, by id - 1: whenever one is made, it is the next of these. Choices: a, b, c. */
extern const struct power_poll {
    const char *name;
    unsigned ballots, record; /* settings */
    struct says says;
} power_polls[POWER_POLLS];

/* A request that was sent. */
struct cast {
    uint8_t kind; /* enum request_kind */
    uint8_t poll;
    uint8_t says;   /* of a ballot */
    uint32_t voter; /* a number: v7 */
    uint32_t key;   /* of id=: k7; 0 for none */
};

/* The text of a voter or an id=. Returns its length. */
size_t power_name(char name[PROTO_NAME_MAX], char kind, uint32_t number);

/* The hashes that the server knows a ballot by; of its id= if it has one. */
struct hash power_voter(const struct voter_key *key, const struct cast *cast);
struct hash power_key(const struct voter_key *key, const struct cast *cast);

enum fact_kind {
    FACT_BEGUN, /* a server starts */
    FACT_READY, /* it would listen now */
    FACT_SENT,  /* `number` casts have been sent; the ones from `cast` on just now */
    FACT_ANSWERED,
    FACT_SHOWN,
};

/* Something that the world knows, since it saw it or did it. */
struct fact {
    uint8_t kind; /* enum fact_kind */
    bool duplicate;
    bool open;
    uint8_t poll;    /* SHOWN */
    int32_t error;   /* ANSWERED */
    uint32_t cast;   /* ANSWERED, SENT */
    uint64_t number; /* ANSWERED: the answer's; SHOWN: the tally's sequence */
    uint64_t ballots;
    uint64_t counts[POWER_CHOICES];
};

/* What was sent and became known, in order; the facts of a record that was cut count up to there.
 */
struct history {
    size_t cast_count, fact_count;
    struct cast casts[POWER_CASTS_MAX];
    struct fact facts[POWER_FACTS_MAX];
};

/* One record and what belongs to it. In shared memory: it outlives the process that makes it. Each
 * fact from `inherited` on has a DISK_NOTE in the record. */
struct run {
    struct disk_record *record;
    size_t inherited;
    bool os_durability; /* as with --durability=os: a power cut may undo what was told */
    struct history history;
};

struct run *run_new(void); /* never unmapped */

/* The number of facts at an instant of the record. */
size_t run_facts_at(const struct run *run, size_t instant);

/* Makes an empty run, for an empty disk. */
void run_reset(struct run *run, bool os_durability);

/* Makes an empty run for a disk whose power was cut when everyone had been told what they were at
 * `instant`. With `undone` none of that need be true any more; but nothing else was cast. */
void run_inherit(struct run *run, const struct run *from, size_t instant, bool undone);

/* What a session does. */
struct session_plan {
    struct torture random;
    const char *directory;
    unsigned batches;
    unsigned batch_max; /* requests in one */
    bool backup;
    bool stops; /* as on SIGTERM; otherwise it is killed when it idles */
};

/* Runs a session under the record that has begun, in a process of its own: starts a server, sends
 * requests, ends it. Returns 0, or -1 with `why` filled: it did not start, or did not answer. */
int run_session(struct run *run, struct session_plan *plan, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

#endif
