/* What the parts of the torture share: their command line, random numbers that a seed repeats, and
 * how they end.
 *
 * Each part is a program: `PART [--seed N] [--count N] [--seconds S]`. It tries `count` cases (what
 * a case is, the part says), or as many as fit into the seconds, and ends with one line of figures
 * on standard output. Exit status 0: every promise held; 1: one was broken, and standard error says
 * which, and how to repeat it; 2: usage. */
#ifndef TALLYCAST_TESTS_TORTURE_H
#define TALLYCAST_TESTS_TORTURE_H

#include <stdbool.h>
#include <stdint.h>

struct torture {
    const char *part;
    uint64_t seed;
    uint64_t count;      /* cases to try */
    int64_t deadline_ms; /* of CLOCK_MONOTONIC; INT64_MAX for none */
    uint64_t done;       /* cases so far */
    uint64_t state;      /* of the random numbers */
};

/* Reads the command line; ends the process where it is wrong. Without --seed, one is drawn. */
void torture_begin(struct torture *torture, const char *part, uint64_t default_count, int argc,
                   char **argv);

/* Begins the next case: false when the count or the time is used up. Each case draws its numbers
 * from a seed of its own (made from the run's seed and the case's number), so that a case does the
 * same whatever the ones before it drew. */
bool torture_next(struct torture *torture);

/* A random number from 0 to bound - 1; bound is at least 1. Not for several threads at once: give
 * each thread a torture_fork. */
uint64_t torture_random(struct torture *torture, uint64_t bound);

/* Random numbers of their own for another thread. */
struct torture torture_fork(struct torture *torture);

/* A promise was broken: says so, and how to repeat the case, and ends the process with status 1. */
void torture_fail(const struct torture *torture, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* Prints the line of figures: `PART: seed=N cases=N`, and what the format adds. */
void torture_end(const struct torture *torture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
