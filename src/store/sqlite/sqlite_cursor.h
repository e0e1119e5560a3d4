/* The rows of a query on a database that is being read, one at a time. No other file than the
 * sqlite*.c includes it. Main thread. */
#ifndef TALLYCAST_SQLITE_CURSOR_H
#define TALLYCAST_SQLITE_CURSOR_H

#include "store/sqlite/sqlite_internal.h"

/* All zero is one that was not opened. */
struct cursor {
    const struct sqlite_store *store;
    sqlite3_stmt *row; /* owned */
    char *why;         /* of STORE_WHY_MAX bytes: filled by what fails */
    bool at_end;
};

/* Opens it, and stands on the first row; without a query, at the end. The query's parameter, if it
 * has one, is `first`. Returns 0 or -1; either way it must be closed. */
int cursor_open(struct cursor *cursor, const struct sqlite_store *store, const char *sql,
                int64_t first, char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));
void cursor_close(struct cursor *cursor);

/* Goes to the next row, or to the end. Returns 0 or -1. */
int cursor_next(struct cursor *cursor) __attribute__((warn_unused_result));

/* ---- the columns of the row, from 0 ---- */

static inline int64_t cursor_int(const struct cursor *cursor, int column)
{
    return sqlite3_column_int64(cursor->row, column);
}

/* The column's text; at is NULL for NULL. Valid until the cursor moves. */
struct span cursor_text(const struct cursor *cursor, int column);

/* Whether the column is a name, which is put into `name`. */
bool cursor_name(const struct cursor *cursor, int column, struct name *name);

/* A column of so many bytes; NULL if it is another one. Valid until the cursor moves. */
const unsigned char *cursor_bytes(const struct cursor *cursor, int column, int len);

/* Whether a column holds a number's code, by which sheets name it. Old formats have none. */
bool cursor_has_code(const struct cursor *cursor, int column, uint32_t number);

#endif
