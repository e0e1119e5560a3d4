/* A ballot on its way to the ledger, whatever protocol it came by. Worker's thread. */
#ifndef TALLYCAST_BALLOT_H
#define TALLYCAST_BALLOT_H

#include "serve/client.h"
#include "poll/poll.h"
#include "proto/error.h"

/* Who votes: the words that are hashed, or recorded where the poll records names. */
enum { BALLOT_VOTER_MAX = PROTO_NAME_MAX + 32 }; /* bytes */

struct ballot {
    const struct poll *poll;
    unsigned choice; /* from 0 */
    struct span voter;
    struct span key; /* id=; at is NULL for none */
    bool traced;     /* its journey is to be kept */
};

/* Who votes in a poll with voters=named: the name, which must be there; ERR_VOTER_REQUIRED if it is
 * not. In another poll a name is a mistake: ERR_BAD_ARGUMENT. */
int ballot_check_voter(const struct poll *poll, struct span named);

/* Sends the ballot to the ledger, which will answer the client. The worker's ring has room. Returns
 * 0, or ERR_LIMIT if memory is short. */
int ballot_send(struct client *client, const struct ballot *ballot)
    __attribute__((warn_unused_result));

#endif
