/* Figures as people read them. Each writes to `out`, NUL-terminated, and returns it. Pure. */
#ifndef TALLYCAST_TOOLS_LIB_UNITS_H
#define TALLYCAST_TOOLS_LIB_UNITS_H

#include <stdint.h>

enum { UNITS_SIZE = 32 };

/* "1.23 ms": three digits, of ns, us, ms or s. */
const char *units_ns(char out[UNITS_SIZE], double ns);

/* "1,234,567", rounded. */
const char *units_count(char out[UNITS_SIZE], double count);

/* "12.3 MiB" */
const char *units_bytes(char out[UNITS_SIZE], double bytes);

/* "42 s", "3 min 20 s", "5 h 10 min", "9 d 3 h" */
const char *units_duration(char out[UNITS_SIZE], uint64_t seconds);

#endif
