/* Polls as the web's requests name, list and read them. Worker's thread. */
#ifndef TALLYCAST_WEB_POLLS_H
#define TALLYCAST_WEB_POLLS_H

#include "web/web_route.h"

#include <jansson.h>

/* The poll that a call names, or NULL. */
const struct poll *web_find_poll(struct web_session *session, const struct web_call *call);

/* The part of the list of polls that a query asks for, or all that one list takes. Returns whether
 * its numbers are fine; else the rule says how they are to be. */
bool web_read_range(const struct web_call *call, uint64_t *after, uint64_t *limit)
    __attribute__((warn_unused_result));
#define WEB_RANGE_RULE "after is a number from 0, and limit one from 1 to 100"

/* Polls as GET /polls lists them: up to `limit` after the one with the id `after`; *newest is the
 * latest sequence among them. The caller owns it. NULL if memory is short. */
json_t *web_list(struct web_session *session, uint64_t after, uint64_t limit, uint64_t *newest);

/* A poll as GET /polls/POLL shows it. The caller owns it. NULL if memory is short. */
json_t *web_read_poll(struct web_session *session, uint32_t id, uint64_t *seq);

#endif
