/* Lines in, replies out. Runs on the thread of the worker that owns the connection.
 *
 * VOTEs pipeline: each is sent to the ledger as it is read. Any other command, and any refusal,
 * waits until the ballots in flight are answered. So replies are in the order of the commands by
 * construction, and a session only counts what is in flight. */
#include "line/line_protocol.h"

#include "line/client_query.h"
#include "line/commands.h"
#include "line/result_reply.h"
#include "line/session.h"
#include "line/session_reply.h"

#include "config/config.h"
#include "base/log.h"
#include "proto/line.h"
#include "proto/telnet.h"
#include "push/delivery.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Bytes of a line, its LF included. */
static size_t line_max(const struct session *session)
{
    return session->client.admin ? PROTO_ADMIN_LINE_MAX : PROTO_LINE_MAX;
}

static size_t up_to_max(const struct session *session, size_t len)
{
    return len < line_max(session) ? len : line_max(session);
}

/* ---- commands ---- */

/* Pauses unless no more than `limit` requests are in flight. Returns whether it had to. */
static bool pauses_for_answers(struct session *session, uint32_t limit)
{
    if (session->client.in_flight <= limit)
        return false;
    session->resume_at = limit;
    conn_pause(&session->client.conn);
    return true;
}

/* Pauses if the ledger's ring is full. Returns whether it had to. */
static bool pauses_for_ring(struct session *session)
{
    if (!worker_ring_is_full(session->client.worker))
        return false;
    worker_wait(session->client.worker, &session->client);
    conn_pause(&session->client.conn);
    return true;
}

/* A VOTE goes to the ledger at once if nothing else stands before it. Returns whether the line is
 * dealt with; otherwise the connection is paused. */
static bool take_vote(struct session *session, const struct command *command)
{
    const uint32_t most = session->client.worker->server->config->max_in_flight;
    if (session->asked && pauses_for_answers(session, 0))
        return false;
    if (session->client.in_flight >= most && pauses_for_answers(session, most / 2))
        return false;
    if (pauses_for_ring(session))
        return false;
    const char *why = NULL;
    int error = command_executors[command->id](session, command, &why);
    if (error == 0)
        return true;
    if (pauses_for_answers(session, 0))
        return false;
    counter_add(&session->client.worker->counters.refused_here, 1);
    session_reply_refusal(session, (enum error)error, 0, why);
    return true;
}

static bool must_move(const struct session *session, const struct command *command)
{
    return command->id == CMD_SUBSCRIBE && !session->client.worker->broadcast;
}

/* Logs what an administrator does. The process that asked and its user come first, since a long
 * line is cut, and its words are the administrator's own. */
static void log_act(const struct session *session, const char *line, size_t len)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t peer_len = sizeof peer;
    getsockopt(session->client.conn.transport.fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len);
    log_info("administrator uid=%d pid=%d connection=%" PRIu64 " command=\"%.*s\"", (int)peer.uid,
             (int)peer.pid, session->client.id, (int)len, line);
}

static void log_refused_act(const struct session *session, enum command_id id, enum error error)
{
    if (command_info[id].access == COMMAND_ACT)
        log_info("administrator refused command=%s error=%s connection=%" PRIu64,
                 command_info[id].word, error_code(error), session->client.id);
}

/* Executes a command that isn't a VOTE. Nothing is in flight. Returns whether the line is dealt
 * with. */
static bool take_command(struct session *session, const struct command *command, const char *line,
                         size_t len)
{
    if (must_move(session, command)) {
        conn_pause(&session->client.conn);
        conn_leave(&session->client.conn);
        return false;
    }
    if (command->id == CMD_RESULT && pauses_for_ring(session)) /* it may have to ask */
        return false;
    const char *why = NULL;
    if (command_info[command->id].access == COMMAND_ACT)
        log_act(session, line, len);
    int error = command_executors[command->id](session, command, &why);
    if (error != 0) {
        log_refused_act(session, command->id, (enum error)error);
        session_reply_refusal(session, (enum error)error, 0, why);
    }
    return true;
}

/* Refuses a line that is no command, once nothing is in flight. */
static bool take_bad_line(struct session *session, enum error error, const char *why)
{
    if (pauses_for_answers(session, 0))
        return false;
    session_reply_refusal(session, error, 0, why);
    return true;
}

/* ---- the first line ---- */

/* Ends the session: no later line is executed. */
static void end_session(struct session *session, enum error error, const char *why)
{
    session_reply_error(session, error, 0, why);
    conn_finish(&session->client.conn, CLOSE_MALFORMED);
}

/* A web page must not be able to vote by having a browser speak its own protocol to this port. */
static bool refuse_first_line(struct session *session, enum error error, const char *why)
{
    end_session(session, error, why);
    return false;
}

/* No web page reaches the admin socket; and there TRACE is a command. */
static bool is_first_line(const struct session *session)
{
    return !session->past_first_line && !session->client.admin;
}

/* Whether the session may go on after its first line: it must be text, and not the beginning of
 * another protocol. Otherwise the peer has been told so, and the session is closed. */
static bool first_line_may_be(struct session *session, const char *line, size_t len)
{
    if (!line_is_text(line, len))
        return refuse_first_line(session, ERR_BAD_LINE, "this is no text; closing");
    if (line_is_foreign(line, len))
        return refuse_first_line(session, ERR_UNKNOWN_COMMAND,
                                 "another protocol is spoken here; closing");
    return true;
}

/* A first line can be refused before it is whole, but only by its beginning: the outcome must not
 * depend on how much of the line has arrived. */
static bool first_line_may_go_on(struct session *session, const char *bytes, size_t len)
{
    if (line_has_control(bytes, up_to_max(session, len)))
        return refuse_first_line(session, ERR_BAD_LINE, "this is no text; closing");
    if (len < line_max(session))
        return true;
    return refuse_first_line(session, ERR_LINE_TOO_LONG, "the first line is too long; closing");
}

/* ---- lines ---- */

static bool is_allowed(const struct session *session, enum command_id id)
{
    return session->client.admin || command_info[id].access == COMMAND_EVERYONE;
}

/* Deals with a line that was read after the stop began. A subscriber stays for the last tallies. */
static bool take_line_of_a_stop(struct session *session)
{
    if (pauses_for_answers(session, 0))
        return false;
    session_reply_error(session, ERR_SHUTTING_DOWN, 0, NULL);
    if (session->client.subscriber)
        session->drops_input = true;
    else
        conn_finish(&session->client.conn, CLOSE_STOP);
    return true;
}

/* Deals with one line, without its end. Returns false if it must wait. */
static bool take_line(struct session *session, const char *line, size_t len)
{
    if (line_is_empty(line, len))
        return true;
    if (session->client.refuses_input || session->client.worker->stage >= WORKER_QUIET)
        return take_line_of_a_stop(session);
    if (is_first_line(session) && !first_line_may_be(session, line, len))
        return true;
    session->past_first_line = true;
    if (!line_is_text(line, len))
        return take_bad_line(session, ERR_BAD_LINE, NULL);
    struct command command;
    const char *why = NULL;
    int error = command_parse(line, len, &command, &why);
    if (error != ERR_UNKNOWN_COMMAND && !is_allowed(session, command.id))
        return take_bad_line(session, ERR_NOT_ALLOWED, NULL);
    if (error != 0)
        return take_bad_line(session, (enum error)error, why);
    if (command.id == CMD_VOTE || command.id == CMD_TRACE)
        return take_vote(session, &command);
    return !pauses_for_answers(session, 0) && take_command(session, &command, line, len);
}

/* Deals with the beginning of a line that is too long; its rest is discarded. */
static bool take_long_line(struct session *session, const char *line, size_t len)
{
    if (is_first_line(session) && !first_line_may_go_on(session, line, len))
        return true;
    session->past_first_line = true;
    return take_bad_line(session, ERR_LINE_TOO_LONG, NULL);
}

/* Deals with input that holds no end of line. Returns how much of it is done with. */
static size_t take_partial(struct session *session, const char *bytes, size_t len)
{
    if (!session->skips_line && len >= line_max(session)) {
        if (!take_long_line(session, bytes, len))
            return 0;
        session->skips_line = true;
        conn_begin_message(&session->client.conn);
    } else if (is_first_line(session)) {
        (void)first_line_may_go_on(session, bytes, len);
    }
    return session->skips_line ? len : 0;
}

/* Deals with a line that ends at `end`, where its LF is. Returns false if it must wait. */
static bool take_whole(struct session *session, const char *line, const char *end)
{
    if (session->skips_line) {
        session->skips_line = false;
        return true;
    }
    size_t len = (size_t)(end - line);
    if (len >= line_max(session))
        return take_long_line(session, line, len);
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (!take_line(session, line, len))
        return false;
    session->client.messages++;
    counter_add(&session->client.worker->counters.lines_read, 1);
    return true;
}

/* Passes over a command of Telnet that stands where a line begins, and answers the one for which
 * its client waits. Returns its length, 0 where there is none, or -1 if its rest, or the answers to
 * what came before, must be awaited. */
static ptrdiff_t take_telnet(struct session *session, const char *bytes, size_t len)
{
    if (session->skips_line)
        return 0;
    ptrdiff_t telnet = telnet_command_len(bytes, up_to_max(session, len));
    if (telnet < 0 && len >= line_max(session) && !pauses_for_answers(session, 0))
        end_session(session, ERR_LINE_TOO_LONG, "an option without an end; closing");
    if (telnet > 0 && telnet_asks_for_mark(bytes, (size_t)telnet)) {
        if (pauses_for_answers(session, 0))
            return -1;
        session_reply_telnet(session, TELNET_NO_MARK);
    }
    return telnet;
}

static size_t on_input(struct conn *conn, char *bytes, size_t len)
{
    struct session *session = session_of(conn);
    if (session->drops_input)
        return len;
    size_t used = 0;
    while (used < len && conn->state == CONN_OPEN && !session->drops_input) {
        /* A new subscriber's first tallies come before the reply to its next command. */
        if (conn_waits(conn, CONN_BLOCKED) || conn->mid_reply || conn->wants_writable ||
            conn->pool->out.len >= CONN_ROUND_BYTES) {
            conn_hold(conn);
            break;
        }
        const char *line = bytes + used;
        ptrdiff_t telnet = take_telnet(session, line, len - used);
        if (telnet < 0)
            break;
        if (telnet > 0) {
            used += (size_t)telnet;
            continue;
        }
        const char *end = memchr(line, '\n', len - used);
        if (!end)
            return used + take_partial(session, line, len - used);
        if (!take_whole(session, line, end))
            break;
        conn_end_message(conn);
        used = (size_t)(end - bytes) + 1;
    }
    return used;
}

static void on_unfinished(struct conn *conn, size_t len)
{
    (void)len;
    struct session *session = session_of(conn);
    if (!session->drops_input) /* otherwise it already knows that this is the end */
        session_reply_error(session, ERR_BAD_LINE, 0, "the last line has no end");
}

/* A connection that sends nothing may idle for ever, as subscribers do; half a line may not. */
static void on_overdue(struct conn *conn)
{
    struct session *session = session_of(conn);
    session_reply_error(session, ERR_LINE_TOO_SLOW, 0, NULL);
    conn_finish(conn, CLOSE_SLOW);
}

/* ---- answers ---- */

/* The text for a person where an error's own text would not do. */
static const char *backup_text(const struct answer *answer, char text[REPLY_MAX])
{
    const char *reason = strerror((int)answer->number);
    switch (answer->error) {
    case ERR_BAD_ARGUMENT:
        return reason;
    case ERR_LIMIT:
        return "another backup is being made";
    case ERR_STORAGE:
        snprintf(text, REPLY_MAX, "the copy could not be written, there is no backup: %s", reason);
        return text;
    default:
        return NULL;
    }
}

static void reply_refused(struct session *session, const struct answer *answer)
{
    char text[REPLY_MAX];
    log_refused_act(session, (enum command_id)session->asked, (enum error)answer->error);
    session_reply_refusal(session, (enum error)answer->error, answer->number,
                          session->asked == CMD_BACKUP ? backup_text(answer, text) : NULL);
}

static void on_answer(struct client *client, const struct answer *answer)
{
    struct session *session = session_of(&client->conn);
    if (client->conn.state != CONN_DOOMED) {
        if (answer->error)
            reply_refused(session, answer);
        else if (session->asked == CMD_RESULT)
            commands_tell_result(session, answer);
        else
            session_reply_number(session, answer->number, answer->duplicate);
    }
    session_reply_done(session);
}

/* ---- the connection's other events ---- */

static void on_writable(struct conn *conn)
{
    struct session *session = session_of(conn);
    if (session->asked == CMD_CLIENTS)
        client_query_resume(session);
    else if (session->result)
        result_reply_go_on(session);
    else if (conn->mid_reply)
        commands_list_polls(session);
    else if (session->client.subscriber)
        delivery_catch_up(session->client.subscriber);
}

static void drop_file(struct session *session)
{
    if (session->has_file)
        store_drop_file(session->client.worker->server->store, session->file);
    session->has_file = false;
}

/* The file stays for the command that wants it; an earlier one is of no more use. */
static void on_file(struct conn *conn, int file)
{
    struct session *session = session_of(conn);
    drop_file(session);
    session->file = file;
    session->has_file = true;
}

static void on_close(struct conn *conn)
{
    client_query_forget(session_of(conn)); /* found by the place in the pool, soon another's */
    client_close(conn);
}

/* It may never have arrived: then it was not greeted, and all is zero. */
static void on_free(struct conn *conn)
{
    drop_file(session_of(conn));
    result_reply_forget(session_of(conn));
    free(session_of(conn)->voter);
    client_free(conn);
}

/* ---- the protocol ---- */

static void greet(struct client *client)
{
    struct session *session = session_of(&client->conn);
    if (client->refused) {
        session_reply_error(session, ERR_TOO_MANY_CONNECTIONS, 0, NULL);
        conn_finish(&client->conn, CLOSE_REFUSED);
        return;
    }
    char *out = conn_reserve(&client->conn, REPLY_MAX);
    if (out)
        conn_wrote(&client->conn, reply_greeting(out, (unsigned)line_max(session)));
}

static const char *kind(const struct client *client)
{
    if (client->admin)
        return "admin";
    return client->subscriber ? "subscriber" : "voter";
}

static const char *voter(const struct client *client)
{
    return container_of(client, const struct session, client)->voter;
}

const struct client_protocol line_protocol = {
    .handler =
        {
            .messages = CONN_LINES,
            .input = on_input,
            .may_read = client_may_read,
            .unfinished = on_unfinished,
            .writable = on_writable,
            .overdue = on_overdue,
            .file = on_file,
            .leave = client_leave,
            .stop = client_stop,
            .busy = client_is_busy,
            .owes_pushes = client_owes_pushes,
            .close = on_close,
            .free = on_free,
        },
    .size = sizeof(struct session),
    .greet = greet,
    .answer = on_answer,
    .kind = kind,
    .voter = voter,
};
