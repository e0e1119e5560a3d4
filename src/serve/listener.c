/* Listening sockets. Runs on the main thread.
 *
 * Happy path: readable → accept a few → set the socket's options → client_open hands it to the
 * ingest worker with the fewest. One connection too many is handed over as well, to be told so. If
 * its peer speaks first, that waits until it has (reserve.c), so that probes are answered.
 *
 * Workers welcome a connection more slowly than this thread accepts it, and welcome all that wait
 * before they look at any other. So only a few may be on their way. The others wait in the kernel's
 * queue, and a flood of connections does not delay voters.
 *
 * EMFILE and ENFILE: accepting pauses for 100 ms, so that it neither spins nor loses the
 * connections in the kernel's queue. */
#include "serve/listener.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "net/accept_queue.h"
#include "net/admission.h"
#include "net/loop.h"
#include "net/socket.h"
#include "serve/bind.h"
#include "serve/client.h"
#include "serve/refusals.h"
#include "serve/reserve.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    ACCEPTS_A_ROUND = 64,
    ARRIVING_MAX = 32, /* on their way to workers: about half a ms of a worker's time */
    ARRIVING_PAUSE_MS = 1,
    PAUSE_MS = 100,
};

struct listening {
    struct listener *listener;
    int fd;
    const struct client_protocol *protocol; /* spoken there */
    bool admin;
    struct event event;
    char address[BIND_ADDRESS_MAX]; /* or the path of the admin socket */
};

struct listener {
    struct server *server;
    struct event_base *base;
    struct listener_protocols protocols;
    struct event pause_timer;
    struct reserve *reserve; /* of connections too many */
    struct refusals refusals;
    uint64_t next_id;
    bool pausing; /* for want of descriptors; until the next accepted connection */
    _Atomic uint64_t accepted;
    _Atomic uint64_t refused;
    _Atomic uint64_t queue_max;
    size_t count;
    struct listening sockets[CONFIG_LISTEN_MAX + 2]; /* lines, HTTP, the admin socket */
};

/* ---- accepting ---- */

/* Whether the peer is a member of the group, by its own group or a supplementary one. */
static bool is_member(int fd, gid_t group)
{
    static gid_t groups[NGROUPS_MAX]; /* the main thread accepts */
    socklen_t len = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
        return false;
    for (size_t i = 0; i < len / sizeof *groups; i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* The admin socket is for the server's own user, root, and the group that the configuration names.
 * Its mode says so already; this also holds where modes have no effect. */
static bool is_administrator(int fd, const struct config *config)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0 ||
            (config->has_admin_group &&
             (peer.gid == config->admin_group || is_member(fd, config->admin_group))));
}

/* Hands a socket to a worker. Returns whether memory sufficed. */
static bool open_client(struct listener *listener, const struct client_protocol *protocol, int fd,
                        const union peer *peer, enum client_origin origin)
{
    if (client_open(listener->server, protocol, fd, peer, listener->next_id++, origin) == 0)
        return true;
    log_warning("out of memory for a connection");
    return false;
}

static void admit_admin(struct listener *listener, int fd, const union peer *peer)
{
    if (is_administrator(fd, listener->server->config)) {
        counter_add(&listener->accepted, 1);
        open_client(listener, listener->protocols.line, fd, peer, CLIENT_ADMIN);
        return;
    }
    log_warning("admin connection of another user refused");
    close(fd);
}

/* Hands over one connection too many, to be told so. */
static void tell_one_too_many(void *context, const struct client_protocol *protocol, int fd,
                              const union peer *peer)
{
    struct listener *listener = context;
    struct admission *admission = listener->server->admission;
    enum admission_told kind = client_told(protocol);
    if (!admission_turn_away(admission, kind))
        close(fd);
    else if (!open_client(listener, protocol, fd, peer, CLIENT_ONE_TOO_MANY))
        admission_turned_away(admission, kind);
}

static void turn_away(struct listener *listener, const struct client_protocol *protocol, int fd,
                      const union peer *peer)
{
    const struct config *config = listener->server->config;
    counter_add(&listener->refused, 1);
    bool full = admission_is_full(listener->server->admission);
    refusals_note(&listener->refusals, full ? "max-connections" : "max-per-address",
                  full ? config->max_connections : config->max_per_address, peer);
    if (protocol->peer_begins)
        reserve_keep(listener->reserve, protocol, fd, peer);
    else
        tell_one_too_many(listener, protocol, fd, peer);
}

static void admit_public(struct listener *listener, const struct client_protocol *protocol, int fd,
                         const union peer *peer)
{
    struct admission *admission = listener->server->admission;
    socket_keep_alive(fd);
    if (!admission_enter(admission, peer)) {
        turn_away(listener, protocol, fd, peer);
        return;
    }
    refusals_note_admission(&listener->refusals);
    counter_add(&listener->accepted, 1);
    if (!open_client(listener, protocol, fd, peer, CLIENT_PUBLIC))
        admission_leave(admission, peer);
}

static void stop_accepting(struct listener *listener)
{
    for (size_t i = 0; i < listener->count; i++)
        event_del(&listener->sockets[i].event);
}

/* Returns 0, or -1 with errno set; then the server accepts from some sockets and not from
 * others. */
static int accept_again(struct listener *listener)
{
    for (size_t i = 0; i < listener->count; i++)
        if (event_add(&listener->sockets[i].event, NULL) != 0)
            return -1;
    return 0;
}

static void pause_accepting(struct listener *listener, unsigned ms)
{
    stop_accepting(listener);
    loop_set_timer(&listener->pause_timer, ms * (uint64_t)NS_PER_MS);
}

static void on_pause_over(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    if (accept_again(context) != 0)
        pause_accepting(context, PAUSE_MS);
}

static void on_accept_error(struct listener *listener, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK || error == ECONNABORTED || error == EINTR)
        return;
    if (!listener->pausing) /* once a shortage, not ten times a second */
        log_warning("can't accept now, trying again every %d ms error=%s", PAUSE_MS,
                    strerror(error));
    listener->pausing = true;
    pause_accepting(listener, PAUSE_MS);
}

static void note_queue(struct listening *listening)
{
    uint64_t length = listening->admin ? 0 : accept_queue_length(listening->fd);
    if (length > counter_get(&listening->listener->queue_max))
        atomic_store_explicit(&listening->listener->queue_max, length, memory_order_relaxed);
}

static void on_acceptable(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct listening *listening = context;
    struct listener *listener = listening->listener;
    note_queue(listening);
    for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
        if (admission_arriving(listener->server->admission) >= ARRIVING_MAX) {
            pause_accepting(listener, ARRIVING_PAUSE_MS);
            return;
        }
        union peer peer = {.family = AF_UNIX};
        socklen_t len = sizeof peer;
        int accepted = accept4(fd, listening->admin ? NULL : (struct sockaddr *)&peer,
                               listening->admin ? NULL : &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) {
            on_accept_error(listener, errno);
            return;
        }
        listener->pausing = false;
        if (listening->admin)
            admit_admin(listener, accepted, &peer);
        else
            admit_public(listener, listening->protocol, accepted, &peer);
    }
}

/* ---- listening ---- */

static void add_socket(struct listener *listener, int fd, const char *address,
                       const struct client_protocol *protocol, bool admin)
{
    struct listening *listening = &listener->sockets[listener->count++];
    listening->listener = listener;
    listening->fd = fd;
    listening->protocol = protocol;
    listening->admin = admin;
    event_assign(&listening->event, listener->base, fd, EV_READ | EV_PERSIST, on_acceptable,
                 listening);
    snprintf(listening->address, sizeof listening->address, "%s", address);
}

static int add_public(struct listener *listener, const struct client_protocol *protocol,
                      const struct config_address *address, char *why)
{
    char bound[BIND_ADDRESS_MAX];
    int fd = bind_address(address, bound, why);
    if (fd < 0)
        return -1;
    add_socket(listener, fd, bound, protocol, false);
    return 0;
}

static int add_admin(struct listener *listener, char *why)
{
    const struct config *config = listener->server->config;
    int fd = bind_admin(config, why);
    if (fd < 0)
        return -1;
    add_socket(listener, fd, config->admin, listener->protocols.line, true);
    return 0;
}

/* ---- life ---- */

struct listener *listener_new(struct server *server, struct event_base *base,
                              const struct listener_protocols *protocols,
                              char why[LISTENER_WHY_MAX])
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener || !(listener->reserve = reserve_new(base, tell_one_too_many, listener))) {
        snprintf(why, LISTENER_WHY_MAX, "out of memory");
        free(listener);
        return NULL;
    }
    listener->server = server;
    listener->base = base;
    listener->protocols = *protocols;
    listener->next_id = 1;
    evtimer_assign(&listener->pause_timer, base, on_pause_over, listener);
    const struct config *config = server->config;
    int result = 0;
    for (size_t i = 0; i < config->listen_count && result == 0; i++)
        result = add_public(listener, protocols->line, &config->listen[i], why);
    if (result == 0 && config->http_on)
        result = add_public(listener, protocols->http, &config->http, why);
    if (result == 0)
        return listener;
    listener_free(listener);
    return NULL;
}

int listener_start(struct listener *listener, char why[LISTENER_WHY_MAX])
{
    if (add_admin(listener, why) != 0)
        return -1;
    for (size_t i = 0; i < listener->count; i++) {
        struct listening *listening = &listener->sockets[i];
        if (listen(listening->fd, BACKLOG) != 0) { /* another server bound it at the same time */
            snprintf(why, LISTENER_WHY_MAX, "can't listen on %s: %s", listening->address,
                     strerror(errno));
            return -1;
        }
    }
    if (accept_again(listener) != 0) {
        snprintf(why, LISTENER_WHY_MAX, "can't wait for connections: %s", strerror(errno));
        return -1;
    }
    return 0;
}

/* The descriptors stay open: a worker may be reading their statistics. */
void listener_stop(struct listener *listener)
{
    event_del(&listener->pause_timer);
    stop_accepting(listener);
    if (listener->reserve)
        reserve_free(listener->reserve);
    listener->reserve = NULL;
    for (size_t i = 0; i < listener->count; i++)
        shutdown(listener->sockets[i].fd, SHUT_RDWR);
}

void listener_free(struct listener *listener)
{
    listener_stop(listener);
    for (size_t i = 0; i < listener->count; i++) {
        close(listener->sockets[i].fd);
        if (listener->sockets[i].admin)
            unlink(listener->sockets[i].address);
    }
    free(listener);
}

const char *listener_address(const struct listener *listener, size_t index)
{
    return index < listener->server->config->listen_count ? listener->sockets[index].address : NULL;
}

const char *listener_http_address(const struct listener *listener)
{
    const struct config *config = listener->server->config;
    return config->http_on ? listener->sockets[config->listen_count].address : NULL;
}

void listener_stats(const struct listener *listener, struct listener_stats *stats)
{
    *stats = (struct listener_stats){
        .accepted = counter_get(&listener->accepted),
        .refused = counter_get(&listener->refused),
        .queue_max = counter_get(&listener->queue_max),
        .overflows = accept_queue_overflows(),
    };
    for (size_t i = 0; i < listener->count; i++)
        if (!listener->sockets[i].admin)
            stats->queue += accept_queue_length(listener->sockets[i].fd);
}
