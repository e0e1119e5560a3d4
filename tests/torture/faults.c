/* Every call failing: the n-th call of each kind that the server makes, once or from then on.
 *
 * A case is one run of the server, on a fresh database or on one that a killed server left, in
 * which one call fails: start, create polls, vote, subscribe, look, back up, stand idle, stop. Then
 * a second server without faults must start on what is left, and takes every ballot again.
 *
 * Allowed: everything is served; a client is closed; -STORAGE or -LIMIT, with nothing recorded; an
 * end with status 1 or SIGABRT whose last line in the log is an error. Never: a wrong answer, a
 * hang, a spin, a silent end.
 *
 * How often each call is made is counted first, in runs without a fault. The points (call, class,
 * error, n) are drawn in an order that the seed gives, those of each kind in turn; so a part of
 * them tries a bit of everything, and all of them are a sweep. The last n of a kind is followed by
 * the next ones until one is not reached.
 *
 * TALLYCAST_FAULT=STATE:CALL:CLASS:N:ERROR:once|on tries that one point, and none else; with * for
 * N, one after the other until one is not reached. TALLYCAST_FAULT_SHARE=K/N leaves out all points
 * but an N-th, the K-th from 0: cases wait more than they work, so N programs make a sweep shorter.
 */
#include "tests/torture/book.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WAVE = 16,        /* ballots that are pipelined */
    SINGLES = 4,      /* and that are sent one by one */
    TRIES = 2,        /* to connect, for each thing to be done */
    IDLE_MS = 40,     /* for which the server has nothing to do, */
    IDLE_LOAD = 40,   /* and may take so many percent of a processor, */
    IDLE_CALLS = 400, /* and make so many calls */
    BURST = 100,      /* times that a call is interrupted in a row */
    GIVE_UP_MS = 300, /* when connections are not accepted any more */
    ERRORS_MAX = 8,
    TARGETS_MAX = 2048,
    OLD_BALLOTS = 40,
    OUTCOME_STATUS = 10, /* the exit status of a case whose outcome is 0 */
    FAILURES_MAX = 60,   /* after so many it goes no further */
};

enum state { FRESH, EXISTING, STATES };
static const char *const state_names[STATES] = {"fresh", "existing"};

static const struct {
    const char *name;
    int errors[ERRORS_MAX]; /* 0 ends them */
} calls[FAULT_CALLS] = {
#define FAULT_CALL(name, ...) {#name, {__VA_ARGS__}},
#include "tests/torture/fault_calls.def"
#undef FAULT_CALL
};

static const char *const class_names[FAULT_CLASSES] = {
    [FAULT_DATABASE] = "database", [FAULT_NEW] = "new",           [FAULT_WAL] = "wal",
    [FAULT_KEY] = "key",           [FAULT_BACKUP] = "backup",     [FAULT_FOLDER] = "folder",
    [FAULT_STDERR] = "stderr",     [FAULT_LISTENER] = "listener", [FAULT_SOCKET] = "socket",
    [FAULT_EVENTFD] = "eventfd",   [FAULT_EPOLL] = "epoll",       [FAULT_PIPE] = "pipe",
    [FAULT_SERVER] = "server",     [FAULT_LIBEVENT] = "libevent", [FAULT_SQLITE] = "sqlite",
    [FAULT_OTHER] = "other",
};

/* What fails, but for n. */
struct target {
    enum state state;
    int call, class, error;
    bool on;        /* from the n-th on */
    uint64_t calls; /* without a fault */
};

struct point {
    uint32_t target;
    uint32_t n;
    uint64_t rank; /* among all, in the order of trying */
};

struct watcher {
    struct peer *peer;
    bool subscribed;
    uint64_t seqs[BOOK_POLLS];
    struct book *book;
};

enum outcome { SERVED, CLOSED, REFUSED, NOT_STARTED, EXITED, ABORTED, NOT_REACHED, OUTCOMES };

struct run {
    struct victim victim;
    struct book book;
    char left[VICTIM_PATH_MAX]; /* the directory of the database that a killed server left */
    enum state state;
    const struct target *target; /* NULL without a fault */
    bool may_wait;               /* to be accepted, in vain */
    bool closed;                 /* some connection ended early */
    bool stopped;                /* it was told to stop */
    struct watcher watchers[BOOK_POLLS];
    size_t next_single;
    uint64_t outcomes[OUTCOMES];
    uint64_t failures;
};

/* ---- what a client does ---- */

/* Connects for one thing to be done; gives up after a few tries. */
static struct peer *connect_for(struct run *run, bool admin)
{
    for (unsigned try = 0; try < TRIES; try++) {
        struct peer *peer = peer_connect(&run->victim, admin, run->may_wait);
        if (peer)
            return peer;
        run->closed = true;
    }
    return NULL;
}

static void create_polls(struct run *run)
{
    for (unsigned poll = 0; poll < BOOK_POLLS; poll++)
        for (unsigned try = 0; try < TRIES && run->book.polls[poll] != FATE_COUNTED; try++) {
            struct peer *admin = connect_for(run, true);
            if (admin && !book_create(&run->book, admin, poll))
                run->closed = true;
            peer_close(admin);
        }
}

/* Casts ballots in one go; those that were lost or refused again, over another connection. */
static void cast(struct run *run, size_t from, size_t to)
{
    for (unsigned try = 0; try < TRIES; try++) {
        struct peer *voter = connect_for(run, false);
        if (!voter)
            return;
        book_send(&run->book, voter, from, to, false);
        if (!book_take_answers(&run->book, voter, from, to, false))
            run->closed = true;
        peer_close(voter);
    }
}

static void take_push(void *context, const char *line)
{
    struct watcher *watcher = context;
    uint64_t seq;
    if (strncmp(line, "> ", 2) != 0)
        victim_fail(watcher->book->victim, "a subscriber is sent \"%s\"", line);
    unsigned poll = book_show(watcher->book, line + 2, &seq);
    if (poll == BOOK_POLLS)
        return;
    if (seq < watcher->seqs[poll])
        victim_fail(watcher->book->victim, "a subscriber is sent an older tally: \"%s\"", line);
    watcher->seqs[poll] = seq;
}

/* A loop that can't wait for events ends the server, which says so to all. */
static bool is_ending(const char *reply)
{
    return strncmp(reply, "-SHUTTING-DOWN ", 15) == 0;
}

/* One follows a poll, the other one all of them at its own pace. */
static void subscribe(struct run *run)
{
    static const char *const lines[BOOK_POLLS] = {"SUBSCRIBE lunch", "SUBSCRIBE * every=15"};
    for (unsigned i = 0; i < BOOK_POLLS; i++) {
        struct watcher *watcher = &run->watchers[i];
        *watcher = (struct watcher){.book = &run->book};
        for (unsigned try = 0; try < TRIES && !watcher->subscribed; try++) {
            peer_close(watcher->peer);
            watcher->peer = connect_for(run, false);
            const char *reply =
                watcher->peer ? peer_ask(watcher->peer, lines[i], take_push, watcher) : NULL;
            watcher->subscribed = reply && strncmp(reply, "+OK ", 4) == 0;
            if (reply && !watcher->subscribed && strncmp(reply, "-LIMIT ", 7) != 0 &&
                strncmp(reply, "-NO-SUCH-POLL ", 14) != 0 && !is_ending(reply))
                victim_fail(&run->victim, "%s is answered \"%s\"", lines[i], reply);
        }
    }
}

/* A subscriber that reads gets the last tally of a poll. */
static void await_last_tally(struct run *run, struct watcher *watcher, unsigned poll, uint64_t seq)
{
    while (watcher->subscribed && watcher->peer->fd >= 0 && watcher->seqs[poll] < seq) {
        const char *line = peer_line(watcher->peer);
        if (line)
            take_push(watcher, line);
        else
            run->closed = true;
    }
}

static void show_and_await(struct run *run)
{
    struct peer *peer = connect_for(run, false);
    for (unsigned poll = 0; peer && poll < BOOK_POLLS; poll++) {
        char line[64];
        uint64_t seq = 0;
        snprintf(line, sizeof line, "SHOW %s", book_poll_names[poll]);
        const char *reply = peer_ask(peer, line, NULL, NULL);
        if (!reply || is_ending(reply) ||
            (run->book.polls[poll] != FATE_COUNTED && strncmp(reply, "-NO-SUCH-POLL ", 14) == 0))
            break;
        if (strncmp(reply, "+OK ", 4) != 0 || book_show(&run->book, reply + 4, &seq) != poll)
            victim_fail(&run->victim, "%s is answered \"%s\"", line, reply);
        if (poll == 0)
            await_last_tally(run, &run->watchers[0], poll, seq);
        await_last_tally(run, &run->watchers[1], poll, seq);
    }
    peer_close(peer);
}

/* What the administrator does besides. Of an answer, only its form is judged. */
static void administer(struct run *run)
{
    static const char *const lines[] = {
        "STATS",
        "CLIENTS",
        "TITLE lunch What shall we eat?",
        "LABEL lunch sushi Raw fish",
        "CLOSE noise",
        "OPEN noise",
        "POLLS",
        "DESCRIBE lunch",
    };
    enum { LINES = sizeof lines / sizeof lines[0] };
    char backup[VICTIM_PATH_MAX + 32], line[VICTIM_PATH_MAX + 64];
    snprintf(backup, sizeof backup, "%s/backup", run->victim.directory);
    snprintf(line, sizeof line, "BACKUP %s", backup);
    struct peer *admin = NULL;
    const char *reply = NULL;
    for (unsigned i = 0; i <= LINES; i++) {
        if (!admin && !(admin = connect_for(run, true)))
            return;
        reply = peer_ask(admin, i < LINES ? lines[i] : line, NULL, NULL);
        if (!reply) {
            run->closed = true;
            peer_close(admin);
            admin = NULL;
        }
    }
    if (reply && reply[0] == '+')
        book_query(&run->book, backup,
                   "SELECT 1 / (count(*) = 0) FROM pragma_integrity_check WHERE "
                   "integrity_check <> 'ok'");
    peer_close(admin);
}

static uint64_t calls_made(const struct run *run)
{
    uint64_t sum = 0;
    for (int call = 0; call < FAULT_CALLS; call++)
        for (int class = 0; class < FAULT_CLASSES; class ++)
            sum += atomic_load(&run->victim.plan->calls[call][class]);
    return sum;
}

/* A spin shows in the processor's time and, where others keep the processor busy, in the calls. */
static void assert_idle(struct run *run)
{
    uint64_t before = calls_made(run);
    unsigned load = victim_load(&run->victim, IDLE_MS);
    uint64_t made = calls_made(run) - before;
    if (made > IDLE_CALLS)
        victim_fail(&run->victim, "it has nothing to do, and makes %" PRIu64 " calls in %d ms",
                    made, IDLE_MS);
    if (load >= IDLE_LOAD && (load = victim_load(&run->victim, 10 * IDLE_MS)) >= IDLE_LOAD)
        victim_fail(&run->victim, "it has nothing to do, and takes %u%% of a processor", load);
}

/* ---- a run ---- */

static void use_service(struct run *run)
{
    struct book *book = &run->book;
    create_polls(run);
    subscribe(run);
    cast(run, 0, WAVE);
    administer(run);
    cast(run, WAVE, 2 * WAVE);
    for (size_t i = 2 * WAVE; i < book->ballot_count; i++)
        cast(run, i, i + 1);
    show_and_await(run);
    assert_idle(run);
}

static void take_last_words(struct run *run)
{
    for (unsigned i = 0; i < BOOK_POLLS; i++) {
        struct watcher *watcher = &run->watchers[i];
        const char *line;
        while (watcher->peer && (line = peer_line(watcher->peer)))
            if (line[0] == '>')
                take_push(watcher, line);
        peer_close(watcher->peer);
        *watcher = (struct watcher){0};
    }
}

/* An end by itself, or a stop that did not go well, must be told in the log's last line. */
static void assert_said_why(const struct run *run, int status)
{
    char *log = victim_log(&run->victim), *last = log, *end;
    size_t len = strlen(log);
    if (len > 0 && log[len - 1] == '\n')
        log[len - 1] = '\0';
    while ((end = strchr(last, '\n'))) {
        *end = '\0';
        last = end + 1;
    }
    bool lost = run->target && run->target->class == FAULT_STDERR;
    bool said = strstr(last, " error ") || strncmp(last, "tallycast: ", 11) == 0;
    /* Until an abort is done, other threads may have a word. */
    for (const char *line = log; status == -SIGABRT && !said && line < last;
         line += strlen(line) + 1)
        said = strstr(line, " error ") != NULL;
    free(log);
    if (status != 1 && status != -SIGABRT)
        victim_fail(&run->victim, "it ended with %s %d", status < 0 ? "signal" : "status",
                    abs(status));
    if (!said && !lost)
        victim_fail(&run->victim, "it ended without saying why");
}

/* Runs the scenario with the plan in force. Returns how the process ended. */
static int run_server(struct run *run, bool *started)
{
    *started = victim_start(&run->victim, true);
    run->closed = run->stopped = false;
    if (*started)
        use_service(run);
    bool alone = *started && !run->victim.says_it_stops && !victim_has_ended(&run->victim);
    if (alone) /* one that says that it stops must end without */
        victim_signal(&run->victim, SIGTERM);
    take_last_words(run);
    int status = victim_wait(&run->victim, VICTIM_STOP_MS);
    if (status != 0 || !alone)
        assert_said_why(run, status);
    return status;
}

/* A server without faults takes everything again, and the database agrees. */
static void judge(struct run *run)
{
    struct book *book = &run->book;
    run->may_wait = false;
    if (!victim_start(&run->victim, false))
        victim_fail(&run->victim, "it does not start again");
    struct peer *admin = peer_connect(&run->victim, true, false);
    struct peer *voter = peer_connect(&run->victim, false, false);
    if (!admin || !voter)
        victim_fail(&run->victim, "started again, it does not take connections");
    for (unsigned poll = 0; poll < BOOK_POLLS; poll++)
        if (!book_create(book, admin, poll) || book->polls[poll] != FATE_COUNTED)
            victim_fail(&run->victim, "started again, it does not create %s",
                        book_poll_names[poll]);
    peer_ask(admin, "OPEN noise", NULL, NULL); /* the first server may have been stopped by CLOSE */
    book_send(book, voter, 0, book->ballot_count, true);
    book_take_answers(book, voter, 0, book->ballot_count, true);
    if (book_count(book, FATE_COUNTED) != book->ballot_count)
        victim_fail(&run->victim, "started again, it does not count every ballot");
    show_and_await(run);
    peer_close(admin);
    peer_close(voter);
    victim_signal(&run->victim, SIGTERM);
    if (victim_wait(&run->victim, VICTIM_STOP_MS) != 0)
        victim_fail(&run->victim, "started again, it does not stop in good order");
    book_judge(book, run->victim.database, run->state == EXISTING ? OLD_BALLOTS : 0);
}

static void copy(const char *from, const char *to)
{
    char bytes[16384];
    size_t n;
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    if (!in || !out) {
        perror(from);
        abort();
    }
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        if (fwrite(bytes, 1, n, out) != n)
            abort();
    fclose(in);
    if (fclose(out) != 0)
        abort();
}

static const char *const kept_files[] = {"votes.db", "votes.db-wal", "votes.db.key"};

static void copy_files(const char *from, const char *to)
{
    for (size_t i = 0; i < sizeof kept_files / sizeof kept_files[0]; i++) {
        char old[VICTIM_PATH_MAX * 2], new[VICTIM_PATH_MAX * 2];
        snprintf(old, sizeof old, "%s/%s", from, kept_files[i]);
        snprintf(new, sizeof new, "%s/%s", to, kept_files[i]);
        copy(old, new);
    }
}

static void set_out(struct run *run, enum state state)
{
    victim_clear(&run->victim);
    run->state = state;
    book_init(&run->book, &run->victim);
    for (unsigned i = 0; i < 2 * WAVE + SINGLES; i++)
        book_add(&run->book, i < WAVE ? 0 : i % BOOK_POLLS);
    if (state == EXISTING) {
        copy_files(run->left, run->victim.directory);
        for (unsigned poll = 0; poll < BOOK_POLLS; poll++)
            run->book.polls[poll] = FATE_COUNTED;
    }
}

static enum outcome outcome_of(const struct run *run, bool started, int status)
{
    if (atomic_load(&run->victim.plan->fired) == 0)
        return NOT_REACHED;
    if (status == -SIGABRT)
        return ABORTED;
    if (status != 0)
        return started ? EXITED : NOT_STARTED;
    if (run->book.refused_storage + run->book.refused_otherwise > 0)
        return REFUSED;
    return run->closed ? CLOSED : SERVED;
}

static const char *error_name(int error)
{
    return error == FAULT_SHORT ? "SHORT" : strerrorname_np(error);
}

/* Tries one point. */
static enum outcome try_point(struct run *run, const struct target *target, uint64_t n)
{
    char what[128];
    bool brief = target->error == EINTR || target->error == EAGAIN;
    struct fault_plan *plan = run->victim.plan;
    snprintf(what, sizeof what, "TALLYCAST_FAULT=%s:%s:%s:%" PRIu64 ":%s:%s",
             state_names[target->state], calls[target->call].name, class_names[target->class], n,
             error_name(target->error), target->on ? "on" : "once");
    run->victim.what = what;
    run->target = target;
    set_out(run, target->state);
    plan->call = target->call;
    plan->class = target->class;
    plan->error = target->error;
    plan->first = n;
    plan->count = !target->on ? 1 : brief ? BURST : UINT64_MAX;
    run->may_wait = target->call == FAULT_CALL_accept4 && target->on;
    run->victim.greeting_ms = run->may_wait && !brief ? GIVE_UP_MS : VICTIM_PATIENCE_MS;
    bool started;
    int status = run_server(run, &started);
    enum outcome outcome = outcome_of(run, started, status);
    run->victim.greeting_ms = VICTIM_PATIENCE_MS;
    judge(run);
    book_free(&run->book);
    run->victim.what = NULL;
    return outcome;
}

/* Tries one point in a process of its own, so that after a failure the other points are tried too.
 * Returns whether it was reached; where it failed, that is told by then. */
static bool try_apart(struct run *run, const struct target *target, uint64_t n)
{
    int status;
    pid_t pid = fork();
    if (pid < 0)
        torture_fail(run->victim.torture, "fork: %s", strerror(errno));
    if (pid == 0)
        exit(OUTCOME_STATUS + (int)try_point(run, target, n));
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        torture_fail(run->victim.torture, "a case ended by a signal");
    if (WEXITSTATUS(status) < OUTCOME_STATUS) {
        run->failures++;
        return true;
    }
    unsigned outcome = (unsigned)(WEXITSTATUS(status) - OUTCOME_STATUS);
    run->outcomes[outcome]++;
    return outcome != NOT_REACHED;
}

/* ---- what to try ---- */

/* A run in which nothing fails, to count the calls. */
static void count_calls(struct run *run, enum state state)
{
    bool started;
    run->target = NULL;
    set_out(run, state);
    run->victim.plan->first = 0;
    if (run_server(run, &started) != 0 || !started || run->closed)
        victim_fail(&run->victim, "without a fault, something goes wrong");
    uint64_t made[FAULT_CALLS][FAULT_CLASSES];
    memcpy(made, (void *)run->victim.plan->calls, sizeof made);
    judge(run);
    memcpy((void *)run->victim.plan->calls, made, sizeof made);
    book_free(&run->book);
}

/* Makes the database that a killed server left: with a log that is to be recovered. */
static void make_left(struct run *run)
{
    set_out(run, FRESH);
    run->victim.plan->first = 0;
    if (!victim_start(&run->victim, false))
        victim_fail(&run->victim, "it does not start");
    struct peer *admin = peer_connect(&run->victim, true, false);
    for (unsigned poll = 0; poll < BOOK_POLLS; poll++)
        book_create(&run->book, admin, poll);
    for (unsigned i = 0; i < OLD_BALLOTS; i++) {
        char line[64];
        snprintf(line, sizeof line,
                 i % 2 ? "VOTE lunch pizza as=old%u" : "VOTE noise loud id=old%u", i);
        peer_ask(admin, line, NULL, NULL);
    }
    peer_close(admin);
    victim_signal(&run->victim, SIGKILL);
    victim_wait(&run->victim, VICTIM_STOP_MS);
    copy_files(run->victim.directory, run->left);
    book_free(&run->book);
}

/* Not what no kernel does: a byte that is written to an empty pipe, or read from one that holds it,
 * goes through; an eventfd takes and gives all its eight bytes or none. */
static bool can_fail(int call, int class, int error)
{
    if (class == FAULT_PIPE)
        return call != FAULT_CALL_read && call != FAULT_CALL_write;
    return class != FAULT_EVENTFD || error != FAULT_SHORT;
}

static size_t add_targets(struct run *run, enum state state, struct target *targets, size_t count)
{
    count_calls(run, state);
    for (int call = 0; call < FAULT_CALLS; call++)
        for (int class = 0; class < FAULT_CLASSES; class ++) {
            uint64_t made = run->victim.plan->calls[call][class];
            for (unsigned i = 0; made > 0 && calls[call].errors[i]; i++)
                for (int on = 0; on < 2 && can_fail(call, class, calls[call].errors[i]); on++) {
                    if (count == TARGETS_MAX)
                        abort();
                    targets[count++] =
                        (struct target){state, call, class, calls[call].errors[i], on, made};
                }
        }
    return count;
}

static int compare_points(const void *a, const void *b)
{
    const struct point *left = a, *right = b;
    return (left->rank > right->rank) - (left->rank < right->rank);
}

/* All points: a random one of each target, then a second one of each that has it, and so on. */
static struct point *make_points(struct torture *torture, const struct target *targets,
                                 size_t target_count, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < target_count; i++)
        *count += targets[i].calls;
    struct point *points = calloc(*count, sizeof *points), *at = points;
    if (!points)
        abort();
    torture->state = torture->seed;
    for (uint32_t i = 0; i < target_count; i++) {
        uint64_t made = targets[i].calls;
        for (uint32_t n = 0; n < made; n++) {
            uint64_t other = torture_random(torture, n + 1); /* a shuffle as it grows */
            at[n] = (struct point){.target = i, .n = at[other].n};
            at[other].n = n + 1;
        }
        for (uint32_t n = 0; n < made; n++)
            at[n].rank = (uint64_t)n << 32 | torture_random(torture, UINT32_MAX);
        at += made;
    }
    qsort(points, *count, sizeof *points, compare_points);
    return points;
}

/* ---- one point, from the environment ---- */

static int find_name(const char *name, const char *const *names, int count)
{
    int i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

static int find_error(const char *name)
{
    for (int error = 1; error < 200; error++)
        if (strerrorname_np(error) && strcmp(strerrorname_np(error), name) == 0)
            return error;
    return FAULT_SHORT;
}

static void usage_of_variable(void)
{
    fprintf(stderr, "TALLYCAST_FAULT is STATE:CALL:CLASS:N:ERROR:once|on, where N may be *\n");
    exit(2);
}

/* One point, or all those of a kind. */
static void try_chosen(struct run *run, const char *text)
{
    char state[16], call[32], class[16], n[24], error[32], mode[8];
    if (sscanf(text, "%15[^:]:%31[^:]:%15[^:]:%23[^:]:%31[^:]:%7s", state, call, class, n, error,
               mode) != 6)
        usage_of_variable();
    struct target target = {.state = (enum state)find_name(state, state_names, STATES),
                            .class = find_name(class, class_names, FAULT_CLASSES),
                            .error = find_error(error),
                            .on = strcmp(mode, "on") == 0};
    while (target.call < FAULT_CALLS && strcmp(calls[target.call].name, call) != 0)
        target.call++;
    if (target.state == STATES || target.class == FAULT_CLASSES || target.call == FAULT_CALLS)
        usage_of_variable();
    uint64_t first = strcmp(n, "*") == 0 ? 1 : strtoull(n, NULL, 10), at = first;
    bool reached = try_apart(run, &target, at);
    while (*n == '*' && reached && run->failures < FAILURES_MAX)
        reached = try_apart(run, &target, ++at);
    printf("%s: %s after %" PRIu64 ", failures=%" PRIu64 "\n", text,
           reached ? "reached" : "not reached", at - first, run->failures);
}

/* Which points are this program's. The same ones in each run: by what they are, not by their order,
 * since how often a call is made differs a little from run to run. */
struct share {
    unsigned number, of;
};

static struct share read_share(void)
{
    struct share share = {0, 1};
    const char *text = getenv("TALLYCAST_FAULT_SHARE");
    if (text &&
        (sscanf(text, "%u/%u", &share.number, &share.of) != 2 || share.number >= share.of)) {
        fprintf(stderr, "TALLYCAST_FAULT_SHARE is K/N, where K is less than N\n");
        exit(2);
    }
    return share;
}

static bool is_mine(struct share share, const struct target *target, uint64_t n)
{
    uint64_t what = (uint64_t)target->call + (uint64_t)target->class + (uint64_t)target->state +
                    (uint64_t)(target->error - FAULT_SHORT) + target->on + n;
    return what % share.of == share.number;
}

static void try_points(struct run *run, struct torture *torture)
{
    struct share share = read_share();
    static struct target targets[TARGETS_MAX];
    size_t target_count = 0, point_count;
    for (enum state state = FRESH; state < STATES; state++)
        target_count = add_targets(run, state, targets, target_count);
    struct point *points = make_points(torture, targets, target_count, &point_count);
    for (size_t i = 0; i < point_count && run->failures < FAILURES_MAX; i++) {
        const struct target *target = &targets[points[i].target];
        uint64_t n = points[i].n;
        if (!is_mine(share, target, n))
            continue;
        if (!torture_next(torture))
            break;
        while (try_apart(run, target, n) && n >= target->calls && run->failures < FAILURES_MAX)
            n++;
    }
    free(points);
    torture_end(torture,
                "kinds=%zu points=%zu served=%" PRIu64 " closed=%" PRIu64 " refused=%" PRIu64
                " not_started=%" PRIu64 " exited=%" PRIu64 " aborted=%" PRIu64
                " not_reached=%" PRIu64 " failures=%" PRIu64,
                target_count, point_count, run->outcomes[SERVED], run->outcomes[CLOSED],
                run->outcomes[REFUSED], run->outcomes[NOT_STARTED], run->outcomes[EXITED],
                run->outcomes[ABORTED], run->outcomes[NOT_REACHED], run->failures);
}

int main(int argc, char **argv)
{
    struct torture torture;
    static struct run run;
    torture_begin(&torture, "faults", UINT64_MAX, argc, argv);
    victim_init(&run.victim, &torture);
    struct victim left;
    victim_init(&left, &torture);
    strcpy(run.left, left.directory);
    make_left(&run);
    const char *one = getenv("TALLYCAST_FAULT");
    if (one)
        try_chosen(&run, one);
    else
        try_points(&run, &torture);
    victim_end(&run.victim);
    victim_end(&left);
    return run.failures == 0 ? 0 : 1;
}
