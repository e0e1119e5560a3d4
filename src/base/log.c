/* The log: one line an event on standard error, for any thread. A line is put together on the
 * stack; an event that is too long is cut.
 *
 * The reader of standard error may stall, and a file there may hang. Neither may hold up a voter,
 * so after log_start a thread of its own writes: lines gather in one batch while it writes the
 * other. A line that finds the batch full, or that can't be written, is lost and counted; the log
 * tells the count as soon as lines get through again. Before log_start, and in programs that don't
 * call it, each line is written at once. */
#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENT_MAX = 1024, /* bytes of an event as formatted, its NUL included */
    TIME_MAX = 32,
    LINE_MAX_BYTES = TIME_MAX + 16 + 4 * EVENT_MAX, /* if each of its bytes has to be escaped */
    BATCH_MAX = 64 * 1024,                          /* bytes */
    FATAL_FLUSH_MS = 1000,
};

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error",
};
enum { LEVEL_COUNT = sizeof level_names / sizeof level_names[0] };

/* The prefixes of lines by sd-daemon(3), after the levels of syslog. */
static const char *const journal_prefixes[] = {
    [LOG_LEVEL_DEBUG] = "<7>",
    [LOG_LEVEL_INFO] = "<6>",
    [LOG_LEVEL_WARNING] = "<4>",
    [LOG_LEVEL_ERROR] = "<3>",
};

static enum log_level least_level = LOG_LEVEL_INFO; /* set before threads are started */
static bool under_journal;                          /* the same */

struct batch {
    unsigned lines;
    size_t used; /* bytes */
    char bytes[BATCH_MAX];
};

/* Guarded by the mutex, except the batch that is being written, which the writer owns. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t filled;  /* the writer waits for it */
    pthread_cond_t written; /* log_flush waits for it; by the monotonic clock */
    bool started;           /* the writer runs */
    bool writing;
    unsigned filling; /* the batch to which lines are added */
    uint64_t lost;    /* lost lines that the log has not told yet */
    struct batch batches[2];
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

void log_set_level(enum log_level level)
{
    least_level = level;
}

bool log_shows(enum log_level level)
{
    return level >= least_level;
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

/* JOURNAL_STREAM, which systemd sets, names the socket that leads to the journal. */
static bool is_journal(const char *stream)
{
    struct stat status;
    uintmax_t device, inode;
    return stream != NULL && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_find_journal(void)
{
    under_journal = is_journal(getenv("JOURNAL_STREAM"));
}

const char *log_prefix(enum log_level level)
{
    return under_journal ? journal_prefixes[level] : "";
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
 * to act on, and the escaping can be undone. */
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

/* Puts a whole line together, and returns its end. */
__attribute__((format(printf, 3, 0))) static char *
put_line(char line[LINE_MAX_BYTES], enum log_level level, const char *format, va_list args)
{
    char event[EVENT_MAX];
    int len = vsnprintf(event, sizeof event, format, args);
    if (len < 0)
        return line;
    if ((size_t)len >= sizeof event)
        memcpy(event + sizeof event - sizeof "...", "...", sizeof "...");
    char *end = put_text(line, log_prefix(level));
    end = put_time(end);
    *end++ = ' ';
    end = put_text(end, level_names[level]);
    *end++ = ' ';
    end = put_escaped(end, event);
    *end++ = '\n';
    return end;
}

/* ---- writing ---- */

/* Standard error may have been made non-blocking by whoever shares it. */
static bool write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, bytes, len);
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
            poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

__attribute__((format(printf, 2, 3))) static bool write_now(enum log_level level,
                                                            const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    char *end = put_line(line, level, format, args);
    va_end(args);
    return write_all(line, (size_t)(end - line));
}

/* Writes a batch, and then the number of lost lines. Returns how many lost lines are not told
 * yet. */
static uint64_t write_batch(const struct batch *batch, uint64_t lost)
{
    if (!write_all(batch->bytes, batch->used))
        return lost + batch->lines;
    if (lost == 0 ||
        write_now(LOG_LEVEL_WARNING, "the log was not taken in time, lines are lost lines=%" PRIu64,
                  lost))
        return 0;
    return lost;
}

/* The writer's thread. It runs until the process ends. */
static void *write_batches(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&queue.mutex);
    for (;;) {
        struct batch *batch = &queue.batches[queue.filling];
        while (batch->used == 0)
            pthread_cond_wait(&queue.filled, &queue.mutex);
        uint64_t lost = queue.lost;
        queue.lost = 0;
        queue.filling = !queue.filling;
        queue.writing = true;
        pthread_mutex_unlock(&queue.mutex);
        uint64_t untold = write_batch(batch, lost);
        pthread_mutex_lock(&queue.mutex);
        queue.lost += untold;
        queue.writing = false;
        batch->used = 0;
        batch->lines = 0;
        pthread_cond_broadcast(&queue.written);
    }
    return NULL;
}

/* Returns false if the caller must write the line itself; otherwise the writer will, or it is
 * lost. */
static bool enqueue(const char *line, size_t len)
{
    pthread_mutex_lock(&queue.mutex);
    bool started = queue.started;
    struct batch *batch = &queue.batches[queue.filling];
    if (started && len <= sizeof batch->bytes - batch->used) {
        memcpy(batch->bytes + batch->used, line, len);
        batch->used += len;
        batch->lines++;
        pthread_cond_signal(&queue.filled);
    } else if (started) {
        queue.lost++;
    }
    pthread_mutex_unlock(&queue.mutex);
    return started;
}

__attribute__((format(printf, 2, 0))) static void write_event(enum log_level level,
                                                              const char *format, va_list args)
{
    char line[LINE_MAX_BYTES];
    char *end = put_line(line, level, format, args);
    if (!enqueue(line, (size_t)(end - line)))
        (void)write_all(line, (size_t)(end - line)); /* there is nowhere to tell of a failure */
}

static int start_thread(void)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int error = pthread_create(&thread, NULL, write_batches, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    return error;
}

int log_start(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue.written, &attributes);
    pthread_condattr_destroy(&attributes);
    int error = start_thread();
    if (error != 0) {
        errno = error;
        return -1;
    }
    pthread_mutex_lock(&queue.mutex);
    queue.started = true;
    pthread_mutex_unlock(&queue.mutex);
    return 0;
}

bool log_flush(unsigned timeout_ms)
{
    uint64_t until_ns = clock_monotonic_ns() + timeout_ms * (uint64_t)NS_PER_MS;
    const struct timespec until = {(time_t)(until_ns / NS_PER_S), (long)(until_ns % NS_PER_S)};
    int error = 0;
    pthread_mutex_lock(&queue.mutex);
    while (error == 0 && (queue.writing || queue.batches[queue.filling].used > 0))
        error = pthread_cond_timedwait(&queue.written, &queue.mutex, &until);
    pthread_mutex_unlock(&queue.mutex);
    return error == 0;
}

/* ---- events ---- */

#define DEFINE_LOG_FUNCTION(name, level)     \
    void log_##name(const char *format, ...) \
    {                                        \
        if (!log_shows(level))               \
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
    log_flush(FATAL_FLUSH_MS);
    abort();
}

void log_broken(const char *file, int line, const char *what)
{
    log_error("broken invariant what=\"%s\" at=%s:%d", what, file, line);
    log_flush(FATAL_FLUSH_MS);
    abort();
}
