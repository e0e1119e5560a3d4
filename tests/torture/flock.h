/* A flock: many hostile connections in one thread. An attack says what each sends and when; the
 * flock connects, sends what the kernel takes, and gives each line that comes to the attack. */
#ifndef TALLYCAST_TESTS_TORTURE_FLOCK_H
#define TALLYCAST_TESTS_TORTURE_FLOCK_H

#include "tests/support/server.h"

enum { FLOCK_HEAD_MAX = 64 };

struct peer {
    int fd; /* -1 if it is not connected */
    unsigned number;
    bool ended;                /* the server has closed; the socket is closed too */
    int error;                 /* with which that ended; 0 for in good order */
    bool reads;                /* whether what comes is taken; set before it is connected */
    size_t at_once;            /* bytes taken by one look; 0 for all */
    uint64_t lines;            /* that came, the greeting included */
    char head[FLOCK_HEAD_MAX]; /* the beginning of the line that is coming */
    size_t head_len;
    /* For the attack. */
    uint64_t sent;
    uint64_t value;
    int64_t at_ms;
};

struct flock {
    const struct server *server;
    int epoll;
    unsigned count;
    unsigned open; /* peers that are connected, or connecting */
    struct peer *peers;
    /* A whole line came, of which `head` is the beginning, NUL-terminated. This may close the peer,
     * but not connect it anew. */
    void (*on_line)(struct flock *flock, struct peer *peer, const char *head);
    /* The server has closed. The same holds. May be NULL. */
    void (*on_end)(struct flock *flock, struct peer *peer);
    void *context;
};

void flock_init(struct flock *flock, const struct server *server, unsigned count);

/* Resets who is still connected, and frees. */
void flock_free(struct flock *flock);

/* Begins to connect a peer that isn't, from the address 127.`group`.x.y; group 0 is one address for
 * all, 127.0.0.2. A receive buffer of `receive_bytes`, or the kernel's own size if 0. */
void flock_connect(struct flock *flock, struct peer *peer, unsigned group, int receive_bytes);

/* Sends what the kernel takes of the bytes. Returns how many. */
size_t flock_send(struct peer *peer, const void *bytes, size_t len);

/* Closes a peer: in good order, or with a reset. */
void flock_close(struct flock *flock, struct peer *peer);
void flock_reset(struct flock *flock, struct peer *peer);

/* Waits for what comes, for so many milliseconds at most, and takes it. */
void flock_serve(struct flock *flock, int timeout_ms);

/* The same, until all have ended. Fails the test if that takes too long. */
void flock_await_ends(struct flock *flock);

#endif
