/* The ledgers that are damaged: made by a real server and its clients. One thread. */
#ifndef TALLYCAST_TESTS_DAMAGE_LEDGER_H
#define TALLYCAST_TESTS_DAMAGE_LEDGER_H

#include "tests/torture/damage_file.h"
#include "tests/support/says.h"
#include "tests/torture/victim.h"

#include <stddef.h>
#include <stdint.h>

enum {
    POLL_APPLAUSE = 3, /* ids of polls that take ballots: from 1 */
    POLL_ROLL = 4,     /* records names */
    POLL_ORDER = 6,    /* the same */
    BALLOT_POLLS = 6,
    BALLOTS_KEPT_MAX = 6000,
};

/* A ballot that was counted. Its voter is v7, written V7, and its id= k7. */
struct ballot {
    uint32_t poll, says, voter, key;
    uint64_t seq;
};

/* All ballots, in the order of their sequences. */
struct book {
    size_t count;
    struct ballot ballots[BALLOTS_KEPT_MAX];
};

/* The name of a voter or key. Returns its length. */
size_t ballot_name(char name[16], char letter, uint32_t number);

/* What ballots of each poll say, by id. */
extern const struct says *const ballot_says[];

enum ledger_kind {
    LEDGER_ENDED,  /* in good order */
    LEDGER_KILLED, /* with entries in its log */
    LEDGER_BACKUP,
    LEDGERS
};

extern const char *const ledger_names[LEDGERS];

/* The files of each, and as they were earlier (of the backup: those of the one that ended). */
struct ledgers {
    struct book book;
    struct files files[LEDGERS], older[LEDGERS];
};

void ledgers_make(struct ledgers *ledgers, struct victim *victim, struct torture *torture);
void ledgers_free(struct ledgers *ledgers);

/* Asks for everything that a server says of its polls, into `text`, which the caller frees. */
char *ledger_describe(struct victim *victim);

/* Casts a ballot again. Returns whether it is answered as a repeat of itself. */
bool ledger_repeats(struct peer *peer, const struct ballot *ballot);

#endif
