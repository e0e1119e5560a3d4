/* Memory that a tool can't go on without: if there is none, the program ends with a line on
 * standard error and status 1. Any thread. */
#ifndef TALLYCAST_TOOLS_LIB_MEMORY_H
#define TALLYCAST_TOOLS_LIB_MEMORY_H

#include "base/buffer.h"

#include <stddef.h>

/* Zeroed; freed with free(). Never NULL, also for a count of 0. */
void *must_calloc(size_t count, size_t size) __attribute__((returns_nonnull));

/* Two texts, one after the other; freed with free(). */
char *must_join(const char *text, const char *suffix) __attribute__((returns_nonnull));

/* A copy of bytes that need not end with a NUL, with one behind it; freed with free(). */
char *must_copy(const char *bytes, size_t len) __attribute__((returns_nonnull));

/* Appends a copy. */
void must_append(struct buffer *buffer, const char *bytes, size_t len);

/* Ends the program. */
_Noreturn void memory_exhausted(void);

/* Called before that line is written, to put a terminal in order. */
void memory_before_end(void (*put_in_order)(void));

#endif
