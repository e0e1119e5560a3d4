/* The identity under which a ballot is cast: one function for all protocols. A protocol fills a
 * claim with what it knows of the voter; the poll decides which part counts; the result is the
 * words that the ballot is cast under, or an error. Any other way to tell voters apart, or to weigh
 * them, belongs here: as a member of the claim, and its result in the identity. Worker's thread. */
#ifndef TALLYCAST_IDENTITY_H
#define TALLYCAST_IDENTITY_H

#include "poll/poll.h"
#include "proto/voter_name.h"

enum { IDENTITY_WORDS_MAX = PROTO_VOTER_MAX }; /* bytes */

/* Functions by which a protocol tells what only some polls need: they are called only for such
 * polls. Each writes words and returns their length. */
struct claim_source {
    /* The address that asks; 0 if it is unknown. */
    size_t (*address)(void *asker, char words[IDENTITY_WORDS_MAX]);
    /* Words that no other connection, or browser, has. */
    size_t (*own)(void *asker, char words[IDENTITY_WORDS_MAX]);
    /* The same, from what the asker has shown already: it is given nothing new. */
    size_t (*shown)(void *asker, char words[IDENTITY_WORDS_MAX]);
};

struct claim {
    struct span name;     /* the voter's, given with this ballot; at is NULL for none */
    struct span standing; /* the name for the connection's ballots that give none; or NULL */
    const struct claim_source *source;
    void *asker; /* handed to the source */
};

/* A voter's identity in a poll. Valid while the claim is unchanged. */
struct identity {
    struct span words; /* to be hashed: the same for all spellings of a name */
    struct span shown; /* to be recorded if the poll records names */
    char made[IDENTITY_WORDS_MAX];
    struct voter_name name;
};

/* Decides who votes. Returns 0; ERR_VOTER_REQUIRED if the poll's voters have names and none is
 * given; or ERR_BAD_ARGUMENT, with *why a static text for a person, for an invalid name, a name in
 * a poll without names, or an unknown address. */
int identity_find(const struct poll *poll, const struct claim *claim, struct identity *identity,
                  const char **why) __attribute__((warn_unused_result));

/* Writes words that tell this claimant of an identity from others that claim the same one. Returns
 * their length. */
size_t identity_claimant(const struct claim *claim, char words[IDENTITY_WORDS_MAX]);

#endif
