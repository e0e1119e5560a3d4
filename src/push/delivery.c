/* Sends each reader what it lacks. Runs on the broadcast loop's thread.
 *
 * Happy path: a fan-out visits a subscription → its topic's tally goes out in one write. A
 * connection that takes no output parks its subscriptions, one by one as they are visited; when it
 * takes output again it catches up: one write with the newest tally of each topic that it lacks.
 *
 * If memory is short, a push comes before its interval is over, and a connection is closed if a
 * tally can't be encoded or its rest can't be kept. */
#include "push/delivery.h"

#include "base/clock.h"
#include "base/container.h"
#include "push/broadcast_internal.h"

#include <string.h>

enum { GATHER_TALLIES = 64 };

/* ---- sending ---- */

/* Tallies and results on their way to one subscriber, and what to note once each is sent. */
struct gathered {
    size_t len;
    unsigned count;
    struct {
        size_t end;
        struct subscription *subscription;
        struct topic *topic;
        uint64_t sent;
    } tallies[GATHER_TALLIES];
};

static void mark_sent(struct broadcast *broadcast, struct subscription *subscription,
                      struct topic *topic, uint64_t sent)
{
    subscription->sent = sent;
    if (topic->watch && encoding_aspect((enum encoding)subscription->encoding) == ASPECT_TALLY)
        push_watch_pushed(topic->watch);
    if (subscription->every_ms > 0)
        subscription->not_before_ns =
            clock_monotonic_ns() + (uint64_t)subscription->every_ms * NS_PER_MS;
    counter_add(&broadcast->counters->updates_sent, 1);
}

/* Sends the gathered tallies. If the kernel took only the beginning of a tally, keeps its rest; the
 * tallies after it are sent later, if they are still the newest. */
static void gather_send(struct broadcast *broadcast, struct conn *conn,
                        const struct gathered *gathered)
{
    size_t sent = conn_try_send(conn, broadcast->gather, gathered->len);
    size_t end = 0;
    for (unsigned i = 0; i < gathered->count && end < sent; i++) {
        end = gathered->tallies[i].end;
        mark_sent(broadcast, gathered->tallies[i].subscription, gathered->tallies[i].topic,
                  gathered->tallies[i].sent);
    }
    if (end > sent)
        conn_keep_unsent(conn, broadcast->gather + sent, end - sent);
}

/* The form of a topic that a subscription gets. */
static const struct form *form_for(const struct topic *topic,
                                   const struct subscription *subscription)
{
    return &topic->forms[subscription->encoding];
}

/* The version of the topic's newest tally or result in that form. */
static uint64_t version_for(const struct topic *topic, const struct subscription *subscription)
{
    return encoding_version(topic->latest, (enum encoding)subscription->encoding);
}

/* The topic's newest in that form. NULL if memory is short: then the connection is doomed. */
static const struct buffer *encoded(struct topic *topic, const struct subscription *subscription)
{
    const struct subscriber *subscriber = subscription->subscriber;
    const struct buffer *form =
        broadcast_form(subscriber->broadcast, topic, (enum encoding)subscription->encoding);
    if (!form)
        conn_doom(subscriber->conn, CLOSE_MEMORY);
    return form;
}

/* Adds a topic's tally, if there is room for it. */
static bool gather_add(struct broadcast *broadcast, struct gathered *gathered,
                       struct subscription *subscription, struct topic *topic, uint64_t sent)
{
    const struct buffer *form = encoded(topic, subscription);
    if (!form || gathered->count == GATHER_TALLIES || gathered->len + form->len > GATHER_BYTES)
        return false;
    memcpy(broadcast->gather + gathered->len, form->bytes, form->len);
    gathered->len += form->len;
    gathered->tallies[gathered->count].end = gathered->len;
    gathered->tallies[gathered->count].subscription = subscription;
    gathered->tallies[gathered->count].topic = topic;
    gathered->tallies[gathered->count++].sent = sent;
    return true;
}

/* ---- pacing ---- */

/* A subscription's interval is over, and there was something to send before that. */
static void on_pace(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct subscription *subscription = context;
    loop_is_awake(subscription->subscriber->broadcast->loop);
    broadcast_receive(subscription->subscriber->broadcast);
    delivery_visit(&subscription->member);
}

/* Sets a subscription's timer. Returns whether memory sufficed. */
static bool set_pace(const struct broadcast *broadcast, struct subscription *subscription,
                     uint64_t wait_ns)
{
    struct timeval wait = {(time_t)(wait_ns / NS_PER_S), (suseconds_t)(wait_ns % NS_PER_S / 1000)};
    if (!subscription->pace_timer)
        subscription->pace_timer = evtimer_new(broadcast->loop->base, on_pace, subscription);
    return subscription->pace_timer && (evtimer_pending(subscription->pace_timer, NULL) ||
                                        event_add(subscription->pace_timer, &wait) == 0);
}

/* Whether a push must wait for the subscription's interval; it is then sent when that is over. If
 * there is no memory for a timer, it goes out at once: too early is better than never. */
static bool waits_for_interval(const struct broadcast *broadcast, struct subscription *subscription)
{
    if (subscription->every_ms == 0 || broadcast->last || subscription->subscriber->conn->ended)
        return false;
    uint64_t now_ns = clock_monotonic_ns();
    return now_ns < subscription->not_before_ns &&
           set_pace(broadcast, subscription, subscription->not_before_ns - now_ns + 1000);
}

/* ---- sending a subscription what it lacks ---- */

/* Whether a topic was published, in the form that the reader gets, since its `*` subscription last
 * took something, and is not what it had before that. */
static bool is_news(const struct subscription *all, const struct topic *topic)
{
    return form_for(topic, all)->number > all->sent && version_for(topic, all) > all->seen;
}

/* Sends a `*` subscription what was published since it last took something. */
static void send_published(struct broadcast *broadcast, struct subscription *all)
{
    struct subscriber *subscriber = all->subscriber;
    struct topic *topic;
    while ((topic = broadcast_published_after(broadcast, all->sent)) &&
           !conn_waits(subscriber->conn, CONN_BLOCKED) && subscriber->conn->state == CONN_OPEN) {
        struct gathered gathered = {0};
        uint64_t passed = all->sent;
        for (; topic; topic = broadcast_published_after(broadcast, topic->published.number)) {
            if (!subscriber_has_named(subscriber, topic) && is_news(all, topic) &&
                !gather_add(broadcast, &gathered, all, topic, topic->published.number))
                break;
            passed = topic->published.number;
        }
        if (subscriber->conn->state != CONN_OPEN)
            return;
        if (gathered.count == 0) { /* the others are subscribed or excepted by name, or no news */
            all->sent = passed;
            continue;
        }
        gather_send(broadcast, subscriber->conn, &gathered);
    }
}

static void send_topic(struct broadcast *broadcast, struct subscription *subscription)
{
    struct topic *topic = subscription->topic;
    struct conn *conn = subscription->subscriber->conn;
    const struct buffer *form = encoded(topic, subscription);
    size_t sent = form ? conn_try_send(conn, form->bytes, form->len) : 0;
    if (sent == 0)
        return;
    conn_keep_unsent(conn, form->bytes + sent, form->len - sent);
    mark_sent(broadcast, subscription, topic, version_for(topic, subscription));
}

/* ---- leaving ---- */

/* Whether the topic has changed in the form that a `*` subscription gets, if there is one, since it
 * was published. */
static bool has_unpublished(const struct topic *topic, const struct subscription *all)
{
    return all && form_for(topic, all)->published < version_for(topic, all);
}

/* Whether a poll that `*` covers has been cooling since before the end, and has changed meanwhile:
 * perhaps before the end, too. */
static bool awaits_cooling(const struct subscriber *subscriber)
{
    const struct topic *topic;
    TAILQ_FOREACH (topic, &subscriber->broadcast->cooling, cooling_link) {
        if (topic->published.number > subscriber->end_number)
            break; /* they are in the order of publication */
        if ((has_unpublished(topic, subscriber->all[ASPECT_TALLY]) ||
             has_unpublished(topic, subscriber->all[ASPECT_RESULT])) &&
            !subscriber_has_named(subscriber, topic))
            return true;
    }
    return false;
}

/* A reader that half-closed, and got its replies, is owed the tallies of that instant: of a poll by
 * name at once, even while it cools; of `*`, when they are published. It gets no more than that, or
 * it would stay as long as there are ballots. */
static void note_end(struct subscriber *subscriber)
{
    struct conn *conn = subscriber->conn;
    if (!conn->ended || conn->handler->busy(conn))
        return;
    if (!subscriber->leaves) {
        struct subscription *own;
        TAILQ_FOREACH (own, &subscriber->own, own_link)
            own->owed = own->except ? 0 : version_for(own->topic, own);
        subscriber->end_number = subscriber->broadcast->publications.last_number;
        subscriber->leaves = true;
    }
    if (subscriber->owed_is_published || awaits_cooling(subscriber))
        return;
    subscriber->owed_is_published = true;
    subscriber->end_number = subscriber->broadcast->publications.last_number;
}

bool delivery_is_owed(struct subscriber *subscriber)
{
    broadcast_receive(subscriber->broadcast);
    note_end(subscriber);
    const struct subscription *own;
    TAILQ_FOREACH (own, &subscriber->own, own_link)
        if (own->sent < own->owed && own->sent < version_for(own->topic, own))
            return true;
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++) {
        const struct subscription *all = subscriber->all[aspect];
        if (all && (!subscriber->owed_is_published || all->sent < subscriber->end_number))
            return true;
    }
    return false;
}

/* ---- visits ---- */

/* Of a poll that was hidden until now, the result may be missing for a while. */
static bool is_due(const struct broadcast *broadcast, const struct subscription *subscription)
{
    const struct topic *topic = subscription->topic;
    const struct subscriber *subscriber = subscription->subscriber;
    if (topic)
        return subscription->sent < version_for(topic, subscription) &&
               subscription->sent < (subscriber->leaves ? subscription->owed
                                                        : form_for(topic, subscription)->published);
    return subscription->sent < (subscriber->owed_is_published
                                     ? subscriber->end_number
                                     : broadcast->publications.last_number);
}

/* Whether it is still owed a tally that the newest one has replaced. */
static bool has_missed(const struct broadcast *broadcast, const struct subscription *subscription)
{
    const struct topic *topic = subscription->topic;
    if (!topic)
        return subscription->sent + 1 < broadcast->publications.last_number;
    return subscription->sent < form_for(topic, subscription)->replaced;
}

void delivery_visit(struct fanout_member *member)
{
    struct subscription *subscription = container_of(member, struct subscription, member);
    struct broadcast *broadcast = subscription->subscriber->broadcast;
    struct conn *conn = subscription->subscriber->conn;
    note_end(subscription->subscriber);
    if (!is_due(broadcast, subscription))
        return;
    if (!conn_takes_push(conn)) { /* this tally may still be sent, if no newer one comes first */
        if (has_missed(broadcast, subscription))
            counter_add(&broadcast->counters->updates_conflated, 1);
        fanout_park(subscription_fanout(subscription), &subscription->member);
        return;
    }
    if (waits_for_interval(broadcast, subscription))
        return;
    if (subscription->topic)
        send_topic(broadcast, subscription);
    else
        send_published(broadcast, subscription);
    conn_settle(conn);
}

/* ---- catching up ---- */

static void unpark(struct subscriber *subscriber)
{
    struct subscription *own;
    TAILQ_FOREACH (own, &subscriber->own, own_link)
        if (!own->except)
            fanout_unpark(subscription_fanout(own), &own->member);
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        if (subscriber->all[aspect])
            fanout_unpark(&subscriber->broadcast->all[aspect], &subscriber->all[aspect]->member);
}

static bool is_sendable(const struct broadcast *broadcast, struct subscription *subscription)
{
    return !subscription->except && is_due(broadcast, subscription) &&
           !waits_for_interval(broadcast, subscription);
}

/* Sends the newest lines of the topics that are subscribed by name. */
static void catch_up_own(struct subscriber *subscriber)
{
    struct broadcast *broadcast = subscriber->broadcast;
    struct subscription *own = TAILQ_FIRST(&subscriber->own);
    while (own && conn_takes_push(subscriber->conn)) {
        struct gathered gathered = {0};
        for (; own; own = TAILQ_NEXT(own, own_link))
            if (is_sendable(broadcast, own) &&
                !gather_add(broadcast, &gathered, own, own->topic, version_for(own->topic, own)))
                break;
        if (gathered.count == 0 || subscriber->conn->state != CONN_OPEN)
            return; /* nothing is due, or memory was short */
        gather_send(broadcast, subscriber->conn, &gathered);
    }
}

void delivery_catch_up(struct subscriber *subscriber)
{
    struct broadcast *broadcast = subscriber->broadcast;
    /* An older tally must not follow what a reply has just shown. */
    broadcast_receive(broadcast);
    note_end(subscriber);
    if (!conn_takes_push(subscriber->conn))
        return;
    unpark(subscriber);
    catch_up_own(subscriber);
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++) {
        struct subscription *all = subscriber->all[aspect];
        if (all && conn_takes_push(subscriber->conn) && is_sendable(broadcast, all))
            send_published(broadcast, all);
    }
}

/* ---- heartbeats ---- */

void delivery_beat(struct fanout_member *member)
{
    struct subscriber *subscriber = container_of(member, struct subscriber, beat);
    struct conn *conn = subscriber->conn;
    if (!conn_takes_push(conn))
        return;
    const struct buffer *event = &subscriber->broadcast->beat_event;
    if (event->len == 0) /* memory was short for it */
        return;
    size_t sent = conn_try_send(conn, event->bytes, event->len);
    if (sent > 0)
        conn_keep_unsent(conn, event->bytes + sent, event->len - sent);
    conn_settle(conn);
}
