/* The store on SQLite. The format, and what each row means, is in proto/schema.sql.
 *
 * Happy path: a commit is one transaction: polls, events, ballots (one INSERT ... SELECT over the
 * virtual table `batch`), and the tallies as they will be shown. In WAL mode with an exclusive lock
 * that is one append to the log and one fdatasync. Checkpoints are ours alone
 * (wal_autocheckpoint=0), between commits.
 *
 * A commit that fails before COMMIT, or in COMMIT because a write to the log was refused, is rolled
 * back: ERR_STORAGE. Refusals are SQLITE_FULL, which is ENOSPC, and SQLITE_IOERR_WRITE with EDQUOT
 * (a quota), EROFS (a file system that became read-only) or EFBIG (a limit on the size of files).
 * None of them wrote anything. The frame that makes a transaction valid is written last, and
 * without all of it a reader of the log ignores the other frames. A failed sync is none of these
 * (os_unix.c, unixSync: SQLITE_IOERR_FSYNC).
 *
 * If a COMMIT fails in any other way (a write, an fsync), nobody knows what the disk holds, and a
 * second fsync would tell nothing: the process aborts.
 *
 * A failed checkpoint is harmless: SQLite counts pages as moved only after it has synced the
 * database file, so the next one writes them all again.
 *
 * A new database is made under another name, synced, and linked into place whole; so a file that
 * exists has a complete schema, and its header can be judged before SQLite, which might recover or
 * change it, opens it. */
#include "store/sqlite/sqlite_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "proto/schema_sql.h"
#include "store/sqlite/sqlite_pragmas.h"
#include "poll/voter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUSY_TIMEOUT_MS = 1000,
    /* https://www.sqlite.org/fileformat.html#the_database_header */
    HEADER_BYTES = 100,
    HEADER_MODE_AT = 18, /* for writing, and the next byte for reading: 2 in WAL mode, else 1 */
    HEADER_VERSION_AT = 60,
    HEADER_APPLICATION_AT = 68,
};

const char *const store_event_names[] = {
    [STORE_CREATE] = "create", [STORE_OPEN] = "open",   [STORE_CLOSE] = "close",
    [STORE_TITLE] = "title",   [STORE_LABEL] = "label",
};

int store_fail(const struct store *store, char why[STORE_WHY_MAX], const char *what)
{
    snprintf(why, STORE_WHY_MAX, "%s: %s: %s", store->path, what, sqlite3_errmsg(store->db));
    return -1;
}

/* The same for a system failure, whose reason SQLite hides behind an error code of its own. */
static int fail_system(const struct store *store, char why[STORE_WHY_MAX], const char *what)
{
    int error = sqlite3_system_errno(store->db);
    snprintf(why, STORE_WHY_MAX, "%s: %s: %s", store->path, what,
             error ? strerror(error) : sqlite3_errmsg(store->db));
    return -1;
}

static int fail_errno(const char *path, char why[STORE_WHY_MAX])
{
    snprintf(why, STORE_WHY_MAX, "%s: %s", path, strerror(errno));
    return -1;
}

/* ---- opening ---- */

/* Makes an empty database at `path`, which does not exist, with its schema, whole and synced. */
static int create_schema(const char *path, char why[STORE_WHY_MAX])
{
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "PRAGMA synchronous=FULL; BEGIN", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, schema_sql, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        snprintf(why, STORE_WHY_MAX, "%s: can't create the database: %s", path, sqlite3_errmsg(db));
    sqlite3_close(db);
    return code == SQLITE_OK ? 0 : -1;
}

/* Only a database that has been served has a log. SQLite would take any file there for its log. */
static int check_no_log(const struct store *store, const char *what, char why[STORE_WHY_MAX])
{
    struct stat log;
    if (stat(store->log_path, &log) != 0 || log.st_size == 0)
        return 0;
    snprintf(why, STORE_WHY_MAX, "%.*s: %s; move it away, or put back the database it belongs to",
             PATH_MAX, store->log_path, what);
    return -1;
}

/* Another server may have made it meanwhile: then that file is opened, and found in use. */
static int place_database(const char *partial, const char *path, char why[STORE_WHY_MAX])
{
    bool named = file_give_name(partial, path) == 0;
    if (!named && errno != EEXIST)
        return fail_errno(path, why);
    if (file_sync_directory(path) == 0)
        return 0;
    snprintf(why, STORE_WHY_MAX, "%s: can't sync its directory: %s", path, strerror(errno));
    if (named)
        unlink(path); /* the next start tries again */
    return -1;
}

static int create_database(const struct store *store, char why[STORE_WHY_MAX])
{
    const char *path = store->path;
    char partial[PATH_MAX];
    if (check_no_log(store, "a log without its database", why) != 0)
        return -1;
    if (snprintf(partial, sizeof partial, "%s.new-%ld", path, (long)getpid()) >=
        (int)sizeof partial) {
        errno = ENAMETOOLONG;
        return fail_errno(path, why);
    }
    /* SQLite would only say that it can't; this says why. */
    int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(path, why);
    close(fd);
    int result = create_schema(partial, why);
    failpoint(FAILPOINT_START_SCHEMA);
    if (result == 0)
        result = place_database(partial, path, why);
    unlink(partial);
    return result;
}

static uint32_t big_endian_32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Judges the file by its header alone. */
static int check_header(struct store *store, char why[STORE_WHY_MAX])
{
    unsigned char header[HEADER_BYTES];
    struct stat status;
    if (fstat(store->file, &status) != 0)
        return fail_errno(store->path, why);
    if (!S_ISREG(status.st_mode)) {
        snprintf(why, STORE_WHY_MAX, "%s: not a regular file", store->path);
        return -1;
    }
    ssize_t n = pread(store->file, header, sizeof header, 0);
    if (n < 0)
        return fail_errno(store->path, why);
    if (n < HEADER_BYTES || memcmp(header, "SQLite format 3", 16) != 0 ||
        big_endian_32(header + HEADER_APPLICATION_AT) != schema_application_id) {
        snprintf(why, STORE_WHY_MAX, "%s: not a tallycast database", store->path);
        return -1;
    }
    uint32_t version = big_endian_32(header + HEADER_VERSION_AT);
    if (version != schema_version) {
        snprintf(why, STORE_WHY_MAX, "%s: schema version %u; this tallycast knows version %u",
                 store->path, version, schema_version);
        return -1;
    }
    /* SQLite would only read a file with other modes. */
    if (header[HEADER_MODE_AT] < 1 || header[HEADER_MODE_AT] > 2 ||
        header[HEADER_MODE_AT + 1] < 1 || header[HEADER_MODE_AT + 1] > 2) {
        snprintf(why, STORE_WHY_MAX, "%s: damaged: header", store->path);
        return -1;
    }
    store->was_backup = header[HEADER_MODE_AT] == 1;
    return 0;
}

static int log_grew(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    struct store *store = context;
    store->log_pages = (uint64_t)pages;
    atomic_store_explicit(&store->log_bytes, (uint64_t)pages * (STORE_PAGE_BYTES + 24) + 32,
                          memory_order_relaxed);
    return SQLITE_OK;
}

/* Runs a query of one value; false if it has no row. The caller reads and finalizes *statement. */
static bool query_row(const struct store *store, const char *sql, sqlite3_stmt **statement)
{
    *statement = NULL;
    return sqlite3_prepare_v2(store->db, sql, -1, statement, NULL) == SQLITE_OK &&
           sqlite3_step(*statement) == SQLITE_ROW;
}

/* The same, and tells no row from a failure: 1, 0, or -1 with `why` filled. */
static int try_row(const struct store *store, const char *sql, sqlite3_stmt **statement,
                   char why[STORE_WHY_MAX])
{
    if (query_row(store, sql, statement))
        return 1;
    return sqlite3_errcode(store->db) == SQLITE_DONE ? 0 : store_fail(store, why, "can't be read");
}

/* If SQLite can't have WAL mode, it stays in another one without an error. */
static bool is_in_wal_mode(const struct store *store)
{
    sqlite3_stmt *row;
    bool wal = query_row(store, "PRAGMA journal_mode", &row) &&
               strcmp((const char *)sqlite3_column_text(row, 0), "wal") == 0;
    sqlite3_finalize(row);
    return wal;
}

static int configure(struct store *store, bool sync, char why[STORE_WHY_MAX])
{
    /* Another process may be reading the file for a moment; a server would keep it. */
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    /* First, since WAL mode hides that it was one. */
    int code = store->was_backup ? store_disown(store) : SQLITE_OK;
    if (code == SQLITE_OK)
        code = store_set_pragmas(store->db, sync);
    if ((code & 0xff) == SQLITE_BUSY) {
        snprintf(why, STORE_WHY_MAX, "%s: in use by another process", store->path);
        return -1;
    }
    if (code != SQLITE_OK)
        return fail_system(store, why, "can't be opened");
    if (!is_in_wal_mode(store)) {
        snprintf(why, STORE_WHY_MAX, "%s: can't be put into WAL mode on this file system",
                 store->path);
        return -1;
    }
    /* An exit must not rewrite a file that was just found damaged. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_hook(store->db, log_grew, store);
    return 0;
}

static int prepare(struct store *store, char why[STORE_WHY_MAX])
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } statements[] = {
        {&store->begin, "BEGIN IMMEDIATE"},
        {&store->commit, "COMMIT"},
        {&store->rollback, "ROLLBACK"},
        {&store->insert_poll,
         "INSERT INTO poll(id, name, ballots, voters, reveal, record) VALUES(?,?,?,?,?,?)"},
        {&store->insert_choice, "INSERT INTO choice(poll, number, name) VALUES(?,?,?)"},
        {&store->insert_event,
         "INSERT INTO poll_event(seq, time_ns, poll, kind, choice, text) VALUES(?,?,?,?,?,?)"},
        {&store->insert_ballots, "INSERT INTO ballot(seq, time_ns, poll, choice, voter, key) "
                                 "SELECT seq, time_ns, poll, choice, voter, key FROM batch"},
        {&store->replace_tally, "INSERT OR REPLACE INTO last_tally(poll, line) VALUES(?,?)"},
    };
    if (store_batch_register(store) != SQLITE_OK)
        return store_fail(store, why, "can't be opened");
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        if (sqlite3_prepare_v3(store->db, statements[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                               statements[i].statement, NULL) != SQLITE_OK)
            return store_fail(store, why, "damaged");
    return 0;
}

/* Opens the file itself, and judges what SQLite would not. A FIFO does not block. */
static int open_file(struct store *store, int access_mode, char why[STORE_WHY_MAX])
{
    store->file = open(store->path, access_mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (store->file < 0)
        return fail_errno(store->path, why);
    if (check_header(store, why) != 0 ||
        (store->was_backup &&
         check_no_log(store, "not the log of the backup, or new database, beside it", why) != 0) ||
        store_read_file_row(store, why) != 0)
        return -1;
    return 0;
}

static int open_existing(struct store *store, bool sync, char why[STORE_WHY_MAX])
{
    /* Opened for writing, though only SQLite writes: SQLite would open an unwritable file for
     * reading, and fail later with less to say. And if the first opening for writing copies the
     * file (an overlay), both descriptors then have the same copy. */
    if (open_file(store, O_RDWR, why) != 0)
        return -1;
    if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return store_fail(store, why, "can't be opened");
    sqlite3_extended_result_codes(store->db, 1);
    if (configure(store, sync, why) != 0 || store_judge_log(store, why) != 0 ||
        prepare(store, why) != 0)
        return -1;
    store_watch(store);
    return 0;
}

/* Without a log, all is in the file. With one, SQLite must read both: the VFS without locks and the
 * exclusive locking mode keep the log's index in memory. */
static int open_immutable_or_with_log(struct store *store)
{
    struct stat log;
    if (stat(store->log_path, &log) != 0 || log.st_size == 0)
        return store_open_immutable(store->path, &store->db);
    int code = sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READONLY, "unix-none");
    return code == SQLITE_OK
               ? sqlite3_exec(store->db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL)
               : code;
}

/* Compiles the statements as a server would, which shows whether the schema fits them. */
static int open_to_read(struct store *store, char why[STORE_WHY_MAX])
{
    if (open_file(store, O_RDONLY, why) != 0)
        return -1;
    if (open_immutable_or_with_log(store) != SQLITE_OK)
        return store_fail(store, why, "can't be opened");
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (store_judge_log(store, why) != 0 || prepare(store, why) != 0 ||
        store_judge_schema(store, why) != 0)
        return -1;
    return 0;
}

/* Where SQLite keeps the log: beside the file itself, where the path is a symbolic link to it.
 * Links among the directories lead to the same place. To be freed; NULL with errno set. */
static char *name_log(const char *path)
{
    struct stat status;
    bool is_link = lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
    char *target = is_link ? realpath(path, NULL) : NULL, *name = NULL;
    if (is_link && !target && errno != ENOENT) /* one that leads nowhere is refused later */
        return NULL;
    if (asprintf(&name, "%s-wal", target ? target : path) < 0)
        name = NULL;
    free(target);
    return name;
}

static struct store *store_new(const char *path, char why[STORE_WHY_MAX])
{
    struct store *store = calloc(1, sizeof *store);
    if (!store) {
        fail_errno(path, why);
        return NULL;
    }
    owner_take(&store->owner);
    store->file = -1;
    store->path = strdup(path);
    store->log_path = name_log(path);
    if (!store->path || !store->log_path) {
        fail_errno(path, why);
        store_close(store);
        return NULL;
    }
    return store;
}

int store_open_to_read(struct store **opened, const char *path, char why[STORE_WHY_MAX])
{
    struct store *store = store_new(path, why);
    if (!store)
        return -1;
    if (open_to_read(store, why) != 0) {
        store_close(store);
        return -1;
    }
    *opened = store;
    return 0;
}

int store_open(struct store **opened, const char *path, bool sync, char why[STORE_WHY_MAX])
{
    struct store *store = store_new(path, why);
    if (!store)
        return -1;
    store_failpoints();
    if ((access(path, F_OK) != 0 && create_database(store, why) != 0) ||
        open_existing(store, sync, why) != 0) {
        store_close(store);
        return -1;
    }
    *opened = store;
    return 0;
}

void store_take(struct store *store)
{
    owner_take(&store->owner);
}

void store_close(struct store *store)
{
    sqlite3_stmt *const statements[] = {
        store->begin,           store->begin_log,     store->commit,       store->rollback,
        store->insert_poll,     store->insert_choice, store->insert_event, store->insert_ballots,
        store->insert_spelling, store->replace_tally};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        sqlite3_finalize(statements[i]);
    sqlite3_close(store->db);
    if (store->file >= 0)
        close(store->file);
    free(store->log_path);
    free(store->path);
    free(store);
}

/* ---- the key's check value ---- */

int store_key_check(const struct store *store, struct hash *check, char why[STORE_WHY_MAX])
{
    sqlite3_stmt *statement;
    int found = try_row(store, "SELECT key_check FROM server", &statement, why);
    if (found == 1 && sqlite3_column_bytes(statement, 0) != HASH_BYTES)
        found = 0;
    if (found == 1)
        *check = hash_from_bytes(sqlite3_column_blob(statement, 0));
    sqlite3_finalize(statement);
    return found;
}

int store_has_ballots(const struct store *store, char why[STORE_WHY_MAX])
{
    sqlite3_stmt *statement;
    int found = try_row(store, "SELECT 1 FROM ballot LIMIT 1", &statement, why);
    sqlite3_finalize(statement);
    return found;
}

int store_set_key_check(struct store *store, struct hash check, char why[STORE_WHY_MAX])
{
    OWNER_ASSERT(&store->owner);
    sqlite3_stmt *statement;
    unsigned char bytes[HASH_BYTES];
    hash_to_bytes(check, bytes);
    int code =
        sqlite3_prepare_v2(store->db,
                           "INSERT OR REPLACE INTO server(id, created_ns, key_check) VALUES(1, "
                           "coalesce((SELECT created_ns FROM server), ?1), ?2)",
                           -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)clock_real_ns());
        sqlite3_bind_blob(statement, 2, bytes, HASH_BYTES, SQLITE_STATIC);
        code = sqlite3_step(statement);
        sqlite3_finalize(statement);
    }
    return code == SQLITE_DONE ? 0 : store_fail(store, why, "can't be written");
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

static int record_poll(struct store *store, const struct poll *poll)
{
    sqlite3_stmt *statement = store->insert_poll;
    sqlite3_bind_int64(statement, 1, poll->id);
    sqlite3_bind_text(statement, 2, poll->name.text, poll->name.len, SQLITE_STATIC);
    for (enum setting setting = SETTING_BALLOTS; setting <= SETTING_RECORD; setting++)
        sqlite3_bind_text(statement, 3 + (int)setting,
                          setting_value_name(setting, poll_setting(poll, setting)), -1,
                          SQLITE_STATIC);
    int code = run(statement);
    for (unsigned i = 0; i < poll->choice_count && code == SQLITE_OK; i++) {
        sqlite3_bind_int64(store->insert_choice, 1, poll->id);
        sqlite3_bind_int64(store->insert_choice, 2, i + 1);
        sqlite3_bind_text(store->insert_choice, 3, poll->choices[i].text, poll->choices[i].len,
                          SQLITE_STATIC);
        code = run(store->insert_choice);
    }
    return code;
}

static int record_event(struct store *store, uint64_t time_ns, const struct store_event *event)
{
    int code = event->kind == STORE_CREATE ? record_poll(store, event->poll) : SQLITE_OK;
    if (code != SQLITE_OK)
        return code;
    sqlite3_stmt *statement = store->insert_event;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)event->seq);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)time_ns);
    sqlite3_bind_int64(statement, 3, event->poll->id);
    sqlite3_bind_text(statement, 4, store_event_names[event->kind], -1, SQLITE_STATIC);
    sqlite3_bind_null(statement, 5);
    sqlite3_bind_null(statement, 6);
    if (event->kind == STORE_LABEL)
        sqlite3_bind_int64(statement, 5, event->choice + 1);
    if (event->kind == STORE_CREATE)
        sqlite3_bind_text(
            statement, 6,
            setting_value_name(SETTING_STATE, poll_setting(event->poll, SETTING_STATE)), -1,
            SQLITE_STATIC);
    else if (event->text)
        sqlite3_bind_text(statement, 6, event->text, (int)event->text_len, SQLITE_STATIC);
    return run(statement);
}

/* Only the first spelling is kept, and none that equals the folded name. */
static int record_spelling(struct store *store, const struct store_ballot *ballot)
{
    char folded[PROTO_VOTER_MAX];
    struct span voter = store_folded_name(ballot, folded);
    if (voter.len == ballot->voter_name_len && memcmp(voter.at, ballot->voter_name, voter.len) == 0)
        return SQLITE_OK;
    sqlite3_bind_text(store->insert_spelling, 1, voter.at, (int)voter.len, SQLITE_STATIC);
    sqlite3_bind_text(store->insert_spelling, 2, ballot->voter_name, (int)ballot->voter_name_len,
                      SQLITE_STATIC);
    return run(store->insert_spelling);
}

static int record_batch(struct store *store, const struct store_batch *batch)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < batch->event_count && code == SQLITE_OK; i++)
        code = record_event(store, batch->time_ns, &batch->events[i]);
    if (batch->ballot_count > 0 && code == SQLITE_OK) {
        store->batch = batch;
        code = run(store->insert_ballots);
        store->batch = NULL;
    }
    for (size_t i = 0; i < batch->ballot_count && code == SQLITE_OK; i++)
        if (batch->ballots[i].voter_name && store->insert_spelling)
            code = record_spelling(store, &batch->ballots[i]);
    for (size_t i = 0; i < batch->tally_count && code == SQLITE_OK; i++) {
        sqlite3_bind_int64(store->replace_tally, 1, batch->tallies[i].poll);
        sqlite3_bind_text(store->replace_tally, 2, batch->tallies[i].line,
                          (int)batch->tallies[i].len, SQLITE_STATIC);
        code = run(store->replace_tally);
    }
    return code;
}

static void roll_back(struct store *store)
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
static int log_errno(const struct store *store)
{
    sqlite3_file *log = NULL;
    int error = 0;
    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log && log->pMethods)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    return error;
}

/* Whether a COMMIT failed because the file system took no write (see the head of this file). */
static bool was_refused(const struct store *store, int code)
{
    if (code != SQLITE_IOERR_WRITE)
        return (code & 0xff) == SQLITE_FULL;
    int error = log_errno(store);
    return error == EROFS || error == EFBIG || error == EDQUOT;
}

int store_commit(struct store *store, const struct store_batch *batch, const char **why)
{
    OWNER_ASSERT(&store->owner);
    int code = run(store->begin);
    if (code == SQLITE_OK && store->begin_log && !store->log_begun)
        code = run(store->begin_log);
    if (code == SQLITE_OK)
        code = record_batch(store, batch);
    if (code == SQLITE_OK) {
        failpoint(FAILPOINT_AFTER_INSERT);
        code = run(store->commit);
        if (code == SQLITE_OK) {
            store->log_begun = true;
            return 0;
        }
        if (!was_refused(store, code)) {
            log_fatal("commit failed, its outcome is unknown: stopping before anyone is answered; "
                      "start again to go on "
                      "from what is on disk file=%s error=%s code=%d",
                      store->path, sqlite3_errstr(code), code);
        }
    }
    *why = code == SQLITE_IOERR_WRITE ? strerror(log_errno(store)) : sqlite3_errstr(code);
    roll_back(store);
    store->retry_pages = 0; /* if the disk is full, an emptied log makes room */
    return ERR_STORAGE;
}

/* ---- checkpoints and sizes ---- */

int store_checkpoint_all(struct store *store, char why[STORE_WHY_MAX])
{
    OWNER_ASSERT(&store->owner);
    int code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code != SQLITE_OK)
        return fail_system(store, why, "can't be written");
    store->log_pages = 0;
    store->log_begun = false;
    atomic_store_explicit(&store->log_bytes, 0, memory_order_relaxed);
    return 0;
}

void store_checkpoint(struct store *store, uint64_t pages)
{
    OWNER_ASSERT(&store->owner);
    if (store->backups > 0 || store->log_pages < pages || store->log_pages < store->retry_pages)
        return;
    int code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    failpoint(FAILPOINT_AFTER_CHECKPOINT);
    if (code == SQLITE_OK) {
        store->log_pages = 0;
        store->log_begun = false;
        store->retry_pages = 0;
        store->checkpoint_failing = false;
        return;
    }
    store->retry_pages = store->log_pages * 2;
    if (!store->checkpoint_failing)
        log_warning("checkpoint failed, the log stays and grows file=%s error=%s", store->path,
                    sqlite3_errstr(code));
    store->checkpoint_failing = true;
}

uint64_t store_database_bytes(const struct store *store)
{
    struct stat status;
    return fstat(store->file, &status) == 0 ? (uint64_t)status.st_size : 0;
}

uint64_t store_log_bytes(const struct store *store)
{
    return atomic_load_explicit(&store->log_bytes, memory_order_relaxed);
}
