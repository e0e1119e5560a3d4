/* Connections' bytes. Runs on the thread of the loop that owns the pool.
 *
 * Input: one read into the pool's buffer, behind what the connection kept; the handler executes the
 * whole messages; the rest is kept. Output: replies gather in the pool's buffer and go out in one
 * write when the connection settles; the rest that the kernel does not take is kept, and meanwhile
 * the connection is blocked: neither read nor pushed to.
 *
 * Fails: any error of a read or write, or a shortage of memory, dooms this connection alone. */
#include "net/conn.h"

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "net/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PARTIAL_MAX_BYTES = 64 * 1024, /* kept input, put before the next read */
    TURNS_A_ROUND = 8,             /* turns of busy connections between two looks at the others */
    TURNS_NS = 2 * NS_PER_MS,      /* then it is time to look, however few turns there were */
};

/* What a connection waits for at most so long; one of them at a time. */
enum {
    AWAITS_OUTPUT,  /* blocked: the kernel's taking some */
    AWAITS_GOODBYE, /* draining: the end of lingering */
    AWAITS_MESSAGE, /* timed: the rest of a message; one kind for each of enum conn_messages */
};
_Static_assert(AWAITS_MESSAGE + (int)CONN_MESSAGES == (int)TIMEOUTS_KINDS, "each has a queue");

static void on_event(evutil_socket_t fd, short what, void *context);
static void on_timeout(struct timeout *timeout, unsigned kind, uint64_t now_ns);

/* ---- the pool ---- */

int conn_pool_init(struct conn_pool *pool, struct loop *loop, struct counters *counters,
                   uint64_t stall_ns, const uint64_t message_ns[CONN_MESSAGES])
{
    *pool = (struct conn_pool){
        .loop = loop,
        .counters = counters,
        .stall_ns = stall_ns,
    };
    for (int kind = 0; kind < CONN_MESSAGES; kind++)
        pool->message_ns[kind] = message_ns[kind];
    slots_init(&pool->slots);
    TAILQ_INIT(&pool->yielded);
    pool->read_buffer = malloc(PARTIAL_MAX_BYTES + CONN_READ_BYTES);
    if (!pool->read_buffer)
        return -1;
    timeouts_init(&pool->timeouts, loop, on_timeout);
    return 0;
}

void conn_pool_destroy(struct conn_pool *pool)
{
    slots_destroy(&pool->slots);
    timeouts_destroy(&pool->timeouts);
    free(pool->read_buffer);
    buffer_free(&pool->out);
}

struct conn *conn_find(const struct conn_pool *pool, struct conn_ref ref)
{
    return slots_find(&pool->slots, ref);
}

/* ---- states and interest ---- */

/* The kind of its wait for the rest of a message. */
static unsigned message_wait(const struct conn *conn)
{
    return AWAITS_MESSAGE + (unsigned)conn->handler->messages;
}

static uint64_t message_ns(const struct conn *conn)
{
    return conn->pool->message_ns[conn->handler->messages];
}

static void stop_time(struct conn *conn)
{
    if (!conn->timed)
        return;
    timeouts_end(&conn->pool->timeouts, message_wait(conn), &conn->timeout);
    conn->timed = false;
}

static void begin_time(struct conn *conn, uint64_t now_ns)
{
    stop_time(conn);
    conn->timed = true;
    timeouts_begin(&conn->pool->timeouts, message_wait(conn), &conn->timeout, now_ns,
                   message_ns(conn));
}

static void begin_stall(struct conn *conn)
{
    stop_time(conn); /* it can't be read now; its time starts anew when it can */
    conn->blocked_outq = socket_unsent(conn->transport.fd);
    timeouts_begin(&conn->pool->timeouts, AWAITS_OUTPUT, &conn->timeout, clock_monotonic_ns(),
                   conn->pool->stall_ns);
    counter_add(&conn->pool->counters->writes_blocked, 1);
}

static void linger(struct conn *conn, uint64_t now_ns)
{
    timeouts_begin(&conn->pool->timeouts, AWAITS_GOODBYE, &conn->timeout, now_ns,
                   (uint64_t)CONN_LINGER_MS * NS_PER_MS);
}

/* Changes the reasons why input does not go on, and the lists that depend on them. */
static void set_wait(struct conn *conn, enum conn_wait wait, bool waits)
{
    if (conn_waits(conn, wait) == waits)
        return;
    conn->waits ^= (uint8_t)wait;
    if (wait == CONN_BLOCKED && waits)
        begin_stall(conn);
    else if (wait == CONN_BLOCKED)
        timeouts_end(&conn->pool->timeouts, AWAITS_OUTPUT, &conn->timeout);
    else if (wait == CONN_YIELDED && waits)
        TAILQ_INSERT_TAIL(&conn->pool->yielded, conn, yielded_link);
    else if (wait == CONN_YIELDED)
        TAILQ_REMOVE(&conn->pool->yielded, conn, yielded_link);
}

static void stop_waiting(struct conn *conn)
{
    stop_time(conn);
    set_wait(conn, CONN_BLOCKED, false);
    if (conn->state == CONN_DRAINING)
        timeouts_end(&conn->pool->timeouts, AWAITS_GOODBYE, &conn->timeout);
}

static void set_state(struct conn *conn, enum conn_state state)
{
    if (conn->state == state || conn->state == CONN_DOOMED)
        return;
    if (state != CONN_CLOSING) /* a closing one waits for its output as before */
        stop_waiting(conn);
    conn->state = (uint8_t)state;
    if (state == CONN_DRAINING) {
        conn->transport.kind->shutdown(&conn->transport);
        conn->drained_bytes = 0;
        uint64_t now_ns = clock_monotonic_ns();
        conn->lingers_since_ms = (uint32_t)(now_ns / NS_PER_MS);
        linger(conn, now_ns);
    }
}

/* Starts or stops the time of a message that is not whole. It runs from the first byte, whatever
 * comes after it. */
static void update_message(struct conn *conn)
{
    if (conn->state != CONN_OPEN || conn->ended || conn_waits(conn, CONN_BLOCKED) ||
        (conn->unread.len == 0 && !conn->mid_message))
        stop_time(conn);
    else if (!conn->timed && !conn_waits(conn, CONN_HELD) && message_ns(conn) > 0)
        begin_time(conn, clock_monotonic_ns());
}

static void update_interest(struct conn *conn)
{
    bool reads = !conn->ended &&
                 (conn->state == CONN_DRAINING || (conn->state == CONN_OPEN && conn->waits == 0));
    bool writes = conn_waits(conn, CONN_BLOCKED);
    short wanted = (short)((reads ? EV_READ : 0) | (writes ? EV_WRITE : 0));
    if (wanted)
        wanted |= transport_want(&conn->transport);
    short had = (short)(event_get_events(&conn->event) & (EV_READ | EV_WRITE));
    bool pending = event_pending(&conn->event, EV_READ | EV_WRITE, NULL);
    if (wanted == (pending ? had : 0))
        return;
    if (pending)
        event_del(&conn->event);
    if (!wanted)
        return;
    event_assign(&conn->event, conn->pool->loop->base, conn->transport.fd,
                 (short)(wanted | EV_PERSIST), on_event, conn);
    if (event_add(&conn->event, NULL) != 0)
        conn_doom(conn, CLOSE_MEMORY);
}

/* ---- life ---- */

void conn_init(struct conn *conn, const struct conn_handler *handler, int fd,
               const union peer *peer)
{
    *conn = (struct conn){.handler = handler, .state = CONN_OPEN, .peer = *peer};
    /* Without a handler for them the kernel drops files that are passed. */
    conn->transport.kind =
        peer->family == AF_UNIX && handler->file ? &transport_unix : &transport_plain;
    conn->transport.fd = fd;
}

int conn_attach(struct conn_pool *pool, struct conn *conn)
{
    loop_assert_owner(pool->loop);
    if (slots_take(&pool->slots, conn, &conn->ref) != 0) {
        counter_add(&pool->closes[CLOSE_MEMORY], 1);
        return -1;
    }
    counter_add(&pool->counters->connections, 1);
    conn->pool = pool;
    event_assign(&conn->event, pool->loop->base, conn->transport.fd, EV_READ | EV_PERSIST, on_event,
                 conn);
    if (conn->unsent.len > 0)
        set_wait(conn, CONN_BLOCKED, true);
    return 0;
}

void conn_detach(struct conn *conn)
{
    struct conn_pool *pool = conn->pool;
    loop_assert_owner(pool->loop);
    INVARIANT(pool->out_conn != conn);
    event_del(&conn->event);
    stop_waiting(conn);
    set_wait(conn, CONN_YIELDED, false);
    slots_leave(&pool->slots, conn->ref);
    counter_subtract(&pool->counters->connections, 1);
    conn->pool = NULL;
}

void conn_abandon(struct conn *conn)
{
    conn->transport.kind->close(&conn->transport);
    buffer_free(&conn->unread);
    buffer_free(&conn->unsent);
    conn->handler->free(conn);
}

/* The first reason stays: it is the cause of the later ones. */
static void give_reason(struct conn *conn, enum close_reason reason)
{
    INVARIANT(reason != CLOSE_NONE);
    if (conn->closes_for != CLOSE_NONE)
        return;
    conn->closes_for = (uint8_t)reason;
    counter_add(&conn->pool->closes[reason], 1);
}

void conn_doom(struct conn *conn, enum close_reason reason)
{
    give_reason(conn, reason);
    if (conn->pool->out_conn == conn) {
        conn->pool->out.len = 0;
        conn->pool->out_conn = NULL;
    }
    set_state(conn, CONN_DOOMED);
}

void conn_finish(struct conn *conn, enum close_reason reason)
{
    if (conn->state != CONN_OPEN)
        return;
    give_reason(conn, reason);
    set_state(conn, CONN_CLOSING);
}

/* ---- output ---- */

char *conn_reserve(struct conn *conn, size_t len)
{
    struct conn_pool *pool = conn->pool;
    char *room;
    if (conn_waits(conn, CONN_BLOCKED)) {
        room = buffer_reserve(&conn->unsent, len);
    } else {
        INVARIANT(pool->out_conn == conn || !pool->out_conn);
        pool->out_conn = conn;
        room = buffer_reserve(&pool->out, len);
    }
    if (!room)
        conn_doom(conn, CLOSE_MEMORY);
    return room;
}

void conn_wrote(struct conn *conn, size_t len)
{
    if (conn_waits(conn, CONN_BLOCKED))
        conn->unsent.len += len;
    else
        conn->pool->out.len += len;
}

size_t conn_try_send(struct conn *conn, const char *bytes, size_t len)
{
    ssize_t n = conn->transport.kind->write(&conn->transport, bytes, len);
    counter_add(&conn->pool->counters->write_calls, 1);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        /* also ENOBUFS: the socket stays writable, and waiting would spin */
        conn_doom(conn, close_of_errno(errno));
        return 0;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    conn->bytes_out += sent;
    counter_add(&conn->pool->counters->bytes_out, sent);
    if (sent < len)
        set_wait(conn, CONN_BLOCKED, true);
    return sent;
}

void conn_keep_unsent(struct conn *conn, const char *bytes, size_t len)
{
    if (conn->state != CONN_DOOMED && len > 0 && buffer_append(&conn->unsent, bytes, len) != 0)
        conn_doom(conn, CLOSE_MEMORY);
}

void conn_flush(struct conn *conn)
{
    struct conn_pool *pool = conn->pool;
    if (pool->out_conn != conn)
        return;
    pool->out_conn = NULL;
    if (pool->out.len > 0 && conn->state != CONN_DOOMED) {
        size_t sent = conn_try_send(conn, pool->out.bytes, pool->out.len);
        conn_keep_unsent(conn, pool->out.bytes + sent, pool->out.len - sent);
    }
    pool->out.len = 0;
}

/* The kernel has room again. */
static void flush_unsent(struct conn *conn)
{
    size_t sent =
        conn->unsent.len > 0 ? conn_try_send(conn, conn->unsent.bytes, conn->unsent.len) : 0;
    if (conn->state == CONN_DOOMED)
        return;
    bool all = sent == conn->unsent.len;
    if (sent > 0)
        buffer_drop(&conn->unsent, sent);
    if (all) {
        set_wait(conn, CONN_BLOCKED, false);
        conn->wants_writable = true;
    } else if (sent > 0) { /* it took something: the time of a stall starts anew */
        set_wait(conn, CONN_BLOCKED, false);
        set_wait(conn, CONN_BLOCKED, true);
    }
}

uint64_t conn_blocked_ns(const struct conn *conn, uint64_t now_ns)
{
    if (!conn_waits(conn, CONN_BLOCKED))
        return 0;
    uint64_t since_ns = conn->timeout.due_ns - conn->pool->stall_ns;
    return now_ns > since_ns ? now_ns - since_ns : 0;
}

bool conn_takes_push(const struct conn *conn)
{
    return conn->state == CONN_OPEN && !conn_waits(conn, CONN_BLOCKED) && !conn->mid_reply;
}

/* ---- input ---- */

void conn_pause(struct conn *conn)
{
    set_wait(conn, CONN_PAUSED, true);
    set_wait(conn, CONN_HELD, true);
}

void conn_resume(struct conn *conn)
{
    set_wait(conn, CONN_PAUSED, false);
}

void conn_hold(struct conn *conn)
{
    set_wait(conn, CONN_HELD, true);
}

void conn_begin_message(struct conn *conn)
{
    conn->mid_message = true;
}

void conn_end_message(struct conn *conn)
{
    conn->mid_message = false;
    stop_time(conn);
}

void conn_begin_reply(struct conn *conn)
{
    conn->mid_reply = true;
}

void conn_end_reply(struct conn *conn)
{
    conn->mid_reply = false;
}

void conn_want_writable(struct conn *conn)
{
    conn->wants_writable = true;
}

void conn_leave(struct conn *conn)
{
    conn->leaving = true;
}

void conn_finish_when_done(struct conn *conn)
{
    conn->finishing = true;
}

void conn_stay(struct conn *conn)
{
    conn->finishing = false;
}

/* Keeps what the handler left of input that lies in the pool's buffer. */
static void keep_unread(struct conn *conn, const char *bytes, size_t len)
{
    conn->unread.len = 0;
    if (len == 0)
        buffer_free(&conn->unread);
    else if (buffer_append(&conn->unread, bytes, len) != 0)
        conn_doom(conn, CLOSE_MEMORY);
}

static void note_read(struct conn *conn, uint64_t readable_ns)
{
    conn->read_ns = clock_monotonic_ns();
    uint64_t readable_for_ns = conn->read_ns - readable_ns;
    conn->readable_for_ns = readable_for_ns < UINT32_MAX ? (uint32_t)readable_for_ns : UINT32_MAX;
}

static ssize_t receive(struct conn *conn, char *bytes, size_t len)
{
    int file = -1;
    ssize_t n = conn->transport.kind->read(&conn->transport, bytes, len, &file);
    counter_add(&conn->pool->counters->read_calls, 1);
    if (n > 0)
        counter_add(&conn->pool->counters->bytes_in, (uint64_t)n);
    if (file >= 0)
        conn->handler->file(conn, file);
    return n;
}

/* Closing with unread input sends a reset, which destroys output that the peer's machine has not
 * received yet. Once it has received everything, it does not matter how much more it would send. */
static void drain(struct conn *conn)
{
    ssize_t n = receive(conn, conn->pool->read_buffer, CONN_READ_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    conn->drained_bytes += n > 0 ? (uint32_t)n : 0;
    if (n <= 0 ||
        (conn->drained_bytes >= CONN_DRAIN_BYTES && socket_unsent(conn->transport.fd) == 0))
        conn_doom(conn, CLOSE_PEER);
}

static void read_input(struct conn *conn, uint64_t readable_ns)
{
    struct conn_pool *pool = conn->pool;
    if (!conn->handler->may_read(conn))
        return;
    size_t kept = conn->unread.len;
    INVARIANT(kept <= PARTIAL_MAX_BYTES);
    ssize_t n = receive(conn, pool->read_buffer + kept, CONN_READ_BYTES);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            conn_doom(conn, close_of_errno(errno));
        return;
    }
    if (n == 0) {
        conn->ended = true;
        conn->wants_writable = true; /* what it is still owed no longer waits for an interval */
        return;
    }
    note_read(conn, readable_ns);
    if (kept > 0)
        memcpy(pool->read_buffer, conn->unread.bytes, kept);
    size_t len = kept + (size_t)n;
    size_t used = conn->handler->input(conn, pool->read_buffer, len);
    if (conn->state == CONN_OPEN)
        keep_unread(conn, pool->read_buffer + used, len - used);
}

void conn_read_now(struct conn *conn)
{
    if (conn->state == CONN_OPEN && !conn->ended &&
        !conn_waits(conn, CONN_PAUSED | CONN_HELD | CONN_BLOCKED))
        read_input(conn, clock_monotonic_ns());
}

/* Goes on with whole messages that had to wait. */
static void input_held(struct conn *conn)
{
    set_wait(conn, CONN_HELD, false);
    size_t used = conn->handler->input(conn, conn->unread.bytes, conn->unread.len);
    if (conn->state == CONN_OPEN && used > 0)
        buffer_drop(&conn->unread, used);
}

/* ---- settling ---- */

/* Whether the connection may be read and has input that no event will report. */
static bool has_pending(const struct conn *conn)
{
    return transport_pending(&conn->transport) && !conn->ended &&
           !conn_waits(conn, CONN_PAUSED | CONN_HELD);
}

/* Whether there is work that waits for nobody else. */
static bool can_go_on(const struct conn *conn)
{
    bool goes_on = conn_waits(conn, CONN_HELD) && !conn_waits(conn, CONN_PAUSED);
    return conn->state == CONN_OPEN && !conn_waits(conn, CONN_BLOCKED) &&
           (conn->wants_writable || (goes_on && !conn->mid_reply) || has_pending(conn));
}

static uint64_t made_bytes(const struct conn *conn)
{
    return conn->bytes_out + conn->pool->unsent_made;
}

static void go_on(struct conn *conn)
{
    uint64_t turn_began = made_bytes(conn);
    conn_flush(conn);
    while (can_go_on(conn) && made_bytes(conn) - turn_began < CONN_TURN_BYTES) {
        if (conn->wants_writable) {
            conn->wants_writable = false;
            conn->handler->writable(conn);
        } else if (conn_waits(conn, CONN_HELD)) {
            input_held(conn);
        } else {
            read_input(conn, clock_monotonic_ns());
        }
        conn_flush(conn);
    }
    set_wait(conn, CONN_YIELDED, can_go_on(conn));
}

/* A connection has one turn a round: one that wants more goes behind those that waited before. */
bool conn_pool_run_yielded(struct conn_pool *pool)
{
    const uint64_t began_ns = clock_monotonic_ns();
    const struct conn *last = TAILQ_LAST(&pool->yielded, conn_list); /* compared, and never read */
    struct conn *conn;
    for (int i = 0; i < TURNS_A_ROUND && (conn = TAILQ_FIRST(&pool->yielded)); i++) {
        bool all_had_theirs = conn == last;
        set_wait(conn, CONN_YIELDED, false);
        conn_settle(conn);
        if (all_had_theirs || clock_monotonic_ns() - began_ns >= TURNS_NS)
            break;
    }
    return !TAILQ_EMPTY(&pool->yielded);
}

/* No more input will come, what came is executed, and nobody owes the peer anything. */
static bool is_done(const struct conn *conn)
{
    return (conn->ended || conn->finishing) &&
           !conn_waits(conn, CONN_BLOCKED | CONN_HELD | CONN_PAUSED) && !conn->mid_reply &&
           !conn->wants_writable && !conn->handler->busy(conn) &&
           !(conn->ended && conn->handler->owes_pushes(conn));
}

static void end(struct conn *conn)
{
    if (conn->ended && conn->unread.len > 0) {
        conn->handler->unfinished(conn, conn->unread.len);
        conn_flush(conn);
    }
    conn_finish(conn, conn->ended ? CLOSE_PEER : CLOSE_STOP);
}

void conn_settle(struct conn *conn)
{
    loop_assert_owner(conn->pool->loop);
    go_on(conn);
    if (conn->state != CONN_OPEN) /* not earlier: the handler may be in the middle of input */
        buffer_free(&conn->unread);
    if (conn->state == CONN_OPEN && conn->leaving) {
        conn->leaving = false;
        conn->handler->leave(conn);
        return;
    }
    if (conn->state == CONN_OPEN && is_done(conn))
        end(conn);
    if (conn->state == CONN_CLOSING && !conn_waits(conn, CONN_BLOCKED) &&
        !conn->handler->busy(conn))
        set_state(conn, conn->ended ? CONN_DOOMED : CONN_DRAINING);
    update_message(conn);
    if (conn->state != CONN_DOOMED)
        update_interest(conn);
    if (conn->state == CONN_DOOMED) {
        conn->handler->close(conn);
        conn_detach(conn);
        conn_abandon(conn);
    }
}

static void on_event(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    struct conn *conn = context;
    loop_is_awake(conn->pool->loop);
    const bool any = transport_want(&conn->transport) != 0; /* either event lets both directions go
                                                             * on */
    if ((any || what & EV_WRITE) && conn_waits(conn, CONN_BLOCKED))
        flush_unsent(conn);
    if (any || what & EV_READ) {
        if (conn->state == CONN_DRAINING)
            drain(conn);
        else if (conn->state == CONN_OPEN && conn->waits == 0 && !conn->ended)
            read_input(conn, loop_woken_ns(conn->pool->loop));
    }
    conn_settle(conn);
}

/* ---- deadlines ---- */

/* Closes a reader that has taken nothing since it was blocked; one that has taken something gets a
 * new deadline. */
static void on_stall(struct conn *conn, uint64_t now_ns)
{
    uint32_t outq = socket_unsent(conn->transport.fd);
    if (outq < conn->blocked_outq) {
        conn->blocked_outq = outq;
        timeouts_end(&conn->pool->timeouts, AWAITS_OUTPUT, &conn->timeout);
        timeouts_begin(&conn->pool->timeouts, AWAITS_OUTPUT, &conn->timeout, now_ns,
                       conn->pool->stall_ns);
        return;
    }
    conn_doom(conn, CLOSE_STALLED);
    conn_settle(conn);
}

/* Closes a connection that said goodbye. If the peer's machine has not taken all replies, because
 * it got no processor or reads slowly, closing would lose them; so it has as much time as any
 * reader. */
static void on_lingered(struct conn *conn, uint64_t now_ns)
{
    uint32_t lingered_ms = (uint32_t)(now_ns / NS_PER_MS) - conn->lingers_since_ms;
    if (socket_unsent(conn->transport.fd) > 0 &&
        lingered_ms * (uint64_t)NS_PER_MS < conn->pool->stall_ns) {
        timeouts_end(&conn->pool->timeouts, AWAITS_GOODBYE, &conn->timeout);
        linger(conn, now_ns);
        return;
    }
    conn_doom(conn, (enum close_reason)conn->closes_for);
    conn_settle(conn);
}

static bool could_not_send(const struct conn *conn)
{
    return conn_waits(conn, CONN_HELD | CONN_PAUSED) || conn->mid_reply ||
           conn->handler->busy(conn);
}

/* Closes a peer that has not sent the rest of a message. One that could not, because it was not
 * read or is owed a reply, gets a new deadline. */
static void on_overdue(struct conn *conn, uint64_t now_ns)
{
    conn_read_now(conn); /* what has arrived came in time, though nobody looked */
    if (conn->timed && could_not_send(conn)) {
        begin_time(conn, now_ns);
    } else if (conn->timed && !conn->ended) {
        stop_time(conn);
        conn->handler->overdue(conn);
    }
    conn_settle(conn);
}

static void on_timeout(struct timeout *timeout, unsigned kind, uint64_t now_ns)
{
    struct conn *conn = container_of(timeout, struct conn, timeout);
    if (kind == AWAITS_OUTPUT)
        on_stall(conn, now_ns);
    else if (kind == AWAITS_GOODBYE)
        on_lingered(conn, now_ns);
    else
        on_overdue(conn, now_ns);
}
