/* Results over HTTP. Worker's thread. */
#ifndef TALLYCAST_WEB_RESULT_H
#define TALLYCAST_WEB_RESULT_H

#include "ledger/request.h"
#include "web/web_session.h"

/* Replies with the result of session->poll, for which the request has waited. */
void web_tell_result(struct web_session *session, const struct answer *answer);

#endif
