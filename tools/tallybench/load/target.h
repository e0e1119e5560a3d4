/* The target of the load: the server's address, and the local addresses that connections are made
 * from. One local address has some 28,000 ports; for a loopback server all of 127.0.0.0/8 is local,
 * so many connections are spread over it. Read-only once it is resolved, so any thread may
 * connect. */
#ifndef TALLYCAST_TOOLS_BENCH_TARGET_H
#define TALLYCAST_TOOLS_BENCH_TARGET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { TARGET_ERROR_MAX = 256, TARGET_PORTS = 20000 /* taken of one local address */ };

struct target {
    struct sockaddr_storage address;
    socklen_t address_len;
    bool loopback; /* of IPv4 */
};

/* Resolves HOST:PORT ([HOST]:PORT for IPv6). Returns 0, or -1 with `error` filled. */
int target_resolve(struct target *target, const char *text, char error[TARGET_ERROR_MAX])
    __attribute__((warn_unused_result));

/* The local address for connection `number`, and whether it must be bound: the first TARGET_PORTS
 * leave the choice to the kernel. */
bool target_source(const struct target *target, uint64_t number, struct sockaddr_in *source);

/* Begins to connect, without waiting, from the source for `number`; if that address has no port
 * left, from the next. With `small_window`, the socket takes as little unread input as the kernel
 * allows. Returns the socket, or -1 with errno set. */
int target_connect(const struct target *target, uint64_t number, bool small_window);

#endif
