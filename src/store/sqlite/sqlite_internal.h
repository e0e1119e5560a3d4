/* What the sqlite*.c files share. Nobody else includes it. */
#ifndef TALLYCAST_STORE_INTERNAL_H
#define TALLYCAST_STORE_INTERNAL_H

#include "store/store.h"

#include <sqlite3.h>

struct store {
    char *path; /* owned */
    /* The database file, read-only. Opened before SQLite opens it and closed after: closing any
     * descriptor of a file drops all of the process's locks on it (fcntl(2)), SQLite's too. */
    int file;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback;
    sqlite3_stmt *insert_poll, *insert_choice, *insert_event, *insert_ballots, *replace_tally;
    const struct store_batch *batch; /* what the table `batch` shows; NULL between commits */
    uint64_t log_pages;              /* in the log since it was last moved to the database file */
    uint64_t retry_pages;    /* no checkpoint before the log has as many: set after a failed one */
    bool checkpoint_failing; /* the last one did */
    unsigned backups;        /* under way: checkpoints are held back */
    _Atomic uint64_t log_bytes;
};

enum { STORE_PAGE_BYTES = 4096 };

/* Registers the virtual table `batch`: the ballots of store->batch as rows, in order, with the
 * columns of the table `ballot`. Returns an SQLite code. */
int store_batch_register(struct store *store);

/* Fills `why` with the file, what is wrong with it, and SQLite's own words. Returns -1. */
int store_fail(const struct store *store, char why[STORE_WHY_MAX], const char *what);

/* Has every database that is opened from now on pass the points of failpoint.h when it writes and
 * syncs.
 */
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
