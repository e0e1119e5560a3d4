/* The command line as a source of the configuration. Main thread, before the others start. */
#ifndef TALLYCAST_ARGUMENTS_H
#define TALLYCAST_ARGUMENTS_H

#include "config/given.h"

/* Takes the options that are read before the file, or all others. Returns 0, or -1 with the
 * reader's error written. */
int arguments_read(struct given *given, int argc, char **argv, bool early);

#endif
