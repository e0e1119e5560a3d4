/* Results on the ledger's side: which of them lag behind their tallies, the one that the tabulator
 * counts, and who waits for one. The ledger's thread; before that starts, the main thread. */
#ifndef TALLYCAST_RESULTS_H
#define TALLYCAST_RESULTS_H

#include "ledger/request.h"
#include "ledger/tabulator.h"
#include "ledger/turns.h"
#include "tally/tally.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger_stats;
struct ports;
struct profiles;

struct results {
    struct tally *tally;
    const struct profiles *profiles;
    struct ports *ports;
    struct ledger_stats *stats;
    struct tabulator tabulator;
    struct counting { /* by the tabulator, unless it is free */
        uint32_t poll;
        uint64_t seq;      /* of its tally */
        uint64_t since_ns; /* since when the result that is shown lags behind */
    } counting;
    struct turns turns;
    const atomic_bool *cancelled;              /* set by any thread: nobody may wait any more */
    bool memory_is_short;                      /* as was logged */
    uint32_t waiting;                          /* requests in all lists */
    struct request_wait_list waits[POLLS_MAX]; /* by poll id - 1; who waits for its result */
};

/* Starts the tabulator. Every poll that lacks a result is to have one. The caller keeps the
 * arguments. Once *cancelled, no result is counted, and who waits for one is told that the server
 * stops. NULL, with errno set, if memory is short or the thread can't be started. */
struct results *results_new(struct tally *tally, const struct profiles *profiles,
                            struct ports *ports, struct ledger_stats *stats,
                            const atomic_bool *cancelled);

/* Waits for the tabulator, however long it counts. NULL is fine. */
void results_free(struct results *results);

/* A snapshot was published: has its result counted, if it lacks one. If it owes none any more, who
 * waits for one is answered. */
void results_note(struct results *results, const struct snapshot *snapshot, uint64_t now_ns);

/* Takes over a request that waits. Answers it at once if there is nothing to wait for. */
void results_wait(struct results *results, struct request_wait *wait);

/* Publishes the result that the tabulator has counted, answers who waited for it, and hands it the
 * next poll. The answers are in the ports; ports_flush sends them. */
void results_work(struct results *results);

/* Whether results_work would do something; and when it will, UINT64_MAX if nothing is to be done.
 */
bool results_have_work(const struct results *results);
uint64_t results_due_ns(const struct results *results);

/* Ends the tabulator. Returns whether it ended within so long; if not, it still reads polls. */
bool results_end(struct results *results, unsigned timeout_ms);

#endif
