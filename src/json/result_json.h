/* Results as JSON, for HTTP and for server-sent events (doc/HTTP.md): the facts of RESULT's rows.
 * `ledger` is the identity of the poll's ledger (tally_ledger). Any thread. */
#ifndef TALLYCAST_RESULT_JSON_H
#define TALLYCAST_RESULT_JSON_H

#include "json/json_write.h"
#include "tally/tally.h"

/* Writes the newest result that a snapshot knows, of which there must be one:
 *   {"poll":"board","ledger":"…","seq":40,"hidden":false,"method":"stv-scottish/1","seats":2,
 *    "ballots":36,"weight":36,"abstain":1,"quota":12,"lot":["c","a","b"],"choices":["a","b","c"],
 *    "rounds":[{"votes":[20.00000,…],"exhausted":0.00000},…],
 *    "steps":[{"step":"elect","round":1,"choice":"a","surplus":8.00000},
 *             {"step":"tie","round":2,"of":"eliminate","choices":["b","c"],"by":"lot"},…],
 *    "winners":["a",…]}
 * Votes are in the order of `choices`. Where they apply: "runoff", "ranks", "nobody" and, if
 * `pairs`, "pairs" and "paths". While results are hidden it ends after "choices", without weight,
 * abstentions and quota, and with no winners. */
void result_json_write(struct json_writer *json, struct snapshot *snapshot, const char *ledger,
                       bool pairs);

/* Appends a result's head and its winners as a server-sent event: `event: result`, `id: SEQ`,
 * `data: {…}`, and an empty line. Returns 0, or -1 with the buffer unchanged if memory is short. */
int result_json_event(struct buffer *out, struct snapshot *snapshot, const char *ledger)
    __attribute__((warn_unused_result));

#endif
