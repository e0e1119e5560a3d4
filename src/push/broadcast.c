/* Topics: which tally of each poll a loop shows, and when. Runs on the broadcast loop's thread.
 *
 * Happy path: broadcast_work takes snapshots off the feed → topic_update keeps the newest →
 * topic_publish (at once, or when the topic has cooled) begins fan-outs → slices of them visit the
 * subscriptions (subscriber.c), which send the topic's line to subscribers that lack it.
 *
 * Topics are listed by their last publication (publications.h): a `*` subscription catches up by
 * walking that list from where it stands.
 *
 * If memory is short for a tally's JSON, the readers of event streams are closed. If it is short
 * for a new poll's topic, a SUBSCRIBE to it is refused; when the poll's first tally comes, the
 * server ends, since every subscriber to `*` is owed that tally. */
#include "push/broadcast_internal.h"

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "json/poll_json.h"
#include "json/result_json.h"
#include "push/delivery.h"

#include <stdlib.h>

enum {
    SLICE_VISITS = 128, /* between two looks at the loop's events: about half a ms of writes */
    RECEIVE_MAX = 64,   /* snapshots taken off the feed at once */
};

/* ---- topics ---- */

/* Never fails: topic_new made room for any line. */
static int encode_line(struct buffer *out, struct snapshot *snapshot, const char *ledger)
{
    (void)ledger;
    struct tally_view view;
    snapshot_view(snapshot, &view);
    out->len = tally_encode(out->bytes, "> ", &view);
    return 0;
}

static int encode_event(struct buffer *out, struct snapshot *snapshot, const char *ledger)
{
    out->len = 0;
    return poll_json_event(out, snapshot, ledger);
}

/* Without winners while they are hidden. */
static int encode_result_line(struct buffer *out, struct snapshot *snapshot, const char *ledger)
{
    (void)ledger;
    const bool hidden = snapshot_is_hidden(snapshot);
    const struct result *result = hidden ? NULL : snapshot_result(snapshot);
    const unsigned count = result ? result->winner_count : 0;
    out->len = 0;
    if ((!result && !hidden) || !buffer_reserve(out, winners_line_max(count)))
        return -1;
    out->len = winners_encode(out->bytes, &(struct winners_view){
                                              .poll = snapshot->poll->name.text,
                                              .seq = snapshot_result_seq(snapshot),
                                              .count = count,
                                              .winners = result ? result->winners : NULL,
                                              .choices = snapshot->poll->choices,
                                          });
    return 0;
}

static int encode_result_event(struct buffer *out, struct snapshot *snapshot, const char *ledger)
{
    out->len = 0;
    return result_json_event(out, snapshot, ledger);
}

static int (*const encoders[ENCODING_COUNT])(struct buffer *out, struct snapshot *snapshot,
                                             const char *ledger) = {
    [ENCODING_LINE] = encode_line,
    [ENCODING_EVENT] = encode_event,
    [ENCODING_RESULT_LINE] = encode_result_line,
    [ENCODING_RESULT_EVENT] = encode_result_event,
};

const struct buffer *broadcast_form(const struct broadcast *broadcast, struct topic *topic,
                                    enum encoding encoding)
{
    struct form *form = &topic->forms[encoding];
    uint64_t version = encoding_version(topic->latest, encoding);
    if (form->version == version)
        return &form->bytes;
    form->version = 0;
    if (encoders[encoding](&form->bytes, topic->latest, tally_ledger(broadcast->tally)) != 0)
        return NULL;
    form->version = version;
    return &form->bytes;
}

bool topic_has_news(const struct topic *topic, enum aspect aspect)
{
    for (enum encoding encoding = 0; encoding < ENCODING_COUNT; encoding++)
        if (encoding_aspect(encoding) == aspect &&
            topic->forms[encoding].published < encoding_version(topic->latest, encoding))
            return true;
    return false;
}

static bool has_any_news(const struct topic *topic)
{
    return topic_has_news(topic, ASPECT_TALLY) || topic_has_news(topic, ASPECT_RESULT);
}

/* Marks as published what is new in a topic's forms. */
static void publish_forms(struct topic *topic)
{
    for (enum encoding encoding = 0; encoding < ENCODING_COUNT; encoding++) {
        struct form *form = &topic->forms[encoding];
        uint64_t version = encoding_version(topic->latest, encoding);
        if (form->published >= version)
            continue;
        form->replaced = form->published;
        form->published = version;
        form->number = topic->published.number;
    }
}

/* Takes over the snapshot of a poll that has no topic yet. All memory for showing the poll is
 * allocated here: its subscribers are owed each last tally, and no later one may come. NULL if
 * memory is short. */
static struct topic *topic_new(struct broadcast *broadcast, struct snapshot *snapshot)
{
    struct topic *topic = calloc(1, sizeof *topic);
    if (!topic || !buffer_reserve(&topic->forms[ENCODING_LINE].bytes,
                                  tally_line_max(snapshot->poll->choice_count))) {
        snapshot_unref(snapshot);
        free(topic);
        return NULL;
    }
    topic->latest = snapshot;
    topic->mark_seq = snapshot->mark.last_seq;
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        fanout_init(&topic->fanouts[aspect], &broadcast->busy, delivery_visit);
    broadcast->topics[snapshot->poll->id - 1] = topic;
    broadcast->topic_count++;
    return topic;
}

/* This snapshot holds a sampled ballot that no earlier one holds. */
static void topic_watch(struct broadcast *broadcast, struct topic *topic,
                        const struct snapshot *snapshot)
{
    topic->mark_seq = snapshot->mark.last_seq;
    push_watch_wait(&broadcast->watches, &topic->waiting, snapshot->poll->id, &snapshot->mark);
}

static uint32_t follower_count(const struct broadcast *broadcast, const struct topic *topic,
                               enum aspect aspect)
{
    return fanout_size(&topic->fanouts[aspect]) + fanout_size(&broadcast->all[aspect]);
}

/* Subscribers by name are visited if the aspect is news. Those of `*` are in any case: each notes
 * the number of the publication. */
static void begin_fanouts(struct broadcast *broadcast, struct topic *topic, enum aspect aspect,
                          bool is_news)
{
    fanout_begin(&broadcast->all[aspect]);
    if (!is_news)
        return;
    fanout_begin(&topic->fanouts[aspect]);
    counter_add(&broadcast->counters->updates_conflated,
                topic->fanouts[aspect].parked + broadcast->all[aspect].parked);
}

static void topic_publish(struct broadcast *broadcast, struct topic *topic)
{
    bool is_news[ASPECT_COUNT];
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        is_news[aspect] = topic_has_news(topic, aspect);
    publications_add(&broadcast->publications, &topic->published);
    publish_forms(topic);
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        begin_fanouts(broadcast, topic, aspect, is_news[aspect]);
    const struct fanout *const fanouts[] = {&topic->fanouts[ASPECT_TALLY],
                                            &broadcast->all[ASPECT_TALLY]};
    push_watch_begin(&broadcast->watches, &topic->waiting, &topic->watch, fanouts);
    /* A result that nobody follows must not hold up the next tally. */
    bool cools = is_news[ASPECT_TALLY] || follower_count(broadcast, topic, ASPECT_RESULT) > 0;
    if (broadcast->interval_ns == 0 || broadcast->last || !cools)
        return;
    topic->cooling = true;
    topic->cool_ns = clock_monotonic_ns() + broadcast->interval_ns;
    TAILQ_INSERT_TAIL(&broadcast->cooling, topic, cooling_link);
    if (TAILQ_FIRST(&broadcast->cooling) == topic)
        loop_set_timer(&broadcast->cool_timer, broadcast->interval_ns);
}

/* Counts the readers of what the newer snapshot replaces before it was published. */
static void count_replaced(const struct broadcast *broadcast, const struct topic *topic,
                           enum aspect aspect, const struct snapshot *newer)
{
    enum encoding encoding = encoding_for(ENCODING_LINE, aspect);
    if (topic_has_news(topic, aspect) &&
        encoding_version(newer, encoding) > encoding_version(topic->latest, encoding))
        counter_add(&broadcast->counters->updates_conflated,
                    follower_count(broadcast, topic, aspect));
}

/* Takes over the snapshot. */
static void topic_update(struct broadcast *broadcast, struct snapshot *snapshot)
{
    struct topic *topic = broadcast->topics[snapshot->poll->id - 1];
    if (!topic) {
        topic = topic_new(broadcast, snapshot);
        if (!topic) /* subscribers to all polls are owed it */
            log_fatal("no memory to show a poll: stopping");
        if (snapshot->mark.last_seq == snapshot->seq)
            topic_watch(broadcast, topic, snapshot);
        topic_publish(broadcast, topic);
        return;
    }
    if (!snapshot_is_newer(snapshot, topic->latest)) {
        snapshot_unref(snapshot);
        return;
    }
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        count_replaced(broadcast, topic, aspect, snapshot);
    if (snapshot->mark.last_seq > topic->mark_seq)
        topic_watch(broadcast, topic, snapshot);
    snapshot_unref(topic->latest);
    topic->latest = snapshot;
    if (!topic->cooling && has_any_news(topic))
        topic_publish(broadcast, topic);
}

static void on_cool(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct broadcast *broadcast = context;
    loop_is_awake(broadcast->loop);
    uint64_t now_ns = clock_monotonic_ns();
    struct topic *topic;
    while ((topic = TAILQ_FIRST(&broadcast->cooling)) && topic->cool_ns <= now_ns) {
        TAILQ_REMOVE(&broadcast->cooling, topic, cooling_link);
        topic->cooling = false;
        if (has_any_news(topic))
            topic_publish(broadcast, topic);
    }
    if (topic)
        loop_set_timer(&broadcast->cool_timer, topic->cool_ns - now_ns);
}

void broadcast_receive(struct broadcast *broadcast)
{
    loop_assert_owner(broadcast->loop);
    struct snapshot *snapshots[RECEIVE_MAX];
    size_t count;
    while ((count = tally_receive(broadcast->tally, broadcast->feed, snapshots, RECEIVE_MAX)) > 0)
        for (size_t i = 0; i < count; i++)
            topic_update(broadcast, snapshots[i]);
}

/* Visits up to `budget` members. Returns how many. */
static unsigned fanout_slice(struct fanout *fanout, unsigned budget)
{
    struct fanout_member *member;
    unsigned visits = 0;
    while (visits < budget && (member = fanout_next(fanout))) {
        fanout->visit(member);
        visits++;
    }
    return visits;
}

bool broadcast_work(struct broadcast *broadcast)
{
    loop_assert_owner(broadcast->loop);
    broadcast_receive(broadcast);
    unsigned budget = SLICE_VISITS;
    struct fanout *fanout;
    while (budget > 0 && (fanout = TAILQ_FIRST(&broadcast->busy))) {
        TAILQ_REMOVE(&broadcast->busy, fanout, busy_link); /* to the end: the next poll's turn */
        TAILQ_INSERT_TAIL(&broadcast->busy, fanout, busy_link);
        budget -= fanout_slice(fanout, budget);
    }
    push_watches_look(&broadcast->watches);
    fanout = TAILQ_FIRST(&broadcast->busy);
    tally_feed_set_backlog(broadcast->tally, broadcast->feed, fanout ? fanout->count : 0);
    return fanout != NULL;
}

bool broadcast_is_pending(struct broadcast *broadcast)
{
    return !tally_feed_is_empty(broadcast->tally, broadcast->feed);
}

void broadcast_publish_last(struct broadcast *broadcast)
{
    loop_assert_owner(broadcast->loop);
    broadcast->last = true;
    broadcast_receive(broadcast);
    for (uint32_t i = 0; i < POLLS_MAX; i++) {
        struct topic *topic = broadcast->topics[i];
        if (!topic)
            continue;
        if (has_any_news(topic))
            topic_publish(broadcast, topic);
        for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
            fanout_begin(&topic->fanouts[aspect]); /* for those that wait for their interval */
    }
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        fanout_begin(&broadcast->all[aspect]);
    while (broadcast_work(broadcast))
        ;
}

const struct push_watches *broadcast_watches(const struct broadcast *broadcast)
{
    return &broadcast->watches;
}

/* ---- heartbeats ---- */

/* Makes the event that readers of event streams get when there is no news. If memory is short, they
 * get none. */
static void make_beat(struct broadcast *broadcast)
{
    struct buffer *event = &broadcast->beat_event;
    if (event->len == 0 && poll_json_beat(event, tally_ledger(broadcast->tally)) != 0)
        log_warning("no memory for a heartbeat");
}

static void on_beat(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct broadcast *broadcast = context;
    loop_is_awake(broadcast->loop);
    if (fanout_size(&broadcast->beats) == 0)
        return;
    make_beat(broadcast);
    fanout_begin(&broadcast->beats);
    loop_set_timer(&broadcast->beat_timer, (uint64_t)BROADCAST_BEAT_MS * NS_PER_MS);
}

void broadcast_beat(struct broadcast *broadcast, struct subscriber *subscriber)
{
    loop_assert_owner(broadcast->loop);
    fanout_join(&broadcast->beats, &subscriber->beat);
    if (!evtimer_pending(&broadcast->beat_timer, NULL))
        loop_set_timer(&broadcast->beat_timer, (uint64_t)BROADCAST_BEAT_MS * NS_PER_MS);
}

/* ---- for subscribers ---- */

struct topic *broadcast_topic(struct broadcast *broadcast, const struct poll *poll)
{
    struct topic *topic = broadcast->topics[poll->id - 1];
    if (topic)
        return topic;
    topic = topic_new(broadcast, tally_snapshot(broadcast->tally, poll->id));
    if (topic)
        topic_publish(broadcast, topic);
    return topic;
}

struct topic *broadcast_published_after(struct broadcast *broadcast, uint64_t number)
{
    struct published *published = publications_after(&broadcast->publications, number);
    return published ? container_of(published, struct topic, published) : NULL;
}

/* ---- life ---- */

struct broadcast *broadcast_new(struct loop *loop, struct tally *tally, unsigned feed,
                                struct counters *counters, struct journey_stats *journey_stats,
                                unsigned push_interval_ms)
{
    struct broadcast *broadcast = calloc(1, sizeof *broadcast);
    if (!broadcast)
        return NULL;
    broadcast->loop = loop;
    broadcast->tally = tally;
    broadcast->feed = feed;
    broadcast->counters = counters;
    broadcast->interval_ns = (uint64_t)push_interval_ms * NS_PER_MS;
    TAILQ_INIT(&broadcast->cooling);
    TAILQ_INIT(&broadcast->busy);
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        fanout_init(&broadcast->all[aspect], &broadcast->busy, delivery_visit);
    fanout_init(&broadcast->beats, &broadcast->busy, delivery_beat);
    push_watches_init(&broadcast->watches, journey_stats);
    evtimer_assign(&broadcast->beat_timer, loop->base, on_beat, broadcast);
    evtimer_assign(&broadcast->cool_timer, loop->base, on_cool, broadcast);
    return broadcast;
}

void broadcast_free(struct broadcast *broadcast)
{
    INVARIANT(fanout_size(&broadcast->beats) == 0);
    for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
        INVARIANT(fanout_size(&broadcast->all[aspect]) == 0);
    event_del(&broadcast->cool_timer);
    event_del(&broadcast->beat_timer);
    buffer_free(&broadcast->beat_event);
    for (uint32_t i = 0; i < POLLS_MAX; i++) {
        struct topic *topic = broadcast->topics[i];
        if (!topic)
            continue;
        for (enum aspect aspect = 0; aspect < ASPECT_COUNT; aspect++)
            INVARIANT(fanout_size(&topic->fanouts[aspect]) == 0);
        snapshot_unref(topic->latest);
        for (int encoding = 0; encoding < ENCODING_COUNT; encoding++)
            buffer_free(&topic->forms[encoding].bytes);
        free(topic);
    }
    free(broadcast);
}
