/* Sockets bound to their addresses, and the reason for a person where that fails. Main thread. */
#include "serve/bind.h"

#include "net/peer.h"
#include "net/socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void format_address(char out[BIND_ADDRESS_MAX], const char *host, unsigned port)
{
    snprintf(out, BIND_ADDRESS_MAX, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
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
    char text[BIND_ADDRESS_MAX];
    format_address(text, address->host, address->port);
    snprintf(why, BIND_WHY_MAX, "can't listen on %s: %s", text, reason);
    return -1;
}

/* The first of the host's addresses that can be had. Returns a bound socket; or -1, with the reason
 * in *reason. */
static int bind_any(const struct config_address *address, const char **reason)
{
    char port[8];
    snprintf(port, sizeof port, "%u", address->port);
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    int code = getaddrinfo(address->host, port, &hints, &found);
    if (code != 0) {
        *reason = code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code);
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *info = found; info && fd < 0; info = info->ai_next)
        fd = bind_to(info);
    int error = errno;
    freeaddrinfo(found);
    if (fd < 0)
        *reason = strerror(error);
    return fd;
}

int bind_address(const struct config_address *address, char bound[BIND_ADDRESS_MAX],
                 char why[BIND_WHY_MAX])
{
    const char *reason;
    int fd = bind_any(address, &reason);
    if (fd < 0)
        return refuse_address(address, reason, why);
    const union peer local = peer_local(fd);
    if (local.family == AF_UNSPEC) {
        refuse_address(address, strerror(errno), why);
        close(fd);
        return -1;
    }
    format_address(bound, address->host, peer_port(&local));
    return fd;
}

/* The reason to keep what has this path, or NULL if it is a socket that nobody listens at. */
static const char *why_kept(const struct sockaddr_un *address, mode_t mode)
{
    if (!S_ISSOCK(mode))
        return "there is a file of that name";
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return strerror(errno);
    int error = connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
    close(probe);
    if (error == ECONNREFUSED)
        return NULL;
    return error == EACCES ? "there is another user's socket" : "another server uses it";
}

/* Removes the socket that a server which was killed left at this path. A live server's is kept, and
 * is an error. */
static int clear_stale_socket(const struct sockaddr_un *address, char *why)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return 0;
    const char *kept = why_kept(address, status.st_mode);
    if (!kept && unlink(address->sun_path) != 0)
        kept = strerror(errno);
    if (!kept)
        return 0;
    snprintf(why, BIND_WHY_MAX, "can't make the admin socket %s: %s", address->sun_path, kept);
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

int bind_admin(const struct config *config, char why[BIND_WHY_MAX])
{
    const char *path = config->admin;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(why, BIND_WHY_MAX, "the admin socket's path is longer than %zu bytes",
                 sizeof address.sun_path - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    if (clear_stale_socket(&address, why) != 0)
        return -1;
    int fd = bind_path(&address);
    if (fd < 0) {
        snprintf(why, BIND_WHY_MAX, "can't make the admin socket %s: %s", path, strerror(errno));
        return -1;
    }
    if (config->has_admin_group && admit_group(path, config->admin_group) != 0) {
        snprintf(
            why, BIND_WHY_MAX,
            "can't give the admin socket %s to the group %u, of which the server's user has to "
            "be a member: %s",
            path, (unsigned)config->admin_group, strerror(errno));
        unlink(path);
        close(fd);
        return -1;
    }
    return fd;
}
