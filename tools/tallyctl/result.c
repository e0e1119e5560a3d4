/* `result`: what a poll's ballots came to, by its method. */
#include "tools/tallyctl/client.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/polls.h"
#include "tools/tallyctl/result_view.h"

#include "tools/lib/memory.h"

#include <stdlib.h>
#include <string.h>

/* To a pipe, the rows; they need no titles. */
static void print(const struct invocation *invocation, const struct view *view,
                  const struct result_view *result)
{
    if (invocation->json) {
        json_t *object = result_view_json(result);
        json_object_set_new(object, "poll", json_string(view->tally.poll.text));
        json_object_set_new(object, "state", json_string(view->tally.open ? "open" : "closed"));
        json_object_set_new(object, "title", view_title_json(view));
        output_json(object);
    } else if (output_is_terminal()) {
        view_draw_heading(view, output_columns(), stdout);
        putchar('\n');
        result_view_draw(result, (struct result_choices){view->choice_count, view->choices},
                         output_columns(), stdout);
        if (view->tally.open && !result_view_is_hidden(result))
            puts("\nThe poll is open: this is how it stands.");
    } else {
        result_view_print(result, stdout);
    }
}

static enum status show_result(const struct invocation *invocation, struct client *client,
                               struct view *view, struct result_view *result)
{
    const char *name = invocation->argv[0];
    bool is_plain = !invocation->json && !output_is_terminal();
    enum status status = is_plain ? STATUS_DONE : view_describe(view, client, name);
    if (status == STATUS_DONE && !is_plain)
        status = polls_ask_tally(client, name, &view->tally);
    if (status == STATUS_DONE)
        status = result_view_ask(result, client, name, invocation->pairs);
    if (status != STATUS_DONE)
        return status;
    print(invocation, view, result);
    if (is_plain && result_view_is_hidden(result)) {
        output_error("%s: the result is hidden until the poll is closed", name);
        return STATUS_REFUSED;
    }
    return STATUS_DONE;
}

enum status command_result(const struct invocation *invocation)
{
    struct client *client;
    struct result_view result = {0};
    enum status status = client_open(invocation, &client);
    if (status != STATUS_DONE)
        return status;
    struct view *view = must_calloc(1, sizeof *view);
    status = show_result(invocation, client, view, &result);
    result_view_clear(&result);
    view_clear(view);
    free(view);
    client_close(client);
    return status;
}
