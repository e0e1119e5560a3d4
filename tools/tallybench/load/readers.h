/* The readers of a lane: subscribers of the line protocol, which read, read slowly or never read,
 * and readers of server-sent events, which read or never read. Number i of each kind reads poll i
 * modulo the polls. */
#ifndef TALLYCAST_TOOLS_BENCH_READERS_H
#define TALLYCAST_TOOLS_BENCH_READERS_H

#include "tools/tallybench/load/conn.h"
#include "tools/tallybench/load/lane.h"

struct readers;

/* The lane's readers; given to lane_add. */
struct readers *readers_new(struct lane *lane, const struct lane_work *work);
void readers_free(struct readers *readers);

/* The connection of an SSE reader is being made: asks for the events. */
void readers_opened(struct readers *readers, struct bench_conn *conn);

/* The connection was greeted: subscribes. An SSE reader has subscribed when the head of its reply
 * has come: takes the input behind the head. */
void readers_greeted(struct readers *readers, struct bench_conn *conn, struct span input);

/* A connection can be read. */
void readers_event(struct readers *readers, struct bench_conn *conn, uint32_t events);

/* When readers_tick is due next; UINT64_MAX if never. */
uint64_t readers_next_ns(const struct readers *readers);

/* Has the slow ones read what their pace allows. */
void readers_tick(struct readers *readers, uint64_t now_ns);

/* PHASE_SETTLE has begun: load->lasts is known. */
void readers_settle(struct readers *readers);

/* From PHASE_SETTLE on: how many readers (not the slow ones) lack the last tally. */
unsigned readers_behind(const struct readers *readers);

#endif
