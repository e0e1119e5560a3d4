/* `import`: a new database of the present format, made of an older one (or a present one), offline.
 *
 * Happy path: the old database is opened as for a recount, which changes nothing, and judged as a
 * start would judge it. Its entries are replayed into NEW.importing. That is then loaded as a start
 * would load it, its tallies are compared with the old ones, the key is written beside it, and it
 * gets its name. Cut short at any instant, the same command goes on with what NEW.importing has. */
#include "tools/tallyctl/database.h"

#include "base/file.h"
#include "poll/voter.h"
#include "store/sqlite/sqlite.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/output.h"
#include "tools/tallyctl/progress.h"
#include "tools/tallyctl/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct import {
    const char *old_name, *name; /* as given */
    char *half, *half_log;       /* owned; of the database that is being made */
    char *key_path;              /* owned; of its key */
    char *log;                   /* owned; of the log that it must not find */
    struct database *old;
    struct voter_key key;
    bool has_key, key_is_there; /* there is one; its new file is there already */
    uint64_t had;               /* entries that were there from an earlier time */
    uint64_t polls;
};

static enum status refuse(const char *name, const char *why)
{
    output_error("%s: %s", name, why);
    return STATUS_REFUSED;
}

/* ---- what may stand in the way ---- */

/* Nothing is replaced; and what lies there as a log would be taken for the new database's. */
static enum status check_is_free(const char *path)
{
    struct stat status;
    if (lstat(path, &status) == 0)
        return refuse(path, "there is a file of that name already, and it stays");
    return errno == ENOENT ? STATUS_DONE : refuse(path, strerror(errno));
}

static enum status read_key(const char *path, struct voter_key *key, bool *is_there)
{
    char why[STORE_WHY_MAX];
    enum voter_key_result result = voter_key_read(path, key, why, sizeof why);
    *is_there = result == VOTER_KEY_READ;
    if (result != VOTER_KEY_FAILED)
        return STATUS_DONE;
    output_error("%s", why);
    return STATUS_REFUSED;
}

/* Whether the voters were hashed with it. Without ballots any key will do, or none. */
static enum status judge_old_key(const struct import *import, const char *path)
{
    char why[STORE_WHY_MAX];
    struct hash recorded = {0, 0}, check = voter_key_check(&import->key);
    const struct store *old = database_store(import->old);
    int ballots = store_has_ballots(old, why);
    int found = ballots > 0 ? store_key_check(old, &recorded, why) : ballots;
    if (found < 0)
        return refuse(import->old_name, why);
    if (ballots == 0)
        return STATUS_DONE;
    if (!import->has_key)
        return refuse(path, "missing; without it the voters in the database can't be known again, "
                            "so put it back");
    if (recorded.high == check.high && recorded.low == check.low)
        return STATUS_DONE;
    return refuse(path, "not the key that the voters in the database were hashed with");
}

/* It lies where a server looks for it: beside the name that was given, though that be a link's. */
static enum status check_old_key(struct import *import)
{
    char *path = must_join(import->old_name, ".key");
    enum status status = read_key(path, &import->key, &import->has_key);
    if (status == STATUS_DONE)
        status = judge_old_key(import, path);
    free(path);
    return status;
}

static enum status check_new_key(struct import *import)
{
    struct voter_key there;
    enum status status = read_key(import->key_path, &there, &import->key_is_there);
    if (status != STATUS_DONE || !import->key_is_there)
        return status;
    if (import->has_key && memcmp(&there, &import->key, sizeof there) == 0)
        return STATUS_DONE;
    return refuse(import->key_path, "another key than that of the old database; move it away");
}

/* ---- names that are one voter's now ---- */

/* Runs a query, and says of each row what `tell` says. Counts the rows. */
static enum status each_row(struct import *import, const char *sql,
                            void (*tell)(const struct import *import, sqlite3_stmt *row),
                            uint64_t *rows)
{
    sqlite3_stmt *row;
    bool has_row = true;
    enum status status = database_query(import->old, sql, &row);
    if (status != STATUS_DONE)
        return status;
    while ((status = database_step(import->old, row, &has_row)) == STATUS_DONE && has_row) {
        tell(import, row);
        ++*rows;
    }
    sqlite3_finalize(row);
    return status;
}

static const char *text(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text ? text : "";
}

static void tell_one_voter(const struct import *import, sqlite3_stmt *row)
{
    output_error("%s: poll %s: '%s' (ballot %s) and '%s' (ballot %s) voted as two, and are one "
                 "voter's name since names are folded: imported, the tally would be another",
                 import->old_name, text(row, 0), text(row, 1), text(row, 2), text(row, 3),
                 text(row, 4));
}

/* Where every ballot counts by its id=, names make no difference. */
static const char one_voter_sql[] =
    "SELECT p.name, min(b.voter), (SELECT min(seq) FROM ballot WHERE poll = p.id"
    "       AND voter = min(b.voter)), max(b.voter), (SELECT min(seq) FROM ballot"
    "       WHERE poll = p.id AND voter = max(b.voter))"
    "  FROM (SELECT DISTINCT poll, voter FROM ballot WHERE typeof(voter) = 'text') b"
    "  JOIN poll p ON p.id = b.poll WHERE p.ballots <> 'unlimited'"
    " GROUP BY p.id, fold(b.voter) HAVING count(*) > 1 ORDER BY p.id";

static void tell_hashed(const struct import *import, sqlite3_stmt *row)
{
    output_error("%s: poll %s is open, and has voters from before names were folded, of whom only "
                 "hashes are known: whoever voted under a name with capitals may vote once more; "
                 "close it to prevent that",
                 import->old_name, text(row, 0));
}

static const char hashed_sql[] =
    "SELECT p.name FROM poll p JOIN poll_state s ON s.poll = p.id"
    " WHERE p.voters = 'named' AND p.record = 'pseudonym' AND p.ballots <> 'unlimited'"
    "   AND s.state = 'open' AND p.id IN (SELECT poll FROM ballot)"
    "   AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'spelling') ORDER BY p.id";

/* Version 1 did not always fold names. */
static enum status judge_names(struct import *import)
{
    uint64_t changed = 0, hashed = 0;
    if (database_version(import->old) != 1)
        return STATUS_DONE;
    enum status status = database_add_fold(import->old);
    if (status == STATUS_DONE)
        status = each_row(import, one_voter_sql, tell_one_voter, &changed);
    if (status == STATUS_DONE && changed > 0)
        status = STATUS_REFUSED;
    if (status == STATUS_DONE)
        status = each_row(import, hashed_sql, tell_hashed, &hashed);
    return status;
}

/* ---- the old database ---- */

static enum status load_old(struct import *import)
{
    progress_show("checking the old database", 0, 0);
    const char *why = database_judge(import->old);
    return why ? refuse(import->old_name, why) : STATUS_DONE;
}

static void tell_difference(const struct import *import, sqlite3_stmt *row)
{
    output_error("%s: %s: DIFFERS: shown %s | recounted %s", import->old_name, text(row, 0),
                 text(row, 2), text(row, 1));
}

static const char differing_sql[] =
    "WITH recount AS MATERIALIZED (SELECT poll, line FROM tally)"
    "SELECT p.name, r.line, l.line FROM poll p LEFT JOIN recount r ON r.poll = p.id"
    "  LEFT JOIN last_tally l ON l.poll = p.id WHERE r.line IS NOT l.line ORDER BY p.id";

/* The loader has counted the ballots already; the view must give the same. */
static enum status recount_old(struct import *import)
{
    uint64_t differences = 0;
    progress_show("recounting the old database", 0, 0);
    enum status status = each_row(import, differing_sql, tell_difference, &differences);
    return status == STATUS_DONE && differences > 0 ? STATUS_REFUSED : status;
}

static enum status judge_old(struct import *import)
{
    enum status status = judge_names(import);
    if (status == STATUS_DONE)
        status = load_old(import);
    if (status == STATUS_DONE)
        status = check_old_key(import);
    return status == STATUS_DONE ? recount_old(import) : status;
}

/* ---- the new one ---- */

static enum status end_replay(const struct import *import, enum replay_end end, uint64_t entries,
                              const char *why)
{
    progress_end();
    switch (end) {
    case REPLAY_DONE:
        return STATUS_DONE;
    case REPLAY_OTHER:
        output_error("%s: begun from another database than %s; remove it, and its log, to begin "
                     "anew",
                     import->half, import->old_name);
        return STATUS_REFUSED;
    case REPLAY_INTERRUPTED:
        output_error("interrupted behind entry %" PRIu64 "; the same command goes on", entries);
        return STATUS_INTERRUPTED;
    case REPLAY_FAILED:
        break;
    }
    output_error("%s: %s; behind entry %" PRIu64 "; the same command goes on", import->half, why,
                 entries);
    return STATUS_REFUSED;
}

/* Makes it this process's own, and of the key. */
static enum status adopt(const struct import *import, struct store *half)
{
    char why[STORE_WHY_MAX];
    if ((!import->has_key || store_set_key_check(half, voter_key_check(&import->key), why) == 0) &&
        store_adopt(half, why) == 0)
        return STATUS_DONE;
    output_error("%s", why);
    return STATUS_REFUSED;
}

static enum status run_replay(const struct import *import, struct replay *replay,
                              struct store *half)
{
    char why[STORE_WHY_MAX];
    uint64_t all = database_entries(import->old);
    if (import->had > 0)
        output_error("%s: going on behind entry %" PRIu64 " of %" PRIu64, import->half, import->had,
                     all);
    interrupt_catch(false);
    enum replay_end end = replay_run(replay, database_store(import->old), all, why);
    enum status status = end_replay(import, end, replay_entries(replay), why);
    if (status == STATUS_DONE && store_finish(half, why) != 0) {
        output_error("%s; the same command goes on", why);
        status = STATUS_REFUSED;
    }
    return status;
}

static enum status fill(struct import *import, struct store *half)
{
    char why[STORE_WHY_MAX];
    struct replay *replay;
    if (replay_begin(&replay, half, why) != 0) {
        output_error("%s; remove it, and its log, to begin anew", why);
        return STATUS_REFUSED;
    }
    import->had = replay_entries(replay);
    enum status status = adopt(import, half);
    if (status == STATUS_DONE)
        status = run_replay(import, replay, half);
    replay_free(replay);
    return status;
}

/* The half-made database is synced when it is whole: what a crash leaves of it before that, goes on
 * or is found out. */
static enum status make(struct import *import)
{
    char why[STORE_WHY_MAX];
    struct store *half;
    if (store_open(&half, &sqlite_engine, import->half, false, why) != 0) {
        output_error("%s", why);
        return STATUS_REFUSED;
    }
    enum status status = fill(import, half);
    store_close(half);
    interrupt_release();
    return status;
}

/* ---- is it the same? ---- */

/* The old tallies were recounted, and are those that were shown: so they are compared as shown. */
static const char shown_sql[] = "SELECT p.name, l.line FROM poll p"
                                " LEFT JOIN last_tally l ON l.poll = p.id ORDER BY p.id";

static enum status compare_rows(struct import *import, struct database *whole, sqlite3_stmt *old,
                                sqlite3_stmt *new)
{
    bool has_old = true, has_new = true;
    for (;;) {
        enum status status = database_step(import->old, old, &has_old);
        if (status == STATUS_DONE)
            status = database_step(whole, new, &has_new);
        if (status != STATUS_DONE || (!has_old && !has_new))
            return status;
        if (has_old != has_new || strcmp(text(old, 1), text(new, 1)) != 0) {
            output_error("%s: DIFFERS: old %s | new %s", import->half, text(old, 1), text(new, 1));
            return STATUS_REFUSED;
        }
        import->polls++;
    }
}

static enum status compare(struct import *import, struct database *whole)
{
    sqlite3_stmt *old = NULL, *new = NULL;
    enum status status = database_query(import->old, shown_sql, &old);
    if (status == STATUS_DONE)
        status = database_query(whole, shown_sql, &new);
    if (status == STATUS_DONE)
        status = compare_rows(import, whole, old, new);
    sqlite3_finalize(old);
    sqlite3_finalize(new);
    return status;
}

static enum status verify(struct import *import)
{
    struct database *whole;
    progress_show("checking the new database", 0, 0);
    enum status status = database_open_file(import->half, &whole);
    if (status != STATUS_DONE)
        return status;
    const char *why = database_judge(whole);
    if (why)
        status = refuse(import->half, why);
    else if (database_entries(whole) != database_entries(import->old))
        status = refuse(import->half, "it has not the same entries");
    if (status == STATUS_DONE)
        status = compare(import, whole);
    database_close(whole);
    if (status != STATUS_DONE) { /* it must not be served */
        unlink(import->half);
        unlink(import->half_log);
    }
    return status == STATUS_DONE ? database_verify_still(import->old) : status;
}

/* ---- its name ---- */

static enum status write_key(const struct import *import)
{
    char why[STORE_WHY_MAX];
    if (!import->has_key || import->key_is_there ||
        voter_key_write(import->key_path, &import->key, why, sizeof why) == 0)
        return STATUS_DONE;
    output_error("%s", why);
    return STATUS_REFUSED;
}

/* The log is empty since the orderly end, and would stay under the old name. */
static enum status give_name(const struct import *import)
{
    struct stat log;
    enum status status = write_key(import);
    if (status != STATUS_DONE)
        return status;
    if (stat(import->half_log, &log) == 0 && log.st_size == 0)
        unlink(import->half_log);
    if (file_give_name(import->half, import->name) == 0 && file_sync_directory(import->name) == 0)
        return STATUS_DONE;
    return refuse(import->name, strerror(errno));
}

static void print_summary(const struct invocation *invocation, const struct import *import)
{
    uint64_t entries = database_entries(import->old);
    if (invocation->json)
        output_json(json_pack("{s:I, s:I, s:I}", "entries", (json_int_t)entries, "polls",
                              (json_int_t)import->polls, "resumed", (json_int_t)import->had));
    else
        printf("%" PRIu64 " %s, %" PRIu64 " %s: all tallies are the same\n", entries,
               entries == 1 ? "entry" : "entries", import->polls,
               import->polls == 1 ? "poll" : "polls");
}

/* ---- the command ---- */

static enum status import_old(const struct invocation *invocation, struct import *import)
{
    enum status status = judge_old(import);
    if (status == STATUS_DONE)
        status = check_new_key(import);
    if (status == STATUS_DONE)
        status = make(import);
    if (status == STATUS_DONE)
        status = verify(import);
    progress_end();
    if (status == STATUS_DONE)
        status = give_name(import);
    if (status == STATUS_DONE)
        print_summary(invocation, import);
    return status;
}

/* Whatever its name is, the old database is not to be written to. */
static enum status check_half(const struct import *import)
{
    struct stat old, half;
    bool is_old = stat(import->old_name, &old) == 0 && stat(import->half, &half) == 0 &&
                  old.st_dev == half.st_dev && old.st_ino == half.st_ino;
    return is_old ? refuse(import->half, "it is the old database; give that another name")
                  : STATUS_DONE;
}

enum status command_import(const struct invocation *invocation)
{
    struct import import = {.old_name = invocation->argv[0], .name = invocation->argv[1]};
    import.half = must_join(import.name, ".importing");
    import.half_log = must_join(import.half, "-wal");
    import.key_path = must_join(import.name, ".key");
    import.log = must_join(import.name, "-wal");
    enum status status = check_is_free(import.name);
    if (status == STATUS_DONE)
        status = check_is_free(import.log);
    if (status == STATUS_DONE)
        status = check_half(&import);
    if (status == STATUS_DONE)
        status = database_open_import(import.old_name, &import.old);
    if (status == STATUS_DONE) {
        status = import_old(invocation, &import);
        database_close(import.old);
    }
    free(import.half);
    free(import.half_log);
    free(import.key_path);
    free(import.log);
    return status;
}
