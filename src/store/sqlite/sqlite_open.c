/* Opening a database: judging the file, making a new one, and the check value of its key. Main
 * thread.
 *
 * A new database is made under another name, synced, and linked into place whole; so a file that
 * exists has a complete schema, and its header can be judged before SQLite, which might recover or
 * change it, opens it. */
#include "store/sqlite/sqlite_internal.h"

#include "base/big_endian.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/partial.h"
#include "poll/voter.h"
#include "proto/schema_sql.h"

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
    HEADER_PAGE_BYTES_AT = 16,
    HEADER_MODE_AT = 18, /* for writing, and the next byte for reading: 2 in WAL mode, else 1 */
    HEADER_VERSION_AT = 60,
    HEADER_APPLICATION_AT = 68,
};

static int fail_errno(const char *path, char why[STORE_WHY_MAX])
{
    snprintf(why, STORE_WHY_MAX, "%s: %s", path, strerror(errno));
    return -1;
}

/* ---- a new one ---- */

/* Makes an empty database at `path`, which does not exist, with its schema, whole and synced. */
static int create_schema(const char *path, char why[STORE_WHY_MAX])
{
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(
            db, "PRAGMA page_size=4096; PRAGMA journal_mode=MEMORY; PRAGMA synchronous=FULL; BEGIN",
            NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, schema_sql, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite_write_new_row(db);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        snprintf(why, STORE_WHY_MAX, "%s: can't create the database: %s", path, sqlite3_errmsg(db));
    sqlite3_close(db);
    return code == SQLITE_OK ? 0 : -1;
}

static bool has_log(const struct sqlite_store *store)
{
    struct stat log;
    return stat(store->log_path, &log) == 0 && log.st_size > 0;
}

/* Only a database that has been served has a log. SQLite would take any file there for its log. */
static int check_no_log(const struct sqlite_store *store, const char *what, char why[STORE_WHY_MAX])
{
    if (!has_log(store))
        return 0;
    snprintf(why, STORE_WHY_MAX, "%.*s: %s; move it away, or put back the database it belongs to",
             PATH_MAX, store->log_path, what);
    return -1;
}

/* Another server may have made it meanwhile: then that file is opened, and found in use. */
static int place_database(struct partial *partial, const char *path, char why[STORE_WHY_MAX])
{
    bool named = partial_give_name(partial, path) == 0;
    if (!named && errno != EEXIST)
        return fail_errno(path, why);
    if (file_sync_directory(path) == 0)
        return 0;
    snprintf(why, STORE_WHY_MAX, "%s: can't sync its directory: %s", path, strerror(errno));
    if (named)
        unlink(path); /* the next start tries again */
    return -1;
}

/* The file is made first: SQLite would only say that it can't. */
static int create_database(const struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    const char *path = store->path;
    struct partial partial;
    if (check_no_log(store, "a log without its database", why) != 0)
        return -1;
    if (partial_make(&partial, path) != 0)
        return fail_errno(path, why);
    int result = create_schema(partial.name, why);
    failpoint(FAILPOINT_START_SCHEMA);
    if (result == 0)
        result = place_database(&partial, path, why);
    partial_drop(&partial);
    return result;
}

/* ---- opening ---- */

static int refuse_version(const struct sqlite_store *store, uint32_t version,
                          char why[STORE_WHY_MAX])
{
    const char *path = store->path;
    if (version == 1)
        snprintf(why, STORE_WHY_MAX,
                 "%.*s: schema version 1; this tallycast knows version %u; make a new database of "
                 "it: tallyctl import '%.*s' '%.*s.%u'",
                 PATH_MAX / 3, path, schema_version, PATH_MAX / 3, path, PATH_MAX / 3, path,
                 schema_version);
    else
        snprintf(why, STORE_WHY_MAX, "%s: schema version %u; this tallycast knows version %u", path,
                 version, schema_version);
    return -1;
}

/* Judges the file by its header alone. */
static int check_header(struct sqlite_store *store, char why[STORE_WHY_MAX])
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
    if (version == 1 && store->reads_old)
        store->format = &sqlite_format_1;
    else if (version != schema_version)
        return refuse_version(store, version, why);
    unsigned page_bytes =
        (unsigned)header[HEADER_PAGE_BYTES_AT] << 8 | header[HEADER_PAGE_BYTES_AT + 1];
    if (page_bytes != SQLITE_STORE_PAGE_BYTES) {
        snprintf(why, STORE_WHY_MAX, "%s: its pages have %u bytes, and tallycast's %d", store->path,
                 page_bytes, SQLITE_STORE_PAGE_BYTES);
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

/* Runs a query of one value; false if it has no row. The caller reads and finalizes *statement. */
static bool query_row(const struct sqlite_store *store, const char *sql, sqlite3_stmt **statement)
{
    *statement = NULL;
    return sqlite3_prepare_v2(store->db, sql, -1, statement, NULL) == SQLITE_OK &&
           sqlite3_step(*statement) == SQLITE_ROW;
}

/* The same, and tells no row from a failure: 1, 0, or -1 with `why` filled. */
static int try_row(const struct sqlite_store *store, const char *sql, sqlite3_stmt **statement,
                   char why[STORE_WHY_MAX])
{
    if (query_row(store, sql, statement))
        return 1;
    return sqlite3_errcode(store->db) == SQLITE_DONE ? 0 : sqlite_fail(store, why, "can't be read");
}

/* If SQLite can't have WAL mode, it stays in another one without an error. */
static bool is_in_wal_mode(const struct sqlite_store *store)
{
    sqlite3_stmt *row;
    bool wal = query_row(store, "PRAGMA journal_mode", &row) &&
               strcmp((const char *)sqlite3_column_text(row, 0), "wal") == 0;
    sqlite3_finalize(row);
    return wal;
}

/* Fills `why` from a failure while the file was taken. */
static int fail_taking(const struct sqlite_store *store, int code, char why[STORE_WHY_MAX])
{
    if ((code & 0xff) == SQLITE_CORRUPT && has_log(store)) {
        snprintf(why, STORE_WHY_MAX,
                 "%s: can't be read with the log %.*s: one of them is damaged, or the log is "
                 "another's, or of another time",
                 store->path, PATH_MAX / 2, store->log_path);
        return -1;
    }
    if ((code & 0xff) != SQLITE_BUSY)
        return sqlite_fail_system(store, why, "can't be opened");
    snprintf(why, STORE_WHY_MAX, "%s: in use by another process", store->path);
    return -1;
}

/* Takes the file for this process alone, before anything in it is believed or changed. In exclusive
 * mode the lock outlives the transaction. */
static int lock_file(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    /* Another process may be reading the file for a moment; a server would keep it. */
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    int code = sqlite3_exec(store->db, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT",
                            NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : fail_taking(store, code, why);
}

static int configure(struct sqlite_store *store, bool sync, char why[STORE_WHY_MAX])
{
    /* First, since WAL mode hides that it was one. */
    int code = store->was_backup ? sqlite_disown(store) : SQLITE_OK;
    if (code == SQLITE_OK)
        code = sqlite_set_pragmas(store->db, sync);
    if (code != SQLITE_OK)
        return fail_taking(store, code, why);
    if (!is_in_wal_mode(store)) {
        snprintf(why, STORE_WHY_MAX, "%s: can't be put into WAL mode on this file system",
                 store->path);
        return -1;
    }
    sqlite_watch_log(store);
    return 0;
}

/* Opens the file itself, and judges what SQLite would not. A FIFO does not block. */
static int open_file(struct sqlite_store *store, int access_mode, char why[STORE_WHY_MAX])
{
    store->file = open(store->path, access_mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (store->file < 0)
        return fail_errno(store->path, why);
    if (check_header(store, why) != 0 ||
        (store->was_backup &&
         check_no_log(store, "not the log of the backup, or new database, beside it", why) != 0) ||
        sqlite_read_file_row(store, why) != 0)
        return -1;
    return 0;
}

static int open_existing(struct sqlite_store *store, bool sync, char why[STORE_WHY_MAX])
{
    /* Opened for writing, though only SQLite writes: SQLite would open an unwritable file for
     * reading, and fail later with less to say. And if the first opening for writing copies the
     * file (an overlay), both descriptors then have the same copy. */
    if (open_file(store, O_RDWR, why) != 0)
        return -1;
    if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return sqlite_fail(store, why, "can't be opened");
    sqlite_distrust(store->db);
    if (lock_file(store, why) != 0 || sqlite_judge_log(store, why) != 0 ||
        sqlite_judge_schema(store, why) != 0 || configure(store, sync, why) != 0 ||
        sqlite_prepare(store, why) != 0 || sqlite_read_ends(store, why) != 0)
        return -1;
    store->log_file = open(store->log_path, O_RDWR | O_CLOEXEC);
    if (store->log_file < 0)
        return fail_errno(store->log_path, why);
    sqlite_watch(store);
    return 0;
}

/* Without a log, all is in the file. With one, SQLite must read both: the VFS without locks and the
 * exclusive locking mode keep the log's index in memory. */
static int open_immutable_or_with_log(struct sqlite_store *store)
{
    if (!has_log(store))
        return sqlite_open_immutable(store->path, &store->db);
    int code = sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READONLY, "unix-none");
    return code == SQLITE_OK
               ? sqlite3_exec(store->db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL)
               : code;
}

/* An old schema is not judged: what is read is checked entry by entry, and nothing is written. */
static int judge_old(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    sqlite3_stmt *row;
    int found = try_row(store, "SELECT 1 FROM sqlite_schema WHERE name = 'spelling'", &row, why);
    sqlite3_finalize(row);
    if (found == 0)
        store->format = &sqlite_format_1_unspelt;
    return found < 0 ? -1 : sqlite_judge_log(store, why);
}

/* Compiles the statements as a server would, which shows whether the schema fits them. */
static int open_to_read(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    if (open_file(store, O_RDONLY, why) != 0)
        return -1;
    if (open_immutable_or_with_log(store) != SQLITE_OK)
        return sqlite_fail(store, why, "can't be opened");
    sqlite_distrust(store->db);
    if (store->format->is_old)
        return judge_old(store, why);
    if (sqlite_judge_log(store, why) != 0 || sqlite_judge_schema(store, why) != 0 ||
        sqlite_prepare(store, why) != 0 || sqlite_read_ends(store, why) != 0)
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

static struct sqlite_store *new_store(const char *path, char why[STORE_WHY_MAX])
{
    struct sqlite_store *store = calloc(1, sizeof *store);
    if (!store) {
        fail_errno(path, why);
        return NULL;
    }
    store->format = &sqlite_format_now;
    store->file = store->log_file = -1;
    store->path = strdup(path);
    store->log_path = name_log(path);
    if (!store->path || !store->log_path) {
        fail_errno(path, why);
        sqlite_close(&store->base);
        return NULL;
    }
    return store;
}

static int open_new_to_read(struct store **opened, const char *path, bool reads_old,
                            char why[STORE_WHY_MAX])
{
    struct sqlite_store *store = new_store(path, why);
    if (!store)
        return -1;
    store->reads_old = reads_old;
    store->sync = true; /* as far as is known */
    if (open_to_read(store, why) != 0) {
        sqlite_close(&store->base);
        return -1;
    }
    *opened = &store->base;
    return 0;
}

int sqlite_open_to_read(struct store **opened, const char *path, char why[STORE_WHY_MAX])
{
    return open_new_to_read(opened, path, false, why);
}

int sqlite_open_to_import(struct store **opened, const char *path, char why[STORE_WHY_MAX])
{
    return open_new_to_read(opened, path, true, why);
}

int sqlite_open(struct store **opened, const char *path, bool sync, char why[STORE_WHY_MAX])
{
    struct sqlite_store *store = new_store(path, why);
    if (!store)
        return -1;
    sqlite_failpoints();
    store->sync = sync;
    partial_clear(path); /* before SQLite has a lock on what may be the same file */
    if ((access(path, F_OK) != 0 && create_database(store, why) != 0) ||
        open_existing(store, sync, why) != 0) {
        sqlite_close(&store->base);
        return -1;
    }
    *opened = &store->base;
    return 0;
}

void sqlite_close(struct store *base)
{
    struct sqlite_store *store = sqlite_store(base);
    sqlite3_stmt *const statements[] = {
        store->begin,        store->begin_log,     store->commit,        store->rollback,
        store->insert_poll,  store->insert_choice, store->insert_event,  store->insert_sheet,
        store->insert_named, store->insert_value,  store->replace_tally, store->replace_stop,
        store->end_log};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        sqlite3_finalize(statements[i]);
    sqlite3_close(store->db);
    if (store->log_file >= 0)
        close(store->log_file);
    if (store->file >= 0)
        close(store->file);
    free(store->log_path);
    free(store->path);
    free(store);
}

/* ---- the key's check value ---- */

int sqlite_key_check(const struct store *base, struct hash *check, char why[STORE_WHY_MAX])
{
    sqlite3_stmt *statement;
    int found = try_row(sqlite_store(base), "SELECT key_check FROM server", &statement, why);
    if (found == 1 && sqlite3_column_bytes(statement, 0) != HASH_BYTES)
        found = 0;
    if (found == 1)
        *check = hash_from_bytes(sqlite3_column_blob(statement, 0));
    sqlite3_finalize(statement);
    return found;
}

int sqlite_has_ballots(const struct store *base, char why[STORE_WHY_MAX])
{
    sqlite3_stmt *statement;
    const struct sqlite_store *store = sqlite_store(base);
    int found = try_row(store, store->format->has_ballots, &statement, why);
    sqlite3_finalize(statement);
    return found;
}

int sqlite_set_key_check(struct store *base, struct hash check, char why[STORE_WHY_MAX])
{
    const struct sqlite_store *store = sqlite_store(base);
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
    return code == SQLITE_DONE ? 0 : sqlite_fail(store, why, "can't be written");
}
