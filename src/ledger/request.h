/* The messages between a loop and the ledger: requests there, answers back. */
#ifndef TALLYCAST_REQUEST_H
#define TALLYCAST_REQUEST_H

#include "base/conn_ref.h"
#include "base/hash.h"
#include "proto/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct journey;

enum request_kind {
    REQUEST_BALLOT,
    REQUEST_LOOKUP, /* which ballot of the voter counts, in a poll where one does; records
                       nothing */
    REQUEST_CREATE, /* detail: a struct poll */
    REQUEST_TITLE,  /* detail: a struct request_text */
    REQUEST_LABEL,  /* detail: a struct request_text; choice */
    REQUEST_OPEN,
    REQUEST_CLOSE,
    REQUEST_BACKUP, /* detail: a struct request_text, the file's path; or NULL: file */
    REQUEST_RESULT, /* detail: a struct request_wait; is answered as soon as the poll owes no
                       result (tally.h); records nothing */
};

/* Somebody who waits for a result, which may be told as soon as the ledger answers. */
struct request_wait {
    SLIST_ENTRY(request_wait) link; /* the ledger's */
    struct conn_ref from;           /* set by the ledger, as is: */
    uint32_t poll;
    uint16_t port;
    bool pairs; /* are to be told, too; comes back in the answer's value */
};
SLIST_HEAD(request_wait_list, request_wait);

/* NULL if memory is short. Freed by free(). Any thread. */
struct request_wait *request_wait_new(bool pairs);

/* Text that a request carries. One block of memory. */
struct request_text {
    size_t len;
    char bytes[]; /* and a NUL */
};

/* A copy of `len` bytes. NULL if memory is short. Freed by free(). Any thread. */
struct request_text *request_text_new(const char *bytes, size_t len);

/* What a ballot has beside numbers: the voter's names, where the poll records them, and marks,
 * where its ballots have them. One block of memory. */
struct request_ballot {
    struct span name;     /* folded; at is NULL if none is recorded */
    struct span spelling; /* as it was written; at is NULL if that is the name */
    struct span marks;    /* one a choice; at is NULL if the request has a value */
    uint64_t marks_hash;
    char bytes[]; /* of all */
};

/* A copy of it and of what its spans are; a spelling that is the name is left out. NULL if memory
 * is short. Freed by free(). Any thread. */
struct request_ballot *request_ballot_new(const struct request_ballot *from);

/* The kinds of a ballot's key. In polls with ballots=unlimited it is the ballot's identity. In
 * others it is a proof: a repeated ballot is answered as a repeat only if both have the same key,
 * or neither has one. */
enum request_key {
    REQUEST_KEY_NONE,
    REQUEST_KEY_AFTER, /* no key, but the number of the voter's last ballot, if voters may change
                          their ballot and are known by more than a name; if a later one counts,
                          this one is refused */
    REQUEST_KEY_ID,    /* the hash of id=; recorded */
    REQUEST_KEY_ID_OF_ONE, /* the same; refused if the voter's ballot that counts has that id and
                              says something else */
    REQUEST_KEY_OWN, /* the hash of words that no other connection or browser has; not recorded,
                        and never if ballots=unlimited */
};

/* One slot of the ring to the ledger: 64 bytes, a cache line. */
struct request {
    struct conn_ref from;
    union {
        uint32_t poll;
        int32_t file; /* owned: BACKUP's file, open and empty, if it has no path */
    };
    uint32_t value : 24; /* of a BALLOT; what it means, count/ says; 0 if `detail` has marks */
    enum request_kind kind : 4;
    enum request_key key_kind : 4;
    union {
        struct hash voter;
        uint16_t choice; /* LABEL: from 0 */
    };
    union {
        struct hash key;
        uint64_t after; /* of REQUEST_KEY_AFTER */
    };
    void *detail; /* owned by the request, freed by the ledger. BALLOT: a struct request_ballot, or
                     NULL if it would be empty */
    struct journey *journey; /* of a sampled ballot, or NULL; the ledger's until it answers */
};
_Static_assert(sizeof(struct request) == 64, "a request is a cache line");

/* Frees what is its detail still. Any thread that owns the request. */
void request_free_detail(const struct request *request);

static inline bool request_has_id(const struct request *request)
{
    return request->key_kind == REQUEST_KEY_ID || request->key_kind == REQUEST_KEY_ID_OF_ONE;
}

/* One slot of the ring back. */
struct answer {
    struct conn_ref to;
    uint64_t number; /* the sequence (of the entry, or of the earlier ballot; 0 if a LOOKUP found
                        none); BACKUP: bytes, or the errno that explains the failure, 0 if none
                        does; RESULT: the poll */
    uint32_t value : 24; /* of the ballot that was recorded or repeated, that LOOKUP found, or on
                            which ALREADY-VOTED rests; RESULT: whether pairs are to be told */
    bool duplicate : 1;
    bool first : 1;   /* a ballot was accepted, and its voter had none in the poll before */
    int16_t error;    /* 0, or an enum error */
    uint16_t journey; /* the number of the request's; 0 for none */
};
_Static_assert(sizeof(struct answer) == 24, "an answer is 24 bytes");

#endif
