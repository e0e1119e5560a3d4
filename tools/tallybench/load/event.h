/* Parses server-sent events that carry tallies. Any thread. */
#ifndef TALLYCAST_TOOLS_BENCH_EVENT_H
#define TALLYCAST_TOOLS_BENCH_EVENT_H

#include "proto/reply.h"

/* Whether a block (the lines between two empty ones) is one that readers ignore: a heartbeat, or
 * the time to wait before reconnecting. */
bool event_is_silent(struct span block);

/* Decodes a block that must be `event: tally`, `id: SEQ` and `data: ` with the tally as JSON, in
 * that order, each once, and nothing else. Returns NULL; or what is wrong, with `row` undefined. */
const char *event_parse(const char *block, size_t len, struct tally_row *row);

#endif
