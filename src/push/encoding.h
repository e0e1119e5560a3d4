/* In which form a subscriber gets its tallies. Each tally is encoded once a loop and form, however
 * many subscribers there are. */
#ifndef TALLYCAST_ENCODING_H
#define TALLYCAST_ENCODING_H

enum encoding {
    ENCODING_LINE,  /* of the line protocol: `> ` and the tally */
    ENCODING_EVENT, /* of an event stream (SSE): JSON */
    ENCODING_COUNT,
};

#endif
