/* Judges a recorded history: what several connections asked and were answered, and when, against
 * what the protocol promises of the order of ballots and of the tallies that are shown.
 *
 * Each accepted ballot, OPEN and CLOSE is an entry of the ledger with a sequence of its own, so the
 * replies alone give the order. What must hold of it, and of every tally that anybody was shown, is
 * listed in history_check.c. Pure: nothing but memory is touched. */
#ifndef TALLYCAST_TESTS_HISTORY_CHECK_H
#define TALLYCAST_TESTS_HISTORY_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTORY_POLLS_MAX = 6,
    HISTORY_BALLOTS_MAX = 16, /* that differ, in a poll */
    HISTORY_CHOICES = 3,
    HISTORY_WHY_MAX = 512,
};

enum history_kind {
    HISTORY_VOTE,
    HISTORY_OPEN,
    HISTORY_CLOSE,
    HISTORY_SHOW,
    HISTORY_SUBSCRIBE,
    HISTORY_UNSUBSCRIBE,
    HISTORY_PUSH, /* no operation, but a line that came */
};

/* What a VOTE, OPEN or CLOSE was answered. */
enum history_reply {
    HISTORY_ACCEPTED,
    HISTORY_DUPLICATE,
    HISTORY_POLL_CLOSED,
    HISTORY_ALREADY_VOTED,
};

struct history_tally {
    bool open;
    uint64_t seq;
    uint64_t ballots;
    uint64_t counts[HISTORY_CHOICES];
};

struct history_operation {
    uint64_t begin_ns;          /* before it was sent; PUSH: of the SUBSCRIBE that it comes from */
    uint64_t end_ns;            /* after its reply, or the push, was received */
    uint64_t seq;               /* in the reply to VOTE, OPEN, CLOSE; 0 for none */
    struct history_tally tally; /* SHOW, PUSH */
    uint32_t client;
    uint32_t voter; /* VOTE: whose ballot repeats or changes whose. No voter votes over two
                       connections */
    uint8_t kind;   /* enum history_kind */
    uint8_t reply;  /* enum history_reply */
    uint8_t poll;   /* from 0 */
    uint8_t ballot; /* VOTE: its place among the poll's */
};

/* What a ballot can say. */
struct history_ballot {
    const char *recorded; /* as the ledger's list has it */
    uint64_t counts[HISTORY_CHOICES];
    const char *texts[2]; /* two ways to cast it; for who makes the history */
};

struct history_poll {
    bool changeable;                      /* a voter's latest ballot counts; else the first */
    uint64_t created_seq;                 /* of CREATE, before the history began; it began open */
    const struct history_ballot *ballots; /* at most HISTORY_BALLOTS_MAX */
};

struct history {
    struct history_poll polls[HISTORY_POLLS_MAX];
    unsigned poll_count;
    uint32_t client_count, voter_count;
    /* Client after client, of each in the order in which its lines came. */
    const struct history_operation *operations;
    size_t operation_count;
};

/* Whether every promise held; if not, `why` says which did not. */
bool history_check(const struct history *history, char why[HISTORY_WHY_MAX]);

/* The ledger that the replies tell of, in its order: a line `SEQ POLL KIND BALLOT` each, polls from
 * 1, KIND `ballot`, `open` or `close`, BALLOT as it is recorded, and empty without one. Freed by
 * the caller. */
char *history_ledger(const struct history *history);

#endif
