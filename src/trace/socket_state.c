/* The kernel's side of a socket. It is a file of its own because <linux/tcp.h>, which has the whole
 * struct tcp_info, can't be included beside <netinet/tcp.h>. */
#include "trace/socket_state.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

const struct socket_state_info socket_state_info[SOCKET_STATE_COUNT] = {
#define SOCKET_STATE(name, unit, tcp, meaning) [SOCKET_STATE_##name] = {#name, unit, meaning},
#include "trace/socket_state.def"
#undef SOCKET_STATE
};

static uint64_t queue_bytes(int fd, unsigned long request)
{
    int bytes = 0;
    return ioctl(fd, request, &bytes) == 0 && bytes >= 0 ? (uint64_t)bytes : SOCKET_STATE_UNKNOWN;
}

void socket_state_read(int fd, uint64_t values[SOCKET_STATE_COUNT])
{
    for (int i = 0; i < SOCKET_STATE_COUNT; i++)
        values[i] = SOCKET_STATE_UNKNOWN;
    values[SOCKET_STATE_receive_queue] = queue_bytes(fd, SIOCINQ);
    values[SOCKET_STATE_send_queue] = queue_bytes(fd, SIOCOUTQ);
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return;
    values[SOCKET_STATE_rtt] = info.tcpi_rtt;
    values[SOCKET_STATE_rtt_variance] = info.tcpi_rttvar;
    values[SOCKET_STATE_retransmits] = info.tcpi_total_retrans;
    if (len < offsetof(struct tcp_info, tcpi_rwnd_limited) + sizeof info.tcpi_rwnd_limited)
        return; /* a kernel from before 4.10 */
    values[SOCKET_STATE_busy] = info.tcpi_busy_time;
    values[SOCKET_STATE_window_limited] = info.tcpi_rwnd_limited;
}
