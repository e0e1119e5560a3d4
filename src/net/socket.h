/* Options and state of a connected socket in the kernel. Failures are ignored: an option makes a
 * socket better, but none is needed for it to work. Any thread. */
#ifndef TALLYCAST_SOCKET_H
#define TALLYCAST_SOCKET_H

#include <stdint.h>

enum {
    SOCKET_SUBSCRIBER_SNDBUF_BYTES = 32 * 1024,
    SOCKET_SUBSCRIBER_LOWAT_BYTES = 16 * 1024, /* of unsent output */

    /* A connection ends when nothing has been heard from its peer for so long, since the peer's
     * machine or network is gone: after a probe, if it is idle, or while sent data is not
     * acknowledged. The first probe comes when it has been idle, others follow. So a cut of half a
     * minute ends no connection, whenever it begins: there is time for several probes, or to send
     * lost data again. (With a user timeout, the kernel does not count probes:
     * net/ipv4/tcp_timer.c, tcp_keepalive_timer.) */
    SOCKET_USER_TIMEOUT_MS = 120 * 1000,
    SOCKET_PROBE_IDLE_S = 60,
    SOCKET_PROBE_INTERVAL_S = 10,
    SOCKET_CUT_MS = 30 * 1000, /* a cut that a connection survives */
};

void socket_set_option(int fd, int level, int option, int value);

/* Sets the probes of a TCP connection; for every one. */
void socket_keep_alive(int fd);

/* For a subscriber, which may read slowly: makes its buffers small. If its peer shuts the window,
 * the server closes it when it has stalled for `stall_ms`; the kernel must not do so before. */
void socket_limit_buffers(int fd, uint64_t stall_ms);

/* Bytes that the kernel still holds for the peer. */
uint32_t socket_unsent(int fd);

#endif
