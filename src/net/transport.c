/* Transports that hold no bytes of their own: the socket itself. */
#include "net/transport.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t plain_read(struct transport *transport, char *bytes, size_t len, int *file)
{
    (void)file;
    return recv(transport->fd, bytes, len, MSG_DONTWAIT);
}

/* The kernel closes files for which there is no room. */
static ssize_t unix_read(struct transport *transport, char *bytes, size_t len, int *file)
{
    _Alignas(struct cmsghdr) char control[CMSG_LEN(sizeof(int))];
    struct iovec room = {bytes, len};
    struct msghdr message = {.msg_iov = &room,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(transport->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *first = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (first && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS)
        memcpy(file, CMSG_DATA(first), sizeof *file);
    return n;
}

static ssize_t plain_write(struct transport *transport, const char *bytes, size_t len)
{
    ssize_t n;
    do
        n = send(transport->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

static void plain_shutdown(struct transport *transport)
{
    shutdown(transport->fd, SHUT_WR);
}

static void plain_close(struct transport *transport)
{
    close(transport->fd);
}

const struct transport_kind transport_plain = {
    .read = plain_read,
    .write = plain_write,
    .shutdown = plain_shutdown,
    .close = plain_close,
};

const struct transport_kind transport_unix = {
    .read = unix_read,
    .write = plain_write,
    .shutdown = plain_shutdown,
    .close = plain_close,
};
