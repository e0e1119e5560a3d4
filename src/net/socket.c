/* Options of sockets. */
#include "net/socket.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

_Static_assert(SOCKET_USER_TIMEOUT_MS >=
                   (SOCKET_PROBE_IDLE_S + SOCKET_PROBE_INTERVAL_S) * 1000 + SOCKET_CUT_MS,
               "a probe comes after a cut that began with the first one, and before the end");

void socket_set_option(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

void socket_keep_alive(int fd)
{
    socket_set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    socket_set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, SOCKET_USER_TIMEOUT_MS);
    socket_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    socket_set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, SOCKET_PROBE_IDLE_S);
    socket_set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, SOCKET_PROBE_INTERVAL_S);
}

void socket_limit_buffers(int fd, uint64_t stall_ms)
{
    /* Since Linux 5.11 TCP_USER_TIMEOUT also ends a connection whose peer answers probes but keeps
     * its window shut (net/ipv4/tcp_timer.c, tcp_probe_timer). */
    uint64_t timeout_ms = stall_ms + SOCKET_CUT_MS;
    if (timeout_ms < SOCKET_USER_TIMEOUT_MS)
        timeout_ms = SOCKET_USER_TIMEOUT_MS;
    socket_set_option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_SUBSCRIBER_SNDBUF_BYTES);
    socket_set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, SOCKET_SUBSCRIBER_LOWAT_BYTES);
    socket_set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)timeout_ms);
}

uint32_t socket_unsent(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (uint32_t)bytes : 0;
}
