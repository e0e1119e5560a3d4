/* A run, from the server's start to its stop (see run.h).
 *
 * Happy path: start the server → create the polls → lanes connect everyone → vote, while this
 * thread only looks at counters → drain → ask the server for the final tallies and compare them
 * with what was acknowledged → wait until every subscriber has them → stop.
 *
 * A phase that does not end in time is a fault, and the run goes on to the next: the figures until
 * then are still reported. Ctrl-C ends voting early; the later phases still run, since only
 * answered ballots can be checked. */
#include "tools/tallybench/run/run.h"

#include "base/clock.h"
#include "proto/reply.h"
#include "tools/tallybench/run/descriptors.h"
#include "tools/tallybench/run/server.h"
#include "tools/tallybench/run/interrupt.h"
#include "tools/tallybench/load/lane.h"
#include "tools/lib/memory.h"
#include "tools/lib/units.h"
#include "tools/tallybench/load/voters.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    LANES_MAX = 64,
    CONNECT_S = 60,
    SAMPLE_MS = 250,
    DESCRIPTORS_KEPT = 64 + 1024, /* files, pipes; short connections */
    CONNECTIONS_KEPT = 64,        /* connections allowed beyond those of the load */
};

struct run {
    const struct options *options;
    const char *title; /* of the progress line; NULL for none */
    struct result *result;
    struct server_process server;
    struct load load;
    struct lane *lanes[LANES_MAX];
    unsigned lane_count;
    int news;                        /* an eventfd that the lanes write */
    bool drained;                    /* every ballot was answered */
    struct server_usage usage_begin; /* as measuring began */
    uint64_t own_cpu_ns;             /* the same for this process */
    struct hdr *seen, *since;        /* histograms of the acknowledgements, for samples */
};

/* The totals counted at an instant. */
struct totals {
    uint64_t at_ns;
    uint64_t acknowledged, http_acknowledged, pushes, events, received, sent;
};

static void fault_errno(struct run *run, const char *what)
{
    faults_add(&run->load.faults, "%s: %s", what, strerror(errno));
}

/* ---- figures ---- */

static uint64_t load_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static struct totals take_totals(const struct run *run)
{
    struct totals totals = {.at_ns = clock_monotonic_ns()};
    for (unsigned i = 0; i < run->lane_count; i++) {
        const struct lane_counters *counters = &run->lanes[i]->counters;
        totals.acknowledged += load_counter(&counters->acknowledged);
        totals.http_acknowledged += load_counter(&counters->http_acknowledged);
        totals.pushes += load_counter(&counters->pushes);
        totals.events += load_counter(&counters->events);
        totals.received += load_counter(&counters->bytes_in);
        totals.sent += load_counter(&counters->bytes_out);
    }
    return totals;
}

static double per_second(uint64_t before, uint64_t after, uint64_t passed_ns)
{
    if (passed_ns == 0 || after < before) /* the kernel tells nothing of a process that is gone */
        return 0;
    return (double)(after - before) * NS_PER_S / (double)passed_ns;
}

static void add_sample(struct run *run, const struct totals *before, const struct totals *now)
{
    struct result *result = run->result;
    uint64_t passed_ns = now->at_ns - before->at_ns;
    size_t count = result->sample_count + 1;
    struct result_sample *samples = realloc(result->samples, count * sizeof *samples);
    if (!samples)
        return;
    /* The first lane, with the line's voters, if there are any. */
    const struct lane *voting = run->lanes[0];
    hdr_take_since(run->since, run->options->voters > 0 ? &voting->ack : &voting->http_ack,
                   run->seen);
    samples[result->sample_count++] = (struct result_sample){
        .at_s = (double)(now->at_ns - run->load.begin_ns) / NS_PER_S,
        .ballots_per_s = per_second(before->acknowledged, now->acknowledged, passed_ns),
        .pushes_per_s = per_second(before->pushes, now->pushes, passed_ns),
        .events_per_s = per_second(before->events, now->events, passed_ns),
        .ack_p99_ns = hdr_quantile(run->since, 0.99),
    };
    result->samples = samples;
}

static void note_rss(struct run *run, uint64_t rss)
{
    if (rss > run->result->rss_max)
        run->result->rss_max = rss;
}

static void show_progress(const struct run *run, uint64_t now_ns)
{
    char rate[UNITS_SIZE], pushes[UNITS_SIZE], p99[UNITS_SIZE];
    const struct result *result = run->result;
    if (!run->title || !isatty(STDERR_FILENO) || result->sample_count == 0)
        return;
    const struct result_sample *sample = &result->samples[result->sample_count - 1];
    double left_s = now_ns < run->load.end_ns ? (double)(run->load.end_ns - now_ns) / NS_PER_S : 0;
    fprintf(stderr, "\r%s: %s ballots/s, p99 %s, %s pushes/s, ", run->title,
            units_count(rate, sample->ballots_per_s), units_ns(p99, (double)sample->ack_p99_ns),
            units_count(pushes, sample->pushes_per_s + sample->events_per_s));
    if (run->options->ballots == 0)
        fprintf(stderr, "%.0f s left", left_s);
    fputs("\033[K", stderr);
}

static void clear_progress(const struct run *run)
{
    if (run->title && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* ---- phases ---- */

static void set_phase(struct run *run, enum phase phase)
{
    atomic_store_explicit(&run->load.phase, (int)phase, memory_order_release);
    for (unsigned i = 0; i < run->lane_count; i++)
        lane_wake(run->lanes[i]);
}

static bool all_done(const struct run *run, enum phase phase)
{
    for (unsigned i = 0; i < run->lane_count; i++)
        if (atomic_load_explicit(&run->lanes[i]->done, memory_order_acquire) < (int)phase)
            return false;
    return true;
}

/* Waits for news of the lanes until an instant at most. */
static void await_news(const struct run *run, uint64_t until_ns)
{
    uint64_t now_ns = clock_monotonic_ns(), count;
    struct pollfd wanted = {.fd = run->news, .events = POLLIN};
    int timeout_ms = now_ns < until_ns ? (int)((until_ns - now_ns) / NS_PER_MS) + 1 : 0;
    if (poll(&wanted, 1, timeout_ms) > 0 && read(run->news, &count, sizeof count) < 0)
        return; /* another look at the lanes does no harm */
}

/* Waits until all lanes have done their part of a phase. False if that takes too long. */
static bool await_phase(struct run *run, enum phase phase, uint64_t limit_s)
{
    uint64_t deadline_ns = clock_monotonic_ns() + limit_s * NS_PER_S;
    while (!all_done(run, phase)) {
        if (clock_monotonic_ns() >= deadline_ns)
            return false;
        /* In PHASE_CONNECT, any fault means that the phase can't be completed. */
        if (phase == PHASE_CONNECT && (interrupt_seen() || faults_count(&run->load.faults) > 0))
            return false;
        uint64_t look_ns = clock_monotonic_ns() + (uint64_t)SAMPLE_MS * NS_PER_MS;
        await_news(run, look_ns < deadline_ns ? look_ns : deadline_ns);
    }
    return true;
}

/* ---- before ---- */

static int raise_descriptors(struct run *run)
{
    uint64_t needed = options_connections(run->options) + DESCRIPTORS_KEPT;
    if (descriptors_allow(needed) == 0)
        return 0;
    faults_add(&run->load.faults,
               "%" PRIu64 " open files are needed, and this process may not have so many (ulimit "
               "-n)",
               needed);
    return -1;
}

static int get_server(struct run *run, bool start, const char *program)
{
    char error[SERVER_ERROR_MAX];
    const struct options *options = run->options;
    uint64_t connections = options_connections(options) + CONNECTIONS_KEPT + options->churn;
    const struct server_wish wish = {.program = program,
                                     .arguments = options->server_arguments,
                                     .parent = options->directory,
                                     .connections = connections < 10000 ? 10000 : connections,
                                     .http = options_need_http(options)};
    int result = start ? bench_server_start(&run->server, &wish, error)
                       : bench_server_join(&run->server, options->admin, error);
    run->load.http_host = start ? run->server.http : options->http;
    if (result == 0)
        result =
            target_resolve(&run->load.target, start ? run->server.target : options->target, error);
    if (result == 0 && wish.http)
        result = target_resolve(&run->load.http, run->load.http_host, error);
    if (result != 0)
        faults_add(&run->load.faults, "%s", error);
    return result;
}

static int create_polls(struct run *run)
{
    char command[PROTO_LINE_MAX * 2], error[ADMIN_ERROR_MAX];
    struct reply reply;
    for (unsigned i = 0; i < run->load.plan.poll_count; i++) {
        plan_create_command(&run->load.plan, i, command);
        if (admin_ask(run->server.admin, command, NULL, NULL, &reply, error) != 0) {
            faults_add(&run->load.faults, "%s", error);
            return -1;
        }
    }
    return 0;
}

static int read_stats(struct run *run, struct server_stats *stats)
{
    char error[ADMIN_ERROR_MAX];
    int result = bench_server_read_stats(&run->server, stats, error);
    if (result != 0)
        faults_add(&run->load.faults, "%s", error);
    return result;
}

static int make_plan(struct run *run)
{
    const struct options *options = run->options;
    char name[24], why[SETTINGS_WHY_SIZE];
    /* Another server may have the polls of earlier runs. */
    snprintf(name, sizeof name, "%" PRIx64, clock_real_ns() / NS_PER_MS);
    struct plan_wish wish = {.run = run->server.started ? NULL : name,
                             .connections = (unsigned)options_voters(options),
                             .polls = (unsigned)options->polls,
                             .choices = (unsigned)options->choices,
                             .named = options->named,
                             .kind_count = options->kind_count,
                             .method = options->method,
                             .distinct = (unsigned)options->distinct,
                             .camps = (unsigned)options->camps};
    memcpy(wish.kinds, options->kinds, sizeof wish.kinds);
    int result = plan_init(&run->load.plan, &wish, why);
    if (result != 0)
        faults_add(&run->load.faults, "%s", why);
    return result;
}

static int make_load(struct run *run)
{
    const struct options *options = run->options;
    run->load.probes = must_calloc(options->polls, sizeof *run->load.probes);
    run->load.lasts = must_calloc(options->polls, sizeof *run->load.lasts);
    for (uint64_t i = 0; i < options->polls; i++)
        probes_init(&run->load.probes[i]);
    return make_plan(run);
}

static void free_load(struct run *run)
{
    for (uint64_t i = 0; run->load.probes && i < run->options->polls; i++) {
        probes_free(&run->load.probes[i]);
        buffer_free(&run->load.lasts[i].tally);
    }
    free(run->load.probes);
    free(run->load.lasts);
    plan_free(&run->load.plan);
}

/* Part `part` of `parts` of so many connections. */
static struct lane_share share_of(uint64_t count, unsigned part, unsigned parts)
{
    uint64_t first = count * part / parts, end = count * (part + 1) / parts;
    return (struct lane_share){(unsigned)first, (unsigned)(end - first)};
}

static unsigned lanes_wanted(const struct options *options)
{
    if (options->threads > 0)
        return (unsigned)options->threads;
    if (options->subscribers + options->sse == 0)
        return 1;
    return options->slow > 0 ? 3 : 2;
}

/* The work of lane `number` of `lanes`. The first has the voters; the others share the readers, or
 * the first has them too if it is alone. Slow readers take many small reads, which must not delay
 * the readers that measure freshness: with three lanes or more, the last has only the slow ones. */
static struct lane_work divide(const struct options *options, unsigned number, unsigned lanes)
{
    struct lane_work work = {.votes = number == 0, .churns = number == 0 && options->churn > 0};
    bool apart = lanes > 2 && options->slow > 0;
    unsigned first = lanes > 1, parts = lanes - first - apart;
    if (lanes == 1 || (apart && number == lanes - 1))
        work.slow = (struct lane_share){0, (unsigned)options->slow};
    else if (!apart && number >= first)
        work.slow = share_of(options->slow, number - first, parts);
    if (number < first || number - first >= parts)
        return work;
    work.subscribers = share_of(options->subscribers, number - first, parts);
    work.stalled = share_of(options->stalled, number - first, parts);
    work.sse = share_of(options->sse, number - first, parts);
    work.stalled_sse = share_of(options->stalled_sse, number - first, parts);
    work.idle = share_of(options->idle, number - first, parts);
    return work;
}

static int start_lanes(struct run *run)
{
    unsigned lanes = lanes_wanted(run->options);
    uint64_t source = 0;
    for (unsigned i = 0; i < lanes; i++) {
        struct lane_work work = divide(run->options, i, lanes);
        work.first_source = source;
        run->lanes[i] = lane_start(&run->load, &work, run->news);
        if (!run->lanes[i]) {
            fault_errno(run, "thread");
            return -1;
        }
        run->lane_count++;
        source += run->lanes[i]->conn_count;
    }
    return 0;
}

/* ---- voting ---- */

static void begin_voting(struct run *run)
{
    struct load *load = &run->load;
    load->vote_ns = clock_monotonic_ns();
    load->begin_ns = load->vote_ns + (uint64_t)(run->options->warmup_s * NS_PER_S);
    load->end_ns = run->options->ballots > 0
                       ? UINT64_MAX
                       : load->begin_ns + (uint64_t)(run->options->duration_s * NS_PER_S);
    set_phase(run, PHASE_VOTE);
}

static bool voting_is_over(const struct run *run, uint64_t now_ns)
{
    return now_ns >= run->load.end_ns || interrupt_seen() ||
           atomic_load_explicit(&run->lanes[0]->done, memory_order_acquire) >= PHASE_VOTE;
}

/* Waits until a time, or until voting is over. */
static uint64_t await_time(const struct run *run, uint64_t until_ns)
{
    uint64_t now_ns;
    while ((now_ns = clock_monotonic_ns()) < until_ns && !voting_is_over(run, now_ns))
        await_news(run, until_ns);
    return now_ns;
}

/* Whether replies no longer come: then --ballots would never end. */
static bool is_stuck(const struct run *run, uint64_t still_ns)
{
    return run->options->ballots > 0 && still_ns > run->options->patience_s * NS_PER_S;
}

static void finish_voting(struct run *run, const struct totals *begin, const struct totals *end)
{
    struct server_usage usage = bench_server_read_usage(&run->server);
    uint64_t passed_ns = end->at_ns - begin->at_ns;
    struct result *result = run->result;
    result->seconds = (double)passed_ns / NS_PER_S;
    result->ballots_per_s = per_second(begin->acknowledged, end->acknowledged, passed_ns);
    result->http_ballots_per_s =
        per_second(begin->http_acknowledged, end->http_acknowledged, passed_ns);
    result->pushes_per_s = per_second(begin->pushes, end->pushes, passed_ns);
    result->events_per_s = per_second(begin->events, end->events, passed_ns);
    result->received_per_s = per_second(begin->received, end->received, passed_ns);
    result->sent_per_s = per_second(begin->sent, end->sent, passed_ns);
    result->cpu_cores = per_second(run->usage_begin.cpu_ns, usage.cpu_ns, passed_ns) / NS_PER_S;
    result->load_cores =
        per_second(run->own_cpu_ns, clock_read_ns(CLOCK_PROCESS_CPUTIME_ID), passed_ns) / NS_PER_S;
    result->rss_after = usage.rss_bytes;
    note_rss(run, usage.rss_bytes);
}

static void watch_voting(struct run *run)
{
    await_time(run, run->load.begin_ns);
    run->usage_begin = bench_server_read_usage(&run->server);
    run->own_cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
    struct totals begin = take_totals(run), before = begin, now = begin;
    uint64_t moved_ns = begin.at_ns;
    while (!voting_is_over(run, now.at_ns) && !is_stuck(run, now.at_ns - moved_ns)) {
        uint64_t next_ns = before.at_ns + (uint64_t)SAMPLE_MS * NS_PER_MS;
        await_time(run, next_ns < run->load.end_ns ? next_ns : run->load.end_ns);
        now = take_totals(run);
        add_sample(run, &before, &now);
        note_rss(run, bench_server_read_usage(&run->server).rss_bytes);
        show_progress(run, now.at_ns);
        if (now.acknowledged > before.acknowledged)
            moved_ns = now.at_ns;
        before = now;
    }
    finish_voting(run, &begin, &now);
}

/* ---- the checks at the end ---- */

static bool counts_agree(const struct plan *plan, const struct plan_poll *poll,
                         const struct tally_row *row)
{
    if (row->ballots != poll->ballots || row->choice_count != plan->choice_count)
        return false;
    for (unsigned i = 0; i < plan->choice_count; i++)
        if (row->counts[i] != poll->counts[i])
            return false;
    return true;
}

/* Compares a poll's tally with what was acknowledged, and notes its sequence. */
static int check_poll(struct run *run, unsigned number)
{
    char command[PLAN_NAME_MAX + 8], error[ADMIN_ERROR_MAX];
    const struct plan_poll *poll = &run->load.plan.polls[number];
    struct reply reply;
    struct tally_row row;
    snprintf(command, sizeof command, "SHOW %s", poll->name);
    if (admin_ask(run->server.admin, command, NULL, NULL, &reply, error) != 0) {
        faults_add(&run->load.faults, "%s", error);
        return -1;
    }
    if (!tally_parse(reply.text.at, reply.text.len, &row)) {
        faults_add(&run->load.faults, "%s: answered with no tally", command);
        return -1;
    }
    if (!counts_agree(&run->load.plan, poll, &row))
        faults_add(&run->load.faults,
                   "%s: by the acknowledgements %" PRIu64 " ballots count; the server says: %.*s",
                   poll->name, poll->ballots, (int)reply.text.len, reply.text.at);
    run->load.lasts[number].seq = row.seq;
    must_append(&run->load.lasts[number].tally, reply.text.at, reply.text.len);
    return 0;
}

/* The sum of the numbers above `before` up to `after`, modulo 2^64. */
static uint64_t sum_of_numbers(uint64_t before, uint64_t after)
{
    uint64_t count = after - before, ends = before + 1 + after;
    return count % 2 ? ends / 2 * count : count / 2 * ends;
}

/* A server of our own has had no other voters: it counts only our ballots, and gave each the next
 * sequence. (Connections know only their own sequences; the sum tells that no two share one.) */
static void check_stats(struct run *run)
{
    const struct server_stats *before = &run->result->stats_before;
    struct server_stats *after = &run->result->stats_after;
    if (read_stats(run, after) != 0 || !run->server.started)
        return;
    uint64_t acknowledged = take_totals(run).acknowledged;
    uint64_t accepted = server_stats_value(after, "ballots_accepted") -
                        server_stats_value(before, "ballots_accepted");
    uint64_t first = server_stats_value(before, "ledger_seq");
    uint64_t last = server_stats_value(after, "ledger_seq");
    if (accepted != acknowledged)
        faults_add(&run->load.faults,
                   "%" PRIu64 " ballots were acknowledged; the server's STATS count %" PRIu64,
                   acknowledged, accepted);
    if (last == 0) /* the naive server tells none */
        return;
    if (last - first != acknowledged)
        faults_add(&run->load.faults,
                   "%" PRIu64 " ballots were acknowledged; the ledger went from %" PRIu64
                   " to %" PRIu64,
                   acknowledged, first, last);
    else if (run->drained && voters_seq_sum(run->lanes[0]->voters) != sum_of_numbers(first, last))
        faults_add(&run->load.faults, "two ballots were acknowledged with the same sequence");
}

static void settle(struct run *run)
{
    for (unsigned i = 0; i < run->load.plan.poll_count; i++)
        if (check_poll(run, i) != 0)
            return; /* it doesn't answer: there is nothing to wait for */
    set_phase(run, PHASE_SETTLE);
    if (!await_phase(run, PHASE_SETTLE, run->options->patience_s))
        faults_add(&run->load.faults, "not every subscriber got the last tally in %" PRIu64 " s",
                   run->options->patience_s);
    check_stats(run);
}

static void stop_lanes(struct run *run)
{
    set_phase(run, PHASE_STOP);
    for (unsigned i = 0; i < run->lane_count; i++)
        lane_join(run->lanes[i]);
}

/* A histogram of all lanes together. `offset` is its place in a lane. */
static struct hdr_summary summarize(const struct run *run, size_t offset)
{
    struct hdr *all = must_calloc(1, sizeof *all);
    for (unsigned i = 0; i < run->lane_count; i++)
        hdr_add(all, (const struct hdr *)(const void *)((const char *)run->lanes[i] + offset));
    struct hdr_summary summary = hdr_summarize(all);
    free(all);
    return summary;
}

/* Collects the lanes' figures, once their threads have ended. */
static void collect(struct run *run)
{
    struct result *result = run->result;
    struct totals totals = take_totals(run);
    if (run->lane_count > 0) {
        result->churned = load_counter(&run->lanes[0]->counters.churned);
        result->unsent = voters_unsent(run->lanes[0]->voters);
    }
    result->ack_ns = summarize(run, offsetof(struct lane, ack));
    result->http_ack_ns = summarize(run, offsetof(struct lane, http_ack));
    for (unsigned i = 0; i < run->options->kind_count; i++)
        result->kind_ack_ns[i] =
            summarize(run, offsetof(struct lane, kind_ack) + i * sizeof(struct hdr));
    result->late_ns = summarize(run, offsetof(struct lane, late));
    result->freshness_ns = summarize(run, offsetof(struct lane, freshness));
    result->result_freshness_ns = summarize(run, offsetof(struct lane, result_freshness));
    result->sse_freshness_ns = summarize(run, offsetof(struct lane, sse_freshness));
    result->connect_ns = summarize(run, offsetof(struct lane, connect));
    result->acknowledged = totals.acknowledged;
    result->http_acknowledged = totals.http_acknowledged;
}

static void free_lanes(struct run *run)
{
    for (unsigned i = 0; i < run->lane_count; i++)
        lane_free(run->lanes[i]);
}

/* ---- all of it ---- */

/* From the first connection to the last. */
static void execute(struct run *run)
{
    struct result *result = run->result;
    result->rss_before = bench_server_read_usage(&run->server).rss_bytes;
    if (start_lanes(run) != 0)
        return;
    if (!await_phase(run, PHASE_CONNECT, CONNECT_S)) {
        if (!interrupt_seen())
            faults_add(&run->load.faults, "not all could connect in %d s", CONNECT_S);
        return;
    }
    result->rss_connected = bench_server_read_usage(&run->server).rss_bytes;
    note_rss(run, result->rss_connected);
    begin_voting(run);
    watch_voting(run);
    set_phase(run, PHASE_DRAIN);
    run->drained = await_phase(run, PHASE_DRAIN, run->options->patience_s);
    if (!run->drained)
        faults_add(&run->load.faults, "not every ballot was answered in %" PRIu64 " s",
                   run->options->patience_s);
    settle(run);
}

static void finish(struct run *run)
{
    char error[SERVER_ERROR_MAX];
    stop_lanes(run);
    collect(run);
    free_lanes(run); /* before the server stops: it waits for clients to leave */
    if (bench_server_stop(&run->server, error) != 0)
        faults_add(&run->load.faults, "%s", error);
    clear_progress(run);
    run->result->fault_count = run->load.faults.count;
    run->result->fault_texts = run->load.faults.kept;
    memcpy(run->result->faults, run->load.faults.texts, sizeof run->result->faults);
}

void run_load(const struct options *options, bool start, const char *program, const char *title,
              struct result *result)
{
    struct run *run = must_calloc(1, sizeof *run);
    *result = (struct result){.options = *options};
    run->options = options;
    run->title = title;
    run->result = result;
    run->server.out = -1;
    run->load.options = options;
    run->load.faults = FAULTS_INITIALIZER;
    run->seen = must_calloc(1, sizeof *run->seen);
    run->since = must_calloc(1, sizeof *run->since);
    run->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (run->news < 0)
        fault_errno(run, "eventfd");
    else if (raise_descriptors(run) == 0 && get_server(run, start, program) == 0) {
        if (make_load(run) == 0 && create_polls(run) == 0 &&
            read_stats(run, &result->stats_before) == 0)
            execute(run);
    }
    finish(run);
    free_load(run);
    close(run->news);
    free(run->seen);
    free(run->since);
    free(run);
}
