/* Allocation that can't fail. */
#include "tools/lib/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*before_end)(void);

void memory_before_end(void (*put_in_order)(void))
{
    before_end = put_in_order;
}

void memory_exhausted(void)
{
    if (before_end)
        before_end();
    fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
    exit(EXIT_FAILURE);
}

void *must_calloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        memory_exhausted();
    return memory;
}

char *must_join(const char *text, const char *suffix)
{
    char *joined;
    if (asprintf(&joined, "%s%s", text, suffix) < 0)
        memory_exhausted();
    return joined;
}

char *must_copy(const char *bytes, size_t len)
{
    char *copy = must_calloc(len + 1, 1);
    return len > 0 ? memcpy(copy, bytes, len) : copy;
}

void must_append(struct buffer *buffer, const char *bytes, size_t len)
{
    if (buffer_append(buffer, bytes, len) != 0)
        memory_exhausted();
}
