/* Damages ledgers at random, and starts on them: damage [--seed N] [--count N] [--seconds S].
 *
 * A case is one damaged ledger: of one that ended in good order, one that was killed, or a backup.
 * Whatever was done to its files, the start and a recount must agree, and either refuse it with one
 * line that names what is wrong, or serve exactly what was there; what is recorded then must be
 * there at the next start. A silent difference, a crash and a hang are failures. What nothing on a
 * disk can tell from an earlier time is served as that time was:
 *
 * - older files that once stood together
 * - the log of a killed server, cut off: what it holds up to there. Where it is damaged and not
 *   cut, at most the last commit may be lacking: a power cut may leave one like that. (The last
 *   two, if what ended one of them is gone: nothing then tells them apart)
 *
 * Each case is tried in this process's child; one in SERVER_SHARE also by the real server and
 * `tallyctl recount`. */
#include "tests/torture/damage_file.h"
#include "tests/torture/damage_ledger.h"
#include "tests/torture/damage_start.h"

#include "base/log.h"
#include "store/sqlite/sqlite_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CASES = 1500,
    SERVER_SHARE = 40,  /* one case in so many gets the real server */
    CHILD_SECONDS = 30, /* after which a start hangs */
    COMMITS_MAX = 256,  /* in a log */
    REFUSAL_MIN = 10,   /* bytes that name a fault */
};

/* Where a commit ends in the log, and the last entry then. */
#define NO_SEQ UINT64_MAX
struct commit {
    size_t end;
    uint64_t seq;
};

/* What a ledger says when it is not damaged. */
struct truth {
    struct state state, older;
    trail_hash trail[TRAIL_MAX];
    size_t commit_count;
    struct commit commits[COMMITS_MAX];
    char *description; /* by the real server */
};

enum fate { FATE_REFUSED, FATE_SERVED, FATE_EARLIER, FATES };

static struct {
    struct torture torture;
    struct victim victim;
    struct ledgers ledgers;
    struct truth truths[LEDGERS];
    struct start *start;          /* shared with children */
    char directory[PATH_MAX / 4]; /* where children start */
    char database[PATH_MAX / 2], log[PATH_MAX / 2];
    uint64_t servers, unwritten, fates[FATES], cut;
    uint64_t refused[DAMAGE_KINDS], tried[DAMAGE_KINDS];
} all;

/* ---- children ---- */

/* Runs `work` in a process of its own. Returns its exit status, or the negated number of the signal
 * that ended it. What it logs goes to a file. */
static int in_child(void (*work)(void *context), void *context)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        torture_fail(&all.torture, "fork: %s", strerror(errno));
    if (pid == 0) {
        alarm(CHILD_SECONDS);
        dup2(open(all.log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDERR_FILENO);
        work(context);
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            torture_fail(&all.torture, "waitpid: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void do_start(void *context)
{
    start_try(all.start, all.database, &all.ledgers.book, context);
}

static void do_recount(void *context)
{
    const char *program = getenv("TALLYCTL_BINARY");
    dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
    execl(program ? program : "./tallyctl", "tallyctl", "recount", context, (char *)NULL);
    _exit(127);
}

/* ---- the truth ---- */

static void judge(const struct files *files, struct state *state, trail_hash *trail)
{
    char why[STORE_WHY_MAX];
    files_write(files, all.database);
    if (start_judge(all.database, state, trail, why) != 0)
        torture_fail(&all.torture, "before any damage: %s", why);
}

/* What is served of a log that ends there: nothing, where a checkpoint has written later pages. */
static void add_commit(struct truth *truth, struct files *files, uint64_t frames)
{
    char why[STORE_WHY_MAX];
    struct state state;
    if (truth->commit_count == COMMITS_MAX)
        torture_fail(&all.torture, "the log has too many commits");
    files->of[DAMAGE_LOG].len = (size_t)wal_frame_at(frames);
    files_write(files, all.database);
    bool served = start_judge(all.database, &state, NULL, why) == 0;
    truth->commits[truth->commit_count++] =
        (struct commit){files->of[DAMAGE_LOG].len, served ? state.seq : NO_SEQ};
}

/* Finds the commits in the log by cutting it behind each. Before the first one, which has more than
 * one frame, the file alone counts. */
static void find_commits(struct truth *truth, const struct files *files)
{
    struct wal_frame frame;
    struct wal_scan scan;
    struct files cut = {0};
    char name[PATH_MAX];
    files_copy(&cut, files);
    files_write(files, all.database);
    snprintf(name, sizeof name, "%s-wal", all.database);
    int log = open(name, O_RDONLY | O_CLOEXEC);
    if (log < 0 || wal_scan(log, &scan) != 0 || !wal_read_frame(log, 0, &frame) ||
        frame.database_pages > 0)
        torture_fail(&all.torture, "the killed server's log has no transaction to be cut");
    add_commit(truth, &cut, 1);
    for (uint64_t i = 1; i < scan.frames && wal_read_frame(log, i, &frame); i++)
        if (frame.database_pages > 0)
            add_commit(truth, &cut, i + 1);
    close(log);
    files_free(&cut);
}

/* What a start without damage serves; it must keep all promises, or no case can. */
static void find_truth(enum ledger_kind kind)
{
    struct truth *truth = &all.truths[kind];
    struct torture random = torture_fork(&all.torture);
    const struct files *files = &all.ledgers.files[kind];
    judge(&all.ledgers.older[kind], &truth->older, NULL);
    judge(files, &truth->state, truth->trail);
    if (truth->state.seq >= TRAIL_MAX)
        torture_fail(&all.torture, "the ledger is too long");
    if (kind == LEDGER_KILLED)
        find_commits(truth, files);
    files_write(files, all.database);
    int status = in_child(do_start, &random);
    if (status != 0 || all.start->refused || all.start->broken[0])
        torture_fail(&all.torture, "%s, before any damage: status %d %s %s", ledger_names[kind],
                     status, all.start->broken, all.start->refused ? all.start->why : "");
    truth->state = all.start->state;
    files_write(files, all.victim.database);
    if (!victim_start(&all.victim, false))
        victim_fail(&all.victim, "it does not start on what is not damaged");
    truth->description = ledger_describe(&all.victim);
    victim_signal(&all.victim, SIGKILL);
    victim_wait(&all.victim, VICTIM_STOP_MS);
}

/* ---- judging a case ---- */

struct test {
    enum ledger_kind ledger;
    struct damage damage;
    struct files files;
};

static __attribute__((format(printf, 2, 3), noreturn)) void fail(const struct test *test,
                                                                 const char *format, ...)
{
    char what[STORE_WHY_MAX * 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    torture_fail(&all.torture, "%s, %s in file %d at byte %zu: %s (log: %s)",
                 ledger_names[test->ledger], damage_names[test->damage.kind], test->damage.file,
                 test->damage.at, what, all.log);
}

/* The first byte that is not as it was. */
static size_t first_difference(const struct content *is, const struct content *was)
{
    size_t at = 0;
    while (at < is->len && at < was->len && is->bytes[at] == was->bytes[at])
        at++;
    return at;
}

/* Whether nothing tells that a frame of the log ends a commit: it does not say so, or has neither
 * the salts nor the sums of its log. */
static bool has_lost_end(const struct test *test, const struct commit *commit)
{
    enum { SIZE_AT = 4, SALTS_AT = 8, SUMS_AT = 16, EACH_BYTES = 8 };
    static const unsigned char zeros[SALTS_AT - SIZE_AT];
    size_t at = commit->end - WAL_PAGE_BYTES - WAL_FRAME_HEADER_BYTES;
    if (test->files.of[DAMAGE_LOG].len < commit->end)
        return true;
    const unsigned char *is = test->files.of[DAMAGE_LOG].bytes + at;
    const unsigned char *was = all.ledgers.files[test->ledger].of[DAMAGE_LOG].bytes + at;
    return memcmp(is + SIZE_AT, zeros, sizeof zeros) == 0 ||
           (memcmp(is + SALTS_AT, was + SALTS_AT, EACH_BYTES) != 0 &&
            memcmp(is + SUMS_AT, was + SUMS_AT, EACH_BYTES) != 0);
}

/* Whether the log says nothing against an end at that entry. */
static bool may_end_at(const struct test *test, uint64_t seq)
{
    const struct truth *truth = &all.truths[test->ledger];
    const struct content *log = &test->files.of[DAMAGE_LOG];
    size_t bad_at = first_difference(log, &all.ledgers.files[test->ledger].of[DAMAGE_LOG]);
    size_t whole = 0;
    while (whole < truth->commit_count && truth->commits[whole].end <= bad_at)
        whole++;
    size_t lacking = truth->commit_count - whole;
    bool is_cut = log->len == bad_at;
    return whole > 0 && truth->commits[whole - 1].seq == seq &&
           (is_cut || lacking <= 1 ||
            (lacking == 2 && (has_lost_end(test, &truth->commits[whole]) ||
                              has_lost_end(test, &truth->commits[whole + 1]))));
}

static bool is_state(const struct state *state, const struct state *other)
{
    return state->seq == other->seq &&
           memcmp(state->entries, other->entries, SHEET_CHAIN_BYTES) == 0;
}

/* Whether the files are those of an earlier time, and so is what is served. */
static bool is_older(const struct test *test, const struct state *state)
{
    return files_are_same(&test->files, &all.ledgers.older[test->ledger]) &&
           is_state(state, &all.truths[test->ledger].older);
}

static enum fate judge_served(const struct test *test)
{
    const struct truth *truth = &all.truths[test->ledger];
    const struct state *state = &all.start->state;
    if (is_state(state, &truth->state)) {
        if (memcmp(state->polls, truth->state.polls, sizeof state->polls) != 0)
            fail(test, "the entries are the same, and the polls are not");
        return FATE_SERVED;
    }
    if (is_older(test, state))
        return FATE_EARLIER;
    if (state->seq > truth->state.seq ||
        memcmp(truth->trail[state->seq], state->entries, SHEET_CHAIN_BYTES) != 0)
        fail(test, "serves what never was, up to %" PRIu64 " of %" PRIu64, state->seq,
             truth->state.seq);
    if (test->ledger != LEDGER_KILLED || !may_end_at(test, state->seq))
        fail(test, "serves an earlier time, up to %" PRIu64 " of %" PRIu64, state->seq,
             truth->state.seq);
    return FATE_EARLIER;
}

static void judge_refusal(const struct test *test, const char *why)
{
    if (strlen(why) < REFUSAL_MIN || strchr(why, '\n'))
        fail(test, "is refused with \"%s\"", why);
    if (content_is_same(&test->files.of[test->damage.file],
                        &all.ledgers.files[test->ledger].of[test->damage.file]))
        fail(test, "is refused, and is not damaged: %s", why);
}

/* ---- the real server ---- */

static void visit_server(const struct test *test, enum fate fate)
{
    all.servers++;
    files_write(&test->files, all.victim.database);
    int counted = in_child(do_recount, all.victim.database);
    bool started = victim_start(&all.victim, false);
    if (started != (fate != FATE_REFUSED) || (counted == 0) != started)
        fail(test, "a start in this process says %d, the server %d, tallyctl recount %d",
             fate != FATE_REFUSED, started, counted);
    if (!started) {
        int status = victim_wait(&all.victim, VICTIM_STOP_MS);
        if (status != 1)
            fail(test, "the server ends with status %d", status);
        return;
    }
    char *description = ledger_describe(&all.victim);
    if (fate == FATE_SERVED && strcmp(description, all.truths[test->ledger].description) != 0)
        fail(test, "the server says\n%s\nand said\n%s", description,
             all.truths[test->ledger].description);
    free(description);
    victim_signal(&all.victim, SIGTERM);
    if (victim_wait(&all.victim, VICTIM_STOP_MS) != 0)
        fail(test, "the server does not end in good order");
    if (in_child(do_recount, all.victim.database) != 0)
        fail(test, "after it was served, tallyctl recount finds fault");
}

/* ---- a case ---- */

/* The files of an earlier time: of the same life of the server, or of another. */
static const struct files *draw_older(enum ledger_kind ledger)
{
    bool other_life = ledger == LEDGER_KILLED && torture_random(&all.torture, 2) == 0;
    return other_life ? &all.ledgers.files[LEDGER_ENDED] : &all.ledgers.older[ledger];
}

static void run_case(void)
{
    struct test test = {.ledger = (enum ledger_kind)torture_random(&all.torture, LEDGERS)};
    files_copy(&test.files, &all.ledgers.files[test.ledger]);
    test.damage = damage_do(&all.torture, &test.files, draw_older(test.ledger));
    bool visited = torture_random(&all.torture, SERVER_SHARE) == 0;
    struct torture random = torture_fork(&all.torture);
    files_write(&test.files, all.database);
    int status = in_child(do_start, &random);
    if (status != 0)
        fail(&test, "the start ended with status %d", status);
    if (all.start->broken[0])
        fail(&test, "%s", all.start->broken);
    enum fate fate = FATE_REFUSED;
    if (all.start->refused)
        judge_refusal(&test, all.start->why);
    else
        fate = judge_served(&test);
    if (visited)
        visit_server(&test, fate);
    all.fates[fate]++;
    all.tried[test.damage.kind]++;
    all.refused[test.damage.kind] += fate == FATE_REFUSED;
    all.unwritten += fate != FATE_REFUSED && all.start->refused_writes;
    files_free(&test.files);
}

/* ---- all ---- */

/* Where nothing is written to a disk, a case takes a tenth of the time. */
static void choose_directory(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
}

static void begin(void)
{
    choose_directory();
    log_set_level(LOG_LEVEL_ERROR);
    if (sodium_init() < 0)
        abort();
    all.start =
        mmap(NULL, sizeof *all.start, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all.start == MAP_FAILED)
        torture_fail(&all.torture, "mmap: %s", strerror(errno));
    victim_init(&all.victim, &all.torture);
    snprintf(all.directory, sizeof all.directory, "%s/case", all.victim.directory);
    snprintf(all.database, sizeof all.database, "%s/votes.db", all.directory);
    snprintf(all.log, sizeof all.log, "%s/log", all.directory);
    if (mkdir(all.directory, 0700) != 0)
        torture_fail(&all.torture, "%s: %s", all.directory, strerror(errno));
    struct torture random = all.torture;
    ledgers_make(&all.ledgers, &all.victim, &random);
    for (enum ledger_kind i = 0; i < LEDGERS; i++)
        find_truth(i);
}

static void end(void)
{
    static const struct files nothing;
    files_write(&nothing, all.database);
    unlink(all.log);
    rmdir(all.directory);
    for (enum ledger_kind i = 0; i < LEDGERS; i++)
        free(all.truths[i].description);
    ledgers_free(&all.ledgers);
    victim_end(&all.victim);
}

int main(int argc, char **argv)
{
    torture_begin(&all.torture, "damage", CASES, argc, argv);
    begin();
    while (torture_next(&all.torture))
        run_case();
    end();
    for (enum damage_kind i = 0; i < DAMAGE_KINDS; i++)
        fprintf(stderr, "damage: %s: %" PRIu64 " of %" PRIu64 " refused\n", damage_names[i],
                all.refused[i], all.tried[i]);
    torture_end(&all.torture,
                "refused=%" PRIu64 " served=%" PRIu64 " earlier=%" PRIu64 " read-only=%" PRIu64
                " servers=%" PRIu64,
                all.fates[FATE_REFUSED], all.fates[FATE_SERVED], all.fates[FATE_EARLIER],
                all.unwritten, all.servers);
    return 0;
}
