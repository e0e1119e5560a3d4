/* The rows of `value` that belong to the ballots which are being read: each defines the value of
 * the one ballot that has its sequence. No other file than the sqlite*.c includes it. Main thread.
 */
#ifndef TALLYCAST_SQLITE_VALUE_ROWS_H
#define TALLYCAST_SQLITE_VALUE_ROWS_H

#include "store/sqlite/sqlite_cursor.h"

struct value_rows {
    struct cursor row; /* the next one */
    unsigned taken, judged;
    struct value_row {
        int64_t poll, number;
    } rows[SHEET_BALLOTS_MAX];
    char marks[PROTO_CHOICES_MAX]; /* of the last one that was taken */
};

/* Takes the row of ballot `seq`, if there is one: `marks` are then its marks, until another is
 * taken; otherwise at is NULL. The ballots of one sheet, in order, and then value_rows_end. Returns
 * 0; or -1 with `why` filled if the row can't be. */
int value_rows_take(struct value_rows *rows, uint64_t seq, struct span *marks)
    __attribute__((warn_unused_result));

/* Whether a ballot that defines a value is of the poll and value that its row says: the ballots of
 * the sheet with marks, in order. */
bool value_rows_fit(struct value_rows *rows, const struct entry *entry);

/* Ends a sheet. Returns 0; or -1 with `why` filled if there is a row up to `seq` that no ballot
 * took. */
int value_rows_end(struct value_rows *rows, uint64_t seq) __attribute__((warn_unused_result));

#endif
