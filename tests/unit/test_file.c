/* Names of new files on file systems of all kinds: without hard links, without a rename that
 * replaces nothing, with directories that can't be synced or read. */
#include "base/file.h"
#include "base/partial.h"

#include "tests/support/capture.h"
#include "tests/support/temporary.h"
#include "tests/support/unit.h"
#include "tests/support/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the file system ---- */

/* What each call fails with; 0: it works. */
static int link_errno, renameat2_errno, rename_errno, open_errno, fsync_errno, syncfs_errno;
static unsigned file_systems_synced;

static int fail_with(int error)
{
    errno = error;
    return -1;
}

#define MAY_FAIL(name, parameters, arguments) \
    WRAP(name##_errno &&fail_with(name##_errno), -1, int, name, parameters, arguments)

MAY_FAIL(link, (const char *from, const char *to), (from, to))
MAY_FAIL(rename, (const char *from, const char *to), (from, to))
MAY_FAIL(fsync, (int fd), (fd))

int __wrap_syncfs(int fd);
int __wrap_syncfs(int fd)
{
    ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
    file_systems_synced++;
    return syncfs_errno ? fail_with(syncfs_errno) : 0;
}

/* Only file.c's renameat2 comes here. */
long __real_syscall(long number, int from_at, const char *from, int to_at, const char *to,
                    unsigned flags);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    int from_at = va_arg(arguments, int);
    const char *from = va_arg(arguments, const char *);
    int to_at = va_arg(arguments, int);
    const char *to = va_arg(arguments, const char *);
    unsigned flags = va_arg(arguments, unsigned);
    va_end(arguments);
    ck_assert_int_eq(number, SYS_renameat2);
    return renameat2_errno ? fail_with(renameat2_errno)
                           : __real_syscall(number, from_at, from, to_at, to, flags);
}

/* Only directories can't be opened. */
WRAP_OPEN(open_errno &&flags &O_DIRECTORY &&fail_with(open_errno))

static int files_to_steal; /* each is removed just before it is locked */

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_flock(int fd, int operation)
{
    char link_name[64], name[PATH_MAX] = "";
    if (files_to_steal > 0) {
        files_to_steal--;
        snprintf(link_name, sizeof link_name, "/proc/self/fd/%d", fd);
        ck_assert_int_gt((int)readlink(link_name, name, sizeof name - 1), 0);
        ck_assert_int_eq(unlink(name), 0);
    }
    return __real_flock(fd, operation);
}

/* ---- the tests ---- */

static char directory[TEMPORARY_MAX];
static char first[TEMPORARY_MAX + 16], path[TEMPORARY_MAX + 16];

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    fputs(text, file);
    fclose(file);
}

/* What a file holds; "-" if there is none. */
static const char *text_of(const char *name)
{
    static char text[64];
    FILE *file = fopen(name, "r");
    if (!file)
        return "-";
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void setup(void)
{
    temporary_directory(directory, "tallycast-file");
    snprintf(first, sizeof first, "%s/first", directory);
    snprintf(path, sizeof path, "%s/name", directory);
    write_file(first, "new");
}

static void teardown(void)
{
    unlink(first);
    unlink(path);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing is left behind */
}

/* File systems: what they don't have. */
static const struct {
    int link_errno, renameat2_errno;
} kinds[] = {
    {0, 0},      {EPERM, 0},      {ENOTSUP, 0},     {EOPNOTSUPP, 0},
    {ENOSYS, 0}, {EPERM, EINVAL}, {ENOSYS, ENOSYS}, {ENOTSUP, ENOTSUP},
};

static void choose_kind(int kind)
{
    link_errno = kinds[kind].link_errno;
    renameat2_errno = kinds[kind].renameat2_errno;
}

START_TEST(a_file_gets_its_name)
{
    choose_kind(_i);
    ck_assert_int_eq(file_give_name(first, path), 0);
    ck_assert_str_eq(text_of(path), "new");
    ck_assert_str_eq(text_of(first), "-");
}
END_TEST

START_TEST(what_has_the_name_keeps_it)
{
    choose_kind(_i);
    write_file(path, "old");
    ck_assert_int_eq(file_give_name(first, path), -1);
    ck_assert_int_eq(errno, EEXIST);
    ck_assert_str_eq(text_of(path), "old");
    ck_assert_str_eq(text_of(first), "new");
}
END_TEST

/* A call that fails is no call that is not there. */
static const struct {
    int link_errno, renameat2_errno, rename_errno, expected;
} failures[] = {
    {EIO, 0, 0, EIO},           {ENOSPC, 0, 0, ENOSPC},    {EPERM, EIO, 0, EIO},
    {EPERM, EDQUOT, 0, EDQUOT}, {EPERM, EINVAL, EIO, EIO},
};

START_TEST(a_name_that_can_not_be_given_is_not_taken)
{
    link_errno = failures[_i].link_errno;
    renameat2_errno = failures[_i].renameat2_errno;
    rename_errno = failures[_i].rename_errno;
    ck_assert_int_eq(file_give_name(first, path), -1);
    ck_assert_int_eq(errno, failures[_i].expected);
    ck_assert_str_eq(text_of(path), "-");
    ck_assert_str_eq(text_of(first), "new");
}
END_TEST

START_TEST(a_directory_that_can_not_be_synced_is_told_once)
{
    static const int errors[] = {EINVAL, ENOTSUP, ENOSYS};
    char told[1024];
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        fsync_errno = errors[i];
        struct capture capture = capture_begin();
        int result = file_sync_directory(first);
        capture_end(&capture, told, sizeof told);
        ck_assert_int_eq(result, 0);
        ck_assert_uint_eq(file_systems_synced, i + 1);
        ck_assert_msg(!!strstr(told, directory) == (i == 0), "%s", told);
    }
}
END_TEST

START_TEST(a_directory_that_can_not_be_read_is_synced_with_its_file_system)
{
    open_errno = EACCES;
    ck_assert_int_eq(file_sync_directory(first), 0);
    ck_assert_uint_eq(file_systems_synced, 1);
    ck_assert_int_eq(file_sync_directory(path), -1); /* there is no such file to reach it by */
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static const struct {
    int open_errno, fsync_errno, syncfs_errno, expected; /* 0: none is expected */
} syncs[] = {
    {0, 0, EIO, 0},         {0, EIO, 0, EIO},      {0, ENOSPC, 0, ENOSPC}, {0, EINVAL, EIO, EIO},
    {0, EINVAL, ENOSYS, 0}, {EACCES, 0, EIO, EIO}, {EACCES, 0, ENOSYS, 0}, {EMFILE, 0, 0, EMFILE},
};

START_TEST(a_sync_that_fails_is_an_error)
{
    open_errno = syncs[_i].open_errno;
    fsync_errno = syncs[_i].fsync_errno;
    syncfs_errno = syncs[_i].syncfs_errno;
    errno = 0;
    int result = file_sync_directory(first);
    ck_assert_int_eq(result, syncs[_i].expected ? -1 : 0);
    if (result != 0)
        ck_assert_int_eq(errno, syncs[_i].expected);
}
END_TEST

/* ---- files that are being made ---- */

/* Names beside `path`: one that a killed process may have left, and such as it can't have. */
static const struct {
    const char *suffix;
    bool stays;
} beside[] = {
    {".partial-aZ09bc", false}, {".partial-aZ09bcd", true}, {".partial-aZ09b", true},
    {".partial_aZ09bc", true},  {"x.partial-aZ09bc", true}, {".backup", true},
};

static const char *name_beside(const char *suffix)
{
    static char name[TEMPORARY_MAX + 64];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return name;
}

START_TEST(what_a_killed_process_left_is_removed)
{
    write_file(name_beside(beside[_i].suffix), "mine");
    partial_clear(path);
    ck_assert_str_eq(text_of(name_beside(beside[_i].suffix)), beside[_i].stays ? "mine" : "-");
    unlink(name_beside(beside[_i].suffix));
}
END_TEST

START_TEST(only_files_are_removed)
{
    const char *name = name_beside(".partial-aZ09bc");
    ck_assert_int_eq(_i == 0 ? mkdir(name, 0700) : symlink(first, name), 0);
    partial_clear(path);
    ck_assert_int_eq(_i == 0 ? rmdir(name) : unlink(name), 0);
    ck_assert_str_eq(text_of(first), "new");
}
END_TEST

/* Whoever makes it holds it, until it has its name or is dropped. */
START_TEST(a_file_that_is_being_made_stays)
{
    struct partial partial;
    ck_assert_int_eq(partial_make(&partial, path), 0);
    partial_clear(path);
    ck_assert_int_eq(access(partial.name, F_OK), 0);
    ck_assert_int_eq(file_write(partial.file, "whole", 5), 0);
    ck_assert_int_eq(partial_close(&partial), 0);
    if (_i == 0)
        ck_assert_int_eq(partial_give_name(&partial, path), 0);
    partial_drop(&partial);
    ck_assert_str_eq(text_of(path), _i == 0 ? "whole" : "-");
}
END_TEST

/* Between its making and its lock another process may take it for a leftover. */
START_TEST(a_file_that_was_taken_for_a_leftover_is_made_again)
{
    struct partial partial;
    files_to_steal = _i;
    if (_i < 10) {
        ck_assert_int_eq(partial_make(&partial, path), 0);
        ck_assert_int_eq(access(partial.name, F_OK), 0);
    } else {
        ck_assert_int_eq(partial_make(&partial, path), -1);
        ck_assert_int_eq(errno, EAGAIN);
    }
    ck_assert_int_eq(files_to_steal, 0);
    partial_drop(&partial);
}
END_TEST

START_TEST(a_name_without_room_for_more_is_told)
{
    struct partial partial;
    char name[PATH_MAX];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    ck_assert_int_eq(partial_make(&partial, name), -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
    partial_clear(name);
    ck_assert_int_eq(partial_make(&partial, "/nowhere/at/all"), -1);
    ck_assert_int_eq(errno, ENOENT);
    partial_clear("/nowhere/at/all");
    partial_drop(&partial);
}
END_TEST

UNIT_MAIN("file",
          {"names", .set_up = setup, .tear_down = teardown,
           .tests = {{a_file_gets_its_name, .loops = UNIT_COUNT(kinds)},
                     {what_has_the_name_keeps_it, .loops = UNIT_COUNT(kinds)},
                     {a_name_that_can_not_be_given_is_not_taken, .loops = UNIT_COUNT(failures)}}},
          {"directories", .set_up = setup, .tear_down = teardown,
           .tests = {{a_directory_that_can_not_be_synced_is_told_once},
                     {a_directory_that_can_not_be_read_is_synced_with_its_file_system},
                     {a_sync_that_fails_is_an_error, .loops = UNIT_COUNT(syncs)}}},
          {"partial", .set_up = setup, .tear_down = teardown,
           .tests = {{what_a_killed_process_left_is_removed, .loops = UNIT_COUNT(beside)},
                     {only_files_are_removed, .loops = 2},
                     {a_file_that_is_being_made_stays, .loops = 2},
                     {a_file_that_was_taken_for_a_leftover_is_made_again, .loops = 11},
                     {a_name_without_room_for_more_is_told}}})
