/* The parts of a running server, for any of them to look up. main.c fills it before the threads
 * start, and the pointers don't change after that. Each part's own header says who may call it. */
#ifndef TALLYCAST_SERVER_H
#define TALLYCAST_SERVER_H

#include "poll/voter.h"

#include <stdint.h>

struct admission;
struct config;
struct journey_stats;
struct ledger;
struct listener;
struct ports;
struct store;
struct tally;
struct web_store;
struct worker;

enum { SERVER_BOOT_ID_CHARS = 16 };

struct server {
    const struct config *config;
    struct store *store;
    struct tally *tally;
    struct ports *ports; /* between the workers and the ledger */
    struct ledger *ledger;
    struct journey_stats *journey_stats;
    struct admission *admission;
    struct listener *listener;
    struct web_store *web_store; /* or NULL: then no document is kept compressed */
    struct voter_key key;
    char
        boot_id[SERVER_BOOT_ID_CHARS + 1]; /* random; tells this run's connections from another's */
    uint64_t started_ns;                   /* monotonic */
    uint64_t started_real_ns;              /* since 1970 */
    struct worker *workers; /* ingest first, then broadcast; a worker's place is its number */
    unsigned worker_count;
    unsigned ingest_count;
};

#endif
