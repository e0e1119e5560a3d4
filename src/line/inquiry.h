/* Inquiries: CLIENTS and KICK. Connections belong to their workers, so each worker is asked for its
 * own, by a task, and the last one to answer sends the whole back to the worker that asked. */
#ifndef TALLYCAST_INQUIRY_H
#define TALLYCAST_INQUIRY_H

#include "line/session.h"

#include <stdint.h>

/* Session's thread: lists all connections, or, if kick_id is not 0, closes that one. The reply goes
 * to the session later, as that of one request in flight, which the caller counts. Returns 0, or -1
 * if memory is short. */
int inquiry_start(struct session *session, uint64_t kick_id) __attribute__((warn_unused_result));

#endif
