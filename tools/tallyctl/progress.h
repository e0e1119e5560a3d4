/* How far a long work has come: a line on standard error, which is rewritten twice a second at
 * most, if that is a terminal; otherwise nothing. There is one standard error, so there is one
 * line. */
#ifndef TALLYCAST_TOOLS_TALLYCTL_PROGRESS_H
#define TALLYCAST_TOOLS_TALLYCTL_PROGRESS_H

#include <stdint.h>

/* Shows what is done now, and how much of `all`; with 0, only what. */
void progress_show(const char *what, uint64_t done, uint64_t all);

/* Takes the line away. Nothing happens if there is none. */
void progress_end(void);

#endif
