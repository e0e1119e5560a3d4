/* Who votes from a browser where each connection is a voter: a random name that the server gave it
 * in a cookie, signed, so that nobody can make one up or take a guessed one. */
#ifndef TALLYCAST_VOTER_COOKIE_H
#define TALLYCAST_VOTER_COOKIE_H

#include "proto/span.h"
#include "poll/voter.h"

#include <stdbool.h>
#include <stddef.h>

#define VOTER_COOKIE_NAME "tallycast_voter" /* the cookie's name */

enum {
    VOTER_COOKIE_ID_CHARS = 22,   /* 128 bits in base64url */
    VOTER_COOKIE_MAC_CHARS = 22,  /* 128 bits */
    VOTER_COOKIE_SIZE = 192,      /* bytes that voter_cookie_cookie may write, its NUL too */
    VOTER_COOKIE_WORDS_SIZE = 32, /* bytes that voter_cookie_words may write, its NUL too */
};

struct voter_cookie {
    char id[VOTER_COOKIE_ID_CHARS + 1];
    char mac[VOTER_COOKIE_MAC_CHARS + 1];
};

/* A new voter. Any thread. */
void voter_cookie_make(const struct voter_key *key, struct voter_cookie *voter);

/* The voter of a cookie's value, `ID.MAC`. Returns false, with `voter` undefined, if this server's
 * key did not sign it. How long that takes depends on the value's length and nothing else of it.
 * Any thread. */
bool voter_cookie_read(const struct voter_key *key, struct span cookie, struct voter_cookie *voter)
    __attribute__((warn_unused_result));

/* The value of the header Set-Cookie that gives a browser this voter, for a year. Returns its
 * length. */
size_t voter_cookie_put(const struct voter_cookie *voter, char text[VOTER_COOKIE_SIZE]);

/* The words that are hashed or recorded: `browser:ID`. Returns their length. */
size_t voter_cookie_words(const struct voter_cookie *voter, char text[VOTER_COOKIE_WORDS_SIZE]);

#endif
