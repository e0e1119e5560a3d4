/* A visit to the real server: start, some old ballots on one connection, SIGTERM, recount. One
 * thread; the process that calls it is limited in time, and the server dies with it. */
#include "tests/torture/power_server.h"

#include "proto/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RETRIES = 40, LINE_SIZE = 2 * PROTO_LINE_MAX };

struct visit {
    const char *directory;
    const char *log;
    const char *durability;
    struct history *history;
    struct torture *random;
    char *why;
};

static bool __attribute__((format(printf, 2, 3)))
failed(struct visit *visit, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(visit->why, STORE_WHY_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- processes ---- */

/* Runs a program with its standard output on `out` and its errors in the log; it dies with this
 * process. */
static pid_t spawn(struct visit *visit, const char *variable, const char *const *arguments, int out)
{
    const char *program = getenv(variable);
    if (!program) {
        failed(visit, "%s is not set", variable);
        return -1;
    }
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int log = open(visit->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (log < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        _exit(126);
    signal(SIGPIPE, SIG_DFL);
    execv(program, (char *const *)(uintptr_t)arguments);
    _exit(127);
}

/* Waits for its end, which must be a good one. */
static bool ends_well(struct visit *visit, pid_t pid, const char *name)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return failed(visit, "waitpid: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    char words[512] = "";
    int log = open(visit->log, O_RDONLY);
    ssize_t len = log >= 0 ? read(log, words, sizeof words - 1) : -1;
    if (log >= 0)
        close(log);
    return failed(visit, "%s ended with status %#x: %.*s", name, (unsigned)status,
                  len > 0 ? (int)len : 0, words);
}

/* Returns the port, or 0. */
static unsigned read_port(FILE *out)
{
    unsigned port = 0;
    char line[LINE_SIZE];
    if (!fgets(line, sizeof line, out) || sscanf(line, "ready listen=127.0.0.1:%u", &port) != 1)
        return 0;
    return port;
}

/* ---- ballots ---- */

static FILE *connect_to(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    FILE *stream = NULL;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        !(stream = fdopen(fd, "r+")))
        close(fd);
    return stream;
}

/* Whether the ballot is counted once however often it is cast. In the others a cast over a new
 * connection may be another person's, and takes the place of the one before. */
static bool may_be_repeated(const struct cast *cast)
{
    return cast->kind == REQUEST_BALLOT &&
           (cast->key > 0 || power_polls[cast->poll - 1].ballots == BALLOTS_ONCE);
}

/* The casts that may be made again, by number. Returns how many. */
static size_t choose(struct visit *visit, uint32_t chosen[RETRIES])
{
    const struct history *history = visit->history;
    size_t count = 0;
    for (unsigned i = 0; i < 4 * RETRIES && count < RETRIES && history->cast_count > 0; i++) {
        uint32_t number = (uint32_t)torture_random(visit->random, history->cast_count);
        if (may_be_repeated(&history->casts[number]))
            chosen[count++] = number;
    }
    return count;
}

static void say(FILE *stream, const struct cast *cast)
{
    const struct power_poll *poll = &power_polls[cast->poll - 1];
    char text[SAYS_TEXT_SIZE];
    says_text(&poll->says, cast->says, text);
    fprintf(stream, "VOTE %s %s as=v%u", poll->name, text, cast->voter);
    if (cast->key > 0)
        fprintf(stream, " id=k%u", cast->key);
    fputc('\n', stream);
}

/* Notes the answer to a cast. False if it can't be one. */
static bool note_reply(struct visit *visit, uint32_t number, const char *line)
{
    struct history *history = visit->history;
    struct fact fact = {.kind = FACT_ANSWERED, .cast = number};
    char duplicate[16] = "";
    int words = sscanf(line, "+OK %" SCNu64 " %15s", &fact.number, duplicate);
    fact.duplicate = words == 2;
    bool voted = strncmp(line, "-ALREADY-VOTED ", 15) == 0;
    if (voted) {
        fact.error = ERR_ALREADY_VOTED;
        words = sscanf(line + 15, "%" SCNu64, &fact.number);
    }
    /* These tell no sequence that could be looked up; a poll may be closed, or lost, and whose
     * ballot was recorded before is not told where it may be another's. */
    if ((voted && words < 1) || strncmp(line, "-POLL-CLOSED ", 13) == 0 ||
        strncmp(line, "-NO-SUCH-POLL ", 14) == 0)
        return true;
    if (words < 1)
        return failed(visit, "cast %u was answered %s", number, line);
    history->facts[history->fact_count++] = fact;
    return true;
}

static bool cast_again(struct visit *visit, FILE *stream)
{
    uint32_t chosen[RETRIES];
    char line[LINE_SIZE];
    size_t count = choose(visit, chosen);
    if (!fgets(line, sizeof line, stream))
        return failed(visit, "the server does not greet");
    for (size_t i = 0; i < count; i++)
        say(stream, &visit->history->casts[chosen[i]]);
    fflush(stream);
    shutdown(fileno(stream), SHUT_WR);
    for (size_t i = 0; i < count; i++) {
        if (!fgets(line, sizeof line, stream))
            return failed(visit, "the server does not answer");
        if (!note_reply(visit, chosen[i], line))
            return false;
    }
    return true;
}

static bool meet(struct visit *visit, FILE *out)
{
    unsigned port = read_port(out);
    FILE *stream = port > 0 ? connect_to(port) : NULL;
    if (!stream)
        return failed(visit, "the server does not start, or takes no connection");
    bool good = cast_again(visit, stream);
    fclose(stream);
    return good;
}

/* ---- the visit ---- */

static bool serve(struct visit *visit, const char *database)
{
    char admin[PATH_MAX];
    int out[2];
    snprintf(admin, sizeof admin, "%s/admin", visit->directory);
    const char *const arguments[] = {"tallycast",    "--database",      database,  "--listen",
                                     "127.0.0.1:0",  "--http=off",      "--admin", admin,
                                     "--durability", visit->durability, NULL};
    if (pipe2(out, O_CLOEXEC) != 0)
        return failed(visit, "pipe: %s", strerror(errno));
    pid_t pid = spawn(visit, "TALLYCAST_BINARY", arguments, out[1]);
    close(out[1]);
    FILE *stream = pid > 0 ? fdopen(out[0], "r") : NULL;
    if (!stream)
        return false;
    bool good = meet(visit, stream);
    kill(pid, SIGTERM);
    fclose(stream);
    return ends_well(visit, pid, "the server") && good;
}

static bool recount(struct visit *visit, const char *database)
{
    const char *const arguments[] = {"tallyctl", "recount", database, NULL};
    int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t pid = spawn(visit, "TALLYCTL_BINARY", arguments, out);
    close(out);
    return pid > 0 && ends_well(visit, pid, "tallyctl recount");
}

bool power_server_visit(const char *directory, const char *log, bool os_durability,
                        struct history *history, struct torture *random, char *why)
{
    char database[PATH_MAX];
    struct visit visit = {directory, log, os_durability ? "os" : "disk", history, random, why};
    snprintf(database, sizeof database, "%s/" POWER_DATABASE, directory);
    return serve(&visit, database) && recount(&visit, database);
}
