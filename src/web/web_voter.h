/* Who votes from a browser where each connection is a voter: a random name that the server gave it
 * in a cookie, signed, so that nobody can make one up or take a guessed one. */
#ifndef TALLYCAST_WEB_VOTER_H
#define TALLYCAST_WEB_VOTER_H

#include "proto/span.h"
#include "poll/voter.h"

#include <stdbool.h>
#include <stddef.h>

#define WEB_VOTER_COOKIE "tallycast_voter" /* the cookie's name */

enum {
    WEB_VOTER_ID_CHARS = 22,     /* 128 bits in base64url */
    WEB_VOTER_MAC_CHARS = 22,    /* 128 bits */
    WEB_VOTER_COOKIE_SIZE = 192, /* bytes that web_voter_cookie may write, its NUL too */
    WEB_VOTER_TEXT_SIZE = 32,    /* bytes that web_voter_text may write, its NUL too */
};

struct web_voter {
    char id[WEB_VOTER_ID_CHARS + 1];
    char mac[WEB_VOTER_MAC_CHARS + 1];
};

/* A new voter. Any thread. */
void web_voter_make(const struct voter_key *key, struct web_voter *voter);

/* The voter of a cookie's value, `ID.MAC`. Returns false, with `voter` undefined, if this server's
 * key did not sign it. How long that takes depends on the value's length and nothing else of it.
 * Any thread. */
bool web_voter_read(const struct voter_key *key, struct span cookie, struct web_voter *voter)
    __attribute__((warn_unused_result));

/* The value of the header Set-Cookie that gives a browser this voter, for a year. Returns its
 * length. */
size_t web_voter_cookie(const struct web_voter *voter, char text[WEB_VOTER_COOKIE_SIZE]);

/* The words that are hashed or recorded: `browser:ID`. Returns their length. */
size_t web_voter_text(const struct web_voter *voter, char text[WEB_VOTER_TEXT_SIZE]);

#endif
