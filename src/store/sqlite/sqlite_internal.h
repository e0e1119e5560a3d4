/* The declarations that the sqlite*.c files share. No other file includes it. */
#ifndef TALLYCAST_SQLITE_INTERNAL_H
#define TALLYCAST_SQLITE_INTERNAL_H

#include "base/container.h"
#include "proto/sheet.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/sqlite_image.h"
#include "store/sqlite/sqlite_pragmas.h"
#include "store/sqlite/sqlite_wal.h"

#include <sqlite3.h>
#include <sys/types.h>

/* The one row of the table `ledger`. All zero if it can't be read. */
struct sqlite_row {
    int64_t identity, origin, log, file;
};

/* How far a ledger has come: its last entry, and the chain up to it. */
struct sqlite_end {
    uint64_t seq;
    unsigned char chain[SHEET_CHAIN_BYTES];
};

/* What is asked of a database of one version of the schema. Each query has the columns that
 * sqlite_load.c reads. */
struct sqlite_format {
    bool is_old;             /* version 1: without chain, codes, slots and orderly stops */
    const char *has_ballots; /* one row, if there are */
    const char *polls, *choices, *events;
    const char *sheets;  /* NULL: there are none */
    const char *ballots; /* those that have a row of their own */
    const char *values;  /* NULL: there are none */
};

struct sqlite_store {
    struct store base;
    const struct sqlite_format *format; /* of this version, but in what is read to be imported */
    bool reads_old;                     /* other versions are not refused */
    char *path;                         /* owned */
    char *log_path; /* owned: the file's own name, links resolved, with "-wal" */
    /* The database file, read-only. Opened before SQLite opens it and closed after: closing any
     * descriptor of a file drops all of the process's locks on it (fcntl(2)), SQLite's too. */
    int file;
    int log_file; /* the log, -1 if it was not opened for writing */
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback;
    sqlite3_stmt *begin_log; /* NULL before sqlite_adopt */
    sqlite3_stmt *end_log;
    sqlite3_stmt *insert_poll, *insert_choice, *insert_event, *insert_sheet, *insert_named;
    sqlite3_stmt *insert_value;
    sqlite3_stmt *replace_tally, *replace_stop;
    struct sqlite_row file_row; /* as in the file alone when it was opened */
    struct sqlite_row row;
    struct wal_scan log; /* what its file held when it was opened */
    bool has_log;        /* it was not empty then */
    bool sync;           /* a commit waits for the disk */
    bool was_backup;     /* when it was opened: not in WAL mode, as a backup or a new database is */
    bool log_begun;      /* the log has its identity */
    bool watched;        /* the files can be told by their inodes, which are: */
    dev_t device, log_device;
    ino_t inode, log_inode;
    struct sqlite_end last;     /* of what is durable */
    struct sqlite_end next;     /* what the transaction that is under way leads to */
    struct sqlite_end stop;     /* the last orderly stop; seq is 0 if there was none */
    struct sheet_builder sheet; /* the one that is being recorded, or loaded */
    uint64_t log_pages;         /* in the log since it was last moved to the database file */
    uint64_t retry_pages;    /* no checkpoint before the log has so many: set after a failed one */
    bool checkpoint_failing; /* the last checkpoint failed */
    struct sqlite_image image; /* of a backup under way */
    _Atomic uint64_t log_bytes;
};

enum {
    SQLITE_STORE_PAGE_BYTES = WAL_PAGE_BYTES,
    SQLITE_CODE_BYTES = 3, /* of a poll or choice, as sheets have it */
};

/* The store that a caller of the engine means. None is const; what says so changes nothing. */
static inline struct sqlite_store *sqlite_store(const struct store *base)
{
    return container_of((struct store *)(uintptr_t)base, struct sqlite_store, base);
}

/* ---- shared by these files ---- */

/* The formats: of this version of the schema; of version 1; and of version 1 before voters' names
 * were folded, when there was no table for their spellings. */
extern const struct sqlite_format sqlite_format_now, sqlite_format_1, sqlite_format_1_unspelt;

/* Where a setting stands among the columns of `poll` that are settings, from 0. The state is none
 * of them: it is in poll_event. */
static inline int sqlite_setting_place(enum setting setting)
{
    return (int)setting - (setting > SETTING_STATE ? 1 : 0);
}

/* Fills `why` with the file, what is wrong with it, and SQLite's own words. Returns -1. */
int sqlite_fail(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what);

/* The same for a system failure, whose reason SQLite hides behind an error code of its own. */
int sqlite_fail_system(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what);

/* The same for what can't be as it was written: the words for it, and the number of an entry or a
 * row. */
int sqlite_damaged(const struct sqlite_store *store, char why[STORE_WHY_MAX], const char *what,
                   int64_t at);

/* Whether a write failed, by SQLite's code and the kernel's errno, because the file system took
 * none: nothing was written. */
bool sqlite_is_refusal(int code, int error);

/* Compiles the statements, which shows whether the schema fits them. Returns 0, or -1 with `why`
 * filled. */
int sqlite_prepare(struct sqlite_store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Has the store count the log's pages. */
void sqlite_watch_log(struct sqlite_store *store);

/* Moves what the log holds into the database file, and leaves the log to be begun anew. Returns an
 * SQLite code. */
int sqlite_checkpoint(struct sqlite_store *store) __attribute__((warn_unused_result));

/* Moves the whole log into the database file and empties it. It rewrites, and syncs, whatever an
 * earlier failed sync may have left in the kernel's cache; so it must succeed before ballots are
 * taken. Returns 0, or -1 with `why` filled. */
int sqlite_checkpoint_all(struct sqlite_store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Opens a database file for reading, as if there were no log, without a lock. Returns an SQLite
 * code; the caller must close *db however this ends. */
int sqlite_open_immutable(const char *path, sqlite3 **db);

/* Reads the row of `ledger` from the database file alone, as if there were no log, into
 * store->file_row. Before SQLite holds a lock on the file. Returns 0, or -1 with `why` filled. */
int sqlite_read_file_row(struct sqlite_store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Reads the row as of file and log together, into store->row, and judges by both rows whether the
 * log belongs to the file, and whether all of it is there that was acknowledged. Returns 0, or -1
 * with `why` filled. */
int sqlite_judge_log(struct sqlite_store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Gives a new database its row of `ledger`. Returns an SQLite code. */
int sqlite_write_new_row(sqlite3 *db) __attribute__((warn_unused_result));

/* Notes in the row of `ledger`, durably, that it is of no file, so that an identity will be drawn,
 * and that it lacks no log.
 * Returns an SQLite code. */
int sqlite_disown(struct sqlite_store *store) __attribute__((warn_unused_result));

/* Compares the schema with ours. Returns 0, or -1 with `why` filled, if there is anything more in
 * it, less, or else. */
int sqlite_judge_schema(const struct sqlite_store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Reads how far the ledger has come, and had come at the last orderly stop. Returns 0, or -1 with
 * `why` filled. */
int sqlite_read_ends(struct sqlite_store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Notes which files the store has open, for sqlite_health. */
void sqlite_watch(struct sqlite_store *store);

/* Makes every database opened from now on pass the points of failpoint.h when it writes and
 * syncs. */
#ifdef TALLYCAST_TEST_HOOKS
void sqlite_failpoints(void);
#else
static inline void sqlite_failpoints(void)
{
}
#endif

/* The words in poll_event.kind, by enum entry_kind; a ballot has none. */
extern const char *const sqlite_event_names[];

/* ---- the engine's functions: store.h says what each does ---- */

int sqlite_open(struct store **store, const char *path, bool sync, char why[STORE_WHY_MAX]);
int sqlite_open_to_read(struct store **store, const char *path, char why[STORE_WHY_MAX]);
int sqlite_open_to_import(struct store **store, const char *path, char why[STORE_WHY_MAX]);
void sqlite_close(struct store *store);
int sqlite_key_check(const struct store *store, struct hash *check, char why[STORE_WHY_MAX]);
int sqlite_has_ballots(const struct store *store, char why[STORE_WHY_MAX]);
int sqlite_set_key_check(struct store *store, struct hash check, char why[STORE_WHY_MAX]);
uint64_t sqlite_voter_estimate(const struct store *store);
int sqlite_load(struct store *store, const struct store_visitor *visitor, char why[STORE_WHY_MAX]);
int sqlite_follow(struct store *store, uint64_t after_seq, const struct store_visitor *visitor,
                  char why[STORE_WHY_MAX]);
int sqlite_adopt(struct store *store, char why[STORE_WHY_MAX]);
void sqlite_work(struct store *store, enum store_moment moment);
uint64_t sqlite_identity(const struct store *store);
const char *sqlite_health(const struct store *store);
uint64_t sqlite_pending_bytes(const struct store *store);
int sqlite_backup_begin(struct store *store);
int sqlite_backup_copy(const struct store *store, const char *path, const atomic_bool *cancelled,
                       uint64_t *bytes);
int sqlite_backup_fill(const struct store *store, int file, const atomic_bool *cancelled,
                       uint64_t *bytes);
void sqlite_backup_end(struct store *store);
void sqlite_drop_file(const struct store *store, int file);

#endif
