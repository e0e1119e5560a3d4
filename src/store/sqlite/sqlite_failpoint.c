/* Points within SQLite: each write and sync of the database file and of its log. In builds with
 * test hooks only.
 *
 * A VFS (https://www.sqlite.org/vfs.html) that is the system's own except for xOpen. Its xOpen
 * opens the file as usual, and then gives it a copy of its table of methods with two entries
 * replaced: they pass a point and then call the original method. So SQLite's files, locks and calls
 * are the same as in other builds.
 *
 * Registered by the main thread before the first database is opened; the two tables are filled with
 * the same values at each open. */
#include "store/sqlite/sqlite_internal.h"

#include "base/failpoint.h"

/* The methods of one kind of file: the original ones, and those with points. */
struct methods {
    const sqlite3_io_methods *system;
    sqlite3_io_methods watched;
};

static sqlite3_vfs *system_vfs;
static struct methods database_methods, log_methods;

static int database_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    failpoint(FAILPOINT_DATABASE_WRITE);
    return database_methods.system->xWrite(file, bytes, len, at);
}

static int database_sync(sqlite3_file *file, int flags)
{
    failpoint(FAILPOINT_DATABASE_SYNC);
    return database_methods.system->xSync(file, flags);
}

static int log_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    failpoint(FAILPOINT_LOG_WRITE);
    return log_methods.system->xWrite(file, bytes, len, at);
}

static int log_sync(sqlite3_file *file, int flags)
{
    failpoint(FAILPOINT_LOG_SYNC);
    return log_methods.system->xSync(file, flags);
}

static void watch_file(sqlite3_file *file, struct methods *methods,
                       int (*write)(sqlite3_file *, const void *, int, sqlite3_int64),
                       int (*sync)(sqlite3_file *, int))
{
    methods->system = file->pMethods;
    methods->watched = *file->pMethods;
    methods->watched.xWrite = write;
    methods->watched.xSync = sync;
    file->pMethods = &methods->watched;
}

static int watched_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                        int *flags_out)
{
    (void)vfs;
    int code = system_vfs->xOpen(system_vfs, name, file, flags, flags_out);
    if (code == SQLITE_OK && flags & SQLITE_OPEN_MAIN_DB)
        watch_file(file, &database_methods, database_write, database_sync);
    else if (code == SQLITE_OK && flags & SQLITE_OPEN_WAL)
        watch_file(file, &log_methods, log_write, log_sync);
    return code;
}

void sqlite_failpoints(void)
{
    static sqlite3_vfs watched;
    if (system_vfs)
        return;
    system_vfs = sqlite3_vfs_find(NULL);
    if (!system_vfs)
        return; /* memory is short, and the opening will fail too */
    watched = *system_vfs;
    watched.zName = "tallycast-watched";
    watched.pNext = NULL;
    watched.xOpen = watched_open;
    sqlite3_vfs_register(&watched, 1);
}
