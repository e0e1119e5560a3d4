/* Interrupts, which end a wait from outside: signals that must not end tallyctl before it has
 * cleaned up, a reader that has gone, a key. While caught, they only make a descriptor readable.
 * Uncaught signals end the process as usual. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_INTERRUPT_H
#define TALLYCAST_TOOLS_TALLYCTL_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* Catches those signals that would end the process (except those that it was started to ignore),
 * and the end of standard output's reader, which is taken for the SIGPIPE that the next write would
 * give. With `screen` also a resized terminal, Ctrl-Z, and `q` on the keyboard, if standard input
 * is the terminal's. */
void interrupt_catch(bool screen);

/* A descriptor, readable when something waits to be taken; -1, which poll ignores, if nothing is
 * caught. */
int interrupt_fd(void);

/* Waits for something to take, at most until `deadline_ns` of the monotonic clock. */
void interrupt_wait(uint64_t deadline_ns);

/* Takes what waits next: a signal's number, or 0 if nothing waits or it was a key. */
int interrupt_take(void);

/* Whether `q` was pressed. */
bool interrupt_quits(void);

/* Whether a signal is meant to end the process. */
bool interrupt_is_fatal(int signal_number);

/* Makes the keyboard give single keys, without echo, or whole lines again. Nothing happens unless
 * keys are caught. */
void interrupt_keys(bool single);

/* Stops catching. If a fatal signal was taken, ends the process now, as that signal does. Harmless
 * when nothing is caught. */
void interrupt_release(void);

#endif
