/* What broadcast.c and subscriber.c share: the topics of a loop and the subscriptions to them.
 * Nobody else includes it. The loop's thread owns all of it. */
#ifndef TALLYCAST_BROADCAST_INTERNAL_H
#define TALLYCAST_BROADCAST_INTERNAL_H

#include "broadcast.h"
#include "buffer.h"
#include "fanout.h"
#include "subscriber.h"

enum {
    GATHER_BYTES = 32 * 1024, /* lines that are sent to one subscriber in one write; the longest
                                 tally fits */
};

struct subscription;
TAILQ_HEAD(subscription_queue, subscription);

/* A poll, as this loop shows it. */
struct topic {
    struct snapshot *latest; /* owned */
    struct buffer line;      /* `> ` and the tally of line_seq; has room for any of its tallies */
    uint64_t line_seq;
    uint64_t published_seq;
    uint64_t number;  /* of its last publication */
    uint64_t cool_ns; /* until then no publication; only where cooling */
    bool cooling;
    TAILQ_ENTRY(topic) published_link; /* broadcast->published, by number */
    TAILQ_ENTRY(topic) cooling_link;   /* broadcast->cooling, by cool_ns */
    struct fanout fanout;              /* of the subscriptions to it */
};

/* One SUBSCRIBE of one connection; or, with `except`, an UNSUBSCRIBE that `*` must not override.
 * `sent` says what the reader has: of a topic, the sequence of the tally last sent; of `*`, the
 * number of the publication up to which everything was sent. So what it still lacks is never
 * stored, only compared. */
struct subscription {
    struct subscriber *subscriber;
    struct topic *topic; /* NULL for `*` */
    uint64_t sent;
    uint64_t not_before_ns;
    uint32_t every_ms;
    bool except;
    struct event *pace_timer;           /* owned; NULL until it first had to wait */
    struct fanout_member member;        /* of the topic's fan-out or of `all`; not if `except` */
    TAILQ_ENTRY(subscription) own_link; /* subscriber.own */
};

struct subscriber {
    struct broadcast *broadcast;
    struct conn *conn;
    struct subscription_queue own; /* of topics */
    struct subscription *all;      /* `*`, or NULL */
    uint32_t watched;              /* of own, those that are not `except` */
    uint32_t excepted;
    uint64_t *named; /* bits by poll id - 1 of the topics in own; NULL until there are some beside
                        `*` */
};

struct broadcast {
    struct loop *loop;
    struct tally *tally;
    unsigned outlet;
    struct counters *counters;
    uint64_t interval_ns;
    struct topic *topics[POLLS_MAX]; /* by poll id - 1 */
    uint32_t topic_count;
    uint64_t last_number; /* of a publication */
    TAILQ_HEAD(topic_queue, topic) published;
    struct topic_queue cooling;
    struct event cool_timer;
    struct fanout all; /* of the `*` subscriptions */
    struct fanout_queue busy;
    bool last;                 /* intervals count no more */
    char gather[GATHER_BYTES]; /* for one subscriber's lines */
};

/* The topic's newest line; encoded at most once a snapshot. */
const struct buffer *broadcast_line(struct topic *topic);

/* The topic of a poll; made from the tally if its first snapshot has not arrived. NULL if memory is
 * short. */
struct topic *broadcast_topic(struct broadcast *broadcast, const struct poll *poll);

/* The first topic published after the publication `number`; NULL if there is none. */
struct topic *broadcast_published_after(const struct broadcast *broadcast, uint64_t number);

/* Takes the snapshots that have arrived. */
void broadcast_receive(struct broadcast *broadcast);

/* Sends one subscription what it lacks, if its time and its socket allow; one whose socket does not
 * is parked. The connection may be gone afterwards. */
void subscription_visit(struct subscription *subscription);

#endif
