/* Voters as hashes under the server's key, and the key's file. The hash is SipHash-2-4 with 128
 * bits (libsodium), a keyed pseudo-random function, over the kind, the poll and the name: without
 * the key nobody can search a database for a name, link a voter across polls, or make two voters
 * collide. */
#ifndef TALLYCAST_VOTER_H
#define TALLYCAST_VOTER_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VOTER_KEY_BYTES = 16 };

struct voter_key {
    unsigned char bytes[VOTER_KEY_BYTES];
};

/* The kinds of things that a hash stands for. A voter and an id= with the same text never have the
 * same hash. The hash of a connection or browser is only kept in memory. */
enum voter_hash_kind { VOTER_HASH_VOTER = 1, VOTER_HASH_KEY = 2, VOTER_HASH_OWN = 3 };

/* The hash of a voter's name, of an id=, or of a connection or browser, in a poll. `len` is at most
 * 128 bytes. Any thread. */
struct hash voter_hash(const struct voter_key *key, enum voter_hash_kind kind, uint32_t poll,
                       const char *name, size_t len);

/* The hash of a fixed text: it tells two keys apart and gives neither away. */
struct hash voter_key_check(const struct voter_key *key);

enum voter_key_result { VOTER_KEY_READ, VOTER_KEY_MISSING, VOTER_KEY_FAILED };

/* Reads a key file: 32 hexadecimal digits, and what an editor may put around them. Warns if others
 * than its owner may read it. On VOTER_KEY_FAILED, `why` holds one line
 * for a person that names the file. */
enum voter_key_result voter_key_read(const char *path, struct voter_key *key, char *why,
                                     size_t why_size);

/* Makes a random key and its file (mode 0600, synced with its directory, in place under its name
 * only when it is whole; an existing file is never overwritten). Returns 0, or -1 with `why`
 * filled. */
int voter_key_create(const char *path, struct voter_key *key, char *why, size_t why_size)
    __attribute__((warn_unused_result));

/* Makes the file of a key that there is already, in the same way. */
int voter_key_write(const char *path, const struct voter_key *key, char *why, size_t why_size)
    __attribute__((warn_unused_result));

#endif
