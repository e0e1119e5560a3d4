/* The page that draws the journey of a ballot: the waterfall of one ballot, and the percentiles of
 * every stage on a logarithmic scale. Both are bars of SVG, whose places are computed here. Any
 * thread. Memory can be short: jansson then returns NULL, or -1 when it is given a NULL, so one
 * check at the end will do. */
#include "web/page.h"

#include "trace/journey.h"
#include "web/asset.h"
#include "web/template.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TIME_SIZE = 32, PLACE_SIZE = 16 };

/* The least width of a visible bar, as a share of the drawing. */
static const double LEAST_WIDTH = 0.004;

/* Three digits and a unit, as people read times. */
static const char *time_text(uint64_t ns, char text[TIME_SIZE])
{
    static const char *const units[] = {"ns", "µs", "ms", "s"};
    double value = (double)ns;
    unsigned unit = 0;
    while (value >= 999.5 && unit < 3) {
        value /= 1000;
        unit++;
    }
    int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(text, TIME_SIZE, "%.*f %s", decimals, value, units[unit]);
    return text;
}

static const char *place_text(double share, char text[PLACE_SIZE])
{
    snprintf(text, PLACE_SIZE, "%.4f", share);
    return text;
}

/* A bar's start and length, as shares of the drawing. It stays within the drawing, and visible. */
struct bar {
    char from[PLACE_SIZE];
    char width[PLACE_SIZE];
};

static void bar_set(struct bar *bar, double from, double to)
{
    double width = to - from > LEAST_WIDTH ? to - from : LEAST_WIDTH;
    place_text(from > 1 - width ? 1 - width : from, bar->from);
    place_text(width, bar->width);
}

/* Appends to an array, which takes over `item`. Returns whether memory sufficed. */
static bool add(json_t *array, json_t *item)
{
    return json_array_append_new(array, item) == 0;
}

/* Returns the array if it is whole; otherwise frees it and returns NULL. */
static json_t *finish(json_t *array, bool whole)
{
    if (array && whole)
        return array;
    json_decref(array);
    return NULL;
}

/* ---- one ballot ---- */

static bool is_reached(const struct journey_view *view, enum journey_stage stage)
{
    return view->at_ns[stage] != JOURNEY_NOT_REACHED;
}

/* The time from when a ballot was readable to its last stage. */
static uint64_t whole_journey_ns(const struct journey_view *view)
{
    uint64_t last_ns = 0;
    for (enum journey_stage stage = 0; stage < JOURNEY_STAGES; stage++)
        if (is_reached(view, stage) && view->at_ns[stage] > last_ns)
            last_ns = view->at_ns[stage];
    return last_ns;
}

/* A stage of the waterfall, which begins at the end of the stage before it. NULL if memory is
 * short. */
static json_t *step_data(const struct journey_view *view, const struct journey_figure_info *figure,
                         uint64_t whole_ns)
{
    uint64_t from = view->at_ns[figure->from], to = view->at_ns[figure->to];
    char took[TIME_SIZE], at[TIME_SIZE];
    struct bar bar;
    double whole = whole_ns > 0 ? (double)whole_ns : 1;
    bar_set(&bar, (double)from / whole, (double)to / whole);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "stage", figure->name, "meaning",
                     figure->meaning, "took", time_text(to > from ? to - from : 0, took), "at",
                     time_text(to, at), "from", bar.from, "width", bar.width);
}

static json_t *steps_data(const struct journey_view *view, uint64_t whole_ns)
{
    json_t *steps = json_array();
    bool whole = true;
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++) {
        const struct journey_figure_info *figure = &journey_figures[i];
        if (journey_figure_is_stage(i) && is_reached(view, figure->from) &&
            is_reached(view, figure->to))
            whole &= add(steps, step_data(view, figure, whole_ns));
    }
    return finish(steps, whole);
}

/* JSON's null if there is no ballot to show. NULL if memory is short. */
static json_t *ballot_data(const struct journey_view *view)
{
    if (!view->has_ballot)
        return json_null();
    uint64_t whole_ns = whole_journey_ns(view);
    char whole[TIME_SIZE];
    return json_pack("{s:I, s:s, s:b, s:s, s:o}", "seq", (json_int_t)view->seq, "poll", view->poll,
                     "traced", view->traced, "whole", time_text(whole_ns, whole), "steps",
                     steps_data(view, whole_ns));
}

/* ---- all ballots ---- */

/* A logarithmic scale of whole decades. */
struct scale {
    int first, last; /* powers of ten, of ns; first < last */
};

static double scale_place(const struct scale *scale, uint64_t ns)
{
    return ns > 0 ? (log10((double)ns) - scale->first) / (scale->last - scale->first) : 0;
}

/* A scale that holds all figures. */
static struct scale scale_of(const struct journey_view *view)
{
    struct scale scale = {.first = 3, .last = 6};
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++) {
        double least = (double)view->figures[i].p50_ns, most = (double)view->figures[i].max_ns;
        if (view->figures[i].count == 0)
            continue;
        if (least > 0 && floor(log10(least)) < scale.first)
            scale.first = (int)floor(log10(least));
        if (most > 0 && ceil(log10(most)) > scale.last)
            scale.last = (int)ceil(log10(most));
    }
    return scale;
}

static json_t *figure_data(const struct journey_view *view, unsigned i, const struct scale *scale)
{
    char p50[TIME_SIZE], p99[TIME_SIZE], max[TIME_SIZE];
    struct bar bar, most;
    double p99_place = scale_place(scale, view->figures[i].p99_ns);
    bar_set(&bar, scale_place(scale, view->figures[i].p50_ns), p99_place);
    bar_set(&most, p99_place, scale_place(scale, view->figures[i].max_ns));
    /* clang-format off */
    return json_pack("{s:s, s:s, s:b, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
                     "stage", journey_figures[i].name,
                     "meaning", journey_figures[i].meaning,
                     "has_figures", view->figures[i].count > 0,
                     "count", (json_int_t)view->figures[i].count,
                     "p50", time_text(view->figures[i].p50_ns, p50),
                     "p99", time_text(view->figures[i].p99_ns, p99),
                     "max", time_text(view->figures[i].max_ns, max),
                     "from", bar.from,
                     "width", bar.width,
                     "most_from", most.from,
                     "most_width", most.width);
    /* clang-format on */
}

/* The stages, or the spans over several. */
static json_t *figures_data(const struct journey_view *view, const struct scale *scale, bool stages)
{
    json_t *figures = json_array();
    bool whole = true;
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++)
        if (journey_figure_is_stage(i) == stages)
            whole &= add(figures, figure_data(view, i, scale));
    return finish(figures, whole);
}

/* The scale's decades, each with its place in percent of the drawing. */
static json_t *ticks_data(const struct scale *scale)
{
    static const char *const digits[] = {"1", "10", "100"};
    static const char *const units[] = {"ns", "µs", "ms", "s"};
    json_t *ticks = json_array();
    bool whole = true;
    for (int power = scale->first; power < scale->last && power < 12; power++) {
        int percent = 100 * (power - scale->first) / (scale->last - scale->first);
        whole &= add(ticks, json_pack("{s:i, s:s, s:s}", "percent", percent, "digits",
                                      digits[power % 3], "unit", units[power / 3]));
    }
    return finish(ticks, whole);
}

/* Whether any stage has figures. */
static bool has_figures(const struct journey_view *view)
{
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++)
        if (journey_figure_is_stage(i) && view->figures[i].count > 0)
            return true;
    return false;
}

/* ---- the kernel's side ---- */

static json_t *quantity_data(const char *name, uint64_t value, const char *unit)
{
    return json_pack("{s:s, s:I, s:s}", "name", name, "value", (json_int_t)value, "unit", unit);
}

static json_t *kernel_data(const struct journey_view *view)
{
    json_t *kernel = json_array();
    bool whole = add(kernel, quantity_data("accept_queue", view->accept_queue, "connections"));
    for (unsigned i = 0; i < SOCKET_STATE_COUNT && view->has_socket; i++)
        if (view->socket[i] != SOCKET_STATE_UNKNOWN)
            whole &= add(kernel, quantity_data(socket_state_info[i].name, view->socket[i],
                                               socket_state_info[i].unit));
    return finish(kernel, whole);
}

int page_journey(struct buffer *out, const struct page_place *place,
                 const struct journey_view *journey)
{
    const struct scale scale = scale_of(journey);
    json_t *data = json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "root", place->root,
                             "has_figures", has_figures(journey), "ticks", ticks_data(&scale),
                             "stages", figures_data(journey, &scale, true), "spans",
                             figures_data(journey, &scale, false), "trace", ballot_data(journey),
                             "kernel", kernel_data(journey));
    int result = TEMPLATE_NO_MEMORY;
    if (data)
        result = template_render(out, asset_template("journey.html"), data);
    json_decref(data);
    return result;
}
