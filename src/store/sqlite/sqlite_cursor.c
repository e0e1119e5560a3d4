/* A query's rows, one at a time. What fails is damage that SQLite finds. */
#include "store/sqlite/sqlite_cursor.h"

#include "base/big_endian.h"

#include <string.h>

int cursor_next(struct cursor *cursor)
{
    int code = sqlite3_step(cursor->row);
    cursor->at_end = code != SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? 0
               : sqlite_fail(cursor->store, cursor->why, "damaged");
}

int cursor_open(struct cursor *cursor, const struct sqlite_store *store, const char *sql,
                int64_t first, char why[STORE_WHY_MAX])
{
    *cursor = (struct cursor){.store = store, .why = why, .at_end = true};
    if (!sql)
        return 0;
    if (sqlite3_prepare_v2(store->db, sql, -1, &cursor->row, NULL) != SQLITE_OK)
        return sqlite_fail(store, why, "damaged");
    if (sqlite3_bind_parameter_count(cursor->row) > 0)
        sqlite3_bind_int64(cursor->row, 1, first);
    return cursor_next(cursor);
}

void cursor_close(struct cursor *cursor)
{
    sqlite3_finalize(cursor->row);
    cursor->row = NULL;
}

struct span cursor_text(const struct cursor *cursor, int column)
{
    const char *text = (const char *)sqlite3_column_text(cursor->row, column);
    return (struct span){text, text ? (size_t)sqlite3_column_bytes(cursor->row, column) : 0};
}

bool cursor_name(const struct cursor *cursor, int column, struct name *name)
{
    struct span text = cursor_text(cursor, column);
    return text.at && name_parse(text.at, text.len, name);
}

const unsigned char *cursor_bytes(const struct cursor *cursor, int column, int len)
{
    bool fits = sqlite3_column_type(cursor->row, column) == SQLITE_BLOB &&
                sqlite3_column_bytes(cursor->row, column) == len;
    return fits ? sqlite3_column_blob(cursor->row, column) : NULL;
}

bool cursor_has_code(const struct cursor *cursor, int column, uint32_t number)
{
    unsigned char code[SQLITE_CODE_BYTES];
    big_endian_put(code, number, sizeof code);
    const unsigned char *bytes = cursor_bytes(cursor, column, sizeof code);
    return cursor->store->format->is_old || (bytes && memcmp(bytes, code, sizeof code) == 0);
}
