/* The kernel in memory. Events are libevent's own structs, filled and kept here: what the server's
 * code asks of libevent is to assign, add, delete and look, and kernel_deliver and kernel_pass_time
 * are the loop. */
#include "tests/fuzz/fuzz_kernel.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FD_FIRST = 1 << 20, /* beyond what the process can have */
    EVENTS_MAX = 4096,  /* that wait at a time */
    CLOCK_START_S = 1000,
};

int __real_close(int fd);
int __real_kill(pid_t pid, int signal_number);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);

ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
int __wrap_shutdown(int fd, int how);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long request, int *value);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_kill(pid_t pid, int signal_number);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_event_assign(struct event *event, struct event_base *base, evutil_socket_t fd,
                        short events, event_callback_fn callback, void *context);
struct event *__wrap_event_new(struct event_base *base, evutil_socket_t fd, short events,
                               event_callback_fn callback, void *context);
void __wrap_event_free(struct event *event);
int __wrap_event_add(struct event *event, const struct timeval *wait);
int __wrap_event_del(struct event *event);
int __wrap_event_pending(const struct event *event, short events, struct timeval *due);
short __wrap_event_get_events(const struct event *event);
int __wrap_loop_init(struct loop *loop, const struct loop_source *source);
void __wrap_loop_destroy(struct loop *loop);
void __wrap_loop_post(struct loop *loop, struct loop_task *task);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

bool fuzz_traces;
void (*kernel_on_output)(int fd, const char *bytes, size_t len);
bool kernel_terminated;
long kernel_allocations_left = -1;

static struct kernel_socket sockets[KERNEL_SOCKETS_MAX];
static int socket_count;
static struct event *waiting[EVENTS_MAX];
static size_t waiting_count;
static uint64_t now_ns = (uint64_t)CLOCK_START_S * NS_PER_S;

void fuzz_broken(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

/* ---- memory ---- */

static unsigned allocations_promised;

static bool may_allocate(void)
{
    if (allocations_promised > 0) {
        allocations_promised--;
        return true;
    }
    return kernel_allocations_left < 0 || kernel_allocations_left-- > 0;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    return may_allocate() ? __real_realloc(memory, size) : NULL;
}

long kernel_memory_hold(void)
{
    long held = kernel_allocations_left;
    kernel_allocations_left = -1;
    return held;
}

void kernel_memory_release(long held)
{
    kernel_allocations_left = held;
}

void kernel_memory_promise(unsigned count)
{
    allocations_promised = count;
}

void *kernel_allocate(void *memory, size_t size)
{
    void *more = __real_realloc(memory, size);
    REQUIRE(more);
    return more;
}

/* ---- sockets ---- */

static bool is_ours(int fd)
{
    return fd >= FD_FIRST && fd < FD_FIRST + socket_count;
}

struct kernel_socket *kernel_socket(int fd)
{
    REQUIRE(is_ours(fd));
    return &sockets[fd - FD_FIRST];
}

static struct kernel_socket *open_socket(int fd)
{
    struct kernel_socket *socket = kernel_socket(fd);
    REQUIRE(socket->open);
    return socket;
}

int kernel_connect(void)
{
    REQUIRE(socket_count < KERNEL_SOCKETS_MAX);
    sockets[socket_count] = (struct kernel_socket){.room = SIZE_MAX, .open = true};
    return FD_FIRST + socket_count++;
}

size_t kernel_open_sockets(void)
{
    size_t count = 0;
    for (int i = 0; i < socket_count; i++)
        count += sockets[i].open;
    return count;
}

void kernel_peer_sends(int fd, const char *bytes, size_t len)
{
    struct kernel_socket *socket = kernel_socket(fd);
    if (len == 0 || !socket->open || socket->peer_ended || socket->peer_reset)
        return;
    if (socket->input_len + len > socket->input_size) {
        socket->input_size = 2 * (socket->input_len + len);
        socket->input = kernel_allocate(socket->input, socket->input_size);
    }
    memcpy(socket->input + socket->input_len, bytes, len);
    socket->input_len += len;
}

/* Whether the call fails for a reason that the peer or a signal gives, with errno set. */
static bool call_fails(struct kernel_socket *socket, int flags)
{
    REQUIRE(flags & MSG_DONTWAIT);
    if (socket->interrupted) {
        socket->interrupted = false;
        errno = EINTR;
        return true;
    }
    REQUIRE(!socket->told_of_error);
    socket->told_of_error = socket->peer_reset;
    errno = ECONNRESET;
    return socket->peer_reset;
}

ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags)
{
    struct kernel_socket *socket = open_socket(fd);
    REQUIRE(!socket->told_of_end && len > 0);
    if (call_fails(socket, flags))
        return -1;
    size_t n = socket->input_len - socket->input_at;
    if (n == 0) {
        socket->told_of_end = socket->peer_ended;
        errno = EAGAIN;
        return socket->peer_ended ? 0 : -1;
    }
    n = n < len ? n : len;
    if (socket->read_most > 0 && socket->read_most < n)
        n = socket->read_most;
    memcpy(bytes, socket->input + socket->input_at, n);
    socket->input_at += n;
    return (ssize_t)n;
}

/* Nobody passes files. */
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
    message->msg_controllen = 0;
    return __wrap_recv(fd, message->msg_iov->iov_base, message->msg_iov->iov_len, flags);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    struct kernel_socket *socket = open_socket(fd);
    REQUIRE(!socket->said_goodbye && len > 0 && (flags & MSG_NOSIGNAL));
    if (call_fails(socket, flags))
        return -1;
    size_t n = len < socket->room ? len : socket->room;
    if (n == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (socket->room != SIZE_MAX)
        socket->room -= n;
    if (fuzz_traces)
        fprintf(stderr, "to %d: %.*s", fd - FD_FIRST, (int)n, (const char *)bytes);
    kernel_on_output(fd, bytes, n);
    return (ssize_t)n;
}

int __wrap_shutdown(int fd, int how)
{
    struct kernel_socket *socket = open_socket(fd);
    REQUIRE(how == SHUT_WR && !socket->said_goodbye);
    socket->said_goodbye = true;
    return 0;
}

int __wrap_close(int fd)
{
    if (fd < FD_FIRST) {
        REQUIRE(fd > STDERR_FILENO); /* not the server's: it opened no such one */
        return __real_close(fd);
    }
    struct kernel_socket *socket = open_socket(fd);
    if (fuzz_traces)
        fprintf(stderr, "closed %d\n", fd - FD_FIRST);
    socket->open = false;
    for (size_t i = 0; i < waiting_count; i++) /* epoll would forget it, and libevent not know */
        REQUIRE(waiting[i]->ev_fd != fd);
    free(socket->input);
    socket->input = NULL;
    return 0;
}

int __wrap_ioctl(int fd, unsigned long request, int *value)
{
    (void)request;
    *value = open_socket(fd)->unsent;
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    (void)level;
    (void)name;
    (void)value;
    (void)len;
    open_socket(fd);
    return 0;
}

/* ---- the process and its clock ---- */

int __wrap_kill(pid_t pid, int signal_number)
{
    if (pid != getpid() || signal_number != SIGTERM)
        return __real_kill(pid, signal_number);
    kernel_terminated = true;
    return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    now->tv_sec = (time_t)(now_ns / NS_PER_S);
    now->tv_nsec = (long)(now_ns % NS_PER_S);
    return 0;
}

/* ---- events ---- */

/* Where it stands among those that wait; waiting_count if it doesn't. */
static size_t find_waiting(const struct event *event)
{
    size_t i = 0;
    while (i < waiting_count && waiting[i] != event)
        i++;
    return i;
}

int __wrap_event_assign(struct event *event, struct event_base *base, evutil_socket_t fd,
                        short events, event_callback_fn callback, void *context)
{
    REQUIRE(find_waiting(event) == waiting_count);
    *event = (struct event){.ev_base = base, .ev_fd = fd, .ev_events = events};
    event->ev_evcallback.evcb_cb_union.evcb_callback = callback;
    event->ev_evcallback.evcb_arg = context;
    return 0;
}

struct event *__wrap_event_new(struct event_base *base, evutil_socket_t fd, short events,
                               event_callback_fn callback, void *context)
{
    struct event *event = __wrap_malloc(sizeof *event);
    if (event)
        __wrap_event_assign(event, base, fd, events, callback, context);
    return event;
}

void __wrap_event_free(struct event *event)
{
    __wrap_event_del(event);
    free(event);
}

int __wrap_event_add(struct event *event, const struct timeval *wait)
{
    if (wait) {
        uint64_t due_ns =
            now_ns + (uint64_t)wait->tv_sec * NS_PER_S + (uint64_t)wait->tv_usec * 1000;
        event->ev_timeout.tv_sec = (time_t)(due_ns / NS_PER_S);
        event->ev_timeout.tv_usec = (suseconds_t)(due_ns % NS_PER_S / 1000);
    }
    if (event->ev_fd >= 0)
        open_socket(event->ev_fd);
    REQUIRE(waiting_count < EVENTS_MAX);
    if (find_waiting(event) == waiting_count)
        waiting[waiting_count++] = event;
    return 0;
}

int __wrap_event_del(struct event *event)
{
    size_t i = find_waiting(event);
    if (i < waiting_count) {
        waiting_count--;
        memmove(&waiting[i], &waiting[i + 1], (waiting_count - i) * sizeof(struct event *));
    }
    return 0;
}

int __wrap_event_pending(const struct event *event, short events, struct timeval *due)
{
    (void)due;
    if (find_waiting(event) == waiting_count)
        return 0;
    return (event->ev_fd < 0 ? EV_TIMEOUT : event->ev_events) & events;
}

short __wrap_event_get_events(const struct event *event)
{
    return event->ev_events;
}

static void run_event(struct event *event, short what)
{
    if (!(event->ev_events & EV_PERSIST))
        __wrap_event_del(event);
    event->ev_evcallback.evcb_cb_union.evcb_callback(event->ev_fd, what,
                                                     event->ev_evcallback.evcb_arg);
}

static short readiness(const struct kernel_socket *socket)
{
    bool readable =
        socket->input_at < socket->input_len || socket->peer_ended || socket->peer_reset;
    return (short)((readable ? EV_READ : 0) |
                   (socket->room > 0 || socket->peer_reset ? EV_WRITE : 0));
}

bool kernel_deliver(int fd)
{
    if (!kernel_socket(fd)->open)
        return false;
    short ready = readiness(kernel_socket(fd));
    for (size_t i = 0; i < waiting_count; i++) {
        short what = (short)(waiting[i]->ev_events & ready);
        if (waiting[i]->ev_fd == fd && what) {
            run_event(waiting[i], what);
            return true;
        }
    }
    return false;
}

static uint64_t due_ns_of(const struct event *timer)
{
    return (uint64_t)timer->ev_timeout.tv_sec * NS_PER_S +
           (uint64_t)timer->ev_timeout.tv_usec * 1000;
}

static struct event *first_timer(void)
{
    struct event *first = NULL;
    for (size_t i = 0; i < waiting_count; i++)
        if (waiting[i]->ev_fd < 0 && (!first || due_ns_of(waiting[i]) < due_ns_of(first)))
            first = waiting[i];
    return first;
}

void kernel_pass_time(uint64_t ms)
{
    uint64_t until_ns = now_ns + ms * NS_PER_MS;
    struct event *timer;
    while ((timer = first_timer()) && due_ns_of(timer) <= until_ns) {
        if (due_ns_of(timer) > now_ns)
            now_ns = due_ns_of(timer);
        run_event(timer, EV_TIMEOUT);
    }
    now_ns = until_ns;
}

/* ---- loops ---- */

int __wrap_loop_init(struct loop *loop, const struct loop_source *source)
{
    *loop = (struct loop){.source = *source};
    STAILQ_INIT(&loop->inbox);
    return 0;
}

void __wrap_loop_destroy(struct loop *loop)
{
    REQUIRE(STAILQ_EMPTY(&loop->inbox));
}

void __wrap_loop_post(struct loop *loop, struct loop_task *task)
{
    STAILQ_INSERT_TAIL(&loop->inbox, task, link);
}

bool kernel_run_tasks(struct loop *loop)
{
    struct loop_task_list tasks = STAILQ_HEAD_INITIALIZER(tasks);
    STAILQ_CONCAT(&tasks, &loop->inbox);
    bool any = !STAILQ_EMPTY(&tasks);
    while (!STAILQ_EMPTY(&tasks)) {
        struct loop_task *task = STAILQ_FIRST(&tasks);
        STAILQ_REMOVE_HEAD(&tasks, link);
        task->run(task);
    }
    return any;
}

void kernel_clock_begin(void)
{
    now_ns = (uint64_t)CLOCK_START_S * NS_PER_S;
}

bool kernel_clock_is_late(void)
{
    return now_ns >= UINT64_MAX / 2;
}

bool kernel_is_idle(void)
{
    return waiting_count == 0;
}

void kernel_reset(void)
{
    socket_count = 0;
    kernel_terminated = false;
    kernel_allocations_left = -1;
    allocations_promised = 0;
}
