/* `stats`: the server's counters, once or each second with their rates. */
#include "base/clock.h"
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/columns.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/screen.h"
#include "tools/tallyctl/words.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { STATS_MAX = 256, STAT_WORD_MAX = 64 };

struct stat_row {
    char name[STAT_WORD_MAX];
    char value[STAT_WORD_MAX];
    uint64_t number;
    bool has_number;
};

/* One reply to STATS. */
struct sample {
    uint64_t taken_ns; /* monotonic clock */
    size_t count;
    struct stat_row rows[STATS_MAX]; /* more than that are left out */
};

/* The names that only ever rise while the server runs, so that a rate means something. */
static bool is_counter(const char *name)
{
    static const char *const counters[] = {
        "connections_total", "connections_refused", "ballots_accepted",
        "ballots_duplicate", "ballots_refused",     "ledger_seq",
        "commits",           "snapshots",           "updates_sent",
        "updates_conflated", "writes_blocked",      "slow_readers",
        "slow_lines",        "ring_full",           "read_calls",
        "write_calls",       "lines_read",          "bytes_in",
        "bytes_out",         "listen_overflows",
    };
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        if (strcmp(counters[i], name) == 0)
            return true;
    return strncmp(name, "closed_", strlen("closed_")) == 0;
}

static void copy_word(char out[STAT_WORD_MAX], struct span word)
{
    size_t len = word.len < STAT_WORD_MAX - 1 ? word.len : STAT_WORD_MAX - 1;
    memcpy(out, word.at, len);
    out[len] = '\0';
}

static void take_stat(struct span row, void *context)
{
    struct sample *sample = context;
    if (sample->count == STATS_MAX)
        return;
    struct stat_row *stat = &sample->rows[sample->count++];
    copy_word(stat->name, words_take(&row));
    copy_word(stat->value, row);
    stat->has_number = words_number(row, &stat->number);
}

static enum status take_sample(struct client *client, struct sample *sample)
{
    struct request request;
    struct reply reply;
    sample->count = 0;
    sample->taken_ns = clock_monotonic_ns();
    request_start(&request, "STATS");
    return client_call(client, &request, take_stat, sample, &reply);
}

/* Finds the rate of a counter since `before` (which may be NULL) in events a second. */
static bool rate_of(const struct sample *sample, size_t i, const struct sample *before,
                    double *rate)
{
    const struct stat_row *stat = &sample->rows[i];
    if (!before || i >= before->count || strcmp(before->rows[i].name, stat->name) != 0)
        return false;
    const struct stat_row *old = &before->rows[i];
    if (!is_counter(stat->name) || !stat->has_number || !old->has_number ||
        stat->number < old->number)
        return false;
    double elapsed_s = (double)(sample->taken_ns - before->taken_ns) / NS_PER_S;
    *rate = (double)(stat->number - old->number) / elapsed_s;
    return true;
}

static void print_json(const struct sample *sample, const struct sample *before)
{
    json_t *object = json_object();
    json_t *rates = json_object();
    for (size_t i = 0; i < sample->count; i++) {
        const struct stat_row *stat = &sample->rows[i];
        double rate;
        json_object_set_new(object, stat->name,
                            stat->has_number ? json_integer((json_int_t)stat->number)
                                             : output_json_text(stat->value, strlen(stat->value)));
        if (rate_of(sample, i, before, &rate))
            json_object_set_new(rates, stat->name, json_real(rate));
    }
    if (before)
        json_object_set(object, "rates", rates);
    json_decref(rates);
    output_json(object);
}

static struct columns *tabulate(const struct sample *sample, const struct sample *before,
                                bool with_rates)
{
    struct columns *columns = columns_new(with_rates ? 3 : 2);
    for (size_t i = 0; i < sample->count; i++) {
        double rate;
        char text[32] = "";
        columns_add_string(columns, sample->rows[i].name);
        columns_add_string(columns, sample->rows[i].value);
        if (rate_of(sample, i, before, &rate))
            snprintf(text, sizeof(text), "%.0f/s", rate);
        if (with_rates)
            columns_add_string(columns, text);
        columns_align_right(columns, 1);
    }
    if (with_rates)
        columns_align_right(columns, 2);
    return columns;
}

static void draw(const struct columns *columns)
{
    char *frame = NULL;
    size_t size;
    FILE *stream = open_memstream(&frame, &size);
    if (!stream)
        output_no_memory();
    columns_print(columns, stream);
    if (fclose(stream) != 0)
        output_no_memory();
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
    struct columns *columns = tabulate(sample, before, invocation->watch);
    if (output_is_terminal() && invocation->watch)
        draw(columns);
    else if (output_is_terminal())
        columns_print(columns, stdout);
    else
        columns_print_tabs(columns, stdout);
    if (invocation->watch && !output_is_terminal())
        putchar('\n'); /* between the samples */
    columns_free(columns);
}

/* Waits for the next second. Nothing is due from the server, but its closing must be seen. */
static enum status wait_until(struct client *client, uint64_t due_ns)
{
    struct reply reply;
    for (;;) {
        enum status status = client_read(client, due_ns, &reply);
        if (status == STATUS_TIMEOUT)
            return STATUS_DONE;
        if (status == STATUS_DONE)
            return client_refused(&reply, NULL);
        if (status != STATUS_INTERRUPTED)
            return status;
        int signal_number = interrupt_take();
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
        if (status != STATUS_DONE || is_last)
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
    enum status status = client_open(invocation->admin, &client);
    if (status != STATUS_DONE)
        return status;
    struct sample *samples = malloc(2 * sizeof(*samples));
    if (!samples)
        output_no_memory();
    if (!invocation->watch) {
        status = once(invocation, client, samples);
    } else {
        if (output_is_terminal() && !invocation->json)
            screen_enter();
        status = watch(invocation, client, samples);
        screen_leave();
    }
    free(samples);
    client_close(client);
    return status;
}
