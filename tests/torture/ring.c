/* The ring under helgrind, which looks for accesses of two threads that nothing orders. It sees no
 * order in C11's atomics by itself; here it is told of one where, and only where, src/base/ring.c
 * asks for it: an acquiring load comes after the releasing store whose value it read, and a relaxed
 * one after nothing. So a slot that is touched without the right memory order is reported, though
 * this machine and its compiler may do what was meant.
 *
 * A case is a ring of a random size, through which two threads pass numbers in runs of random
 * lengths. It is tried as it is, which must pass, and then with each of its four orders weakened to
 * relaxed, which helgrind must report: else it would see nothing.
 *
 * The program runs itself under valgrind, with the case as arguments. */
#include "tests/torture/torture.h"

#include "base/log.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <valgrind/helgrind.h>

enum {
    DEFAULT_COUNT = 8,
    NUMBERS = 3000, /* that pass in a case */
    RUN_MAX = 16,
    CAPACITY_LOG_MAX = 5,
    FOUND_STATUS = 99, /* helgrind's, if it reports anything */
    FOUND_NOTHING = 0,
};

enum weakened { NOTHING, TAIL_RELEASE, TAIL_ACQUIRE, HEAD_RELEASE, HEAD_ACQUIRE, WEAKENINGS };
static const char *const weakened_names[WEAKENINGS] = {"nothing", "the release of tail",
                                                       "the acquire of tail", "the release of head",
                                                       "the acquire of head"};

/* ---- the ring, and what helgrind is told of it ---- */

static uint64_t ordered_load(const _Atomic uint64_t *index, memory_order order);
static void ordered_store(_Atomic uint64_t *index, uint64_t value, memory_order order);

#undef atomic_load_explicit
#undef atomic_store_explicit
#define atomic_load_explicit  ordered_load
#define atomic_store_explicit ordered_store
#include "base/ring.c"
#undef atomic_load_explicit
#undef atomic_store_explicit

static struct ring ring;
static enum weakened weakened;

/* Something for each value of each index, by which helgrind knows who stored it. */
static char stored[2][NUMBERS + 1];

static memory_order weaken(const _Atomic uint64_t *index, memory_order order)
{
    bool tail = index == &ring.tail;
    bool weak =
        (order == memory_order_release && weakened == (tail ? TAIL_RELEASE : HEAD_RELEASE)) ||
        (order == memory_order_acquire && weakened == (tail ? TAIL_ACQUIRE : HEAD_ACQUIRE));
    return weak ? memory_order_relaxed : order;
}

static uint64_t ordered_load(const _Atomic uint64_t *index, memory_order order)
{
    uint64_t value = *index; /* as _Atomic says, in one order with all others */
    if (weaken(index, order) != memory_order_relaxed)
        ANNOTATE_HAPPENS_AFTER(&stored[index == &ring.tail][value]);
    return value;
}

static void ordered_store(_Atomic uint64_t *index, uint64_t value, memory_order order)
{
    if (weaken(index, order) != memory_order_relaxed)
        ANNOTATE_HAPPENS_BEFORE(&stored[index == &ring.tail][value]);
    *index = value;
}

/* ---- two threads, under valgrind ---- */

struct side {
    pthread_t thread;
    struct torture random;
};

/* By copying, or in place, as the server's threads do. */
static void *produce(void *context)
{
    struct torture *random = &((struct side *)context)->random;
    for (uint64_t next = 0; next < NUMBERS;) {
        uint64_t numbers[RUN_MAX], *slot, left = NUMBERS - next;
        size_t count = 1 + torture_random(random, left < RUN_MAX ? left : RUN_MAX);
        if (torture_random(random, 2) == 0) {
            for (size_t i = 0; i < count; i++)
                numbers[i] = next + i;
            next += ring_push(&ring, numbers, count);
        } else {
            for (; count > 0 && (slot = ring_slot(&ring)) != NULL; count--)
                *slot = next++;
            ring_publish(&ring);
        }
        sched_yield();
    }
    return NULL;
}

static void *consume(void *context)
{
    struct torture *random = &((struct side *)context)->random;
    for (uint64_t next = 0; next < NUMBERS;) {
        uint64_t numbers[RUN_MAX];
        const uint64_t *from = numbers;
        size_t count, max = 1 + torture_random(random, RUN_MAX);
        bool in_place = torture_random(random, 2) == 0;
        if (in_place)
            from = ring_peek(&ring, &count);
        else
            count = ring_pop(&ring, numbers, max);
        for (size_t i = 0; i < count; i++)
            INVARIANT(from[i] == next + i);
        if (in_place && count > 0)
            ring_consume(&ring, count);
        next += count;
        if (ring_is_empty(&ring))
            sched_yield();
    }
    return NULL;
}

/* Helgrind looks at everything but the indices, which are atomic in any case. */
static int pass_numbers(struct torture *torture)
{
    struct side producer = {.random = torture_fork(torture)};
    struct side consumer = {.random = torture_fork(torture)};
    size_t capacity = (size_t)2 << torture_random(torture, CAPACITY_LOG_MAX);
    if (ring_init(&ring, capacity, sizeof(uint64_t)) != 0)
        return 1;
    VALGRIND_HG_DISABLE_CHECKING(&ring.tail, sizeof ring.tail);
    VALGRIND_HG_DISABLE_CHECKING(&ring.head, sizeof ring.head);
    if (pthread_create(&producer.thread, NULL, produce, &producer) != 0 ||
        pthread_create(&consumer.thread, NULL, consume, &consumer) != 0)
        return 1;
    pthread_join(producer.thread, NULL);
    pthread_join(consumer.thread, NULL);
    ring_destroy(&ring);
    return 0;
}

/* ---- the runs ---- */

/* Runs the case under valgrind, whose words go to the file. Returns its exit status, or -1 if it
 * ended otherwise. */
static int run_helgrind(const struct torture *torture, enum weakened weaken_what, FILE *words)
{
    char state[32], what[8], self[PATH_MAX];
    int status;
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    snprintf(state, sizeof state, "%" PRIu64, torture->state);
    snprintf(what, sizeof what, "%d", (int)weaken_what);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fileno(words), STDERR_FILENO);
        execlp("valgrind", "valgrind", "--tool=helgrind", "--error-exitcode=99", "--quiet",
               "--fair-sched=try", self, "--case", state, what, (char *)NULL);
        perror("valgrind");
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void show(FILE *words)
{
    char line[1024];
    rewind(words);
    while (fgets(line, sizeof line, words) != NULL)
        fputs(line, stderr);
}

static void try_case(struct torture *torture, enum weakened weaken_what)
{
    FILE *words = tmpfile();
    if (words == NULL)
        torture_fail(torture, "no temporary file");
    int expected = weaken_what == NOTHING ? FOUND_NOTHING : FOUND_STATUS;
    int status = run_helgrind(torture, weaken_what, words);
    if (status != expected) {
        show(words);
        torture_fail(torture, "helgrind ended with %d, not %d, with %s weakened", status, expected,
                     weakened_names[weaken_what]);
    }
    fclose(words);
}

int main(int argc, char **argv)
{
    struct torture torture = {0};
    if (argc == 4 && strcmp(argv[1], "--case") == 0) {
        torture.state = strtoull(argv[2], NULL, 10);
        weakened = (enum weakened)strtoul(argv[3], NULL, 10);
        return pass_numbers(&torture);
    }
    torture_begin(&torture, "ring", DEFAULT_COUNT, argc, argv);
    while (torture_next(&torture))
        for (enum weakened what = NOTHING; what < WEAKENINGS; what++)
            try_case(&torture, what);
    torture_end(&torture, "numbers=%" PRIu64 " weakened_and_reported=%" PRIu64,
                torture.done * NUMBERS, torture.done * (WEAKENINGS - 1));
    return 0;
}
