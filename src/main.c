/* tallycast: puts the parts together, and takes them apart again. The only file that names
 * everything.
 *
 * Start: configuration → descriptors → addresses → database and key → workers → ledger (loads the
 * database) → threads → listening → `ready`. Nothing listens before everything that was
 * acknowledged is loaded and safe.
 *
 * Stop (SIGTERM, SIGINT, SHUTDOWN), within 10 s: stop accepting → ingest workers answer what was
 * read and close → broadcast workers answer what was read → the ledger ends, so every tally there
 * will be is published → broadcast workers push the last ones and close, and meanwhile the
 * store is finished: readers that stall take no time from a slow disk. */
#include "net/admission.h"
#include "base/clock.h"
#include "config/config_load.h"
#include "store/database.h"
#include "base/deadline.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "ledger/ledger.h"
#include "line/line_protocol.h"
#include "ledger/ports.h"
#include "serve/listener.h"
#include "serve/reserve.h"
#include "base/log.h"
#include "notify.h"
#include "poll/poll.h"
#include "proto/settings.h"
#include "base/ring.h"
#include "serve/server.h"
#include "signals.h"
#include "store/sqlite/sqlite.h"
#include "tally/tally.h"
#include "serve/worker.h"
#include "web/web_document.h"
#include "web/web_protocol.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <semaphore.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DESCRIPTORS_OWN = 20,     /* the database, the log, what a library opens, a backup */
    DESCRIPTORS_ADMIN = 8,    /* connections of the administrator */
    DESCRIPTORS_A_WORKER = 4, /* epoll, a pipe of libevent's, eventfd */
    /* Time after the signal within which peers must take their replies and tallies: those that only
     * voted, subscribers that sent something, and all. */
    STOP_VOTERS_MS = 4000,
    STOP_SUBSCRIBERS_MS = 6000,
    STOP_ALL_MS = 9000,
    STOP_RESULT_MS = 500,    /* how long the end waits for a result that is still being counted */
    STOP_DEADLINE_MS = 9800, /* the process ends then, whatever it waits for */
    LOG_FLUSH_MS = 500,      /* how long the end waits for the log's reader */
    EXIT_CONFIGURATION = 2,
};

/* ---- descriptors ---- */

/* The descriptors that the server needs beside its counted connections. */
static rlim_t descriptors_kept(const struct config *config)
{
    unsigned workers = config->ingest_threads + config->broadcast_threads;
    return DESCRIPTORS_OWN + DESCRIPTORS_ADMIN + ADMISSION_TOLD_KINDS * ADMISSION_TURNING_AWAY_MAX +
           RESERVE_PLACES + config->listen_count + config->http_on +
           workers * (rlim_t)DESCRIPTORS_A_WORKER;
}

/* Raises the limit as far as it goes, and lowers max_connections to what it allows. Returns 0, or
 * -1 if it allows none. */
static int fit_descriptors(struct config *config)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    rlim_t kept = descriptors_kept(config);
    if (limit.rlim_cur <= kept) {
        log_error("too few open files are allowed allowed=%" PRIu64 " needed=%" PRIu64
                  " (ulimit -n, LimitNOFILE=)",
                  (uint64_t)limit.rlim_cur, (uint64_t)kept + 1);
        return -1;
    }
    rlim_t allowed = limit.rlim_cur - kept;
    if (config->max_connections <= allowed)
        return 0;
    log_warning(
        "max-connections lowered to what the limit of open files allows wanted=%u now=%" PRIu64
        " open_files=%" PRIu64,
        config->max_connections, (uint64_t)allowed, (uint64_t)limit.rlim_cur);
    config->max_connections = (unsigned)allowed;
    return 0;
}

/* ---- building ---- */

static void make_boot_id(struct server *server)
{
    unsigned char bytes[SERVER_BOOT_ID_CHARS / 2];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(server->boot_id, sizeof server->boot_id, bytes, sizeof bytes);
}

/* Warns if an existing poll has other choices than --poll asks for. */
static void warn_if_other(const struct server *server, const struct config_poll *wanted)
{
    const struct poll *poll = NULL;
    for (uint32_t id = 1; !poll; id++)
        if (name_equal(&tally_peek(server->tally, id)->poll->name, &wanted->name))
            poll = tally_peek(server->tally, id)->poll;
    bool same = poll->choice_count == wanted->choice_count;
    for (unsigned i = 0; same && i < wanted->choice_count; i++)
        same = strcmp(poll->choices[i].text, wanted->choices[i].text) == 0;
    if (!same)
        log_warning("the poll exists with other choices, which stay poll=%s", wanted->name.text);
}

static int create_poll(struct server *server, const struct config_poll *wanted)
{
    const struct settings settings = {{0}}; /* the defaults */
    uint8_t lot[PROTO_CHOICES_MAX];
    poll_draw_lot(lot, wanted->choice_count);
    struct poll *poll =
        poll_new(&wanted->name, &settings, wanted->choices, wanted->choice_count, lot);
    int error = poll ? ledger_create_poll(server->ledger, poll) : ERR_LIMIT;
    if (error == ERR_POLL_EXISTS)
        warn_if_other(server, wanted);
    if (error == 0 || error == ERR_POLL_EXISTS)
        return 0;
    log_error("can't create a poll poll=%s error=%s", wanted->name.text,
              error_text((enum error)error));
    return -1;
}

static int create_polls(struct server *server)
{
    for (size_t i = 0; i < server->config->poll_count; i++)
        if (create_poll(server, &server->config->polls[i]) != 0)
            return -1;
    return 0;
}

/* Opens the database and its key. The store is closed by the caller. */
static int open_database(struct server *server)
{
    char why[STORE_WHY_MAX];
    if (database_open(&server->store, &server->key, &sqlite_engine, server->config->database,
                      server->config->durability == DURABILITY_DISK, why) == 0)
        return 0;
    log_error("%s", why);
    return -1;
}

/* Makes the workers' ports to the ledger. */
static int make_ports(struct server *server)
{
    struct waker **wakers = calloc(server->worker_count, sizeof(struct waker *));
    for (unsigned i = 0; wakers && i < server->worker_count; i++)
        wakers[i] = &server->workers[i].loop.waker;
    server->ports = wakers ? ports_new(server->worker_count, wakers) : NULL;
    if (!server->ports)
        log_error("can't make the ledger's ports error=%s", strerror(errno));
    free(wakers);
    return server->ports ? 0 : -1;
}

/* Loads the database into a ledger, and makes sure of what it holds. */
static int make_ledger(struct server *server)
{
    char why[STORE_WHY_MAX];
    uint64_t began_ns = clock_monotonic_ns();
    server->ledger = ledger_new(server->store, server->tally, &server->key, server->ports, why);
    failpoint(FAILPOINT_START_LOADED);
    if (!server->ledger || store_adopt(server->store, why) != 0) {
        log_error("%s", why);
        return -1;
    }
    tally_set_ledger(server->tally, ledger_identity(server->ledger));
    log_info("database loaded file=%s polls=%u seq=%" PRIu64 " ms=%" PRIu64,
             server->config->database, tally_poll_count(server->tally),
             counter_get(&ledger_stats(server->ledger)->seq),
             (clock_monotonic_ns() - began_ns) / NS_PER_MS);
    return 0;
}

static int make_workers(struct server *server)
{
    unsigned wanted = server->config->ingest_threads + server->config->broadcast_threads;
    if (posix_memalign((void **)&server->workers, CACHE_LINE_BYTES,
                       wanted * sizeof *server->workers) != 0) {
        log_error("out of memory");
        return -1;
    }
    for (; server->worker_count < wanted; server->worker_count++)
        if (worker_init(&server->workers[server->worker_count], server, server->worker_count) !=
            0) {
            log_error("can't make a worker error=%s", strerror(errno));
            return -1;
        }
    return 0;
}

static int make_listener(struct server *server, struct event_base *base)
{
    const struct listener_protocols protocols = {&line_protocol, &web_protocol};
    char why[LISTENER_WHY_MAX];
    server->listener = listener_new(server, base, &protocols, why);
    if (!server->listener)
        log_error("%s", why);
    return server->listener ? 0 : -1;
}

/* Makes everything, and runs nothing. unmake must free the result in any case. Addresses come
 * first, so that a mistyped one leaves no database behind. */
static int make(struct server *server, struct event_base *base)
{
    const struct config *config = server->config;
    server->started_ns = clock_monotonic_ns();
    server->started_real_ns = clock_real_ns();
    server->ingest_count = config->ingest_threads;
    make_boot_id(server);
    if (make_listener(server, base) != 0)
        return -1;
    server->admission =
        admission_new(config->max_connections, config->max_per_address, &config->proxies);
    server->tally = tally_new(config->broadcast_threads);
    server->journey_stats = calloc(1, sizeof *server->journey_stats);
    server->web_store = web_store_new();
    if (!server->admission || !server->tally || !server->journey_stats || !server->web_store) {
        log_error("out of memory");
        return -1;
    }
    if (open_database(server) != 0 || make_workers(server) != 0 || make_ports(server) != 0 ||
        make_ledger(server) != 0)
        return -1;
    failpoint(FAILPOINT_START_CHECKPOINTED);
    return create_polls(server);
}

static void unmake(struct server *server)
{
    if (server->listener)
        listener_free(server->listener);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_destroy(&server->workers[i]);
    free(server->workers);
    if (server->ledger)
        ledger_free(server->ledger);
    if (server->ports)
        ports_free(server->ports);
    if (server->tally)
        tally_free(server->tally);
    if (server->store)
        store_close(server->store);
    if (server->admission)
        admission_free(server->admission);
    free(server->journey_stats);
    web_store_free(server->web_store);
}

/* ---- running ---- */

/* Starts the threads with all signals blocked, so that the main thread gets them. */
static int start_threads(struct server *server)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = ledger_start(server->ledger);
    for (unsigned i = 0; i < server->worker_count && result == 0; i++)
        result = worker_start(&server->workers[i]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static void say_ready(const struct server *server)
{
    log_flush(LOG_FLUSH_MS); /* whoever waits for the line can read what came before */
    printf("ready");
    const char *address;
    for (size_t i = 0; (address = listener_address(server->listener, i)); i++)
        printf(" listen=%s", address);
    if ((address = listener_http_address(server->listener)))
        printf(" http=%s", address);
    printf(" admin=%s\n", server->config->admin);
    if (fflush(stdout) != 0)
        log_warning("can't say on standard output that it is ready error=%s", strerror(errno));
    notify_ready();
}

/* Has the workers from `from` to `to` answer what they read, and waits for them, until the deadline
 * at most. */
static void quiesce(struct server *server, unsigned from, unsigned to, uint64_t deadline_ns)
{
    sem_t quiet;
    sem_init(&quiet, 0, 0);
    for (unsigned i = from; i < to; i++)
        worker_stop(&server->workers[i], deadline_ns, &quiet);
    for (unsigned i = from; i < to; i++)
        while (sem_wait(&quiet) != 0 && errno == EINTR)
            ;
    sem_destroy(&quiet);
}

static void finish_store(struct store *store)
{
    char why[STORE_WHY_MAX];
    failpoint(FAILPOINT_STOP_CHECKPOINT);
    if (store_finish(store, why) != 0)
        log_warning("the database's log stays until the next start: %s", why);
}

/* If the server never took connections, only the threads end, and nothing is logged. Returns
 * whether all threads have ended. */
static bool stop(struct server *server, bool started)
{
    uint64_t began_ns = clock_monotonic_ns();
    if (started) {
        log_info("stopping: answering what was read");
        notify_stopping();
    }
    deadline_begin(STOP_DEADLINE_MS,
                   "the disk does not answer: ending without it; what was acknowledged is safe");
    listener_stop(server->listener);
    ledger_end_waits(server->ledger);
    quiesce(server, 0, server->ingest_count, began_ns + (uint64_t)STOP_VOTERS_MS * NS_PER_MS);
    quiesce(server, server->ingest_count, server->worker_count,
            began_ns + (uint64_t)STOP_SUBSCRIBERS_MS * NS_PER_MS);
    bool backup_ended = ledger_stop(server->ledger);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_finish(&server->workers[i], began_ns + (uint64_t)STOP_ALL_MS * NS_PER_MS);
    finish_store(server->store);
    for (unsigned i = 0; i < server->worker_count; i++)
        loop_join(&server->workers[i].loop);
    if (!backup_ended)
        log_warning("a backup hangs where it is written to, and is given up");
    bool result_ended = ledger_await_result(server->ledger, STOP_RESULT_MS);
    if (started)
        log_info("stopped seq=%" PRIu64 " ms=%" PRIu64,
                 counter_get(&ledger_stats(server->ledger)->seq),
                 (clock_monotonic_ns() - began_ns) / NS_PER_MS);
    return backup_ended && result_ended;
}

/* Takes connections until a signal. Returns 0, or -1 with `why` filled if it can't. */
static int accept_and_wait(struct server *server, struct event_base *base,
                           char why[LISTENER_WHY_MAX])
{
    failpoint(FAILPOINT_START_READY);
    say_ready(server);
    if (event_base_dispatch(base) >= 0)
        return 0;
    snprintf(why, LISTENER_WHY_MAX, "can't wait for events: %s", strerror(errno));
    return -1;
}

static int serve(struct server *server, struct event_base *base)
{
    if (signals_watch(base) != 0) {
        log_error("out of memory");
        return -1;
    }
    if (start_threads(server) != 0) {
        log_error("can't start a thread error=%s", strerror(errno));
        log_flush(LOG_FLUSH_MS);
        exit(EXIT_FAILURE); /* threads run, and nothing was accepted: there is nothing to undo */
    }
    char why[LISTENER_WHY_MAX];
    bool started = listener_start(server->listener, why) == 0;
    int result = started ? accept_and_wait(server, base, why) : -1;
    bool all_ended = stop(server, started);
    if (result != 0) /* the last line is the reason */
        log_error("%s", why);
    if (!all_ended) {
        log_flush(LOG_FLUSH_MS);
        _exit(result == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return result;
}

static void on_libevent_log(int severity, const char *message)
{
    if (severity >= EVENT_LOG_WARN)
        log_warning("libevent: %s", message);
}

static int run(struct config *config)
{
    event_set_log_callback(on_libevent_log);
    struct server server = {.config = config};
    if (fit_descriptors(config) != 0)
        return EXIT_FAILURE;
    struct event_base *base = event_base_new();
    if (!base || sodium_init() < 0) {
        log_error("can't start: no event loop, or no source of random bytes");
        return EXIT_FAILURE;
    }
    int result = make(&server, base);
    if (result == 0)
        result = serve(&server, base);
    unmake(&server);
    signals_end();
    event_base_free(base);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void warn_of_repeated(const struct config *config)
{
    if (config->repeated[0] != '\0')
        log_warning("given more than once, and the last counts: %s", config->repeated);
}

static int run_logged(struct config *config)
{
    log_set_level(config->log_level);
    if (log_start() != 0) {
        log_error("can't start a thread error=%s", strerror(errno));
        return EXIT_FAILURE;
    }
    warn_of_repeated(config);
    int status = run(config);
    log_flush(LOG_FLUSH_MS);
    return status;
}

/* Returns the exit status. */
static int print(const char *text)
{
    if (fputs(text, stdout) != EOF && fflush(stdout) == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "tallycast: can't write: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    file_fill_standard(O_RDWR);
    failpoint_begin();
    signals_begin();
    log_find_journal();
    umask(0077); /* the database may hold names, and the log always holds who voted when */
    struct config config;
    char text[HELP_MAX];
    int status = EXIT_SUCCESS;
    enum config_outcome outcome = config_load(&config, argc, argv, text);
    switch (outcome) {
    case CONFIG_RUN:
        status = run_logged(&config);
        break;
    case CONFIG_CHECKED:
        warn_of_repeated(&config);
        status = print("the configuration is good\n");
        break;
    case CONFIG_HELP:
        status = print(text);
        break;
    case CONFIG_ERROR:
    case CONFIG_FAILED:
        fprintf(stderr, "%stallycast: %s\n", log_prefix(LOG_LEVEL_ERROR), text);
        status = outcome == CONFIG_ERROR ? EXIT_CONFIGURATION : EXIT_FAILURE;
        break;
    }
    config_free(&config);
    return status;
}
