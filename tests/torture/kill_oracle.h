/* The oracle: what it knows of one database from what the server told its clients, and therefore
 * what the server may answer and what must be on the disk when it is dead.
 *
 * A voter has one ballot, and the administrator one order, that waits for its answer at a time. So
 * after a death each is either known, or the one thing that may be there once or not at all; and
 * once that was looked up on the disk, the answer to the next try is known too.
 *
 * Whatever contradicts what is known ends the process (torture_fail). One thread. */
#ifndef TALLYCAST_TESTS_KILL_ORACLE_H
#define TALLYCAST_TESTS_KILL_ORACLE_H

#include "tests/support/says.h"
#include "tests/torture/torture.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ORACLE_POLLS =
        9, /* the last one is the server's own, of --poll; each has the choices a, b, c */
    ORACLE_NAME_MAX = 24,
    NOTHING = -1, /* in place of what a ballot says */
};

/* How ballots of a poll are told apart, and which of a voter's count. */
enum poll_kind {
    POLL_CHANGEABLE, /* the voters' names are hashed */
    POLL_ONCE,
    POLL_UNLIMITED, /* each ballot has an id= of its own, which stands for the voter */
    POLL_ROLL_CALL, /* changeable, with the voters' names in the database */
    POLL_OF_START,  /* made by --poll; nobody votes there */
};

struct poll {
    char name[ORACLE_NAME_MAX];
    enum poll_kind kind;
    const struct says *says;
    bool created, open;
    uint64_t state_seq; /* the entry that put it in that state */
    uint64_t orders;    /* counts when one is sent and when it is answered; odd while one waits */
    uint64_t shown_seq; /* of its last tally that anybody was shown; 0 for none */
    char *line;         /* its tally by the database after the last death; NULL for none */
};

struct voter {
    unsigned poll;
    unsigned number; /* its name within the poll is made of this */
    uint64_t seq;    /* of the ballot that counts, 0 for none; and what it says */
    int says;
    int asked;              /* what the one says that is not answered yet, or NOTHING */
    uint64_t orders_before; /* poll.orders when that was sent */
    bool found;             /* it was found on the disk, and is seq and says now */
};

enum entry_kind { ENTRY_UNKNOWN, ENTRY_BALLOT, ENTRY_CREATE, ENTRY_OPEN, ENTRY_CLOSE };

/* What stands behind a sequence number. */
struct entry {
    enum entry_kind kind;
    unsigned poll;
    size_t voter;       /* of a ballot */
    int says;           /* of a ballot */
    uint64_t judgement; /* the last that found it */
    char *shown;        /* the tally that had it as its sequence; NULL if nobody saw one. Owned */
};

enum order_kind { ORDER_NONE, ORDER_CREATE, ORDER_OPEN, ORDER_CLOSE, ORDER_BACKUP };

/* What the administrator waits for. */
struct order {
    enum order_kind kind;
    unsigned poll;
    bool found; /* on the disk, as is the poll's state then */
};

struct backup {
    char path[PATH_MAX]; /* empty: none was asked for since the last death */
    uint64_t seq;        /* all up to this one was acknowledged when it was asked for */
    uint64_t bytes;      /* as answered; 0 if it was not */
};

struct oracle {
    const struct torture *torture;
    struct poll polls[ORACLE_POLLS];
    struct voter *voters;
    size_t voter_count, voter_capacity;
    struct entry *entries; /* by sequence */
    size_t entry_capacity;
    uint64_t last_seq;  /* the greatest that is known */
    uint64_t floor_seq; /* the greatest that was there at the last death: new ones are above it */
    uint64_t known;     /* entries that must be there */
    uint64_t judgements;
    struct order order;
    struct backup backup;
    /* Figures, over all databases. */
    uint64_t acknowledged, duplicates, refused, shown, found, backups;
};

/* Knows of nothing: a new database. Figures stay. */
void oracle_reset(struct oracle *oracle);

/* The name of a voter, or the id= of its ballot. */
void oracle_voter_name(const struct voter *voter, char name[ORACLE_NAME_MAX]);

/* Whether its ballots have an id=. A named voter's that have none are its own over the same
 * connection alone, and the oracle does not know over which each goes. */
bool oracle_has_id(const struct oracle *oracle, const struct voter *voter);

/* A voter of that poll who was not there before; valid until the next one is made. */
struct voter *oracle_new_voter(struct oracle *oracle, unsigned poll);

/* A voter's ballot is about to be sent (again); its answer. */
void oracle_ask(struct oracle *oracle, struct voter *voter, int asked);
void oracle_answer(struct oracle *oracle, struct voter *voter, const char *line);

/* The same for the administrator's order. One that a death left without an answer is to be sent
 * again first. */
void oracle_order(struct oracle *oracle, enum order_kind kind, unsigned poll);
void oracle_order_answer(struct oracle *oracle, const char *line);

/* Somebody was shown this tally, without the words before it. Returns its poll and sets *seq. */
unsigned oracle_shown(struct oracle *oracle, const char *line, uint64_t *seq);

/* The same by a server that has just started, before anybody did anything: it must be the tally
 * that the database held. */
void oracle_shown_at_start(struct oracle *oracle, const char *line);

/* How many polls a server that has just started must have. */
unsigned oracle_poll_count(const struct oracle *oracle);

/* Notes what stands behind a sequence that nobody has used before. For kill_judge.c. */
void oracle_note(struct oracle *oracle, uint64_t seq, struct entry entry);

/* The server is dead: compares what is known with what is in the database file and its log, and
 * settles what was open. Writes neither. (kill_judge.c) */
void oracle_judge(struct oracle *oracle, struct torture *torture, const char *database);

#endif
