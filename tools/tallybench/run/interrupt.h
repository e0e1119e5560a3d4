/* Ctrl-C and SIGTERM: a run ends early, but in order, so that it reports its figures, stops the
 * server that it started, and removes its files. A second signal ends the program at once. Main
 * thread. */
#ifndef TALLYCAST_TOOLS_BENCH_INTERRUPT_H
#define TALLYCAST_TOOLS_BENCH_INTERRUPT_H

#include <stdbool.h>

/* From here on the signals are caught; poll() and the like end with EINTR. */
void interrupt_catch(void);

bool interrupt_seen(void);

#endif
