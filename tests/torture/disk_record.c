/* Recording: the calls by which a process changes files, made here in place of the C library's.
 *
 * The linker takes a program's definition of a function before a shared library's, so SQLite's
 * calls come here as well. Each call does what it says through syscall(2), 64-bit Linux's, and is
 * recorded if it is about the directory that is watched. Any thread may call: one mutex is held
 * around the call and its record, so the record has the order in which things happened. A sync is
 * recorded and not done.
 *
 * A way to change a file that is not here would be missed: disk_image_is finds that out, since the
 * record would then not lead to what the directory holds. */
#undef _FORTIFY_SOURCE /* whose inline functions would have the names that are defined here */
#include "tests/torture/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 4096, DIRECTORY = UINT16_MAX - 1, LISTENERS = 2 };

/* The fields but `listeners` are guarded by the mutex. */
static struct recorder {
    pthread_mutex_t mutex;
    struct disk_record *record; /* NULL while nothing is recorded */
    const char *directory;
    size_t directory_len;
    size_t kill_at;
    uint16_t opened[DESCRIPTORS_MAX]; /* 1 + the file, by descriptor; 0: not watched */
    struct listener {
        int fd; /* 0: none */
        void (*called)(void *context);
        void *context;
    } listeners[LISTENERS]; /* set before threads begin */
    const char *gate;       /* the prefix of names; NULL: it is open */
    pthread_cond_t gate_opened;
    unsigned temporaries;
} recorder = {.mutex = PTHREAD_MUTEX_INITIALIZER,
              .kill_at = SIZE_MAX,
              .gate_opened = PTHREAD_COND_INITIALIZER};

static _Noreturn void broken(const char *what)
{
    static const char line[] = "disk: can't record: ";
    syscall(SYS_write, STDERR_FILENO, line, sizeof line - 1);
    syscall(SYS_write, STDERR_FILENO, what, strlen(what));
    syscall(SYS_write, STDERR_FILENO, "\n", 1);
    abort();
}

static void lock(void)
{
    pthread_mutex_lock(&recorder.mutex);
}

/* Also gives back what the call did, with errno as the call left it; or is the end. */
static long unlock(long result)
{
    int error = errno;
    if (recorder.record && recorder.record->op_count >= recorder.kill_at)
        _exit(DISK_KILLED);
    pthread_mutex_unlock(&recorder.mutex);
    errno = error;
    return result;
}

/* ---- the record ---- */

struct disk_record *disk_record_new(void)
{
    void *memory = mmap(NULL, sizeof(struct disk_record), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        broken("no memory");
    return memory;
}

void disk_record_go_on(struct disk_record *record, const char *directory)
{
    lock();
    recorder.record = record;
    recorder.directory = directory;
    recorder.directory_len = strlen(directory);
    unlock(0);
}

void disk_record_begin(struct disk_record *record, const struct disk_image *image,
                       const char *directory)
{
    record->name_count = image->name_count;
    record->file_count = image->file_count;
    record->op_count = record->bytes_used = 0;
    for (unsigned i = 0; i < image->name_count; i++) {
        memcpy(record->names[i], image->names[i].text, DISK_NAME_SIZE);
        record->name_files[i] = image->names[i].file;
    }
    disk_record_go_on(record, directory);
}

void disk_kill_at(size_t op_count)
{
    recorder.kill_at = op_count;
}

void disk_record_end(void)
{
    lock();
    recorder.record = NULL;
    unlock(0);
}

static struct disk_op *append(enum disk_op_kind kind)
{
    struct disk_record *record = recorder.record;
    if (record->op_count == DISK_OPS_MAX)
        broken("too many operations");
    struct disk_op *op = &record->ops[record->op_count++];
    *op = (struct disk_op){.kind = (uint8_t)kind};
    return op;
}

void disk_note(void)
{
    lock();
    if (recorder.record)
        append(DISK_NOTE);
    unlock(0);
}

void disk_on_write(int fd, void (*called)(void *context), void *context)
{
    for (int i = 0; i < LISTENERS; i++)
        if (recorder.listeners[i].fd == fd || recorder.listeners[i].fd == 0) {
            recorder.listeners[i] = (struct listener){fd, called, context};
            return;
        }
    broken("too many listeners");
}

/* ---- names ---- */

/* The name in the watched directory that a path stands for, "" for the directory itself, or NULL.
 */
static const char *watched(const char *path)
{
    if (!recorder.record || strncmp(path, recorder.directory, recorder.directory_len) != 0)
        return NULL;
    const char *rest = path + recorder.directory_len;
    if (*rest == '\0')
        return rest;
    if (*rest != '/')
        return NULL;
    if (strchr(rest + 1, '/') || strlen(rest + 1) >= DISK_NAME_SIZE)
        broken("a name that is too long, or in a directory below");
    return rest + 1;
}

static uint16_t name_number(const char *text)
{
    struct disk_record *record = recorder.record;
    for (unsigned i = 0; i < record->name_count; i++)
        if (strcmp(record->names[i], text) == 0)
            return (uint16_t)i;
    if (record->name_count == DISK_FILES_MAX)
        broken("too many names");
    strcpy(record->names[record->name_count], text);
    record->name_files[record->name_count] = DISK_NO_FILE;
    return (uint16_t)record->name_count++;
}

static uint16_t *file_named(const char *text)
{
    return &recorder.record->name_files[name_number(text)];
}

static void record_name(uint16_t name, uint16_t file)
{
    recorder.record->name_files[name] = file;
    struct disk_op *op = append(DISK_RENAME);
    op->name = name;
    op->file = file;
}

static uint16_t new_file(void)
{
    if (recorder.record->file_count == DISK_FILES_MAX)
        broken("too many files");
    return (uint16_t)recorder.record->file_count++;
}

/* ---- descriptors ---- */

/* The file that is open as `fd`, DIRECTORY, or DISK_NO_FILE if it isn't watched. */
static uint16_t opened_as(int fd)
{
    if (!recorder.record || fd < 0 || fd >= DESCRIPTORS_MAX || recorder.opened[fd] == 0)
        return DISK_NO_FILE;
    return (uint16_t)(recorder.opened[fd] - 1);
}

static void record_open(int fd, const char *name, int flags)
{
    if (fd >= DESCRIPTORS_MAX || (flags & O_APPEND) || (flags & O_TMPFILE) == O_TMPFILE)
        broken("an open of a kind that isn't known");
    if (*name == '\0') {
        recorder.opened[fd] = DIRECTORY + 1;
        return;
    }
    if (*file_named(name) == DISK_NO_FILE)
        record_name(name_number(name), new_file());
    else if (flags & O_TRUNC)
        append(DISK_TRUNCATE)->file = *file_named(name);
    recorder.opened[fd] = (uint16_t)(*file_named(name) + 1);
}

void disk_gate(const char *prefix, bool shut)
{
    lock();
    recorder.gate = shut ? prefix : NULL;
    pthread_cond_broadcast(&recorder.gate_opened);
    unlock(0);
}

static bool must_wait(const char *name)
{
    return name && recorder.gate && strncmp(name, recorder.gate, strlen(recorder.gate)) == 0;
}

static int open_recorded(const char *path, int flags, mode_t mode)
{
    lock();
    const char *name = watched(path);
    while (must_wait(name))
        pthread_cond_wait(&recorder.gate_opened, &recorder.mutex);
    long fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && name)
        record_open((int)fd, name, flags);
    return (int)unlock(fd);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_recorded(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_recorded(path, flags, mode);
}

/* Names that are not random, so that a seed gives the same ones again. */
int mkostemp(char *template, int flags)
{
    size_t len = strlen(template);
    for (;;) {
        char digits[16];
        snprintf(digits, sizeof digits, "%06u", ++recorder.temporaries % 1000000);
        memcpy(template + len - 6, digits, 6);
        int fd = open_recorded(template, flags | O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
}

int close(int fd)
{
    lock();
    if (fd >= 0 && fd < DESCRIPTORS_MAX)
        recorder.opened[fd] = 0;
    return (int)unlock(syscall(SYS_close, fd));
}

/* ---- changes ---- */

static void record_write(uint16_t file, const void *bytes, size_t len, uint64_t at)
{
    struct disk_record *record = recorder.record;
    if (len > DISK_BYTES_MAX - record->bytes_used)
        broken("too many bytes");
    struct disk_op *op = append(DISK_WRITE);
    op->file = file;
    op->at = at;
    op->len = (uint32_t)len;
    op->bytes = record->bytes_used;
    memcpy(record->bytes + record->bytes_used, bytes, len);
    record->bytes_used += len;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    lock();
    long written = syscall(SYS_pwrite64, fd, bytes, len, at);
    uint16_t file = opened_as(fd);
    if (written > 0 && file != DISK_NO_FILE)
        record_write(file, bytes, (size_t)written, (uint64_t)at);
    return unlock(written);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return pwrite64(fd, bytes, len, at);
}

static void tell_listeners(int fd)
{
    for (int i = 0; i < LISTENERS && fd > 0; i++)
        if (recorder.listeners[i].fd == fd)
            recorder.listeners[i].called(recorder.listeners[i].context);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    tell_listeners(fd);
    lock();
    uint16_t file = opened_as(fd);
    if (file == DISK_NO_FILE) { /* it may block, and is nobody's business here */
        unlock(0);
        return syscall(SYS_write, fd, bytes, len);
    }
    long at = syscall(SYS_lseek, fd, 0, SEEK_CUR);
    long written = syscall(SYS_write, fd, bytes, len);
    if (written > 0)
        record_write(file, bytes, (size_t)written, (uint64_t)at);
    return unlock(written);
}

int ftruncate64(int fd, off64_t size)
{
    lock();
    long result = syscall(SYS_ftruncate, fd, size);
    uint16_t file = opened_as(fd);
    if (result == 0 && file != DISK_NO_FILE) {
        struct disk_op *op = append(DISK_TRUNCATE);
        op->file = file;
        op->at = (uint64_t)size;
    }
    return (int)unlock(result);
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

int fsync(int fd)
{
    lock();
    uint16_t file = opened_as(fd);
    if (file == DISK_NO_FILE)
        return (int)unlock(syscall(SYS_fsync, fd));
    if (file == DIRECTORY)
        append(DISK_SYNC_NAMES);
    else
        append(DISK_SYNC)->file = file;
    return (int)unlock(0);
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int unlink(const char *path)
{
    lock();
    long result = syscall(SYS_unlink, path);
    const char *name = result == 0 ? watched(path) : NULL;
    if (name)
        record_name(name_number(name), DISK_NO_FILE);
    return (int)unlock(result);
}

/* Whether the descriptor is the watched directory. */
static bool is_watched(int fd)
{
    struct stat mine, other;
    return recorder.record && stat(recorder.directory, &mine) == 0 && fstat(fd, &other) == 0 &&
           mine.st_dev == other.st_dev && mine.st_ino == other.st_ino;
}

int unlinkat(int directory, const char *name, int flags)
{
    lock();
    long result = syscall(SYS_unlinkat, directory, name, flags);
    if (result == 0 && is_watched(directory))
        record_name(name_number(name), DISK_NO_FILE);
    return (int)unlock(result);
}

int link(const char *from, const char *to)
{
    lock();
    long result = syscall(SYS_link, from, to);
    const char *name = result == 0 ? watched(to) : NULL;
    if (name) {
        const char *old = watched(from);
        if (!old)
            broken("a link to a file that is elsewhere");
        record_name(name_number(name), *file_named(old));
    }
    return (int)unlock(result);
}

int rename(const char *from, const char *to)
{
    lock();
    if (watched(from) || watched(to))
        broken("a rename, which was not needed so far");
    return (int)unlock(syscall(SYS_rename, from, to));
}

/* The same for every process that is recorded, as in a container: what a killed one left under a
 * name with its number is in the next one's way. */
pid_t getpid(void)
{
    return recorder.record ? 1 : (pid_t)syscall(SYS_getpid);
}
