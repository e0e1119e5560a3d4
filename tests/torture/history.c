/* Concurrent histories: several connections vote, change ballots, show, subscribe and unsubscribe,
 * two administrators open and close, each on a thread of its own; everything is recorded with its
 * times, and judged afterwards (history_check.c). A case is one history of OPERATIONS operations on
 * a server of its own, whose database must then hold exactly what was acknowledged, in that order.
 *
 * Happy path: client_run sends bursts of random lines, and takes replies and pushes until its share
 * of the operations is answered; a last SHOW tells the final tallies; who is subscribed must be
 * pushed them; stop, compare, judge.
 *
 * Threads record, and note in `failure` what makes no sense at all; the test's own thread judges.
 */
#include "proto/reply.h"
#include "tests/support/server.h"
#include "tests/torture/history_check.h"
#include "tests/torture/torture.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    OPERATIONS = 10000, /* a case */
    VOTERS_CLIENTS = 8,
    ADMINS = 2,
    CLIENTS = VOTERS_CLIENTS + ADMINS,
    ADMIN_OPERATIONS = 200, /* of each administrator */
    CLIENT_OPERATIONS = (OPERATIONS - ADMINS * ADMIN_OPERATIONS) / VOTERS_CLIENTS,
    NAMES = 12,  /* voters of a connection, in polls that know voters */
    WINDOW = 48, /* lines of a connection that wait for their replies */
    LINE_MAX_BYTES = 128,
    RECEIVE_BYTES = 64 * 1024,
    FAILURE_MAX = 256,
    VOTERS = CLIENTS * CLIENT_OPERATIONS, /* numbers to name voters, and ballots by id= */
};

_Static_assert((int)NAMES <= (int)CLIENT_OPERATIONS, "a connection's voters are numbered apart");

static const char *const choice_names[HISTORY_CHOICES] = {"red", "green", "blue"};

/* What voters say in polls of each kind. */
static const struct history_ballot singles[] = {
    {"1", {1, 0, 0}, {"red", "1"}},
    {"2", {0, 1, 0}, {"green", "2"}},
    {"3", {0, 0, 1}, {"blue", "BLUE"}},
    {"-", {0, 0, 0}, {"-", "-"}},
};
static const struct history_ballot approvals[] = {
    {"010000", {1, 0, 0}, {"red", "1"}},
    {"000100", {0, 1, 0}, {"green", "2"}},
    {"010100", {1, 1, 0}, {"red,green", "green,red"}},
    {"010001", {1, 0, 1}, {"red,blue", "3,1"}},
    {"010101", {1, 1, 1}, {"red,green,blue", "blue,green,red"}},
    {"-", {0, 0, 0}, {"-", "-"}},
};
static const struct history_ballot scores[] = {
    {"050000", {5, 0, 0}, {"red=5", "red=5,blue=0"}},
    {"000302", {0, 3, 2}, {"green=3,blue=2", "blue=2,green=3"}},
    {"010101", {1, 1, 1}, {"red=1,green=1,blue=1", "3=1,2=1,1=1"}},
    {"000000", {0, 0, 0}, {"red=0", "blue=0"}},
    {"000005", {0, 0, 5}, {"blue=5", "red=0,blue=5"}},
    {"-", {0, 0, 0}, {"-", "-"}},
};
static const struct history_ballot rankings[] = {
    {"010203", {1, 0, 0}, {"red>green>blue", "1>2>3"}},
    {"030201", {0, 0, 1}, {"blue>green>red", "BLUE>green>red"}},
    {"020101", {0, 1, 1}, {"green=blue>red", "blue=green>red"}},
    {"010101", {1, 1, 1}, {"red=green=blue", "blue=red=green"}},
    {"000100", {0, 1, 0}, {"green", "2"}},
    {"000201", {0, 0, 1}, {"blue>green", "3>2"}},
    {"-", {0, 0, 0}, {"-", "-"}},
};

/* The polls: each rule of what counts, and each kind of ballot. */
enum { POLLS = 6 };
static const struct test_poll {
    const char *name, *settings;
    bool changeable, unlimited; /* voters have names, but in unlimited ones */
    const struct history_ballot *ballots;
    unsigned ballot_count;
} polls[POLLS] = {
#define BALLOTS(ballots) ballots, sizeof(ballots) / sizeof(ballots)[0]
    {"changeable", "voters=named ballots=changeable", true, false, BALLOTS(singles)},
    {"once", "voters=named ballots=once", false, false, BALLOTS(singles)},
    {"unlimited", "ballots=unlimited", false, true, BALLOTS(singles)},
    {"approval", "voters=named ballots=once kind=approval", false, false, BALLOTS(approvals)},
    {"score", "ballots=unlimited method=star", false, true, BALLOTS(scores)},
    {"ranked", "voters=named kind=ranked", true, false, BALLOTS(rankings)},
};

/* One connection, its thread's own but where said. */
struct client_thread {
    pthread_t thread;
    struct torture random;
    int fd;
    uint32_t number;
    bool admin;
    size_t quota;                    /* operations that it is to do */
    size_t sent;                     /* of them */
    size_t answered;                 /* of them */
    uint32_t new_id;                 /* of its ballots in the poll without voters */
    struct history_operation *asked; /* ring of WINDOW: sent and not answered */
    struct history_operation *lines; /* what came, in order; read by the test's thread at the end */
    size_t line_count, line_capacity;
    uint64_t subscribed_ns[POLLS]; /* when the SUBSCRIBE was sent; 0 for not subscribed */
    uint64_t shown[POLLS];         /* the last tally's sequence */
    char received[RECEIVE_BYTES];
    size_t received_len;
    char failure[FAILURE_MAX]; /* empty for none */
};

struct round {
    struct server server;
    struct client_thread clients[CLIENTS];
    pthread_barrier_t all_answered; /* by all clients and the test */
    pthread_barrier_t finals_known; /* the same */
    uint64_t final_seq[POLLS];      /* between the barriers written by the test, then read by all */
    struct history history;
};

static struct torture torture;
static struct round the_round; /* too large for a stack */
static uint64_t operations, tallies;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static __attribute__((format(printf, 2, 3))) void note_failure(struct client_thread *client,
                                                               const char *format, ...)
{
    va_list arguments;
    if (client->failure[0] != '\0')
        return; /* the first one tells most */
    va_start(arguments, format);
    vsnprintf(client->failure, sizeof client->failure, format, arguments);
    va_end(arguments);
}

static void record(struct client_thread *client, const struct history_operation *line)
{
    if (client->line_count == client->line_capacity) {
        client->line_capacity = client->line_capacity * 2 + 1024;
        client->lines = realloc(client->lines, client->line_capacity * sizeof *client->lines);
        if (!client->lines)
            abort();
    }
    client->lines[client->line_count++] = *line;
}

/* ---- what is asked ---- */

static unsigned draw(struct client_thread *client, unsigned bound)
{
    return (unsigned)torture_random(&client->random, bound);
}

/* A ballot of one of the connection's voters; where there are none, mostly with an id=, sometimes
 * one of before. */
static size_t ask_vote(struct client_thread *client, struct history_operation *vote, char *line)
{
    uint32_t first = client->number * CLIENT_OPERATIONS; /* no other connection's numbers */
    const struct test_poll *poll = &polls[vote->poll];
    vote->kind = HISTORY_VOTE;
    vote->ballot = (uint8_t)draw(client, poll->ballot_count);
    const char *text = poll->ballots[vote->ballot].texts[draw(client, 2)];
    if (!poll->unlimited) {
        vote->voter = first + draw(client, NAMES);
        return (size_t)sprintf(line, "VOTE %s %s as=v%u\n", poll->name, text, vote->voter);
    }
    if (client->new_id > 0 && draw(client, 4) == 0)
        vote->voter = first + draw(client, client->new_id);
    else
        vote->voter = first + client->new_id++;
    return (size_t)sprintf(line, "VOTE %s %s id=i%u\n", poll->name, text, vote->voter);
}

static size_t ask_about(struct history_operation *operation, enum history_kind kind, char *line)
{
    static const char *const words[] = {[HISTORY_OPEN] = "OPEN",
                                        [HISTORY_CLOSE] = "CLOSE",
                                        [HISTORY_SHOW] = "SHOW",
                                        [HISTORY_SUBSCRIBE] = "SUBSCRIBE",
                                        [HISTORY_UNSUBSCRIBE] = "UNSUBSCRIBE"};
    operation->kind = (uint8_t)kind;
    return (size_t)sprintf(line, "%s %s\n", words[kind], polls[operation->poll].name);
}

/* Draws an operation and writes its line. Returns the line's length. */
static size_t ask(struct client_thread *client, struct history_operation *operation, char *line)
{
    unsigned what = draw(client, 100);
    operation->client = client->number;
    operation->poll = (uint8_t)draw(client, POLLS);
    if (client->admin && what < 10)
        return ask_about(operation, HISTORY_CLOSE, line);
    if (client->admin && what < 40)
        return ask_about(operation, HISTORY_OPEN, line);
    if (what < 75 && !client->admin)
        return ask_vote(client, operation, line);
    if (what < 92)
        return ask_about(operation, HISTORY_SHOW, line);
    return ask_about(operation, what < 97 ? HISTORY_SUBSCRIBE : HISTORY_UNSUBSCRIBE, line);
}

static void send_burst(struct client_thread *client)
{
    char lines[WINDOW * LINE_MAX_BYTES];
    size_t len = 0, room = WINDOW - (client->sent - client->answered);
    size_t burst = 1 + draw(client, WINDOW);
    uint64_t begin_ns = now_ns();
    while (burst-- > 0 && room-- > 0 && client->sent < client->quota) {
        struct history_operation *operation = &client->asked[client->sent++ % WINDOW];
        *operation = (struct history_operation){.begin_ns = begin_ns};
        len += ask(client, operation, lines + len);
    }
    if (len > 0 && send(client->fd, lines, len, MSG_NOSIGNAL) != (ssize_t)len)
        note_failure(client, "a send failed");
}

/* ---- what comes ---- */

static bool read_tally(struct client_thread *client, struct span text,
                       struct history_operation *line)
{
    struct tally_row row;
    unsigned poll = 0;
    if (!tally_parse(text.at, text.len, &row) || row.choice_count != HISTORY_CHOICES)
        return false;
    while (poll < POLLS && strcmp(row.poll.text, polls[poll].name) != 0)
        poll++;
    if (poll == POLLS || (line->kind == HISTORY_SHOW && line->poll != poll))
        return false;
    line->poll = (uint8_t)poll;
    line->tally.open = row.open;
    line->tally.seq = client->shown[poll] = row.seq;
    line->tally.ballots = row.ballots;
    for (unsigned i = 0; i < HISTORY_CHOICES; i++) {
        if (strcmp(row.choices[i].text, choice_names[i]) != 0)
            return false;
        line->tally.counts[i] = row.counts[i];
    }
    return true;
}

/* `-CODE`, or `-ALREADY-VOTED SEQ`, to a VOTE. */
static bool read_error(const struct reply *reply, struct history_operation *operation)
{
    if (operation->kind != HISTORY_VOTE)
        return false;
    if (reply->code.len == 11 && memcmp(reply->code.at, "POLL-CLOSED", 11) == 0) {
        operation->reply = HISTORY_POLL_CLOSED;
        return true;
    }
    operation->reply = HISTORY_ALREADY_VOTED;
    operation->seq = reply->number;
    return reply->has_number && reply->code.len == 13 &&
           memcmp(reply->code.at, "ALREADY-VOTED", 13) == 0;
}

static bool read_reply(struct client_thread *client, const struct reply *reply,
                       struct history_operation *operation)
{
    if (reply->kind == REPLY_ERROR)
        return read_error(reply, operation);
    if (reply->kind != REPLY_OK)
        return false;
    if (operation->kind == HISTORY_SHOW)
        return read_tally(client, reply->text, operation);
    if (operation->kind == HISTORY_SUBSCRIBE)
        client->subscribed_ns[operation->poll] = operation->begin_ns;
    else if (operation->kind == HISTORY_UNSUBSCRIBE)
        client->subscribed_ns[operation->poll] = 0;
    else
        operation->seq = reply->number;
    operation->reply = reply->duplicate ? HISTORY_DUPLICATE : HISTORY_ACCEPTED;
    return reply->has_number;
}

static void take_line(struct client_thread *client, const char *line, size_t len, uint64_t end_ns)
{
    struct history_operation operation = {.kind = HISTORY_PUSH, .client = client->number};
    struct reply reply;
    bool good;
    reply_parse(line, len, &reply);
    if (reply.kind == REPLY_PUSH) {
        good = read_tally(client, reply.text, &operation);
        operation.begin_ns = client->subscribed_ns[operation.poll];
    } else if (client->answered == client->sent) {
        good = false;
    } else {
        operation = client->asked[client->answered++ % WINDOW];
        good = read_reply(client, &reply, &operation);
    }
    if (!good)
        note_failure(client, "client %u was answered: %.*s", client->number, (int)len, line);
    operation.end_ns = end_ns;
    record(client, &operation);
}

/* Waits for lines, and takes them. */
static void receive(struct client_thread *client)
{
    ssize_t len = recv(client->fd, client->received + client->received_len,
                       sizeof client->received - client->received_len, 0);
    uint64_t end_ns = now_ns();
    if (len <= 0) {
        note_failure(client, len == 0 ? "the server closed a connection" : "nothing came in time");
        return;
    }
    client->received_len += (size_t)len;
    char *line = client->received, *end = client->received + client->received_len, *lf;
    while ((lf = memchr(line, '\n', (size_t)(end - line)))) {
        take_line(client, line, (size_t)(lf - line), end_ns);
        line = lf + 1;
    }
    client->received_len = (size_t)(end - line);
    memmove(client->received, line, client->received_len);
}

/* ---- a connection's thread ---- */

/* A subscriber that reads gets the last tally, always. */
static bool lacks_finals(const struct client_thread *client)
{
    for (unsigned poll = 0; poll < POLLS; poll++)
        if (client->subscribed_ns[poll] && client->shown[poll] < the_round.final_seq[poll])
            return true;
    return false;
}

static void *client_run(void *context)
{
    struct client_thread *client = context;
    while (client->failure[0] == '\0' && client->answered < client->quota) {
        bool idle = client->sent == client->answered;
        if (client->sent < client->quota && (idle || draw(client, 3) == 0))
            send_burst(client);
        receive(client);
    }
    pthread_barrier_wait(&the_round.all_answered);
    pthread_barrier_wait(&the_round.finals_known);
    while (client->failure[0] == '\0' && lacks_finals(client))
        receive(client);
    return NULL;
}

static void client_start(struct client_thread *client, uint32_t number)
{
    struct client *connected;
    *client = (struct client_thread){.number = number, .admin = number >= VOTERS_CLIENTS};
    connected = client->admin ? server_admin(&the_round.server) : server_client(&the_round.server);
    client->fd = connected->fd; /* closed with the server's other clients */
    client->quota = client->admin ? ADMIN_OPERATIONS : CLIENT_OPERATIONS;
    client->random = torture_fork(&torture);
    client->asked = calloc(WINDOW, sizeof *client->asked);
    struct timeval patience = {.tv_sec = SERVER_DEADLINE_S};
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_ptr_nonnull(client->asked);
    ck_assert_int_eq(pthread_create(&client->thread, NULL, client_run, client), 0);
}

/* ---- a case ---- */

static void create_polls(struct round *round, struct client *admin)
{
    for (unsigned poll = 0; poll < POLLS; poll++) {
        char line[LINE_MAX_BYTES];
        snprintf(line, sizeof line, "CREATE %s red green blue %s", polls[poll].name,
                 polls[poll].settings);
        round->history.polls[poll] = (struct history_poll){
            .changeable = polls[poll].changeable,
            .created_seq = client_ask_number(admin, line),
            .ballots = polls[poll].ballots,
        };
    }
    round->history.poll_count = POLLS;
}

/* What every poll shows when all is done; noted for those that must be pushed it. */
static void learn_finals(struct round *round, struct client *admin, char *finals, size_t size)
{
    size_t len = 0;
    for (unsigned poll = 0; poll < POLLS; poll++) {
        client_send(admin, "SHOW %s", polls[poll].name);
        const char *reply = client_line(admin);
        struct tally_row row;
        ck_assert(strncmp(reply, "+OK ", 4) == 0 &&
                  tally_parse(reply + 4, strlen(reply + 4), &row));
        round->final_seq[poll] = row.seq;
        len += (size_t)snprintf(finals + len, size - len, "%s%s", poll > 0 ? "\n" : "", reply + 4);
    }
}

/* Puts all that was recorded into one history. */
static struct history_operation *gather(struct round *round)
{
    size_t count = 0;
    struct history_operation *all;
    for (unsigned i = 0; i < CLIENTS; i++)
        count += round->clients[i].line_count;
    all = calloc(count, sizeof *all);
    ck_assert_ptr_nonnull(all);
    count = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct client_thread *client = &round->clients[i];
        memcpy(all + count, client->lines, client->line_count * sizeof *all);
        count += client->line_count;
        operations += client->answered;
        free(client->lines);
        free(client->asked);
    }
    round->history.operations = all;
    round->history.operation_count = count;
    round->history.client_count = CLIENTS;
    round->history.voter_count = VOTERS;
    for (size_t i = 0; i < count; i++)
        tallies += all[i].kind == HISTORY_SHOW || all[i].kind == HISTORY_PUSH;
    return all;
}

/* The database, which nobody has open any more, holds what was acknowledged, and nothing else. */
static void compare_database(const struct round *round, const char *finals)
{
    const char *path = round->server.database;
    char *told = history_ledger(&round->history);
    char *held = database_text(
        path,
        "SELECT group_concat(line, '') FROM (SELECT seq || ' ' || poll || ' ' || kind || ' ' "
        "|| says || char(10) AS line FROM (SELECT b.seq, b.poll, 'ballot' AS kind, coalesce("
        "b.choice, CASE WHEN v.seq THEN hex(v.marks) END, '-') AS says FROM ballot b LEFT JOIN "
        "value v ON v.poll = b.poll AND v.number = b.value UNION ALL SELECT seq, poll, kind, '' "
        "FROM poll_event WHERE kind <> 'create') ORDER BY seq)");
    char *shown = database_text(
        path, "SELECT group_concat(line, char(10)) FROM (SELECT line FROM tally ORDER BY poll)");
    if (strcmp(told, held) != 0)
        torture_fail(&torture, "the database does not hold what was acknowledged, in that order");
    if (strcmp(finals, shown) != 0)
        torture_fail(&torture, "the ballots give:\n%s\nand last was shown:\n%s", shown, finals);
    database_assert_recount(path);
    free(told);
    free(held);
    free(shown);
}

static void judge(struct round *round, const char *finals)
{
    char why[HISTORY_WHY_MAX];
    struct history_operation *all = gather(round);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (round->clients[i].failure[0] != '\0')
            torture_fail(&torture, "%s", round->clients[i].failure);
    if (!history_check(&round->history, why))
        torture_fail(&torture, "%s", why);
    compare_database(round, finals);
    free(all);
}

static void run_case(struct round *round)
{
    char finals[POLLS * 256];
    server_init(&round->server);
    server_start(&round->server, "--push-interval", torture_random(&torture, 2) ? "0" : "3",
                 "--ingest-threads", torture_random(&torture, 2) ? "1" : "3", "--broadcast-threads",
                 torture_random(&torture, 2) ? "1" : "2", NULL);
    struct client *admin = server_admin(&round->server);
    create_polls(round, admin);
    pthread_barrier_init(&round->all_answered, NULL, CLIENTS + 1);
    pthread_barrier_init(&round->finals_known, NULL, CLIENTS + 1);
    for (uint32_t i = 0; i < CLIENTS; i++)
        client_start(&round->clients[i], i);
    pthread_barrier_wait(&round->all_answered);
    learn_finals(round, admin, finals, sizeof finals);
    pthread_barrier_wait(&round->finals_known);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(round->clients[i].thread, NULL);
    pthread_barrier_destroy(&round->all_answered);
    pthread_barrier_destroy(&round->finals_known);
    server_end(&round->server);
    judge(round, finals);
}

START_TEST(histories_keep_every_promise)
{
    while (torture_next(&torture))
        run_case(&the_round);
    torture_end(&torture, "operations=%" PRIu64 " tallies=%" PRIu64, operations, tallies);
}
END_TEST

int main(int argc, char **argv)
{
    torture_begin(&torture, "history", 10, argc, argv);
    /* It has deadlines of its own, and as many cases as it is told. */
    return server_tests_run("history", UNIT_CASES({"histories", .timeout_s = 24 * 3600,
                                                   .tests = {{histories_keep_every_promise}}}));
}
