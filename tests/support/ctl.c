/* Running tallyctl (see ctl.h). */
#include "tests/support/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 16 };

struct ctl ctl;

void ctl_set_up(const struct server *server)
{
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("TERM", "xterm", 1);
    setenv("TALLYCAST_ADMIN", server->admin, 1);
    ctl.terminal_columns = 80;
    ctl.input = NULL;
}

void ctl_tear_down(void)
{
    if (ctl.pid != 0)
        kill(ctl.pid, SIGKILL);
}

/* The terminal's two ends. It passes output on as it is. */
static void open_terminal(int ends[2])
{
    const struct winsize size = {.ws_row = CTL_TERMINAL_ROWS, .ws_col = ctl.terminal_columns};
    struct termios modes;
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert(ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert(ends[1] >= 0 && tcgetattr(ends[1], &modes) == 0);
    cfmakeraw(&modes);
    ck_assert_int_eq(tcsetattr(ends[1], TCSANOW, &modes), 0);
    ck_assert_int_eq(ioctl(ends[1], TIOCSWINSZ, &size), 0);
}

static void open_outlet(enum outlet outlet, int ends[2])
{
    if (outlet == TO_TERMINAL || outlet == TO_CONSOLE)
        open_terminal(ends);
    else
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    if (outlet == TO_FULL_DISK) {
        close(ends[1]);
        ends[1] = open("/dev/full", O_WRONLY | O_CLOEXEC);
        ck_assert_int_ge(ends[1], 0);
    }
}

/* Its standard input is a file, or the terminal, which it then controls. */
static void set_input(enum outlet outlet, int out)
{
    const char *file = ctl.input ? ctl.input : "/dev/null";
    if (outlet == TO_CONSOLE) {
        setsid();
        ioctl(out, TIOCSCTTY, 0);
    }
    dup2(outlet == TO_CONSOLE ? out : open(file, O_RDONLY | O_CLOEXEC), STDIN_FILENO);
}

/* Becomes tallyctl. Returns only if that fails. */
static void become_ctl(const char *const *arguments, enum outlet outlet, int out, int err)
{
    const char *binary = getenv("TALLYCTL_BINARY");
    char *all[ARGUMENTS_MAX + 2] = {NULL};
    all[0] = strdup(binary != NULL ? binary : "./tallyctl");
    for (unsigned i = 0; arguments[i] != NULL && i < ARGUMENTS_MAX; i++)
        all[i + 1] = strdup(arguments[i]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL); /* which tests ignore */
    set_input(outlet, out);
    dup2(out, STDOUT_FILENO);
    if (outlet == TO_NOTHING)
        close(STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(all[0], all);
    perror(all[0]);
}

void ctl_start(enum outlet outlet, const char *const *arguments)
{
    int out[2], err[2];
    open_outlet(outlet, out);
    open_outlet(TO_PIPE, err);
    ck_assert_int_eq(ctl.pid, 0);
    ctl.pid = fork();
    ck_assert_int_ge(ctl.pid, 0);
    if (ctl.pid == 0) {
        become_ctl(arguments, outlet, out[1], err[1]);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    ctl.taken = ctl.out.len = ctl.err.len = 0;
    ctl.out.bytes[0] = ctl.err.bytes[0] = '\0';
    ctl.out.fd = out[0];
    ctl.err.fd = err[0];
}

static void take_output(struct ctl_output *output)
{
    ck_assert_uint_lt(output->len + 1, CTL_OUTPUT_MAX);
    ssize_t len = read(output->fd, output->bytes + output->len, CTL_OUTPUT_MAX - 1 - output->len);
    if (len > 0) {
        output->len += (size_t)len;
        output->bytes[output->len] = '\0';
        return;
    }
    ck_assert(len == 0 || errno == EIO); /* EIO is the end of a terminal */
    close(output->fd);
    output->fd = -1;
}

void ctl_receive(void)
{
    struct pollfd wanted[] = {{.fd = ctl.out.fd, .events = POLLIN},
                              {.fd = ctl.err.fd, .events = POLLIN}};
    ck_assert_msg(poll(wanted, 2, SERVER_DEADLINE_S * 1000) > 0, "tallyctl prints nothing");
    if (wanted[0].revents != 0)
        take_output(&ctl.out);
    if (wanted[1].revents != 0)
        take_output(&ctl.err);
}

const char *ctl_line(void)
{
    char *line = ctl.out.bytes + ctl.taken, *end;
    while ((end = strchr(line, '\n')) == NULL) {
        ck_assert_msg(ctl.out.fd >= 0, "tallyctl has ended: %s", ctl.err.bytes);
        ctl_receive();
    }
    *end = '\0';
    ctl.taken = (size_t)(end - ctl.out.bytes) + 1;
    return line;
}

int ctl_wait(void)
{
    int status;
    while (ctl.out.fd >= 0 || ctl.err.fd >= 0)
        ctl_receive();
    ck_assert_int_eq(waitpid(ctl.pid, &status, 0), ctl.pid);
    ctl.pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void ctl_expect_status(int expected)
{
    int status = ctl_wait();
    ck_assert_msg(status == expected, "tallyctl ends with %d: %s", status, ctl.err.bytes);
}

void ctl_run(enum outlet outlet, int status, const char *const *arguments)
{
    ctl_start(outlet, arguments);
    ctl_expect_status(status);
    if (status == STATUS_DONE)
        ck_assert_str_eq(ctl.err.bytes, "");
}

void ctl_expect(enum outlet outlet, const char *output, const char *const *arguments)
{
    ctl_run(outlet, STATUS_DONE, arguments);
    ck_assert_str_eq(ctl.out.bytes, output);
}

void ctl_expect_failure(int status, const char *why, const char *const *arguments)
{
    ctl_run(TO_PIPE, status, arguments);
    ck_assert_str_eq(ctl.out.bytes, "");
    assert_match(ctl.err.bytes, "^tallyctl: .+\n$");
    ck_assert_msg(strstr(ctl.err.bytes, why) != NULL, "\"%s\" does not say \"%s\"", ctl.err.bytes,
                  why);
}

json_t *ctl_json_line(void)
{
    json_error_t error;
    const char *line = ctl_line();
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json_is_object(object), "%s: %s", line, error.text);
    return object;
}

void ctl_expect_json(const char *text)
{
    json_t *object = ctl_json_line(), *expected = json_loads(text, 0, NULL);
    char *printed = json_dumps(object, JSON_COMPACT);
    ck_assert_ptr_nonnull(expected);
    ck_assert_msg(json_equal(object, expected), "%s and not %s", printed, text);
    free(printed);
    json_decref(object);
    json_decref(expected);
}

bool ctl_has_more(void)
{
    return ctl.taken < ctl.out.len;
}

void ctl_expect_no_more(void)
{
    ck_assert_str_eq(ctl.out.bytes + ctl.taken, "");
}
