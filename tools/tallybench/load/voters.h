/* The voters: connections that send ballots and take the replies, by the line protocol or over
 * HTTP. All of a run's are on one lane.
 *
 * Closed loop (--rate 0): each keeps its window full. Open loop: ballots are due at fixed times,
 * and latency counts from then, however late they could be sent. */
#ifndef TALLYCAST_TOOLS_BENCH_VOTERS_H
#define TALLYCAST_TOOLS_BENCH_VOTERS_H

#include "tools/tallybench/load/conn.h"

struct voters;

/* The lane's voters; given to lane_add. */
struct voters *voters_new(struct lane *lane);
void voters_free(struct voters *voters);

/* The connection of an HTTP voter is being made: asks for a reply, as there is no greeting. */
void voters_opened(struct voters *voters, struct bench_conn *conn);

/* PHASE_VOTE has begun: sends the first ballots. */
void voters_begin(struct voters *voters);

/* When voters_tick is due next; UINT64_MAX if never. */
uint64_t voters_next_ns(const struct voters *voters);

/* Sends the ballots that have become due. */
void voters_tick(struct voters *voters, uint64_t now_ns);

/* A connection can be read or written. */
void voters_event(struct voters *voters, struct bench_conn *conn, uint32_t events);

/* All events of a round of the loop were handled: sends the ballots for which they made room. Not
 * earlier: a reply would then wait while others' ballots are sent, and that wait would be recorded
 * as the server's. */
void voters_cast(struct voters *voters);

/* PHASE_DRAIN has begun: no more ballots. Sends each connection one more command, PING or GET,
 * whose reply must come after those to all its ballots. */
void voters_drain(struct voters *voters);

/* Whether voting is over: its time is up, or --ballots are acknowledged. */
bool voters_finished(const struct voters *voters, uint64_t now_ns);

/* Whether every connection's last reply has come (or it was lost). */
bool voters_drained(const struct voters *voters);

/* PHASE_STOP has begun: ballots that were not answered count with the time that they have waited.
 */
void voters_give_up(struct voters *voters);

/* After the lane has completed PHASE_DRAIN: the sum of all sequences that were acknowledged, modulo
 * 2^64. */
uint64_t voters_seq_sum(const struct voters *voters);

/* After the lane's thread has ended: ballots that were due and not sent. */
uint64_t voters_unsent(const struct voters *voters);

#endif
