/* Polls as JSON, and ballots. On the worker's thread. */
#include "web/web_internal.h"

#include "serve/ballot.h"
#include "web/ballot_json.h"
#include "json/json.h"
#include "web/page.h"
#include "json/poll_json.h"
#include "web/problem.h"
#include "tally/tally.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_CHARS = 20, UNKNOWN_TYPE = 1, LIST_CHOICES = 1000 };

/* ---- reading ---- */

const struct poll *exchange_find_poll(struct exchange *exchange, const struct call *call)
{
    char text[PROTO_NAME_MAX + 1];
    struct name name;
    int len = http_decode(call->name, false, text, sizeof text);
    if (len < 0 || !name_parse(text, (size_t)len, &name))
        return NULL;
    return worker_find_poll(exchange->client.worker, &name);
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
static enum route_result reply_json(struct exchange *exchange, const struct call *call,
                                    json_t *json, uint64_t seq)
{
    struct buffer body = {0};
    char etag[ETAG_MAX];
    struct response response = {
        .status = 200, .type = TYPE_JSON, .etag = etag, .cache = "no-cache"};
    bool failed = json_append_new(&body, json) != 0;
    if (!failed) {
        make_etag(etag, seq, &body);
        if (http_etag_matches(call->request->headers[HTTP_HEADER_IF_NONE_MATCH], etag))
            response.status = 304;
    }
    return exchange_reply_buffer(exchange, &response, &body, failed);
}

json_t *exchange_read_poll(struct exchange *exchange, uint32_t id, uint64_t *seq)
{
    struct poll_texts *texts;
    struct snapshot *snapshot = tally_snapshot(exchange->client.worker->server->tally, id, &texts);
    json_t *json = poll_json(snapshot, texts);
    *seq = snapshot->seq;
    snapshot_unref(snapshot);
    poll_texts_unref(texts);
    return json;
}

enum route_result exchange_poll(struct exchange *exchange, const struct call *call)
{
    const struct poll *poll = exchange_find_poll(exchange, call);
    if (!poll)
        return exchange_refuse(exchange, ERR_NO_SUCH_POLL, 0, NULL);
    uint64_t seq;
    json_t *json = exchange_read_poll(exchange, poll->id, &seq);
    return reply_json(exchange, call, json, seq);
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

bool exchange_read_range(const struct call *call, uint64_t *after, uint64_t *limit)
{
    *after = 0;
    *limit = EXCHANGE_POLLS_MAX;
    return read_number(call->request->query, "after", 0, POLLS_MAX, after) &&
           read_number(call->request->query, "limit", 1, EXCHANGE_POLLS_MAX, limit);
}

static size_t choice_count(const json_t *poll)
{
    return json_array_size(json_object_get(poll, "choices"));
}

/* Adds the polls after the one with the id *after, which becomes that of the last one: up to
 * `limit`, and fewer where they have many choices, for others wait while the list is made. Returns
 * 0, or -1 if memory is short. */
static int add_polls(struct exchange *exchange, json_t *polls, uint64_t *after, uint64_t limit,
                     uint64_t *newest)
{
    uint32_t count = worker_know_polls(exchange->client.worker);
    size_t choices = 0;
    while (*after < count && json_array_size(polls) < limit && choices < LIST_CHOICES) {
        uint64_t seq;
        json_t *poll = exchange_read_poll(exchange, (uint32_t)++ * after, &seq);
        choices += choice_count(poll);
        if (json_array_append_new(polls, poll) != 0)
            return -1;
        if (seq > *newest)
            *newest = seq;
    }
    return 0;
}

/* Where the list goes on after the poll with this id, or null. */
static json_t *next_page(struct exchange *exchange, uint64_t after, uint64_t limit)
{
    if (after >= worker_know_polls(exchange->client.worker))
        return json_null();
    return json_sprintf("/polls?after=%" PRIu64 "&limit=%" PRIu64, after, limit);
}

json_t *exchange_list(struct exchange *exchange, uint64_t after, uint64_t limit, uint64_t *newest)
{
    *newest = 0;
    json_t *polls = json_array();
    if (!polls || add_polls(exchange, polls, &after, limit, newest) != 0) {
        json_decref(polls);
        return NULL;
    }
    return json_pack("{s:o, s:o}", "polls", polls, "next", next_page(exchange, after, limit));
}

enum route_result exchange_polls(struct exchange *exchange, const struct call *call)
{
    uint64_t after, limit, newest;
    if (!exchange_read_range(call, &after, &limit))
        return exchange_refuse(exchange, ERR_BAD_ARGUMENT, 0, EXCHANGE_RANGE_RULE);
    json_t *list = exchange_list(exchange, after, limit, &newest);
    return reply_json(exchange, call, list, newest);
}

/* ---- voting ---- */

/* Reads the body by its type. Returns 0, an enum error, or UNKNOWN_TYPE. */
static int read_ballot(struct exchange *exchange, const struct http_request *request,
                       struct ballot_form *form, const char **why)
{
    struct span type = request->headers[HTTP_HEADER_CONTENT_TYPE];
    bool is_form = http_type_is(type, "application/x-www-form-urlencoded");
    exchange->html &= is_form;
    if (is_form)
        return ballot_json_read_form(request->body, form, why);
    if (http_type_is(type, "application/json"))
        return ballot_json_read(request->body, form, why);
    return UNKNOWN_TYPE;
}

void exchange_know_voter(struct exchange *exchange, const struct http_request *request)
{
    const struct voter_key *key = &exchange->client.worker->server->key;
    struct span cookie;
    if (http_cookie(request->headers[HTTP_HEADER_COOKIE], WEB_VOTER_COOKIE, &cookie) &&
        web_voter_read(key, cookie, &exchange->voter))
        return;
    web_voter_make(key, &exchange->voter);
    exchange->sets_cookie = true;
}

/* The browser's own words in a poll where each connection is a voter: its cookie's, or those of a
 * cookie that it is given now. */
static struct span browser_words(struct exchange *exchange, const struct http_request *request,
                                 char text[BALLOT_VOTER_MAX])
{
    exchange_know_voter(exchange, request);
    return (struct span){text, web_voter_text(&exchange->voter, text)};
}

/* Sends the ballot. Returns 0 or an enum error. */
static int cast(struct exchange *exchange, const struct http_request *request,
                const struct poll *poll, const struct ballot_form *form, const char **why)
{
    _Static_assert((int)WEB_VOTER_TEXT_SIZE <= (int)BALLOT_VOTER_MAX, "a browser's words fit");
    char text[BALLOT_VOTER_MAX];
    int choice = poll_choice_find(poll, &form->choice);
    if (choice < 0)
        return ERR_NO_SUCH_CHOICE;
    struct span voter = {form->voter[0] ? form->voter : NULL, strlen(form->voter)};
    int error = ballot_check_voter(poll, voter);
    if (error == ERR_BAD_ARGUMENT)
        *why = "voter is for polls with voters=named";
    if (error != 0)
        return error;
    if (poll_setting(poll, SETTING_VOTERS) == VOTERS_ADDRESS) {
        voter = (struct span){text, exchange_address(exchange, request, text)};
        if (voter.len == 0) {
            *why = "the proxy does not say who asks";
            return ERR_BAD_ARGUMENT;
        }
    } else if (!voter.at) {
        voter = browser_words(exchange, request, text);
    }
    exchange->poll = poll->id;
    exchange->choice = (uint16_t)choice;
    const struct ballot ballot = {
        .poll = poll,
        .choice = (unsigned)choice,
        .voter = voter,
        .key = {form->id[0] ? form->id : NULL, strlen(form->id)},
    };
    return ballot_send(&exchange->client, &ballot);
}

static enum route_result refuse_ballot(struct exchange *exchange, int error, const char *why)
{
    counter_add(&exchange->client.worker->counters.refused_here, 1);
    return exchange_refuse(exchange, (enum error)error, 0, why);
}

enum route_result exchange_vote(struct exchange *exchange, const struct call *call)
{
    const struct http_request *request = call->request;
    struct worker *worker = exchange->client.worker;
    struct ballot_form form;
    const char *why = NULL;
    if (!exchange_is_own_origin(request))
        return exchange_refuse_status(exchange, 403, "a page of another site may not vote here");
    if (!request->body.at)
        return exchange_refuse_status(exchange, 411, "a ballot has a body");
    int error = read_ballot(exchange, request, &form, &why);
    if (error == UNKNOWN_TYPE)
        return exchange_refuse_status(
            exchange, 415, "a ballot is application/json or application/x-www-form-urlencoded");
    if (error != 0)
        return refuse_ballot(exchange, error, why);
    const struct poll *poll = exchange_find_poll(exchange, call);
    if (!poll)
        return exchange_refuse(exchange, ERR_NO_SUCH_POLL, 0, NULL);
    if (worker_ring_is_full(worker)) {
        worker_wait(worker, &exchange->client.conn);
        conn_pause(&exchange->client.conn);
        return ROUTE_WAITS;
    }
    error = cast(exchange, request, poll, &form, &why);
    return error == 0 ? ROUTE_ASKED : refuse_ballot(exchange, error, why);
}

/* ---- the ledger's answer ---- */

const struct poll *exchange_poll_of_ballot(const struct exchange *exchange)
{
    struct snapshot *snapshot =
        tally_snapshot(exchange->client.worker->server->tally, exchange->poll, NULL);
    const struct poll *poll = snapshot->poll; /* which stays as long as the process */
    snapshot_unref(snapshot);
    return poll;
}

static void reply_recorded(struct exchange *exchange, const struct answer *answer,
                           const struct poll *poll)
{
    char location[sizeof "/p/" + PROTO_NAME_MAX + sizeof "?voted=" + PROTO_NAME_MAX];
    char body[sizeof "{\"seq\":,\"duplicate\":false}" + NUMBER_CHARS];
    struct response response = {.status = 201, .type = TYPE_JSON, .location = location};
    if (exchange->html) {
        response = (struct response){.status = 303, .location = location};
        snprintf(location, sizeof location, "/p/%s?voted=%s", poll->name.text,
                 poll->choices[exchange->choice].text);
    } else {
        snprintf(location, sizeof location, "/polls/%s", poll->name.text);
        response.body = body;
        response.len = (size_t)snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"duplicate\":%s}",
                                        answer->number, answer->duplicate ? "true" : "false");
    }
    exchange_reply(exchange, &response);
}

void exchange_voted(struct exchange *exchange, const struct answer *answer)
{
    if (answer->error)
        exchange_refuse(exchange, (enum error)answer->error, answer->number, NULL);
    else
        reply_recorded(exchange, answer, exchange_poll_of_ballot(exchange));
}
