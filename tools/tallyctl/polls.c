/* Polls, one after the other. The rows of POLLS are kept as text, which is short, until the reply
 * is over; then each poll is described. */
#include "tools/tallyctl/polls.h"

#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"

#include <stdlib.h>
#include <string.h>

struct rows {
    char **rows; /* owned, and so is each */
    size_t count;
    size_t room;
};

static void take_row(struct span row, void *context)
{
    struct rows *rows = context;
    if (rows->count == rows->room) {
        rows->room = rows->room ? 2 * rows->room : 64;
        rows->rows = realloc(rows->rows, rows->room * sizeof *rows->rows);
        if (!rows->rows)
            memory_exhausted();
    }
    rows->rows[rows->count++] = must_copy(row.at, row.len);
}

static enum status take_tally(const char *text, size_t len, struct tally_row *tally)
{
    if (tally_parse(text, len, tally))
        return STATUS_DONE;
    output_error("the server's tally makes no sense");
    return STATUS_NO_CONNECTION;
}

enum status polls_ask_tally(struct client *client, const char *name, struct tally_row *tally)
{
    struct request request;
    struct reply reply;

    request_start(&request, "SHOW");
    request.about = name;
    enum status status = request_word(&request, name);
    if (status == STATUS_DONE)
        status = client_call(client, &request, NULL, NULL, &reply);
    return status == STATUS_DONE ? take_tally(reply.text.at, reply.text.len, tally) : status;
}

static enum status list_all(struct client *client, struct rows *rows)
{
    struct request request;
    struct reply reply;
    request_start(&request, "POLLS");
    return client_call(client, &request, take_row, rows, &reply);
}

/* A going through polls. */
struct tour {
    struct client *client;
    struct view *view;
    bool with_leaders;
    polls_visit_fn *visit;
    void *context;
};

static enum status visit_one(struct tour *tour)
{
    const char *name = tour->view->tally.poll.text;
    enum status status = view_describe(tour->view, tour->client, name);
    if (status == STATUS_DONE && tour->with_leaders)
        status = view_ask_leaders(tour->view, tour->client, name);
    if (status == STATUS_DONE)
        tour->visit(tour->view, tour->context);
    return status;
}

static enum status visit_all(struct tour *tour)
{
    struct rows rows = {0};
    enum status status = list_all(tour->client, &rows);
    for (size_t i = 0; i < rows.count && status == STATUS_DONE; i++) {
        status = take_tally(rows.rows[i], strlen(rows.rows[i]), &tour->view->tally);
        if (status == STATUS_DONE)
            status = visit_one(tour);
    }
    for (size_t i = 0; i < rows.count; i++)
        free(rows.rows[i]);
    free(rows.rows);
    return status;
}

static enum status visit_named(struct tour *tour, const struct invocation *invocation)
{
    enum status status = STATUS_DONE;
    for (int i = 0; i < invocation->argc && status == STATUS_DONE; i++) {
        status = polls_ask_tally(tour->client, invocation->argv[i], &tour->view->tally);
        if (status == STATUS_DONE)
            status = visit_one(tour);
    }
    return status;
}

enum status polls_each(const struct invocation *invocation, bool with_leaders,
                       polls_visit_fn *visit, void *context)
{
    struct tour tour = {.with_leaders = with_leaders, .visit = visit, .context = context};
    enum status status = client_open(invocation, &tour.client);
    if (status != STATUS_DONE)
        return status;
    tour.view = must_calloc(1, sizeof *tour.view);
    status = invocation->argc > 0 ? visit_named(&tour, invocation) : visit_all(&tour);
    view_clear(tour.view);
    free(tour.view);
    client_close(tour.client);
    return status;
}
