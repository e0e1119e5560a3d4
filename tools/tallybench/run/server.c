/* Starting, watching and stopping the server (see server.h).
 *
 * Happy path: fork, exec with --listen 127.0.0.1:0 → its line `ready listen=… admin=…` → the admin
 * socket. A server that we started dies with us. SIGTERM stops it, and the end of its standard
 * output shows that it has ended. Its standard error is ours, so its complaints are seen. */
#include "tools/tallybench/run/server.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_S = 30, ARGUMENTS_MAX = 64, OPEN_DESCRIPTORS = 8 };

static int fail(char error[SERVER_ERROR_MAX], const char *what, const char *why)
{
    snprintf(error, SERVER_ERROR_MAX, "%s: %s", what, why);
    return -1;
}

/* ---- starting ---- */

/* Becomes the server. Returns only if that fails. */
static void become(const char *program, char *const *arguments, int out)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    setpgid(0, 0); /* Ctrl-C is ours to handle: we stop the server in order */
    execv(program, arguments);
    fprintf(stderr, "tallybench: %s: %s\n", program, strerror(errno));
}

/* The arguments of a server: ours first, then the user's, which therefore win. */
struct command_line {
    char program[PATH_MAX], database[PATH_MAX + 16], admin[PATH_MAX + 16], connections[32];
    char *arguments[ARGUMENTS_MAX + 1];
};

static int build_command_line(struct command_line *line, const struct server_process *server,
                              const struct server_wish *wish)
{
    static char naive[] = "naive", listen[] = "--listen", address[] = "127.0.0.1:0",
                database[] = "--database", admin[] = "--admin", most[] = "--max-connections",
                level[] = "--log-level", warning[] = "warning", http[] = "--http", off[] = "off";
    size_t count = 0;
    snprintf(line->program, sizeof line->program, "%s", wish->program ? wish->program : naive);
    snprintf(line->database, sizeof line->database, "%s/bench.db", server->directory);
    snprintf(line->admin, sizeof line->admin, "%s/admin.sock", server->directory);
    snprintf(line->connections, sizeof line->connections, "%" PRIu64, wish->connections);
    line->arguments[count++] = line->program;
    if (!wish->program)
        line->arguments[count++] = naive;
    char *const ours[] = {listen, address,     database, line->database,
                          admin,  line->admin, most,     line->connections,
                          level,  warning,     http,     wish->http ? address : off};
    /* The naive server has no such options. */
    size_t our_count = wish->program ? sizeof ours / sizeof ours[0] : 6;
    for (size_t i = 0; i < our_count; i++)
        line->arguments[count++] = ours[i];
    for (char *const *more = wish->arguments; wish->program && *more; more++) {
        if (count == ARGUMENTS_MAX)
            return -1;
        line->arguments[count++] = *more;
    }
    line->arguments[count] = NULL;
    return 0;
}

/* Waits for a descriptor's input, or its end, until a time. */
static bool await_input(int fd, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        if (now_ns >= deadline_ns)
            return false;
        int ready = poll(&wanted, 1, (int)((deadline_ns - now_ns) / NS_PER_MS) + 1);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

/* Reads the server's first line; false if it ends, or takes too long. */
static bool read_ready(int fd, char *line, size_t size)
{
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)READY_S * NS_PER_S;
    for (size_t len = 0; len < size; len++) {
        if (!await_input(fd, deadline_ns) || read(fd, line + len, 1) != 1)
            return false;
        if (line[len] == '\n') {
            line[len] = '\0';
            return true;
        }
    }
    return false;
}

/* Takes the word after ` NAME=` out of a line. False if there is none, or no room for it. */
static bool take_word(const char *line, const char *name, char *out, size_t size)
{
    const char *word = strstr(line, name);
    if (!word)
        return false;
    word += strlen(name);
    size_t len = strcspn(word, " ");
    if (len >= size)
        return false;
    memcpy(out, word, len);
    out[len] = '\0';
    return true;
}

/* Takes the line `ready` apart. */
static bool parse_ready(struct server_process *server, const struct server_wish *wish,
                        const char *line)
{
    const char *admin = strstr(line, " admin="); /* to the line's end: a path may have spaces */
    if (strncmp(line, "ready ", 6) != 0 || !admin ||
        !take_word(line, " listen=", server->target, sizeof server->target) ||
        (wish->http && !take_word(line, " http=", server->http, sizeof server->http)))
        return false;
    admin += strlen(" admin=");
    if (strlen(admin) >= sizeof server->admin_path)
        return false;
    strcpy(server->admin_path, admin);
    return true;
}

static int launch(struct server_process *server, const char *program, char *const *arguments)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    server->pid = fork();
    if (server->pid == 0) {
        become(program, arguments, ends[1]);
        _exit(127);
    }
    close(ends[1]);
    server->out = ends[0];
    server->started = server->pid > 0;
    return server->started ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_directory(const char *path)
{
    nftw(path, remove_entry, OPEN_DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

int bench_server_start(struct server_process *server, const struct server_wish *wish,
                       char error[SERVER_ERROR_MAX])
{
    char ready[sizeof server->target * 2 + PATH_MAX + 64], ignored[SERVER_ERROR_MAX];
    const char *name = wish->program ? wish->program : "naive server";
    struct command_line line;
    *server = (struct server_process){.out = -1};
    if (snprintf(server->directory, sizeof server->directory, "%s/tallybench-XXXXXX",
                 wish->parent) >= (int)sizeof server->directory - 32)
        return fail(error, wish->parent, "the path is too long");
    if (!mkdtemp(server->directory))
        return fail(error, wish->parent, strerror(errno));
    int result = -1;
    if (build_command_line(&line, server, wish) != 0)
        fail(error, name, "too many arguments");
    else if (launch(server, wish->program ? wish->program : "/proc/self/exe", line.arguments) != 0)
        fail(error, "fork", strerror(errno));
    else if (!read_ready(server->out, ready, sizeof ready) || !parse_ready(server, wish, ready))
        fail(error, name, "did not become ready");
    else
        result = bench_server_join(server, server->admin_path, error);
    if (result != 0 && bench_server_stop(server, ignored) != 0)
        return -1; /* the reason why it did not start says more */
    return result;
}

int bench_server_join(struct server_process *server, const char *admin_path,
                      char error[SERVER_ERROR_MAX])
{
    struct reply reply;
    switch (admin_open(&server->admin, admin_path, admin_wait_s(ADMIN_ASK_S), &reply)) {
    case ADMIN_DONE:
        break;
    case ADMIN_REFUSED:
        return fail(error, admin_path, "the server has no room for another connection");
    default:
        return fail(error, admin_path, admin_why(server->admin));
    }
    if (!server->started)
        server->pid = admin_server(server->admin);
    return 0;
}

/* ---- stopping ---- */

/* Waits for the end of a child that was told to stop; kills it if that takes too long. Returns its
 * status, as waitpid does. */
static int await_end(const struct server_process *server)
{
    char rest[256];
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)SERVER_STOP_S * NS_PER_S;
    while (await_input(server->out, deadline_ns) && read(server->out, rest, sizeof rest) > 0)
        ;
    if (clock_monotonic_ns() >= deadline_ns)
        kill(server->pid, SIGKILL);
    int status = 0;
    while (waitpid(server->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

int bench_server_stop(struct server_process *server, char error[SERVER_ERROR_MAX])
{
    int result = 0;
    admin_close(server->admin);
    if (server->started) {
        kill(server->pid, SIGTERM);
        int status = await_end(server);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            result = fail(error, "server", "did not end well when told to stop");
    }
    if (server->out >= 0 && server->started)
        close(server->out);
    if (server->directory[0])
        remove_directory(server->directory);
    *server = (struct server_process){.out = -1};
    return result;
}

/* ---- figures ---- */

int bench_server_read_stats(const struct server_process *server, struct server_stats *stats,
                            char error[ADMIN_ERROR_MAX])
{
    struct reply reply;
    stats->count = 0;
    return admin_ask(server->admin, "STATS", server_stats_take, stats, &reply, error);
}

static FILE *open_proc(const struct server_process *server, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%.20s", (int)server->pid, name);
    return server->pid > 0 ? fopen(path, "re") : NULL;
}

struct server_usage bench_server_read_usage(const struct server_process *server)
{
    struct server_usage usage = {0};
    uint64_t user, kernel, resident;
    FILE *file = open_proc(server, "stat");
    if (file &&
        fscanf(file,
               "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
               &user, &kernel) == 2)
        usage.cpu_ns = (user + kernel) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
    if (file)
        fclose(file);
    file = open_proc(server, "statm");
    if (file && fscanf(file, "%*u %" SCNu64, &resident) == 1)
        usage.rss_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
    if (file)
        fclose(file);
    return usage;
}
