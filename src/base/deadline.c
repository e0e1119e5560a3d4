/* The deadline's thread sleeps, logs the reason, and ends the process. It can't wait for other
 * threads: they may hang in a call, on a disk or file system that does not answer. If the thread
 * can't be made, SIGALRM ends the process without a message. */
#include "base/deadline.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LOG_FLUSH_MS = 100 };

static uint64_t due_ns; /* monotonic; set before the thread starts, as is: */
static const char *last_words;

static void *run(void *context)
{
    (void)context;
    const struct timespec due = {(time_t)(due_ns / NS_PER_S), (long)(due_ns % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        ;
    log_error("%s", last_words);
    log_flush(LOG_FLUSH_MS);
    _exit(EXIT_FAILURE);
}

void deadline_begin(unsigned after_ms, const char *message)
{
    pthread_t thread;
    sigset_t all, before;
    due_ns = clock_monotonic_ns() + after_ms * (uint64_t)NS_PER_MS;
    last_words = message;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    else
        alarm((after_ms + 999) / 1000);
}
