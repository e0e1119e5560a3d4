/* Options of sockets: what the kernel was asked, as it tells itself. */
#include "net/socket.h"
#include "tests/support/unit.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int fd;

static void set_up(void)
{
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
}

static void tear_down(void)
{
    close(fd);
}

static int option(int level, int name)
{
    int value;
    socklen_t len = sizeof value;
    ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* The kernel ends a connection for the user timeout as soon as one probe is out and nothing was
 * heard for so long: there must be time for another probe after a cut that begins with the first.
 */
static void assert_survives_a_cut(void)
{
    int first_probe_ms = option(IPPROTO_TCP, TCP_KEEPIDLE) * 1000;
    int next_probe_ms = option(IPPROTO_TCP, TCP_KEEPINTVL) * 1000;
    ck_assert_int_ge(option(IPPROTO_TCP, TCP_USER_TIMEOUT),
                     first_probe_ms + SOCKET_CUT_MS + next_probe_ms);
}

START_TEST(a_cut_ends_no_connection)
{
    socket_keep_alive(fd);
    ck_assert_int_eq(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    ck_assert_int_eq(option(IPPROTO_TCP, TCP_NODELAY), 1);
    assert_survives_a_cut();
}
END_TEST

static const struct {
    uint64_t stall_ms;
    int timeout_ms;
} stalls[] = {
    {1000, SOCKET_USER_TIMEOUT_MS},
    {300000, 300000 + SOCKET_CUT_MS},
    {86400000, 86400000 + SOCKET_CUT_MS},
};

START_TEST(a_stalled_subscriber_is_ours_to_close)
{
    socket_keep_alive(fd);
    socket_limit_buffers(fd, stalls[_i].stall_ms);
    ck_assert_int_eq(option(IPPROTO_TCP, TCP_USER_TIMEOUT), stalls[_i].timeout_ms);
    ck_assert_int_eq(option(IPPROTO_TCP, TCP_NOTSENT_LOWAT), SOCKET_SUBSCRIBER_LOWAT_BYTES);
    assert_survives_a_cut();
}
END_TEST

UNIT_MAIN("socket",
          {"socket", .set_up = set_up, .tear_down = tear_down,
           .tests = {{a_cut_ends_no_connection},
                     {a_stalled_subscriber_is_ours_to_close, .loops = UNIT_COUNT(stalls)}}})
