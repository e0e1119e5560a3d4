/* The topics of a loop and the subscriptions to them, which broadcast.c, subscriber.c and
 * delivery.c share. No other file includes it. The loop's thread owns all of it. */
#ifndef TALLYCAST_BROADCAST_INTERNAL_H
#define TALLYCAST_BROADCAST_INTERNAL_H

#include "push/broadcast.h"
#include "base/buffer.h"
#include "push/encoding.h"
#include "push/fanout.h"
#include "push/publications.h"
#include "push/push_watch.h"
#include "push/subscriber.h"

enum {
    GATHER_BYTES = 32 * 1024, /* tallies for one subscriber in one write; the longest fits in any
                                 encoding */
};

struct subscription;
TAILQ_HEAD(subscription_queue, subscription);

/* A tally or a result in one of its encodings. */
struct form {
    struct buffer bytes; /* of ENCODING_LINE: has room for any tally of its poll */
    uint64_t version;    /* of what the bytes show; 0 for none */
    uint64_t published;  /* the last version that was published */
    uint64_t replaced;   /* the one before */
    uint64_t number;     /* of its last publication */
};

/* A poll, as this loop shows it. */
struct topic {
    struct snapshot *latest; /* owned */
    struct form forms[ENCODING_COUNT];
    struct published published; /* in whatever form */
    uint64_t cool_ns;           /* until then no publication; only where cooling */
    bool cooling;
    uint64_t mark_seq;                   /* of the newest mark that is known */
    struct push_watch *waiting;          /* for publication; or NULL */
    struct push_watch *watch;            /* over its fan-outs; or NULL */
    TAILQ_ENTRY(topic) cooling_link;     /* broadcast->cooling, by cool_ns */
    struct fanout fanouts[ASPECT_COUNT]; /* of the subscriptions to each */
};

/* One SUBSCRIBE of one connection, to the tallies, or another one beside it to the results; or,
 * with `except`, an UNSUBSCRIBE that `*` must not override. `sent` says what the reader has: for a
 * topic, the version of what was sent last; for `*`, the number of the publication up to which
 * everything was sent. So what the reader lacks is never stored, only compared. */
struct subscription {
    struct subscriber *subscriber;
    struct topic *topic; /* NULL for `*` */
    uint64_t sent;
    uint64_t seen; /* of `*`: no version up to this is sent */
    uint64_t owed; /* if its subscriber leaves: the least version that it is owed */
    uint64_t not_before_ns;
    uint32_t every_ms;
    bool except;
    uint8_t encoding;                   /* enum encoding */
    struct event *pace_timer;           /* owned; NULL until it first has to wait */
    struct fanout_member member;        /* of the topic's fan-out or of `all`; not if `except` */
    TAILQ_ENTRY(subscription) own_link; /* subscriber.own */
};

struct subscriber {
    struct broadcast *broadcast;
    struct conn *conn;
    enum encoding encoding;        /* of its tallies */
    struct fanout_member beat;     /* of broadcast->beats, where the encoding has heartbeats */
    struct subscription_queue own; /* of topics; one to a result follows the one to the tally */
    struct subscription *all[ASPECT_COUNT]; /* `*`, or NULL */
    uint32_t watched;                       /* topics in own that are not `except` */
    uint32_t excepted;
    uint64_t *named; /* bits by poll id - 1 of the topics in own; NULL until there are some beside
                        `*` */
    /* Its peer has half-closed and got its replies; it is owed the tallies as of then. */
    bool leaves;
    bool owed_is_published; /* for `*`: all of that */
    uint64_t end_number;    /* the last publication then or, once owed_is_published, when that was
                               found */
};

struct broadcast {
    struct loop *loop;
    struct tally *tally;
    unsigned feed;
    struct counters *counters;
    uint64_t interval_ns;
    struct topic *topics[POLLS_MAX]; /* by poll id - 1 */
    uint32_t topic_count;
    struct publications publications; /* of topics */
    TAILQ_HEAD(topic_queue, topic) cooling;
    struct event cool_timer;
    struct fanout all[ASPECT_COUNT]; /* of the `*` subscriptions */
    struct fanout_queue busy;
    bool last;               /* intervals count no more */
    struct fanout beats;     /* subscribers that must tell silence from a dead connection */
    struct event beat_timer; /* set while there are some */
    struct buffer beat_event;
    struct push_watches watches;
    char gather[GATHER_BYTES]; /* for one subscriber's tallies */
};

/* The topic's newest tally or result, of which there is one, encoded at most once a version; NULL
 * if memory is short, which it never is for a tally's line. */
const struct buffer *broadcast_form(const struct broadcast *broadcast, struct topic *topic,
                                    enum encoding encoding);

/* Adds a subscriber to those that get heartbeats. */
void broadcast_beat(struct broadcast *broadcast, struct subscriber *subscriber);

/* Whether the aspect is newer than the last publication, in any form. */
bool topic_has_news(const struct topic *topic, enum aspect aspect);

/* The topic of a poll; made from the tally if its first snapshot has not arrived. NULL if memory is
 * short. */
struct topic *broadcast_topic(struct broadcast *broadcast, const struct poll *poll);

/* The first topic published after the publication `number`; NULL if there is none. */
struct topic *broadcast_published_after(struct broadcast *broadcast, uint64_t number);

/* Takes the snapshots that have arrived. */
void broadcast_receive(struct broadcast *broadcast);

/* A topic's place in a subscriber's `named`. */
static inline uint32_t topic_index(const struct topic *topic)
{
    return topic->latest->poll->id - 1;
}

/* Whether a subscriber has subscribed to a topic by name, or excepted it, beside `*`. */
static inline bool subscriber_has_named(const struct subscriber *subscriber,
                                        const struct topic *topic)
{
    uint32_t index = topic_index(topic);
    return subscriber->named && (subscriber->named[index / 64] >> index % 64 & 1);
}

/* The fan-out that visits a subscription. */
static inline struct fanout *subscription_fanout(struct subscription *subscription)
{
    enum aspect aspect = encoding_aspect((enum encoding)subscription->encoding);
    return subscription->topic ? &subscription->topic->fanouts[aspect]
                               : &subscription->subscriber->broadcast->all[aspect];
}

#endif
