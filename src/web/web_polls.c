/* Polls as JSON. On the worker's thread. */
#include "web/web_polls.h"

#include "json/poll_json.h"
#include "proto/http_value.h"
#include "tally/tally.h"
#include "web/web_reply.h"
#include "proto/number.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { ETAG_MAX = 64, POLLS_IN_LIST_MAX = 100, CHOICES_IN_LIST_MAX = 1000 };

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

/* Replies with JSON that a reader may keep and ask after. Takes over `json`, which is NULL if
 * memory was short. */
static enum web_result reply_json(struct web_session *session, const struct web_call *call,
                                  json_t *json, uint64_t seq)
{
    struct buffer body = {0};
    char etag[ETAG_MAX];
    struct web_response response = {
        .status = 200, .type = TYPE_JSON, .etag = etag, .cache = "no-cache"};
    bool failed = json_append_new(&body, json) != 0;
    if (!failed) {
        make_etag(etag, seq, &body);
        if (http_etag_matches(call->request->headers[HTTP_HEADER_IF_NONE_MATCH], etag))
            response.status = 304;
    }
    return web_reply_buffer(session, &response, &body, failed);
}

json_t *web_read_poll(struct web_session *session, uint32_t id, uint64_t *seq)
{
    struct poll_texts *texts;
    struct snapshot *snapshot = tally_snapshot(session->client.worker->server->tally, id, &texts);
    json_t *json = poll_json(snapshot, texts);
    *seq = snapshot->seq;
    snapshot_unref(snapshot);
    poll_texts_unref(texts);
    return json;
}

enum web_result web_poll(struct web_session *session, const struct web_call *call)
{
    const struct poll *poll = web_find_poll(session, call);
    if (!poll)
        return web_refuse(session, ERR_NO_SUCH_POLL, 0, NULL);
    uint64_t seq;
    json_t *json = web_read_poll(session, poll->id, &seq);
    return reply_json(session, call, json, seq);
}

/* Reads a number of the query. Returns whether it is fine, or absent. */
static bool read_number(struct span query, const char *wanted, uint64_t least, uint64_t most,
                        uint64_t *number)
{
    struct span name, value;
    while (http_next_pair(&query, &name, &value)) {
        if (name.len != strlen(wanted) || memcmp(name.at, wanted, name.len) != 0)
            continue;
        if (!number_parse(value.at, value.len, most, number) || *number < least)
            return false;
    }
    return true;
}

bool web_read_range(const struct web_call *call, uint64_t *after, uint64_t *limit)
{
    *after = 0;
    *limit = POLLS_IN_LIST_MAX;
    return read_number(call->request->query, "after", 0, POLLS_MAX, after) &&
           read_number(call->request->query, "limit", 1, POLLS_IN_LIST_MAX, limit);
}

static size_t choice_count(const json_t *poll)
{
    return json_array_size(json_object_get(poll, "choices"));
}

/* Adds the polls after the one with the id *after, which becomes that of the last one: up to
 * `limit`, and fewer where they have many choices, for others wait while the list is made. Returns
 * 0, or -1 if memory is short. */
static int add_polls(struct web_session *session, json_t *polls, uint64_t *after, uint64_t limit,
                     uint64_t *newest)
{
    uint32_t count = worker_know_polls(session->client.worker);
    size_t choices = 0;
    while (*after < count && json_array_size(polls) < limit && choices < CHOICES_IN_LIST_MAX) {
        uint64_t seq;
        json_t *poll = web_read_poll(session, (uint32_t)++ * after, &seq);
        choices += choice_count(poll);
        if (json_array_append_new(polls, poll) != 0)
            return -1;
        if (seq > *newest)
            *newest = seq;
    }
    return 0;
}

/* Where the list goes on after the poll with this id, or null. */
static json_t *next_page(struct web_session *session, uint64_t after, uint64_t limit)
{
    if (after >= worker_know_polls(session->client.worker))
        return json_null();
    return json_sprintf("/polls?after=%" PRIu64 "&limit=%" PRIu64, after, limit);
}

json_t *web_list(struct web_session *session, uint64_t after, uint64_t limit, uint64_t *newest)
{
    *newest = 0;
    json_t *polls = json_array();
    if (!polls || add_polls(session, polls, &after, limit, newest) != 0) {
        json_decref(polls);
        return NULL;
    }
    return json_pack("{s:o, s:o}", "polls", polls, "next", next_page(session, after, limit));
}

enum web_result web_polls(struct web_session *session, const struct web_call *call)
{
    uint64_t after, limit, newest;
    if (!web_read_range(call, &after, &limit))
        return web_refuse(session, ERR_BAD_ARGUMENT, 0, WEB_RANGE_RULE);
    json_t *list = web_list(session, after, limit, &newest);
    return reply_json(session, call, list, newest);
}
