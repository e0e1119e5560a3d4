/* The command line, the random numbers and the verdict of the torture's parts. One thread, but for
 * what torture_fork made. */
#include "tests/torture/torture.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* SplitMix64: https://prng.di.unimi.it/splitmix64.c describes it. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static __attribute__((noreturn)) void usage(const char *part)
{
    fprintf(stderr, "usage: %s [--seed N] [--count N] [--seconds S]\n", part);
    exit(2);
}

static uint64_t number(const char *part, const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0')
        usage(part);
    return value;
}

void torture_begin(struct torture *torture, const char *part, uint64_t default_count, int argc,
                   char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"count", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    uint32_t drawn;
    int option;

    if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
        abort();
    *torture = (struct torture){
        .part = part, .seed = drawn, .count = default_count, .deadline_ms = INT64_MAX};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            usage(part);
        uint64_t value = number(part, optarg);
        if (option == 's')
            torture->seed = value;
        else if (option == 'c')
            torture->count = value;
        else
            torture->deadline_ms = now_ms() + (int64_t)value * 1000;
    }
    if (optind != argc)
        usage(part);
    fprintf(stderr, "%s: --seed %" PRIu64 "\n", part, torture->seed);
}

bool torture_next(struct torture *torture)
{
    if (torture->done == torture->count || now_ms() >= torture->deadline_ms)
        return false;
    torture->done++;
    torture->state = torture->seed;
    torture->state = mix(&torture->state) ^ torture->done;
    return true;
}

uint64_t torture_random(struct torture *torture, uint64_t bound)
{
    return mix(&torture->state) % bound;
}

struct torture torture_fork(struct torture *torture)
{
    struct torture fork = *torture;
    fork.state = mix(&torture->state);
    return fork;
}

void torture_fail(const struct torture *torture, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "%s: FAILED in case %" PRIu64 " of --seed %" PRIu64 ": ", torture->part,
            torture->done, torture->seed);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void torture_end(const struct torture *torture, const char *format, ...)
{
    va_list arguments;
    printf("%s: seed=%" PRIu64 " cases=%" PRIu64 " ", torture->part, torture->seed, torture->done);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}
