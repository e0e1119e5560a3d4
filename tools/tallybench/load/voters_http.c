/* Voters over HTTP (see voters_internal.h): each keeps its connection, and the cookie that it is
 * given, as a browser does. A request costs the server enough to leave room for a parser and a JSON
 * library here. */
#include "tools/tallybench/load/voters_internal.h"

#include "tools/tallybench/load/http.h"
#include "tools/lib/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ask(struct voters *voters, struct bench_conn *conn)
{
    char request[HTTP_REQUEST_BYTES];
    size_t len = http_put_get(request, voters->load->http_host, "/hello", "*/*");
    bench_conn_send(conn, voters->lane, request, len);
}

void voters_opened(struct voters *voters, struct bench_conn *conn)
{
    ask(voters, conn);
}

static void ask_last(struct voters *voters, struct voter *voter)
{
    ask(voters, &voter->conn);
}

static char *put_post(const struct voters *voters, const struct voter *voter, char *at)
{
    const struct plan *plan = &voters->load->plan;
    const struct plan_cursor *cursor = &voter->next;
    const struct plan_poll *poll = &plan->polls[cursor->poll];
    char paper[PROTO_LINE_MAX], name[PLAN_VOTER_MAX];
    plan_write_paper(plan, cursor, paper);
    plan_name_voter(plan, cursor, voter->number, name);
    const struct http_ballot ballot = {.host = voters->load->http_host,
                                       .cookie = voter->cookie ? voter->cookie : "",
                                       .poll = poll->name,
                                       .member = poll->pile->marks ? "ballot" : "choice",
                                       .paper = paper,
                                       .voter = name};
    return at + http_put_ballot(at, &ballot);
}

static void keep_cookie(struct voter *voter, const struct http_reply *reply)
{
    if (reply->cookie[0] == '\0')
        return;
    free(voter->cookie);
    voter->cookie = must_calloc(1, sizeof reply->cookie);
    memcpy(voter->cookie, reply->cookie, sizeof reply->cookie);
}

static void refuse_reply(struct voters *voters, struct voter *voter, const char *wrong,
                         const struct http_reply *reply)
{
    char what[128];
    snprintf(what, sizeof what, "%s: %u %.48s: ", wrong, reply->status, reply->type);
    voters_refuse(voters, voter, what, reply->body);
}

static void take_reply(struct voters *voters, struct voter *voter, const struct http_reply *reply,
                       uint64_t now_ns)
{
    uint64_t seq;
    if (voter->last && !voter->finished && voter->in_flight == 0 && reply->status == 200) {
        voters_finish(voters, voter);
        return;
    }
    keep_cookie(voter, reply);
    const char *wrong = http_read_ballot_reply(reply, &seq);
    if (!wrong && !voters_acknowledge(voters, voter, seq, now_ns))
        wrong = "a reply that no ballot waits for";
    if (wrong)
        refuse_reply(voters, voter, wrong, reply);
}

static void take_replies(struct voters *voters, struct voter *voter, struct span input,
                         uint64_t now_ns)
{
    struct http_replies *replies = voter->conn.replies;
    while (voter->conn.state == BENCH_CONN_READY && input.len > 0) {
        switch (http_replies_take(replies, &input)) {
        case HTTP_TAKE_PART:
            return;
        case HTTP_TAKE_REPLY:
            take_reply(voters, voter, http_replies_last(replies), now_ns);
            break;
        case HTTP_TAKE_STREAM:
            refuse_reply(voters, voter, "a reply without an end", http_replies_last(replies));
            break;
        case HTTP_TAKE_WRONG:
            voters_refuse(voters, voter, http_replies_why(replies), (struct span){0});
            break;
        }
    }
}

const struct voter_protocol voters_http_protocol = {
    .put_ballot = put_post,
    .send_last = ask_last,
    .take = take_replies,
};
