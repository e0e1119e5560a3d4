/* Ballots of the web, and what is replied. Worker's thread. */
#ifndef TALLYCAST_WEB_VOTE_H
#define TALLYCAST_WEB_VOTE_H

#include "ledger/request.h"
#include "web/web_session.h"

/* The ledger's answer to what the present request asked. */
void web_take_answer(struct web_session *session, const struct answer *answer);

#endif
