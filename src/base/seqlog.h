/* The last few records of one thread, for any thread to read: a ring of sequence locks. The writer
 * never waits; a reader that meets a record being written passes over it. Records are words. */
#ifndef TALLYCAST_SEQLOG_H
#define TALLYCAST_SEQLOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEQLOG_SLOTS = 16, SEQLOG_WORDS = 24 };

/* All zero is an empty one. */
struct seqlog {
    _Atomic uint64_t count; /* records ever written */
    struct seqlog_slot {
        _Atomic uint64_t number; /* of its record, from 1; 0 while it is written */
        _Atomic uint64_t words[SEQLOG_WORDS];
    } slots[SEQLOG_SLOTS];
};

/* Writer: adds a record of `bytes`, a multiple of 8 and at most SEQLOG_WORDS words. The oldest one
 * is dropped. */
void seqlog_add(struct seqlog *log, const void *record, size_t bytes);

/* Any thread: copies out the record that `age` others followed; 0 is the newest. Returns whether
 * there is one. */
bool seqlog_read(const struct seqlog *log, unsigned age, void *record, size_t bytes);

#endif
