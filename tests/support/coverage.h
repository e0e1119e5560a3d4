/* So that what a process does counts in `make coverage` although it ends without exit. Does nothing
 * in other builds. */
#ifndef TALLYCAST_TESTS_COVERAGE_H
#define TALLYCAST_TESTS_COVERAGE_H

#include <signal.h>
#include <unistd.h>

/* The compiler's; there in builds with --enable-coverage. */
extern void __gcov_dump(void) __attribute__((weak));

static inline void coverage_dump(void)
{
    if (__gcov_dump)
        __gcov_dump();
}

static inline _Noreturn void coverage_exit(int status)
{
    coverage_dump();
    _exit(status);
}

/* abort calls this on the thread that aborts, outside of every library. */
static inline void coverage_on_abort(int signal_number)
{
    (void)signal_number;
    coverage_dump();
}

static inline void coverage_of_aborts(void)
{
    signal(SIGABRT, coverage_on_abort);
}

#endif
