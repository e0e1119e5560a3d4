/* The page that waits for the ledger. Worker's thread. */
#ifndef TALLYCAST_WEB_PAGES_H
#define TALLYCAST_WEB_PAGES_H

#include "web/page_data.h"
#include "web/web_reply.h"
#include "web/web_session.h"

#include <stdint.h>

/* Replies with the page of session->poll. */
enum web_result web_show_page(struct web_session *session, int status,
                              const struct page_reader *reader);

/* The same to a known reader, whose ballot has that value, or 0 if there is none or it is unknown.
 * It is entry `seq` of the ledger, or 0 if that is not to be told. */
void web_show_poll(struct web_session *session, int status, uint32_t value, uint64_t seq);

/* The same to one who has no ballot, or of whom none is known: with the question before a final
 * ballot, if the request was for that. */
void web_show_unvoted(struct web_session *session);

#endif
