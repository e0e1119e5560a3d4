/* The declarations that the sqlite*.c files share. No other file includes it. */
#ifndef TALLYCAST_STORE_INTERNAL_H
#define TALLYCAST_STORE_INTERNAL_H

#include "base/owner.h"
#include "proto/voter_name.h"
#include "store/store.h"

#include <sqlite3.h>
#include <sys/types.h>

/* The one row of the table `ledger`. All zero if there is none. */
struct store_row {
    int64_t identity, origin, log, file;
};

struct store {
    struct owner owner; /* of all members, except those that any thread may read */
    char *path;         /* owned */
    char *log_path;     /* owned: the file's own name, links resolved, with "-wal" */
    /* The database file, read-only. Opened before SQLite opens it and closed after: closing any
     * descriptor of a file drops all of the process's locks on it (fcntl(2)), SQLite's too. */
    int file;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback;
    sqlite3_stmt *begin_log;       /* NULL before store_adopt */
    sqlite3_stmt *insert_spelling; /* NULL before store_adopt */
    sqlite3_stmt *insert_poll, *insert_choice, *insert_event, *insert_ballots, *replace_tally;
    struct store_row file_row; /* as in the file alone when it was opened */
    struct store_row row;
    bool was_backup; /* when it was opened: not in WAL mode, as a backup or a new database is */
    bool log_begun;  /* the log has its identity */
    bool watched;    /* the files can be told by their inodes, which are: */
    dev_t device, log_device;
    ino_t inode, log_inode;
    const struct store_batch *batch; /* the table `batch` shows this; NULL between commits */
    uint64_t log_pages;              /* in the log since it was last moved to the database file */
    uint64_t retry_pages;    /* no checkpoint before the log has so many: set after a failed one */
    bool checkpoint_failing; /* the last checkpoint failed */
    unsigned backups;        /* under way: checkpoints are held back */
    _Atomic uint64_t log_bytes;
};

enum { STORE_PAGE_BYTES = 4096 };

/* Registers the virtual table `batch`: the ballots of store->batch as rows, in order, with the
 * columns of the table `ballot`. Returns an SQLite code. */
int store_batch_register(struct store *store);

/* The voter's name as the table `ballot` has it: folded, into `folded`. */
struct span store_folded_name(const struct store_ballot *ballot, char folded[PROTO_VOTER_MAX]);

/* Fills `why` with the file, what is wrong with it, and SQLite's own words. Returns -1. */
int store_fail(const struct store *store, char why[STORE_WHY_MAX], const char *what);

/* Opens a database file for reading, as if there were no log, without a lock. Returns an SQLite
 * code; the caller must close *db however this ends. */
int store_open_immutable(const char *path, sqlite3 **db);

/* Reads the row of `ledger` from the database file alone, as if there were no log, into
 * store->file_row. Before SQLite holds a lock on the file. Returns 0, or -1 with `why` filled. */
int store_read_file_row(struct store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Reads the row as of file and log together, into store->row, and judges by both rows whether the
 * log belongs to the file. Returns 0, or -1 with `why` filled. */
int store_judge_log(struct store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Notes in the row of `ledger`, durably, that it is of no file, so that an identity will be drawn.
 * Returns an SQLite code. */
int store_disown(struct store *store) __attribute__((warn_unused_result));

/* Judges the schema of a database that is open for reading as strictly as if it were open for
 * writing. Returns 0, or -1 with `why` filled. */
int store_judge_schema(const struct store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Notes which files the store has open, for store_whereabouts. */
void store_watch(struct store *store);

/* Makes every database opened from now on pass the points of failpoint.h when it writes and
 * syncs. */
#ifdef TALLYCAST_TEST_HOOKS
void store_failpoints(void);
#else
static inline void store_failpoints(void)
{
}
#endif

/* The words in poll_event.kind, by enum store_event_kind. */
extern const char *const store_event_names[];

#endif
