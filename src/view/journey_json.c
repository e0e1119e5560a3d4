/* The journey of ballots as JSON, for the page that draws it. Any thread. jansson tells a lack of
 * memory by NULL, or by -1 for a NULL that it is given; so it is looked for in the end. */
#include "view/journey_view.h"

/* Appends to an array, which takes over `item`. Returns whether memory sufficed. */
static bool add(json_t *array, json_t *item)
{
    return json_array_append_new(array, item) == 0;
}

static bool add_figures(const struct journey_view *view, json_t *stages, json_t *spans)
{
    bool whole = true;
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++) {
        bool is_stage = journey_figure_is_stage(i);
        whole &= add(is_stage ? stages : spans,
                     json_pack("{s:s, s:I, s:I, s:I, s:I}", is_stage ? "stage" : "span",
                               journey_figures[i].name, "count", (json_int_t)view->figures[i].count,
                               "p50_ns", (json_int_t)view->figures[i].p50_ns, "p99_ns",
                               (json_int_t)view->figures[i].p99_ns, "max_ns",
                               (json_int_t)view->figures[i].max_ns));
    }
    return whole;
}

static bool add_stamps(const struct journey_view *view, json_t *stamps)
{
    bool whole = true;
    for (unsigned i = 0; i < JOURNEY_STAGES; i++)
        if (view->at_ns[i] != JOURNEY_NOT_REACHED)
            whole &= add(stamps, json_pack("{s:s, s:I}", "stage", journey_stage_name(i), "at_ns",
                                           (json_int_t)view->at_ns[i]));
    return whole;
}

static json_t *trace_json(const struct journey_view *view)
{
    if (!view->has_ballot)
        return json_null();
    json_t *stamps = json_array();
    if (!stamps || !add_stamps(view, stamps)) {
        json_decref(stamps);
        return NULL;
    }
    return json_pack("{s:I, s:s, s:b, s:b, s:o}", "seq", (json_int_t)view->seq, "poll", view->poll,
                     "traced", view->traced, "complete", view->complete, "stamps", stamps);
}

static bool add_kernel(const struct journey_view *view, json_t *kernel)
{
    const char *format = "{s:s, s:I, s:s}";
    bool whole = add(kernel, json_pack(format, "name", "accept_queue", "value",
                                       (json_int_t)view->accept_queue, "unit", "connections"));
    for (unsigned i = 0; i < SOCKET_STATE_COUNT && view->has_socket; i++)
        if (view->socket[i] != SOCKET_STATE_UNKNOWN)
            whole &= add(kernel,
                         json_pack(format, "name", socket_state_info[i].name, "value",
                                   (json_int_t)view->socket[i], "unit", socket_state_info[i].unit));
    return whole;
}

json_t *journey_json(const struct server *server)
{
    struct journey_view view;
    journey_look(server, 0, &view);
    json_t *stages = json_array(), *spans = json_array(), *kernel = json_array();
    json_t *trace = trace_json(&view), *all = json_object();
    bool whole =
        stages && spans && kernel && add_figures(&view, stages, spans) && add_kernel(&view, kernel);
    /* Each is taken over, by the object or by its failing. */
    whole &= json_object_set_new(all, "stages", stages) == 0;
    whole &= json_object_set_new(all, "spans", spans) == 0;
    whole &= json_object_set_new(all, "trace", trace) == 0;
    whole &= json_object_set_new(all, "kernel", kernel) == 0;
    if (whole)
        return all;
    json_decref(all);
    return NULL;
}
