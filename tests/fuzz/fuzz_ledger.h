/* A ledger for the session's fuzzer, in memory, behind the functions by which workers talk to the
 * real one. It answers when the script says so, in the order in which it was asked, and judges
 * roughly as the real one does: what counts here is what a session makes of the answers. */
#ifndef TALLYCAST_FUZZ_LEDGER_H
#define TALLYCAST_FUZZ_LEDGER_H

#include "ledger/ports.h"
#include "tally/tally.h"

enum { FUZZ_POLLS_MAX = 32 };

/* Begins anew. A tally without polls gets some; those of one that has them are emptied, which
 * leaves only their sequences to tell it from a new one. */
void fuzz_ledger_reset(struct tally *tally);

/* Whether that is enough: no poll was created or renamed. */
bool fuzz_ledger_is_reusable(void);
/* Frees what was asked and never answered. */
void fuzz_ledger_finish(void);

/* Takes and answers up to `count` of the requests that were sent, a port's in their order. Returns
 * how many. */
size_t fuzz_ledger_answer(size_t count);

/* Refuses the next so many with -STORAGE. */
void fuzz_ledger_refuse(unsigned count);

/* A ballot of somebody else changes the tally of poll `index` (from 0, taken as a remainder). */
void fuzz_ledger_count(unsigned index);

/* Requests of a port that it has made room for and whose answer it has not received. */
uint32_t fuzz_ledger_in_flight(unsigned port);

/* Told of each answer as it is given. */
extern void (*fuzz_ledger_on_answer)(unsigned port, const struct answer *answer);

#endif
