/* What was given so far: the values in the configuration, and of each option, where it was given
 * last. Main thread, before the others start. */
#ifndef TALLYCAST_GIVEN_H
#define TALLYCAST_GIVEN_H

#include "config/option.h"
#include "config/reader.h"

struct given {
    struct reader reader;
    bool flags[OPTION_FLAGS];
    struct {
        enum reader_source source;
        unsigned line; /* of the file */
    } last[OPTION_COUNT];
};

/* Takes the value of an option from where the reader stands; NULL for a flag. Returns 0, or -1 with
 * the reader's error written. */
int given_take(struct given *given, const struct option *option, const char *value);

#endif
