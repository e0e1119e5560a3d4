/* Subscriptions: which polls each reader is sent. Runs on the broadcast loop's thread. If memory is
 * short, a SUBSCRIBE or UNSUBSCRIBE is refused with LIMIT. */
#include "push/broadcast_internal.h"

#include "base/log.h"

#include <stdlib.h>

enum { NAMED_WORDS = (POLLS_MAX + 63) / 64 };

/* ---- names beside `*` ---- */

static void set_named(struct subscriber *subscriber, const struct topic *topic, bool named)
{
    uint32_t index = topic_index(topic);
    uint64_t bit = (uint64_t)1 << index % 64;
    if (subscriber->named && named)
        subscriber->named[index / 64] |= bit;
    else if (subscriber->named)
        subscriber->named[index / 64] &= ~bit;
}

/* Room for a name beside `*`. Returns 0, or -1 if memory is short. */
static int named_reserve(struct subscriber *subscriber)
{
    bool needed = subscriber->all[ASPECT_TALLY] != NULL;
    if (needed && !subscriber->named)
        subscriber->named = calloc(NAMED_WORDS, sizeof *subscriber->named);
    return needed && !subscriber->named ? -1 : 0;
}

/* ---- subscribers ---- */

struct subscriber *subscriber_new(struct broadcast *broadcast, struct conn *conn,
                                  enum encoding encoding)
{
    struct subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (!subscriber)
        return NULL;
    subscriber->broadcast = broadcast;
    subscriber->conn = conn;
    subscriber->encoding = encoding;
    TAILQ_INIT(&subscriber->own);
    if (encoding == ENCODING_EVENT)
        broadcast_beat(broadcast, subscriber);
    counter_add(&broadcast->counters->subscribers, 1);
    return subscriber;
}

static struct subscription *subscription_new(struct subscriber *subscriber, struct topic *topic,
                                             enum aspect aspect)
{
    struct subscription *subscription = calloc(1, sizeof *subscription);
    if (!subscription)
        return NULL;
    subscription->subscriber = subscriber;
    subscription->topic = topic;
    subscription->encoding = (uint8_t)encoding_for(subscriber->encoding, aspect);
    return subscription;
}

static void subscription_watch(struct subscription *subscription, uint32_t every_ms)
{
    fanout_join(subscription_fanout(subscription), &subscription->member);
    subscription->every_ms = every_ms;
}

static void subscription_free(struct subscription *subscription)
{
    if (subscription && subscription->pace_timer)
        event_free(subscription->pace_timer);
    free(subscription);
}

static bool is_to_result(const struct subscription *subscription)
{
    return encoding_aspect((enum encoding)subscription->encoding) == ASPECT_RESULT;
}

/* The subscriptions that one SUBSCRIBE makes: to the tally and, if that is wanted, to the result;
 * otherwise that is NULL. */
struct pair {
    struct subscription *each[ASPECT_COUNT];
};

/* Returns 0, or -1 if memory is short. */
static int pair_new(struct pair *pair, struct subscriber *subscriber, struct topic *topic,
                    bool results)
{
    *pair = (struct pair){{NULL}};
    pair->each[ASPECT_TALLY] = subscription_new(subscriber, topic, ASPECT_TALLY);
    if (results)
        pair->each[ASPECT_RESULT] = subscription_new(subscriber, topic, ASPECT_RESULT);
    if (pair->each[ASPECT_TALLY] && (pair->each[ASPECT_RESULT] || !results))
        return 0;
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        subscription_free(pair->each[aspect]);
    return -1;
}

static void drop_all(struct subscriber *subscriber)
{
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++) {
        struct subscription *all = subscriber->all[aspect];
        if (!all)
            continue;
        fanout_leave(subscription_fanout(all), &all->member);
        subscription_free(all);
        subscriber->all[aspect] = NULL;
    }
}

static void drop_own(struct subscriber *subscriber, struct subscription *own)
{
    TAILQ_REMOVE(&subscriber->own, own, own_link);
    set_named(subscriber, own->topic, false);
    if (own->except)
        subscriber->excepted--;
    else
        fanout_leave(subscription_fanout(own), &own->member);
    if (!own->except && !is_to_result(own))
        subscriber->watched--;
    subscription_free(own);
}

/* Drops the subscription to a tally, and the one to the result that may follow it. */
static void drop_topic(struct subscriber *subscriber, struct subscription *own)
{
    struct subscription *next = TAILQ_NEXT(own, own_link);
    if (next && next->topic == own->topic)
        drop_own(subscriber, next);
    drop_own(subscriber, own);
}

static void drop_everything(struct subscriber *subscriber)
{
    drop_all(subscriber);
    while (!TAILQ_EMPTY(&subscriber->own))
        drop_own(subscriber, TAILQ_FIRST(&subscriber->own));
    free(subscriber->named);
    subscriber->named = NULL;
}

void subscriber_free(struct subscriber *subscriber)
{
    loop_assert_owner(subscriber->broadcast->loop);
    drop_everything(subscriber);
    if (subscriber->encoding == ENCODING_EVENT)
        fanout_leave(&subscriber->broadcast->beats, &subscriber->beat);
    counter_subtract(&subscriber->broadcast->counters->subscribers, 1);
    free(subscriber);
}

/* The exception, or the subscription to the tally; NULL if there is none. */
static struct subscription *subscription_of(const struct subscriber *subscriber,
                                            const struct topic *topic)
{
    struct subscription *subscription;
    TAILQ_FOREACH (subscription, &subscriber->own, own_link)
        if (subscription->topic == topic)
            return subscription;
    return NULL;
}

static bool is_full(const struct subscriber *subscriber)
{
    return subscriber->watched + subscriber->excepted >= SUBSCRIPTIONS_MAX;
}

/* Lists a subscription to a topic, for which named_reserve made room. */
static void add_own(struct subscriber *subscriber, struct subscription *own)
{
    TAILQ_INSERT_TAIL(&subscriber->own, own, own_link);
    set_named(subscriber, own->topic, true);
}

void subscriber_has_seen(struct subscriber *subscriber, uint64_t seq)
{
    loop_assert_owner(subscriber->broadcast->loop);
    INVARIANT(subscriber->all[ASPECT_TALLY]);
    subscriber->all[ASPECT_TALLY]->seen = seq;
}

/* `*` replaces all subscriptions and exceptions by name. */
static int add_all(struct subscriber *subscriber, uint32_t every_ms, bool results)
{
    struct broadcast *broadcast = subscriber->broadcast;
    struct pair pair;
    if (pair_new(&pair, subscriber, NULL, results) != 0)
        return ERR_LIMIT;
    drop_everything(subscriber);
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++) {
        subscriber->all[aspect] = pair.each[aspect];
        if (pair.each[aspect])
            subscription_watch(pair.each[aspect], every_ms);
    }
    return (int)broadcast->topic_count;
}

static int add_topic(struct subscriber *subscriber, struct topic *topic, uint32_t every_ms,
                     bool results)
{
    struct subscription *subscription = subscription_of(subscriber, topic);
    struct pair pair;
    if ((!subscription && is_full(subscriber)) || named_reserve(subscriber) != 0 ||
        pair_new(&pair, subscriber, topic, results) != 0)
        return ERR_LIMIT;
    if (subscription)
        drop_topic(subscriber, subscription);
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        if (pair.each[aspect]) {
            add_own(subscriber, pair.each[aspect]);
            subscription_watch(pair.each[aspect], every_ms);
        }
    subscriber->watched++;
    return 1;
}

int subscriber_add(struct subscriber *subscriber, const struct poll *poll, uint32_t every_ms,
                   bool results)
{
    struct broadcast *broadcast = subscriber->broadcast;
    loop_assert_owner(broadcast->loop);
    /* So that the tallies include all that this client was told before. */
    broadcast_receive(broadcast);
    struct topic *topic = poll ? broadcast_topic(broadcast, poll) : NULL;
    if (poll && !topic)
        return ERR_LIMIT;
    int covered = poll ? add_topic(subscriber, topic, every_ms, results)
                       : add_all(subscriber, every_ms, results);
    if (covered > 0)
        conn_want_writable(subscriber->conn);
    return covered;
}

/* Has `*` pass over a topic. */
static int except(struct subscriber *subscriber, struct topic *topic)
{
    if (is_full(subscriber) || named_reserve(subscriber) != 0)
        return ERR_LIMIT;
    struct subscription *excepted = subscription_new(subscriber, topic, ASPECT_TALLY);
    if (!excepted)
        return ERR_LIMIT;
    excepted->except = true;
    subscriber->excepted++;
    add_own(subscriber, excepted);
    return 0;
}

int subscriber_remove(struct subscriber *subscriber, const struct poll *poll)
{
    struct broadcast *broadcast = subscriber->broadcast;
    loop_assert_owner(broadcast->loop);
    if (!poll) {
        drop_everything(subscriber);
        return 0;
    }
    struct topic *topic = broadcast_topic(broadcast, poll);
    if (!topic)
        return ERR_LIMIT;
    struct subscription *subscription = subscription_of(subscriber, topic);
    if (subscription && !subscription->except) {
        drop_topic(subscriber, subscription);
        subscription = NULL;
    }
    if (subscriber->all[ASPECT_TALLY] && !subscription && except(subscriber, topic) != 0)
        return ERR_LIMIT;
    return (int)(subscriber->all[ASPECT_TALLY] ? broadcast->topic_count - subscriber->excepted
                                               : subscriber->watched);
}
