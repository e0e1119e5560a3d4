/* Topics, subscriptions and fan-outs. Runs on the broadcast loop's thread.
 *
 * Happy path: broadcast_work takes snapshots off the outlet → topic_update keeps the newest →
 * topic_publish (at once, or when the topic has cooled) queues fan-outs → visits send the topic's
 * line to each subscription that has not got it.
 *
 * A fan-out walks its subscriptions in a circle and goes on where it stopped, so that nobody is
 * always first; it owes a round (`remaining`) from each publication on. `sent` says what a
 * subscription has: for a topic, the sequence of the tally last sent; for `*`, the loop's
 * publication number up to which everything was sent. So what a reader still lacks is never stored,
 * only compared.
 *
 * Topics are listed by their last publication: a `*` subscription catches up by walking that list
 * from where it stands. */
#include "broadcast.h"

#include "clock.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLICE_VISITS = 128, /* between two looks at the loop's events: about half a ms of writes */
    RECEIVE_MAX = 64,   /* snapshots taken off the outlet at once */
    GATHER_BYTES =
        32 * 1024, /* lines that are sent to one subscriber in one write; the longest tally fits */
    GATHER_LINES = 64,
};

struct subscription;
TAILQ_HEAD(subscription_queue, subscription);

/* The subscriptions that a publication goes to. */
struct fanout {
    struct subscription_queue members;
    uint32_t count;
    uint32_t remaining;          /* visits owed since the last publication */
    struct subscription *cursor; /* the next to visit; NULL means the first */
    TAILQ_ENTRY(fanout) busy_link;
    bool busy; /* on broadcast->busy */
};

/* A poll, as this loop shows it. */
struct topic {
    struct snapshot *latest; /* owned */
    struct buffer line;      /* `> ` and the tally of line_seq */
    uint64_t line_seq;
    uint64_t published_seq;
    uint64_t number;  /* of its last publication */
    uint64_t cool_ns; /* until then no publication; only where cooling */
    bool cooling;
    TAILQ_ENTRY(topic) published_link; /* broadcast->published, by number */
    TAILQ_ENTRY(topic) cooling_link;   /* broadcast->cooling, by cool_ns */
    struct fanout fanout;
};

/* One SUBSCRIBE of one connection; or, with `except`, an UNSUBSCRIBE that `*` must not override. */
struct subscription {
    struct subscriber *subscriber;
    struct topic *topic; /* NULL for `*` */
    uint64_t sent;       /* see above */
    uint64_t not_before_ns;
    uint32_t every_ms;
    bool except;
    struct event *pace_timer;           /* owned; NULL until it first had to wait */
    TAILQ_ENTRY(subscription) fan_link; /* fanout.members; not if `except` */
    TAILQ_ENTRY(subscription) own_link; /* subscriber.own */
};

struct subscriber {
    struct broadcast *broadcast;
    struct conn *conn;
    struct subscription_queue own; /* of topics */
    struct subscription *all;      /* `*`, or NULL */
    uint32_t watched;              /* of own, those that are not `except` */
    uint32_t excepted;
};

struct broadcast {
    struct loop *loop;
    struct tally *tally;
    unsigned outlet;
    struct counters *counters;
    uint64_t interval_ns;
    struct topic *topics[POLLS_MAX]; /* by poll id - 1 */
    uint32_t topic_count;
    uint64_t last_number;
    TAILQ_HEAD(topic_queue, topic) published;
    struct topic_queue cooling;
    struct event cool_timer;
    struct fanout all; /* the `*` subscriptions */
    TAILQ_HEAD(, fanout) busy;
    bool last; /* intervals count no more */
    char gather[GATHER_BYTES];
};

/* ---- sending ---- */

/* Lines on their way to one subscriber, and what to note once each is sent. */
struct gathered {
    size_t len;
    unsigned count;
    struct {
        size_t begin;
        struct subscription *subscription;
        uint64_t sent;
    } lines[GATHER_LINES];
};

/* The topic's newest line; encoded at most once a snapshot. NULL if memory is short. */
static const struct buffer *topic_line(struct topic *topic)
{
    if (topic->line_seq == topic->latest->seq)
        return &topic->line;
    struct tally_view view;
    snapshot_view(topic->latest, &view);
    topic->line.len = 0;
    char *room = buffer_reserve(&topic->line, tally_line_max(view.choice_count));
    if (!room)
        return NULL;
    topic->line.len = tally_encode(room, "> ", &view);
    topic->line_seq = topic->latest->seq;
    return &topic->line;
}

static void mark_sent(struct broadcast *broadcast, struct subscription *subscription, uint64_t sent)
{
    subscription->sent = sent;
    if (subscription->every_ms > 0)
        subscription->not_before_ns =
            clock_monotonic_ns() + (uint64_t)subscription->every_ms * NS_PER_MS;
    counter_add(&broadcast->counters->updates_sent, 1);
}

/* Sends bytes of whole lines. Of what the kernel did not take, keeps only the rest of a line that
 * it took the beginning of. Returns how many bytes are sent or kept. */
static size_t send_lines(struct conn *conn, const char *bytes, size_t len)
{
    size_t sent = conn_try_send(conn, bytes, len);
    if (sent == 0 || sent == len || bytes[sent - 1] == '\n')
        return sent;
    const char *end = (const char *)memchr(bytes + sent, '\n', len - sent) + 1;
    conn_keep_unsent(conn, bytes + sent, (size_t)(end - bytes) - sent);
    return (size_t)(end - bytes);
}

static void gather_send(struct broadcast *broadcast, struct conn *conn,
                        const struct gathered *gathered)
{
    size_t sent = send_lines(conn, broadcast->gather, gathered->len);
    for (unsigned i = 0; i < gathered->count && gathered->lines[i].begin < sent; i++)
        mark_sent(broadcast, gathered->lines[i].subscription, gathered->lines[i].sent);
}

/* Adds a topic's line, if there is room for it. */
static bool gather_add(struct broadcast *broadcast, struct gathered *gathered,
                       struct subscription *subscription, struct topic *topic, uint64_t sent)
{
    const struct buffer *line = topic_line(topic);
    if (!line || gathered->count == GATHER_LINES || gathered->len + line->len > GATHER_BYTES)
        return false;
    memcpy(broadcast->gather + gathered->len, line->bytes, line->len);
    gathered->lines[gathered->count].begin = gathered->len;
    gathered->lines[gathered->count].subscription = subscription;
    gathered->lines[gathered->count++].sent = sent;
    gathered->len += line->len;
    return true;
}

/* ---- pacing ---- */

static void arm(struct event *timer, uint64_t wait_ns)
{
    struct timeval wait = {(time_t)(wait_ns / NS_PER_S), (suseconds_t)(wait_ns % NS_PER_S / 1000)};
    event_add(timer, &wait);
}

static void visit(struct broadcast *broadcast, struct subscription *subscription);
static void receive(struct broadcast *broadcast);

/* A subscription's interval is over, and there was something to send before that. */
static void on_pace(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct subscription *subscription = context;
    receive(subscription->subscriber->broadcast);
    visit(subscription->subscriber->broadcast, subscription);
}

/* Whether a push must wait for the subscription's interval; it is then sent when that is over. */
static bool waits_for_interval(const struct broadcast *broadcast, struct subscription *subscription)
{
    if (subscription->every_ms == 0 || broadcast->last || subscription->subscriber->conn->ended)
        return false;
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns >= subscription->not_before_ns)
        return false;
    if (!subscription->pace_timer)
        subscription->pace_timer = evtimer_new(broadcast->loop->base, on_pace, subscription);
    if (!subscription->pace_timer)
        return false; /* no memory: rather too early than never */
    if (!evtimer_pending(subscription->pace_timer, NULL))
        arm(subscription->pace_timer, subscription->not_before_ns - now_ns + 1000);
    return true;
}

/* ---- visits ---- */

static struct subscription *subscription_of(const struct subscriber *subscriber,
                                            const struct topic *topic)
{
    struct subscription *subscription;
    TAILQ_FOREACH (subscription, &subscriber->own, own_link)
        if (subscription->topic == topic)
            return subscription;
    return NULL;
}

/* The first topic published after `number`. */
static struct topic *published_after(const struct broadcast *broadcast, uint64_t number)
{
    struct topic *topic = TAILQ_LAST(&broadcast->published, topic_queue);
    if (!topic || topic->number <= number)
        return NULL;
    struct topic *before;
    while ((before = TAILQ_PREV(topic, topic_queue, published_link)) && before->number > number)
        topic = before;
    return topic;
}

/* Sends a `*` subscription what was published since it last took something. */
static void send_published(struct broadcast *broadcast, struct subscription *all)
{
    struct subscriber *subscriber = all->subscriber;
    struct topic *topic;
    while ((topic = published_after(broadcast, all->sent)) && !subscriber->conn->blocked &&
           subscriber->conn->state == CONN_OPEN) {
        struct gathered gathered = {0};
        uint64_t passed = all->sent;
        for (; topic; topic = TAILQ_NEXT(topic, published_link)) {
            if (!subscription_of(subscriber, topic) &&
                !gather_add(broadcast, &gathered, all, topic, topic->number))
                break;
            passed = topic->number;
        }
        if (gathered.count == 0) { /* the rest is subscribed or excepted by name */
            if (passed == all->sent)
                return; /* no memory for a line: at the next publication */
            all->sent = passed;
            continue;
        }
        gather_send(broadcast, subscriber->conn, &gathered);
    }
}

static void send_topic(struct broadcast *broadcast, struct subscription *subscription)
{
    struct topic *topic = subscription->topic;
    const struct buffer *line = topic_line(topic);
    if (line && send_lines(subscription->subscriber->conn, line->bytes, line->len) > 0)
        mark_sent(broadcast, subscription, topic->line_seq);
}

static bool is_due(const struct broadcast *broadcast, const struct subscription *subscription)
{
    if (!subscription->topic)
        return subscription->sent < broadcast->last_number;
    return subscription->sent < subscription->topic->published_seq;
}

/* Sends one subscription what it lacks, if its time and its socket allow. The connection may be
 * gone afterwards. */
static void visit(struct broadcast *broadcast, struct subscription *subscription)
{
    struct conn *conn = subscription->subscriber->conn;
    if (!is_due(broadcast, subscription))
        return;
    if (!conn_takes_push(conn)) {
        counter_add(&broadcast->counters->updates_conflated, 1);
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

static bool is_behind(const struct subscription *subscription)
{
    return !subscription->except && subscription->sent < subscription->topic->latest->seq;
}

bool subscriber_is_behind(struct subscriber *subscriber)
{
    struct broadcast *broadcast = subscriber->broadcast;
    receive(broadcast);
    const struct subscription *own;
    const struct topic *topic;
    TAILQ_FOREACH (own, &subscriber->own, own_link)
        if (is_behind(own))
            return true;
    if (!subscriber->all)
        return false;
    TAILQ_FOREACH (topic, &broadcast->cooling, cooling_link)
        if (topic->published_seq < topic->latest->seq && !subscription_of(subscriber, topic))
            return true;
    return is_due(broadcast, subscriber->all);
}

void subscriber_catch_up(struct subscriber *subscriber)
{
    struct broadcast *broadcast = subscriber->broadcast;
    struct conn *conn = subscriber->conn;
    receive(broadcast); /* what a reply has just shown must not be followed by an older tally */
    struct subscription *subscription = TAILQ_FIRST(&subscriber->own);
    while (subscription && conn_takes_push(conn)) {
        struct gathered gathered = {0};
        while (subscription) {
            bool sendable = !subscription->except && is_due(broadcast, subscription) &&
                            !waits_for_interval(broadcast, subscription);
            if (sendable && !gather_add(broadcast, &gathered, subscription, subscription->topic,
                                        subscription->topic->latest->seq))
                break;
            subscription = TAILQ_NEXT(subscription, own_link);
        }
        if (gathered.count == 0)
            break; /* nothing is due, or no memory for a line: at the next publication */
        gather_send(broadcast, conn, &gathered);
    }
    if (subscriber->all && conn_takes_push(conn) && is_due(broadcast, subscriber->all) &&
        !waits_for_interval(broadcast, subscriber->all))
        send_published(broadcast, subscriber->all);
}

/* ---- fan-outs ---- */

static void fanout_begin(struct broadcast *broadcast, struct fanout *fanout)
{
    fanout->remaining = fanout->count;
    if (!fanout->busy && fanout->count > 0) {
        fanout->busy = true;
        TAILQ_INSERT_TAIL(&broadcast->busy, fanout, busy_link);
    }
}

static void fanout_end(struct broadcast *broadcast, struct fanout *fanout)
{
    if (fanout->busy)
        TAILQ_REMOVE(&broadcast->busy, fanout, busy_link);
    fanout->busy = false;
    fanout->remaining = 0;
}

static void fanout_join(struct fanout *fanout, struct subscription *subscription)
{
    TAILQ_INSERT_TAIL(&fanout->members, subscription, fan_link);
    fanout->count++;
    if (fanout->busy) /* the round goes past the new one too; its last member must not fall out of
                         it */
        fanout->remaining++;
}

static void fanout_leave(struct broadcast *broadcast, struct fanout *fanout,
                         struct subscription *subscription)
{
    if (fanout->cursor == subscription)
        fanout->cursor = TAILQ_NEXT(subscription, fan_link);
    TAILQ_REMOVE(&fanout->members, subscription, fan_link);
    if (--fanout->count == 0)
        fanout_end(broadcast, fanout);
}

/* Visits up to `budget` subscriptions. Returns how many. */
static unsigned fanout_slice(struct broadcast *broadcast, struct fanout *fanout, unsigned budget)
{
    unsigned visits = 0;
    while (visits < budget && fanout->remaining > 0) {
        struct subscription *subscription =
            fanout->cursor ? fanout->cursor : TAILQ_FIRST(&fanout->members);
        fanout->cursor = TAILQ_NEXT(subscription, fan_link);
        fanout->remaining--;
        visits++;
        visit(broadcast,
              subscription); /* may take subscriptions out, and the last one ends the fan-out */
    }
    if (fanout->remaining == 0)
        fanout_end(broadcast, fanout);
    return visits;
}

/* ---- topics ---- */

static void fanout_init(struct fanout *fanout)
{
    TAILQ_INIT(&fanout->members);
}

/* Takes over the snapshot of a poll that has no topic yet. */
static struct topic *topic_new(struct broadcast *broadcast, struct snapshot *snapshot)
{
    struct topic *topic = calloc(1, sizeof *topic);
    if (!topic)
        return NULL;
    topic->latest = snapshot;
    fanout_init(&topic->fanout);
    TAILQ_INSERT_TAIL(&broadcast->published, topic, published_link);
    broadcast->topics[snapshot->poll->id - 1] = topic;
    broadcast->topic_count++;
    return topic;
}

static void topic_publish(struct broadcast *broadcast, struct topic *topic)
{
    topic->published_seq = topic->latest->seq;
    topic->number = ++broadcast->last_number;
    TAILQ_REMOVE(&broadcast->published, topic, published_link);
    TAILQ_INSERT_TAIL(&broadcast->published, topic, published_link);
    fanout_begin(broadcast, &topic->fanout);
    fanout_begin(broadcast, &broadcast->all);
    if (broadcast->interval_ns == 0 || broadcast->last)
        return;
    topic->cooling = true;
    topic->cool_ns = clock_monotonic_ns() + broadcast->interval_ns;
    TAILQ_INSERT_TAIL(&broadcast->cooling, topic, cooling_link);
    if (TAILQ_FIRST(&broadcast->cooling) == topic)
        arm(&broadcast->cool_timer, broadcast->interval_ns);
}

/* Takes over the snapshot. */
static void topic_update(struct broadcast *broadcast, struct snapshot *snapshot)
{
    struct topic *topic = broadcast->topics[snapshot->poll->id - 1];
    if (!topic) {
        topic = topic_new(broadcast, snapshot);
        if (!topic)
            snapshot_unref(snapshot); /* at the poll's next change */
        else
            topic_publish(broadcast, topic);
        return;
    }
    if (snapshot->seq <= topic->latest->seq) {
        snapshot_unref(snapshot);
        return;
    }
    if (topic->published_seq < topic->latest->seq)
        counter_add(&broadcast->counters->updates_conflated,
                    topic->fanout.count + broadcast->all.count);
    snapshot_unref(topic->latest);
    topic->latest = snapshot;
    if (!topic->cooling)
        topic_publish(broadcast, topic);
}

static void on_cool(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct broadcast *broadcast = context;
    uint64_t now_ns = clock_monotonic_ns();
    struct topic *topic;
    while ((topic = TAILQ_FIRST(&broadcast->cooling)) && topic->cool_ns <= now_ns) {
        TAILQ_REMOVE(&broadcast->cooling, topic, cooling_link);
        topic->cooling = false;
        if (topic->published_seq < topic->latest->seq)
            topic_publish(broadcast, topic);
    }
    if (topic)
        arm(&broadcast->cool_timer, topic->cool_ns - now_ns);
}

static void receive(struct broadcast *broadcast)
{
    struct snapshot *snapshots[RECEIVE_MAX];
    size_t count;
    while ((count = tally_receive(broadcast->tally, broadcast->outlet, snapshots, RECEIVE_MAX)) > 0)
        for (size_t i = 0; i < count; i++)
            topic_update(broadcast, snapshots[i]);
}

bool broadcast_work(struct broadcast *broadcast)
{
    loop_assert_owner(broadcast->loop);
    receive(broadcast);
    unsigned budget = SLICE_VISITS;
    struct fanout *fanout;
    while (budget > 0 && (fanout = TAILQ_FIRST(&broadcast->busy))) {
        TAILQ_REMOVE(&broadcast->busy, fanout, busy_link); /* to the end: the next poll's turn */
        TAILQ_INSERT_TAIL(&broadcast->busy, fanout, busy_link);
        budget -= fanout_slice(broadcast, fanout, budget);
    }
    return !TAILQ_EMPTY(&broadcast->busy);
}

bool broadcast_is_pending(struct broadcast *broadcast)
{
    return !tally_outlet_is_empty(broadcast->tally, broadcast->outlet);
}

void broadcast_publish_last(struct broadcast *broadcast)
{
    broadcast->last = true;
    receive(broadcast);
    for (uint32_t i = 0; i < POLLS_MAX; i++) {
        struct topic *topic = broadcast->topics[i];
        if (topic && topic->published_seq < topic->latest->seq)
            topic_publish(broadcast, topic);
        else if (topic) /* for those that wait for their own interval */
            fanout_begin(broadcast, &topic->fanout);
    }
    fanout_begin(broadcast, &broadcast->all);
    while (broadcast_work(broadcast))
        ;
}

/* ---- life ---- */

struct broadcast *broadcast_new(struct loop *loop, struct tally *tally, unsigned outlet,
                                struct counters *counters, unsigned push_interval_ms)
{
    struct broadcast *broadcast = calloc(1, sizeof *broadcast);
    if (!broadcast)
        return NULL;
    broadcast->loop = loop;
    broadcast->tally = tally;
    broadcast->outlet = outlet;
    broadcast->counters = counters;
    broadcast->interval_ns = (uint64_t)push_interval_ms * NS_PER_MS;
    TAILQ_INIT(&broadcast->published);
    TAILQ_INIT(&broadcast->cooling);
    TAILQ_INIT(&broadcast->busy);
    fanout_init(&broadcast->all);
    evtimer_assign(&broadcast->cool_timer, loop->base, on_cool, broadcast);
    return broadcast;
}

void broadcast_free(struct broadcast *broadcast)
{
    INVARIANT(broadcast->all.count == 0);
    event_del(&broadcast->cool_timer);
    for (uint32_t i = 0; i < POLLS_MAX; i++) {
        struct topic *topic = broadcast->topics[i];
        if (!topic)
            continue;
        INVARIANT(topic->fanout.count == 0);
        snapshot_unref(topic->latest);
        buffer_free(&topic->line);
        free(topic);
    }
    free(broadcast);
}

/* ---- subscribers ---- */

struct subscriber *subscriber_new(struct broadcast *broadcast, struct conn *conn)
{
    struct subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (!subscriber)
        return NULL;
    subscriber->broadcast = broadcast;
    subscriber->conn = conn;
    TAILQ_INIT(&subscriber->own);
    counter_add(&broadcast->counters->subscribers, 1);
    return subscriber;
}

static struct subscription *subscription_new(struct subscriber *subscriber, struct topic *topic)
{
    struct subscription *subscription = calloc(1, sizeof *subscription);
    if (!subscription)
        return NULL;
    subscription->subscriber = subscriber;
    subscription->topic = topic;
    return subscription;
}

static void subscription_watch(struct subscription *subscription, struct fanout *fanout,
                               uint32_t every_ms)
{
    fanout_join(fanout, subscription);
    subscription->every_ms = every_ms;
}

static void subscription_free(struct subscription *subscription)
{
    if (subscription->pace_timer)
        event_free(subscription->pace_timer);
    free(subscription);
}

static void drop_all(struct subscriber *subscriber)
{
    struct broadcast *broadcast = subscriber->broadcast;
    if (!subscriber->all)
        return;
    fanout_leave(broadcast, &broadcast->all, subscriber->all);
    subscription_free(subscriber->all);
    subscriber->all = NULL;
}

static void drop_own(struct subscriber *subscriber, struct subscription *subscription)
{
    struct broadcast *broadcast = subscriber->broadcast;
    TAILQ_REMOVE(&subscriber->own, subscription, own_link);
    if (subscription->except) {
        subscriber->excepted--;
    } else {
        subscriber->watched--;
        fanout_leave(broadcast, &subscription->topic->fanout, subscription);
    }
    subscription_free(subscription);
}

static void drop_everything(struct subscriber *subscriber)
{
    drop_all(subscriber);
    while (!TAILQ_EMPTY(&subscriber->own))
        drop_own(subscriber, TAILQ_FIRST(&subscriber->own));
}

void subscriber_free(struct subscriber *subscriber)
{
    drop_everything(subscriber);
    counter_subtract(&subscriber->broadcast->counters->subscribers, 1);
    free(subscriber);
}

/* The topic of a poll; made from the tally if its first snapshot has not arrived. NULL if memory is
 * short. */
static struct topic *topic_of(struct broadcast *broadcast, const struct poll *poll)
{
    if (!broadcast->topics[poll->id - 1])
        topic_update(broadcast, tally_snapshot(broadcast->tally, poll->id, NULL));
    return broadcast->topics[poll->id - 1];
}

/* `*` takes the place of what was subscribed or excepted by name. */
static int add_all(struct subscriber *subscriber, uint32_t every_ms)
{
    struct broadcast *broadcast = subscriber->broadcast;
    struct subscription *all = subscription_new(subscriber, NULL);
    if (!all)
        return ERR_LIMIT;
    drop_everything(subscriber);
    subscriber->all = all;
    subscription_watch(all, &broadcast->all, every_ms);
    return (int)broadcast->topic_count;
}

static int add_topic(struct subscriber *subscriber, struct topic *topic, uint32_t every_ms)
{
    struct subscription *subscription = subscription_of(subscriber, topic);
    if (!subscription && subscriber->watched + subscriber->excepted >= SUBSCRIPTIONS_MAX)
        return ERR_LIMIT;
    struct subscription *added = subscription_new(subscriber, topic);
    if (!added)
        return ERR_LIMIT;
    if (subscription)
        drop_own(subscriber, subscription);
    TAILQ_INSERT_TAIL(&subscriber->own, added, own_link);
    subscriber->watched++;
    subscription_watch(added, &topic->fanout, every_ms);
    return 1;
}

int subscriber_add(struct subscriber *subscriber, const struct poll *poll, uint32_t every_ms)
{
    struct broadcast *broadcast = subscriber->broadcast;
    loop_assert_owner(broadcast->loop);
    receive(broadcast); /* so that what was answered to this client before is in what it is sent */
    struct topic *topic = poll ? topic_of(broadcast, poll) : NULL;
    if (poll && !topic)
        return ERR_LIMIT;
    int covered = poll ? add_topic(subscriber, topic, every_ms) : add_all(subscriber, every_ms);
    if (covered > 0)
        conn_want_writable(subscriber->conn);
    return covered;
}

/* Has `*` pass over a topic. */
static int except(struct subscriber *subscriber, struct topic *topic)
{
    if (subscriber->watched + subscriber->excepted >= SUBSCRIPTIONS_MAX)
        return ERR_LIMIT;
    struct subscription *subscription = subscription_new(subscriber, topic);
    if (!subscription)
        return ERR_LIMIT;
    subscription->except = true;
    subscriber->excepted++;
    TAILQ_INSERT_TAIL(&subscriber->own, subscription, own_link);
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
    struct topic *topic = topic_of(broadcast, poll);
    if (!topic)
        return ERR_LIMIT;
    struct subscription *subscription = subscription_of(subscriber, topic);
    if (subscription && !subscription->except) {
        drop_own(subscriber, subscription);
        subscription = NULL;
    }
    if (subscriber->all && !subscription && except(subscriber, topic) != 0)
        return ERR_LIMIT;
    return (int)(subscriber->all ? broadcast->topic_count - subscriber->excepted
                                 : subscriber->watched);
}
