/* What clients must be told. A line that is sent adds what is expected to a queue; a reply that is
 * received takes it off. What the ledger answered is a second queue, and a reply that can only come
 * from the ledger takes off that too. */
#include "tests/fuzz/fuzz_peer.h"

#include "tests/fuzz/fuzz_kernel.h"
#include "tests/fuzz/fuzz_ledger.h"
#include "tests/fuzz/fuzz_web.h"
#include "proto/command.h"
#include "proto/voter_name.h"
#include "proto/line.h"
#include "proto/number.h"
#include "proto/telnet.h"
#include "proto/reply.h"

#include <stdlib.h>
#include <string.h>

/* What must be the reply to a line. */
struct expected {
    enum {
        EXPECT_ERROR,     /* `error` */
        EXPECT_TEXT,      /* `text` */
        EXPECT_LEDGER,    /* what the ledger says, or a refusal by the session */
        EXPECT_MARK,      /* Telnet's, which is no line */
        EXPECT_SUBSCRIBE, /* a number, or an error; then pushes of `poll`, or of all */
        EXPECT_ROWS,      /* rows, and how many they were */
        EXPECT_RESULT,    /* rows, and the tally that they belong to; or an error */
        EXPECT_ANY,       /* rows and an end */
    } what;
    enum error error;
    bool last;  /* the server closes after this */
    char *text; /* owned; without the LF */
    size_t text_len;
    char poll[PROTO_NAME_MAX + 1]; /* empty for all */
    bool results;                  /* SUBSCRIBE: are pushed, too */
};

static struct peer {
    int fd; /* -1 before it is connected */
    enum peer_kind kind;
    size_t sent;
    struct web web; /* PEER_WEB: what follows is the others' */

    /* The line that it is sending. */
    char line[PROTO_ADMIN_LINE_MAX];
    size_t line_len;
    bool discarding;   /* it is too long */
    bool spoke;        /* has sent a line that is not empty */
    bool ended_itself; /* by its first line, which was none of the protocol's */

    struct expected *expected;
    size_t expected_count, expected_at;
    struct answer *answers;
    size_t answer_count, answer_at;

    /* What it was told. */
    char *received; /* a line that is not whole */
    size_t received_len;
    bool greeted;
    uint64_t rows;  /* of the reply that has begun */
    bool over;      /* no reply may come any more */
    bool shut_down; /* because the server stops: the last tallies come still */
    bool excused;   /* may miss replies: it, or the administrator, cut the connection */
    bool limited;   /* does not take everything */
    uint64_t starved_ms;
    unsigned errors_in_row;

    bool subscribed_all;
    bool subscribed[FUZZ_POLLS_MAX];
    uint64_t pushed[FUZZ_POLLS_MAX]; /* the newest tally, by sequence, that it was pushed */
    uint64_t shown[FUZZ_POLLS_MAX];  /* or told of in any way */
    bool results_of_all;             /* are pushed, but of those that are named below */
    bool named[FUZZ_POLLS_MAX];
    bool results[FUZZ_POLLS_MAX];          /* of one that is named */
    uint64_t result_shown[FUZZ_POLLS_MAX]; /* the newest result, by its tally's sequence */
} peers[PEERS];

static struct tally *tally;
static bool stopping;
static uint64_t stopping_ms;
static bool all_excused;
static bool memory_short;

/* ---- sending ---- */

static struct expected *expect(struct peer *peer)
{
    size_t count = peer->expected_count++;
    if ((count & (count + 1)) == 0) /* grows at 0, 1, 3, 7... */
        peer->expected = kernel_allocate(peer->expected, 2 * (count + 1) * sizeof *peer->expected);
    peer->expected[count] = (struct expected){.what = EXPECT_ANY};
    return &peer->expected[count];
}

static void expect_error(struct peer *peer, enum error error)
{
    struct expected *expected = expect(peer);
    expected->what = EXPECT_ERROR;
    expected->error = error;
}

static void expect_text(struct peer *peer, const char *text, size_t len, bool last)
{
    struct expected *expected = expect(peer);
    expected->what = EXPECT_TEXT;
    expected->last = last;
    expected->text = kernel_allocate(NULL, len + 4);
    expected->text_len = len > 0 ? len + 4 : 3;
    memcpy(expected->text, "+OK ", len > 0 ? 4 : 3);
    memcpy(expected->text + 4, text, len);
}

static void expect_name(struct peer *peer, struct span given)
{
    struct voter_name name;
    REQUIRE(voter_name_parse(given, &name));
    expect_text(peer, name.text, name.len, false);
}

static void expect_command(struct peer *peer, const struct command *command)
{
    switch (command->id) {
    case CMD_PING:
        expect_text(peer, command->text.at ? command->text.at : "",
                    command->text.at ? command->text.len : 0, false);
        break;
    case CMD_AS:
        expect_name(peer, command->voter);
        break;
    case CMD_QUIT:
        expect_text(peer, "bye", 3, true);
        break;
    case CMD_SUBSCRIBE: {
        struct expected *expected = expect(peer);
        expected->what = EXPECT_SUBSCRIBE;
        if (!command->all)
            strcpy(expected->poll, command->poll.text);
        expected->results = command->results;
        break;
    }
    case CMD_RESULT: {
        struct expected *expected = expect(peer);
        expected->what = EXPECT_RESULT;
        strcpy(expected->poll, command->poll.text);
        break;
    }
    case CMD_UNSUBSCRIBE:
        peer->excused = true; /* of being told what is newest: nobody knows when this is executed */
        expect(peer);
        break;
    case CMD_KICK:
        peers_excuse();
        expect(peer);
        break;
    case CMD_POLLS:
    case CMD_CLIENTS:
    case CMD_JOURNEY:
        expect(peer)->what = EXPECT_ROWS;
        break;
    case CMD_SHOW:
    case CMD_DESCRIBE:
    case CMD_HELP:
    case CMD_STATS:
    case CMD_SHUTDOWN:
        expect(peer);
        break;
    default:
        expect(peer)->what = EXPECT_LEDGER;
    }
}

/* Nothing that it sends from now on is executed. */
static void expect_end(struct peer *peer, enum error error)
{
    expect_error(peer, error);
    peer->expected[peer->expected_count - 1].last = true;
    peer->ended_itself = true;
}

static size_t line_max(const struct peer *peer)
{
    return peer->kind == PEER_ADMIN ? PROTO_ADMIN_LINE_MAX : PROTO_LINE_MAX;
}

static bool is_first_line(const struct peer *peer)
{
    return !peer->spoke && peer->kind != PEER_ADMIN;
}

static void send_long_line(struct peer *peer)
{
    if (is_first_line(peer))
        expect_end(peer, ERR_LINE_TOO_LONG);
    else
        expect_error(peer, ERR_LINE_TOO_LONG);
    peer->spoke = true;
}

static void send_line(struct peer *peer, size_t len)
{
    static struct command command;
    const char *why;
    if (len > 0 && peer->line[len - 1] == '\r')
        len--;
    if (line_is_empty(peer->line, len))
        return;
    bool first = is_first_line(peer);
    peer->spoke = true;
    if (first && !line_is_text(peer->line, len)) {
        expect_end(peer, ERR_BAD_LINE);
        return;
    }
    if (first && line_is_foreign(peer->line, len)) {
        expect_end(peer, ERR_UNKNOWN_COMMAND);
        return;
    }
    if (!line_is_text(peer->line, len)) {
        expect_error(peer, ERR_BAD_LINE);
        return;
    }
    int error = command_parse(peer->line, len, &command, &why);
    if (error != ERR_UNKNOWN_COMMAND && peer->kind != PEER_ADMIN &&
        command_info[command.id].access != COMMAND_EVERYONE)
        expect_error(peer, ERR_NOT_ALLOWED);
    else if (error != 0)
        expect_error(peer, (enum error)error);
    else
        expect_command(peer, &command);
}

/* Whether the byte belongs to a command of Telnet, or may: then it is not in the line. */
static bool is_telnet(struct peer *peer)
{
    ptrdiff_t len = telnet_command_len(peer->line, peer->line_len);
    if (len < 0 && peer->line_len == line_max(peer))
        expect_end(peer, ERR_LINE_TOO_LONG);
    if (len > 0) {
        if (telnet_asks_for_mark(peer->line, (size_t)len))
            expect(peer)->what = EXPECT_MARK;
        peer->line_len = 0;
    }
    return len != 0;
}

static void send_byte(struct peer *peer, char byte)
{
    if (peer->ended_itself)
        return;
    if (!peer->discarding) {
        peer->line[peer->line_len++] = byte;
        if (is_telnet(peer))
            return;
        peer->line_len--;
    }
    if (byte == '\n') {
        if (!peer->discarding)
            send_line(peer, peer->line_len);
        peer->discarding = false;
        peer->line_len = 0;
        return;
    }
    if (peer->discarding)
        return;
    peer->line[peer->line_len++] = byte;
    if (is_first_line(peer) && line_has_control(&byte, 1)) {
        expect_end(peer, ERR_BAD_LINE);
        return;
    }
    if (peer->line_len == line_max(peer)) { /* and its LF would be one more */
        send_long_line(peer);
        peer->discarding = true;
        peer->line_len = 0;
    }
}

/* ---- receiving ---- */

static unsigned poll_index(const char *name)
{
    uint32_t count = tally_poll_count(tally);
    for (uint32_t id = 1; id <= count; id++)
        if (strcmp(tally_peek(tally, id)->poll->name.text, name) == 0)
            return id - 1;
    fuzz_broken(__FILE__, __LINE__, "a poll that there is");
}

/* A tally is never older than what this peer was told before. */
static void note_tally(struct peer *peer, struct span text, bool push)
{
    static struct tally_row row;
    REQUIRE(tally_parse(text.at, text.len, &row));
    unsigned poll = poll_index(row.poll.text);
    REQUIRE(row.seq >= peer->shown[poll]);
    REQUIRE(row.seq <= tally_peek(tally, poll + 1)->seq);
    peer->shown[poll] = row.seq;
    if (push)
        peer->pushed[poll] = row.seq;
}

/* A result is never older than one that this peer was told before, nor newer than its tally. */
static void note_result(struct peer *peer, unsigned poll, uint64_t seq)
{
    REQUIRE(seq >= peer->result_shown[poll] && seq <= tally_peek(tally, poll + 1)->seq);
    peer->result_shown[poll] = seq;
}

/* `@result POLL SEQ WINNER...`, to one who asked for it. */
static void take_winners(struct peer *peer, struct span text)
{
    struct name name;
    uint64_t seq;
    struct span word = span_cut(&text, ' ');
    REQUIRE(span_is(word, "@result"));
    word = span_cut(&text, ' ');
    REQUIRE(name_parse(word.at, word.len, &name));
    unsigned poll = poll_index(name.text);
    word = span_cut(&text, ' ');
    REQUIRE(number_parse(word.at, word.len, UINT64_MAX, &seq));
    REQUIRE(peer->named[poll] ? peer->results[poll] : peer->results_of_all);
    const struct snapshot *newest = tally_peek(tally, poll + 1);
    if (seq == newest->seq && snapshot_is_hidden(newest))
        REQUIRE(text.len == 0);
    while (text.len > 0) {
        word = span_cut(&text, ' ');
        REQUIRE(name_parse(word.at, word.len, &name) && poll_choice_find(newest->poll, &name) >= 0);
    }
    note_result(peer, poll, seq);
}

static bool has_code(const struct reply *reply, enum error error)
{
    const char *code = error_code(error);
    return reply->kind == REPLY_ERROR && reply->code.len == strlen(code) &&
           memcmp(reply->code.at, code, reply->code.len) == 0;
}

static bool is_answer(const struct reply *reply, const struct answer *answer)
{
    if (answer->error != 0)
        return has_code(reply, (enum error)answer->error) &&
               (answer->error != ERR_ALREADY_VOTED || reply->number == answer->number);
    return reply->kind == REPLY_OK && reply->has_number && reply->number == answer->number &&
           reply->duplicate == answer->duplicate;
}

static void take_ledger_reply(struct peer *peer, const struct reply *reply)
{
    static const enum error refusals[] = {ERR_NO_SUCH_POLL, ERR_NO_SUCH_CHOICE, ERR_BAD_ARGUMENT,
                                          ERR_BAD_BALLOT, ERR_VOTER_REQUIRED};
    if (peer->answer_at < peer->answer_count && is_answer(reply, &peer->answers[peer->answer_at])) {
        peer->answer_at++;
        return;
    }
    bool refused = memory_short && has_code(reply, ERR_LIMIT);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        refused |= has_code(reply, refusals[i]);
    REQUIRE(refused);
}

static void take_subscribed(struct peer *peer, const struct expected *expected,
                            const struct reply *reply)
{
    if (reply->kind != REPLY_OK)
        return;
    REQUIRE(reply->has_number);
    if (expected->poll[0] == '\0') {
        peer->subscribed_all = true;
        peer->results_of_all = expected->results;
        memset(peer->named, 0, sizeof peer->named);
        return;
    }
    unsigned poll = poll_index(expected->poll);
    peer->subscribed[poll] = peer->named[poll] = true;
    peer->results[poll] = expected->results;
}

static void take_result_reply(struct peer *peer, const struct expected *expected,
                              const struct reply *reply)
{
    if (reply->kind != REPLY_OK) {
        REQUIRE(peer->rows == 0);
        return;
    }
    REQUIRE(reply->has_number && peer->rows >= 2);
    note_result(peer, poll_index(expected->poll), reply->number);
}

static void take_expected(struct peer *peer, const struct expected *expected,
                          const struct reply *reply, const char *line, size_t len)
{
    bool no_memory = memory_short && has_code(reply, ERR_LIMIT);
    switch (expected->what) {
    case EXPECT_ERROR:
        REQUIRE(has_code(reply, expected->error));
        break;
    case EXPECT_TEXT:
        REQUIRE(no_memory || (len == expected->text_len && memcmp(line, expected->text, len) == 0));
        break;
    case EXPECT_LEDGER:
        take_ledger_reply(peer, reply);
        break;
    case EXPECT_SUBSCRIBE:
        take_subscribed(peer, expected, reply);
        break;
    case EXPECT_RESULT:
        take_result_reply(peer, expected, reply);
        break;
    case EXPECT_ROWS:
        REQUIRE(no_memory || (reply->has_number && reply->number == peer->rows));
        break;
    case EXPECT_ANY:
        break;
    case EXPECT_MARK:
        fuzz_broken(__FILE__, __LINE__, "a mark before the next reply");
    }
    peer->over |= expected->last && !no_memory;
}

static const enum error errors[] = {
#define ERROR(id, code, text, blames, status, detail) ERR_##id,
#include "proto/errors.def"
#undef ERROR
};

/* Counts the errors that the peer is to blame for. */
static void note_errors(struct peer *peer, const struct reply *reply)
{
    bool blames = false;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        blames |= has_code(reply, errors[i]) && error_blames_client(errors[i]);
    peer->errors_in_row = blames ? peer->errors_in_row + 1 : 0;
}

static void receive_reply(struct peer *peer, const struct reply *reply, const char *line,
                          size_t len)
{
    REQUIRE(!peer->over);
    if (has_code(reply, ERR_TOO_MANY_ERRORS)) {
        REQUIRE(peer->errors_in_row >= PEER_ERRORS_MAX);
        peer->over = true;
        return;
    }
    REQUIRE(peer->errors_in_row < PEER_ERRORS_MAX);
    if (stopping && has_code(reply, ERR_SHUTTING_DOWN)) {
        peer->over = peer->shut_down = true;
        return;
    }
    REQUIRE(peer->expected_at < peer->expected_count);
    const struct expected *expected = &peer->expected[peer->expected_at++];
    take_expected(peer, expected, reply, line, len);
    peer->rows = 0;
    note_errors(peer, reply);
    if (len > 4 && expected->what == EXPECT_ANY) { /* SHOW, among others */
        struct tally_row row;
        if (reply->kind == REPLY_OK && tally_parse(reply->text.at, reply->text.len, &row))
            note_tally(peer, reply->text, false);
    }
}

static void receive_greeting(struct peer *peer, const struct reply *reply)
{
    peer->greeted = true;
    if (peer->kind == PEER_ONE_TOO_MANY) {
        REQUIRE(has_code(reply, ERR_TOO_MANY_CONNECTIONS));
        peer->over = true;
        return;
    }
    REQUIRE(reply->kind == REPLY_OK && reply->code.len == 9);
}

static void receive_line(struct peer *peer, const char *line, size_t len)
{
    struct reply reply;
    reply_parse(line, len, &reply);
    if (!peer->greeted) {
        receive_greeting(peer, &reply);
        return;
    }
    switch (reply.kind) {
    case REPLY_OK:
    case REPLY_ERROR:
        receive_reply(peer, &reply, line, len);
        break;
    case REPLY_ROW:
        REQUIRE(!peer->over && peer->expected_at < peer->expected_count);
        REQUIRE(peer->expected[peer->expected_at].what >= EXPECT_ROWS);
        peer->rows++;
        break;
    case REPLY_PUSH:
        REQUIRE(peer->rows == 0);
        if (reply.text.len > 0 && reply.text.at[0] == '@')
            take_winners(peer, reply.text);
        else
            note_tally(peer, reply.text, true);
        break;
    case REPLY_UNKNOWN:
        fuzz_broken(__FILE__, __LINE__, "a line of the protocol");
    }
}

/* Takes the marks of Telnet that stand before a line. Returns the line, or what there is of it. */
static char *receive_marks(struct peer *peer, char *at, const char *end)
{
    static const size_t len = sizeof TELNET_NO_MARK - 1;
    for (; (size_t)(end - at) >= len && memcmp(at, TELNET_NO_MARK, len) == 0; at += len) {
        REQUIRE(!peer->over && peer->expected_at < peer->expected_count);
        REQUIRE(peer->expected[peer->expected_at++].what == EXPECT_MARK);
    }
    return at;
}

static bool is_web(const struct peer *peer)
{
    return peer->kind >= PEER_WEB;
}

static struct peer *peer_of(int fd)
{
    for (unsigned i = 0; i < PEERS; i++)
        if (peers[i].fd == fd)
            return &peers[i];
    fuzz_broken(__FILE__, __LINE__, "a peer that is connected");
}

void peer_receive(int fd, const char *bytes, size_t len)
{
    struct peer *peer = peer_of(fd);
    if (is_web(peer)) {
        web_receives(&peer->web, bytes, len);
        return;
    }
    peer->received = kernel_allocate(peer->received, peer->received_len + len);
    memcpy(peer->received + peer->received_len, bytes, len);
    len += peer->received_len;
    char *end = peer->received + len, *at = receive_marks(peer, peer->received, end), *lf;
    for (; (lf = memchr(at, '\n', (size_t)(end - at))); at = receive_marks(peer, lf + 1, end))
        receive_line(peer, at, (size_t)(lf - at));
    peer->received_len = (size_t)(end - at);
    memmove(peer->received, at, peer->received_len);
}

void peer_note_answer(int fd, const struct answer *answer)
{
    struct peer *peer = peer_of(fd);
    if (is_web(peer)) {
        web_answered(&peer->web, answer);
        return;
    }
    size_t count = peer->answer_count++;
    if ((count & (count + 1)) == 0)
        peer->answers = kernel_allocate(peer->answers, 2 * (count + 1) * sizeof *peer->answers);
    peer->answers[count] = *answer;
}

/* ---- what the script does ---- */

static void peer_free(struct peer *peer)
{
    for (size_t i = 0; i < peer->expected_count; i++)
        free(peer->expected[i].text);
    free(peer->expected);
    free(peer->answers);
    free(peer->received);
    web_free(&peer->web);
    *peer = (struct peer){.fd = -1};
}

void peers_reset(struct tally *fresh)
{
    tally = fresh;
    stopping = false;
    stopping_ms = 0;
    all_excused = false;
    memory_short = false;
    for (unsigned i = 0; i < PEERS; i++)
        peers[i].fd = -1;
}

void peers_finish(void)
{
    for (unsigned i = 0; i < PEERS; i++)
        peer_free(&peers[i]);
}

bool peer_is_connected(unsigned number)
{
    return peers[number].fd >= 0 && kernel_socket(peers[number].fd)->open;
}

int peer_fd(unsigned number)
{
    return peers[number].fd;
}

void peer_connect(unsigned number, int fd, enum peer_kind kind)
{
    peer_free(&peers[number]);
    peers[number].fd = fd;
    peers[number].kind = kind;
    peers[number].excused = all_excused;
    peers[number].web.tally = tally;
    peers[number].web.one_too_many = kind == PEER_WEB_ONE_TOO_MANY;
    peers[number].web.stopped = stopping;
    peers[number].web.short_of_memory = memory_short;
}

bool peer_is_web(unsigned number)
{
    return is_web(&peers[number]);
}

/* Whether what it does still reaches the server. */
static bool is_sending(const struct peer *peer)
{
    if (peer->fd < 0)
        return false;
    const struct kernel_socket *socket = kernel_socket(peer->fd);
    return socket->open && !socket->peer_ended && !socket->peer_reset;
}

void peer_send(unsigned number, const char *bytes, size_t len)
{
    struct peer *peer = &peers[number];
    if (!is_sending(peer) || peer->sent + len > PEER_INPUT_MAX)
        return;
    peer->sent += len;
    if (is_web(peer))
        web_sends(&peer->web, bytes, len);
    for (size_t i = 0; i < len && !is_web(peer); i++)
        send_byte(peer, bytes[i]);
    kernel_peer_sends(peer->fd, bytes, len);
}

void peer_half_close(unsigned number)
{
    struct peer *peer = &peers[number];
    if (!is_sending(peer))
        return;
    if (peer->line_len > 0)
        expect_error(peer, ERR_BAD_LINE);
    peer->line_len = 0;
    peer->web.ended = true;
    kernel_socket(peer->fd)->peer_ended = true;
}

void peer_reset(unsigned number)
{
    struct peer *peer = &peers[number];
    if (peer->fd < 0 || !kernel_socket(peer->fd)->open)
        return;
    kernel_socket(peer->fd)->peer_reset = true;
    peer->excused = true;
}

void peer_take(unsigned number, size_t room)
{
    struct peer *peer = &peers[number];
    if (peer->fd < 0)
        return;
    kernel_socket(peer->fd)->room = room;
    peer->limited = room != SIZE_MAX;
    if (!peer->limited)
        peer->starved_ms = 0;
    peer->web.silent_ms = 0;
}

/* Whether it is sent whatever the server has for it. */
static bool listens(const struct peer *peer)
{
    if (peer->fd < 0 || peer->limited || peer->excused)
        return false;
    const struct kernel_socket *socket = kernel_socket(peer->fd);
    return socket->open && !socket->peer_reset && !socket->ever_interrupted;
}

void peers_pass_time(uint64_t ms, uint64_t stall_ms, uint64_t stop_ms)
{
    stopping_ms += stopping ? ms : 0;
    for (unsigned i = 0; i < PEERS; i++) {
        struct peer *peer = &peers[i];
        peer->starved_ms += peer->limited ? ms : 0;
        peer->excused |= peer->starved_ms >= stall_ms || stopping_ms >= stop_ms;
        web_pass_time(&peer->web, ms, listens(peer));
    }
}

void peers_excuse(void)
{
    all_excused = true;
    for (unsigned i = 0; i < PEERS; i++)
        peers[i].excused = true;
}

void peers_excuse_memory(void)
{
    memory_short = true;
    for (unsigned i = 0; i < PEERS; i++)
        peers[i].web.short_of_memory = true;
    peers_excuse();
}

void peers_note_stop(void)
{
    stopping = true;
    for (unsigned i = 0; i < PEERS; i++)
        peers[i].web.stopped = true;
}

/* ---- what must be so in the end ---- */

/* A result that was told while it was hidden is newer than the last one that was counted, until the
 * next one is. */
static void require_newest_result(const struct peer *peer, uint32_t poll,
                                  const struct snapshot *newest)
{
    uint64_t shown = peer->result_shown[poll], seq = snapshot_result_seq(newest);
    REQUIRE(shown == seq || (shown > seq && snapshot_lacks_result(newest)));
}

static void require_newest(const struct peer *peer)
{
    uint32_t count = tally_poll_count(tally);
    for (uint32_t i = 0; i < count; i++) {
        const struct snapshot *newest = tally_peek(tally, i + 1);
        if (peer->subscribed_all || peer->subscribed[i])
            REQUIRE(peer->pushed[i] == newest->seq);
        if (peer->named[i] ? peer->results[i] : peer->results_of_all)
            require_newest_result(peer, i, newest);
    }
}

void peers_require_told(bool stopped)
{
    for (unsigned i = 0; i < PEERS; i++) {
        const struct peer *peer = &peers[i];
        if (peer->fd < 0 || peer->excused)
            continue;
        if (is_web(peer)) {
            web_require_told(&peer->web, stopped);
            continue;
        }
        REQUIRE(peer->greeted || stopped);
        REQUIRE(peer->received_len == 0);
        REQUIRE(peer->answer_at == peer->answer_count);
        REQUIRE(peer->over || stopped || peer->expected_at == peer->expected_count);
        /* Who half-closed gets what is newest then, and who said QUIT no more. */
        if (!kernel_socket(peer->fd)->peer_ended && (!peer->over || peer->shut_down))
            require_newest(peer);
    }
}
