/* Short connections, opened at a steady rate: each is closed as soon as it is greeted. Runs on one
 * lane. */
#ifndef TALLYCAST_TOOLS_BENCH_CHURN_H
#define TALLYCAST_TOOLS_BENCH_CHURN_H

#include "tools/tallybench/load/conn.h"

struct churn;

struct churn *churn_new(struct lane *lane, uint64_t first_source);
void churn_free(struct churn *churn);

/* PHASE_VOTE has begun. */
void churn_begin(struct churn *churn);

/* When churn_tick is due next; UINT64_MAX if never. */
uint64_t churn_next_ns(const struct churn *churn);

/* Opens the connections that are due. */
void churn_tick(struct churn *churn, uint64_t now_ns);

/* The connection was greeted, or lost: it is over. */
void churn_done(struct churn *churn, struct bench_conn *conn);

/* PHASE_DRAIN has begun: no more. */
void churn_end(struct churn *churn);

#endif
