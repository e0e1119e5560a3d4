/* Preloaded into a server under test: counts its calls, and makes those fail that the plan names
 * (fault.h). It also moves the server's wall clock. Without a plan in the environment it does
 * nothing.
 *
 * It sees the calls that the program and its libraries make of each other and of the C library; not
 * those that the C library makes inside itself (what fopen and printf read and write).
 *
 * Any thread. Nothing is locked: what is shared are atomics. A wrapper must not allocate: the
 * functions that it stands before are looked up when the library is loaded. */
#include "tests/torture/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 65536, OBJECTS_MAX = 4 };

static struct fault_plan *plan; /* NULL until everything is looked up, or for good */

/* ---- what a call is about ---- */

static _Atomic unsigned char classes[DESCRIPTORS_MAX]; /* enum fault_class + 1; 0: FAULT_OTHER */

static enum fault_class class_of(int fd)
{
    if (fd == STDERR_FILENO)
        return FAULT_STDERR;
    unsigned char class = fd >= 0 && fd < DESCRIPTORS_MAX ? atomic_load(&classes[fd]) : 0;
    return class ? (enum fault_class)(class - 1) : FAULT_OTHER;
}

static int note(int fd, enum fault_class class)
{
    if (fd >= 0 && fd < DESCRIPTORS_MAX)
        atomic_store(&classes[fd], (unsigned char)(class + 1));
    return fd;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* By the names that the server gives its files (tallycast(8), FILES). */
static enum fault_class class_of_path(const char *path)
{
    if (strstr(path, ".db.partial-"))
        return FAULT_NEW;
    if (strstr(path, ".db.key"))
        return FAULT_KEY;
    if (strstr(path, "backup"))
        return FAULT_BACKUP;
    if (ends_with(path, ".db-wal"))
        return FAULT_WAL;
    if (ends_with(path, ".db"))
        return FAULT_DATABASE;
    return ends_with(path, "/") ? FAULT_FOLDER : FAULT_OTHER;
}

/* Where the program and the libraries that are told apart lie in memory. */
static struct object {
    uintptr_t begin, end;
    enum fault_class class;
} objects[OBJECTS_MAX];
static unsigned object_count;

static int note_object(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    enum fault_class class = FAULT_OTHER;
    if (info->dlpi_name[0] == '\0')
        class = FAULT_SERVER;
    else if (strstr(info->dlpi_name, "libevent"))
        class = FAULT_LIBEVENT;
    else if (strstr(info->dlpi_name, "libsqlite"))
        class = FAULT_SQLITE;
    if (class == FAULT_OTHER || object_count == OBJECTS_MAX)
        return 0;
    struct object *object = &objects[object_count++];
    *object = (struct object){.begin = UINTPTR_MAX, .class = class};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;
        object->begin = begin < object->begin ? begin : object->begin;
        object->end = end > object->end ? end : object->end;
    }
    return 0;
}

static enum fault_class class_of_caller(const void *caller)
{
    for (unsigned i = 0; i < object_count; i++)
        if ((uintptr_t)caller >= objects[i].begin && (uintptr_t)caller < objects[i].end)
            return objects[i].class;
    return FAULT_OTHER;
}

/* ---- failing ---- */

/* Counts a call. Returns what it is to fail with; 0 if it is not to fail. */
static int strike(enum fault_call call, enum fault_class class)
{
    if (!plan)
        return 0;
    uint64_t number = atomic_fetch_add(&plan->calls[call][class], 1) + 1;
    if ((int)call != plan->call || (int)class != plan->class || plan->first == 0 ||
        number < plan->first || number - plan->first >= plan->count)
        return 0;
    atomic_fetch_add(&plan->fired, 1);
    return plan->error;
}

/* The same for a call that returns -1 and sets errno. */
static bool fails(enum fault_call call, enum fault_class class)
{
    int error = strike(call, class);
    if (error > 0)
        errno = error;
    return error > 0;
}

/* The same for one that takes bytes, of which it may take some only. */
static bool fails_bytes(enum fault_call call, enum fault_class class, size_t *len)
{
    int error = strike(call, class);
    if (error == FAULT_SHORT)
        *len = (*len + 1) / 2;
    else if (error > 0)
        errno = error;
    return error > 0;
}

/* ---- the calls ---- */

/* WRAP(type, name, parameters): declares the function, and real_NAME, which it stands before. */
#define WRAP(type, name, parameters)      \
    static type(*real_##name) parameters; \
    type name parameters;                 \
    type name parameters

WRAP(int, open, (const char *path, int flags, ...))
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    enum fault_class class = flags & O_DIRECTORY ? FAULT_FOLDER : class_of_path(path);
    return fails(FAULT_CALL_open, class) ? -1 : note(real_open(path, flags, mode), class);
}

WRAP(int, open64, (const char *path, int flags, ...))
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    enum fault_class class = class_of_path(path);
    return fails(FAULT_CALL_open, class) ? -1 : note(real_open64(path, flags, mode), class);
}

WRAP(int, mkostemp, (char *path, int flags))
{
    enum fault_class class = class_of_path(path);
    return fails(FAULT_CALL_open, class) ? -1 : note(real_mkostemp(path, flags), class);
}

WRAP(ssize_t, pread, (int fd, void *bytes, size_t len, off_t at))
{
    return fails_bytes(FAULT_CALL_pread, class_of(fd), &len) ? -1 : real_pread(fd, bytes, len, at);
}

WRAP(ssize_t, pread64, (int fd, void *bytes, size_t len, off64_t at))
{
    return fails_bytes(FAULT_CALL_pread, class_of(fd), &len) ? -1
                                                             : real_pread64(fd, bytes, len, at);
}

WRAP(ssize_t, pwrite64, (int fd, const void *bytes, size_t len, off64_t at))
{
    return fails_bytes(FAULT_CALL_pwrite, class_of(fd), &len) ? -1
                                                              : real_pwrite64(fd, bytes, len, at);
}

WRAP(ssize_t, read, (int fd, void *bytes, size_t len))
{
    return fails_bytes(FAULT_CALL_read, class_of(fd), &len) ? -1 : real_read(fd, bytes, len);
}

WRAP(ssize_t, write, (int fd, const void *bytes, size_t len))
{
    return fails_bytes(FAULT_CALL_write, class_of(fd), &len) ? -1 : real_write(fd, bytes, len);
}

WRAP(int, fsync, (int fd))
{
    return fails(FAULT_CALL_fsync, class_of(fd)) ? -1 : real_fsync(fd);
}

WRAP(int, fdatasync, (int fd))
{
    return fails(FAULT_CALL_fdatasync, class_of(fd)) ? -1 : real_fdatasync(fd);
}

WRAP(int, ftruncate64, (int fd, off64_t len))
{
    return fails(FAULT_CALL_ftruncate, class_of(fd)) ? -1 : real_ftruncate64(fd, len);
}

WRAP(int, fstat, (int fd, struct stat *status))
{
    return fails(FAULT_CALL_fstat, class_of(fd)) ? -1 : real_fstat(fd, status);
}

WRAP(int, fstat64, (int fd, struct stat64 *status))
{
    return fails(FAULT_CALL_fstat, class_of(fd)) ? -1 : real_fstat64(fd, status);
}

WRAP(int, stat64, (const char *path, struct stat64 *status))
{
    return fails(FAULT_CALL_stat, class_of_path(path)) ? -1 : real_stat64(path, status);
}

WRAP(int, lstat, (const char *path, struct stat *status))
{
    return fails(FAULT_CALL_stat, class_of_path(path)) ? -1 : real_lstat(path, status);
}

WRAP(int, lstat64, (const char *path, struct stat64 *status))
{
    return fails(FAULT_CALL_stat, class_of_path(path)) ? -1 : real_lstat64(path, status);
}

WRAP(int, access, (const char *path, int mode))
{
    return fails(FAULT_CALL_access, class_of_path(path)) ? -1 : real_access(path, mode);
}

WRAP(int, link, (const char *from, const char *to))
{
    return fails(FAULT_CALL_link, class_of_path(from)) ? -1 : real_link(from, to);
}

WRAP(int, unlink, (const char *path))
{
    return fails(FAULT_CALL_unlink, class_of_path(path)) ? -1 : real_unlink(path);
}

/* Linux closes the descriptor whatever close returns. */
WRAP(int, close, (int fd))
{
    bool failed = fails(FAULT_CALL_close, class_of(fd));
    int error = errno;
    if (fd >= 0 && fd < DESCRIPTORS_MAX)
        atomic_store(&classes[fd], 0);
    int result = real_close(fd);
    if (failed)
        errno = error;
    return failed ? -1 : result;
}

/* SQLite's way to lock; its third argument is a pointer or an int, passed alike. */
WRAP(int, fcntl64, (int fd, int command, ...))
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fails(FAULT_CALL_fcntl, class_of(fd)) ? -1 : real_fcntl64(fd, command, argument);
}

WRAP(void *, mmap, (void *at, size_t len, int protection, int flags, int fd, off_t offset))
{
    return fails(FAULT_CALL_mmap, class_of_caller(__builtin_return_address(0)))
               ? MAP_FAILED
               : real_mmap(at, len, protection, flags, fd, offset);
}

WRAP(void *, mmap64, (void *at, size_t len, int protection, int flags, int fd, off64_t offset))
{
    return fails(FAULT_CALL_mmap, class_of_caller(__builtin_return_address(0)))
               ? MAP_FAILED
               : real_mmap64(at, len, protection, flags, fd, offset);
}

/* libsodium tries until it gets its bytes or ends the process: only the server's own are counted.
 */
WRAP(ssize_t, getrandom, (void *bytes, size_t len, unsigned flags))
{
    enum fault_class class = class_of_caller(__builtin_return_address(0));
    return class == FAULT_SERVER && fails(FAULT_CALL_getrandom, class)
               ? -1
               : real_getrandom(bytes, len, flags);
}

WRAP(int, socket, (int domain, int type, int protocol))
{
    return fails(FAULT_CALL_socket, FAULT_LISTENER)
               ? -1
               : note(real_socket(domain, type, protocol), FAULT_LISTENER);
}

WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t len))
{
    return fails(FAULT_CALL_bind, class_of(fd)) ? -1 : real_bind(fd, address, len);
}

WRAP(int, listen, (int fd, int backlog))
{
    return fails(FAULT_CALL_listen, class_of(fd)) ? -1 : real_listen(fd, backlog);
}

WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t len))
{
    return fails(FAULT_CALL_connect, class_of(fd)) ? -1 : real_connect(fd, address, len);
}

/* An error of the connection, not of the server, takes that connection off the queue. */
WRAP(int, accept4, (int fd, struct sockaddr *peer, socklen_t *len, int flags))
{
    int error = strike(FAULT_CALL_accept4, class_of(fd));
    int accepted = -1;
    errno = 0;
    if (error == 0 || error == ECONNABORTED || error == EPERM)
        accepted = real_accept4(fd, peer, len, flags);
    if (error == 0 || (accepted < 0 && errno == EAGAIN))
        return note(accepted, FAULT_SOCKET);
    if (accepted >= 0)
        real_close(accepted);
    errno = error;
    return -1;
}

WRAP(int, getsockname, (int fd, struct sockaddr *name, socklen_t *len))
{
    return fails(FAULT_CALL_getsockname, class_of(fd)) ? -1 : real_getsockname(fd, name, len);
}

WRAP(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *len))
{
    return fails(FAULT_CALL_getsockopt, class_of(fd))
               ? -1
               : real_getsockopt(fd, level, option, value, len);
}

WRAP(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t len))
{
    return fails(FAULT_CALL_setsockopt, class_of(fd))
               ? -1
               : real_setsockopt(fd, level, option, value, len);
}

WRAP(int, shutdown, (int fd, int how))
{
    return fails(FAULT_CALL_shutdown, class_of(fd)) ? -1 : real_shutdown(fd, how);
}

WRAP(int, ioctl, (int fd, unsigned long request, ...))
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fails(FAULT_CALL_ioctl, class_of(fd)) ? -1 : real_ioctl(fd, request, argument);
}

WRAP(ssize_t, recv, (int fd, void *bytes, size_t len, int flags))
{
    return fails_bytes(FAULT_CALL_recv, class_of(fd), &len) ? -1 : real_recv(fd, bytes, len, flags);
}

WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags))
{
    return fails(FAULT_CALL_recvmsg, class_of(fd)) ? -1 : real_recvmsg(fd, message, flags);
}

WRAP(ssize_t, send, (int fd, const void *bytes, size_t len, int flags))
{
    return fails_bytes(FAULT_CALL_send, class_of(fd), &len) ? -1 : real_send(fd, bytes, len, flags);
}

WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout_ms))
{
    /* The server polls for nothing else. */
    return fails(FAULT_CALL_poll, FAULT_EVENTFD) ? -1 : real_poll(fds, count, timeout_ms);
}

WRAP(int, epoll_create1, (int flags))
{
    return fails(FAULT_CALL_epoll_create, FAULT_EPOLL)
               ? -1
               : note(real_epoll_create1(flags), FAULT_EPOLL);
}

WRAP(int, epoll_create, (int size))
{
    return fails(FAULT_CALL_epoll_create, FAULT_EPOLL) ? -1
                                                       : note(real_epoll_create(size), FAULT_EPOLL);
}

WRAP(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event))
{
    /* Taking a descriptor out needs no memory. */
    if (operation != EPOLL_CTL_DEL && fails(FAULT_CALL_epoll_ctl, class_of(fd)))
        return -1;
    return real_epoll_ctl(epoll, operation, fd, event);
}

WRAP(int, epoll_wait, (int epoll, struct epoll_event *events, int max, int timeout_ms))
{
    return fails(FAULT_CALL_epoll_wait, FAULT_EPOLL)
               ? -1
               : real_epoll_wait(epoll, events, max, timeout_ms);
}

WRAP(int, eventfd, (unsigned initial, int flags))
{
    return fails(FAULT_CALL_eventfd, FAULT_EVENTFD)
               ? -1
               : note(real_eventfd(initial, flags), FAULT_EVENTFD);
}

WRAP(int, pipe2, (int ends[2], int flags))
{
    if (fails(FAULT_CALL_pipe, FAULT_PIPE))
        return -1;
    int result = real_pipe2(ends, flags);
    if (result == 0) {
        note(ends[0], FAULT_PIPE);
        note(ends[1], FAULT_PIPE);
    }
    return result;
}

WRAP(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context))
{
    int error = strike(FAULT_CALL_pthread_create, FAULT_SERVER);
    return error ? error : real_pthread_create(thread, attributes, run, context);
}

/* ---- memory: the C library's own functions, which it has under these names too ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    return fails(FAULT_CALL_malloc, class_of_caller(__builtin_return_address(0)))
               ? NULL
               : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(FAULT_CALL_calloc, class_of_caller(__builtin_return_address(0)))
               ? NULL
               : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return fails(FAULT_CALL_realloc, class_of_caller(__builtin_return_address(0)))
               ? NULL
               : __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(FAULT_CALL_memalign, class_of_caller(__builtin_return_address(0)))
               ? NULL
               : __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (strike(FAULT_CALL_memalign, class_of_caller(__builtin_return_address(0))) != 0)
        return ENOMEM;
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}

/* ---- the wall clock ---- */

static int64_t offset_ns(void)
{
    return plan ? atomic_load(&plan->clock_offset_ns) : 0;
}

WRAP(int, clock_gettime, (clockid_t clock, struct timespec *now))
{
    int result = real_clock_gettime(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) {
        int64_t ns = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + offset_ns();
        *now = (struct timespec){ns / 1000000000, ns % 1000000000};
    }
    return result;
}

WRAP(int, gettimeofday, (struct timeval *restrict now, void *restrict zone))
{
    int result = real_gettimeofday(now, zone);
    if (result == 0)
        now->tv_sec += offset_ns() / 1000000000;
    return result;
}

WRAP(time_t, time, (time_t * result))
{
    time_t now = real_time(NULL) + offset_ns() / 1000000000;
    if (result)
        *result = now;
    return now;
}

/* ---- coverage ---- */

static void (*dump_coverage)(void); /* NULL but in builds with --enable-coverage */

/* What led to an abort counts as covered too; abort itself writes no counts. It has called this on
 * its own thread, outside of every library, so it may do what a signal handler may not. */
static void on_abort(int signal_number)
{
    (void)signal_number;
    plan = NULL; /* the counts' file is not to fail */
    dump_coverage();
}

static void cover_aborts(void)
{
    void *function = dlsym(RTLD_DEFAULT, "__gcov_dump");
    memcpy(&dump_coverage, &function, sizeof function);
    if (function)
        signal(SIGABRT, on_abort);
}

/* ---- when it is loaded ---- */

static void look_up(void)
{
    const struct {
        const char *name;
        void *real;
    } functions[] = {
#define FUNCTION(name) {#name, &real_##name}
        FUNCTION(open),          FUNCTION(open64),       FUNCTION(mkostemp),
        FUNCTION(pread),         FUNCTION(pread64),      FUNCTION(pwrite64),
        FUNCTION(read),          FUNCTION(write),        FUNCTION(fsync),
        FUNCTION(fdatasync),     FUNCTION(ftruncate64),  FUNCTION(fstat),
        FUNCTION(fstat64),       FUNCTION(stat64),       FUNCTION(lstat),
        FUNCTION(lstat64),       FUNCTION(access),       FUNCTION(link),
        FUNCTION(unlink),        FUNCTION(close),        FUNCTION(fcntl64),
        FUNCTION(mmap),          FUNCTION(mmap64),       FUNCTION(getrandom),
        FUNCTION(socket),        FUNCTION(bind),         FUNCTION(listen),
        FUNCTION(connect),       FUNCTION(accept4),      FUNCTION(getsockname),
        FUNCTION(getsockopt),    FUNCTION(setsockopt),   FUNCTION(shutdown),
        FUNCTION(ioctl),         FUNCTION(recv),         FUNCTION(send),
        FUNCTION(recvmsg),       FUNCTION(poll),         FUNCTION(epoll_create1),
        FUNCTION(epoll_create),  FUNCTION(epoll_ctl),    FUNCTION(epoll_wait),
        FUNCTION(eventfd),       FUNCTION(pipe2),        FUNCTION(pthread_create),
        FUNCTION(clock_gettime), FUNCTION(gettimeofday), FUNCTION(time),
#undef FUNCTION
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *real = dlsym(RTLD_NEXT, functions[i].name);
        if (!real)
            abort();
        memcpy(functions[i].real, &real, sizeof real);
    }
}

__attribute__((constructor)) static void load(void)
{
    look_up();
    const char *path = getenv(FAULT_PLAN_VARIABLE);
    if (!path)
        return;
    dl_iterate_phdr(note_object, NULL);
    int fd = real_open(path, O_RDWR | O_CLOEXEC);
    void *mapped = fd < 0
                       ? MAP_FAILED
                       : real_mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        abort(); /* a server that seems to stand every fault would be worse */
    real_close(fd);
    plan = mapped;
    cover_aborts();
}
