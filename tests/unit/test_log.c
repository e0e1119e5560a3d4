/* The log's lines: their form, and that nothing in an event can forge one. */
#include "base/log.h"
#include "tests/support/capture.h"
#include "tests/support/unit.h"

#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char line[8192];

/* The part of the line that was caught after its time and level. */
static const char *event_of(const char *level)
{
    const char *at = strchr(line, ' ');
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(strncmp(at + 1, level, strlen(level)), 0);
    return at + 1 + strlen(level) + 1;
}

START_TEST(a_line_has_time_level_and_event)
{
    regex_t form;
    struct capture capture = capture_begin();
    log_warning("accept failed error=%d", 24);
    capture_end(&capture, line, sizeof line);
    ck_assert_int_eq(regcomp(&form,
                             "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                             "warning accept failed error=24\n$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    ck_assert_msg(regexec(&form, line, 0, NULL, 0) == 0, "%s", line);
    regfree(&form);
}
END_TEST

START_TEST(lesser_levels_are_left_out)
{
    struct capture capture = capture_begin();
    log_debug("not by default");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("nor this");
    log_error("but this");
    ck_assert_uint_gt(capture_end(&capture, line, sizeof line), 0);
    ck_assert_str_eq(event_of("error"), "but this\n");

    capture = capture_begin();
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("now this");
    capture_end(&capture, line, sizeof line);
    ck_assert_str_eq(event_of("debug"), "now this\n");
}
END_TEST

START_TEST(what_could_forge_a_line_is_escaped)
{
    struct capture capture = capture_begin();
    log_info("voter=%s", "a\nb\r\t\x1b[2J\x7f\x9b\xc3\xa9\\n~");
    capture_end(&capture, line, sizeof line);
    ck_assert_str_eq(event_of("info"),
                     "voter=a\\x0ab\\x0d\\x09\\x1b[2J\\x7f\\x9b\\xc3\\xa9\\\\n~\n");
}
END_TEST

START_TEST(a_long_event_is_cut)
{
    char text[5000];
    memset(text, '\n', sizeof text - 1); /* the worst case: every byte becomes four */
    text[sizeof text - 1] = '\0';
    struct capture capture = capture_begin();
    log_info("%s", text);
    size_t len = capture_end(&capture, line, sizeof line);
    ck_assert_uint_gt(len, 4000);
    ck_assert_str_eq(line + len - strlen("\\x0a...\n"), "\\x0a...\n");
    ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
}
END_TEST

/* ---- who reads standard error ---- */

START_TEST(the_journal_is_told_the_priority)
{
    struct stat status;
    char stream[64];
    struct capture capture = capture_begin();
    ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev,
             (uintmax_t)status.st_ino + (_i == 1)); /* 1: the parent's, not ours */
    setenv("JOURNAL_STREAM", stream, 1);
    log_find_journal();
    log_warning("careful");
    capture_end(&capture, line, sizeof line);
    ck_assert_int_eq(strncmp(line, "<4>2", 4) == 0, _i == 0);
    ck_assert_int_eq(strncmp(line, "2", 1) == 0, _i == 1);
}
END_TEST

enum { MANY = 5000 }; /* lines: more than the pipe and both batches hold */

/* Nobody who logs waits for the reader; what he loses is told once he reads on. */
START_TEST(a_reader_that_stalls_loses_lines_and_is_told)
{
    static const char told[] = " warning the log was not taken in time, lines are lost lines=";
    struct capture capture = capture_begin();
    FILE *reader = fdopen(capture.read_end, "r");
    ck_assert_ptr_nonnull(reader);
    ck_assert_int_eq(log_start(), 0);
    for (unsigned i = 0; i < MANY; i++)
        log_info("number=%u, in a line of so many bytes that the pipe is full soon", i);
    ck_assert(!log_flush(1));
    unsigned taken = 0, lost = 0, number, last = 0;
    while (taken + lost < MANY) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, reader));
        const char *count = strstr(line, told);
        if (count) {
            lost += (unsigned)strtoul(count + sizeof told - 1, NULL, 10);
        } else {
            ck_assert_int_eq(sscanf(event_of("info"), "number=%u", &number), 1);
            ck_assert(taken == 0 ||
                      number > last); /* in order, with gaps for those that are lost */
            last = number;
            taken++;
        }
    }
    ck_assert_uint_gt(lost, 0);
    ck_assert(log_flush(10000));
}
END_TEST

/* A descriptor that takes nothing without waiting, because somebody else made it so. */
START_TEST(a_reader_that_stalls_is_waited_for_by_the_writer_alone)
{
    struct capture capture = capture_begin();
    enum { LINES = 500 }; /* more than the pipe holds, and no more than a batch does */
    ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096), 4096);
    FILE *reader = fdopen(capture.read_end, "r");
    ck_assert_int_eq(log_start(), 0);
    for (unsigned i = 0; i < LINES; i++)
        log_info("number=%u, in a line of so many bytes that the pipe is full soon", i);
    for (unsigned i = 0, number; i < LINES; i++) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, reader));
        ck_assert_int_eq(sscanf(event_of("info"), "number=%u", &number), 1);
        ck_assert_uint_eq(number, i);
    }
}
END_TEST

START_TEST(what_can_not_be_written_is_told_as_lost)
{
    struct capture capture = capture_begin();
    int pipe_end = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY);
    ck_assert(pipe_end >= 0 && dup2(full, STDERR_FILENO) >= 0);
    ck_assert_int_eq(log_start(), 0);
    for (unsigned i = 0; i < 3; i++) {
        log_info("no room for this");
        ck_assert(log_flush(10000));
    }
    ck_assert_int_ge(dup2(pipe_end, STDERR_FILENO), 0);
    log_info("but for this");
    ck_assert(log_flush(10000));
    capture_end(&capture, line, sizeof line);
    ck_assert_ptr_nonnull(strstr(line, "info but for this\n"));
    ck_assert_ptr_nonnull(strstr(line, "lines are lost lines=3\n"));
}
END_TEST

START_TEST(the_reason_for_an_abort_gets_out)
{
    struct capture capture = capture_begin();
    pid_t child = fork();
    if (child == 0) {
        if (log_start() == 0)
            log_fatal("the reason");
        _exit(1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    capture_end(&capture, line, sizeof line);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_str_eq(event_of("error"), "the reason\n");
}
END_TEST

START_TEST(levels_have_names)
{
    for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++)
        ck_assert_int_eq(log_level_find(log_level_name((enum log_level)level)), level);
    ck_assert_int_eq(log_level_find("warning"), LOG_LEVEL_WARNING);
    ck_assert_int_eq(log_level_find("Warning"), -1);
    ck_assert_int_eq(log_level_find(""), -1);
}
END_TEST

START_TEST(an_invariant_that_holds_does_nothing)
{
    struct capture capture = capture_begin();
    INVARIANT(_i == 0);
    ck_assert_uint_eq(capture_end(&capture, line, sizeof line), 0);
}
END_TEST

START_TEST(a_broken_invariant_says_what_and_aborts)
{
    struct capture capture = capture_begin();
    pid_t child = fork();
    if (child == 0)
        INVARIANT(_i == 1);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    capture_end(&capture, line, sizeof line);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ck_assert_ptr_nonnull(strstr(line, "_i == 1"));
    ck_assert_ptr_nonnull(strstr(line, "test_log.c:"));
}
END_TEST

UNIT_MAIN("log",
          {"reader", .timeout_s = 30,
           .tests = {{the_journal_is_told_the_priority, .loops = 2},
                     {a_reader_that_stalls_loses_lines_and_is_told},
                     {a_reader_that_stalls_is_waited_for_by_the_writer_alone},
                     {what_can_not_be_written_is_told_as_lost},
                     {the_reason_for_an_abort_gets_out}}},
          {"log", .tests = {{a_line_has_time_level_and_event},
                            {lesser_levels_are_left_out},
                            {what_could_forge_a_line_is_escaped},
                            {a_long_event_is_cut},
                            {levels_have_names},
                            {an_invariant_that_holds_does_nothing},
                            {a_broken_invariant_says_what_and_aborts}}})
