/* The virtual table `batch`: a batch's ballots, in memory, as rows that one `INSERT ... SELECT`
 * copies into the table `ballot`. It does in one statement what would otherwise take a bind, step
 * and reset for each row.
 *
 * Ledger thread. A cursor reads store->batch, which is set around the statement. Only
 * the allocation of the table and the cursor can fail. (Interface:
 * https://www.sqlite.org/vtab.html) */
#include "store/sqlite/sqlite_internal.h"

#include "base/container.h"
#include "poll/voter.h"

enum batch_column {
    COLUMN_SEQ,
    COLUMN_TIME_NS,
    COLUMN_POLL,
    COLUMN_CHOICE,
    COLUMN_VOTER,
    COLUMN_KEY
};

struct batch_table {
    sqlite3_vtab base;
    struct sqlite_store *store;
};

struct batch_cursor {
    sqlite3_vtab_cursor base;
    const struct store_batch *batch;
    size_t row; /* place among the entries, of a ballot */
    /* Buffers for hashes as bytes; SQLite reads them before the cursor moves on. */
    unsigned char voter[HASH_BYTES];
    unsigned char key[HASH_BYTES];
};

static int batch_connect(sqlite3 *db, void *store, int argc, const char *const *argv,
                         sqlite3_vtab **table, char **error)
{
    (void)argc;
    (void)argv;
    (void)error;
    int code =
        sqlite3_declare_vtab(db, "CREATE TABLE batch(seq, time_ns, poll, choice, voter, key)");
    if (code != SQLITE_OK)
        return code;
    struct batch_table *made = sqlite3_malloc(sizeof *made);
    if (!made)
        return SQLITE_NOMEM;
    *made = (struct batch_table){.store = store};
    *table = &made->base;
    return SQLITE_OK;
}

static int batch_disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int batch_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedCost = 1000;
    info->estimatedRows = 1000;
    return SQLITE_OK;
}

static int batch_open(sqlite3_vtab *table, sqlite3_vtab_cursor **cursor)
{
    struct batch_cursor *made = sqlite3_malloc(sizeof *made);
    if (!made)
        return SQLITE_NOMEM;
    *made =
        (struct batch_cursor){.batch = container_of(table, struct batch_table, base)->store->batch};
    *cursor = &made->base;
    return SQLITE_OK;
}

static int batch_close(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static void skip_to_ballot(struct batch_cursor *cursor, size_t row)
{
    const struct store_batch *batch = cursor->batch;
    while (row < batch->entry_count && batch->entries[row].kind != ENTRY_BALLOT)
        row++;
    cursor->row = row;
}

static int batch_filter(sqlite3_vtab_cursor *cursor, int index, const char *name, int argc,
                        sqlite3_value **argv)
{
    (void)index;
    (void)name;
    (void)argc;
    (void)argv;
    skip_to_ballot(container_of(cursor, struct batch_cursor, base), 0);
    return SQLITE_OK;
}

static int batch_next(sqlite3_vtab_cursor *base)
{
    struct batch_cursor *cursor = container_of(base, struct batch_cursor, base);
    skip_to_ballot(cursor, cursor->row + 1);
    return SQLITE_OK;
}

static int batch_eof(sqlite3_vtab_cursor *base)
{
    const struct batch_cursor *cursor = container_of(base, struct batch_cursor, base);
    return cursor->row >= cursor->batch->entry_count;
}

static void result_hash(sqlite3_context *context, struct hash hash, unsigned char bytes[HASH_BYTES])
{
    hash_to_bytes(hash, bytes);
    sqlite3_result_blob(context, bytes, HASH_BYTES, SQLITE_STATIC);
}

static int batch_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    struct batch_cursor *cursor = container_of(base, struct batch_cursor, base);
    const struct entry *entry = &cursor->batch->entries[cursor->row];
    const struct entry_ballot *ballot = &entry->ballot;
    switch ((enum batch_column)column) {
    case COLUMN_SEQ:
        sqlite3_result_int64(context, (sqlite3_int64)entry->seq);
        break;
    case COLUMN_TIME_NS:
        sqlite3_result_int64(context, (sqlite3_int64)entry->time_ns);
        break;
    case COLUMN_POLL:
        sqlite3_result_int64(context, entry->poll);
        break;
    case COLUMN_CHOICE:
        sqlite3_result_int(context, (int)ballot->value);
        break;
    case COLUMN_VOTER:
        if (ballot->name.at)
            sqlite3_result_text(context, ballot->name.at, (int)ballot->name.len, SQLITE_STATIC);
        else
            result_hash(context, ballot->voter, cursor->voter);
        break;
    case COLUMN_KEY:
        if (ballot->has_key)
            result_hash(context, ballot->key, cursor->key);
        break;
    }
    return SQLITE_OK;
}

static int batch_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = (sqlite3_int64)container_of(base, struct batch_cursor, base)->row;
    return SQLITE_OK;
}

/* Eponymous only (no xCreate): it is there without a CREATE VIRTUAL TABLE and never in the file. */
static const sqlite3_module batch_module = {
    .xConnect = batch_connect,
    .xBestIndex = batch_best_index,
    .xDisconnect = batch_disconnect,
    .xOpen = batch_open,
    .xClose = batch_close,
    .xFilter = batch_filter,
    .xNext = batch_next,
    .xEof = batch_eof,
    .xColumn = batch_column,
    .xRowid = batch_rowid,
};

int sqlite_batch_register(struct sqlite_store *store)
{
    return sqlite3_create_module(store->db, "batch", &batch_module, store);
}
