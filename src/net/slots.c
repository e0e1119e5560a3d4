/* Slots. The free ones are a list; the last one that was left is taken first. */
#include "net/slots.h"

#include "base/log.h"

#include <stdlib.h>

enum { NONE = UINT32_MAX, SIZE_AT_FIRST = 64 };

void slots_init(struct slots *slots)
{
    *slots = (struct slots){.first_free = NONE};
}

void slots_destroy(struct slots *slots)
{
    INVARIANT(slots->count == 0);
    free(slots->all);
}

static int grow(struct slots *slots)
{
    uint32_t size = slots->size ? slots->size * 2 : SIZE_AT_FIRST;
    struct slot *all = realloc(slots->all, size * sizeof *all);
    if (!all)
        return -1;
    for (uint32_t i = size; i-- > slots->size;) {
        all[i] = (struct slot){.next_free = slots->first_free};
        slots->first_free = i;
    }
    slots->all = all;
    slots->size = size;
    return 0;
}

int slots_take(struct slots *slots, struct conn *conn, struct conn_ref *ref)
{
    if (slots->first_free == NONE && grow(slots) != 0)
        return -1;
    uint32_t index = slots->first_free;
    struct slot *slot = &slots->all[index];
    slots->first_free = slot->next_free;
    slots->count++;
    slot->conn = conn;
    *ref = (struct conn_ref){index, slot->generation};
    return 0;
}

void slots_leave(struct slots *slots, struct conn_ref ref)
{
    struct slot *slot = &slots->all[ref.slot];
    slot->conn = NULL;
    slot->generation++;
    slot->next_free = slots->first_free;
    slots->first_free = ref.slot;
    slots->count--;
}
