/* Results as a table and as JSON (see result.h). */
#include "tools/tallybench/figures/result.h"

#include "proto/settings.h"
#include "tools/lib/units.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void result_free(struct result *result)
{
    free(result->samples);
    result->samples = NULL;
    result->sample_count = 0;
}

bool result_good(const struct result *result)
{
    return result->fault_count == 0;
}

/* ---- the table ---- */

static void print_latency(FILE *out, const char *name, const struct hdr_summary *summary)
{
    char p50[UNITS_SIZE], p90[UNITS_SIZE], p99[UNITS_SIZE], p999[UNITS_SIZE], max[UNITS_SIZE];
    if (summary->count == 0)
        return;
    fprintf(out, "%-12s p50 %-9s p90 %-9s p99 %-9s p99.9 %-9s max %s\n", name,
            units_ns(p50, (double)summary->p50), units_ns(p90, (double)summary->p90),
            units_ns(p99, (double)summary->p99), units_ns(p999, (double)summary->p999),
            units_ns(max, (double)summary->max));
}

static void print_load(FILE *out, const struct options *options)
{
    const struct {
        uint64_t count;
        const char *what;
    } parts[] = {
        {options->voters, "voters"},
        {options->subscribers, "subscribers"},
        {options->stalled, "stalled"},
        {options->slow, "slow"},
        {options->http_voters, "HTTP voters"},
        {options->sse, "SSE readers"},
        {options->stalled_sse, "stalled SSE readers"},
        {options->idle, "idle"},
        {options->churn, "connections a second"},
    };
    const char *separator = "load        ";
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].count == 0)
            continue;
        char count[UNITS_SIZE];
        fprintf(out, "%s %s %s", separator, units_count(count, (double)parts[i].count),
                parts[i].what);
        separator = ",";
    }
    if (options->voters > 0)
        fprintf(out, ", %" PRIu64 " in flight each", options->pipeline);
    if (options->http_voters > 0)
        fprintf(out, ", %" PRIu64 " of HTTP", options->http_pipeline);
    fputc('\n', out);
}

static void print_traffic(FILE *out, const struct result *result)
{
    char a[UNITS_SIZE], b[UNITS_SIZE], c[UNITS_SIZE];
    if (options_voters(&result->options) > 0)
        fprintf(out, "%-12s %s a second; %s acknowledged\n", "ballots",
                units_count(a, result->ballots_per_s),
                units_count(b, (double)result->acknowledged));
    if (result->options.http_voters > 0)
        fprintf(out, "%-12s %s a second; %s acknowledged\n", "over HTTP",
                units_count(a, result->http_ballots_per_s),
                units_count(b, (double)result->http_acknowledged));
    if (result->unsent > 0)
        fprintf(out,
                "%-12s %s ballots were due and could not be sent: the server can't take that "
                "rate\n",
                "", units_count(a, (double)result->unsent));
    print_latency(out, "ack latency", &result->ack_ns);
    print_latency(out, "over HTTP", &result->http_ack_ns);
    for (unsigned i = 0; i < result->options.kind_count; i++)
        print_latency(out, setting_value_name(SETTING_KIND, result->options.kinds[i]),
                      &result->kind_ack_ns[i]);
    print_latency(out, "sent late by", &result->late_ns);
    if (result->options.subscribers > 0)
        fprintf(out, "%-12s %s a second\n", "pushes", units_count(a, result->pushes_per_s));
    print_latency(out, "freshness", &result->freshness_ns);
    print_latency(out, "of results", &result->result_freshness_ns);
    if (result->options.sse > 0)
        fprintf(out, "%-12s %s a second\n", "SSE events", units_count(a, result->events_per_s));
    print_latency(out, "freshness", &result->sse_freshness_ns);
    print_latency(out, "connecting", &result->connect_ns);
    if (result->options.churn > 0)
        fprintf(out, "%-12s %s short connections\n", "churn",
                units_count(c, (double)result->churned));
    fprintf(out, "%-12s sent %s, received %s a second\n", "bytes",
            units_bytes(a, result->sent_per_s), units_bytes(b, result->received_per_s));
}

static void print_stat(FILE *out, const struct result *result, const char *name, const char *label)
{
    char count[UNITS_SIZE];
    uint64_t before = server_stats_value(&result->stats_before, name);
    uint64_t after = server_stats_value(&result->stats_after, name);
    if (after > before)
        fprintf(out, ", %s %s", units_count(count, (double)(after - before)), label);
}

static void print_server(FILE *out, const struct result *result)
{
    char before[UNITS_SIZE], connected[UNITS_SIZE], after[UNITS_SIZE], max[UNITS_SIZE];
    if (options_voters(&result->options) > 0)
        fprintf(out, "%-12s %.2f cores\n", "load's cost", result->load_cores);
    if (result->rss_before > 0)
        fprintf(out, "%-12s %.2f cores; RSS %s, %s with all connected, %s at the end, %s at most\n",
                "server", result->cpu_cores, units_bytes(before, (double)result->rss_before),
                units_bytes(connected, (double)result->rss_connected),
                units_bytes(after, (double)result->rss_after),
                units_bytes(max, (double)result->rss_max));
    if (server_stats_value(&result->stats_after, "commits") == 0)
        return;
    fprintf(
        out, "%-12s p99 of a commit %s, of a batch %" PRIu64 " entries", "",
        units_ns(before, (double)server_stats_value(&result->stats_after, "commit_us_p99") * 1000),
        server_stats_value(&result->stats_after, "batch_p99"));
    print_stat(out, result, "commits", "commits");
    print_stat(out, result, "updates_conflated", "updates conflated");
    print_stat(out, result, "writes_blocked", "writes blocked");
    fputc('\n', out);
}

static void print_faults(const struct result *result, const char *before, FILE *out)
{
    for (unsigned i = 0; i < result->fault_texts; i++)
        fprintf(out, "%s%s\n", before, result->faults[i]);
    if (result->fault_count > result->fault_texts)
        fprintf(out, "%sand %" PRIu64 " more of these kinds\n", before,
                result->fault_count - result->fault_texts);
}

void result_print(const struct result *result, FILE *out)
{
    if (result->seconds == 0 && !result_good(result)) { /* it never came to be measured */
        print_faults(result, "tallybench: ", stderr);
        return;
    }
    print_load(out, &result->options);
    print_traffic(out, result);
    print_server(out, result);
    if (result_good(result)) {
        fprintf(out, "%-12s all hold\n", "checks");
        return;
    }
    fprintf(out, "%-12s %" PRIu64 " VIOLATED\n", "checks", result->fault_count);
    print_faults(result, "  ", out);
}

/* ---- JSON ---- */

static json_t *count_json(uint64_t count)
{
    return json_integer((json_int_t)count);
}

static json_t *summary_json(const struct hdr_summary *summary)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "count", count_json(summary->count), "p50",
                     count_json(summary->p50), "p90", count_json(summary->p90), "p99",
                     count_json(summary->p99), "p999", count_json(summary->p999), "max",
                     count_json(summary->max));
}

static json_t *stats_json(const struct server_stats *stats)
{
    json_t *json = json_object();
    for (unsigned i = 0; i < stats->count; i++)
        json_object_set_new(json, stats->rows[i].name, count_json(stats->rows[i].value));
    return json;
}

static json_t *kinds_json(const struct options *options)
{
    json_t *json = json_array();
    for (unsigned i = 0; i < options->kind_count; i++)
        json_array_append_new(json,
                              json_string(setting_value_name(SETTING_KIND, options->kinds[i])));
    return json;
}

/* The acknowledgements by the polls' kinds; empty if there is one. */
static json_t *kind_acks_json(const struct result *result)
{
    json_t *json = json_object();
    for (unsigned i = 0; i < result->options.kind_count && result->options.kind_count > 1; i++)
        json_object_set_new(json, setting_value_name(SETTING_KIND, result->options.kinds[i]),
                            summary_json(&result->kind_ack_ns[i]));
    return json;
}

static json_t *options_json(const struct options *options)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"voters", options->voters},
        {"pipeline", options->pipeline},
        {"rate", options->rate},
        {"ballots", options->ballots},
        {"polls", options->polls},
        {"choices", options->choices},
        {"distinct", options->distinct},
        {"camps", options->camps},
        {"named", options->named},
        {"subscribers", options->subscribers},
        {"results", options->results},
        {"stalled", options->stalled},
        {"slow", options->slow},
        {"slow_bytes_per_s", options->slow_bytes_per_s},
        {"sse", options->sse},
        {"stalled_sse", options->stalled_sse},
        {"http_voters", options->http_voters},
        {"http_pipeline", options->http_pipeline},
        {"churn", options->churn},
        {"idle", options->idle},
        {"threads", options->threads},
    };
    json_t *json = json_object();
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_object_set_new(json, numbers[i].name, count_json(numbers[i].value));
    json_object_set_new(json, "kinds", kinds_json(options));
    json_object_set_new(json, "duration_s", json_real(options->duration_s));
    json_object_set_new(json, "warmup_s", json_real(options->warmup_s));
    return json;
}

static json_t *server_json(const struct result *result)
{
    return json_pack("{s:f,s:o,s:o,s:o,s:o,s:o,s:o}", "cpu_cores", result->cpu_cores,
                     "rss_before_bytes", count_json(result->rss_before), "rss_connected_bytes",
                     count_json(result->rss_connected), "rss_after_bytes",
                     count_json(result->rss_after), "rss_max_bytes", count_json(result->rss_max),
                     "stats_before", stats_json(&result->stats_before), "stats_after",
                     stats_json(&result->stats_after));
}

static json_t *samples_json(const struct result *result)
{
    json_t *json = json_array();
    for (unsigned i = 0; i < result->sample_count; i++) {
        const struct result_sample *sample = &result->samples[i];
        json_array_append_new(json,
                              json_pack("{s:f,s:f,s:f,s:f,s:o}", "at_s", sample->at_s,
                                        "ballots_per_s", sample->ballots_per_s, "pushes_per_s",
                                        sample->pushes_per_s, "events_per_s", sample->events_per_s,
                                        "ack_ns_p99", count_json(sample->ack_p99_ns)));
    }
    return json;
}

static json_t *violations_json(const struct result *result)
{
    json_t *json = json_array();
    for (unsigned i = 0; i < result->fault_texts; i++) {
        json_t *text = json_string(result->faults[i]);
        /* A line of a broken server need not be UTF-8. */
        json_array_append_new(json, text ? text : json_string("(not UTF-8)"));
    }
    return json;
}

json_t *result_json(const struct result *result)
{
    json_t *json = json_object();
    json_object_set_new(json, "options", options_json(&result->options));
    json_object_set_new(json, "seconds", json_real(result->seconds));
    json_object_set_new(json, "ballots_acknowledged", count_json(result->acknowledged));
    json_object_set_new(json, "http_ballots_acknowledged", count_json(result->http_acknowledged));
    json_object_set_new(json, "ballots_unsent", count_json(result->unsent));
    json_object_set_new(json, "ballots_per_s", json_real(result->ballots_per_s));
    json_object_set_new(json, "http_ballots_per_s", json_real(result->http_ballots_per_s));
    json_object_set_new(json, "pushes_per_s", json_real(result->pushes_per_s));
    json_object_set_new(json, "events_per_s", json_real(result->events_per_s));
    json_object_set_new(json, "bytes_sent_per_s", json_real(result->sent_per_s));
    json_object_set_new(json, "bytes_received_per_s", json_real(result->received_per_s));
    json_object_set_new(json, "load_cpu_cores", json_real(result->load_cores));
    json_object_set_new(json, "churned", count_json(result->churned));
    json_object_set_new(json, "ack_ns", summary_json(&result->ack_ns));
    json_object_set_new(json, "freshness_ns", summary_json(&result->freshness_ns));
    json_object_set_new(json, "result_freshness_ns", summary_json(&result->result_freshness_ns));
    json_object_set_new(json, "http_ack_ns", summary_json(&result->http_ack_ns));
    json_object_set_new(json, "kind_ack_ns", kind_acks_json(result));
    json_object_set_new(json, "sse_freshness_ns", summary_json(&result->sse_freshness_ns));
    json_object_set_new(json, "late_ns", summary_json(&result->late_ns));
    json_object_set_new(json, "connect_ns", summary_json(&result->connect_ns));
    json_object_set_new(json, "server", server_json(result));
    json_object_set_new(json, "samples", samples_json(result));
    json_object_set_new(json, "violation_count", count_json(result->fault_count));
    json_object_set_new(json, "violations", violations_json(result));
    return json;
}

int result_write_json(const json_t *json, const char *path)
{
    char partial[PATH_MAX];
    if (snprintf(partial, sizeof partial, "%s.new", path) >= (int)sizeof partial) {
        errno = ENAMETOOLONG;
        return -1;
    }
    FILE *file = fopen(partial, "we");
    if (!file)
        return -1;
    bool good = json_dumpf(json, file, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0;
    good = fputc('\n', file) != EOF && good;
    good = fclose(file) == 0 && good;
    if (good && rename(partial, path) == 0)
        return 0;
    int error = errno;
    unlink(partial);
    errno = error;
    return -1;
}
