/* Queries over all connections: CLIENTS and KICK. Connections belong to their workers, so a query
 * goes from worker to worker, and at each looks at a few slots a turn; rows come back to the
 * session that asked as it takes them. So neither its work in one turn nor its memory grows with
 * the number of connections.
 *
 * It visits ingest workers first, and connections move only from those to broadcast workers, so it
 * meets everyone who is there from beginning to end; twice, perhaps, who subscribes meanwhile. */
#ifndef TALLYCAST_CLIENT_QUERY_H
#define TALLYCAST_CLIENT_QUERY_H

#include "line/session.h"

#include <netinet/in.h>
#include <stdint.h>

enum client_query_kind {
    QUERY_LIST,
    QUERY_KICK_ID,
    QUERY_KICK_ADDRESS, /* all connections of it but the asker's */
};

/* Session's thread: starts a query; `id` or `address` is read where the kind has one. The reply
 * goes to the session later, as that of one request in flight, which the caller counts. Returns 0,
 * or -1 if memory is short. */
int client_query_start(struct session *session, enum client_query_kind kind, uint64_t id,
                       const struct in6_addr *address) __attribute__((warn_unused_result));

/* Session's thread: the rows that it was sent so far are taken; its query goes on, unless it is
 * under way. */
void client_query_resume(struct session *session);

/* Session's thread: the session goes, and its query with it. */
void client_query_forget(struct session *session);

#endif
