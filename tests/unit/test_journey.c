/* Journeys of ballots: sampling, records and who has them, what is kept; pushes, watched; sockets.
 */
#include "trace/journey.h"
#include "push/push_watch.h"
#include "tests/support/scale.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct journey_stats stats;
static struct journeys journeys;
static struct push_watches watches;
static _Atomic uint64_t open_count;

static void setup(void)
{
    memset(&stats, 0, sizeof stats);
    open_count = 0;
    journeys_init(&journeys, &stats, &open_count, 1);
    push_watches_init(&watches, &stats);
}

static uint64_t counted(unsigned figure)
{
    return histogram_count(&stats.figures_ns[figure]);
}

static struct journey *begin(bool traced)
{
    return journey_begin(&journeys, 1000, 1100, 7, traced);
}

/* As the ledger does. */
static void stamp(struct journey *journey)
{
    uint64_t queued_ns = journey->at_ns[JOURNEY_queued];
    journey->at_ns[JOURNEY_judged] = queued_ns + 1;
    journey->at_ns[JOURNEY_committed] = queued_ns + 2;
    journey->at_ns[JOURNEY_counted] = queued_ns + 3;
}

/* ---- the list ---- */

START_TEST(figures_follow_the_stages)
{
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++) {
        const struct journey_figure_info *figure = &journey_figures[i];
        ck_assert_msg(figure->from < figure->to, "%s", figure->name);
        if (!journey_figure_is_stage(i))
            continue;
        ck_assert_uint_eq(figure->to, i + 1);
        ck_assert_str_eq(journey_stage_name(figure->to), figure->name);
    }
    ck_assert_str_eq(journey_stage_name(JOURNEY_readable), "readable");
    ck_assert_str_eq(journey_stage_name(JOURNEY_last_push), "last_push");
    ck_assert(!journey_figure_is_stage(FIGURE_freshness));
}
END_TEST

/* ---- sampling ---- */

START_TEST(one_in_256_is_sampled_and_not_in_step)
{
    enum { BALLOTS = 1000000 };
    unsigned samples = 0, gap = 0, longest = 0;
    bool gaps[2 * JOURNEY_ONE_IN] = {false};
    unsigned different = 0;
    for (unsigned i = 0; i < BALLOTS; i++) {
        gap++;
        if (!journeys_sample(&journeys))
            continue;
        struct journey *journey = begin(false);
        journeys_send(&journeys);
        journey_drop(&journeys, journey->number);
        ck_assert_uint_lt(gap, 2 * JOURNEY_ONE_IN);
        different += !gaps[gap];
        gaps[gap] = true;
        longest = gap > longest ? gap : longest;
        samples++;
        gap = 0;
    }
    ck_assert_uint_gt(samples, BALLOTS / JOURNEY_ONE_IN * 95 / 100);
    ck_assert_uint_lt(samples, BALLOTS / JOURNEY_ONE_IN * 105 / 100);
    ck_assert_uint_gt(different, JOURNEY_ONE_IN);
    ck_assert_uint_eq(open_count, 0);
}
END_TEST

START_TEST(an_empty_pool_samples_nothing_and_fills_again)
{
    bool had[JOURNEY_POOL + 1] = {false};
    struct journey *taken[JOURNEY_POOL];
    for (unsigned i = 0; i < JOURNEY_POOL; i++) {
        taken[i] = begin(i % 2);
        ck_assert_ptr_nonnull(taken[i]);
        ck_assert_uint_ge(taken[i]->number, 1);
        ck_assert_uint_le(taken[i]->number, JOURNEY_POOL);
        ck_assert(!had[taken[i]->number]);
        had[taken[i]->number] = true;
    }
    ck_assert_uint_eq(open_count, JOURNEY_POOL);
    ck_assert_ptr_null(begin(false));
    ck_assert_ptr_null(begin(true));
    journeys_send(&journeys);
    for (unsigned i = 0; i < JOURNEY_POOL; i++)
        journey_drop(&journeys, taken[i]->number);
    ck_assert_uint_eq(open_count, 0);
    ck_assert_ptr_nonnull(begin(false));
}
END_TEST

/* A pool that ran empty must not end the sampling. */
START_TEST(sampling_goes_on_after_an_empty_pool)
{
    struct journey *taken[JOURNEY_POOL];
    for (unsigned i = 0; i < JOURNEY_POOL; i++)
        taken[i] = begin(false);
    journeys_send(&journeys);
    unsigned samples = 0;
    for (unsigned i = 0; i < 100 * JOURNEY_ONE_IN; i++)
        if (journeys_sample(&journeys)) {
            samples++;
            ck_assert_ptr_null(begin(false));
        }
    ck_assert_uint_gt(samples, 50);
    for (unsigned i = 0; i < JOURNEY_POOL; i++)
        journey_drop(&journeys, taken[i]->number);
}
END_TEST

/* ---- the life of a record ---- */

static struct journey_kept live(bool traced, uint64_t seq, int fd)
{
    struct journey *journey = begin(traced);
    journeys_send(&journeys);
    stamp(journey);
    journey_answer(&journeys, journey_number(journey), seq);
    journeys_written(&journeys, fd);
    struct journey_kept kept = {0};
    journeys_find(&journeys, traced, seq, &kept);
    return kept;
}

START_TEST(stamps_rise_from_stage_to_stage)
{
    struct journey_kept kept = live(true, 42, STDIN_FILENO);
    ck_assert_uint_eq(kept.seq, 42);
    ck_assert_uint_eq(kept.poll, 7);
    ck_assert_uint_eq(kept.at_ns[JOURNEY_readable], 1000);
    for (unsigned i = 0; i < JOURNEY_answered; i++)
        ck_assert_uint_le(kept.at_ns[i], kept.at_ns[i + 1]);
    ck_assert_uint_eq(kept.at_ns[JOURNEY_first_push], 0);
    for (unsigned i = FIGURE_read; i <= FIGURE_answered; i++)
        ck_assert_uint_eq(counted(i), 1);
    ck_assert_uint_eq(counted(FIGURE_acknowledgement), 1);
    ck_assert_uint_eq(counted(FIGURE_first_push), 0);
    ck_assert_uint_eq(counted(FIGURE_freshness), 0);
    ck_assert_uint_eq(histogram_max(&stats.figures_ns[FIGURE_read]), 100);
    ck_assert_uint_eq(histogram_max(&stats.figures_ns[FIGURE_counted]), 1);
    ck_assert_uint_eq(open_count, 0);
}
END_TEST

START_TEST(what_nobody_was_answered_leaves_no_figures)
{
    ck_assert_uint_eq(live(true, 42, -1).seq, 0);
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++)
        ck_assert_uint_eq(counted(i), 0);
    ck_assert_uint_eq(open_count, 0);
    ck_assert_uint_eq(journey_number(NULL), 0);
}
END_TEST

START_TEST(every_traced_one_is_kept_and_of_the_others_one_a_second)
{
    struct journey_kept kept;
    for (uint64_t seq = 1; seq <= 5; seq++) {
        live(false, seq, STDIN_FILENO);
        live(true, 100 + seq, STDIN_FILENO);
    }
    ck_assert_uint_eq(counted(FIGURE_answered), 10);
    ck_assert(journeys_find(&journeys, true, 0, &kept));
    ck_assert_uint_eq(kept.seq, 105);
    ck_assert(journeys_find(&journeys, true, 102, &kept));
    ck_assert_uint_eq(kept.seq, 102);
    ck_assert(!journeys_find(&journeys, true, 99, &kept));
    ck_assert(journeys_find(&journeys, false, 0, &kept));
    ck_assert_uint_eq(kept.seq, 1);
    ck_assert(!journeys_find(&journeys, false, 2, &kept));
    journeys.kept_ns -= 1000000000; /* a second passes */
    live(false, 6, STDIN_FILENO);
    ck_assert(journeys_find(&journeys, false, 0, &kept));
    ck_assert_uint_eq(kept.seq, 6);
}
END_TEST

/* ---- the log ---- */

START_TEST(a_log_has_the_last_records)
{
    static struct seqlog log;
    uint64_t record[2] = {0};
    ck_assert(!seqlog_read(&log, 0, record, sizeof record));
    for (uint64_t i = 1; i <= 100; i++) {
        const uint64_t written[2] = {i, 2 * i};
        seqlog_add(&log, written, sizeof written);
        for (unsigned age = 0; age < SEQLOG_SLOTS && age < i; age++) {
            ck_assert(seqlog_read(&log, age, record, sizeof record));
            ck_assert_uint_eq(record[0], i - age);
            ck_assert_uint_eq(record[1], 2 * (i - age));
        }
        ck_assert(!seqlog_read(&log, SEQLOG_SLOTS, record, sizeof record));
        ck_assert(i >= SEQLOG_SLOTS || !seqlog_read(&log, (unsigned)i, record, sizeof record));
    }
}
END_TEST

static struct seqlog shared_log;
static atomic_bool writing;

static void *write_records(void *context)
{
    (void)context;
    uint64_t record[SEQLOG_WORDS];
    for (uint64_t i = 1; i <= scaled(1000000); i++) {
        for (unsigned word = 0; word < SEQLOG_WORDS; word++)
            record[word] = i;
        seqlog_add(&shared_log, record, sizeof record);
    }
    atomic_store(&writing, false);
    return NULL;
}

START_TEST(records_are_read_whole_or_not_at_all)
{
    pthread_t writer;
    uint64_t record[SEQLOG_WORDS], newest = 0;
    atomic_store(&writing, true);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_records, NULL), 0);
    unsigned age = 0;
    while (atomic_load(&writing)) {
        age = (age + 1) % SEQLOG_SLOTS;
        if (!seqlog_read(&shared_log, age, record, sizeof record))
            continue;
        for (unsigned word = 1; word < SEQLOG_WORDS; word++)
            ck_assert_uint_eq(record[word], record[0]);
        newest = age == 0 && record[0] > newest ? record[0] : newest;
    }
    pthread_join(writer, NULL);
    ck_assert(seqlog_read(&shared_log, 0, record, sizeof record));
    ck_assert_uint_ge(record[0], newest);
}
END_TEST

/* ---- pushes ---- */

enum { MEMBERS = 3 };

static struct fanout_queue busy;
static struct fanout named, all;
static const struct fanout *const fanouts[PUSH_FANOUTS] = {&named, &all};
static struct fanout_member members[MEMBERS];
static struct push_watch *waiting, *active;

static void setup_pushes(void)
{
    setup();
    TAILQ_INIT(&busy);
    fanout_init(&named, &busy, NULL);
    fanout_init(&all, &busy, NULL);
    waiting = active = NULL;
    for (unsigned i = 0; i < MEMBERS; i++)
        fanout_join(i == 0 ? &all : &named, &members[i]);
}

static void wait_for(uint64_t seq, bool traced)
{
    const struct snapshot_mark mark = {.first_seq = seq,
                                       .last_seq = seq,
                                       .committed_ns = 10 * seq,
                                       .counted_ns = 10 * seq + 1,
                                       .traced = traced};
    push_watch_wait(&watches, &waiting, 7, &mark);
}

static void publish(void)
{
    fanout_begin(&named);
    fanout_begin(&all);
    push_watch_begin(&watches, &waiting, &active, fanouts);
}

static bool visit(struct fanout *fanout)
{
    if (!fanout_next(fanout))
        return false;
    if (active)
        push_watch_pushed(active);
    return true;
}

static void visit_all(void)
{
    while (visit(&named) || visit(&all))
        ;
    push_watches_look(&watches);
}

static bool reported(bool traced, uint64_t seq, struct push_report *report)
{
    return push_watches_find(&watches, traced, 7, seq, report);
}

START_TEST(a_fanout_is_watched_to_its_last_push)
{
    struct push_report report;
    wait_for(5, true);
    ck_assert_ptr_nonnull(waiting);
    publish();
    ck_assert_ptr_null(waiting);
    for (unsigned i = 0; i < MEMBERS; i++) {
        push_watches_look(&watches);
        ck_assert_ptr_nonnull(active);
        visit(i == 0 ? &all : &named);
    }
    push_watches_look(&watches);
    ck_assert_ptr_null(active);
    ck_assert(reported(true, 5, &report));
    ck_assert_uint_gt(report.first_ns, 51);
    ck_assert_uint_ge(report.last_ns, report.first_ns);
    ck_assert(!reported(false, 5, &report));
    ck_assert(!reported(true, 4, &report));
    ck_assert(!reported(true, 6, &report));
    ck_assert(!push_watches_find(&watches, true, 8, 5, &report));
    ck_assert_uint_eq(counted(FIGURE_first_push), 1);
    ck_assert_uint_eq(counted(FIGURE_last_push), 1);
    ck_assert_uint_eq(counted(FIGURE_freshness), 1);
    ck_assert_uint_eq(counted(FIGURE_answered), 0);
    ck_assert_uint_eq(watches.free_count, PUSH_WATCHES);
}
END_TEST

START_TEST(nobody_to_push_to_is_reported_and_not_counted)
{
    struct push_report report;
    for (unsigned i = 0; i < MEMBERS; i++)
        fanout_park(i == 0 ? &all : &named, &members[i]);
    wait_for(5, false);
    publish();
    visit_all();
    ck_assert(reported(false, 5, &report));
    ck_assert_uint_eq(report.first_ns, 0);
    ck_assert_uint_eq(report.last_ns, 0);
    ck_assert_uint_eq(counted(FIGURE_freshness), 0);
    ck_assert_uint_eq(watches.free_count, PUSH_WATCHES);
}
END_TEST

START_TEST(a_newer_snapshot_carries_on_what_was_not_pushed)
{
    struct push_report report;
    wait_for(5, true);
    wait_for(6, false);
    wait_for(9, false);
    publish();
    visit_all();
    for (uint64_t seq = 5; seq <= 9; seq++)
        ck_assert(reported(true, seq, &report));
    ck_assert_uint_eq(counted(FIGURE_freshness), 1);
    /* Of the ballots that it shows, freshness is the oldest one's. */
    ck_assert_uint_eq(histogram_max(&stats.figures_ns[FIGURE_freshness]), report.last_ns - 50);
    ck_assert_uint_eq(watches.free_count, PUSH_WATCHES);
}
END_TEST

/* Publications that follow each other never let the fan-outs rest. */
START_TEST(a_watch_ends_though_its_fanout_begins_anew)
{
    struct push_report report;
    wait_for(5, false);
    publish();
    for (unsigned i = 0; active; i++) {
        ck_assert_uint_lt(i, 2 * MEMBERS);
        visit(&named);
        visit(&all);
        push_watches_look(&watches);
        publish();
    }
    ck_assert(reported(false, 5, &report));
}
END_TEST

START_TEST(before_the_first_push_two_become_one)
{
    struct push_report report;
    wait_for(5, false);
    publish();
    wait_for(6, true);
    publish();
    visit_all();
    for (uint64_t seq = 5; seq <= 6; seq++) {
        ck_assert(reported(true, seq, &report));
        ck_assert_uint_gt(report.first_ns, 0);
    }
    ck_assert_uint_eq(counted(FIGURE_freshness), 1);
    ck_assert_uint_eq(watches.free_count, PUSH_WATCHES);
}
END_TEST

START_TEST(a_traced_ballot_takes_precedence)
{
    struct push_report report;
    wait_for(5, false);
    publish();
    visit(&named);
    wait_for(6, false);
    publish(); /* the first is under way: this one is given up */
    wait_for(7, true);
    publish(); /* and the first for this one */
    visit(&named);
    wait_for(8, true);
    publish();
    visit_all();
    ck_assert(reported(true, 7, &report));
    ck_assert_uint_gt(report.first_ns, 0);
    ck_assert_uint_eq(counted(FIGURE_freshness), 1);
    /* Who asks for the others is not left waiting. */
    static const struct {
        bool traced;
        uint64_t seq;
    } given_up[] = {{false, 5}, {false, 6}, {true, 8}};
    for (unsigned i = 0; i < sizeof given_up / sizeof given_up[0]; i++) {
        ck_assert(reported(given_up[i].traced, given_up[i].seq, &report));
        ck_assert_uint_eq(report.first_ns, 0);
        ck_assert_uint_eq(report.last_ns, 0);
    }
    ck_assert_uint_eq(watches.free_count, PUSH_WATCHES);
}
END_TEST

START_TEST(watches_that_lack_are_done_without)
{
    struct push_watch *many[PUSH_WATCHES + 1] = {NULL};
    const struct snapshot_mark mark = {.first_seq = 1, .last_seq = 1};
    for (unsigned i = 0; i <= PUSH_WATCHES; i++)
        push_watch_wait(&watches, &many[i], i + 1, &mark);
    ck_assert_ptr_nonnull(many[PUSH_WATCHES - 1]);
    ck_assert_ptr_null(many[PUSH_WATCHES]);
    push_watch_begin(&watches, &many[PUSH_WATCHES], &active, fanouts);
    ck_assert_ptr_null(active);
}
END_TEST

/* ---- sockets ---- */

/* A kernel from before 4.10 fills less of struct tcp_info: nothing of how long it was busy. */
static bool old_kernel;

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    if (old_kernel && level == IPPROTO_TCP && name == TCP_INFO)
        *len = offsetof(struct tcp_info, tcpi_total_retrans) + sizeof(uint32_t);
    return __real_getsockopt(fd, level, name, value, len);
}

START_TEST(a_unix_socket_has_queues_alone)
{
    int pair[2];
    uint64_t values[SOCKET_STATE_COUNT];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(write(pair[0], "hello", 5), 5);
    socket_state_read(pair[1], values);
    ck_assert_uint_eq(values[SOCKET_STATE_receive_queue], 5);
    ck_assert_uint_eq(values[SOCKET_STATE_send_queue], 0);
    ck_assert_uint_eq(values[SOCKET_STATE_rtt], SOCKET_STATE_UNKNOWN);
    ck_assert_uint_eq(values[SOCKET_STATE_window_limited], SOCKET_STATE_UNKNOWN);
    socket_state_read(pair[0], values);
    ck_assert_uint_gt(values[SOCKET_STATE_send_queue], 0);
    close(pair[0]);
    close(pair[1]);
    socket_state_read(-1, values);
    for (unsigned i = 0; i < SOCKET_STATE_COUNT; i++)
        ck_assert_uint_eq(values[i], SOCKET_STATE_UNKNOWN);
}
END_TEST

START_TEST(of_tcp_everything_is_known)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    uint64_t values[SOCKET_STATE_COUNT];
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int accepted = accept(listener, NULL, NULL);
    ck_assert_int_ge(accepted, 0);
    ck_assert_int_eq(write(client, "hello", 5), 5);
    char peeked[5];
    ck_assert_int_eq(recv(accepted, peeked, sizeof peeked, MSG_PEEK | MSG_WAITALL), 5);
    socket_state_read(accepted, values);
    for (unsigned i = 0; i < SOCKET_STATE_COUNT; i++)
        ck_assert_msg(values[i] != SOCKET_STATE_UNKNOWN, "%s", socket_state_info[i].name);
    ck_assert_uint_eq(values[SOCKET_STATE_receive_queue], 5);
    ck_assert_uint_lt(values[SOCKET_STATE_rtt], 10000000);

    old_kernel = true;
    socket_state_read(accepted, values);
    ck_assert_uint_lt(values[SOCKET_STATE_rtt], 10000000);
    ck_assert_uint_eq(values[SOCKET_STATE_retransmits], 0);
    ck_assert_uint_eq(values[SOCKET_STATE_busy], SOCKET_STATE_UNKNOWN);
    ck_assert_uint_eq(values[SOCKET_STATE_window_limited], SOCKET_STATE_UNKNOWN);
    old_kernel = false;
    close(client);
    close(accepted);
    close(listener);
}
END_TEST

UNIT_MAIN("journey",
          {"records", .set_up = setup,
           .tests = {{figures_follow_the_stages},
                     {one_in_256_is_sampled_and_not_in_step},
                     {an_empty_pool_samples_nothing_and_fills_again},
                     {sampling_goes_on_after_an_empty_pool},
                     {stamps_rise_from_stage_to_stage},
                     {what_nobody_was_answered_leaves_no_figures},
                     {every_traced_one_is_kept_and_of_the_others_one_a_second},
                     {a_log_has_the_last_records},
                     {records_are_read_whole_or_not_at_all}}},
          {"pushes", .set_up = setup_pushes,
           .tests = {{a_fanout_is_watched_to_its_last_push},
                     {nobody_to_push_to_is_reported_and_not_counted},
                     {a_newer_snapshot_carries_on_what_was_not_pushed},
                     {a_watch_ends_though_its_fanout_begins_anew},
                     {a_traced_ballot_takes_precedence},
                     {before_the_first_push_two_become_one},
                     {watches_that_lack_are_done_without}}},
          {"sockets", .tests = {{a_unix_socket_has_queues_alone}, {of_tcp_everything_is_known}}})
