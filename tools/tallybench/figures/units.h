/* Figures as people read them. Each writes to `out`, NUL-terminated, and returns it. Pure. */
#ifndef TALLYCAST_TOOLS_BENCH_UNITS_H
#define TALLYCAST_TOOLS_BENCH_UNITS_H

#include <stdint.h>

enum { UNITS_SIZE = 32 };

/* "1.23 ms": three digits, of ns, us, ms or s. */
const char *units_ns(char out[UNITS_SIZE], double ns);

/* "1,234,567", rounded. */
const char *units_count(char out[UNITS_SIZE], double count);

/* "12.3 MiB" */
const char *units_bytes(char out[UNITS_SIZE], double bytes);

#endif
