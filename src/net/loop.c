/* The round of a loop: run posted tasks, do the source's work, then wait for events, or only look
 * at them if there is work left. The base is used by its own thread alone (EVENT_BASE_FLAG_NOLOCK);
 * others reach the loop by its inbox and its rings, and wake it by the waker's eventfd. */
#include "net/loop.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct loop *loop = context;
    loop->may_sleep = false;
    waker_finish(&loop->waker);
}

static int make_base(struct loop *loop)
{
    struct event_config *config = event_config_new();
    if (!config)
        return -1;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    return loop->base ? 0 : -1;
}

/* Has events of the eventfd reported. The timer makes libevent allocate its table of timers, which
 * never shrinks, so the first timers need no memory later. */
static int watch_waker(struct loop *loop)
{
    const struct timeval any = {1, 0};
    struct event timer;
    evtimer_assign(&timer, loop->base, on_wake, loop);
    if (event_add(&timer, &any) != 0)
        return -1;
    event_del(&timer);
    event_assign(&loop->wake_event, loop->base, loop->waker.fd, EV_READ | EV_PERSIST, on_wake,
                 loop);
    return event_add(&loop->wake_event, NULL);
}

int loop_init(struct loop *loop, const struct loop_source *source)
{
    *loop = (struct loop){.source = *source};
    STAILQ_INIT(&loop->inbox);
    if (make_base(loop) != 0) {
        errno = errno ? errno : ENOMEM;
        return -1;
    }
    if (waker_init(&loop->waker) != 0) {
        event_base_free(loop->base);
        return -1;
    }
    if (watch_waker(loop) != 0) {
        waker_destroy(&loop->waker);
        event_base_free(loop->base);
        errno = ENOMEM;
        return -1;
    }
    pthread_mutex_init(&loop->inbox_mutex, NULL);
    return 0;
}

void loop_destroy(struct loop *loop)
{
    event_del(&loop->wake_event);
    event_base_free(loop->base);
    waker_destroy(&loop->waker);
    pthread_mutex_destroy(&loop->inbox_mutex);
}

static void run_inbox(struct loop *loop)
{
    if (!atomic_load_explicit(&loop->inbox_filled, memory_order_acquire))
        return;
    struct loop_task_list tasks = STAILQ_HEAD_INITIALIZER(tasks);
    pthread_mutex_lock(&loop->inbox_mutex);
    STAILQ_CONCAT(&tasks, &loop->inbox);
    atomic_store_explicit(&loop->inbox_filled, false, memory_order_relaxed);
    pthread_mutex_unlock(&loop->inbox_mutex);
    while (!STAILQ_EMPTY(&tasks)) {
        struct loop_task *task = STAILQ_FIRST(&tasks);
        STAILQ_REMOVE_HEAD(&tasks, link);
        task->run(task);
    }
}

static bool has_work(struct loop *loop)
{
    return atomic_load_explicit(&loop->inbox_filled, memory_order_acquire) ||
           loop->source.pending(loop->source.context);
}

void loop_is_awake(struct loop *loop)
{
    if (!loop->may_sleep)
        return;
    loop->may_sleep = false;
    waker_cancel(&loop->waker);
}

/* Says that the loop may sleep, unless there is work. Returns whether it may. */
static bool prepare_to_sleep(struct loop *loop)
{
    waker_prepare(&loop->waker);
    loop->may_sleep = true;
    if (has_work(loop))
        loop_is_awake(loop);
    return loop->may_sleep;
}

static void *loop_run(void *context)
{
    struct loop *loop = context;
    loop->owner = pthread_self();
    while (!loop->quit) {
        run_inbox(loop);
        bool more = loop->source.work(loop->source.context);
        if (loop->quit)
            break;
        loop->woken_ns = 0;
        int flags = EVLOOP_ONCE | (!more && prepare_to_sleep(loop) ? 0 : EVLOOP_NONBLOCK);
        if (event_base_loop(loop->base, flags) < 0) /* it would only fail again, at once */
            log_fatal("can't wait for events: stopping error=%s", strerror(errno));
        loop_is_awake(loop);
    }
    return NULL;
}

int loop_start(struct loop *loop, const char *name)
{
    loop->started = true;
    int error = pthread_create(&loop->thread, NULL, loop_run, loop);
    if (error != 0) {
        loop->started = false;
        errno = error;
        return -1;
    }
    pthread_setname_np(loop->thread, name);
    return 0;
}

void loop_join(struct loop *loop)
{
    pthread_join(loop->thread, NULL);
    loop->started = false;
}

void loop_quit(struct loop *loop)
{
    loop->quit = true;
}

void loop_post(struct loop *loop, struct loop_task *task)
{
    pthread_mutex_lock(&loop->inbox_mutex);
    STAILQ_INSERT_TAIL(&loop->inbox, task, link);
    atomic_store_explicit(&loop->inbox_filled, true, memory_order_release);
    pthread_mutex_unlock(&loop->inbox_mutex);
    waker_wake(&loop->waker);
}

/* Reads the clock once a round, at the first call. */
uint64_t loop_woken_ns(struct loop *loop)
{
    loop_is_awake(loop);
    if (loop->woken_ns == 0)
        loop->woken_ns = clock_monotonic_ns();
    return loop->woken_ns;
}

bool loop_stood_still(uint64_t due_ns, uint64_t now_ns)
{
    return now_ns > due_ns && now_ns - due_ns >= (uint64_t)LOOP_STILL_MS * NS_PER_MS;
}

void loop_set_timer(struct event *timer, uint64_t wait_ns)
{
    struct timeval wait = {(time_t)(wait_ns / NS_PER_S), (suseconds_t)(wait_ns % NS_PER_S / 1000)};
    if (event_add(timer, &wait) != 0)
        log_fatal("no memory for a timer: stopping");
}

void loop_assert_owner(const struct loop *loop)
{
    INVARIANT(!loop->started || pthread_equal(loop->owner, pthread_self()));
}
