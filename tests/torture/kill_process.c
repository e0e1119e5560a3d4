/* Starting, awaiting and ending processes. Nothing sleeps: readiness is a line, and the end is the
 * end of the standard output, which nobody else holds. */
#include "tests/torture/kill_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_MAX = 4096 };

static const char *program(const char *variable, const char *beside)
{
    const char *path = getenv(variable);
    return path ? path : beside;
}

const char *process_tallyctl(void)
{
    return program("TALLYCTL_BINARY", "./tallyctl");
}

int64_t process_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Forks a child whose output goes to the returned descriptor; in the child, returns -1. */
static int fork_with_output(pid_t *pid)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || (*pid = fork()) < 0)
        abort();
    if (*pid != 0) {
        close(ends[1]);
        return ends[0];
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDOUT_FILENO);
    return -1;
}

void process_start(struct process *process, const char *const *arguments, const char *kill_at,
                   const char *log)
{
    const char *all[PROCESS_ARGUMENTS_MAX] = {program("TALLYCAST_BINARY", "./tallycast")};
    for (size_t i = 0; arguments[i] && i + 2 < PROCESS_ARGUMENTS_MAX; i++)
        all[i + 1] = arguments[i];
    process->port = 0;
    process->out = fork_with_output(&process->pid);
    if (process->out >= 0)
        return;
    dup2(open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), STDERR_FILENO);
    if (kill_at)
        setenv("TALLYCAST_FAILPOINT", kill_at, 1);
    execv(all[0], (char *const *)(uintptr_t)all);
    perror(all[0]);
    _exit(127);
}

/* Whether output, or its end, came before the deadline. */
static bool await_output(const struct process *process, int64_t deadline_us)
{
    struct pollfd wanted = {.fd = process->out, .events = POLLIN};
    int64_t left_us = deadline_us - process_now_us();
    struct timespec left = {left_us / 1000000, left_us % 1000000 * 1000};
    return left_us > 0 && ppoll(&wanted, 1, &left, NULL) > 0;
}

bool process_await_ready(struct process *process, int64_t deadline_us)
{
    char line[PATH_MAX + 100];
    if (!await_output(process, deadline_us))
        return false;
    ssize_t len = read(process->out, line, sizeof line - 1); /* it is written at once */
    line[len > 0 ? len : 0] = '\0';
    return sscanf(line, "ready listen=127.0.0.1:%u ", &process->port) == 1;
}

void process_signal(const struct process *process, int signal_number)
{
    kill(process->pid, signal_number);
}

static int reap(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid)
        abort();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int process_wait(struct process *process, int64_t deadline_us)
{
    char rest[OUTPUT_MAX];
    ssize_t n;
    do {
        if (!await_output(process, deadline_us))
            return INT_MIN;
        n = read(process->out, rest, sizeof rest);
    } while (n > 0);
    close(process->out);
    return reap(process->pid);
}

bool process_was_reported(const char *log)
{
    char *line = NULL;
    size_t size = 0;
    bool reported = false;
    FILE *file = fopen(log, "re");
    if (file == NULL)
        return false;
    while (!reported && getline(&line, &size, file) >= 0)
        reported = strstr(line, "Sanitizer") != NULL || strstr(line, "runtime error:") != NULL;
    free(line);
    fclose(file);
    return reported;
}

int process_run(const char *path, const char *argument, const char *other)
{
    char output[OUTPUT_MAX];
    size_t len = 0;
    ssize_t n;
    pid_t pid;
    int out = fork_with_output(&pid);
    if (out < 0) {
        dup2(STDOUT_FILENO, STDERR_FILENO);
        execl(path, path, argument, other, (char *)NULL);
        _exit(127);
    }
    while (len < sizeof output && (n = read(out, output + len, sizeof output - len)) > 0)
        len += (size_t)n;
    close(out);
    int status = reap(pid);
    if (status != 0)
        fprintf(stderr, "%.*s", (int)len, output);
    return status;
}
