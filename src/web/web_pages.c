/* Pages, their files, and the plain routes. On the worker's thread. */
#include "proto/http_value.h"
#include "proto/number.h"
#include "web/asset.h"
#include "web/ballot_json.h"
#include "view/journey_view.h"
#include "ledger/ledger.h"
#include "serve/ballot.h"
#include "view/metrics.h"
#include "web/page.h"
#include "web/template.h"
#include "web/web_document.h"
#include "web/web_guard.h"
#include "web/web_pages.h"
#include "web/web_polls.h"
#include "web/web_reader.h"
#include "web/web_reply.h"
#include "web/web_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VOTER_SIZE = 512, ASSET_NAME_MAX = 64, URL_MAX = 512 };

/* ---- pages ---- */

/* Replies with the page that a page_* function made; `result` is what it returned. */
static enum web_result reply_page(struct web_session *session, int status, struct buffer *body,
                                  int result)
{
    struct web_response response = {
        .status = status, .type = TYPE_HTML, .page = true, .varies_by_kind = true};
    if (result != TEMPLATE_BROKEN)
        return web_reply_buffer(session, &response, body, result != 0);
    buffer_free(body);
    return web_refuse_status(session, 500, "the page can't be made; the log says why");
}

static struct tally *tally_of(const struct web_session *session)
{
    return session->client.worker->server->tally;
}

/* Lists polls from place `from` of all, the open ones before the others, the newest first. Returns
 * the place at which the list ends. Whether a poll is open may change meanwhile, so it is read
 * once: then the poll is listed once. */
static size_t list_polls(struct web_list *list, const struct tally *tally, size_t from)
{
    uint32_t closed[POLLS_MAX];
    size_t closed_count = 0, place = 0;
    for (uint32_t poll = tally_poll_count(tally); poll > 0; poll--)
        if (!tally_is_open(tally, poll))
            closed[closed_count++] = poll;
        else if (place++ >= from && !web_list_add(list, tally, poll))
            return place;
    for (size_t i = 0; i < closed_count; i++)
        if (place++ >= from && !web_list_add(list, tally, closed[i]))
            return place;
    return place;
}

/* The page that lists polls, for its document. */
struct index {
    const struct web_list *list;
    struct page_place place;
    const char *next; /* the query for the next part of the list, or NULL */
};

static int render_index(struct buffer *out, const void *context)
{
    const struct index *index = context;
    const struct page_list list = {index->list->snapshots, index->list->count, index->list->since,
                                   index->next};
    return page_index(out, &index->place, &list);
}

enum web_result web_index(struct web_session *session, const struct web_call *call)
{
    uint64_t from = 0;
    if (!web_read_number(call->request->query, "from", 0, POLLS_MAX, &from))
        return web_refuse(session, ERR_BAD_ARGUMENT, 0, "from is a number from 0");
    struct tally *tally = tally_of(session);
    struct web_list list = {.limit = WEB_LIST_MAX};
    size_t end = list_polls(&list, tally, from);
    bool goes_on = end < tally_poll_count(tally);
    web_list_read(&list, tally);

    char root[WEB_ROOT_SIZE], next[sizeof "?from=" + NUMBER_DIGITS_MAX];
    snprintf(next, sizeof next, "?from=%zu", end);
    const struct index index = {&list, web_place(session, root), goes_on ? next : NULL};
    const struct web_document document = {
        .type = TYPE_HTML,
        .page = true,
        .kept = from == 0 ? WEB_KEPT_INDEX : WEB_KEPT_NONE,
        .seq = web_list_newest(&list),
        .version = web_list_version(&list, tally, goes_on ? end : 0, asset_templates_hash),
        .render = render_index,
        .context = &index,
    };
    enum web_result result = web_reply_document(session, call, &document);
    web_list_release(&list);
    return result;
}

/* Reads a parameter of the query. Returns whether it is there and fits `size` bytes, with its
   NUL. */
static bool read_text(struct span query, const char *wanted, char *text, size_t size)
{
    struct span name, value;
    while (http_next_pair(&query, &name, &value))
        if (span_is(name, wanted))
            return http_decode(value, true, text, size) >= 0;
    return false;
}

/* A final ballot that a browser without a script wants to cast: about which a page asks first. */
struct question {
    bool is_asked;
    int error; /* if no such ballot can be cast, why not: of enum error, with `why` or NULL */
    const char *why;
    char room[MARKS_WHY_SIZE];
    struct marks marks;
    char voter[VOTER_SIZE]; /* as typed: its form is judged when the ballot is cast */
};

/* Reads what a query asks to cast. In a poll that takes no final ballots now it asks for nothing.
 */
static void read_question(const struct web_session *session, struct span query,
                          struct question *question)
{
    const struct poll *poll = session->poll;
    struct ballot_form form;
    *question = (struct question){0};
    if (!read_text(query, "voter", question->voter, sizeof question->voter))
        question->voter[0] = '\0';
    if (poll_setting(poll, SETTING_BALLOTS) != BALLOTS_ONCE ||
        !tally_is_open(tally_of(session), poll->id) ||
        ballot_json_read_form(query, &form, &question->why) != 0 || form.is_empty)
        return;
    question->error =
        ballot_form_marks(&form, poll, &question->marks, question->room, &question->why);
    question->is_asked = question->error == 0 || !form.text[0];
}

static enum web_result reply_poll(struct web_session *session, int status,
                                  const struct page_reader *reader, const struct marks *asked,
                                  const char *voter)
{
    char root[WEB_ROOT_SIZE];
    const struct page_place place = web_place(session, root);
    struct snapshot *snapshot = tally_snapshot(tally_of(session), session->poll->id);
    struct buffer body = {0};
    int result = asked ? page_confirm(&body, &place, snapshot, reader, asked, voter)
                       : page_poll(&body, &place, snapshot, reader);
    snapshot_unref(snapshot);
    return reply_page(session, status, &body, result);
}

enum web_result web_show_page(struct web_session *session, int status,
                              const struct page_reader *reader)
{
    return reply_poll(session, status, reader, NULL, NULL);
}

/* An id for the next ballot, so that it counts once, in a poll where each ballot counts; and where
 * voters are named, so that a form that is sent twice is known as one person's. Otherwise NULL. */
static const char *make_id(const struct web_session *session, struct voter_cookie *random)
{
    if (web_reader_can_look_up(session->poll))
        return NULL;
    voter_cookie_make(&session->client.worker->server->key, random);
    return random->id;
}

void web_show_poll(struct web_session *session, int status, uint32_t value, uint64_t seq)
{
    struct voter_cookie random;
    struct marks marks;
    if (value > 0)
        ballot_marks(session->poll, value, &marks);
    const struct page_reader reader = {
        .own = value > 0 ? &marks : NULL, .seq = seq, .id = make_id(session, &random)};
    (void)web_show_page(session, status, &reader);
}

void web_show_unvoted(struct web_session *session)
{
    const struct page_reader reader = {0};
    struct marks marks;
    if (session->value > 0)
        ballot_marks(session->poll, session->value, &marks);
    (void)reply_poll(session, 200, &reader, session->value > 0 ? &marks : NULL, "");
}

/* Replies to a reader whose ballot is unknown. If each browser is a voter, a browser without a
 * cookie gets one, and its form names the same voter: so a form that is sent twice counts once. */
static enum web_result show_to_stranger(struct web_session *session,
                                        const struct http_request *request,
                                        const struct question *question)
{
    struct voter_cookie random;
    char token[VOTER_COOKIE_TOKEN_CHARS + 1];
    struct page_reader reader = {.id = make_id(session, &random)};
    if (poll_setting(session->poll, SETTING_VOTERS) == VOTERS_CONNECTION)
        web_know_voter(session, request, (struct span){0});
    if (session->sets_cookie) {
        voter_cookie_token(&session->voter, token);
        reader.token = token;
        session->sets_cookie = web_guard_is_navigation(request);
    }
    if (question->is_asked && question->error == 0)
        return reply_poll(session, 200, &reader, &question->marks, question->voter);
    if (!question->is_asked)
        return reply_poll(session, 200, &reader, NULL, NULL);
    reader.filled = &question->marks;
    reader.problem = question->why ? question->why : error_detail((enum error)question->error);
    reader.voter = question->voter;
    return reply_poll(session, error_status((enum error)question->error), &reader, NULL, NULL);
}

/* Whoever has voted is shown his ballot, also where his browser asks to cast a final one; but of a
 * ballot that takes more than a number to keep, until the ledger has answered, the page asks at
 * once, and the ledger judges it when it is cast. */
enum web_result web_poll_page(struct web_session *session, const struct web_call *call)
{
    struct question question;
    const struct poll *poll = web_find_poll(session, call);
    if (!poll)
        return web_refuse(session, ERR_NO_SUCH_POLL, 0, NULL);
    if (web_reader_must_wait(session))
        return WEB_WAITS;
    session->poll = poll;
    read_question(session, call->request->query, &question);
    session->value = question.is_asked ? ballot_value(poll, &question.marks) : 0;
    if (question.is_asked && session->value == 0)
        return show_to_stranger(session, call->request, &question);
    if (web_reader_look_up(session, call->request, WEB_ASKS_PAGE))
        return WEB_ASKED;
    return show_to_stranger(session, call->request, &question);
}

/* The voting page's address as this browser would write it; if the request names no host
 * (HTTP/1.0), with the address at which the connection arrived. */
static void make_url(char url[URL_MAX], const struct web_session *session,
                     const struct http_request *request, const struct poll *poll)
{
    const char *scheme = web_guard_is_https(session, request) ? "https" : "http";
    struct span host = web_guard_asked_host(session, request);
    char text[PEER_TEXT_MAX];
    const union peer local = peer_local(session->client.conn.transport.fd);
    if (!host.at)
        host = (struct span){text, strlen(peer_text(&local, text))};
    snprintf(url, URL_MAX, "%s://%.*s/p/%s", scheme, (int)host.len, host.at, poll->name.text);
}

enum web_result web_screen(struct web_session *session, const struct web_call *call)
{
    const struct poll *poll = web_find_poll(session, call);
    if (!poll)
        return web_refuse(session, ERR_NO_SUCH_POLL, 0, NULL);
    char url[URL_MAX], root[WEB_ROOT_SIZE];
    make_url(url, session, call->request, poll);
    const struct page_place place = web_place(session, root);
    struct snapshot *snapshot = tally_snapshot(tally_of(session), poll->id);
    struct buffer body = {0};
    int result = page_screen(&body, &place, snapshot, url);
    snapshot_unref(snapshot);
    return reply_page(session, 200, &body, result);
}

enum web_result web_journey(struct web_session *session, const struct web_call *call)
{
    (void)call;
    struct journey_view journey;
    journey_look(session->client.worker->server, 0, &journey);
    char root[WEB_ROOT_SIZE];
    const struct page_place place = web_place(session, root);
    struct buffer body = {0};
    return reply_page(session, 200, &body, page_journey(&body, &place, &journey));
}

enum web_result web_asset(struct web_session *session, const struct web_call *call)
{
    char name[ASSET_NAME_MAX];
    const struct http_request *request = call->request;
    const struct asset *asset =
        http_decode(call->name, false, name, sizeof name) > 0 ? asset_find(name) : NULL;
    if (!asset)
        return web_refuse_status(session, 404, "there is no such file");
    bool gzip = http_accepts(request->headers[HTTP_HEADER_ACCEPT_ENCODING], "gzip");
    struct span bytes = gzip ? asset->gzip : asset->plain;
    bool has = http_etag_matches(request->headers[HTTP_HEADER_IF_NONE_MATCH], asset->etag);
    const struct web_response response = {
        .status = has ? 304 : 200,
        .type = asset->type,
        .etag = asset->etag,
        .encoding = gzip ? "gzip" : NULL,
        .cache = "no-cache",
        .varies_by_kind = true,
        .body = bytes.at,
        .len = bytes.len,
    };
    return web_reply(session, &response);
}

/* ---- plain routes ---- */

static enum web_result reply_text(struct web_session *session, int status, const char *text)
{
    const struct web_response response = {
        .status = status, .type = TYPE_TEXT, .body = text, .len = strlen(text)};
    return web_reply(session, &response);
}

enum web_result web_hello(struct web_session *session, const struct web_call *call)
{
    (void)call;
    return reply_text(session, 200, "Hello from tallycast.\n");
}

enum web_result web_about(struct web_session *session, const struct web_call *call)
{
    (void)call;
    return reply_text(session, 200, "tallycast " PACKAGE_VERSION "\nprotocol 1\n");
}

enum web_result web_healthz(struct web_session *session, const struct web_call *call)
{
    (void)call;
    return reply_text(session, 200, "alive\n");
}

/* A server that answers at all has loaded its ledger. */
enum web_result web_readyz(struct web_session *session, const struct web_call *call)
{
    (void)call;
    if (!ledger_is_writable(session->client.worker->server->ledger))
        return web_refuse(session, ERR_STORAGE, 0, "the database took nothing the last time");
    return reply_text(session, 200, "ready\n");
}

enum web_result web_metrics(struct web_session *session, const struct web_call *call)
{
    (void)call;
    struct buffer body = {0};
    struct web_response response = {.status = 200, .type = METRICS_TYPE};
    bool failed = metrics_append(&body, session->client.worker->server) != 0;
    return web_reply_buffer(session, &response, &body, failed);
}
