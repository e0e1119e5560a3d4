/* A server that is made to suffer, and clients that put up with whatever it does: a connection may
 * end at any moment, and the process as well. What must not be (a hang, a wrong answer) is told by
 * torture_fail. One thread.
 *
 * Nothing sleeps to wait for something: waiting is for a descriptor, and for VICTIM_PATIENCE_MS at
 * most, after which it is a hang. A server dies with its driver. */
#ifndef TALLYCAST_TESTS_VICTIM_H
#define TALLYCAST_TESTS_VICTIM_H

#include "tests/torture/fault.h"
#include "tests/torture/torture.h"

#include <stddef.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/types.h>

enum {
    VICTIM_PATIENCE_MS = 10000,
    VICTIM_STOP_MS = 12000, /* a stop takes 10 s at most, and then the log is written */
    VICTIM_PATH_MAX = 256,
};

struct victim {
    const struct torture *torture;
    const char *what;     /* the case, for messages; may be NULL */
    pid_t pid;            /* 0 while none runs */
    int out;              /* its standard output */
    unsigned port;        /* the line port's, on 127.0.0.1; 0 if it never told */
    bool says_it_stops;   /* has told a client so */
    int64_t greeting_ms;  /* how long clients that may wait in vain do so */
    rlim_t address_space; /* limits for the next start; 0 for the driver's own */
    rlim_t open_files;
    const char *const *arguments; /* for the next start, besides the usual ones; NULL ends them */
    struct fault_plan *plan;      /* shared with the server; zeroed by victim_start */
    char directory[VICTIM_PATH_MAX];
    char database[VICTIM_PATH_MAX];
    char admin[VICTIM_PATH_MAX];
    char log[VICTIM_PATH_MAX];
    char plan_path[VICTIM_PATH_MAX];
};

/* A connection. Freed by peer_close. */
struct peer {
    struct victim *victim;
    int fd; /* -1 once it has ended */
    bool taken_all;
    size_t begin, end; /* of what came and was not looked at */
    char bytes[64 * 1024];
};

/* ---- the process ---- */

/* Makes a directory under $TMPDIR or /tmp, and the plan. victim_end removes them. */
void victim_init(struct victim *victim, const struct torture *torture);
void victim_end(struct victim *victim);

/* Empties the directory, but for the plan. */
void victim_clear(struct victim *victim);

/* Starts the server. With `preloaded`, victim->plan is in force: the caller has filled what it
 * reads, and its counts begin at 0. Returns whether it became ready; if not, it has ended and is to
 * be waited for. */
bool victim_start(struct victim *victim, bool preloaded);

/* Waits for its end. Returns its exit status, or the negated number of the signal that ended it. */
int victim_wait(struct victim *victim, int64_t patience_ms);
void victim_signal(const struct victim *victim, int signal_number);

/* Whether it has ended by itself; it is still to be waited for. */
bool victim_has_ended(const struct victim *victim);

/* The whole of its log, NUL-terminated; freed by the caller. */
char *victim_log(const struct victim *victim);

/* The share of a processor that its busiest thread takes in the next `ms` milliseconds, in percent
 * of the time that it did not wait for one: 100 for a spin, also where others keep the machine
 * busy. */
unsigned victim_load(const struct victim *victim, unsigned ms);

/* torture_fail, with the case and the log. */
void victim_fail(const struct victim *victim, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

int64_t victim_now_ms(void);

/* ---- connections ---- */

/* Connects, and takes the greeting. NULL if it does not come to that: the server closed, or is
 * gone. Where nothing comes at all it fails, unless `may_wait`: then it gives up after
 * victim->greeting_ms. */
struct peer *peer_connect(struct victim *victim, bool admin, bool may_wait);
void peer_close(struct peer *peer);

/* Sends bytes, all of them unless the connection ends. */
void peer_send(struct peer *peer, const char *bytes, size_t len);

/* The next line without its LF, valid until the next call; NULL once the connection has ended. */
const char *peer_line(struct peer *peer);

/* The next line if it has come already. */
const char *peer_line_now(struct peer *peer);

/* The reply to a line: its last line, of those that begin with + or -. NULL if the connection ended
 * first. Pushes and rows are given to `other`, unless that is NULL. */
const char *peer_ask(struct peer *peer, const char *line,
                     void (*other)(void *context, const char *line), void *context);

#endif
