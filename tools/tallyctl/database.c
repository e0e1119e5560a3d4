/* Opening a database without touching it. SQLite itself would touch it: it takes locks, makes a
 * -shm file for a database in WAL mode, and may fold the -wal in. So:
 *
 * - A server that runs holds an exclusive lock on its file. We only check for a lock, and refuse if
 *   there is one.
 * - Without a -wal, or with an empty one, all is in the file: it is opened as immutable.
 * - With a -wal, SQLite must read both. The VFS without locks and exclusive locking mode keep its
 * index in memory, and the checkpoint at the close is turned off, so that nothing is written here
 * either.
 *
 * Nothing keeps a server from starting meanwhile, since it matters more than this program. So what
 * held when the file was opened is checked again at the end, and a result is only reported if it
 * still holds. */
#include "tools/tallyctl/database.h"

#include "ledger/ledger.h"
#include "proto/schema_sql.h"
#include "proto/voter_name.h"
#include "store/database.h"
#include "store/sqlite/sqlite.h"
#include "tools/tallyctl/copy.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/progress.h"
#include "tools/lib/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SQLITE_HEADER_BYTES = 100,
    SQLITE_LOCKS_START = 0x40000000, /* SQLite's lock bytes: pending, reserved, 510 shared */
    SQLITE_LOCKS_BYTES = 512,
    LOOK_EVERY = 10000, /* of SQLite's instructions: less than a millisecond */
};

struct database {
    sqlite3 *sqlite;
    bool is_import; /* an older version will do */
    int version;
    int pages;
    const char *doing;   /* what its progress is that of */
    uint64_t entries;    /* once it was judged */
    struct store *store; /* the same file for the server's loader; NULL if that refuses it: */
    char *why;           /* owned; the loader's words */
    char *name;          /* for messages: as given */
    char *
        path; /* without symbolic links: SQLite looks for the -wal there. NULL for a fresh backup */
    char *wal_path;
    struct stat was;     /* at the time of opening */
    struct stat wal_was; /* st_size is 0 if there was none */
};

static enum status refuse(const struct database *database, const char *why)
{
    output_error("%s: %s", database->name, why);
    return STATUS_REFUSED;
}

static struct database *new_database(const char *name)
{
    struct database *database = calloc(1, sizeof(*database));
    if (!database || !(database->name = strdup(name)))
        memory_exhausted();
    return database;
}

void database_close(struct database *database)
{
    if (database->store)
        store_close(database->store);
    free(database->why);
    sqlite3_close(database->sqlite);
    free(database->name);
    free(database->path);
    free(database->wal_path);
    free(database);
}

/* Keeps the loader's words, with the name that was given in place of the path. */
static void keep_why(struct database *database, const char *path, const char *why)
{
    size_t len = strlen(path);
    bool names_path = len > 0 && strncmp(why, path, len) == 0 && strncmp(why + len, ": ", 2) == 0;
    free(database->why);
    database->why = strdup(names_path ? why + len + 2 : why);
    if (!database->why)
        memory_exhausted();
}

/* ---- The file, before SQLite sees it ---- */

/* Checks whether a process could write now; a read lock is no hindrance. */
static bool is_locked(int fd)
{
    struct flock lock = {.l_type = F_RDLCK,
                         .l_whence = SEEK_SET,
                         .l_start = SQLITE_LOCKS_START,
                         .l_len = SQLITE_LOCKS_BYTES};
    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* The state of a file beside the database; one that isn't there has size 0. */
static struct stat stat_beside(const char *path)
{
    struct stat state;
    if (stat(path, &state) != 0)
        memset(&state, 0, sizeof(state));
    return state;
}

static bool has_unfinished_journal(const struct database *database)
{
    char *journal = must_join(database->path, "-journal");
    struct stat state = stat_beside(journal);
    free(journal);
    return state.st_size > 0;
}

/* A file that SQLite would take for an empty database must not reach it: it would remove the -wal.
 */
static bool has_sqlite_header(int fd)
{
    static const char magic[] = "SQLite format 3"; /* its NUL counts */
    char header[SQLITE_HEADER_BYTES];
    return pread(fd, header, sizeof(header), 0) == sizeof(header) &&
           memcmp(header, magic, sizeof(magic)) == 0;
}

static enum status inspect(struct database *database, int fd)
{
    if (fstat(fd, &database->was) != 0)
        return refuse(database, strerror(errno));
    if (is_locked(fd))
        return refuse(database, database->is_import
                                    ? "a running server has it in use; stop it first"
                                    : "a running server has it in use; without FILE, recount asks "
                                      "that server for a fresh backup");
    if (!has_sqlite_header(fd))
        return refuse(database, "not a database");
    if (has_unfinished_journal(database))
        return refuse(database, "a -journal beside it holds an unfinished transaction");
    database->wal_was = stat_beside(database->wal_path);
    return STATUS_DONE;
}

static enum status inspect_path(struct database *database)
{
    int fd = open(database->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return refuse(database, strerror(errno));
    enum status status = inspect(database, fd);
    close(fd);
    return status;
}

/* ---- SQLite ---- */

static enum status sqlite_failed(const struct database *database)
{
    output_error("%s: %s", database->name,
                 database->sqlite ? sqlite3_errmsg(database->sqlite) : "out of memory");
    return STATUS_REFUSED;
}

enum status database_query(struct database *database, const char *sql, sqlite3_stmt **query)
{
    if (sqlite3_prepare_v2(database->sqlite, sql, -1, query, NULL) == SQLITE_OK)
        return STATUS_DONE;
    return sqlite_failed(database);
}

enum status database_step(struct database *database, sqlite3_stmt *query, bool *has_row)
{
    int result = sqlite3_step(query);
    *has_row = result == SQLITE_ROW;
    return result == SQLITE_ROW || result == SQLITE_DONE ? STATUS_DONE : sqlite_failed(database);
}

enum status database_read_number(struct database *database, const char *sql, int *value)
{
    sqlite3_stmt *query;
    bool has_row;
    enum status status = database_query(database, sql, &query);
    if (status != STATUS_DONE)
        return status;
    status = database_step(database, query, &has_row);
    *value = sqlite3_column_int(query, 0);
    sqlite3_finalize(query);
    return status;
}

/* ---- progress ---- */

static int show_pages(void *context)
{
    const struct database *database = context;
    int read = 0, unused;
    sqlite3_db_status(database->sqlite, SQLITE_DBSTATUS_CACHE_MISS, &read, &unused, 0);
    progress_show(database->doing, (uint64_t)(read < database->pages ? read : database->pages),
                  (uint64_t)database->pages);
    return 0;
}

void database_show_progress(struct database *database, const char *what)
{
    int unused;
    database->doing = what;
    sqlite3_db_status(database->sqlite, SQLITE_DBSTATUS_CACHE_MISS, &unused, &unused, 1);
    sqlite3_progress_handler(database->sqlite, LOOK_EVERY, show_pages, database);
    show_pages(database);
}

/* ---- what a file is ---- */

static enum status check_version(struct database *database)
{
    int application_id;
    enum status status = database_read_number(database, "PRAGMA application_id", &application_id);
    if (status == STATUS_DONE)
        status = database_read_number(database, "PRAGMA user_version", &database->version);
    if (status == STATUS_DONE)
        status = database_read_number(database, "PRAGMA page_count", &database->pages);
    if (status != STATUS_DONE)
        return status;
    int version = database->version;
    if ((uint32_t)application_id != schema_application_id)
        return refuse(database, "not a database of tallycast");
    if ((uint32_t)version == schema_version || (version == 1 && database->is_import))
        return STATUS_DONE;
    if (version == 1)
        output_error("%s: its schema is version 1, and this tallyctl reads version %u; make a new "
                     "database of it: tallyctl import '%s' '%s.%u'",
                     database->name, schema_version, database->name, database->name,
                     schema_version);
    else
        output_error("%s: its schema is version %d, and this tallyctl reads version %u",
                     database->name, version, schema_version);
    return STATUS_REFUSED;
}

static enum status open_immutable(struct database *database, const char *path)
{
    char *uri = malloc(strlen("file:?immutable=1") + TEXT_URI_SIZE(strlen(path)));
    if (!uri)
        memory_exhausted();
    size_t len = (size_t)sprintf(uri, "file:");
    len += text_uri(path, uri + len);
    sprintf(uri + len, "?immutable=1");
    int result =
        sqlite3_open_v2(uri, &database->sqlite, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    free(uri);
    return result == SQLITE_OK ? STATUS_DONE : sqlite_failed(database);
}

static enum status open_with_wal(struct database *database)
{
    int result =
        sqlite3_open_v2(database->path, &database->sqlite, SQLITE_OPEN_READONLY, "unix-none");
    if (result == SQLITE_OK)
        result = sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (result == SQLITE_OK)
        result =
            sqlite3_exec(database->sqlite, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    return result == SQLITE_OK ? STATUS_DONE : sqlite_failed(database);
}

/* The maker of a file chose its views: they may not call functions with side effects. */
static enum status harden(struct database *database)
{
    int result = sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return result == SQLITE_OK ? check_version(database) : sqlite_failed(database);
}

/* Opens it a second time, as the server would; database_judge then reports what is wrong. */
static void open_store(struct database *database, const char *path)
{
    char why[STORE_WHY_MAX];
    struct voter_key key;
    const struct store_engine *engine =
        database->is_import ? &sqlite_import_engine : &sqlite_engine;
    if (database_open_to_read(&database->store, &key, engine, path, why) == 0)
        return;
    database->store = NULL;
    keep_why(database, path, why);
}

static enum status open_path(struct database *database)
{
    database->wal_path = must_join(database->path, "-wal");
    enum status status = inspect_path(database);
    if (status == STATUS_DONE)
        status = database->wal_was.st_size > 0 ? open_with_wal(database)
                                               : open_immutable(database, database->path);
    if (status == STATUS_DONE)
        open_store(database, database->path);
    if (status == STATUS_DONE)
        status = harden(database);
    return status;
}

static enum status open_file(const char *file, bool is_import, struct database **database)
{
    struct database *opened = new_database(file);
    opened->is_import = is_import;
    opened->path = realpath(file, NULL);
    enum status status = opened->path ? open_path(opened) : refuse(opened, strerror(errno));
    if (status == STATUS_DONE)
        *database = opened;
    else
        database_close(opened);
    return status;
}

enum status database_open_file(const char *file, struct database **database)
{
    return open_file(file, false, database);
}

enum status database_open_import(const char *file, struct database **database)
{
    return open_file(file, true, database);
}

enum status database_open_fresh(const struct invocation *invocation, struct database **database)
{
    struct database *opened = new_database("the server's backup");
    struct copy copy;
    enum status status = copy_make_temporary(invocation, &copy);
    if (status == STATUS_DONE)
        status = open_immutable(opened, copy.path);
    if (status == STATUS_DONE)
        open_store(opened, copy.path);
    enum status removed = copy_remove(&copy);
    if (status == STATUS_DONE)
        status = removed;
    if (status == STATUS_DONE)
        status = harden(opened);
    if (status == STATUS_DONE)
        *database = opened;
    else
        database_close(opened);
    return status;
}

/* ---- Would a server start with it? ---- */

const char *database_judge(struct database *database)
{
    char why[STORE_WHY_MAX];
    if (database->store && ledger_check(database->store, &database->entries, why) != 0)
        keep_why(database, database->path ? database->path : "", why);
    return database->why;
}

/* ---- What an import asks ---- */

struct store *database_store(const struct database *database)
{
    return database->store;
}

uint64_t database_entries(const struct database *database)
{
    return database->entries;
}

int database_version(const struct database *database)
{
    return database->version;
}

/* A text that can't be a name stays as it is. */
static void fold(sqlite3_context *context, int argc, sqlite3_value **arguments)
{
    (void)argc;
    char folded[PROTO_VOTER_MAX];
    const char *text = (const char *)sqlite3_value_text(arguments[0]);
    struct span name = {text, text ? (size_t)sqlite3_value_bytes(arguments[0]) : 0};
    size_t len = name.len > 0 && name.len <= PROTO_VOTER_MAX ? voter_name_fold(name, folded) : 0;
    if (len > 0)
        sqlite3_result_text(context, folded, (int)len, SQLITE_TRANSIENT);
    else
        sqlite3_result_value(context, arguments[0]);
}

enum status database_add_fold(struct database *database)
{
    int result = sqlite3_create_function(database->sqlite, "fold", 1,
                                         SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                         NULL, fold, NULL, NULL);
    return result == SQLITE_OK ? STATUS_DONE : sqlite_failed(database);
}

/* ---- Was it left alone? ---- */

static bool is_same(const struct stat *was, const struct stat *is)
{
    return was->st_ino == is->st_ino && was->st_size == is->st_size &&
           was->st_mtim.tv_sec == is->st_mtim.tv_sec && was->st_mtim.tv_nsec == is->st_mtim.tv_nsec;
}

enum status database_verify_still(const struct database *database)
{
    if (!database->path)
        return STATUS_DONE;
    struct stat wal_is = stat_beside(database->wal_path);
    struct stat is = stat_beside(database->path);
    int fd = open(database->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool in_use = fd < 0 || is_locked(fd);
    if (fd >= 0)
        close(fd);
    if (in_use || !is_same(&database->was, &is) || !is_same(&database->wal_was, &wal_is))
        return refuse(database, "a server took it in use meanwhile; nothing can be said of it");
    return STATUS_DONE;
}
