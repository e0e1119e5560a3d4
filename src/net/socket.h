/* What the kernel is asked to do for a connected socket, and what it tells of it. Failures are
 * passed over: each of these makes a socket better, and none makes it right. Any thread. */
#ifndef TALLYCAST_SOCKET_H
#define TALLYCAST_SOCKET_H

#include <stdint.h>

enum {
    SOCKET_SUBSCRIBER_SNDBUF_BYTES = 32 * 1024,
    SOCKET_SUBSCRIBER_LOWAT_BYTES = 16 * 1024, /* of unsent output */

    /* A peer whose machine or network is gone is found, and its connection ended, when nothing has
     * been heard from it for so long: after a probe, where it is idle, or while what it was sent is
     * not acknowledged. The first probe comes when it has been idle, others after it. So a cut of
     * half a minute ends no connection, whenever it begins: there is time for several probes, or
     * for what was lost to be sent again. (Where there is a user timeout, the kernel does not count
     * probes: net/ipv4/tcp_timer.c, tcp_keepalive_timer.) */
    SOCKET_USER_TIMEOUT_MS = 120 * 1000,
    SOCKET_PROBE_IDLE_S = 60,
    SOCKET_PROBE_INTERVAL_S = 10,
    SOCKET_CUT_MS = 30 * 1000, /* that a connection survives */
};

void socket_set_option(int fd, int level, int option, int value);

/* Of every TCP connection. */
void socket_keep_alive(int fd);

/* Of a subscriber's (DESIGN: slow readers): small buffers; and one whose peer shuts its window is
 * ours to close when it has stalled for `stall_ms`, not the kernel's before that. */
void socket_limit_buffers(int fd, uint64_t stall_ms);

/* Bytes that the kernel still holds for the peer. */
uint32_t socket_unsent(int fd);

#endif
