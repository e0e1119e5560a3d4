/* Building what a disk may hold after its power was cut. Pure but for the files of disk_image_write
 * and _is. One thread. */
#include "tests/torture/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIXTEENTHS = 16, SECTOR = 512, PAGE = 4096 };

static _Noreturn void broken(const char *what)
{
    perror(what);
    abort();
}

/* ---- files and names ---- */

static void file_reserve(struct disk_file *file, size_t size)
{
    if (size <= file->capacity)
        return;
    size_t capacity = size + size / 2;
    file->bytes = realloc(file->bytes, capacity);
    if (!file->bytes)
        broken("disk");
    file->capacity = capacity;
}

/* Sets the size; what it adds is zeros, or `filler` bytes. */
static void file_resize(struct disk_file *file, size_t size, int filler)
{
    file_reserve(file, size);
    if (size > file->size)
        memset(file->bytes + file->size, filler, size - file->size);
    file->size = size;
}

static void file_put(struct disk_file *file, size_t at, const unsigned char *bytes, size_t len)
{
    if (at + len > file->size)
        file_resize(file, at + len, 0);
    memcpy(file->bytes + at, bytes, len);
}

void disk_image_free(struct disk_image *image)
{
    for (unsigned i = 0; i < image->file_count; i++)
        free(image->files[i].bytes);
    image->name_count = image->file_count = 0;
}

const struct disk_file *disk_image_find(const struct disk_image *image, const char *name)
{
    for (unsigned i = 0; i < image->name_count; i++)
        if (image->names[i].file != DISK_NO_FILE && strcmp(image->names[i].text, name) == 0)
            return &image->files[image->names[i].file];
    return NULL;
}

static void copy_base(struct disk_image *state, const struct disk_image *base,
                      const struct disk_record *record)
{
    state->name_count = record->name_count;
    state->file_count = record->file_count;
    for (unsigned i = 0; i < record->name_count; i++) {
        memcpy(state->names[i].text, record->names[i], DISK_NAME_SIZE);
        state->names[i].file = i < base->name_count ? base->names[i].file : DISK_NO_FILE;
    }
    for (unsigned i = 0; i < record->file_count; i++) {
        state->files[i] = (struct disk_file){0};
        if (i < base->file_count && base->files[i].size > 0)
            file_put(&state->files[i], 0, base->files[i].bytes, base->files[i].size);
    }
}

/* ---- fates ---- */

static const char *const fate_names[DISK_FATES] = {
    [DISK_LOST] = "lost",           [DISK_KEPT] = "kept",         [DISK_CUT] = "cut",
    [DISK_REORDERED] = "reordered", [DISK_TORN_512] = "torn-512", [DISK_TORN_4096] = "torn-4096",
};

const char *disk_fate_name(enum disk_fate_kind kind)
{
    return fate_names[kind];
}

struct disk_fate disk_fate_draw(struct torture *random)
{
    /* Few or many, since what is rare is what goes wrong. */
    static const unsigned char keeps[] = {1, 4, 8, 12, 15};
    /* Of the first three there is one state an instant, of the others many. */
    static const unsigned char kinds[] = {
        DISK_LOST,      DISK_KEPT,     DISK_CUT,      DISK_CUT,       DISK_REORDERED,
        DISK_REORDERED, DISK_TORN_512, DISK_TORN_512, DISK_TORN_4096, DISK_TORN_4096,
    };
    return (struct disk_fate){
        .kind = (enum disk_fate_kind)kinds[torture_random(random, sizeof kinds)],
        .keep = keeps[torture_random(random, sizeof keeps)],
        .keep_name = keeps[torture_random(random, sizeof keeps)],
        .grown = torture_random(random, 2) == 0,
        .garbage = torture_random(random, 4) == 0,
        .files_lie_from = SIZE_MAX,
        .names_lie_from = SIZE_MAX,
    };
}

/* One state under construction. */
struct building {
    struct disk_image *state;
    const struct disk_record *record;
    const struct disk_fate *fate;
    struct torture *random;
    size_t instant;
    size_t cut_at;                       /* DISK_CUT: the operation that was under way */
    size_t names_synced;                 /* operations before this one are covered by a sync */
    size_t files_synced[DISK_FILES_MAX]; /* likewise, by file */
};

static void find_syncs(struct building *building)
{
    for (size_t i = 0; i < building->instant; i++) {
        const struct disk_op *op = &building->record->ops[i];
        if (op->kind == DISK_SYNC && i < building->fate->files_lie_from)
            building->files_synced[op->file] = i;
        if (op->kind == DISK_SYNC_NAMES && i < building->fate->names_lie_from)
            building->names_synced = i;
    }
}

static bool is_synced(const struct building *building, size_t index)
{
    const struct disk_op *op = &building->record->ops[index];
    return index <
           (op->kind == DISK_RENAME ? building->names_synced : building->files_synced[op->file]);
}

static bool changes(const struct disk_op *op)
{
    return op->kind == DISK_WRITE || op->kind == DISK_TRUNCATE || op->kind == DISK_RENAME;
}

/* The operation before which all are there: one of those that no sync covers. */
static size_t draw_cut(const struct building *building)
{
    size_t open = 0;
    for (size_t i = 0; i < building->instant; i++)
        open += changes(&building->record->ops[i]) && !is_synced(building, i);
    size_t skip = open > 0 ? (size_t)torture_random(building->random, open) : 0;
    for (size_t i = 0; i < building->instant; i++)
        if (changes(&building->record->ops[i]) && !is_synced(building, i) && skip-- == 0)
            return i;
    return building->instant;
}

/* Whether a part of the operation that no sync covers is there. */
static bool is_kept(const struct building *building, size_t index, unsigned sixteenths)
{
    switch (building->fate->kind) {
    case DISK_LOST:
        return false;
    case DISK_KEPT:
        return true;
    case DISK_CUT:
        if (index != building->cut_at)
            return index < building->cut_at;
        break;
    case DISK_REORDERED:
    case DISK_TORN_512:
    case DISK_TORN_4096:
    case DISK_FATES:
        break;
    }
    return torture_random(building->random, SIXTEENTHS) < sixteenths;
}

/* ---- building ---- */

/* The bytes from `at` on that a disk writes, or loses, together. */
static size_t piece(const struct building *building, uint64_t at, size_t left)
{
    size_t sector = building->fate->kind == DISK_TORN_4096   ? PAGE
                    : building->fate->kind == DISK_REORDERED ? left
                                                             : SECTOR;
    size_t whole = building->fate->kind == DISK_REORDERED ? left : sector - (size_t)(at % sector);
    return whole < left ? whole : left;
}

static void lose(const struct building *building, struct disk_file *file, size_t end)
{
    if (building->fate->kind < DISK_CUT || !building->fate->grown || end <= file->size)
        return;
    int filler = building->fate->garbage ? (int)torture_random(building->random, 256) : 0;
    file_resize(file, end, filler);
}

static void do_write(const struct building *building, size_t index)
{
    const struct disk_op *op = &building->record->ops[index];
    struct disk_file *file = &building->state->files[op->file];
    const unsigned char *bytes = building->record->bytes + op->bytes;
    if (is_synced(building, index)) {
        file_put(file, op->at, bytes, op->len);
        return;
    }
    for (size_t done = 0, len; done < op->len; done += len) {
        len = piece(building, op->at + done, op->len - done);
        if (is_kept(building, index, building->fate->keep))
            file_put(file, op->at + done, bytes + done, len);
        else
            lose(building, file, op->at + done + len);
    }
}

static void do_op(const struct building *building, size_t index)
{
    const struct disk_op *op = &building->record->ops[index];
    switch ((enum disk_op_kind)op->kind) {
    case DISK_WRITE:
        do_write(building, index);
        break;
    case DISK_TRUNCATE:
        if (is_synced(building, index) || is_kept(building, index, building->fate->keep))
            file_resize(&building->state->files[op->file], op->at, 0);
        break;
    case DISK_RENAME:
        if (is_synced(building, index) || is_kept(building, index, building->fate->keep_name))
            building->state->names[op->name].file = op->file;
        break;
    case DISK_SYNC:
    case DISK_SYNC_NAMES:
    case DISK_NOTE:
        break;
    }
}

void disk_build(struct disk_image *state, const struct disk_image *base,
                const struct disk_record *record, size_t instant, const struct disk_fate *fate,
                struct torture *random)
{
    struct building building = {
        .state = state, .record = record, .fate = fate, .random = random, .instant = instant};
    copy_base(state, base, record);
    find_syncs(&building);
    building.cut_at = draw_cut(&building);
    for (size_t i = 0; i < instant; i++)
        do_op(&building, i);
}

/* ---- real files ---- */

static void path_in(char path[PATH_MAX], const char *directory, const char *name)
{
    if (snprintf(path, PATH_MAX, "%s/%s", directory, name) >= PATH_MAX)
        broken(name);
}

/* Removes everything that the directory holds. */
static void empty(const char *directory)
{
    char path[PATH_MAX];
    DIR *entries = opendir(directory);
    if (!entries)
        broken(directory);
    for (struct dirent *entry; (entry = readdir(entries));) {
        path_in(path, directory, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlink(path) != 0)
            broken(path);
    }
    closedir(entries);
}

static void write_file(const struct disk_file *file, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || (file->size > 0 && write(fd, file->bytes, file->size) != (ssize_t)file->size))
        broken(path);
    close(fd);
}

void disk_image_write(const struct disk_image *image, const char *directory)
{
    char first[DISK_FILES_MAX][DISK_NAME_SIZE];
    char path[PATH_MAX], other[PATH_MAX];
    memset(first, 0, sizeof first);
    empty(directory);
    for (unsigned i = 0; i < image->name_count; i++) {
        const struct disk_name *name = &image->names[i];
        if (name->file == DISK_NO_FILE)
            continue;
        path_in(path, directory, name->text);
        if (first[name->file][0] != '\0') {
            path_in(other, directory, first[name->file]);
            if (link(other, path) != 0)
                broken(path);
            continue;
        }
        memcpy(first[name->file], name->text, DISK_NAME_SIZE);
        write_file(&image->files[name->file], path);
    }
}

static bool file_is(const struct disk_file *file, const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool same = fstat(fd, &status) == 0 && (size_t)status.st_size == file->size;
    unsigned char *bytes = malloc(file->size + 1);
    if (!bytes)
        broken("disk");
    same = same && read(fd, bytes, file->size + 1) == (ssize_t)file->size &&
           (file->size == 0 || memcmp(bytes, file->bytes, file->size) == 0);
    free(bytes);
    close(fd);
    return same;
}

bool disk_image_is(const struct disk_image *image, const char *directory, char *difference,
                   size_t size)
{
    char path[PATH_MAX];
    unsigned expected = 2, found = 0; /* "." and ".." */
    for (unsigned i = 0; i < image->name_count; i++) {
        if (image->names[i].file == DISK_NO_FILE)
            continue;
        expected++;
        path_in(path, directory, image->names[i].text);
        if (!file_is(&image->files[image->names[i].file], path)) {
            snprintf(difference, size, "%s is not as it was recorded", image->names[i].text);
            return false;
        }
    }
    DIR *entries = opendir(directory);
    while (entries && readdir(entries))
        found++;
    if (entries)
        closedir(entries);
    snprintf(difference, size, "%u names were recorded, and %u are there", expected, found);
    return expected == found;
}
