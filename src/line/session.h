/* A session: what the line protocol (line_protocol.c) keeps of a client. Worker's thread. */
#ifndef TALLYCAST_SESSION_H
#define TALLYCAST_SESSION_H

#include "serve/client.h"
#include "proto/command.h"

#include <stdbool.h>
#include <stdint.h>

struct result_reply;

struct session {
    struct client client;  /* first: a session is reached by its connection */
    uint32_t resume_at;    /* a paused session goes on when no more than this are in flight */
    uint32_t polls_listed; /* rows of POLLS sent, if conn.mid_reply and no result is told */
    uint16_t errors_in_row;
    uint8_t
        asked; /* enum command_id of the request in flight that is not a VOTE; 0 (VOTE) for none */
    bool past_first_line : 1; /* has sent a line that is not empty, and may go on */
    bool skips_line : 1;      /* drops the rest of a line that is too long */
    bool drops_input : 1;     /* the peer knows that the server stops: more input is dropped */
    bool has_file : 1;
    int file;    /* owned if has_file: the open file that came last with the input */
    char *voter; /* owned; the name given by AS; NULL for none */
    struct result_reply *result; /* owned; being told, in several rounds; or NULL */
};

/* A connection as a session. It must be one. */
static inline struct session *session_of(struct conn *conn)
{
    return container_of(client_of(conn), struct session, client);
}

#endif
