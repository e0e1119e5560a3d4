/* A crowd of voters: ballots pipelined over several connections, and what each was answered. One
 * thread, which goes on with whichever connection can.
 *
 * Ballot i is for choice 1 + i % 2 of the poll `lunch` and has `id=i`, unless the crowd says
 * something else. It may be sent again, and is sent over connection i % connections. */
#ifndef TALLYCAST_TESTS_CROWD_H
#define TALLYCAST_TESTS_CROWD_H

#include "tests/support/server.h"

enum {
    CROWD_WINDOW = 64, /* ballots of a connection that wait for their answers */
    CROWD_LINE_MAX = 256,
};

enum fate {
    FATE_UNKNOWN, /* not answered */
    FATE_COUNTED, /* +OK */
    FATE_REFUSED, /* with the crowd's refusal */
};

struct ballot {
    uint64_t seq; /* where counted */
    enum fate fate;
};

struct crowd_voter {
    struct client *client;
    uint64_t sent, answered; /* ballots of this connection */
};

struct crowd {
    struct server *server;
    const char *refusal; /* the only error that a ballot may be answered with; NULL for none */
    /* Writes a ballot's line with its LF, the same each time. */
    void (*say)(char line[CROWD_LINE_MAX], uint64_t number);
    unsigned connections;
    struct crowd_voter *voters;
    uint64_t count;
    struct ballot *ballots;
    uint64_t answered, duplicates; /* replies since crowd_connect */
};

/* A crowd with `count` ballots. */
void crowd_init(struct crowd *crowd, struct server *server, unsigned connections, uint64_t count);
void crowd_free(struct crowd *crowd);

/* Connects everyone, who will send all their ballots from the first on. */
void crowd_connect(struct crowd *crowd);

/* Votes until so many replies came since crowd_connect. Fails the test if the server closes. */
void crowd_vote(struct crowd *crowd, uint64_t replies);

/* Votes until everything is answered, or the server has closed every connection. */
void crowd_finish(struct crowd *crowd);

void crowd_disconnect(struct crowd *crowd);

/* Ballots of a fate. */
uint64_t crowd_count(const struct crowd *crowd, enum fate fate);

/* The poll's counts are those of the ballots that were counted, no more and no less. */
void crowd_assert_tally(const struct crowd *crowd, struct client *client);

#endif
