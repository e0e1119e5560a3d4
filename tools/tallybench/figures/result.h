/* A run's results, for people and for programs. Main thread. */
#ifndef TALLYCAST_TOOLS_BENCH_RESULT_H
#define TALLYCAST_TOOLS_BENCH_RESULT_H

#include "tools/tallybench/figures/faults.h"
#include "tools/tallybench/figures/hdr.h"
#include "tools/tallybench/figures/options.h"
#include "tools/lib/server_stats.h"

#include <jansson.h>
#include <stdio.h>

/* A sample of the figures while the run goes on, over the time since the one before. */
struct result_sample {
    double at_s; /* since measuring began */
    double ballots_per_s, pushes_per_s, events_per_s;
    uint64_t ack_p99_ns;
};

struct result {
    struct options options;     /* of the run */
    double seconds;             /* measured */
    uint64_t acknowledged;      /* ballots, of the whole run */
    uint64_t http_acknowledged; /* those of them over HTTP */
    uint64_t unsent;            /* ballots that were due and could not be sent */
    double ballots_per_s, pushes_per_s, received_per_s, sent_per_s; /* the last two in bytes */
    double http_ballots_per_s;                                      /* those of them over HTTP */
    double events_per_s; /* tallies received by SSE readers; pushes leave them out */
    uint64_t churned;    /* short connections that were greeted */
    struct hdr_summary ack_ns, freshness_ns, late_ns, connect_ns;
    struct hdr_summary result_freshness_ns;
    struct hdr_summary http_ack_ns, sse_freshness_ns;  /* over HTTP; the ones above leave it out */
    struct hdr_summary kind_ack_ns[OPTIONS_KINDS_MAX]; /* by options.kinds, if there are several */
    /* RSS before anyone connected, once all were connected, and when measuring ended; and the most
     * seen. */
    uint64_t rss_before, rss_connected, rss_after, rss_max;
    double cpu_cores;  /* the server's while measured: 1 is one core */
    double load_cores; /* the same of this process */
    struct server_stats stats_before, stats_after;
    struct result_sample *samples; /* owned */
    unsigned sample_count;
    uint64_t fault_count; /* of all */
    unsigned fault_texts; /* of those that were kept */
    char faults[FAULTS_KEPT][FAULT_MAX];
};

void result_free(struct result *result);

/* Whether the run passed all checks. */
bool result_good(const struct result *result);

/* Prints the table for people; for a run that could not be measured, only the reason, on standard
 * error. */
void result_print(const struct result *result, FILE *out);

/* The same as JSON, with the names that tallybench(1) documents. The caller owns the reference. */
json_t *result_json(const struct result *result);

/* Writes JSON to a file, whole or not at all. Returns 0, or -1 with errno set. */
int result_write_json(const json_t *json, const char *path) __attribute__((warn_unused_result));

#endif
