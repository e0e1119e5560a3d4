/* Ballots over HTTP: a body → a request to the ledger, and its answers → replies. On the worker's
 * thread. */
#include "web/web_vote.h"

#include "count/count.h"
#include "poll/poll.h"
#include "json/json_write.h"
#include "proto/entry.h"
#include "proto/http_value.h"
#include "proto/number.h"
#include "serve/ballot.h"
#include "web/ballot_json.h"
#include "web/web_guard.h"
#include "web/web_pages.h"
#include "web/web_polls.h"
#include "web/web_reader.h"
#include "web/web_reply.h"
#include "web/web_result.h"
#include "web/web_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { UNKNOWN_TYPE = 1, REFUSAL_SIZE = 256 };

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

/* Sends the ballot. Returns 0 or an enum error. */
static int cast(struct web_session *session, const struct http_request *request,
                const struct marks *marks, const struct ballot_form *form, const char **why)
{
    session->asks = WEB_ASKS_VOTE;
    struct web_asker asker = {session, request, {form->token, strlen(form->token)}};
    struct claim claim = web_reader_claim(&asker);
    claim.name = (struct span){form->voter.len > 0 ? form->voter.text : NULL, form->voter.len};
    struct ballot ballot = {
        .poll = session->poll,
        .claim = &claim,
        .key = {form->id[0] ? form->id : NULL, strlen(form->id)},
        .has_after = form->has_after,
        .after = form->after,
    };
    ballot_take(&ballot, marks);
    return ballot_send(&session->client, &ballot, why);
}

static enum web_result refuse_ballot(struct web_session *session, int error, const char *why)
{
    counter_add(&session->client.worker->counters.refused_here, 1);
    return web_refuse(session, (enum error)error, 0, why);
}

/* Shows a form that was refused once more, as it was filled in, with the reason. */
static enum web_result show_again(struct web_session *session, const struct ballot_form *form,
                                  const struct marks *marks, const char *why)
{
    char voter[PROTO_VOTER_MAX + 1];
    const struct page_reader reader = {
        .filled = marks,
        .problem = why,
        .voter = voter,
        .token = form->token,
        .id = form->id,
    };
    snprintf(voter, sizeof voter, "%.*s", (int)form->voter.len, form->voter.text);
    counter_add(&session->client.worker->counters.refused_here, 1);
    return web_show_page(session, error_status(ERR_BAD_BALLOT), &reader);
}

static enum web_result refuse_origin(struct web_session *session,
                                     const struct http_request *request)
{
    char text[WEB_GUARD_TEXT_MAX];
    web_guard_describe_origin(session, request, text);
    const struct web_refusal refusal = {.status = 403, .code = "OTHER-SITE", .detail = text};
    return web_refuse_as(session, &refusal);
}

enum web_result web_vote(struct web_session *session, const struct web_call *call)
{
    const struct http_request *request = call->request;
    struct ballot_form form;
    struct marks marks;
    char room[MARKS_WHY_SIZE];
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
    if (web_reader_must_wait(session))
        return WEB_WAITS;
    session->poll = poll;
    error = ballot_form_marks(&form, poll, &marks, room, &why);
    if (error != 0 && session->html && !form.text[0] &&
        poll_setting(poll, SETTING_KIND) != KIND_SINGLE)
        return show_again(session, &form, &marks, why ? why : error_detail((enum error)error));
    if (error == 0)
        error = cast(session, request, &marks, &form, &why);
    return error == 0 ? WEB_ASKED : refuse_ballot(session, error, why);
}

/* ---- the ledger's answer ---- */

/* A browser is redirected to the poll's page, which shows the ballot if the ledger can tell whose
 * it is. Otherwise the answer itself is the page: an address that says that a ballot is recorded
 * would say so to everyone. */
static void show_recorded(struct web_session *session, const struct answer *answer)
{
    const struct poll *poll = session->poll;
    if (!web_reader_can_look_up(poll)) {
        web_show_poll(session, 201, answer->value, 0);
        return;
    }
    char location[sizeof "../../p/" + PROTO_NAME_MAX];
    snprintf(location, sizeof location, "../../p/%s", poll->name.text);
    const struct web_response response = {.status = 303, .location = location};
    web_reply(session, &response);
}

static void tell_recorded(struct web_session *session, const struct answer *answer)
{
    char location[sizeof "../" + PROTO_NAME_MAX];
    char body[sizeof "{\"seq\":,\"duplicate\":false}" + NUMBER_DIGITS_MAX];
    snprintf(location, sizeof location, "../%s", session->poll->name.text);
    int len = snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"duplicate\":%s}", answer->number,
                       answer->duplicate ? "true" : "false");
    const struct web_response response = {
        .status = 201, .type = TYPE_JSON, .location = location, .body = body, .len = (size_t)len};
    web_reply(session, &response);
}

/* The text of a refusal for a person; NULL stands for the error's own. `text` is room for it. */
static const char *describe_refusal(const struct web_session *session, const struct answer *answer,
                                    char text[REFUSAL_SIZE])
{
    if (answer->error != ERR_ALREADY_VOTED)
        return NULL;
    if (answer->number == 0)
        return ALREADY_VOTED_UNTOLD;
    if (!session->html)
        return NULL;
    if (answer->value == VALUE_ABSTAIN)
        return "Your abstention was recorded first";
    if (poll_setting(session->poll, SETTING_KIND) != KIND_SINGLE)
        return "Another ballot of yours was recorded first";
    struct snapshot *snapshot =
        tally_snapshot(session->client.worker->server->tally, session->poll->id);
    struct span label = snapshot_label(snapshot, count_choice(session->poll, answer->value));
    snprintf(text, REFUSAL_SIZE, "Your vote for %.*s was recorded first", (int)label.len, label.at);
    snapshot_unref(snapshot);
    return text;
}

static void take_vote(struct web_session *session, const struct answer *answer)
{
    char text[REFUSAL_SIZE];
    if (answer->error)
        web_refuse(session, (enum error)answer->error, answer->number,
                   describe_refusal(session, answer, text));
    else if (session->html)
        show_recorded(session, answer);
    else
        tell_recorded(session, answer);
}

/* ---- the reader's own ballot ---- */

/* Writes the members `choice`, of a ballot for a single one, and `ballot`; of no ballot if the
 * value is 0. */
static void write_ballot(struct json_writer *json, const struct poll *poll, uint32_t value)
{
    char text[MARKS_TEXT_MAX];
    json_write_name(json, "choice");
    if (value > 0 && value != VALUE_ABSTAIN && !poll->values)
        json_write_string(json, poll->choices[count_choice(poll, value)].text);
    else
        json_write_null(json);
    json_write_name(json, "ballot");
    if (value > 0)
        json_write_text(json, text, ballot_write(poll, value, text));
    else
        json_write_null(json);
}

/* Replies with the reader's ballot, or that there is none; so also to a browser without this
 * server's cookie. */
static void tell_own(struct web_session *session, uint64_t seq, uint32_t value)
{
    struct buffer body = {0};
    struct json_writer json = json_write_begin(&body);
    json_write_open(&json, '{');
    json_write_name(&json, "poll");
    json_write_string(&json, session->poll->name.text);
    json_write_name(&json, "ledger");
    json_write_string(&json, tally_ledger(session->client.worker->server->tally));
    json_write_name(&json, "seq");
    json_write_number(&json, seq);
    write_ballot(&json, session->poll, seq > 0 ? value : 0);
    json_write_close(&json, '}');
    struct web_response response = {.status = 200, .type = TYPE_JSON};
    web_reply_buffer(session, &response, &body, json_write_finish(&json) != 0);
}

enum web_result web_own_ballot(struct web_session *session, const struct web_call *call)
{
    const struct poll *poll = web_find_poll(session, call);
    if (!poll)
        return web_refuse(session, ERR_NO_SUCH_POLL, 0, NULL);
    if (!web_guard_is_own_origin(session, call->request))
        return refuse_origin(session, call->request);
    if (web_reader_must_wait(session))
        return WEB_WAITS;
    session->poll = poll;
    if (web_reader_look_up(session, call->request, WEB_ASKS_OWN))
        return WEB_ASKED;
    tell_own(session, 0, 0);
    return WEB_REPLIED;
}

void web_take_answer(struct web_session *session, const struct answer *answer)
{
    switch ((enum web_asks)session->asks) {
    case WEB_ASKS_VOTE:
        take_vote(session, answer);
        return;
    case WEB_ASKS_PAGE: /* without the answer, the page is as for a reader without a ballot */
        if (answer->error == 0 && answer->number > 0)
            web_show_poll(session, 200, answer->value, answer->number);
        else
            web_show_unvoted(session);
        return;
    case WEB_ASKS_OWN:
        if (answer->error)
            web_refuse(session, (enum error)answer->error, 0, NULL);
        else
            tell_own(session, answer->number, answer->value);
        return;
    case WEB_ASKS_RESULT:
        web_tell_result(session, answer);
        return;
    }
}
