/* A terminal that a test has in its hand: what is written to one end is read at the other. */
#ifndef TALLYCAST_TESTS_TERMINAL_H
#define TALLYCAST_TESTS_TERMINAL_H

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct terminal {
    int reader; /* the test's end */
    int writer; /* what the program takes for a terminal */
};

static inline struct terminal terminal_open(void)
{
    struct terminal terminal = {.reader = posix_openpt(O_RDWR | O_NOCTTY)};
    ck_assert(terminal.reader >= 0 && grantpt(terminal.reader) == 0 &&
              unlockpt(terminal.reader) == 0);
    terminal.writer = open(ptsname(terminal.reader), O_WRONLY | O_NOCTTY);
    ck_assert_int_ge(terminal.writer, 0);
    return terminal;
}

/* Closes it, and takes all that was written, with a NUL. The kernel hands that on in pieces, whose
 * end is told when the writing end is closed. Returns its length. */
static inline size_t terminal_close(struct terminal terminal, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;
    close(terminal.writer);
    while (len + 1 < size && (n = read(terminal.reader, text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(terminal.reader);
    return len;
}

#endif
