/* Voters, multiplexed. Each of them keeps a window of ballots in flight, so that the server always
 * has something to do, and every reply is held against what is known of its ballot. */
#include "tests/support/crowd.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CROWD_CONNECTIONS_MAX = 256 };

static void say_lunch(char line[CROWD_LINE_MAX], uint64_t number)
{
    snprintf(line, CROWD_LINE_MAX, "VOTE lunch %" PRIu64 " id=%" PRIu64 "\n", 1 + number % 2,
             number);
}

void crowd_init(struct crowd *crowd, struct server *server, unsigned connections, uint64_t count)
{
    ck_assert_uint_le(connections, CROWD_CONNECTIONS_MAX);
    *crowd = (struct crowd){
        .server = server, .say = say_lunch, .connections = connections, .count = count};
    crowd->voters = calloc(connections, sizeof *crowd->voters);
    crowd->ballots = calloc(count, sizeof *crowd->ballots);
    ck_assert(crowd->voters != NULL && crowd->ballots != NULL);
}

void crowd_free(struct crowd *crowd)
{
    free(crowd->voters);
    free(crowd->ballots);
}

void crowd_connect(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->connections; i++)
        crowd->voters[i] = (struct crowd_voter){.client = server_client(crowd->server)};
    crowd->answered = crowd->duplicates = 0;
}

void crowd_disconnect(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->connections; i++)
        client_close(crowd->voters[i].client);
}

/* ---- sending ---- */

/* The number of a voter's nth ballot. */
static uint64_t ballot_number(const struct crowd *crowd, const struct crowd_voter *voter,
                              uint64_t n)
{
    return n * crowd->connections + (uint64_t)(voter - crowd->voters);
}

static bool has_more(const struct crowd *crowd, const struct crowd_voter *voter)
{
    return ballot_number(crowd, voter, voter->sent) < crowd->count;
}

static bool may_send(const struct crowd *crowd, const struct crowd_voter *voter)
{
    return !voter->client->ended && has_more(crowd, voter) &&
           voter->sent - voter->answered < CROWD_WINDOW;
}

static void send_ballots(const struct crowd *crowd, struct crowd_voter *voter)
{
    char lines[CROWD_WINDOW * CROWD_LINE_MAX];
    size_t len = 0;
    while (may_send(crowd, voter)) {
        crowd->say(lines + len, ballot_number(crowd, voter, voter->sent++));
        len += strlen(lines + len);
    }
    client_write(voter->client, lines, len);
}

/* ---- receiving ---- */

static void note_counted(struct crowd *crowd, struct ballot *ballot, const char *reply)
{
    char *end;
    uint64_t seq = strtoull(reply + 4, &end, 10);
    bool duplicate = strcmp(end, " duplicate") == 0;
    ck_assert_msg(duplicate || *end == '\0', "a ballot is answered \"%s\"", reply);
    if (ballot->fate == FATE_COUNTED) {
        ck_assert_msg(duplicate, "a ballot was counted twice: \"%s\"", reply);
        ck_assert_uint_eq(seq, ballot->seq);
    }
    *ballot = (struct ballot){seq, FATE_COUNTED};
    crowd->duplicates += duplicate;
}

static void note_reply(struct crowd *crowd, struct crowd_voter *voter, const char *reply)
{
    ck_assert_uint_lt(voter->answered, voter->sent);
    struct ballot *ballot = &crowd->ballots[ballot_number(crowd, voter, voter->answered++)];
    crowd->answered++;
    if (strncmp(reply, "+OK ", 4) == 0) {
        note_counted(crowd, ballot, reply);
        return;
    }
    size_t len = crowd->refusal != NULL ? strlen(crowd->refusal) : 0;
    ck_assert_msg(len > 0 && reply[0] == '-' && strncmp(reply + 1, crowd->refusal, len) == 0 &&
                      reply[1 + len] == ' ',
                  "a ballot is answered \"%s\"", reply);
    ck_assert_msg(ballot->fate != FATE_COUNTED, "a ballot that was counted is answered \"%s\"",
                  reply);
    ballot->fate = FATE_REFUSED;
}

static void take_replies(struct crowd *crowd, struct crowd_voter *voter)
{
    const char *reply;
    while ((reply = client_next(voter->client)) != NULL)
        note_reply(crowd, voter, reply);
}

/* ---- both ---- */

static bool is_active(const struct crowd *crowd, const struct crowd_voter *voter)
{
    return !voter->client->ended && (voter->answered < voter->sent || has_more(crowd, voter));
}

/* Sends and receives once. Returns whether anyone has still something to do. */
static bool crowd_step(struct crowd *crowd)
{
    struct pollfd wanted[CROWD_CONNECTIONS_MAX];
    struct crowd_voter *active[CROWD_CONNECTIONS_MAX];
    nfds_t count = 0;
    for (unsigned i = 0; i < crowd->connections; i++) {
        struct crowd_voter *voter = &crowd->voters[i];
        send_ballots(crowd, voter);
        take_replies(crowd, voter); /* that came while it sent */
        if (!is_active(crowd, voter))
            continue;
        active[count] = voter;
        wanted[count++] = (struct pollfd){.fd = voter->client->fd, .events = POLLIN};
    }
    if (count == 0)
        return false;
    ck_assert_msg(poll(wanted, count, SERVER_DEADLINE_S * 1000) > 0, "no ballot is answered");
    for (nfds_t i = 0; i < count; i++) {
        if (wanted[i].revents != 0)
            client_receive(active[i]->client);
        take_replies(crowd, active[i]);
    }
    return true;
}

void crowd_vote(struct crowd *crowd, uint64_t replies)
{
    while (crowd->answered < replies) {
        bool active = crowd_step(crowd);
        ck_assert_msg(active, "only %llu of %llu ballots were answered",
                      (unsigned long long)crowd->answered, (unsigned long long)replies);
    }
}

void crowd_finish(struct crowd *crowd)
{
    while (crowd_step(crowd))
        ;
}

/* ---- counting ---- */

uint64_t crowd_count(const struct crowd *crowd, enum fate fate)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < crowd->count; i++)
        count += crowd->ballots[i].fate == fate;
    return count;
}

void crowd_assert_tally(const struct crowd *crowd, struct client *client)
{
    unsigned long long counts[2] = {0, 0};
    char pattern[128];
    for (uint64_t i = 0; i < crowd->count; i++)
        counts[i % 2] += crowd->ballots[i].fate == FATE_COUNTED;
    snprintf(pattern, sizeof pattern,
             "^\\+OK lunch (open|closed) [0-9]+ %llu pizza=%llu sushi=%llu$", counts[0] + counts[1],
             counts[0], counts[1]);
    client_send(client, "SHOW lunch");
    client_expect_match(client, pattern);
}
