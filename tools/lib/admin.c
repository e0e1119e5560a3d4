/* The admin socket's client. Happy path: connect, greeting, then a command and its reply, again and
 * again. Failures: there is no server, it stands still, it closes in between, or another program
 * answers. After ADMIN_LOST and ADMIN_LATE the connection is of no more use. */
#include "tools/lib/admin.h"

#include "base/clock.h"
#include "tools/lib/memory.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct admin {
    int fd;    /* -1 if there never was a connection */
    int error; /* of connecting */
    size_t begin, end;
    char why[ADMIN_ERROR_MAX];
    char bytes[ADMIN_LINE_MAX];
};

struct admin_wait admin_wait_s(unsigned seconds)
{
    return (struct admin_wait){clock_monotonic_ns() + (uint64_t)seconds * NS_PER_S, -1};
}

static enum admin_outcome lost(struct admin *admin, const char *why)
{
    snprintf(admin->why, sizeof admin->why, "%s", why);
    return ADMIN_LOST;
}

static enum admin_outcome late(struct admin *admin)
{
    snprintf(admin->why, sizeof admin->why, "the server does not answer");
    return ADMIN_LATE;
}

/* ---- connecting ---- */

/* For sends, and for the connect of a Unix socket (unix(7)): 0 would be no limit at all. */
static void limit_sends(int fd, uint64_t deadline_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    struct timeval limit = {.tv_sec = (time_t)(left_ns / NS_PER_S),
                            .tv_usec = (suseconds_t)(left_ns % NS_PER_S / 1000) + 1};
    if (limit.tv_usec >= 1000000)
        limit.tv_usec = 999999;
    if (deadline_ns != ADMIN_FOREVER)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int admin_connect(const char *path, uint64_t deadline_ns)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    limit_sends(fd, deadline_ns);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static enum admin_outcome take_greeting(struct admin *admin, struct admin_wait wait,
                                        struct reply *reply)
{
    enum admin_outcome outcome = admin_read(admin, wait, reply);
    if (outcome != ADMIN_DONE)
        return outcome;
    if (reply->kind == REPLY_ERROR)
        return ADMIN_REFUSED;
    if (reply->kind != REPLY_OK || !span_is(reply->code, "TALLYCAST"))
        return lost(admin, "what answers there is not tallycast");
    if (reply->has_number && reply->number == PROTO_VERSION)
        return ADMIN_DONE;
    return lost(admin, "the server speaks another version of the protocol");
}

enum admin_outcome admin_open(struct admin **opened, const char *path, struct admin_wait wait,
                              struct reply *reply)
{
    struct admin *admin = must_calloc(1, sizeof *admin);
    *opened = admin;
    admin->fd = admin_connect(path, wait.deadline_ns);
    if (admin->fd < 0) {
        admin->error = errno;
        return errno == EAGAIN ? late(admin) : lost(admin, strerror(errno));
    }
    return take_greeting(admin, wait, reply);
}

void admin_close(struct admin *admin)
{
    if (!admin)
        return;
    if (admin->fd >= 0)
        close(admin->fd);
    free(admin);
}

const char *admin_why(const struct admin *admin)
{
    return admin->why;
}

int admin_errno(const struct admin *admin)
{
    return admin->error;
}

pid_t admin_server(const struct admin *admin)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(admin->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.pid : 0;
}

/* ---- sending ---- */

/* Sends some of it, with the file if there is one: it goes with the first byte (unix(7)). */
static ssize_t send_some(const struct admin *admin, const char *bytes, size_t len, int file)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof file)] = {0};
    struct iovec piece = {(void *)(uintptr_t)bytes, len};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (file >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        *rights = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof file)};
        memcpy(CMSG_DATA(rights), &file, sizeof file);
    }
    return sendmsg(admin->fd, &message, MSG_NOSIGNAL);
}

enum admin_outcome admin_send(struct admin *admin, const char *lines, size_t len, int file)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send_some(admin, lines + sent, len - sent, sent == 0 ? file : -1);
        if (n < 0 && errno == EAGAIN)
            return late(admin);
        if (n < 0 && errno != EINTR)
            return lost(admin, strerror(errno));
        sent += n > 0 ? (size_t)n : 0;
    }
    return ADMIN_DONE;
}

/* ---- reading ---- */

/* The time until the deadline in milliseconds, rounded up so that poll doesn't end just before it.
 */
static int poll_timeout_ms(uint64_t deadline_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (deadline_ns == ADMIN_FOREVER)
        return -1;
    if (deadline_ns <= now_ns)
        return 0;
    uint64_t ms = (deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return ms < 3600000 ? (int)ms : 3600000; /* poll's own limit is not far above; the caller polls
                                              * again */
}

static enum admin_outcome await_input(struct admin *admin, struct admin_wait wait)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = wait.interrupt_fd, .events = POLLIN},
                               {.fd = admin->fd, .events = POLLIN}};
        int timeout_ms = poll_timeout_ms(wait.deadline_ns);
        int ready = poll(fds, 2, timeout_ms);
        if (ready < 0 && errno != EINTR)
            return lost(admin, strerror(errno));
        if (ready > 0 && fds[0].revents)
            return ADMIN_INTERRUPTED;
        if (ready > 0)
            return ADMIN_DONE;
        if (ready == 0 && timeout_ms == 0)
            return late(admin);
    }
}

/* Reads the bytes that are there, behind those not taken yet. */
static enum admin_outcome fill(struct admin *admin)
{
    memmove(admin->bytes, admin->bytes + admin->begin, admin->end - admin->begin);
    admin->end -= admin->begin;
    admin->begin = 0;
    if (admin->end == sizeof admin->bytes)
        return lost(admin, "a line is too long to be one of the protocol's");
    ssize_t n = recv(admin->fd, admin->bytes + admin->end, sizeof admin->bytes - admin->end, 0);
    if (n == 0)
        return lost(admin, "it was closed at the other end");
    if (n < 0 && errno != EINTR)
        return lost(admin, strerror(errno));
    admin->end += n > 0 ? (size_t)n : 0;
    return ADMIN_DONE;
}

static const char *line_end(const struct admin *admin)
{
    return memchr(admin->bytes + admin->begin, '\n', admin->end - admin->begin);
}

bool admin_has_line(const struct admin *admin)
{
    return line_end(admin) != NULL;
}

enum admin_outcome admin_read(struct admin *admin, struct admin_wait wait, struct reply *reply)
{
    const char *end;
    while (!(end = line_end(admin))) {
        enum admin_outcome outcome = await_input(admin, wait);
        if (outcome == ADMIN_DONE)
            outcome = fill(admin);
        if (outcome != ADMIN_DONE)
            return outcome;
    }
    const char *line = admin->bytes + admin->begin;
    admin->begin = (size_t)(end + 1 - admin->bytes);
    reply_parse(line, (size_t)(end - line), reply);
    return reply->kind == REPLY_UNKNOWN ? lost(admin, "a line is none of the protocol's")
                                        : ADMIN_DONE;
}

enum admin_outcome admin_reply(struct admin *admin, struct admin_wait wait, admin_row_fn *take,
                               void *context, struct reply *reply)
{
    enum admin_outcome outcome;
    while ((outcome = admin_read(admin, wait, reply)) == ADMIN_DONE) {
        if (reply->kind == REPLY_OK)
            return ADMIN_DONE;
        if (reply->kind == REPLY_ERROR)
            return ADMIN_REFUSED;
        if (reply->kind == REPLY_ROW && take)
            take(reply->text, context);
    }
    return outcome;
}

int admin_ask(struct admin *admin, const char *command, admin_row_fn *take, void *context,
              struct reply *reply, char error[ADMIN_ERROR_MAX])
{
    char line[ADMIN_COMMAND_MAX];
    size_t len = (size_t)snprintf(line, sizeof line, "%s\n", command);
    enum admin_outcome outcome = len < sizeof line ? admin_send(admin, line, len, -1)
                                                   : lost(admin, "the command is too long");
    if (outcome == ADMIN_DONE)
        outcome = admin_reply(admin, admin_wait_s(ADMIN_ASK_S), take, context, reply);
    if (outcome == ADMIN_REFUSED)
        snprintf(error, ADMIN_ERROR_MAX, "%.60s: %.*s %.*s", command, (int)reply->code.len,
                 reply->code.at, (int)reply->text.len, reply->text.at);
    else if (outcome != ADMIN_DONE)
        snprintf(error, ADMIN_ERROR_MAX, "admin socket: %.400s", admin->why);
    return outcome == ADMIN_DONE ? 0 : -1;
}
