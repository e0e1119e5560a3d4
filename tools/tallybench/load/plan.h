/* The ballots of a run, decided beforehand: each ballot's voter, poll and choice. So the
 * acknowledgements alone determine the final tally of each poll. Pure.
 *
 * Each connection has voters of its own (with --identity=connection it is its only voter, and every
 * ballot counts). It goes through them round and round. In each round a voter's ballot goes to the
 * next poll, and when it comes back to a poll it takes the next choice; so no ballot repeats the
 * one that counts, and each is a row of the ledger. */
#ifndef TALLYCAST_TOOLS_BENCH_PLAN_H
#define TALLYCAST_TOOLS_BENCH_PLAN_H

#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAN_CHOICE_MAX = 16, PLAN_VOTER_MAX = 24 };
enum { PLAN_NAME_MAX = 40, PLAN_PREFIX_MAX = 64, PLAN_BALLOT_MAX = PLAN_PREFIX_MAX + 24 };

struct plan_poll {
    char name[PLAN_NAME_MAX];
    uint64_t ballots; /* that must count, by the acknowledgements */
    uint64_t *counts; /* the same of each choice; owned */
};

/* `VOTE poll choice` and any other part of a ballot's line that is the same for all voters. */
struct plan_prefix {
    char text[PLAN_PREFIX_MAX];
    size_t len;
};

struct plan {
    unsigned connections;
    unsigned poll_count, choice_count;
    uint64_t named; /* voters' names; 0: each connection is a voter */
    struct plan_poll *polls;
    struct plan_prefix *prefixes; /* of poll p and choice c at p * choice_count + c */
};

/* The place of one connection in its ballots. */
struct plan_cursor {
    uint64_t voters; /* of the connection */
    uint64_t voter;  /* from 0 */
    unsigned poll, choice;
    unsigned round_poll, round_choice; /* of the first voter in this round */
    unsigned rounds;                   /* modulo the polls */
    bool again;                        /* every voter has voted in every poll already */
};

/* `run` tells the names of this run's polls from those of other runs; NULL if there are no
 * others. */
void plan_init(struct plan *plan, const char *run, unsigned connections, unsigned polls,
               unsigned choices, uint64_t named);
void plan_free(struct plan *plan);

/* Writes a choice's name, NUL-terminated: a to z, a1 to z1, a2... The names of a poll with the most
 * choices fit the line that creates it. */
void plan_name_choice(char out[PLAN_CHOICE_MAX], unsigned choice);

/* Writes the command that creates a poll, NUL-terminated, without LF. */
void plan_create_command(const struct plan *plan, unsigned poll, char out[PROTO_LINE_MAX * 2]);

/* The cursor at which connection `number` begins. */
struct plan_cursor plan_begin(const struct plan *plan, unsigned number);

/* Goes on to the next ballot. */
void plan_step(const struct plan *plan, struct plan_cursor *cursor);

/* Writes the line of the ballot at the cursor, LF included: at most PLAN_BALLOT_MAX bytes. Returns
 * its end. */
char *plan_put_ballot(const struct plan *plan, const struct plan_cursor *cursor, unsigned number,
                      char *at);

/* Writes the name of the ballot's voter, NUL-terminated; "" if the connection is the voter. */
void plan_name_voter(const struct plan *plan, const struct plan_cursor *cursor, unsigned number,
                     char out[PLAN_VOTER_MAX]);

/* Notes that the ballot at the cursor was acknowledged. A connection's acknowledgements come in the
 * order of its ballots. */
void plan_acknowledge(struct plan *plan, const struct plan_cursor *cursor);

#endif
