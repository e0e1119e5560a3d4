/* An entry of the ledger: one ballot, or one change of a poll. All entries share one numbering,
 * without gaps, from 1; that order is the order in which they took effect. */
#ifndef TALLYCAST_PROTO_ENTRY_H
#define TALLYCAST_PROTO_ENTRY_H

#include "base/hash.h"
#include "proto/name.h"
#include "proto/settings.h"
#include "proto/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sequence has 40 bits, a value 24. Both count from 1; 0 stands for none. In any poll the last
 * value is an abstention. */
#define ENTRY_SEQ_MAX ((UINT64_C(1) << 40) - 1)
enum { ENTRY_VALUE_MAX = (1 << 24) - 1, VALUE_ABSTAIN = ENTRY_VALUE_MAX };

enum entry_kind {
    ENTRY_BALLOT,
    ENTRY_CREATE,
    ENTRY_OPEN,
    ENTRY_CLOSE,
    ENTRY_TITLE,
    ENTRY_LABEL,
};

/* A ballot. Its voter is a name where the poll records names, and a hash elsewhere. The first one
 * of its poll that says something new defines the value that it has, by its marks: a byte for each
 * choice, in the order of their creation. In polls of single choice there are none: value n is
 * choice n. */
struct entry_ballot {
    uint32_t value;       /* what it says: the number of a distinct ballot of its poll */
    uint32_t weight;      /* for how many it counts; from 1 */
    bool has_key;         /* it had an id=, whose hash is `key` */
    struct hash voter;    /* if there is no name */
    struct hash key;      /* if has_key */
    struct span name;     /* folded: the same for all spellings; at is NULL if there is none */
    struct span spelling; /* the name as it was written, if that differs; or at is NULL */
    struct span marks;    /* if it defines its value; at is NULL elsewhere */
};

/* A new poll. Its first state is the setting SETTING_STATE. */
struct entry_create {
    const struct name *name;
    const struct settings *settings;
    const struct name *choices;
    unsigned choice_count;
    const uint8_t *lot; /* see proto/lot.h; NULL is the order of the choices */
};

struct entry_text {
    unsigned choice; /* LABEL: from 0 */
    struct span text;
};

/* Nothing that it points to is owned. */
struct entry {
    uint64_t seq;
    uint64_t time_ns; /* since 1970 */
    uint32_t poll;    /* from 1, in the order of their creation */
    enum entry_kind kind;
    union {
        struct entry_ballot ballot;
        struct entry_create create;
        struct entry_text text; /* TITLE and LABEL */
    };
};

#endif
