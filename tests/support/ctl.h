/* tallyctl as the tests run it, against a real server: what it prints to a pipe, to a terminal and
 * as JSON, and its exit statuses. One runs at a time, and what it printed stays until the next one
 * starts. Whatever goes wrong fails the test; nothing sleeps: every wait is for the program's
 * output or its end, with a deadline. */
#ifndef TALLYCAST_TESTS_CTL_H
#define TALLYCAST_TESTS_CTL_H

#include "tests/support/server.h"
#include "tools/tallyctl/tallyctl.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

enum { CTL_OUTPUT_MAX = 1 << 20, CTL_TERMINAL_ROWS = 24 };

/* What its standard output is. */
enum outlet {
    TO_PIPE,
    TO_TERMINAL,
    TO_CONSOLE, /* a terminal whose keyboard is its standard input */
    TO_FULL_DISK,
    TO_NOTHING, /* closed */
};

/* Bytes that it printed, NUL-terminated. */
struct ctl_output {
    int fd; /* -1 once it has ended */
    size_t len;
    char bytes[CTL_OUTPUT_MAX];
};

/* The one that runs, or that ran last. */
struct ctl {
    pid_t pid;                       /* 0 if it has ended */
    unsigned short terminal_columns; /* of the next one's terminal */
    const char *input;               /* of the next one: a file; NULL for an empty one */
    size_t taken;                    /* bytes of `out` that ctl_line has returned */
    struct ctl_output out, err;
};
extern struct ctl ctl;

/* For a test's set_up and tear_down: UTF-8, a terminal of 80 columns that can be redrawn, and the
 * server's admin socket; and the end of one that still runs. */
void ctl_set_up(const struct server *server);
void ctl_tear_down(void);

/* Starts it with arguments, NULL after the last. */
void ctl_start(enum outlet outlet, const char *const *arguments);

/* Takes what it prints next. */
void ctl_receive(void);

/* The next line, without its LF. */
const char *ctl_line(void);

/* Waits for its end. Returns its exit status, or the negated number of the signal that ended it. */
int ctl_wait(void);
void ctl_expect_status(int expected);

/* Runs it to its end. With status 0, nothing comes on standard error. */
void ctl_run(enum outlet outlet, int status, const char *const *arguments);

/* The same; and this is what it prints. */
void ctl_expect(enum outlet outlet, const char *output, const char *const *arguments);

/* The same; and it prints only a message that says why. */
void ctl_expect_failure(int status, const char *why, const char *const *arguments);

#define ARGUMENTS(...)                   ((const char *const[]){__VA_ARGS__, NULL})
#define START(...)                       ctl_start(TO_PIPE, ARGUMENTS(__VA_ARGS__))
#define RUN(status, ...)                 ctl_run(TO_PIPE, status, ARGUMENTS(__VA_ARGS__))
#define EXPECT(output, ...)              ctl_expect(TO_PIPE, output, ARGUMENTS(__VA_ARGS__))
#define EXPECT_TTY(output, ...)          ctl_expect(TO_TERMINAL, output, ARGUMENTS(__VA_ARGS__))
#define EXPECT_FAILURE(status, why, ...) ctl_expect_failure(status, why, ARGUMENTS(__VA_ARGS__))

/* The next line of a program that prints JSON, one object a line; freed by the caller. */
json_t *ctl_json_line(void);

/* The next line is this JSON. */
void ctl_expect_json(const char *text);

/* Whether there is more of what it has printed; and there is none. */
bool ctl_has_more(void);
void ctl_expect_no_more(void);

#endif
