/* RESULT's reply. It may have thousands of rows, so it is made a round's output at a time, as the
 * peer takes it; what is kept meanwhile is the result, which all have in common, and how many rows
 * were told. Worker's thread. */
#ifndef TALLYCAST_RESULT_REPLY_H
#define TALLYCAST_RESULT_REPLY_H

#include "line/session.h"
#include "tally/tally.h"

/* Replies with the newest result that the snapshot knows, or what may be told while it is hidden.
 * Returns 0, or ERR_LIMIT if memory is short. */
int result_reply_begin(struct session *session, struct snapshot *snapshot, bool pairs)
    __attribute__((warn_unused_result));

/* The peer takes output: the reply that was begun goes on. */
void result_reply_go_on(struct session *session);

/* The session ends, and a reply with it, if there is one. */
void result_reply_forget(struct session *session);

#endif
