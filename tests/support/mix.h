/* Numbers that look random and are the same in each run. */
#ifndef TALLYCAST_TESTS_MIX_H
#define TALLYCAST_TESTS_MIX_H

#include <stdint.h>

/* splitmix64: uniform bits from a counter. */
static inline uint64_t mix(uint64_t number)
{
    number += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

#endif
