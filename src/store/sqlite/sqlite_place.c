/* Whether the store's open files still have their names. A file that is moved or removed under a
 * server goes on taking writes without an error. Acknowledged ballots are then where no restart
 * finds them, and a second server can start under the name. The ledger's thread asks now and
 * then. */
#include "store/sqlite/sqlite_internal.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* False only if it is certain that the opened file has another name now, or none. */
static bool is_in_place(const char *path, dev_t device, ino_t inode)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno != ENOENT && errno != ENOTDIR && errno != ESTALE;
    return status.st_dev == device && status.st_ino == inode;
}

void sqlite_watch(struct sqlite_store *store)
{
    struct stat file, log;
    if (fstat(store->file, &file) != 0 || stat(store->log_path, &log) != 0) {
        log_warning("the database is not watched for being moved file=%s error=%s", store->path,
                    strerror(errno));
        return;
    }
    store->device = file.st_dev;
    store->inode = file.st_ino;
    store->log_device = log.st_dev;
    store->log_inode = log.st_ino;
    store->watched = is_in_place(store->path, store->device, store->inode);
    if (!store->watched)
        log_warning("the file system does not tell which file is which; the database is not "
                    "watched for being moved file=%s",
                    store->path);
}

const char *sqlite_health(const struct store *base)
{
    const struct sqlite_store *store = sqlite_store(base);
    if (!store->watched)
        return NULL;
    if (!is_in_place(store->path, store->device, store->inode))
        return "the database was moved or removed under the server";
    if (!is_in_place(store->log_path, store->log_device, store->log_inode))
        return "the database's log was moved or removed under the server";
    return NULL;
}
