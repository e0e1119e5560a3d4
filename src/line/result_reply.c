/* Telling results (see result_reply.h).
 *
 * Happy path: the rows are made one after the other, and those that were told in earlier rounds are
 * passed over: to make one again costs less than to keep it. */
#include "line/result_reply.h"

#include "count/result.h"
#include "line/session_reply.h"

#include <stdlib.h>
#include <string.h>

struct result_reply {
    const struct poll *poll;
    struct result *result; /* owned reference; NULL while results are hidden */
    uint64_t seq;          /* of the tally that it belongs to */
    uint64_t ballots;
    uint32_t told; /* rows */
    bool pairs;
};

/* A round's rows on their way. */
struct telling {
    struct session *session;
    uint32_t told; /* in earlier rounds */
    uint32_t rows; /* that were made in this one */
};

static bool is_full(const struct conn *conn)
{
    return conn->pool->out.len >= CONN_ROUND_BYTES;
}

static void tell_row(void *owner, const char *row, size_t len)
{
    struct telling *telling = owner;
    struct conn *conn = &telling->session->client.conn;
    if (telling->rows++ < telling->told || is_full(conn))
        return;
    char *out = conn_reserve(conn, len + 1);
    if (!out)
        return;
    memcpy(out, row, len);
    out[len] = '\n';
    conn_wrote(conn, len + 1);
    telling->session->result->told++;
}

void result_reply_go_on(struct session *session)
{
    struct conn *conn = &session->client.conn;
    const struct result_reply *reply = session->result;
    struct telling telling = {.session = session, .told = reply->told};
    if (reply->result)
        result_write(reply->result, reply->pairs, tell_row, &telling);
    else
        result_write_hidden(reply->poll, reply->ballots, tell_row, &telling);
    conn_want_writable(conn); /* for the next rows, or for pushes that were held back */
    if (reply->told < telling.rows)
        return;
    conn_end_reply(conn);
    session_reply_number(session, reply->seq, false);
    result_reply_forget(session);
}

int result_reply_begin(struct session *session, struct snapshot *snapshot, bool pairs)
{
    bool hidden = snapshot_is_hidden(snapshot);
    struct result *result = hidden ? NULL : snapshot_result(snapshot);
    struct result_reply *reply = hidden || result ? malloc(sizeof *reply) : NULL;
    if (!reply)
        return ERR_LIMIT;
    *reply = (struct result_reply){
        .poll = snapshot->poll,
        .result = result ? result_ref(result) : NULL,
        .seq = snapshot_result_seq(snapshot),
        .ballots = snapshot->ballots,
        .pairs = pairs,
    };
    session->result = reply;
    conn_begin_reply(&session->client.conn);
    result_reply_go_on(session);
    return 0;
}

void result_reply_forget(struct session *session)
{
    if (session->result)
        result_unref(session->result->result);
    free(session->result);
    session->result = NULL;
}
