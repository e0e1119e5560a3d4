/* Voters of the line protocol (see voters_internal.h). This must cost less a ballot than the
 * server needs: replies are taken apart by hand, and ballots are copied from prepared text. */
#include "tools/tallybench/load/voters_internal.h"

#include "proto/reply.h"

#include <string.h>

static char *put_line(const struct voters *voters, const struct voter *voter, char *at)
{
    return plan_put_ballot(&voters->load->plan, &voter->next, voter->number, at);
}

static void send_ping(struct voters *voters, struct voter *voter)
{
    static const char ping[] = "PING end\n";
    bench_conn_send(&voter->conn, voters->lane, ping, strlen(ping));
}

/* A line that is not simply `+OK SEQ`. */
static void take_other(struct voters *voters, struct voter *voter, struct span line,
                       uint64_t now_ns)
{
    struct reply reply;
    reply_parse(line.at, line.len, &reply);
    if (reply.kind == REPLY_OK && voter->last && voter->in_flight == 0 && reply.text.len == 3 &&
        memcmp(reply.text.at, "end", 3) == 0) {
        voters_finish(voters, voter);
        return;
    }
    /* The plan has no repeats, so a duplicate is as wrong as an error. */
    if (reply.kind != REPLY_OK || !reply.has_number || reply.duplicate ||
        !voters_acknowledge(voters, voter, reply.number, now_ns))
        voters_refuse(voters, voter, "", line);
}

/* Reads `+OK SEQ` and its LF. Returns what follows, or NULL if the line is another or not whole. */
static const char *scan_acknowledgement(const char *at, const char *end, uint64_t *seq)
{
    uint64_t number = 0;
    if (end - at < 6 || memcmp(at, "+OK ", 4) != 0)
        return NULL;
    const char *digits = at += 4;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    if (at == end || *at != '\n' || at == digits || at - digits > 19)
        return NULL;
    *seq = number;
    return at + 1;
}

static void take_lines(struct voters *voters, struct voter *voter, struct span input,
                       uint64_t now_ns)
{
    uint64_t seq;
    while (voter->conn.state == BENCH_CONN_READY) {
        const char *next = scan_acknowledgement(input.at, input.at + input.len, &seq);
        if (next && voters_acknowledge(voters, voter, seq, now_ns)) {
            input.len -= (size_t)(next - input.at);
            input.at = next;
            continue;
        }
        struct span line;
        if (!bench_conn_line(&voter->conn, &input, &line))
            break;
        take_other(voters, voter, line, now_ns);
    }
}

const struct voter_protocol voters_line_protocol = {
    .put_ballot = put_line,
    .send_last = send_ping,
    .take = take_lines,
};
