/* A ballot on its way to the ledger, whatever protocol it came by. Worker's thread. */
#ifndef TALLYCAST_BALLOT_H
#define TALLYCAST_BALLOT_H

#include "proto/marks.h"
#include "serve/client.h"
#include "serve/identity.h"

struct ballot {
    const struct poll *poll;
    uint32_t value; /* what it says, if that is one choice or an abstention; else 0, and */
    const struct marks *marks; /* these say it; not owned */
    const struct claim *claim;
    struct span key; /* id=; at is NULL for none */
    bool has_after;  /* if voters may change their ballot: refuses this one if a later one of the */
    uint64_t after;  /* voter than that counts or, if they only give a name, another one with the
                        same key */
    bool traced;     /* its journey is to be kept */
};

/* Reads what a ballot says in its poll: `text`, as VOTE has it. Sets its value or marks; `room` is
 * for these. Returns 0; or ERR_NO_SUCH_CHOICE or ERR_BAD_BALLOT, and *why may be a text for a
 * person, valid until the worker makes another one. */
int ballot_read(struct worker *worker, struct ballot *ballot, struct span text, struct marks *room,
                const char **why) __attribute__((warn_unused_result));

/* The same where the text is the name, or the number, of one choice. */
int ballot_read_choice(struct worker *worker, struct ballot *ballot, const struct name *choice,
                       struct marks *room, const char **why) __attribute__((warn_unused_result));

/* Has the ballot say what valid marks say; they must stay until it is sent. */
void ballot_take(struct ballot *ballot, const struct marks *marks);

/* The value of a ballot that says one choice, in a poll of single choice, or an abstention; 0 of
 * others, whose values the ledger gives. */
uint32_t ballot_value(const struct poll *poll, const struct marks *marks);

/* The marks of a ballot of that value. */
void ballot_marks(const struct poll *poll, uint32_t value, struct marks *marks);

/* Writes what a ballot of that value says, in its canonical form; at most MARKS_TEXT_MAX bytes,
 * without a NUL. Returns the length. */
size_t ballot_write(const struct poll *poll, uint32_t value, char *out);

/* Sends the ballot to the ledger, which will answer the client. The worker's ring has room. Returns
 * 0; an error of identity_find, with *why; or ERR_LIMIT if memory is short. */
int ballot_send(struct client *client, const struct ballot *ballot, const char **why)
    __attribute__((warn_unused_result));

/* Asks the ledger which ballot of a voter counts; it will answer the client. It never asks where
 * voters only give a name, since anybody could give it; nor in unlimited polls, where no one ballot
 * is the voter's. The worker's ring has room. Returns whether it asked. */
bool ballot_look_up(struct client *client, const struct poll *poll, const struct claim *claim)
    __attribute__((warn_unused_result));

#endif
