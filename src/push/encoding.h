/* The form in which a subscriber gets its tallies. Each tally is encoded once a loop and form,
 * however many subscribers there are. A form's version is that of the last entry that changed what
 * it shows. */
#ifndef TALLYCAST_ENCODING_H
#define TALLYCAST_ENCODING_H

#include "tally/tally.h"

enum encoding {
    ENCODING_LINE,  /* of the line protocol: `> ` and the tally */
    ENCODING_EVENT, /* of an event stream (SSE): JSON */
    ENCODING_COUNT,
};

static inline uint64_t encoding_version(const struct snapshot *snapshot, enum encoding encoding)
{
    return encoding == ENCODING_LINE ? snapshot->seq : snapshot_version(snapshot);
}

#endif
