/* The reader and voter of a request: the browser that a cookie names, or the address that asks.
   Worker's thread. */
#ifndef TALLYCAST_WEB_READER_H
#define TALLYCAST_WEB_READER_H

#include "proto/http.h"
#include "serve/identity.h"
#include "web/web_session.h"

/* Recognizes the browser by its cookie, or else has the reply give it one: for the voter that
 * `token` names (doc/HTTP.md), if it names one. */
void web_know_voter(struct web_session *session, const struct http_request *request,
                    struct span token);

/* The asker of a claim, which must not outlive it. */
struct web_asker {
    struct web_session *session;
    const struct http_request *request;
    struct span token;
};
struct claim web_reader_claim(struct web_asker *asker);

/* Whether the ledger can tell the reader's ballot in a poll. */
bool web_reader_can_look_up(const struct poll *poll);

/* Whether the ledger takes no request now. If so, the connection is paused, and the request will be
 * read again. */
bool web_reader_must_wait(struct web_session *session);

/* Asks the ledger for the reader's ballot in session->poll, on behalf of a reply of the kind
 * `asks`. Returns false if there is none: the ledger can't know the reader, or has never seen one
 * like it. */
bool web_reader_look_up(struct web_session *session, const struct http_request *request,
                        enum web_asks asks) __attribute__((warn_unused_result));

#endif
