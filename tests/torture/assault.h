/* An assault: one attack on a server of its own, and the judgement. Beside the attack there are
 * healthy clients, and the server must
 *   - serve them as before: the 99th percentile of their acknowledgements, and the age of what they
 *     are pushed, stay within twice what they are without the attack (taken right before and right
 *     after; the worse of both counts), or within a small absolute margin of it, below which the
 *     machine's own hiccups would be judged. An attack that is out of these bounds is repeated, on
 *     another server: one that delays voters does so each time, and a machine that was busy with
 *     something else does not. It fails if all ASSAULT_ROUNDS rounds are out of bounds;
 *   - get everything back afterwards: connections, subscribers, descriptors, memory;
 *   - have counted the healthy ballots, all of them and nothing else, and recount to the same.
 * These must hold in every round. Under a sanitizer neither times nor memory are judged.
 *
 * The attacker's thread runs at the lowest priority: it stands for machines of its own, and must
 * not take the processor from the server that it attacks. */
#ifndef TALLYCAST_TESTS_TORTURE_ASSAULT_H
#define TALLYCAST_TESTS_TORTURE_ASSAULT_H

#include "tests/support/server.h"
#include "tests/torture/healthy.h"
#include "tests/torture/torture.h"

enum { ASSAULT_OPTIONS_MAX = 6, ASSAULT_TEXT_MAX = 160, ASSAULT_POLLS = 200, ASSAULT_ROUNDS = 3 };

struct assault;

struct attack {
    const char *name;
    void (*run)(struct assault *assault);
    unsigned seconds, full_seconds;           /* that it goes on: in CI, and at full size */
    unsigned memory_kib;                      /* that the server may keep of it */
    const char *options[ASSAULT_OPTIONS_MAX]; /* of the server; NULL ends them */
};

struct assault {
    const struct attack *attack;
    struct torture *torture; /* for its random numbers */
    bool full;
    struct server server;
    struct client *admin;
    struct healthy *healthy;
    int64_t end_ms;
    char text[ASSAULT_TEXT_MAX]; /* what the attack did, in figures; it fills it in */
};

/* What all assaults came to, in memory that the tests' processes share. */
struct assault_totals {
    unsigned count;
    unsigned repeated;  /* rounds that were out of bounds, and not the last */
    double worst_ratio; /* of the acknowledgements' 99th percentiles, in rounds within bounds */
};

/* How much more memory the server may keep, in KiB: for the attack, and at full size for what the
 * healthy ballots of so long a time touch first: 1.7 MiB of rings for each of two ingest threads,
 * and 2 MiB of SQLite's pages. */
uint64_t assault_memory_kib(const struct assault *assault);

/* Whether the attack is to go on. */
bool assault_goes_on(const struct assault *assault);

/* The whole assault. Prints the figures of each round; fails the test if a promise was broken. */
void assault_run(struct assault *assault, struct assault_totals *totals);

#endif
