/* The flock. One thread, one epoll; level-triggered, so a peer that is looked at a byte at a time
 * comes up again. */
#include "tests/torture/flock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, TAKE_BYTES = 64 * 1024 };

void flock_init(struct flock *flock, const struct server *server, unsigned count)
{
    *flock = (struct flock){.server = server, .count = count};
    flock->peers = calloc(count, sizeof *flock->peers);
    flock->epoll = epoll_create1(EPOLL_CLOEXEC);
    ck_assert(flock->peers != NULL && flock->epoll >= 0);
    for (unsigned i = 0; i < count; i++)
        flock->peers[i] = (struct peer){.fd = -1, .number = i, .reads = true};
}

void flock_free(struct flock *flock)
{
    for (unsigned i = 0; i < flock->count; i++)
        flock_reset(flock, &flock->peers[i]);
    close(flock->epoll);
    free(flock->peers);
}

/* ---- connecting ---- */

static void bind_from(int fd, uint32_t address)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    /* The port is chosen on connecting: on binding, it would have to be free for all peers. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
}

void flock_connect(struct flock *flock, struct peer *peer, unsigned group, int receive_bytes)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)flock->server->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_msg(peer->fd >= 0, "socket: %s", strerror(errno));
    if (receive_bytes > 0)
        setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    bind_from(peer->fd,
              group == 0 ? 0x7f000002 : 0x7f000000 + (group << 16) + 1 + peer->number % 64);
    int result = connect(peer->fd, (struct sockaddr *)&address, sizeof address);
    ck_assert_msg(result == 0 || errno == EINPROGRESS, "connect: %s", strerror(errno));
    struct epoll_event event = {.events = peer->reads ? EPOLLIN : 0, .data.ptr = peer};
    ck_assert_int_eq(epoll_ctl(flock->epoll, EPOLL_CTL_ADD, peer->fd, &event), 0);
    peer->ended = false;
    peer->error = 0;
    peer->lines = peer->sent = 0;
    peer->head_len = 0;
    flock->open++;
}

static void let_go(struct flock *flock, struct peer *peer, bool reset)
{
    if (peer->fd < 0)
        return;
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(peer->fd);
    peer->fd = -1;
    flock->open--;
}

void flock_close(struct flock *flock, struct peer *peer)
{
    let_go(flock, peer, false);
}

void flock_reset(struct flock *flock, struct peer *peer)
{
    let_go(flock, peer, true);
}

/* ---- sending and receiving ---- */

size_t flock_send(struct peer *peer, const void *bytes, size_t len)
{
    ssize_t sent = peer->fd < 0 ? 0 : send(peer->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0; /* what ended it, receiving tells */
}

static void end_peer(struct flock *flock, struct peer *peer, int error)
{
    peer->ended = true;
    peer->error = error;
    flock_close(flock, peer);
    if (flock->on_end != NULL)
        flock->on_end(flock, peer);
}

static void take_bytes(struct flock *flock, struct peer *peer, const char *bytes, size_t len)
{
    int fd = peer->fd;
    for (size_t i = 0; i < len && peer->fd == fd; i++) {
        if (bytes[i] != '\n') {
            if (peer->head_len < FLOCK_HEAD_MAX - 1)
                peer->head[peer->head_len++] = bytes[i];
            continue;
        }
        peer->head[peer->head_len] = '\0';
        peer->head_len = 0;
        peer->lines++;
        flock->on_line(flock, peer, peer->head);
    }
}

static void take(struct flock *flock, struct peer *peer)
{
    static char bytes[TAKE_BYTES];
    size_t most = peer->at_once > 0 ? peer->at_once : sizeof bytes;
    ssize_t len = recv(peer->fd, bytes, most, MSG_DONTWAIT);
    if (len > 0)
        take_bytes(flock, peer, bytes, (size_t)len);
    else if (len == 0 || (errno != EAGAIN && errno != EINTR))
        end_peer(flock, peer, len == 0 ? 0 : errno);
}

void flock_serve(struct flock *flock, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(flock->epoll, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;
        if (peer->fd < 0)
            continue; /* closed by another's line */
        if (peer->reads)
            take(flock, peer);
        else
            end_peer(flock, peer, ECONNRESET); /* all that it listens for */
    }
}

void flock_await_ends(struct flock *flock)
{
    int64_t deadline = server_now_ms() + SERVER_DEADLINE_S * 1000;
    while (flock->open > 0) {
        ck_assert_msg(server_now_ms() < deadline, "%u of %u connections are not closed",
                      flock->open, flock->count);
        flock_serve(flock, 100);
    }
}
