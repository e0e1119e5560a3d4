/* Memory that the load test can't go on without: where there is none, the program ends with a line
 * on standard error. Any thread. */
#ifndef TALLYCAST_TOOLS_BENCH_MEMORY_H
#define TALLYCAST_TOOLS_BENCH_MEMORY_H

#include "base/buffer.h"

#include <stddef.h>

/* Zeroed; freed with free(). Never NULL, also for a count of 0. */
void *must_calloc(size_t count, size_t size) __attribute__((returns_nonnull));

/* Appends a copy. */
void must_append(struct buffer *buffer, const char *bytes, size_t len);

#endif
