/* The voters (see voters.h): the times of sending ballots, and the checks of every acknowledgement.
 * Runs on the voters' lane.
 *
 * Happy path: a read brings replies → each is checked and its ballot's latency recorded → once all
 * input of this round was read, as many new ballots go out, in one write a voter. The clock is read
 * once a read and once a write. */
#include "tools/tallybench/load/voters_internal.h"

#include "base/clock.h"
#include "tools/tallybench/load/http.h"
#include "tools/lib/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
    /* The time between probes: over all polls together; and for one poll, times its
     * readers, so that looking for probes costs a crowd of readers little. */
    PROBE_PERIOD_NS = 1000000,
    PROBE_READER_NS = 1000,
};

/* ---- life ---- */

static void make(struct voters *voters, uint64_t count, uint64_t window, enum role role)
{
    struct lane *lane = voters->lane;
    for (unsigned i = 0; i < count; i++) {
        struct voter *voter = &voters->all[voters->count];
        voter->conn.role = role;
        voter->conn.number = i;
        voter->number = voters->count++;
        voter->protocol = role == ROLE_VOTER ? &voters_line_protocol : &voters_http_protocol;
        voter->ack = role == ROLE_VOTER ? &lane->ack : &lane->http_ack;
        voter->next = voter->acknowledged = plan_begin(&voters->load->plan, voter->number);
        voter->window = (uint32_t)window;
        voter->sent_ns = must_calloc(window, sizeof *voter->sent_ns);
        lane_add(lane, &voter->conn);
    }
}

struct voters *voters_new(struct lane *lane)
{
    struct voters *voters = must_calloc(1, sizeof *voters);
    const struct options *options = lane->load->options;
    uint64_t readers = options->subscribers + options->sse;
    voters->lane = lane;
    voters->load = lane->load;
    voters->left = options->ballots > 0 ? options->ballots : UINT64_MAX;
    voters->unpaced = voters->left;
    voters->pace.rate = options->rate;
    voters->probe_period_ns = (uint64_t)PROBE_PERIOD_NS * options->polls;
    if (voters->probe_period_ns < PROBE_READER_NS * readers)
        voters->probe_period_ns = PROBE_READER_NS * readers;
    voters->ballots = must_calloc(options->pipeline * lane->load->plan.ballot_max +
                                      options->http_pipeline * HTTP_REQUEST_BYTES,
                                  1);
    voters->all = must_calloc(options_voters(options), sizeof *voters->all);
    voters->turns = must_calloc(options_voters(options), sizeof(struct voter *));
    make(voters, options->voters, options->pipeline, ROLE_VOTER);
    make(voters, options->http_voters, options->http_pipeline, ROLE_HTTP_VOTER);
    return voters;
}

void voters_free(struct voters *voters)
{
    if (!voters)
        return;
    for (unsigned i = 0; i < voters->count; i++) {
        bench_conn_close(&voters->all[i].conn);
        free(voters->all[i].sent_ns);
        free(voters->all[i].cookie);
    }
    free(voters->all);
    free(voters->turns);
    free(voters->ballots);
    free(voters);
}

/* ---- sending ---- */

/* How many ballots the voter may send now. */
static uint32_t allowance(const struct voters *voters, const struct voter *voter)
{
    uint64_t most = voter->window - voter->in_flight;
    if (!voters->voting || voter->conn.state != BENCH_CONN_READY || voter->conn.unsent.len > 0)
        return 0;
    if (voters->pace.rate > 0) {
        uint64_t due = pace_share(voters->paced, voter->number, voters->count);
        if (due - voter->sent < most)
            most = due - voter->sent;
    }
    return (uint32_t)(most < voters->left ? most : voters->left);
}

/* The instant from which the latency of the voter's next ballot counts. */
static uint64_t origin_ns(struct voters *voters, const struct voter *voter, uint64_t now_ns)
{
    if (voters->pace.rate == 0)
        return now_ns;
    uint64_t due_ns = pace_time_ns(&voters->pace, voter->sent * voters->count + voter->number);
    if (load_measures(voters->load, due_ns))
        hdr_record(&voters->lane->late, now_ns > due_ns ? now_ns - due_ns : 0);
    return due_ns;
}

/* Sends as many ballots as the voter may, in one write. */
static void cast(struct voters *voters, struct voter *voter, uint64_t now_ns)
{
    uint32_t count = allowance(voters, voter);
    uint32_t slot = voter->oldest + voter->in_flight;
    char *end = voters->ballots;
    for (uint32_t i = 0; i < count; i++, slot++) {
        if (slot >= voter->window)
            slot -= voter->window;
        voter->sent_ns[slot] = origin_ns(voters, voter, now_ns);
        end = voter->protocol->put_ballot(voters, voter, end);
        plan_step(&voters->load->plan, &voter->next);
        voter->sent++;
    }
    if (count == 0)
        return;
    voter->in_flight += count;
    voters->left -= count;
    bench_conn_send(&voter->conn, voters->lane, voters->ballots, (size_t)(end - voters->ballots));
}

static void cast_all(struct voters *voters, uint64_t now_ns)
{
    for (unsigned i = 0; i < voters->count; i++)
        cast(voters, &voters->all[i], now_ns);
}

void voters_begin(struct voters *voters)
{
    voters->voting = true;
    voters->pace.begin_ns = voters->load->vote_ns;
    if (voters->pace.rate == 0)
        cast_all(voters, clock_monotonic_ns());
}

uint64_t voters_next_ns(const struct voters *voters)
{
    if (!voters->voting)
        return UINT64_MAX;
    if (voters->pace.rate == 0 || voters->unpaced == 0)
        return voters->load->end_ns;
    uint64_t due_ns = pace_time_ns(&voters->pace, voters->paced);
    return due_ns < voters->load->end_ns ? due_ns : voters->load->end_ns;
}

void voters_tick(struct voters *voters, uint64_t now_ns)
{
    uint64_t end_ns = voters->load->end_ns;
    if (!voters->voting || now_ns < voters_next_ns(voters))
        return;
    if (now_ns >= end_ns)
        voters->voting = false;
    if (voters->pace.rate == 0)
        return;
    uint64_t due = pace_due(&voters->pace, now_ns < end_ns ? now_ns : end_ns - 1);
    if (due - voters->paced > voters->unpaced) /* --ballots is the schedule's end */
        due = voters->paced + voters->unpaced;
    voters->unpaced -= due - voters->paced;
    if (due - voters->paced >= voters->count) {
        voters->paced = due;
        cast_all(voters, now_ns);
        return;
    }
    while (voters->paced < due)
        cast(voters, &voters->all[voters->paced++ % voters->count], now_ns);
}

/* ---- replies ---- */

static void check_sequence(struct voters *voters, struct voter *voter, uint64_t seq)
{
    if (seq <= voter->last_seq)
        faults_add(&voters->load->faults, "%s: sequence %" PRIu64 " after %" PRIu64,
                   bench_conn_name(&voter->conn), seq, voter->last_seq);
    voter->last_seq = seq;
}

static void probe(struct voters *voters, unsigned poll, uint64_t seq, uint64_t now_ns)
{
    struct probes *probes = &voters->load->probes[poll];
    if (now_ns < probes->next_ns || !load_measures(voters->load, now_ns))
        return;
    probes_add(probes, seq, now_ns);
    probes->next_ns = now_ns + voters->probe_period_ns;
}

/* A ballot counts if part of its wait was in the measured time: one that was sent before a stall
 * and answered after it must not be left out. */
static void record_wait(const struct voters *voters, const struct voter *voter, uint64_t sent_ns,
                        uint64_t now_ns)
{
    const struct load *load = voters->load;
    if (sent_ns >= load->end_ns || now_ns < load->begin_ns)
        return;
    const uint64_t waited_ns = now_ns > sent_ns ? now_ns - sent_ns : 0;
    hdr_record(voter->ack, waited_ns);
    if (load->plan.kind_count > 1)
        hdr_record(&voters->lane->kind_ack[voter->acknowledged.poll % load->plan.kind_count],
                   waited_ns);
}

bool voters_acknowledge(struct voters *voters, struct voter *voter, uint64_t seq, uint64_t now_ns)
{
    if (voter->in_flight == 0)
        return false;
    uint64_t sent_ns = voter->sent_ns[voter->oldest];
    voter->oldest = voter->oldest + 1 < voter->window ? voter->oldest + 1 : 0;
    voter->in_flight--;
    record_wait(voters, voter, sent_ns, now_ns);
    check_sequence(voters, voter, seq);
    voters->seq_sum += seq;
    probe(voters, voter->acknowledged.poll, seq, now_ns);
    plan_acknowledge(&voters->load->plan, &voter->acknowledged);
    plan_step(&voters->load->plan, &voter->acknowledged);
    return true;
}

void voters_finish(struct voters *voters, struct voter *voter)
{
    if (!voter->finished)
        voters->finished++;
    voter->finished = true;
}

void voters_refuse(struct voters *voters, struct voter *voter, const char *what, struct span reply)
{
    faults_add(&voters->load->faults, "%s: %s%.*s", bench_conn_name(&voter->conn), what,
               (int)reply.len, reply.at);
    bench_conn_close(&voter->conn);
    voters_finish(voters, voter);
}

static void take_replies(struct voters *voters, struct voter *voter, struct span input,
                         uint64_t now_ns)
{
    struct lane_counters *counters = &voters->lane->counters;
    uint32_t before = voter->in_flight;
    voter->protocol->take(voters, voter, input, now_ns);
    uint32_t count = before - voter->in_flight;
    voters->acknowledged += count;
    lane_count(&counters->acknowledged, count);
    if (bench_conn_is_http(&voter->conn))
        lane_count(&counters->http_acknowledged, count);
}

void voters_event(struct voters *voters, struct bench_conn *conn, uint32_t events)
{
    struct voter *voter = (struct voter *)conn;
    struct span input;
    if (events & EPOLLOUT)
        bench_conn_flush(conn, voters->lane);
    if (events & ~(uint32_t)EPOLLOUT && conn->state == BENCH_CONN_READY &&
        bench_conn_read(conn, voters->lane, 0, &input))
        take_replies(voters, voter, input, clock_monotonic_ns());
    if (conn->state == BENCH_CONN_CLOSED)
        voters_finish(voters, voter);
    else
        voters->turns[voters->turn_count++] = voter;
}

void voters_cast(struct voters *voters)
{
    for (unsigned i = 0; i < voters->turn_count; i++)
        cast(voters, voters->turns[i], clock_monotonic_ns());
    voters->turn_count = 0;
}

/* ---- the end ---- */

/* Ballots that were due and could not be sent count with the time that they have waited: otherwise
 * an open loop would hide the stall in which it ends. */
static void record_unsent(const struct voters *voters, const struct voter *voter, uint64_t now_ns)
{
    uint64_t due = pace_share(voters->paced, voter->number, voters->count);
    for (uint64_t i = voter->sent; i < due; i++) {
        uint64_t due_ns = pace_time_ns(&voters->pace, i * voters->count + voter->number);
        record_wait(voters, voter, due_ns, now_ns);
    }
}

void voters_drain(struct voters *voters)
{
    uint64_t now_ns = clock_monotonic_ns();
    voters->voting = false;
    for (unsigned i = 0; i < voters->count; i++) {
        struct voter *voter = &voters->all[i];
        if (voters->pace.rate > 0)
            record_unsent(voters, voter, now_ns);
        if (voter->conn.state != BENCH_CONN_READY) {
            voters_finish(voters, voter);
            continue;
        }
        voter->last = true;
        voter->protocol->send_last(voters, voter);
    }
}

bool voters_finished(const struct voters *voters, uint64_t now_ns)
{
    uint64_t wanted = voters->load->options->ballots;
    return now_ns >= voters->load->end_ns || (wanted > 0 && voters->acknowledged == wanted) ||
           (voters->finished == voters->count && voters->count > 0);
}

void voters_give_up(struct voters *voters)
{
    uint64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < voters->count; i++) {
        const struct voter *voter = &voters->all[i];
        for (uint32_t j = 0; j < voter->in_flight; j++)
            record_wait(voters, voter, voter->sent_ns[(voter->oldest + j) % voter->window], now_ns);
    }
}

bool voters_drained(const struct voters *voters)
{
    return voters->finished == voters->count;
}

uint64_t voters_seq_sum(const struct voters *voters)
{
    return voters->seq_sum;
}

uint64_t voters_unsent(const struct voters *voters)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < voters->count && voters->pace.rate > 0; i++)
        sum += pace_share(voters->paced, i, voters->count) - voters->all[i].sent;
    return sum;
}
