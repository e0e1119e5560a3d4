/* `stats`: the server's counters, once or each second with their rates. */
#include "base/clock.h"
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/columns.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/lib/memory.h"
#include "tools/lib/server_stats.h"
#include "tools/lib/units.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/screen.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* One reply to STATS. */
struct sample {
    uint64_t taken_ns; /* monotonic clock */
    struct server_stats stats;
};

/* The most important figures first, in words. */
enum unit { UNIT_COUNT, UNIT_SECONDS, UNIT_US, UNIT_NS, UNIT_BYTES };
static const struct summary_row {
    const char *words;
    const char *name;
    enum unit unit;
} summary[] = {
    {"running for", "uptime_s", UNIT_SECONDS},
    {"connections", "connections", UNIT_COUNT},
    {"  of them subscribers", "subscribers", UNIT_COUNT},
    {"polls", "polls", UNIT_COUNT},
    {"ballots recorded", "ballots_accepted", UNIT_COUNT},
    {"ballots refused", "ballots_refused", UNIT_COUNT},
    {"commits", "commits", UNIT_COUNT},
    {"commit: half within", "commit_us_p50", UNIT_US},
    {"commit: 99% within", "commit_us_p99", UNIT_US},
    {"answer: half within", "journey_acknowledgement_ns_p50", UNIT_NS},
    {"answer: 99% within", "journey_acknowledgement_ns_p99", UNIT_NS},
    {"shown: 99% within", "journey_freshness_ns_p99", UNIT_NS},
    {"tallies sent", "updates_sent", UNIT_COUNT},
    {"slow readers closed", "slow_readers", UNIT_COUNT},
    {"database", "database_bytes", UNIT_BYTES},
    {"  and its log", "wal_bytes", UNIT_BYTES},
};
enum { SUMMARY_COUNT = sizeof(summary) / sizeof(summary[0]) };

/* Whether a value only rises while the server runs, so that a rate means something. */
static bool is_counter(const char *name)
{
    static const char *const totals[] = {
#define STAT(name, value)
#define TOTAL(name, value) #name,
#include "view/stats.def"
#undef TOTAL
#undef STAT
    };
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
        if (strcmp(totals[i], name) == 0)
            return true;
    return false;
}

static enum status take_sample(struct client *client, struct sample *sample)
{
    struct request request;
    struct reply reply;
    sample->stats.count = 0;
    sample->taken_ns = clock_monotonic_ns();
    request_start(&request, "STATS");
    return client_call(client, &request, server_stats_take, &sample->stats, &reply);
}

/* Finds the rate of a counter since `before` (which may be NULL) in events a second. */
static bool rate_of(const struct sample *sample, const char *name, const struct sample *before,
                    double *rate)
{
    if (!before || !is_counter(name))
        return false;
    uint64_t old = server_stats_value(&before->stats, name);
    uint64_t new = server_stats_value(&sample->stats, name);
    if (new < old)
        return false;
    double elapsed_s = (double)(sample->taken_ns - before->taken_ns) / NS_PER_S;
    *rate = (double)(new - old) / elapsed_s;
    return true;
}

static void print_json(const struct sample *sample, const struct sample *before)
{
    json_t *object = json_object();
    json_t *rates = json_object();
    for (unsigned i = 0; i < sample->stats.count; i++) {
        const struct server_stats_row *row = &sample->stats.rows[i];
        double rate;
        json_object_set_new(object, row->name, json_integer((json_int_t)row->value));
        if (rate_of(sample, row->name, before, &rate))
            json_object_set_new(rates, row->name, json_real(rate));
    }
    if (before)
        json_object_set(object, "rates", rates);
    json_decref(rates);
    output_json(object);
}

static void add_rate(struct columns *columns, const struct sample *sample, const char *name,
                     const struct sample *before)
{
    double rate;
    char text[32] = "";
    if (rate_of(sample, name, before, &rate))
        snprintf(text, sizeof(text), "%.0f/s", rate);
    columns_add_string(columns, text);
}

static struct columns *new_table(bool with_rates)
{
    struct columns *columns = columns_new(with_rates ? 3 : 2);
    columns_align_right(columns, 1);
    if (with_rates)
        columns_align_right(columns, 2);
    return columns;
}

static struct columns *tabulate(const struct sample *sample, const struct sample *before,
                                bool with_rates)
{
    struct columns *columns = new_table(with_rates);
    for (unsigned i = 0; i < sample->stats.count; i++) {
        const struct server_stats_row *row = &sample->stats.rows[i];
        char value[24];
        snprintf(value, sizeof(value), "%" PRIu64, row->value);
        columns_add_string(columns, row->name);
        columns_add_string(columns, value);
        if (with_rates)
            add_rate(columns, sample, row->name, before);
    }
    return columns;
}

static const char *in_words(enum unit unit, uint64_t value, char text[UNITS_SIZE])
{
    switch (unit) {
    case UNIT_SECONDS:
        return units_duration(text, value);
    case UNIT_US:
        return value > 0 ? units_ns(text, (double)value * 1000) : "-";
    case UNIT_NS:
        return value > 0 ? units_ns(text, (double)value) : "-";
    case UNIT_BYTES:
        return units_bytes(text, (double)value);
    case UNIT_COUNT:
        break;
    }
    return units_count(text, (double)value);
}

static struct columns *summarize(const struct sample *sample, const struct sample *before,
                                 bool with_rates)
{
    struct columns *columns = new_table(with_rates);
    for (size_t i = 0; i < SUMMARY_COUNT; i++) {
        char text[UNITS_SIZE];
        uint64_t value = server_stats_value(&sample->stats, summary[i].name);
        columns_add_string(columns, summary[i].words);
        columns_add_string(columns, in_words(summary[i].unit, value, text));
        if (with_rates)
            add_rate(columns, sample, summary[i].name, before);
    }
    return columns;
}

static void draw(const struct columns *columns)
{
    char *frame = NULL;
    size_t size;
    FILE *stream = open_memstream(&frame, &size);
    if (!stream)
        memory_exhausted();
    columns_print(columns, stream);
    if (fclose(stream) != 0)
        memory_exhausted();
    screen_draw(frame);
    free(frame);
}

static void print_sample(const struct invocation *invocation, const struct sample *sample,
                         const struct sample *before)
{
    if (invocation->json) {
        print_json(sample, before);
        return;
    }
    bool is_summary = output_is_terminal() && !invocation->all;
    struct columns *columns = is_summary ? summarize(sample, before, invocation->watch)
                                         : tabulate(sample, before, invocation->watch);
    if (output_is_screen() && invocation->watch)
        draw(columns);
    else if (output_is_terminal())
        columns_print(columns, stdout);
    else
        columns_print_tabs(columns, stdout);
    if (invocation->watch && !output_is_screen())
        putchar('\n'); /* between the samples */
    columns_free(columns);
}

/* Waits for the next second. No reply is due, but the server's closing must be seen. */
static enum status wait_until(struct client *client, uint64_t due_ns)
{
    struct reply reply;
    for (;;) {
        enum status status = client_read(client, due_ns, &reply);
        if (status == STATUS_TIMEOUT)
            return STATUS_DONE;
        if (status == STATUS_DONE)
            return client_refused(client, &reply, NULL);
        if (status != STATUS_INTERRUPTED)
            return status;
        int signal_number = interrupt_take();
        if (interrupt_quits())
            return STATUS_DONE;
        if (interrupt_is_fatal(signal_number))
            return STATUS_INTERRUPTED;
        if (signal_number == SIGTSTP)
            screen_suspend();
    }
}

static enum status watch(const struct invocation *invocation, struct client *client,
                         struct sample samples[2])
{
    uint64_t due_ns = clock_monotonic_ns();
    struct sample *before = NULL;
    for (uint64_t i = 0;; i++) {
        struct sample *sample = &samples[i % 2];
        enum status status = take_sample(client, sample);
        if (status != STATUS_DONE)
            return status;
        print_sample(invocation, sample, before);
        if (invocation->count > 0 && i >= invocation->count)
            return STATUS_DONE;
        status = output_flush();
        before = sample;
        due_ns += NS_PER_S;
        bool is_last = due_ns > invocation->deadline_ns;
        if (status == STATUS_DONE)
            status = wait_until(client, is_last ? invocation->deadline_ns : due_ns);
        if (status != STATUS_DONE || is_last || interrupt_quits())
            return status;
    }
}

static enum status once(const struct invocation *invocation, struct client *client,
                        struct sample *sample)
{
    enum status status = take_sample(client, sample);
    if (status == STATUS_DONE)
        print_sample(invocation, sample, NULL);
    return status;
}

enum status command_stats(const struct invocation *invocation)
{
    struct client *client;
    enum status status = client_open(invocation, &client);
    if (status != STATUS_DONE)
        return status;
    struct sample *samples = must_calloc(2, sizeof(*samples));
    if (!invocation->watch) {
        status = once(invocation, client, samples);
    } else {
        if (output_is_screen() && !invocation->json)
            screen_enter();
        else
            interrupt_catch(false);
        status = watch(invocation, client, samples);
        screen_leave();
    }
    free(samples);
    client_close(client);
    return status;
}
