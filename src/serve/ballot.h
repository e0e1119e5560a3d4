/* A ballot on its way to the ledger, whatever protocol it came by. Worker's thread. */
#ifndef TALLYCAST_BALLOT_H
#define TALLYCAST_BALLOT_H

#include "serve/client.h"
#include "serve/identity.h"

struct ballot {
    const struct poll *poll;
    unsigned choice; /* from 0 */
    const struct claim *claim;
    struct span key; /* id=; at is NULL for none */
    bool traced;     /* its journey is to be kept */
};

/* Sends the ballot to the ledger, which will answer the client. The worker's ring has room. Returns
 * 0; what identity_find refuses, with *why; or ERR_LIMIT if memory is short. */
int ballot_send(struct client *client, const struct ballot *ballot, const char **why)
    __attribute__((warn_unused_result));

#endif
