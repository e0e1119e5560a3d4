/* The ballots of a run, decided beforehand: each ballot's voter, poll and paper, which is what it
 * says (pile.h). So the acknowledgements alone determine the final tally of each poll.
 *
 * Each connection has voters of its own (with --identity=connection it is its only voter, and every
 * ballot counts). It goes through them round and round. In each round a voter's ballot goes to the
 * next poll, and when it comes back to a poll it takes the next paper; so no ballot repeats the one
 * that counts, and each is an entry of the ledger. */
#ifndef TALLYCAST_TOOLS_BENCH_PLAN_H
#define TALLYCAST_TOOLS_BENCH_PLAN_H

#include "proto/limits.h"
#include "tools/tallybench/load/pile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAN_VOTER_MAX = 24, PLAN_KINDS_MAX = 4 };
enum { PLAN_NAME_MAX = 40, PLAN_PREFIX_MAX = 64, PLAN_BALLOT_MAX = PLAN_PREFIX_MAX + 24 };

struct plan_poll {
    char name[PLAN_NAME_MAX];
    uint64_t ballots; /* that must count, by the acknowledgements */
    uint64_t *counts; /* what each choice must have; owned */
    const struct pile *pile;
};

/* `VOTE poll choice` and any other part of a ballot's line that is the same for all voters, in a
 * poll of single choice. */
struct plan_prefix {
    char text[PLAN_PREFIX_MAX];
    size_t len;
};

struct plan {
    unsigned connections;
    unsigned poll_count, choice_count, kind_count;
    uint64_t named;                    /* voters' names; 0: each connection is a voter */
    struct pile piles[PLAN_KINDS_MAX]; /* poll p has those of p % kind_count */
    uint64_t period;   /* of the papers' numbers: a multiple of how many each poll has */
    size_t ballot_max; /* bytes of a ballot's line */
    struct plan_poll *polls;
    struct plan_prefix *prefixes; /* of poll p and choice c at p * choice_count + c */
};

/* How a plan is to be. */
struct plan_wish {
    const char *run; /* tells the names of its polls from those of other runs; NULL: no others */
    unsigned connections, polls, choices;
    uint64_t named;
    unsigned kinds[PLAN_KINDS_MAX]; /* KIND_…, of the polls by turns */
    unsigned kind_count;
    int method;               /* METHOD_…, of the polls of its kind; -1 for none */
    unsigned distinct, camps; /* see struct pile_wish */
};

/* The place of one connection in its ballots. */
struct plan_cursor {
    uint64_t voters; /* of the connection */
    uint64_t voter;  /* from 0 */
    unsigned poll;
    uint64_t paper;      /* below the period */
    unsigned round_poll; /* of the first voter in this round */
    uint64_t round_paper;
    unsigned rounds; /* modulo the polls */
    bool again;      /* every voter has voted in every poll already */
};

/* Returns 0; or -1, with a text for a person in `why`, if there are no such ballots. To be freed in
 * any case. */
int plan_init(struct plan *plan, const struct plan_wish *wish, char why[SETTINGS_WHY_SIZE])
    __attribute__((warn_unused_result));
void plan_free(struct plan *plan);

/* Writes the command that creates a poll, NUL-terminated, without LF. */
void plan_create_command(const struct plan *plan, unsigned poll, char out[PROTO_LINE_MAX * 2]);

/* The cursor at which connection `number` begins. */
struct plan_cursor plan_begin(const struct plan *plan, unsigned number);

/* Goes on to the next ballot. */
void plan_step(const struct plan *plan, struct plan_cursor *cursor);

/* Writes the line of the ballot at the cursor, LF included: at most plan->ballot_max bytes. Returns
 * its end. */
char *plan_put_ballot(const struct plan *plan, const struct plan_cursor *cursor, unsigned number,
                      char *at);

/* Writes what the ballot at the cursor says, NUL-terminated. */
void plan_write_paper(const struct plan *plan, const struct plan_cursor *cursor,
                      char out[PROTO_LINE_MAX]);

/* Writes the name of the ballot's voter, NUL-terminated; "" if the connection is the voter. */
void plan_name_voter(const struct plan *plan, const struct plan_cursor *cursor, unsigned number,
                     char out[PLAN_VOTER_MAX]);

/* Notes that the ballot at the cursor was acknowledged. A connection's acknowledgements come in the
 * order of its ballots. */
void plan_acknowledge(struct plan *plan, const struct plan_cursor *cursor);

#endif
