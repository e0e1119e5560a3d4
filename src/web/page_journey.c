/* The page that draws the journey of a ballot: the waterfall of one ballot, and the percentiles of
 * every stage on a logarithmic scale, as bars of SVG whose places are worked out here. Any thread.
 * What can fail is memory. */
#include "web/page.h"

#include "web/asset.h"
#include "trace/journey.h"
#include "web/template.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TIME_SIZE = 32, PLACE_SIZE = 16 };

/* The least width of a bar that can still be seen, as a share of the drawing. */
static const double LEAST_WIDTH = 0.004;

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Three digits and a unit, as people read times. */
static const char *time_text(json_int_t ns, char text[TIME_SIZE])
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

static const struct journey_figure_info *figure_of(const char *name)
{
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++)
        if (strcmp(journey_figures[i].name, name) == 0)
            return &journey_figures[i];
    return NULL;
}

/* Where a bar begins, and how long it is, as shares of the drawing. It stays within, and visible.
 */
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

/* ---- one ballot ---- */

/* When a ballot came to a stage, in ns since it was readable; -1 if it did not. */
static json_int_t stamp_of(const json_t *trace, enum journey_stage stage)
{
    const json_t *stamps = json_object_get(trace, "stamps");
    for (size_t i = 0; i < json_array_size(stamps); i++) {
        const json_t *stamp = json_array_get(stamps, i);
        if (strcmp(text_of(stamp, "stage"), journey_stage_name(stage)) == 0)
            return number_of(stamp, "at_ns");
    }
    return -1;
}

static json_int_t last_stamp(const json_t *trace)
{
    json_int_t last = 0;
    for (unsigned i = 0; i < JOURNEY_STAGES; i++)
        if (stamp_of(trace, i) > last)
            last = stamp_of(trace, i);
    return last;
}

/* A stage of the waterfall: from the stage before it. NULL if memory is short. */
static json_t *step_view(const json_t *trace, const struct journey_figure_info *figure,
                         json_int_t whole_ns)
{
    json_int_t from = stamp_of(trace, figure->from), to = stamp_of(trace, figure->to);
    char took[TIME_SIZE], at[TIME_SIZE];
    struct bar bar;
    double whole = whole_ns > 0 ? (double)whole_ns : 1;
    bar_set(&bar, (double)from / whole, (double)to / whole);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "stage", figure->name, "meaning",
                     figure->meaning, "took", time_text(to - from, took), "at", time_text(to, at),
                     "from", bar.from, "width", bar.width);
}

/* Null where there is no ballot to show. NULL if memory is short. */
static json_t *trace_view(const json_t *trace)
{
    if (!json_is_object(trace))
        return json_null();
    json_t *steps = json_array();
    json_int_t whole_ns = last_stamp(trace);
    int failed = 0;
    for (unsigned i = 0; i < JOURNEY_FIGURES && !failed; i++) {
        const struct journey_figure_info *figure = &journey_figures[i];
        if (journey_figure_is_stage(i) && stamp_of(trace, figure->from) >= 0 &&
            stamp_of(trace, figure->to) >= 0)
            failed = json_array_append_new(steps, step_view(trace, figure, whole_ns));
    }
    if (failed) {
        json_decref(steps);
        return NULL;
    }
    char whole[TIME_SIZE];
    return json_pack("{s:I, s:s, s:b, s:s, s:o}", "seq", number_of(trace, "seq"), "poll",
                     text_of(trace, "poll"), "traced",
                     json_is_true(json_object_get(trace, "traced")), "whole",
                     time_text(whole_ns, whole), "steps", steps);
}

/* ---- all ballots ---- */

/* A logarithmic scale of whole decades. */
struct scale {
    int first, last; /* powers of ten, of ns; first < last */
};

static double scale_place(const struct scale *scale, double ns)
{
    return ns > 0 ? (log10(ns) - scale->first) / (scale->last - scale->first) : 0;
}

/* Widens the scale so that the figures of `rows` are on it. */
static void scale_take(struct scale *scale, const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        double least = (double)number_of(row, "p50_ns"), most = (double)number_of(row, "max_ns");
        if (number_of(row, "count") == 0)
            continue;
        if (least > 0 && floor(log10(least)) < scale->first)
            scale->first = (int)floor(log10(least));
        if (most > 0 && ceil(log10(most)) > scale->last)
            scale->last = (int)ceil(log10(most));
    }
}

static json_t *row_view(const json_t *row, const char *name, const struct scale *scale)
{
    char p50[TIME_SIZE], p99[TIME_SIZE], max[TIME_SIZE];
    const struct journey_figure_info *figure = figure_of(name);
    struct bar bar, most;
    double p99_place = scale_place(scale, (double)number_of(row, "p99_ns"));
    bar_set(&bar, scale_place(scale, (double)number_of(row, "p50_ns")), p99_place);
    bar_set(&most, p99_place, scale_place(scale, (double)number_of(row, "max_ns")));
    /* clang-format off */
    return json_pack("{s:s, s:s, s:b, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
                     "stage", name,
                     "meaning", figure ? figure->meaning : "",
                     "has_figures", number_of(row, "count") > 0,
                     "count", number_of(row, "count"),
                     "p50", time_text(number_of(row, "p50_ns"), p50),
                     "p99", time_text(number_of(row, "p99_ns"), p99),
                     "max", time_text(number_of(row, "max_ns"), max),
                     "from", bar.from,
                     "width", bar.width,
                     "most_from", most.from,
                     "most_width", most.width);
    /* clang-format on */
}

static json_t *rows_view(const json_t *rows, const char *key, const struct scale *scale)
{
    json_t *views = json_array();
    int failed = 0;
    for (size_t i = 0; i < json_array_size(rows) && !failed; i++) {
        const json_t *row = json_array_get(rows, i);
        failed = json_array_append_new(views, row_view(row, text_of(row, key), scale));
    }
    if (failed) {
        json_decref(views);
        return NULL;
    }
    return views;
}

/* The scale's decades, each with its place in percent of the drawing. */
static json_t *ticks_view(const struct scale *scale)
{
    static const char *const digits[] = {"1", "10", "100"};
    static const char *const units[] = {"ns", "µs", "ms", "s"};
    json_t *views = json_array();
    int failed = 0;
    for (int power = scale->first; power < scale->last && power < 12 && !failed; power++) {
        int percent = 100 * (power - scale->first) / (scale->last - scale->first);
        failed =
            json_array_append_new(views, json_pack("{s:i, s:s, s:s}", "percent", percent, "digits",
                                                   digits[power % 3], "unit", units[power / 3]));
    }
    if (failed) {
        json_decref(views);
        return NULL;
    }
    return views;
}

/* Whether any stage has figures. */
static bool has_figures(const json_t *stages)
{
    for (size_t i = 0; i < json_array_size(stages); i++)
        if (number_of(json_array_get(stages, i), "count") > 0)
            return true;
    return false;
}

int page_journey(struct buffer *out, const json_t *journey)
{
    const json_t *stages = json_object_get(journey, "stages");
    const json_t *spans = json_object_get(journey, "spans");
    struct scale scale = {.first = 3, .last = 6};
    scale_take(&scale, stages);
    scale_take(&scale, spans);
    /* What is taken over is so by the object or by its failing. */
    json_t *view = json_object();
    int failed = json_object_set_new(view, "has_figures", json_boolean(has_figures(stages)));
    failed |= json_object_set_new(view, "ticks", ticks_view(&scale));
    failed |= json_object_set_new(view, "stages", rows_view(stages, "stage", &scale));
    failed |= json_object_set_new(view, "spans", rows_view(spans, "span", &scale));
    failed |= json_object_set_new(view, "trace", trace_view(json_object_get(journey, "trace")));
    failed |= json_object_set_new(view, "kernel", json_incref(json_object_get(journey, "kernel")));
    int result = TEMPLATE_NO_MEMORY;
    if (!failed)
        result = template_render(out, asset_template("journey.html"), view);
    json_decref(view);
    return result;
}
