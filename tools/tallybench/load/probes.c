/* The list of probes (see probes.h): chunks that never move. A chunk's content and its
 * `next` are written before the count that makes them visible. */
#include "tools/tallybench/load/probes.h"

#include "tools/lib/memory.h"

#include <stdlib.h>

void probes_init(struct probes *probes)
{
    *probes = (struct probes){0};
    probes->first = probes->last = must_calloc(1, sizeof *probes->first);
}

void probes_free(struct probes *probes)
{
    struct probe_chunk *next;
    for (struct probe_chunk *chunk = probes->first; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
}

void probes_add(struct probes *probes, uint64_t seq, uint64_t ack_ns)
{
    uint64_t count = atomic_load_explicit(&probes->count, memory_order_relaxed);
    uint64_t at = count % PROBES_A_CHUNK;
    if (at == 0 && count > 0) {
        probes->last->next = must_calloc(1, sizeof *probes->last);
        probes->last = probes->last->next;
    }
    probes->last->probes[at] = (struct probe){seq, ack_ns};
    atomic_store_explicit(&probes->count, count + 1, memory_order_release);
}

struct probes_cursor probes_begin(const struct probes *probes)
{
    return (struct probes_cursor){.chunk = probes->first};
}

const struct probe *probes_peek(const struct probes *probes, struct probes_cursor *cursor)
{
    if (cursor->passed == atomic_load_explicit(&probes->count, memory_order_acquire))
        return NULL;
    if (cursor->at == PROBES_A_CHUNK) { /* only now is it sure that there is a next chunk */
        cursor->chunk = cursor->chunk->next;
        cursor->at = 0;
    }
    return &cursor->chunk->probes[cursor->at];
}

void probes_pass(struct probes_cursor *cursor)
{
    cursor->passed++;
    cursor->at++;
}
