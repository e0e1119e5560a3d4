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

/* What a connection is for. */
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
    BENCH_CONN_OPENED, /* until the greeting has come; of HTTP, the first reply */
    BENCH_CONN_READY,
    BENCH_CONN_CLOSED,
};

/* The first member of what each role needs. */
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

/* Reads once, at most `most` bytes (0: as much as fits). Sets *input to what came, behind what was
 * kept, in the lane's buffer; valid until the lane reads again. False if nothing came; if the
 * server has closed the connection, it is closed here too, which is a fault. */
bool bench_conn_read(struct bench_conn *conn, struct lane *lane, size_t most, struct span *input);

/* Has the next wait for events tell of the socket again, if there is something to read. */
void bench_conn_look_again(struct bench_conn *conn, struct lane *lane);

/* Takes a whole line off the input, without its LF. At the end of the input it keeps what is left
 * for the next read, and returns false. */
bool bench_conn_line(struct bench_conn *conn, struct span *input, struct span *line);

/* The same up to an empty line, of which and of whose LF before it `block` is free. */
bool bench_conn_block(struct bench_conn *conn, struct span *input, struct span *block);

/* Sends bytes; keeps and later sends what the kernel does not take. */
void bench_conn_send(struct bench_conn *conn, struct lane *lane, const char *bytes, size_t len);

/* Goes on with what was kept. True if nothing is left. */
bool bench_conn_flush(struct bench_conn *conn, struct lane *lane);

/* Stops watching the socket for input. */
void bench_conn_ignore(struct bench_conn *conn, struct lane *lane);

/* Closes; what is open in the kernel is freed. */
void bench_conn_close(struct bench_conn *conn);

/* "subscriber 17", for messages; static storage of the thread. */
const char *bench_conn_name(const struct bench_conn *conn);

#endif
