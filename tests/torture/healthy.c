/* The healthy clients. Their thread waits in ppoll for answers, and for the next ballot's time.
 * Whatever is not the reply that the protocol promises, or does not come in time, fails the test.
 */
#include "tests/torture/healthy.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    WINDOWS_MAX = 8192,
    SAMPLES_MAX = 16384, /* of a window */
    WAITING_MAX = 16384, /* ballots of a voter without an answer; a power of two */
    PUSHES_MAX = 65536,  /* sequences that are remembered; a power of two */
    INPUT_MAX = 64 * 1024,
    INTERVAL_NS = 1000000000 / HEALTHY_BALLOTS_A_SECOND,
};

struct samples {
    uint32_t us[SAMPLES_MAX];
    unsigned count;
};

struct end {
    int fd;
    size_t len;
    char input[INPUT_MAX];
};

struct voter {
    struct end end;
    uint64_t cast, answered;
    int64_t due_ns[WAITING_MAX]; /* when ballot i was to be sent, at i % WAITING_MAX */
};

/* What is known of the ballot with a sequence: the push that shows it may come before its answer.
 */
struct sight {
    uint64_t seq;
    int64_t due_ns, pushed_ns; /* 0 while not known */
};

struct healthy {
    pthread_t thread;
    _Atomic bool stop;
    pthread_mutex_t mutex; /* guards windows and window_count */
    struct healthy_figures windows[WINDOWS_MAX];
    unsigned window_count;
    /* The thread's own. */
    int64_t window_end_ns;
    struct samples acks, pushes;
    struct voter voters[HEALTHY_VOTERS];
    struct end subscriber;
    uint64_t shown_seq; /* of the last push */
    struct sight sights[PUSHES_MAX];
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- samples ---- */

static void add_sample(struct samples *samples, int64_t ns)
{
    if (samples->count < SAMPLES_MAX)
        samples->us[samples->count++] = (uint32_t)(ns > 0 ? ns / 1000 : 0);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The sorted samples' quantile in milliseconds. */
static double quantile_ms(const struct samples *samples, double quantile)
{
    if (samples->count == 0)
        return 0;
    return samples->us[(unsigned)((samples->count - 1) * quantile)] / 1000.0;
}

/* Without an answer in a whole window, the oldest ballot that waits for one says how bad it is. */
static void note_silence(struct healthy *healthy, int64_t now)
{
    for (unsigned i = 0; i < HEALTHY_VOTERS; i++) {
        const struct voter *voter = &healthy->voters[i];
        if (voter->answered < voter->cast)
            add_sample(&healthy->acks, now - voter->due_ns[voter->answered % WAITING_MAX]);
    }
}

static void close_window(struct healthy *healthy, int64_t now)
{
    if (healthy->acks.count == 0)
        note_silence(healthy, now);
    qsort(healthy->acks.us, healthy->acks.count, sizeof(uint32_t), by_size);
    qsort(healthy->pushes.us, healthy->pushes.count, sizeof(uint32_t), by_size);
    pthread_mutex_lock(&healthy->mutex);
    if (healthy->window_count < WINDOWS_MAX)
        healthy->windows[healthy->window_count++] = (struct healthy_figures){
            .ack_ms_p50 = quantile_ms(&healthy->acks, 0.50),
            .ack_ms_p99 = quantile_ms(&healthy->acks, 0.99),
            .push_ms_p99 = quantile_ms(&healthy->pushes, 0.99),
        };
    pthread_mutex_unlock(&healthy->mutex);
    healthy->acks.count = healthy->pushes.count = 0;
    healthy->window_end_ns = now + (int64_t)HEALTHY_WINDOW_MS * 1000000;
}

/* ---- lines ---- */

static uint64_t parse_number(const char *text, const char *line)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    ck_assert_msg(end != text && (*end == '\0' || *end == ' '), "a healthy client got \"%s\"",
                  line);
    return number;
}

static void note_sight(struct healthy *healthy, uint64_t seq, int64_t due_ns, int64_t pushed_ns)
{
    struct sight *sight = &healthy->sights[seq % PUSHES_MAX];
    if (sight->seq != seq)
        *sight = (struct sight){.seq = seq};
    if (due_ns != 0)
        sight->due_ns = due_ns;
    else
        sight->pushed_ns = pushed_ns;
    if (sight->due_ns != 0 && sight->pushed_ns != 0)
        add_sample(&healthy->pushes, sight->pushed_ns - sight->due_ns);
}

static void take_answer(struct healthy *healthy, struct voter *voter, const char *line, int64_t now)
{
    ck_assert_msg(strncmp(line, "+OK ", 4) == 0 && strstr(line, "duplicate") == NULL,
                  "a healthy voter got \"%s\"", line);
    int64_t due_ns = voter->due_ns[voter->answered++ % WAITING_MAX];
    add_sample(&healthy->acks, now - due_ns);
    note_sight(healthy, parse_number(line + 4, line), due_ns, 0);
}

static void take_push(struct healthy *healthy, const char *line, int64_t now)
{
    static const char begin[] = "> healthy open ";
    ck_assert_msg(strncmp(line, begin, sizeof begin - 1) == 0, "a healthy subscriber got \"%s\"",
                  line);
    uint64_t seq = parse_number(line + sizeof begin - 1, line);
    ck_assert_msg(seq > healthy->shown_seq, "\"%s\" came after %llu", line,
                  (unsigned long long)healthy->shown_seq);
    healthy->shown_seq = seq;
    note_sight(healthy, seq, 0, now);
}

/* Takes what came; `voter` is NULL for the subscriber. */
static void receive(struct healthy *healthy, struct end *end, struct voter *voter)
{
    ssize_t n = recv(end->fd, end->input + end->len, INPUT_MAX - end->len, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    ck_assert_msg(n > 0, "a healthy client was closed: %s", n < 0 ? strerror(errno) : "end");
    end->len += (size_t)n;
    int64_t now = now_ns();
    char *line = end->input, *lf;
    while ((lf = memchr(line, '\n', end->len - (size_t)(line - end->input))) != NULL) {
        *lf = '\0';
        if (voter != NULL)
            take_answer(healthy, voter, line, now);
        else
            take_push(healthy, line, now);
        line = lf + 1;
    }
    end->len -= (size_t)(line - end->input);
    memmove(end->input, line, end->len);
}

/* ---- voting ---- */

static void cast(struct voter *voter, int64_t due_ns)
{
    static const char line[] = "VOTE healthy yes\n";
    ck_assert_uint_lt(voter->cast - voter->answered, WAITING_MAX);
    voter->due_ns[voter->cast++ % WAITING_MAX] = due_ns;
    ck_assert_int_eq(send(voter->end.fd, line, sizeof line - 1, MSG_NOSIGNAL), sizeof line - 1);
}

static bool all_answered(const struct healthy *healthy)
{
    for (unsigned i = 0; i < HEALTHY_VOTERS; i++)
        if (healthy->voters[i].answered < healthy->voters[i].cast)
            return false;
    return true;
}

static void wait_and_receive(struct healthy *healthy, int64_t until_ns)
{
    struct pollfd wanted[HEALTHY_VOTERS + 1];
    for (unsigned i = 0; i < HEALTHY_VOTERS; i++)
        wanted[i] = (struct pollfd){.fd = healthy->voters[i].end.fd, .events = POLLIN};
    wanted[HEALTHY_VOTERS] = (struct pollfd){.fd = healthy->subscriber.fd, .events = POLLIN};
    int64_t wait_ns = until_ns - now_ns();
    struct timespec wait = {0, wait_ns > 0 ? wait_ns : 0};
    if (ppoll(wanted, HEALTHY_VOTERS + 1, &wait, NULL) <= 0)
        return;
    for (unsigned i = 0; i < HEALTHY_VOTERS; i++)
        if (wanted[i].revents != 0)
            receive(healthy, &healthy->voters[i].end, &healthy->voters[i]);
    if (wanted[HEALTHY_VOTERS].revents != 0)
        receive(healthy, &healthy->subscriber, NULL);
}

static void *run(void *context)
{
    struct healthy *healthy = context;
    int64_t due_ns = now_ns(), give_up_ns = INT64_MAX;
    healthy->window_end_ns = due_ns + (int64_t)HEALTHY_WINDOW_MS * 1000000;
    for (unsigned next = 0; !healthy->stop || !all_answered(healthy);) {
        int64_t now = now_ns();
        if (healthy->stop && give_up_ns == INT64_MAX)
            give_up_ns = now + (int64_t)SERVER_DEADLINE_S * 1000000000;
        ck_assert_msg(now < give_up_ns, "healthy ballots were not answered");
        if (now >= healthy->window_end_ns)
            close_window(healthy, now);
        for (; due_ns <= now && !healthy->stop; due_ns += INTERVAL_NS)
            cast(&healthy->voters[next++ % HEALTHY_VOTERS], due_ns);
        wait_and_receive(healthy, healthy->stop ? now + INTERVAL_NS : due_ns);
    }
    return NULL;
}

/* ---- life ---- */

static void take_line(int fd, const char *begin)
{
    char line[256];
    size_t len = 0;
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    do {
        ck_assert_int_eq(poll(&wanted, 1, SERVER_DEADLINE_S * 1000), 1);
        ck_assert_int_eq(recv(fd, line + len, 1, 0), 1);
    } while (line[len++] != '\n' && len < sizeof line - 1);
    line[len] = '\0';
    ck_assert_msg(strncmp(line, begin, strlen(begin)) == 0, "a healthy client got \"%s\"", line);
}

static void connect_end(const struct server *server, struct end *end)
{
    end->fd = server_socket_from(server, "127.0.0.1");
    ck_assert_msg(end->fd >= 0, "can't connect: %s", strerror(errno));
    take_line(end->fd, "+TALLYCAST ");
}

static void subscribe(struct end *end)
{
    static const char line[] = "SUBSCRIBE healthy\n";
    ck_assert_int_eq(send(end->fd, line, sizeof line - 1, MSG_NOSIGNAL), sizeof line - 1);
    take_line(end->fd, "+OK 1");
    take_line(end->fd, "> healthy ");
}

struct healthy *healthy_start(const struct server *server)
{
    struct healthy *healthy = calloc(1, sizeof *healthy);
    ck_assert_ptr_nonnull(healthy);
    for (unsigned i = 0; i < HEALTHY_VOTERS; i++)
        connect_end(server, &healthy->voters[i].end);
    connect_end(server, &healthy->subscriber);
    subscribe(&healthy->subscriber);
    pthread_mutex_init(&healthy->mutex, NULL);
    ck_assert_int_eq(pthread_create(&healthy->thread, NULL, run, healthy), 0);
    return healthy;
}

unsigned healthy_windows(struct healthy *healthy)
{
    pthread_mutex_lock(&healthy->mutex);
    unsigned count = healthy->window_count;
    pthread_mutex_unlock(&healthy->mutex);
    return count;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of one member, which lies `offset` bytes into the figures. */
static double median(const struct healthy_figures *windows, unsigned count, size_t offset)
{
    double values[WINDOWS_MAX];
    for (unsigned i = 0; i < count; i++)
        memcpy(&values[i], (const char *)&windows[i] + offset, sizeof values[i]);
    qsort(values, count, sizeof values[0], by_value);
    return values[count / 2];
}

struct healthy_figures healthy_figures(struct healthy *healthy, unsigned from, unsigned to)
{
    pthread_mutex_lock(&healthy->mutex);
    ck_assert(from < to && to <= healthy->window_count);
    const struct healthy_figures *windows = &healthy->windows[from];
    struct healthy_figures figures = {
        .ack_ms_p50 = median(windows, to - from, offsetof(struct healthy_figures, ack_ms_p50)),
        .ack_ms_p99 = median(windows, to - from, offsetof(struct healthy_figures, ack_ms_p99)),
        .push_ms_p99 = median(windows, to - from, offsetof(struct healthy_figures, push_ms_p99)),
    };
    pthread_mutex_unlock(&healthy->mutex);
    return figures;
}

uint64_t healthy_stop(struct healthy *healthy)
{
    uint64_t ballots = 0;
    healthy->stop = true;
    pthread_join(healthy->thread, NULL);
    for (unsigned i = 0; i < HEALTHY_VOTERS; i++) {
        ballots += healthy->voters[i].cast;
        close(healthy->voters[i].end.fd);
    }
    close(healthy->subscriber.fd);
    pthread_mutex_destroy(&healthy->mutex);
    free(healthy);
    return ballots;
}
