/* Gathers the parts of a journey that workers and broadcast loops keep. Other threads write the
 * records, each as a whole. A ballot whose pushes are not reported yet is shown without them. */
#include "view/journey_view.h"

#include "push/broadcast.h"
#include "serve/listener.h"
#include "push/push_watch.h"
#include "tally/tally.h"
#include "serve/worker.h"

static void summarize(const struct journey_stats *stats, struct journey_view *view)
{
    for (int i = 0; i < JOURNEY_FIGURES; i++) {
        const struct histogram *histogram = &stats->figures_ns[i];
        view->figures[i].count = histogram_count(histogram);
        view->figures[i].p50_ns = histogram_quantile(histogram, 0.50);
        view->figures[i].p99_ns = histogram_quantile(histogram, 0.99);
        view->figures[i].max_ns = histogram_max(histogram);
    }
}

/* The newest journey that any worker keeps. */
static bool find_kept(const struct server *server, bool traced, uint64_t seq,
                      struct journey_kept *newest)
{
    bool found = false;
    struct journey_kept kept;
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (!journeys_find(&server->workers[i].journeys, traced, seq, &kept))
            continue;
        if (!found || kept.at_ns[JOURNEY_answered] > newest->at_ns[JOURNEY_answered])
            *newest = kept;
        found = true;
    }
    return found;
}

/* The earliest first push and the latest last one of all loops. */
static void add_pushes(const struct server *server, struct journey_view *view,
                       struct journey_kept *kept)
{
    view->complete = true;
    for (unsigned i = server->ingest_count; i < server->worker_count; i++) {
        const struct push_watches *watches = broadcast_watches(server->workers[i].broadcast);
        struct push_report report;
        if (!push_watches_find(watches, view->traced, kept->poll, kept->seq, &report)) {
            view->complete = false;
            continue;
        }
        uint64_t *first_ns = &kept->at_ns[JOURNEY_first_push];
        uint64_t *last_ns = &kept->at_ns[JOURNEY_last_push];
        if (report.first_ns > 0 && (*first_ns == 0 || report.first_ns < *first_ns))
            *first_ns = report.first_ns;
        if (report.last_ns > *last_ns)
            *last_ns = report.last_ns;
    }
}

static void show_ballot(const struct server *server, struct journey_view *view,
                        struct journey_kept *kept)
{
    add_pushes(server, view, kept);
    view->has_ballot = true;
    view->seq = kept->seq;
    view->poll = tally_poll(server->tally, (uint32_t)kept->poll)->name.text;
    for (int i = 0; i < JOURNEY_STAGES; i++)
        view->at_ns[i] =
            kept->at_ns[i] ? kept->at_ns[i] - kept->at_ns[JOURNEY_readable] : JOURNEY_NOT_REACHED;
}

static void show_socket(struct journey_view *view, const struct journey_kept *kept)
{
    view->has_socket = true;
    for (int i = 0; i < SOCKET_STATE_COUNT; i++)
        view->socket[i] = kept->socket[i];
}

void journey_look(const struct server *server, uint64_t seq, struct journey_view *view)
{
    *view = (struct journey_view){0};
    struct listener_stats listener;
    listener_stats(server->listener, &listener);
    view->accept_queue = listener.queue;

    struct journey_kept kept, sampled;
    view->traced = find_kept(server, true, seq, &kept);
    bool has_sampled = find_kept(server, false, 0, &sampled);
    if (!view->traced && seq == 0 && has_sampled)
        kept = sampled;
    if (view->traced || (seq == 0 && has_sampled)) {
        show_socket(view, &kept);
        show_ballot(server, view, &kept);
    }
    /* A traced ballot comes over a Unix socket, about which the kernel tells little. */
    if (has_sampled && sampled.socket[SOCKET_STATE_rtt] != SOCKET_STATE_UNKNOWN)
        show_socket(view, &sampled);
    summarize(server->journey_stats, view); /* last, so that the figures include the ballot shown */
}
