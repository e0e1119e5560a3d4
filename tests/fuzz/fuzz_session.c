/* Fuzzes whole sessions (libFuzzer): the server's own workers, sessions, connections, broadcast,
 * admission and tally, over a kernel and a ledger in memory. The input is a script, a line an
 * event; N is a client, 0 to 7, and C a count:
 *
 *   cN aN xN     client N connects: to the public port, as administrator, as one too many
 *   uN           to the web's
 *   rNTEXT       N sends the web a request: TEXT is the method and the target
 *   vNPOLL TEXT  N sends it a ballot for POLL: TEXT is the form
 *   >NTEXT       N sends a line          .NTEXT    N sends text without an end
 *   *NC TEXT     N sends a line C times  =NC       N sends C letters without an end
 *   sNC          a read gives N's input C bytes at a time (0: all)
 *   tNC tN       N takes C bytes more, and then none; everything
 *   oNC          the kernel holds C bytes for N
 *   nN           the next call on N's socket is interrupted
 *   hN zN        N half-closes; N resets
 *   eN           what is to be read from and written to N is
 *   i            so is everybody's
 *   pW wW        worker W (0 ingest, 1 broadcast) runs its tasks; a round
 *   lC           the ledger answers C requests (0: all)
 *   fC           it refuses the next C
 *   bC           somebody's ballot changes poll C
 *   kC           the next allocation of the server but C fails
 *   mC           C ms pass
 *   q            the server is to stop
 *   g            everything goes on until nothing moves
 *
 * With FUZZ_TRACE in the environment it is told what happens.
 *
 * In the end everyone reads what there is, must have been told everything in order, and leaves;
 * then nothing is left. */
#include "net/admission.h"
#include "base/clock.h"
#include "config/config.h"
#include "web/web_protocol.h"
#include "tests/fuzz/fuzz_kernel.h"
#include "tests/fuzz/fuzz_ledger.h"
#include "tests/fuzz/fuzz_peer.h"
#include "tests/fuzz/fuzz_web.h"
#include "view/journey_view.h"
#include "base/log.h"
#include "view/metrics.h"
#include "line/line_protocol.h"
#include "view/stats.h"

#include <jansson.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
void __wrap_stats_each(const struct server *server,
                       void (*row)(void *context, const char *name, uint64_t value), void *context);
void __wrap_journey_look(const struct server *server, uint64_t seq, struct journey_view *view);
int __wrap_metrics_append(struct buffer *out, const struct server *server);
bool __wrap_ledger_is_writable(const struct ledger *ledger);
int __real_directory_add(struct directory *directory, const struct poll *poll);
int __wrap_directory_add(struct directory *directory, const struct poll *poll);
size_t __real_tally_receive(struct tally *tally, unsigned feed, struct snapshot **snapshots,
                            size_t max);
size_t __wrap_tally_receive(struct tally *tally, unsigned feed, struct snapshot **snapshots,
                            size_t max);

enum {
    WORKERS = 2,
    INGEST = 0,
    BROADCAST = 1,
    CONNECTIONS_MAX = 5,
    PER_ADDRESS_MAX = 3,
    STALL_S = 300,
    IN_FLIGHT_MAX = 32,
    STOP_MS = 10000,
    COUNT_MAX = 10000000,
    SCRIPT_MAX = 1024, /* bytes: longer ones are slower, and reach nothing else */
    REPEAT_MAX = 120,
    STEPS_MAX = 100000, /* until nothing moves; more is a loop that spins */
    TOPIC_ALLOCATIONS = 2,
    UNSENT_MAX = 2 * CONN_ROUND_BYTES + 64 * 1024,
};

static const struct config config = {
    .stall_timeout_s = STALL_S,
    .push_interval_ms = 50,
    .max_connections = CONNECTIONS_MAX,
    .max_per_address = PER_ADDRESS_MAX,
    .max_errors = PEER_ERRORS_MAX,
    .max_in_flight = IN_FLIGHT_MAX,
    .request_timeout_s = WEB_REQUEST_TIMEOUT_MS / 1000,
    .http_on = true,
    .http = {.host = "127.0.0.1", .port = 80},
};

static struct server server;
static struct worker workers[WORKERS];
static struct journey_stats journey_stats;
static uint64_t next_id;
static unsigned connected_ever;
static bool memory_failed;
static bool poll_received[POLLS_MAX]; /* by poll id - 1 */

/* How far the stop has come, as main.c orders it. */
static enum { RUNNING, VOTERS_STOP, SUBSCRIBERS_STOP, FINISHING } stage;
static bool stop_wanted;
static sem_t quiet;

void __wrap_stats_each(const struct server *asked,
                       void (*row)(void *context, const char *name, uint64_t value), void *context)
{
    row(context, "polls", tally_poll_count(asked->tally));
    row(context, "ballots_accepted", UINT64_MAX);
}

void __wrap_journey_look(const struct server *asked, uint64_t seq, struct journey_view *view)
{
    *view = (struct journey_view){
        .has_ballot = true, .seq = seq, .poll = tally_peek(asked->tally, 1)->poll->name.text};
}

int __wrap_metrics_append(struct buffer *out, const struct server *asked)
{
    (void)asked;
    return buffer_append(out, "# none\n", 7);
}

bool __wrap_ledger_is_writable(const struct ledger *ledger)
{
    (void)ledger;
    return true;
}

/* ---- memory without which the server ends itself ---- */

int __wrap_directory_add(struct directory *directory, const struct poll *poll)
{
    long held = kernel_memory_hold();
    int result = __real_directory_add(directory, poll);
    kernel_memory_release(held);
    return result;
}

/* Each poll that is new to the broadcast becomes a topic next. */
size_t __wrap_tally_receive(struct tally *tally, unsigned feed, struct snapshot **snapshots,
                            size_t max)
{
    size_t count = __real_tally_receive(tally, feed, snapshots, max);
    unsigned topics = 0;
    for (size_t i = 0; i < count; i++) {
        bool *received = &poll_received[snapshots[i]->poll->id - 1];
        topics += !*received;
        *received = true;
    }
    kernel_memory_promise(topics * TOPIC_ALLOCATIONS);
    return count;
}

/* ---- the server ---- */

static void on_answer(unsigned port, const struct answer *answer)
{
    const struct conn *conn = conn_find(&workers[port].pool, answer->to);
    if (conn)
        peer_note_answer(conn->transport.fd, answer);
}

static void make_server(void)
{
    server = (struct server){.config = &config,
                             .boot_id = "0123456789abcdef",
                             .workers = workers,
                             .worker_count = WORKERS,
                             .ingest_count = 1,
                             .journey_stats = &journey_stats,
                             .tally = tally_new(1),
                             .admission =
                                 admission_new(CONNECTIONS_MAX, PER_ADDRESS_MAX, &config.proxies)};
    REQUIRE(server.tally && server.admission);
    memset(poll_received, 0, sizeof poll_received);
    for (unsigned i = 0; i < WORKERS; i++)
        REQUIRE(worker_init(&workers[i], &server, i) == 0);
}

static void unmake_server(void)
{
    for (unsigned i = 0; i < WORKERS; i++)
        worker_destroy(&workers[i]);
    REQUIRE(kernel_is_idle());
    tally_free(server.tally);
    admission_free(server.admission);
    server.tally = NULL;
}

/* A server takes ten times as long to make as a script to run, so one that is as good as new is
 * used again. */
static void begin(void)
{
    kernel_reset();
    kernel_on_output = peer_receive;
    fuzz_ledger_on_answer = on_answer;
    if (!server.tally) {
        kernel_clock_begin();
        make_server();
    }
    fuzz_ledger_reset(server.tally);
    peers_reset(server.tally);
    sem_init(&quiet, 0, 0);
    connected_ever = 0;
    next_id = 1;
    stage = RUNNING;
    stop_wanted = false;
    memory_failed = false;
}

static void finish(void)
{
    fuzz_ledger_finish();
    peers_finish();
    sem_destroy(&quiet);
    if (stage != RUNNING || memory_failed || !fuzz_ledger_is_reusable() || !kernel_is_idle() ||
        kernel_clock_is_late())
        unmake_server();
}

/* ---- what holds between any two events ---- */

static void check_client(const struct client *client)
{
    const struct conn *conn = &client->conn;
    REQUIRE(conn->state != CONN_DOOMED);
    REQUIRE(client->in_flight <= IN_FLIGHT_MAX);
    REQUIRE(conn->unread.len <= CONN_READ_BYTES + PROTO_ADMIN_LINE_MAX);
    REQUIRE(conn->unsent.len <= UNSENT_MAX);
    REQUIRE(conn->unsent.len == 0 || conn_waits(conn, CONN_BLOCKED));
}

static void check(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct conn_pool *pool = &workers[i].pool;
        REQUIRE(workers[i].in_flight == fuzz_ledger_in_flight(i));
        /* No record is lost, whatever became of its ballot. */
        REQUIRE(counter_get(&workers[i].counters.journeys_open) <= workers[i].in_flight);
        REQUIRE(!pool->out_conn && pool->out.len == 0);
        for (uint32_t slot = 0, seen = 0; seen < pool->slots.count; slot++) {
            if (!slots_at(&pool->slots, slot))
                continue;
            check_client(client_of(slots_at(&pool->slots, slot)));
            seen++;
        }
    }
}

/* ---- the threads' parts, one at a time ---- */

static bool run_tasks(unsigned worker)
{
    return !workers[worker].loop.quit && kernel_run_tasks(&workers[worker].loop);
}

static bool have_tasks(void)
{
    bool any = false;
    for (unsigned i = 0; i < WORKERS; i++)
        any |= !workers[i].loop.quit && !STAILQ_EMPTY(&workers[i].loop.inbox);
    return any;
}

static bool run_round(unsigned worker)
{
    struct loop *loop = &workers[worker].loop;
    if (loop->quit)
        return false;
    loop->woken_ns = 0;
    bool more = loop->source.work(loop->source.context);
    return !loop->quit && (more || loop->source.pending(loop->source.context));
}

static bool deliver(unsigned peer)
{
    return peer_is_connected(peer) && kernel_deliver(peer_fd(peer));
}

static bool deliver_all(void)
{
    bool any = false;
    for (unsigned i = 0; i < PEERS; i++)
        any |= deliver(i);
    return any;
}

static void stop_worker(unsigned worker)
{
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)STOP_MS * NS_PER_MS;
    worker_stop(&workers[worker], deadline_ns, &quiet);
}

/* The main thread's next step, if it has one to do. */
static bool run_main(void)
{
    if (stage == RUNNING) {
        if (!stop_wanted && !kernel_terminated)
            return false;
        peers_note_stop();
        stop_worker(INGEST);
    } else if (stage == FINISHING || sem_trywait(&quiet) != 0) {
        return false;
    } else if (stage == VOTERS_STOP) {
        stop_worker(BROADCAST);
    } else {
        fuzz_ledger_answer(SIZE_MAX);
        for (unsigned i = 0; i < WORKERS; i++)
            worker_finish(&workers[i], clock_monotonic_ns() + (uint64_t)STOP_MS * NS_PER_MS);
    }
    stage++;
    if (fuzz_traces)
        fprintf(stderr, "---- stage %d of the stop\n", stage);
    return true;
}

/* Until nothing moves. Only time, or a client, could change anything then. */
static void settle(void)
{
    bool moves = true;
    for (unsigned steps = 0; moves; steps++) {
        REQUIRE(steps < STEPS_MAX);
        moves = false;
        for (unsigned i = 0; i < WORKERS; i++) {
            moves |= run_tasks(i);
            moves |= run_round(i);
        }
        moves |= deliver_all();
        moves |= fuzz_ledger_answer(SIZE_MAX) > 0;
        moves |= run_main();
        moves |= have_tasks(); /* that the last round, or input, has posted */
    }
}

/* ---- the script ---- */

/* Two clients share an address. */
static union peer address_of(unsigned number, enum peer_kind kind)
{
    if (kind == PEER_ADMIN)
        return (union peer){.family = AF_UNIX};
    if (number == 3) {
        union peer peer = {.v6 = {.sin6_family = AF_INET6, .sin6_port = 1}};
        peer.v6.sin6_addr.s6_addr[15] = 1;
        return peer;
    }
    return (union peer){.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = number / 2}};
}

static void connect_peer(unsigned number, enum peer_kind kind)
{
    if (peer_is_connected(number) || stage != RUNNING || connected_ever == KERNEL_SOCKETS_MAX)
        return;
    union peer address = address_of(number, kind);
    if (kind == PEER_VOTER && !admission_enter(server.admission, &address))
        kind = PEER_ONE_TOO_MANY;
    if (kind == PEER_WEB && !admission_enter(server.admission, &address))
        kind = PEER_WEB_ONE_TOO_MANY;
    bool too_many = kind == PEER_ONE_TOO_MANY || kind == PEER_WEB_ONE_TOO_MANY;
    enum admission_told told = kind == PEER_ONE_TOO_MANY ? ADMISSION_GREETED : ADMISSION_ASKED;
    if (too_many && !admission_turn_away(server.admission, told))
        return;
    connected_ever++;
    int fd = kernel_connect();
    peer_connect(number, fd, kind);
    enum client_origin origin = kind == PEER_ADMIN ? CLIENT_ADMIN
                                : too_many         ? CLIENT_ONE_TOO_MANY
                                                   : CLIENT_PUBLIC;
    const struct client_protocol *protocol = peer_is_web(number) ? &web_protocol : &line_protocol;
    long held = kernel_memory_hold();
    REQUIRE(client_open(&server, protocol, fd, &address, next_id++, origin) == 0);
    kernel_memory_release(held);
}

static void send_line(unsigned number, const char *text, size_t len)
{
    peer_send(number, text, len);
    const char *end = peer_is_web(number) ? "\r\n" : "\n";
    peer_send(number, end, strlen(end));
}

static void send_text(unsigned number, const char *text)
{
    peer_send(number, text, strlen(text));
}

static void send_request(unsigned number, const char *at, const char *end)
{
    peer_send(number, at, (size_t)(end - at));
    send_text(number, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

static void send_ballot(unsigned number, const char *at, const char *end)
{
    const char *blank = memchr(at, ' ', (size_t)(end - at));
    const char *form = blank ? blank + 1 : end;
    char length[64];
    snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n", (size_t)(end - form));
    send_text(number, "POST /polls/");
    peer_send(number, at, (size_t)((blank ? blank : end) - at));
    send_text(number, "/ballots HTTP/1.1\r\nHost: localhost\r\n"
                      "Content-Type: application/x-www-form-urlencoded\r\n");
    send_text(number, length);
    peer_send(number, form, (size_t)(end - form));
}

/* Reads digits from *at on. */
static size_t read_count(const char **at, const char *end)
{
    size_t count = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at)
        if (count < COUNT_MAX)
            count = count * 10 + (size_t)(**at - '0');
    return count;
}

static void send_often(unsigned number, const char *at, const char *end)
{
    size_t count = read_count(&at, end);
    at += at < end;
    for (size_t i = 0; i < count && i < REPEAT_MAX; i++)
        send_line(number, at, (size_t)(end - at));
}

static void send_letters(unsigned number, size_t count)
{
    for (size_t i = 0; i < count && i < 4 * PROTO_LINE_MAX; i++)
        peer_send(number, "x", 1);
}

/* Of a server that sleeps: what it can do now it has done. (One that was itself stopped for as long
 * as a stall lasts may close who takes output again at the same instant.) */
static void pass_time(uint64_t ms)
{
    settle();
    peers_pass_time(ms, (uint64_t)STALL_S * 1000, STOP_MS);
    kernel_pass_time(ms);
}

/* An event of one client's. */
static void run_client(char event, unsigned number, const char *at, const char *end)
{
    const char *digits = at;
    size_t count = read_count(&digits, end);
    struct kernel_socket *socket =
        peer_is_connected(number) ? kernel_socket(peer_fd(number)) : NULL;
    static const char connects[] = "caxu"; /* by enum peer_kind */
    if (event && strchr(connects, event))
        connect_peer(number, (enum peer_kind)(strchr(connects, event) - connects));
    if (!socket)
        return;
    switch (event) {
    case '>':
        send_line(number, at, (size_t)(end - at));
        break;
    case '.':
        peer_send(number, at, (size_t)(end - at));
        break;
    case 'r':
        send_request(number, at, end);
        break;
    case 'v':
        send_ballot(number, at, end);
        break;
    case '*':
        send_often(number, at, end);
        break;
    case '=':
        send_letters(number, count);
        break;
    case 's':
        socket->read_most = count;
        break;
    case 't':
        peer_take(number, digits > at ? count : SIZE_MAX);
        break;
    case 'o':
        socket->unsent = (int)count;
        break;
    case 'n':
        socket->interrupted = socket->ever_interrupted = true;
        break;
    case 'h':
        peer_half_close(number);
        break;
    case 'z':
        peer_reset(number);
        break;
    case 'e':
        deliver(number);
        break;
    default:
        break;
    }
}

/* An event of the server's, or of its surroundings. */
static void run_server(char event, size_t count)
{
    switch (event) {
    case 'i':
        deliver_all();
        break;
    case 'p':
        run_tasks(count % WORKERS);
        break;
    case 'w':
        run_round(count % WORKERS);
        break;
    case 'l':
        fuzz_ledger_answer(count > 0 ? count : SIZE_MAX);
        break;
    case 'f':
        fuzz_ledger_refuse((unsigned)count);
        break;
    case 'b':
        if (stage != FINISHING) /* by then the ledger has ended */
            fuzz_ledger_count((unsigned)count);
        break;
    case 'k':
        kernel_allocations_left = (long)count;
        peers_excuse_memory();
        memory_failed = true;
        break;
    case 'm':
        pass_time(count);
        break;
    case 'q':
        stop_wanted = true;
        run_main();
        break;
    case 'g':
        settle();
        break;
    default:
        break;
    }
}

static void run_event(const char *at, const char *end)
{
    if (at == end)
        return;
    if (fuzz_traces)
        fprintf(stderr, "---- %.*s\n", (int)(end - at), at);
    char event = *at++;
    if (strchr("caxurv>.*=stonhze", event)) {
        if (at < end)
            run_client(event, (unsigned char)*at % PEERS, at + 1, end);
    } else {
        run_server(event, read_count(&at, end));
    }
    check();
}

static void run_script(const char *at, const char *end)
{
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        run_event(at, lf ? lf : end);
        at = lf ? lf + 1 : end;
    }
}

/* ---- the end ---- */

static void take_everything(void)
{
    kernel_allocations_left = -1;
    for (unsigned i = 0; i < PEERS; i++) {
        peer_take(i, SIZE_MAX);
        if (peer_is_connected(i))
            kernel_socket(peer_fd(i))->read_most = 0;
    }
    settle();
}

/* The clients leave, or the server does. */
static void end_everything(void)
{
    if (stage == RUNNING && !stop_wanted) {
        pass_time(3600 * 1000 + 1); /* whatever interval a subscriber asked for is over */
        settle();
        peers_require_told(false);
        for (unsigned i = 0; i < PEERS; i++)
            peer_half_close(i);
        settle();
        pass_time(CONN_LINGER_MS);
    } else {
        for (int i = 0; i < 2; i++) { /* first the voters linger, then the subscribers */
            pass_time(CONN_LINGER_MS);
            settle();
        }
        peers_require_told(true);
        pass_time(2 * STOP_MS);
        settle();
        pass_time(2 * STOP_MS);
    }
    settle();
}

/* Nothing is left, and whoever came in is known to have left. */
static void check_end(void)
{
    check();
    REQUIRE(kernel_open_sockets() == 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        REQUIRE(workers[i].pool.slots.count == 0 && workers[i].in_flight == 0 &&
                workers[i].load == 0);
        REQUIRE(stage == RUNNING || workers[i].loop.quit);
    }
    union peer addresses[CONNECTIONS_MAX];
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        addresses[i] =
            (union peer){.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = i / PER_ADDRESS_MAX}};
        REQUIRE(admission_enter(server.admission, &addresses[i]));
    }
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        admission_leave(server.admission, &addresses[i]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    REQUIRE(sodium_init() >= 0);
    json_set_alloc_funcs(malloc, free); /* the kernel's, here, which fail */
    fuzz_traces = getenv("FUZZ_TRACE") != NULL;
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > SCRIPT_MAX)
        return 0;
    begin();
    run_script((const char *)data, (const char *)data + size);
    take_everything();
    end_everything();
    check_end();
    finish();
    return 0;
}
