/* A transport: carries a connection's bytes, below conn, which knows no other way to its socket. A
 * kind is a table. Runs on the thread of the loop that owns the connection.
 *
 * A transport may hold bytes of its own between its peer and conn: then there can be input that no
 * event reports (pending), and a call may wait for the other direction (want). */
#ifndef TALLYCAST_TRANSPORT_H
#define TALLYCAST_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct transport;

struct transport_kind {
    /* Takes up to `len` bytes of input. Returns how many; 0 at its end; -1 with errno, EAGAIN if
     * there is none now. An open file that came with them goes to *file, and the caller owns it; if
     * none came, *file is unchanged. */
    ssize_t (*read)(struct transport *transport, char *bytes, size_t len, int *file);
    /* Gives `len` bytes of output. Returns how many were taken, or -1 with errno. The rest must
     * come first next time. */
    ssize_t (*write)(struct transport *transport, const char *bytes, size_t len);
    /* Whether it holds input. NULL: never. */
    bool (*pending)(const struct transport *transport);
    /* The events (EV_READ, EV_WRITE) that it needs, whatever conn itself waits for. NULL: none. */
    short (*want)(const struct transport *transport);
    /* Tells the peer that no more output comes. */
    void (*shutdown)(struct transport *transport);
    /* Releases everything, including the descriptor. */
    void (*close)(struct transport *transport);
};

/* Embedded in the connection. */
struct transport {
    const struct transport_kind *kind;
    int fd;
};

extern const struct transport_kind transport_plain; /* TCP */
extern const struct transport_kind transport_unix;  /* over which open files may come (unix(7)) */

static inline bool transport_pending(const struct transport *transport)
{
    return transport->kind->pending && transport->kind->pending(transport);
}

static inline short transport_want(const struct transport *transport)
{
    return transport->kind->want ? transport->kind->want(transport) : (short)0;
}

#endif
