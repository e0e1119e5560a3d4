/* The tally: publishing, references, and a feed that falls behind. */
#include "tally/tally.h"
#include "base/clock.h"
#include "count/result.h"
#include "tests/support/scale.h"
#include "base/waker.h"
#include "tests/support/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MORE_THAN_A_RING = 3000 };

static struct poll *make_poll(uint32_t id)
{
    struct name name = {0}, choices[2] = {{1, "a"}, {1, "b"}};
    name.len = (uint8_t)sprintf(name.text, "poll%u", id);
    const struct settings settings = {{0}};
    struct poll *poll = poll_new(&name, &settings, choices, 2, NULL);
    ck_assert_ptr_nonnull(poll);
    poll->id = id;
    return poll;
}

/* Makes a poll and publishes its first snapshot, with sequence `seq`. */
static void publish_new(struct tally *tally, uint32_t id, uint64_t seq)
{
    struct snapshot *snapshot = snapshot_new(make_poll(id));
    snapshot->seq = snapshot->state_seq = seq;
    tally_publish(tally, &snapshot, 1);
}

/* Publishes the poll's next snapshot: one ballot more for choice `choice`. */
static void publish_ballot(struct tally *tally, uint32_t id, unsigned choice, uint64_t seq)
{
    struct snapshot *snapshot = snapshot_copy(tally_peek(tally, id));
    snapshot->seq = seq;
    snapshot->ballots++;
    snapshot->counts[choice]++;
    tally_publish(tally, &snapshot, 1);
}

START_TEST(a_snapshot_is_shown_and_the_one_before_stays_whole)
{
    struct tally *tally = tally_new(0);
    ck_assert_uint_eq(tally_poll_count(tally), 0);
    publish_new(tally, 1, 1);
    ck_assert_uint_eq(tally_poll_count(tally), 1);
    struct snapshot *before = tally_snapshot(tally, 1);
    const struct poll *poll = tally_poll(tally, 1);
    publish_ballot(tally, 1, 1, 2);
    struct snapshot *after = tally_snapshot(tally, 1);
    ck_assert_ptr_eq(poll, before->poll);
    ck_assert_ptr_eq(tally_poll(tally, 1), poll);
    ck_assert_uint_eq(before->counts[1], 0);
    ck_assert_uint_eq(before->seq, 1);
    ck_assert_uint_eq(after->counts[1], 1);
    ck_assert_uint_eq(after->seq, 2);
    ck_assert_uint_eq(after->ballots, 1);
    snapshot_unref(before);
    snapshot_unref(after);
    tally_free(tally);
}
END_TEST

static void assert_text(struct span text, const char *expected)
{
    ck_assert_msg(span_is(text, expected), "'%.*s' is not '%s'", (int)text.len, text.at, expected);
}

START_TEST(texts_are_the_names_until_they_are_changed)
{
    struct tally *tally = tally_new(0);
    publish_new(tally, 1, 1);
    struct snapshot *before = tally_snapshot(tally, 1);
    struct snapshot *titled = snapshot_copy(before);
    ck_assert_int_eq(snapshot_set_text(titled, 0, "What to eat?", 12, 2), 0);
    tally_publish(tally, &titled, 1);
    struct snapshot *labelled = snapshot_copy(tally_peek(tally, 1));
    ck_assert_int_eq(snapshot_set_text(labelled, 2, "Bee", 3, 3), 0);
    tally_publish(tally, &labelled, 1);

    assert_text(snapshot_title(before), "poll1");
    struct snapshot *after = tally_snapshot(tally, 1);
    assert_text(snapshot_title(after), "What to eat?");
    assert_text(snapshot_label(after, 0), "a");
    assert_text(snapshot_label(after, 1), "Bee");
    ck_assert_uint_eq(after->seq, 1); /* no change of the tally */
    ck_assert_uint_eq(after->texts_seq, 3);
    ck_assert_uint_eq(snapshot_version(after), 3);
    snapshot_unref(before);
    snapshot_unref(after);
    tally_free(tally);
}
END_TEST

/* The first to make it makes it for all; whoever was as fast gets the first one's. */
START_TEST(a_rendering_is_made_once)
{
    struct tally *tally = tally_new(0);
    publish_new(tally, 1, 1);
    struct snapshot *snapshot = tally_snapshot(tally, 1);
    ck_assert_ptr_null(snapshot_rendering(snapshot, RENDERING_JSON));
    const struct rendering *first = snapshot_keep_rendering(snapshot, RENDERING_JSON, "{}", 2);
    ck_assert_ptr_nonnull(first);
    ck_assert_uint_eq(first->len, 2);
    ck_assert_mem_eq(first->bytes, "{}", 2);
    ck_assert_ptr_eq(snapshot_keep_rendering(snapshot, RENDERING_JSON, "{}", 2), first);
    ck_assert_ptr_eq(snapshot_rendering(snapshot, RENDERING_JSON), first);
    ck_assert_ptr_null(snapshot_rendering(snapshot, RENDERING_CARD));
    struct snapshot *changed = snapshot_copy(snapshot);
    ck_assert_ptr_null(snapshot_rendering(changed, RENDERING_JSON));
    snapshot_unref(changed);
    snapshot_unref(snapshot);
    tally_free(tally);
}
END_TEST

START_TEST(a_result_of_counts_is_made_once_and_of_these_counts_alone)
{
    struct tally *tally = tally_new(0);
    publish_new(tally, 1, 1);
    publish_ballot(tally, 1, 1, 2);
    struct snapshot *snapshot = tally_snapshot(tally, 1);
    const struct result *result = snapshot_result(snapshot);
    ck_assert_ptr_nonnull(result);
    ck_assert_ptr_eq(snapshot_result(snapshot), result);
    ck_assert_uint_eq(result->seq, 2);
    ck_assert_uint_eq(result->ballots, 1);
    ck_assert_uint_eq(result->winner_count, 1);
    ck_assert_uint_eq(result->winners[0], 1);
    publish_ballot(tally, 1, 0, 3);
    struct snapshot *later = tally_snapshot(tally, 1);
    ck_assert_ptr_ne(snapshot_result(later), result);
    ck_assert_uint_eq(snapshot_result_seq(later), 3);
    ck_assert(!snapshot_owes_result(later) && !snapshot_lacks_result(later));
    snapshot_unref(later);
    snapshot_unref(snapshot);
    tally_free(tally);
}
END_TEST

static struct result *make_result(const struct poll *poll, uint64_t seq)
{
    struct result *result = result_new(poll, 0, 0, 0, 0);
    ck_assert_ptr_nonnull(result);
    result->seq = seq;
    return result;
}

/* Of a method that needs more than the counts. */
START_TEST(a_result_that_was_counted_stays_until_a_newer_one_comes)
{
    struct poll *poll = make_poll(1);
    poll->settings.value[SETTING_KIND] = KIND_RANKED;
    poll->settings.value[SETTING_METHOD] = METHOD_SCHULZE;
    struct snapshot *first = snapshot_new(poll);
    first->seq = 7;
    ck_assert_ptr_null(snapshot_result(first));
    ck_assert_uint_eq(snapshot_result_seq(first), 0);
    ck_assert(snapshot_owes_result(first));

    struct snapshot *second = snapshot_copy(first);
    snapshot_set_result(second, make_result(poll, 5));
    ck_assert(snapshot_is_newer(second, first) && !snapshot_is_newer(first, second));
    ck_assert(!snapshot_is_newer(second, second));
    ck_assert(snapshot_lacks_result(second) && !snapshot_owes_result(second));
    second->open = false; /* of a closed poll the last one is owed */
    ck_assert(snapshot_owes_result(second));

    struct snapshot *third = snapshot_copy(second);
    ck_assert_ptr_eq(snapshot_result(third), snapshot_result(second));
    snapshot_set_result(third, make_result(poll, 7));
    ck_assert_uint_eq(snapshot_result_seq(third), 7);
    ck_assert(snapshot_is_newer(third, second));
    ck_assert(!snapshot_lacks_result(third) && !snapshot_owes_result(third));
    snapshot_unref(first);
    snapshot_unref(second);
    snapshot_unref(third);
    poll_free(poll);
}
END_TEST

START_TEST(of_hidden_results_nothing_is_owed)
{
    struct poll *poll = make_poll(1);
    poll->settings.value[SETTING_KIND] = KIND_RANKED;
    poll->settings.value[SETTING_METHOD] = METHOD_SCHULZE;
    poll->settings.value[SETTING_REVEAL] = REVEAL_CLOSED;
    struct snapshot *snapshot = snapshot_new(poll);
    snapshot->seq = 9;
    snapshot_set_result(snapshot, make_result(poll, 4));
    ck_assert(snapshot_is_hidden(snapshot));
    ck_assert_uint_eq(snapshot_result_seq(snapshot), 9);
    ck_assert(!snapshot_lacks_result(snapshot) && !snapshot_owes_result(snapshot));
    struct snapshot *closed = snapshot_copy(snapshot); /* an earlier result must not come back */
    closed->open = false;
    ck_assert_uint_eq(snapshot_result_seq(closed), 0);
    ck_assert(snapshot_owes_result(closed));
    snapshot_unref(closed);
    snapshot_unref(snapshot);
    poll_free(poll);
}
END_TEST

START_TEST(many_snapshots_are_taken_at_once)
{
    enum { POLLS = 100 };
    struct tally *tally = tally_new(0);
    uint32_t ids[POLLS];
    struct snapshot *snapshots[POLLS];
    for (uint32_t i = 0; i < POLLS; i++) {
        publish_new(tally, i + 1, i + 1);
        ids[i] = POLLS - i;
    }
    tally_snapshots(tally, ids, POLLS, snapshots);
    for (uint32_t i = 0; i < POLLS; i++) {
        ck_assert_uint_eq(snapshots[i]->poll->id, POLLS - i);
        snapshot_unref(snapshots[i]);
    }
    ck_assert_uint_eq(histogram_count(&tally_stats(tally)->lock_hold_ns), POLLS + 4);
    tally_free(tally);
}
END_TEST

/* A receiver that misses a snapshot finds its mark in the next one, and knows it by its sequence.
 */
START_TEST(a_mark_stays_until_the_next_one)
{
    struct tally *tally = tally_new(0);
    publish_new(tally, 1, 1);
    struct snapshot *snapshot = snapshot_copy(tally_peek(tally, 1));
    snapshot->seq = 5;
    snapshot->mark = (struct snapshot_mark){.first_seq = 3, .last_seq = 5, .committed_ns = 1};
    uint64_t before_ns = clock_monotonic_ns();
    tally_publish(tally, &snapshot, 1);
    const struct snapshot_mark mark = tally_peek(tally, 1)->mark;
    ck_assert_uint_ge(mark.counted_ns, before_ns);
    ck_assert_uint_le(mark.counted_ns, clock_monotonic_ns());
    publish_ballot(tally, 1, 0, 6);
    const struct snapshot_mark *kept = &tally_peek(tally, 1)->mark;
    ck_assert_uint_eq(tally_peek(tally, 1)->seq, 6);
    ck_assert_uint_eq(kept->first_seq, 3);
    ck_assert_uint_eq(kept->last_seq, 5);
    ck_assert_uint_eq(kept->counted_ns, mark.counted_ns);
    tally_free(tally);
}
END_TEST

START_TEST(results_are_hidden_only_while_the_poll_is_open_and_says_so)
{
    struct poll *poll = make_poll(1);
    poll->settings.value[SETTING_REVEAL] = REVEAL_CLOSED;
    struct snapshot *snapshot = snapshot_new(poll);
    struct tally_view view;
    snapshot_view(snapshot, &view);
    ck_assert(view.open && view.hidden);
    snapshot->open = false;
    snapshot_view(snapshot, &view);
    ck_assert(!view.open && !view.hidden);
    poll->settings.value[SETTING_REVEAL] = REVEAL_LIVE;
    snapshot->open = true;
    snapshot_view(snapshot, &view);
    ck_assert(view.open && !view.hidden);
    snapshot_unref(snapshot);
    poll_free(poll);
}
END_TEST

START_TEST(every_feed_gets_every_snapshot_in_order)
{
    struct tally *tally = tally_new(2);
    publish_new(tally, 1, 1);
    for (uint64_t seq = 2; seq <= 10; seq++)
        publish_ballot(tally, 1, 0, seq);
    for (unsigned feed = 0; feed < 2; feed++) {
        struct snapshot *got[16];
        ck_assert(!tally_feed_is_empty(tally, feed));
        ck_assert_uint_eq(tally_receive(tally, feed, got, 16), 10);
        for (uint64_t i = 0; i < 10; i++) {
            ck_assert_uint_eq(got[i]->seq, i + 1);
            snapshot_unref(got[i]);
        }
        ck_assert(tally_feed_is_empty(tally, feed));
        ck_assert_uint_eq(tally_receive(tally, feed, got, 16), 0);
    }
    tally_free(tally);
}
END_TEST

START_TEST(a_feed_that_falls_behind_gets_the_newest_of_each_poll)
{
    struct tally *tally = tally_new(1);
    for (uint32_t id = 1; id <= 3; id++)
        publish_new(tally, id, id);
    uint64_t seq = 3;
    for (int i = 0; i < MORE_THAN_A_RING; i++)
        publish_ballot(tally, 1 + (uint32_t)i % 3, 0, ++seq);
    ck_assert_uint_gt(atomic_load(&tally_stats(tally)->ring_full), 0);

    uint64_t newest[3] = {0};
    struct snapshot *got[7];
    size_t count, received = 0;
    while ((count = tally_receive(tally, 0, got, 7)) > 0) {
        for (size_t i = 0; i < count; i++, received++) {
            uint64_t *last = &newest[got[i]->poll->id - 1];
            *last = got[i]->seq > *last ? got[i]->seq : *last;
            snapshot_unref(got[i]);
        }
    }
    ck_assert_uint_lt(received, MORE_THAN_A_RING);
    for (uint32_t id = 1; id <= 3; id++)
        ck_assert_uint_eq(newest[id - 1], tally_peek(tally, id)->seq);
    ck_assert(tally_feed_is_empty(tally, 0));
    tally_free(tally);
}
END_TEST

START_TEST(the_backlog_is_that_of_all_feeds)
{
    struct tally *tally = tally_new(2);
    ck_assert_uint_eq(tally_backlog(tally), 0);
    tally_feed_set_backlog(tally, 0, 300);
    tally_feed_set_backlog(tally, 1, 200);
    ck_assert_uint_eq(tally_backlog(tally), 500);
    tally_feed_set_backlog(tally, 0, 0);
    ck_assert_uint_eq(tally_backlog(tally), 200);
    tally_free(tally);
}
END_TEST

START_TEST(what_a_feed_never_took_is_released_with_the_tally)
{
    struct tally *tally = tally_new(1);
    publish_new(tally, 1, 1);
    struct snapshot *kept = tally_snapshot(tally, 1);
    ck_assert_uint_eq(atomic_load(&kept->refs), 3); /* the tally, the ring, and us */
    publish_ballot(tally, 1, 0, 2);
    ck_assert_uint_eq(atomic_load(&kept->refs), 2);
    struct snapshot *got;
    ck_assert_uint_eq(tally_receive(tally, 0, &got, 1), 1);
    ck_assert_ptr_eq(got, kept);
    snapshot_unref(got);
    ck_assert_uint_eq(atomic_load(&kept->refs), 1);
    snapshot_unref(kept);
    tally_free(tally);
}
END_TEST

/* A publisher and a reader that sleeps; the reader must end with the last snapshot, never going
 * back. */
struct storm {
    struct tally *tally;
    struct waker waker;
    uint64_t last_seq;
};

static void *publish_storm(void *context)
{
    struct storm *storm = context;
    for (uint64_t seq = 2; seq <= storm->last_seq; seq++)
        publish_ballot(storm->tally, 1, seq % 2, seq);
    return NULL;
}

START_TEST(a_sleeping_feed_ends_with_the_last_snapshot)
{
    struct storm storm = {.tally = tally_new(1), .last_seq = scaled(200000)};
    ck_assert_int_eq(waker_init(&storm.waker), 0);
    tally_feed_attach(storm.tally, 0, &storm.waker);
    publish_new(storm.tally, 1, 1);
    pthread_t publisher;
    ck_assert_int_eq(pthread_create(&publisher, NULL, publish_storm, &storm), 0);
    uint64_t newest = 0;
    while (newest < storm.last_seq) {
        struct snapshot *got[64];
        size_t count = tally_receive(storm.tally, 0, got, 64);
        for (size_t i = 0; i < count; i++) {
            if (got[i]->ballots != got[i]->counts[0] + got[i]->counts[1])
                ck_abort_msg("a snapshot that is not whole");
            newest = got[i]->seq > newest ? got[i]->seq : newest;
            snapshot_unref(got[i]);
        }
        if (count > 0)
            continue;
        waker_prepare(&storm.waker);
        if (tally_feed_is_empty(storm.tally, 0))
            waker_sleep(&storm.waker); /* a lost wake-up is a test that never ends */
        else
            waker_cancel(&storm.waker);
    }
    ck_assert_uint_eq(newest, storm.last_seq);
    pthread_join(publisher, NULL);
    waker_destroy(&storm.waker);
    tally_free(storm.tally);
}
END_TEST

UNIT_MAIN("tally", {"tally", .timeout_s = 60,
                    .tests = {{a_snapshot_is_shown_and_the_one_before_stays_whole},
                              {texts_are_the_names_until_they_are_changed},
                              {a_rendering_is_made_once},
                              {a_result_of_counts_is_made_once_and_of_these_counts_alone},
                              {a_result_that_was_counted_stays_until_a_newer_one_comes},
                              {of_hidden_results_nothing_is_owed},
                              {many_snapshots_are_taken_at_once},
                              {a_mark_stays_until_the_next_one},
                              {results_are_hidden_only_while_the_poll_is_open_and_says_so},
                              {every_feed_gets_every_snapshot_in_order},
                              {a_feed_that_falls_behind_gets_the_newest_of_each_poll},
                              {the_backlog_is_that_of_all_feeds},
                              {what_a_feed_never_took_is_released_with_the_tally},
                              {a_sleeping_feed_ends_with_the_last_snapshot}}})
