/* The kernel's state of a connected socket: its queues and, for TCP, the path and the peer. */
#ifndef TALLYCAST_SOCKET_STATE_H
#define TALLYCAST_SOCKET_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum socket_state {
#define SOCKET_STATE(name, unit, tcp, meaning) SOCKET_STATE_##name,
#include "trace/socket_state.def"
#undef SOCKET_STATE
    SOCKET_STATE_COUNT
};

struct socket_state_info {
    const char *name;
    const char *unit;
    const char *meaning;
};
extern const struct socket_state_info socket_state_info[SOCKET_STATE_COUNT];

#define SOCKET_STATE_UNKNOWN UINT64_MAX /* a value that this kind of socket does not have */

/* Fills the values, each in its unit. Any thread that owns the descriptor. Three system calls. */
void socket_state_read(int fd, uint64_t values[SOCKET_STATE_COUNT]);

#endif
