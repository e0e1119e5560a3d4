/* The store on SQLite. The format, and what each row means, is in proto/schema.sql.
 *
 * Happy path: a batch is one transaction: the entries, written as sheets, of which a sheet of
 * ballots is one row and other entries have tables that can be read in clear; and the tallies as
 * they will be shown. In WAL mode with an exclusive lock that is one append to the log and one
 * fdatasync. Each row carries the chain of the ledger up to it (proto/LEDGER.md).
 *
 * A transaction that fails before COMMIT, or in COMMIT because a write to the log was refused, is
 * rolled back: STORE_REFUSED. Refusals are SQLITE_FULL, which is ENOSPC, and SQLITE_IOERR_WRITE
 * with EDQUOT (a quota), EROFS (a file system that became read-only) or EFBIG (a limit on the size
 * of files). None of them wrote anything. The frame that makes a transaction valid is written last,
 * and without all of it a reader of the log ignores the other frames. A failed sync is none of
 * these (os_unix.c, unixSync: SQLITE_IOERR_FSYNC).
 *
 * If a COMMIT fails in any other way (a write, an fsync), nobody knows what the disk holds, and a
 * second fsync would tell nothing: the process aborts. It holds an exclusive lock, so there is
 * never another owner: no batch is fenced, and there is nothing to confirm. */
#include "store/sqlite/sqlite_internal.h"

#include "base/big_endian.h"
#include "base/failpoint.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *const sqlite_event_names[] = {
    [ENTRY_CREATE] = "create", [ENTRY_OPEN] = "open",   [ENTRY_CLOSE] = "close",
    [ENTRY_TITLE] = "title",   [ENTRY_LABEL] = "label",
};

/* SQLite quotes the file, which may be damaged: up to the end of the line. */
int sqlite_fail(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what)
{
    const char *words = sqlite3_errmsg(store->db);
    snprintf(why, STORE_WHY_MAX, "%s: %s: %.*s", store->path, what, (int)strcspn(words, "\r\n"),
             words);
    return -1;
}

int sqlite_fail_system(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what)
{
    int error = sqlite3_system_errno(store->db);
    snprintf(why, STORE_WHY_MAX, "%s: %s: %s", store->path, what,
             error ? strerror(error) : sqlite3_errmsg(store->db));
    return -1;
}

int sqlite_damaged(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what,
                   int64_t at)
{
    snprintf(why, STORE_WHY_MAX, "%s: damaged: %s %lld", store->path, what, (long long)at);
    return -1;
}

int sqlite_prepare(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } statements[] = {
        {&store->begin, "BEGIN IMMEDIATE"},
        {&store->commit, "COMMIT"},
        {&store->rollback, "ROLLBACK"},
        {&store->end_log, "UPDATE ledger SET log = log + 1 WHERE log % 2 <> 0"},
        {&store->insert_poll, "INSERT INTO poll(id, code, name, ballots, voters, reveal, record,"
                              " kind, method, equal, abstain, seats, min, max, scores)"
                              " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
        {&store->insert_choice, "INSERT INTO choice(poll, number, code, name, lot)"
                                " VALUES(?,?,?,?,?)"},
        {&store->insert_event, "INSERT INTO poll_event(seq, time_ns, poll, kind, choice, text,"
                               " chain) VALUES(?,?,?,?,?,?,?)"},
        {&store->insert_sheet, "INSERT INTO sheet(first_seq, time_ns, kind, ballots, body, chain)"
                               " VALUES(?,?,?,?,?,?)"},
        {&store->insert_named, "INSERT INTO named_ballot(seq, time_ns, poll, value, weight, voter,"
                               " spelling, key, chain) VALUES(?,?,?,?,?,?,?,?,?)"},
        {&store->insert_value, "INSERT INTO value(seq, poll, number, marks) VALUES(?,?,?,?)"},
        {&store->replace_stop, "INSERT OR REPLACE INTO orderly_stop(id, seq, chain)"
                               " VALUES(1,?,?)"},
        {&store->replace_tally, "INSERT OR REPLACE INTO last_tally(poll, line) VALUES(?,?)"},
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        if (sqlite3_prepare_v3(store->db, statements[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                               statements[i].statement, NULL) != SQLITE_OK)
            return sqlite_fail(store, why, "damaged");
    return 0;
}

/* ---- committing ---- */

/* Steps a statement that returns no row, and makes it ready for the next time. Returns an SQLite
 * code. */
static int run(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int bind_bytes(sqlite3_stmt *statement, int number, const unsigned char *bytes, size_t len)
{
    return sqlite3_bind_blob(statement, number, bytes, (int)len, SQLITE_STATIC);
}

static int bind_text(sqlite3_stmt *statement, int number, struct span text)
{
    return sqlite3_bind_text(statement, number, text.at, (int)text.len, SQLITE_STATIC);
}

/* A number as sheets have it, for the time of one step. */
static int bind_code(sqlite3_stmt *statement, int number, uint32_t value)
{
    unsigned char code[SQLITE_CODE_BYTES];
    big_endian_put(code, value, sizeof code);
    return sqlite3_bind_blob(statement, number, code, sizeof code, SQLITE_TRANSIENT);
}

static void bind_setting(sqlite3_stmt *statement, int number, const struct settings *settings,
                         enum setting setting)
{
    const unsigned value = settings->value[setting];
    if (!settings_has(settings, setting))
        sqlite3_bind_null(statement, number);
    else if (setting_is_number(setting))
        sqlite3_bind_int64(statement, number, value);
    else
        sqlite3_bind_text(statement, number,
                          setting == SETTING_METHOD ? method_name(value)
                                                    : setting_value_name(setting, value),
                          -1, SQLITE_STATIC);
}

/* Records the choice at a place of the lot. */
static int record_choice(struct sqlite_store *store, const struct entry *entry, unsigned place)
{
    const struct entry_create *create = &entry->create;
    const unsigned choice = create->lot ? create->lot[place] : place;
    const struct name *name = &create->choices[choice];
    sqlite3_stmt *statement = store->insert_choice;
    sqlite3_bind_int64(statement, 1, entry->poll);
    sqlite3_bind_int64(statement, 2, choice + 1);
    bind_code(statement, 3, choice + 1);
    sqlite3_bind_text(statement, 4, name->text, name->len, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, place + 1);
    return run(statement);
}

static int record_poll(struct sqlite_store *store, const struct entry *entry)
{
    const struct entry_create *create = &entry->create;
    sqlite3_stmt *statement = store->insert_poll;
    sqlite3_bind_int64(statement, 1, entry->poll);
    bind_code(statement, 2, entry->poll);
    sqlite3_bind_text(statement, 3, create->name->text, create->name->len, SQLITE_STATIC);
    for (enum setting setting = 0; setting < SETTING_COUNT; setting++)
        if (setting != SETTING_STATE)
            bind_setting(statement, 4 + sqlite_setting_place(setting), create->settings, setting);
    int code = run(statement);
    for (unsigned i = 0; i < create->choice_count && code == SQLITE_OK; i++)
        code = record_choice(store, entry, i);
    return code;
}

/* What stands in poll_event.text; at is NULL for nothing. */
static struct span event_text(const struct entry *entry)
{
    if (entry->kind == ENTRY_TITLE || entry->kind == ENTRY_LABEL)
        return entry->text.text;
    if (entry->kind != ENTRY_CREATE)
        return (struct span){NULL, 0};
    const char *state =
        setting_value_name(SETTING_STATE, entry->create.settings->value[SETTING_STATE]);
    return (struct span){state, strlen(state)};
}

static int record_event(struct sqlite_store *store, const struct entry *entry)
{
    int code = entry->kind == ENTRY_CREATE ? record_poll(store, entry) : SQLITE_OK;
    if (code != SQLITE_OK)
        return code;
    sqlite3_stmt *statement = store->insert_event;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)entry->seq);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)entry->time_ns);
    sqlite3_bind_int64(statement, 3, entry->poll);
    sqlite3_bind_text(statement, 4, sqlite_event_names[entry->kind], -1, SQLITE_STATIC);
    sqlite3_bind_null(statement, 5);
    if (entry->kind == ENTRY_LABEL)
        sqlite3_bind_int64(statement, 5, entry->text.choice + 1);
    bind_text(statement, 6, event_text(entry)); /* NULL is NULL */
    bind_bytes(statement, 7, store->next.chain, SHEET_CHAIN_BYTES);
    return run(statement);
}

static int record_named(struct sqlite_store *store, const struct entry *entry)
{
    const struct entry_ballot *ballot = &entry->ballot;
    sqlite3_stmt *statement = store->insert_named;
    unsigned char key[HASH_BYTES];
    hash_to_bytes(ballot->key, key);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)entry->seq);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)entry->time_ns);
    sqlite3_bind_int64(statement, 3, entry->poll);
    sqlite3_bind_int64(statement, 4, ballot->value);
    sqlite3_bind_int64(statement, 5, ballot->weight);
    bind_text(statement, 6, ballot->name);
    bind_text(statement, 7, ballot->spelling);
    bind_bytes(statement, 8, ballot->has_key ? key : NULL, sizeof key);
    bind_bytes(statement, 9, store->next.chain, SHEET_CHAIN_BYTES);
    return run(statement);
}

static int record_ballots(struct sqlite_store *store, const struct sheet *sheet)
{
    sqlite3_stmt *statement = store->insert_sheet;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)sheet->first_seq);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)sheet->time_ns);
    sqlite3_bind_int(statement, 3, sheet->kind);
    sqlite3_bind_int(statement, 4, sheet->entries);
    bind_bytes(statement, 5, sheet->body, sheet->body_len);
    bind_bytes(statement, 6, store->next.chain, SHEET_CHAIN_BYTES);
    return run(statement);
}

/* Records the values that the sheet's ballots define. */
static int record_values(struct sqlite_store *store, const struct entry *ballots)
{
    const struct sheet *sheet = &store->sheet.sheet;
    sqlite3_stmt *statement = store->insert_value;
    int code = SQLITE_OK;
    for (unsigned i = 0; sheet->marks_len > 0 && i < sheet->entries && code == SQLITE_OK; i++) {
        const struct entry_ballot *ballot = &ballots[i].ballot;
        if (!ballot->marks.at)
            continue;
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)ballots[i].seq);
        sqlite3_bind_int64(statement, 2, ballots[i].poll);
        sqlite3_bind_int64(statement, 3, ballot->value);
        sqlite3_bind_blob(statement, 4, ballot->marks.at, (int)ballot->marks.len, SQLITE_STATIC);
        code = run(statement);
    }
    return code;
}

/* Records the sheet that was built, if there is one. `first` is its first entry. */
static int record_sheet(struct sqlite_store *store, const struct entry *first)
{
    const struct sheet *sheet = &store->sheet.sheet;
    if (sheet->entries == 0)
        return SQLITE_OK;
    sheet_chain(store->next.chain, sheet);
    store->next.seq = sheet->first_seq + sheet->entries - 1;
    if (first->kind != ENTRY_BALLOT)
        return record_event(store, first);
    int code = record_values(store, first);
    if (code != SQLITE_OK)
        return code;
    return first->ballot.name.at ? record_named(store, first) : record_ballots(store, sheet);
}

static int record_entries(struct sqlite_store *store, const struct entry *entries, size_t count)
{
    const struct entry *first = NULL;
    store->sheet.sheet.entries = 0;
    for (size_t i = 0; i < count; i++) {
        if (sheet_append(&store->sheet, &entries[i]))
            continue;
        int code = record_sheet(store, first);
        if (code != SQLITE_OK)
            return code;
        first = &entries[i];
        sheet_begin(&store->sheet, first);
    }
    return record_sheet(store, first);
}

static int record_batch(struct sqlite_store *store, const struct store_batch *batch)
{
    int code = record_entries(store, batch->entries, batch->entry_count);
    for (size_t i = 0; i < batch->tally_count && code == SQLITE_OK; i++) {
        sqlite3_bind_int64(store->replace_tally, 1, batch->tallies[i].poll);
        sqlite3_bind_text(store->replace_tally, 2, batch->tallies[i].line,
                          (int)batch->tallies[i].len, SQLITE_STATIC);
        code = run(store->replace_tally);
    }
    return code;
}

static void roll_back(struct sqlite_store *store)
{
    /* SQLite has rolled back by itself on some errors
     * (https://www.sqlite.org/lang_transaction.html). */
    if (!sqlite3_get_autocommit(store->db) && run(store->rollback) != SQLITE_OK) {
        log_fatal("database can't be rolled back file=%s error=%s", store->path,
                  sqlite3_errmsg(store->db));
    }
}

/* The kernel's reason why the last write to the log failed. sqlite3_system_errno would be that of
 * SQLite's last call. */
static int log_errno(const struct sqlite_store *store)
{
    sqlite3_file *log = NULL;
    int error = 0;
    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log && log->pMethods)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    return error;
}

/* See the head of this file. */
bool sqlite_is_refusal(int code, int error)
{
    if (code != SQLITE_IOERR_WRITE)
        return (code & 0xff) == SQLITE_FULL;
    return error == EROFS || error == EFBIG || error == EDQUOT;
}

/* Begins a transaction. The first one of a log says which log it is. */
static int begin(struct sqlite_store *store)
{
    int code = run(store->begin);
    if (code == SQLITE_OK && store->begin_log && !store->log_begun)
        code = run(store->begin_log);
    return code;
}

static enum store_outcome append(struct store *base, const struct store_batch *batch,
                                 const char **why)
{
    struct sqlite_store *store = sqlite_store(base);
    int code = begin(store);
    store->next = store->last;
    if (code == SQLITE_OK)
        code = record_batch(store, batch);
    if (code == SQLITE_OK) {
        failpoint(FAILPOINT_AFTER_INSERT);
        code = run(store->commit);
        if (code == SQLITE_OK) {
            store->log_begun = true;
            store->last = store->next;
            return STORE_RECORDED;
        }
        if (!sqlite_is_refusal(code, log_errno(store))) {
            log_fatal("commit failed, its outcome is unknown: stopping before anyone is answered; "
                      "start again to go on "
                      "from what is on disk file=%s error=%s code=%d",
                      store->path, sqlite3_errstr(code), code);
        }
    }
    *why = code == SQLITE_IOERR_WRITE ? strerror(log_errno(store)) : sqlite3_errstr(code);
    roll_back(store);
    store->retry_pages = 0; /* if the disk is full, an emptied log makes room */
    return STORE_REFUSED;
}

/* ---- the end ---- */

/* Notes how far the ledger has come, and that no server has the file any more. */
static int record_stop(struct sqlite_store *store)
{
    int code = begin(store);
    sqlite3_bind_int64(store->replace_stop, 1, (sqlite3_int64)store->last.seq);
    bind_bytes(store->replace_stop, 2, store->last.chain, SHEET_CHAIN_BYTES);
    if (code == SQLITE_OK && store->stop.seq != store->last.seq)
        code = run(store->replace_stop);
    if (code == SQLITE_OK && store->begin_log)
        code = run(store->end_log);
    if (code == SQLITE_OK)
        code = run(store->commit);
    if (code != SQLITE_OK)
        roll_back(store);
    return code;
}

/* If the file can't take what is in the log, it stays as if the server had been killed: the next
 * start may have no room to note that it has the file. */
static int finish(struct store *base, char why[STORE_WHY_MAX])
{
    struct sqlite_store *store = sqlite_store(base);
    const bool has_news = store->begin_log || store->stop.seq != store->last.seq;
    if (has_news && (sqlite_checkpoint(store) != SQLITE_OK || record_stop(store) != SQLITE_OK))
        return sqlite_fail_system(store, why, "can't be written");
    store->stop = store->last;
    return sqlite_checkpoint_all(store, why);
}

static uint64_t database_bytes(const struct store *base)
{
    struct stat status;
    return fstat(sqlite_store(base)->file, &status) == 0 ? (uint64_t)status.st_size : 0;
}

const struct store_engine sqlite_import_engine = {
    .open_to_read = sqlite_open_to_import,
    .close = sqlite_close,
    .key_check = sqlite_key_check,
    .has_ballots = sqlite_has_ballots,
    .voter_estimate = sqlite_voter_estimate,
    .load = sqlite_load,
    .database_bytes = database_bytes,
};

const struct store_engine sqlite_engine = {
    .open = sqlite_open,
    .open_to_read = sqlite_open_to_read,
    .close = sqlite_close,
    .key_check = sqlite_key_check,
    .has_ballots = sqlite_has_ballots,
    .set_key_check = sqlite_set_key_check,
    .voter_estimate = sqlite_voter_estimate,
    .load = sqlite_load,
    .follow = sqlite_follow,
    .adopt = sqlite_adopt,
    .append = append,
    .work = sqlite_work,
    .finish = finish,
    .identity = sqlite_identity,
    .health = sqlite_health,
    .database_bytes = database_bytes,
    .pending_bytes = sqlite_pending_bytes,
    .backup_begin = sqlite_backup_begin,
    .backup_copy = sqlite_backup_copy,
    .backup_fill = sqlite_backup_fill,
    .backup_end = sqlite_backup_end,
    .drop_file = sqlite_drop_file,
};
