/* The setters of the options (options.def) that are more than a number: set_IDENTIFIER takes the
 * value of the option of that identifier into the reader's configuration; a list's appends it.
 * Returns 0, or -1 with the reader's error written. */
#ifndef TALLYCAST_SETTERS_H
#define TALLYCAST_SETTERS_H

#include "config/reader.h"

#define OPTION(id, option_name, shown, text) int set_##id(struct reader *reader, const char *value);
#include "config/options.def"

#endif
