/* A connection: bytes, and no meaning. Their meaning is its handler's business
 * (line/line_protocol.c, web/web_protocol.c).
 *
 * One loop owns a connection at every instant, and only that loop's thread may call anything here.
 * The connections of a loop share a pool: the table of slots by which answers find them, one large
 * read buffer, and one output buffer for the replies of a round. A connection keeps bytes of its
 * own only for input that can't be executed yet and output that the kernel did not take.
 *
 * Every way into a connection (an event, an answer, a push, a task) ends with conn_settle, which
 * flushes, goes on with what was held, and closes. Only conn_settle frees: until then a failed
 * connection is doomed, and neither takes nor gives anything.
 *
 * `waits` holds why input does not go on; set_wait alone changes it. The other flags:
 *
 *   flag            set by                           cleared by                  never with
 *   ended           a read: the peer half-closed     -
 *   mid_reply       conn_begin_reply                 conn_end_reply              a push
 *   wants_writable  conn_want_writable; output was   the call of writable
 *                   taken after some had to wait;
 *                   the peer half-closed
 *   mid_message     conn_begin_message               conn_end_message
 *   timed           a message's time begins to run   conn_end_message; its end   CONN_BLOCKED,
 *                                                    for any other reason        a state but open
 *   leaving         conn_leave                       the call of leave
 *   finishing       conn_finish_when_done            conn_stay */
#ifndef TALLYCAST_CONN_H
#define TALLYCAST_CONN_H

#include "base/buffer.h"
#include "base/conn_ref.h"
#include "base/counters.h"
#include "net/close.h"
#include "net/loop.h"
#include "net/peer.h"
#include "net/slots.h"
#include "net/timeouts.h"
#include "net/transport.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
    /* The size of a read, and the output of a round at which the handler should let it be flushed.
     * A peer that pipelines and never reads costs about the sum of both. */
    CONN_READ_BYTES = 16 * 1024,
    CONN_ROUND_BYTES = 16 * 1024,
    CONN_TURN_BYTES = 32 * 1024, /* of output; then the other connections have their turn */
    /* How long, and how much, input is drained after the last reply, once the peer's machine has
     * all output. Until then, it is drained for as long as a reader may stall. */
    CONN_LINGER_MS = 1000,
    CONN_DRAIN_BYTES = 64 * 1024,
};

enum conn_state {
    CONN_OPEN,
    CONN_CLOSING,  /* takes no more input; closes once all output is taken */
    CONN_DRAINING, /* said goodbye (shutdown); reads and drops what the peer still sends, so that no
                      reset destroys the last reply */
    CONN_DOOMED,   /* failed, or was kicked: freed by the next conn_settle */
};

/* The kinds of a peer's messages, each with its own time limit for a whole message. */
enum conn_messages { CONN_LINES, CONN_REQUESTS, CONN_MESSAGES };

/* The reasons why input does not go on; several may hold at once. */
enum conn_wait {
    CONN_PAUSED = 1 << 0,  /* the handler waits for something other than output */
    CONN_HELD = 1 << 1,    /* whole messages lie in `unread` */
    CONN_BLOCKED = 1 << 2, /* the kernel takes no output: has a timeout */
    CONN_YIELDED = 1 << 3, /* has had its turn: on pool->yielded */
};

struct conn;

struct conn_handler {
    enum conn_messages messages;
    /* Executes the whole messages at the beginning of `bytes`, which it may change. Returns how
     * many bytes they were. It stops early after conn_pause or conn_hold. */
    size_t (*input)(struct conn *conn, char *bytes, size_t len);
    /* Whether a read may follow now. If not, the handler has paused the connection and will resume
     * it. */
    bool (*may_read)(struct conn *conn);
    /* The peer sent its last byte, and `len` bytes before it were no whole message. */
    void (*unfinished)(struct conn *conn, size_t len);
    /* Output that had to wait was all taken, the peer sent its last byte, or conn_want_writable was
     * called. */
    void (*writable)(struct conn *conn);
    /* The peer has not sent the rest of a message in time. The handler owes it no reply now. */
    void (*overdue)(struct conn *conn);
    /* The peer passed an open file over a Unix socket, with the input that comes next or with input
     * that is dropped. Takes it over, in every state. NULL: such a file is never received. */
    void (*file)(struct conn *conn, int file);
    /* conn_leave was called, and all that could be sent was sent: conn_detach the connection and
       take it where it goes. */
    void (*leave)(struct conn *conn);
    /* The server stops: new input must not be executed. */
    void (*stop)(struct conn *conn);
    /* Whether it still owes its peer a reply. */
    bool (*busy)(const struct conn *conn);
    /* Whether it owes something other than a reply to a peer that sent its last byte. */
    bool (*owes_pushes)(const struct conn *conn);
    /* The connection is about to go: takes it off the handler's lists. */
    void (*close)(struct conn *conn);
    /* The connection is gone; frees the handler's object, in which `conn` is embedded. */
    void (*free)(struct conn *conn);
};

/* Embedded in the handler's object. */
struct conn {
    struct event event;
    const struct conn_handler *handler;
    struct conn_pool *pool;
    struct transport transport;
    struct conn_ref ref;
    uint8_t state;      /* enum conn_state; changed by set_state alone */
    uint8_t waits;      /* of enum conn_wait */
    uint8_t closes_for; /* enum close_reason; CLOSE_NONE while it is open */
    bool ended : 1;     /* no more input comes */
    bool mid_reply : 1; /* a reply of several rounds has begun; no push may come in between */
    bool wants_writable : 1;
    bool mid_message : 1; /* the handler took the beginning of a message; the rest is to come */
    bool timed : 1;       /* has a timeout: the rest of a message must come in time */
    bool leaving : 1;     /* to another loop */
    bool finishing : 1;   /* the server stops: closes when all that was read is answered */
    union peer peer;
    union {
        uint32_t blocked_outq;  /* if blocked: bytes that the kernel held when it last took some */
        uint32_t drained_bytes; /* if draining: read and dropped */
    };
    union {
        uint32_t readable_for_ns;  /* time before the last read; UINT32_MAX for longer */
        uint32_t lingers_since_ms; /* if draining: on the monotonic clock, the lower 32 bits */
    };
    struct buffer unread;
    struct buffer unsent;
    struct timeout timeout; /* timed: end of the message; blocked: stall timeout; draining: end of
                               lingering */
    uint64_t read_ns;       /* of the last input, on the monotonic clock */
    uint64_t bytes_out;
    TAILQ_ENTRY(conn) yielded_link; /* pool->yielded */
};

TAILQ_HEAD(conn_list, conn);

struct conn_pool {
    struct loop *loop;
    struct counters *counters;
    struct slots slots;
    _Atomic uint64_t closes[CLOSE_REASONS]; /* by any reader; counted when the reason is given */
    char *read_buffer;     /* CONN_READ_BYTES and room for a kept partial message */
    uint64_t unsent_made;  /* bytes of replies made and not sent: they take time, too */
    struct buffer out;     /* replies of the round */
    struct conn *out_conn; /* their connection; NULL if `out` is empty */
    uint64_t stall_ns;
    uint64_t message_ns[CONN_MESSAGES]; /* time to send a whole message; 0 for no limit */
    struct timeouts timeouts;
    struct conn_list yielded; /* these go on in the next round */
};

/* Closes a reader that takes nothing after stall_ns, and a peer that does not send the rest of a
 * message after message_ns of its kind; 0 is no limit. Returns 0, or -1 if memory is short. */
int conn_pool_init(struct conn_pool *pool, struct loop *loop, struct counters *counters,
                   uint64_t stall_ns, const uint64_t message_ns[CONN_MESSAGES])
    __attribute__((warn_unused_result));
/* All connections must be gone. */
void conn_pool_destroy(struct conn_pool *pool);

/* Goes on with some of the connections that had their turn, the longest waiting first. Once a
 * round; returns whether some still wait. */
bool conn_pool_run_yielded(struct conn_pool *pool);

/* The connection that `ref` names, or NULL if it is gone. */
struct conn *conn_find(const struct conn_pool *pool, struct conn_ref ref);

/* Before conn_attach: fills a connection for a connected, non-blocking socket, which it owns from
 * now on. Any thread. */
void conn_init(struct conn *conn, const struct conn_handler *handler, int fd,
               const union peer *peer);

/* Gives the connection to this pool's loop. Returns 0, or -1 if memory is short: then the caller
 * must conn_abandon it. The caller calls conn_settle when it has set the connection up. */
int conn_attach(struct conn_pool *pool, struct conn *conn) __attribute__((warn_unused_result));

/* Takes the connection out of its pool, with its unread input and unsent output. It belongs to the
 * caller alone until it is attached elsewhere. */
void conn_detach(struct conn *conn);

/* Closes and frees a connection that no pool owns. */
void conn_abandon(struct conn *conn);

/* Does whatever is due. The connection may be gone afterwards. */
void conn_settle(struct conn *conn);

/* Room for `len` bytes of output, to be followed by conn_wrote. NULL if memory is short: then the
 * connection is doomed. */
char *conn_reserve(struct conn *conn, size_t len);
void conn_wrote(struct conn *conn, size_t len);

/* Gives the output of the round to the kernel. */
void conn_flush(struct conn *conn);

/* How long the kernel has been seen to take nothing, until now on the monotonic clock. */
uint64_t conn_blocked_ns(const struct conn *conn, uint64_t now_ns);

/* Whether a push may be tried now: all output was taken and no reply is half sent. */
bool conn_takes_push(const struct conn *conn);

/* Tries to send bytes at once, past the round's output. Returns how many the kernel took. If that
 * isn't all, the connection is blocked, or doomed, and the caller decides what to do with the rest.
 */
size_t conn_try_send(struct conn *conn, const char *bytes, size_t len);

/* Keeps the rest of a line that conn_try_send took the beginning of. */
void conn_keep_unsent(struct conn *conn, const char *bytes, size_t len);

/* The handler's input stops before a message that must wait: until conn_resume, or (hold) until
 * output was taken. */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);
void conn_hold(struct conn *conn);

/* Whether one of these keeps input from going on. */
static inline bool conn_waits(const struct conn *conn, unsigned waits)
{
    return (conn->waits & waits) != 0;
}

/* The handler's input has taken the beginning of a message, whose rest it awaits. */
void conn_begin_message(struct conn *conn);

/* The handler's input has come to the end of a message: the time of the next one begins with its
 * own first byte. */
void conn_end_message(struct conn *conn);

/* The handler begins, or has ended, a reply that it makes in several rounds, each in its writable.
 */
void conn_begin_reply(struct conn *conn);
void conn_end_reply(struct conn *conn);

/* Has conn_settle call the handler's writable. */
void conn_want_writable(struct conn *conn);

/* Has conn_settle call the handler's leave. The handler's input must have paused. */
void conn_leave(struct conn *conn);

/* The server stops: closes once everything that was read is executed, answered and taken. */
void conn_finish_when_done(struct conn *conn);

/* Takes that back: more output is to come, even after all is executed. */
void conn_stay(struct conn *conn);

/* Sends no more: closes once the output so far is taken. */
void conn_finish(struct conn *conn, enum close_reason reason);

/* Whether the connection is no longer read, and all that it asked is answered. */
static inline bool conn_is_answered(const struct conn *conn)
{
    return conn->state != CONN_OPEN && !conn->handler->busy(conn);
}

/* Drops the connection at the next conn_settle, without ceremony. */
void conn_doom(struct conn *conn, enum close_reason reason);

/* Reads input that is there already, if the connection is open; for the last look of a stopping
   server. */
void conn_read_now(struct conn *conn);

#endif
