/* The codec's second half: replies and pushes → bytes, and back for the tools. Pure: no I/O, no
 * allocation. An encoder writes one whole line, LF included and no NUL, to `out`, and returns its
 * length in bytes; the room that it may need is given as a constant or by a function beside it. */
#ifndef TALLYCAST_PROTO_REPLY_H
#define TALLYCAST_PROTO_REPLY_H

#include "proto/error.h"
#include "proto/limits.h"
#include "proto/name.h"
#include "proto/span.h"

/* Enough for every reply below that isn't a tally: a word, a number and a text of up to a line. */
enum { REPLY_MAX = 64 + PROTO_LINE_MAX };

/* `+TALLYCAST 1 max-line=1024`, or another limit for the bytes of a line. */
size_t reply_greeting(char *out, unsigned line_max);

/* `+OK` and `+OK TEXT` (len is 0 to PROTO_ADMIN_LINE_MAX; with 0 it is reply_ok; more than
 * PROTO_LINE_MAX needs so much more room). */
size_t reply_ok(char *out);
size_t reply_ok_text(char *out, const char *text, size_t len);

/* `+OK NUMBER` and, for a repeat, `+OK NUMBER duplicate` */
size_t reply_ok_number(char *out, uint64_t number, bool duplicate);

/* `-CODE TEXT`, or `-ALREADY-VOTED SEQ TEXT` if the code carries a sequence that is not 0. A NULL
 * text stands for the code's own; a text longer than PROTO_LINE_MAX is cut. `seq` is ignored with
 * other codes. */
size_t reply_error(char *out, enum error error, uint64_t seq, const char *text);

/* A tally to encode. Names are NUL-terminated; nothing is owned. */
struct tally_view {
    const char *poll;
    bool open;
    bool hidden; /* leaves out the counts */
    uint64_t seq;
    uint64_t ballots;
    unsigned choice_count;
    const struct name *choices;
    const uint64_t *counts; /* not read if hidden */
};

/* The bytes that a tally of so many choices may need, with any prefix of up to 8 bytes. */
size_t tally_line_max(unsigned choice_count);

/* `PREFIX` + tally: the prefix is "+OK ", "=", "> " or "". */
size_t tally_encode(char *out, const char *prefix, const struct tally_view *view);

/* The winners of a poll to encode, in the order of their election; nothing is owned. */
struct winners_view {
    const char *poll;
    uint64_t seq; /* of the tally that the result belongs to */
    unsigned count;
    const uint8_t *winners; /* by choice, from 0 */
    const struct name *choices;
};

/* The bytes that so many winners may need, and `> @result POLL SEQ WINNER…`. */
size_t winners_line_max(unsigned count);
size_t winners_encode(char *out, const struct winners_view *view);

/* The kinds of a server's line, by its first byte. */
enum reply_kind { REPLY_OK, REPLY_ERROR, REPLY_ROW, REPLY_PUSH, REPLY_UNKNOWN };

/* A server's line, taken apart. Spans point into the line. */
struct reply {
    enum reply_kind kind;
    struct span code; /* the word after `-` or `+`: an error's code, `OK`, `TALLYCAST` */
    struct span text; /* the text behind `+OK `, the code, `=` or `> `; may be empty */
    bool has_number;  /* the text's first word is a number: */
    uint64_t number;  /* a sequence or a count */
    bool duplicate;   /* `+OK SEQ duplicate` */
};

/* Takes a server's line apart (without its LF). A line that is not the protocol's (another first
 * byte, no word after `+` or `-`, no space after `>`) gives REPLY_UNKNOWN and nothing else. */
void reply_parse(const char *line, size_t len, struct reply *reply);

/* A tally, decoded. */
struct tally_row {
    struct name poll;
    bool open;
    bool hidden;
    uint64_t seq;
    uint64_t ballots;
    unsigned choice_count;
    struct name choices[PROTO_CHOICES_MAX];
    uint64_t counts[PROTO_CHOICES_MAX];
};

/* Decodes `POLL STATE SEQ BALLOTS CHOICE=COUNT…`, exactly as tally_encode writes it after the
 * prefix and before the LF. Returns false, with `row` undefined, on anything else. A poll has two
 * choices at least, so a tally that ends after BALLOTS is a hidden one. It does not check that no
 * choice is named twice, or that the counts add up. */
bool tally_parse(const char *text, size_t len, struct tally_row *row);

#endif
