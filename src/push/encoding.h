/* The forms in which a subscriber gets what it follows of a poll. Each is encoded once a loop,
 * however many subscribers there are. A form's version is that of the last entry that changed what
 * it shows. */
#ifndef TALLYCAST_ENCODING_H
#define TALLYCAST_ENCODING_H

#include "tally/tally.h"

/* What can be followed of a poll. Both are in its snapshots; a result may belong to an earlier
 * tally than the one beside it. */
enum aspect { ASPECT_TALLY, ASPECT_RESULT, ASPECT_COUNT };

enum encoding {
    ENCODING_LINE,         /* of the line protocol: `> ` and the tally */
    ENCODING_EVENT,        /* of an event stream (SSE): JSON */
    ENCODING_RESULT_LINE,  /* `> @result ` and the winners */
    ENCODING_RESULT_EVENT, /* JSON */
    ENCODING_COUNT,
};

static inline enum aspect encoding_aspect(enum encoding encoding)
{
    return encoding < ENCODING_RESULT_LINE ? ASPECT_TALLY : ASPECT_RESULT;
}

/* The encoding of an aspect for a reader whose tallies have the encoding `tally`. */
static inline enum encoding encoding_for(enum encoding tally, enum aspect aspect)
{
    return aspect == ASPECT_TALLY ? tally : (enum encoding)(tally + ENCODING_RESULT_LINE);
}

/* 0 if there is nothing to encode yet. */
static inline uint64_t encoding_version(const struct snapshot *snapshot, enum encoding encoding)
{
    if (encoding_aspect(encoding) == ASPECT_RESULT)
        return snapshot_result_seq(snapshot);
    return encoding == ENCODING_LINE ? snapshot->seq : snapshot_version(snapshot);
}

#endif
