/* One scenario of the suite: a load, the limit for its ratios, and its figures. Main thread. */
#ifndef TALLYCAST_TOOLS_BENCH_SCENARIO_H
#define TALLYCAST_TOOLS_BENCH_SCENARIO_H

#include "tools/tallybench/figures/figure.h"
#include "tools/tallybench/run/limits.h"
#include "tools/tallybench/figures/result.h"

enum { SCENARIO_FIGURES_MAX = 2, SCENARIO_COUNT = 16 };

/* The limit that a scenario needs. */
enum scenario_limit { SCENARIO_NO_LIMIT, SCENARIO_BALLOTS, SCENARIO_SENDS, SCENARIO_SYNC };

/* The measured limit of a scenario. */
struct scenario_limits {
    double value;          /* rows or sends a second, or the p50 of fdatasync in ns; 0: no limit */
    double sheets_per_s;   /* SCENARIO_BALLOTS: ballots a second as sheets, where `value` is rows */
    double arrival_p99_ns; /* SCENARIO_SENDS: from a round's first send to each arrival */
};

/* The outcome of a repetition: its result, its baseline's result, and the means of the limits
 * before and after. */
struct scenario_outcome {
    const struct result *result, *baseline;
    struct scenario_limits limits;
};

/* A number that an outcome has. */
typedef double scenario_number(const struct scenario_outcome *outcome);

/* A figure: the functions for its value and for the reference of its ratio (NULL: it has none). */
struct scenario_figure {
    struct figure figure; /* the ratio asked; no repetitions */
    scenario_number *value, *whole;
    double limit_at_most; /* nothing is asked if the median limit is above; 0: always asked */
};

struct scenario {
    const char *name;     /* stable */
    const char *title;    /* for people */
    const char *baseline; /* an earlier scenario's name, or NULL; both differ in one thing alone */
    enum scenario_limit limit;
    uint64_t ballots;    /* SCENARIO_SENDS: about as many as the tally that is sent shows */
    uint64_t rest_ns;    /* SCENARIO_SENDS: between two rounds, as the load has it */
    bool push_at_once;   /* the server runs with --push-interval 0 */
    struct options load; /* its numbers; the rest is the suite's */
    struct scenario_figure figures[SCENARIO_FIGURES_MAX]; /* one without a name is unused */
};

extern const struct scenario scenarios[SCENARIO_COUNT];

/* The options of its run: the suite's, with the scenario's load, and `arguments` for the server in
 * the caller's array. */
enum { SCENARIO_ARGUMENTS_MAX = 4 };
struct options scenario_options(const struct scenario *scenario, const struct options *suite,
                                char *arguments[SCENARIO_ARGUMENTS_MAX]);

/* Measures the scenario's limit; *limits is 0 if it has none. Returns 0, or -1 with `error`. */
int scenario_measure_limit(const struct scenario *scenario, const struct options *suite,
                           struct scenario_limits *limits, char error[LIMITS_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Adds a repetition to the figures (as many as the scenario has). */
void scenario_judge(const struct scenario *scenario, const struct scenario_outcome *outcome,
                    struct figure *figures);

#endif
