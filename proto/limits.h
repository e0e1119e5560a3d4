/* The sizes that the line protocol fixes (proto/PROTOCOL.md, "Lines" and "Names"). */
#ifndef TALLYCAST_PROTO_LIMITS_H
#define TALLYCAST_PROTO_LIMITS_H

enum {
    PROTO_VERSION = 1,
    PROTO_LINE_MAX = 1024,            /* bytes of a client's line, its LF included */
    PROTO_ADMIN_LINE_MAX = 64 * 1024, /* the same on the admin socket: 256 names and more */
    PROTO_NAME_MAX = 64,              /* bytes of a poll's or choice's name, or of an id= */
    PROTO_VOTER_MAX = 128,            /* bytes of a voter's name, white space tidied, and folded */
    PROTO_TEXT_MAX = 200,             /* bytes of a title or label */
    PROTO_CHOICES_MIN = 2,
    PROTO_CHOICES_MAX = 256,
};

#endif
