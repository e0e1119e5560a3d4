/* Files in memory, and damage. Places that rows depend on (the header of the file, of a page, of a
 * frame of the log) are hit more often than their share of the bytes. */
#include "tests/torture/damage_file.h"

#include "store/sqlite/sqlite_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE_BYTES = WAL_PAGE_BYTES,
    SECTOR_BYTES = 512,
    FILE_HEADER_BYTES = 100,
    PAGE_HEADER_BYTES = 16,
    FIRST_PAGES = 24, /* where the small tables begin */
    GARBAGE_MAX = 3 * PAGE_BYTES,
};

const char *const damage_names[DAMAGE_KINDS] = {
    [DAMAGE_BIT] = "bit",         [DAMAGE_BYTE] = "byte",       [DAMAGE_ZEROS] = "zeros",
    [DAMAGE_GARBAGE] = "garbage", [DAMAGE_CUT] = "cut",         [DAMAGE_REMOVED] = "removed",
    [DAMAGE_SWAPPED] = "swapped", [DAMAGE_DOUBLED] = "doubled", [DAMAGE_OLDER] = "older",
    [DAMAGE_LONGER] = "longer",
};

static const char *const suffixes[DAMAGE_FILES] = {
    [DAMAGE_DATABASE] = "",
    [DAMAGE_LOG] = "-wal",
    [DAMAGE_KEY] = ".key",
};

/* ---- files ---- */

static _Noreturn void fail(const char *path)
{
    fprintf(stderr, "damage: %s: %s\n", path, strerror(errno));
    exit(1);
}

static void name_file(char name[PATH_MAX], const char *path, enum damage_file file)
{
    snprintf(name, PATH_MAX, "%.4000s%s", path, suffixes[file]);
}

static void resize(struct content *content, size_t len)
{
    content->bytes = realloc(content->bytes, len > 0 ? len : 1);
    if (!content->bytes)
        fail("memory");
    content->len = len;
}

static void content_copy(struct content *copy, const struct content *from)
{
    resize(copy, from->len);
    if (from->len > 0)
        memcpy(copy->bytes, from->bytes, from->len);
}

static void content_read(struct content *content, const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    resize(content, 0);
    if (file < 0 && errno == ENOENT)
        return;
    if (file < 0 || fstat(file, &status) != 0)
        fail(path);
    resize(content, (size_t)status.st_size);
    if (read(file, content->bytes, content->len) != (ssize_t)content->len)
        fail(path);
    close(file);
}

static void content_write(const struct content *content, const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        fail(path);
    if (content->len == 0)
        return;
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 || write(file, content->bytes, content->len) != (ssize_t)content->len)
        fail(path);
    close(file);
}

void files_read(struct files *files, const char *path)
{
    char name[PATH_MAX];
    for (enum damage_file i = 0; i < DAMAGE_FILES; i++) {
        name_file(name, path, i);
        content_read(&files->of[i], name);
    }
}

void files_write(const struct files *files, const char *path)
{
    char name[PATH_MAX];
    for (enum damage_file i = 0; i < DAMAGE_FILES; i++) {
        name_file(name, path, i);
        content_write(&files->of[i], name);
    }
}

void files_copy_one(struct files *copy, const struct files *from, enum damage_file file)
{
    content_copy(&copy->of[file], &from->of[file]);
}

void files_copy(struct files *copy, const struct files *from)
{
    for (enum damage_file i = 0; i < DAMAGE_FILES; i++)
        files_copy_one(copy, from, i);
}

bool content_is_same(const struct content *content, const struct content *other)
{
    return content->len == other->len &&
           (other->len == 0 || memcmp(content->bytes, other->bytes, other->len) == 0);
}

bool files_are_same(const struct files *files, const struct files *others)
{
    bool same = true;
    for (enum damage_file i = 0; i < DAMAGE_FILES; i++)
        same = same && content_is_same(&files->of[i], &others->of[i]);
    return same;
}

void files_free(struct files *files)
{
    for (enum damage_file i = 0; i < DAMAGE_FILES; i++)
        free(files->of[i].bytes);
    *files = (struct files){0};
}

/* ---- where ---- */

static size_t draw(struct torture *torture, size_t bound)
{
    return (size_t)torture_random(torture, bound);
}

static size_t page_count(const struct content *content)
{
    return content->len / PAGE_BYTES;
}

/* A page, from 0; the first ones often. */
static size_t draw_page(struct torture *torture, const struct content *content)
{
    size_t pages = page_count(content);
    if (draw(torture, 3) == 0 && pages > FIRST_PAGES)
        pages = FIRST_PAGES;
    return draw(torture, pages);
}

static size_t draw_in_database(struct torture *torture, const struct content *database)
{
    if (draw(torture, 6) == 0)
        return draw(torture, FILE_HEADER_BYTES);
    size_t page = draw_page(torture, database);
    size_t bound = draw(torture, 4) == 0 ? PAGE_HEADER_BYTES : PAGE_BYTES;
    return page * PAGE_BYTES + draw(torture, bound);
}

/* The frames at the end, which hold the newest entries, as often as all. */
static size_t draw_in_log(struct torture *torture, const struct content *log)
{
    const size_t frame_bytes = WAL_FRAME_HEADER_BYTES + PAGE_BYTES;
    size_t frames = log->len / frame_bytes;
    size_t from = 0;
    if (frames == 0 || draw(torture, 12) == 0)
        return draw(torture, log->len < WAL_HEADER_BYTES ? log->len : WAL_HEADER_BYTES);
    if (draw(torture, 2) == 0 && frames > 8)
        from = frames - 8;
    size_t frame = from + draw(torture, frames - from);
    size_t bound = draw(torture, 3) == 0 ? WAL_FRAME_HEADER_BYTES : frame_bytes;
    return (size_t)wal_frame_at(frame) + draw(torture, bound);
}

static size_t draw_place(struct torture *torture, const struct files *files, enum damage_file file)
{
    const struct content *content = &files->of[file];
    if (file == DAMAGE_DATABASE)
        return draw_in_database(torture, content);
    return file == DAMAGE_LOG ? draw_in_log(torture, content) : draw(torture, content->len);
}

/* ---- what ---- */

/* Overwrites a sector's or a page's bytes. */
static void overwrite(struct torture *torture, struct content *content, struct damage *damage)
{
    size_t len = draw(torture, 2) == 0 ? SECTOR_BYTES : PAGE_BYTES;
    if (draw(torture, 2) == 0)
        damage->at -= damage->at % len;
    for (size_t i = damage->at; i < damage->at + len && i < content->len; i++)
        content->bytes[i] =
            damage->kind == DAMAGE_ZEROS ? 0 : (unsigned char)torture_random(torture, 256);
}

/* Copies a page over another, or exchanges them. */
static void move_page(struct torture *torture, struct content *content, struct damage *damage)
{
    unsigned char other[PAGE_BYTES];
    if (page_count(content) < 2)
        return;
    unsigned char *from = content->bytes + draw_page(torture, content) * PAGE_BYTES;
    unsigned char *to = content->bytes + draw_page(torture, content) * PAGE_BYTES;
    memcpy(other, to, PAGE_BYTES);
    memcpy(to, from, PAGE_BYTES);
    if (damage->kind == DAMAGE_SWAPPED)
        memcpy(from, other, PAGE_BYTES);
    damage->at = (size_t)((from < to ? from : to) - content->bytes);
}

static void append_garbage(struct torture *torture, struct content *content)
{
    size_t at = content->len;
    resize(content, at + 1 + draw(torture, GARBAGE_MAX));
    for (; at < content->len; at++)
        content->bytes[at] = (unsigned char)torture_random(torture, 256);
}

static enum damage_file draw_file(struct torture *torture, const struct files *files)
{
    if (draw(torture, 64) == 0)
        return DAMAGE_KEY;
    return files->of[DAMAGE_LOG].len > 0 && draw(torture, 2) == 0 ? DAMAGE_LOG : DAMAGE_DATABASE;
}

/* Of 32 damages. Nobody removes what they have (without its key, a ledger may be recounted, and a
 * server without database makes a new one), but a log looks like a leftover. */
static enum damage_kind draw_kind(struct torture *torture, enum damage_file file)
{
    static const unsigned char shares[DAMAGE_KINDS] = {
        [DAMAGE_BIT] = 10,  [DAMAGE_BYTE] = 6,    [DAMAGE_ZEROS] = 4,   [DAMAGE_GARBAGE] = 4,
        [DAMAGE_CUT] = 2,   [DAMAGE_REMOVED] = 1, [DAMAGE_SWAPPED] = 1, [DAMAGE_DOUBLED] = 1,
        [DAMAGE_OLDER] = 1, [DAMAGE_LONGER] = 2,
    };
    size_t drawn = draw(torture, 32);
    enum damage_kind kind = 0;
    for (; drawn >= shares[kind]; kind++)
        drawn -= shares[kind];
    return kind == DAMAGE_REMOVED && file != DAMAGE_LOG ? DAMAGE_BIT : kind;
}

struct damage damage_do(struct torture *torture, struct files *files, const struct files *older)
{
    struct damage damage = {.file = draw_file(torture, files)};
    struct content *content = &files->of[damage.file];
    damage.kind = draw_kind(torture, damage.file);
    damage.at = draw_place(torture, files, damage.file);
    switch (damage.kind) {
    case DAMAGE_BIT:
        content->bytes[damage.at] ^= (unsigned char)(1U << draw(torture, 8));
        break;
    case DAMAGE_BYTE:
        content->bytes[damage.at] ^= (unsigned char)(1 + draw(torture, 255));
        break;
    case DAMAGE_ZEROS:
    case DAMAGE_GARBAGE:
        overwrite(torture, content, &damage);
        break;
    case DAMAGE_CUT:
        resize(content, damage.file == DAMAGE_LOG ? damage.at : damage.at + 1);
        break;
    case DAMAGE_REMOVED:
        resize(content, 0);
        break;
    case DAMAGE_SWAPPED:
    case DAMAGE_DOUBLED:
        move_page(torture, content, &damage);
        break;
    case DAMAGE_OLDER:
        content_copy(content, &older->of[damage.file]);
        break;
    case DAMAGE_LONGER:
        damage.at = content->len;
        append_garbage(torture, content);
        break;
    case DAMAGE_KINDS:
        abort();
    }
    return damage;
}
