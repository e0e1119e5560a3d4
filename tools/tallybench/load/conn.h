/* One connection of the load: bytes only. It belongs to one lane, whose thread alone touches it. */
#ifndef TALLYCAST_TOOLS_BENCH_CONN_H
#define TALLYCAST_TOOLS_BENCH_CONN_H

#include "base/buffer.h"
#include "proto/command.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct http_replies;
struct lane;

/* The purpose of a connection. */
enum role {
    ROLE_VOTER,
    ROLE_SUBSCRIBER,
    ROLE_SLOW,
    ROLE_STALLED,
    ROLE_SSE, /* from here to ROLE_HTTP_VOTER: over HTTP */
    ROLE_STALLED_SSE,
    ROLE_HTTP_VOTER,
    ROLE_IDLE,
    ROLE_CHURN,
};

enum bench_conn_state {
    BENCH_CONN_NEW,    /* no socket yet */
    BENCH_CONN_OPENED, /* until the greeting has come, or with HTTP the first reply */
    BENCH_CONN_READY,
    BENCH_CONN_CLOSED,
};

/* The first member of each role's struct. */
struct bench_conn {
    int fd;
    enum role role;
    enum bench_conn_state state;
    unsigned number; /* among those of its role, for messages */
    uint64_t opened_ns;
    struct buffer partial;        /* a line that has not come whole */
    struct buffer unsent;         /* what the kernel did not take */
    struct http_replies *replies; /* HTTP: while replies are awaited; owned; else NULL */
};

static inline bool bench_conn_is_http(const struct bench_conn *conn)
{
    return conn->role >= ROLE_SSE && conn->role <= ROLE_HTTP_VOTER;
}

/* Begins to connect, as connection `source` of the run, and watches the socket. Returns 0, or -1
 * with errno set. */
int bench_conn_open(struct bench_conn *conn, struct lane *lane, uint64_t source)
    __attribute__((warn_unused_result));

/* Tells the run that bench_conn_open failed, by errno. */
void bench_conn_tell_failure(const struct bench_conn *conn, struct lane *lane);

/* Reads once, at most `most` bytes (0: as much as fits). Sets *input to the bytes that came, behind
 * those that were kept, in the lane's buffer; valid until the lane reads again. False if nothing
 * came; if the server has closed the connection, it is closed here too, which is a fault. */
bool bench_conn_read(struct bench_conn *conn, struct lane *lane, size_t most, struct span *input);

/* Makes the next wait for events report the socket again, if there is something to read. */
void bench_conn_look_again(struct bench_conn *conn, struct lane *lane);

/* Takes a whole line off the input, without its LF. At the end of the input it keeps the rest for
 * the next read, and returns false. */
bool bench_conn_line(struct bench_conn *conn, struct span *input, struct span *line);

/* The same up to an empty line; `block` includes neither that nor the LF before it. */
bool bench_conn_block(struct bench_conn *conn, struct span *input, struct span *block);

/* Sends bytes; keeps the bytes that the kernel does not take, and sends them later. */
void bench_conn_send(struct bench_conn *conn, struct lane *lane, const char *bytes, size_t len);

/* Goes on sending the kept bytes. True if nothing is left. */
bool bench_conn_flush(struct bench_conn *conn, struct lane *lane);

/* Stops watching the socket for input. */
void bench_conn_ignore(struct bench_conn *conn, struct lane *lane);

/* Closes, and frees the kernel's resources. */
void bench_conn_close(struct bench_conn *conn);

/* "subscriber 17", for messages; static storage of the thread. */
const char *bench_conn_name(const struct bench_conn *conn);

#endif
