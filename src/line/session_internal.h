/* What the session_*.c files share. Nobody else includes it. Worker's thread throughout. */
#ifndef TALLYCAST_SESSION_INTERNAL_H
#define TALLYCAST_SESSION_INTERNAL_H

#include "proto/reply.h"
#include "line/session.h"
#include "push/subscriber.h"

/* A command that isn't a VOTE, executed with nothing in flight. Returns 0 if it has replied or will
 * be answered, or an enum error for the reply, with *why set or NULL for the error's own text. */
typedef int session_execute(struct session *session, const struct command *command,
                            const char **why);

/* By command; NULL for VOTE and TRACE. */
extern session_execute *const session_commands[CMD_COUNT];

/* The administrator's commands, in session_admin.c. */
session_execute session_create, session_title, session_label, session_open_poll, session_close_poll,
    session_stats, session_journey, session_clients, session_kick, session_backup, session_shutdown;

/* Casts a ballot: it is on its way to the ledger when this returns 0. Returns an enum error to
 * refuse it. */
int session_vote(struct session *session, const struct command *command, const char **why);

/* One request in flight was replied to: what waited for that may go on. */
void session_answered(struct session *session);

/* Replies. */
void session_reply_ok(struct session *session);
void session_reply_text(struct session *session, const char *text, size_t len);
void session_reply_number(struct session *session, uint64_t number, bool duplicate);
void session_reply_error(struct session *session, enum error error, uint64_t seq, const char *text);

/* Replies with an error, and closes after too many in a row. */
void session_refuse(struct session *session, enum error error, uint64_t seq, const char *text);

/* A row `=` of a reply, its end of line added. */
void session_row(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends a tally with a prefix. Returns 0 or ERR_LIMIT. */
int session_tally(struct session *session, const char *prefix, uint32_t poll);

/* The next rows of POLLS, and its end. */
void session_list_polls(struct session *session);

/* The poll that a command names, or NULL. */
const struct poll *session_poll(struct session *session, const struct command *command);

#endif
