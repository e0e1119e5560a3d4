/* `show` and `polls`: tallies as they are now. */
#include "tools/tallyctl/columns.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/polls.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void print_plain(const struct tally_row *tally)
{
    for (unsigned i = 0; i < tally->choice_count; i++)
        printf("%s\t%" PRIu64 "\n", tally->choices[i].text, tally->counts[i]);
}

/* Programs that read plain columns need no titles, so it does not ask for them. */
static enum status show(const struct invocation *invocation, struct client *client,
                        struct view *view)
{
    const char *name = invocation->argv[0];
    bool is_plain = !invocation->json && !output_is_terminal();
    enum status status = is_plain ? STATUS_DONE : view_describe(view, client, name);

    if (status == STATUS_DONE)
        status = polls_ask_tally(client, name, &view->tally);
    if (status == STATUS_DONE && !invocation->json && !is_plain)
        status = view_ask_leaders(view, client, name);
    if (status != STATUS_DONE)
        return status;
    if (invocation->json)
        output_json(view_json(view));
    else if (is_plain)
        print_plain(&view->tally);
    else
        view_draw(view, output_columns(), stdout);
    if (is_plain && view->tally.hidden) {
        output_error("%s: the counts are hidden until the poll is closed", name);
        return STATUS_REFUSED;
    }
    return STATUS_DONE;
}

enum status command_show(const struct invocation *invocation)
{
    struct client *client;
    struct view *view = calloc(1, sizeof(*view));
    if (!view)
        memory_exhausted();
    enum status status = client_open(invocation, &client);
    if (status == STATUS_DONE) {
        status = show(invocation, client, view);
        client_close(client);
    }
    view_clear(view);
    free(view);
    return status;
}

/* The output of `polls`, poll by poll. */
struct listing {
    bool json;
    struct columns *columns;
};

static void list_number(struct listing *listing, uint64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    columns_add(listing->columns, digits, (size_t)len);
}

/* Those who lead by the result, with commas between. */
static void list_leaders(struct listing *listing, const struct view *view)
{
    struct buffer names = {0};
    for (unsigned i = 0; i < view->choice_count; i++) {
        if (!view->choices[i].leads)
            continue;
        if (names.len > 0)
            must_append(&names, ",", 1);
        must_append(&names, view->choices[i].name, strlen(view->choices[i].name));
    }
    if (names.len == 0)
        must_append(&names, "-", 1);
    columns_add(listing->columns, names.bytes, names.len);
    buffer_free(&names);
}

static void list_leader(struct listing *listing, const struct view *view)
{
    const struct tally_row *tally = &view->tally;
    int leader = view_leader(tally);
    if (tally->hidden)
        columns_add_string(listing->columns, "(hidden)");
    else if (view_leads_by_result(view))
        list_leaders(listing, view);
    else
        columns_add_string(listing->columns, leader < 0 ? "-" : tally->choices[leader].text);
}

static void list_poll(const struct view *view, void *context)
{
    struct listing *listing = context;
    const struct tally_row *tally = &view->tally;

    if (listing->json) {
        json_t *object = view_tally_json(tally);
        json_object_set_new(object, "title", view_title_json(view));
        output_json(object);
        return;
    }
    columns_add_string(listing->columns, tally->poll.text);
    columns_add_string(listing->columns, tally->open ? "open" : "closed");
    list_number(listing, tally->ballots);
    list_number(listing, tally->seq);
    list_leader(listing, view);
    columns_add_string(listing->columns, view->title ? view->title : "");
}

static void print_listing(const struct listing *listing)
{
    if (listing->json)
        return;
    if (output_is_terminal())
        columns_print(listing->columns, stdout);
    else
        columns_print_tabs(listing->columns, stdout);
}

static struct columns *new_list(void)
{
    static const char *const headings[] = {"POLL", "STATE", "BALLOTS", "SEQ", "LEADER", "TITLE"};
    size_t width = sizeof(headings) / sizeof(headings[0]);
    struct columns *columns = columns_new(width);
    for (size_t i = 0; output_is_terminal() && i < width; i++)
        columns_add_string(columns, headings[i]);
    columns_align_right(columns, 2);
    columns_align_right(columns, 3);
    return columns;
}

enum status command_polls(const struct invocation *invocation)
{
    struct listing listing = {.json = invocation->json, .columns = new_list()};
    enum status status = polls_each(invocation, !invocation->json, list_poll, &listing);
    if (status == STATUS_DONE)
        print_listing(&listing);
    columns_free(listing.columns);
    return status;
}
