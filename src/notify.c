/* The service manager's notification protocol, by hand: one datagram of KEY=VALUE lines to the Unix
 * socket that NOTIFY_SOCKET names; a leading '@' stands for the NUL of an abstract name. Main
 * thread. A failure is logged, and changes nothing else. */
#include "notify.h"

#include "base/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Returns the address's length, or 0 with errno set. */
static socklen_t address_from(const char *name, struct sockaddr_un *address)
{
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len < 2) {
        errno = EAFNOSUPPORT;
        return 0;
    }
    if (len >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return 0;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, len);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int send_datagram(const char *socket_name, const char *message)
{
    struct sockaddr_un address;
    socklen_t address_len = address_from(socket_name, &address);
    if (address_len == 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    ssize_t n = sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address,
                       address_len);
    int error = errno;
    close(fd);
    errno = error;
    return n < 0 ? -1 : 0;
}

static void notify(const char *message)
{
    const char *socket_name = getenv("NOTIFY_SOCKET");
    if (socket_name == NULL || socket_name[0] == '\0')
        return;
    if (send_datagram(socket_name, message) != 0)
        log_warning("can't tell the service manager socket=%s message=%s error=\"%s\"", socket_name,
                    message, strerror(errno));
}

void notify_ready(void)
{
    notify("READY=1");
}

void notify_stopping(void)
{
    notify("STOPPING=1");
}
