/* The web against the real server: every route and status, what connections go through, and who may
 * ask. What the codec refuses is tested one by one in test_http_codec.c; here, that such a refusal
 * ends the connection, and that nothing behind it is executed. */
#include "proto/error.h"
#include "tests/support/web.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#define JSON   "application/json"
#define FORM   "application/x-www-form-urlencoded"
#define BALLOT "/polls/lunch/ballots"
#define VOTE   "{\"choice\": \"pizza\"}"
#define HTML   "Accept: text/html,*/*;q=0.8\r\n"

static struct server server;

/* Starts the server with a web and the poll `lunch`. */
#define START(...) \
    server_start(&server, "--http=127.0.0.1:0", "--poll=lunch=pizza,sushi", ##__VA_ARGS__, NULL)

static void set_up(void)
{
    server_init(&server);
}

static void tear_down(void)
{
    server_end(&server);
}

/* Asks the administrator, who must be answered +OK. */
static void administer(const char *line)
{
    struct client *admin = server_admin(&server);
    client_send(admin, "%s", line);
    assert_match(client_line(admin), "^\\+OK");
    client_close(admin);
}

/* The count of pizza in lunch, as the line protocol tells it. */
static unsigned pizzas(void)
{
    struct client *client = server_client(&server);
    client_send(client, "SHOW lunch");
    const char *line = client_line(client), *count = strstr(line, " pizza=");
    ck_assert_msg(count != NULL, "%s", line);
    unsigned number = (unsigned)atoi(count + strlen(" pizza="));
    client_close(client);
    return number;
}

/* ---- Routes ---- */

static const struct {
    const char *path, *type;
} routes[] = {
    {"/", "text/html; charset=utf-8"},
    {"/p/lunch", "text/html; charset=utf-8"},
    {"/screen/lunch", "text/html; charset=utf-8"},
    {"/web/tallycast.css", "text/css"},
    {"/polls", "application/json"},
    {"/polls?after=0&limit=1", "application/json"},
    {"/polls/lunch", "application/json"},
    {"/polls/LUNCH?x", "application/json"},
    {"/polls/%6cunch", "application/json"},
    {"/metrics", "text/plain; version=0.0.4"},
    {"/healthz", "text/plain; charset=utf-8"},
    {"/readyz", "text/plain; charset=utf-8"},
    {"/hello", "text/plain; charset=utf-8"},
    {"/about", "text/plain; charset=utf-8"},
};

START_TEST(every_route)
{
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        const struct web_reply *reply = web_get(client, routes[i].path);
        ck_assert_msg(reply->status == 200, "%s: %d", routes[i].path, reply->status);
        const char *type = web_field(reply, "Content-Type");
        ck_assert_msg(strncmp(type, routes[i].type, strlen(routes[i].type)) == 0, "%s: %s",
                      routes[i].path, type);
        ck_assert_uint_gt(reply->len, 0);
        ck_assert_ptr_null(web_field(reply, "Connection"));
    }
}
END_TEST

/* HEAD is GET without the body, and the next reply follows at once. */
START_TEST(head_of_every_route)
{
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        web_ask(client, "HEAD", routes[i].path, "");
        const struct web_reply *reply = web_head(client);
        ck_assert_int_eq(reply->status, 200);
        unsigned long len = strtoul(web_field(reply, "Content-Length"), NULL, 10);
        ck_assert_uint_gt(len, 0);
        if (strcmp(routes[i].path, "/metrics") != 0) /* which counts the requests */
            ck_assert_uint_eq(web_get(client, routes[i].path)->len, len);
    }
    web_ask(client, "HEAD", "/nothing", "");
    ck_assert_int_eq(web_head(client)->status, 404);
    ck_assert_int_eq(web_get(client, "/hello")->status, 200);
}
END_TEST

START_TEST(options_and_other_methods)
{
    static const char *const others[] = {"POST", "PUT", "DELETE", "PATCH", "TRACE"};
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        web_ask(client, "OPTIONS", routes[i].path, "");
        ck_assert_str_eq(web_field(web_expect(client, 204), "Allow"), "GET, HEAD, OPTIONS");
        for (size_t m = 0; m < COUNT_OF(others); m++) {
            web_ask(client, others[m], routes[i].path, "");
            ck_assert_str_eq(web_field(web_expect(client, 405), "Allow"), "GET, HEAD, OPTIONS");
        }
    }
    web_ask(client, "OPTIONS", "*", "");
    web_expect(client, 204);
    web_ask(client, "OPTIONS", BALLOT, "");
    ck_assert_str_eq(web_field(web_expect(client, 204), "Allow"), "POST, OPTIONS");
    web_ask(client, "GET", BALLOT, "");
    ck_assert_str_eq(web_field(web_expect(client, 405), "Allow"), "POST, OPTIONS");
}
END_TEST

START_TEST(what_is_not_there)
{
    static const char *const paths[] = {
        "/nothing",      "/polls/",
        "/polls/none",   "//polls",
        "/p/none",       "/p/",
        "/screen/none",  "/web/",
        "/web/none",     "/web/../main",
        "/web/%2e%2e/x", "/polls/%00",
        "/polls/%",      "/polls/none/events",
        "/web/%00",      "/polls/lunch%2fevents",
    };
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        web_ask(client, "GET", paths[i], "");
        const struct web_reply *reply = web_expect(client, 404);
        ck_assert_str_eq(web_field(reply, "Content-Type"), "application/problem+json");
        assert_match(reply->body, "\"status\":404");
    }
    web_post(client, "/polls/none/ballots", JSON, "", VOTE);
    assert_match(web_expect(client, 404)->body, "\"code\":\"NO-SUCH-POLL\"");
    web_ask(client, "GET", "/p/none", HTML);
    ck_assert_str_eq(web_field(web_expect(client, 404), "Content-Type"),
                     "text/html; charset=utf-8");
}
END_TEST

/* What is almost a path of the server leads there, and nowhere else. */
START_TEST(paths_that_are_almost_right)
{
    static const struct {
        const char *path, *location;
    } rows[] = {
        {"/p/lunch/", "../../p/lunch"},
        {"/P/lunch", "../p/lunch"},
        {"/P/Lunch//", "../../../p/Lunch"},
        {"/lunch", "p/lunch"},
        {"/LUNCH/?x=y", "../p/LUNCH?x=y"},
        {"/Polls", "polls"},
        {"/polls/lunch/?a=1&b=%20", "../../polls/lunch?a=1&b=%20"},
        {"/POLLS/lunch/Ballots/Mine", "../../../polls/lunch/ballots/mine"},
        {"/hello/", "../hello"},
        {"/Screen/none", "../screen/none"},
        {"/Web/TallyCast.css", "../web/TallyCast.css"},
    };
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        web_ask(client, "GET", rows[i].path, "");
        const struct web_reply *reply = web_expect(client, 308);
        ck_assert_str_eq(web_field(reply, "Location"), rows[i].location);
        ck_assert_uint_eq(reply->len, 0);
        web_ask(client, "HEAD", rows[i].path, "");
        ck_assert_int_eq(web_head(client)->status, 308);
    }
    web_post(client, "/polls/lunch/ballots/", JSON, "", VOTE);
    web_expect(client, 404);
    char longer[1024];
    snprintf(longer, sizeof longer, "/P/%0700d", 0);
    web_ask(client, "GET", longer, "");
    web_expect(client, 404);
}
END_TEST

START_TEST(entity_tags)
{
    static const char *const paths[] = {"/polls", "/polls/lunch", "/web/tallycast.css"};
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char fields[256], etag[128];
        snprintf(etag, sizeof etag, "%s", web_field(web_get(client, paths[i]), "ETag"));
        assert_match(etag, "^(W/)?\"[^\"]+\"$");
        snprintf(fields, sizeof fields, "If-None-Match: \"x\", %s\r\n", etag);
        web_ask(client, "GET", paths[i], fields);
        ck_assert_str_eq(web_field(web_expect(client, 304), "ETag"), etag);
        const char *opaque = strchr(etag, '"'); /* whether weak or not */
        snprintf(fields, sizeof fields, "If-None-Match: W/%s\r\n", opaque);
        web_ask(client, "GET", paths[i], fields);
        web_expect(client, 304);
        snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", opaque);
        web_ask(client, "HEAD", paths[i], fields);
        ck_assert_int_eq(web_head(client)->status, 304);
        web_ask(client, "GET", paths[i], "If-None-Match: \"x\"\r\n");
        web_expect(client, 200);
    }
}
END_TEST

START_TEST(etag_changes_with_a_ballot_and_a_title)
{
    START();
    struct client *client = web_client(&server);
    char fields[256];
    snprintf(fields, sizeof fields, "If-None-Match: %s\r\n",
             web_field(web_get(client, "/polls/lunch"), "ETag"));
    web_post(client, BALLOT, JSON, "", VOTE);
    web_expect(client, 201);
    web_ask(client, "GET", "/polls/lunch", fields);
    snprintf(fields, sizeof fields, "If-None-Match: %s\r\n",
             web_field(web_expect(client, 200), "ETag"));
    administer("TITLE lunch Where to?");
    web_ask(client, "GET", "/polls/lunch", fields);
    assert_match(web_expect(client, 200)->body, "Where to\\?");
}
END_TEST

START_TEST(compressed_files)
{
    START();
    struct client *client = web_client(&server);
    size_t plain = web_get(client, "/web/tallycast.css")->len;
    web_ask(client, "GET", "/web/tallycast.css", "Accept-Encoding: br, gzip\r\n");
    const struct web_reply *reply = web_expect(client, 200);
    ck_assert_str_eq(web_field(reply, "Content-Encoding"), "gzip");
    ck_assert_uint_lt(reply->len, plain);
    ck_assert(memcmp(reply->body, "\x1f\x8b", 2) == 0);
    web_ask(client, "GET", "/web/tallycast.css", "Accept-Encoding: gzip;q=0\r\n");
    ck_assert_ptr_null(web_field(web_expect(client, 200), "Content-Encoding"));
}
END_TEST

/* ---- Ballots ---- */

START_TEST(ballots)
{
    START();
    struct client *client = web_client(&server);
    web_post(client, BALLOT, JSON, "", "{\"choice\": \"pizza\", \"id\": \"a\"}");
    const struct web_reply *reply = web_expect(client, 201);
    assert_match(reply->body, "^\\{\"seq\":[0-9]+,\"duplicate\":false\\}$");
    ck_assert_str_eq(web_field(reply, "Location"), "../lunch");
    ck_assert_str_eq(web_field(reply, "Content-Type"), "application/json");
    web_post(client, BALLOT, FORM, "", "choice=%73ushi");
    assert_match(web_expect(client, 201)->body, "\"duplicate\":false");
    ck_assert_uint_eq(pizzas(), 1);
    assert_match(web_get(client, "/polls/lunch")->body,
                 "\"ballots\":2,.*\"pizza\".*\"count\":1.*\"sushi\".*\"count\":1");
}
END_TEST

/* How often the tally's mutex was taken. */
static unsigned long locks_taken(struct client *client)
{
    static const char name[] = "\ntallycast_lock_held_seconds_count ";
    const char *found = strstr(web_get(client, "/metrics")->body, name);
    ck_assert_ptr_nonnull(found);
    return strtoul(found + strlen(name), NULL, 10);
}

/* By the ledger, which counts it; not again for its reply. */
START_TEST(a_ballot_takes_the_mutex_once)
{
    START();
    struct client *client = web_client(&server);
    unsigned long before = locks_taken(client);
    for (unsigned i = 0; i < 10; i++) {
        web_post(client, BALLOT, i % 2 ? JSON : FORM, "", i % 2 ? VOTE : "choice=pizza");
        web_expect(client, 201);
    }
    ck_assert_uint_eq(locks_taken(client), before + 10);
}
END_TEST

/* A browser's form leads back to the page; its refusals are pages. */
START_TEST(ballots_of_a_browser)
{
    START();
    struct client *client = web_client(&server);
    web_post(client, BALLOT, FORM, HTML, "choice=pizza");
    ck_assert_str_eq(web_field(web_expect(client, 303), "Location"), "../../p/lunch");
    web_post(client, BALLOT, FORM, HTML, "choice=none");
    const struct web_reply *reply = web_expect(client, 422);
    ck_assert_str_eq(web_field(reply, "Content-Type"), "text/html; charset=utf-8");
    ck_assert_ptr_nonnull(web_field(reply, "Content-Security-Policy"));
    web_post(client, BALLOT, JSON, HTML, VOTE);
    web_expect(client, 201);
}
END_TEST

START_TEST(refused_ballots)
{
    static const struct {
        const char *target, *type, *body;
        int status;
        const char *code;
    } rows[] = {
        {BALLOT, JSON, "{\"choice\": \"none\"}", 422, "NO-SUCH-CHOICE"},
        {BALLOT, JSON, "", 400, "BAD-ARGUMENT"},
        {BALLOT, JSON, "{}", 400, "BAD-ARGUMENT"},
        {BALLOT, JSON, "{\"choice\": \"pizza\"", 400, "BAD-ARGUMENT"},
        {BALLOT, JSON, "{\"choice\": \"pizza\", \"choice\": \"sushi\"}", 400, "BAD-ARGUMENT"},
        {BALLOT, JSON, "{\"choice\": \"pizza\"} x", 400, "BAD-ARGUMENT"},
        {BALLOT, JSON, "{\"choice\": \"pizza\", \"voter\": \"ann\"}", 400, "BAD-ARGUMENT"},
        {BALLOT, FORM, "choice=%zz", 400, "BAD-ARGUMENT"},
        {BALLOT, FORM, "choice=pizza&choice=sushi", 400, "BAD-ARGUMENT"},
        {BALLOT, "text/plain", VOTE, 415, NULL},
        {BALLOT, "application/jsonp", VOTE, 415, NULL},
        {"/polls/named/ballots", JSON, "{\"choice\": \"a\"}", 422, "VOTER-REQUIRED"},
        {"/polls/closed/ballots", JSON, "{\"choice\": \"a\"}", 409, "POLL-CLOSED"},
    };
    START();
    administer("CREATE named voters=named ballots=once a b");
    administer("CREATE closed a b");
    administer("CLOSE closed");
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        web_post(client, rows[i].target, rows[i].type, "", rows[i].body);
        const struct web_reply *reply = web_expect(client, rows[i].status);
        ck_assert_str_eq(web_field(reply, "Content-Type"), "application/problem+json");
        if (rows[i].code)
            ck_assert_msg(strstr(reply->body, rows[i].code), "%s: %s", rows[i].body, reply->body);
    }
    web_ask(client, "POST", BALLOT, "Content-Type: " JSON "\r\n");
    web_expect(client, 411);
    ck_assert_uint_eq(pizzas(), 0);
}
END_TEST

/* ---- Connections ---- */

START_TEST(closing)
{
    static const char *const last[] = {
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: x, Close\r\n\r\n",
        "GET /hello HTTP/1.0\r\n\r\n",
        "GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n",
    };
    START();
    for (size_t i = 0; i < COUNT_OF(last); i++) {
        struct client *client = web_client(&server);
        web_get(client, "/hello");
        /* what is behind it is not executed */
        web_send(client, "%s%s", last[i],
                 "POST " BALLOT " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " JSON
                 "\r\nContent-Length: 19\r\n\r\n" VOTE);
        ck_assert_str_eq(web_field(web_expect(client, 200), "Connection"), "close");
        client_expect_end(client);
        client_close(client);
    }
    ck_assert_uint_eq(pizzas(), 0);
}
END_TEST

START_TEST(half_closed)
{
    START();
    struct client *client = web_client(&server);
    web_ask(client, "GET", "/hello", "");
    web_ask(client, "GET", "/about", "");
    client_finish(client);
    web_expect(client, 200);
    web_expect(client, 200);
    client_expect_end(client);

    client = web_client(&server); /* in the middle of a request */
    web_send(client, "GET /hello HTTP/1.1\r\nHost: loc");
    client_finish(client);
    web_expect(client, 400);
    client_expect_end(client);

    client = web_client(&server); /* behind a fault that was not looked for yet */
    web_send(client, "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: %0400d", 0);
    server_await_idle(&server);
    web_send(client, "\r\nno field\r\n");
    client_finish(client);
    assert_match(web_expect(client, 400)->body, "Invalid header token");
    client_expect_end(client);

    client = web_client(&server); /* nothing at all */
    client_finish(client);
    client_expect_end(client);
}
END_TEST

/* Answers come in the order of the requests, also where a ballot's is the one to wait for. */
START_TEST(pipelined)
{
    enum { ROUNDS = 100 };
    START();
    administer("CREATE many voters=named ballots=unlimited a b");
    struct client *client = web_client(&server);
    for (int i = 0; i < ROUNDS; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"choice\": \"a\", \"voter\": \"v%d\"}", i);
        web_ask(client, "GET", "/hello", "");
        web_post(client, "/polls/many/ballots", JSON, "", body);
        web_ask(client, "GET", "/polls/many", "");
        web_ask(client, "HEAD", "/about", "");
        web_ask(client, "GET", "/nothing", "");
    }
    for (int i = 0; i < ROUNDS; i++) {
        char counted[64];
        ck_assert_str_eq(web_expect(client, 200)->body, "Hello from tallycast.\n");
        assert_match(web_expect(client, 201)->body, "\"duplicate\":false");
        snprintf(counted, sizeof counted, "\"ballots\":%d,", i + 1);
        ck_assert_ptr_nonnull(strstr(web_expect(client, 200)->body, counted));
        ck_assert_int_eq(web_head(client)->status, 200);
        web_expect(client, 404);
    }
}
END_TEST

static const char script[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
                             "POST " BALLOT " HTTP/1.1\r\nHost: localhost\r\n"
                             "Content-Type: " JSON "\r\nContent-Length: 19\r\n\r\n" VOTE
                             "\r\nGET /about HTTP/1.1\r\nHost: localhost\r\n\r\n";

static void expect_script(struct client *client)
{
    ck_assert_str_eq(web_expect(client, 200)->body, "Hello from tallycast.\n");
    web_expect(client, 201);
    assert_match(web_expect(client, 200)->body, "^tallycast ");
}

/* The server has read each part before the next one is sent. */
START_TEST(split_at_every_byte)
{
    START();
    size_t len = sizeof script - 1;
    for (size_t split = 1; split < len; split++) {
        struct client *client = web_client(&server);
        client_write(client, script, split);
        server_await_idle(&server);
        client_write(client, script + split, len - split);
        expect_script(client);
        client_close(client);
    }
    ck_assert_uint_eq(pizzas(), (unsigned)len - 1);
}
END_TEST

START_TEST(byte_by_byte)
{
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < sizeof script - 1; i++) {
        client_write(client, script + i, 1);
        server_await_idle(&server);
    }
    expect_script(client);
}
END_TEST

/* ---- Pages ---- */

/* A page may be longer than what a failed test can tell. */
static bool page_has(const struct web_reply *reply, const char *text)
{
    ck_assert_int_eq(reply->status, 200);
    return strstr(reply->body, text) != NULL;
}

/* Without a script a final ballot is confirmed on a page of its own; only where it is final. */
START_TEST(a_final_ballot_is_confirmed_first)
{
    static const char question[] = "Vote for <b dir=\"auto\">no</b>?";
    START();
    struct client *client = web_client(&server);
    administer("CREATE board yes no voters=named ballots=once");
    ck_assert(page_has(web_get(client, "/p/board?voter=ann&choice=no"), question));
    ck_assert(page_has(web_get(client, "/p/board?voter=ann&choice=no"), "value=\"ann\""));
    ck_assert(page_has(web_get(client, "/p/board?choice=NO"), question));
    ck_assert(!page_has(web_get(client, "/p/board?choice=maybe"), "Vote for <b"));
    ck_assert(!page_has(web_get(client, "/p/board?choice="), "Vote for <b"));
    ck_assert(!page_has(web_get(client, "/p/lunch?choice=pizza"), "Vote for <b"));
}
END_TEST

/* By the name that the screen was asked under; without one, the server's own address. */
START_TEST(the_screen_tells_where_to_vote)
{
    START();
    struct client *client = web_client(&server);
    web_send(client, "GET /screen/lunch HTTP/1.1\r\nHost: localhost:8080\r\n\r\n");
    ck_assert(page_has(web_take(client), "\"http://localhost:8080/p/lunch\""));
    web_send(client, "GET /screen/lunch HTTP/1.0\r\n\r\n");
    char address[64];
    snprintf(address, sizeof address, "\"http://127.0.0.1:%u/p/lunch\"", server.http_port);
    ck_assert(page_has(web_take(client), address));
}
END_TEST

/* Behind a proxy, by the name and scheme that the browser asked for; who is no proxy has no say. */
START_TEST(the_screen_behind_a_proxy)
{
    static const char ask[] = "GET /screen/lunch HTTP/1.1\r\nHost: localhost\r\n"
                              "X-Forwarded-Proto: https\r\nX-Forwarded-Host: vote.example\r\n\r\n";
    START("--trusted-proxy=127.0.0.2", "--http-host=vote.example");
    struct client *proxy = server_connect_http(&server, "127.0.0.2");
    web_send(proxy, ask);
    ck_assert(page_has(web_take(proxy), "\"https://vote.example/p/lunch\""));
    struct client *other = web_client(&server);
    web_send(other, ask);
    ck_assert(page_has(web_take(other), "\"http://localhost/p/lunch\""));
}
END_TEST

/* A page under a rebound name may write the field, but not its browser's Host; so each counts. */
START_TEST(each_host_that_a_proxy_tells_is_judged)
{
    static const struct {
        const char *host, *forwarded;
        int status;
    } told[] = {
        {"localhost", "X-Forwarded-Host: vote.example:8443, 127.0.0.1\r\n", 200},
        {"localhost", "X-Forwarded-Host:\r\n", 200},
        {"localhost", "X-Forwarded-Host: evil.example\r\n", 421},
        {"evil.example", "X-Forwarded-Host: localhost\r\n", 421},
        {"evil.example", "X-Forwarded-Host: 127.0.0.1\r\n", 421},
        {"evil.example", "", 421},
        {"localhost", "X-Forwarded-Host: localhost, evil.example\r\n", 421},
        {"localhost", "X-Forwarded-Host: localhost,,evil.example\r\n", 421},
        {"localhost", "X-Forwarded-Host: localhost\r\nX-Forwarded-Host: evil.example\r\n", 421},
        {"localhost", "X-Forwarded-Host: evil.example\r\nX-Forwarded-Host: localhost\r\n", 421},
    };
    START("--trusted-proxy=127.0.0.2", "--http-host=vote.example");
    struct client *proxy = server_connect_http(&server, "127.0.0.2");
    char request[256];
    for (size_t i = 0; i < UNIT_COUNT(told); i++) {
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n%s\r\n", told[i].host,
                 told[i].forwarded);
        web_send(proxy, "%s", request);
        web_expect(proxy, told[i].status);
    }
    web_send(proxy, "GET / HTTP/1.0\r\nX-Forwarded-Host: evil.example\r\n\r\n");
    web_expect(proxy, 421);
}
END_TEST

START_TEST(a_ballots_journey)
{
    START();
    struct client *client = web_client(&server);
    ck_assert(page_has(web_get(client, "/journey"), "No ballot was sampled yet"));
    administer("TRACE VOTE lunch pizza");
    const struct web_reply *reply = web_get(client, "/journey");
    while (!page_has(reply, "<span>traced</span>")) /* what comes after the answer takes its time */
        reply = web_get(client, "/journey");
    ck_assert(page_has(reply, "its bytes were received"));
    ck_assert(!page_has(reply, "No ballot was sampled yet"));
}
END_TEST

/* ---- Malformed requests ---- */

/* Each is refused, ends the connection, and keeps what is behind it from being executed. */
START_TEST(malformed)
{
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: localhost\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400},
        {"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
         "Transfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4097\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: x\r\n\r\n", 417},
        {"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET /\r\n\r\n", 505},
        {"\r\n\r\n", 400},
        {"VOTE lunch pizza\r\n", 501},
        {"\x16\x03\x01", 400},
    };
    START();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct client *client = web_client(&server);
        web_send(client, "%s%s", rows[i].request, script);
        const struct web_reply *reply = web_expect(client, rows[i].status);
        ck_assert_str_eq(web_field(reply, "Connection"), "close");
        ck_assert_str_eq(web_field(reply, "Content-Type"), "application/problem+json");
        client_expect_end(client);
        client_close(client);
    }
    ck_assert_uint_eq(pizzas(), 0);
}
END_TEST

#define POST_BALLOT "POST " BALLOT " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " JSON "\r\n"

/* Told to go on, once; what comes then, in how many pieces ever, is a ballot. */
START_TEST(told_to_go_on)
{
    START();
    struct client *client = web_client(&server);
    web_ask(client, "GET", "/hello", "");
    web_send(client, POST_BALLOT "Expect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
             strlen(VOTE));
    web_expect(client, 200);
    client_expect(client, "HTTP/1.1 100 Continue\r");
    client_expect(client, "\r");
    for (const char *at = VOTE; *at; at++) {
        web_send(client, "%c", *at);
        server_await_idle(&server);
    }
    web_expect(client, 201);
    /* the next one as well; and one whose body is there needs no telling */
    web_send(client, POST_BALLOT "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    client_expect(client, "HTTP/1.1 100 Continue\r");
    client_expect(client, "\r");
    web_send(client, "%zx\r\n%s\r\n", strlen(VOTE), VOTE);
    server_await_idle(&server);
    web_send(client, "0\r\n\r\n");
    web_expect(client, 201);
    web_send(client, POST_BALLOT "Expect: 100-continue\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(VOTE), VOTE);
    web_expect(client, 201);
    ck_assert_uint_eq(pizzas(), 3);
}
END_TEST

/* A body in chunks that ends between two others, and is followed by the next request. */
START_TEST(chunks)
{
    START();
    struct client *client = web_client(&server);
    web_send(client, POST_BALLOT "Transfer-Encoding: chunked\r\n\r\n"
                                 "1\r\n{\r\n10;x\r\n\"choice\":\"pizza\"\r\n1\r\n}\r\n"
                                 "0\r\n\r\nGET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    web_expect(client, 201);
    web_expect(client, 200);
    web_send(
        client,
        "GET /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    web_expect(client, 200);
    ck_assert_uint_eq(pizzas(), 1);
}
END_TEST

/* A NUL, which the table above can't hold. */
START_TEST(nul)
{
    static const char request[] = "GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    START();
    struct client *client = web_client(&server);
    client_write(client, request, sizeof request - 1);
    web_expect(client, 400);
    client_expect_end(client);
}
END_TEST

/* It is refused before its end has come, which may never. */
START_TEST(too_long)
{
    char bytes[9000];
    memset(bytes, 'x', sizeof bytes);
    START();
    struct client *client = web_client(&server);
    web_send(client, "GET /");
    client_write(client, bytes, 2048);
    web_expect(client, 414);
    client_expect_end(client);

    client = web_client(&server);
    web_send(client, "GET / HTTP/1.1\r\nX: ");
    client_write(client, bytes, 8192);
    web_expect(client, 431);
    client_expect_end(client);
}
END_TEST

START_TEST(longest_ballot)
{
    char body[4097];
    START();
    struct client *client = web_client(&server);
    snprintf(body, sizeof body, "%-4096s", VOTE);
    web_post(client, BALLOT, JSON, "", body);
    web_expect(client, 201);
}
END_TEST

/* ---- Who may ask ---- */

START_TEST(hosts)
{
    static const struct {
        const char *host;
        int status;
    } rows[] = {
        {"localhost", 200},
        {"LocalHost:3000", 200},
        {"127.0.0.1", 200},
        {"127.0.0.1:80", 200},
        {"vote.example", 200},
        {"VOTE.example:8443", 200},
        {"evil.example", 421},
        {"localhost.evil.example", 421},
        {"evil.example:3000", 421},
        {"localhost:80@evil.example", 421},
        {"localhost:x", 421},
        {"xlocalhost", 421},
        {"localhost@evil.example", 421},
        {"evil.example/localhost", 421},
        {"evil.example, localhost", 421},
        {"localhost.", 200},
        {"vote.example.:80", 200},
        {"[::1]", 200},
        {"[2001:DB8::1]:3000", 200},
        {"192.0.2.1:8080", 200},
        {"[192.0.2.1]", 421},
        {"2001:db8::1", 421},
        {"[::1", 421},
        {"192.0.2.1.", 421},
        {"192.0.2.1.evil.example", 421},
        {"192.0.2.256", 421},
        {"localhost..", 421},
        {".", 421},
        {"0x7f.1", 421},
        {"2130706433", 421},
        {":80", 421},
        {"", 421},
    };
    START("--http-host=vote.example");
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        web_send(client, "GET /polls/lunch HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].host);
        const struct web_reply *reply = web_take(client);
        ck_assert_msg(reply->status == rows[i].status, "'%s': %d", rows[i].host, reply->status);
    }
}
END_TEST

/* Any machine is known by its own name in the network that it is in. */
START_TEST(the_machines_own_name)
{
    char name[256];
    ck_assert_int_eq(gethostname(name, sizeof name - 1), 0);
    name[sizeof name - 1] = '\0';
    START();
    struct client *client = web_client(&server);
    web_send(client, "GET /hello HTTP/1.1\r\nHost: %s:3000\r\n\r\n", name);
    web_expect(client, 200);
    web_send(client, "GET /hello HTTP/1.1\r\nHost: %.*s.LOCAL\r\n\r\n", (int)strcspn(name, "."),
             name);
    web_expect(client, 200);
    web_send(client, "GET /hello HTTP/1.1\r\nHost: x%s\r\n\r\n", name);
    web_expect(client, 421);
}
END_TEST

START_TEST(any_host)
{
    START("--http-host=*");
    struct client *client = web_client(&server);
    web_send(client, "GET /hello HTTP/1.1\r\nHost: what.ever:80\r\n\r\n");
    web_expect(client, 200);
}
END_TEST

START_TEST(origins)
{
    static const struct {
        const char *fields;
        int status;
    } rows[] = {
        {"", 201},
        {"Origin: http://localhost\r\n", 201},
        {"Origin: https://LOCALHOST\r\n", 201},
        {"Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n", 201},
        /* a proxy that writes another Host; and a scheme's own port */
        {"Origin: https://vote.example:8443\r\nSec-Fetch-Site: same-origin\r\n", 201},
        {"Origin: https://localhost:443\r\n", 201},
        {"Origin: http://localhost:80\r\n", 201},
        {"Origin: http://localhost:443\r\n", 403},
        {"Origin: http://vote.example\r\nSec-Fetch-Site: none\r\n", 403},
        {"Sec-Fetch-Site: none\r\n", 201},
        {"Origin: http://evil.example\r\n", 403},
        {"Origin: http://localhost.evil.example\r\n", 403},
        {"Origin: http://localhost:3000\r\n", 403},
        {"Origin: http://localhost/\r\n", 403},
        {"Origin: ftp://localhost\r\n", 403},
        {"Origin: localhost\r\n", 403},
        {"Origin: null\r\n", 403},
        {"Origin:\r\n", 403},
        {"Sec-Fetch-Site: cross-site\r\n", 403},
        {"Sec-Fetch-Site: same-site\r\n", 403},
        {"Sec-Fetch-Site:\r\n", 403},
        {"Origin: http://localhost\r\nSec-Fetch-Site: cross-site\r\n", 403},
    };
    unsigned counted = 0;
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        web_post(client, BALLOT, JSON, rows[i].fields, VOTE);
        const struct web_reply *reply = web_take(client);
        ck_assert_msg(reply->status == rows[i].status, "'%s': %d", rows[i].fields, reply->status);
        counted += rows[i].status == 201;
        web_post(client, BALLOT, FORM, rows[i].fields, "choice=pizza");
        web_expect(client, rows[i].status);
        counted += rows[i].status == 201;
        web_ask(client, "GET", "/polls/lunch", rows[i].fields);
        web_expect(client, 200);
    }
    ck_assert_uint_eq(pizzas(), counted);
}
END_TEST

static void expect_cors(struct client *client, const char *method, const char *origin,
                        const char *allowed)
{
    char fields[128];
    snprintf(fields, sizeof fields, "Origin: %s\r\n", origin);
    web_ask(client, method, "/polls/lunch", fields);
    const struct web_reply *reply = web_take(client);
    ck_assert(reply->status == 200 || reply->status == 204);
    const char *value = web_field(reply, "Access-Control-Allow-Origin");
    ck_assert_msg(allowed ? value && strcmp(value, allowed) == 0 : !value, "%s: %s", origin, value);
    ck_assert_ptr_null(web_field(reply, "Access-Control-Allow-Credentials"));
}

START_TEST(cors)
{
    const char *friendly = "https://friend.example";
    START();
    expect_cors(web_client(&server), "GET", friendly, NULL);
    server_end(&server);
    START("--cors=https://friend.example");
    struct client *client = web_client(&server);
    expect_cors(client, "GET", friendly, friendly);
    expect_cors(client, "OPTIONS", friendly, friendly);
    expect_cors(client, "GET", "https://friend.example.evil.example", NULL);
    expect_cors(client, "GET", "http://friend.example", NULL);
    expect_cors(client, "GET", "null", NULL);
    web_post(client, BALLOT, JSON, "Origin: https://friend.example\r\n", VOTE);
    ck_assert_ptr_null(web_field(web_expect(client, 403), "Access-Control-Allow-Origin"));
    server_end(&server);
    START("--cors=*");
    client = web_client(&server);
    expect_cors(client, "GET", "https://anybody.example", "*");
    web_post(client, BALLOT, JSON, "Origin: https://anybody.example\r\n", VOTE);
    web_expect(client, 403);
    ck_assert_uint_eq(pizzas(), 0);
}
END_TEST

START_TEST(what_is_not_accepted)
{
    static const struct {
        const char *target, *accept;
        int status;
    } asked[] = {
        {"/polls", "text/html", 406},
        {"/polls/lunch", "application/*", 200},
        {"/polls/lunch", "application/json;q=0, */*", 406},
        {"/p/lunch", "application/json", 406},
        {"/p/lunch", "text/html;q=0.1", 200},
        {"/polls/lunch/events", "application/json", 406},
        {"/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", 200},
        {"/healthz", "application/json", 200}, /* a probe is not to fail for that */
    };
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        char fields[128];
        snprintf(fields, sizeof fields, "Accept: %s\r\n", asked[i].accept);
        web_ask(client, "GET", asked[i].target, fields);
        web_expect(client, asked[i].status);
    }
}
END_TEST

/* To make a list takes time in which the worker's other clients wait. */
START_TEST(a_list_of_many_choices_is_shorter)
{
    enum { CHOICES = 150, POLLS = 8 };
    START();
    for (int poll = 0; poll < POLLS; poll++) {
        char line[1024], *at = line + sprintf(line, "CREATE big%d", poll);
        for (int i = 0; i < CHOICES; i++)
            at += sprintf(at, " c%d", i);
        administer(line);
    }
    const struct web_reply *reply = web_get(web_client(&server), "/polls");
    ck_assert_ptr_nonnull(strstr(reply->body, "\"poll\":\"big0\""));
    ck_assert_ptr_null(strstr(reply->body, "\"poll\":\"big7\""));
    assert_match(reply->body, "\"next\":\"/polls\\?after=[0-9]+&limit=100\"");
}
END_TEST

/* ---- Who votes ---- */

enum { COOKIE_MAX = 256 };

/* The cookie that a reply sets, as a field of the next request; empty if it sets none. */
static void take_cookie(const struct web_reply *reply, char fields[COOKIE_MAX])
{
    const char *set = web_field(reply, "Set-Cookie");
    fields[0] = '\0';
    if (!set)
        return;
    assert_match(set, "^tallycast_voter=[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{22}; ");
    static const char *const attributes[] = {"; HttpOnly", "; SameSite=Lax", "; Path=/",
                                             "; Max-Age=31536000"};
    for (size_t i = 0; i < COUNT_OF(attributes); i++)
        ck_assert_msg(strstr(set, attributes[i]), "%s lacks %s", set, attributes[i]);
    ck_assert_ptr_null(strstr(set, "Domain"));
    snprintf(fields, COOKIE_MAX, "Cookie: a=b; %.*s\r\n", (int)strcspn(set, ";"), set);
}

/* A page asked for by its address, which says that the browser's cookies came along. */
static const struct web_reply *visit(struct client *client, const char *page)
{
    web_ask(client, "GET", page, "Sec-Fetch-Site: none\r\n");
    return web_expect(client, 200);
}

/* Whether the ballot's voter has voted so before: it is recorded once. */
enum known { NEW_VOTER, KNOWN_VOTER };

static const struct web_reply *expect_vote(struct client *client, enum known known)
{
    const struct web_reply *reply = web_expect(client, 201);
    const char *duplicate = known == KNOWN_VOTER ? "\"duplicate\":true" : "\"duplicate\":false";
    ck_assert_msg(strstr(reply->body, duplicate), "%s lacks %s", reply->body, duplicate);
    return reply;
}

static const struct web_reply *vote_with(struct client *client, const char *cookie,
                                         enum known known)
{
    web_post(client, BALLOT, JSON, cookie, VOTE);
    return expect_vote(client, known);
}

/* A browser is one voter, over however many connections. */
START_TEST(cookies)
{
    char cookie[COOKIE_MAX], none[COOKIE_MAX];
    START();
    struct client *client = web_client(&server);
    take_cookie(visit(client, "/p/lunch"), cookie);
    ck_assert_str_ne(cookie, "");
    take_cookie(vote_with(client, cookie, NEW_VOTER), none);
    ck_assert_str_eq(none, "");
    client_close(client);
    client = web_client(&server);
    vote_with(client, cookie, KNOWN_VOTER);
    char fields[COOKIE_MAX + 32];
    snprintf(fields, sizeof fields, "%sSec-Fetch-Site: none\r\n", cookie);
    web_ask(client, "GET", "/p/lunch", fields);
    take_cookie(web_expect(client, 200), none);
    ck_assert_str_eq(none, "");
    ck_assert_uint_eq(pizzas(), 1);

    /* it is the same voter after a restart */
    server_end(&server);
    START();
    vote_with(web_client(&server), cookie, KNOWN_VOTER);
}
END_TEST

/* ---- A reader's own ballot ---- */

#define YOUR_VOTE(label) "Your vote for <b dir=\"auto\">" label "</b> is recorded."

/* An address says nothing of anybody's ballot: the page tells its reader's, whom the ledger knows.
 */
START_TEST(the_vote_is_confirmed)
{
    char cookie[COOKIE_MAX];
    START();
    struct client *client = web_client(&server);
    ck_assert(!page_has(web_get(client, "/p/lunch?voted=pizza"), "is recorded"));
    web_post(client, BALLOT, FORM, HTML, "choice=pizza");
    take_cookie(web_expect(client, 303), cookie);
    ck_assert(!page_has(web_get(client, "/p/lunch"), "is recorded"));
    web_ask(client, "GET", "/p/lunch", cookie);
    ck_assert(page_has(web_take(client), YOUR_VOTE("pizza")));
    administer("LABEL lunch sushi Sashimi");
    web_post(client, BALLOT, FORM, cookie, "choice=sushi");
    web_expect(client, 201);
    web_ask(client, "GET", "/p/lunch?voted=pizza", cookie);
    const struct web_reply *page = web_take(client);
    ck_assert(page_has(page, YOUR_VOTE("Sashimi")));
    ck_assert(!page_has(page, YOUR_VOTE("pizza")));
    web_ask(client, "HEAD", "/p/lunch", cookie);
    ck_assert_int_eq(web_head(client)->status, 200);
}
END_TEST

/* Where the ledger can't know the reader, the ballot's own answer is the page. */
START_TEST(a_named_vote_is_confirmed_by_its_answer)
{
    START();
    administer("CREATE board yes no voters=named");
    administer("CREATE clap loud louder ballots=unlimited");
    struct client *client = web_client(&server);
    web_post(client, "/polls/board/ballots", FORM, HTML, "choice=yes&voter=ann");
    const struct web_reply *reply = web_expect(client, 201);
    ck_assert_ptr_nonnull(strstr(reply->body, YOUR_VOTE("yes")));
    ck_assert_ptr_nonnull(strstr(reply->body, "data-poll=\"board\""));
    ck_assert(!page_has(web_get(client, "/p/board?voter=ann"), "is recorded"));
    web_post(client, "/polls/clap/ballots", FORM, HTML, "choice=loud");
    reply = web_expect(client, 201);
    ck_assert_ptr_nonnull(strstr(reply->body, YOUR_VOTE("loud")));
    ck_assert_ptr_nonnull(strstr(reply->body, "name=\"id\" value=\""));
}
END_TEST

static void expect_own(struct client *client, const char *poll, const char *fields,
                       const char *expected)
{
    char target[128];
    snprintf(target, sizeof target, "/polls/%s/ballots/mine", poll);
    web_ask(client, "GET", target, fields);
    assert_match(web_expect(client, 200)->body, expected);
}

#define NO_BALLOT "\"seq\":0,\"choice\":null,\"ballot\":null\\}$"

START_TEST(a_readers_own_ballot)
{
    char cookie[COOKIE_MAX];
    START();
    administer("CREATE board yes no voters=named");
    administer("CREATE here a b voters=address ballots=once");
    struct client *client = web_client(&server);
    expect_own(client, "lunch", "", NO_BALLOT);
    web_post(client, BALLOT, JSON, "", VOTE);
    take_cookie(web_expect(client, 201), cookie);
    expect_own(client, "lunch", cookie,
               "^\\{\"poll\":\"lunch\",\"ledger\":\"[0-9a-f]{16}\",\"seq\":[1-9][0-9]*,"
               "\"choice\":\"pizza\",\"ballot\":\"pizza\"\\}$");
    expect_own(client, "lunch", "", NO_BALLOT);
    expect_own(client, "here", cookie, NO_BALLOT);
    web_post(client, "/polls/here/ballots", JSON, "", "{\"choice\": \"b\"}");
    web_expect(client, 201);
    expect_own(client, "here", "", "\"choice\":\"b\",\"ballot\":\"b\"\\}$");

    /* a voter who only gives a name is not told what was cast under it */
    web_post(client, "/polls/board/ballots", JSON, "", "{\"choice\": \"yes\", \"voter\": \"ann\"}");
    web_expect(client, 201);
    expect_own(client, "board", cookie, NO_BALLOT);
    /* nor is another site's page */
    web_ask(client, "GET", "/polls/here/ballots/mine", "Origin: http://example.org\r\n");
    web_expect(client, 403);
    web_ask(client, "GET", "/polls/none/ballots/mine", "");
    web_expect(client, 404);
}
END_TEST

/* Of a ballot that is not for one choice, the canonical text is told. Addresses are the same voters
 * on the line port, where every ballot can be cast. */
START_TEST(a_readers_own_ballot_of_any_kind)
{
    static const struct {
        const char *settings, *ballot, *own;
    } kinds[] = {
        {"", "-", "\"choice\":null,\"ballot\":\"-\"\\}$"},
        {"kind=approval", "c,a", "\"choice\":null,\"ballot\":\"a,c\"\\}$"},
        {"kind=score", "3=5,a=0", "\"choice\":null,\"ballot\":\"c=5\"\\}$"},
        {"kind=ranked", "c=b>a", "\"choice\":null,\"ballot\":\"b=c>a\"\\}$"},
        {"method=stv seats=2", "-", "\"choice\":null,\"ballot\":\"-\"\\}$"},
    };
    START();
    struct client *voter = server_client(&server), *client = web_client(&server);
    for (int i = 0; i < UNIT_COUNT(kinds); i++) {
        char line[128], poll[16];
        snprintf(poll, sizeof poll, "kind%d", i);
        snprintf(line, sizeof line, "CREATE %s a b c voters=address %s", poll, kinds[i].settings);
        administer(line);
        snprintf(line, sizeof line, "VOTE %s %s", poll, kinds[i].ballot);
        client_ask_number(voter, line);
        expect_own(client, poll, "", kinds[i].own);
    }
}
END_TEST

/* A ballot as JSON, as fields of a form, or as the text that a form holds: what is recorded of it,
 * or why it is refused. */
START_TEST(ballots_of_every_kind)
{
    static const struct {
        const char *settings, *type, *body;
        int status;
        const char *tells;
    } bodies[] = {
        {"", JSON, "{\"ballot\": \"-\"}", 201, "\"choice\":null,\"ballot\":\"-\"\\}$"},
        {"", JSON, "{\"ballot\": \"B\"}", 201, "\"choice\":\"b\",\"ballot\":\"b\"\\}$"},
        {"", FORM, "ballot=-", 201, "\"ballot\":\"-\"\\}$"},
        {"kind=approval", JSON, "{\"ballot\": \"c,1\"}", 201, "\"ballot\":\"a,c\"\\}$"},
        {"kind=approval", JSON, "{\"choice\": \"c\"}", 201, "\"ballot\":\"c\"\\}$"},
        {"kind=approval", FORM, "approve-3=1&approve-2=1", 201, "\"ballot\":\"b,c\"\\}$"},
        {"kind=score", FORM, "score-1=0&score-2=5", 201, "\"ballot\":\"b=5\"\\}$"},
        {"kind=ranked", FORM, "rank-1=2&rank-3=1", 201, "\"ballot\":\"c>a\"\\}$"},
        {"kind=ranked", FORM, "rank-1=2&ballot=-", 201, "\"ballot\":\"-\"\\}$"},
        {"abstain=no", JSON, "{\"ballot\": \"-\"}", 422, "BAD-BALLOT.*nobody abstains"},
        {"", JSON, "{\"ballot\": \"a,b\"}", 422, "BAD-BALLOT.*names one choice"},
        {"kind=approval max=1", JSON, "{\"ballot\": \"a,b\"}", 422, "BAD-BALLOT.*at most 1"},
        {"kind=approval", FORM, "approve-4=1", 422, "NO-SUCH-CHOICE"},
        {"kind=score", JSON, "{\"ballot\": \"a=6\"}", 422, "BAD-BALLOT.*from 0 to 5"},
        {"method=irv", FORM, "rank-1=1&rank-2=1", 422, "BAD-BALLOT.*equal"},
        {"method=irv", FORM, "score-1=1", 400, "BAD-ARGUMENT"},
        {"method=irv", JSON, "{\"ballot\": \"a\", \"choice\": \"a\"}", 400, "BAD-ARGUMENT"},
    };
    START();
    struct client *client = web_client(&server);
    for (int i = 0; i < UNIT_COUNT(bodies); i++) {
        char line[128], poll[16], path[64];
        snprintf(poll, sizeof poll, "poll%d", i);
        snprintf(line, sizeof line, "CREATE %s a b c voters=address %s", poll, bodies[i].settings);
        administer(line);
        snprintf(path, sizeof path, "/polls/%s/ballots", poll);
        web_post(client, path, bodies[i].type, "", bodies[i].body);
        const char *told = web_expect(client, bodies[i].status)->body;
        if (bodies[i].status == 201)
            expect_own(client, poll, "", bodies[i].tells);
        else
            assert_match(told, bodies[i].tells);
        if (bodies[i].status != 201)
            expect_own(client, poll, "", NO_BALLOT);
    }
}
END_TEST

/* The page shows a refused form once more, as it was filled in; also if it only asks whether a
 * final ballot is meant. */
START_TEST(a_refused_form_comes_back)
{
    START();
    administer("CREATE chair a b c method=irv");
    administer("CREATE board a b c method=irv ballots=once");
    struct client *client = web_client(&server);
    web_post(client, "/polls/chair/ballots", FORM, HTML, "token=T&rank-1=1&rank-3=1");
    const struct web_reply *page = web_expect(client, 422);
    ck_assert_ptr_nonnull(strstr(page->body, "Not counted: no choices are ranked equal here."));
    ck_assert_ptr_nonnull(strstr(page->body, "aria-describedby=\"figures-c\" value=\"1\""));
    ck_assert_ptr_nonnull(strstr(page->body, "name=\"token\" value=\"T\""));
    web_ask(client, "GET", "/p/board?rank-1=1&rank-3=1", "");
    page = web_expect(client, 422);
    ck_assert_ptr_nonnull(strstr(page->body, "Not counted: no choices are ranked equal here."));
    ck_assert_ptr_nonnull(strstr(page->body, "aria-describedby=\"figures-c\" value=\"1\""));
    page = web_get(client, "/p/board?rank-1=2&rank-3=1");
    ck_assert_ptr_nonnull(strstr(page->body, "Send <b dir=\"ltr\">1. c, 2. a</b>?"));
    ck_assert_ptr_nonnull(strstr(page->body, "name=\"ballot\" value=\"c&gt;a\""));
}
END_TEST

/* A result comes later than the tally that it belongs to, and is in the list all the same, for who
 * has the list already, too. */
START_TEST(the_list_follows_results)
{
    char known[128] = "";
    START();
    administer("CREATE chair a b method=irv voters=named");
    struct client *voter = server_client(&server), *client = web_client(&server);
    static const char *const votes[] = {"VOTE chair a as=x", "VOTE chair b as=x"};
    static const char *const leaders[] = {">a leads.<", ">b leads.<"};
    for (int i = 0; i < UNIT_COUNT(votes); i++) {
        const struct web_reply *reply;
        client_ask_number(voter, votes[i]);
        do {
            web_ask(client, "GET", "/", known);
            reply = web_take(client);
            if (reply->status == 200)
                snprintf(known, sizeof known, "If-None-Match: %s\r\n", web_field(reply, "ETag"));
        } while (reply->status == 304 || !strstr(reply->body, leaders[i]));
    }
}
END_TEST

/* A browser without a script that has voted already is asked for no other ballot, and told which
 * one counts. So is one that asks too late. */
START_TEST(a_final_ballot_is_asked_for_once)
{
    char cookie[COOKIE_MAX], fields[COOKIE_MAX + sizeof HTML];
    START();
    administer("CREATE board yes no ballots=once");
    administer("LABEL board yes Ja & Amen");
    struct client *client = web_client(&server);
    ck_assert(page_has(web_get(client, "/p/board?choice=yes"), "Vote for <b"));
    web_post(client, "/polls/board/ballots", JSON, "", "{\"choice\": \"yes\"}");
    take_cookie(web_expect(client, 201), cookie);
    web_ask(client, "GET", "/p/board?choice=no", cookie);
    ck_assert(page_has(web_expect(client, 200), YOUR_VOTE("Ja &amp; Amen")));
    snprintf(fields, sizeof fields, HTML "%s", cookie);
    web_post(client, "/polls/board/ballots", FORM, fields, "choice=no");
    ck_assert_ptr_nonnull(
        strstr(web_expect(client, 409)->body, "Your vote for Ja &amp; Amen was recorded first"));
    web_ask(client, "GET", "/p/board?choice=no", "Cookie: other=1\r\n");
    ck_assert(page_has(web_expect(client, 200), "Vote for <b"));
    administer("CLOSE board");
    ck_assert(page_has(web_get(client, "/p/board?choice=no"), "The poll is closed"));
}
END_TEST

/* With --cors a page of another site may read, but not what its reader has voted. */
START_TEST(a_readers_own_ballot_and_other_sites)
{
    START("--cors=*");
    administer("CREATE here a b voters=address");
    struct client *client = web_client(&server);
    web_post(client, "/polls/here/ballots", JSON, "", "{\"choice\": \"b\"}");
    web_expect(client, 201);
    web_ask(client, "GET", "/p/here", "Origin: http://example.org\r\n");
    const struct web_reply *page = web_expect(client, 200);
    ck_assert_ptr_nonnull(strstr(page->body, YOUR_VOTE("b")));
    ck_assert_ptr_null(web_field(page, "Access-Control-Allow-Origin"));
}
END_TEST

/* A ballot may say which one of the voter's it comes after, as far as its sender knows: one that
 * was given up, and arrives after a later one, then does not count. */
START_TEST(a_ballot_that_comes_late)
{
    char cookie[COOKIE_MAX], body[128];
    START();
    struct client *client = web_client(&server);
    web_post(client, BALLOT, JSON, "", "{\"choice\": \"pizza\", \"after\": 0}");
    const struct web_reply *reply = web_expect(client, 201);
    take_cookie(reply, cookie);
    unsigned first = 0;
    ck_assert_int_eq(sscanf(reply->body, "{\"seq\":%u", &first), 1);
    snprintf(body, sizeof body, "{\"choice\": \"sushi\", \"after\": %u}", first);
    web_post(client, BALLOT, JSON, cookie, body);
    web_expect(client, 201);

    snprintf(body, sizeof body, "choice=pizza&after=%u", first);
    web_post(client, BALLOT, FORM, cookie, body);
    assert_match(web_expect(client, 409)->body, "\"ALREADY-VOTED\".*\"seq\":[0-9]+\\}$");
    expect_own(client, "lunch", cookie, "\"choice\":\"sushi\"");
    /* a repeat is one, whatever it was to come after */
    web_post(client, BALLOT, JSON, cookie, "{\"choice\": \"sushi\", \"after\": 0}");
    assert_match(web_expect(client, 201)->body, "\"duplicate\":true");
    /* and one that says nothing counts */
    web_post(client, BALLOT, FORM, cookie, "choice=pizza&after=");
    web_expect(client, 201);
    expect_own(client, "lunch", cookie, "\"choice\":\"pizza\"");
}
END_TEST

/* The same among ballots with one id. */
START_TEST(a_named_ballot_that_comes_late)
{
    static const char late[] =
        "{\"choice\": \"yes\", \"voter\": \"ann\", \"id\": \"k\", \"after\": 0}";
    START();
    administer("CREATE board yes no voters=named");
    struct client *client = web_client(&server);
    web_post(client, "/polls/board/ballots", JSON, "",
             "{\"choice\": \"no\", \"voter\": \"ann\", \"id\": \"k\", \"after\": 0}");
    web_expect(client, 201);
    web_post(client, "/polls/board/ballots", JSON, "", late);
    assert_match(web_expect(client, 409)->body, "\"ALREADY-VOTED\".*\"seq\":[0-9]+\\}$");
    web_post(client, "/polls/board/ballots", FORM, "", "choice=yes&voter=ann&id=k");
    web_expect(client, 201);
}
END_TEST

/* By a name alone anybody could find out so which ballot is whose: there it has no effect. */
START_TEST(named_ballots_come_in_any_order)
{
    static const char *const bodies[] = {
        "{\"choice\": \"yes\", \"voter\": \"ann\"}",
        "{\"choice\": \"no\", \"voter\": \"ann\", \"after\": 0}",
    };
    START();
    administer("CREATE board yes no voters=named");
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        web_post(client, "/polls/board/ballots", JSON, "", bodies[i]);
        web_expect(client, 201);
    }
}
END_TEST

/* Whoever brings no cookie with a visit has none: also by another site's link (SameSite=Lax), and
 * where the browser does not say where it comes from. What another site has as a part of its page
 * brings none that there is. */
START_TEST(a_cookie_with_the_page)
{
    static const struct {
        const char *fields;
        bool given;
    } rows[] = {
        {"", true},
        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: document\r\n", true},
        {"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: document\r\n", true},
        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: iframe\r\n", false},
        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: image\r\n", false},
        {"Sec-Fetch-Site: same-site\r\nSec-Fetch-Dest: empty\r\n", false},
    };
    char cookie[COOKIE_MAX];
    START();
    struct client *client = web_client(&server);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        web_ask(client, "GET", "/p/lunch", rows[i].fields);
        take_cookie(web_expect(client, 200), cookie);
        ck_assert_msg((cookie[0] != '\0') == rows[i].given, "'%s'", rows[i].fields);
    }
}
END_TEST

enum { TOKEN_SIZE = 46 };

/* The token in a page's form, which it must have. */
static void take_token(const struct web_reply *page, char token[TOKEN_SIZE])
{
    const char *at = strstr(page->body, "name=\"token\" value=\"");
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(sscanf(at, "name=\"token\" value=\"%45[^\"]\"", token), 1);
}

static const struct web_reply *vote_by_token(struct client *client, const char *token,
                                             const char *fields, enum known known)
{
    char body[128];
    snprintf(body, sizeof body, "choice=pizza&token=%s", token);
    web_post(client, BALLOT, FORM, fields, body);
    return expect_vote(client, known);
}

/* A browser without a cookie that sends a form twice, since the first answer was lost, or was
 * tapped twice, is one voter: the form's token is what the cookie will be. */
START_TEST(a_form_sent_twice)
{
    char token[TOKEN_SIZE], other[TOKEN_SIZE], cookie[COOKIE_MAX], again[COOKIE_MAX];
    START();
    struct client *client = web_client(&server);
    take_token(web_get(client, "/p/lunch"), token);
    take_cookie(vote_by_token(client, token, "", NEW_VOTER), cookie);
    ck_assert_ptr_nonnull(strstr(cookie, token));
    take_cookie(vote_by_token(client, token, "", KNOWN_VOTER), again);
    ck_assert_str_eq(again, cookie);
    vote_with(client, cookie, KNOWN_VOTER);

    /* another page, asked for before there was a cookie, is the same voter's by the cookie */
    take_token(web_get(client, "/p/lunch"), other);
    ck_assert_str_ne(other, token);
    take_cookie(vote_by_token(client, other, cookie, KNOWN_VOTER), again);
    ck_assert_str_eq(again, "");
    ck_assert_uint_eq(pizzas(), 1);

    /* whoever has a cookie gets no token; one that nobody signed names nobody */
    web_ask(client, "GET", "/p/lunch", cookie);
    ck_assert_ptr_null(strstr(web_expect(client, 200)->body, "name=\"token\""));
    token[0] ^= 1;
    vote_by_token(client, token, "", NEW_VOTER);
    vote_by_token(client, token, "", NEW_VOTER);
}
END_TEST

static void take_id(const struct web_reply *reply, char id[TOKEN_SIZE])
{
    const char *at = strstr(reply->body, "name=\"id\" value=\"");
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(sscanf(at, "name=\"id\" value=\"%45[^\"]\"", id), 1);
}

/* Where voters are named the form, also that of a final ballot, proves that a repeat is one's own:
 * over a connection that is not the first one's, too. */
START_TEST(a_named_form_sent_twice)
{
    static const char *const forms[] = {"/p/friday", "/p/board?voter=ann&choice=yes"};
    static const char *const targets[] = {"/polls/friday/ballots", "/polls/board/ballots"};
    char id[TOKEN_SIZE], body[128];
    START();
    administer("CREATE friday yes no voters=named");
    administer("CREATE board yes no voters=named ballots=once");
    for (size_t i = 0; i < UNIT_COUNT(forms); i++) {
        take_id(web_get(web_client(&server), forms[i]), id);
        snprintf(body, sizeof body, "choice=yes&voter=ann&id=%s", id);
        for (int sent = 0; sent < 2; sent++) {
            struct client *client = web_client(&server);
            web_post(client, targets[i], FORM, "", body);
            expect_vote(client, sent == 0 ? NEW_VOTER : KNOWN_VOTER);
        }
    }
}
END_TEST

/* Where every ballot counts, a form does so once. */
START_TEST(a_form_of_an_unlimited_poll)
{
    char id[2][TOKEN_SIZE], body[128];
    START();
    administer("CREATE clap ballots=unlimited voters=address loud louder");
    struct client *client = web_client(&server);
    for (int i = 0; i < 2; i++) {
        take_id(web_get(client, "/p/clap"), id[i]);
        snprintf(body, sizeof body, "choice=loud&id=%s", id[i]);
        web_post(client, "/polls/clap/ballots", FORM, "", body);
        expect_vote(client, NEW_VOTER);
        web_post(client, "/polls/clap/ballots", FORM, "", body);
        expect_vote(client, KNOWN_VOTER);
    }
    ck_assert_str_ne(id[0], id[1]);
}
END_TEST

/* By https the cookie is the host's alone, and no other is taken; by http both are, that one first.
 */
START_TEST(cookies_by_https)
{
    static const char https[] = "X-Forwarded-Proto: https\r\n";
    char plain[COOKIE_MAX], secure[COOKIE_MAX], both[3 * COOKIE_MAX], given[COOKIE_MAX];
    START("--trusted-proxy=127.0.0.1");
    struct client *client = web_client(&server);
    take_cookie(vote_with(client, "", NEW_VOTER), plain);
    const struct web_reply *reply = vote_with(client, https, NEW_VOTER);
    const char *set = web_field(reply, "Set-Cookie");
    assert_match(set, "^__Host-tallycast_voter=[A-Za-z0-9_.-]{45}; .*Path=/; .*; Secure$");
    snprintf(secure, sizeof secure, "Cookie: %.*s\r\n", (int)strcspn(set, ";"), set);
    snprintf(both, sizeof both, "%s%s", secure, https);
    take_cookie(vote_with(client, both, KNOWN_VOTER), given);
    ck_assert_str_eq(given, "");
    /* a page of another host may have set the plain one, before the first visit */
    snprintf(both, sizeof both, "%s%s", plain, https);
    ck_assert_ptr_nonnull(
        strstr(web_field(vote_with(client, both, NEW_VOTER), "Set-Cookie"), "__Host-"));
    snprintf(both, sizeof both, "%s%s", plain, secure);
    web_post(client, BALLOT, JSON, both, "{\"choice\": \"sushi\"}");
    expect_vote(client, NEW_VOTER);
    vote_with(client, plain, KNOWN_VOTER); /* it was the other one who changed his mind */
}
END_TEST

/* Who has no cookie is given one with the ballot, so the next one is the same voter's. */
START_TEST(cookie_with_the_ballot)
{
    char cookie[COOKIE_MAX];
    START();
    struct client *client = web_client(&server);
    take_cookie(vote_with(client, "", NEW_VOTER), cookie);
    ck_assert_str_ne(cookie, "");
    vote_with(client, cookie, KNOWN_VOTER);
    take_cookie(vote_with(client, "", NEW_VOTER),
                cookie); /* another browser, by the same connection */
    ck_assert_uint_eq(pizzas(), 2);
}
END_TEST

/* A cookie that is not this server's names nobody: least of all another voter. */
START_TEST(forged_cookies)
{
    char good[COOKIE_MAX], cookie[COOKIE_MAX], given[COOKIE_MAX];
    START();
    struct client *client = web_client(&server);
    take_cookie(visit(client, "/p/lunch"), good);
    const char *value = strchr(good, '.') - 22;
    for (size_t at = (size_t)(value - good); good[at] != '\r'; at++) {
        memcpy(cookie, good, sizeof cookie);
        cookie[at] = cookie[at] == 'A' ? 'B' : 'A';
        take_cookie(vote_with(client, cookie, NEW_VOTER), given);
        ck_assert_msg(given[0], "'%s' was taken", cookie);
    }
    static const char *const bad[] = {"", "x", ".", "AAAAAAAAAAAAAAAAAAAAAA.", "\x80\xff"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        snprintf(cookie, sizeof cookie, "Cookie: tallycast_voter=%s\r\n", bad[i]);
        take_cookie(vote_with(client, cookie, NEW_VOTER), given);
        ck_assert_str_ne(given, "");
    }
    take_cookie(vote_with(client, good, NEW_VOTER), given);
    ck_assert_str_eq(given, "");

    server_end(&server); /* another server does not know it */
    server_init(&server);
    START();
    take_cookie(vote_with(web_client(&server), good, NEW_VOTER), given);
    ck_assert_str_ne(given, "");
}
END_TEST

/* A browser's cookies may come in several lines, and another's cookie of that name among them (of
 * another server on this host, or of a page above this one). */
START_TEST(one_of_several_cookies)
{
    static const char *const around[][2] = {
        {"Cookie: a=1\r\n", ""},
        {"", "Cookie: a=1\r\n"},
        {"Cookie:\r\nCookie: a=1\r\n", "Cookie: b=2\r\n"},
        {"Cookie: tallycast_voter=x; tallycast_voter\r\n", "Cookie: tallycast_voter=\r\n"},
        {"Cookie: tallycast_voter=AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA\r\n", ""},
    };
    char cookie[COOKIE_MAX], given[COOKIE_MAX], fields[2 * COOKIE_MAX];
    START();
    struct client *client = web_client(&server);
    take_cookie(vote_with(client, "", NEW_VOTER), cookie);
    for (size_t i = 0; i < COUNT_OF(around); i++) {
        snprintf(fields, sizeof fields, "%s%s%s", around[i][0], cookie, around[i][1]);
        take_cookie(vote_with(client, fields, KNOWN_VOTER), given);
        ck_assert_str_eq(given, "");
    }
}
END_TEST

START_TEST(one_ballot_a_browser)
{
    char cookie[COOKIE_MAX];
    START();
    administer("CREATE chair ballots=once a b");
    struct client *client = web_client(&server);
    take_cookie(visit(client, "/p/chair"), cookie);
    web_post(client, "/polls/chair/ballots", JSON, cookie, "{\"choice\": \"a\"}");
    expect_vote(client, NEW_VOTER);
    web_post(client, "/polls/chair/ballots", JSON, cookie, "{\"choice\": \"b\"}");
    const struct web_reply *reply = web_expect(client, 409);
    assert_match(reply->body, "\"code\":\"ALREADY-VOTED\"");
    assert_match(reply->body, "\"seq\":[1-9]");
}
END_TEST

START_TEST(named_voters)
{
    char cookie[COOKIE_MAX];
    START();
    administer("CREATE named voters=named ballots=once a b");
    struct client *client = web_client(&server);
    for (int i = 0; i < 2; i++) {
        web_post(client, "/polls/named/ballots", JSON, "",
                 "{\"choice\": \"a\", \"voter\": \"ann\"}");
        take_cookie(expect_vote(client, i == 0 ? NEW_VOTER : KNOWN_VOTER), cookie);
        ck_assert_str_eq(cookie, ""); /* nobody is followed who need not be */
    }
    struct client *line = server_client(&server); /* the same voter as on the line protocol */
    client_ask_error(line, "VOTE named b as=ann", "ALREADY-VOTED");
    client = web_client(&server); /* whoever takes her name learns nothing of her choice */
    for (int i = 0; i < 2; i++) {
        web_post(client, "/polls/named/ballots", JSON, "",
                 i == 0 ? "{\"choice\": \"a\", \"voter\": \"ann\"}"
                        : "{\"choice\": \"b\", \"voter\": \"ann\"}");
        ck_assert_str_eq(web_expect(client, 409)->body,
                         "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
                         "\"code\":\"ALREADY-VOTED\",\"detail\":\"" ALREADY_VOTED_UNTOLD "\"}");
    }
}
END_TEST

/* A proxy's connection is many people's, and so proves nothing. */
START_TEST(named_voters_behind_a_proxy)
{
    static const char ann[] = "{\"choice\": \"a\", \"voter\": \"ann\"}";
    static const char bob[] = "{\"choice\": \"a\", \"voter\": \"bob\", \"id\": \"k-17\"}";
    char cookie[COOKIE_MAX];
    START("--trusted-proxy=127.0.0.1");
    administer("CREATE named voters=named ballots=once a b");
    struct client *proxy = web_client(&server);
    web_post(proxy, "/polls/named/ballots", JSON, "", ann);
    expect_vote(proxy, NEW_VOTER);
    web_post(proxy, "/polls/named/ballots", JSON, "", ann);
    ck_assert_ptr_nonnull(strstr(web_expect(proxy, 409)->body, ALREADY_VOTED_UNTOLD));
    for (int i = 0; i < 2; i++) { /* an id, or a cookie, does */
        web_post(proxy, "/polls/named/ballots", JSON, "", bob);
        expect_vote(proxy, i == 0 ? NEW_VOTER : KNOWN_VOTER);
    }
    take_cookie(visit(proxy, "/p/lunch"), cookie);
    for (int i = 0; i < 2; i++) {
        web_post(proxy, "/polls/named/ballots", JSON, cookie,
                 "{\"choice\": \"a\", \"voter\": \"eve\"}");
        expect_vote(proxy, i == 0 ? NEW_VOTER : KNOWN_VOTER);
    }
}
END_TEST

/* Where voters are named a token has no effect: a page may hand out its own. */
START_TEST(a_token_proves_no_name)
{
    char token[TOKEN_SIZE], body[128 + TOKEN_SIZE];
    START();
    administer("CREATE named voters=named ballots=once a b");
    take_token(web_get(web_client(&server), "/p/lunch"), token);
    snprintf(body, sizeof body, "choice=a&voter=ann&token=%s", token);
    for (int i = 0; i < 2; i++) {
        struct client *client = web_client(&server);
        web_post(client, "/polls/named/ballots", FORM, "", body);
        web_expect(client, i == 0 ? 201 : 409);
        client_close(client);
    }
}
END_TEST

/* ---- Addresses ---- */

static void vote_from(struct client *client, const char *forwarded, enum known known)
{
    web_post(client, "/polls/here/ballots", JSON, forwarded, "{\"choice\": \"a\"}");
    expect_vote(client, known);
}

static void refuse_from(struct client *client, const char *forwarded)
{
    web_post(client, "/polls/here/ballots", JSON, forwarded, "{\"choice\": \"a\"}");
    web_expect(client, 400);
}

START_TEST(forwarded_is_not_believed)
{
    START();
    administer("CREATE here voters=address ballots=once a b");
    struct client *client = web_client(&server);
    vote_from(client, "X-Forwarded-For: 192.0.2.1\r\n", NEW_VOTER);
    vote_from(client, "X-Forwarded-For: 192.0.2.2\r\n", KNOWN_VOTER);
    server_await_log(&server, "127.0.0.1 seems to be a proxy");
    vote_from(client, "", KNOWN_VOTER);
    vote_from(server_connect_http(&server, "127.0.0.2"), "", NEW_VOTER);
    struct client *line = server_client(&server);
    client_ask_error(line, "VOTE here b", "ALREADY-VOTED");
}
END_TEST

START_TEST(trusted_proxy)
{
    START("--trusted-proxy=127.0.0.1", "--trusted-proxy=127.0.0.3");
    administer("CREATE here voters=address ballots=once a b");
    struct client *client = web_client(&server);
    vote_from(client, "X-Forwarded-For: 192.0.2.1\r\n", NEW_VOTER);
    vote_from(client, "X-Forwarded-For: 192.0.2.1\r\n", KNOWN_VOTER);
    vote_from(client, "X-Forwarded-For: 192.0.2.2\r\n", NEW_VOTER);
    /* what stands before the last one anybody may have written */
    vote_from(client, "X-Forwarded-For: 192.0.2.9, 192.0.2.1\r\n", KNOWN_VOTER);
    vote_from(client, "X-Forwarded-For: 192.0.2.9,192.0.2.7 ,\t192.0.2.1\r\n", KNOWN_VOTER);
    vote_from(client, "X-Forwarded-For: 192.0.2.8\r\nX-Forwarded-For: 192.0.2.1\r\n", KNOWN_VOTER);
    vote_from(client, "X-Forwarded-For: x, 192.0.2.1\r\n", KNOWN_VOTER);
    /* unless it is another proxy's */
    vote_from(client, "X-Forwarded-For: 192.0.2.3, 127.0.0.3\r\n", NEW_VOTER);
    vote_from(client, "X-Forwarded-For: 192.0.2.3\r\n", KNOWN_VOTER);
    vote_from(client, "X-Forwarded-For: 2001:DB8:0::1\r\n", NEW_VOTER);
    vote_from(client, "X-Forwarded-For: 2001:db8::1\r\n", KNOWN_VOTER);
    vote_from(client, "X-Forwarded-For: [2001:db8::1]:4711\r\n", KNOWN_VOTER);
    vote_from(client, "X-Forwarded-For: ::ffff:192.0.2.1\r\n", KNOWN_VOTER);
    refuse_from(client, "X-Forwarded-For: unknown\r\n");
    refuse_from(client, "X-Forwarded-For: 192.0.2.1,\r\n");
    refuse_from(client, "X-Forwarded-For:\r\n");
    /* a proxy that says nothing would make one voter of all */
    refuse_from(client, "");
    server_await_log(&server, "the trusted proxy 127.0.0.1 does not say");
    /* several lines are one list */
    vote_from(client, "X-Forwarded-For: 192.0.2.4\r\nX-Forwarded-For: 127.0.0.3\r\n", NEW_VOTER);
    vote_from(server_connect_http(&server, "127.0.0.2"), "X-Forwarded-For: 192.0.2.77\r\n",
              NEW_VOTER);
    vote_from(server_connect_http(&server, "127.0.0.2"), "X-Forwarded-For: 192.0.2.78\r\n",
              KNOWN_VOTER);
}
END_TEST

/* Takes lines until one that begins so. */
static const char *await_line(struct client *client, const char *begin)
{
    const char *line;
    do
        line = client_line(client);
    while (strncmp(line, begin, strlen(begin)) != 0);
    return line;
}

/* ---- Time, and the end ---- */

static void expect_overdue(struct client *client, int64_t began)
{
    web_expect(client, 408);
    int64_t took = server_now_ms() - began;
    ck_assert_msg(took >= 900, "after %d ms", (int)took);
    client_expect_end(client);
}

/* Wherever it stopped. Who has asked nothing may wait, and what a reader of events sends is no
 * request. */
START_TEST(deadlines)
{
    static const char *const parts[] = {
        "G",
        "GET / HTTP/1.1\r\nHost: localhost\r\n",
        "POST " BALLOT " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n",
        "POST " BALLOT " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcd",
        "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hello HTTP/1.1\r\n",
    };
    struct client *clients[COUNT_OF(parts)];
    START("--request-timeout=1");
    struct client *idle = web_client(&server), *quiet = web_client(&server);
    struct client *reader = web_client(&server);
    web_ask(reader, "GET", "/events", "");
    web_send(reader, "GET");
    web_head(reader);
    web_get(idle, "/hello");
    int64_t began = server_now_ms();
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        clients[i] = web_client(&server);
        web_send(clients[i], "%s", parts[i]);
    }
    web_expect(clients[COUNT_OF(parts) - 1], 200);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        expect_overdue(clients[i], began);
    ck_assert_int_eq(web_get(idle, "/hello")->status, 200);
    ck_assert_int_eq(web_get(quiet, "/hello")->status, 200);
    vote_with(idle, "", NEW_VOTER);
    while (!strstr(await_line(reader, "data: "), "\"ballots\":1,"))
        ;
}
END_TEST

/* What is wrong with a request and was not looked for yet is told when its time is over. */
START_TEST(overdue_behind_a_fault)
{
    START("--request-timeout=1");
    struct client *client = web_client(&server);
    web_send(client, "GET /hello HTTP/1.1\r\nHost: localhost\r\nX: %0400d", 0);
    server_await_idle(&server);
    web_send(client, "\r\nno field\r\n");
    assert_match(web_expect(client, 400)->body, "Invalid header token");
    client_expect_end(client);
}
END_TEST

/* The deadline is the request's, not the byte's. */
START_TEST(trickling)
{
    START("--request-timeout=1");
    struct client *client = web_client(&server);
    struct pollfd reply = {.fd = client->fd, .events = POLLIN};
    int64_t began = server_now_ms();
    web_send(client, "GET / HTTP/1.1\r\nX: ");
    while (poll(&reply, 1, 20) == 0) {
        ck_assert_int_lt(server_now_ms() - began, SERVER_DEADLINE_S * 1000);
        client_write(client, "x", 1);
    }
    expect_overdue(client, began);
}
END_TEST

START_TEST(one_connection_too_many)
{
    START("--max-connections=2");
    struct client *first = web_client(&server), *second = web_client(&server);
    web_get(first, "/hello");
    web_get(second, "/hello");
    struct client *third = web_client(&server);
    web_ask(third, "GET", "/hello", "");
    const struct web_reply *reply = web_expect(third, 503);
    assert_match(reply->body, "TOO-MANY-CONNECTIONS");
    ck_assert_ptr_nonnull(web_field(reply, "Retry-After"));
    client_expect_end(third);
    third = web_client(&server);
    web_ask(third, "HEAD", "/hello", "");
    ck_assert_int_eq(web_head(third)->status, 503);
    client_expect_end(third);
    server_stop(&server);
    server_await_log(&server, "too many connections: turning away limit=max-connections");
}
END_TEST

/* Those that are one too many and silent are closed soon, and shut out nobody who asks how the
 * server is, whichever port they are on. */
START_TEST(probes_are_answered_past_all_limits)
{
    enum { SILENT = 100 };
    static const char *const probes[] = {"/healthz", "/readyz"};
    struct client *silent[SILENT];
    START("--max-connections=1");
    web_get(web_client(&server), "/hello");
    for (int i = 0; i < SILENT; i++)
        silent[i] = _i == 0 ? web_client(&server) : server_connect(&server, "127.0.0.1");
    for (int i = 0; i < UNIT_COUNT(probes); i++) {
        struct client *probe = web_client(&server);
        const struct web_reply *reply = web_get(probe, probes[i]);
        ck_assert_str_eq(web_field(reply, "Connection"), "close");
        client_expect_end(probe);
    }
    client_ask(server_admin(&server), "PING", "+OK");
    for (int i = 0; i < SILENT; i++)
        while (client_line_or_end(silent[i])) /* on the line port, some are told */
            ;
}
END_TEST

START_TEST(half_a_probe_is_one_too_many)
{
    START("--max-connections=1");
    web_get(web_client(&server), "/hello");
    struct client *probe = web_client(&server);
    web_send(probe, "GET /healthz HTTP/1.1\r\n");
    web_expect(probe, 503);
    client_expect_end(probe);
}
END_TEST

/* Whatever was answered with 201 is in the database; what was not may be. */
START_TEST(stop_in_the_middle)
{
    enum { CLIENTS = 8, BALLOTS = 200 };
    struct client *clients[CLIENTS];
    unsigned counted = 0;
    START();
    administer("CREATE many voters=named ballots=unlimited a b");
    for (int c = 0; c < CLIENTS; c++) {
        clients[c] = web_client(&server);
        for (int i = 0; i < BALLOTS; i++)
            web_post(clients[c], "/polls/many/ballots", JSON, "",
                     "{\"choice\": \"a\", \"voter\": \"ann\"}");
    }
    web_expect(clients[0], 201);
    server_signal(&server, SIGTERM);
    for (int c = 0; c < CLIENTS; c++) {
        const char *line;
        while ((line = client_line_or_end(clients[c])))
            counted += strstr(line, "HTTP/1.1 201 ") != NULL;
    }
    ck_assert_int_eq(server_wait(&server), 0);
    uint64_t recorded = database_number(server.database, "SELECT count(*) FROM ballot");
    ck_assert_uint_ge(recorded, counted + 1);
    ck_assert_uint_gt(counted, 0);
    database_assert_recount(server.database);
}
END_TEST

/* ---- Readers ---- */

START_TEST(events)
{
    START();
    struct client *reader = web_client(&server), *voter = web_client(&server);
    web_ask(reader, "GET", "/polls/lunch/events", "");
    const struct web_reply *reply = web_head(reader);
    ck_assert_int_eq(reply->status, 200);
    assert_match(web_field(reply, "Content-Type"), "^text/event-stream");
    ck_assert_ptr_null(web_field(reply, "Content-Length"));
    ck_assert_str_eq(web_field(reply, "Connection"), "close");
    ck_assert_str_eq(web_field(reply, "Cache-Control"), "no-store, no-transform");
    ck_assert_str_eq(web_field(reply, "X-Accel-Buffering"), "no");
    client_expect_match(reader, "^retry: [2-5][0-9]{3}$");
    client_expect(reader, "%s", "");
    client_expect(reader, "event: tally");
    client_expect_match(reader, "^id: [0-9]+$");
    client_expect_match(reader, "^data: \\{\"poll\":\"lunch\".*\"ballots\":0");
    client_expect(reader, "%s", "");
    vote_with(voter, "", NEW_VOTER);
    await_line(reader, "event: tally");
    client_expect_match(reader, "^id: [0-9]+$");
    client_expect_match(reader,
                        "^data: \\{\"poll\":\"lunch\".*\"ballots\":1.*\"pizza\",\"count\":1");
    server_signal(&server, SIGTERM);
    while (client_line_or_end(reader))
        ;
    ck_assert_int_eq(reader->error, 0);
    ck_assert_int_eq(server_wait(&server), 0);
}
END_TEST

/* A title or label that changes is told to readers of events, who ask for it then. In the line
 * protocol, where a tally has neither, nothing is pushed. */
START_TEST(events_of_other_texts)
{
    START();
    struct client *reader = web_client(&server), *all = web_client(&server);
    struct client *lines = server_client(&server);
    web_ask(reader, "GET", "/polls/lunch/events", "");
    web_ask(all, "GET", "/events", "");
    client_ask(lines, "SUBSCRIBE lunch", "+OK 1");
    client_expect_match(lines, "^> lunch open");
    ck_assert_int_eq(web_head(reader)->status, 200);
    ck_assert_int_eq(web_head(all)->status, 200);
    assert_match(await_line(reader, "data: "), "\"texts\":0,");
    assert_match(await_line(all, "data: "), "\"texts\":0,");
    administer("LABEL lunch pizza Margherita");
    assert_match(await_line(reader, "data: "), "\"texts\":[1-9][0-9]*,.*\"ballots\":0");
    assert_match(await_line(all, "data: "), "\"texts\":[1-9][0-9]*,.*\"ballots\":0");
    struct client *voter = server_client(&server);
    client_ask_number(voter, "VOTE lunch pizza");
    client_expect_match(lines, "^> lunch open [0-9]+ 1 pizza=1");
}
END_TEST

/* The names of the polls that a page lists, in its order. */
static const char *listed_polls(const struct web_reply *reply)
{
    static char names[8192];
    static const char before[] = "<li class=\"card\" data-poll=\"";
    char *end = strcpy(names, "");
    for (const char *at = reply->body; (at = strstr(at, before)) != NULL;) {
        at += strlen(before);
        end += snprintf(end, sizeof names - (size_t)(end - names), " %.*s", (int)strcspn(at, "\""),
                        at);
    }
    return names;
}

START_TEST(open_polls_are_listed_first_and_the_newest_of_them)
{
    START();
    struct client *client = web_client(&server);
    administer("CREATE second a b");
    administer("CREATE third a b");
    administer("CREATE fourth a b state=closed");
    ck_assert_str_eq(listed_polls(web_get(client, "/")), " third second lunch fourth");
    administer("CLOSE second");
    administer("OPEN fourth");
    ck_assert_str_eq(listed_polls(web_get(client, "/")), " fourth third lunch second");
    ck_assert_str_eq(listed_polls(web_get(client, "/?from=3")), " second");
    ck_assert_str_eq(listed_polls(web_get(client, "/?from=4")), "");
}
END_TEST

START_TEST(a_list_of_many_polls_goes_on)
{
    START();
    struct client *client = web_client(&server), *admin = server_admin(&server);
    for (unsigned i = 0; i < 104; i++)
        client_send(admin, "CREATE poll%u a b", i);
    for (unsigned i = 0; i < 104; i++)
        client_expect_match(admin, "^\\+OK");
    assert_match(web_get(client, "/")->body, "<a href=\"[./]*\\?from=100\">More polls</a>");
    const struct web_reply *rest = web_get(client, "/?from=100");
    ck_assert_str_eq(listed_polls(rest), " poll3 poll2 poll1 poll0 lunch");
    ck_assert_ptr_null(strstr(rest->body, "More polls"));
}
END_TEST

START_TEST(a_poll_waits_to_be_opened)
{
    START();
    struct client *client = web_client(&server);
    administer("CREATE later a b state=closed");
    assert_match(web_get(client, "/polls/later")->body, "\"state\":\"waiting\",\"open\":false");
    administer("OPEN later");
    assert_match(web_get(client, "/polls/later")->body, "\"state\":\"open\",\"open\":true");
    administer("CLOSE later");
    assert_match(web_get(client, "/polls/later")->body, "\"state\":\"closed\",\"open\":false");
}
END_TEST

START_TEST(events_of_all_polls)
{
    START("--poll=dinner=a,b");
    struct client *reader = web_client(&server);
    web_ask(reader, "GET", "/events", "");
    ck_assert_int_eq(web_head(reader)->status, 200);
    bool lunch = false, dinner = false;
    while (!lunch || !dinner) {
        const char *line = await_line(reader, "data: ");
        lunch |= strstr(line, "\"poll\":\"lunch\"") != NULL;
        dinner |= strstr(line, "\"poll\":\"dinner\"") != NULL;
    }
    administer("CREATE later a b");
    while (!strstr(await_line(reader, "data: "), "\"poll\":\"later\""))
        ;
}
END_TEST

/* What a reader of events sends is dropped. One that was asked for behind other requests follows
 * their replies. */
START_TEST(events_behind_other_requests)
{
    START();
    struct client *reader = web_client(&server);
    web_ask(reader, "GET", "/hello", "");
    web_post(reader, BALLOT, JSON, "", VOTE);
    web_ask(reader, "HEAD", "/polls/lunch/events", "");
    web_ask(reader, "GET", "/about", "");
    web_ask(reader, "GET", "/polls/lunch/events", "");
    web_post(reader, BALLOT, JSON, "", VOTE);
    web_expect(reader, 200);
    web_expect(reader, 201);
    ck_assert_int_eq(web_head(reader)->status, 200);
    web_expect(reader, 200);
    ck_assert_int_eq(web_head(reader)->status, 200);
    assert_match(await_line(reader, "data: "), "\"ballots\":1,");
    web_send(reader, "%s", "x\r\n\r\n\n\n");
    vote_with(web_client(&server), "", NEW_VOTER);
    assert_match(await_line(reader, "data: "), "\"ballots\":2,");
    ck_assert_uint_eq(pizzas(), 2);
}
END_TEST

/* A reader of long replies who does not take them costs no more than a few; others are served; and
 * when it reads, all are there. */
START_TEST(slow_reader)
{
    enum { REQUESTS = 1000 };
    static const char request[] = "GET /p/lunch HTTP/1.1\r\nHost: localhost\r\n\r\n";
    START();
    struct client *slow = web_client(&server), *other = web_client(&server);
    setsockopt(slow->fd, SOL_SOCKET, SO_RCVBUF, &(int){32 * 1024}, sizeof(int));
    size_t len = web_get(other, "/p/lunch")->len;
    uint64_t before = server_rss_bytes(&server);
    unsigned sent = 0;
    struct pollfd wanted = {.fd = slow->fd, .events = POLLOUT};
    while (sent < REQUESTS && poll(&wanted, 1, 200) == 1 &&
           send(slow->fd, request, sizeof request - 1, MSG_DONTWAIT | MSG_NOSIGNAL) ==
               (ssize_t)sizeof request - 1)
        sent++;
    vote_with(other, "", NEW_VOTER);
    if (!SERVER_SANITIZED)
        ck_assert_uint_lt(server_rss_bytes(&server), before + 4 * 1024 * 1024);
    for (unsigned i = 0; i < sent; i++) {
        const struct web_reply *reply = web_expect(slow, 200);
        ck_assert_uint_ge(reply->len + 16, len);
    }
    ck_assert_uint_ge(sent, 10);
}
END_TEST

/* ---- curl ---- */

static void expect_curl(const char *arguments, const char *pattern)
{
    char command[512], output[8192];
    snprintf(command, sizeof command,
             "curl -sS -i --max-time 10 --noproxy '*' %s http://127.0.0.1:%u/%s 2>&1", arguments,
             server.http_port, strchr(arguments, 'd') ? "polls/lunch/ballots" : "polls/lunch");
    FILE *curl = popen(command, "r");
    ck_assert_ptr_nonnull(curl);
    size_t len = fread(output, 1, sizeof output - 1, curl);
    output[len] = '\0';
    ck_assert_msg(pclose(curl) == 0, "%s: %s", command, output);
    assert_match(output, pattern);
}

START_TEST(curl)
{
    if (system("command -v curl >/dev/null 2>&1") != 0)
        return;
    START();
    expect_curl("", "^HTTP/1.1 200 OK.*\"ballots\":0");
    expect_curl("-0", "^HTTP/1.1 200 OK.*Connection: close");
    expect_curl("-I", "^HTTP/1.1 200 OK.*Content-Length: [1-9]");
    expect_curl("-d choice=pizza", "^HTTP/1.1 201 Created.*\"duplicate\":false");
    expect_curl("-H 'Content-Type: " JSON "' -d '" VOTE "'", "^HTTP/1.1 201 Created");
    expect_curl("-H 'Transfer-Encoding: chunked' -d choice=pizza",
                "^HTTP/1.1 (100 Continue.*)?201 Created");
    expect_curl("-H 'Expect: 100-continue' -d choice=pizza",
                "^HTTP/1.1 100 Continue.*HTTP/1.1 201 Created");
    expect_curl("--http2", "^HTTP/1.1 200 OK.*\"ballots\":4");
    ck_assert_uint_eq(pizzas(), 4);
}
END_TEST

/* ---- The suite ---- */

SERVER_MAIN("http",
            {"routes", .set_up = set_up, .tear_down = tear_down,
             .tests = {{every_route},
                       {head_of_every_route},
                       {options_and_other_methods},
                       {what_is_not_there},
                       {paths_that_are_almost_right},
                       {entity_tags},
                       {etag_changes_with_a_ballot_and_a_title},
                       {compressed_files}}},
            {"ballots", .set_up = set_up, .tear_down = tear_down,
             .tests = {{ballots},
                       {a_ballot_takes_the_mutex_once},
                       {ballots_of_a_browser},
                       {refused_ballots},
                       {longest_ballot}}},
            {"connections", .set_up = set_up, .tear_down = tear_down,
             .tests = {{closing},
                       {half_closed},
                       {pipelined},
                       {split_at_every_byte},
                       {byte_by_byte},
                       {deadlines},
                       {overdue_behind_a_fault},
                       {trickling},
                       {one_connection_too_many},
                       {probes_are_answered_past_all_limits, .loops = 2},
                       {half_a_probe_is_one_too_many},
                       {stop_in_the_middle}}},
            {"pages", .set_up = set_up, .tear_down = tear_down,
             .tests = {{open_polls_are_listed_first_and_the_newest_of_them},
                       {a_list_of_many_polls_goes_on},
                       {a_poll_waits_to_be_opened},
                       {a_final_ballot_is_confirmed_first},
                       {the_vote_is_confirmed},
                       {a_named_vote_is_confirmed_by_its_answer},
                       {a_readers_own_ballot},
                       {a_readers_own_ballot_of_any_kind},
                       {ballots_of_every_kind},
                       {a_refused_form_comes_back},
                       {the_list_follows_results},
                       {a_readers_own_ballot_and_other_sites},
                       {a_ballot_that_comes_late},
                       {a_final_ballot_is_asked_for_once},
                       {a_named_ballot_that_comes_late},
                       {named_ballots_come_in_any_order},
                       {the_screen_tells_where_to_vote},
                       {the_screen_behind_a_proxy},
                       {each_host_that_a_proxy_tells_is_judged},
                       {a_ballots_journey}}},
            {"malformed", .set_up = set_up, .tear_down = tear_down,
             .tests = {{malformed}, {told_to_go_on}, {chunks}, {nul}, {too_long}}},
            {"safety", .set_up = set_up, .tear_down = tear_down,
             .tests = {{what_is_not_accepted},
                       {a_list_of_many_choices_is_shorter},
                       {hosts},
                       {the_machines_own_name},
                       {any_host},
                       {origins},
                       {cors},
                       {cookies},
                       {a_cookie_with_the_page},
                       {a_form_sent_twice},
                       {a_named_form_sent_twice},
                       {a_form_of_an_unlimited_poll},
                       {cookies_by_https},
                       {cookie_with_the_ballot},
                       {forged_cookies},
                       {one_of_several_cookies},
                       {one_ballot_a_browser},
                       {named_voters},
                       {named_voters_behind_a_proxy},
                       {a_token_proves_no_name},
                       {forwarded_is_not_believed},
                       {trusted_proxy}}},
            {"readers", .set_up = set_up, .tear_down = tear_down,
             .tests = {{events},
                       {events_of_all_polls},
                       {events_of_other_texts},
                       {events_behind_other_requests},
                       {slow_reader}}},
            {"curl", .set_up = set_up, .tear_down = tear_down, .tests = {{curl}}})
