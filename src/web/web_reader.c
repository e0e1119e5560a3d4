/* Readers and voters of the web. On the worker's thread. */
#include "web/web_reader.h"

#include "proto/http_value.h"
#include "serve/ballot.h"
#include "web/web_guard.h"

/* Whether one of the browser's cookies of that name is this server's; if so, takes the voter from
 * it. */
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

/* Whether the browser has a cookie of this server; if so, takes the voter from it. By https the
 * plain name counts for nothing: another host of the domain, or anybody on the way of a plain
 * request, may have set it. */
static bool is_known(struct web_session *session, const struct http_request *request)
{
    return has_cookie(session, request, VOTER_COOKIE_HTTPS_NAME) ||
           (!session->https && has_cookie(session, request, VOTER_COOKIE_NAME));
}

void web_know_voter(struct web_session *session, const struct http_request *request,
                    struct span token)
{
    const struct voter_key *key = &session->client.worker->server->key;
    if (is_known(session, request))
        return;
    session->sets_cookie = true;
    if (!token.at || !voter_cookie_read(key, token, &session->voter))
        voter_cookie_make(key, &session->voter);
}

static size_t address_words(void *context, char words[IDENTITY_WORDS_MAX])
{
    const struct web_asker *asker = context;
    return web_guard_address(asker->session, asker->request, words);
}

/* The words of the browser's cookie, or of the cookie that the reply gives it. */
static size_t browser_words(void *context, char words[IDENTITY_WORDS_MAX])
{
    _Static_assert((int)VOTER_COOKIE_WORDS_SIZE <= (int)IDENTITY_WORDS_MAX, "they fit");
    const struct web_asker *asker = context;
    web_know_voter(asker->session, asker->request, asker->token);
    return voter_cookie_words(&asker->session->voter, words);
}

/* For a browser without a cookie, the connection's words: it is given no cookie that it does not
 * need. A proxy's connections are many browsers', so there nobody has the words. */
static size_t shown_words(void *context, char words[IDENTITY_WORDS_MAX])
{
    const struct web_asker *asker = context;
    struct web_session *session = asker->session;
    struct voter_cookie nobody;
    if (is_known(session, asker->request))
        return voter_cookie_words(&session->voter, words);
    if (!web_guard_is_proxy(session))
        return client_run_words(&session->client, words);
    voter_cookie_make(&session->client.worker->server->key, &nobody);
    return voter_cookie_words(&nobody, words);
}

struct claim web_reader_claim(struct web_asker *asker)
{
    static const struct claim_source source = {address_words, browser_words, shown_words};
    return (struct claim){.source = &source, .asker = asker};
}

bool web_reader_can_look_up(const struct poll *poll)
{
    return poll_setting(poll, SETTING_VOTERS) != VOTERS_NAMED &&
           poll_setting(poll, SETTING_BALLOTS) != BALLOTS_UNLIMITED;
}

bool web_reader_must_wait(struct web_session *session)
{
    struct worker *worker = session->client.worker;
    if (!worker_ring_is_full(worker))
        return false;
    worker_wait(worker, &session->client);
    conn_pause(&session->client.conn);
    return true;
}

bool web_reader_look_up(struct web_session *session, const struct http_request *request,
                        enum web_asks asks)
{
    const struct poll *poll = session->poll;
    bool by_cookie = poll_setting(poll, SETTING_VOTERS) == VOTERS_CONNECTION;
    if (!web_reader_can_look_up(poll) || (by_cookie && !is_known(session, request)))
        return false;
    session->cors = false; /* no other site may read it */
    struct web_asker asker = {session, request, {0}};
    const struct claim claim = web_reader_claim(&asker);
    session->asks = (uint8_t)asks;
    return ballot_look_up(&session->client, poll, &claim);
}
