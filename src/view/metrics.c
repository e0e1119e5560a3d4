/* /metrics: each line of metrics.def in Prometheus' text format 0.0.4. Any thread: it reads the
 * same as STATS. Memory can be short; then nothing is shown. */
#include "view/metrics.h"

#include "base/clock.h"
#include "base/counters.h"
#include "view/stats.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* The text being made. */
struct writer {
    struct buffer *out;
    const char *name; /* of the family that is being written */
    bool failed;
};

enum { PIECE_MAX = 512 };

static void put(struct writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct writer *writer, const char *format, ...)
{
    char *room = writer->failed ? NULL : buffer_reserve(writer->out, PIECE_MAX);
    if (!room) {
        writer->failed = true;
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(room, PIECE_MAX, format, arguments);
    va_end(arguments);
    INVARIANT(len >= 0 && len < PIECE_MAX);
    writer->out->len += (size_t)len;
}

/* ---- one number ---- */

static void put_family(struct writer *writer, const char *type, const char *name, const char *help)
{
    writer->name = name;
    put(writer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_sample(struct writer *writer, const char *labels, uint64_t value)
{
    put(writer, "%s{%s} %" PRIu64 "\n", writer->name, labels, value);
}

static void put_metric(struct writer *writer, const char *type, const char *name, const char *help,
                       uint64_t value)
{
    put_family(writer, type, name, help);
    put(writer, "%s %" PRIu64 "\n", name, value);
}

/* Nanoseconds as seconds, exactly: a floating-point number could not hold an instant's. */
enum { SECONDS_SIZE = 32 };

static const char *seconds_text(uint64_t ns, char text[SECONDS_SIZE])
{
    int len = snprintf(text, SECONDS_SIZE, "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);
    while (text[len - 1] == '0')
        text[--len] = '\0';
    if (text[len - 1] == '.')
        text[len - 1] = '\0';
    return text;
}

static void put_seconds(struct writer *writer, const char *type, const char *name, const char *help,
                        uint64_t ns)
{
    char text[SECONDS_SIZE];
    put_family(writer, type, name, help);
    put(writer, "%s %s\n", name, seconds_text(ns, text));
}

/* ---- histograms ---- */

enum { BOUNDS_MAX = 32 };

/* From a mutex that nobody waits for to a disk that stalls. */
static const uint64_t bounds_ns[] = {
    100,        250,        500,        1000,        2500,      5000,      10000,
    25000,      50000,      100000,     250000,      500000,    1000000,   2500000,
    5000000,    10000000,   25000000,   50000000,    100000000, 250000000, 500000000,
    1000000000, 2500000000, 5000000000, 10000000000,
};

static const uint64_t bounds_numbers[] = {1,   2,   4,    8,    16,   32,   64,   128,
                                          256, 512, 1024, 2048, 4096, 8192, 16384};

_Static_assert(sizeof bounds_ns / sizeof bounds_ns[0] <= BOUNDS_MAX, "there is room");
_Static_assert(sizeof bounds_numbers / sizeof bounds_numbers[0] <= BOUNDS_MAX, "there is room");

/* Puts the values unscaled. The sum may include some that came after the buckets were read. */
static void put_numbers(struct writer *writer, const char *name, const char *help,
                        const struct histogram *histogram)
{
    enum { COUNT = sizeof bounds_numbers / sizeof bounds_numbers[0] };
    uint64_t at_most[COUNT];
    uint64_t total = histogram_cumulate(histogram, bounds_numbers, COUNT, at_most);
    put_family(writer, "histogram", name, help);
    for (size_t i = 0; i < COUNT; i++)
        put(writer, "%s_bucket{le=\"%" PRIu64 "\"} %" PRIu64 "\n", name, bounds_numbers[i],
            at_most[i]);
    put(writer, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, total);
    put(writer, "%s_sum %" PRIu64 "\n", name, histogram_sum(histogram));
    put(writer, "%s_count %" PRIu64 "\n", name, total);
}

/* Puts durations that are counted in units of so many ns. Bounds below one unit would tell
 * nothing. */
static void put_durations(struct writer *writer, const char *name, const char *help,
                          const struct histogram *histogram, uint64_t unit_ns)
{
    enum { COUNT = sizeof bounds_ns / sizeof bounds_ns[0] };
    uint64_t bounds[COUNT];
    uint64_t at_most[COUNT];
    char text[SECONDS_SIZE];
    size_t first = 0;
    for (size_t i = 0; i < COUNT; i++) {
        bounds[i] = bounds_ns[i] / unit_ns;
        first += bounds[i] == 0;
    }
    uint64_t total = histogram_cumulate(histogram, bounds, COUNT, at_most);
    put_family(writer, "histogram", name, help);
    for (size_t i = first; i < COUNT; i++)
        put(writer, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, seconds_text(bounds_ns[i], text),
            at_most[i]);
    put(writer, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, total);
    put(writer, "%s_sum %s\n", name, seconds_text(histogram_sum(histogram) * unit_ns, text));
    put(writer, "%s_count %" PRIu64 "\n", name, total);
}

/* ---- the process ---- */

static uint64_t cpu_ns(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_S +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int metrics_append(struct buffer *out, const struct server *server)
{
    size_t before = out->len;
    struct writer writer = {.out = out};
    struct stats stats;
    stats_gather(server, &stats);
    const struct stats *g = &stats;
#define METRIC(type, name, help, value) put_metric(&writer, #type, #name, help, value);
#define SECONDS(type, name, help, ns)   put_seconds(&writer, #type, #name, help, ns);
#define FAMILY(type, name, help)        put_family(&writer, #type, #name, help);
#define SAMPLE(labels, value)           put_sample(&writer, labels, value);
#define HISTOGRAM_SECONDS(name, help, histogram, ns) \
    put_durations(&writer, #name, help, histogram, ns);
#define HISTOGRAM_NUMBERS(name, help, histogram) put_numbers(&writer, #name, help, histogram);
#include "view/metrics.def"
    if (!writer.failed)
        return 0;
    out->len = before;
    return -1;
}
