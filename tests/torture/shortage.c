/* Real shortage: of room on the disk, descriptors, memory, processors, and of time that goes
 * evenly. Each case is one scenario on a server of its own, all of them in turn.
 *
 * In each, some vote, one subscribes; the server is brought into trouble and, where there is a way
 * out, out of it. What was acknowledged must be in the database once, and what was refused must not
 * (book.h); those who are connected are served as far as the shortage allows; nothing hangs, and
 * nothing spins.
 *
 * Small and read-only file systems need the right to mount. Where there is none, that is said, and
 * counted as not run. */
#include "tests/torture/book.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WAVE = 200,           /* ballots that are pipelined */
    DISK_BALLOTS = 60000, /* more than fit on the small disk */
    FULL_WAVES = 5,
    READ_ONLY_WRITES = 40, /* that are refused, until the disk is well again */
    IDLE_MS = 200,
    IDLE_LOAD = 40, /* percent of a processor that a server with nothing to do may take */
    CROWD = 200,    /* connections, where descriptors or memory are short */
    SPARE_MEMORY = 16 << 20,
    STOPPED_MS = 5000,
    BUSY_BALLOTS = 1000,
    CPUS_MAX = 256,
    DAY_S = 86400,
};

struct scene {
    struct torture *torture;
    struct victim victim;
    struct book book;
    struct peer *voter;
    struct peer *watcher; /* of both polls */
    uint64_t seen[BOOK_POLLS];
    bool mounted;
};

/* What the scenarios found, for the line of figures. */
static struct {
    uint64_t not_run, disk_refused, descriptors_refused, memory_closed, memory_ended;
    uint64_t busy_p99_us;
} figures;

/* ---- voting and watching ---- */

static void take_push(void *context, const char *line)
{
    struct scene *scene = context;
    uint64_t seq;
    unsigned poll = line[0] == '>' ? book_show(&scene->book, line + 2, &seq) : BOOK_POLLS;
    if (poll == BOOK_POLLS || seq < scene->seen[poll])
        victim_fail(&scene->victim, "a subscriber is sent \"%s\"", line);
    scene->seen[poll] = seq;
}

static struct peer *connect_or_fail(struct scene *scene, bool admin)
{
    struct peer *peer = peer_connect(&scene->victim, admin, false);
    if (!peer)
        victim_fail(&scene->victim, "it does not take a connection");
    return peer;
}

static void ask(struct scene *scene, struct peer *peer, const char *line, const char *reply)
{
    const char *came = peer_ask(peer, line, take_push, scene);
    if (!came || strncmp(came, reply, strlen(reply)) != 0)
        victim_fail(&scene->victim, "%s is answered \"%s\"", line, came ? came : "nothing");
}

/* Creates the polls; one votes, one subscribes. */
static void open_scene(struct scene *scene)
{
    struct peer *admin = connect_or_fail(scene, true);
    for (unsigned poll = 0; poll < BOOK_POLLS; poll++)
        if (!book_create(&scene->book, admin, poll) || scene->book.polls[poll] != FATE_COUNTED)
            victim_fail(&scene->victim, "a poll can't be created");
    peer_close(admin);
    scene->voter = connect_or_fail(scene, false);
    scene->watcher = connect_or_fail(scene, false);
    ask(scene, scene->watcher, "SUBSCRIBE *", "+OK 2");
}

static void start(struct scene *scene, bool preloaded)
{
    if (!victim_start(&scene->victim, preloaded))
        victim_fail(&scene->victim, "it does not start");
    open_scene(scene);
}

static size_t add_wave(struct scene *scene, size_t count)
{
    size_t from = scene->book.ballot_count;
    for (size_t i = 0; i < count; i++)
        book_add(&scene->book, i % BOOK_POLLS);
    return from;
}

/* Casts ballots and takes their answers, each of which must come. */
static void cast(struct scene *scene, size_t from, size_t to)
{
    book_send(&scene->book, scene->voter, from, to, false);
    if (!book_take_answers(&scene->book, scene->voter, from, to, false))
        victim_fail(&scene->victim, "a voter's connection ended");
}

/* The tally is shown, and whoever reads gets it. */
static void await_last_tally(struct scene *scene)
{
    for (unsigned poll = 0; poll < BOOK_POLLS; poll++) {
        char line[64];
        uint64_t seq = 0;
        snprintf(line, sizeof line, "SHOW %s", book_poll_names[poll]);
        const char *reply = peer_ask(scene->voter, line, NULL, NULL);
        if (!reply || reply[0] != '+' || book_show(&scene->book, reply + 4, &seq) != poll)
            victim_fail(&scene->victim, "%s is answered \"%s\"", line, reply ? reply : "nothing");
        while (scene->seen[poll] < seq) {
            const char *push = peer_line(scene->watcher);
            if (!push)
                victim_fail(&scene->victim, "a subscriber's connection ended");
            take_push(scene, push);
        }
    }
}

static void assert_idle(struct scene *scene, const char *when)
{
    unsigned load = victim_load(&scene->victim, IDLE_MS);
    if (load >= IDLE_LOAD && (load = victim_load(&scene->victim, 5 * IDLE_MS)) >= IDLE_LOAD)
        victim_fail(&scene->victim, "%s it takes %u%% of a processor", when, load);
}

static void hang_up(struct scene *scene)
{
    peer_close(scene->voter);
    peer_close(scene->watcher);
    scene->voter = scene->watcher = NULL;
}

static void stop_server(struct scene *scene)
{
    hang_up(scene);
    victim_signal(&scene->victim, SIGTERM);
    if (victim_wait(&scene->victim, VICTIM_STOP_MS) != 0)
        victim_fail(&scene->victim, "it does not stop in good order");
}

/* After an end of any kind: a server without shortage takes every ballot, and the database agrees.
 */
static void start_again_and_judge(struct scene *scene)
{
    scene->victim.open_files = scene->victim.address_space = 0;
    memset(scene->seen, 0, sizeof scene->seen);
    start(scene, false);
    book_send(&scene->book, scene->voter, 0, scene->book.ballot_count, true);
    book_take_answers(&scene->book, scene->voter, 0, scene->book.ballot_count, true);
    if (book_count(&scene->book, FATE_COUNTED) != scene->book.ballot_count)
        victim_fail(&scene->victim, "started again, it does not count every ballot");
    await_last_tally(scene);
    stop_server(scene);
    book_judge(&scene->book, scene->victim.database, 0);
}

/* A thread of the server's own writes the log, so what it says may come a moment after the reply.
 */
static bool log_says(const struct victim *victim, const char *words)
{
    int64_t deadline_ms = victim_now_ms() + VICTIM_PATIENCE_MS;
    bool says = false;
    while (!says && victim_now_ms() < deadline_ms) {
        char *log = victim_log(victim);
        says = strstr(log, words) != NULL;
        free(log);
    }
    return says;
}

/* It ended by itself: with status 1 or an abort, and an error in the log's last line. */
static void assert_said_why(struct scene *scene, int status)
{
    char *log = victim_log(&scene->victim);
    size_t len = strlen(log);
    if (len > 0)
        log[len - 1] = '\0';
    const char *last = strrchr(log, '\n');
    if ((status != 1 && status != -SIGABRT) || !strstr(last ? last : log, " error "))
        victim_fail(&scene->victim, "it ended with %d, and without saying why", status);
    free(log);
}

/* ---- the disk ---- */

static const char *disk(const struct scene *scene)
{
    static char path[VICTIM_PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/disk", scene->victim.directory);
    return path;
}

/* The mounts are seen by this process and its servers alone, and end with them. */
static bool use_small_disk(struct scene *scene)
{
    if (mkdir(disk(scene), 0700) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", disk(scene), "tmpfs", 0, "size=1m") != 0) {
        fprintf(stderr, "shortage: NOT RUN: can't mount a small file system: %s\n",
                strerror(errno));
        figures.not_run++;
        return false;
    }
    scene->mounted = true;
    snprintf(scene->victim.database, sizeof scene->victim.database, "%.240s/disk/votes.db",
             scene->victim.directory);
    return true;
}

static void remount(struct scene *scene, unsigned long flags, const char *options)
{
    if (mount("tmpfs", disk(scene), "tmpfs", MS_REMOUNT | flags, options) != 0)
        torture_fail(scene->torture, "can't mount %s again: %s", disk(scene), strerror(errno));
}

/* Votes until some waves in a row are refused whole: after the first, moving the log into the
 * database makes room once more. */
static void fill_disk(struct scene *scene)
{
    for (unsigned in_a_row = 0; in_a_row < FULL_WAVES;) {
        uint64_t refused = scene->book.refused_storage;
        size_t from = add_wave(scene, WAVE);
        cast(scene, from, from + WAVE);
        in_a_row = scene->book.refused_storage - refused == WAVE ? in_a_row + 1 : 0;
        if (from > DISK_BALLOTS)
            victim_fail(&scene->victim, "a disk of 1 MiB takes %zu ballots", from);
    }
}

static void full_disk(struct scene *scene)
{
    if (!use_small_disk(scene))
        return;
    start(scene, false);
    fill_disk(scene);
    await_last_tally(scene); /* everything else is served */
    ask(scene, scene->voter, "PING full", "+OK full");
    assert_idle(scene, "on a full disk");
    figures.disk_refused += scene->book.refused_storage;

    remount(scene, 0, "size=64m");
    cast(scene, 0, scene->book.ballot_count); /* what was refused, in one go */
    if (book_count(&scene->book, FATE_COUNTED) != scene->book.ballot_count)
        victim_fail(&scene->victim, "there is room again, and not every ballot is counted");
    await_last_tally(scene);
    stop_server(scene);
    book_judge(&scene->book, scene->victim.database, 0);
}

/* The kernel does not make a file system read-only under an open file on request (an error of the
 * disk makes ext4 do that), so writes that are refused as on one stand for it. */
static void refuse_writes(struct scene *scene)
{
    struct fault_plan *plan = scene->victim.plan;
    *plan = (struct fault_plan){.call = FAULT_CALL_pwrite,
                                .class = FAULT_WAL,
                                .error = EROFS,
                                .first = 60,
                                .count = READ_ONLY_WRITES};
    start(scene, true);
    while (scene->book.refused_storage == 0 && scene->book.ballot_count < 1000) {
        size_t from = add_wave(scene, 1);
        cast(scene, from, from + 1);
    }
    if (scene->book.refused_storage == 0 || !log_says(&scene->victim, "Read-only file system"))
        victim_fail(&scene->victim, "writes are refused, and it does not say so");
    await_last_tally(scene); /* everything else is served */
    assert_idle(scene, "on a read-only disk");

    for (unsigned i = 0; i <= READ_ONLY_WRITES; i++)
        cast(scene, 0, scene->book.ballot_count);
    if (book_count(&scene->book, FATE_COUNTED) != scene->book.ballot_count)
        victim_fail(&scene->victim, "it can be written again, and not every ballot is counted");
    figures.disk_refused += scene->book.refused_storage;
    await_last_tally(scene);
    stop_server(scene);
    book_judge(&scene->book, scene->victim.database, 0);
}

static void read_only_disk(struct scene *scene)
{
    if (!use_small_disk(scene))
        return;
    refuse_writes(scene);
    remount(scene, MS_RDONLY, NULL);
    if (victim_start(&scene->victim, false))
        victim_fail(&scene->victim, "it starts on a read-only file system");
    assert_said_why(scene, victim_wait(&scene->victim, VICTIM_STOP_MS));
    if (!log_says(&scene->victim, "Read-only file system"))
        victim_fail(&scene->victim, "it does not say that the file system is read-only");
    remount(scene, 0, "size=4m");
    start_again_and_judge(scene);
}

/* ---- descriptors and memory ---- */

/* Connects a crowd, takes the greetings that come, and leaves the rest waiting. Returns how many
 * were let in. */
static unsigned connect_crowd(struct scene *scene, struct peer *crowd[CROWD])
{
    unsigned count = 0;
    scene->victim.greeting_ms = IDLE_MS;
    for (unsigned i = 0; i < CROWD && !victim_has_ended(&scene->victim); i++) {
        struct peer *peer = peer_connect(&scene->victim, false, true);
        if (peer)
            crowd[count++] = peer;
        else if (count + WAVE / 4 < i)
            break; /* enough were refused */
    }
    scene->victim.greeting_ms = VICTIM_PATIENCE_MS;
    return count;
}

/* Others have left: as soon as the server has noticed, there is room for one more. */
static void await_room(struct scene *scene)
{
    int64_t deadline_ms = victim_now_ms() + VICTIM_PATIENCE_MS;
    struct peer *peer;
    while (!(peer = peer_connect(&scene->victim, false, false)))
        if (victim_now_ms() > deadline_ms)
            victim_fail(&scene->victim, "others have left, and nobody else is let in");
    peer_close(peer);
}

/* The server raises its limit to the hard one, so this is all that it gets. */
static void few_descriptors(struct scene *scene)
{
    struct peer *crowd[CROWD];
    enum { DESCRIPTORS = 128 };
    scene->victim.open_files = DESCRIPTORS;
    start(scene, false);
    unsigned count = connect_crowd(scene, crowd);
    if (count == 0 || count >= DESCRIPTORS)
        victim_fail(&scene->victim, "with %d descriptors it takes %u connections", DESCRIPTORS,
                    count);
    figures.descriptors_refused++;
    for (unsigned i = 0; i < count; i++)
        ask(scene, crowd[i], "PING here", "+OK here");
    size_t from = add_wave(scene, WAVE);
    cast(scene, from, from + WAVE);
    await_last_tally(scene);
    assert_idle(scene, "without descriptors");
    for (unsigned i = 0; i < count; i++)
        peer_close(crowd[i]);
    await_room(scene);
    stop_server(scene);
    book_judge(&scene->book, scene->victim.database, 0);
}

static uint64_t address_space(const struct victim *victim)
{
    char path[64], line[256];
    uint64_t kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)victim->pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmPeak:", 7) == 0)
            kib = strtoull(line + 7, NULL, 10);
    if (file)
        fclose(file);
    return kib * 1024;
}

/* Many connections, each with a subscription, ballots of new voters, and half a line that must be
 * kept. Whatever happens to them is theirs; a hang is not. */
static void press(struct scene *scene)
{
    static char half[1000];
    struct peer *crowd[CROWD];
    size_t first = scene->book.ballot_count;
    memset(half, 'x', sizeof half);
    unsigned count = connect_crowd(scene, crowd);
    for (unsigned i = 0; i < count; i++) {
        peer_ask(crowd[i], "SUBSCRIBE * every=5", NULL, NULL);
        size_t from = add_wave(scene, WAVE);
        book_send(&scene->book, crowd[i], from, from + WAVE, false);
        peer_send(crowd[i], half, sizeof half);
    }
    for (unsigned i = 0; i < count; i++) {
        size_t from = first + i * (size_t)WAVE;
        if (!book_take_answers(&scene->book, crowd[i], from, from + WAVE, false))
            figures.memory_closed++;
        peer_close(crowd[i]);
    }
}

static void play_with_memory(struct scene *scene, uint64_t bytes)
{
    scene->victim.address_space = bytes;
    bool started = victim_start(&scene->victim, false);
    struct peer *admin = started ? peer_connect(&scene->victim, true, false) : NULL;
    for (unsigned poll = 0; admin && poll < BOOK_POLLS; poll++)
        if (!book_create(&scene->book, admin, poll))
            break;
    peer_close(admin);
    if (started)
        press(scene);
    bool alone = started && !victim_has_ended(&scene->victim);
    if (alone) {
        assert_idle(scene, "without memory");
        victim_signal(&scene->victim, SIGTERM);
    }
    int status = victim_wait(&scene->victim, VICTIM_STOP_MS);
    if (status != 0 || !alone) {
        figures.memory_ended++;
        assert_said_why(scene, status);
    }
    start_again_and_judge(scene);
}

/* What it has when it is ready, with all the stacks of its threads. */
static uint64_t memory_when_ready(struct scene *scene)
{
    if (!victim_start(&scene->victim, false))
        victim_fail(&scene->victim, "it does not start");
    uint64_t bytes = address_space(&scene->victim);
    stop_server(scene);
    return bytes;
}

static void too_little_memory(struct scene *scene)
{
    /* With much less not even its libraries can be loaded, and it is the loader that says so. */
    uint64_t half = memory_when_ready(scene) / 2;
    play_with_memory(scene, half + torture_random(scene->torture, half));
}

static void just_enough_memory(struct scene *scene)
{
    play_with_memory(scene,
                     memory_when_ready(scene) + torture_random(scene->torture, SPARE_MEMORY));
}

/* ---- time ---- */

static void jump(struct scene *scene, int64_t days)
{
    atomic_store(&scene->victim.plan->clock_offset_ns, days * DAY_S * 1000000000);
}

/* A client that asks and reads nothing, until neither side's buffers take more. */
static struct peer *stall(struct scene *scene)
{
    static char lines[64 * 1024];
    for (size_t i = 0; i + 5 <= sizeof lines; i += 5)
        memcpy(lines + i, "HELP\n", 5);
    struct peer *stalled = connect_or_fail(scene, false);
    struct pollfd writable = {.fd = stalled->fd, .events = POLLOUT};
    while (poll(&writable, 1, IDLE_MS) > 0 &&
           send(stalled->fd, lines, sizeof lines / 5 * 5, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    return stalled;
}

/* It is closed after --stall-timeout, whatever the wall clock does: not at once, not in a day. */
static void assert_stall_timeout(struct scene *scene, int64_t days)
{
    struct peer *stalled = stall(scene);
    struct pollfd ended = {.fd = stalled->fd, .events = POLLRDHUP};
    jump(scene, days);
    if (poll(&ended, 1, 0) > 0)
        victim_fail(&scene->victim, "the clock jumps, and a slow reader is closed at once");
    if (poll(&ended, 1, VICTIM_PATIENCE_MS) <= 0)
        victim_fail(&scene->victim, "the clock has jumped, and a stalled reader is not closed");
    peer_close(stalled);
    jump(scene, 0);
}

static void clock_jumps(struct scene *scene)
{
    static const int64_t days[] = {0, 1, 0, -1, 0, 1, -1, 0};
    static const char *const arguments[] = {"--stall-timeout", "2", NULL};
    struct timespec now;
    scene->victim.arguments = arguments;
    clock_gettime(CLOCK_REALTIME, &now);
    *scene->victim.plan = (struct fault_plan){.first = 0};
    start(scene, true);
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        jump(scene, days[i]);
        size_t from = add_wave(scene, WAVE);
        cast(scene, from, from + WAVE);
        await_last_tally(scene); /* within the patience of a client, not in a day */
        assert_idle(scene, "after a jump of the clock");
    }
    assert_stall_timeout(scene, 1);
    assert_stall_timeout(scene, -1);
    stop_server(scene);
    book_judge(&scene->book, scene->victim.database, 0);
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM ballot WHERE abs(time_ns / 1000000000 - %lld) > %d AND "
             "abs(abs(time_ns / 1000000000 - %lld) - %d) > 60",
             (long long)now.tv_sec, 60, (long long)now.tv_sec, DAY_S);
    if (book_query(&scene->book, scene->victim.database, sql) != 0)
        victim_fail(&scene->victim, "a ballot's time is none that the clock ever told");
}

/* Everything stands still for a while, with ballots in every buffer. */
static void stopped_process(struct scene *scene)
{
    start(scene, false);
    size_t from = add_wave(scene, 20 * (size_t)WAVE);
    book_send(&scene->book, scene->voter, from, scene->book.ballot_count, false);
    victim_signal(&scene->victim, SIGSTOP);
    struct pollfd never = {.fd = scene->victim.out, .events = POLLIN};
    poll(&never, 1, STOPPED_MS);
    victim_signal(&scene->victim, SIGCONT);
    if (!book_take_answers(&scene->book, scene->voter, from, scene->book.ballot_count, false) ||
        book_count(&scene->book, FATE_COUNTED) != scene->book.ballot_count)
        victim_fail(&scene->victim, "not every ballot was counted after the process stood still");
    await_last_tally(scene);
    assert_idle(scene, "after it stood still");
    stop_server(scene);
    book_judge(&scene->book, scene->victim.database, 0);
}

/* Takes all that one processor has, until it is killed. */
static pid_t occupy(unsigned cpu)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    alarm(60); /* should nobody be left to kill it */
    for (;;)
        ;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void busy_processors(struct scene *scene)
{
    static int64_t times_us[BUSY_BALLOTS];
    pid_t busy[CPUS_MAX];
    cpu_set_t allowed;
    unsigned count = 0;
    start(scene, false);
    sched_getaffinity(0, sizeof allowed, &allowed);
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            busy[count++] = occupy(cpu);
    for (size_t i = 0; i < BUSY_BALLOTS; i++) {
        size_t from = add_wave(scene, 1);
        int64_t began_us = now_us();
        cast(scene, from, from + 1);
        times_us[i] = now_us() - began_us;
    }
    size_t from = add_wave(scene, 20 * (size_t)WAVE);
    cast(scene, from, scene->book.ballot_count);
    await_last_tally(scene);
    for (unsigned i = 0; i < count; i++) {
        kill(busy[i], SIGKILL);
        waitpid(busy[i], NULL, 0);
    }
    qsort(times_us, BUSY_BALLOTS, sizeof times_us[0], compare_times);
    figures.busy_p99_us = (uint64_t)times_us[BUSY_BALLOTS * 99 / 100];
    stop_server(scene);
    book_judge(&scene->book, scene->victim.database, 0);
}

/* ---- all of them in turn ---- */

static const struct {
    const char *name;
    void (*play)(struct scene *scene);
} scenes[] = {
    {"full disk", full_disk},
    {"read-only disk", read_only_disk},
    {"few descriptors", few_descriptors},
    {"too little memory", too_little_memory},
    {"just enough memory", just_enough_memory},
    {"just enough memory", just_enough_memory},
    {"clock jumps", clock_jumps},
    {"stopped process", stopped_process},
    {"busy processors", busy_processors},
};
enum { SCENES = sizeof scenes / sizeof scenes[0] };

static void leave(struct scene *scene)
{
    if (scene->mounted && umount2(disk(scene), MNT_DETACH) != 0)
        torture_fail(scene->torture, "can't unmount %s: %s", disk(scene), strerror(errno));
    rmdir(disk(scene));
    book_free(&scene->book);
    victim_end(&scene->victim);
}

int main(int argc, char **argv)
{
    struct torture torture;
    torture_begin(&torture, "shortage", SCENES, argc, argv);
    for (size_t i = 0; torture_next(&torture); i++) {
        struct scene scene = {.torture = &torture};
        victim_init(&scene.victim, &torture);
        book_init(&scene.book, &scene.victim);
        scene.victim.what = scenes[i % SCENES].name;
        scenes[i % SCENES].play(&scene);
        leave(&scene);
    }
    torture_end(&torture,
                "not_run=%" PRIu64 " disk_refused=%" PRIu64 " descriptors_refused=%" PRIu64
                " memory_closed=%" PRIu64 " memory_ended=%" PRIu64 " busy_p99_us=%" PRIu64,
                figures.not_run, figures.disk_refused, figures.descriptors_refused,
                figures.memory_closed, figures.memory_ended, figures.busy_p99_us);
    return 0;
}
