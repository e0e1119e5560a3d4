/* The page that waits for the ledger. Worker's thread. */
#ifndef TALLYCAST_WEB_PAGES_H
#define TALLYCAST_WEB_PAGES_H

#include "web/web_session.h"

/* Replies with the page of session->poll to a reader who is known, and whose ballot is for
 * `choice`, from 0, as entry `seq` of the ledger, 0 where that is nobody's business; or for -1
 * where there is none, or nobody knows of one. */
void web_show_poll(struct web_session *session, int status, int choice, uint64_t seq);

#endif
