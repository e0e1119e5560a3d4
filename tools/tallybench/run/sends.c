/* The bare loop of sends (limits_sends of limits.h): one thread sends, another one drains. */
#include "tools/tallybench/run/limits.h"

#include "base/clock.h"
#include "net/socket.h"
#include "proto/reply.h"
#include "tools/tallybench/run/bare_loop.h"
#include "tools/tallybench/run/descriptors.h"
#include "tools/lib/memory.h"
#include "tools/tallybench/load/plan.h"
#include "tools/lib/units.h"
#include "tools/tallybench/load/wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SOURCE_SOCKETS = 20000, /* of one local address */
    ROUNDS_MIN = 20,
    OTHER_DESCRIPTORS = 64,
};

/* Sends to one end of each connection, and drains the other. */
struct sender {
    int listener, epoll, arrived; /* arrived: an eventfd, written when `wanted` bytes are there */
    int *near, *far;
    unsigned count; /* connections made */
    char *line;     /* what is sent */
    size_t line_len;
    pthread_t thread;
    struct hdr *arrivals;              /* in ns since began_ns; the drain's while that is not 0 */
    _Atomic uint64_t began_ns;         /* when the measured round began; 0 for none */
    _Atomic uint64_t received, wanted; /* bytes */
    _Atomic bool stop;
};

/* A push of a poll whose ballots are spread evenly over its choices. Returns its length. */
static size_t make_line(const struct limits_load *load, char *line)
{
    struct name *choices = must_calloc(load->choices, sizeof *choices);
    uint64_t *counts = must_calloc(load->choices, sizeof *counts);
    for (unsigned i = 0; i < load->choices; i++) {
        pile_name_choice(choices[i].text, i);
        choices[i].len = (uint8_t)strlen(choices[i].text);
        counts[i] = load->ballots / load->choices;
    }
    struct tally_view view = {.poll = "poll-1",
                              .open = true,
                              .seq = load->ballots,
                              .ballots = load->ballots,
                              .choice_count = load->choices,
                              .choices = choices,
                              .counts = counts};
    size_t len = tally_encode(line, "> ", &view);
    free(choices);
    free(counts);
    return len;
}

/* Takes all input, since epoll reports it once. Returns how many bytes. */
static uint64_t drain_socket(struct sender *sender, int fd)
{
    char bytes[1 << 16];
    uint64_t received = 0;
    ssize_t n;
    do {
        n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        received += n > 0 ? (uint64_t)n : 0;
    } while (n == (ssize_t)sizeof bytes);
    uint64_t began_ns = atomic_load_explicit(&sender->began_ns, memory_order_relaxed);
    if (received > 0 && began_ns > 0)
        hdr_record(sender->arrivals, clock_monotonic_ns() - began_ns);
    return received;
}

static void *drain(void *context)
{
    struct sender *sender = context;
    const uint64_t one = 1;
    struct epoll_event events[256];
    struct input_wait wait = {.epoll = sender->epoll, .crowd = sender->count >= WAIT_CROWD};
    while (!atomic_load_explicit(&sender->stop, memory_order_relaxed)) {
        int count = input_wait(&wait, events, 256, 50);
        uint64_t received = atomic_load_explicit(&sender->received, memory_order_relaxed);
        uint64_t before = received;
        for (int i = 0; i < count; i++)
            received += drain_socket(sender, events[i].data.fd);
        atomic_store(&sender->received, received);
        uint64_t wanted = atomic_load(&sender->wanted);
        if (before < wanted && received >= wanted && write(sender->arrived, &one, sizeof one) < 0)
            break;
    }
    return NULL;
}

/* Waits until all that was sent has arrived. Either side writes its number before it reads the
 * other's, so the drain can't pass the mark unseen. */
static void await_arrival(struct sender *sender, uint64_t sent)
{
    atomic_store(&sender->wanted, sent);
    while (atomic_load(&sender->received) < sent) {
        struct pollfd arrival = {.fd = sender->arrived, .events = POLLIN};
        uint64_t count;
        if (poll(&arrival, 1, 1000) > 0 && read(sender->arrived, &count, sizeof count) < 0)
            return;
    }
}

static int listen_locally(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_pair(struct sender *sender, const struct sockaddr_in *address)
{
    /* As the server sets them for subscribers. */
    const int on = 1, send_buffer = SOCKET_SUBSCRIBER_SNDBUF_BYTES,
              lowat = SOCKET_SUBSCRIBER_LOWAT_BYTES;
    unsigned number = sender->count;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / SOURCE_SOCKETS);
    int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), near = -1;
    if (far < 0)
        return -1;
    setsockopt(far, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(far, (const struct sockaddr *)&source, sizeof source) == 0 &&
        connect(far, (const struct sockaddr *)address, sizeof *address) == 0)
        near = accept4(sender->listener, NULL, NULL, SOCK_CLOEXEC);
    if (near < 0) {
        close(far);
        return -1;
    }
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(near, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    setsockopt(near, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof lowat);
    sender->near[number] = near;
    sender->far[number] = far;
    sender->count++;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = far};
    return epoll_ctl(sender->epoll, EPOLL_CTL_ADD, far, &event);
}

static int sender_open(struct sender *sender, const struct limits_load *load)
{
    struct sockaddr_in address;
    unsigned sockets = load->sockets;
    sender->line = must_calloc(1, tally_line_max(load->choices));
    sender->line_len = make_line(load, sender->line);
    sender->arrivals = must_calloc(1, sizeof *sender->arrivals);
    if (descriptors_allow(sockets * 2 + OTHER_DESCRIPTORS) != 0)
        return -1;
    sender->epoll = epoll_create1(EPOLL_CLOEXEC);
    sender->arrived = eventfd(0, EFD_CLOEXEC);
    sender->listener = listen_locally(&address);
    sender->near = must_calloc(sockets, sizeof *sender->near);
    sender->far = must_calloc(sockets, sizeof *sender->far);
    if (sender->listener < 0)
        return -1;
    while (sender->count < sockets)
        if (connect_pair(sender, &address) != 0)
            return -1;
    errno = pthread_create(&sender->thread, NULL, drain, sender);
    return errno == 0 ? 0 : -1;
}

static void sender_close(struct sender *sender)
{
    if (sender->thread) {
        atomic_store(&sender->stop, true);
        pthread_join(sender->thread, NULL);
    }
    for (unsigned i = 0; i < sender->count; i++) {
        close(sender->near[i]);
        close(sender->far[i]);
    }
    if (sender->listener >= 0)
        close(sender->listener);
    close(sender->epoll);
    close(sender->arrived);
    free(sender->near);
    free(sender->far);
    free(sender->line);
    free(sender->arrivals);
}

/* Sends the line to every socket once. Returns the bytes sent. */
static uint64_t send_round(const struct sender *sender)
{
    uint64_t sent = 0;
    for (unsigned i = 0; i < sender->count; i++) {
        ssize_t n = send(sender->near[i], sender->line, sender->line_len, MSG_NOSIGNAL);
        sent += n > 0 ? (uint64_t)n : 0;
    }
    return sent;
}

static void rest(uint64_t ns)
{
    struct timespec pause = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    while (nanosleep(&pause, &pause) != 0)
        ;
}

/* One round after another, each from its first send to its last arrival. Returns the bytes sent. */
static uint64_t measure_rounds(struct sender *sender, const struct limits_load *load,
                               double seconds, struct limits_sends *sends)
{
    struct hdr *rounds = must_calloc(1, sizeof *rounds);
    uint64_t end_ns = bare_loop_end(seconds), sent = 0;
    for (unsigned i = 0; i < ROUNDS_MIN || !bare_loop_is_over(clock_monotonic_ns(), end_ns); i++) {
        rest(load->rest_ns);
        uint64_t began_ns = clock_monotonic_ns();
        atomic_store(&sender->began_ns, began_ns);
        sent += send_round(sender);
        await_arrival(sender, sent);
        hdr_record(rounds, clock_monotonic_ns() - began_ns);
    }
    atomic_store(&sender->began_ns, 0);
    sends->round_ns = hdr_quantile(rounds, 0.5);
    sends->arrival_p99_ns = hdr_quantile(sender->arrivals, 0.99);
    free(rounds);
    return sent;
}

static void measure_rate(struct sender *sender, uint64_t sent, double seconds,
                         struct limits_sends *sends)
{
    uint64_t before = sent, begin_ns = clock_monotonic_ns(), end_ns = bare_loop_end(seconds);
    do
        sent += send_round(sender);
    while (!bare_loop_is_over(clock_monotonic_ns(), end_ns));
    await_arrival(sender, sent);
    sends->per_s = (double)(sent - before) / (double)sender->line_len * NS_PER_S /
                   (double)(clock_monotonic_ns() - begin_ns);
}

int limits_sends(const struct limits_load *load, double seconds, struct limits_sends *sends,
                 char error[LIMITS_ERROR_MAX])
{
    struct sender sender = {.listener = -1, .epoll = -1, .arrived = -1};
    int result = sender_open(&sender, load);
    if (result == 0) {
        uint64_t sent = measure_rounds(&sender, load, seconds / 3, sends);
        measure_rate(&sender, sent, seconds * 2 / 3, sends);
    } else {
        bare_loop_fail(error, "sockets", strerror(errno));
    }
    sender_close(&sender);
    return result;
}
