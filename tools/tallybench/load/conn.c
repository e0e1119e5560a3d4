/* The load's connections (see conn.h). An error or end that the server causes is a fault of the
 * run, reported here once. The connection is then closed, and its owner sees that by its state. */
#include "tools/tallybench/load/conn.h"

#include "base/clock.h"
#include "tools/tallybench/load/http.h"
#include "tools/tallybench/load/lane.h"
#include "tools/lib/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const role_names[] = {
    [ROLE_VOTER] = "voter",
    [ROLE_SUBSCRIBER] = "subscriber",
    [ROLE_SLOW] = "slow reader",
    [ROLE_STALLED] = "stalled subscriber",
    [ROLE_SSE] = "SSE reader",
    [ROLE_STALLED_SSE] = "stalled SSE reader",
    [ROLE_HTTP_VOTER] = "HTTP voter",
    [ROLE_IDLE] = "idle connection",
    [ROLE_CHURN] = "short connection",
};

const char *bench_conn_name(const struct bench_conn *conn)
{
    static _Thread_local char name[48];
    snprintf(name, sizeof name, "%s %u", role_names[conn->role], conn->number + 1);
    return name;
}

/* Edge-triggered: epoll reports input once when it comes, and does not check again whether it was
 * read. So where a read may have left something, bench_conn_look_again must be called. */
static int watch(struct bench_conn *conn, struct lane *lane, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLET | EPOLLRDHUP, .data.ptr = conn};
    return epoll_ctl(lane->epoll, operation, conn->fd, &event);
}

int bench_conn_open(struct bench_conn *conn, struct lane *lane, uint64_t source)
{
    bool small_window =
        conn->role == ROLE_SLOW || conn->role == ROLE_STALLED || conn->role == ROLE_STALLED_SSE;
    bool http = bench_conn_is_http(conn);
    conn->opened_ns = clock_monotonic_ns();
    conn->fd = target_connect(http ? &lane->load->http : &lane->load->target, source, small_window);
    if (conn->fd < 0)
        return -1;
    conn->state = BENCH_CONN_OPENED;
    if (http)
        conn->replies = http_replies_new();
    /* There is no need to wait for the connection first: the greeting comes by itself, and with
     * HTTP a request that can't be sent yet is kept. */
    return watch(conn, lane, EPOLL_CTL_ADD, EPOLLIN);
}

void bench_conn_tell_failure(const struct bench_conn *conn, struct lane *lane)
{
    const char *why = strerror(errno);
    if (errno == EADDRNOTAVAIL)
        why = "no local port is left; they come free a minute after their connections end";
    faults_add(&lane->load->faults, "%s: connect: %s", bench_conn_name(conn), why);
}

void bench_conn_look_again(struct bench_conn *conn, struct lane *lane)
{
    watch(conn, lane, EPOLL_CTL_MOD, EPOLLIN | (conn->unsent.len > 0 ? EPOLLOUT : 0));
}

/* The server ended it, or the network did. */
static void lose(struct bench_conn *conn, struct lane *lane, int error)
{
    faults_add(&lane->load->faults, "%s: %s", bench_conn_name(conn),
               error ? strerror(error) : "the server closed the connection");
    bench_conn_close(conn);
}

bool bench_conn_read(struct bench_conn *conn, struct lane *lane, size_t most, struct span *input)
{
    size_t kept = conn->partial.len;
    size_t room = sizeof lane->buffer - kept;
    if (room == 0) {
        faults_add(&lane->load->faults, "%s: a line of %zu bytes or more", bench_conn_name(conn),
                   kept);
        bench_conn_close(conn);
        return false;
    }
    if (kept > 0)
        memcpy(lane->buffer, conn->partial.bytes, kept);
    size_t asked = most > 0 && most < room ? most : room;
    ssize_t n = recv(conn->fd, lane->buffer + kept, asked, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        lose(conn, lane, n < 0 ? errno : 0);
        return false;
    }
    if ((size_t)n == asked && most == 0)
        bench_conn_look_again(conn, lane);
    lane_count(&lane->counters.bytes_in, (uint64_t)n);
    conn->partial.len = 0;
    *input = (struct span){lane->buffer, kept + (size_t)n};
    return true;
}

/* Takes the part before a mark of so many bytes; the mark is NULL if the input ends before it. */
static bool take_until(struct bench_conn *conn, struct span *input, const char *mark, size_t len,
                       struct span *piece)
{
    if (!mark) {
        if (input->len > 0)
            must_append(&conn->partial, input->at, input->len);
        return false;
    }
    *piece = (struct span){input->at, (size_t)(mark - input->at)};
    input->at = mark + len;
    input->len -= piece->len + len;
    return true;
}

bool bench_conn_line(struct bench_conn *conn, struct span *input, struct span *line)
{
    return take_until(conn, input, memchr(input->at, '\n', input->len), 1, line);
}

bool bench_conn_block(struct bench_conn *conn, struct span *input, struct span *block)
{
    return take_until(conn, input, memmem(input->at, input->len, "\n\n", 2), 2, block);
}

/* Sends what the kernel takes. Returns how much that is. */
static size_t try_send(struct bench_conn *conn, struct lane *lane, const char *bytes, size_t len)
{
    ssize_t n = send(conn->fd, bytes, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        lose(conn, lane, errno);
    size_t sent = n > 0 ? (size_t)n : 0;
    lane_count(&lane->counters.bytes_out, sent);
    return sent;
}

void bench_conn_send(struct bench_conn *conn, struct lane *lane, const char *bytes, size_t len)
{
    size_t sent = conn->unsent.len > 0 ? 0 : try_send(conn, lane, bytes, len);
    if (sent == len || conn->state == BENCH_CONN_CLOSED)
        return;
    if (conn->unsent.len == 0)
        watch(conn, lane, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    must_append(&conn->unsent, bytes + sent, len - sent);
}

bool bench_conn_flush(struct bench_conn *conn, struct lane *lane)
{
    if (conn->unsent.len == 0)
        return true;
    size_t sent = try_send(conn, lane, conn->unsent.bytes, conn->unsent.len);
    if (conn->state == BENCH_CONN_CLOSED)
        return false;
    buffer_drop(&conn->unsent, sent);
    if (conn->unsent.len > 0)
        return false;
    watch(conn, lane, EPOLL_CTL_MOD, EPOLLIN);
    return true;
}

void bench_conn_ignore(struct bench_conn *conn, struct lane *lane)
{
    watch(conn, lane, EPOLL_CTL_DEL, 0);
}

void bench_conn_close(struct bench_conn *conn)
{
    if (conn->state == BENCH_CONN_OPENED || conn->state == BENCH_CONN_READY)
        close(conn->fd);
    conn->state = BENCH_CONN_CLOSED;
    buffer_free(&conn->partial);
    buffer_free(&conn->unsent);
    http_replies_free(conn->replies);
    conn->replies = NULL;
}
