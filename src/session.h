/* A session: what a client of the line protocol means. The handler of a connection, and one of its
 * two halves: conn knows bytes, session knows meaning.
 *
 * VOTEs pipeline: each is sent to the ledger as it is read. Any other command, and any refusal,
 * waits until the ballots in flight are answered, so replies are in the order of the commands by
 * construction, and all that a session keeps of what is in flight is how many. */
#ifndef TALLYCAST_SESSION_H
#define TALLYCAST_SESSION_H

#include "conn.h"
#include "proto/command.h"
#include "worker.h"

#include <stdbool.h>
#include <stdint.h>

struct session {
    struct conn conn; /* first: a session is reached by its connection */
    struct worker *worker;
    struct loop_task arrival;
    uint64_t id; /* as CLIENTS shows it; never reused while the server runs */
    uint32_t in_flight;
    uint32_t resume_at;    /* where paused: goes on when no more than this are in flight */
    uint32_t polls_listed; /* of POLLS, where conn.mid_reply */
    uint16_t errors_in_row;
    uint8_t
        asked; /* enum command_id of the request in flight that is not a VOTE; 0 (VOTE) for none */
    bool admin : 1;
    bool refused : 1;  /* one connection too many: told so, and closed */
    bool spoke : 1;    /* has sent a line that is not empty */
    bool refusing : 1; /* the server stops: what is read now is not executed */
    bool deaf : 1;     /* was told that the server stops: more input is dropped */
    uint64_t lines;
    uint64_t opened_ns;
    uint64_t active_ns;            /* of its last input */
    char *voter;                   /* owned; AS; NULL for none */
    struct subscriber *subscriber; /* NULL before the first SUBSCRIBE */
};

enum session_origin { SESSION_PUBLIC, SESSION_ADMIN, SESSION_ONE_TOO_MANY };

/* Main thread: gives an accepted socket to an ingest worker. Takes over the descriptor in any case.
 * Returns 0, or -1 if memory is short. */
int session_open(struct server *server, int fd, const union peer *peer, uint64_t id,
                 enum session_origin origin) __attribute__((warn_unused_result));

/* Worker's thread. For inquiries: a connection of a pool as a session. */
static inline struct session *session_of(struct conn *conn)
{
    return (struct session *)conn;
}

#endif
