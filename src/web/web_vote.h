/* Ballots of the web, and the replies to them. Worker's thread. */
#ifndef TALLYCAST_WEB_VOTE_H
#define TALLYCAST_WEB_VOTE_H

#include "ledger/request.h"
#include "web/web_session.h"

/* Takes the ledger's answer to the present request. */
void web_take_answer(struct web_session *session, const struct answer *answer);

#endif
