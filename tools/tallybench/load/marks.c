/* The list of marked ballots (see marks.h): chunks that never move. A chunk's content and its
 * `next` are written before the count that makes them visible. */
#include "tools/tallybench/load/marks.h"

#include "tools/lib/memory.h"

#include <stdlib.h>

void marks_init(struct marks *marks)
{
    *marks = (struct marks){0};
    marks->first = marks->last = must_calloc(1, sizeof *marks->first);
}

void marks_free(struct marks *marks)
{
    struct mark_chunk *next;
    for (struct mark_chunk *chunk = marks->first; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
}

void marks_add(struct marks *marks, uint64_t seq, uint64_t ack_ns)
{
    uint64_t count = atomic_load_explicit(&marks->count, memory_order_relaxed);
    uint64_t at = count % MARKS_A_CHUNK;
    if (at == 0 && count > 0) {
        marks->last->next = must_calloc(1, sizeof *marks->last);
        marks->last = marks->last->next;
    }
    marks->last->marks[at] = (struct mark){seq, ack_ns};
    atomic_store_explicit(&marks->count, count + 1, memory_order_release);
}

struct marks_cursor marks_begin(const struct marks *marks)
{
    return (struct marks_cursor){.chunk = marks->first};
}

const struct mark *marks_peek(const struct marks *marks, struct marks_cursor *cursor)
{
    if (cursor->passed == atomic_load_explicit(&marks->count, memory_order_acquire))
        return NULL;
    if (cursor->at == MARKS_A_CHUNK) { /* only now is it sure that there is a next chunk */
        cursor->chunk = cursor->chunk->next;
        cursor->at = 0;
    }
    return &cursor->chunk->marks[cursor->at];
}

void marks_pass(struct marks_cursor *cursor)
{
    cursor->passed++;
    cursor->at++;
}
