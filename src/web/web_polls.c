/* Polls as JSON. On the worker's thread. */
#include "web/web_polls.h"

#include "json/poll_json.h"
#include "proto/http_value.h"
#include "proto/number.h"
#include "tally/tally.h"
#include "web/web_reply.h"
#include "proto/number.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { ETAG_MAX = 64, CHOICES_IN_LIST_MAX = 1000 };

const struct poll *web_find_poll(struct web_session *session, const struct web_call *call)
{
    char text[PROTO_NAME_MAX + 1];
    struct name name;
    int len = http_decode(call->name, false, text, sizeof text);
    if (len < 0 || !name_parse(text, (size_t)len, &name))
        return NULL;
    return worker_find_poll(session->client.worker, &name);
}

/* `"SEQ-HASH"`: titles and labels change without an entry that changes the tally. */
static void make_etag(char etag[ETAG_MAX], uint64_t seq, const struct buffer *body)
{
    static const unsigned char no_key[crypto_shorthash_KEYBYTES];
    unsigned char hash[crypto_shorthash_BYTES];
    char digits[2 * sizeof hash + 1];
    crypto_shorthash(hash, (const unsigned char *)body->bytes, body->len, no_key);
    snprintf(etag, ETAG_MAX, "\"%" PRIu64 "-%s\"", seq,
             sodium_bin2hex(digits, sizeof digits, hash, sizeof hash));
}

/* Replies with JSON that a reader may keep and ask after. `failed` says that memory was short. */
static enum web_result reply_json(struct web_session *session, const struct web_call *call,
                                  struct buffer *body, bool failed, uint64_t seq)
{
    char etag[ETAG_MAX];
    struct web_response response = {
        .status = 200, .type = TYPE_JSON, .etag = etag, .cache = "no-cache"};
    if (!failed) {
        make_etag(etag, seq, body);
        if (http_etag_matches(call->request->headers[HTTP_HEADER_IF_NONE_MATCH], etag))
            response.status = 304;
    }
    return web_reply_buffer(session, &response, body, failed);
}

enum web_result web_poll(struct web_session *session, const struct web_call *call)
{
    const struct poll *poll = web_find_poll(session, call);
    if (!poll)
        return web_refuse(session, ERR_NO_SUCH_POLL, 0, NULL);
    struct tally *tally = session->client.worker->server->tally;
    struct snapshot *snapshot = tally_snapshot(tally, poll->id);
    struct buffer body = {0};
    struct json_writer json = json_write_begin(&body);
    poll_json_write(&json, snapshot, tally_ledger(tally));
    bool failed = json_write_finish(&json) != 0;
    enum web_result result = reply_json(session, call, &body, failed, snapshot->seq);
    snapshot_unref(snapshot);
    return result;
}

/* ---- lists ---- */

bool web_read_number(struct span query, const char *wanted, uint64_t least, uint64_t most,
                     uint64_t *number)
{
    struct span name, value;
    while (http_next_pair(&query, &name, &value)) {
        if (!span_is(name, wanted))
            continue;
        if (!number_parse(value.at, value.len, most, number) || *number < least)
            return false;
    }
    return true;
}

bool web_list_add(struct web_list *list, const struct tally *tally, uint32_t poll)
{
    list->polls[list->count++] = poll;
    list->choices += tally_poll(tally, poll)->choice_count;
    return list->count < list->limit && list->choices < CHOICES_IN_LIST_MAX;
}

void web_list_read(struct web_list *list, struct tally *tally)
{
    tally_snapshots(tally, list->polls, list->count, list->snapshots);
}

void web_list_release(struct web_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        snapshot_unref(list->snapshots[i]);
}

static uint64_t newest(const struct web_list *list)
{
    uint64_t seq = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->snapshots[i]->seq > seq)
            seq = list->snapshots[i]->seq;
    return seq;
}

/* `next` is the path where the list goes on, or NULL. */
static int list_append(struct buffer *out, const struct web_list *list, const char *ledger,
                       const char *next)
{
    struct json_writer json = json_write_begin(out);
    json_write_open(&json, '{');
    json_write_name(&json, "ledger");
    json_write_string(&json, ledger);
    json_write_name(&json, "polls");
    json_write_open(&json, '[');
    for (size_t i = 0; i < list->count; i++)
        poll_json_write(&json, list->snapshots[i], ledger);
    json_write_close(&json, ']');
    json_write_name(&json, "next");
    if (next)
        json_write_string(&json, next);
    else
        json_write_null(&json);
    json_write_close(&json, '}');
    return json_write_finish(&json);
}

enum web_result web_polls(struct web_session *session, const struct web_call *call)
{
    struct tally *tally = session->client.worker->server->tally;
    uint64_t after = 0, limit = WEB_LIST_MAX;
    if (!web_read_number(call->request->query, "after", 0, POLLS_MAX, &after) ||
        !web_read_number(call->request->query, "limit", 1, WEB_LIST_MAX, &limit))
        return web_refuse(session, ERR_BAD_ARGUMENT, 0,
                          "after is a number from 0, and limit one from 1 to 100");
    struct web_list list = {.limit = limit};
    const uint32_t count = tally_poll_count(tally);
    while (after < count && web_list_add(&list, tally, (uint32_t)++after))
        ;
    web_list_read(&list, tally);

    char next[sizeof "/polls?after=&limit=" + 2 * NUMBER_DIGITS_MAX];
    snprintf(next, sizeof next, "/polls?after=%" PRIu64 "&limit=%" PRIu64, after, limit);
    struct buffer body = {0};
    bool failed = list_append(&body, &list, tally_ledger(tally), after < count ? next : NULL) != 0;
    enum web_result result = reply_json(session, call, &body, failed, newest(&list));
    web_list_release(&list);
    return result;
}
