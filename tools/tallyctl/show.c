/* `show` and `polls`: tallies as they are now. */
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/columns.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/view.h"

#include <inttypes.h>
#include <stdlib.h>

static enum status ask_tally(struct client *client, const char *name, struct tally_row *tally)
{
    struct request request;
    struct reply reply;

    request_start(&request, "SHOW");
    enum status status = request_word(&request, name);
    if (status == STATUS_DONE)
        status = client_call(client, &request, NULL, NULL, &reply);
    if (status == STATUS_DONE && !tally_parse(reply.text.at, reply.text.len, tally)) {
        output_error("the server's tally makes no sense");
        return STATUS_NO_CONNECTION;
    }
    return status;
}

static void print_plain(const struct tally_row *tally)
{
    for (unsigned i = 0; i < tally->choice_count; i++)
        printf("%s\t%" PRIu64 "\n", tally->choices[i].text, tally->counts[i]);
}

/* Programs that read plain columns need no titles, so these are not asked for. */
static enum status show(const struct invocation *invocation, struct client *client,
                        struct view *view)
{
    const char *name = invocation->argv[0];
    bool is_plain = !invocation->json && !output_is_terminal();
    enum status status = is_plain ? STATUS_DONE : view_describe(view, client, name);

    if (status == STATUS_DONE)
        status = ask_tally(client, name, &view->tally);
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
        output_no_memory();
    enum status status = client_open(invocation->admin, &client);
    if (status == STATUS_DONE) {
        status = show(invocation, client, view);
        client_close(client);
    }
    view_clear(view);
    free(view);
    return status;
}

/* What `polls` does with each row. */
struct listing {
    bool json;
    bool is_broken; /* a row was no tally */
    struct columns *columns;
    struct tally_row tally;
};

static void list_number(struct listing *listing, uint64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    columns_add(listing->columns, digits, (size_t)len);
}

static const char *leader_name(const struct tally_row *tally)
{
    int leader = view_leader(tally);
    return tally->hidden ? "(hidden)" : leader < 0 ? "-" : tally->choices[leader].text;
}

static void list_poll(struct span row, void *context)
{
    struct listing *listing = context;
    const struct tally_row *tally = &listing->tally;

    if (!tally_parse(row.at, row.len, &listing->tally)) {
        listing->is_broken = true;
        return;
    }
    if (listing->json) {
        output_json(view_tally_json(tally));
        return;
    }
    columns_add_string(listing->columns, tally->poll.text);
    columns_add_string(listing->columns, tally->open ? "open" : "closed");
    list_number(listing, tally->ballots);
    list_number(listing, tally->seq);
    columns_add_string(listing->columns, leader_name(tally));
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
    static const char *const headings[] = {"POLL", "STATE", "BALLOTS", "SEQ", "LEADER"};
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
    struct client *client;
    struct request request;
    struct reply reply;
    enum status status = client_open(invocation->admin, &client);
    if (status != STATUS_DONE)
        return status;

    struct listing listing = {.json = invocation->json, .columns = new_list()};
    request_start(&request, "POLLS");
    status = client_call(client, &request, list_poll, &listing, &reply);
    if (status == STATUS_DONE && listing.is_broken) {
        output_error("the server's tally makes no sense");
        status = STATUS_NO_CONNECTION;
    }
    print_listing(&listing);
    columns_free(listing.columns);
    client_close(client);
    return status;
}
