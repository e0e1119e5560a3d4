/* Failures of the kernel and of memory: those that once led to a wrong answer, a hang, a spin or a
 * silent end, and those of each part that a start makes. Each is a point of the torture's faults
 * (tests/torture/faults.c), which runs the server with that call failing, and judges. */
#include "tests/support/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const points[] = {
    /* An error at start, and not the last words of a server that stops. */
    "fresh:listen:listener:1:EADDRINUSE:once",
    /* `ready` with port 0. */
    "fresh:getsockname:listener:1:ENOBUFS:once",
    /* A thread that is never woken. */
    "fresh:epoll_ctl:eventfd:*:ENOMEM:once",
    /* A server that listens, and never accepts. */
    "fresh:epoll_ctl:listener:*:ENOMEM:on",
    /* A loop that spins because it can't wait. */
    "fresh:epoll_wait:epoll:60:EBADF:on",
    /* A loop that spins because a socket is writable and takes nothing. */
    "fresh:send:socket:5:ENOBUFS:on",
    /* Timers that are not set: no last tally, no end of a stop. */
    "fresh:realloc:libevent:*:ENOMEM:on",
    /* A poll that exists and is not found; one that is not shown. */
    "existing:calloc:server:*:ENOMEM:once",
    "existing:realloc:server:*:ENOMEM:on",
    /* What a start and a stop are refused one by one, with the reason told. */
    "fresh:pthread_create:server:*:EAGAIN:once",
    "fresh:memalign:server:*:ENOMEM:once",
    "fresh:epoll_create:epoll:*:EMFILE:once",
    "fresh:pipe:pipe:*:EMFILE:once",
    "fresh:fdatasync:database:*:EIO:once",
    "fresh:malloc:libevent:*:ENOMEM:once",
    /* A commit that fails, and must not be acknowledged. */
    "existing:fdatasync:wal:3:EIO:on",
    "existing:pwrite:wal:5:ENOSPC:once",
    /* A start before SQLite has its first memory. */
    "fresh:malloc:sqlite:1:ENOMEM:once",
    /* What happens to connections every day. */
    "fresh:recv:socket:3:EINTR:once",
    "fresh:recv:socket:6:ECONNRESET:once",
    "fresh:send:socket:6:EINTR:once",
    "fresh:send:socket:9:ECONNRESET:once",
    "fresh:send:socket:12:SHORT:once",
    "fresh:epoll_ctl:socket:*:ENOMEM:once",
};

/* Returns the exit status of the torture's faults with that point alone. */
static int try_point(const char *point)
{
    char path[SERVER_PATH_MAX];
    const char *directory = getenv("TALLYCAST_TORTURE");
    snprintf(path, sizeof path, "%.200s/faults", directory ? directory : "tests/torture");
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        setenv("TALLYCAST_FAULT", point, 1);
        execl(path, path, "--seed", "1", (char *)NULL);
        perror(path);
        _exit(127);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

START_TEST(a_call_that_fails)
{
    if (SERVER_SANITIZED) {
        puts("failing calls are not tested: a sanitizer has the wrappers' place");
        return;
    }
    ck_assert_msg(try_point(points[_i]) == 0, "TALLYCAST_FAULT=%s", points[_i]);
}
END_TEST

SERVER_MAIN("faults", {"calls", .tests = {{a_call_that_fails, .loops = UNIT_COUNT(points)}}})
