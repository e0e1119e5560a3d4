/* Results as JSON. On the worker's thread.
 *
 * A result that must still be counted is waited for: the ledger answers when it may be told. */
#include "web/web_result.h"

#include "json/result_json.h"
#include "web/template.h"
#include "web/web_call.h"
#include "web/web_document.h"
#include "web/web_polls.h"
#include "web/web_reader.h"
#include "web/web_reply.h"

/* A result, for its document. */
struct subject {
    struct snapshot *snapshot;
    const char *ledger;
    bool pairs;
};

static int render_result(struct buffer *out, const void *context)
{
    const struct subject *subject = context;
    struct json_writer json = json_write_begin(out);
    result_json_write(&json, subject->snapshot, subject->ledger, subject->pairs);
    return json_write_finish(&json) == 0 ? 0 : TEMPLATE_NO_MEMORY;
}

/* `call` is NULL if the request has waited, and is gone. */
static enum web_result reply(struct web_session *session, const struct web_call *call,
                             struct snapshot *snapshot, bool pairs)
{
    const struct tally *tally = session->client.worker->server->tally;
    const struct subject subject = {snapshot, tally_ledger(tally), pairs};
    const uint64_t parts[] = {snapshot_result_seq(snapshot), snapshot_is_hidden(snapshot), pairs};
    const struct web_document document = {
        .type = TYPE_JSON,
        .seq = parts[0],
        .version = web_version(tally, parts, sizeof parts / sizeof parts[0]),
        .render = render_result,
        .context = &subject,
    };
    return web_reply_document(session, call, &document);
}

static enum web_result await_result(struct web_session *session, const struct poll *poll,
                                    bool pairs)
{
    if (web_reader_must_wait(session))
        return WEB_WAITS;
    int error = client_await_result(&session->client, poll, pairs);
    if (error != 0)
        return web_refuse(session, (enum error)error, 0, NULL);
    session->poll = poll;
    session->asks = WEB_ASKS_RESULT;
    return WEB_ASKED;
}

enum web_result web_poll_result(struct web_session *session, const struct web_call *call)
{
    bool pairs = false;
    const struct poll *poll = web_find_poll(session, call);
    if (!poll)
        return web_refuse(session, ERR_NO_SUCH_POLL, 0, NULL);
    if (!web_read_flag(call->request->query, "pairs", &pairs))
        return web_refuse(session, ERR_BAD_ARGUMENT, 0, "pairs is yes or no");
    struct snapshot *snapshot = tally_snapshot(session->client.worker->server->tally, poll->id);
    enum web_result result = snapshot_owes_result(snapshot) ? await_result(session, poll, pairs)
                                                            : reply(session, call, snapshot, pairs);
    snapshot_unref(snapshot);
    return result;
}

void web_tell_result(struct web_session *session, const struct answer *answer)
{
    if (answer->error) {
        web_refuse(session, (enum error)answer->error, 0, NULL);
        return;
    }
    struct snapshot *snapshot =
        tally_snapshot(session->client.worker->server->tally, session->poll->id);
    reply(session, NULL, snapshot, answer->value != 0);
    snapshot_unref(snapshot);
}
