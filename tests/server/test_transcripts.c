/* Replays every transcript of proto/PROTOCOL.md, each with a server of its own. What the marks at
 * the beginnings of the lines mean is told there. */
#include "tests/support/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRANSCRIPTS_MAX = 64, CLIENTS_MAX = 10, ADMIN = 0 };

#define FENCE "```transcript\n"

static char *page;
static const char *transcripts[TRANSCRIPTS_MAX]; /* where each one's first line begins */
static int transcript_count;

struct replay {
    struct server server;
    struct client *clients[CLIENTS_MAX]; /* the admin's, then C, C2, … by number */
};

/* ---- finding them ---- */

static void find_transcripts(void)
{
    size_t len;
    page = server_read_source("proto/PROTOCOL.md", &len);
    for (char *at = strstr(page, FENCE); at != NULL; at = strstr(at, FENCE)) {
        at += strlen(FENCE);
        if (transcript_count < TRANSCRIPTS_MAX)
            transcripts[transcript_count] = at;
        transcript_count++;
    }
}

static int line_number(const char *at)
{
    int number = 1;
    for (const char *c = page; c < at; c++)
        number += *c == '\n';
    return number;
}

/* ---- replaying one ---- */

/* Reads a mark such as `C2: `, `S: `, `A: ` or `AS: `: whose line it is, and whether that one sends
 * it. Returns what follows, or NULL. */
static const char *parse_mark(const char *line, unsigned *who, bool *sends)
{
    if (line[0] == 'A') {
        *who = ADMIN;
        *sends = line[1] == ':';
        line += *sends ? 1 : 2;
    } else {
        *sends = line[0] == 'C';
        *who = line[1] == ':' ? 1 : (unsigned)(line[1] - '0');
        line += line[1] == ':' ? 1 : 2;
    }
    return strncmp(line, ": ", 2) == 0 && *who < CLIENTS_MAX ? line + 2 : NULL;
}

static struct client *client_of(struct replay *replay, unsigned who)
{
    if (replay->clients[who] == NULL)
        replay->clients[who] =
            who == ADMIN ? server_admin(&replay->server) : server_client(&replay->server);
    return replay->clients[who];
}

static void replay_line(struct replay *replay, const char *line, int number)
{
    unsigned who;
    bool sends;
    const char *text = parse_mark(line, &who, &sends);
    ck_assert_msg(text != NULL, "PROTOCOL.md:%d: no mark", number);
    struct client *client = client_of(replay, who);
    if (sends) {
        client_send(client, "%s", text);
        return;
    }
    const char *came = client_line_or_end(client);
    ck_assert_msg(came != NULL, "PROTOCOL.md:%d: closed, expected %s", number, text);
    if (text[0] == '~')
        assert_match(came, text + 1);
    else
        ck_assert_msg(strcmp(came, text) == 0, "PROTOCOL.md:%d: expected %s, came %s", number, text,
                      came);
}

/* Nothing was sent that the transcript doesn't tell. */
static void assert_nothing_is_left(struct replay *replay)
{
    for (unsigned who = 0; who < CLIENTS_MAX; who++)
        if (replay->clients[who] != NULL) {
            client_finish(replay->clients[who]);
            client_expect_end(replay->clients[who]);
        }
}

START_TEST(the_transcript_happens_as_written)
{
    struct replay replay = {.clients = {NULL}};
    server_init(&replay.server);
    server_start(&replay.server, NULL);
    const char *at = transcripts[_i];
    while (strncmp(at, "```", 3) != 0) {
        char line[1024];
        size_t len = strcspn(at, "\n");
        ck_assert_uint_lt(len, sizeof line);
        memcpy(line, at, len);
        line[len] = '\0';
        replay_line(&replay, line, line_number(at));
        at += len + 1;
    }
    assert_nothing_is_left(&replay);
    server_end(&replay.server);
}
END_TEST

START_TEST(there_are_transcripts)
{
    ck_assert_int_gt(transcript_count, 10);
    ck_assert_int_le(transcript_count, TRANSCRIPTS_MAX);
}
END_TEST

int main(void)
{
    find_transcripts();
    int status = server_tests_run(
        "transcripts", UNIT_CASES({"PROTOCOL.md", .tests = {{there_are_transcripts},
                                                            {the_transcript_happens_as_written,
                                                             .loops = transcript_count}}}));
    free(page);
    return status;
}
