/* Memory that runs short at a chosen allocation, for the code under test and for jansson. A test
 * that uses it is linked with --wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free for the first,
 * and calls allocation_begin for the second. */
#ifndef TALLYCAST_TESTS_ALLOCATION_H
#define TALLYCAST_TESTS_ALLOCATION_H

#include <jansson.h>
#include <stdlib.h>

static long allocations_left = -1; /* until one fails, and all after it; -1 for never */
static long blocks_held;

static int allocation_fails(void)
{
    if (allocations_left < 0)
        return 0;
    if (allocations_left == 0)
        return 1;
    allocations_left--;
    return 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
    void *block = allocation_fails() ? NULL : __real_malloc(size);
    blocks_held += block != NULL;
    return block;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *block = allocation_fails() ? NULL : __real_calloc(count, size);
    blocks_held += block != NULL;
    return block;
}

void *__wrap_realloc(void *block, size_t size)
{
    void *moved = allocation_fails() ? NULL : __real_realloc(block, size);
    blocks_held += moved && !block;
    return moved;
}

void __wrap_free(void *block)
{
    blocks_held -= block != NULL;
    __real_free(block);
}

/* From here on jansson's memory counts. */
static void allocation_begin(void)
{
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
}

#endif
