/* A loop: its rounds, its inbox, and what becomes of it where the kernel or libevent refuse. Their
 * calls can be made to fail through the linker's --wrap. */
#include "net/loop.h"

#include "base/clock.h"
#include "tests/support/unit.h"
#include "tests/support/wrap.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- calls that can be made to fail ---- */

enum { ABORTED = 99 };

static atomic_int calls_left = -1; /* until one fails; -1 is never */

static bool fails(void)
{
    return atomic_load(&calls_left) >= 0 && atomic_fetch_sub(&calls_left, 1) == 0;
}

WRAP(fails(), NULL, struct event_config *, event_config_new, (void), ())
WRAP(fails(), NULL, struct event_base *, event_base_new_with_config,
     (const struct event_config *config), (config))
WRAP(fails(), -1, int, event_add, (struct event * event, const struct timeval *timeout),
     (event, timeout))
WRAP(fails(), -1, int, event_base_loop, (struct event_base * base, int flags), (base, flags))
WRAP(fails(), (errno = EMFILE, -1), int, eventfd, (unsigned initial, int flags), (initial, flags))
WRAP(fails(), EAGAIN, int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context),
     (thread, attributes, run, context))

static atomic_uint eventfd_writes; /* of 8 bytes: nothing else here writes so many */

ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    if (len == sizeof(uint64_t))
        atomic_fetch_add(&eventfd_writes, 1);
    return __real_write(fd, bytes, len);
}

_Noreturn void __wrap_abort(void);
_Noreturn void __wrap_abort(void)
{
    exit(ABORTED);
}

/* ---- a loop under test ---- */

struct bench {
    struct loop loop;
    unsigned owed;     /* rounds of work that are left */
    bool arrives_late; /* one more, when the loop is about to sleep */
    sem_t reached;     /* posted when nothing is owed, and by tasks and timers */
};

static bool work(void *context)
{
    struct bench *bench = context;
    if (bench->owed == 0)
        return false;
    if (--bench->owed == 0)
        sem_post(&bench->reached);
    return bench->owed > 0;
}

static bool pending(void *context)
{
    struct bench *bench = context;
    bench->owed += bench->arrives_late;
    bench->arrives_late = false;
    return bench->owed > 0;
}

static void bench_init(struct bench *bench)
{
    *bench = (struct bench){0};
    sem_init(&bench->reached, 0, 0);
    const struct loop_source source = {bench, work, pending};
    ck_assert_int_eq(loop_init(&bench->loop, &source), 0);
}

struct task {
    struct loop_task task;
    struct bench *bench;
    unsigned number;
};

static unsigned last_run; /* the loop's thread; read after the join */

static void run_in_order(struct loop_task *task)
{
    struct task *own = (struct task *)task;
    loop_assert_owner(&own->bench->loop);
    ck_assert_uint_eq(own->number, last_run + 1);
    last_run = own->number;
}

static void run_quit(struct loop_task *task)
{
    loop_quit(&((struct task *)task)->bench->loop);
}

static void run_tell(struct loop_task *task)
{
    sem_post(&((struct task *)task)->bench->reached);
}

static void await(struct bench *bench)
{
    while (sem_wait(&bench->reached) != 0)
        ck_assert_int_eq(errno, EINTR);
}

static void quit_and_join(struct bench *bench)
{
    struct task quit = {.task.run = run_quit, .bench = bench};
    loop_post(&bench->loop, &quit.task);
    loop_join(&bench->loop);
}

static int next_descriptor(void)
{
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

/* ---- rounds ---- */

START_TEST(tasks_run_in_the_order_of_their_posting)
{
    enum { TASKS = 1000 };
    static struct task tasks[TASKS];
    struct bench bench;
    bench_init(&bench);
    for (unsigned i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){{.run = run_in_order}, &bench, i + 1};
        if (i == TASKS / 2) /* the first half waits for its start */
            ck_assert_int_eq(loop_start(&bench.loop, "bench"), 0);
        loop_post(&bench.loop, &tasks[i].task);
    }
    quit_and_join(&bench);
    ck_assert_uint_eq(last_run, TASKS);
    loop_destroy(&bench.loop);
}
END_TEST

/* A loop that slept although there is work would never end this test. */
START_TEST(it_does_not_sleep_on_work)
{
    struct bench bench;
    bench_init(&bench);
    bench.owed = 5;
    bench.arrives_late = true;
    ck_assert_int_eq(loop_start(&bench.loop, "bench"), 0);
    await(&bench); /* what was left */
    await(&bench); /* what arrived between its last round and its sleep */
    quit_and_join(&bench);
    ck_assert_uint_eq(bench.owed, 0);
    loop_destroy(&bench.loop);
}
END_TEST

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct bench *bench = context;
    loop_assert_owner(&bench->loop);
    sem_post(&bench->reached);
}

struct timed {
    struct task task;
    struct event timer;
};

static void run_set_timer(struct loop_task *task)
{
    struct timed *timed = (struct timed *)task;
    evtimer_assign(&timed->timer, timed->task.bench->loop.base, on_timer, timed->task.bench);
    loop_set_timer(&timed->timer, NS_PER_MS);
}

START_TEST(a_timer_wakes_it)
{
    struct bench bench;
    struct timed timed = {.task = {.task.run = run_set_timer, .bench = &bench}};
    bench_init(&bench);
    ck_assert_int_eq(loop_start(&bench.loop, "bench"), 0);
    loop_post(&bench.loop, &timed.task.task);
    await(&bench);
    quit_and_join(&bench);
    loop_destroy(&bench.loop);
}
END_TEST

static unsigned
    quiet_posts; /* that made no write, of those that a thread made while the loop worked */

/* Another thread's part while the loop is in an event's callback. */
static void *post_quietly(void *context)
{
    struct bench *bench = context;
    static struct task tell;
    tell = (struct task){.task.run = run_tell, .bench = bench};
    unsigned before = atomic_load(&eventfd_writes);
    loop_post(&bench->loop, &tell.task);
    quiet_posts += atomic_load(&eventfd_writes) == before;
    return NULL;
}

static void on_timer_that_works(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct bench *bench = context;
    pthread_t other;
    loop_is_awake(&bench->loop);
    ck_assert_int_eq(pthread_create(&other, NULL, post_quietly, bench), 0);
    pthread_join(other, NULL);
}

static void run_set_working_timer(struct loop_task *task)
{
    struct timed *timed = (struct timed *)task;
    evtimer_assign(&timed->timer, timed->task.bench->loop.base, on_timer_that_works,
                   timed->task.bench);
    loop_set_timer(&timed->timer, NS_PER_MS);
}

/* A loop that slept, and works now on what its event brought, need not be woken. */
START_TEST(a_loop_that_works_is_not_woken)
{
    struct bench bench;
    struct timed timed = {.task = {.task.run = run_set_working_timer, .bench = &bench}};
    bench_init(&bench);
    ck_assert_int_eq(loop_start(&bench.loop, "bench"), 0);
    loop_post(&bench.loop, &timed.task.task);
    await(&bench); /* and what was posted is run all the same */
    quit_and_join(&bench);
    ck_assert_uint_eq(quiet_posts, 1);
    loop_destroy(&bench.loop);
}
END_TEST

/* ---- refusals ---- */

/* Each call of its making fails in turn: it says why, and leaves no descriptor open. */
START_TEST(a_loop_that_can_not_be_made_leaves_nothing)
{
    const struct loop_source source = {NULL, work, pending};
    int before = next_descriptor();
    int failures = 0;
    for (int n = 0;; n++) {
        struct loop loop;
        atomic_store(&calls_left, n);
        errno = 0;
        int result = loop_init(&loop, &source);
        bool failed = atomic_load(&calls_left) < 0;
        atomic_store(&calls_left, -1);
        if (result == 0)
            loop_destroy(&loop);
        else
            ck_assert_int_ne(errno, 0);
        ck_assert_int_eq(result, failed ? -1 : 0);
        ck_assert_int_eq(next_descriptor(), before);
        if (!failed)
            break;
        failures++;
    }
    ck_assert_int_eq(failures, 5); /* configuration, base, eventfd, the timers' table, its event */
}
END_TEST

START_TEST(a_reason_that_libevent_gives_is_kept)
{
    struct loop loop;
    const struct loop_source source = {NULL, work, pending};
    atomic_store(&calls_left, 1);
    errno = ENOSYS;
    ck_assert_int_eq(loop_init(&loop, &source), -1);
    ck_assert_int_eq(errno, ENOSYS);
}
END_TEST

START_TEST(a_thread_that_can_not_be_started)
{
    struct bench bench;
    bench_init(&bench);
    atomic_store(&calls_left, 0);
    ck_assert_int_eq(loop_start(&bench.loop, "bench"), -1);
    ck_assert_int_eq(errno, EAGAIN);
    loop_assert_owner(&bench.loop); /* it is still anybody's */
    ck_assert_int_eq(loop_start(&bench.loop, "bench"), 0);
    quit_and_join(&bench);
    loop_destroy(&bench.loop);
}
END_TEST

/* A loop that can't wait for events would never serve anyone again. */
START_TEST(without_events_the_process_ends)
{
    struct bench bench;
    bench_init(&bench);
    atomic_store(&calls_left, 1); /* after the thread */
    ck_assert_int_eq(loop_start(&bench.loop, "bench"), 0);
    loop_join(&bench.loop);
}
END_TEST

START_TEST(without_a_timer_the_process_ends)
{
    struct bench bench;
    struct event timer;
    bench_init(&bench);
    evtimer_assign(&timer, bench.loop.base, on_timer, &bench);
    atomic_store(&calls_left, 0);
    loop_set_timer(&timer, NS_PER_MS);
}
END_TEST

START_TEST(another_thread_is_not_the_owner)
{
    struct bench bench;
    struct task task = {.task.run = run_tell, .bench = &bench};
    bench_init(&bench);
    ck_assert_int_eq(loop_start(&bench.loop, "bench"), 0);
    loop_post(&bench.loop, &task.task);
    await(&bench);
    loop_assert_owner(&bench.loop);
}
END_TEST

UNIT_MAIN("loop",
          {"rounds", .tests = {{tasks_run_in_the_order_of_their_posting},
                               {it_does_not_sleep_on_work},
                               {a_timer_wakes_it},
                               {a_loop_that_works_is_not_woken}}},
          {"refusals", .tests = {{a_loop_that_can_not_be_made_leaves_nothing},
                                 {a_reason_that_libevent_gives_is_kept},
                                 {a_thread_that_can_not_be_started},
                                 {without_events_the_process_ends, .exit_status = ABORTED},
                                 {without_a_timer_the_process_ends, .exit_status = ABORTED},
                                 {another_thread_is_not_the_owner, .exit_status = ABORTED}}})
