/* The allocator's functions, as the linker's --wrap puts them in the place of the C library's. */
#include "tests/support/allocation.h"

#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FAILURES_MAX = 1000 }; /* nothing under test allocates so often */

struct allocations allocations = {.left = -1};

static _Thread_local bool is_spared;

void allocations_fail_after(long count)
{
    allocations.once = false;
    allocations.left = count;
}

void allocations_fail_once_after(long count)
{
    allocations.once = true;
    allocations.left = count;
}

void allocations_fail_to_grow(void)
{
    allocations.blocks_stay = true;
}

void allocations_succeed(void)
{
    allocations.left = -1;
    allocations.blocks_stay = false;
}

void allocations_spare_this_thread(bool spare)
{
    is_spared = spare;
}

static bool may_allocate(void)
{
    if (is_spared || allocations.left < 0)
        return true;
    if (allocations.left == 0) {
        if (allocations.once)
            allocations.left = -1;
        errno = ENOMEM;
        return false;
    }
    allocations.left--;
    return true;
}

static void *counted(void *block, size_t size)
{
    if (!block)
        return NULL;
    allocations.blocks++;
    allocations.bytes += size;
    return block;
}

/* A block that goes, or moves. */
static void forget(const void *block)
{
    if (!block)
        return;
    allocations.blocks--;
    if (allocations.aligned == block)
        allocations.aligned = NULL;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    allocations.malloc_bytes = size;
    return may_allocate() ? counted(__real_malloc(size), size) : NULL;
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? counted(__real_calloc(count, size), count * size) : NULL;
}

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    if (allocations.blocks_stay || !may_allocate())
        return NULL;
    forget(block);
    return counted(__real_realloc(block, size), size);
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    /* C11 leaves undefined what another size gives, and some allocators refuse it. */
    if (size % alignment != 0)
        abort();
    allocations.aligned_bytes = size;
    allocations.aligned =
        may_allocate() ? counted(__real_aligned_alloc(alignment, size), size) : NULL;
    return allocations.aligned;
}

int __real_posix_memalign(void **block, size_t alignment, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
    if (!may_allocate())
        return ENOMEM;
    int error = __real_posix_memalign(block, alignment, size);
    if (error == 0)
        counted(*block, size);
    return error;
}

char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
    forget(block);
    __real_free(block);
}

void allocations_of_jansson(void)
{
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
}

unsigned allocations_fail_each(struct buffer *out, int (*append)(void))
{
    ck_assert_int_eq(buffer_append(out, "kept", 4), 0);
    const size_t len = out->len;
    for (unsigned n = 0; n < FAILURES_MAX; n++) {
        long held = allocations.blocks;
        out->capacity = len; /* whatever room an earlier failure has made */
        allocations_fail_after(n);
        int result = append();
        allocations_succeed();
        held -= allocations.blocks;
        ck_assert_int_eq(held, 0);
        ck_assert_mem_eq(out->bytes + len - 4, "kept", 4);
        if (result == 0)
            return n;
        ck_assert_uint_eq(out->len, len);
    }
    ck_abort_msg("it fails though memory suffices");
}
