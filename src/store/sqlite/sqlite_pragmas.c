/* SQLite's settings (see sqlite_pragmas.h). Any thread that owns the connection. */
#include "store/sqlite/sqlite_pragmas.h"

#include <stddef.h>
#include <stdio.h>

enum {
    LOG_LIMIT_BYTES = 64 * 1 << 20, /* a log that grew larger in a burst is cut back to this */
    CACHE_KIB = 2 * 1024,           /* rows are only appended: the pages in use are few */
};

void sqlite_distrust(sqlite3 *db)
{
    static const struct {
        int setting, value;
    } settings[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},   {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
    };
    sqlite3_extended_result_codes(db, 1);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        sqlite3_db_config(db, settings[i].setting, settings[i].value, NULL);
}

/* The exclusive lock comes before WAL mode is asked for: then the log's index is in this process's
 * memory, and no shared memory file is made (https://www.sqlite.org/wal.html#noshm). The first read
 * takes the lock. */
int sqlite_set_pragmas(sqlite3 *db, bool sync)
{
    char pragmas[256];
    snprintf(pragmas, sizeof pragmas,
             "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s;"
             "PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=%d;"
             "PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY; SELECT count(*) FROM sqlite_schema;",
             sync ? "FULL" : "NORMAL", LOG_LIMIT_BYTES, CACHE_KIB);
    return sqlite3_exec(db, pragmas, NULL, NULL, NULL);
}
