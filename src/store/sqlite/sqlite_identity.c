/* A file's identity: which ledger it is, and whether the log beside it is its own.
 *
 * SQLite takes any file named FILE-wal beside FILE for its log. So a log that was left there when a
 * backup was put in place would undo the restore, and another database's log would replace this
 * database. Two things tell a foreign log:
 *
 * - A backup is not in WAL mode, and neither is a new database: neither has a log.
 * - The first transaction of each log counts up `log` in the table `ledger`, by two. So the row is
 *   in every log. If the log is the file's, its count is that of the file's own row, or of the next
 *   log: at most one log was begun since the file got all of the one before. `origin` tells
 *   databases apart.
 *
 * And one thing tells a log that is lacking: the count is odd while a server has the file, and is
 * even again after an orderly end. While it is odd in the file, there always is a log with room for
 * a frame.
 *
 * To read the row of the file alone, the file is opened as immutable: SQLite then looks for no log
 * and takes no lock. A checkpoint may have been writing to it when the power was cut; the row keeps
 * its size, so it is updated in place, within one sector, and is whole.
 *
 * The identity is drawn at a file's first start: of a new file, of a backup, or of a copy, which
 * shows by its birth time (or its inode). WAL mode, in which the file is opened, hides that it was
 * a backup; so before that, its row is noted as no file's. If that errs, others forget what they
 * remember of the ledger, and no harm is done. The main thread runs all of this, at start. */
#include "store/sqlite/sqlite_internal.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_row(sqlite3 *db, struct sqlite_row *row)
{
    sqlite3_stmt *statement;
    *row = (struct sqlite_row){0};
    int code = sqlite3_prepare_v2(db, "SELECT identity, origin, log, file FROM ledger", -1,
                                  &statement, NULL);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *row = (struct sqlite_row){
            .identity = sqlite3_column_int64(statement, 0),
            .origin = sqlite3_column_int64(statement, 1),
            .log = sqlite3_column_int64(statement, 2),
            .file = sqlite3_column_int64(statement, 3),
        };
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* ---- the log ---- */

/* A path as a URI that has SQLite look at nothing but the file: https://www.sqlite.org/uri.html. To
 * be freed; NULL if memory is short. */
static char *immutable_uri(const char *path)
{
    static const char head[] = "file:", tail[] = "?immutable=1";
    char *uri = malloc(sizeof head + 3 * strlen(path) + sizeof tail);
    if (!uri)
        return NULL;
    char *at = stpcpy(uri, head);
    for (; *path; path++)
        at += sprintf(at, strchr("?#%", *path) ? "%%%02x" : "%c", *path);
    strcpy(at, tail);
    return uri;
}

/* Whether SQLite failed because of the file's content, not for want of a resource. */
static bool is_of_content(int code)
{
    switch (code & 0xff) {
    case SQLITE_ERROR: /* there is no such table */
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return true;
    }
    return false;
}

int sqlite_open_immutable(const char *path, sqlite3 **db)
{
    *db = NULL;
    char *uri = immutable_uri(path);
    int code =
        uri ? sqlite3_open_v2(uri, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) : SQLITE_NOMEM;
    free(uri);
    if (code == SQLITE_OK)
        sqlite_distrust(*db);
    return code;
}

int sqlite_read_file_row(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    sqlite3 *db;
    int code = sqlite_open_immutable(store->path, &db);
    if (code == SQLITE_OK)
        code = read_row(db, &store->file_row);
    sqlite3_close(db);
    if (code == SQLITE_OK || is_of_content(code))
        return 0;
    snprintf(why, STORE_WHY_MAX, "%s: can't be opened: %s", store->path, sqlite3_errstr(code));
    return -1;
}

static int refuse_log(const struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    snprintf(why, STORE_WHY_MAX,
             "%.*s: not the log of the database beside it, but another's, or of another time; put "
             "the right one there, or move it away to go on without what it holds",
             PATH_MAX, store->log_path);
    return -1;
}

enum { HOW_MAX = PATH_MAX / 2 - 64 }; /* a command with a path */

static bool is_in_use(int64_t log)
{
    return log % 2 != 0;
}

/* Begun since: the next log (2), and the end (1) or, of a file that had one, the beginning (1). */
static bool belongs(const struct sqlite_row *file, const struct sqlite_row *both)
{
    int64_t begun = both->log - file->log;
    return both->origin == file->origin && begun >= 0 && begun <= (is_in_use(file->log) ? 3 : 2);
}

/* What a log holds is lost without a word if it is lacking, or if SQLite stops reading before its
 * end. Without syncs a power cut does that, and nobody was promised anything else. */
static int judge_lost(const struct sqlite_store *store, const char *lost, const char *how,
                      char why[STORE_WHY_MAX])
{
    if (!store->sync) {
        log_warning("%s: %s; going on without, since --durability=os promises no more",
                    store->log_path, lost);
        return 0;
    }
    snprintf(why, STORE_WHY_MAX,
             "%.*s: %s; put the right one there, restore a backup, or go on without: %.*s",
             HOW_MAX - 64, store->log_path, lost, HOW_MAX, how);
    return -1;
}

static int judge_missing(const struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    char how[HOW_MAX];
    if (store->format->is_old) { /* not always had the count told this */
        log_warning("%s: missing or empty; if the last server did not end in order, what was in "
                    "it is lost",
                    store->log_path);
        return 0;
    }
    snprintf(how, sizeof how, "sqlite3 '%.*s' 'UPDATE ledger SET log = log + 1'", HOW_MAX - 64,
             store->path);
    return judge_lost(
        store,
        "missing or empty, though the last server did not end in order: what was in it is lost, "
        "unless another program has moved it into the database",
        how, why);
}

static int judge_damage(const struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    char lost[160], how[HOW_MAX];
    if (store->log.is_headless)
        snprintf(lost, sizeof lost,
                 "damaged at byte 0, its header, and so nothing in it can be read");
    else
        snprintf(lost, sizeof lost,
                 "damaged at byte %" PRIu64 ", and so %" PRIu64
                 " transactions behind that can't be read",
                 store->log.bad_at, store->log.lost_commits);
    snprintf(how, sizeof how, "truncate -s %" PRIu64 " '%.*s'", store->log.bad_at, HOW_MAX - 64,
             store->log_path);
    return judge_lost(store, lost, how, why);
}

/* Reads the log as a file, for what SQLite does not tell. */
static int read_log(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    int log = open(store->log_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO does not block */
    if (log < 0 && errno == ENOENT)
        return 0;
    struct stat status;
    bool failed = log < 0 || fstat(log, &status) != 0 || wal_scan(log, &store->log) != 0;
    if (failed)
        snprintf(why, STORE_WHY_MAX, "%s: can't be read: %s", store->log_path, strerror(errno));
    if (log >= 0)
        close(log);
    if (failed)
        return -1;
    store->has_log = store->log_begun = status.st_size > 0;
    store->log_pages = store->log.frames;
    return 0;
}

int sqlite_judge_log(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    const struct sqlite_row *file = &store->file_row;
    if (read_log(store, why) != 0)
        return -1;
    int code = read_row(store->db, &store->row);
    if (code != SQLITE_OK && !is_of_content(code))
        return sqlite_fail(store, why, "can't be opened");
    if (file->origin && !belongs(file, &store->row))
        return refuse_log(store, why);
    if (code != SQLITE_OK && !store->format->is_old) /* the first ones had no such row */
        return sqlite_fail(store, why, "damaged");
    if (!store->row.origin && !store->format->is_old) {
        snprintf(why, STORE_WHY_MAX, "%s: damaged: ledger", store->path);
        return -1;
    }
    if (store->log.room == 0)
        return file->origin && is_in_use(file->log) && !store->was_backup
                   ? judge_missing(store, why)
                   : 0;
    return store->log.is_headless || store->log.lost_commits > 1 ? judge_damage(store, why) : 0;
}

/* ---- the identity ---- */

#define EIGHT_BYTES (INT64_C(1) << 62) /* SQLite stores a number with this bit in eight bytes */
#define NO_FILE     EIGHT_BYTES        /* for sqlite_row.file: no file was born at 0 */

static int64_t draw(void)
{
    int64_t bits;
    randombytes_buf(&bits, sizeof bits);
    return (bits & INT64_MAX) | EIGHT_BYTES;
}

/* The file's birth time in nanoseconds, or 0 if that is unknown. */
static int64_t birth_ns(int file)
{
#ifdef HAVE_STATX
    struct statx status;
    if (statx(file, "", AT_EMPTY_PATH, STATX_BTIME, &status) == 0 && status.stx_mask & STATX_BTIME)
        return status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec;
#else
    (void)file;
#endif
    return 0;
}

/* A number that tells the file from a copy of it. A birth time tells more than an inode: some file
 * systems number their inodes anew with each mount. */
static int64_t file_number(const struct sqlite_store *store)
{
    int64_t born_ns = birth_ns(store->file);
    struct stat status = {0};
    if (born_ns == 0)
        fstat(store->file, &status);
    return born_ns ? born_ns | EIGHT_BYTES
                   : -(int64_t)(status.st_ino & (EIGHT_BYTES - 1)) - EIGHT_BYTES;
}

static int run_once(sqlite3 *db, const char *sql, const int64_t *values)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code != SQLITE_OK)
        return code;
    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int sqlite_write_new_row(sqlite3 *db)
{
    const int64_t log = (draw() - EIGHT_BYTES / 2) & ~INT64_C(1); /* leaves room to count up */
    const int64_t values[] = {draw(), draw(), log, NO_FILE};
    return run_once(db, "INSERT INTO ledger(id, identity, origin, log, file) VALUES(1, ?, ?, ?, ?)",
                    values);
}

int sqlite_disown(struct sqlite_store *store)
{
    const int64_t no_file = NO_FILE;
    return run_once(store->db, "UPDATE ledger SET file = ?, log = log + log % 2", &no_file);
}

/* The count that marks the file as in use. If this begins a log, it is another than the file's. If
 * the file has not got the end of the log that is there, the log goes on with its own count: ends
 * and starts that are cut short, one after the other, must not count away from the file. */
static int64_t log_in_use(const struct sqlite_store *store, int64_t log)
{
    if (is_in_use(log))
        return store->has_log ? log : log + 2;
    return store->has_log && log != store->file_row.log ? log - 1 : log + 1;
}

static int write_identity(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    struct sqlite_row row = store->row;
    row.file = file_number(store);
    bool is_same = !store->was_backup && row.file == store->row.file;
    if (!is_same)
        row.identity = draw();
    row.log = log_in_use(store, row.log);
    if (is_same && row.log == store->row.log)
        return 0;
    const int64_t values[] = {row.identity, row.log, row.file};
    if (run_once(store->db, "UPDATE ledger SET identity = ?, log = ?, file = ?", values) !=
        SQLITE_OK)
        return sqlite_fail(store, why, "can't be written");
    store->row = row;
    store->log_begun = true;
    return 0;
}

/* What was loaded may be in the kernel's cache alone, since a sync of a killed process had failed.
 * A checkpoint writes and syncs all of it once more. If the file can't take it (its disk is full)
 * the log is written where it is, and what the database holds can be served. */
static int secure(struct sqlite_store *store, char why[STORE_WHY_MAX])
{
    int code = sqlite_checkpoint(store);
    if (code == SQLITE_OK)
        return 0;
    if (!sqlite_is_refusal(code, sqlite3_system_errno(store->db)))
        return sqlite_fail_system(store, why, "can't be written");
    if (wal_secure(store->log_file, store->log_pages) != 0) {
        snprintf(why, STORE_WHY_MAX, "%s: can't be written: %s", store->log_path, strerror(errno));
        return -1;
    }
    log_warning("the database can't take what is in its log, which stays file=%s error=%s",
                store->path, sqlite3_errstr(code));
    return 0;
}

int sqlite_adopt(struct store *base, char why[STORE_WHY_MAX])
{
    struct sqlite_store *store = sqlite_store(base);
    if (write_identity(store, why) != 0)
        return -1;
    if (sqlite3_prepare_v3(store->db, "UPDATE ledger SET log = log + 2", -1,
                           SQLITE_PREPARE_PERSISTENT, &store->begin_log, NULL) != SQLITE_OK)
        return sqlite_fail(store, why, "damaged");
    return secure(store, why);
}

uint64_t sqlite_identity(const struct store *base)
{
    return (uint64_t)sqlite_store(base)->row.identity;
}
