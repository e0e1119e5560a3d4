/* Who votes: one function for all protocols. A protocol fills a claim with what it knows of whoever
 * casts a ballot; the poll decides what of it counts; the words that the ballot is cast under come
 * back, or an error. Whatever else is to tell voters apart, or to weigh them, has its place here: a
 * member of the claim, and what comes of it in the identity. Worker's thread. */
#ifndef TALLYCAST_IDENTITY_H
#define TALLYCAST_IDENTITY_H

#include "poll/poll.h"
#include "proto/voter_name.h"

enum { IDENTITY_WORDS_MAX = PROTO_VOTER_MAX }; /* bytes */

/* How a protocol tells what only some polls go by: it is asked only where it counts. Each writes
 * words and returns their length. */
struct claim_source {
    /* The address that asks; 0 if that can't be told. */
    size_t (*address)(void *asker, char words[IDENTITY_WORDS_MAX]);
    /* What no other connection, or browser, has. */
    size_t (*own)(void *asker, char words[IDENTITY_WORDS_MAX]);
    /* The same, of what it has shown already: nothing new is given to it. */
    size_t (*shown)(void *asker, char words[IDENTITY_WORDS_MAX]);
};

struct claim {
    struct span name;     /* the voter's, given with this ballot; at is NULL for none */
    struct span standing; /* the one for all ballots of the connection that give none; or NULL */
    const struct claim_source *source;
    void *asker; /* handed to the source */
};

/* Who votes in a poll, for as long as the claim stays as it is. */
struct identity {
    struct span words; /* that are hashed: of all spellings of a name the same */
    struct span shown; /* that are recorded where the poll records names */
    char made[IDENTITY_WORDS_MAX];
    struct voter_name name;
};

/* Decides who votes. Returns 0; ERR_VOTER_REQUIRED where the poll's voters have names and none is
 * given; or ERR_BAD_ARGUMENT, with *why a static text for a person, for what is no name, a name in
 * another poll, or an address that can't be told. */
int identity_find(const struct poll *poll, const struct claim *claim, struct identity *identity,
                  const char **why) __attribute__((warn_unused_result));

/* What tells whoever claims an identity from others that claim the same. Returns its length. */
size_t identity_claimant(const struct claim *claim, char words[IDENTITY_WORDS_MAX]);

#endif
