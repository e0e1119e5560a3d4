/* The store: durable storage for what must survive. A small interface to SQLite (sqlite/, format in
 * proto/schema.sql); nothing outside that folder knows which database it is.
 *
 * The main thread opens and loads it; from then on only the ledger thread uses it, except for
 * store_backup_copy. */
#ifndef TALLYCAST_STORE_H
#define TALLYCAST_STORE_H

#include "base/hash.h"
#include "poll/poll.h"
#include "proto/error.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* Room for one line that tells a person what is wrong, and with which file. */
enum { STORE_WHY_MAX = PATH_MAX + 512 };

#define STORE_SEQ_MAX ((INT64_C(1) << 48) - 1) /* the electorate keeps 48 bits of a sequence */

/* Opens the database, or makes it if there is none, and takes it for this process alone. With
 * `sync`, a commit is on stable storage when it returns; without, it survives the process but not
 * the machine. Nothing of an existing file is changed, but
 * that a backup is put into WAL mode, and notes that it is not the file it was copied from. Returns
 * 0, or -1 with `why` filled: the file is in use, damaged, of a newer version, not ours, or can't
 * be reached. */
int store_open(struct store **store, const char *path, bool sync, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Opens a database that nobody uses, only to load it, and judges it as store_open does. It changes
 * and locks neither the file nor its log: a server that starts meanwhile has precedence. Returns 0,
 * or -1 with `why` filled. */
int store_open_to_read(struct store **store, const char *path, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Makes the calling thread its user. The earlier user has ended, or has started this thread. */
void store_take(struct store *store);

/* Closes it without touching the log; the next start reads the log. */
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

enum store_event_kind {
    STORE_CREATE, /* `choice` is unused, `text` the poll's first state; the poll comes with it */
    STORE_OPEN,
    STORE_CLOSE,
    STORE_TITLE,
    STORE_LABEL, /* of choice `choice`, from 0 */
};

/* An administrator's act. Nothing is owned. */
struct store_event {
    uint64_t seq;
    enum store_event_kind kind;
    const struct poll *poll;
    unsigned choice;
    const char *text; /* not NUL-terminated; TITLE and LABEL */
    size_t text_len;
};

/* A ballot. Nothing is owned. */
struct store_ballot {
    uint64_t seq;
    uint32_t poll;
    uint16_t choice; /* from 0 */
    bool has_key;
    struct hash voter;      /* if name is NULL */
    struct hash key;        /* of its id=, if has_key */
    const char *voter_name; /* if the poll records names; NULL otherwise */
    size_t voter_name_len;
};

/* The line of a poll's tally as it will be shown, without its LF. */
struct store_tally {
    uint32_t poll;
    const char *line;
    size_t len;
};

/* The contents of one transaction, recorded all or not at all. Each array is in the order of its
 * sequences. */
struct store_batch {
    uint64_t time_ns; /* since 1970 */
    const struct store_event *events;
    size_t event_count;
    const struct store_ballot *ballots;
    size_t ballot_count;
    const struct store_tally *tallies;
    size_t tally_count;
};

/* Records a batch. Returns 0 once it is durable. Returns ERR_STORAGE if the database refused it
 * (full, read-only): nothing was recorded, and the next batch may go through; *why then points to
 * static text. If the outcome can't be known, the process aborts before anyone is answered: the
 * next start goes by what is on disk. */
int store_commit(struct store *store, const struct store_batch *batch, const char **why)
    __attribute__((warn_unused_result));

/* Takes what store_load finds. Each function returns 0, or -1 with `why` filled for an impossible
 * row. Polls come first, in the order of their ids (the visitor owns each), then events, ballots
 * and tallies, each in the order of their sequences. Spans are valid during the call. */
struct store_visitor {
    void *context;
    int (*poll)(void *context, struct poll *poll, char why[STORE_WHY_MAX]);
    int (*event)(void *context, const struct store_event *event, char why[STORE_WHY_MAX]);
    int (*ballot)(void *context, const struct store_ballot *ballot, char why[STORE_WHY_MAX]);
    int (*tally)(void *context, const struct store_tally *tally, char why[STORE_WHY_MAX]);
};

/* How many voters have a ballot that counts, by the tallies that were last shown: a hint for sizing
 * tables. Polls that count every ballot are left out. */
uint64_t store_voter_estimate(const struct store *store);

/* Reads everything. Returns 0, or -1 with `why` filled. */
int store_load(struct store *store, const struct store_visitor *visitor, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Adopts a database that was opened and loaded without a fault: draws an identity if the file has
 * none of its own yet (a new file, a restored backup, a copy), and moves the whole log into the
 * file, as store_checkpoint_all does. Before ballots are taken; main thread. Returns 0, or -1 with
 * `why` filled. */
int store_adopt(struct store *store, char why[STORE_WHY_MAX]) __attribute__((warn_unused_result));

/* Any thread, after store_adopt: a random number that tells this ledger from others, and from
 * itself before a backup was restored. */
uint64_t store_identity(const struct store *store);

/* NULL if the files are still in their place, or static text that says what happened to them. It
 * asks the file system. Ledger's thread. */
const char *store_whereabouts(const struct store *store);

/* Moves the whole log into the database file and empties it. It rewrites, and syncs, whatever an
 * earlier failed sync may have left in the kernel's cache; so it must succeed before ballots are
 * taken. Returns 0, or -1 with `why` filled. */
int store_checkpoint_all(struct store *store, char why[STORE_WHY_MAX])
    __attribute__((warn_unused_result));

/* Moves the committed part of the log into the database file, if the log has `pages` pages or more.
 * A failure is harmless and only logged: the log stays, and is tried again when it has grown by as
 * much. */
void store_checkpoint(struct store *store, uint64_t pages);

/* Any thread: the sizes of the database and of its log, in bytes. */
uint64_t store_database_bytes(const struct store *store);
uint64_t store_log_bytes(const struct store *store);

/* A backup is a copy of the database file while checkpoints are held back: all that is new goes to
 * the log, and the file stands still. begin and end are the ledger thread's; copy may take long and
 * runs on a thread of its own. */

/* Empties the log and holds checkpoints back. Returns 0, or ERR_STORAGE. */
int store_backup_begin(struct store *store) __attribute__((warn_unused_result));

/* Copies the database to a new file `path`, whole and synced before it gets that name; stops early
 * when *cancelled. Returns 0 with *bytes set; or with errno set ERR_BAD_ARGUMENT if the path can't
 * be made or exists, ERR_STORAGE on a failed write. */
int store_backup_copy(const struct store *store, const char *path, const atomic_bool *cancelled,
                      uint64_t *bytes) __attribute__((warn_unused_result));

/* The same into a regular file that is open for writing and empty, from its beginning, and stays
 * the caller's; with ERR_BAD_ARGUMENT if it is not, or is the database's log. */
int store_backup_fill(const struct store *store, int file, const atomic_bool *cancelled,
                      uint64_t *bytes) __attribute__((warn_unused_result));

/* Any thread: closes a file that somebody passed; all such are to be closed by this. One that is
 * the database itself stays open for good: closing any descriptor of it would drop the process's
 * locks on it (fcntl(2)), and another server could begin. */
void store_drop_file(const struct store *store, int file);

/* Lets checkpoints go on. */
void store_backup_end(struct store *store);

#endif
