/* Values' rows are read beside the sheets, in the order of their sequences, and put where the
 * sheets' bytes have them. What a row says beside the marks, the ballot says too: both must agree,
 * or a recount with SQL would be another than ours. Fails: a row that can't be, and one that
 * belongs to no ballot. */
#include "store/sqlite/sqlite_value_rows.h"

#include <string.h>

/* The columns of the query. */
enum { SEQ, POLL, NUMBER, MARKS };

static int damaged(const struct value_rows *rows, int64_t seq)
{
    return sqlite_damaged(rows->row.store, rows->row.why, "value of ballot", seq);
}

int value_rows_take(struct value_rows *rows, uint64_t seq, struct span *marks)
{
    struct cursor *row = &rows->row;
    *marks = (struct span){NULL, 0};
    if (row->at_end || cursor_int(row, SEQ) != (int64_t)seq)
        return 0;
    const void *bytes = sqlite3_column_blob(row->row, MARKS);
    const size_t len = (size_t)sqlite3_column_bytes(row->row, MARKS);
    if (sqlite3_column_type(row->row, MARKS) != SQLITE_BLOB || len < PROTO_CHOICES_MIN ||
        len > sizeof rows->marks)
        return damaged(rows, (int64_t)seq);
    memcpy(rows->marks, bytes, len);
    *marks = (struct span){rows->marks, len};
    rows->rows[rows->taken++] = (struct value_row){cursor_int(row, POLL), cursor_int(row, NUMBER)};
    return cursor_next(row);
}

bool value_rows_fit(struct value_rows *rows, const struct entry *entry)
{
    const struct value_row *row = &rows->rows[rows->judged];
    return rows->judged++ < rows->taken && row->poll == entry->poll &&
           row->number == entry->ballot.value;
}

int value_rows_end(struct value_rows *rows, uint64_t seq)
{
    rows->taken = rows->judged = 0;
    if (rows->row.at_end || cursor_int(&rows->row, SEQ) > (int64_t)seq)
        return 0;
    return damaged(rows, cursor_int(&rows->row, SEQ));
}
