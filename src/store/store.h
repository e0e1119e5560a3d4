/* The store: durable storage for what must survive. What the ledger asks of it is a table of
 * functions; an engine fills it in (sqlite/, format in proto/schema.sql). Nothing outside an
 * engine's folder knows how it keeps what it is given.
 *
 * The main thread opens and loads it; from then on only the ledger thread uses it, except for
 * what is marked "any thread". */
#ifndef TALLYCAST_STORE_H
#define TALLYCAST_STORE_H

#include "base/hash.h"
#include "base/owner.h"
#include "proto/entry.h"
#include "proto/error.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for one line that tells a person what is wrong, and where. */
enum { STORE_WHY_MAX = PATH_MAX + 512 };

/* ---- what is recorded ---- */

/* The line of a poll's tally as it will be shown, without its LF. */
struct store_tally {
    uint32_t poll;
    const char *line;
    size_t len;
};

/* The contents of one transaction, recorded all or not at all. The entries are in the order of
 * their sequences, and go on from those that are there. */
struct store_batch {
    const struct entry *entries;
    size_t entry_count;
    const struct store_tally *tallies;
    size_t tally_count;
};

/* Takes what a store holds: the entries in the order of their sequences, then the tallies in the
 * order of their polls. Each function returns 0, or -1 with `why` filled for what can't be. What an
 * entry points to is valid during the call. */
struct store_visitor {
    void *context;
    int (*entry)(void *context, const struct entry *entry, char why[STORE_WHY_MAX]);
    int (*tally)(void *context, const struct store_tally *tally, char why[STORE_WHY_MAX]);
};

/* What became of a batch. Where an engine can't tell, it finds out before it returns, or ends the
 * process before anyone is answered: the next start goes by what is recorded. */
enum store_outcome {
    STORE_RECORDED, /* all of it, durably */
    STORE_REFUSED,  /* none of it, certainly: no room, read-only. The next batch may go through */
    STORE_FENCED,   /* none of it, and there never will be: the ledger has another owner now */
};

/* What the ledger has to do just now, by which an engine chooses the time for work of its own. */
enum store_moment {
    STORE_IDLE,     /* nothing: it is about to sleep */
    STORE_BUSY,     /* ballots may wait */
    STORE_REFUSING, /* the same, and the last batch was refused: room may be what it lacks */
};

/* ---- engines ---- */

struct store {
    const struct store_engine *engine;
    struct owner owner; /* of all that an engine keeps, but what any thread may read */
};

/* How an engine does what the functions below promise, each by the name that it has there. The
 * callers' thread was checked, and a function that is NULL has nothing to do. */
struct store_engine {
    int (*open)(struct store **store, const char *name, bool sync, char why[STORE_WHY_MAX]);
    int (*open_to_read)(struct store **store, const char *name, char why[STORE_WHY_MAX]);
    void (*close)(struct store *store);
    int (*key_check)(const struct store *store, struct hash *check, char why[STORE_WHY_MAX]);
    int (*has_ballots)(const struct store *store, char why[STORE_WHY_MAX]);
    int (*set_key_check)(struct store *store, struct hash check, char why[STORE_WHY_MAX]);
    uint64_t (*voter_estimate)(const struct store *store);
    int (*load)(struct store *store, const struct store_visitor *visitor, char why[STORE_WHY_MAX]);
    int (*follow)(struct store *store, uint64_t after_seq, const struct store_visitor *visitor,
                  char why[STORE_WHY_MAX]);
    int (*adopt)(struct store *store, char why[STORE_WHY_MAX]);
    enum store_outcome (*append)(struct store *store, const struct store_batch *batch,
                                 const char **why);
    enum store_outcome (*confirm)(struct store *store, const char **why);
    void (*work)(struct store *store, enum store_moment moment);
    int (*finish)(struct store *store, char why[STORE_WHY_MAX]);
    uint64_t (*identity)(const struct store *store);
    const char *(*health)(const struct store *store);
    uint64_t (*database_bytes)(const struct store *store);
    uint64_t (*pending_bytes)(const struct store *store);
    int (*backup_begin)(struct store *store);
    int (*backup_copy)(const struct store *store, const char *path, const atomic_bool *cancelled,
                       uint64_t *bytes);
    int (*backup_fill)(const struct store *store, int file, const atomic_bool *cancelled,
                       uint64_t *bytes);
    void (*backup_end)(struct store *store);
    void (*drop_file)(const struct store *store, int file);
};

/* ---- life ---- */

/* Opens the database of that name, or makes it if there is none, and takes it for this process
 * alone. With `sync`, a batch is on stable storage when it is recorded; without, it survives the
 * process but not the machine. Nothing of an existing database is changed but what tells that it
 * was opened. Returns 0, or -1 with `why` filled: it is in use, damaged, of another version, not
 * ours, or can't be reached. */
int store_open(struct store **store, const struct store_engine *engine, const char *name, bool sync,
               char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

/* Opens a database that nobody uses, only to load it, and judges it as store_open does. It changes
 * and locks nothing: a server that starts meanwhile has precedence. Returns 0, or -1 with `why`
 * filled. */
int store_open_to_read(struct store **store, const struct store_engine *engine, const char *name,
                       char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

/* Makes the calling thread its user. The earlier user has ended, or has started this thread. */
void store_take(struct store *store);

/* Lets go of it as it is: whatever state a killed process would leave, the next start finds. */
void store_close(struct store *store);

/* The check value of the key that the voters were hashed with, and whether there are ballots: 1, 0
 * if there is none yet, or -1 with `why` filled if that can't be read. */
int store_key_check(const struct store *store, struct hash *check, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));
int store_has_ballots(const struct store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Records the key's check value, durably. Returns 0, or -1 with `why` filled. */
int store_set_key_check(struct store *store, struct hash check, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* How many voters have a ballot that counts, by the tallies that were last shown: a hint for sizing
 * tables, which nobody has checked. Polls that count every ballot are left out. */
uint64_t store_voter_estimate(const struct store *store);

/* Reads everything. Returns 0, or -1 with `why` filled. */
int store_load(struct store *store, const struct store_visitor *visitor, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Reads the entries that came after a sequence, in order and without the tallies: all that was
 * recorded since, by whoever owned the ledger. Returns 0, or -1 with `why` filled. */
int store_follow(struct store *store, uint64_t after_seq, const struct store_visitor *visitor,
                 char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

/* Adopts a database that was opened and loaded without a fault, before ballots are taken: draws an
 * identity if it has none of its own yet (it is new, a restored backup, a copy), and makes sure
 * that what was loaded is on stable storage, whatever failed before. Main thread. Returns 0, or -1
 * with `why` filled. */
int store_adopt(struct store *store, char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

/* The orderly end: brings all that was recorded to where the next start finds it soonest. Returns
 * 0, or -1 with `why` filled: then the next start does that. */
int store_finish(struct store *store, char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

/* ---- recording ---- */

/* Records a batch, all or nothing. Unless it returns STORE_RECORDED, *why points to static text. */
enum store_outcome store_append(struct store *store, const struct store_batch *batch,
                                const char **why) __attribute__((warn_unused_result));

/* Before a batch is answered of which nothing was recorded: whether the answers may rest on what
 * the ledger knows, since it still is its own. STORE_REFUSED if that can't be told now. */
enum store_outcome store_confirm(struct store *store, const char **why)
    __attribute__((warn_unused_result));

/* Time for the engine's own work, between batches. A failure there is harmless, and only logged. */
void store_work(struct store *store, enum store_moment moment);

/* ---- looking at it ---- */

/* Any thread, after store_adopt: a random number that tells this ledger from others, and from
 * itself before a backup was restored. */
uint64_t store_identity(const struct store *store);

/* NULL if the engine knows of nothing that would keep what is recorded from being found again, or
 * static text that says what happened. May ask the system. Ledger's thread. */
const char *store_health(const struct store *store);

/* Any thread: how large the database is, and how much more was recorded that has yet to be moved
 * into it; in bytes. */
uint64_t store_database_bytes(const struct store *store);
uint64_t store_pending_bytes(const struct store *store);

/* ---- backups ---- */

/* A backup is the database as it is at store_backup_begin. begin and end are the ledger thread's;
 * copy may take long, while batches are recorded, and runs on a thread of its own. */

/* Returns 0, or ERR_STORAGE with errno set. */
int store_backup_begin(struct store *store) __attribute__((warn_unused_result));

/* Copies the database to a new file `path`, whole and synced before it gets that name; stops early
 * when *cancelled. Returns 0 with *bytes set; or with errno set ERR_BAD_ARGUMENT if the path can't
 * be made or exists, ERR_STORAGE on a failed write. */
int store_backup_copy(const struct store *store, const char *path, const atomic_bool *cancelled,
                      uint64_t *bytes) __attribute__((warn_unused_result));

/* The same into a regular file that is open for writing and empty, from its beginning, and stays
 * the caller's; with ERR_BAD_ARGUMENT if it is not, or is the engine's own. */
int store_backup_fill(const struct store *store, int file, const atomic_bool *cancelled,
                      uint64_t *bytes) __attribute__((warn_unused_result));

void store_backup_end(struct store *store);

/* Any thread: closes a file that somebody passed for a backup; all such are to be closed by this.
 * One that is the engine's own may stay open for good. */
void store_drop_file(const struct store *store, int file);

#endif
