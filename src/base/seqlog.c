/* Sequence locks without fences, which thread sanitizers don't know: every word is stored with
 * release, so none can be seen before the 0 that was stored first; every word is loaded with
 * acquire, so the number that is read last is not older than any of them. */
#include "base/seqlog.h"

#include "base/log.h"

#include <string.h>

void seqlog_add(struct seqlog *log, const void *record, size_t bytes)
{
    uint64_t words[SEQLOG_WORDS];
    INVARIANT(bytes <= sizeof words);
    memcpy(words, record, bytes);
    uint64_t number = atomic_load_explicit(&log->count, memory_order_relaxed) + 1;
    struct seqlog_slot *slot = &log->slots[number % SEQLOG_SLOTS];
    atomic_store_explicit(&slot->number, 0, memory_order_relaxed);
    for (size_t i = 0; i < bytes / sizeof words[0]; i++)
        atomic_store_explicit(&slot->words[i], words[i], memory_order_release);
    atomic_store_explicit(&slot->number, number, memory_order_release);
    atomic_store_explicit(&log->count, number, memory_order_release);
}

bool seqlog_read(const struct seqlog *log, unsigned age, void *record, size_t bytes)
{
    uint64_t words[SEQLOG_WORDS];
    INVARIANT(bytes <= sizeof words);
    uint64_t count = atomic_load_explicit(&log->count, memory_order_acquire);
    if (age >= SEQLOG_SLOTS || age >= count)
        return false;
    uint64_t number = count - age;
    const struct seqlog_slot *slot = &log->slots[number % SEQLOG_SLOTS];
    if (atomic_load_explicit(&slot->number, memory_order_acquire) != number)
        return false;
    for (size_t i = 0; i < bytes / sizeof words[0]; i++)
        words[i] = atomic_load_explicit(&slot->words[i], memory_order_acquire);
    if (atomic_load_explicit(&slot->number, memory_order_relaxed) != number)
        return false;
    memcpy(record, words, bytes);
    return true;
}
