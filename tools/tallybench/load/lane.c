/* A lane's thread (see lane.h).
 *
 * Happy path: open the connections, CONNECTING_MAX at a time, as greetings come → tell the main
 * thread → follow the phases; in each, tell the main thread once when this lane's part of it is
 * done. One timer serves whatever is due by the clock. */
#include "tools/tallybench/load/lane.h"

#include "base/clock.h"
#include "tools/tallybench/load/churn.h"
#include "tools/tallybench/load/http.h"
#include "tools/lib/memory.h"
#include "tools/tallybench/load/readers.h"
#include "tools/tallybench/load/voters.h"
#include "tools/tallybench/load/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    CONNECTING_MAX = 128, /* connections that may wait for their greeting */
    EVENTS_MAX = 256,
    TICK_MIN_NS = 20000, /* between two wakes by the timer */
};

/* ---- what belongs to a lane ---- */

void lane_add(struct lane *lane, struct bench_conn *conn)
{
    lane->conns[lane->conn_count++] = conn;
}

static void make_idle(struct lane *lane, struct lane_share share)
{
    lane->idle_count = share.count;
    lane->idle = must_calloc(share.count, sizeof *lane->idle);
    for (unsigned i = 0; i < share.count; i++) {
        lane->idle[i].role = ROLE_IDLE;
        lane->idle[i].number = share.first + i;
        lane_add(lane, &lane->idle[i]);
    }
}

static void make_work(struct lane *lane, const struct lane_work *work)
{
    const struct options *options = lane->load->options;
    size_t count = (work->votes ? options_voters(options) : 0) + work->subscribers.count +
                   work->slow.count + work->stalled.count + work->sse.count +
                   work->stalled_sse.count + work->idle.count;
    lane->conns = must_calloc(count, sizeof *lane->conns);
    if (work->votes)
        lane->voters = voters_new(lane);
    if (work->churns)
        lane->churn = churn_new(lane, options_connections(options));
    lane->readers = readers_new(lane, work);
    make_idle(lane, work->idle);
    lane->subscribed_wanted = work->subscribers.count + work->sse.count;
    lane->first_source = work->first_source;
}

/* ---- connecting ---- */

static void open_more(struct lane *lane)
{
    while (lane->phase == PHASE_CONNECT && lane->opened < lane->conn_count &&
           lane->opened - lane->greeted < CONNECTING_MAX) {
        struct bench_conn *conn = lane->conns[lane->opened];
        if (bench_conn_open(conn, lane, lane->first_source + lane->opened) != 0) {
            bench_conn_tell_failure(conn, lane);
            lane->opened = lane->conn_count; /* the main thread ends the run */
            return;
        }
        lane->opened++;
        if (conn->role == ROLE_HTTP_VOTER)
            voters_opened(lane->voters, conn);
        else if (bench_conn_is_http(conn))
            readers_opened(lane->readers, conn);
    }
}

/* Whether the greeting has come. A connection that is greeted in another way is closed. */
static bool take_greeting(struct lane *lane, struct bench_conn *conn)
{
    static const char expected[] = "+TALLYCAST 1 ";
    struct span input, line;
    if (!bench_conn_read(conn, lane, 0, &input) || !bench_conn_line(conn, &input, &line))
        return false;
    if (line.len < strlen(expected) || memcmp(line.at, expected, strlen(expected)) != 0) {
        faults_add(&lane->load->faults, "%s: the server's greeting is: %.*s", bench_conn_name(conn),
                   (int)line.len, line.at);
        bench_conn_close(conn);
        return false;
    }
    if (input.len > 0)
        faults_add(&lane->load->faults, "%s: unasked after the greeting: %.*s",
                   bench_conn_name(conn), (int)input.len, input.at);
    return true;
}

/* The same for the first reply over HTTP: a voter gets a whole one; a reader gets the head of an
 * event stream, and *input then begins behind it. */
static bool take_first_reply(struct lane *lane, struct bench_conn *conn, struct span *input)
{
    bool reads = conn->role != ROLE_HTTP_VOTER;
    if (!bench_conn_flush(conn, lane) || !bench_conn_read(conn, lane, 0, input))
        return false;
    enum http_take take = http_replies_take(conn->replies, input);
    if (take == HTTP_TAKE_PART)
        return false;
    const struct http_reply *reply = http_replies_last(conn->replies);
    if (take == HTTP_TAKE_WRONG)
        faults_add(&lane->load->faults, "%s: no reply of HTTP: %s", bench_conn_name(conn),
                   http_replies_why(conn->replies));
    else if (reply->status != 200 || take != (reads ? HTTP_TAKE_STREAM : HTTP_TAKE_REPLY) ||
             (reads && strcmp(reply->type, "text/event-stream") != 0))
        faults_add(&lane->load->faults, "%s: the first reply is %u %s: %.*s", bench_conn_name(conn),
                   reply->status, reply->type, (int)reply->body.len, reply->body.at);
    else
        return true;
    bench_conn_close(conn);
    return false;
}

static void greeted(struct lane *lane, struct bench_conn *conn)
{
    struct span input = {0};
    if (bench_conn_is_http(conn) ? !take_first_reply(lane, conn, &input)
                                 : !take_greeting(lane, conn))
        return;
    conn->state = BENCH_CONN_READY;
    hdr_record(&lane->connect, clock_monotonic_ns() - conn->opened_ns);
    if (conn->role == ROLE_CHURN)
        return;
    lane->greeted++;
    if (conn->role >= ROLE_SUBSCRIBER && conn->role <= ROLE_STALLED_SSE)
        readers_greeted(lane->readers, conn, input);
    open_more(lane);
}

/* ---- events ---- */

/* Nothing should come on an idle connection. */
static void idle_event(struct lane *lane, struct bench_conn *conn)
{
    struct span input;
    if (bench_conn_read(conn, lane, 0, &input))
        faults_add(&lane->load->faults, "%s: unexpected: %.*s", bench_conn_name(conn),
                   (int)input.len, input.at);
}

static void dispatch_by_role(struct lane *lane, struct bench_conn *conn, uint32_t events)
{
    switch (conn->role) {
    case ROLE_VOTER:
    case ROLE_HTTP_VOTER:
        voters_event(lane->voters, conn, events);
        break;
    case ROLE_SUBSCRIBER:
    case ROLE_SLOW:
    case ROLE_STALLED:
    case ROLE_SSE:
    case ROLE_STALLED_SSE:
        readers_event(lane->readers, conn, events);
        break;
    case ROLE_IDLE:
    case ROLE_CHURN:
        idle_event(lane, conn);
        break;
    }
}

static void dispatch(struct lane *lane, struct bench_conn *conn, uint32_t events)
{
    if (conn->state == BENCH_CONN_OPENED) {
        greeted(lane, conn);
        if (conn->role == ROLE_CHURN && conn->state != BENCH_CONN_OPENED)
            churn_done(lane->churn, conn);
    } else if (conn->state == BENCH_CONN_READY) {
        dispatch_by_role(lane, conn, events);
    }
    /* One read took the bytes that came with the end, but not the end. */
    if (events & (EPOLLRDHUP | EPOLLHUP) &&
        (conn->state == BENCH_CONN_OPENED || conn->state == BENCH_CONN_READY))
        bench_conn_look_again(conn, lane);
}

static void drain_counter(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof count) < 0)
        return; /* nothing there: another wake took it */
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Sets the timer to what is due next. */
static void arm(struct lane *lane, uint64_t now_ns)
{
    uint64_t next_ns = readers_next_ns(lane->readers);
    if (lane->voters)
        next_ns = earlier(next_ns, voters_next_ns(lane->voters));
    if (lane->churn)
        next_ns = earlier(next_ns, churn_next_ns(lane->churn));
    if (next_ns < now_ns + TICK_MIN_NS)
        next_ns = now_ns + TICK_MIN_NS;
    if (next_ns == lane->armed_ns)
        return;
    lane->armed_ns = next_ns;
    struct itimerspec when = {0};
    if (next_ns != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(next_ns / NS_PER_S);
        when.it_value.tv_nsec = (long)(next_ns % NS_PER_S);
    }
    timerfd_settime(lane->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void tick(struct lane *lane, uint64_t now_ns)
{
    readers_tick(lane->readers, now_ns);
    if (lane->voters)
        voters_tick(lane->voters, now_ns);
    if (lane->churn)
        churn_tick(lane->churn, now_ns);
}

/* ---- phases ---- */

static void enter(struct lane *lane, enum phase phase)
{
    lane->phase = phase;
    if (phase == PHASE_VOTE && lane->voters)
        voters_begin(lane->voters);
    if (phase == PHASE_VOTE && lane->churn)
        churn_begin(lane->churn);
    if (phase == PHASE_DRAIN && lane->voters)
        voters_drain(lane->voters);
    if (phase == PHASE_DRAIN && lane->churn)
        churn_end(lane->churn);
    if (phase == PHASE_SETTLE)
        readers_settle(lane->readers);
    if (phase == PHASE_STOP && lane->voters && lane->load->vote_ns > 0)
        voters_give_up(lane->voters);
}

/* Whether the lane's part of its phase is done. */
static bool is_done(const struct lane *lane)
{
    switch (lane->phase) {
    case PHASE_CONNECT:
        return lane->greeted == lane->conn_count && lane->subscribed == lane->subscribed_wanted;
    case PHASE_VOTE:
        return lane->voters ? voters_finished(lane->voters, clock_monotonic_ns())
                            : clock_monotonic_ns() >= lane->load->end_ns;
    case PHASE_DRAIN:
        return !lane->voters || voters_drained(lane->voters);
    case PHASE_SETTLE:
        return readers_behind(lane->readers) == 0;
    case PHASE_STOP:
        break;
    }
    return true;
}

static void tell_if_done(struct lane *lane)
{
    const uint64_t one = 1;
    if (atomic_load_explicit(&lane->done, memory_order_relaxed) >= (int)lane->phase ||
        !is_done(lane))
        return;
    atomic_store_explicit(&lane->done, (int)lane->phase, memory_order_release);
    if (write(lane->news, &one, sizeof one) < 0)
        return; /* the counter is full: the main thread has been told often enough */
}

static void follow_phase(struct lane *lane)
{
    enum phase wanted = load_phase(lane->load);
    while (lane->phase < wanted)
        enter(lane, (enum phase)(lane->phase + 1));
}

static void *lane_main(void *context)
{
    struct lane *lane = context;
    struct epoll_event events[EVENTS_MAX];
    struct input_wait wait = {.epoll = lane->epoll,
                              .crowd = !lane->voters && lane->subscribed_wanted >= WAIT_CROWD};
    open_more(lane);
    while (lane->phase != PHASE_STOP) {
        arm(lane, clock_monotonic_ns());
        tell_if_done(lane);
        int count = input_wait(&wait, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &lane->wake)
                drain_counter(lane->wake);
            else if (events[i].data.ptr == &lane->timer)
                drain_counter(lane->timer);
            else
                dispatch(lane, events[i].data.ptr, events[i].events);
        }
        if (lane->voters)
            voters_cast(lane->voters);
        follow_phase(lane);
        tick(lane, clock_monotonic_ns());
    }
    return NULL;
}

/* ---- life ---- */

static int watch_own(struct lane *lane, int *fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};
    return *fd < 0 ? -1 : epoll_ctl(lane->epoll, EPOLL_CTL_ADD, *fd, &event);
}

struct lane *lane_start(struct load *load, const struct lane_work *work, int news)
{
    struct lane *lane = must_calloc(1, sizeof *lane);
    lane->load = load;
    lane->news = news;
    atomic_init(&lane->done, -1);
    lane->epoll = epoll_create1(EPOLL_CLOEXEC);
    lane->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    lane->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    make_work(lane, work);
    if (lane->epoll >= 0 && watch_own(lane, &lane->timer) == 0 &&
        watch_own(lane, &lane->wake) == 0) {
        errno = pthread_create(&lane->thread, NULL, lane_main, lane);
        if (errno == 0)
            return lane;
    }
    int error = errno;
    lane_free(lane);
    errno = error;
    return NULL;
}

void lane_wake(struct lane *lane)
{
    const uint64_t one = 1;
    if (write(lane->wake, &one, sizeof one) < 0)
        return; /* it has been woken often enough */
}

void lane_join(struct lane *lane)
{
    pthread_join(lane->thread, NULL);
}

void lane_free(struct lane *lane)
{
    voters_free(lane->voters);
    readers_free(lane->readers);
    churn_free(lane->churn);
    for (unsigned i = 0; i < lane->idle_count; i++)
        bench_conn_close(&lane->idle[i]);
    free(lane->idle);
    free(lane->conns);
    close(lane->epoll);
    close(lane->timer);
    close(lane->wake);
    free(lane);
}
