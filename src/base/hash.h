/* A 128-bit keyed hash, by which voters are known. Made by voter.c; uniform, so its bits may index
 * a table. */
#ifndef TALLYCAST_HASH_H
#define TALLYCAST_HASH_H

#include <stdint.h>

enum { HASH_BYTES = 16 };

struct hash {
    uint64_t high;
    uint64_t low;
};

#endif
