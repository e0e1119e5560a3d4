/* The file that --config names, as a source of the configuration. Main thread, before the others
 * start. */
#ifndef TALLYCAST_CONFIG_FILE_H
#define TALLYCAST_CONFIG_FILE_H

#include "config/given.h"

/* Takes the file's options, if a file is named. Returns 0, or -1 with the reader's error written.
 */
int config_file_read(struct given *given);

#endif
