/* Allocation that can't fail (see bench_memory.h). */
#include "tools/tallybench/run/memory.h"

#include <stdio.h>
#include <stdlib.h>

static void require_memory(const void *memory)
{
    if (memory)
        return;
    fputs("tallybench: out of memory\n", stderr);
    exit(EXIT_FAILURE);
}

void *must_calloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    require_memory(memory);
    return memory;
}

void must_append(struct buffer *buffer, const char *bytes, size_t len)
{
    require_memory(buffer_append(buffer, bytes, len) == 0 ? buffer : NULL);
}
