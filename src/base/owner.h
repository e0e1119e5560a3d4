/* The one thread that may touch an object. Functions that others call assert this in their first
 * line: a call from a thread that is not the owner is a bug of ours, and ends the process. */
#ifndef TALLYCAST_OWNER_H
#define TALLYCAST_OWNER_H

#include "base/log.h"

#include <pthread.h>

struct owner {
    pthread_t thread;
};

/* The calling thread owns it from now on. The earlier owner has handed it over: it has started this
 * thread, or has ended. */
static inline void owner_take(struct owner *owner)
{
    owner->thread = pthread_self();
}

#define OWNER_ASSERT(owner) INVARIANT(pthread_equal((owner)->thread, pthread_self()))

#endif
