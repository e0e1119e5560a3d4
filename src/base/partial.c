/* Files that are being made. The name is random and the file new (O_EXCL), since in containers on
 * one volume processes have the same PIDs. Its maker holds a lock on it (flock(2)), which ends with
 * the process, however that ends. So a file of such a name without a lock is nobody's.
 *
 * Where there are no locks, files are made as well, and none is removed. */
#include "base/partial.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "partial-" /* after the name that it will have and a dot; then random characters: */
enum { RANDOM_CHARS = 6, TRIES_MAX = 10 };

static void remove_keeping_errno(const char *name)
{
    int error = errno;
    unlink(name);
    errno = error;
}

/* Between its making and its lock another process may have taken it for a leftover. */
static bool is_removed(int file)
{
    struct stat status;
    return fstat(file, &status) == 0 && status.st_nlink == 0;
}

int partial_make(struct partial *partial, const char *path)
{
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        partial->file = -1;
        int len = snprintf(partial->name, sizeof partial->name, "%s." MARK "XXXXXX", path);
        if (len < 0 || (size_t)len >= sizeof partial->name) {
            errno = ENAMETOOLONG;
            break;
        }
        partial->file = mkostemp(partial->name, O_CLOEXEC); /* mode 0600 */
        if (partial->file < 0)
            break;
        while (flock(partial->file, LOCK_EX) != 0 && errno == EINTR)
            ;
        if (!is_removed(partial->file))
            return 0;
        close(partial->file);
        errno = EAGAIN;
    }
    partial->file = -1;
    partial->name[0] = '\0';
    return -1;
}

int partial_close(struct partial *partial)
{
    int file = partial->file;
    partial->file = -1;
    return close(file);
}

int partial_give_name(struct partial *partial, const char *path)
{
    if (file_give_name(partial->name, path) != 0)
        return -1;
    partial->name[0] = '\0';
    return 0;
}

void partial_drop(struct partial *partial)
{
    if (partial->name[0])
        remove_keeping_errno(partial->name);
    int error = errno;
    if (partial->file >= 0)
        close(partial->file);
    errno = error;
    *partial = (struct partial){.file = -1};
}

/* ---- leftovers ---- */

/* Whether a file of the directory has a name that partial_make could have given it. */
static bool is_partial_of(const char *name, const char *base)
{
    size_t len = strlen(base);
    return strncmp(name, base, len) == 0 &&
           strncmp(name + len, "." MARK, sizeof "." MARK - 1) == 0 &&
           strlen(name + len) == sizeof "." MARK - 1 + RANDOM_CHARS;
}

static void remove_unless_held(int directory, const char *name)
{
    int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return;
    struct stat status;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
        flock(file, LOCK_EX | LOCK_NB) == 0)
        unlinkat(directory, name, 0);
    close(file);
}

void partial_clear(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) + 1 : 0;
    if (snprintf(directory, sizeof directory, "%.*s.", len, path) >= (int)sizeof directory)
        return;
    DIR *files = opendir(directory);
    if (!files)
        return;
    for (struct dirent *file; (file = readdir(files));)
        if (is_partial_of(file->d_name, path + len))
            remove_unless_held(dirfd(files), file->d_name);
    closedir(files);
}
