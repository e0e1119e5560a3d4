/* What a method of counting makes of a poll's ballots: rounds, what was decided after each of them
 * and how ties were broken, and who is elected. It depends on how much weight each distinct ballot
 * has, on the poll's settings and on its lot, and on nothing else: not on the order of the ballots,
 * not on chance.
 *
 * Choices are numbers from 0, in the order of creation. A *round* (the statute's stage) is the
 * choices' votes at one moment; rounds are numbered from 1. A *step* is what was decided after a
 * round. Votes are integers; with `decimals`, of units of 10^-decimals.
 *
 * A method fills a new result; from then on it is immutable but for `seq`, and may be shared. */
#ifndef TALLYCAST_RESULT_H
#define TALLYCAST_RESULT_H

#include "poll/poll.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RESULT_PAIRS_MAX = 64,    /* choices of a poll whose result has pairs */
    RESULT_ROW_MAX = 1 << 15, /* bytes of a row, enough for any */
};

enum result_step_kind {
    STEP_ELECT,     /* stv, irv: the choice has won, with so many votes above the quota */
    STEP_TRANSFER,  /* stv: its surplus goes on; the next round shows to whom */
    STEP_ELIMINATE, /* stv, irv: the choice is out; the next round shows who has its votes now */
    STEP_TIE,       /* choices were alike, and a rule chose among them; the next step tells whom */
};

/* What the choices of a tie were alike in: who of them is … */
enum result_stake {
    STAKE_ELECT,     /* elected */
    STAKE_ELIMINATE, /* out */
    STAKE_SURPLUS,   /* the first whose surplus goes on */
    STAKE_FINALIST,  /* a finalist (star) */
    STAKE_RUNOFF,    /* the winner of the run-off (star) */
};

/* What chose among them. Where that left more than one, there is another tie, of these. */
enum result_rule {
    RULE_EARLIER, /* votes in the latest earlier round in which they differ */
    RULE_HEAD,    /* head to head: who is scored higher on more ballots */
    RULE_SUM,     /* the higher sum of scores */
    RULE_TOP,     /* more ballots with the highest score */
    RULE_LOT,     /* the poll's lot */
};

struct result_step {
    enum result_step_kind kind;
    unsigned round;          /* after which it was decided */
    unsigned choice;         /* not of a tie */
    uint64_t surplus;        /* votes; of STEP_ELECT and STEP_TRANSFER */
    enum result_stake stake; /* from here on: of a tie */
    enum result_rule rule;
    unsigned tied_count;
    size_t tied; /* the first one's place in the result's `tied`; in order of creation */
};

/* Of star: the two with the highest sums, and how many ballots score one above the other. */
struct result_runoff {
    bool held;
    unsigned finalist[2];
    uint64_t votes[2];
    uint64_t equal; /* without preference */
};

struct result {
    _Atomic unsigned refs;
    const struct poll *poll;
    uint64_t seq;       /* of the tally that it belongs to; set by who has it made */
    uint64_t ballots;   /* that count, abstentions included */
    uint64_t weight;    /* theirs */
    uint64_t abstained; /* of it, the weight of abstentions */
    uint64_t quota;     /* stv: whole votes; else 0 */
    unsigned seats;
    unsigned decimals; /* of votes */
    unsigned winner_count;
    uint8_t winners[PROTO_CHOICES_MAX]; /* in the order of their election; equals by lot */
    unsigned round_count; /* of stv and irv, any number; 1 of others; none of schulze */
    unsigned step_count;
    struct result_step *steps; /* in order */
    uint64_t *votes;           /* by round, then by choice, and then the exhausted: result_votes */
    uint8_t *tied;             /* the choices of all ties */
    size_t tied_count;
    struct result_runoff runoff;
    uint8_t *rank;   /* schulze: by choice, its place in the order, from 1, equals alike; or NULL */
    uint64_t *pairs; /* by two choices: on how many votes one stands above the other; or NULL */
    uint64_t *paths; /* schulze: by two choices, the strength of the strongest path; or NULL */
};

/* Any thread. */
struct result *result_ref(struct result *result);
void result_unref(struct result *result); /* NULL is fine */

/* How many units one vote is. */
static inline uint64_t result_unit(const struct result *result)
{
    uint64_t unit = 1;
    for (unsigned i = 0; i < result->decimals; i++)
        unit *= 10;
    return unit;
}

/* The votes by choice in a round, from 1. */
static inline const uint64_t *result_votes(const struct result *result, unsigned round)
{
    return &result->votes[(round - 1) * (result->poll->choice_count + (size_t)1)];
}

/* The votes that go to no choice any more; 0 if none can. */
static inline uint64_t result_exhausted(const struct result *result, unsigned round)
{
    return result_votes(result, round)[result->poll->choice_count];
}

/* Whether votes can be exhausted: those of a ballot that names nobody any more. */
bool result_has_exhausted(const struct result *result);

/* By pair or path: of `a` above `b`. Only where the result has them. */
static inline uint64_t result_pair(const struct result *result, unsigned a, unsigned b)
{
    return result->pairs[a * result->poll->choice_count + b];
}

static inline uint64_t result_path(const struct result *result, unsigned a, unsigned b)
{
    return result->paths[a * result->poll->choice_count + b];
}

/* Why seats are empty, in words; NULL if none is. */
const char *result_nobody(const struct result *result);

/* The words of a step for programs: "eliminate"; of a tie also "surplus", "earlier". */
const char *result_step_name(enum result_step_kind kind);
const char *result_stake_name(enum result_stake stake);
const char *result_rule_name(enum result_rule rule);

/* Writes votes with the result's decimals: digits, without a NUL, RESULT_VOTES_MAX at most. Returns
 * the end. */
enum { RESULT_VOTES_MAX = 24 };
char *result_votes_put(char *at, const struct result *result, uint64_t votes);

/* Tells the rows of RESULT (proto/PROTOCOL.md), each without its line end, of RESULT_ROW_MAX bytes
 * at most; with `pairs` also those that only `RESULT p pairs` has. Any thread. */
typedef void result_row(void *owner, const char *row, size_t len);
void result_write(const struct result *result, bool pairs, result_row *row, void *owner);

/* The same while results are hidden: what may be told of the poll then. */
void result_write_hidden(const struct poll *poll, uint64_t ballots, result_row *row, void *owner);

/* ---- for the methods ---- */

/* A result without rounds, with room for so many; of a poll's ballots. All that a method adds to it
 * fits: after each round as many steps as the poll's statute can bring. NULL if memory is short. */
struct result *result_new(const struct poll *poll, uint64_t ballots, uint64_t weight,
                          uint64_t abstained, unsigned rounds_max);

/* Begins a round, a copy of the one before (all 0 the first time). Returns its votes, to be
 * changed; those of earlier rounds stay. */
uint64_t *result_add_round(struct result *result);

void result_add_step(struct result *result, enum result_step_kind kind, unsigned choice,
                     uint64_t surplus);
void result_add_winner(struct result *result, unsigned choice);

struct choice_set;
void result_add_tie(struct result *result, enum result_stake stake, enum result_rule rule,
                    const struct choice_set *tied);

/* Has the result keep no more memory than it needs. */
void result_finish(struct result *result);

#endif
