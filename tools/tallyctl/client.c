/* The line client. Happy path: connect, greeting, then a command and its reply, again and again.
 * What can fail: there is no server, it closes in between, or what answers is none of ours; each is
 * told where it is seen. */
#include "tools/tallyctl/client.h"

#include "base/clock.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The longest line is a tally of 256 choices: 22 KiB. */
enum { CLIENT_BUFFER_BYTES = 65536 };

struct client {
    int fd;
    size_t start; /* bytes from start to end are not taken yet */
    size_t end;
    char buffer[CLIENT_BUFFER_BYTES];
};

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static enum status read_greeting(struct client *client, const char *path)
{
    static const char name[] = "TALLYCAST";
    struct reply reply;
    enum status status = client_read(client, CLIENT_NO_DEADLINE, &reply);

    if (status != STATUS_DONE)
        return status;
    if (reply.kind == REPLY_ERROR)
        return client_refused(&reply, path);
    if (reply.kind != REPLY_OK || reply.code.len != strlen(name) ||
        memcmp(reply.code.at, name, reply.code.len) != 0) {
        output_error("%s: what answers there is not tallycast", path);
        return STATUS_NO_CONNECTION;
    }
    if (!reply.has_number || reply.number != PROTO_VERSION) {
        output_error("%s: the server speaks another version of the protocol than %d", path,
                     PROTO_VERSION);
        return STATUS_NO_CONNECTION;
    }
    return STATUS_DONE;
}

enum status client_open(const char *path, struct client **client)
{
    int fd = connect_unix(path);
    if (fd < 0) {
        output_error("no connection to %s: %s (%s)", path, strerror(errno),
                     errno == EACCES ? "only the server's user and root may use it"
                                     : "is the server running? --admin names its socket");
        return STATUS_NO_CONNECTION;
    }
    struct client *made = malloc(sizeof(*made));
    if (!made)
        output_no_memory();
    made->fd = fd;
    made->start = made->end = 0;
    enum status status = read_greeting(made, path);
    if (status == STATUS_DONE)
        *client = made;
    else
        client_close(made);
    return status;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    close(client->fd);
    free(client);
}

static enum status lost(const char *why)
{
    output_error("the connection to the server was lost: %s", why);
    return STATUS_NO_CONNECTION;
}

enum status client_send(struct client *client, const struct request *request)
{
    for (size_t sent = 0; sent < request->len;) {
        ssize_t n = send(client->fd, request->line + sent, request->len - sent, MSG_NOSIGNAL);
        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EINTR)
            return lost(strerror(errno));
    }
    return STATUS_DONE;
}

/* The time until `deadline_ns` in milliseconds, rounded up so that poll doesn't end just before it.
 */
static int poll_timeout_ms(uint64_t deadline_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (deadline_ns == CLIENT_NO_DEADLINE)
        return -1;
    if (deadline_ns <= now_ns)
        return 0;
    uint64_t ms = (deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return ms < 3600000 ? (int)ms : 3600000; /* poll's own limit is not far off; we come back */
}

/* Waits until the socket can be read. */
static enum status wait_readable(const struct client *client, uint64_t deadline_ns)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = interrupt_fd(), .events = POLLIN},
                               {.fd = client->fd, .events = POLLIN}};
        int timeout_ms = poll_timeout_ms(deadline_ns);
        int ready = poll(fds, 2, timeout_ms);
        if (ready < 0 && errno != EINTR)
            return lost(strerror(errno));
        if (ready > 0 && fds[0].revents)
            return STATUS_INTERRUPTED;
        if (ready > 0)
            return STATUS_DONE;
        if (ready == 0 && timeout_ms == 0)
            return STATUS_TIMEOUT;
    }
}

/* Reads what there is, behind what isn't taken yet. */
static enum status fill(struct client *client)
{
    if (client->start > 0) {
        memmove(client->buffer, client->buffer + client->start, client->end - client->start);
        client->end -= client->start;
        client->start = 0;
    }
    if (client->end == sizeof(client->buffer))
        return lost("a line is too long to be one of the protocol's");
    ssize_t n =
        recv(client->fd, client->buffer + client->end, sizeof(client->buffer) - client->end, 0);
    if (n == 0)
        return lost("it was closed at the other end");
    if (n < 0 && errno != EINTR)
        return lost(strerror(errno));
    client->end += n > 0 ? (size_t)n : 0;
    return STATUS_DONE;
}

static const char *line_end(const struct client *client)
{
    return memchr(client->buffer + client->start, '\n', client->end - client->start);
}

bool client_has_line(const struct client *client)
{
    return line_end(client) != NULL;
}

enum status client_read(struct client *client, uint64_t deadline_ns, struct reply *reply)
{
    const char *end;
    while (!(end = line_end(client))) {
        enum status status = wait_readable(client, deadline_ns);
        if (status == STATUS_DONE)
            status = fill(client);
        if (status != STATUS_DONE)
            return status;
    }
    const char *line = client->buffer + client->start;
    client->start = (size_t)(end + 1 - client->buffer);
    reply_parse(line, (size_t)(end - line), reply);
    if (reply->kind == REPLY_UNKNOWN)
        return lost("a line is none of the protocol's");
    return STATUS_DONE;
}

enum status client_call(struct client *client, const struct request *request,
                        client_row_fn *take_row, void *context, struct reply *reply)
{
    enum status status = client_send(client, request);
    while (status == STATUS_DONE) {
        status = client_read(client, CLIENT_NO_DEADLINE, reply);
        if (status == STATUS_INTERRUPTED && !interrupt_is_fatal(interrupt_take())) {
            status = STATUS_DONE; /* the next frame is drawn in the new size anyway */
            continue;
        }
        if (status != STATUS_DONE)
            break;
        if (reply->kind == REPLY_ERROR)
            return client_refused(reply, NULL);
        if (reply->kind == REPLY_OK)
            return STATUS_DONE;
        if (reply->kind == REPLY_ROW && take_row)
            take_row(reply->text, context);
    }
    return status;
}

enum status client_refused(const struct reply *reply, const char *about)
{
    output_error("%s%s%.*s: %.*s", about ? about : "", about ? ": " : "", (int)reply->code.len,
                 reply->code.at, (int)reply->text.len, reply->text.at);
    return STATUS_REFUSED;
}
