/* New voters by their address. A client that drops its cookie or connection is a new voter, any
 * number of times, and nobody would see it. So this counts the ballots of a minute that were their
 * voter's first, for the addresses that most come from, in bounded memory. One thread. */
#ifndef TALLYCAST_NEWCOMERS_H
#define TALLYCAST_NEWCOMERS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    NEWCOMERS_MANY = 500, /* of one address in a minute, in one worker: worth a line of the log */
    NEWCOMERS_SLOTS = 64,
};

/* All zero is an empty one. */
struct newcomers {
    uint64_t began_ns; /* start of the minute; monotonic */
    bool told;         /* in this minute */
    struct newcomers_slot {
        struct in6_addr address;
        uint32_t count; /* how many more came from it than from others in the slot */
    } slots[NEWCOMERS_SLOTS];
};

/* A new voter came from this address. Returns whether it has just become one of which there are
 * many, once a minute. A time before the minute's start belongs to that minute. */
bool newcomers_note(struct newcomers *newcomers, const struct in6_addr *address, uint64_t now_ns);

#endif
