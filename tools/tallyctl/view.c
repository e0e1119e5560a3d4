/* A poll as people see it. The counts come from one tally, so they belong together; labels come
 * from DESCRIBE, a moment before, and are matched by place and name. */
#include "tools/tallyctl/view.h"

#include "base/clock.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/bars.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/result_view.h"
#include "tools/lib/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static char *copy_span(struct span span)
{
    char *copy = malloc(span.len + 1);
    if (!copy)
        memory_exhausted();
    memcpy(copy, span.at, span.len);
    copy[span.len] = '\0';
    return copy;
}

/* ---- DESCRIBE ---- */

static void forget_description(struct view *view)
{
    for (unsigned i = 0; i < view->choice_count; i++) {
        free(view->choices[i].name);
        free(view->choices[i].label);
    }
    view->choice_count = 0;
    free(view->title);
    view->title = NULL;
    json_decref(view->settings);
    view->settings = NULL;
}

void view_clear(struct view *view)
{
    forget_description(view);
}

static void take_setting(struct view *view, struct span rest)
{
    char *name = copy_span(span_cut(&rest, ' '));
    json_object_set_new(view->settings, name, output_json_text(rest.at, rest.len));
    free(name);
}

/* Ignores the row's count: the tally has it. */
static void take_choice(struct view *view, struct span rest)
{
    if (view->choice_count == PROTO_CHOICES_MAX)
        return;
    struct view_choice *choice = &view->choices[view->choice_count++];
    choice->name = copy_span(span_cut(&rest, ' '));
    span_cut(&rest, ' ');
    choice->label = copy_span(rest);
}

/* Rows of unknown kinds are ignored. */
static void take_description(struct span row, void *context)
{
    struct view *view = context;
    struct span kind = span_cut(&row, ' ');
    if (span_is(kind, "title") && !view->title)
        view->title = copy_span(row);
    else if (span_is(kind, "setting"))
        take_setting(view, row);
    else if (span_is(kind, "choice"))
        take_choice(view, row);
}

enum status view_describe(struct view *view, struct client *client, const char *name)
{
    struct request request;
    struct reply reply;

    forget_description(view);
    view->settings = json_object();
    if (!view->settings)
        memory_exhausted();
    view->described_ns = clock_monotonic_ns();
    request_start(&request, "DESCRIBE");
    request.about = name;
    enum status status = request_word(&request, name);
    if (status == STATUS_DONE)
        status = client_call(client, &request, take_description, view, &reply);
    return status;
}

const char *view_setting(const struct view *view, const char *name)
{
    return json_string_value(json_object_get(view->settings, name));
}

static bool is_setting(const struct view *view, const char *name, const char *value)
{
    const char *is = view_setting(view, name);
    return is && strcmp(is, value) == 0;
}

/* Most counts win but where rounds or pairs decide, or several seats are filled. A server that does
 * not tell the method has single choice alone. */
bool view_leads_by_result(const struct view *view)
{
    if (!view_setting(view, "method") || is_setting(view, "method", "plurality"))
        return false;
    bool is_additive =
        is_setting(view, "method", "approval") || is_setting(view, "method", "score");
    return !is_additive || !is_setting(view, "seats", "1");
}

enum status view_ask_leaders(struct view *view, struct client *client, const char *name)
{
    struct result_view result = {0};
    if (!view_leads_by_result(view))
        return STATUS_DONE;
    enum status status = result_view_ask(&result, client, name, false);
    for (unsigned i = 0; i < view->choice_count; i++)
        view->choices[i].leads = false;
    for (unsigned place = 1; place <= view->choice_count; place++) {
        struct span winner = result_view_winner(&result, place);
        for (unsigned i = 0; winner.at && i < view->choice_count; i++)
            view->choices[i].leads |= span_is(winner, view->choices[i].name);
    }
    result_view_clear(&result);
    return status;
}

/* ---- Drawing ---- */

int view_leader(const struct tally_row *tally)
{
    int leader = -1;
    uint64_t most = 0;
    for (unsigned i = 0; !tally->hidden && i < tally->choice_count; i++) {
        if (tally->counts[i] > most) {
            most = tally->counts[i];
            leader = (int)i;
        } else if (tally->counts[i] == most) {
            leader = -1;
        }
    }
    return leader;
}

static uint64_t most_of(const struct tally_row *tally)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < tally->choice_count; i++)
        if (tally->counts[i] > most)
            most = tally->counts[i];
    return most;
}

/* A choice of the tally as DESCRIBE told it; NULL if it didn't. */
static const struct view_choice *described(const struct view *view, unsigned i)
{
    const char *name = view->tally.choices[i].text;
    bool known = i < view->choice_count && strcmp(view->choices[i].name, name) == 0;
    return known ? &view->choices[i] : NULL;
}

/* The label of a choice of the tally: its name, if DESCRIBE tells no other. */
static const char *label_of(const struct view *view, unsigned i)
{
    const struct view_choice *choice = described(view, i);
    return choice && choice->label[0] ? choice->label : view->tally.choices[i].text;
}

static const char *mark_of(const struct view *view, unsigned i, uint64_t most)
{
    const struct view_choice *choice = described(view, i);
    const uint64_t count = view->tally.counts[i];
    if (view_leads_by_result(view))
        return choice && choice->leads ? "leads" : "";
    if (count == 0 || count < most)
        return "";
    return view_leader(&view->tally) >= 0 ? "leads" : "tied";
}

/* A choice's bar; its texts are in `line`. */
struct line {
    char *label; /* owned */
    char count[24];
    char percent[TEXT_PERCENT_SIZE];
};

static struct bar prepare_bar(struct line *line, const struct view *view, unsigned i, uint64_t most)
{
    const struct tally_row *tally = &view->tally;
    const char *label = label_of(view, i);
    uint64_t count = tally->counts[i];

    line->label = output_escaped(label, strlen(label));
    snprintf(line->count, sizeof(line->count), "%" PRIu64, count);
    line->percent[0] = '\0';
    if (!is_setting(view, "kind", "score")) /* a sum of scores is no share of the ballots */
        text_percent(count, tally->ballots, line->percent);
    return (struct bar){line->label, line->count, line->percent, mark_of(view, i, most), count};
}

static void draw_bars(const struct view *view, unsigned columns, FILE *out)
{
    unsigned count = view->tally.choice_count;
    struct line *lines = must_calloc(count, sizeof *lines);
    struct bar *bars = must_calloc(count, sizeof *bars);
    uint64_t most = most_of(&view->tally);
    for (unsigned i = 0; i < count; i++)
        bars[i] = prepare_bar(&lines[i], view, i, most);
    bars_draw(bars, count, columns, out);
    for (unsigned i = 0; i < count; i++)
        free(lines[i].label);
    free(bars);
    free(lines);
}

/* A hidden tally names no choices; DESCRIBE does. */
static void draw_hidden(const struct view *view, unsigned columns, FILE *out)
{
    for (unsigned i = 0; i < view->choice_count; i++) {
        const struct view_choice *choice = &view->choices[i];
        const char *label = choice->label[0] ? choice->label : choice->name;
        char *escaped = output_escaped(label, strlen(label));
        fputs("  ", out);
        output_fitted(out, escaped, columns > 2 ? columns - 2 : 0, false);
        putc('\n', out);
        free(escaped);
    }
}

void view_draw_heading(const struct view *view, unsigned columns, FILE *out)
{
    const struct tally_row *tally = &view->tally;
    const char *title = view->title ? view->title : tally->poll.text;
    char *escaped = output_escaped(title, strlen(title));

    output_fitted(out, escaped, columns, false);
    free(escaped);
    fprintf(out, "\n%s: %s, %" PRIu64 " ballot%s%s", tally->poll.text,
            tally->open ? "open" : "closed", tally->ballots, tally->ballots == 1 ? "" : "s",
            tally->hidden ? ", counts hidden until it is closed" : "");
}

/* What counts are, where they are not ballots. */
static const char *what_is_counted(const struct view *view)
{
    if (view->tally.hidden)
        return "";
    return is_setting(view, "kind", "score")    ? ", sums of scores"
           : is_setting(view, "kind", "ranked") ? ", first preferences"
                                                : "";
}

void view_draw(const struct view *view, unsigned columns, FILE *out)
{
    view_draw_heading(view, columns, out);
    fprintf(out, "%s\n", what_is_counted(view));
    if (view->tally.hidden)
        draw_hidden(view, columns, out);
    else
        draw_bars(view, columns, out);
}

/* ---- JSON ---- */

json_t *view_tally_json(const struct tally_row *tally)
{
    json_t *choices = json_array();
    for (unsigned i = 0; i < tally->choice_count; i++)
        json_array_append_new(choices, json_pack("{s:s, s:I}", "choice", tally->choices[i].text,
                                                 "count", (json_int_t)tally->counts[i]));
    return json_pack("{s:s, s:s, s:I, s:I, s:b, s:o}", "poll", tally->poll.text, "state",
                     tally->open ? "open" : "closed", "seq", (json_int_t)tally->seq, "ballots",
                     (json_int_t)tally->ballots, "hidden", tally->hidden, "choices", choices);
}

static json_t *text_json(const char *text)
{
    return text ? output_json_text(text, strlen(text)) : json_null();
}

json_t *view_title_json(const struct view *view)
{
    return text_json(view->title);
}

json_t *view_label_json(const struct view *view, unsigned choice)
{
    return text_json(view->choices[choice].label);
}

/* The choices by DESCRIBE, each with its count from the tally, or null while that is hidden. */
static json_t *described_choices(const struct view *view)
{
    json_t *choices = json_array();
    for (unsigned i = 0; i < view->choice_count; i++) {
        const struct view_choice *choice = &view->choices[i];
        json_t *count = i < view->tally.choice_count
                            ? json_integer((json_int_t)view->tally.counts[i])
                            : json_null();
        json_array_append_new(choices,
                              json_pack("{s:o, s:o, s:o}", "choice", text_json(choice->name),
                                        "label", text_json(choice->label), "count", count));
    }
    return choices;
}

json_t *view_json(const struct view *view)
{
    json_t *object = view_tally_json(&view->tally);
    if (!object || !view->title)
        return object;
    json_object_set_new(object, "title", view_title_json(view));
    json_object_set(object, "settings", view->settings);
    json_object_set_new(object, "choices", described_choices(view));
    return object;
}
