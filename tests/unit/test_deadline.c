/* The process ends at its deadline, though nobody lets it. */
#include "base/deadline.h"

#include "tests/support/unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

static bool threads_fail;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context)
{
    return threads_fail ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

static void hang(void)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGALRM);
    for (;;)
        sigsuspend(&all);
}

START_TEST(a_process_that_hangs_ends)
{
    deadline_begin(20, "it hangs");
    hang();
}
END_TEST

START_TEST(it_ends_without_a_thread_too)
{
    signal(SIGALRM, SIG_DFL); /* which Check handles */
    threads_fail = true;
    deadline_begin(20, "it hangs");
    hang();
}
END_TEST

UNIT_MAIN("deadline", {"deadline", .tests = {{a_process_that_hangs_ends, .exit_status = 1},
                                             {it_ends_without_a_thread_too, .signal = SIGALRM}}})
