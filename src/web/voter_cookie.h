/* A browser's voter, where each connection is a voter: a random name that the server gives it in a
 * cookie, signed, so that nobody can make one up or guess one. A page's form holds one too, as a
 * token: when a browser without a cookie votes, the token becomes its cookie. */
#ifndef TALLYCAST_VOTER_COOKIE_H
#define TALLYCAST_VOTER_COOKIE_H

#include "proto/span.h"
#include "poll/voter.h"

#include <stdbool.h>
#include <stddef.h>

/* The cookie's name, by http and by https. No page of another host can set the latter. */
#define VOTER_COOKIE_NAME       "tallycast_voter"
#define VOTER_COOKIE_HTTPS_NAME "__Host-tallycast_voter"

enum {
    VOTER_COOKIE_ID_CHARS = 22,  /* 128 bits in base64url */
    VOTER_COOKIE_MAC_CHARS = 22, /* 128 bits */
    VOTER_COOKIE_TOKEN_CHARS = VOTER_COOKIE_ID_CHARS + 1 + VOTER_COOKIE_MAC_CHARS,
    VOTER_COOKIE_SIZE = 192,      /* bytes that voter_cookie_put may write, its NUL too */
    VOTER_COOKIE_WORDS_SIZE = 32, /* bytes that voter_cookie_words may write, its NUL too */
};

struct voter_cookie {
    char id[VOTER_COOKIE_ID_CHARS + 1];
    char mac[VOTER_COOKIE_MAC_CHARS + 1];
};

/* A new voter. Any thread. */
void voter_cookie_make(const struct voter_key *key, struct voter_cookie *voter);

/* The voter of a cookie's value or a token, `ID.MAC`. Returns false, with `voter` undefined, if
 * this server's key did not sign it. The time that it takes depends only on the value's length. Any
 * thread. */
bool voter_cookie_read(const struct voter_key *key, struct span cookie, struct voter_cookie *voter)
    __attribute__((warn_unused_result));

/* The token. */
void voter_cookie_token(const struct voter_cookie *voter, char text[VOTER_COOKIE_TOKEN_CHARS + 1]);

/* The value of the header Set-Cookie that gives a browser this voter, for a year; with https for a
 * browser that asked by https. Returns its length. */
size_t voter_cookie_put(const struct voter_cookie *voter, bool https, char text[VOTER_COOKIE_SIZE]);

/* The words that are hashed or recorded: `browser:ID`. Returns their length. */
size_t voter_cookie_words(const struct voter_cookie *voter, char text[VOTER_COOKIE_WORDS_SIZE]);

#endif
