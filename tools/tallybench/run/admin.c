/* The admin socket's client (see bench_admin.h). Blocking reads and writes with the kernel's own
 * timeout; after a failure the connection is of no more use. */
#include "tools/tallybench/run/admin.h"

#include "tools/tallybench/run/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct admin {
    int fd;
    size_t begin, end;
    char bytes[ADMIN_LINE_MAX];
};

static int fail(char error[ADMIN_ERROR_MAX], const char *what, const char *why)
{
    snprintf(error, ADMIN_ERROR_MAX, "%.300s: %.180s", what, why);
    return -1;
}

static int fail_errno(char error[ADMIN_ERROR_MAX], const char *what)
{
    bool late = errno == EAGAIN || errno == EWOULDBLOCK;
    return fail(error, what, late ? "the server does not answer" : strerror(errno));
}

/* The next line, without its LF. */
static int read_line(struct admin *admin, struct span *line, char error[ADMIN_ERROR_MAX])
{
    char *end;
    while (!(end = memchr(admin->bytes + admin->begin, '\n', admin->end - admin->begin))) {
        memmove(admin->bytes, admin->bytes + admin->begin, admin->end - admin->begin);
        admin->end -= admin->begin;
        admin->begin = 0;
        if (admin->end == sizeof admin->bytes)
            return fail(error, "admin socket", "a line is too long");
        ssize_t n = recv(admin->fd, admin->bytes + admin->end, sizeof admin->bytes - admin->end, 0);
        if (n == 0)
            return fail(error, "admin socket", "the server closed the connection");
        if (n < 0 && errno != EINTR)
            return fail_errno(error, "admin socket");
        admin->end += n > 0 ? (size_t)n : 0;
    }
    *line = (struct span){admin->bytes + admin->begin, (size_t)(end - admin->bytes) - admin->begin};
    admin->begin = (size_t)(end + 1 - admin->bytes);
    return 0;
}

static int take_greeting(struct admin *admin, const char *path, char error[ADMIN_ERROR_MAX])
{
    static const char expected[] = "+TALLYCAST 1 ";
    struct span line;
    if (read_line(admin, &line, error) != 0)
        return -1;
    if (line.len < strlen(expected) || memcmp(line.at, expected, strlen(expected)) != 0)
        return fail(error, path, "what answers there is not tallycast's protocol, version 1");
    return 0;
}

int admin_open(struct admin **opened, const char *path, char error[ADMIN_ERROR_MAX])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval timeout = {.tv_sec = ADMIN_TIMEOUT_S};
    if (strlen(path) >= sizeof address.sun_path)
        return fail(error, path, "the path is too long");
    strcpy(address.sun_path, path);
    struct admin *admin = must_calloc(1, sizeof *admin);
    admin->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(admin->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(admin->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    int result = connect(admin->fd, (const struct sockaddr *)&address, sizeof address) == 0
                     ? take_greeting(admin, path, error)
                     : fail_errno(error, path);
    if (result == 0)
        *opened = admin;
    else
        admin_close(admin);
    return result;
}

void admin_close(struct admin *admin)
{
    if (!admin)
        return;
    if (admin->fd >= 0)
        close(admin->fd);
    free(admin);
}

pid_t admin_server(const struct admin *admin)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(admin->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.pid : 0;
}

static int send_line(struct admin *admin, const char *command, char error[ADMIN_ERROR_MAX])
{
    char line[ADMIN_LINE_MAX];
    size_t len = (size_t)snprintf(line, sizeof line, "%s\n", command), sent = 0;
    if (len >= sizeof line)
        return fail(error, "admin socket", "the command is too long");
    while (sent < len) {
        ssize_t n = send(admin->fd, line + sent, len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return fail_errno(error, "admin socket");
        sent += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int admin_ask(struct admin *admin, const char *command, admin_row_fn *take, void *context,
              struct reply *reply, char error[ADMIN_ERROR_MAX])
{
    struct span line;
    if (send_line(admin, command, error) != 0)
        return -1;
    while (read_line(admin, &line, error) == 0) {
        reply_parse(line.at, line.len, reply);
        if (reply->kind == REPLY_OK)
            return 0;
        if (reply->kind == REPLY_ERROR) {
            snprintf(error, ADMIN_ERROR_MAX, "%.60s: %.*s", command, (int)line.len, line.at);
            return -1;
        }
        if (reply->kind != REPLY_ROW)
            return fail(error, command, "answered with nonsense");
        if (take)
            take(reply->text, context);
    }
    return -1;
}
