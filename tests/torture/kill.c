/* Kills the server, again and again, on a database that goes on growing: with SIGKILL at random
 * instants (also while it starts and while it stops) and at the points of src/base/failpoint.def.
 * After each death the oracle compares what the clients were told with what the disk holds, and
 * after each start with what the server says.
 *
 * A case is one life of a server, from start to death. `tallyctl recount` runs after every death.
 * SIGKILL takes nothing from the kernel's cache: that a sync was done is for another part. */
#include "base/failpoint.h"
#include "tests/torture/kill_load.h"
#include "tests/torture/kill_oracle.h"
#include "tests/torture/kill_process.h"
#include "tests/torture/torture.h"

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DEFAULT_COUNT = 500,
    LIFE_MAX_US = 60 * 1000,       /* of a life that a random instant ends, from readiness */
    FAILPOINT_MAX_US = 120 * 1000, /* after which a point that was not reached is given up */
    START_MAX_US = 20 * 1000,      /* a start that a random instant ends */
    BALLOTS_MAX = 1200,            /* in a life */
    SEQ_RENEWED = 12000,           /* a database this long is put aside */
    RENEWED_ONE_IN = 16,           /* and any other as often */
    END_MAX_US = 10000,            /* from the end of all connections to the end of the process */
    CHOSEN_ENOUGH = 12,            /* a point chosen so often must have been reached */
    PASSAGES_LOG = 8,              /* passages of a point: up to 2 to the power of 7 */
    PATH_BYTES = PATH_MAX / 2,
    TREE_DEPTH = 8,
};

enum passages { ONCE, FEW, MANY };

static const struct point {
    const char *name;
    enum passages passages;
} points[] = {
#define FAILPOINT(identifier, name, passages, where) [FAILPOINT_##identifier] = {name, passages},
#include "base/failpoint.def"
#undef FAILPOINT
};

/* How a life is to end. */
enum end { END_POINT, END_INSTANT, END_INSTANT_OF_START, END_STOP, END_STOP_INSTANT, END_COUNT };

struct plan {
    enum end end;
    enum failpoint point; /* of END_POINT */
    char kill_at[64];
    int64_t life_us; /* from readiness, or from the start for END_INSTANT_OF_START */
    int64_t stop_us; /* of END_STOP_INSTANT: from SIGTERM to SIGKILL */
    bool fresh;      /* a new database */
    bool backup;
    unsigned ballots, window, threads, push_interval_ms;
    bool durable;
};

struct killer {
    struct torture torture;
    struct oracle oracle;
    struct load load;
    struct process server;
    char root[PATH_BYTES];
    char directory[PATH_BYTES]; /* of the database that is used now; in the root */
    char database[PATH_MAX], admin[PATH_MAX], log[PATH_MAX];
    unsigned databases;
    uint64_t chosen[FAILPOINT_COUNT], died_at[FAILPOINT_COUNT], ended[END_COUNT];
};

/* ---- files ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, TREE_DEPTH, FTW_DEPTH | FTW_PHYS);
}

static void make_root(struct killer *killer)
{
    const char *parent = getenv("TMPDIR");
    snprintf(killer->root, sizeof killer->root, "%.512s/tallycast-kill-XXXXXX",
             parent ? parent : "/tmp");
    if (!mkdtemp(killer->root)) {
        perror(killer->root);
        exit(1);
    }
    fprintf(stderr, "kill: if it fails, the database stays in %s\n", killer->root);
}

static void renew(struct killer *killer)
{
    if (killer->databases > 0)
        remove_tree(killer->directory);
    snprintf(killer->directory, sizeof killer->directory, "%.600s/%u", killer->root,
             ++killer->databases);
    if (mkdir(killer->directory, 0700) != 0)
        torture_fail(&killer->torture, "can't make %s", killer->directory);
    snprintf(killer->database, sizeof killer->database, "%s/votes.db", killer->directory);
    snprintf(killer->admin, sizeof killer->admin, "%s/admin", killer->directory);
    snprintf(killer->log, sizeof killer->log, "%s/log", killer->directory);
    oracle_reset(&killer->oracle);
}

/* ---- plans ---- */

static bool is_of_new_database(enum failpoint point)
{
    return point == FAILPOINT_START_SCHEMA || point == FAILPOINT_START_KEY_WRITTEN ||
           point == FAILPOINT_START_KEY;
}

static bool is_of_backup(enum failpoint point)
{
    return point >= FAILPOINT_BACKUP_BEGIN && point <= FAILPOINT_BACKUP_DONE;
}

/* Low passages as often as high ones. A life has one backup, and the pieces of a small one are one.
 */
static void plan_point(struct torture *torture, struct plan *plan)
{
    plan->point = (enum failpoint)torture_random(torture, FAILPOINT_COUNT);
    uint64_t passage = 1 + torture_random(torture, 1U << torture_random(torture, PASSAGES_LOG));
    if (points[plan->point].passages == FEW)
        passage = 1 + passage % 2;
    if (points[plan->point].passages == ONCE || is_of_backup(plan->point))
        passage = 1;
    snprintf(plan->kill_at, sizeof plan->kill_at, "%s:%" PRIu64, points[plan->point].name, passage);
    plan->fresh |= is_of_new_database(plan->point);
    plan->backup |= is_of_backup(plan->point);
    plan->life_us = FAILPOINT_MAX_US;
    if (plan->point == FAILPOINT_STOP_CHECKPOINT)
        plan->life_us = 1 + (int64_t)torture_random(torture, LIFE_MAX_US);
}

static struct plan make_plan(struct torture *torture)
{
    static const unsigned push_intervals_ms[] = {0, 1, 50};
    /* Of 20 lives. */
    static const unsigned char ends[] = {[END_POINT] = 12,
                                         [END_INSTANT] = 5,
                                         [END_INSTANT_OF_START] = 1,
                                         [END_STOP] = 1,
                                         [END_STOP_INSTANT] = 1};
    struct plan plan = {
        .life_us = 1 + (int64_t)torture_random(torture, LIFE_MAX_US),
        .stop_us = (int64_t)torture_random(torture, START_MAX_US),
        .fresh = torture_random(torture, RENEWED_ONE_IN) == 0,
        .backup = torture_random(torture, 4) == 0,
        .ballots = (unsigned)torture_random(torture, BALLOTS_MAX),
        .window =
            1 + (unsigned)torture_random(torture, torture_random(torture, 2) ? LOAD_WINDOW : 4),
        .threads = 1 + (unsigned)torture_random(torture, 2),
        .push_interval_ms = push_intervals_ms[torture_random(torture, 3)],
        .durable = torture_random(torture, 2) == 0,
    };
    uint64_t drawn = torture_random(torture, 20);
    for (; drawn >= ends[plan.end]; plan.end++)
        drawn -= ends[plan.end];
    if (plan.end == END_POINT)
        plan_point(torture, &plan);
    if (plan.end == END_INSTANT_OF_START)
        plan.life_us = (int64_t)torture_random(torture, START_MAX_US);
    return plan;
}

/* ---- a life ---- */

static void start(struct killer *killer, const struct plan *plan)
{
    char threads[8], push_interval[8];
    snprintf(threads, sizeof threads, "%u", plan->threads);
    snprintf(push_interval, sizeof push_interval, "%u", plan->push_interval_ms);
    const char *const arguments[] = {
        "--listen",         "127.0.0.1:0",    "--http=off",
        "--database",       killer->database, "--admin",
        killer->admin,      "--poll",         "p8=a,b,c",
        "--ingest-threads", threads,          "--push-interval",
        push_interval,      "--durability",   plan->durable ? "disk" : "os",
        "--log-level",      "warning",        NULL,
    };
    process_start(&killer->server, arguments, plan->end == END_POINT ? plan->kill_at : NULL,
                  killer->log);
}

static int64_t deadline_us(void)
{
    return process_now_us() + PROCESS_DEADLINE_S * INT64_C(1000000);
}

static void begin_load(struct killer *killer, const struct plan *plan)
{
    struct load *load = &killer->load;
    load->oracle = &killer->oracle;
    load->torture = &killer->torture;
    load->port = killer->server.port;
    load->admin_path = killer->admin;
    load->directory = killer->directory;
    load->window = plan->window;
    load->ballots_left = plan->ballots;
    load->backup = plan->backup;
    load_begin(load);
}

static bool is_to_stop(const struct plan *plan)
{
    return plan->end == END_STOP || plan->end == END_STOP_INSTANT ||
           (plan->end == END_POINT && plan->point == FAILPOINT_STOP_CHECKPOINT);
}

/* SIGTERM, and what is left of its life. */
static void stop(struct killer *killer, const struct plan *plan)
{
    process_signal(&killer->server, SIGTERM);
    load_run(&killer->load,
             plan->end == END_STOP_INSTANT ? process_now_us() + plan->stop_us : deadline_us());
}

/* Waits for an end that it comes to by itself. Returns as process_wait does. */
static int await_end(struct killer *killer, const struct plan *plan)
{
    int64_t wait_us = plan->end == END_POINT ? END_MAX_US : 0;
    if (plan->end != END_STOP_INSTANT && is_to_stop(plan))
        wait_us = PROCESS_DEADLINE_S * INT64_C(1000000);
    int status = process_wait(&killer->server, process_now_us() + wait_us);
    if (status != INT_MIN && plan->end == END_POINT)
        killer->died_at[plan->point]++;
    return status;
}

/* Lives until its end comes by itself, or is brought. Returns as process_wait does. */
static int live(struct killer *killer, const struct plan *plan)
{
    bool brief = plan->end == END_INSTANT_OF_START;
    int64_t end_us = process_now_us() + plan->life_us;
    start(killer, plan);
    bool ready = process_await_ready(&killer->server, brief ? end_us : deadline_us());
    if (ready) {
        begin_load(killer, plan);
        load_run(&killer->load, brief ? end_us : process_now_us() + plan->life_us);
        if (is_to_stop(plan))
            stop(killer, plan);
    }
    int status = await_end(killer, plan);
    if (status == INT_MIN) {
        if (!ready && !brief)
            torture_fail(&killer->torture, "the server is not ready; its log: %s", killer->log);
        process_signal(&killer->server, SIGKILL);
        status = process_wait(&killer->server, deadline_us());
    }
    if (ready)
        load_end(&killer->load);
    return status;
}

/* A server may only end by a SIGKILL, or in good order where it was asked to stop. */
static void expect_end(const struct killer *killer, const struct plan *plan, int status)
{
    struct stat log;
    char path[PATH_MAX + 8];
    bool stopped = status == 0 && is_to_stop(plan);
    if (process_was_reported(killer->log))
        torture_fail(&killer->torture, "a sanitizer found something; its report: %s", killer->log);
    if (!(status == -SIGKILL && plan->end != END_STOP) && !stopped)
        torture_fail(&killer->torture, "the server ended with %d; its log: %s", status,
                     killer->log);
    snprintf(path, sizeof path, "%s-wal", killer->database);
    if (stopped && stat(path, &log) == 0 && log.st_size > 0)
        torture_fail(&killer->torture, "after a stop in good order %s is not empty", path);
}

static void try_life(struct killer *killer)
{
    const struct plan plan = make_plan(&killer->torture);
    if (plan.fresh || killer->databases == 0 || killer->oracle.last_seq > SEQ_RENEWED)
        renew(killer);
    killer->ended[plan.end]++;
    if (plan.end == END_POINT)
        killer->chosen[plan.point]++;
    int status = live(killer, &plan);
    expect_end(killer, &plan, status);
    oracle_judge(&killer->oracle, &killer->torture, killer->database);
}

/* ---- the verdict ---- */

/* A point that is never reached would not be noticed otherwise. */
static void expect_all_points(const struct killer *killer)
{
    for (enum failpoint point = 0; point < FAILPOINT_COUNT; point++)
        if (killer->chosen[point] >= CHOSEN_ENOUGH && killer->died_at[point] == 0)
            torture_fail(&killer->torture,
                         "the point %s was chosen %" PRIu64 " times, and never "
                         "reached",
                         points[point].name, killer->chosen[point]);
}

static void print_points(const struct killer *killer, char *text, size_t size)
{
    size_t len = 0;
    for (enum failpoint point = 0; point < FAILPOINT_COUNT && len < size; point++)
        len += (size_t)snprintf(text + len, size - len, " %s=%" PRIu64, points[point].name,
                                killer->died_at[point]);
}

int main(int argc, char **argv)
{
    static struct killer killer;
    char died_at[FAILPOINT_COUNT * 40];
    setvbuf(stderr, NULL, _IOLBF, 0);
    torture_begin(&killer.torture, "kill", DEFAULT_COUNT, argc, argv);
    killer.oracle.torture = &killer.torture;
    make_root(&killer);
    while (torture_next(&killer.torture))
        try_life(&killer);
    expect_all_points(&killer);
    remove_tree(killer.root);
    const struct oracle *oracle = &killer.oracle;
    print_points(&killer, died_at, sizeof died_at);
    torture_end(&killer.torture,
                "acknowledged=%" PRIu64 " duplicates=%" PRIu64 " refused=%" PRIu64
                " found_unanswered=%" PRIu64 " tallies_shown=%" PRIu64 " backups=%" PRIu64
                " databases=%u at_instants=%" PRIu64 " in_starts=%" PRIu64 " in_stops=%" PRIu64
                " stopped=%" PRIu64 "%s",
                oracle->acknowledged, oracle->duplicates, oracle->refused, oracle->found,
                oracle->shown, oracle->backups, killer.databases, killer.ended[END_INSTANT],
                killer.ended[END_INSTANT_OF_START], killer.ended[END_STOP_INSTANT],
                killer.ended[END_STOP], died_at);
    return 0;
}
