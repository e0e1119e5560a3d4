/* A hash table of polls by name. Linear probing at no more than half full. */
#include "poll/directory.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits (draft-eastlake-fnv). Names are made by the administrator, so it need not resist
 * an attacker. */
static size_t name_hash(const struct name *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (unsigned i = 0; i < name->len; i++)
        hash = (hash ^ (unsigned char)name->text[i]) * 0x100000001b3u;
    return (size_t)(hash ^ hash >> 32);
}

const struct poll *directory_find(const struct directory *directory, const struct name *name)
{
    if (directory->capacity == 0)
        return NULL;
    size_t mask = directory->capacity - 1;
    size_t i = name_hash(name) & mask;
    while (directory->slots[i] && !name_equal(&directory->slots[i]->name, name))
        i = (i + 1) & mask;
    return directory->slots[i];
}

static void insert(const struct poll **slots, size_t capacity, const struct poll *poll)
{
    size_t i = name_hash(&poll->name) & (capacity - 1);
    while (slots[i])
        i = (i + 1) & (capacity - 1);
    slots[i] = poll;
}

static int grow(struct directory *directory)
{
    size_t capacity = directory->capacity ? directory->capacity * 2 : 64;
    const struct poll **slots = calloc(capacity, sizeof(const struct poll *));
    if (!slots)
        return -1;
    for (size_t i = 0; i < directory->capacity; i++)
        if (directory->slots[i])
            insert(slots, capacity, directory->slots[i]);
    free(directory->slots);
    directory->slots = slots;
    directory->capacity = capacity;
    return 0;
}

int directory_add(struct directory *directory, const struct poll *poll)
{
    if ((directory->count + 1) * 2 > directory->capacity && grow(directory) != 0)
        return -1;
    insert(directory->slots, directory->capacity, poll);
    directory->count++;
    return 0;
}

void directory_free(struct directory *directory)
{
    free(directory->slots);
    *directory = (struct directory){0};
}
