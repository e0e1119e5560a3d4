/* Lines of clients. Sockets block when written: what is in flight is bounded and fits into their
 * buffers. */
#include "tests/torture/kill_load.h"

#include "tests/torture/kill_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { COMMAND_MAX = PATH_MAX + 64, BATCH_BYTES = LOAD_WINDOW * 96, FEW = 3 };

/* ---- connections ---- */

static void conn_close(struct conn *conn)
{
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
}

/* A failed send is not the end: what the server had sent before it died is still to be read. */
static void conn_send(struct conn *conn, const char *bytes, size_t len)
{
    ssize_t sent = send(conn->fd, bytes, len, MSG_NOSIGNAL);
    (void)sent;
}

static __attribute__((format(printf, 2, 3))) void conn_command(struct conn *conn,
                                                               const char *format, ...)
{
    char line[COMMAND_MAX];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    conn_send(conn, line, (size_t)len);
}

static void take_line(struct conn *conn, const char *line)
{
    if (conn->greeted)
        conn->on_line(conn, line);
    else if (strncmp(line, "+TALLYCAST 1 ", 13) != 0)
        torture_fail(conn->load->torture, "the greeting was: %s", line);
    conn->greeted = true;
}

static void take_lines(struct conn *conn)
{
    char *at = conn->input, *end = conn->input + conn->pending_bytes, *lf;
    while ((lf = memchr(at, '\n', (size_t)(end - at)))) {
        *lf = '\0';
        take_line(conn, at);
        at = lf + 1;
    }
    conn->pending_bytes = (size_t)(end - at);
    memmove(conn->input, at, conn->pending_bytes);
}

/* Reads what is there, or waits for more until the end. Returns false at the end. */
static bool conn_read(struct conn *conn, int flags)
{
    ssize_t n = recv(conn->fd, conn->input + conn->pending_bytes,
                     sizeof conn->input - conn->pending_bytes, flags);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    conn->pending_bytes += (size_t)n;
    take_lines(conn);
    return true;
}

static struct conn *conn_open(struct load *load, const struct sockaddr *address, socklen_t len,
                              void (*on_line)(struct conn *, const char *))
{
    struct conn *conn = &load->conns[load->conn_count++];
    memset(conn, 0, sizeof *conn);
    conn->load = load;
    conn->on_line = on_line;
    conn->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(conn->fd, address, len) != 0)
        conn_close(conn); /* it is dead already */
    return conn;
}

static struct conn *conn_open_public(struct load *load,
                                     void (*on_line)(struct conn *, const char *))
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)load->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return conn_open(load, (const struct sockaddr *)&address, sizeof address, on_line);
}

static struct conn *conn_open_admin(struct load *load, void (*on_line)(struct conn *, const char *))
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", load->admin_path);
    return conn_open(load, (const struct sockaddr *)&address, sizeof address, on_line);
}

/* ---- voters ---- */

/* A voter whose last ballot nobody answered. */
static struct voter *next_retry(struct load *load)
{
    struct oracle *oracle = load->oracle;
    while (load->retry < load->retry_end) {
        struct voter *voter = &oracle->voters[load->retry++];
        if (voter->asked != NOTHING)
            return voter;
    }
    return NULL;
}

/* Half of the ballots are new voters'; the others change theirs, or repeat it. */
static struct voter *next_voter(struct load *load)
{
    struct oracle *oracle = load->oracle;
    unsigned poll = (unsigned)torture_random(load->torture, ORACLE_POLLS - 1);
    if (oracle->voter_count > 0 && torture_random(load->torture, 2) == 0) {
        struct voter *voter = &oracle->voters[torture_random(load->torture, oracle->voter_count)];
        return voter->asked == NOTHING ? voter : NULL;
    }
    return oracle->polls[poll].created ? oracle_new_voter(oracle, poll) : NULL;
}

static size_t put_ballot(const struct load *load, const struct voter *voter, char *at, size_t size)
{
    const struct poll *poll = &load->oracle->polls[voter->poll];
    char name[ORACLE_NAME_MAX], text[SAYS_TEXT_SIZE];
    oracle_voter_name(voter, name);
    says_text(poll->says, (unsigned)voter->asked, text);
    int len = snprintf(at, size, "VOTE %s %s", poll->name, text);
    if (poll->kind != POLL_UNLIMITED)
        len += snprintf(at + len, size - (size_t)len, " as=%s", name);
    if (oracle_has_id(load->oracle, voter))
        len += snprintf(at + len, size - (size_t)len, " id=%s", name);
    at[len++] = '\n';
    return (size_t)len;
}

/* What a voter says next: often one of a few things, so that it repeats itself. */
static int draw(const struct load *load, const struct voter *voter)
{
    const unsigned count = says_count(load->oracle->polls[voter->poll].says);
    const unsigned few = torture_random(load->torture, 2) && count > FEW ? FEW : count;
    return (int)torture_random(load->torture, few);
}

/* Sends ballots until as many are in flight as may be. Returns whether it sent any. */
static bool fill_window(struct conn *conn)
{
    struct load *load = conn->load;
    char bytes[BATCH_BYTES];
    size_t len = 0;
    unsigned tries = 2 * LOAD_WINDOW;
    while (conn->count < load->window && load->ballots_left > 0 && tries-- > 0) {
        struct voter *voter = next_retry(load);
        if (!voter && !(voter = next_voter(load)))
            continue;
        load->ballots_left--;
        oracle_ask(load->oracle, voter, voter->asked == NOTHING ? draw(load, voter) : voter->asked);
        conn->asked[(conn->first + conn->count++) % LOAD_WINDOW] =
            (size_t)(voter - load->oracle->voters);
        len += put_ballot(load, voter, bytes + len, sizeof bytes - len);
    }
    if (len > 0)
        conn_send(conn, bytes, len);
    return len > 0;
}

static void on_voter_line(struct conn *conn, const char *line)
{
    if (conn->count == 0)
        torture_fail(conn->load->torture, "a voter who asked nothing was answered: %s", line);
    struct voter *voter = &conn->load->oracle->voters[conn->asked[conn->first]];
    conn->first = (conn->first + 1) % LOAD_WINDOW;
    conn->count--;
    oracle_answer(conn->load->oracle, voter, line);
}

/* ---- readers ---- */

static void take_tally(struct conn *conn, const char *line)
{
    uint64_t seq;
    unsigned poll = oracle_shown(conn->load->oracle, line, &seq);
    if (seq < conn->seen[poll])
        torture_fail(conn->load->torture, "an older tally came after a newer one: %s", line);
    conn->seen[poll] = seq;
}

static bool is_stopping(const char *line)
{
    return strncmp(line, "-SHUTTING-DOWN ", 15) == 0;
}

static void on_subscriber_line(struct conn *conn, const char *line)
{
    if (strncmp(line, "> ", 2) == 0)
        take_tally(conn, line + 2);
    else if (strncmp(line, "+OK ", 4) != 0 && !is_stopping(line))
        torture_fail(conn->load->torture, "the subscriber was answered: %s", line);
}

static void ask_to_show(struct conn *conn)
{
    const struct oracle *oracle = conn->load->oracle;
    unsigned poll = (unsigned)torture_random(conn->load->torture, ORACLE_POLLS);
    conn->count = 1;
    conn_command(conn, "SHOW %s\n",
                 oracle->polls[oracle->polls[poll].created ? poll : ORACLE_POLLS - 1].name);
}

static void on_reader_line(struct conn *conn, const char *line)
{
    if (is_stopping(line))
        return;
    if (strncmp(line, "+OK ", 4) != 0)
        torture_fail(conn->load->torture, "SHOW was answered: %s", line);
    take_tally(conn, line + 4);
    conn->count = 0;
}

/* ---- the administrator ---- */

static void send_order(struct conn *conn, enum order_kind kind, unsigned number)
{
    static const char *const settings[] = {
        [POLL_CHANGEABLE] = "voters=named ballots=changeable",
        [POLL_ONCE] = "voters=named ballots=once",
        [POLL_UNLIMITED] = "ballots=unlimited",
        [POLL_ROLL_CALL] = "voters=named ballots=changeable record=name",
    };
    const struct poll *poll = &conn->load->oracle->polls[number];
    const unsigned poll_kind = poll->says->settings.value[SETTING_KIND];
    struct backup *backup = &conn->load->oracle->backup;
    oracle_order(conn->load->oracle, kind, number);
    if (kind == ORDER_CREATE) {
        conn_command(conn, "CREATE %s a b c %s kind=%s\n", poll->name, settings[poll->kind],
                     setting_value_name(SETTING_KIND, poll_kind));
    } else if (kind == ORDER_BACKUP) {
        snprintf(backup->path, sizeof backup->path, "%s/backup", conn->load->directory);
        conn_command(conn, "BACKUP %s\n", backup->path);
    } else {
        conn_command(conn, "%s %s\n", kind == ORDER_OPEN ? "OPEN" : "CLOSE", poll->name);
    }
}

/* Closed polls are opened again soon, so that most ballots find theirs open; half of the polls are
 * created at once, the others one at a time between all that. */
static void next_order(struct conn *conn)
{
    struct load *load = conn->load;
    unsigned number = (unsigned)torture_random(load->torture, ORACLE_POLLS - 1);
    const struct poll *poll = &load->oracle->polls[number];
    for (unsigned i = 0; i < POLL_OF_START; i++)
        if (!load->oracle->polls[i].created) {
            send_order(conn, ORDER_CREATE, i);
            return;
        }
    if (load->backup) {
        load->backup = false;
        send_order(conn, ORDER_BACKUP, 0);
    } else if (!poll->created) {
        send_order(conn, ORDER_CREATE, number);
    } else {
        send_order(conn,
                   poll->open && torture_random(load->torture, 4) == 0 ? ORDER_CLOSE : ORDER_OPEN,
                   number);
    }
}

static void on_order_answer(struct conn *conn, const char *line)
{
    oracle_order_answer(conn->load->oracle, line);
    if (!is_stopping(line))
        next_order(conn);
}

static void begin_all(struct load *load)
{
    for (unsigned i = 0; i < LOAD_VOTERS; i++)
        conn_open_public(load, on_voter_line);
    struct conn *subscriber = conn_open_public(load, on_subscriber_line);
    conn_command(subscriber, "SUBSCRIBE *\n");
    conn_open_public(load, on_reader_line);
}

/* The reply to POLLS, before anybody votes. */
static void on_start_line(struct conn *conn, const char *line)
{
    struct load *load = conn->load;
    char last[64];
    if (is_stopping(line))
        return;
    if (*line == '=') {
        oracle_shown_at_start(load->oracle, line + 1);
        load->rows++;
        return;
    }
    snprintf(last, sizeof last, "+OK %u", oracle_poll_count(load->oracle));
    if (strcmp(line, last) != 0 || load->rows != oracle_poll_count(load->oracle))
        torture_fail(load->torture, "POLLS at the start gave %u rows and %s; there are %u polls",
                     load->rows, line, oracle_poll_count(load->oracle));
    conn->on_line = on_order_answer;
    if (load->oracle->order.kind != ORDER_NONE)
        send_order(conn, load->oracle->order.kind, load->oracle->order.poll);
    else
        next_order(conn);
    begin_all(load);
}

/* ---- all of them ---- */

void load_begin(struct load *load)
{
    load->conn_count = 0;
    load->rows = 0;
    load->retry = 0;
    load->retry_end = load->oracle->voter_count;
    conn_command(conn_open_admin(load, on_start_line), "POLLS\n");
}

/* Waits for input until the deadline. Returns false when it is over. */
static bool await_input(const struct load *load, struct pollfd wanted[LOAD_CONNS],
                        int64_t deadline_us)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < load->conn_count; i++) {
        wanted[i] = (struct pollfd){.fd = load->conns[i].fd, .events = POLLIN};
        alive += load->conns[i].fd >= 0;
    }
    int64_t left_us = deadline_us - process_now_us();
    struct timespec left = {left_us / 1000000, left_us % 1000000 * 1000};
    return alive > 0 && left_us > 0 && ppoll(wanted, load->conn_count, &left, NULL) > 0;
}

/* Whoever may send, does. The reader asks whenever ballots are under way. */
static void send_all(struct load *load)
{
    bool sent = false;
    for (unsigned i = 0; i < load->conn_count; i++)
        if (load->conns[i].on_line == on_voter_line && load->conns[i].fd >= 0)
            sent |= fill_window(&load->conns[i]);
    for (unsigned i = 0; i < load->conn_count && sent; i++)
        if (load->conns[i].on_line == on_reader_line && load->conns[i].count == 0)
            ask_to_show(&load->conns[i]);
}

void load_run(struct load *load, int64_t deadline_us)
{
    struct pollfd wanted[LOAD_CONNS];
    for (;;) {
        send_all(load);
        unsigned count = load->conn_count;
        if (!await_input(load, wanted, deadline_us))
            return;
        for (unsigned i = 0; i < count; i++)
            if (wanted[i].fd >= 0 && wanted[i].revents && !conn_read(&load->conns[i], MSG_DONTWAIT))
                conn_close(&load->conns[i]);
    }
}

void load_end(struct load *load)
{
    for (unsigned i = 0; i < load->conn_count; i++) {
        struct conn *conn = &load->conns[i];
        while (conn->fd >= 0 && conn_read(conn, 0))
            ;
        conn_close(conn);
    }
}
