/* Connections that were turned away, as the log tells of them: a line when it begins, one a minute
 * while it goes on, and one when it is over. One thread. */
#ifndef TALLYCAST_REFUSALS_H
#define TALLYCAST_REFUSALS_H

#include "net/peer.h"

#include <stdbool.h>
#include <stdint.h>

/* All zero: none so far. */
struct refusals {
    bool told;        /* the log says that some are turned away, and not yet that none are */
    uint64_t told_ns; /* when it last said so */
    uint64_t last_ns; /* of the last refusal */
    uint64_t count;   /* since it last said so */
};

/* A connection was turned away for the limit of that name. */
void refusals_note(struct refusals *refusals, const char *limit, unsigned max,
                   const union peer *peer);

/* A connection was taken: refusals are over if the last one was some time ago. */
void refusals_note_admission(struct refusals *refusals);

#endif
