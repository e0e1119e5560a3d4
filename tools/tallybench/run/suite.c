/* The suite (see suite.h).
 *
 * Happy path: each repetition goes through the groups of scenarios that are compared with each
 * other. For each scenario of a group: its limit → its run → its limit again; then the group's
 * figures. At the end, the medians. Compared scenarios run one after the other, since a shared
 * machine is not the same a minute later, and every second repetition runs them in the opposite
 * order, so that a drift favours neither. A naive server is run once. */
#include "tools/tallybench/run/suite.h"

#include "tools/tallybench/run/interrupt.h"
#include "tools/lib/memory.h"
#include "tools/tallybench/figures/report.h"
#include "tools/tallybench/run/run.h"
#include "tools/tallybench/run/scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* A scenario's place in the suite. */
struct entry {
    const struct scenario *scenario;
    bool wanted;
    struct figure figures[SCENARIO_FIGURES_MAX];
    unsigned figure_count;
    /* For each repetition, the mean of before and after. */
    struct scenario_limits limits[FIGURE_REPEATS_MAX];
    struct result *results; /* of each repetition */
    unsigned result_count;
    struct result *naive; /* NULL without one */
    struct figure naive_figures[SCENARIO_FIGURES_MAX];
};

struct suite {
    const struct options *options;
    struct entry entries[SCENARIO_COUNT];
    bool failed; /* a check was violated, or a limit could not be measured */
};

static struct entry *find_entry(struct suite *suite, const char *name)
{
    for (unsigned i = 0; i < SCENARIO_COUNT; i++)
        if (strcmp(suite->entries[i].scenario->name, name) == 0)
            return &suite->entries[i];
    return NULL;
}

/* ---- which ---- */

static void want(struct suite *suite, struct entry *entry)
{
    entry->wanted = true;
    if (entry->scenario->baseline)
        find_entry(suite, entry->scenario->baseline)->wanted = true;
}

/* Parses --only. Returns false, after a message, if it names an unknown scenario. */
static bool choose(struct suite *suite)
{
    char names[1024], *rest = NULL;
    if (!suite->options->only) {
        for (unsigned i = 0; i < SCENARIO_COUNT; i++)
            suite->entries[i].wanted = true;
        return true;
    }
    snprintf(names, sizeof names, "%s", suite->options->only);
    for (char *name = strtok_r(names, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        struct entry *entry = find_entry(suite, name);
        if (entry) {
            want(suite, entry);
            continue;
        }
        fprintf(stderr, "tallybench suite: --only: there is no scenario '%s'; there are:", name);
        for (unsigned i = 0; i < SCENARIO_COUNT; i++)
            fprintf(stderr, " %s", scenarios[i].name);
        fputc('\n', stderr);
        return false;
    }
    return true;
}

static void suite_init(struct suite *suite, const struct options *options)
{
    *suite = (struct suite){.options = options};
    for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
        struct entry *entry = &suite->entries[i];
        entry->scenario = &scenarios[i];
        while (entry->figure_count < SCENARIO_FIGURES_MAX &&
               scenarios[i].figures[entry->figure_count].value) {
            entry->figures[entry->figure_count] = scenarios[i].figures[entry->figure_count].figure;
            entry->figure_count++;
        }
        entry->results = must_calloc(options->repeat, sizeof *entry->results);
    }
}

static void suite_free(struct suite *suite)
{
    for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
        struct entry *entry = &suite->entries[i];
        for (unsigned j = 0; j < entry->result_count; j++)
            result_free(&entry->results[j]);
        if (entry->naive)
            result_free(entry->naive);
        free(entry->naive);
        free(entry->results);
    }
}

/* ---- running ---- */

static void complain_of(struct suite *suite, const struct entry *entry, const struct result *result)
{
    suite->failed = true;
    for (unsigned i = 0; i < result->fault_texts; i++)
        printf("  VIOLATED in %s: %s\n", entry->scenario->name, result->faults[i]);
}

static void measure_limit(struct suite *suite, const struct entry *entry,
                          struct scenario_limits *limits)
{
    char error[LIMITS_ERROR_MAX];
    if (scenario_measure_limit(entry->scenario, suite->options, limits, error) == 0)
        return;
    fprintf(stderr, "tallybench: %s\n", error);
    suite->failed = true;
}

static void run_entry(struct suite *suite, struct entry *entry)
{
    char *arguments[SCENARIO_ARGUMENTS_MAX];
    struct options options = scenario_options(entry->scenario, suite->options, arguments);
    struct result *result = &entry->results[entry->result_count];
    struct scenario_limits before, after;
    measure_limit(suite, entry, &before);
    run_load(&options, true, options.serve, entry->scenario->name, result);
    measure_limit(suite, entry, &after);
    entry->limits[entry->result_count++] = (struct scenario_limits){
        .value = (before.value + after.value) / 2,
        .sheets_per_s = (before.sheets_per_s + after.sheets_per_s) / 2,
        .arrival_p99_ns = (before.arrival_p99_ns + after.arrival_p99_ns) / 2};
    if (!result_good(result))
        complain_of(suite, entry, result);
}

/* Judges the last repetition. */
static void judge(struct suite *suite, struct entry *entry)
{
    const struct scenario *scenario = entry->scenario;
    unsigned last = entry->result_count - 1;
    struct scenario_outcome outcome = {.result = &entry->results[last],
                                       .limits = entry->limits[last]};
    if (scenario->baseline)
        outcome.baseline = &find_entry(suite, scenario->baseline)->results[last];
    /* A run that was never measured has no figures. */
    if (outcome.result->seconds > 0 && (!outcome.baseline || outcome.baseline->seconds > 0))
        scenario_judge(scenario, &outcome, entry->figures);
}

/* Runs entries `first` to before `end`, which are compared with each other. */
static void run_group(struct suite *suite, unsigned first, unsigned end, bool backwards)
{
    for (unsigned i = first; i < end; i++) {
        struct entry *entry = &suite->entries[backwards ? first + end - 1 - i : i];
        if (interrupt_seen())
            return;
        if (entry->wanted)
            run_entry(suite, entry);
    }
    for (unsigned i = first; i < end && !interrupt_seen(); i++)
        if (suite->entries[i].wanted)
            judge(suite, &suite->entries[i]);
}

/* A scenario with a baseline stands right behind it, or behind others with the same. */
static void run_repetition(struct suite *suite, bool backwards)
{
    for (unsigned first = 0, end; first < SCENARIO_COUNT; first = end) {
        for (end = first + 1; end < SCENARIO_COUNT && scenarios[end].baseline; end++)
            ;
        run_group(suite, first, end, backwards);
    }
}

/* Drops requirements that hold only under a low enough limit, if it is too high. */
static void drop_unfair(struct entry *entry)
{
    struct figure limit = {0};
    for (unsigned i = 0; i < entry->result_count; i++)
        figure_add(&limit, entry->limits[i].value, 0);
    for (unsigned i = 0; i < entry->figure_count; i++) {
        double most = entry->scenario->figures[i].limit_at_most;
        if (most > 0 && figure_value(&limit) > most)
            entry->figures[i].relation = FIGURE_NOTHING_ASKED;
    }
}

static void run_naive(struct suite *suite, struct entry *entry)
{
    char *arguments[SCENARIO_ARGUMENTS_MAX];
    struct options options = scenario_options(entry->scenario, suite->options, arguments);
    if (options_need_http(&options))
        return; /* the naive server does not speak it */
    entry->naive = must_calloc(1, sizeof *entry->naive);
    run_load(&options, true, RUN_NAIVE, "naive server", entry->naive);
    if (entry->result_count == 0)
        return;
    struct scenario_outcome outcome = {.result = entry->naive,
                                       .limits = entry->limits[entry->result_count - 1]};
    memcpy(entry->naive_figures, entry->figures, sizeof entry->figures);
    for (unsigned i = 0; i < entry->figure_count; i++)
        entry->naive_figures[i].count = 0;
    if (entry->scenario->baseline)
        outcome.baseline = find_entry(suite, entry->scenario->baseline)->naive;
    scenario_judge(entry->scenario, &outcome, entry->naive_figures);
}

/* ---- telling ---- */

static void print_figure(const char *name, const struct figure *figure)
{
    char value[FIGURE_TEXT_SIZE], ratio[FIGURE_RATIO_SIZE];
    if (figure->count > 0)
        printf("  %-16s %-30s %15s  %s%s\n", name, figure->what, figure_text(figure, value),
               figure_ratio_text(figure, ratio), figure_met(figure) ? "" : "  SHORT");
}

static void print_entry(const struct entry *entry)
{
    char value[FIGURE_TEXT_SIZE];
    printf("%s\n", entry->scenario->title);
    for (unsigned i = 0; i < entry->figure_count; i++)
        print_figure(entry->scenario->name, &entry->figures[i]);
    if (!entry->naive)
        return;
    for (unsigned i = 0; i < entry->figure_count; i++)
        if (entry->naive_figures[i].count > 0)
            printf("  %-16s %-30s %15s\n", "  naive server", entry->naive_figures[i].what,
                   figure_text(&entry->naive_figures[i], value));
    for (unsigned i = 0; i < entry->naive->fault_texts && i < 3; i++)
        printf("    %s\n", entry->naive->faults[i]);
}

static json_t *numbers_json(const double *numbers, unsigned count)
{
    json_t *json = json_array();
    for (unsigned i = 0; i < count; i++)
        json_array_append_new(json, json_real(numbers[i]));
    return json;
}

static json_t *figure_json(const struct figure *figure)
{
    static const char *const units[] = {
        [FIGURE_PER_S] = "per_s", [FIGURE_NS] = "ns", [FIGURE_BYTES] = "bytes"};
    json_t *json =
        json_pack("{s:s,s:s,s:f,s:o,s:b}", "name", figure->name, "unit", units[figure->unit],
                  "median", figure_value(figure), "values",
                  numbers_json(figure->values, figure->count), "met", (int)figure_met(figure));
    if (!figure->ratio_to)
        return json;
    json_object_set_new(json, "ratio", json_real(figure_ratio(figure)));
    json_object_set_new(json, "ratios", numbers_json(figure->ratios, figure->count));
    json_object_set_new(json, "ratio_to", json_string(figure->ratio_to));
    if (figure->relation != FIGURE_NOTHING_ASKED)
        json_object_set_new(json, figure->relation == FIGURE_AT_LEAST ? "at_least" : "at_most",
                            json_real(figure->asked));
    return json;
}

static json_t *entry_json(const struct entry *entry)
{
    json_t *figures = json_array(), *runs = json_array(), *limits = json_array();
    for (unsigned i = 0; i < entry->figure_count; i++)
        json_array_append_new(figures, figure_json(&entry->figures[i]));
    for (unsigned i = 0; i < entry->result_count; i++)
        json_array_append_new(runs, result_json(&entry->results[i]));
    for (unsigned i = 0; i < entry->result_count; i++)
        json_array_append_new(limits, json_real(entry->limits[i].value));
    json_t *json =
        json_pack("{s:s,s:s,s:o,s:o,s:o}", "name", entry->scenario->name, "title",
                  entry->scenario->title, "figures", figures, "limits", limits, "runs", runs);
    if (entry->naive)
        json_object_set_new(json, "naive", result_json(entry->naive));
    return json;
}

static json_t *suite_json(const struct suite *suite)
{
    struct utsname machine;
    json_t *list = json_array();
    for (unsigned i = 0; i < SCENARIO_COUNT; i++)
        if (suite->entries[i].result_count > 0)
            json_array_append_new(list, entry_json(&suite->entries[i]));
    uname(&machine);
    return json_pack("{s:s,s:s,s:I,s:I,s:f,s:b,s:o}", "version", PACKAGE_VERSION, "kernel",
                     machine.release, "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "repeat",
                     (json_int_t)suite->options->repeat, "duration_s", suite->options->duration_s,
                     "violated", (int)suite->failed, "scenarios", list);
}

/* The repetition whose first figure is nearest to the median. */
static const struct result *typical(const struct entry *entry)
{
    const struct figure *figure = &entry->figures[0];
    double median = figure_value(figure), nearest = -1;
    unsigned best = 0;
    for (unsigned i = 0; i < figure->count && i < entry->result_count; i++) {
        double far =
            figure->values[i] > median ? figure->values[i] - median : median - figure->values[i];
        if (nearest < 0 || far < nearest) {
            nearest = far;
            best = i;
        }
    }
    return &entry->results[best];
}

static int write_report(const struct suite *suite, const char *path)
{
    struct report_entry rows[SCENARIO_COUNT];
    unsigned count = 0;
    for (unsigned i = 0; i < SCENARIO_COUNT; i++) {
        const struct entry *entry = &suite->entries[i];
        if (entry->result_count > 0)
            rows[count++] = (struct report_entry){
                entry->scenario->name, entry->scenario->title, typical(entry),     entry->naive,
                entry->figures,        entry->naive_figures,   entry->figure_count};
    }
    return report_write(rows, count, path);
}

static void write_files(struct suite *suite)
{
    const struct options *options = suite->options;
    if (options->json) {
        json_t *json = suite_json(suite);
        if (result_write_json(json, options->json) != 0) {
            fprintf(stderr, "tallybench: %s: %s\n", options->json, strerror(errno));
            suite->failed = true;
        }
        json_decref(json);
    }
    if (options->report && write_report(suite, options->report) != 0) {
        fprintf(stderr, "tallybench: %s: %s\n", options->report, strerror(errno));
        suite->failed = true;
    }
}

/* ---- all of it ---- */

static void run_all(struct suite *suite)
{
    for (uint64_t i = 0; i < suite->options->repeat && !interrupt_seen(); i++)
        run_repetition(suite, i % 2 == 1);
    for (unsigned i = 0; i < SCENARIO_COUNT; i++)
        drop_unfair(&suite->entries[i]);
    for (unsigned i = 0; i < SCENARIO_COUNT && suite->options->compare_naive; i++)
        if (suite->entries[i].wanted && !interrupt_seen())
            run_naive(suite, &suite->entries[i]);
    for (unsigned i = 0; i < SCENARIO_COUNT; i++)
        if (suite->entries[i].result_count > 0)
            print_entry(&suite->entries[i]);
}

int suite_run(const struct options *options)
{
    struct suite suite;
    suite_init(&suite, options);
    if (!choose(&suite)) {
        suite_free(&suite);
        return OPTIONS_USAGE_STATUS;
    }
    interrupt_catch();
    run_all(&suite);
    write_files(&suite);
    bool failed = suite.failed || interrupt_seen();
    suite_free(&suite);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
