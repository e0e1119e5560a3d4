/* The bare loops (see limits.h). Each makes its files in a directory of its own below the given
 * one, and leaves nothing behind. */
#include "tools/tallybench/run/limits.h"

#include "base/clock.h"
#include "net/socket.h"
#include "proto/reply.h"
#include "proto/schema_sql.h"
#include "proto/sheet.h"
#include "store/sqlite/sqlite_pragmas.h"
#include "tools/tallybench/run/descriptors.h"
#include "tools/tallybench/run/interrupt.h"
#include "tools/lib/memory.h"
#include "tools/tallybench/load/plan.h"
#include "tools/tallybench/figures/result.h"
#include "tools/lib/units.h"
#include "tools/tallybench/load/wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ROWS_AN_INSERT = 50,
    APPEND_BYTES = 4096,
    SOURCE_SOCKETS = 20000, /* of one local address */
    ROUNDS_MIN = 20,
    OTHER_DESCRIPTORS = 64,
};

static int fail(char error[LIMITS_ERROR_MAX], const char *what, const char *why)
{
    snprintf(error, LIMITS_ERROR_MAX, "%.300s: %.180s", what, why);
    return -1;
}

static uint64_t end_after(double seconds)
{
    return clock_monotonic_ns() + (uint64_t)(seconds * NS_PER_S);
}

static bool is_over(uint64_t now_ns, uint64_t end_ns)
{
    return now_ns >= end_ns || interrupt_seen();
}

/* ---- files ---- */

/* A directory and the name of a file in it. */
struct scratch {
    char directory[PATH_MAX / 2];
    char file[PATH_MAX];
};

static int scratch_make(struct scratch *scratch, const char *parent, char error[LIMITS_ERROR_MAX])
{
    snprintf(scratch->directory, sizeof scratch->directory, "%s/tallybench-XXXXXX", parent);
    if (!mkdtemp(scratch->directory))
        return fail(error, parent, strerror(errno));
    snprintf(scratch->file, sizeof scratch->file, "%s/file", scratch->directory);
    return 0;
}

static void scratch_remove(const struct scratch *scratch)
{
    char log[PATH_MAX + 8];
    snprintf(log, sizeof log, "%s-wal", scratch->file);
    unlink(log);
    unlink(scratch->file);
    rmdir(scratch->directory);
}

/* ---- ballots in a file ---- */

/* What ballots are appended to. */
struct appender {
    sqlite3 *db;
    sqlite3_stmt *insert;
    int log_pages; /* of the log, as of the last commit */
    uint64_t seq;  /* of the last ballot */
    struct sheet_builder sheet;
    unsigned char chain[SHEET_CHAIN_BYTES];
};

/* How they are laid out. */
struct layout {
    const char *schema;
    int (*prepare)(struct appender *appender);
    int (*append)(struct appender *appender, unsigned ballots, uint64_t time_ns);
};

static int note_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct appender *)context)->log_pages = pages;
    return SQLITE_OK;
}

static int prepare(struct appender *appender, const char *sql)
{
    return sqlite3_prepare_v3(appender->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &appender->insert,
                              NULL);
}

static int step(struct appender *appender)
{
    int code = sqlite3_step(appender->insert);
    sqlite3_reset(appender->insert);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Any 16 bytes that were not there yet. */
static struct hash next_voter(const struct appender *appender)
{
    return (struct hash){appender->seq * 0x9e3779b97f4a7c15, appender->seq};
}

/* A row a ballot. */

static int rows_prepare(struct appender *appender)
{
    char sql[128 + ROWS_AN_INSERT * 16] =
        "INSERT INTO ballot(seq, time_ns, poll, choice, voter) VALUES(?,?,?,?,?)";
    for (int i = 1; i < ROWS_AN_INSERT; i++)
        strcat(sql, ",(?,?,?,?,?)");
    return prepare(appender, sql);
}

static int rows_insert(struct appender *appender, uint64_t time_ns)
{
    struct hash voters[ROWS_AN_INSERT];
    int at = 0;
    for (int i = 0; i < ROWS_AN_INSERT; i++) {
        voters[i] = next_voter(appender);
        sqlite3_bind_int64(appender->insert, ++at, (sqlite3_int64)++appender->seq);
        sqlite3_bind_int64(appender->insert, ++at, (sqlite3_int64)time_ns);
        sqlite3_bind_int64(appender->insert, ++at, 1);
        sqlite3_bind_int64(appender->insert, ++at, (sqlite3_int64)(appender->seq % 4 + 1));
        sqlite3_bind_blob(appender->insert, ++at, &voters[i], sizeof voters[i], SQLITE_STATIC);
    }
    return step(appender);
}

static int rows_append(struct appender *appender, unsigned ballots, uint64_t time_ns)
{
    int code = SQLITE_OK;
    for (unsigned i = 0; i < ballots && code == SQLITE_OK; i += ROWS_AN_INSERT)
        code = rows_insert(appender, time_ns);
    return code;
}

static const struct layout rows = {
    .schema = "CREATE TABLE ballot (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL,"
              " poll INTEGER NOT NULL, choice INTEGER NOT NULL, voter NOT NULL, key BLOB)",
    .prepare = rows_prepare,
    .append = rows_append,
};

/* A row a sheet, as the ledger has them. */

static int sheets_prepare(struct appender *appender)
{
    return prepare(appender, "INSERT INTO sheet(first_seq, time_ns, kind, ballots, body, chain)"
                             " VALUES(?,?,?,?,?,?)");
}

static int sheets_insert(struct appender *appender)
{
    const struct sheet *sheet = &appender->sheet.sheet;
    if (sheet->entries == 0)
        return SQLITE_OK;
    sheet_chain(appender->chain, sheet);
    sqlite3_bind_int64(appender->insert, 1, (sqlite3_int64)sheet->first_seq);
    sqlite3_bind_int64(appender->insert, 2, (sqlite3_int64)sheet->time_ns);
    sqlite3_bind_int(appender->insert, 3, sheet->kind);
    sqlite3_bind_int(appender->insert, 4, sheet->entries);
    sqlite3_bind_blob(appender->insert, 5, sheet->body, (int)sheet->body_len, SQLITE_STATIC);
    sqlite3_bind_blob(appender->insert, 6, appender->chain, SHEET_CHAIN_BYTES, SQLITE_STATIC);
    return step(appender);
}

static int sheets_append(struct appender *appender, unsigned ballots, uint64_t time_ns)
{
    int code = SQLITE_OK;
    appender->sheet.sheet.entries = 0;
    for (unsigned i = 0; i < ballots && code == SQLITE_OK; i++) {
        const struct entry entry = {.seq = ++appender->seq,
                                    .time_ns = time_ns,
                                    .poll = 1,
                                    .kind = ENTRY_BALLOT,
                                    .ballot = {.value = (uint32_t)(appender->seq % 4 + 1),
                                               .weight = 1,
                                               .voter = next_voter(appender)}};
        if (sheet_append(&appender->sheet, &entry))
            continue;
        code = sheets_insert(appender);
        sheet_begin(&appender->sheet, &entry);
    }
    return code == SQLITE_OK ? sheets_insert(appender) : code;
}

static const struct layout sheets = {
    .schema = schema_sql, .prepare = sheets_prepare, .append = sheets_append};

static int appender_open(struct appender *appender, const struct layout *layout, const char *path)
{
    int code =
        sqlite3_open_v2(path, &appender->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite_set_pragmas(appender->db, true);
    if (code == SQLITE_OK)
        code = sqlite3_exec(appender->db, layout->schema, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        sqlite3_wal_hook(appender->db, note_pages, appender);
    return code == SQLITE_OK ? layout->prepare(appender) : code;
}

static int appender_commit(struct appender *appender, const struct layout *layout,
                           unsigned transaction)
{
    int code = sqlite3_exec(appender->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = layout->append(appender, transaction, clock_real_ns());
    if (code == SQLITE_OK)
        code = sqlite3_exec(appender->db, "COMMIT", NULL, NULL, NULL);
    if (code == SQLITE_OK && appender->log_pages >= SQLITE_BUSY_PAGES)
        code = sqlite3_wal_checkpoint_v2(appender->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return code;
}

static int limits_ballots(const struct layout *layout, const char *directory, unsigned transaction,
                          double seconds, double *ballots_per_s, char error[LIMITS_ERROR_MAX])
{
    struct scratch scratch = {{0}, {0}};
    struct appender *appender = must_calloc(1, sizeof *appender);
    if (scratch_make(&scratch, directory, error) != 0) {
        free(appender);
        return -1;
    }
    int code = appender_open(appender, layout, scratch.file);
    uint64_t begin_ns = clock_monotonic_ns(), now_ns = begin_ns, end_ns = end_after(seconds);
    while (code == SQLITE_OK && !is_over(now_ns, end_ns)) {
        code = appender_commit(appender, layout, transaction);
        now_ns = clock_monotonic_ns();
    }
    *ballots_per_s = (double)appender->seq * NS_PER_S / (double)(now_ns - begin_ns);
    if (code != SQLITE_OK)
        fail(error, scratch.file, sqlite3_errmsg(appender->db));
    sqlite3_finalize(appender->insert);
    sqlite3_close(appender->db);
    scratch_remove(&scratch);
    free(appender);
    return code == SQLITE_OK ? 0 : -1;
}

int limits_rows(const char *directory, unsigned transaction, double seconds, double *rows_per_s,
                char error[LIMITS_ERROR_MAX])
{
    return limits_ballots(&rows, directory, transaction, seconds, rows_per_s, error);
}

/* ---- sends ---- */

/* Sends to one end of each connection, and drains the other. */
struct sender {
    int listener, epoll, arrived; /* arrived: an eventfd, written when `wanted` bytes are there */
    int *near, *far;
    unsigned count; /* connections made */
    char *line;     /* what is sent */
    size_t line_len;
    pthread_t thread;
    struct hdr *arrivals;              /* in ns since began_ns; the drain's while that is not 0 */
    _Atomic uint64_t began_ns;         /* when the measured round began; 0 for none */
    _Atomic uint64_t received, wanted; /* bytes */
    _Atomic bool stop;
};

/* A push of a poll whose ballots are spread evenly over its choices. Returns its length. */
static size_t make_line(const struct limits_load *load, char *line)
{
    struct name *choices = must_calloc(load->choices, sizeof *choices);
    uint64_t *counts = must_calloc(load->choices, sizeof *counts);
    for (unsigned i = 0; i < load->choices; i++) {
        plan_name_choice(choices[i].text, i);
        choices[i].len = (uint8_t)strlen(choices[i].text);
        counts[i] = load->ballots / load->choices;
    }
    struct tally_view view = {.poll = "poll-1",
                              .open = true,
                              .seq = load->ballots,
                              .ballots = load->ballots,
                              .choice_count = load->choices,
                              .choices = choices,
                              .counts = counts};
    size_t len = tally_encode(line, "> ", &view);
    free(choices);
    free(counts);
    return len;
}

/* Takes all input, since epoll reports it once. Returns how many bytes. */
static uint64_t drain_socket(struct sender *sender, int fd)
{
    char bytes[1 << 16];
    uint64_t received = 0;
    ssize_t n;
    do {
        n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        received += n > 0 ? (uint64_t)n : 0;
    } while (n == (ssize_t)sizeof bytes);
    uint64_t began_ns = atomic_load_explicit(&sender->began_ns, memory_order_relaxed);
    if (received > 0 && began_ns > 0)
        hdr_record(sender->arrivals, clock_monotonic_ns() - began_ns);
    return received;
}

static void *drain(void *context)
{
    struct sender *sender = context;
    const uint64_t one = 1;
    struct epoll_event events[256];
    struct input_wait wait = {.epoll = sender->epoll, .crowd = sender->count >= WAIT_CROWD};
    while (!atomic_load_explicit(&sender->stop, memory_order_relaxed)) {
        int count = input_wait(&wait, events, 256, 50);
        uint64_t received = atomic_load_explicit(&sender->received, memory_order_relaxed);
        uint64_t before = received;
        for (int i = 0; i < count; i++)
            received += drain_socket(sender, events[i].data.fd);
        atomic_store(&sender->received, received);
        uint64_t wanted = atomic_load(&sender->wanted);
        if (before < wanted && received >= wanted && write(sender->arrived, &one, sizeof one) < 0)
            break;
    }
    return NULL;
}

/* Waits until all that was sent has arrived. Either side writes its number before it reads the
 * other's, so the drain can't pass the mark unseen. */
static void await_arrival(struct sender *sender, uint64_t sent)
{
    atomic_store(&sender->wanted, sent);
    while (atomic_load(&sender->received) < sent) {
        struct pollfd arrival = {.fd = sender->arrived, .events = POLLIN};
        uint64_t count;
        if (poll(&arrival, 1, 1000) > 0 && read(sender->arrived, &count, sizeof count) < 0)
            return;
    }
}

static int listen_locally(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_pair(struct sender *sender, const struct sockaddr_in *address)
{
    /* As the server sets them for subscribers. */
    const int on = 1, send_buffer = SOCKET_SUBSCRIBER_SNDBUF_BYTES,
              lowat = SOCKET_SUBSCRIBER_LOWAT_BYTES;
    unsigned number = sender->count;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / SOURCE_SOCKETS);
    int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), near = -1;
    if (far < 0)
        return -1;
    setsockopt(far, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(far, (const struct sockaddr *)&source, sizeof source) == 0 &&
        connect(far, (const struct sockaddr *)address, sizeof *address) == 0)
        near = accept4(sender->listener, NULL, NULL, SOCK_CLOEXEC);
    if (near < 0) {
        close(far);
        return -1;
    }
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(near, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    setsockopt(near, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat);
    sender->near[number] = near;
    sender->far[number] = far;
    sender->count++;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = far};
    return epoll_ctl(sender->epoll, EPOLL_CTL_ADD, far, &event);
}

static int sender_open(struct sender *sender, const struct limits_load *load)
{
    struct sockaddr_in address;
    unsigned sockets = load->sockets;
    sender->line = must_calloc(1, tally_line_max(load->choices));
    sender->line_len = make_line(load, sender->line);
    sender->arrivals = must_calloc(1, sizeof *sender->arrivals);
    if (descriptors_allow(sockets * 2 + OTHER_DESCRIPTORS) != 0)
        return -1;
    sender->epoll = epoll_create1(EPOLL_CLOEXEC);
    sender->arrived = eventfd(0, EFD_CLOEXEC);
    sender->listener = listen_locally(&address);
    sender->near = must_calloc(sockets, sizeof *sender->near);
    sender->far = must_calloc(sockets, sizeof *sender->far);
    if (sender->listener < 0)
        return -1;
    while (sender->count < sockets)
        if (connect_pair(sender, &address) != 0)
            return -1;
    errno = pthread_create(&sender->thread, NULL, drain, sender);
    return errno == 0 ? 0 : -1;
}

static void sender_close(struct sender *sender)
{
    if (sender->thread) {
        atomic_store(&sender->stop, true);
        pthread_join(sender->thread, NULL);
    }
    for (unsigned i = 0; i < sender->count; i++) {
        close(sender->near[i]);
        close(sender->far[i]);
    }
    if (sender->listener >= 0)
        close(sender->listener);
    close(sender->epoll);
    close(sender->arrived);
    free(sender->near);
    free(sender->far);
    free(sender->line);
    free(sender->arrivals);
}

/* Sends the line to every socket once. Returns the bytes sent. */
static uint64_t send_round(const struct sender *sender)
{
    uint64_t sent = 0;
    for (unsigned i = 0; i < sender->count; i++) {
        ssize_t n = send(sender->near[i], sender->line, sender->line_len, MSG_NOSIGNAL);
        sent += n > 0 ? (uint64_t)n : 0;
    }
    return sent;
}

static void rest(uint64_t ns)
{
    struct timespec pause = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    while (nanosleep(&pause, &pause) != 0)
        ;
}

/* One round after another, each from its first send to its last arrival. Returns the bytes sent. */
static uint64_t measure_rounds(struct sender *sender, const struct limits_load *load,
                               double seconds, struct limits_sends *sends)
{
    struct hdr *rounds = must_calloc(1, sizeof *rounds);
    uint64_t end_ns = end_after(seconds), sent = 0;
    for (unsigned i = 0; i < ROUNDS_MIN || !is_over(clock_monotonic_ns(), end_ns); i++) {
        rest(load->rest_ns);
        uint64_t began_ns = clock_monotonic_ns();
        atomic_store(&sender->began_ns, began_ns);
        sent += send_round(sender);
        await_arrival(sender, sent);
        hdr_record(rounds, clock_monotonic_ns() - began_ns);
    }
    atomic_store(&sender->began_ns, 0);
    sends->round_ns = hdr_quantile(rounds, 0.5);
    sends->arrival_p99_ns = hdr_quantile(sender->arrivals, 0.99);
    free(rounds);
    return sent;
}

static void measure_rate(struct sender *sender, uint64_t sent, double seconds,
                         struct limits_sends *sends)
{
    uint64_t before = sent, begin_ns = clock_monotonic_ns(), end_ns = end_after(seconds);
    do
        sent += send_round(sender);
    while (!is_over(clock_monotonic_ns(), end_ns));
    await_arrival(sender, sent);
    sends->per_s = (double)(sent - before) / (double)sender->line_len * NS_PER_S /
                   (double)(clock_monotonic_ns() - begin_ns);
}

int limits_sends(const struct limits_load *load, double seconds, struct limits_sends *sends,
                 char error[LIMITS_ERROR_MAX])
{
    struct sender sender = {.listener = -1, .epoll = -1, .arrived = -1};
    int result = sender_open(&sender, load);
    if (result == 0) {
        uint64_t sent = measure_rounds(&sender, load, seconds / 3, sends);
        measure_rate(&sender, sent, seconds * 2 / 3, sends);
    } else {
        fail(error, "sockets", strerror(errno));
    }
    sender_close(&sender);
    return result;
}

/* ---- fdatasync ---- */

static int append_and_sync(int fd, double seconds, struct hdr *times)
{
    static const char block[APPEND_BYTES];
    uint64_t end_ns = end_after(seconds), begin_ns;
    while (!is_over(begin_ns = clock_monotonic_ns(), end_ns)) {
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block || fdatasync(fd) != 0)
            return -1;
        hdr_record(times, clock_monotonic_ns() - begin_ns);
    }
    return 0;
}

int limits_sync(const char *directory, double seconds, struct hdr_summary *sync_ns,
                char error[LIMITS_ERROR_MAX])
{
    struct scratch scratch = {{0}, {0}};
    if (scratch_make(&scratch, directory, error) != 0)
        return -1;
    struct hdr *times = must_calloc(1, sizeof *times);
    int fd = open(scratch.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int result = fd >= 0 ? append_and_sync(fd, seconds, times) : -1;
    if (result != 0)
        fail(error, scratch.file, strerror(errno));
    *sync_ns = hdr_summarize(times);
    if (fd >= 0)
        close(fd);
    free(times);
    scratch_remove(&scratch);
    return result;
}

/* ---- tallybench limits ---- */

struct limits {
    double rows_1000, rows_10000, sheets_1000, sheets_10000;
    struct limits_sends sends;
    struct hdr_summary sync_ns;
};

static int measure_ballots(const struct options *options, const char *what,
                           const struct layout *layout, unsigned transaction, double *per_s,
                           char error[LIMITS_ERROR_MAX])
{
    char transactions[UNITS_SIZE], rate[UNITS_SIZE];
    if (interrupt_seen())
        return 0;
    if (limits_ballots(layout, options->directory, transaction, options->duration_s, per_s,
                       error) != 0)
        return -1;
    printf("%s, %6s a transaction %12s a second\n", what, units_count(transactions, transaction),
           units_count(rate, *per_s));
    return 0;
}

static int measure_sends(const struct options *options, struct limits_sends *sends,
                         char error[LIMITS_ERROR_MAX])
{
    char sockets[UNITS_SIZE], rate[UNITS_SIZE], round[UNITS_SIZE];
    const struct limits_load load = {
        .sockets = (unsigned)options->sockets, .choices = 4, .ballots = 1000000};
    if (interrupt_seen())
        return 0;
    if (limits_sends(&load, options->duration_s, sends, error) != 0)
        return -1;
    printf("sends of a tally to %7s sockets     %12s a second; one round %s\n",
           units_count(sockets, load.sockets), units_count(rate, sends->per_s),
           units_ns(round, (double)sends->round_ns));
    return 0;
}

static int measure_sync(const struct options *options, struct hdr_summary *sync_ns,
                        char error[LIMITS_ERROR_MAX])
{
    char p50[UNITS_SIZE], p99[UNITS_SIZE], max[UNITS_SIZE];
    if (interrupt_seen())
        return 0;
    if (limits_sync(options->directory, options->duration_s, sync_ns, error) != 0)
        return -1;
    printf("append of 4 KiB and fdatasync           p50 %s, p99 %s, max %s\n",
           units_ns(p50, (double)sync_ns->p50), units_ns(p99, (double)sync_ns->p99),
           units_ns(max, (double)sync_ns->max));
    return 0;
}

/* Measures the limits one after the other, and reports each. */
static int measure(const struct options *options, struct limits *limits,
                   char error[LIMITS_ERROR_MAX])
{
    static const char a_row[] = "ballots, a row each   ", in_sheets[] = "ballots in sheets     ";
    if (measure_ballots(options, a_row, &rows, 1000, &limits->rows_1000, error) != 0 ||
        measure_ballots(options, a_row, &rows, 10000, &limits->rows_10000, error) != 0 ||
        measure_ballots(options, in_sheets, &sheets, 1000, &limits->sheets_1000, error) != 0 ||
        measure_ballots(options, in_sheets, &sheets, 10000, &limits->sheets_10000, error) != 0 ||
        measure_sends(options, &limits->sends, error) != 0)
        return -1;
    return measure_sync(options, &limits->sync_ns, error);
}

static json_t *to_json(const struct options *options, const struct limits *limits)
{
    return json_pack(
        "{s:f,s:f,s:f,s:f,s:I,s:f,s:I,s:I,s:I,s:I}", "rows_per_s_1000", limits->rows_1000,
        "rows_per_s_10000", limits->rows_10000, "sheets_per_s_1000", limits->sheets_1000,
        "sheets_per_s_10000", limits->sheets_10000, "sockets", (json_int_t)options->sockets,
        "sends_per_s", limits->sends.per_s, "send_round_ns", (json_int_t)limits->sends.round_ns,
        "fdatasync_ns_p50", (json_int_t)limits->sync_ns.p50, "fdatasync_ns_p99",
        (json_int_t)limits->sync_ns.p99, "fdatasync_ns_max", (json_int_t)limits->sync_ns.max);
}

int limits_run(const struct options *options)
{
    struct limits limits = {0};
    char error[LIMITS_ERROR_MAX];
    interrupt_catch();
    if (measure(options, &limits, error) != 0) {
        fprintf(stderr, "tallybench: %s\n", error);
        return EXIT_FAILURE;
    }
    if (interrupt_seen())
        return EXIT_FAILURE; /* the finished limits were reported */
    if (!options->json)
        return EXIT_SUCCESS;
    json_t *json = to_json(options, &limits);
    int result = result_write_json(json, options->json);
    json_decref(json);
    if (result != 0)
        fprintf(stderr, "tallybench: %s: %s\n", options->json, strerror(errno));
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
