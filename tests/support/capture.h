/* Catches what is written to standard error. It has to fit into a pipe (64 KiB). */
#ifndef TALLYCAST_TESTS_CAPTURE_H
#define TALLYCAST_TESTS_CAPTURE_H

#include <check.h>
#include <stddef.h>
#include <unistd.h>

struct capture {
    int read_end;
    int standard_error; /* as it was */
};

static inline struct capture capture_begin(void)
{
    int ends[2];
    struct capture capture = {.standard_error = dup(STDERR_FILENO)};
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    capture.read_end = ends[0];
    return capture;
}

/* Copies what was caught, as a string cut to `size`, and returns its length. */
static inline size_t capture_end(struct capture *capture, char *text, size_t size)
{
    ck_assert_int_ge(dup2(capture->standard_error, STDERR_FILENO), 0);
    close(capture->standard_error);
    ssize_t len = read(capture->read_end, text, size - 1);
    ck_assert_int_ge(len, 0);
    text[len] = '\0';
    close(capture->read_end);
    return (size_t)len;
}

#endif
