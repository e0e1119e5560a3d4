/* The order of publications (see publications.h). On the broadcast loop's thread. Nothing can
   fail. */
#include "push/publications.h"

#include "base/log.h"

static bool is_left_behind(const struct publication *entry)
{
    return entry->thing->number != entry->number;
}

static void compact(struct publications *publications)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < publications->count; i++)
        if (!is_left_behind(&publications->entries[i]))
            publications->entries[kept++] = publications->entries[i];
    publications->count = kept;
}

void publications_add(struct publications *publications, struct published *thing)
{
    if (thing->number == 0)
        publications->things++;
    INVARIANT(publications->things <= POLLS_MAX);
    thing->number = ++publications->last_number;
    if (publications->count == 2 * publications->things - 1 + PUBLICATIONS_SLACK)
        compact(publications);
    publications->entries[publications->count++] = (struct publication){thing->number, thing};
}

/* The place of the first entry with a greater number; the count if there is none. Searches from the
 * end with doubling distances, then halves: most readers lack little. */
static uint32_t place_after(struct publications *publications, uint64_t number)
{
    uint32_t distance = 1, high = publications->count, low = 0;
    for (; distance <= high; distance *= 2) {
        publications->steps++;
        if (publications->entries[publications->count - distance].number <= number) {
            low = publications->count - distance + 1;
            break;
        }
        high = publications->count - distance;
    }
    while (low < high) {
        publications->steps++;
        uint32_t middle = low + (high - low) / 2;
        if (publications->entries[middle].number > number)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct published *publications_after(struct publications *publications, uint64_t number)
{
    uint32_t i = place_after(publications, number);
    while (i < publications->count && is_left_behind(&publications->entries[i])) {
        publications->steps++;
        i++;
    }
    return i < publications->count ? publications->entries[i].thing : NULL;
}
