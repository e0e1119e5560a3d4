/* Ballots over HTTP: a body → a request to the ledger, and its answer → a reply. On the worker's
 * thread. */
#include "web/web_vote.h"

#include "poll/poll.h"
#include "proto/http_value.h"
#include "serve/ballot.h"
#include "web/ballot_json.h"
#include "web/web_guard.h"
#include "web/web_polls.h"
#include "web/web_reply.h"
#include "web/web_route.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_CHARS = 20, UNKNOWN_TYPE = 1 };

/* Reads the body by its type. Returns 0, an enum error, or UNKNOWN_TYPE. */
static int read_ballot(struct web_session *session, const struct http_request *request,
                       struct ballot_form *form, const char **why)
{
    struct span type = request->headers[HTTP_HEADER_CONTENT_TYPE];
    bool is_form = http_type_is(type, "application/x-www-form-urlencoded");
    session->html &= is_form;
    if (is_form)
        return ballot_json_read_form(request->body, form, why);
    if (http_type_is(type, "application/json"))
        return ballot_json_read(request->body, form, why);
    return UNKNOWN_TYPE;
}

/* Whether one of the browser's cookies of that name is this server's; then the voter is its. */
static bool has_cookie(struct web_session *session, const struct http_request *request,
                       const char *name)
{
    const struct voter_key *key = &session->client.worker->server->key;
    struct span line = {0}, cookie;
    while (http_next_line(request, HTTP_HEADER_COOKIE, &line))
        for (struct span rest = line; http_next_cookie(&rest, name, &cookie);)
            if (voter_cookie_read(key, cookie, &session->voter))
                return true;
    return false;
}

static bool has_own_cookie(struct web_session *session, const struct http_request *request)
{
    return has_cookie(session, request, VOTER_COOKIE_HTTPS_NAME) ||
           has_cookie(session, request, VOTER_COOKIE_NAME);
}

/* Whether the browser has shown whose it is: by a cookie, or by the token of its form. */
static bool has_shown(struct web_session *session, const struct http_request *request,
                      struct span token)
{
    return has_own_cookie(session, request) ||
           voter_cookie_read(&session->client.worker->server->key, token, &session->voter);
}

void web_know_voter(struct web_session *session, const struct http_request *request,
                    struct span token)
{
    const struct voter_key *key = &session->client.worker->server->key;
    if (has_own_cookie(session, request))
        return;
    session->sets_cookie = true;
    if (!token.at || !voter_cookie_read(key, token, &session->voter))
        voter_cookie_make(key, &session->voter);
}

/* Who casts a ballot over HTTP. */
struct asker {
    struct web_session *session;
    const struct http_request *request;
    const struct ballot_form *form;
};

static size_t address_words(void *context, char words[IDENTITY_WORDS_MAX])
{
    const struct asker *asker = context;
    return web_guard_address(asker->session, asker->request, words);
}

/* The words of the browser's cookie, or of the one that it is given now. */
static size_t browser_words(void *context, char words[IDENTITY_WORDS_MAX])
{
    _Static_assert((int)VOTER_COOKIE_WORDS_SIZE <= (int)IDENTITY_WORDS_MAX, "they fit");
    const struct asker *asker = context;
    const char *token = asker->form->token;
    web_know_voter(asker->session, asker->request, (struct span){token, strlen(token)});
    return voter_cookie_words(&asker->session->voter, words);
}

/* Of a browser without a cookie it is the connection: nobody is given one who needs none. */
static size_t shown_words(void *context, char words[IDENTITY_WORDS_MAX])
{
    const struct asker *asker = context;
    const char *token = asker->form->token;
    return has_shown(asker->session, asker->request, (struct span){token, strlen(token)})
               ? voter_cookie_words(&asker->session->voter, words)
               : client_own_words(&asker->session->client, words);
}

/* Sends the ballot. Returns 0 or an enum error. */
static int cast(struct web_session *session, const struct http_request *request,
                const struct poll *poll, const struct ballot_form *form, const char **why)
{
    static const struct claim_source source = {address_words, browser_words, shown_words};
    int choice = poll_choice_find(poll, &form->choice);
    if (choice < 0)
        return ERR_NO_SUCH_CHOICE;
    session->poll = poll;
    struct asker asker = {session, request, form};
    const struct claim claim = {
        .name = {form->voter[0] ? form->voter : NULL, strlen(form->voter)},
        .source = &source,
        .asker = &asker,
    };
    const struct ballot ballot = {
        .poll = poll,
        .choice = (unsigned)choice,
        .claim = &claim,
        .key = {form->id[0] ? form->id : NULL, strlen(form->id)},
    };
    return ballot_send(&session->client, &ballot, why);
}

static enum web_result refuse_ballot(struct web_session *session, int error, const char *why)
{
    counter_add(&session->client.worker->counters.refused_here, 1);
    return web_refuse(session, (enum error)error, 0, why);
}

static enum web_result refuse_origin(struct web_session *session,
                                     const struct http_request *request)
{
    char text[WEB_GUARD_TEXT_MAX];
    web_guard_describe_origin(session, request, text);
    return web_refuse_status(session, 403, text);
}

enum web_result web_vote(struct web_session *session, const struct web_call *call)
{
    const struct http_request *request = call->request;
    struct worker *worker = session->client.worker;
    struct ballot_form form;
    const char *why = NULL;
    if (!web_guard_is_own_origin(session, request))
        return refuse_origin(session, request);
    if (!request->body.at)
        return web_refuse_status(session, 411, "a ballot has a body");
    int error = read_ballot(session, request, &form, &why);
    if (error == UNKNOWN_TYPE)
        return web_refuse_status(
            session, 415, "a ballot is application/json or application/x-www-form-urlencoded");
    if (error != 0)
        return refuse_ballot(session, error, why);
    const struct poll *poll = web_find_poll(session, call);
    if (!poll)
        return web_refuse(session, ERR_NO_SUCH_POLL, 0, NULL);
    if (worker_ring_is_full(worker)) {
        worker_wait(worker, &session->client);
        conn_pause(&session->client.conn);
        return WEB_WAITS;
    }
    error = cast(session, request, poll, &form, &why);
    return error == 0 ? WEB_ASKED : refuse_ballot(session, error, why);
}

/* ---- the ledger's answer ---- */

static void reply_recorded(struct web_session *session, const struct answer *answer,
                           const struct poll *poll)
{
    char location[sizeof "../../p/" + PROTO_NAME_MAX];
    char body[sizeof "{\"seq\":,\"duplicate\":false}" + NUMBER_CHARS];
    struct web_response response = {.status = 201, .type = TYPE_JSON, .location = location};
    if (session->html) {
        response = (struct web_response){.status = 303, .location = location};
        snprintf(location, sizeof location, "../../p/%s", poll->name.text);
    } else {
        snprintf(location, sizeof location, "/polls/%s", poll->name.text);
        response.body = body;
        response.len = (size_t)snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"duplicate\":%s}",
                                        answer->number, answer->duplicate ? "true" : "false");
    }
    web_reply(session, &response);
}

void web_voted(struct web_session *session, const struct answer *answer)
{
    if (answer->error)
        web_refuse(session, (enum error)answer->error, answer->number,
                   answer->error == ERR_ALREADY_VOTED && answer->number == 0 ? ALREADY_VOTED_UNTOLD
                                                                             : NULL);
    else
        reply_recorded(session, answer, session->poll);
}
