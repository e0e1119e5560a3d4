/* The table of scenarios (see bench_scenario.h). The server keeps its default of --durability disk.
 *
 * Where stalled readers are to do harm they must be stalled first, and the kernel holds some 24 KiB
 * for each: those scenarios push at once, have long tallies, and vote for a while before they are
 * measured. */
#include "tools/bench_scenario.h"

#include "clock.h"

#include <string.h>

enum {
    STALLED = 1000,
    CROWD = 1000,
    STORM_SUBSCRIBERS = 8000,
    IDLE = 10000,
    IDLE_BYTES = 512,
    THROUGHPUT_ASKED = 60000, /* a second, where fdatasync is fast enough */
    FAST_SYNC_NS = 200000,
    CROWD_SLACK_NS = 200000,
    CROWD_RSS_BYTES = 16 << 20,
    VOTER_NAMES = 1000000,
    CHOICES = 4,
    LONG_TALLY = 32, /* choices */
};

/* ---- judging ---- */

static void judge_rows(const struct scenario_outcome *outcome, struct figure *figures)
{
    double value = outcome->result->ballots_per_s;
    figure_add(&figures[0], value, value / outcome->limit);
}

static void judge_baseline(const struct scenario_outcome *outcome, struct figure *figures)
{
    double value = outcome->result->ballots_per_s;
    figure_add(&figures[0], value, value / outcome->baseline->ballots_per_s);
}

static void judge_sync(const struct scenario_outcome *outcome, struct figure *figures)
{
    double p50 = (double)outcome->result->ack_ns.p50, rate = outcome->result->ballots_per_s;
    figure_add(&figures[0], p50, p50 / outcome->limit);
    figure_add(&figures[1], rate, rate / THROUGHPUT_ASKED);
    if (outcome->limit > FAST_SYNC_NS)
        figures[1].relation = FIGURE_NOTHING_ASKED;
}

static void judge_freshness(const struct scenario_outcome *outcome, struct figure *figures)
{
    double p99 = (double)outcome->result->freshness_ns.p99;
    double sends_ns = (double)CROWD * NS_PER_S / outcome->limit;
    figure_add(&figures[0], p99, p99 / sends_ns);
}

static void judge_pushes(const struct scenario_outcome *outcome, struct figure *figures)
{
    double value = outcome->result->pushes_per_s;
    figure_add(&figures[0], value, value / outcome->limit);
}

static void judge_alone(const struct scenario_outcome *outcome, struct figure *figures)
{
    figure_add(&figures[0], (double)outcome->result->freshness_ns.p99, 0);
}

static void judge_crowded(const struct scenario_outcome *outcome, struct figure *figures)
{
    double p99 = (double)outcome->result->freshness_ns.p99;
    double alone = (double)outcome->baseline->freshness_ns.p99;
    double more = (double)outcome->result->rss_max - (double)outcome->baseline->rss_max;
    figure_add(&figures[0], p99, p99 > CROWD_SLACK_NS ? (p99 - CROWD_SLACK_NS) / alone : 0);
    figure_add(&figures[1], more, more / CROWD_RSS_BYTES);
}

static void judge_idle(const struct scenario_outcome *outcome, struct figure *figures)
{
    double more = (double)outcome->result->rss_connected - (double)outcome->result->rss_before;
    figure_add(&figures[0], more / IDLE, more / IDLE / IDLE_BYTES);
}

/* ---- the table ---- */

#define DURABLE .voters = 50, .pipeline = 256, .named = VOTER_NAMES, .warmup_s = 2
#define STEADY  .voters = 10, .pipeline = 64, .rate = 200, .warmup_s = 2, .choices = LONG_TALLY

const struct scenario scenarios[SCENARIO_COUNT] = {
    {.name = "durable",
     .title = "Durable ballots of 1,000,000 voters: 50 connections, 256 in flight each",
     .limit = SCENARIO_ROWS,
     .load = {DURABLE},
     .judge = judge_rows,
     .figures = {{.name = "ballots",
                  .what = "ballots",
                  .unit = FIGURE_PER_S,
                  .ratio_to = "the rows that SQLite takes",
                  .relation = FIGURE_AT_LEAST,
                  .asked = 0.7}}},
    {.name = "durable-readers",
     .title = "The same, with 1,000 subscribers",
     .baseline = "durable",
     .load = {DURABLE, .subscribers = CROWD},
     .judge = judge_baseline,
     .figures = {{.name = "ballots",
                  .what = "ballots",
                  .unit = FIGURE_PER_S,
                  .ratio_to = "that without subscribers",
                  .relation = FIGURE_AT_LEAST,
                  .asked = 0.8}}},
    {.name = "durable-stalled",
     .title = "The same, with 1,000 stalled subscribers",
     .baseline = "durable",
     .push_at_once = true,
     .load = {DURABLE, .stalled = STALLED, .choices = LONG_TALLY},
     .judge = judge_baseline,
     .figures = {{.name = "ballots",
                  .what = "ballots",
                  .unit = FIGURE_PER_S,
                  .ratio_to = "that without subscribers",
                  .relation = FIGURE_AT_LEAST,
                  .asked = 0.97}}},
    {.name = "one-in-flight",
     .title = "50 connections, one ballot in flight each",
     .limit = SCENARIO_SYNC,
     .load = {.voters = 50, .pipeline = 1},
     .judge = judge_sync,
     .figures = {{.name = "ack_p50",
                  .what = "acknowledgement p50",
                  .unit = FIGURE_NS,
                  .ratio_to = "an fdatasync",
                  .relation = FIGURE_AT_MOST,
                  .asked = 4},
                 {.name = "ballots",
                  .what = "ballots",
                  .unit = FIGURE_PER_S,
                  .ratio_to = "60,000 (asked where fdatasync takes 0.2 ms or less)",
                  .relation = FIGURE_AT_LEAST,
                  .asked = 1}}},
    {.name = "freshness",
     .title = "One ballot every 100 ms, 1,000 subscribers",
     .limit = SCENARIO_SENDS,
     .sockets = CROWD,
     .load = {.voters = 10, .pipeline = 64, .rate = 10, .subscribers = CROWD},
     .judge = judge_freshness,
     .figures = {{.name = "freshness_p99",
                  .what = "freshness p99",
                  .unit = FIGURE_NS,
                  .ratio_to = "1,000 bare sends",
                  .relation = FIGURE_AT_MOST,
                  .asked = 1.3}}},
    {.name = "storm",
     .title = "A storm of ballots, 8,000 subscribers, no push interval",
     .limit = SCENARIO_SENDS,
     .sockets = STORM_SUBSCRIBERS,
     .push_at_once = true,
     .load = {.voters = 10, .pipeline = 16, .subscribers = STORM_SUBSCRIBERS, .warmup_s = 1},
     .judge = judge_pushes,
     .figures = {{.name = "pushes",
                  .what = "pushes",
                  .unit = FIGURE_PER_S,
                  .ratio_to = "bare sends to 8,000 sockets",
                  .relation = FIGURE_AT_LEAST,
                  .asked = 0.85}}},
    {.name = "healthy-alone",
     .title = "100 subscribers, 200 ballots a second",
     .push_at_once = true,
     .load = {STEADY, .subscribers = 100},
     .judge = judge_alone,
     .figures = {{.name = "freshness_p99", .what = "freshness p99", .unit = FIGURE_NS}}},
    {.name = "healthy-crowded",
     .title = "The same beside 1,000 stalled and 1,000 slow subscribers (100 B/s)",
     .baseline = "healthy-alone",
     .push_at_once = true,
     .load = {STEADY, .subscribers = 100, .stalled = STALLED, .slow = CROWD,
              .slow_bytes_per_s = 100},
     .judge = judge_crowded,
     .figures = {{.name = "freshness_p99",
                  .what = "freshness p99 of the 100",
                  .unit = FIGURE_NS,
                  .ratio_to = "that without the others (0.2 ms left aside)",
                  .relation = FIGURE_AT_MOST,
                  .asked = 1.1},
                 {.name = "rss_more",
                  .what = "more memory than without them",
                  .unit = FIGURE_BYTES,
                  .ratio_to = "16 MiB",
                  .relation = FIGURE_AT_MOST,
                  .asked = 1}}},
    {.name = "idle",
     .title = "10,000 idle connections",
     .load = {.idle = IDLE},
     .judge = judge_idle,
     .figures = {{.name = "rss_each",
                  .what = "memory of each",
                  .unit = FIGURE_BYTES,
                  .ratio_to = "512 bytes",
                  .relation = FIGURE_AT_MOST,
                  .asked = 1}}},
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

int scenario_measure_limit(const struct scenario *scenario, const struct options *suite,
                           double *limit, char error[LIMITS_ERROR_MAX])
{
    double seconds = suite->duration_s < 3 ? suite->duration_s / 3 : 1;
    struct limits_sends sends = {0};
    struct hdr_summary sync_ns = {0};
    int result = 0;
    *limit = 0;
    switch (scenario->limit) {
    case SCENARIO_ROWS:
        return limits_rows(suite->directory, 10000, seconds, limit, error);
    case SCENARIO_SENDS:
        result = limits_sends(scenario->sockets, seconds, &sends, error);
        *limit = sends.per_s;
        break;
    case SCENARIO_SYNC:
        result = limits_sync(suite->directory, seconds, &sync_ns, error);
        *limit = (double)sync_ns.p50;
        break;
    case SCENARIO_NO_LIMIT:
        break;
    }
    return result;
}
