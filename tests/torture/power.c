/* The power-cut torture: power [--seed N] [--count N] [--seconds S].
 *
 * A case is one state that a disk may be in after its power was cut. A run of the real ledger and
 * store is recorded (disk.h, power_run.h): the making of a database, ballots, checkpoints, backups,
 * starts after an orderly stop and after a kill. Then, again and again: an instant of the record is
 * chosen, between any two operations, and a state that the disk may hold if the power fails there.
 * A server starts on it, takes the ballots again whose replies were lost, and new ones; its ledger
 * must hold what everyone was told until that instant (power_oracle.h). That session is recorded
 * too, and the power is cut again in some of them: in a recovery, and in the recovery from that.
 * One state in SERVER_SHARE gets the real server and its clients instead (power_server.h). With
 * --durability=os a power cut may undo what was told, but must leave a sound ledger of ballots that
 * were cast; what was told must hold where only the process died.
 *
 * Before all that it makes sure that it can find a loss: the disk lies about a sync, and the server
 * seems to answer too early; each must be noticed.
 *
 * Each session, and each judgement, is a process of its own, so that one that aborts is a failure
 * like others. */
#include "tests/torture/power_oracle.h"
#include "tests/torture/power_run.h"
#include "tests/torture/power_server.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CASES = 2000,
    STATES_A_RUN = 20,
    LEVELS = 4,          /* cuts in a row */
    SERVER_SHARE = 20,   /* one state in so many gets the real server */
    CHILD_SECONDS = 100, /* after which a process hangs */
    OS_SHARE = 8,        /* one run in so many is with --durability=os */
    LIE_TRIES = 20,      /* within which a lie must be noticed */
};

/* Where in a server's life the power is cut. */
enum place {
    PLACE_START,      /* before it is ready: the database is made, or recovered */
    PLACE_COMMIT,     /* in the log */
    PLACE_TOLD,       /* just before, or after, an answer or a tally */
    PLACE_CHECKPOINT, /* in the database file */
    PLACE_RESTART,    /* the log begins anew, or is cut off */
    PLACE_NAMES,      /* of files, and of those that are made under other names first */
    PLACE_BACKUP,
    PLACES
};

static const char *const place_names[PLACES] = {
    [PLACE_START] = "start",           [PLACE_COMMIT] = "commit",   [PLACE_TOLD] = "told",
    [PLACE_CHECKPOINT] = "checkpoint", [PLACE_RESTART] = "restart", [PLACE_NAMES] = "names",
    [PLACE_BACKUP] = "backup",
};

/* A record, and the disk that it began with. */
struct level {
    struct run *run;
    struct disk_image base;
    unsigned left;                          /* states to be made of it */
    unsigned char places[DISK_OPS_MAX + 1]; /* by operation; PLACES: unknown */
    bool seen[DISK_OPS_MAX + 1];            /* by instant */
};

static struct power {
    struct torture torture;
    char root[PATH_MAX];      /* what this run of the program makes is in here */
    char directory[PATH_MAX]; /* the disk */
    char log[PATH_MAX];       /* the real servers' */
    pid_t pid;
    char *why; /* shared with children */
    unsigned depth;
    struct level levels[LEVELS];
    uint64_t runs, instants, nested, servers, os, lies;
    uint64_t by_fate[DISK_FATES], by_place[PLACES];
} power;

/* ---- files and processes ---- */

static void remove_files(void)
{
    static const struct disk_image nothing;
    if (getpid() != power.pid || getenv("TALLYCAST_TEST_KEEP"))
        return;
    disk_image_write(&nothing, power.directory);
    rmdir(power.directory);
    unlink(power.log);
    rmdir(power.root);
}

static void make_directories(void)
{
    const char *parent = getenv("TMPDIR");
    char template[PATH_MAX];
    snprintf(template, sizeof template, "%s/tallycast-power-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(template) || !realpath(template, power.root) ||
        snprintf(power.directory, sizeof power.directory, "%s/disk", power.root) >= PATH_MAX ||
        snprintf(power.log, sizeof power.log, "%s/log", power.root) >= PATH_MAX ||
        mkdir(power.directory, 0700) != 0)
        torture_fail(&power.torture, "%s: %s", template, strerror(errno));
    power.pid = getpid();
    atexit(remove_files);
}

/* Runs `work` in a process of its own. Returns its exit status; power.why says why it is 1. */
static int in_child(int (*work)(void *context), void *context)
{
    int status;
    fflush(NULL);
    power.why[0] = '\0';
    pid_t pid = fork();
    if (pid < 0)
        torture_fail(&power.torture, "fork: %s", strerror(errno));
    if (pid == 0) {
        alarm(CHILD_SECONDS);
        _exit(work(context));
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            torture_fail(&power.torture, "waitpid: %s", strerror(errno));
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    snprintf(power.why, STORE_WHY_MAX, "the server ended by signal %d", WTERMSIG(status));
    return 1;
}

/* ---- sessions ---- */

struct job {
    struct level *level;
    struct session_plan plan;
    bool goes_on;   /* the machine went on since the last session */
    size_t kill_at; /* operations */
};

static int do_session(void *context)
{
    struct job *job = context;
    struct run *run = job->level->run;
    if (job->goes_on)
        disk_record_go_on(run->record, power.directory);
    else
        disk_record_begin(run->record, &job->level->base, power.directory);
    disk_kill_at(job->kill_at);
    return run_session(run, &job->plan, power.why) == 0 ? 0 : 1;
}

static int do_judge(void *context)
{
    const struct run *run = context;
    return oracle_agrees(power.directory, &run->history, run->history.fact_count, power.why) ? 0
                                                                                             : 1;
}

static int do_server(void *context)
{
    struct run *run = context;
    struct torture random = torture_fork(&power.torture);
    if (!power_server_visit(power.directory, power.log, run->os_durability, &run->history, &random,
                            power.why))
        return 1;
    return do_judge(context);
}

static struct session_plan draw_plan(unsigned batches, unsigned batch_max)
{
    return (struct session_plan){
        .random = torture_fork(&power.torture),
        .directory = power.directory,
        .batches = batches,
        .batch_max = batch_max,
        .backup = batches > 0 && torture_random(&power.torture, 4) == 0,
        .stops = torture_random(&power.torture, 3) == 0,
    };
}

/* ---- a run to be cut ---- */

/* Enough for some checkpoints, or not enough for one. */
static struct session_plan draw_first_plan(void)
{
    static const unsigned batches[] = {3, 20, 60}, sizes[] = {4, 40, 200};
    return draw_plan(batches[torture_random(&power.torture, 3)],
                     sizes[torture_random(&power.torture, 3)]);
}

/* The operation at which a session is killed, if it is: in its start, or later. */
static size_t draw_kill(size_t op_count)
{
    switch (torture_random(&power.torture, 4)) {
    case 0:
    case 1:
        return op_count + 1 + torture_random(&power.torture, 60);
    case 2:
        return op_count + 1 + torture_random(&power.torture, 1000);
    default:
        return SIZE_MAX;
    }
}

static void check_record(const struct level *level)
{
    static struct disk_image state;
    char difference[256];
    const struct disk_fate fate = {
        .kind = DISK_KEPT, .files_lie_from = SIZE_MAX, .names_lie_from = SIZE_MAX};
    disk_build(&state, &level->base, level->run->record, level->run->record->op_count, &fate,
               &power.torture);
    if (!disk_image_is(&state, power.directory, difference, sizeof difference))
        torture_fail(&power.torture, "the record is not what happened: %s", difference);
    disk_image_free(&state);
}

static enum place place_of(const struct level *level, const unsigned char *files, size_t index)
{
    const struct disk_record *record = level->run->record;
    const struct disk_op *op = &record->ops[index];
    if (op->kind == DISK_RENAME || op->kind == DISK_SYNC_NAMES)
        return PLACE_NAMES;
    if (op->kind == DISK_NOTE)
        return PLACE_TOLD;
    if (files[op->file] == PLACE_COMMIT && op->kind != DISK_SYNC && op->at == 0)
        return PLACE_RESTART;
    return (enum place)files[op->file];
}

static enum place place_of_name(const char *name)
{
    size_t len = strlen(name);
    if (strncmp(name, "backup", 6) == 0)
        return PLACE_BACKUP;
    if (strcmp(name, POWER_DATABASE) == 0)
        return PLACE_CHECKPOINT;
    return len > 4 && strcmp(name + len - 4, "-wal") == 0 ? PLACE_COMMIT : PLACE_NAMES;
}

/* Finds out where each operation of the record is. */
static void find_places(struct level *level)
{
    const struct run *run = level->run;
    const struct disk_record *record = run->record;
    unsigned char files[DISK_FILES_MAX];
    bool starting = true;
    size_t fact = run->inherited;
    memset(files, PLACE_NAMES, sizeof files);
    for (unsigned i = 0; i < level->base.name_count; i++)
        if (level->base.names[i].file != DISK_NO_FILE)
            files[level->base.names[i].file] =
                (unsigned char)place_of_name(level->base.names[i].text);
    memset(level->seen, 0, sizeof level->seen);
    for (size_t i = 0; i < record->op_count; i++) {
        const struct disk_op *op = &record->ops[i];
        if (op->kind == DISK_RENAME && op->file != DISK_NO_FILE)
            files[op->file] = (unsigned char)place_of_name(record->names[op->name]);
        if (op->kind == DISK_NOTE) {
            enum fact_kind kind = (enum fact_kind)run->history.facts[fact++].kind;
            starting = kind == FACT_BEGUN || (starting && kind != FACT_READY);
        }
        level->places[i] = (unsigned char)(starting ? PLACE_START : place_of(level, files, i));
    }
}

/* Begins a run with an empty disk. */
static struct level *begin_run(bool os_durability)
{
    static const struct disk_image nothing;
    struct level *level = &power.levels[0];
    disk_image_free(&level->base);
    disk_image_write(&nothing, power.directory);
    run_reset(level->run, os_durability);
    power.depth = 0;
    return level;
}

static void record_session(struct level *level, struct session_plan plan, size_t kill_at)
{
    struct run *run = level->run;
    struct job job = {level, plan, run->record->op_count > 0, kill_at};
    if (in_child(do_session, &job) == 1)
        torture_fail(&power.torture, "a session before any cut: %s", power.why);
    run->history.fact_count = run_facts_at(run, run->record->op_count);
}

static void record_run(void)
{
    struct level *level = begin_run(torture_random(&power.torture, OS_SHARE) == 0);
    unsigned kills = (unsigned)torture_random(&power.torture, 3);
    for (unsigned i = 0; i < kills; i++)
        record_session(level, draw_first_plan(), draw_kill(level->run->record->op_count));
    record_session(level, draw_first_plan(), SIZE_MAX);
    check_record(level);
    find_places(level);
    level->left = STATES_A_RUN;
    power.runs++;
}

/* ---- one state ---- */

/* Draws a place first, so that rare ones get their share. */
static size_t draw_instant(const struct level *level, enum place *place)
{
    const struct disk_record *record = level->run->record;
    size_t counts[PLACES] = {0};
    for (size_t i = 0; i < record->op_count; i++)
        counts[level->places[i]]++;
    do
        *place = (enum place)torture_random(&power.torture, PLACES);
    while (counts[*place] == 0);
    size_t skip = (size_t)torture_random(&power.torture, counts[*place]);
    size_t index = 0;
    while (level->places[index] != *place || skip-- > 0)
        index++;
    return index + (size_t)torture_random(&power.torture, 2);
}

/* Puts the disk of `level` into a state that it may be in at the instant, and begins the next level
 * with it, where everyone was told what they were until `told`. */
static struct level *cut(struct level *level, size_t instant, size_t told,
                         const struct disk_fate *fate)
{
    struct level *next = level + 1;
    disk_image_free(&next->base);
    disk_build(&next->base, &level->base, level->run->record, instant, fate, &power.torture);
    disk_image_write(&next->base, power.directory);
    run_inherit(next->run, level->run, told, level->run->os_durability && fate->kind != DISK_KEPT);
    return next;
}

/* A session on the state, and the judgement on what is there after it. */
static bool survives(struct level *level, struct session_plan plan)
{
    struct job job = {level, plan, false, SIZE_MAX};
    return in_child(do_session, &job) == 0 && in_child(do_judge, level->run) == 0;
}

/* One cut. */
struct cutting {
    struct level *level; /* whose record is cut */
    size_t instant;
    enum place place;
    struct disk_fate fate;
    bool server; /* the real one starts on the state */
};

static _Noreturn void report_broken(const struct cutting *cutting)
{
    const struct disk_fate *fate = &cutting->fate;
    const struct run *run = cutting->level->run;
    torture_fail(&power.torture,
                 "cut %u, before operation %zu of %zu (%s), disk %s, %u of 16, names %u%s%s%s%s: "
                 "%s",
                 power.depth + 1, cutting->instant, run->record->op_count,
                 place_names[cutting->place], disk_fate_name(fate->kind), fate->keep,
                 fate->keep_name, fate->grown ? ", grown" : "", fate->garbage ? ", garbage" : "",
                 run->os_durability ? ", durability os" : "",
                 cutting->server ? ", real server" : "", power.why);
}

static void count(const struct cutting *cutting)
{
    struct level *level = cutting->level;
    power.instants += !level->seen[cutting->instant];
    level->seen[cutting->instant] = true;
    power.by_fate[cutting->fate.kind]++;
    power.by_place[cutting->place]++;
    power.nested += power.depth > 0;
    power.servers += cutting->server;
    power.os += level->run->os_durability;
    level->left--;
}

/* Has the next cases cut the session that was just recorded. */
static void go_deeper(struct level *next)
{
    power.depth++;
    find_places(next);
    next->left = 1 + (unsigned)torture_random(&power.torture, 6);
}

static void try_state(void)
{
    struct cutting cutting = {.level = &power.levels[power.depth],
                              .fate = disk_fate_draw(&power.torture)};
    cutting.instant = draw_instant(cutting.level, &cutting.place);
    cutting.server = torture_random(&power.torture, SERVER_SHARE) == 0;
    struct level *next = cut(cutting.level, cutting.instant, cutting.instant, &cutting.fate);
    bool lives_on = torture_random(&power.torture, 2) == 0;
    unsigned batches = lives_on ? 1 + (unsigned)torture_random(&power.torture, 8) : 0;
    if (!(cutting.server ? in_child(do_server, next->run) == 0
                         : survives(next, draw_plan(batches, 40))))
        report_broken(&cutting);
    count(&cutting);
    if (!cutting.server && power.depth + 2 < LEVELS && torture_random(&power.torture, 8) == 0)
        go_deeper(next);
}

/* ---- lies ---- */

/* The note of the last new entry that was acknowledged. */
static size_t last_acknowledgement(const struct run *run)
{
    size_t fact = run->history.fact_count, op = run->record->op_count;
    while (op-- > 0) {
        if (run->record->ops[op].kind != DISK_NOTE)
            continue;
        const struct fact *told = &run->history.facts[--fact];
        if (told->kind == FACT_ANSWERED && told->error == 0 && !told->duplicate)
            return op;
    }
    torture_fail(&power.torture, "nothing was acknowledged");
}

static size_t last_sync_of_log(const struct level *level, size_t before)
{
    while (before-- > 0)
        if (level->run->record->ops[before].kind == DISK_SYNC &&
            level->places[before] == PLACE_COMMIT)
            return before;
    torture_fail(&power.torture, "an entry was acknowledged, and the log never synced");
}

/* Something must be missing when everything is lost that no sync covers: with the disk's lies, or
 * after answers that came before their sync. */
static void must_notice(const char *lie, size_t instant, size_t told, size_t files_lie_from,
                        size_t names_lie_from)
{
    const struct disk_fate fate = {
        .kind = DISK_LOST, .files_lie_from = files_lie_from, .names_lie_from = names_lie_from};
    for (unsigned i = 0; i < LIE_TRIES; i++)
        if (!survives(cut(&power.levels[0], instant, told, &fate), draw_plan(i % 3, 40))) {
            power.lies++;
            return;
        }
    torture_fail(&power.torture, "blind: %s, and nothing was missed", lie);
}

static void prove_sight(void)
{
    struct level *level = begin_run(false);
    struct session_plan plan = draw_plan(10, 40);
    plan.backup = plan.stops = false;
    record_session(level, plan, SIZE_MAX);
    check_record(level);
    find_places(level);
    size_t end = level->run->record->op_count;
    size_t answer = last_acknowledgement(level->run);
    size_t sync = last_sync_of_log(level, answer);
    must_notice("the disk did not write names", end, end, SIZE_MAX, 0);
    must_notice("the disk forgot a sync of the log", answer + 1, answer + 1, sync, SIZE_MAX);
    must_notice("answers came before their sync", sync, answer + 1, SIZE_MAX, SIZE_MAX);
}

/* ---- main ---- */

static void init(int argc, char **argv)
{
    torture_begin(&power.torture, "power", CASES, argc, argv);
    if (sodium_init() < 0)
        torture_fail(&power.torture, "no random bytes");
    if (!getenv("TALLYCAST_BINARY") || !getenv("TALLYCTL_BINARY"))
        torture_fail(&power.torture, "TALLYCAST_BINARY and TALLYCTL_BINARY must name the programs");
    log_set_level(LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN);
    power.why =
        mmap(NULL, STORE_WHY_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (power.why == MAP_FAILED)
        torture_fail(&power.torture, "no memory");
    for (unsigned i = 0; i < LEVELS; i++)
        power.levels[i].run = run_new();
    make_directories();
}

static void report(void)
{
    char kinds[512] = "";
    size_t len = 0;
    for (unsigned i = 0; i < DISK_FATES; i++)
        len += (size_t)snprintf(kinds + len, sizeof kinds - len, " %s=%" PRIu64,
                                disk_fate_name((enum disk_fate_kind)i), power.by_fate[i]);
    for (unsigned i = 0; i < PLACES; i++)
        len += (size_t)snprintf(kinds + len, sizeof kinds - len, " %s=%" PRIu64, place_names[i],
                                power.by_place[i]);
    torture_end(&power.torture,
                "lies=%" PRIu64 " runs=%" PRIu64 " instants=%" PRIu64 " nested=%" PRIu64
                " servers=%" PRIu64 " os=%" PRIu64 "%s",
                power.lies, power.runs, power.instants, power.nested, power.servers, power.os,
                kinds);
}

int main(int argc, char **argv)
{
    init(argc, argv);
    while (torture_next(&power.torture)) {
        if (power.torture.done == 1)
            prove_sight();
        while (power.depth > 0 && power.levels[power.depth].left == 0)
            power.depth--;
        if (power.levels[power.depth].left == 0)
            record_run();
        try_state();
    }
    report();
    return 0;
}
