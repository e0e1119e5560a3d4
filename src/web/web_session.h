/* The web's session: what HTTP (web_protocol.c) keeps of a client. Worker's thread. */
#ifndef TALLYCAST_WEB_SESSION_H
#define TALLYCAST_WEB_SESSION_H

#include "poll/poll.h"
#include "proto/http.h"
#include "serve/client.h"
#include "web/voter_cookie.h"

#include <stdbool.h>
#include <stdint.h>

/* The purpose of the request to the ledger. */
enum web_asks {
    WEB_ASKS_VOTE,   /* to record a ballot */
    WEB_ASKS_PAGE,   /* the reader's ballot, for the poll's page */
    WEB_ASKS_OWN,    /* the reader's ballot, for the reader */
    WEB_ASKS_RESULT, /* when the poll's result may be told */
};

struct web_session {
    struct client client;      /* first: a session is reached by its connection */
    bool head : 1;             /* of the present request: asks for no body */
    bool cors : 1;             /* of the present request: its origin may read the reply */
    bool html : 1;             /* of the present request: a browser's form, answered with a page */
    bool sets_cookie : 1;      /* of the present request: its reply names the voter */
    bool https : 1;            /* of the present request: the browser asked by https */
    bool continued : 1;        /* of the next request: its sender was told to go on */
    bool has_turn : 1;         /* of the next request: it was counted to its address */
    bool streams : 1;          /* gets events from now on; more input is dropped */
    uint8_t closes_for;        /* of the present request: enum close_reason if the connection ends
                                  after the reply; or CLOSE_NONE */
    uint8_t asks;              /* of the request in flight: enum web_asks */
    uint8_t depth;             /* of the present request: slashes in its path beyond the first */
    uint32_t value;            /* of the ballot about which the page asks first; or 0 */
    struct http_part part;     /* of the next request, which is not whole yet */
    const struct poll *poll;   /* of the request in flight, or of the one just answered; or NULL */
    struct voter_cookie voter; /* of the present request, where sets_cookie */
};

static inline struct web_session *web_session_of(struct conn *conn)
{
    return container_of(client_of(conn), struct web_session, client);
}

#endif
