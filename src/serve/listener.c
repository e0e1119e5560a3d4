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

#include "net/admission.h"
#include "base/clock.h"
#include "net/conn.h"
#include "base/counters.h"
#include "serve/client.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/socket.h"
#include "serve/reserve.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    ACCEPTS_A_ROUND = 64,
    ARRIVING_MAX = 32, /* on their way to workers: about half a ms of a worker's time */
    ARRIVING_PAUSE_MS = 1,
    PAUSE_MS = 100,
    REFUSALS_TOLD_S = 60, /* between two lines in the log */
    REFUSALS_OVER_S = 5,  /* so long without a refusal, and they are over */
};

struct listening {
    struct listener *listener;
    int fd;
    const struct client_protocol *protocol; /* spoken there */
    bool admin;
    struct event event;
    char address[320];
};

struct listener {
    struct server *server;
    struct event_base *base;
    struct listener_protocols protocols;
    struct event pause_timer;
    struct reserve *reserve; /* of connections too many */
    struct {
        bool told;        /* the log says that some are turned away, and not yet that none are */
        uint64_t told_ns; /* when it last said so */
        uint64_t last_ns; /* of the last refusal */
        uint64_t count;   /* refusals since it last said so */
    } refusals;
    char admin_path[sizeof(
        ((struct sockaddr_un *)0)->sun_path)]; /* empty until the socket is ours */
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

/* Logs a line when the server begins to turn connections away, and one a minute while it does. */
static void note_refusal(struct listener *listener, const union peer *peer)
{
    const struct config *config = listener->server->config;
    bool full = admission_is_full(listener->server->admission);
    uint64_t now_ns = clock_monotonic_ns();
    char text[PEER_TEXT_MAX];
    listener->refusals.count++;
    listener->refusals.last_ns = now_ns;
    if (listener->refusals.told &&
        now_ns - listener->refusals.told_ns < (uint64_t)REFUSALS_TOLD_S * NS_PER_S)
        return;
    log_warning("too many connections: turning away limit=%s max=%u count=%" PRIu64 " last=%s",
                full ? "max-connections" : "max-per-address",
                full ? config->max_connections : config->max_per_address, listener->refusals.count,
                peer_text(peer, text));
    listener->refusals.told = true;
    listener->refusals.told_ns = now_ns;
    listener->refusals.count = 0;
}

/* Logs a line when a connection is taken some time after the last refusal. */
static void note_admission(struct listener *listener)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (!listener->refusals.told ||
        now_ns - listener->refusals.last_ns < (uint64_t)REFUSALS_OVER_S * NS_PER_S)
        return;
    log_info("connections are taken again turned_away=%" PRIu64, listener->refusals.count);
    listener->refusals.told = false;
    listener->refusals.count = 0;
}

/* Hands over one connection too many, to be told so. */
static void tell_one_too_many(void *context, const struct client_protocol *protocol, int fd,
                              const union peer *peer)
{
    struct listener *listener = context;
    struct admission *admission = listener->server->admission;
    if (!admission_turn_away(admission))
        close(fd);
    else if (!open_client(listener, protocol, fd, peer, CLIENT_ONE_TOO_MANY))
        admission_turned_away(admission);
}

static void turn_away(struct listener *listener, const struct client_protocol *protocol, int fd,
                      const union peer *peer)
{
    counter_add(&listener->refused, 1);
    note_refusal(listener, peer);
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
    note_admission(listener);
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

static uint64_t queue_length(int fd)
{
    /* On a listening socket tcpi_unacked is the accept queue's length (net/ipv4/tcp.c,
     * tcp_get_info). */
    struct tcp_info info;
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_unacked : 0;
}

static void note_queue(struct listening *listening)
{
    uint64_t length = listening->admin ? 0 : queue_length(listening->fd);
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

static struct listening *add_socket(struct listener *listener, int fd,
                                    const struct client_protocol *protocol, bool admin)
{
    struct listening *listening = &listener->sockets[listener->count++];
    listening->listener = listener;
    listening->fd = fd;
    listening->protocol = protocol;
    listening->admin = admin;
    event_assign(&listening->event, listener->base, fd, EV_READ | EV_PERSIST, on_acceptable,
                 listening);
    return listening;
}

static void format_address(char *out, size_t size, const char *host, unsigned port)
{
    snprintf(out, size, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

/* The address as configured, with the port that was taken. Returns 0, or -1 with errno set. */
static int describe_address(struct listening *listening, const struct config_address *wanted)
{
    const union peer bound = peer_local(listening->fd);
    if (bound.family == AF_UNSPEC)
        return -1;
    format_address(listening->address, sizeof listening->address, wanted->host, peer_port(&bound));
    return 0;
}

/* Returns a bound socket, or -1 with errno set. */
static int bind_to(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    socket_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (info->ai_family ==
        AF_INET6) /* so that the server can listen on both 0.0.0.0:9000 and [::]:9000 */
        socket_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int refuse_address(const struct config_address *address, const char *reason, char *why)
{
    char text[sizeof(((struct listening *)0)->address)];
    format_address(text, sizeof text, address->host, address->port);
    snprintf(why, LISTENER_WHY_MAX, "can't listen on %s: %s", text, reason);
    return -1;
}

static int bind_public(struct listener *listener, const struct client_protocol *protocol,
                       const struct config_address *address, char *why)
{
    char port[8];
    snprintf(port, sizeof port, "%u", address->port);
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    int code = getaddrinfo(address->host, port, &hints, &found);
    if (code != 0)
        return refuse_address(address, gai_strerror(code), why);
    int fd = -1;
    for (const struct addrinfo *info = found; info && fd < 0; info = info->ai_next)
        fd = bind_to(info);
    int error = errno;
    freeaddrinfo(found);
    if (fd < 0)
        return refuse_address(address, strerror(error), why);
    if (describe_address(add_socket(listener, fd, protocol, false), address) != 0)
        return refuse_address(address, strerror(errno), why);
    return 0;
}

/* Removes the socket that a server which was killed left at this path. A live server's is kept, and
 * is an error. */
static int clear_stale_socket(const struct sockaddr_un *address, char *why)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return 0;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool stale = S_ISSOCK(status.st_mode) && probe >= 0 &&
                 connect(probe, (const struct sockaddr *)address, sizeof *address) != 0 &&
                 errno == ECONNREFUSED;
    if (probe >= 0)
        close(probe);
    if (stale && unlink(address->sun_path) == 0)
        return 0;
    snprintf(why, LISTENER_WHY_MAX, "can't make the admin socket %s: %s", address->sun_path,
             S_ISSOCK(status.st_mode) ? "another server uses it" : "there is a file of that name");
    return -1;
}

/* Returns a socket that nobody else can ever connect to, or -1 with errno set. */
static int bind_path(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    int error = errno;
    umask(mask);
    if (!bound && fd >= 0)
        close(fd);
    errno = error;
    return bound ? fd : -1;
}

/* A service may be forbidden to call chown at all, and be given its group by whoever starts it. */
static int give_group(const char *path, gid_t group)
{
    struct stat status;
    if (stat(path, &status) == 0 && status.st_gid == group)
        return 0;
    return chown(path, (uid_t)-1, group);
}

static int admit_group(const char *path, gid_t group)
{
    return give_group(path, group) == 0 && chmod(path, 0660) == 0 ? 0 : -1;
}

static int bind_admin(struct listener *listener, const char *path, char *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(why, LISTENER_WHY_MAX, "the admin socket's path is longer than %zu bytes",
                 sizeof address.sun_path - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    if (clear_stale_socket(&address, why) != 0)
        return -1;
    int fd = bind_path(&address);
    if (fd < 0) {
        snprintf(why, LISTENER_WHY_MAX, "can't make the admin socket %s: %s", path,
                 strerror(errno));
        return -1;
    }
    const struct config *config = listener->server->config;
    if (config->has_admin_group && admit_group(path, config->admin_group) != 0) {
        snprintf(
            why, LISTENER_WHY_MAX,
            "can't give the admin socket %s to the group %u, of which the server's user has to "
            "be a member: %s",
            path, (unsigned)config->admin_group, strerror(errno));
        unlink(path);
        close(fd);
        return -1;
    }
    strcpy(listener->admin_path, path);
    add_socket(listener, fd, listener->protocols.line, true);
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
        result = bind_public(listener, protocols->line, &config->listen[i], why);
    if (result == 0 && config->http_on)
        result = bind_public(listener, protocols->http, &config->http, why);
    if (result == 0)
        return listener;
    listener_free(listener);
    return NULL;
}

int listener_start(struct listener *listener, char why[LISTENER_WHY_MAX])
{
    if (bind_admin(listener, listener->server->config->admin, why) != 0)
        return -1;
    for (size_t i = 0; i < listener->count; i++) {
        struct listening *listening = &listener->sockets[i];
        if (listen(listening->fd, BACKLOG) != 0) { /* another server bound it at the same time */
            snprintf(why, LISTENER_WHY_MAX, "can't listen on %s: %s",
                     listening->admin ? listener->admin_path : listening->address, strerror(errno));
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
    for (size_t i = 0; i < listener->count; i++)
        close(listener->sockets[i].fd);
    if (listener->admin_path[0])
        unlink(listener->admin_path);
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

/* ---- what the kernel knows ---- */

/* The value in the named column of a pair of lines in /proc/self/net/netstat; 0 if it isn't there.
 * (A service that sees only its own processes has no /proc/net.) */
static uint64_t netstat_value(const char *group, const char *name)
{
    FILE *file = fopen("/proc/self/net/netstat", "re");
    if (!file)
        return 0;
    uint64_t value = 0;
    char *names = NULL, *values = NULL;
    size_t names_size = 0, values_size = 0;
    while (getline(&names, &names_size, file) > 0 && getline(&values, &values_size, file) > 0) {
        if (strncmp(names, group, strlen(group)) != 0)
            continue;
        char *next_name, *next_value;
        char *column = strtok_r(names, " \n", &next_name),
             *number = strtok_r(values, " \n", &next_value);
        while (column && number && strcmp(column, name) != 0) {
            column = strtok_r(NULL, " \n", &next_name);
            number = strtok_r(NULL, " \n", &next_value);
        }
        value = column && number ? strtoull(number, NULL, 10) : 0;
        break;
    }
    free(names);
    free(values);
    fclose(file);
    return value;
}

void listener_stats(const struct listener *listener, struct listener_stats *stats)
{
    *stats = (struct listener_stats){
        .accepted = counter_get(&listener->accepted),
        .refused = counter_get(&listener->refused),
        .queue_max = counter_get(&listener->queue_max),
        .overflows = netstat_value("TcpExt:", "ListenOverflows"),
    };
    for (size_t i = 0; i < listener->count; i++)
        if (!listener->sockets[i].admin)
            stats->queue += queue_length(listener->sockets[i].fd);
}
