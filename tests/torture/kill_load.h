/* The load on the server that is to be killed: voters who pipeline, a subscriber of all polls, a
 * reader who asks while they vote, and the administrator, who creates, closes and opens polls and
 * makes a backup. All in the torture's one thread; what each was answered or shown goes to the
 * oracle.
 *
 * The administrator comes first: once the tallies of the start are seen to be right, and what a
 * death left without an answer is sent again, the others begin. */
#ifndef TALLYCAST_TESTS_KILL_LOAD_H
#define TALLYCAST_TESTS_KILL_LOAD_H

#include "tests/torture/kill_oracle.h"

enum { LOAD_VOTERS = 4, LOAD_CONNS = LOAD_VOTERS + 3, LOAD_WINDOW = 64 };

struct load;

struct conn {
    struct load *load;
    int fd; /* -1 when it has ended */
    void (*on_line)(struct conn *conn, const char *line);
    bool greeted;
    size_t pending_bytes; /* of a line that is not whole */
    char input[64 * 1024];
    size_t asked[LOAD_WINDOW];   /* voters that wait for their answer here, in order: a circle */
    unsigned first, count;       /* count also of a reader: 1 while it waits for an answer */
    uint64_t seen[ORACLE_POLLS]; /* a reader's last tally of each poll */
};

struct load {
    struct oracle *oracle;
    struct torture *torture;
    unsigned port;
    const char *admin_path;
    const char *directory;   /* for backups */
    unsigned window;         /* ballots in flight on a connection, 1 to LOAD_WINDOW */
    uint64_t ballots_left;   /* to be sent before the next death */
    bool backup;             /* the administrator is to make one */
    unsigned rows;           /* of POLLS, so far */
    size_t retry, retry_end; /* voters from here to there are still to be asked again */
    unsigned conn_count;
    struct conn conns[LOAD_CONNS];
};

/* Connects the administrator to the server. */
void load_begin(struct load *load);

/* Drives all until the deadline, or until the server has closed all connections. */
void load_run(struct load *load, int64_t deadline_us);

/* The server is dead: takes what it had sent, and closes. */
void load_end(struct load *load);

#endif
