/* The command line. One list (options.def) gives the names, the parsing and --help. Main
 * thread; read-only afterwards. */
#ifndef TALLYCAST_TOOLS_BENCH_OPTIONS_H
#define TALLYCAST_TOOLS_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum options_command {
    OPTIONS_RUN = 1,
    OPTIONS_LIMITS = 2,
    OPTIONS_NAIVE = 4,
    OPTIONS_SUITE = 8,
};

enum { OPTIONS_KINDS_MAX = 4 };

/* Strings belong to the command line. */
struct options {
    uint64_t voters, pipeline, rate, ballots, polls, choices, distinct, camps;
    unsigned kinds[OPTIONS_KINDS_MAX]; /* KIND_…, of the polls by turns */
    unsigned kind_count;
    int method;     /* METHOD_…, or -1 */
    uint64_t named; /* voters' names; 0: each connection is a voter */
    uint64_t subscribers, results, stalled, slow, slow_bytes_per_s, churn, idle, threads;
    uint64_t sse, stalled_sse, http_voters, http_pipeline;
    uint64_t patience_s, repeat, sockets;
    double duration_s, warmup_s;
    const char *target, *http, *admin, *serve, *directory, *only, *listen, *database, *json,
        *report;
    bool compare_naive;
    char **server_arguments; /* the arguments after `--`; NULL ends them */
};

enum options_outcome { OPTIONS_GO, OPTIONS_HELP, OPTIONS_WRONG };

enum { OPTIONS_ERROR_MAX = 256 };
enum { OPTIONS_USAGE_STATUS = 2 }; /* the exit status if the command line is wrong */

/* The defaults of `tallybench run`; also of options that are not for it. */
void options_init(struct options *options);

/* Reads a command's arguments; argv[0] is skipped. OPTIONS_HELP: --help is among them.
 * OPTIONS_WRONG: `error` says what, without an LF. */
enum options_outcome options_parse(struct options *options, enum options_command command, int argc,
                                   char **argv, char error[OPTIONS_ERROR_MAX]);

/* Prints a command's options on standard output. */
void options_print(enum options_command command);

/* The number of voters, by any protocol. */
uint64_t options_voters(const struct options *options);

/* Whether any connection speaks HTTP. */
bool options_need_http(const struct options *options);

/* All connections that a run holds at a time, without those of --churn. */
uint64_t options_connections(const struct options *options);

#endif
