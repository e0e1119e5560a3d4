/* A disk whose power can be cut: what a process asked of the files in one directory, in order, and
 * from that the states in which a power cut may leave them.
 *
 * The record is made at the border to the kernel: this program's own definitions of open, write,
 * pwrite, ftruncate, fsync, fdatasync, link, unlink and their like take the place of the C
 * library's, for SQLite's shared library and for the server's own calls alike. So nobody has to
 * model what SQLite's VFS does about journals and directories: what it asks for is what is
 * recorded. (A VFS would not see the files that the server makes itself: the key, a backup, the
 * names of a new database.) Reads go to real files, which a sync never waits for.
 *
 * What the disk promises, and no more:
 *   - what was written to, or cut off, a file before a sync of that file is there;
 *   - a name that was made, linked or removed before a sync of the directory is so;
 *   - everything later may be there or not, each operation by itself, in any order, and of a write
 *     any of its sectors. Bytes that no write touched stay.
 * That is less than real file systems give, which keep the order of changes to a directory, and
 * write a new file's name when the file is synced. */
#ifndef TALLYCAST_TESTS_DISK_H
#define TALLYCAST_TESTS_DISK_H

#include "tests/torture/torture.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_NAME_SIZE = 64, DISK_FILES_MAX = 256, DISK_NO_FILE = UINT16_MAX };

/* ---- what is on a disk ---- */

struct disk_image {
    unsigned name_count;
    struct disk_name {
        char text[DISK_NAME_SIZE];
        uint16_t file; /* DISK_NO_FILE: no file has this name (now) */
    } names[DISK_FILES_MAX];
    unsigned file_count;
    struct disk_file {
        unsigned char *bytes; /* owned */
        size_t size, capacity;
    } files[DISK_FILES_MAX];
};

void disk_image_free(struct disk_image *image); /* what it holds, not itself; then it is empty */

/* The file of that name, or NULL. */
const struct disk_file *disk_image_find(const struct disk_image *image, const char *name);

/* Makes the directory hold this and nothing else. */
void disk_image_write(const struct disk_image *image, const char *directory);

/* Whether the directory holds just this; otherwise `difference` says where it does not. */
bool disk_image_is(const struct disk_image *image, const char *directory, char *difference,
                   size_t size);

/* ---- the record ---- */

enum disk_op_kind {
    DISK_WRITE,      /* `len` bytes at `at` */
    DISK_TRUNCATE,   /* to `at` bytes */
    DISK_SYNC,       /* of the file */
    DISK_RENAME,     /* `name` stands for `file`, or for DISK_NO_FILE, from now on */
    DISK_SYNC_NAMES, /* of the directory */
    DISK_NOTE,       /* none of the disk's: the process noted something of its own */
};

struct disk_op {
    uint8_t kind; /* enum disk_op_kind */
    uint16_t file;
    uint16_t name;
    uint32_t len;
    uint64_t at;
    size_t bytes; /* where in the record's bytes they begin */
};

enum { DISK_OPS_MAX = 1 << 16, DISK_BYTES_MAX = 1 << 26 };

/* Lies in memory that is shared with the process which is recorded, so it outlives that. Names and
 * files count on from those of the image that recording began with. */
struct disk_record {
    unsigned name_count, file_count;
    char names[DISK_FILES_MAX][DISK_NAME_SIZE];
    uint16_t name_files[DISK_FILES_MAX]; /* now; DISK_NO_FILE: none */
    size_t op_count, bytes_used;
    struct disk_op ops[DISK_OPS_MAX];
    unsigned char bytes[DISK_BYTES_MAX];
};

/* Maps an empty one; never unmapped. */
struct disk_record *disk_record_new(void);

/* From now on, what this process does to files in `directory` (absolute, without symbolic links or
 * a final slash), which holds `image`, is recorded in place of what `record` held. */
void disk_record_begin(struct disk_record *record, const struct disk_image *image,
                       const char *directory);

/* The same in another process, after the one that was recorded so far has ended: the machine went
 * on, and nothing was lost. */
void disk_record_go_on(struct disk_record *record, const char *directory);

/* Ends the process, with status DISK_KILLED and nothing done in order, right after the record has
 * got this many operations. */
void disk_kill_at(size_t op_count);
enum { DISK_KILLED = 77 };

void disk_record_end(void);

/* Any thread: puts a DISK_NOTE into the record. */
void disk_note(void);

/* Calls `called` in the thread that writes to this descriptor, an eventfd say, just before it does:
 * the way to note something at the instant at which a thread is told of it. Two descriptors at
 * most. */
void disk_on_write(int fd, void (*called)(void *context), void *context);

/* While it is shut, a thread that opens a file of a name with this prefix waits: so that what one
 * thread does comes at the same place among what the others do, each time. */
void disk_gate(const char *prefix, bool shut);

/* ---- after the power cut ---- */

/* What becomes of the operations that no sync covers. */
enum disk_fate_kind {
    DISK_LOST,      /* none of them is there */
    DISK_KEPT,      /* all are: the process died, not the machine */
    DISK_CUT,       /* those before some operation are, and a part of that one */
    DISK_REORDERED, /* each write is there whole, or isn't */
    DISK_TORN_512,  /* each sector of 512 bytes of each write */
    DISK_TORN_4096, /* each of 4,096 */
    DISK_FATES
};

struct disk_fate {
    enum disk_fate_kind kind;
    unsigned keep;      /* how many of 16 operations, or sectors, are there */
    unsigned keep_name; /* how many of 16 changes of a name */
    bool grown;         /* a file has the length that a lost write gave it */
    bool garbage;       /* and holds other bytes there than zeros */
    /* Lies, to prove that they are found out: syncs from this operation on do nothing. */
    size_t files_lie_from, names_lie_from;
};

/* Draws one; without lies. */
struct disk_fate disk_fate_draw(struct torture *random);
const char *disk_fate_name(enum disk_fate_kind kind);

/* Builds, in the empty `state`, what the disk may hold if the power is cut after the first
 * `instant` operations of a record that began with `base`. */
void disk_build(struct disk_image *state, const struct disk_image *base,
                const struct disk_record *record, size_t instant, const struct disk_fate *fate,
                struct torture *random);

#endif
