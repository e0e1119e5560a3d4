/* How long the longer tests run. */
#ifndef TALLYCAST_TESTS_SCALE_H
#define TALLYCAST_TESTS_SCALE_H

#include <stdint.h>
#include <stdlib.h>

/* `count`, or what TALLYCAST_TEST_SCALE (a percentage, from 1) makes of it; at least 1. */
static inline uint64_t scaled(uint64_t count)
{
    const char *percent = getenv("TALLYCAST_TEST_SCALE");
    uint64_t scale = percent != NULL ? strtoull(percent, NULL, 10) : 100;
    uint64_t result = count / 100 * scale;
    return result > 0 ? result : 1;
}

#endif
