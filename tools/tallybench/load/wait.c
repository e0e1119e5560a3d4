/* A reader's wait (see wait.h). */
#include "tools/tallybench/load/wait.h"

#include <time.h>

int input_wait(struct input_wait *wait, struct epoll_event *events, int max, int timeout_ms)
{
    if (wait->crowd && wait->before < WAIT_CAUGHT_UP)
        nanosleep(&(struct timespec){.tv_nsec = WAIT_REST_NS}, NULL);
    wait->before = epoll_wait(wait->epoll, events, max, timeout_ms);
    return wait->before;
}
