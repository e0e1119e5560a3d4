/* A connection over transports that hold bytes of their own, as one that decrypts does: what they
 * hold is read though no event tells of it, and they get the events that they ask for. */
#include "net/conn.h"
#include "base/clock.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 4, ROUNDS = 10 };

/* ---- the transport ---- */

static struct {
    char bytes[64]; /* what it took from the socket and has not given yet */
    size_t len;
    bool writes_first; /* it gives nothing before it could write */
    short want;
} held;

static ssize_t held_read(struct transport *transport, char *bytes, size_t len, int *file)
{
    (void)file;
    ssize_t n =
        recv(transport->fd, held.bytes + held.len, sizeof held.bytes - held.len, MSG_DONTWAIT);
    held.len += n > 0 ? (size_t)n : 0;
    held.want = held.writes_first && held.len > 0 ? EV_WRITE : 0;
    held.writes_first = false;
    if (held.want || held.len == 0) {
        errno = EAGAIN;
        return n == 0 ? 0 : -1;
    }
    size_t given = held.len < PIECE ? held.len : PIECE;
    ck_assert_uint_le(given, len);
    memcpy(bytes, held.bytes, given);
    held.len -= given;
    memmove(held.bytes, held.bytes + given, held.len);
    return (ssize_t)given;
}

static bool held_pending(const struct transport *transport)
{
    (void)transport;
    return held.len > 0 && !held.want;
}

static short held_want(const struct transport *transport)
{
    (void)transport;
    return held.want;
}

static struct transport_kind holding; /* transport_plain with these */

/* ---- the handler ---- */

static char taken[64];
static size_t taken_len;
static bool pauses; /* after each input, once */

static size_t take_input(struct conn *conn, char *bytes, size_t len)
{
    if (len > 0)
        memcpy(taken + taken_len, bytes, len);
    taken_len += len;
    if (pauses)
        conn_pause(conn);
    pauses = false;
    return len;
}

static bool yes(struct conn *conn)
{
    (void)conn;
    return true;
}

static bool no(const struct conn *conn)
{
    (void)conn;
    return false;
}

static void nothing(struct conn *conn)
{
    (void)conn;
}

static const struct conn_handler handler = {.input = take_input,
                                            .may_read = yes,
                                            .writable = nothing,
                                            .busy = no,
                                            .owes_pushes = no,
                                            .close = nothing,
                                            .free = nothing};

/* ---- a connection ---- */

static struct loop loop;
static struct counters counters;
static struct conn_pool pool;
static struct conn conn;
static int peer;

static bool no_work(void *context)
{
    (void)context;
    return false;
}

static void set_up(void)
{
    static const uint64_t no_limits[CONN_MESSAGES];
    const union peer address = {.family = AF_INET};
    const struct loop_source source = {NULL, no_work, no_work};
    int ends[2];
    holding = transport_plain;
    holding.read = held_read;
    holding.pending = held_pending;
    holding.want = held_want;
    ck_assert_int_eq(loop_init(&loop, &source), 0);
    ck_assert_int_eq(conn_pool_init(&pool, &loop, &counters, NS_PER_S, no_limits), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer = ends[1];
    conn_init(&conn, &handler, ends[0], &address);
    conn.transport.kind = &holding;
    ck_assert_int_eq(conn_attach(&pool, &conn), 0);
    conn_settle(&conn);
}

static void tear_down(void)
{
    conn_doom(&conn, CLOSE_STOP);
    conn_settle(&conn);
    close(peer);
    conn_pool_destroy(&pool);
    loop_destroy(&loop);
}

static void run_rounds(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        conn_pool_run_yielded(&pool);
        event_base_loop(loop.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
}

static void send_and_run(const char *text)
{
    ck_assert_int_eq((int)send(peer, text, strlen(text), 0), (int)strlen(text));
    run_rounds();
}

static void assert_taken(const char *text)
{
    ck_assert_uint_eq(taken_len, strlen(text));
    ck_assert_int_eq(memcmp(taken, text, taken_len), 0);
}

START_TEST(what_a_transport_holds_is_read)
{
    send_and_run("a longer one");
    assert_taken("a longer one");
}
END_TEST

START_TEST(what_it_holds_waits_for_a_paused_handler)
{
    pauses = true;
    send_and_run("a longer one");
    assert_taken("a lo");
    conn_resume(&conn);
    conn_settle(&conn);
    run_rounds();
    assert_taken("a longer one");
}
END_TEST

START_TEST(a_transport_gets_the_events_that_it_wants)
{
    held.writes_first = true;
    send_and_run("a longer one");
    assert_taken("a longer one");
}
END_TEST

UNIT_MAIN("conn", {"transports", .set_up = set_up, .tear_down = tear_down,
                   .tests = {{what_a_transport_holds_is_read},
                             {what_it_holds_waits_for_a_paused_handler},
                             {a_transport_gets_the_events_that_it_wants}}})
