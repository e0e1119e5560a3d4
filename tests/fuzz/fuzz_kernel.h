/* A kernel for the session's fuzzer, in memory: sockets, events and timers, and a clock that only
 * the script moves. Linker's wraps (see Makefile.am) put it under the server's own code, which is
 * not changed for it. One thread.
 *
 * It aborts where the server does what a kernel would punish: uses a descriptor after it closed it,
 * sends after it said that it would not, reads on after an end or an error, or might block. */
#ifndef TALLYCAST_FUZZ_KERNEL_H
#define TALLYCAST_FUZZ_KERNEL_H

#include "net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Aborts, which is how a fuzzer learns of a fault. */
#define REQUIRE(condition) ((condition) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_broken(const char *file, int line, const char *what);

enum { KERNEL_SOCKETS_MAX = 64 };

/* Set by FUZZ_TRACE in the environment: what happens is told on standard error. */
extern bool fuzz_traces;

/* One connection, as the kernel knows it. The peer's side is the script's to set. */
struct kernel_socket {
    char *input; /* sent by the peer, not read yet from input_at on; owned */
    size_t input_size, input_len, input_at;
    size_t read_most; /* bytes that one read gives; 0 for no bound */
    size_t room;      /* bytes that it takes before a write would block */
    int unsent;       /* what SIOCOUTQ says */
    bool peer_ended;  /* half-closed, after its input */
    bool peer_reset;  /* every call fails from now on */
    bool interrupted; /* the next call gets EINTR */
    bool ever_interrupted;
    bool open;          /* not closed by the server yet */
    bool said_goodbye;  /* the server's shutdown(SHUT_WR) */
    bool told_of_end;   /* the server has read the peer's end, */
    bool told_of_error; /* or got an error */
};

/* Begins anew, without sockets. */
void kernel_reset(void);
/* Whether no event and no timer waits. */
bool kernel_is_idle(void);
/* A connected socket's descriptor, which no real one has; the server is to close it. */
int kernel_connect(void);
struct kernel_socket *kernel_socket(int fd);
size_t kernel_open_sockets(void);
void kernel_peer_sends(int fd, const char *bytes, size_t len);

/* What the server sends, as it sends it. Set by who plays the peers. */
extern void (*kernel_on_output)(int fd, const char *bytes, size_t len);

/* Runs the event of a socket if it is armed and there is something to it. Returns whether it was.
 */
bool kernel_deliver(int fd);

/* Moves the clock; timers that become due run in order. */
void kernel_pass_time(uint64_t ms);

/* The clock goes on from run to run, as long as a server is used, and would come round after some
 * five million of them. */
void kernel_clock_begin(void);
bool kernel_clock_is_late(void);

/* Runs the tasks that were posted to a loop. Returns whether there were any. */
bool kernel_run_tasks(struct loop *loop);

/* Whether the process was asked to stop (SIGTERM). */
extern bool kernel_terminated;

/* The next allocation but so many of the server's code fails; -1 for none. */
extern long kernel_allocations_left;
/* Between these none fails: what runs is not the server's. */
long kernel_memory_hold(void);
void kernel_memory_release(long held);
/* The next `count` do not fail: without them the server would end itself. */
void kernel_memory_promise(unsigned count);
/* realloc for the fuzzer's own. */
void *kernel_allocate(void *memory, size_t size);

#endif
