/* Starting a server, with or without faults, and talking to it. */
#include "tests/torture/victim.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t victim_now_ms(void)
{
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

char *victim_log(const struct victim *victim)
{
    struct stat status = {0};
    int fd = open(victim->log, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) != 0)
        status.st_size = 0;
    char *text = malloc((size_t)status.st_size + 1);
    if (!text)
        abort();
    ssize_t len = fd >= 0 ? read(fd, text, (size_t)status.st_size) : 0;
    text[len > 0 ? len : 0] = '\0';
    if (fd >= 0)
        close(fd);
    return text;
}

enum {
    LOG_SHOWN = 4000, /* its last words are what matters */
    ARGUMENTS_MAX = 24,
    THREADS_MAX = 16,
};

void victim_fail(const struct victim *victim, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    char *log = victim_log(victim);
    size_t len = strlen(log);
    fprintf(stderr, "---- the server's log ----\n%s\n----\n",
            log + (len > LOG_SHOWN ? len - LOG_SHOWN : 0));
    if (getenv("TALLYCAST_TORTURE_HOLD") && victim->pid > 0) {
        fprintf(stderr, "holding the server, process %d, in %s\n", (int)victim->pid,
                victim->directory);
        pause();
    }
    if (victim->pid > 0)
        kill(victim->pid, SIGKILL);
    torture_fail(victim->torture, "%s: %s (in %s)", victim->what ? victim->what : "", message,
                 victim->directory);
}

/* ---- the process ---- */

static void require(const struct victim *victim, bool condition, const char *what)
{
    if (!condition)
        torture_fail(victim->torture, "%s: %s", what, strerror(errno));
}

void victim_init(struct victim *victim, const struct torture *torture)
{
    const char *parent = getenv("TMPDIR");
    *victim = (struct victim){.torture = torture, .out = -1, .greeting_ms = VICTIM_PATIENCE_MS};
    signal(SIGPIPE, SIG_IGN);
    snprintf(victim->directory, sizeof victim->directory, "%.200s/tallycast-torture-XXXXXX",
             parent ? parent : "/tmp");
    require(victim, mkdtemp(victim->directory) != NULL, victim->directory);
    snprintf(victim->plan_path, sizeof victim->plan_path, "%.240s/plan", victim->directory);
    snprintf(victim->log, sizeof victim->log, "%.240s/log", victim->directory);
    snprintf(victim->database, sizeof victim->database, "%.240s/votes.db", victim->directory);
    snprintf(victim->admin, sizeof victim->admin, "%.240s/votes.db.sock", victim->directory);
    int fd = open(victim->plan_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    require(victim, fd >= 0 && ftruncate(fd, sizeof *victim->plan) == 0, victim->plan_path);
    victim->plan = mmap(NULL, sizeof *victim->plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    require(victim, victim->plan != MAP_FAILED, victim->plan_path);
    close(fd);
}

static void remove_files(const char *directory, const char *kept)
{
    DIR *entries = opendir(directory);
    if (!entries)
        return;
    const struct dirent *entry;
    while ((entry = readdir(entries))) {
        char path[VICTIM_PATH_MAX * 3];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (entry->d_name[0] != '.' && (!kept || strcmp(path, kept) != 0))
            unlink(path);
    }
    closedir(entries);
}

void victim_clear(struct victim *victim)
{
    remove_files(victim->directory, victim->plan_path);
}

void victim_end(struct victim *victim)
{
    if (victim->pid > 0) {
        kill(victim->pid, SIGKILL);
        victim_wait(victim, VICTIM_STOP_MS);
    }
    munmap(victim->plan, sizeof *victim->plan);
    remove_files(victim->directory, NULL);
    require(victim, rmdir(victim->directory) == 0, victim->directory);
}

/* The library lies beside this program. */
static void preload(const struct victim *victim)
{
    char path[VICTIM_PATH_MAX * 2];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof "fault_preload.so");
    while (len > 0 && path[len - 1] != '/')
        len--;
    strcpy(path + (len > 0 ? len : 0), "fault_preload.so");
    require(victim, access(path, R_OK) == 0, path);
    setenv("LD_PRELOAD", path, 1);
    setenv(FAULT_PLAN_VARIABLE, victim->plan_path, 1);
}

static void limit(int resource, rlim_t value)
{
    const struct rlimit limits = {value, value};
    if (value > 0)
        setrlimit((__rlimit_resource_t)resource, &limits);
}

/* One thread of each kind: then what a fault strikes depends little on chance. */
static void become_server(const struct victim *victim, int out, bool preloaded)
{
    const char *binary = getenv("TALLYCAST_BINARY");
    const char *arguments[ARGUMENTS_MAX] = {binary ? binary : "./tallycast",
                                            "--listen",
                                            "127.0.0.1:0",
                                            "--http=off",
                                            "--database",
                                            victim->database,
                                            "--admin",
                                            victim->admin,
                                            "--ingest-threads",
                                            "1",
                                            "--broadcast-threads",
                                            "1",
                                            "--push-interval",
                                            "10"};
    for (size_t i = 0, at = 14; victim->arguments && victim->arguments[i]; i++, at++)
        if (at + 1 < ARGUMENTS_MAX)
            arguments[at] = victim->arguments[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open(victim->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    close(log);
    if (preloaded)
        preload(victim);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, victim->open_files);
    limit(RLIMIT_AS, victim->address_space);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    perror(arguments[0]);
    _exit(127);
}

/* Reads a line of its standard output; empty if it ended instead. */
static void read_ready(struct victim *victim, char *line, size_t size)
{
    int64_t deadline = victim_now_ms() + VICTIM_PATIENCE_MS;
    size_t len = 0;
    while (len + 1 < size) {
        struct pollfd readable = {.fd = victim->out, .events = POLLIN};
        int64_t left = deadline - victim_now_ms();
        if (left <= 0 || poll(&readable, 1, (int)left) == 0)
            victim_fail(victim, "it neither becomes ready nor ends");
        if (read(victim->out, line + len, 1) != 1 || line[len] == '\n')
            break;
        len++;
    }
    line[len] = '\0';
}

bool victim_start(struct victim *victim, bool preloaded)
{
    static const char words[] = "ready listen=127.0.0.1:";
    char line[1024];
    int ends[2];
    memset((void *)victim->plan->calls, 0, sizeof victim->plan->calls);
    atomic_store(&victim->plan->fired, 0);
    victim->port = 0;
    victim->says_it_stops = false;
    require(victim, pipe2(ends, O_CLOEXEC) == 0, "pipe");
    victim->pid = fork();
    require(victim, victim->pid >= 0, "fork");
    if (victim->pid == 0)
        become_server(victim, ends[1], preloaded);
    close(ends[1]);
    victim->out = ends[0];
    read_ready(victim, line, sizeof line);
    if (strncmp(line, words, strlen(words)) == 0)
        victim->port = (unsigned)strtoul(line + strlen(words), NULL, 10);
    if (line[0] && victim->port == 0)
        victim_fail(victim, "it says that it is ready, but not where: \"%s\"", line);
    return victim->port != 0;
}

void victim_signal(const struct victim *victim, int signal_number)
{
    kill(victim->pid, signal_number);
}

bool victim_has_ended(const struct victim *victim)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)victim->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == victim->pid;
}

/* The end of its standard output is the end of the process, since nobody else holds that. */
int victim_wait(struct victim *victim, int64_t patience_ms)
{
    char rest[256];
    int status;
    int64_t deadline = victim_now_ms() + patience_ms;
    for (;;) {
        struct pollfd readable = {.fd = victim->out, .events = POLLIN};
        int64_t left = deadline - victim_now_ms();
        if (left <= 0 || poll(&readable, 1, (int)left) == 0)
            victim_fail(victim, "it does not end");
        if (read(victim->out, rest, sizeof rest) <= 0)
            break;
    }
    close(victim->out);
    victim->out = -1;
    require(victim, waitpid(victim->pid, &status, 0) == victim->pid, "waitpid");
    victim->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* What a thread has had of the processors (Documentation/scheduler/sched-stats.rst). */
struct thread_times {
    long id;
    int64_t ran_ns;
    int64_t waited_ns; /* for a processor */
};

static bool read_thread(const struct victim *victim, const char *id, struct thread_times *times)
{
    char path[64];
    *times = (struct thread_times){.id = strtol(id, NULL, 10)};
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", (int)victim->pid, id);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    int read = fscanf(file, "%" SCNd64 " %" SCNd64, &times->ran_ns, &times->waited_ns);
    fclose(file);
    return read == 2;
}

/* Returns how many threads it has; 0 if it is gone. */
static size_t read_threads(const struct victim *victim, struct thread_times threads[THREADS_MAX])
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)victim->pid);
    DIR *entries = opendir(path);
    const struct dirent *entry;
    while (entries && (entry = readdir(entries)) && count < THREADS_MAX)
        if (entry->d_name[0] != '.')
            count += read_thread(victim, entry->d_name, &threads[count]);
    if (entries)
        closedir(entries);
    return count;
}

/* The share of what it could have had, in percent: a thread that spins takes all of that, however
 * little the others on the machine leave it. */
static unsigned share(const struct thread_times *before, const struct thread_times *after,
                      int64_t wall_ns)
{
    int64_t ran_ns = after->ran_ns - before->ran_ns;
    int64_t had_ns = wall_ns - (after->waited_ns - before->waited_ns);
    if (ran_ns < wall_ns / 100)
        return 0; /* too little to tell */
    return had_ns > ran_ns ? (unsigned)(ran_ns * 100 / had_ns) : 100;
}

unsigned victim_load(const struct victim *victim, unsigned ms)
{
    struct thread_times before[THREADS_MAX], after[THREADS_MAX];
    unsigned most = 0;
    int64_t wall_ns = clock_ns(CLOCK_MONOTONIC);
    size_t before_count = read_threads(victim, before);
    struct pollfd gone = {.fd = victim->out, .events = POLLIN};
    poll(&gone, 1, (int)ms);
    size_t after_count = read_threads(victim, after);
    wall_ns = clock_ns(CLOCK_MONOTONIC) - wall_ns;
    for (size_t i = 0; i < after_count; i++)
        for (size_t j = 0; j < before_count; j++)
            if (after[i].id == before[j].id && share(&before[j], &after[i], wall_ns) > most)
                most = share(&before[j], &after[i], wall_ns);
    return most;
}

/* ---- connections ---- */

static int connect_admin(const struct victim *victim)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.*s", (int)sizeof address.sun_path - 1,
             victim->admin);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_public(const struct victim *victim)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)victim->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

void peer_close(struct peer *peer)
{
    if (peer && peer->fd >= 0)
        close(peer->fd);
    free(peer);
}

struct peer *peer_connect(struct victim *victim, bool admin, bool may_wait)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        abort();
    peer->victim = victim;
    peer->fd = admin ? connect_admin(victim) : connect_public(victim);
    if (peer->fd >= 0 && may_wait) {
        struct pollfd readable = {.fd = peer->fd, .events = POLLIN};
        if (poll(&readable, 1, (int)victim->greeting_ms) <= 0) {
            peer_close(peer);
            return NULL;
        }
    }
    const char *line = peer->fd >= 0 ? peer_line(peer) : NULL;
    if (line && strncmp(line, "+TALLYCAST 1 ", 13) == 0)
        return peer;
    if (line && strncmp(line, "-TOO-MANY-CONNECTIONS ", 22) != 0 &&
        strncmp(line, "-SHUTTING-DOWN ", 15) != 0)
        victim_fail(victim, "a connection is greeted \"%s\"", line);
    peer_close(peer);
    return NULL;
}

static void hang_up(struct peer *peer)
{
    close(peer->fd);
    peer->fd = -1;
}

/* Takes what has come. Returns false once there is no more to come. */
static bool take(struct peer *peer)
{
    if (peer->begin > 0) {
        memmove(peer->bytes, peer->bytes + peer->begin, peer->end - peer->begin);
        peer->end -= peer->begin;
        peer->begin = 0;
    }
    if (peer->end == sizeof peer->bytes)
        victim_fail(peer->victim, "a line has no end");
    ssize_t n =
        recv(peer->fd, peer->bytes + peer->end, sizeof peer->bytes - peer->end, MSG_DONTWAIT);
    if (n > 0)
        peer->end += (size_t)n;
    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Input that nobody waits for now is taken meanwhile, as far as there is room. */
void peer_send(struct peer *peer, const char *bytes, size_t len)
{
    int64_t deadline = victim_now_ms() + VICTIM_PATIENCE_MS;
    while (len > 0 && peer->fd >= 0) {
        struct pollfd ready = {.fd = peer->fd, .events = POLLOUT};
        if (peer->end - peer->begin < sizeof peer->bytes / 2)
            ready.events |= POLLIN;
        int64_t left = deadline - victim_now_ms();
        if (left <= 0 || poll(&ready, 1, (int)left) == 0)
            victim_fail(peer->victim, "it does not take input");
        if ((ready.revents & POLLIN) && !take(peer))
            return; /* what came before the end is still to be read */
        ssize_t n = send(peer->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return;
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

static char *whole_line(struct peer *peer)
{
    char *line = peer->bytes + peer->begin;
    char *end = memchr(line, '\n', peer->end - peer->begin);
    if (!end)
        return NULL;
    *end = '\0';
    peer->begin = (size_t)(end + 1 - peer->bytes);
    return line;
}

const char *peer_line_now(struct peer *peer)
{
    const char *line = whole_line(peer);
    if (!line && peer->fd >= 0) {
        bool more = take(peer);
        line = whole_line(peer);
        if (!line && !more)
            hang_up(peer);
    }
    if (line && strncmp(line, "-SHUTTING-DOWN ", 15) == 0)
        peer->victim->says_it_stops = true;
    return line;
}

/* A connection that was made in the instant in which a server died may have no other end: the
 * kernel let the server's half go with the listener, and told nobody (seen on Linux 6.18 in a few
 * of 25,000 cases: the server a zombie, the client's socket ESTAB). */
const char *peer_line(struct peer *peer)
{
    int64_t deadline = victim_now_ms() + VICTIM_PATIENCE_MS;
    const char *line;
    while (!(line = peer_line_now(peer)) && peer->fd >= 0) {
        struct pollfd readable = {.fd = peer->fd, .events = POLLIN};
        int64_t left = deadline - victim_now_ms();
        if (left > 0 && poll(&readable, 1, (int)left) != 0)
            continue;
        if (peer->victim->pid > 0 && !victim_has_ended(peer->victim))
            victim_fail(peer->victim, "a client waits for a line, and nothing comes");
        hang_up(peer);
    }
    return line;
}

const char *peer_ask(struct peer *peer, const char *line,
                     void (*other)(void *context, const char *line), void *context)
{
    char bytes[1024];
    const char *reply;
    int len = snprintf(bytes, sizeof bytes, "%s\n", line);
    peer_send(peer, bytes, (size_t)len);
    while ((reply = peer_line(peer)) && reply[0] != '+' && reply[0] != '-')
        if (other)
            other(context, reply);
    return reply;
}
