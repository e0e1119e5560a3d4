/* A ledger's files in memory, and what can happen to them on a disk. One thread. */
#ifndef TALLYCAST_TESTS_DAMAGE_FILE_H
#define TALLYCAST_TESTS_DAMAGE_FILE_H

#include "tests/torture/torture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The content of a file. One that is not there has no bytes. */
struct content {
    unsigned char *bytes; /* owned */
    size_t len;
};

enum damage_file { DAMAGE_DATABASE, DAMAGE_LOG, DAMAGE_KEY, DAMAGE_FILES };

struct files {
    struct content of[DAMAGE_FILES];
};

/* Reads the files of the database `path`; writes them, and removes those that are not there. */
void files_read(struct files *files, const char *path);
void files_write(const struct files *files, const char *path);

void files_copy(struct files *copy, const struct files *from);
void files_copy_one(struct files *copy, const struct files *from, enum damage_file file);
void files_free(struct files *files);

bool content_is_same(const struct content *content, const struct content *other);
bool files_are_same(const struct files *files, const struct files *others);

enum damage_kind {
    DAMAGE_BIT,
    DAMAGE_BYTE,
    DAMAGE_ZEROS,   /* 512 or 4096 bytes, at such a border or anywhere */
    DAMAGE_GARBAGE, /* likewise */
    DAMAGE_CUT,
    DAMAGE_REMOVED, /* the log */
    DAMAGE_SWAPPED, /* two pages */
    DAMAGE_DOUBLED, /* a page stands where another was */
    DAMAGE_OLDER,   /* a file as it once was */
    DAMAGE_LONGER,
    DAMAGE_KINDS
};

extern const char *const damage_names[DAMAGE_KINDS];

/* What was done. */
struct damage {
    enum damage_kind kind;
    enum damage_file file;
    size_t at; /* byte */
};

/* Damages one of the files; `older` are the same at an earlier time. What is done may change
 * nothing. */
struct damage damage_do(struct torture *torture, struct files *files, const struct files *older);

#endif
