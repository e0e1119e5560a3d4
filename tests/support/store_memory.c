/* An engine can be trivial: batches are copied into a list, and read from it. */
#include "tests/support/store_memory.h"

#include "base/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A poll's definition, of a CREATE. */
struct definition {
    struct name name;
    struct settings settings;
    struct name choices[PROTO_CHOICES_MAX];
    uint8_t lot[PROTO_CHOICES_MAX];
};

struct record {
    struct record *next;
    struct entry entry; /* what it points to is in one of these: */
    struct definition *definition;
    char *name, *spelling, *marks, *text;
};

struct shown {
    struct shown *next;
    uint32_t poll;
    char *line;    /* NULL if none was recorded */
    char *pending; /* of the batch that is being recorded */
};

/* What a name stands for. It is never freed, as a file is not by closing it. */
struct database {
    struct database *next;
    char *name;
    bool in_use, has_key;
    struct hash key_check;
    uint64_t identity;
    struct record *first, **end;
    struct shown *tallies;                /* in the order of their polls */
    _Atomic uint64_t count, backup_count; /* entries: all, and those of a backup under way */
};

struct memory_store {
    struct store base;
    struct database *database;
};

static struct database *databases;

static struct database *database_of(const struct store *base)
{
    return container_of((struct store *)(uintptr_t)base, struct memory_store, base)->database;
}

static struct database *find(const char *name)
{
    struct database *database = databases;
    while (database && strcmp(database->name, name) != 0)
        database = database->next;
    return database;
}

static struct database *make(const char *name)
{
    struct database *made = calloc(1, sizeof *made);
    if (!made || !(made->name = strdup(name)))
        abort();
    made->end = &made->first;
    made->next = databases;
    databases = made;
    return made;
}

/* ---- life ---- */

static int open_database(struct store **store, struct database *database)
{
    struct memory_store *opened = calloc(1, sizeof *opened);
    if (!opened)
        abort();
    opened->database = database;
    database->in_use = true;
    *store = &opened->base;
    return 0;
}

static int open_memory(struct store **store, const char *name, bool sync, char why[STORE_WHY_MAX])
{
    (void)sync;
    struct database *database = find(name);
    if (database && database->in_use) {
        snprintf(why, STORE_WHY_MAX, "%s: in use by another process", name);
        return -1;
    }
    return open_database(store, database ? database : make(name));
}

static int open_to_read(struct store **store, const char *name, char why[STORE_WHY_MAX])
{
    struct database *database = find(name);
    if (database)
        return open_database(store, database);
    snprintf(why, STORE_WHY_MAX, "%s: there is none", name);
    return -1;
}

static void close_memory(struct store *base)
{
    database_of(base)->in_use = false;
    free(container_of(base, struct memory_store, base));
}

static int key_check(const struct store *base, struct hash *check, char why[STORE_WHY_MAX])
{
    (void)why;
    *check = database_of(base)->key_check;
    return database_of(base)->has_key;
}

static int has_ballots(const struct store *base, char why[STORE_WHY_MAX])
{
    (void)why;
    for (const struct record *record = database_of(base)->first; record; record = record->next)
        if (record->entry.kind == ENTRY_BALLOT)
            return 1;
    return 0;
}

static int set_key_check(struct store *base, struct hash check, char why[STORE_WHY_MAX])
{
    (void)why;
    database_of(base)->has_key = true;
    database_of(base)->key_check = check;
    return 0;
}

static uint64_t voter_estimate(const struct store *base)
{
    (void)base;
    return 0;
}

static int adopt(struct store *base, char why[STORE_WHY_MAX])
{
    static uint64_t drawn;
    (void)why;
    if (database_of(base)->identity == 0)
        database_of(base)->identity = ++drawn;
    return 0;
}

static uint64_t identity(const struct store *base)
{
    return database_of(base)->identity;
}

/* ---- recording ---- */

static void free_record(struct record *record)
{
    free(record->definition);
    free(record->name);
    free(record->spelling);
    free(record->marks);
    free(record->text);
    free(record);
}

/* Copies a text, which `span` then points to. False if memory is short. */
static bool copy_span(struct span *span, char **copy)
{
    if (!span->at)
        return true;
    *copy = malloc(span->len + 1);
    if (*copy)
        memcpy(*copy, span->at, span->len);
    span->at = *copy;
    return *copy;
}

static bool copy_create(struct entry_create *create, struct definition **copy)
{
    struct definition *made = *copy = calloc(1, sizeof *made);
    if (!made)
        return false;
    made->name = *create->name;
    made->settings = *create->settings;
    memcpy(made->choices, create->choices, create->choice_count * sizeof made->choices[0]);
    create->name = &made->name;
    create->settings = &made->settings;
    create->choices = made->choices;
    if (create->lot)
        create->lot = memcpy(made->lot, create->lot, create->choice_count);
    return true;
}

static bool copy_content(struct record *record)
{
    struct entry *entry = &record->entry;
    switch (entry->kind) {
    case ENTRY_CREATE:
        return copy_create(&entry->create, &record->definition);
    case ENTRY_BALLOT:
        return copy_span(&entry->ballot.name, &record->name) &&
               copy_span(&entry->ballot.spelling, &record->spelling) &&
               copy_span(&entry->ballot.marks, &record->marks);
    case ENTRY_TITLE:
    case ENTRY_LABEL:
        return copy_span(&entry->text.text, &record->text);
    case ENTRY_OPEN:
    case ENTRY_CLOSE:
        break;
    }
    return true;
}

/* NULL if memory is short. */
static struct record *new_record(const struct entry *entry)
{
    struct record *record = calloc(1, sizeof *record);
    if (!record)
        return NULL;
    record->entry = *entry;
    if (copy_content(record))
        return record;
    free_record(record);
    return NULL;
}

static void free_records(struct record *first)
{
    for (struct record *next; first; first = next) {
        next = first->next;
        free_record(first);
    }
}

/* Copies all of them, or returns false. */
static bool copy_entries(const struct store_batch *batch, struct record **first,
                         struct record ***end)
{
    *first = NULL;
    *end = first;
    for (size_t i = 0; i < batch->entry_count; i++) {
        **end = new_record(&batch->entries[i]);
        if (!**end) {
            free_records(*first);
            return false;
        }
        *end = &(**end)->next;
    }
    return true;
}

static struct shown *find_shown(struct database *database, uint32_t poll)
{
    struct shown **at = &database->tallies;
    while (*at && (*at)->poll < poll)
        at = &(*at)->next;
    if (*at && (*at)->poll == poll)
        return *at;
    struct shown *shown = calloc(1, sizeof *shown);
    if (!shown)
        return NULL;
    *shown = (struct shown){.next = *at, .poll = poll};
    return *at = shown;
}

/* False if memory is short. */
static bool copy_tally(struct database *database, const struct store_tally *tally)
{
    struct shown *shown = find_shown(database, tally->poll);
    if (!shown)
        return false;
    free(shown->pending);
    shown->pending = calloc(1, tally->len + 1); /* the line has no NUL */
    if (shown->pending)
        memcpy(shown->pending, tally->line, tally->len);
    return shown->pending;
}

static void replace_tally(struct database *database, uint32_t poll)
{
    struct shown *shown = find_shown(database, poll);
    free(shown->line);
    shown->line = shown->pending;
    shown->pending = NULL;
}

static enum store_outcome append(struct store *base, const struct store_batch *batch,
                                 const char **why)
{
    struct database *database = database_of(base);
    struct record *first, **end;
    *why = "out of memory";
    for (size_t i = 0; i < batch->tally_count; i++)
        if (!copy_tally(database, &batch->tallies[i]))
            return STORE_REFUSED;
    if (!copy_entries(batch, &first, &end))
        return STORE_REFUSED;
    if (first) {
        *database->end = first;
        database->end = end;
    }
    for (size_t i = 0; i < batch->tally_count; i++)
        replace_tally(database, batch->tallies[i].poll);
    atomic_fetch_add(&database->count, batch->entry_count);
    return STORE_RECORDED;
}

/* ---- reading ---- */

static int follow(struct store *base, uint64_t after_seq, const struct store_visitor *visitor,
                  char why[STORE_WHY_MAX])
{
    for (const struct record *record = database_of(base)->first; record; record = record->next)
        if (record->entry.seq > after_seq &&
            visitor->entry(visitor->context, &record->entry, why) != 0)
            return -1;
    return 0;
}

static int load(struct store *base, const struct store_visitor *visitor, char why[STORE_WHY_MAX])
{
    const struct database *database = database_of(base);
    if (follow(base, 0, visitor, why) != 0)
        return -1;
    for (const struct shown *shown = database->tallies; shown; shown = shown->next) {
        if (!shown->line)
            continue;
        const struct store_tally tally = {shown->poll, shown->line, strlen(shown->line)};
        if (visitor->tally(visitor->context, &tally, why) != 0)
            return -1;
    }
    return 0;
}

enum { LINE_BYTES = 21 }; /* of a backup: a sequence, which suffices to see what is in it */

static uint64_t database_bytes(const struct store *base)
{
    return atomic_load(&database_of(base)->count) * LINE_BYTES;
}

/* ---- backups ---- */

static int backup_begin(struct store *base)
{
    database_of(base)->backup_count = atomic_load(&database_of(base)->count);
    return 0;
}

static void backup_end(struct store *base)
{
    (void)base;
}

static int backup_fill(const struct store *base, int file, const atomic_bool *cancelled,
                       uint64_t *bytes)
{
    const struct database *database = database_of(base);
    for (uint64_t seq = 1; seq <= database->backup_count; seq++) {
        errno = ECANCELED;
        if (atomic_load(cancelled) || dprintf(file, "%020llu\n", (unsigned long long)seq) < 0)
            return ERR_STORAGE;
    }
    *bytes = database->backup_count * LINE_BYTES;
    return 0;
}

static int backup_copy(const struct store *base, const char *path, const atomic_bool *cancelled,
                       uint64_t *bytes)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return ERR_BAD_ARGUMENT;
    int result = backup_fill(base, file, cancelled, bytes);
    close(file);
    if (result != 0)
        unlink(path);
    return result;
}

const struct store_engine memory_engine = {
    .open = open_memory,
    .open_to_read = open_to_read,
    .close = close_memory,
    .key_check = key_check,
    .has_ballots = has_ballots,
    .set_key_check = set_key_check,
    .voter_estimate = voter_estimate,
    .load = load,
    .follow = follow,
    .adopt = adopt,
    .append = append,
    .identity = identity,
    .database_bytes = database_bytes,
    .backup_begin = backup_begin,
    .backup_copy = backup_copy,
    .backup_fill = backup_fill,
    .backup_end = backup_end,
};
