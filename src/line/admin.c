/* The administrator's commands, on the worker's thread. Those that change something are requests to
 * the ledger. Those that look at every connection are queries over all workers. Both are answered
 * later, and the session waits. */
#include "line/commands.h"

#include "line/client_query.h"
#include "line/session_reply.h"
#include "view/journey_view.h"
#include "view/stats.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- requests to the ledger ---- */

/* Sends a request, of which `what` tells everything but whom to answer. Takes over its detail on
 * success. */
static int ask(struct session *session, const struct command *command, const struct request *what)
{
    struct request *request = worker_request(session->client.worker);
    if (!request)
        return ERR_LIMIT;
    *request = *what;
    request->from = session->client.conn.ref;
    session->asked = (uint8_t)command->id;
    session->client.in_flight++;
    return 0;
}

/* The same with a detail that was just allocated; frees it on failure. */
static int ask_with(struct session *session, const struct command *command,
                    const struct request *what)
{
    int error = what->detail ? ask(session, command, what) : ERR_LIMIT;
    if (error != 0)
        request_free_detail(what);
    return error;
}

int execute_create(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    uint8_t drawn[PROTO_CHOICES_MAX];
    if (command->draws_lot)
        poll_draw_lot(drawn, command->choice_count);
    const struct request create = {.kind = REQUEST_CREATE,
                                   .detail = poll_new(&command->poll, &command->settings,
                                                      command->choices, command->choice_count,
                                                      command->draws_lot ? drawn : command->lot)};
    return ask_with(session, command, &create);
}

int execute_title(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    const struct poll *poll = commands_find_poll(session, command);
    if (!poll)
        return ERR_NO_SUCH_POLL;
    const struct request title = {.kind = REQUEST_TITLE,
                                  .poll = poll->id,
                                  .detail = request_text_new(command->text.at, command->text.len)};
    return ask_with(session, command, &title);
}

int execute_label(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    const struct poll *poll = commands_find_poll(session, command);
    if (!poll)
        return ERR_NO_SUCH_POLL;
    int choice = poll_choice_find(poll, &command->choice);
    if (choice < 0)
        return ERR_NO_SUCH_CHOICE;
    const struct request label = {.kind = REQUEST_LABEL,
                                  .poll = poll->id,
                                  .choice = (uint16_t)choice,
                                  .detail = request_text_new(command->text.at, command->text.len)};
    return ask_with(session, command, &label);
}

static int change_state(struct session *session, const struct command *command,
                        enum request_kind kind)
{
    const struct poll *poll = commands_find_poll(session, command);
    if (!poll)
        return ERR_NO_SUCH_POLL;
    return ask(session, command, &(struct request){.kind = kind, .poll = poll->id});
}

int execute_open(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    return change_state(session, command, REQUEST_OPEN);
}

int execute_close(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    return change_state(session, command, REQUEST_CLOSE);
}

/* A path, or the open file that the administrator's program passed along with the line. */
int execute_backup(struct session *session, const struct command *command, const char **why)
{
    struct request backup = {.kind = REQUEST_BACKUP};
    if (command->text.at[0] == '/') {
        backup.detail = request_text_new(command->text.at, command->text.len);
        return ask_with(session, command, &backup);
    }
    if (!session->has_file) {
        *why = "no open file came with the line";
        return ERR_BAD_ARGUMENT;
    }
    backup.file = session->file;
    int error = ask(session, command, &backup);
    if (error == 0)
        session->has_file = false;
    return error;
}

/* ---- looking ---- */

static void stats_row(void *context, const char *name, uint64_t value)
{
    session_reply_row(context, "=%s %llu", name, (unsigned long long)value);
}

int execute_stats(struct session *session, const struct command *command, const char **why)
{
    (void)command;
    (void)why;
    stats_each(session->client.worker->server, stats_row, session);
    session_reply_ok(session);
    return 0;
}

static unsigned figure_rows(struct session *session, const struct journey_view *view)
{
    for (unsigned i = 0; i < JOURNEY_FIGURES; i++)
        session_reply_row(session,
                          "=%s %s count=%" PRIu64 " p50_ns=%" PRIu64 " p99_ns=%" PRIu64
                          " max_ns=%" PRIu64,
                          journey_figure_is_stage(i) ? "stage" : "span", journey_figures[i].name,
                          view->figures[i].count, view->figures[i].p50_ns, view->figures[i].p99_ns,
                          view->figures[i].max_ns);
    return JOURNEY_FIGURES;
}

static unsigned ballot_rows(struct session *session, const struct journey_view *view)
{
    if (!view->has_ballot)
        return 0;
    session_reply_row(session, "=ballot seq=%" PRIu64 " poll=%s traced=%s complete=%s", view->seq,
                      view->poll, view->traced ? "yes" : "no", view->complete ? "yes" : "no");
    unsigned rows = 1;
    for (unsigned i = 0; i < JOURNEY_STAGES; i++) {
        if (view->at_ns[i] == JOURNEY_NOT_REACHED)
            continue;
        session_reply_row(session, "=stamp %s %" PRIu64, journey_stage_name(i), view->at_ns[i]);
        rows++;
    }
    return rows;
}

static unsigned kernel_rows(struct session *session, const struct journey_view *view)
{
    session_reply_row(session, "=kernel accept_queue %" PRIu64 " connections", view->accept_queue);
    unsigned rows = 1;
    for (unsigned i = 0; i < SOCKET_STATE_COUNT && view->has_socket; i++) {
        if (view->socket[i] == SOCKET_STATE_UNKNOWN)
            continue;
        session_reply_row(session, "=kernel %s %" PRIu64 " %s", socket_state_info[i].name,
                          view->socket[i], socket_state_info[i].unit);
        rows++;
    }
    return rows;
}

int execute_journey(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    struct journey_view view;
    journey_look(session->client.worker->server, command->number, &view);
    unsigned rows = figure_rows(session, &view);
    rows += ballot_rows(session, &view);
    rows += kernel_rows(session, &view);
    session_reply_number(session, rows, false);
    return 0;
}

static int query(struct session *session, const struct command *command,
                 enum client_query_kind kind, const struct in6_addr *address)
{
    if (client_query_start(session, kind, command->number, address) != 0)
        return ERR_LIMIT;
    session->asked = (uint8_t)command->id;
    session->client.in_flight++;
    return 0;
}

int execute_clients(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    return query(session, command, QUERY_LIST, NULL);
}

int execute_kick(struct session *session, const struct command *command, const char **why)
{
    struct in6_addr address;
    if (!command->text.at)
        return query(session, command, QUERY_KICK_ID, NULL);
    if (address_parse(&address, command->text.at, command->text.len) == 0)
        return query(session, command, QUERY_KICK_ADDRESS, &address);
    *why = "a connection is named by its id, a number, or by its IP address; CLIENTS lists them";
    return ERR_BAD_ARGUMENT;
}

int execute_shutdown(struct session *session, const struct command *command, const char **why)
{
    (void)command;
    (void)why;
    session_reply_ok(session);
    kill(getpid(), SIGTERM);
    return 0;
}
