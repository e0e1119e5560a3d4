/* The counters of each worker (counters.def). One writer, the worker's thread; any reader. */
#ifndef TALLYCAST_COUNTERS_H
#define TALLYCAST_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

struct counters {
#define COUNTER(name) _Atomic uint64_t name;
#include "base/counters.def"
#undef COUNTER
};

/* The one writer: adds without a locked instruction. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void counter_subtract(_Atomic uint64_t *counter, uint64_t n)
{
    counter_add(counter, (uint64_t)0 - n);
}

static inline uint64_t counter_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
