/* The commands for everyone. Each is executed on the worker's thread, with nothing of the
 * connection in flight; only VOTE pipelines. */
#include "line/commands.h"

#include "line/result_reply.h"
#include "line/session_reply.h"

#include "serve/ballot.h"
#include "proto/lot.h"
#include "proto/marks.h"
#include "proto/settings.h"
#include "serve/server.h"
#include "tally/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- voting ---- */

static size_t connection_words(void *asker, char words[IDENTITY_WORDS_MAX])
{
    return client_own_words(&((const struct session *)asker)->client, words);
}

static size_t shown_words(void *asker, char words[IDENTITY_WORDS_MAX])
{
    return client_run_words(&((const struct session *)asker)->client, words);
}

static size_t address_words(void *asker, char words[IDENTITY_WORDS_MAX])
{
    return peer_address_text(&((const struct session *)asker)->client.conn.peer, words);
}

int execute_vote(struct session *session, const struct command *command, const char **why)
{
    struct worker *worker = session->client.worker;
    const struct poll *poll = worker_find_poll(worker, &command->poll);
    if (!poll)
        return ERR_NO_SUCH_POLL;
    static const struct claim_source source = {address_words, connection_words, shown_words};
    const struct claim claim = {
        .name = command->voter,
        .standing = {session->voter, session->voter ? strlen(session->voter) : 0},
        .source = &source,
        .asker = session,
    };
    struct ballot ballot = {
        .poll = poll,
        .claim = &claim,
        .key = command->key,
        .traced = command->id == CMD_TRACE,
    };
    struct marks marks;
    int error = command->choice.len > 0
                    ? ballot_read_choice(worker, &ballot, &command->choice, &marks, why)
                    : ballot_read(worker, &ballot, command->ballot, &marks, why);
    return error == 0 ? ballot_send(&session->client, &ballot, why) : error;
}

int execute_trace(struct session *session, const struct command *command, const char **why)
{
    return execute_vote(session, command, why);
}

int execute_as(struct session *session, const struct command *command, const char **why)
{
    struct voter_name name;
    if (!voter_name_parse(command->voter, &name)) {
        *why = VOTER_NAME_FORM;
        return ERR_BAD_ARGUMENT;
    }
    char *voter = strdup(name.text);
    if (!voter)
        return ERR_LIMIT;
    free(session->voter);
    session->voter = voter;
    session_reply_text(session, name.text, name.len);
    return 0;
}

/* ---- showing ---- */

const struct poll *commands_find_poll(struct session *session, const struct command *command)
{
    return worker_find_poll(session->client.worker, &command->poll);
}

static int send_tally(struct session *session, const char *prefix, uint32_t poll)
{
    struct snapshot *snapshot = tally_snapshot(session->client.worker->server->tally, poll);
    struct tally_view view;
    snapshot_view(snapshot, &view);
    char *out = conn_reserve(&session->client.conn, tally_line_max(view.choice_count));
    if (out)
        conn_wrote(&session->client.conn, tally_encode(out, prefix, &view));
    snapshot_unref(snapshot);
    return out ? 0 : ERR_LIMIT;
}

int execute_show(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    const struct poll *poll = commands_find_poll(session, command);
    if (!poll)
        return ERR_NO_SUCH_POLL;
    session->errors_in_row = 0;
    return send_tally(session, "+OK ", poll->id);
}

static void describe_settings(struct session *session, const struct snapshot *snapshot)
{
    char digits[SETTING_TEXT_SIZE];
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++)
        if (settings_has(&snapshot->poll->settings, setting))
            session_reply_row(
                session, "=setting %s %s", setting_name(setting),
                setting_value_text(setting, snapshot_setting(snapshot, setting), digits));
}

/* This row can be longer than others. */
static void describe_lot(struct session *session, const struct poll *poll)
{
    static const char begin[] = "=setting lot ";
    const size_t begin_len = sizeof begin - 1;
    char *out = conn_reserve(&session->client.conn, begin_len + LOT_TEXT_MAX + 1);
    if (!out)
        return;
    memcpy(out, begin, begin_len);
    size_t len =
        begin_len + lot_write(poll->lot, poll->choices, poll->choice_count, out + begin_len);
    out[len++] = '\n';
    conn_wrote(&session->client.conn, len);
}

static void describe(struct session *session, const struct snapshot *snapshot)
{
    const struct poll *poll = snapshot->poll;
    struct span title = snapshot_title(snapshot);
    session_reply_row(session, "=title %.*s", (int)title.len, title.at);
    describe_settings(session, snapshot);
    describe_lot(session, poll);
    struct tally_view view;
    snapshot_view(snapshot, &view);
    for (unsigned i = 0; i < poll->choice_count; i++) {
        struct span label = snapshot_label(snapshot, i);
        if (view.hidden)
            session_reply_row(session, "=choice %s - %.*s", poll->choices[i].text, (int)label.len,
                              label.at);
        else
            session_reply_row(session, "=choice %s %" PRIu64 " %.*s", poll->choices[i].text,
                              snapshot->counts[i], (int)label.len, label.at);
    }
}

int execute_describe(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    const struct poll *poll = commands_find_poll(session, command);
    if (!poll)
        return ERR_NO_SUCH_POLL;
    struct snapshot *snapshot = tally_snapshot(session->client.worker->server->tally, poll->id);
    describe(session, snapshot);
    snapshot_unref(snapshot);
    session_reply_ok(session);
    return 0;
}

/* A reply may have ten thousand rows, so it is made a round's output at a time, as the peer takes
 * it. */
void commands_list_polls(struct session *session)
{
    struct conn *conn = &session->client.conn;
    uint32_t count = worker_know_polls(session->client.worker);
    while (session->polls_listed < count && conn->pool->out.len < CONN_ROUND_BYTES)
        if (send_tally(session, "=", ++session->polls_listed) != 0)
            return;
    conn_want_writable(conn); /* for the next rows, or for pushes that were held back */
    if (session->polls_listed < count)
        return;
    conn_end_reply(conn);
    session_reply_number(session, session->polls_listed, false);
}

int execute_polls(struct session *session, const struct command *command, const char **why)
{
    (void)command;
    (void)why;
    session->polls_listed = 0;
    conn_begin_reply(&session->client.conn);
    commands_list_polls(session);
    return 0;
}

static int await_result(struct session *session, const struct poll *poll, bool pairs)
{
    int error = client_await_result(&session->client, poll, pairs);
    if (error == 0)
        session->asked = CMD_RESULT;
    return error;
}

int execute_result(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    const struct poll *poll = commands_find_poll(session, command);
    if (!poll)
        return ERR_NO_SUCH_POLL;
    struct snapshot *snapshot = tally_snapshot(session->client.worker->server->tally, poll->id);
    int error = snapshot_owes_result(snapshot)
                    ? await_result(session, poll, command->pairs)
                    : result_reply_begin(session, snapshot, command->pairs);
    snapshot_unref(snapshot);
    return error;
}

void commands_tell_result(struct session *session, const struct answer *answer)
{
    struct snapshot *snapshot =
        tally_snapshot(session->client.worker->server->tally, (uint32_t)answer->number);
    int error = result_reply_begin(session, snapshot, answer->value != 0);
    if (error != 0)
        session_reply_refusal(session, (enum error)error, 0, NULL);
    snapshot_unref(snapshot);
}

/* ---- subscribing ---- */

int execute_subscribe(struct session *session, const struct command *command, const char **why)
{
    const struct poll *poll = command->all ? NULL : commands_find_poll(session, command);
    if (!command->all && !poll)
        return ERR_NO_SUCH_POLL;
    if (client_subscribe(&session->client, ENCODING_LINE) != 0)
        return ERR_LIMIT;
    int covered = subscriber_add(session->client.subscriber, poll, (uint32_t)command->number,
                                 command->results);
    if (covered < 0) {
        *why = "too many subscriptions on one connection; * is one";
        return covered;
    }
    session_reply_number(session, (uint64_t)covered, false);
    return 0;
}

int execute_unsubscribe(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    const struct poll *poll = command->all ? NULL : commands_find_poll(session, command);
    if (!command->all && !poll)
        return ERR_NO_SUCH_POLL;
    int left = session->client.subscriber ? subscriber_remove(session->client.subscriber, poll) : 0;
    if (left < 0)
        return left;
    session_reply_number(session, (uint64_t)left, false);
    return 0;
}

/* ---- the rest ---- */

int execute_ping(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    if (command->text.at)
        session_reply_text(session, command->text.at, command->text.len);
    else
        session_reply_ok(session);
    return 0;
}

static void explain_settings(struct session *session)
{
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++)
        session_reply_row(session, "=  %s", setting_help(setting));
    session_reply_row(session, "=  " LOT_HELP);
}

int execute_help(struct session *session, const struct command *command, const char **why)
{
    (void)why;
    for (int i = 0; i < CMD_COUNT; i++) {
        const struct command_info *info = &command_info[i];
        if (command->help >= 0 ? i != command->help
                               : info->access != COMMAND_EVERYONE && !session->client.admin)
            continue;
        session_reply_row(session, "=%s  %s", info->usage, info->meaning);
    }
    if (command->help == CMD_CREATE)
        explain_settings(session);
    session_reply_ok(session);
    return 0;
}

int execute_quit(struct session *session, const struct command *command, const char **why)
{
    (void)command;
    (void)why;
    session_reply_text(session, "bye", 3);
    conn_finish(&session->client.conn, CLOSE_QUIT);
    return 0;
}

command_executor *const command_executors[CMD_COUNT] = {
#define COMMAND(word, name, access, arguments, usage, meaning) [CMD_##word] = execute_##name,
#include "proto/commands.def"
#undef COMMAND
};
