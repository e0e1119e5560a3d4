/* Sheets: the canonical bytes of the ledger's entries, and the chain that ties each sheet to all
 * before it. LEDGER.md specifies both, byte by byte. Pure functions of what the caller owns; any
 * thread; nothing is allocated. */
#ifndef TALLYCAST_PROTO_SHEET_H
#define TALLYCAST_PROTO_SHEET_H

#include "proto/entry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sheet_kind {
    SHEET_BALLOTS = 0x10, /* or together with: */
    SHEET_KEYS = 0x01,
    SHEET_WEIGHTS = 0x02,
    SHEET_MARKS = 0x04,
    SHEET_NAMED = 0x20, /* or with SHEET_MARKS. From here on, a sheet holds one entry */
    SHEET_CREATE = 0x30,
    SHEET_OPEN = 0x31,
    SHEET_CLOSE = 0x32,
    SHEET_TITLE = 0x33,
    SHEET_LABEL = 0x34,
};

enum {
    SHEET_HEAD_BYTES = 19,
    SHEET_BALLOT_BYTES = 22, /* without key and weight */
    /* The most of a body of ballots. With the columns beside it, such a body is the largest row
     * that SQLite keeps within a page of 4 KiB (https://www.sqlite.org/fileformat.html). */
    SHEET_BALLOTS_BYTES = 4026,
    SHEET_BALLOTS_MAX = SHEET_BALLOTS_BYTES / SHEET_BALLOT_BYTES,
    SHEET_SETTINGS_BYTES = SETTING_COUNT + 2, /* min and max have one more */
    SHEET_BODY_MAX = 3 + SHEET_SETTINGS_BYTES + 1 + PROTO_NAME_MAX + 2 + /* of a CREATE */
                     PROTO_CHOICES_MAX * (1 + PROTO_NAME_MAX + 1),
    SHEET_MARKS_LENGTH_BYTES = 2, /* before the marks of a ballot */
    SHEET_MARKS_MAX = SHEET_BALLOTS_MAX * (SHEET_MARKS_LENGTH_BYTES + PROTO_CHOICES_MAX),
    SHEET_BYTES_MAX = SHEET_HEAD_BYTES + SHEET_BALLOTS_BYTES + SHEET_MARKS_MAX,
    SHEET_CHAIN_BYTES = 16,
};

/* A sheet: a head, a body and, if it holds ballots that define values, their marks. Body and marks
 * are not owned. */
struct sheet {
    uint64_t first_seq;
    uint64_t time_ns; /* since 1970 */
    uint16_t entries;
    uint8_t kind; /* enum sheet_kind */
    const unsigned char *body;
    size_t body_len;
    const unsigned char *marks;
    size_t marks_len;
};

/* ---- writing ---- */

/* A sheet that is being written. It must not be moved meanwhile. */
struct sheet_builder {
    struct sheet sheet; /* has 0 entries if none was begun */
    unsigned char body[SHEET_BODY_MAX], marks[SHEET_MARKS_MAX];
};

/* Begins a new sheet with an entry. */
void sheet_begin(struct sheet_builder *builder, const struct entry *entry);

/* Appends an entry to the sheet that was begun. Returns false, and changes nothing, if the entry
 * must begin another one: none was begun, this one is full, or it holds entries of another kind,
 * time or run of sequences. */
bool sheet_append(struct sheet_builder *builder, const struct entry *entry)
    __attribute__((warn_unused_result));

/* Writes what the marks of a sheet have for a ballot; at is NULL if it defines no value. Returns
 * the end. */
unsigned char *sheet_put_marks(unsigned char *at, struct span marks);

/* The bytes before body and marks. */
void sheet_put_head(const struct sheet *sheet, unsigned char head[SHEET_HEAD_BYTES]);

/* ---- reading ---- */

/* Takes a sheet's bytes apart, and judges it as sheet_is_valid does. `sheet` points into them. */
bool sheet_parse(const unsigned char *bytes, size_t len, struct sheet *sheet)
    __attribute__((warn_unused_result));

/* Whether head and lengths are possible, and the kind is the one that the first entry begins. */
bool sheet_is_valid(const struct sheet *sheet) __attribute__((warn_unused_result));

/* Where the definition of a created poll is put. */
struct sheet_poll {
    struct settings settings;
    struct name name;
    struct name choices[PROTO_CHOICES_MAX];
    uint8_t lot[PROTO_CHOICES_MAX];
};

/* The next entry of a sheet that is read. */
struct sheet_reader {
    struct sheet sheet;
    unsigned place;             /* from 0 */
    const unsigned char *marks; /* if the sheet has marks: those of the next ballot */
    struct sheet_poll poll;
};

/* Begins to read a valid sheet, whose body and marks must stay where they are. */
void sheet_read_begin(struct sheet_reader *reader, const struct sheet *sheet);

/* Reads the next entry, of which there must be one. It points into the sheet's body and marks, and
 * into the reader if it is a CREATE. Returns false, with `entry` undefined, if it is none that a
 * ledger writes. */
bool sheet_read(struct sheet_reader *reader, struct entry *entry)
    __attribute__((warn_unused_result));

/* ---- the chain ---- */

/* What the first sheet of a ledger with this origin goes on from. */
void sheet_chain_begin(unsigned char chain[SHEET_CHAIN_BYTES], uint64_t origin);

/* Goes on from the chain of the sheet before to this one's. */
void sheet_chain(unsigned char chain[SHEET_CHAIN_BYTES], const struct sheet *sheet);

#endif
