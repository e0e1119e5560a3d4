/* Polls and their tallies as JSON, for HTTP and for server-sent events (doc/HTTP.md). `ledger` is
 * the identity of their ledger (tally_ledger). Any thread. */
#ifndef TALLYCAST_POLL_JSON_H
#define TALLYCAST_POLL_JSON_H

#include "json/json_write.h"
#include "tally/tally.h"

/* Writes a poll with its title, settings and labels:
 *   {"poll":"lunch","ledger":"…","title":"Lunch?","settings":{…},"seq":42,"texts":40,
 *    "state":"open","open":true,"hidden":false,"ballots":3,
 *    "choices":[{"choice":"pizza","label":"Pizza","count":2},…]}
 * While the poll's results are hidden, each count is null. It is made once a snapshot. */
void poll_json_write(struct json_writer *json, struct snapshot *snapshot, const char *ledger);

/* Appends the tally alone, without title, settings and labels, as a server-sent event: `event:
 * tally`, `id: SEQ`, `data: {…}`, and an empty line. Returns 0, or -1 with the buffer unchanged if
 * memory is short. */
int poll_json_event(struct buffer *out, const struct snapshot *snapshot, const char *ledger)
    __attribute__((warn_unused_result));

/* Appends the event for a reader without news, so that it can tell silence from a dead connection:
 * `event: beat`, `data: {"ledger":"…"}`, and an empty line. Returns as poll_json_event does. */
int poll_json_beat(struct buffer *out, const char *ledger) __attribute__((warn_unused_result));

#endif
