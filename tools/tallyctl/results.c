/* `results`: the results of polls, a row a choice, for minutes and spreadsheets. */
#include "tools/tallyctl/csv.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/polls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The columns of the CSV and the members of the JSON alike. */
enum { POLL, TITLE, STATE, BALLOTS, CHOICE, LABEL, COUNT, PERCENT, COLUMN_COUNT };
static const char *const column_names[COLUMN_COUNT] = {"poll",   "title", "state", "ballots",
                                                       "choice", "label", "count", "percent"};

struct results {
    const struct invocation *invocation;
    bool is_json;
    bool has_heading;
    bool has_hidden;
};

static double percent_of(uint64_t count, uint64_t ballots)
{
    return ballots > 0 ? 100.0 * (double)count / (double)ballots : 0;
}

/* A sum of scores is no share of the ballots. */
static bool has_percent(const struct view *view)
{
    const char *kind = view_setting(view, "kind");
    return !view->tally.hidden && !(kind && strcmp(kind, "score") == 0);
}

static void print_csv(const struct results *results, const struct view *view, unsigned i)
{
    const struct tally_row *tally = &view->tally;
    char ballots[24], count[24] = "", percent[24] = "";
    snprintf(ballots, sizeof ballots, "%" PRIu64, tally->ballots);
    if (!tally->hidden) {
        snprintf(count, sizeof count, "%" PRIu64, tally->counts[i]);
    }
    if (has_percent(view)) {
        snprintf(percent, sizeof percent, "%.1f", percent_of(tally->counts[i], tally->ballots));
    }
    csv_row(results->invocation,
            (const char *const[COLUMN_COUNT]){
                [POLL] = tally->poll.text,
                [TITLE] = view->title,
                [STATE] = tally->open ? "open" : "closed",
                [BALLOTS] = ballots,
                [CHOICE] = view->choices[i].name,
                [LABEL] = view->choices[i].label,
                [COUNT] = count,
                [PERCENT] = percent,
            },
            COLUMN_COUNT);
}

static void print_json(const struct view *view, unsigned i)
{
    const struct tally_row *tally = &view->tally;
    json_t *row = json_pack("{s:s, s:o, s:s, s:I, s:s, s:o}", column_names[POLL], tally->poll.text,
                            column_names[TITLE], view_title_json(view), column_names[STATE],
                            tally->open ? "open" : "closed", column_names[BALLOTS],
                            (json_int_t)tally->ballots, column_names[CHOICE], view->choices[i].name,
                            column_names[LABEL], view_label_json(view, i));
    json_object_set_new(row, column_names[COUNT],
                        tally->hidden ? json_null() : json_integer((json_int_t)tally->counts[i]));
    json_object_set_new(row, column_names[PERCENT],
                        has_percent(view) ? json_real(percent_of(tally->counts[i], tally->ballots))
                                          : json_null());
    output_json(row);
}

static void print_heading(struct results *results)
{
    if (!results->is_json && !results->has_heading)
        csv_heading(results->invocation, column_names, COLUMN_COUNT);
    results->has_heading = true;
}

static void print_poll(const struct view *view, void *context)
{
    struct results *results = context;
    print_heading(results);
    results->has_hidden |= view->tally.hidden;
    for (unsigned i = 0; i < view->choice_count; i++) {
        if (results->is_json)
            print_json(view, i);
        else
            print_csv(results, view, i);
    }
}

enum status command_results(const struct invocation *invocation)
{
    struct results results = {.invocation = invocation,
                              .is_json = invocation->json || invocation->format == EXPORT_JSON};
    enum status status = polls_each(invocation, false, print_poll, &results);
    if (status == STATUS_DONE)
        print_heading(&results); /* even without polls */
    if (status == STATUS_DONE && results.has_hidden) {
        output_error("some counts are hidden until their polls are closed");
        status = STATUS_REFUSED;
    }
    return status;
}
