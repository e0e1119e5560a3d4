/* Before, during, after. One thread, beside that of the healthy clients, and that of the attack
 * while this one waits for it. */
#include "tests/torture/assault.h"

#include <dirent.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { OWN_WINDOWS = SERVER_SANITIZED ? 1 : 4, LOWEST_PRIORITY = 19, HEALTHY_KIB = 6 * 1024 };

/* What a scheduler's time slices on two busy processors make of a ballot that takes half a ms. */
static const double ACK_MARGIN_MS = 5, PUSH_MARGIN_MS = 10;

/* ---- what the server holds ---- */

struct holdings {
    uint64_t connections, subscribers, descriptors, rss_kib;
};

static uint64_t count_descriptors(const struct server *server)
{
    char path[64];
    uint64_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)server->pid);
    DIR *directory = opendir(path);
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static struct holdings look(const struct assault *assault)
{
    return (struct holdings){
        .connections = client_stat(assault->admin, "connections"),
        .subscribers = client_stat(assault->admin, "subscribers"),
        .descriptors = count_descriptors(&assault->server),
        .rss_kib = server_rss_bytes(&assault->server) / 1024,
    };
}

uint64_t assault_memory_kib(const struct assault *assault)
{
    return assault->attack->memory_kib + (assault->full ? HEALTHY_KIB : 0);
}

/* Waits until the server has let go of everything that the attack took. Returns the memory that
 * it keeps, in KiB. */
static int64_t await_return(const struct assault *assault, const struct holdings *before)
{
    int64_t deadline = server_now_ms() + SERVER_DEADLINE_S * 1000;
    for (;;) {
        struct holdings now = look(assault);
        if (now.connections == before->connections && now.subscribers == before->subscribers &&
            now.descriptors == before->descriptors &&
            (SERVER_SANITIZED || now.rss_kib <= before->rss_kib + assault_memory_kib(assault)))
            return (int64_t)(now.rss_kib - before->rss_kib);
        ck_assert_msg(server_now_ms() < deadline,
                      "after %s: connections %" PRIu64 " (%" PRIu64 " before), subscribers %" PRIu64
                      " (%" PRIu64 "), descriptors %" PRIu64 " (%" PRIu64 "), KiB %" PRIu64
                      " (%" PRIu64 ", and %" PRIu64 " more are allowed)",
                      assault->attack->name, now.connections, before->connections, now.subscribers,
                      before->subscribers, now.descriptors, before->descriptors, now.rss_kib,
                      before->rss_kib, assault_memory_kib(assault));
    }
}

/* ---- how the healthy clients fare ---- */

static struct healthy_figures measure_own(struct healthy *healthy)
{
    unsigned from = healthy_windows(healthy) + 1; /* the window that runs began earlier */
    while (healthy_windows(healthy) < from + OWN_WINDOWS)
        poll(NULL, 0, HEALTHY_WINDOW_MS / 10);
    return healthy_figures(healthy, from, from + OWN_WINDOWS);
}

bool assault_goes_on(const struct assault *assault)
{
    return server_now_ms() < assault->end_ms;
}

/* Low priority is a thread's own, and can't be taken back without privileges. */
static void *attack(void *context)
{
    struct assault *assault = context;
    ck_assert_int_eq(setpriority(PRIO_PROCESS, 0, LOWEST_PRIORITY), 0);
    assault->attack->run(assault);
    return NULL;
}

static struct healthy_figures attack_and_measure(struct assault *assault)
{
    pthread_t thread;
    unsigned seconds = assault->full ? assault->attack->full_seconds : assault->attack->seconds;
    unsigned from = healthy_windows(assault->healthy) + 1;
    assault->end_ms = server_now_ms() + (int64_t)seconds * 1000;
    ck_assert_int_eq(pthread_create(&thread, NULL, attack, assault), 0);
    pthread_join(thread, NULL);
    unsigned to = healthy_windows(assault->healthy);
    ck_assert_msg(to > from, "%s was over too soon", assault->attack->name);
    return healthy_figures(assault->healthy, from, to);
}

static bool within(double during, double own, double margin)
{
    return during <= 2 * own || during <= own + margin;
}

static bool delays_nobody(const struct healthy_figures *during, const struct healthy_figures *own)
{
    return SERVER_SANITIZED || (within(during->ack_ms_p99, own->ack_ms_p99, ACK_MARGIN_MS) &&
                                within(during->push_ms_p99, own->push_ms_p99, PUSH_MARGIN_MS));
}

static double greater(double a, double b)
{
    return a > b ? a : b;
}

/* ---- the whole ---- */

static void allow_descriptors(void)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Polls: `healthy`, `applause` (unlimited), `lunch`, and the wide ones w1, w2 ... */
static void create_polls(struct client *admin)
{
    char line[1024] = "";
    size_t len = 0;
    client_ask(admin, HEALTHY_POLL, "+OK 1");
    client_ask(admin, "CREATE applause loud louder ballots=unlimited", "+OK 2");
    client_ask(admin, "CREATE lunch pizza sushi", "+OK 3");
    for (unsigned i = 0; i < 200; i++)
        len += (size_t)snprintf(line + len, sizeof line - len, " c%u", i);
    for (unsigned i = 1; i <= ASSAULT_POLLS; i++)
        client_send(admin, "CREATE w%u%s ballots=unlimited", i, line);
    for (unsigned i = 1; i <= ASSAULT_POLLS; i++)
        client_expect(admin, "+OK %u", 3 + i);
}

static void start(struct assault *assault)
{
    const char *const *o = assault->attack->options;
    server_init(&assault->server);
    server_start(&assault->server, o[0], o[1], o[2], o[3], o[4], o[5], NULL);
    assault->admin = server_admin(&assault->server);
    create_polls(assault->admin);
    assault->healthy = healthy_start(&assault->server);
}

/* Every healthy ballot was counted, once, and the database says so too. */
static void settle_accounts(struct assault *assault)
{
    uint64_t ballots = healthy_stop(assault->healthy);
    client_send(assault->admin, "SHOW healthy");
    const char *tally = client_line(assault->admin);
    unsigned long long counted, yes, no;
    ck_assert_int_eq(
        sscanf(tally, "+OK healthy open %*u %llu yes=%llu no=%llu", &counted, &yes, &no), 3);
    ck_assert_msg(counted == ballots && yes == ballots && no == 0, "%s, of %" PRIu64 " ballots",
                  tally, ballots);
    server_end(&assault->server);
    database_assert_recount(assault->server.database);
}

static void print(const struct assault *assault, const struct healthy_figures *during,
                  const struct healthy_figures *own, int64_t kept_kib)
{
    printf("%-14s %s; ack p50 %.2f ms (own %.2f), p99 %.2f (own %.2f, x%.2f), push p99 %.1f "
           "(own %.1f); %+" PRId64 " KiB\n",
           assault->attack->name, assault->text, during->ack_ms_p50, own->ack_ms_p50,
           during->ack_ms_p99, own->ack_ms_p99, during->ack_ms_p99 / own->ack_ms_p99,
           during->push_ms_p99, own->push_ms_p99, kept_kib);
    fflush(stdout);
}

/* Returns whether the healthy clients were served as before; whatever else is wrong fails the test.
 */
static bool run_round(struct assault *assault, double *ratio)
{
    start(assault);
    struct healthy_figures own = measure_own(assault->healthy);
    struct holdings before = look(assault);
    struct healthy_figures during = attack_and_measure(assault);
    int64_t kept_kib = await_return(assault, &before);
    struct healthy_figures after = measure_own(assault->healthy);
    own.ack_ms_p50 = greater(own.ack_ms_p50, after.ack_ms_p50);
    own.ack_ms_p99 = greater(own.ack_ms_p99, after.ack_ms_p99);
    own.push_ms_p99 = greater(own.push_ms_p99, after.push_ms_p99);
    print(assault, &during, &own, kept_kib);
    settle_accounts(assault);
    *ratio = during.ack_ms_p99 / own.ack_ms_p99;
    return delays_nobody(&during, &own);
}

void assault_run(struct assault *assault, struct assault_totals *totals)
{
    double ratio;
    unsigned rounds = 1;
    allow_descriptors();
    for (; !run_round(assault, &ratio); rounds++)
        ck_assert_msg(rounds < ASSAULT_ROUNDS, "%s delays healthy clients, in each of %u rounds",
                      assault->attack->name, rounds);
    totals->count++;
    totals->repeated += rounds - 1;
    totals->worst_ratio = greater(totals->worst_ratio, ratio);
}
