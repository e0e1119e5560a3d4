/* Ballots of the web: who casts them, and what is replied. Worker's thread. */
#ifndef TALLYCAST_WEB_VOTE_H
#define TALLYCAST_WEB_VOTE_H

#include "ledger/request.h"
#include "proto/http.h"
#include "web/web_session.h"

/* The answer to the ballot in flight. */
void web_voted(struct web_session *session, const struct answer *answer);

/* Knows the browser by its cookie; else by its form's token (at may be NULL), which the reply makes
 * its cookie; else has the reply give it a new one. */
void web_know_voter(struct web_session *session, const struct http_request *request,
                    struct span token);

#endif
