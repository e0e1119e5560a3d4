/* The clients of the session's fuzzer: what each sent, hence what it must be told and in which
 * order, and what it was told. Judges by PROTOCOL.md alone, with a reader of lines of its own; the
 * web's clients are judged by fuzz_web.c. */
#ifndef TALLYCAST_FUZZ_PEER_H
#define TALLYCAST_FUZZ_PEER_H

#include "ledger/ports.h"
#include "tally/tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PEERS = 8, PEER_INPUT_MAX = 32 * 1024, PEER_ERRORS_MAX = 20 };

enum peer_kind { PEER_VOTER, PEER_ADMIN, PEER_ONE_TOO_MANY, PEER_WEB, PEER_WEB_ONE_TOO_MANY };

void peers_reset(struct tally *tally);
/* Checks nothing, frees everything. */
void peers_finish(void);

/* A peer that is not connected gets the descriptor of a new connection. */
bool peer_is_connected(unsigned number);
void peer_connect(unsigned number, int fd, enum peer_kind kind);
int peer_fd(unsigned number); /* -1 if it never connected */
bool peer_is_web(unsigned number);

void peer_send(unsigned number, const char *bytes, size_t len);
void peer_half_close(unsigned number);
void peer_reset(unsigned number);
/* It takes `room` bytes more; SIZE_MAX for whatever comes. */
void peer_take(unsigned number, size_t room);
/* Who takes nothing for stall_ms may be cut off, and, once the stop took stop_ms, anybody. */
void peers_pass_time(uint64_t ms, uint64_t stall_ms, uint64_t stop_ms);

/* Something happened after which connections may end without a word. */
void peers_excuse(void);
/* From now on -LIMIT may be the answer to anything. */
void peers_excuse_memory(void);
/* From now on -SHUTTING-DOWN may be. */
void peers_note_stop(void);

/* The ledger answered a request of the connection with this descriptor. */
void peer_note_answer(int fd, const struct answer *answer);
/* The server sent bytes there. */
void peer_receive(int fd, const char *bytes, size_t len);

/* Everybody has taken everything: all that was to be said was, and subscribers have the newest. */
void peers_require_told(bool stopped);

#endif
