/* `journey`: shows where the time of ballots goes. With arguments it casts a ballot that is traced,
 * and waits until its last push was written; then, or without arguments, it draws the stamps of one
 * ballot as a waterfall, and lists the percentiles of every stage. */
#include "base/clock.h"
#include "trace/journey.h"
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/columns.h"
#include "tools/lib/memory.h"
#include "tools/lib/units.h"
#include "tools/tallyctl/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ROWS_MAX = 64,      /* of a kind; further ones are left out */
    WORD_MAX = 64,      /* longer ones are cut */
    BAR_LEAST = 10,     /* columns of a terminal */
    LABELS = 40,        /* columns that names and times take beside a bar */
    COMPLETE_MS = 2000, /* how long to wait for the last push */
    AGAIN_MS = 5,
};

struct figure {
    char kind[WORD_MAX]; /* "stage" or "span" */
    char name[WORD_MAX];
    uint64_t count, p50_ns, p99_ns, max_ns;
};

struct stamp {
    char stage[WORD_MAX];
    uint64_t at_ns; /* since the first one */
};

struct kernel_row {
    char name[WORD_MAX], unit[WORD_MAX];
    uint64_t value;
};

/* One reply to JOURNEY. */
struct journey_reply {
    size_t figure_count, stamp_count, kernel_count;
    struct figure figures[ROWS_MAX];
    struct stamp stamps[ROWS_MAX];
    struct kernel_row kernel[ROWS_MAX];
    bool has_ballot, traced, complete;
    uint64_t seq;
    char poll[WORD_MAX + 1];
};

/* ---- the reply ---- */

static void copy_word(char out[WORD_MAX], struct span word)
{
    size_t len = word.len < WORD_MAX - 1 ? word.len : WORD_MAX - 1;
    memcpy(out, word.at, len);
    out[len] = '\0';
}

/* The value of `key=` among the words; empty if it is not there. */
static struct span value_of(struct span rest, const char *key)
{
    size_t len = strlen(key);
    while (rest.len > 0) {
        struct span word = span_cut(&rest, ' ');
        if (word.len > len && memcmp(word.at, key, len) == 0 && word.at[len] == '=')
            return (struct span){word.at + len + 1, word.len - len - 1};
    }
    return (struct span){"", 0};
}

static uint64_t number_of(struct span rest, const char *key)
{
    uint64_t number = 0;
    return span_number(value_of(rest, key), &number) ? number : 0;
}

static void take_figure(struct journey_reply *reply, struct span kind, struct span rest)
{
    if (reply->figure_count == ROWS_MAX)
        return;
    struct figure *figure = &reply->figures[reply->figure_count++];
    copy_word(figure->kind, kind);
    copy_word(figure->name, span_cut(&rest, ' '));
    figure->count = number_of(rest, "count");
    figure->p50_ns = number_of(rest, "p50_ns");
    figure->p99_ns = number_of(rest, "p99_ns");
    figure->max_ns = number_of(rest, "max_ns");
}

static void take_ballot(struct journey_reply *reply, struct span rest)
{
    reply->has_ballot = true;
    reply->seq = number_of(rest, "seq");
    copy_word(reply->poll, value_of(rest, "poll"));
    reply->traced = span_is(value_of(rest, "traced"), "yes");
    reply->complete = span_is(value_of(rest, "complete"), "yes");
}

static void take_stamp(struct journey_reply *reply, struct span rest)
{
    if (reply->stamp_count == ROWS_MAX)
        return;
    struct stamp *stamp = &reply->stamps[reply->stamp_count];
    copy_word(stamp->stage, span_cut(&rest, ' '));
    if (span_number(span_cut(&rest, ' '), &stamp->at_ns))
        reply->stamp_count++;
}

static void take_kernel(struct journey_reply *reply, struct span rest)
{
    if (reply->kernel_count == ROWS_MAX)
        return;
    struct kernel_row *row = &reply->kernel[reply->kernel_count];
    copy_word(row->name, span_cut(&rest, ' '));
    if (!span_number(span_cut(&rest, ' '), &row->value))
        return;
    copy_word(row->unit, rest);
    reply->kernel_count++;
}

static void take_row(struct span row, void *context)
{
    struct journey_reply *reply = context;
    struct span kind = span_cut(&row, ' ');
    if (span_is(kind, "stage") || span_is(kind, "span"))
        take_figure(reply, kind, row);
    else if (span_is(kind, "ballot"))
        take_ballot(reply, row);
    else if (span_is(kind, "stamp"))
        take_stamp(reply, row);
    else if (span_is(kind, "kernel"))
        take_kernel(reply, row);
}

static enum status ask(struct client *client, uint64_t seq, struct journey_reply *journey)
{
    struct request request;
    struct reply reply;
    char number[24];
    *journey = (struct journey_reply){0};
    snprintf(number, sizeof number, "%" PRIu64, seq);
    request_start(&request, "JOURNEY");
    enum status status = seq ? request_word(&request, number) : STATUS_DONE;
    return status == STATUS_DONE ? client_call(client, &request, take_row, journey, &reply)
                                 : status;
}

/* ---- one ballot ---- */

static enum status build_vote(const struct invocation *invocation, struct request *request)
{
    request_start(request, "TRACE VOTE");
    for (int i = 0; i < invocation->argc; i++) {
        enum status status = request_word(request, invocation->argv[i]);
        if (status != STATUS_DONE)
            return status;
    }
    return request_voter(request, invocation);
}

/* Asks first, since the ballot counts like any other, and must not be cast by mistake. */
static enum status ask_whether_to_cast(const struct invocation *invocation)
{
    char answer[16] = "";
    if (invocation->yes)
        return STATUS_DONE;
    if (!isatty(STDIN_FILENO)) {
        output_error("this casts a ballot in %s that counts; --yes says that it may",
                     invocation->argv[0]);
        return STATUS_USAGE;
    }
    fprintf(stderr, "This casts a ballot that counts, for %s in %s. Cast it? [y/N] ",
            invocation->argv[1], invocation->argv[0]);
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return STATUS_DONE;
    output_error("no ballot was cast");
    return STATUS_REFUSED;
}

/* Casts the ballot. *seq is its sequence. */
static enum status cast(const struct invocation *invocation, struct client *client, uint64_t *seq)
{
    struct request request;
    struct reply reply;
    enum status status = build_vote(invocation, &request);
    if (status == STATUS_DONE)
        status = client_call(client, &request, NULL, NULL, &reply);
    if (status != STATUS_DONE)
        return status;
    *seq = reply.number;
    if (!reply.duplicate)
        return STATUS_DONE;
    output_error("the voter has this ballot already: nothing was recorded, and nothing is shown");
    return STATUS_REFUSED;
}

/* Asks again until every broadcast loop has told about the ballot's pushes, or for long enough. */
static enum status await_pushes(struct client *client, uint64_t seq, struct journey_reply *journey)
{
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)COMPLETE_MS * NS_PER_MS;
    for (;;) {
        enum status status = ask(client, seq, journey);
        uint64_t now_ns = clock_monotonic_ns();
        if (status != STATUS_DONE || journey->complete || now_ns >= deadline_ns)
            return status;
        struct reply reply; /* no reply is due, but the server's closing must be seen */
        status = client_read(client, now_ns + (uint64_t)AGAIN_MS * NS_PER_MS, &reply);
        if (status != STATUS_TIMEOUT)
            return status == STATUS_DONE ? client_refused(client, &reply, NULL) : status;
    }
}

/* ---- showing ---- */

/* The last stamp in time: answers and pushes are written side by side. */
static uint64_t end_of(const struct journey_reply *journey)
{
    uint64_t end_ns = 0;
    for (size_t i = 0; i < journey->stamp_count; i++)
        if (journey->stamps[i].at_ns > end_ns)
            end_ns = journey->stamps[i].at_ns;
    return end_ns;
}

/* A stage begins where the one that it follows ended, which need not be the one above it. An
 * unknown stage begins where the one above it ended. */
static uint64_t begin_of(const struct journey_reply *journey, size_t place)
{
    const char *since = place > 0 ? journey->stamps[place - 1].stage : "";
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++)
        if (strcmp(journey_figures[i].name, journey->stamps[place].stage) == 0)
            since = journey_stage_name(journey_figures[i].from);
    for (size_t i = 0; i < place; i++)
        if (strcmp(journey->stamps[i].stage, since) == 0)
            return journey->stamps[i].at_ns;
    return 0;
}

/* However short a stage, its bar has one column at least. */
static void print_bar(uint64_t begin_ns, uint64_t stamp_ns, uint64_t end_ns, unsigned width)
{
    uint64_t whole_ns = end_ns > 0 ? end_ns : 1;
    uint64_t from = begin_ns * width / whole_ns;
    uint64_t to = (stamp_ns * width + whole_ns - 1) / whole_ns;
    if (from >= width)
        from = width - 1;
    printf("%*s", (int)from, "");
    do
        fputs(output_is_utf8() ? "\u2588" : "#", stdout);
    while (++from < to);
    putchar('\n');
}

static void draw_ballot(const struct journey_reply *journey)
{
    char at[UNITS_SIZE], took[UNITS_SIZE];
    unsigned columns = output_columns();
    unsigned width = columns > LABELS + BAR_LEAST ? columns - LABELS : BAR_LEAST;
    printf("ballot %" PRIu64 " of %s, %s%s\n\n", journey->seq, journey->poll,
           journey->traced ? "traced" : "sampled",
           journey->complete ? "" : "; not all pushes are written, or known");
    for (size_t i = 0; i < journey->stamp_count; i++) {
        const struct stamp *stamp = &journey->stamps[i];
        uint64_t begin_ns = begin_of(journey, i);
        printf("%-12s  %9s  %10s   ", stamp->stage, units_ns(at, (double)stamp->at_ns),
               i > 0 ? units_ns(took, (double)(stamp->at_ns - begin_ns)) : "");
        print_bar(begin_ns, stamp->at_ns, end_of(journey), width);
    }
    putchar('\n');
}

static void add_time(struct columns *columns, uint64_t count, uint64_t ns)
{
    char text[UNITS_SIZE] = "-";
    if (output_is_terminal() && count > 0)
        units_ns(text, (double)ns);
    else if (!output_is_terminal())
        snprintf(text, sizeof text, "%" PRIu64, ns);
    columns_add_string(columns, text);
}

static void print_table(struct columns *columns)
{
    if (output_is_terminal())
        columns_print(columns, stdout);
    else
        columns_print_tabs(columns, stdout);
    columns_free(columns);
}

static void print_figures(const struct journey_reply *journey)
{
    struct columns *columns = columns_new(5);
    if (output_is_terminal())
        for (unsigned i = 0; i < 5; i++)
            columns_add_string(columns,
                               ((const char *const[]){"STAGE", "COUNT", "P50", "P99", "MAX"})[i]);
    for (unsigned i = 1; i < 5; i++)
        columns_align_right(columns, i);
    for (size_t i = 0; i < journey->figure_count; i++) {
        const struct figure *figure = &journey->figures[i];
        char count[32];
        snprintf(count, sizeof count, "%" PRIu64, figure->count);
        columns_add_string(columns, figure->name);
        columns_add_string(columns, count);
        add_time(columns, figure->count, figure->p50_ns);
        add_time(columns, figure->count, figure->p99_ns);
        add_time(columns, figure->count, figure->max_ns);
    }
    print_table(columns);
}

static void print_kernel(const struct journey_reply *journey)
{
    struct columns *columns = columns_new(3);
    columns_align_right(columns, 1);
    for (size_t i = 0; i < journey->kernel_count; i++) {
        char value[32];
        snprintf(value, sizeof value, "%" PRIu64, journey->kernel[i].value);
        columns_add_string(columns, journey->kernel[i].name);
        columns_add_string(columns, value);
        columns_add_string(columns, journey->kernel[i].unit);
    }
    putchar('\n');
    print_table(columns);
}

/* To a pipe: STAGE and its ns since the beginning, a line a stamp; then the figures, in ns. */
static void print_stamps(const struct journey_reply *journey)
{
    for (size_t i = 0; i < journey->stamp_count; i++)
        printf("%s\t%" PRIu64 "\n", journey->stamps[i].stage, journey->stamps[i].at_ns);
    if (journey->stamp_count > 0)
        putchar('\n');
}

static json_t *trace_json(const struct journey_reply *journey)
{
    if (!journey->has_ballot)
        return json_null();
    json_t *stamps = json_array();
    for (size_t i = 0; i < journey->stamp_count; i++)
        json_array_append_new(stamps, json_pack("{s:s, s:I}", "stage", journey->stamps[i].stage,
                                                "at_ns", (json_int_t)journey->stamps[i].at_ns));
    return json_pack("{s:I, s:s, s:b, s:b, s:o}", "seq", (json_int_t)journey->seq, "poll",
                     journey->poll, "traced", journey->traced, "complete", journey->complete,
                     "stamps", stamps);
}

static void print_json(const struct journey_reply *journey)
{
    json_t *stages = json_array(), *spans = json_array(), *kernel = json_array();
    for (size_t i = 0; i < journey->figure_count; i++) {
        const struct figure *figure = &journey->figures[i];
        bool is_stage = strcmp(figure->kind, "stage") == 0;
        json_array_append_new(
            is_stage ? stages : spans,
            json_pack("{s:s, s:I, s:I, s:I, s:I}", figure->kind, figure->name, "count",
                      (json_int_t)figure->count, "p50_ns", (json_int_t)figure->p50_ns, "p99_ns",
                      (json_int_t)figure->p99_ns, "max_ns", (json_int_t)figure->max_ns));
    }
    for (size_t i = 0; i < journey->kernel_count; i++)
        json_array_append_new(kernel, json_pack("{s:s, s:I, s:s}", "name", journey->kernel[i].name,
                                                "value", (json_int_t)journey->kernel[i].value,
                                                "unit", journey->kernel[i].unit));
    output_json(json_pack("{s:o, s:o, s:o, s:o}", "stages", stages, "spans", spans, "trace",
                          trace_json(journey), "kernel", kernel));
}

static void print_journey(const struct invocation *invocation, const struct journey_reply *journey)
{
    if (invocation->json) {
        print_json(journey);
        return;
    }
    if (!output_is_terminal())
        print_stamps(journey);
    else if (journey->has_ballot)
        draw_ballot(journey);
    print_figures(journey);
    print_kernel(journey);
}

static enum status show(const struct invocation *invocation, struct client *client,
                        struct journey_reply *journey)
{
    uint64_t seq = 0;
    enum status status = STATUS_DONE;
    if (invocation->argc > 0)
        status = cast(invocation, client, &seq);
    if (status == STATUS_DONE)
        status = seq ? await_pushes(client, seq, journey) : ask(client, 0, journey);
    if (status == STATUS_DONE)
        print_journey(invocation, journey);
    return status;
}

enum status command_journey(const struct invocation *invocation)
{
    if (invocation->argc == 1 || (invocation->argc == 0 && invocation->voter)) {
        output_error("usage: tallyctl journey %s", invocation->usage);
        return STATUS_USAGE;
    }
    struct client *client;
    enum status status = invocation->argc > 0 ? ask_whether_to_cast(invocation) : STATUS_DONE;
    if (status == STATUS_DONE)
        status = client_open(invocation, &client);
    if (status != STATUS_DONE)
        return status;
    struct journey_reply *journey = must_calloc(1, sizeof(*journey));
    status = show(invocation, client, journey);
    free(journey);
    client_close(client);
    return status;
}
