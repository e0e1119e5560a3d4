/* The readers (see readers.h). Runs on their lane.
 *
 * Happy path: `SUBSCRIBE poll` → `+OK 1` → pushes; or `GET /polls/poll/events` → the head of a
 * reply → events, which are pushes in another form. Each push is checked, and ends the wait of
 * every probe that it is the first to hold. A ballot whose tally came before its
 * acknowledgement has waited 0 ns. Readers that ask for results, too, do the same with these.
 *
 * Slow readers are not watched for input: a timer reads a little from one after another. Slow and
 * stalled readers have the smallest receive buffer, so that they hold up the server at once. */
#include "tools/tallybench/load/readers.h"

#include "base/clock.h"
#include "proto/number.h"
#include "proto/reply.h"
#include "tools/tallybench/load/event.h"
#include "tools/tallybench/load/http.h"
#include "tools/lib/memory.h"
#include "tools/tallybench/load/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOW_TICK_NS = 10 * NS_PER_MS,
    SLOW_READ_MIN = 10, /* bytes that are worth a read */
};

struct reader {
    struct bench_conn conn; /* first */
    unsigned poll;
    bool subscribed; /* +OK has come */
    bool caught_up;  /* from PHASE_SETTLE on */
    bool asks_results;
    uint64_t last_seq, result_seq;
    struct probes_cursor probe;        /* the next probe whose tally has not come */
    struct probes_cursor result_probe; /* the next one whose result has not come */
    uint64_t begun_ns, taken;          /* slow: when reading began, and bytes since */
};

struct readers {
    struct lane *lane;
    struct load *load;
    struct reader *all; /* the readers that read everything, the slow ones, the stalled ones */
    unsigned count, fast, slow;
    struct tally_check *lines, *events; /* of each poll */
    uint64_t next_tick_ns;              /* of the slow ones */
    unsigned next_slow;
    unsigned behind;
};

/* ---- life ---- */

static void make(struct readers *readers, struct lane_share share, enum role role)
{
    for (unsigned i = 0; i < share.count; i++) {
        struct reader *reader = &readers->all[readers->count++];
        unsigned number = share.first + i;
        reader->conn.role = role;
        reader->conn.number = number;
        reader->poll = number % readers->load->plan.poll_count;
        reader->asks_results = role == ROLE_SUBSCRIBER && number < readers->load->options->results;
        reader->probe = probes_begin(&readers->load->probes[reader->poll]);
        reader->result_probe = reader->probe;
        lane_add(readers->lane, &reader->conn);
    }
}

static struct tally_check *make_checks(const struct plan *plan, tally_form *form)
{
    struct tally_check *checks = must_calloc(plan->poll_count, sizeof *checks);
    for (unsigned i = 0; i < plan->poll_count; i++)
        checks[i] = (struct tally_check){.poll = plan->polls[i].name,
                                         .choice_count = plan->choice_count,
                                         .adds_up = pile_adds_up(plan->polls[i].pile),
                                         .form = form};
    return checks;
}

struct readers *readers_new(struct lane *lane, const struct lane_work *work)
{
    struct readers *readers = must_calloc(1, sizeof *readers);
    const struct plan *plan = &lane->load->plan;
    readers->lane = lane;
    readers->load = lane->load;
    readers->fast = work->subscribers.count + work->sse.count;
    readers->slow = work->slow.count;
    readers->next_tick_ns = UINT64_MAX;
    readers->all =
        must_calloc(readers->fast + readers->slow + work->stalled.count + work->stalled_sse.count,
                    sizeof *readers->all);
    readers->lines = make_checks(plan, tally_of_line);
    readers->events = make_checks(plan, event_parse);
    make(readers, work->subscribers, ROLE_SUBSCRIBER);
    make(readers, work->sse, ROLE_SSE);
    make(readers, work->slow, ROLE_SLOW);
    make(readers, work->stalled, ROLE_STALLED);
    make(readers, work->stalled_sse, ROLE_STALLED_SSE);
    return readers;
}

void readers_free(struct readers *readers)
{
    if (!readers)
        return;
    for (unsigned i = 0; i < readers->count; i++)
        bench_conn_close(&readers->all[i].conn);
    for (unsigned i = 0; i < readers->load->plan.poll_count; i++) {
        tally_check_free(&readers->lines[i]);
        tally_check_free(&readers->events[i]);
    }
    free(readers->lines);
    free(readers->events);
    free(readers->all);
    free(readers);
}

/* ---- subscribing ---- */

void readers_opened(struct readers *readers, struct bench_conn *conn)
{
    const struct reader *reader = (const struct reader *)conn;
    char path[PLAN_NAME_MAX + 32], request[HTTP_REQUEST_BYTES];
    snprintf(path, sizeof path, "/polls/%s/events", readers->load->plan.polls[reader->poll].name);
    size_t len = http_put_get(request, readers->load->http_host, path, "text/event-stream");
    bench_conn_send(conn, readers->lane, request, len);
}

static void subscribe(struct readers *readers, struct reader *reader)
{
    char line[PROTO_LINE_MAX];
    int len = snprintf(line, sizeof line, "SUBSCRIBE %s%s\n",
                       readers->load->plan.polls[reader->poll].name,
                       reader->asks_results ? " results=yes" : "");
    bench_conn_send(&reader->conn, readers->lane, line, (size_t)len);
}

/* ---- pushes ---- */

/* The histogram of a reader's waits; NULL if they are not recorded. */
static struct hdr *freshness_of(const struct readers *readers, const struct reader *reader)
{
    if (reader->conn.role == ROLE_SSE)
        return &readers->lane->sse_freshness;
    return reader->conn.role == ROLE_SUBSCRIBER ? &readers->lane->freshness : NULL;
}

static struct tally_check *check_of(const struct readers *readers, const struct reader *reader)
{
    return bench_conn_is_http(&reader->conn) ? &readers->events[reader->poll]
                                             : &readers->lines[reader->poll];
}

/* Ends the wait of the probes that a push up to `seq` holds, from the cursor on. `before` is the
 * sequence of the push that the reader had until now. `freshness` may be NULL. */
static void pass_probes(const struct probes *probes, struct probes_cursor *cursor, uint64_t before,
                        uint64_t seq, uint64_t now_ns, struct hdr *freshness)
{
    const struct probe *probe;
    while ((probe = probes_peek(probes, cursor)) && probe->seq <= seq) {
        uint64_t waited_ns = now_ns > probe->ack_ns ? now_ns - probe->ack_ns : 0;
        if (freshness)
            hdr_record(freshness, probe->seq <= before ? 0 : waited_ns);
        probes_pass(cursor);
    }
}

static void pass_tally(struct readers *readers, struct reader *reader, uint64_t before,
                       uint64_t now_ns)
{
    pass_probes(&readers->load->probes[reader->poll], &reader->probe, before, reader->last_seq,
                now_ns, freshness_of(readers, reader));
}

static void pass_result(struct readers *readers, struct reader *reader, uint64_t before,
                        uint64_t now_ns)
{
    pass_probes(&readers->load->probes[reader->poll], &reader->result_probe, before,
                reader->result_seq, now_ns, &readers->lane->result_freshness);
}

/* From PHASE_SETTLE on. A reader whose connection was lost, which is a fault of its own, is not
 * waited for. */
static void note_caught_up(struct readers *readers, struct reader *reader)
{
    const struct load_last *last = &readers->load->lasts[reader->poll];
    const struct tally_check *check = check_of(readers, reader);
    bool lost = reader->conn.state == BENCH_CONN_CLOSED;
    bool waits =
        last->seq > reader->last_seq || (reader->asks_results && last->seq > reader->result_seq);
    if (reader->caught_up || (waits && !lost))
        return;
    if (!lost && (reader->last_seq > last->seq ||
                  !tally_check_is(check, last->tally.bytes, last->tally.len)))
        faults_add(&readers->load->faults, "%s: the last push is not what SHOW says: %.*s",
                   bench_conn_name(&reader->conn), (int)check->push.len, check->push.bytes);
    reader->caught_up = true;
    readers->behind--;
}

static void take_push(struct readers *readers, struct reader *reader, struct span bytes,
                      uint64_t now_ns)
{
    uint64_t seq = 0, before = reader->last_seq;
    const char *wrong = tally_check_push(check_of(readers, reader), bytes.at, bytes.len, &seq);
    if (wrong)
        faults_add(&readers->load->faults, "%s: %s: %.*s", bench_conn_name(&reader->conn), wrong,
                   (int)bytes.len, bytes.at);
    else if (seq < before)
        faults_add(&readers->load->faults,
                   "%s: the tally of %" PRIu64 " came after that of %" PRIu64,
                   bench_conn_name(&reader->conn), seq, before);
    else
        reader->last_seq = seq;
    pass_tally(readers, reader, before, now_ns);
}

/* `> @result POLL SEQ WINNER…` */
static bool is_result(struct span line)
{
    static const char begin[] = "> @result ";
    return line.len >= strlen(begin) && memcmp(line.at, begin, strlen(begin)) == 0;
}

static void take_result(struct readers *readers, struct reader *reader, struct span line,
                        uint64_t now_ns)
{
    const char *poll = readers->load->plan.polls[reader->poll].name;
    uint64_t seq, before = reader->result_seq;
    struct span rest = {line.at + strlen("> @result "), line.len - strlen("> @result ")};
    bool is_ours = span_is(span_cut(&rest, ' '), poll);
    struct span digits = span_cut(&rest, ' ');
    if (!reader->asks_results || !is_ours ||
        !number_parse(digits.at, digits.len, UINT64_MAX, &seq) || seq < before) {
        faults_add(&readers->load->faults,
                   "%s: a result that is none, of another poll or older: %.*s",
                   bench_conn_name(&reader->conn), (int)line.len, line.at);
        return;
    }
    reader->result_seq = seq;
    pass_result(readers, reader, before, now_ns);
}

/* The first line of a subscriber: the reply to SUBSCRIBE. */
static void take_reply(struct readers *readers, struct reader *reader, struct span line)
{
    static const char expected[] = "+OK 1";
    reader->subscribed = true;
    if (reader->conn.role == ROLE_SUBSCRIBER)
        readers->lane->subscribed++;
    if (line.len != strlen(expected) || memcmp(line.at, expected, line.len) != 0)
        faults_add(&readers->load->faults, "%s: SUBSCRIBE was answered: %.*s",
                   bench_conn_name(&reader->conn), (int)line.len, line.at);
}

static void take_lines(struct readers *readers, struct reader *reader, struct span input,
                       uint64_t now_ns)
{
    struct span line;
    uint64_t pushes = 0;
    while (bench_conn_line(&reader->conn, &input, &line)) {
        if (reader->subscribed && is_result(line)) {
            take_result(readers, reader, line, now_ns);
        } else if (reader->subscribed) {
            take_push(readers, reader, line, now_ns);
            pushes++;
        } else {
            take_reply(readers, reader, line);
        }
    }
    lane_count(&readers->lane->counters.pushes, pushes);
}

static void take_events(struct readers *readers, struct reader *reader, struct span input,
                        uint64_t now_ns)
{
    struct span block;
    uint64_t events = 0;
    while (bench_conn_block(&reader->conn, &input, &block)) {
        if (event_is_silent(block))
            continue;
        take_push(readers, reader, block, now_ns);
        events++;
    }
    lane_count(&readers->lane->counters.events, events);
}

/* Connections that must not be read are watched no longer. */
static void stop_watching(struct readers *readers, struct bench_conn *conn)
{
    if (conn->role == ROLE_SUBSCRIBER || conn->role == ROLE_SSE || conn->state != BENCH_CONN_READY)
        return;
    bench_conn_ignore(conn, readers->lane);
    if (conn->role == ROLE_SLOW && readers->next_tick_ns == UINT64_MAX)
        readers->next_tick_ns = clock_monotonic_ns();
}

void readers_greeted(struct readers *readers, struct bench_conn *conn, struct span input)
{
    struct reader *reader = (struct reader *)conn;
    if (!bench_conn_is_http(conn))
        subscribe(readers, reader);
    http_replies_free(conn->replies); /* there won't be another */
    conn->replies = NULL;
    if (conn->role == ROLE_SSE) {
        readers->lane->subscribed++;
        take_events(readers, reader, input, clock_monotonic_ns());
    }
    stop_watching(readers, conn);
}

void readers_event(struct readers *readers, struct bench_conn *conn, uint32_t events)
{
    struct reader *reader = (struct reader *)conn;
    struct span input;
    (void)events;
    if (bench_conn_flush(conn, readers->lane) && conn->state == BENCH_CONN_READY &&
        bench_conn_read(conn, readers->lane, 0, &input)) {
        if (conn->role == ROLE_SSE)
            take_events(readers, reader, input, clock_monotonic_ns());
        else
            take_lines(readers, reader, input, clock_monotonic_ns());
    }
    if (readers->lane->phase >= PHASE_SETTLE && freshness_of(readers, reader))
        note_caught_up(readers, reader);
}

/* ---- the slow ones ---- */

uint64_t readers_next_ns(const struct readers *readers)
{
    return readers->next_tick_ns;
}

/* Reads what the reader's pace allows, if that is worth a read. */
static void read_slowly(struct readers *readers, struct reader *reader, uint64_t now_ns)
{
    if (reader->conn.state != BENCH_CONN_READY)
        return;
    if (reader->begun_ns == 0)
        reader->begun_ns = now_ns;
    double passed_s = (double)(now_ns - reader->begun_ns) / NS_PER_S;
    double allowed = passed_s * (double)readers->load->options->slow_bytes_per_s;
    uint64_t most = (uint64_t)allowed - reader->taken;
    struct span input;
    if (most < SLOW_READ_MIN)
        return;
    size_t kept = reader->conn.partial.len;
    if (bench_conn_read(&reader->conn, readers->lane, most, &input)) {
        reader->taken += input.len - kept;
        take_lines(readers, reader, input, now_ns);
    } else {
        reader->taken = (uint64_t)allowed; /* it does not save up the unused rest */
    }
}

/* Each tick serves a tenth of the slow readers, so that each reads ten times a second. */
void readers_tick(struct readers *readers, uint64_t now_ns)
{
    if (now_ns < readers->next_tick_ns)
        return;
    unsigned count = (readers->slow + 9) / 10;
    for (unsigned i = 0; i < count; i++) {
        if (readers->next_slow >= readers->slow)
            readers->next_slow = 0;
        read_slowly(readers, &readers->all[readers->fast + readers->next_slow++], now_ns);
    }
    readers->next_tick_ns = now_ns + SLOW_TICK_NS;
}

/* ---- the end ---- */

void readers_settle(struct readers *readers)
{
    uint64_t now_ns = clock_monotonic_ns();
    readers->behind = readers->fast;
    for (unsigned i = 0; i < readers->fast; i++) {
        struct reader *reader = &readers->all[i];
        pass_tally(readers, reader, reader->last_seq, now_ns);
        note_caught_up(readers, reader);
    }
}

unsigned readers_behind(const struct readers *readers)
{
    return readers->behind;
}
