/* Signals that must not end tallyctl before it has cleaned up: while caught they only make a
 * descriptor readable. What is not caught ends the process as usual. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_INTERRUPT_H
#define TALLYCAST_TOOLS_TALLYCTL_INTERRUPT_H

#include <stdbool.h>

/* Catches those that would end the process (but those that it was started to ignore), and with
 * `screen` also a resized terminal and Ctrl-Z. */
void interrupt_catch(bool screen);

/* Readable when a signal waits to be taken; -1, which poll ignores, if none are caught. */
int interrupt_fd(void);

/* Takes the next signal that waits: its number, or 0 if none does. */
int interrupt_take(void);

/* Whether a signal is meant to end the process. */
bool interrupt_is_fatal(int signal_number);

/* Stops catching. A fatal signal that was taken ends the process now, as that signal does; so may
 * be called for good measure when nothing is caught. */
void interrupt_release(void);

#endif
