/* Polls and their tallies as JSON, for HTTP and for server-sent events (doc/HTTP.md). */
#ifndef TALLYCAST_POLL_JSON_H
#define TALLYCAST_POLL_JSON_H

#include "base/buffer.h"
#include "json/json.h"
#include "tally/tally.h"

/* A tally:
 *   {"poll":"lunch","seq":42,"open":true,"hidden":false,"ballots":3,
 *    "choices":[{"choice":"pizza","count":2},…]}
 * While the poll's results are hidden, each count is null. The caller owns it. NULL if memory is
 * short. Any thread. */
json_t *poll_json_tally(const struct snapshot *snapshot);

/* The same with "title" and "settings" after "poll", and each choice's "label". `texts` may be
 * NULL: then the names stand for them. */
json_t *poll_json(const struct snapshot *snapshot, const struct poll_texts *texts);

/* Appends the tally as a server-sent event: `event: tally`, `id: SEQ`, `data: {…}`, and an empty
 * line. Returns 0, or -1 if memory is short, and then the buffer holds what it held. Any thread. */
int poll_json_event(struct buffer *out, const struct snapshot *snapshot)
    __attribute__((warn_unused_result));

#endif
