/* Replies to a session's peer (see session_reply.h). Worker's thread.
 *
 * If memory is short for a reply, conn dooms the connection. */
#include "line/session_reply.h"

#include "base/log.h"
#include "config/config.h"
#include "proto/reply.h"
#include "serve/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void session_reply_ok(struct session *session)
{
    session->errors_in_row = 0;
    char *out = conn_reserve(&session->client.conn, REPLY_MAX);
    if (out)
        conn_wrote(&session->client.conn, reply_ok(out));
}

void session_reply_text(struct session *session, const char *text, size_t len)
{
    session->errors_in_row = 0;
    char *out = conn_reserve(&session->client.conn, REPLY_MAX + len);
    if (out)
        conn_wrote(&session->client.conn, reply_ok_text(out, text, len));
}

void session_reply_telnet(struct session *session, const char *command)
{
    size_t len = strlen(command);
    char *out = conn_reserve(&session->client.conn, len);
    if (!out)
        return;
    memcpy(out, command, len);
    conn_wrote(&session->client.conn, len);
}

void session_reply_number(struct session *session, uint64_t number, bool duplicate)
{
    session->errors_in_row = 0;
    char *out = conn_reserve(&session->client.conn, REPLY_MAX);
    if (out)
        conn_wrote(&session->client.conn, reply_ok_number(out, number, duplicate));
}

void session_reply_error(struct session *session, enum error error, uint64_t seq, const char *text)
{
    session->errors_in_row =
        error_blames_client(error) ? (uint16_t)(session->errors_in_row + 1) : 0;
    char *out = conn_reserve(&session->client.conn, REPLY_MAX);
    if (out)
        conn_wrote(&session->client.conn, reply_error(out, error, seq, text));
}

void session_reply_row(struct session *session, const char *format, ...)
{
    char row[REPLY_MAX];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(row, sizeof row - 1, format, arguments);
    va_end(arguments);
    INVARIANT(len >= 0 && (size_t)len < sizeof row - 1);
    row[len] = '\n';
    char *out = conn_reserve(&session->client.conn, (size_t)len + 1);
    if (!out)
        return;
    memcpy(out, row, (size_t)len + 1);
    conn_wrote(&session->client.conn, (size_t)len + 1);
}

void session_reply_refusal(struct session *session, enum error error, uint64_t seq, const char *why)
{
    session_reply_error(session, error, seq, why);
    if (session->errors_in_row < session->client.worker->server->config->max_errors)
        return;
    session_reply_error(session, ERR_TOO_MANY_ERRORS, 0, NULL);
    conn_finish(&session->client.conn, CLOSE_ERRORS);
}

void session_reply_done(struct session *session)
{
    client_answered(&session->client, session->resume_at);
    if (session->client.in_flight == 0)
        session->asked = 0;
}
