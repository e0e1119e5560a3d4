/* The log: one line an event on standard error, for any thread. A line is put together on the stack
 * and written with one write, so lines of several threads never mix. An event that is too long is
 * cut; one that can't be written is lost, since there is nowhere to say so. */
#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENT_MAX = 1024, /* bytes of an event as formatted, its NUL included */
    TIME_MAX = 32,
    LINE_MAX_BYTES = TIME_MAX + 16 + 4 * EVENT_MAX, /* if each of its bytes has to be escaped */
};

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error",
};
enum { LEVEL_COUNT = sizeof level_names / sizeof level_names[0] };

static enum log_level least_level = LOG_LEVEL_INFO; /* set before threads are started */

void log_set_level(enum log_level level)
{
    least_level = level;
}

int log_level_find(const char *word)
{
    for (int level = 0; level < LEVEL_COUNT; level++)
        if (strcmp(word, level_names[level]) == 0)
            return level;
    return -1;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

static char *put_text(char *to, const char *text)
{
    size_t len = strlen(text);
    memcpy(to, text, len);
    return to + len;
}

/* UTC, as in 2026-01-31T23:59:59.123Z */
static char *put_time(char *to)
{
    uint64_t now_ns = clock_real_ns();
    time_t seconds = (time_t)(now_ns / NS_PER_S);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    to += strftime(to, TIME_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
    return to + snprintf(to, sizeof ".000Z", ".%03uZ", (unsigned)(now_ns % NS_PER_S / NS_PER_MS));
}

/* Everything but printable ASCII goes out as \xHH, and a backslash twice: a terminal gets nothing
 * to act on, and what stands in the log can be undone. */
static char *put_escaped(char *to, const char *event)
{
    static const char digits[] = "0123456789abcdef";
    for (; *event != '\0'; event++) {
        unsigned char byte = (unsigned char)*event;
        if (byte == '\\') {
            to = put_text(to, "\\\\");
        } else if (byte >= ' ' && byte <= '~') {
            *to++ = (char)byte;
        } else {
            to = put_text(to, "\\x");
            *to++ = digits[byte >> 4];
            *to++ = digits[byte & 15];
        }
    }
    return to;
}

__attribute__((format(printf, 2, 0))) static void write_event(enum log_level level,
                                                              const char *format, va_list args)
{
    char event[EVENT_MAX];
    char line[LINE_MAX_BYTES];
    int len = vsnprintf(event, sizeof event, format, args);
    if (len < 0)
        return;
    if ((size_t)len >= sizeof event)
        memcpy(event + sizeof event - sizeof "...", "...", sizeof "...");

    char *end = put_time(line);
    *end++ = ' ';
    end = put_text(end, level_names[level]);
    *end++ = ' ';
    end = put_escaped(end, event);
    *end++ = '\n';
    ssize_t written = write(STDERR_FILENO, line, (size_t)(end - line));
    (void)written; /* there is nowhere to tell of a failure */
}

#define DEFINE_LOG_FUNCTION(name, level)     \
    void log_##name(const char *format, ...) \
    {                                        \
        if (level < least_level)             \
            return;                          \
        va_list args;                        \
        va_start(args, format);              \
        write_event(level, format, args);    \
        va_end(args);                        \
    }
DEFINE_LOG_FUNCTION(debug, LOG_LEVEL_DEBUG)
DEFINE_LOG_FUNCTION(info, LOG_LEVEL_INFO)
DEFINE_LOG_FUNCTION(warning, LOG_LEVEL_WARNING)
DEFINE_LOG_FUNCTION(error, LOG_LEVEL_ERROR)
#undef DEFINE_LOG_FUNCTION

void log_fatal(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_event(LOG_LEVEL_ERROR, format, args);
    va_end(args);
    abort();
}

void log_broken(const char *file, int line, const char *what)
{
    log_error("broken invariant what=\"%s\" at=%s:%d", what, file, line);
    abort();
}
