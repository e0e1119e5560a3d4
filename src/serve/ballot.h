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
    bool has_after; /* in a poll where voters may change their ballot and don't only give a name: */
    uint64_t after; /* refused if a later ballot of the voter counts already */
    bool traced;    /* its journey is to be kept */
};

/* Sends the ballot to the ledger, which will answer the client. The worker's ring has room. Returns
 * 0; what identity_find refuses, with *why; or ERR_LIMIT if memory is short. */
int ballot_send(struct client *client, const struct ballot *ballot, const char **why)
    __attribute__((warn_unused_result));

/* Asks the ledger which ballot of a voter counts; it will answer the client. It tells nobody's
 * ballot to those who only say that they are him, so not where voters are named, and not in
 * unlimited polls, where none is more his than another. The worker's ring has room. Returns whether
 * it was asked. */
bool ballot_look_up(struct client *client, const struct poll *poll, const struct claim *claim)
    __attribute__((warn_unused_result));

#endif
