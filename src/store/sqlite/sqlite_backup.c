/* Backups: a copy of the database as it was at the beginning, made while ballots go on.
 *
 * Happy path: the log is moved into the file, so that the file holds everything, and a thread reads
 * it block by block; what is recorded meanwhile does not change its image (sqlite_image.c). The
 * copy is taken out of WAL mode (two bytes of the header,
 * https://www.sqlite.org/fileformat.html#file_format_version_numbers), so that it is one file which
 * any tool may open read-only.
 *
 * It is written under a temporary name, synced, and only then given its final name: a file of that
 * name is always whole, and never replaces an earlier one (base/partial.h). */
#include "store/sqlite/sqlite_internal.h"

#include "base/file.h"
#include "base/failpoint.h"
#include "base/partial.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SYNC_BYTES =
        1 << 23, /* synced so often, so that the last sync, and the ledger's between, stay short */
    HEADER_VERSIONS_AT = 18,
};

/* The whole database, of file and log together; 0 if that can't be told. */
static uint64_t image_bytes(const struct sqlite_store *store)
{
    sqlite3_stmt *row = NULL;
    uint64_t pages = 0;
    if (sqlite3_prepare_v2(store->db, "PRAGMA page_count", -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW)
        pages = (uint64_t)sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return pages * SQLITE_STORE_PAGE_BYTES;
}

/* If the log can't be moved into the file, since its disk is full, the copy is made of both. */
int sqlite_backup_begin(struct store *base)
{
    struct sqlite_store *store = sqlite_store(base);
    bool emptied = sqlite_checkpoint(store) == SQLITE_OK;
    uint64_t bytes = image_bytes(store);
    errno = EIO;
    if (bytes == 0 || sqlite_image_begin(&store->image, store->file, bytes, store->log_file,
                                         emptied ? 0 : store->log_pages) != 0) {
        int reason = errno;
        log_warning("backup refused file=%s error=%s", store->path, strerror(reason));
        errno = reason;
        return ERR_STORAGE;
    }
    failpoint(FAILPOINT_BACKUP_BEGIN);
    return 0;
}

void sqlite_backup_end(struct store *base)
{
    struct sqlite_store *store = sqlite_store(base);
    sqlite_image_end(&store->image);
    store->retry_pages = 0;
}

/* Copies the image to the new file `to`. Returns 0, or -1 with errno set. */
static int copy_image(struct sqlite_image *image, int to, const atomic_bool *cancelled)
{
    char *block = malloc(IMAGE_BLOCK_BYTES);
    if (!block)
        return -1;
    ssize_t n = 0;
    int result = 0;
    for (uint64_t at = 0; result == 0 && (n = sqlite_image_read(image, block)) > 0;) {
        if (atomic_load(cancelled)) {
            errno = ECANCELED;
            result = -1;
            break;
        }
        if (at == 0)
            block[HEADER_VERSIONS_AT] = block[HEADER_VERSIONS_AT + 1] = 1;
        failpoint(FAILPOINT_BACKUP_COPY);
        result = file_write(to, block, (size_t)n);
        at += (uint64_t)n;
        if (result == 0 && (at % SYNC_BYTES == 0 || at >= image->bytes))
            result = fdatasync(to);
    }
    failpoint(FAILPOINT_BACKUP_SYNCED);
    free(block);
    return n < 0 ? -1 : result;
}

/* Logs errno, and preserves it. */
static int fail(const char *file)
{
    int reason = errno;
    log_warning("backup failed file=%s error=%s", file, strerror(reason));
    errno = reason;
    return -1;
}

static void refuse(const char *file)
{
    int reason = errno;
    log_warning("backup refused file=%s error=%s", file, strerror(reason));
    errno = reason;
}

/* Makes the file, unless its final name is taken. Returns 0, or -1 with errno set. */
static int make_partial(struct partial *partial, const char *path)
{
    errno = EEXIST;
    if (access(path, F_OK) == 0)
        return -1;
    partial_clear(path);
    return partial_make(partial, path);
}

/* Fills the new file `to`; the log calls it `name`. Returns 0, or -1 with errno set. */
static int fill(struct sqlite_store *store, int to, const char *name, const atomic_bool *cancelled,
                uint64_t *bytes)
{
    if (copy_image(&store->image, to, cancelled) != 0)
        return fail(name);
    *bytes = store->image.bytes;
    return 0;
}

/* Gives the whole copy its name, for good. Returns 0, or an error with errno set. */
static int give_name(struct partial *partial, const char *path)
{
    if (partial_give_name(partial, path) != 0) {
        fail(path);
        return ERR_BAD_ARGUMENT;
    }
    if (file_sync_directory(path) != 0) { /* its name might not survive a crash of the machine */
        fail(path);
        int reason = errno;
        unlink(path);
        errno = reason;
        return ERR_STORAGE;
    }
    failpoint(FAILPOINT_BACKUP_LINKED);
    return 0;
}

int sqlite_backup_copy(const struct store *base, const char *path, const atomic_bool *cancelled,
                       uint64_t *bytes)
{
    struct sqlite_store *store = sqlite_store(base);
    struct partial partial;
    if (make_partial(&partial, path) != 0) {
        refuse(path);
        return ERR_BAD_ARGUMENT;
    }
    int result = fill(store, partial.file, path, cancelled, bytes) == 0 ? 0 : ERR_STORAGE;
    if (partial_close(&partial) != 0 && result == 0) {
        fail(path);
        result = ERR_STORAGE;
    }
    if (result == 0)
        result = give_name(&partial, path);
    partial_drop(&partial);
    return result;
}

/* The log may be empty. */
static bool is_log(const struct sqlite_store *store, const struct stat *status)
{
    return status->st_dev == store->log_device && status->st_ino == store->log_inode;
}

/* Whether a copy may be written to a descriptor. If not, errno says why. */
static bool is_fit(const struct sqlite_store *store, int file)
{
    struct stat status;
    if (fstat(file, &status) != 0)
        return false;
    if (!S_ISREG(status.st_mode))
        errno = EINVAL;
    else if ((fcntl(file, F_GETFL) & O_ACCMODE) == O_RDONLY)
        errno = EBADF;
    else if (status.st_size > 0 || is_log(store, &status))
        errno = EEXIST;
    else
        return lseek(file, 0, SEEK_SET) == 0;
    return false;
}

int sqlite_backup_fill(const struct store *base, int file, const atomic_bool *cancelled,
                       uint64_t *bytes)
{
    struct sqlite_store *store = sqlite_store(base);
    static const char name[] = "(passed)";
    if (!is_fit(store, file)) {
        refuse(name);
        return ERR_BAD_ARGUMENT;
    }
    return fill(store, file, name, cancelled, bytes) == 0 ? 0 : ERR_STORAGE;
}

/* When in doubt, it is. */
static bool is_database(const struct sqlite_store *store, int file)
{
    struct stat passed, own;
    return fstat(file, &passed) != 0 || fstat(store->file, &own) != 0 ||
           (passed.st_dev == own.st_dev && passed.st_ino == own.st_ino);
}

void sqlite_drop_file(const struct store *base, int file)
{
    const struct sqlite_store *store = sqlite_store(base);
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    if (!is_database(store, file))
        close(file);
    else if (!atomic_flag_test_and_set(&warned))
        log_warning("the database itself was passed by an administrator; such descriptors stay "
                    "open, since closing one would drop the lock on it file=%s",
                    store->path);
}
