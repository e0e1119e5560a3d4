/* A session's replies to its peer, and the state that follows from them: the errors in a row, and
 * whether commands that waited for a reply may go on. Below commands and session, since both reply.
 * Worker's thread. */
#ifndef TALLYCAST_SESSION_REPLY_H
#define TALLYCAST_SESSION_REPLY_H

#include "line/session.h"
#include "proto/error.h"

void session_reply_ok(struct session *session);
void session_reply_text(struct session *session, const char *text, size_t len);
void session_reply_number(struct session *session, uint64_t number, bool duplicate);
void session_reply_error(struct session *session, enum error error, uint64_t seq, const char *text);

/* Replies with an error, and closes after too many in a row. */
void session_reply_refusal(struct session *session, enum error error, uint64_t seq,
                           const char *text);

/* Sends a command of Telnet, which is no line and counts as none. */
void session_reply_telnet(struct session *session, const char *command);

/* Sends a row `=` of a reply, and adds the end of the line. */
void session_reply_row(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One request in flight was replied to: what waited for it may go on. */
void session_reply_done(struct session *session);

#endif
