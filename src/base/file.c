/* Whole writes, names that replace nothing, and durable names.
 *
 * A name is given by link(2), which never replaces a file. File systems without hard links (vfat,
 * some of CIFS and FUSE) have renameat2(2) that replaces nothing; where that is missing too, the
 * name is first taken by an empty file of our own. */
#include "base/file.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void file_fill_standard(int flags)
{
    int fd;
    do {
        fd = open("/dev/null", flags);
        if (fd < 0)
            fd = open("/", O_PATH);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int file_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Whether an errno says that the file system does not offer the operation, rather than that it
 * failed. */
static bool is_not_offered(int error)
{
    return error == EINVAL || error == ENOSYS || error == ENOTSUP || error == EOPNOTSUPP;
}

/* ---- names ---- */

/* If the process dies between the two calls, an empty file is left, which nobody takes for a
 * database, a key or a backup. */
static int take_name(const char *first_name, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    close(fd);
    if (rename(first_name, path) == 0)
        return 0;
    int error = errno;
    unlink(path);
    errno = error;
    return -1;
}

static int move(const char *first_name, const char *path)
{
    /* The C library may be older than the call. */
    if (syscall(SYS_renameat2, AT_FDCWD, first_name, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    return is_not_offered(errno) ? take_name(first_name, path) : -1;
}

int file_give_name(const char *first_name, const char *path)
{
    if (link(first_name, path) == 0) {
        unlink(first_name);
        return 0;
    }
    return errno == EPERM || is_not_offered(errno) ? move(first_name, path) : -1;
}

/* ---- directories ---- */

/* The directory that a path is in. Returns 0, or -1 with errno set. */
static int directory_of(const char *path, char directory[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    if (len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(directory, ".");
    if (len > 0) {
        memcpy(directory, path, len);
        directory[len] = '\0';
    }
    return 0;
}

static void close_keeping_errno(int fd)
{
    int error = errno;
    close(fd);
    errno = error;
}

static int sync_file_system(int fd)
{
    return syncfs(fd) == 0 || is_not_offered(errno) ? 0 : -1;
}

/* Syncs a directory that may be written to, but not read. */
static int sync_unreadable(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = sync_file_system(fd);
    close_keeping_errno(fd);
    return result;
}

static void warn_once(const char *directory)
{
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&warned))
        log_warning(
            "the file system can't sync a directory; a power cut may take the name of a new "
            "file directory=%s error=%s",
            directory, strerror(errno));
}

int file_sync_directory(const char *path)
{
    char directory[PATH_MAX];
    if (directory_of(path, directory) != 0)
        return -1;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? sync_unreadable(path) : -1;
    int result = fsync(fd);
    if (result != 0 && is_not_offered(errno)) {
        warn_once(directory);
        result = sync_file_system(fd);
    }
    close_keeping_errno(fd);
    return result;
}
