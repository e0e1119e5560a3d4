/* Shared by the voters' sources: the schedule and the checks (voters.c), which are the same for
 * all, and the table of each protocol for sending and reading. Runs on the voters' lane. */
#ifndef TALLYCAST_TOOLS_BENCH_VOTERS_INTERNAL_H
#define TALLYCAST_TOOLS_BENCH_VOTERS_INTERNAL_H

#include "tools/tallybench/figures/hdr.h"
#include "tools/tallybench/load/lane.h"
#include "tools/tallybench/load/pace.h"
#include "tools/tallybench/load/voters.h"

struct voter;

/* A voter's protocol. */
struct voter_protocol {
    /* Writes the ballot at voter->next. Returns its end. */
    char *(*put_ballot)(const struct voters *voters, const struct voter *voter, char *at);
    /* Sends the last command, in PHASE_DRAIN. */
    void (*send_last)(struct voters *voters, struct voter *voter);
    /* Takes the replies that have come: voters_acknowledge, voters_finish or voters_refuse. */
    void (*take)(struct voters *voters, struct voter *voter, struct span input, uint64_t now_ns);
};

extern const struct voter_protocol voters_line_protocol, voters_http_protocol;

struct voter {
    struct bench_conn conn; /* first */
    unsigned number;        /* among all that vote; conn.number is that of its protocol */
    const struct voter_protocol *protocol;
    struct plan_cursor next, acknowledged;
    uint64_t *sent_ns; /* a ring: when each ballot in flight was sent, or was due */
    uint32_t window;   /* its size: the most that may be in flight */
    uint32_t oldest, in_flight;
    uint64_t sent;
    uint64_t last_seq;
    struct hdr *ack;     /* histogram of its waits */
    bool last, finished; /* PHASE_DRAIN: the last command was sent; its reply has come */
    char *cookie;        /* HTTP: NAME=VALUE, once there is one; owned */
};

struct voters {
    struct lane *lane;
    struct load *load;
    struct voter *all; /* those of the line protocol, then those of HTTP */
    unsigned count;
    struct voter **turns; /* voters that had an event in this round, each once */
    unsigned turn_count;
    uint64_t left;                  /* ballots that may still be sent */
    uint64_t acknowledged, seq_sum; /* the sum of their sequences, modulo 2^64 */
    unsigned finished;              /* voters that need nothing more in PHASE_DRAIN */
    struct pace pace;               /* rate 0: closed loop */
    uint64_t paced;                 /* taken off the schedule */
    uint64_t unpaced;               /* still on the schedule; UINT64_MAX: it has no end */
    bool voting;
    uint64_t probe_period_ns;
    char *ballots; /* room for a window of them */
};

/* A ballot's acknowledgement has come. Returns false if none waits for it. */
bool voters_acknowledge(struct voters *voters, struct voter *voter, uint64_t seq, uint64_t now_ns);

/* The voter needs nothing more: its last reply has come, or its connection is gone. */
void voters_finish(struct voters *voters, struct voter *voter);

/* Reports a reply that breaks a promise, and closes the connection. `what` comes before the reply's
 * text. */
void voters_refuse(struct voters *voters, struct voter *voter, const char *what, struct span reply);

#endif
