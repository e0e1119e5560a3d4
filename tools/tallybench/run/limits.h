/* This machine's limits: four bare loops, each the core of a voting server's work, with nothing
 * around it. A server's figures are reported as ratios to these, since absolute ones mean little on
 * a shared machine. Main thread. */
#ifndef TALLYCAST_TOOLS_BENCH_LIMITS_H
#define TALLYCAST_TOOLS_BENCH_LIMITS_H

#include "tools/tallybench/figures/hdr.h"
#include "tools/tallybench/figures/options.h"

enum { LIMITS_ERROR_MAX = 512 };

/* Rows a second appended to an SQLite file with the ledger's pragmas, `transaction` rows (a
 * multiple of 50) a transaction: a ballot each, as a store of rows would keep it. Returns 0; else
 * -1 with `error` filled. */
int limits_rows(const char *directory, unsigned transaction, double seconds, double *rows_per_s,
                char error[LIMITS_ERROR_MAX]) __attribute__((warn_unused_result));

/* Ballots a second appended to such a file as sheets, as the ledger keeps them, `transaction` of
 * them a transaction. Returns 0; else -1 with `error` filled. */
int limits_sheets(const char *directory, unsigned transaction, double seconds,
                  double *ballots_per_s, char error[LIMITS_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Sends of one tally line over `sockets` TCP connections, drained by another thread. The line is
 * the push of a poll of `choices` choices and `ballots` ballots, since its length has a price. So
 * has a rest of the machine: its threads must be woken, and its caches are cold. */
struct limits_load {
    unsigned sockets, choices;
    uint64_t ballots;
    uint64_t rest_ns; /* before each round; 0 for none */
};
struct limits_sends {
    double per_s;      /* in an endless round */
    uint64_t round_ns; /* the median time from the first send of a round to the last arrival */
    uint64_t arrival_p99_ns; /* the 99th percentile of the time from the first send to each
                              * arrival */
};
int limits_sends(const struct limits_load *load, double seconds, struct limits_sends *sends,
                 char error[LIMITS_ERROR_MAX]) __attribute__((warn_unused_result));

/* The time of appending 4 KiB to a file and fdatasync, in ns. */
int limits_sync(const char *directory, double seconds, struct hdr_summary *sync_ns,
                char error[LIMITS_ERROR_MAX]) __attribute__((warn_unused_result));

/* `tallybench limits`: all of them, as a table and as JSON. Returns an exit status. */
int limits_run(const struct options *options);

#endif
