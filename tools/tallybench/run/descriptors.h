/* How many files this process may have open. */
#ifndef TALLYCAST_TOOLS_BENCH_DESCRIPTORS_H
#define TALLYCAST_TOOLS_BENCH_DESCRIPTORS_H

#include <stdint.h>

/* Raises the limit, never lowers it, so that `needed` files may be open: beyond the hard limit for
 * root only. Returns 0, or -1 with errno set. Main thread. */
int descriptors_allow(uint64_t needed) __attribute__((warn_unused_result));

#endif
