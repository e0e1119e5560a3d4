/* Addresses and sockets (see target.h). IP_BIND_ADDRESS_NO_PORT leaves the choice of a port
 * to connect(), which can share one between several servers. */
#include "tools/tallybench/load/target.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SOURCES = 4000, SOURCE_TRIES = 16 };

/* Splits HOST:PORT, with the brackets of an IPv6 address taken off. */
static bool split(const char *text, char host[256], const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len == 0 || len > 255 || colon[1] == '\0')
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    *port = colon + 1;
    return true;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family != AF_INET)
        return false;
    struct sockaddr_in ipv4;
    memcpy(&ipv4, address, sizeof ipv4);
    return ntohl(ipv4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

int target_resolve(struct target *target, const char *text, char error[TARGET_ERROR_MAX])
{
    char host[256];
    const char *port;
    if (!split(text, host, &port)) {
        snprintf(error, TARGET_ERROR_MAX, "'%.200s' is no HOST:PORT", text);
        return -1;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
    int code = getaddrinfo(host, port, &hints, &found);
    if (code != 0) {
        snprintf(error, TARGET_ERROR_MAX, "%.200s: %s", text, gai_strerror(code));
        return -1;
    }
    *target = (struct target){.address_len = found->ai_addrlen};
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->loopback = is_loopback(&target->address);
    freeaddrinfo(found);
    return 0;
}

bool target_source(const struct target *target, uint64_t number, struct sockaddr_in *source)
{
    uint64_t index = number / TARGET_PORTS;
    if (!target->loopback || index == 0)
        return false;
    index %= SOURCES;
    *source = (struct sockaddr_in){.sin_family = AF_INET};
    /* 127.1.0.1 and up: away from 127.0.0.1, which others use, and from .0 and .255. */
    source->sin_addr.s_addr = htonl((uint32_t)(0x7f010001 + (index / 250 << 8) + index % 250));
    return true;
}

static int make_socket(const struct target *target, bool small_window)
{
    int fd =
        socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    const int on = 1, least = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (small_window)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
    return fd;
}

static int bind_source(int fd, const struct target *target, uint64_t number)
{
    struct sockaddr_in source;
    const int on = 1;
    if (!target_source(target, number, &source))
        return 0;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (const struct sockaddr *)&source, sizeof source);
}

static int try_connect(const struct target *target, uint64_t number, bool small_window)
{
    int fd = make_socket(target, small_window);
    if (fd < 0)
        return -1;
    if (bind_source(fd, target, number) == 0 &&
        (connect(fd, (const struct sockaddr *)&target->address, target->address_len) == 0 ||
         errno == EINPROGRESS))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int target_connect(const struct target *target, uint64_t number, bool small_window)
{
    int fd = try_connect(target, number, small_window);
    for (int i = 0; i < SOURCE_TRIES && fd < 0 && errno == EADDRNOTAVAIL && target->loopback; i++)
        fd = try_connect(target, number += TARGET_PORTS, small_window);
    return fd;
}
