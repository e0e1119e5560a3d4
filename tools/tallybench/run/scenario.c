/* The table of scenarios (see scenario.h). The server keeps its default of --durability disk.
 *
 * A scenario and its baseline differ in one thing alone, so their ratio shows the effect of that.
 *
 * To do harm, stalled readers must be stalled first, and the kernel holds some 24 KiB for each:
 * those scenarios (and their baselines) push at once, have long tallies, and vote for a while
 * before they are measured. */
#include "tools/tallybench/run/scenario.h"

#include "base/clock.h"

#include <string.h>

enum {
    STALLED = 1000,
    CROWD = 1000,
    STORM_SUBSCRIBERS = 8000,
    IDLE = 10000,
    IDLE_BYTES = 512,
    SSE_BYTES = 1024,
    STALLED_SSE_BYTES = 4096,
    THROUGHPUT_ASKED = 60000, /* a second, where fdatasync is fast enough */
    FAST_SYNC_NS = 200000,
    CROWD_SLACK_NS = 200000,
    CROWD_RSS_BYTES = 16 << 20,
    VOTER_NAMES = 1000000,
    CHOICES = 4,
    LONG_TALLY = 32,     /* choices */
    TRANSACTION = 10000, /* ballots, of the bare loops: a little more than the largest batch */
};

/* ---- the numbers of an outcome ---- */

static double ballots(const struct scenario_outcome *outcome)
{
    return outcome->result->ballots_per_s;
}

static double pushes(const struct scenario_outcome *outcome)
{
    return outcome->result->pushes_per_s;
}

static double ack_p50(const struct scenario_outcome *outcome)
{
    return (double)outcome->result->ack_ns.p50;
}

static double freshness_p99(const struct scenario_outcome *outcome)
{
    return (double)outcome->result->freshness_ns.p99;
}

static double sse_freshness_p50(const struct scenario_outcome *outcome)
{
    return (double)outcome->result->sse_freshness_ns.p50;
}

static double sse_freshness_p99(const struct scenario_outcome *outcome)
{
    return (double)outcome->result->sse_freshness_ns.p99;
}

static double freshness_p50(const struct scenario_outcome *outcome)
{
    return (double)outcome->result->freshness_ns.p50;
}

static double rss_more(const struct scenario_outcome *outcome)
{
    return (double)outcome->result->rss_max - (double)outcome->baseline->rss_max;
}

/* From the most RSS seen, so that memory that a connection takes only later counts too. */
static double rss_each(const struct scenario_outcome *outcome)
{
    return ((double)outcome->result->rss_max - (double)outcome->result->rss_before) / IDLE;
}

static double rss_more_each(const struct scenario_outcome *outcome)
{
    return rss_more(outcome) / STALLED;
}

static double limit(const struct scenario_outcome *outcome)
{
    return outcome->limits.value;
}

static double ballots_in_sheets(const struct scenario_outcome *outcome)
{
    return outcome->limits.sheets_per_s;
}

static double time_of_sends(const struct scenario_outcome *outcome)
{
    return CROWD * (double)NS_PER_S / outcome->limits.value;
}

static double arrival_p99(const struct scenario_outcome *outcome)
{
    return outcome->limits.arrival_p99_ns;
}

static double baseline_ballots(const struct scenario_outcome *outcome)
{
    return outcome->baseline->ballots_per_s;
}

static double crowd_freshness_allowed(const struct scenario_outcome *outcome)
{
    return 1.1 * (double)outcome->baseline->freshness_ns.p99 + CROWD_SLACK_NS;
}

static double sse_freshness_allowed(const struct scenario_outcome *outcome)
{
    return 1.1 * (double)outcome->baseline->sse_freshness_ns.p99 + CROWD_SLACK_NS;
}

static double crowd_rss_allowed(const struct scenario_outcome *outcome)
{
    (void)outcome;
    return CROWD_RSS_BYTES;
}

static double idle_bytes_allowed(const struct scenario_outcome *outcome)
{
    (void)outcome;
    return IDLE_BYTES;
}

static double sse_bytes_allowed(const struct scenario_outcome *outcome)
{
    (void)outcome;
    return SSE_BYTES;
}

static double stalled_sse_bytes_allowed(const struct scenario_outcome *outcome)
{
    (void)outcome;
    return STALLED_SSE_BYTES;
}

static double throughput_asked(const struct scenario_outcome *outcome)
{
    (void)outcome;
    return THROUGHPUT_ASKED;
}

/* ---- the table ---- */

#define BALLOTS       .name = "ballots", .what = "ballots", .unit = FIGURE_PER_S
#define FRESHNESS_P99 .name = "freshness_p99", .what = "freshness p99", .unit = FIGURE_NS
#define SSE_FRESHNESS_P99 \
    .name = "sse_freshness_p99", .what = "SSE readers' freshness p99", .unit = FIGURE_NS
#define AT_LEAST .relation = FIGURE_AT_LEAST, .asked
#define AT_MOST  .relation = FIGURE_AT_MOST, .asked

#define DURABLE .voters = 50, .pipeline = 256, .named = VOTER_NAMES, .warmup_s = 2
#define STEADY  .voters = 10, .pipeline = 64, .rate = 200, .warmup_s = 2, .choices = LONG_TALLY

const struct scenario scenarios[SCENARIO_COUNT] = {
    {.name = "durable",
     .title = "Durable ballots of 1,000,000 voters: 50 connections, 256 in flight each",
     .limit = SCENARIO_BALLOTS,
     .load = {DURABLE},
     .figures = {{{BALLOTS, .ratio_to = "the rows that SQLite takes", AT_LEAST = 1.15},
                  .value = ballots,
                  .whole = limit},
                 {{.name = "ballots_of_sheets",
                   .what = "ballots",
                   .unit = FIGURE_PER_S,
                   .ratio_to = "a bare loop that writes sheets",
                   AT_LEAST = 0.5},
                  .value = ballots,
                  .whole = ballots_in_sheets}}},
    {.name = "durable-readers",
     .title = "The same, with 1,000 subscribers",
     .baseline = "durable",
     .load = {DURABLE, .subscribers = CROWD},
     .figures = {{{BALLOTS, .ratio_to = "that without subscribers", AT_LEAST = 0.85},
                  .value = ballots,
                  .whole = baseline_ballots}}},
    {.name = "durable-alone",
     .title = "Durable ballots in a poll of 32 choices, no push interval",
     .push_at_once = true,
     .load = {DURABLE, .choices = LONG_TALLY},
     .figures = {{{BALLOTS}, .value = ballots}}},
    {.name = "durable-stalled",
     .title = "The same, with 1,000 stalled subscribers",
     .baseline = "durable-alone",
     .push_at_once = true,
     .load = {DURABLE, .choices = LONG_TALLY, .stalled = STALLED},
     .figures = {{{BALLOTS, .ratio_to = "that without subscribers", AT_LEAST = 0.97},
                  .value = ballots,
                  .whole = baseline_ballots}}},
    {.name = "durable-stalled-sse",
     .title = "The same, with 1,000 stalled SSE readers",
     .baseline = "durable-alone",
     .push_at_once = true,
     .load = {DURABLE, .choices = LONG_TALLY, .stalled_sse = STALLED},
     .figures = {{{BALLOTS, .ratio_to = "that without readers", AT_LEAST = 0.97},
                  .value = ballots,
                  .whole = baseline_ballots}}},
    {.name = "one-in-flight",
     .title = "50 connections, one ballot in flight each",
     .limit = SCENARIO_SYNC,
     .load = {.voters = 50, .pipeline = 1, .warmup_s = 1},
     .figures = {{{.name = "ack_p50",
                   .what = "acknowledgement p50",
                   .unit = FIGURE_NS,
                   .ratio_to = "an fdatasync",
                   AT_MOST = 2.5},
                  .value = ack_p50,
                  .whole = limit},
                 {{BALLOTS, .ratio_to = "60,000 (asked where fdatasync takes 0.2 ms or less)",
                   AT_LEAST = 1},
                  .value = ballots,
                  .whole = throughput_asked,
                  .limit_at_most = FAST_SYNC_NS}}},
    {.name = "posts",
     .title = "50 HTTP connections, one ballot in flight each",
     .load = {.http_voters = 50, .warmup_s = 1},
     .figures = {{{BALLOTS}, .value = ballots}}},
    {.name = "freshness",
     .title = "One ballot every 100 ms, 1,000 subscribers",
     .limit = SCENARIO_SENDS,
     .ballots = 100,
     .rest_ns = 100 * NS_PER_MS,
     .load = {.voters = 10, .pipeline = 64, .rate = 10, .subscribers = CROWD, .warmup_s = 1},
     .figures = {{{FRESHNESS_P99, .ratio_to = "that of 1,000 bare sends every 100 ms",
                   AT_MOST = 1.3},
                  .value = freshness_p99,
                  .whole = arrival_p99},
                 {{.name = "freshness_p99_endless",
                   .what = "freshness p99",
                   .unit = FIGURE_NS,
                   .ratio_to = "the time of 1,000 bare sends without a rest"},
                  .value = freshness_p99,
                  .whole = time_of_sends}}},
    {.name = "freshness-sse",
     .title = "One ballot every 100 ms, 1,000 subscribers and 1,000 SSE readers",
     .load = {.voters = 10,
              .pipeline = 64,
              .rate = 10,
              .subscribers = CROWD,
              .sse = CROWD,
              .warmup_s = 1},
     .figures = {{{.name = "sse_freshness_p99",
                   .what = "SSE readers' freshness p99",
                   .unit = FIGURE_NS,
                   .ratio_to = "that of line subscribers in the same run",
                   AT_MOST = 1.1},
                  .value = sse_freshness_p99,
                  .whole = freshness_p99},
                 {{.name = "sse_freshness_p50",
                   .what = "SSE readers' freshness p50",
                   .unit = FIGURE_NS,
                   .ratio_to = "that of line subscribers in the same run",
                   AT_MOST = 1.1},
                  .value = sse_freshness_p50,
                  .whole = freshness_p50}}},
    {.name = "storm",
     .title = "A storm of ballots, 8,000 subscribers, no push interval",
     .limit = SCENARIO_SENDS,
     .ballots = 1000000,
     .push_at_once = true,
     /* Linux acknowledges the first 16 segments of a connection at once, on the sender's time
      * (TCP_MAX_QUICKACKS). The bare sends are counted after their 20 rounds, these after 3 s. */
     .load = {.voters = 10, .pipeline = 16, .subscribers = STORM_SUBSCRIBERS, .warmup_s = 3},
     .figures = {{{.name = "pushes",
                   .what = "pushes",
                   .unit = FIGURE_PER_S,
                   .ratio_to = "bare sends to 8,000 sockets",
                   AT_LEAST = 0.85},
                  .value = pushes,
                  .whole = limit}}},
    {.name = "healthy-alone",
     .title = "100 subscribers, 200 ballots a second",
     .push_at_once = true,
     .load = {STEADY, .subscribers = 100},
     .figures = {{{FRESHNESS_P99}, .value = freshness_p99}}},
    {.name = "healthy-crowded",
     .title = "The same beside 1,000 stalled and 1,000 slow subscribers (100 B/s)",
     .baseline = "healthy-alone",
     .push_at_once = true,
     .load = {STEADY, .subscribers = 100, .stalled = STALLED, .slow = CROWD,
              .slow_bytes_per_s = 100},
     .figures = {{{FRESHNESS_P99, .ratio_to = "1.1 times that without the others, plus 0.2 ms",
                   AT_MOST = 1},
                  .value = freshness_p99,
                  .whole = crowd_freshness_allowed},
                 {{.name = "rss_more",
                   .what = "more memory than without them",
                   .unit = FIGURE_BYTES,
                   .ratio_to = "16 MiB",
                   AT_MOST = 1},
                  .value = rss_more,
                  .whole = crowd_rss_allowed}}},
    {.name = "sse-alone",
     .title = "100 SSE readers, 200 ballots a second",
     .push_at_once = true,
     .load = {STEADY, .sse = 100},
     .figures = {{{SSE_FRESHNESS_P99}, .value = sse_freshness_p99}}},
    {.name = "sse-stalled",
     .title = "The same beside 1,000 stalled SSE readers",
     .baseline = "sse-alone",
     .push_at_once = true,
     .load = {STEADY, .sse = 100, .stalled_sse = STALLED},
     .figures = {{{SSE_FRESHNESS_P99, .ratio_to = "1.1 times that without the others, plus 0.2 ms",
                   AT_MOST = 1},
                  .value = sse_freshness_p99,
                  .whole = sse_freshness_allowed},
                 {{.name = "rss_more_each",
                   .what = "memory of each stalled one",
                   .unit = FIGURE_BYTES,
                   .ratio_to = "4 KiB",
                   AT_MOST = 1},
                  .value = rss_more_each,
                  .whole = stalled_sse_bytes_allowed}}},
    {.name = "sse",
     .title = "10,000 SSE readers, one ballot a second",
     .load = {.voters = 1, .rate = 1, .sse = IDLE},
     .figures = {{{.name = "rss_each",
                   .what = "memory of each",
                   .unit = FIGURE_BYTES,
                   .ratio_to = "1 KiB",
                   AT_MOST = 1},
                  .value = rss_each,
                  .whole = sse_bytes_allowed}}},
    {.name = "idle",
     .title = "10,000 idle connections",
     .load = {.idle = IDLE},
     .figures = {{{.name = "rss_each",
                   .what = "memory of each",
                   .unit = FIGURE_BYTES,
                   .ratio_to = "512 bytes",
                   AT_MOST = 1},
                  .value = rss_each,
                  .whole = idle_bytes_allowed}}},
};

/* ---- running ---- */

struct options scenario_options(const struct scenario *scenario, const struct options *suite,
                                char *arguments[SCENARIO_ARGUMENTS_MAX])
{
    static char interval[] = "--push-interval", zero[] = "0";
    struct options options = *suite;
    const struct options *load = &scenario->load;
    unsigned count = 0;
    options.voters = load->voters;
    options.pipeline = load->pipeline > 0 ? load->pipeline : 1;
    options.choices = load->choices > 0 ? load->choices : CHOICES;
    options.rate = load->rate;
    options.named = load->named;
    options.subscribers = load->subscribers;
    options.stalled = load->stalled;
    options.slow = load->slow;
    options.slow_bytes_per_s = load->slow_bytes_per_s;
    options.sse = load->sse;
    options.stalled_sse = load->stalled_sse;
    options.http_voters = load->http_voters;
    options.http_pipeline = 1;
    options.idle = load->idle;
    options.warmup_s = load->warmup_s < suite->duration_s ? load->warmup_s : suite->duration_s;
    if (scenario->push_at_once) {
        arguments[count++] = interval;
        arguments[count++] = zero;
    }
    arguments[count] = NULL;
    options.server_arguments = arguments;
    return options;
}

static int measure_sends(const struct scenario *scenario, double seconds,
                         struct scenario_limits *limits, char error[LIMITS_ERROR_MAX])
{
    const struct options *load = &scenario->load;
    struct limits_load sends_load = {.sockets = (unsigned)load->subscribers,
                                     .choices =
                                         load->choices > 0 ? (unsigned)load->choices : CHOICES,
                                     .ballots = scenario->ballots,
                                     .rest_ns = scenario->rest_ns};
    struct limits_sends sends;
    if (limits_sends(&sends_load, seconds, &sends, error) != 0)
        return -1;
    *limits = (struct scenario_limits){.value = sends.per_s,
                                       .arrival_p99_ns = (double)sends.arrival_p99_ns};
    return 0;
}

static int measure_ballots(const char *directory, double seconds, struct scenario_limits *limits,
                           char error[LIMITS_ERROR_MAX])
{
    if (limits_rows(directory, TRANSACTION, seconds, &limits->value, error) != 0)
        return -1;
    return limits_sheets(directory, TRANSACTION, seconds, &limits->sheets_per_s, error);
}

int scenario_measure_limit(const struct scenario *scenario, const struct options *suite,
                           struct scenario_limits *limits, char error[LIMITS_ERROR_MAX])
{
    double seconds = suite->duration_s < 3 ? suite->duration_s / 3 : 1;
    struct hdr_summary sync_ns = {0};
    int result = 0;
    *limits = (struct scenario_limits){0};
    switch (scenario->limit) {
    case SCENARIO_BALLOTS:
        return measure_ballots(suite->directory, seconds, limits, error);
    case SCENARIO_SENDS:
        return measure_sends(scenario, seconds, limits, error);
    case SCENARIO_SYNC:
        result = limits_sync(suite->directory, seconds, &sync_ns, error);
        limits->value = (double)sync_ns.p50;
        break;
    case SCENARIO_NO_LIMIT:
        break;
    }
    return result;
}

void scenario_judge(const struct scenario *scenario, const struct scenario_outcome *outcome,
                    struct figure *figures)
{
    for (unsigned i = 0; i < SCENARIO_FIGURES_MAX && scenario->figures[i].value; i++) {
        const struct scenario_figure *asked = &scenario->figures[i];
        double value = asked->value(outcome);
        figure_add(&figures[i], value, asked->whole ? value / asked->whole(outcome) : 0);
    }
}
