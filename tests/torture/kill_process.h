/* The server that is killed, as a process; and programs that are run once. Each dies with the
 * torture. One thread. */
#ifndef TALLYCAST_TESTS_KILL_PROCESS_H
#define TALLYCAST_TESTS_KILL_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_ARGUMENTS_MAX = 32, PROCESS_DEADLINE_S = 20 };

struct process {
    pid_t pid;
    int out;       /* its standard output; ends when it does */
    unsigned port; /* the line port's, on 127.0.0.1; 0 until it is ready */
};

/* Microseconds of a clock that only goes on. */
int64_t process_now_us(void);

/* Starts the server; arguments end with NULL. `kill_at` is for TALLYCAST_FAILPOINT, NULL for none;
 * its log is appended to the file `log`. */
void process_start(struct process *process, const char *const *arguments, const char *kill_at,
                   const char *log);

/* Waits until it is ready, until the deadline, or for its end. Returns whether it is ready. */
bool process_await_ready(struct process *process, int64_t deadline_us);

void process_signal(const struct process *process, int signal_number);

/* Waits for its end, until the deadline. Returns its exit status, the negated number of the signal
 * that ended it, or INT_MIN while it still runs. */
int process_wait(struct process *process, int64_t deadline_us);

/* Whether the log holds what a sanitizer writes when it finds something: a kill that came right
 * after would hide its exit status. */
bool process_was_reported(const char *log);

/* Runs a program with two arguments to its end; what it writes is shown only if it fails. Returns
 * as process_wait does. */
int process_run(const char *program, const char *argument, const char *other);

const char *process_tallyctl(void);

#endif
