/* One scenario of the suite: a load, the limit that it is told against, and its figures. Main
 * thread. */
#ifndef TALLYCAST_TOOLS_BENCH_SCENARIO_H
#define TALLYCAST_TOOLS_BENCH_SCENARIO_H

#include "tools/bench_figure.h"
#include "tools/bench_limits.h"
#include "tools/bench_result.h"

enum { SCENARIO_FIGURES_MAX = 2, SCENARIO_COUNT = 9 };

/* Which of the limits a scenario needs. */
enum scenario_limit { SCENARIO_NO_LIMIT, SCENARIO_ROWS, SCENARIO_SENDS, SCENARIO_SYNC };

/* What a repetition is judged by: its result, that of its baseline, and the limit's mean of before
 * and after: rows or sends a second, or the p50 of fdatasync in ns. */
struct scenario_outcome {
    const struct result *result, *baseline;
    double limit;
};

struct scenario {
    const char *name;     /* stable */
    const char *title;    /* for people */
    const char *baseline; /* an earlier scenario's name, or NULL */
    enum scenario_limit limit;
    unsigned sockets;    /* of SCENARIO_SENDS */
    bool push_at_once;   /* the server runs with --push-interval 0 */
    struct options load; /* its numbers; the rest is the suite's */
    void (*judge)(const struct scenario_outcome *outcome, struct figure *figures);
    struct figure figures[SCENARIO_FIGURES_MAX]; /* what is asked; no repetitions */
};

extern const struct scenario scenarios[SCENARIO_COUNT];

/* The options of its run: the suite's, with the scenario's load, and `arguments` for the server in
 * the caller's array. */
enum { SCENARIO_ARGUMENTS_MAX = 4 };
struct options scenario_options(const struct scenario *scenario, const struct options *suite,
                                char *arguments[SCENARIO_ARGUMENTS_MAX]);

/* Measures the scenario's limit; *limit is 0 if it has none. Returns 0, or -1 with `error`. */
int scenario_measure_limit(const struct scenario *scenario, const struct options *suite,
                           double *limit, char error[LIMITS_ERROR_MAX])
    __attribute__((warn_unused_result));

#endif
