/* Hostile peers: whatever a client can do to the line port, done by many at once beside healthy
 * clients, which must not notice (assault.h says what is judged).
 *
 * The database is in /dev/shm unless TMPDIR says otherwise: how long a disk takes to sync varies by
 * far more than an attack may cost, and is not what is judged.
 *
 * A case is one attack. The first round of all attacks has CI's sizes, further rounds go on for
 * longer: `--count 24` is both. One attack alone: CK_RUN_CASE=churn tests/torture/peers. */
#include "tests/torture/assault.h"
#include "tests/torture/flock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct torture torture;
static struct assault_totals *totals;

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

/* Says what the attack came to, for its row. */
#define TELL(assault, ...) snprintf((assault)->text, sizeof(assault)->text, __VA_ARGS__)

/* Fails the test for a line that should not have come. */
static void unexpected(const struct peer *peer, const char *line)
{
    ck_abort_msg("peer %u, line %" PRIu64 ": \"%s\"", peer->number, peer->lines, line);
}

/* Whether the line is one that the protocol knows; the attacks that can't foresee their replies. */
static void expect_any(struct flock *flock, struct peer *peer, const char *line)
{
    (void)flock;
    if (strchr("+-=>", line[0]) == NULL || (peer->lines == 1 && !begins(line, "+TALLYCAST ") &&
                                            !begins(line, "-TOO-MANY-CONNECTIONS ")))
        unexpected(peer, line);
}

static void expect_orderly_end(const struct peer *peer)
{
    ck_assert_msg(peer->error == 0, "peer %u: %s", peer->number, strerror(peer->error));
    ck_assert_msg(peer->head_len == 0, "peer %u: half a line came", peer->number);
}

/* ---- slow_bytes, slow_lines: 5,000 connections that send one byte a second ---- */

enum { SLOW_PEERS = 5000, SLOW_TIMEOUT_S = 2, LATE_MS = 8000 };

/* Sends a byte of each peer whose turn it is: each has one every second. Who is not connected is
 * connected instead. */
static void send_slowly(struct flock *flock, int64_t *turn_ms, const char *text)
{
    int64_t now_ms = server_now_ms();
    for (; *turn_ms < now_ms; ++*turn_ms)
        for (unsigned i = (unsigned)(*turn_ms % 1000); i < flock->count; i += 1000) {
            struct peer *peer = &flock->peers[i];
            if (peer->fd < 0)
                flock_connect(flock, peer, 1 + i % 8, 0);
            else if (flock_send(peer, &text[peer->sent % strlen(text)], 1) == 1 &&
                     peer->sent++ == 0)
                peer->at_ms = now_ms;
        }
}

static void expect_too_slow(struct flock *flock, struct peer *peer, const char *line)
{
    (void)flock;
    if (!begins(line, peer->lines == 1 ? "+TALLYCAST " : "-LINE-TOO-SLOW ") || peer->lines > 2)
        unexpected(peer, line);
}

static void end_too_slow(struct flock *flock, struct peer *peer)
{
    int64_t took_ms = server_now_ms() - peer->at_ms;
    expect_orderly_end(peer);
    ck_assert_uint_eq(peer->lines, 2);
    ck_assert_msg(took_ms >= SLOW_TIMEOUT_S * 1000 - 100 && took_ms < LATE_MS, "after %d ms",
                  (int)took_ms);
    ++*(uint64_t *)flock->context;
}

static void slow_bytes(struct assault *assault)
{
    struct flock flock;
    uint64_t ended = 0;
    int64_t turn_ms = server_now_ms();
    flock_init(&flock, &assault->server, SLOW_PEERS);
    flock.on_line = expect_too_slow;
    flock.on_end = end_too_slow;
    flock.context = &ended;
    while (assault_goes_on(assault)) {
        send_slowly(&flock, &turn_ms, "VOTE lunch pizza");
        flock_serve(&flock, 1);
    }
    for (unsigned i = 0; i < flock.count; i++) /* who has sent nothing might stay for ever */
        if (flock.peers[i].sent == 0)
            flock_close(&flock, &flock.peers[i]);
    flock_await_ends(&flock);
    ck_assert_uint_ge(ended, SLOW_PEERS);
    ck_assert_uint_eq(client_stat(assault->admin, "slow_lines"), ended);
    flock_free(&flock);
    TELL(assault, "%u connections, a byte a second, %" PRIu64 " closed for it", SLOW_PEERS, ended);
}

static void expect_ok(struct flock *flock, struct peer *peer, const char *line)
{
    (void)flock;
    if (strcmp(line, "+OK") != 0 && peer->lines > 1)
        unexpected(peer, line);
}

static void end_unexpectedly(struct flock *flock, struct peer *peer)
{
    (void)flock;
    ck_abort_msg("peer %u was closed after %" PRIu64 " lines", peer->number, peer->lines);
}

/* Replies that still have to come: the greeting, and one a line. */
static uint64_t missing_replies(const struct flock *flock, size_t line_len)
{
    uint64_t missing = 0;
    for (unsigned i = 0; i < flock->count; i++)
        missing += 1 + flock->peers[i].sent / line_len - flock->peers[i].lines;
    return missing;
}

static void slow_lines(struct assault *assault)
{
    static const char text[] = "PING\n";
    struct flock flock;
    uint64_t lines = 0;
    int64_t turn_ms = server_now_ms(), deadline = assault->end_ms + SERVER_DEADLINE_S * 1000;
    flock_init(&flock, &assault->server, SLOW_PEERS);
    flock.on_line = expect_ok;
    flock.on_end = end_unexpectedly;
    while (assault_goes_on(assault)) {
        send_slowly(&flock, &turn_ms, text);
        flock_serve(&flock, 1);
    }
    while (missing_replies(&flock, sizeof text - 1) > 0) {
        ck_assert_int_lt(server_now_ms(), deadline);
        flock_serve(&flock, 1);
    }
    for (unsigned i = 0; i < flock.count; i++)
        lines += flock.peers[i].lines - 1;
    ck_assert_uint_gt(lines, 0);
    flock_free(&flock);
    TELL(assault, "%u connections, a byte a second, %" PRIu64 " lines answered", SLOW_PEERS, lines);
}

/* ---- flood: connect as fast as possible ---- */

enum { FLOOD_PEERS = 2000 };

/* Some leave at once, in good order or with a reset; the others stay, unread, until their place is
 * needed. */
static void flood(struct assault *assault)
{
    struct flock flock;
    uint64_t connected = 0;
    flock_init(&flock, &assault->server, FLOOD_PEERS);
    flock.on_line = expect_any;
    for (unsigned i = 0; i < flock.count; i++)
        flock.peers[i].reads = false;
    while (assault_goes_on(assault)) {
        struct peer *peer = &flock.peers[connected++ % flock.count];
        flock_reset(&flock, peer);
        flock_connect(&flock, peer, 1 + (unsigned)(connected / flock.count) % 200, 0);
        switch (torture_random(&torture, 3)) {
        case 0:
            flock_close(&flock, peer);
            break;
        case 1:
            flock_reset(&flock, peer);
            break;
        }
        if (connected % 64 == 0)
            flock_serve(&flock, assault->full ? 0 : 8); /* CI's share: 8,000 a second at most */
    }
    flock_free(&flock);
    TELL(assault, "%" PRIu64 " connections (%" PRIu64 " a second)", connected,
         connected / (assault->full ? assault->attack->full_seconds : assault->attack->seconds));
}

/* ---- endless_line: gigabytes without a line's end ---- */

enum { ENDLESS_PEERS = 4 };

static void expect_too_long(struct flock *flock, struct peer *peer, const char *line)
{
    static const char *const replies[] = {"+TALLYCAST ", "+OK", "-LINE-TOO-LONG ",
                                          "-LINE-TOO-SLOW "};
    (void)flock;
    if (peer->lines > 4 || !begins(line, replies[peer->lines - 1]))
        unexpected(peer, line);
    if (peer->lines == 1) /* a first line without an end is the end of the connection */
        flock_send(peer, "PING\n", 5);
}

/* The reset: it still sends when the server, after its second of grace, has gone. */
static void end_too_long(struct flock *flock, struct peer *peer)
{
    ck_assert_uint_eq(peer->lines, 4);
    ++*(uint64_t *)flock->context;
}

static void endless_line(struct assault *assault)
{
    static char bytes[64 * 1024];
    struct flock flock;
    uint64_t sent = 0, ended = 0, rss = server_rss_bytes(&assault->server), most = rss;
    memset(bytes, 'x', sizeof bytes);
    flock_init(&flock, &assault->server, ENDLESS_PEERS);
    flock.on_line = expect_too_long;
    flock.on_end = end_too_long;
    flock.context = &ended;
    for (unsigned round = 0; assault_goes_on(assault); round++) {
        for (unsigned i = 0; i < flock.count; i++) {
            if (flock.peers[i].fd < 0)
                flock_connect(&flock, &flock.peers[i], 0, 0);
            if (flock.peers[i].lines >= 2)
                sent += flock_send(&flock.peers[i], bytes, sizeof bytes);
        }
        flock_serve(&flock, assault->full ? 0 : 1);
        uint64_t now = round % 128 == 0 ? server_rss_bytes(&assault->server) : 0;
        most = now > most ? now : most;
    }
    flock_await_ends(&flock);
    ck_assert_uint_ge(ended, ENDLESS_PEERS);
    ck_assert_msg(SERVER_SANITIZED || most <= rss + assault_memory_kib(assault) * 1024,
                  "%" PRIu64 " KiB more while the lines went on, %" PRIu64 " are allowed",
                  (most - rss) / 1024, assault_memory_kib(assault));
    flock_free(&flock);
    TELL(assault,
         "%.1f GB without an end of line, %" PRIu64 " closed for it, +%" PRIu64 " KiB meanwhile",
         (double)sent / 1e9, ended, (most - rss) / 1024);
}

/* ---- errors: a million of them ---- */

enum { ERROR_PEERS = 50, ERRORS_IN_A_ROW = 100, ERROR_PEERS_A_SECOND = 600 };

static void expect_errors(struct flock *flock, struct peer *peer, const char *line)
{
    (void)flock;
    const char *reply = peer->lines == 1                     ? "+TALLYCAST "
                        : peer->lines <= ERRORS_IN_A_ROW + 1 ? "-UNKNOWN-COMMAND "
                                                             : "-TOO-MANY-ERRORS ";
    if (!begins(line, reply) || peer->lines > ERRORS_IN_A_ROW + 2)
        unexpected(peer, line);
}

static void end_errors(struct flock *flock, struct peer *peer)
{
    expect_orderly_end(peer);
    ck_assert_uint_eq(peer->lines, ERRORS_IN_A_ROW + 2);
    *(uint64_t *)flock->context += ERRORS_IN_A_ROW;
}

static void errors(struct assault *assault)
{
    char lines[(ERRORS_IN_A_ROW + 20) * 2];
    struct flock flock;
    uint64_t made = 0, least = assault->full ? 1000000 : 100000, connected = 0;
    int64_t began = server_now_ms();
    for (size_t i = 0; i < sizeof lines; i += 2)
        memcpy(lines + i, "x\n", 2);
    flock_init(&flock, &assault->server, ERROR_PEERS);
    flock.on_line = expect_errors;
    flock.on_end = end_errors;
    flock.context = &made;
    while (made < least || assault_goes_on(assault)) {
        uint64_t due = (uint64_t)(server_now_ms() - began) * ERROR_PEERS_A_SECOND / 1000;
        for (unsigned i = 0; i < flock.count; i++) {
            struct peer *peer = &flock.peers[i];
            if (peer->fd < 0 && connected < due) {
                connected++;
                flock_connect(&flock, peer, 1 + (unsigned)torture_random(&torture, 100), 0);
            }
            peer->sent += flock_send(peer, lines, sizeof lines - peer->sent);
        }
        flock_serve(&flock, 1);
    }
    flock_await_ends(&flock);
    flock_free(&flock);
    TELL(assault, "%" PRIu64 " errors on %" PRIu64 " connections", made, made / ERRORS_IN_A_ROW);
}

/* ---- byte_readers: subscribers that read one byte at a time ---- */

enum { BYTE_READERS = 200, BYTE_READER_MS = 20, BYTE_VOTES_MS = 10 };

/* `value` is the sequence of the last tally that came. */
static void expect_newer(struct flock *flock, struct peer *peer, const char *line)
{
    uint64_t seq;
    (void)flock;
    if (begins(line, "> w1 open ")) {
        seq = strtoull(line + strlen("> w1 open "), NULL, 10);
        if (peer->lines > 3 && seq <= peer->value)
            unexpected(peer, line);
        peer->value = seq;
    } else if (!begins(line, peer->lines == 1 ? "+TALLYCAST " : "+OK 1")) {
        unexpected(peer, line);
    }
}

static void connect_byte_readers(struct flock *flock)
{
    static const char line[] = "SUBSCRIBE w1\n";
    for (unsigned i = 0; i < flock->count; i++) {
        flock_connect(flock, &flock->peers[i], 1, 1);
        while (flock->peers[i].lines == 0)
            flock_serve(flock, 100);
        ck_assert_uint_eq(flock_send(&flock->peers[i], line, sizeof line - 1), sizeof line - 1);
        flock->peers[i].at_once = 1;
    }
}

/* Reads on, without pauses, until everyone has the last tally. */
static void catch_up(struct flock *flock, uint64_t last_seq)
{
    int64_t deadline = server_now_ms() + SERVER_DEADLINE_S * 1000;
    for (unsigned i = 0; i < flock->count; i++)
        flock->peers[i].at_once = 0;
    for (unsigned behind = 1; behind > 0;) {
        ck_assert_msg(server_now_ms() < deadline, "%u never got the last tally", behind);
        flock_serve(flock, 100);
        behind = 0;
        for (unsigned i = 0; i < flock->count; i++)
            behind += flock->peers[i].value < last_seq;
    }
}

static void byte_readers(struct assault *assault)
{
    struct flock flock;
    uint64_t last_seq = 0, bytes = 0, blocked = client_stat(assault->admin, "writes_blocked");
    int64_t read_ms = 0, vote_ms = 0;
    struct client *voter = server_client(&assault->server);
    flock_init(&flock, &assault->server, BYTE_READERS);
    flock.on_line = expect_newer;
    flock.on_end = end_unexpectedly;
    connect_byte_readers(&flock);
    while (assault_goes_on(assault)) {
        int64_t now = server_now_ms();
        if (now >= vote_ms) {
            last_seq = client_ask_number(voter, "VOTE w1 c1");
            vote_ms = now + BYTE_VOTES_MS;
        }
        if (now >= read_ms) {
            flock_serve(&flock, 1);
            bytes += flock.count;
            read_ms = now + BYTE_READER_MS;
        }
    }
    catch_up(&flock, last_seq);
    blocked = client_stat(assault->admin, "writes_blocked") - blocked;
    ck_assert_uint_ge(blocked, BYTE_READERS / 2); /* or it was no attack */
    flock_free(&flock);
    client_close(voter);
    TELL(assault, "%u subscribers, some %" PRIu64 " bytes one by one, %" PRIu64 " writes blocked",
         BYTE_READERS, bytes, blocked);
}

/* ---- resets: in the middle of everything ---- */

enum { RESET_PEERS = 100, RESETS_A_SECOND = 500, RESET_LINES = 40, RESET_BYTES = RESET_LINES * 32 };

static size_t random_script(char *bytes)
{
    static const char *const lines[] = {
        "VOTE applause loud\n",
        "VOTE applause 2\n",
        "VOTE applause loud\n",
        "VOTE lunch pizza\n",
        "SUBSCRIBE *\n",
        "POLLS\n",
        "SHOW w7\n",
        "UNSUBSCRIBE w3\n",
        "HELP\n",
        "DESCRIBE w9\n",
        "SUBSCRIBE healthy\n",
        "NONSENSE\n",
    };
    size_t len = 0, wanted = 1 + torture_random(&torture, RESET_LINES);
    for (size_t i = 0; i < wanted; i++) {
        const char *line = lines[torture_random(&torture, sizeof lines / sizeof lines[0])];
        memcpy(bytes + len, line, strlen(line));
        len += strlen(line);
    }
    return len - torture_random(&torture, 5); /* often without the end of the last */
}

static void resets(struct assault *assault)
{
    struct flock flock;
    char bytes[RESET_BYTES];
    uint64_t connected = 0, count = 0;
    int64_t began = server_now_ms();
    flock_init(&flock, &assault->server, RESET_PEERS);
    flock.on_line = expect_any;
    while (assault_goes_on(assault)) {
        int64_t now = server_now_ms();
        uint64_t due = (uint64_t)(now - began) * RESETS_A_SECOND / 1000;
        for (unsigned i = 0; i < flock.count; i++) {
            struct peer *peer = &flock.peers[i];
            if (peer->fd < 0 && connected < due) {
                connected++;
                flock_connect(&flock, peer, 1 + (unsigned)torture_random(&torture, 100), 0);
                flock_send(peer, bytes, random_script(bytes));
                peer->at_ms = now + (int64_t)torture_random(&torture, 20);
            } else if (peer->fd >= 0 && now >= peer->at_ms) {
                flock_reset(&flock, peer);
                count++;
            }
        }
        flock_serve(&flock, 1);
    }
    flock_free(&flock);
    TELL(assault, "%" PRIu64 " resets", count);
}

/* ---- half_close: after each byte of a script ---- */

static const struct {
    const char *line;
    const char *reply; /* how the line that ends it begins; NULL for none */
} script[] = {
    {"PING hello\n", "+OK hello"},
    {"VOTE applause loud\n", "+OK "},
    {"SHOW lunch\n", "+OK lunch open "},
    {"\n", NULL},
    {"NONSENSE\r\n", "-UNKNOWN-COMMAND "},
    {"VOTE applause quiet\n", "-NO-SUCH-CHOICE "},
    {"SUBSCRIBE applause\n", "+OK 1"},
    {"VOTE applause louder\n", "+OK "},
    {"POLLS\n", "+OK 203"},
    {"HELP\n", "+OK"},
    {"AS ann\n", "+OK ann"},
    {"UNSUBSCRIBE *\n", "+OK 0"},
    {"QUIT\n", "+OK bye"},
};

enum { SCRIPT_LINES = sizeof script / sizeof script[0] };

static size_t script_len(void)
{
    size_t len = 0;
    for (unsigned i = 0; i < SCRIPT_LINES; i++)
        len += strlen(script[i].line);
    return len;
}

/* The reply that is expected as number `n` (from 0) of who has sent the script's first `sent`
 * bytes; NULL where none is. */
static const char *script_reply(uint64_t sent, uint64_t n)
{
    for (unsigned i = 0; i < SCRIPT_LINES && sent > 0; i++) {
        uint64_t len = strlen(script[i].line);
        const char *reply = sent >= len ? script[i].reply : "-BAD-LINE ";
        if (reply != NULL && n-- == 0)
            return reply;
        sent -= sent >= len ? len : sent;
    }
    return NULL;
}

/* `value` counts the replies; `sent` is what was sent before it half-closed. */
static void expect_script(struct flock *flock, struct peer *peer, const char *line)
{
    (void)flock;
    if (peer->lines == 1 || line[0] == '=' || line[0] == '>') {
        expect_any(flock, peer, line);
        return;
    }
    const char *reply = script_reply(peer->sent, peer->value++);
    if (reply == NULL || !begins(line, reply))
        unexpected(peer, line);
}

static void end_script(struct flock *flock, struct peer *peer)
{
    expect_orderly_end(peer);
    const char *missing = script_reply(peer->sent, peer->value);
    ck_assert_msg(missing == NULL, "after %" PRIu64 " bytes: no reply %s", peer->sent, missing);
    ++*(uint64_t *)flock->context;
}

static void send_script(struct peer *peer, const char *bytes, size_t len)
{
    peer->value = 0;
    peer->sent = len;                    /* before anything comes back */
    for (size_t sent = 0; sent < len;) { /* in pieces, so that the end meets every state */
        size_t piece = 1 + torture_random(&torture, len);
        piece = piece < len - sent ? piece : len - sent;
        ck_assert_uint_eq(flock_send(peer, bytes + sent, piece), piece);
        sent += piece;
    }
    ck_assert_int_eq(shutdown(peer->fd, SHUT_WR), 0);
}

static void half_close(struct assault *assault)
{
    char bytes[1024] = "";
    struct flock flock;
    uint64_t ended = 0, rounds = 0;
    for (unsigned i = 0; i < SCRIPT_LINES; i++)
        strcat(bytes, script[i].line);
    flock_init(&flock, &assault->server, (unsigned)script_len() + 1);
    flock.on_line = expect_script;
    flock.on_end = end_script;
    flock.context = &ended;
    for (; assault_goes_on(assault); rounds++) {
        int64_t began = server_now_ms();
        for (unsigned i = 0; i < flock.count; i++) {
            flock_connect(&flock, &flock.peers[i], 1 + (unsigned)rounds % 200, 0);
            send_script(&flock.peers[i], bytes, i);
            do
                flock_serve(&flock, 1);
            while (server_now_ms() < began + i); /* a thousand a second at most */
        }
        flock_await_ends(&flock);
    }
    ck_assert_uint_eq(ended, rounds * flock.count);
    flock_free(&flock);
    TELL(assault, "%" PRIu64 " half-closes, after each of %zu bytes", ended, script_len());
}

/* ---- first_bytes: port scanners and browsers ---- */

#define BYTES(text) text, sizeof(text) - 1
#define ZEROS_64                                                       \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ZEROS_512 ZEROS_64 ZEROS_64 ZEROS_64 ZEROS_64 ZEROS_64 ZEROS_64 ZEROS_64 ZEROS_64
#define HOST      "Host: 127.0.0.1\r\n\r\n"

/* What each sends first, the error that it gets first, and whether that closes it. What has no end
 * of line is closed by the line timeout. */
static const struct {
    const char *who;
    const char *bytes;
    size_t len;
    const char *reply;
    bool closes;
} probes[] = {
    {"TLS", BYTES("\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\x5f\x7a\x11\x80\x00\x02\x13\x01"),
     "-BAD-LINE ", true},
    {"TLS, a LF in it", BYTES("\x16\x03\x01\x00\x2f\x01\n\x00\x2b\x03\x03"), "-BAD-LINE ", true},
    {"HTTP", BYTES("GET / HTTP/1.1\r\n" HOST), "-UNKNOWN-COMMAND ", true},
    {"HTTP, bare", BYTES("\r\n\r\nGET /\n"), "-UNKNOWN-COMMAND ", true},
    {"a browser's form",
     BYTES("POST / HTTP/1.1\r\nContent-Length: 17\r\n" HOST "VOTE lunch pizza\n"),
     "-UNKNOWN-COMMAND ", true},
    {"HTTP/2", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nVOTE lunch pizza\n"), "-UNKNOWN-COMMAND ",
     true},
    {"SIP", BYTES("OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm\r\n\r\n"), "-UNKNOWN-COMMAND ",
     true},
    {"SSH", BYTES("SSH-2.0-OpenSSH_9.2p1\r\n"), "-UNKNOWN-COMMAND ", false},
    {"SMTP", BYTES("EHLO scanner\r\n"), "-UNKNOWN-COMMAND ", false},
    {"SMB", BYTES("\0\0\0\x54\xffSMB\x72\0\0\0\0\x18\x01\x28"), "-BAD-LINE ", true},
    {"RDP", BYTES("\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0"), "-BAD-LINE ", true},
    {"Redis", BYTES("*1\r\n$4\r\nINFO\r\n"), "-UNKNOWN-COMMAND ", false},
    {"memcached", BYTES("stats\r\n"), "-NOT-ALLOWED ", false},
    {"PostgreSQL", BYTES("\0\0\0\x08\x04\xd2\x16\x2f"), "-BAD-LINE ", true},
    {"SOCKS", BYTES("\x05\x01\0"), "-BAD-LINE ", true},
    {"telnet", BYTES("\xff\xfb\x1f\xff\xfb\x18LOGIN\r\n"), "-UNKNOWN-COMMAND ", false},
    {"a zero", BYTES("\0"), "-BAD-LINE ", true},
    {"zeros", BYTES(ZEROS_512), "-BAD-LINE ", true},
    {"more zeros", BYTES(ZEROS_512 ZEROS_512 ZEROS_512), "-BAD-LINE ", true},
    {"random bytes", NULL, 0, "-", false}, /* drawn for each */
};

enum { PROBES = sizeof probes / sizeof probes[0], PROBERS = PROBES * 10, RANDOM_BYTES = 64 };

static void expect_probe(struct flock *flock, struct peer *peer, const char *line)
{
    const char *reply = probes[peer->number % PROBES].reply;
    if (peer->lines == 1)
        expect_any(flock, peer, line);
    else if (peer->lines == 2 && !begins(line, reply))
        ck_abort_msg("%s got \"%s\"", probes[peer->number % PROBES].who, line);
    else if (line[0] != '-')
        unexpected(peer, line);
    if (peer->lines == 2 && !probes[peer->number % PROBES].closes)
        flock_close(flock, peer); /* it has seen that nothing is here for it */
}

static void end_probe(struct flock *flock, struct peer *peer)
{
    (void)flock;
    ck_assert_msg(peer->lines >= 2, "%s was closed without a word",
                  probes[peer->number % PROBES].who);
}

static void send_probe(struct peer *peer)
{
    const char *bytes = probes[peer->number % PROBES].bytes;
    size_t len = probes[peer->number % PROBES].len;
    char random[RANDOM_BYTES];
    if (bytes == NULL) {
        bytes = random;
        len = sizeof random;
        for (size_t i = 0; i < len; i++)
            random[i] = (char)(0x80 | torture_random(&torture, 0x80)); /* no word that is known */
    }
    ck_assert_uint_eq(flock_send(peer, bytes, len), len);
}

static void first_bytes(struct assault *assault)
{
    struct flock flock;
    uint64_t probed = 0;
    flock_init(&flock, &assault->server, PROBERS);
    flock.on_line = expect_probe;
    flock.on_end = end_probe;
    while (assault_goes_on(assault)) {
        for (unsigned i = 0; i < flock.count; i++) {
            flock_connect(&flock, &flock.peers[i], 1 + i % 100, 0);
            send_probe(&flock.peers[i]);
        }
        flock_await_ends(&flock);
        probed += flock.count;
    }
    flock_free(&flock);
    client_ask(assault->admin, "SHOW lunch", "+OK lunch open 3 0 pizza=0 sushi=0"); /* no vote */
    TELL(assault, "%" PRIu64 " probes of %d kinds", probed, PROBES);
}

/* ---- churn: 200 connections a second come and go ---- */

enum { CHURN_A_SECOND = 200, CHURN_PEERS = 100, CHURN_LINES = 4 };

/* Each does one thing, and leaves once that is answered: in good order, with a reset, or with QUIT,
 * in turn. */
static void expect_churn(struct flock *flock, struct peer *peer, const char *line)
{
    static const char *const asked[CHURN_LINES] = {"PING\n", "VOTE applause loud\n",
                                                   "SUBSCRIBE healthy\n", "POLLS\n"};
    const char *ask = asked[peer->value % CHURN_LINES];
    if (peer->lines == 1) {
        if (!begins(line, "+TALLYCAST "))
            unexpected(peer, line); /* a place that was not given back would show here */
        ck_assert_uint_eq(flock_send(peer, ask, strlen(ask)), strlen(ask));
    } else if (begins(line, "+OK")) {
        if (peer->value % 3 == 0)
            flock_send(peer, "QUIT\n", 5);
        else if (peer->value % 3 == 1)
            flock_reset(flock, peer);
        else
            flock_close(flock, peer);
    } else if (line[0] != '=' && line[0] != '>') {
        unexpected(peer, line);
    }
}

static void churn(struct assault *assault)
{
    struct flock flock;
    uint64_t connected = 0;
    int64_t began = server_now_ms();
    flock_init(&flock, &assault->server, CHURN_PEERS);
    flock.on_line = expect_churn;
    while (assault_goes_on(assault)) {
        uint64_t due = (uint64_t)(server_now_ms() - began) * CHURN_A_SECOND / 1000;
        for (; connected < due; connected++) {
            struct peer *peer = &flock.peers[connected % flock.count];
            ck_assert_msg(peer->fd < 0, "a connection took half a second");
            peer->value = connected;
            flock_connect(&flock, peer, 1 + (unsigned)connected % 50, 0);
        }
        flock_serve(&flock, 2);
    }
    flock_await_ends(&flock);
    flock_free(&flock);
    TELL(assault, "%" PRIu64 " connections, %d a second", connected, CHURN_A_SECOND);
}

/* ---- non_readers: pipelining, and never reading ---- */

enum { NON_READERS = 100, NON_READER_KIB = 256, NON_READER_STALL_S = 3 };

/* Sends until nobody took a byte for a while. */
static void fill(struct assault *assault, struct flock *flock)
{
    static char lines[16 * 1024];
    for (size_t i = 0; i < sizeof lines; i += 1024) {
        memset(lines + i, 'x', 1023);
        memcpy(lines + i, "PING ", 5);
        lines[i + 1023] = '\n';
    }
    int64_t taken_ms = server_now_ms();
    while (server_now_ms() - taken_ms < 500 && assault_goes_on(assault))
        for (unsigned i = 0; i < flock->count; i++) {
            struct peer *peer = &flock->peers[i];
            size_t begin = peer->sent % 1024; /* it goes on in the middle of a line */
            size_t sent = flock_send(peer, lines + begin, sizeof lines - begin);
            peer->sent += sent;
            taken_ms = sent > 0 ? server_now_ms() : taken_ms;
        }
}

static void non_readers(struct assault *assault)
{
    struct flock flock;
    uint64_t slow = client_stat(assault->admin, "slow_readers");
    uint64_t before = server_rss_bytes(&assault->server);
    flock_init(&flock, &assault->server, NON_READERS);
    flock.on_line = expect_any;
    for (unsigned i = 0; i < flock.count; i++) {
        flock.peers[i].reads = false;
        flock_connect(&flock, &flock.peers[i], 1, 0);
    }
    fill(assault, &flock);
    uint64_t kib = (server_rss_bytes(&assault->server) - before) / 1024 / NON_READERS;
    ck_assert_msg(SERVER_SANITIZED || kib < NON_READER_KIB, "%" PRIu64 " KiB each", kib);
    flock_await_ends(&flock); /* the stall timeout */
    slow = client_stat(assault->admin, "slow_readers") - slow;
    ck_assert_uint_eq(slow, NON_READERS);
    flock_free(&flock);
    TELL(assault, "%d pipelining without reading: %" PRIu64 " KiB each until closed for it",
         NON_READERS, kib);
}

/* ---- one_address: a thousand connections from one address ---- */

enum { ADDRESS_PEERS = 1000, ADDRESS_MAX = 20 };

static void expect_place(struct flock *flock, struct peer *peer, const char *line)
{
    expect_any(flock, peer, line);
    ck_assert_uint_eq(peer->lines, 1);
    *(uint64_t *)flock->context += line[0] == '+';
}

/* Who was let in stays; all others have ended. */
static void one_address(struct assault *assault)
{
    struct flock flock;
    uint64_t greeted = 0, rounds = 0;
    flock_init(&flock, &assault->server, ADDRESS_PEERS);
    flock.on_line = expect_place;
    flock.context = &greeted;
    for (; assault_goes_on(assault); rounds++) {
        int64_t deadline = server_now_ms() + SERVER_DEADLINE_S * 1000;
        uint64_t connections = client_stat(assault->admin, "connections");
        greeted = 0;
        for (unsigned i = 0; i < flock.count; i++)
            flock_connect(&flock, &flock.peers[i], 0, 0);
        while (flock.open > ADDRESS_MAX || greeted < ADDRESS_MAX) {
            ck_assert_int_lt(server_now_ms(), deadline);
            flock_serve(&flock, 100);
        }
        ck_assert_uint_eq(greeted, ADDRESS_MAX);
        client_close(server_connect(&assault->server, "127.0.0.3")); /* another's address is free */
        for (unsigned i = 0; i < flock.count; i++)
            flock_reset(&flock, &flock.peers[i]);
        while (client_stat(assault->admin, "connections") > connections)
            ck_assert_int_lt(server_now_ms(), deadline);
    }
    flock_free(&flock);
    TELL(assault, "%" PRIu64 " times %u connections from one address, %u let in", rounds,
         ADDRESS_PEERS, ADDRESS_MAX);
}

/* ---- the attacks ---- */

static const struct attack attacks[] = {
    {"slow_bytes", slow_bytes, 5, 30, 8192, {"--line-timeout", "2"}},
    {"slow_lines", slow_lines, 6, 30, 8192, {NULL}},
    {"flood", flood, 3, 30, 4096, {NULL}},
    {"endless_line", endless_line, 4, 30, 2048, {"--line-timeout", "1"}},
    {"errors", errors, 3, 20, 2048, {NULL}},
    {"byte_readers", byte_readers, 4, 30, 4096, {NULL}},
    {"resets", resets, 3, 30, 12288, {NULL}},
    {"half_close", half_close, 3, 20, 4096, {NULL}},
    {"first_bytes", first_bytes, 3, 20, 2048, {"--line-timeout", "1"}},
    {"churn", churn, 10, 60, 2048, {"--max-connections", "150"}},
    {"non_readers", non_readers, 4, 4, 8192, {"--stall-timeout", "3"}},
    {"one_address", one_address, 3, 20, 2048, {"--max-per-address", "20"}},
};

enum { ATTACKS = sizeof attacks / sizeof attacks[0] };

/* Case _i: attack _i % ATTACKS, at full size after the first round. */
START_TEST(attack)
{
    torture.done = (uint64_t)_i;
    if (!torture_next(&torture))
        return;
    struct assault assault = {
        .attack = &attacks[_i % ATTACKS], .torture = &torture, .full = _i >= ATTACKS};
    assault_run(&assault, totals);
}
END_TEST

int main(int argc, char **argv)
{
    torture_begin(&torture, "peers", ATTACKS, argc, argv);
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    totals = mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED)
        return 2;
    static struct unit_case cases[ATTACKS + 1];
    for (int i = 0; i < ATTACKS; i++) {
        unsigned seconds = torture.count > ATTACKS ? attacks[i].full_seconds : attacks[i].seconds;
        cases[i] = (struct unit_case){.name = attacks[i].name,
                                      .timeout_s = ASSAULT_ROUNDS * (60 + seconds)};
        int tests = 0;
        for (int n = i; (uint64_t)n < torture.count && tests + 1 < UNIT_TESTS_MAX; n += ATTACKS)
            cases[i].tests[tests++] = (struct unit_test){attack, .first = n};
    }
    int status = server_tests_run("peers", cases);
    torture.done = totals->count;
    torture_end(&torture, "attacks=%d repeated=%u worst_p99_ratio=%.2f", ATTACKS, totals->repeated,
                totals->worst_ratio);
    return status;
}
