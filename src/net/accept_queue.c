/* What the kernel tells of accept queues. */
#include "net/accept_queue.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

uint64_t accept_queue_length(int fd)
{
    /* On a listening socket tcpi_unacked is the accept queue's length (net/ipv4/tcp.c,
     * tcp_get_info). */
    struct tcp_info info;
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_unacked : 0;
}

/* The value in the named column of a pair of lines in /proc/self/net/netstat; 0 if it isn't there.
 * (A service that sees only its own processes has no /proc/net.) */
static uint64_t netstat_value(const char *group, const char *name)
{
    FILE *file = fopen("/proc/self/net/netstat", "re");
    if (!file)
        return 0;
    uint64_t value = 0;
    char *names = NULL, *values = NULL;
    size_t names_size = 0, values_size = 0;
    while (getline(&names, &names_size, file) > 0 && getline(&values, &values_size, file) > 0) {
        if (strncmp(names, group, strlen(group)) != 0)
            continue;
        char *next_name, *next_value;
        char *column = strtok_r(names, " \n", &next_name),
             *number = strtok_r(values, " \n", &next_value);
        while (column && number && strcmp(column, name) != 0) {
            column = strtok_r(NULL, " \n", &next_name);
            number = strtok_r(NULL, " \n", &next_value);
        }
        value = column && number ? strtoull(number, NULL, 10) : 0;
        break;
    }
    free(names);
    free(values);
    fclose(file);
    return value;
}

uint64_t accept_queue_overflows(void)
{
    return netstat_value("TcpExt:", "ListenOverflows");
}
