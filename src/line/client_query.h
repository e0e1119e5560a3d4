/* Queries over all connections: CLIENTS and KICK. Connections belong to their workers, so a query
 * goes from worker to worker, and looks at a few slots a turn. Rows go back to the asking session
 * as fast as it takes them. So neither the work of a turn nor the memory grows with the number of
 * connections.
 *
 * It visits ingest workers first, and connections move only from those to broadcast workers. So it
 * meets every connection that lasts as long as the query; one that subscribes meanwhile, perhaps
 * twice. */
#ifndef TALLYCAST_CLIENT_QUERY_H
#define TALLYCAST_CLIENT_QUERY_H

#include "line/session.h"

#include <netinet/in.h>
#include <stdint.h>

enum client_query_kind {
    QUERY_LIST,
    QUERY_KICK_ID,
    QUERY_KICK_ADDRESS, /* all connections of that address but the asker's */
};

/* Session's thread: starts a query; `id` or `address` is read if the kind has one. The reply goes
 * to the session later; the caller counts it as one request in flight. Returns 0, or -1 if memory
 * is short. */
int client_query_start(struct session *session, enum client_query_kind kind, uint64_t id,
                       const struct in6_addr *address) __attribute__((warn_unused_result));

/* Session's thread: the peer has taken the rows sent so far, so the session's query goes on, unless
 * it is under way. */
void client_query_resume(struct session *session);

/* Session's thread: the session ends, and its query with it. Its connection is still attached. */
void client_query_forget(struct session *session);

#endif
