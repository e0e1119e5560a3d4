/* What is SQLite's own in the store (test_engine has what every engine promises): its files, the
 * log, each call that fails; what can't be opened is refused with a reason and left as it was. */
#include "store/sqlite/sqlite.h"

#include "tests/support/capture.h"
#include "tests/support/database.h"
#include "tests/support/coverage.h"
#include "tests/support/entries.h"
#include "proto/error.h"
#include "base/big_endian.h"
#include "proto/sheet.h"
#include "tests/support/temporary.h"
#include "poll/voter.h"
#include "tests/support/unit.h"
#include "tests/support/wrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- calls that can be made to fail ---- */

static long calls_left = -1; /* of the store's, until one fails; -1 is never */
static unsigned failures_in_row = 1, to_fail;
static int failure_code = SQLITE_IOERR;
static int failure_errno = EIO;

static bool fails(void)
{
    if (to_fail == 0) {
        if (calls_left < 0 || calls_left-- > 0)
            return false;
        to_fail = failures_in_row;
    }
    to_fail--;
    errno = failure_errno;
    return true;
}

WRAP(fails(), NULL, void *, malloc, (size_t size), (size))
WRAP(fails(), NULL, void *, calloc, (size_t count, size_t size), (count, size))
WRAP(fails(), NULL, char *, strdup, (const char *text), (text))
WRAP(fails(), -1, int, mkostemp, (char *name, int flags), (name, flags))
WRAP(fails(), -1, int, fsync, (int fd), (fd))
WRAP(fails(), -1, int, fdatasync, (int fd), (fd))
WRAP(fails(), -1, ssize_t, pread, (int fd, void *bytes, size_t len, off_t at), (fd, bytes, len, at))
WRAP(fails(), -1, ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
WRAP(fails(), -1, int, fstat, (int fd, struct stat *status), (fd, status))
WRAP(fails(), failure_code, int, sqlite3_open_v2,
     (const char *name, sqlite3 **db, int flags, const char *vfs), (name, db, flags, vfs))
WRAP(fails(), failure_code, int, sqlite3_prepare_v2,
     (sqlite3 * db, const char *sql, int len, sqlite3_stmt **statement, const char **tail),
     (db, sql, len, statement, tail))
WRAP(fails(), failure_code, int, sqlite3_prepare_v3,
     (sqlite3 * db, const char *sql, int len, unsigned flags, sqlite3_stmt **statement,
      const char **tail),
     (db, sql, len, flags, statement, tail))
WRAP(fails(), failure_code, int, sqlite3_step, (sqlite3_stmt * statement), (statement))
WRAP(fails(), failure_code, int, sqlite3_wal_checkpoint_v2,
     (sqlite3 * db, const char *name, int mode, int *log_pages, int *done),
     (db, name, mode, log_pages, done))

WRAP_OPEN(fails())

static bool has_rival; /* which makes each database just before it is put in its place */

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to)
{
    if (has_rival)
        ck_assert_int_eq(__real_link(from, to), 0);
    return fails() ? -1 : __real_link(from, to);
}

static bool pragmas_do_nothing;

int __real_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **),
                        void *context, char **error);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **),
                        void *context, char **error);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **),
                        void *context, char **error)
{
    if (pragmas_do_nothing && strstr(sql, "journal_mode=WAL"))
        return SQLITE_OK;
    return fails() ? failure_code : __real_sqlite3_exec(db, sql, row, context, error);
}

static long writes_left = -1; /* of SQLite's, until one fails; -1 is never */
static int write_errno;

static ssize_t failing_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    if (writes_left < 0 || writes_left-- > 0)
        return pwrite(fd, bytes, len, at);
    errno = write_errno;
    return -1;
}

static char directory[TEMPORARY_MAX];
static char path[PATH_MAX];
static char why[STORE_WHY_MAX];

static void remove_file(const char *suffix)
{
    char name[PATH_MAX + 16];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    unlink(name);
}

static void setup(void)
{
    temporary_directory(directory, "tallycast-store");
    snprintf(path, sizeof path, "%s/test.db", directory);
}

static void teardown(void)
{
    static const char *const suffixes[] = {"",     "-wal",  "-shm",     "-journal",
                                           ".new", ".copy", ".copy-wal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        remove_file(suffixes[i]);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing is left behind */
}

static struct store *open_store(void)
{
    struct store *store;
    ck_assert_msg(store_open(&store, &sqlite_engine, path, true, why) == 0, "%s", why);
    return store;
}

static struct poll *make_poll(void)
{
    const struct name name = {5, "lunch"}, choices[2] = {{5, "pizza"}, {5, "sushi"}};
    const struct settings settings = {
        {BALLOTS_ONCE, VOTERS_NAMED, REVEAL_CLOSED, RECORD_PSEUDONYM, STATE_CLOSED}};
    struct poll *poll = poll_new(&name, &settings, choices, 2, NULL);
    poll->id = 1;
    return poll;
}

/* A CREATE (entry 1), a label (2), and two ballots (3, 4). */
static enum store_outcome commit_sample(struct store *store, const struct poll *poll)
{
    struct entry entries[] = {
        entry_create(1, poll),
        entry_text(2, 1, ENTRY_LABEL, 1, "Su shi"),
        entry_ballot(3, 1, 2, (struct hash){1, 2}),
        entry_ballot(4, 1, 1, (struct hash){0}),
    };
    entries[3].time_ns = 1700000000000000000u;
    entries[3].ballot.name = (struct span){"bob", 3};
    entries[3].ballot.has_key = true;
    entries[3].ballot.key = (struct hash){3, 4};
    static const char line[] = "lunch closed 4 2 pizza=1 sushi=1";
    const struct store_tally tally = {1, line, sizeof line - 1};
    const struct store_batch batch = {.entries = entries,
                                      .entry_count = UNIT_COUNT(entries),
                                      .tallies = &tally,
                                      .tally_count = 1};
    const char *reason = NULL;
    return store_append(store, &batch, &reason);
}

/* ---- what loading finds ---- */

enum { FOUND_MAX = 8 };

struct found {
    unsigned count, tallies;
    struct entry entries[FOUND_MAX];          /* what they point to is below */
    char text[FOUND_MAX][PROTO_TEXT_MAX + 1]; /* of changes, and names of voters */
    struct name name, choices[2];             /* of the last poll */
    struct settings settings;
    char line[256];
};

static void keep_text(struct found *found, struct span text)
{
    if (text.at)
        memcpy(found->text[found->count], text.at, text.len);
}

static int find_entry(void *context, const struct entry *entry, char *reason)
{
    (void)reason;
    struct found *found = context;
    if (found->count >= FOUND_MAX) {
        found->count++;
        return 0;
    }
    found->entries[found->count] = *entry;
    if (entry->kind == ENTRY_CREATE && entry->create.choice_count == 2) {
        found->name = *entry->create.name;
        found->settings = *entry->create.settings;
        memcpy(found->choices, entry->create.choices, sizeof found->choices);
    }
    if (entry->kind == ENTRY_BALLOT)
        keep_text(found, entry->ballot.name);
    if (entry->kind == ENTRY_TITLE || entry->kind == ENTRY_LABEL)
        keep_text(found, entry->text.text);
    found->count++;
    return 0;
}

static int find_tally(void *context, const struct store_tally *tally, char *reason)
{
    (void)reason;
    struct found *found = context;
    found->tallies++;
    memcpy(found->line, tally->line, tally->len);
    return 0;
}

static int load(struct store *store, struct found *found)
{
    *found = (struct found){0};
    const struct store_visitor visitor = {found, find_entry, find_tally};
    return store_load(store, &visitor, why);
}

START_TEST(the_view_recounts_what_was_last_shown)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), STORE_RECORDED);
    ck_assert_int_eq(store_finish(store, why), 0);
    store_close(store);
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_stmt *row;
    ck_assert_int_eq(
        sqlite3_prepare_v2(db, "SELECT t.line = l.line FROM tally t JOIN last_tally l USING (poll)",
                           -1, &row, NULL),
        SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(row, 0), 1);
    sqlite3_finalize(row);
    sqlite3_close(db);
    poll_free(poll);
}
END_TEST

START_TEST(a_refused_batch_leaves_nothing_and_the_next_one_goes_through)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), STORE_RECORDED);
    /* The second poll of a batch is a repeat of the first's id: SQLite refuses it before the
     * COMMIT. */
    const struct entry entries[] = {entry_change(5, 1, ENTRY_CLOSE), entry_create(6, poll)};
    const struct store_batch bad = {.entries = entries, .entry_count = 2};
    const struct store_batch good = {.entries = entries, .entry_count = 1};
    const char *reason = NULL;
    ck_assert_int_eq(store_append(store, &bad, &reason), STORE_REFUSED);
    ck_assert_ptr_nonnull(reason);
    ck_assert_int_eq(store_append(store, &good, &reason), STORE_RECORDED);
    struct found found;
    ck_assert_int_eq(load(store, &found), 0);
    ck_assert_uint_eq(found.count, 5);
    ck_assert_int_eq(found.entries[4].kind, ENTRY_CLOSE);
    poll_free(poll);
    store_close(store);
}
END_TEST

START_TEST(the_keys_check_value_is_kept)
{
    struct store *store = open_store();
    struct hash check;
    ck_assert_int_eq(store_key_check(store, &check, why), 0);
    ck_assert_int_eq(store_has_ballots(store, why), 0);
    ck_assert_int_eq(store_set_key_check(store, (struct hash){7, 8}, why), 0);
    ck_assert_int_eq(store_set_key_check(store, (struct hash){9, 10}, why), 0);
    store_close(store);
    store = open_store();
    ck_assert_int_eq(store_key_check(store, &check, why), 1);
    ck_assert_uint_eq(check.high, 9);
    ck_assert_uint_eq(check.low, 10);
    ck_assert_int_eq(store_finish(store, why), 0);
    store_close(store);
    database_change(path, "UPDATE server SET key_check = x'00'"); /* no hash is that short */
    store = open_store();
    ck_assert_int_eq(store_key_check(store, &check, why), 0);
    store_close(store);
}
END_TEST

START_TEST(what_the_system_refuses_is_no_size_and_no_check_value)
{
    struct store *store = open_store();
    ck_assert_uint_gt(store_database_bytes(store), 0);
    calls_left = 0;
    ck_assert_uint_eq(store_database_bytes(store), 0);
    calls_left = 0;
    ck_assert_int_eq(store_set_key_check(store, (struct hash){7, 8}, why), -1);
    ck_assert_msg(strstr(why, "can't be written"), "said: %s", why);
    struct hash check;
    ck_assert_int_eq(store_key_check(store, &check, why), 0);
    for (long call = 0; call < 2;
         call++) { /* preparing, stepping: neither says that none is there */
        calls_left = call;
        ck_assert_int_eq(store_key_check(store, &check, why), -1);
        calls_left = call;
        ck_assert_int_eq(store_has_ballots(store, why), -1);
        ck_assert_msg(strstr(why, "can't be read"), "said: %s", why);
    }
    store_close(store);
}
END_TEST

START_TEST(a_backup_is_whole_though_ballots_go_on)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), STORE_RECORDED);
    ck_assert_int_eq(store_backup_begin(store), 0);
    const struct entry later = entry_ballot(5, 1, 1, (struct hash){5, 5});
    const struct store_batch batch = {.entries = &later, .entry_count = 1};
    const char *reason;
    ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
    store_work(store, STORE_REFUSING); /* the copy must not see it */

    char copy[PATH_MAX + 8];
    snprintf(copy, sizeof copy, "%s.copy", path);
    atomic_bool cancelled = false;
    uint64_t bytes = 0;
    ck_assert_int_eq(store_backup_copy(store, copy, &cancelled, &bytes), 0);
    ck_assert_uint_eq(bytes, store_database_bytes(store));
    char header[20];
    int fd = open(copy, O_RDONLY);
    ck_assert_int_eq((int)read(fd, header, sizeof header), (int)sizeof header);
    close(fd);
    ck_assert(header[18] == 1 && header[19] == 1); /* readable without a log beside it */
    ck_assert_int_eq(store_backup_copy(store, copy, &cancelled, &bytes),
                     ERR_BAD_ARGUMENT); /* it exists */
    store_backup_end(store);
    store_work(store, STORE_REFUSING);
    store_close(store);
    poll_free(poll);

    struct store *copied;
    ck_assert_msg(store_open(&copied, &sqlite_engine, copy, true, why) == 0, "%s", why);
    struct found found;
    ck_assert_int_eq(load(copied, &found), 0);
    ck_assert_uint_eq(found.count, 4);
    store_close(copied);
    remove_file(".copy-wal");
}
END_TEST

/* Whether a checkpoint is tried; if so, it fails. */
static bool tries_a_checkpoint(struct store *store, enum store_moment moment)
{
    calls_left = 0;
    store_work(store, moment);
    bool tried = calls_left < 0;
    calls_left = -1;
    return tried;
}

static void append_ballots(struct store *store, uint64_t first_seq, unsigned count)
{
    static struct entry ballots[1000];
    ck_assert_uint_le(count, UNIT_COUNT(ballots));
    for (unsigned i = 0; i < count; i++)
        ballots[i] = entry_ballot(first_seq + i, 1, 1, (struct hash){first_seq + i, ~(uint64_t)i});
    char line[64];
    int len = snprintf(line, sizeof line, "lunch closed %llu 0 pizza=0 sushi=0",
                       (unsigned long long)(first_seq + count - 1));
    const struct store_tally tally = {1, line, (size_t)len};
    const struct store_batch batch = {
        .entries = ballots, .entry_count = count, .tallies = &tally, .tally_count = 1};
    const char *reason;
    ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
}

/* A copy must have these ballots, the tally that the last of them led to, and no damage. */
static void assert_copy(const char *copy, uint64_t last_seq)
{
    char sql[512], found[64] = "";
    sqlite3 *db;
    sqlite3_stmt *row;
    snprintf(sql, sizeof sql,
             "SELECT (SELECT integrity_check FROM pragma_integrity_check) || ' ' ||"
             " (SELECT count(*) FROM ballot) || ' ' || (SELECT line FROM last_tally)");
    ck_assert_int_eq(sqlite3_open_v2(copy, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    snprintf(found, sizeof found, "%s", (const char *)sqlite3_column_text(row, 0));
    sqlite3_finalize(row);
    sqlite3_close(db);
    char expected[64];
    snprintf(expected, sizeof expected, "ok %llu lunch closed %llu 0 pizza=0 sushi=0",
             (unsigned long long)last_seq - 2, (unsigned long long)last_seq);
    ck_assert_str_eq(found, expected);
}

struct copying {
    const struct store *store;
    char path[PATH_MAX + 8];
    atomic_bool cancelled, done;
    int result;
};

static void *copy_in_thread(void *context)
{
    struct copying *copying = context;
    uint64_t bytes;
    copying->result = store_backup_copy(copying->store, copying->path, &copying->cancelled, &bytes);
    atomic_store(&copying->done, true);
    return NULL;
}

/* Meanwhile pages that it has not come to are overwritten, and others that it has. */
START_TEST(a_backup_is_as_it_was_when_it_began)
{
    enum { THOUSANDS = 40 };
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), STORE_RECORDED);
    uint64_t seq = 5;
    for (unsigned i = 0; i < THOUSANDS; i++, seq += 1000)
        append_ballots(store, seq, 1000);
    struct copying copying = {.store = store};
    snprintf(copying.path, sizeof copying.path, "%s.copy", path);
    ck_assert_int_eq(store_backup_begin(store), 0);
    append_ballots(store, seq, 10);
    store_work(store, STORE_REFUSING);
    ck_assert_uint_eq(tries_a_checkpoint(store, STORE_REFUSING), 0); /* it was made */
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, copy_in_thread, &copying), 0);
    for (uint64_t later = seq + 10; !atomic_load(&copying.done); later++) {
        append_ballots(store, later, 1);
        store_work(store, STORE_REFUSING);
    }
    pthread_join(thread, NULL);
    store_backup_end(store);
    ck_assert_int_eq(copying.result, 0);
    assert_copy(copying.path, seq - 1);
    store_close(store);
    poll_free(poll);
}
END_TEST

/* The disk of the database may be full, and that of the copy not. */
START_TEST(a_backup_has_what_could_not_be_moved_from_the_log)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), STORE_RECORDED);
    for (uint64_t seq = 5; seq < 3005; seq += 1000)
        append_ballots(store, seq, 1000);
    struct copying copying = {.store = store};
    snprintf(copying.path, sizeof copying.path, "%s.copy", path);
    calls_left = 0;
    failure_code = SQLITE_FULL;
    ck_assert_int_eq(store_backup_begin(store), 0);
    ck_assert_int_lt(calls_left, 0);
    append_ballots(store, 3005, 1000);
    store_work(store, STORE_REFUSING); /* the log must not begin anew */
    append_ballots(store, 4005, 1000);
    copy_in_thread(&copying);
    store_backup_end(store);
    ck_assert_int_eq(copying.result, 0);
    assert_copy(copying.path, 3004);
    ck_assert(tries_a_checkpoint(store, STORE_REFUSING));
    store_close(store);
    poll_free(poll);
}
END_TEST

/* Each call fails in turn: the checkpoint is not made then, and the copy is what it was to be. */
START_TEST(a_page_that_can_not_be_kept_is_not_overwritten)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), STORE_RECORDED);
    struct copying copying = {.store = store};
    snprintf(copying.path, sizeof copying.path, "%s.copy", path);
    append_ballots(store, 5, 10);
    uint64_t seq = 15;
    long failed = 0;
    bool fails_still = true;
    for (long n = 0; fails_still; n++) {
        ck_assert_int_eq(store_backup_begin(store), 0);
        append_ballots(store, seq, 10);
        calls_left = n;
        store_work(store, STORE_REFUSING);
        fails_still = calls_left < 0;
        calls_left = -1;
        failed += fails_still;
        copy_in_thread(&copying);
        ck_assert_int_eq(copying.result, 0);
        assert_copy(copying.path, seq - 1);
        store_backup_end(store);
        unlink(copying.path);
        seq += 10;
    }
    ck_assert_int_gt(failed, 3);
    store_close(store);
    poll_free(poll);
}
END_TEST

START_TEST(a_cancelled_backup_leaves_no_file)
{
    struct store *store = open_store();
    ck_assert_int_eq(store_backup_begin(store), 0);
    char copy[PATH_MAX + 8];
    snprintf(copy, sizeof copy, "%s.copy", path);
    atomic_bool cancelled = true;
    uint64_t bytes;
    char log[PATH_MAX];
    struct capture capture = capture_begin();
    int result = store_backup_copy(store, copy, &cancelled, &bytes);
    capture_end(&capture, log, sizeof log);
    ck_assert_int_eq(result, ERR_STORAGE);
    ck_assert_ptr_nonnull(strstr(log, strerror(ECANCELED)));
    ck_assert_int_ne(access(copy, F_OK), 0);
    store_backup_end(store);
    store_close(store);
}
END_TEST

/* Of a backup, or of making a database. */
START_TEST(what_a_killed_server_left_is_removed)
{
    struct store *store = open_store();
    char copy[PATH_MAX + 8], left[PATH_MAX + 32];
    snprintf(copy, sizeof copy, "%s.copy", path);
    snprintf(left, sizeof left, "%s.partial-abcdef", copy);
    close(open(left, O_WRONLY | O_CREAT | O_EXCL, 0600));
    ck_assert_int_eq(store_backup_begin(store), 0);
    atomic_bool cancelled = false;
    uint64_t bytes;
    ck_assert_int_eq(store_backup_copy(store, copy, &cancelled, &bytes), 0);
    ck_assert_uint_eq(bytes, store_database_bytes(store));
    ck_assert_int_ne(access(left, F_OK), 0);
    store_backup_end(store);
    store_close(store);
    remove_file("");
    remove_file("-wal");
    snprintf(left, sizeof left, "%s.partial-abcdef", path);
    close(open(left, O_WRONLY | O_CREAT | O_EXCL, 0600));
    store_close(open_store());
    ck_assert_int_ne(access(left, F_OK), 0);
}
END_TEST

/* ---- what can't be opened ---- */

static char *slurp(const char *file, size_t *len)
{
    int fd = open(file, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    struct stat status;
    ck_assert_int_eq(fstat(fd, &status), 0);
    *len = (size_t)status.st_size;
    char *bytes = malloc(*len + 1);
    ck_assert_int_eq((int)read(fd, bytes, *len), (int)*len);
    close(fd);
    return bytes;
}

/* Opening (and loading, if that much works) must fail, say why, name the file, and change nothing.
 */
static void refuses(const char *expected)
{
    size_t before_len, after_len;
    char *before = slurp(path, &before_len);
    struct store *store = NULL;
    struct found found = {0};
    int result = store_open(&store, &sqlite_engine, path, true, why);
    if (result == 0) {
        result = load(store, &found);
        store_close(store);
    }
    ck_assert_int_eq(result, -1);
    ck_assert_msg(strstr(why, path) && strstr(why, expected) && !strchr(why, '\n'), "said: %s",
                  why);
    char *after = slurp(path, &after_len);
    ck_assert_uint_eq(before_len, after_len);
    ck_assert_int_eq(memcmp(before, after, before_len), 0);
    free(before);
    free(after);
}

static void make_sample_file(void)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), STORE_RECORDED);
    ck_assert_int_eq(store_finish(store, why), 0);
    store_close(store);
    poll_free(poll);
    remove_file("-wal");
}

START_TEST(a_file_that_is_no_database_is_refused)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq((int)write(fd, "not a database at all\n", 22), 22);
    close(fd);
    refuses("not a tallycast database");
}
END_TEST

START_TEST(another_programs_database_is_refused)
{
    database_change(path, "CREATE TABLE theirs(x)");
    refuses("not a tallycast database");
}
END_TEST

START_TEST(a_newer_schema_is_refused)
{
    make_sample_file();
    database_change(path, "PRAGMA user_version = 3");
    refuses("schema version 3");
}
END_TEST

/* SQLite would open it, and only read. */
START_TEST(a_file_that_would_only_be_read_is_refused)
{
    static const char modes[] = {0, 3};
    make_sample_file();
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq((int)pwrite(fd, &modes[_i % 2], 1, 18 + _i / 2), 1);
    close(fd);
    refuses("damaged: header");
}
END_TEST

START_TEST(a_database_in_use_is_refused)
{
    struct store *store = open_store();
    refuses("in use");
    store_close(store);
}
END_TEST

START_TEST(a_damaged_page_is_refused)
{
    make_sample_file();
    int fd = open(path, O_WRONLY);
    char junk[4096];
    memset(junk, 0xa5, sizeof junk);
    struct stat status;
    ck_assert_int_eq(fstat(fd, &status), 0);
    for (off_t at = sizeof junk; at < status.st_size; at += (off_t)sizeof junk)
        ck_assert_int_eq((int)pwrite(fd, junk, sizeof junk, at), (int)sizeof junk);
    close(fd);
    refuses("damaged");
}
END_TEST

/* Nobody reads the room between a page's rows, but the next row would be written there. */
START_TEST(a_damaged_page_is_refused_though_its_rows_are_good)
{
    enum { PAGE_BYTES = 4096, FRAGMENTS_AT = 7 };
    static const char *const roots[] = {
        "SELECT rootpage FROM sqlite_schema WHERE name = 'named_ballot'",
        "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_poll_2'",
    };
    const char fragments = 9;
    make_sample_file();
    int page = (int)database_number(path, roots[_i]);
    int fd = open(path, O_WRONLY);
    off_t at = (page - 1) * (off_t)PAGE_BYTES + FRAGMENTS_AT;
    ck_assert_int_eq((int)pwrite(fd, &fragments, 1, at), 1);
    close(fd);
    refuses("damaged: ");
}
END_TEST

/* SQLite quotes what it can't read, lines and all. */
START_TEST(a_refusal_is_one_line)
{
    make_sample_file();
    database_change(path, "PRAGMA writable_schema = 1;"
                          "UPDATE sqlite_schema SET sql = replace(sql, 'SELECT', '\"SELECT')"
                          " WHERE name = 'ballot'");
    refuses("damaged: ");
}
END_TEST

/* What a damaged schema lets in. */
#define NULLS_ALLOWED                                                                    \
    "PRAGMA writable_schema = 1;"                                                        \
    "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table';" \
    "PRAGMA writable_schema = RESET;"

/* Puts other bytes in the place of some of the sheet's. */
#define IN_SHEET(at, hex, next)                                                                \
    "UPDATE sheet SET body = CAST(substr(body, 1, " at ") || x'" hex "' || substr(body, " next \
    ") AS BLOB)"

/* One change of one row each. It is named as damage, with the entry or row that it hit. */
static const struct damage {
    const char *sql, *expected;
} damages[] = {
    {IN_SHEET("0", "000000", "4"), "sheet 3"},
    {IN_SHEET("3", "000000", "7"), "sheet 3"},
    {IN_SHEET("3", "000001", "7"), "not as it was written: entry 3"},
    {IN_SHEET("21", "00", "23"), "not as it was written: entry 3"},
    {IN_SHEET("22", "00", "23"), "sheet 3"},
    {"UPDATE sheet SET body = 'text'", "sheet 3"},
    {"UPDATE sheet SET kind = 17", "sheet 3"},
    {"UPDATE sheet SET kind = 32", "sheet 3"},
    {"UPDATE sheet SET kind = 16 + 256", "sheet 3"},
    {"UPDATE sheet SET ballots = 0", "sheet 3"},
    {"UPDATE sheet SET ballots = 2", "sheet 3"},
    {"UPDATE sheet SET ballots = 65537", "sheet 3"},
    {"UPDATE sheet SET time_ns = -1", "sheet 3"},
    {"UPDATE sheet SET time_ns = time_ns + 1", "not as it was written: entry 3"},
    {"UPDATE sheet SET chain = x'00'", "not as it was written: entry 3"},
    {"UPDATE sheet SET chain = zeroblob(16)", "not as it was written: entry 3"},
    {"UPDATE sheet SET first_seq = -1", "sheet -1"},
    {"UPDATE sheet SET first_seq = 1 << 41", "an entry is missing: 3"},
    {"UPDATE sheet SET first_seq = 2", "not as it was written: entry 2"},
    {"DELETE FROM sheet", "an entry is missing: 3"},
    {"DELETE FROM named_ballot", "the last orderly stop was later, at entry 4"},
    {"UPDATE named_ballot SET chain = zeroblob(16)", "not as it was written: entry 4"},
    {"UPDATE named_ballot SET seq = 3", "a sequence is used twice: 3"},
    {"UPDATE named_ballot SET voter = 'eve'", "not as it was written: entry 4"},
    {"UPDATE named_ballot SET voter = ''", "named_ballot 4"},
    {"UPDATE named_ballot SET voter = 'a' || char(10)", "named_ballot 4"},
    {"UPDATE named_ballot SET voter = hex(zeroblob(65))", "named_ballot 4"},
    {"UPDATE named_ballot SET spelling = 'bob'", "named_ballot 4"},
    {"UPDATE named_ballot SET spelling = 'Bob'", "not as it was written: entry 4"},
    {"UPDATE named_ballot SET spelling = hex(zeroblob(65))", "named_ballot 4"},
    {"UPDATE named_ballot SET poll = 0", "named_ballot 4"},
    {"UPDATE named_ballot SET poll = 10001", "named_ballot 4"},
    {"UPDATE named_ballot SET value = 0", "named_ballot 4"},
    {"UPDATE named_ballot SET value = 1 << 24", "named_ballot 4"},
    {"UPDATE named_ballot SET weight = 0", "named_ballot 4"},
    {"UPDATE named_ballot SET weight = 1 << 32", "named_ballot 4"},
    {"UPDATE named_ballot SET key = 'text'", "named_ballot 4"},
    {"UPDATE named_ballot SET key = x'00'", "named_ballot 4"},
    {"UPDATE named_ballot SET key = NULL", "not as it was written: entry 4"},
    {"DELETE FROM choice WHERE number = 1", "choices of poll 1"},
    {"UPDATE choice SET name = 'UPPER' || char(10) WHERE number = 1", "choices of poll 1"},
    {"UPDATE choice SET name = 'pasta' WHERE number = 1", "not as it was written: entry 1"},
    {"UPDATE choice SET code = x'000007' WHERE number = 1", "choices of poll 1"},
    {"UPDATE poll SET name = ''", "poll 1"},
    {"UPDATE poll SET name = 'dinner'", "not as it was written: entry 1"},
    {"UPDATE poll SET code = x'000002'", "poll 1"},
    {"UPDATE poll SET id = 0", "poll 1"},
    {"UPDATE poll SET id = 10001", "poll 1"},
    {"UPDATE poll SET reveal = 'never'", "settings of poll 1"},
    {"UPDATE poll SET reveal = 'live'", "not as it was written: entry 1"},
    {"UPDATE poll_event SET text = NULL WHERE seq = 1", "poll_event 1"},
    {"UPDATE poll_event SET text = 'open' WHERE seq = 1", "not as it was written: entry 1"},
    {"UPDATE poll_event SET text = 'Ramen' WHERE seq = 2", "not as it was written: entry 2"},
    {"UPDATE poll_event SET text = hex(zeroblob(200)) WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET text = 'a' || char(10) WHERE seq = 2",
     "not as it was written: entry 2"},
    {"UPDATE poll_event SET choice = 1 WHERE seq = 2", "not as it was written: entry 2"},
    {"UPDATE poll_event SET choice = NULL WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET choice = 0 WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET choice = 257 WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET poll = 0 WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET poll = 10001 WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET kind = 'rename' WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET kind = 'ballot' WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET seq = -1 WHERE seq = 2", "poll_event -1"},
    {"UPDATE poll_event SET seq = 1 << 41 WHERE seq = 2", "an entry is missing: 2"},
    {"UPDATE poll_event SET time_ns = -1 WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET choice = 4294967297 WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET kind = 'title' WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET kind = 'close', text = NULL WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET kind = 'open', choice = NULL WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET kind = 'create', choice = NULL WHERE seq = 2", "poll_event 2"},
    {"UPDATE poll_event SET kind = 'create', text = 'open', choice = NULL WHERE seq = 2", "poll 1"},
    {"UPDATE poll_event SET text = 'ajar' WHERE seq = 1", "poll_event 1"},
    {"UPDATE poll_event SET text = NULL WHERE seq = 2", "poll_event 2"},
    {"UPDATE choice SET number = 3 WHERE number = 2", "choices of poll 1"},
    {"INSERT INTO choice VALUES(2, 1, x'000001', 'a', 1)", "choices of poll 2"},
    {"INSERT INTO poll VALUES(2, x'000002', 'q', 'once', 'named', 'live', 'name', 'single',"
     " 'plurality/1', NULL, 'yes', NULL, NULL, NULL, NULL)",
     "poll 2"},
    {"INSERT INTO value VALUES(3, 1, 1, x'0100')", "value of ballot 3"},
    {"DELETE FROM slot WHERE n = 7", "rows of slot: 182"},
    {"INSERT INTO slot VALUES(183)", "rows of slot: 184"},
    {"UPDATE slot SET n = 183 WHERE n = 7", "rows of slot: 183"},
    {"INSERT INTO server VALUES(97, 0, x'00')", "row of server: 97"},

    {"INSERT INTO ledger VALUES(2, 0, 0, 0, 0)", "row of ledger: 2"},
    {"UPDATE orderly_stop SET id = 2", "row of orderly_stop: 2"},
    {"UPDATE poll SET ballots = 'ONCE'", "settings of poll 1"},
    {"UPDATE poll SET method = 'Plurality/1'", "settings of poll 1"},
    {"UPDATE poll_event SET text = 'Closed' WHERE seq = 1", "poll_event 1"},
    {"UPDATE orderly_stop SET seq = 5", "the last orderly stop was later, at entry 5"},
    {"UPDATE orderly_stop SET seq = 3", "another ledger's"},
    {"UPDATE orderly_stop SET chain = zeroblob(16)", "another ledger's"},
    {"UPDATE orderly_stop SET chain = x'00'", "orderly_stop 4"},
    {"UPDATE ledger SET origin = origin + 1", "not as it was written: entry 1"},
    {"DELETE FROM ledger", "damaged: ledger"},
    {"DROP TABLE last_tally", "damaged"},
    {"UPDATE last_tally SET poll = 0", "last_tally of poll 0"},
    {"UPDATE last_tally SET poll = 10001", "last_tally of poll 10001"},
    {NULLS_ALLOWED "UPDATE poll SET name = NULL", "damaged"},
    {NULLS_ALLOWED "UPDATE last_tally SET line = NULL", "damaged"},
};

static void refuses_damage(const struct damage *damage)
{
    char sql[512];
    snprintf(sql, sizeof sql, "PRAGMA ignore_check_constraints = 1; %s", damage->sql);
    database_change(path, sql);
    refuses(damage->expected);
}

START_TEST(a_row_that_can_not_be_is_refused)
{
    make_sample_file();
    refuses_damage(&damages[_i]);
}
END_TEST

/* ---- values ---- */

/* A new poll of two seats, or one, whose ballots the method counts. */
static struct poll *make_counted(uint32_t id, uint16_t record, uint16_t method)
{
    static const struct name choices[] = {{1, "a"}, {1, "b"}, {1, "c"}};
    static const uint8_t lot[] = {2, 0, 1};
    const struct name name = {1, {id == 1 ? 'p' : 'q'}};
    const unsigned given = 1 << SETTING_RECORD | 1 << SETTING_METHOD;
    struct settings settings = {{[SETTING_RECORD] = record, [SETTING_METHOD] = method}};
    ck_assert_int_eq(settings_complete(&settings, given, 3, why), 0);
    struct poll *poll = poll_new(&name, &settings, choices, 3, lot);
    poll->id = id;
    return poll;
}

static struct entry defining(struct entry ballot, const char *marks)
{
    ballot.ballot.marks = (struct span){marks, 3};
    return ballot;
}

/* An STV poll (entry 1) with a sheet of four ballots (2 to 5), of which the first and the third
 * define values and the last abstains; and a STAR poll (6) with one named ballot (7). */
static void make_values_file(void)
{
    struct store *store = open_store();
    struct poll *stv = make_counted(1, RECORD_PSEUDONYM, METHOD_STV);
    struct poll *star = make_counted(2, RECORD_NAME, METHOD_STAR);
    struct entry entries[] = {
        entry_create(1, stv),
        defining(entry_ballot(2, 1, 1, (struct hash){1, 1}), "\1\2\3"),
        entry_ballot(3, 1, 1, (struct hash){2, 2}),
        defining(entry_ballot(4, 1, 2, (struct hash){3, 3}), "\0\1\0"),
        entry_ballot(5, 1, VALUE_ABSTAIN, (struct hash){4, 4}),
        entry_create(6, star),
        defining(entry_ballot(7, 2, 1, (struct hash){0}), "\5\0\3"),
    };
    entries[6].ballot.name = (struct span){"bob", 3};
    static const char p[] = "p open 5 4 a=2 b=1 c=0", q[] = "q open 7 1 a=5 b=0 c=3";
    const struct store_tally tallies[] = {{1, p, sizeof p - 1}, {2, q, sizeof q - 1}};
    const struct store_batch batch = {entries, UNIT_COUNT(entries), tallies, 2};
    const char *reason;
    ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
    ck_assert_int_eq(store_finish(store, why), 0);
    store_close(store);
    poll_free(stv);
    poll_free(star);
    remove_file("-wal");
}

static const struct damage value_damages[] = {
    {"DELETE FROM value WHERE seq = 2", "value of ballot 2"},
    {"DELETE FROM value WHERE seq = 4", "not as it was written: entry 2"},
    {"DELETE FROM value WHERE seq = 7", "not as it was written: entry 7"},
    {"INSERT INTO value VALUES(-1, 1, 3, x'010203')", "value of ballot -1"},
    {"INSERT INTO value VALUES(1, 1, 3, x'010203')", "value of ballot 1"},
    {"INSERT INTO value VALUES(3, 1, 3, x'010203')", "not as it was written: entry 2"},
    {"INSERT INTO value VALUES(5, 1, 16777215, x'010203')", "not as it was written: entry 2"},
    {"INSERT INTO value VALUES(8, 1, 3, x'010203')", "value of ballot 8"},
    {"UPDATE value SET seq = 3 WHERE seq = 4", "not as it was written: entry 2"},
    {"UPDATE value SET seq = 6 WHERE seq = 7", "value of ballot 6"},
    {"UPDATE value SET poll = 2 WHERE seq = 4", "value of ballot 4"},
    {"UPDATE value SET poll = 1 << 32 | 1 WHERE seq = 4", "value of ballot 4"},
    {"UPDATE value SET number = 3 WHERE seq = 4", "value of ballot 4"},
    {"UPDATE value SET number = 3 WHERE seq = 7", "value of ballot 7"},
    {"UPDATE value SET number = 1 << 32 | 2 WHERE seq = 4", "value of ballot 4"},
    {"UPDATE value SET marks = x'000001' WHERE seq = 4", "not as it was written: entry 2"},
    {"UPDATE value SET marks = x'0001' WHERE seq = 4", "not as it was written: entry 2"},
    {"UPDATE value SET marks = 'abc' WHERE seq = 4", "value of ballot 4"},
    {"UPDATE value SET marks = x'' WHERE seq = 4", "value of ballot 4"},
    {"UPDATE value SET marks = x'01' WHERE seq = 4", "value of ballot 4"},
    {"UPDATE value SET marks = zeroblob(257) WHERE seq = 4", "value of ballot 4"},
    {"UPDATE value SET marks = zeroblob(257) WHERE seq = 7", "value of ballot 7"},
    {"UPDATE sheet SET kind = 16", "not as it was written: entry 2"},
    {"UPDATE sheet SET kind = 24", "sheet 2"},
    {"UPDATE named_ballot SET value = 16777215", "value of ballot 7"},
    {"UPDATE choice SET lot = 3 - lot WHERE poll = 1 AND lot < 3",
     "not as it was written: entry 1"},
    {"UPDATE choice SET lot = 1 WHERE poll = 2 AND number = 1", "choices of poll 2"},
    {"UPDATE choice SET lot = 4 WHERE poll = 1 AND number = 1", "choices of poll 1"},
    {"UPDATE choice SET lot = 0 WHERE poll = 1 AND number = 1", "choices of poll 1"},
    {"UPDATE choice SET lot = 257 WHERE poll = 1 AND number = 1", "choices of poll 1"},
    {"UPDATE poll SET kind = 'score' WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET kind = 'guess' WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET method = 'irv/1' WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET method = 'stv' WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET method = 'score/1', seats = 1 WHERE id = 2",
     "not as it was written: entry 6"},
    {"UPDATE poll SET equal = NULL WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET equal = 'yes' WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET equal = 'yes' WHERE id = 2", "settings of poll 2"},
    {"UPDATE poll SET abstain = 'no' WHERE id = 1", "not as it was written: entry 1"},
    {"UPDATE poll SET seats = 2 WHERE id = 1", "not as it was written: entry 1"},
    {"UPDATE poll SET seats = 3 WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET seats = 257 WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET seats = 1 << 16 | 1 WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET seats = -1 WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET seats = x'31' WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET seats = 1 WHERE id = 2", "settings of poll 2"},
    {"UPDATE poll SET min = 4 WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET max = 2 WHERE id = 1", "not as it was written: entry 1"},
    {"UPDATE poll SET scores = 5 WHERE id = 1", "settings of poll 1"},
    {"UPDATE poll SET scores = NULL WHERE id = 2", "settings of poll 2"},
    {"UPDATE poll SET scores = 11 WHERE id = 2", "settings of poll 2"},
};

START_TEST(a_value_that_can_not_be_is_refused)
{
    make_values_file();
    refuses_damage(&value_damages[_i]);
}
END_TEST

START_TEST(the_views_tell_what_a_ballot_says)
{
    static const struct {
        const char *sql, *expected;
    } queries[] = {
        {"SELECT group_concat(value || ':' || ifnull(choice, 'none'), ' ') FROM ballot",
         "1:none 1:none 2:none 16777215:none 1:none"},
        {"SELECT group_concat(choice || '=' || mark, ' ') FROM mark WHERE poll = 2", "1=5 2=0 3=3"},
        {"SELECT group_concat(value, ' ') FROM (SELECT value FROM counting_ballot WHERE poll = 1"
         " ORDER BY seq)",
         "1 1 2 16777215"},
        {"SELECT group_concat(line, ';') FROM tally",
         "p open 5 4 a=2 b=1 c=0;q open 7 1 a=5 b=0 c=3"},
        {"SELECT group_concat(name, '>') FROM (SELECT name FROM choice WHERE poll = 1 ORDER BY "
         "lot)",
         "c>a>b"},
    };
    make_values_file();
    char *found = database_text(path, queries[_i].sql);
    ck_assert_str_eq(found, queries[_i].expected);
    free(found);
}
END_TEST

START_TEST(a_poll_of_too_many_choices_is_refused)
{
    sqlite3 *db;
    sqlite3_stmt *row;
    make_sample_file();
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "INSERT INTO choice VALUES(1, ?1, ?2, 'c' || ?1, ?1)",
                                        -1, &row, NULL),
                     SQLITE_OK);
    for (int number = 3; number <= PROTO_CHOICES_MAX + 1; number++) {
        unsigned char code[3];
        big_endian_put(code, (uint64_t)number, sizeof code);
        sqlite3_bind_int(row, 1, number);
        sqlite3_bind_blob(row, 2, code, sizeof code, SQLITE_STATIC);
        ck_assert_int_eq(sqlite3_step(row), SQLITE_DONE);
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
    refuses("choices of poll 1");
}
END_TEST

/* Their hashes begin alike, with bytes that end a string elsewhere. */
START_TEST(the_views_tell_voters_apart)
{
    make_sample_file();
    struct store *store = open_store();
    append_ballots(store, 5, 400);
    ck_assert_int_eq(store_finish(store, why), 0);
    store_close(store);
    ck_assert_uint_eq(database_number(path, "SELECT count(*) FROM ballot"), 402);
    ck_assert_uint_eq(database_number(path, "SELECT count(*) FROM counting_ballot"), 402);
    ck_assert_uint_eq(database_number(path, "SELECT ballots FROM tally"), 402);
}
END_TEST

/* Entries whose log is lost are missed at the next start, if the server had stopped in order. */
START_TEST(what_an_orderly_stop_had_is_missed)
{
    make_sample_file();
    struct store *store = open_store();
    append_ballots(store, 5, 400);
    ck_assert_int_eq(store_finish(store, why), 0);
    store_close(store);
    database_change(path, "DELETE FROM sheet WHERE first_seq > 100");
    refuses("the last orderly stop was later, at entry 404");
    database_change(path, "UPDATE orderly_stop SET seq = (SELECT first_seq + ballots - 1 FROM sheet"
                          " ORDER BY first_seq DESC), chain = (SELECT chain FROM sheet"
                          " ORDER BY first_seq DESC)");
    store = open_store();
    struct found found;
    ck_assert_msg(load(store, &found) == 0, "%s", why);
    ck_assert_uint_eq(found.count, 4 + SHEET_BALLOTS_MAX);
    store_close(store);
}
END_TEST

/* What a schema may hold beside ours, or in its place: a file is not run, and not read in another
 * order. */
static const struct {
    const char *sql, *expected;
} strangers[] = {
    {"CREATE TRIGGER other AFTER INSERT ON sheet BEGIN UPDATE sheet SET kind = 1; END",
     "a trigger that is not tallycast's, other"},
    {"CREATE TABLE batch(seq, time_ns, poll, choice, voter, key)", "a table that is not"},
    {"CREATE VIEW other AS SELECT 1", "a view that is not"},
    {"CREATE INDEX other ON sheet(time_ns, kind, ballots, body, chain)", "an index that is not"},
    {"ANALYZE", "a table that is not tallycast's, sqlite_stat1"},
    {"CREATE TABLE \"two\nlines\"(x)", "a table that is not tallycast's, two; with"},
    {"DROP VIEW poll_state; CREATE VIEW poll_state AS SELECT 1 AS poll", "else of: poll_state"},
    {"DROP VIEW counting_ballot; CREATE TABLE counting_ballot(poll)", "a table that is not"},
    {"DROP VIEW tally", "lacks: tally"},
    {"PRAGMA writable_schema = 1;"
     "UPDATE sqlite_schema SET sql = replace(sql, ''' ''', '''  ''')",
     "else of: tally"},
    {"PRAGMA writable_schema = 1;"
     "UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'choice'",
     "else of: choice"},
};

START_TEST(a_schema_that_is_not_ours_is_refused)
{
    struct store *store;
    make_sample_file();
    database_change(path, strangers[_i].sql);
    refuses(strangers[_i].expected);
    ck_assert_int_eq(store_open_to_read(&store, &sqlite_engine, path, why), -1);
    ck_assert_msg(strstr(why, strangers[_i].expected), "said: %s", why);
}
END_TEST

/* Another version may have put it otherwise. */
START_TEST(comments_and_lines_of_a_schema_do_not_count)
{
    make_sample_file();
    database_change(
        path, "PRAGMA writable_schema = 1;"
              "UPDATE sqlite_schema SET sql = replace(sql, char(10), ' -- ''it' || char(10))");
    struct store *store = open_store();
    ck_assert_int_eq(store_has_ballots(store, why), 1);
    store_close(store);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_refused)
{
    char missing[PATH_MAX];
    snprintf(missing, sizeof missing, "%s/missing/test.db", directory);
    struct store *store;
    ck_assert_int_eq(store_open(&store, &sqlite_engine, missing, true, why), -1);
    ck_assert_msg(strstr(why, missing), "said: %s", why);
}
END_TEST

START_TEST(a_name_that_is_too_long_is_refused)
{
    char name[PATH_MAX + 64];
    struct store *store = open_store();
    for (size_t len = PATH_MAX - 30; len < PATH_MAX + 10; len += 20) {
        snprintf(name, sizeof name, "%s/", directory);
        memset(name + strlen(name), 'x', len - strlen(name));
        name[len] = '\0';
        struct store *other;
        ck_assert_int_eq(store_open(&other, &sqlite_engine, name, true, why), -1);
        ck_assert_msg(strstr(why, "too long"), "said: %s", why);
        atomic_bool cancelled = false;
        uint64_t bytes;
        ck_assert_int_eq(store_backup_copy(store, name, &cancelled, &bytes), ERR_BAD_ARGUMENT);
    }
    store_close(store);
}
END_TEST

/* ---- each call that fails ---- */

/* How many files the directory holds. */
static int count_files(void)
{
    DIR *files = opendir(directory);
    ck_assert_ptr_nonnull(files);
    int count = 0;
    for (struct dirent *file; (file = readdir(files));)
        count += file->d_name[0] != '.';
    closedir(files);
    return count;
}

/* Each call fails in turn while a database is made. What can't be made is told, and leaves either
 * nothing or a whole database: the next try succeeds. */
START_TEST(making_a_database_fails_cleanly)
{
    int failures = 0;
    for (long n = 0;; n++) {
        struct store *store = NULL;
        why[0] = '\0';
        calls_left = n;
        int result = store_open(&store, &sqlite_engine, path, true, why);
        bool failed = calls_left < 0;
        calls_left = -1;
        if (result == 0) {
            store_close(store);
        } else {
            failures++;
            ck_assert_msg(strstr(why, path), "call %ld said: %s", n, why);
            ck_assert_int_le(count_files(), 2);
        }
        store = open_store();
        ck_assert_int_eq(store_has_ballots(store, why), 0);
        store_close(store);
        remove_file("");
        remove_file("-wal");
        ck_assert_int_eq(count_files(), 0);
        if (!failed)
            break;
    }
    ck_assert_int_gt(failures, 15);
}
END_TEST

START_TEST(a_database_that_another_server_made_meanwhile_is_opened)
{
    has_rival = true;
    struct store *store = open_store();
    ck_assert_int_eq(store_has_ballots(store, why), 0);
    store_close(store);
    ck_assert_int_eq(count_files(), 2); /* it, and its log */
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600); /* who votes is nobody else's business */
}
END_TEST

/* On some file systems SQLite stays in another mode, and does not say so. */
START_TEST(a_database_without_a_log_is_refused)
{
    struct store *store;
    pragmas_do_nothing = true;
    ck_assert_int_eq(store_open(&store, &sqlite_engine, path, true, why), -1);
    ck_assert_msg(strstr(why, "can't be put into WAL mode"), "said: %s", why);
}
END_TEST

/* The same while one is opened and read: it is refused, or read as it is. */
START_TEST(reading_a_database_fails_cleanly)
{
    make_sample_file();
    size_t before_len, after_len;
    char *before = slurp(path, &before_len);
    int failures = 0;
    for (long n = 0;; n++) {
        struct store *store = NULL;
        struct found found = {0};
        why[0] = '\0';
        calls_left = n;
        int result = store_open(&store, &sqlite_engine, path, true, why);
        uint64_t voters = result == 0 ? store_voter_estimate(store) : 0;
        if (result == 0 && (result = load(store, &found)) == 0)
            result = store_finish(store, why);
        bool failed = calls_left < 0;
        calls_left = -1;
        failures += result != 0;
        ck_assert_uint_le(voters, 2); /* it is an estimate: no failure of the load */
        ck_assert_msg(result == 0 || why[0] != '\0', "call %ld said nothing", n);
        ck_assert(result != 0 || (found.count == 4 && found.tallies == 1));
        if (store)
            store_close(store);
        if (!failed)
            break;
    }
    ck_assert_int_gt(failures, 20);
    char *after = slurp(path, &after_len);
    ck_assert(before_len == after_len && memcmp(before, after, before_len) == 0);
    free(before);
    free(after);
}
END_TEST

enum { CHILD_COMMITTED, CHILD_REFUSED, CHILD_DID_NOT_FAIL };

/* Commits while the call that *countdown counts down to fails. */
static enum store_outcome commit_later(struct store *store, uint64_t seq, long *countdown, long n)
{
    const struct name name = {6, "dinner"}, choices[2] = {{1, "a"}, {1, "b"}};
    const struct settings settings = {{0}};
    to_fail = 0;
    struct poll *poll = poll_new(&name, &settings, choices, 2, NULL);
    poll->id = 2;
    const struct entry entries[] = {entry_create(seq, poll), entry_change(seq + 1, 2, ENTRY_CLOSE),
                                    entry_ballot(seq + 2, 2, 1, (struct hash){5, seq})};
    static const char line[] = "dinner closed 7 1 a=1 b=0";
    const struct store_tally tally = {2, line, sizeof line - 1};
    const struct store_batch batch = {.entries = entries,
                                      .entry_count = UNIT_COUNT(entries),
                                      .tallies = &tally,
                                      .tally_count = 1};
    const char *reason = NULL;
    *countdown = n;
    enum store_outcome result = store_append(store, &batch, &reason);
    if (result != STORE_RECORDED && !reason)
        _exit(99);
    poll_free(poll);
    return result;
}

/* In a process of its own, which may abort: opens the database and commits while call `n` fails. */
static int commit_in_child(long *countdown, long n)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct store *store;
        coverage_of_aborts();
        if (store_open(&store, &sqlite_engine, path, true, why) != 0)
            _exit(98);
        enum store_outcome result = commit_later(store, 5, countdown, n);
        bool failed = *countdown < 0;
        /* Nothing of the refused one is left. */
        if (result != STORE_RECORDED && commit_later(store, 5, countdown, -1) != STORE_RECORDED)
            _exit(97);
        calls_left = -1;
        coverage_exit(!failed                    ? CHILD_DID_NOT_FAIL
                      : result == STORE_RECORDED ? CHILD_COMMITTED
                                                 : CHILD_REFUSED);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static unsigned count_ballots(void)
{
    struct store *store = open_store();
    sqlite3 *db;
    store_close(store);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_stmt *row;
    ck_assert_int_eq(sqlite3_prepare_v2(db,
                                        "SELECT (SELECT count(*) FROM ballot), "
                                        "(SELECT count(*) FROM poll), "
                                        "(SELECT count(*) FROM last_tally)",
                                        -1, &row, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(row), SQLITE_ROW);
    unsigned ballots = (unsigned)sqlite3_column_int(row, 0);
    ck_assert_uint_eq(ballots - 1, (unsigned)sqlite3_column_int(row, 1)); /* all, or nothing */
    ck_assert_uint_eq(ballots - 1, (unsigned)sqlite3_column_int(row, 2));
    sqlite3_finalize(row);
    sqlite3_close(db);
    return ballots;
}

/* Each call of a commit fails in turn. It is refused with nothing recorded, and the next one goes
 * through; or, where nobody can know, the process aborts and what is on disk is all or nothing. */
static void fail_commits(long *countdown, int *aborted, int *refused)
{
    for (long n = 0;; n++) {
        make_sample_file();
        int status = commit_in_child(countdown, n);
        if (WIFSIGNALED(status)) {
            ck_assert_int_eq(WTERMSIG(status), SIGABRT);
            ck_assert_uint_eq(count_ballots(), 2); /* the test's COMMIT did not happen */
            ++*aborted;
        } else {
            ck_assert_int_le(WEXITSTATUS(status), CHILD_DID_NOT_FAIL);
            *refused += WEXITSTATUS(status) == CHILD_REFUSED;
            ck_assert_uint_eq(count_ballots(), 3);
        }
        remove_file("");
        remove_file("-wal");
        if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_DID_NOT_FAIL)
            break;
    }
}

START_TEST(a_commit_fails_cleanly)
{
    int aborted = 0, refused = 0;
    failure_code = SQLITE_IOERR;
    fail_commits(&calls_left, &aborted, &refused);
    ck_assert_int_eq(aborted, 1); /* on COMMIT alone */
    ck_assert_int_gt(refused, 4);
}
END_TEST

/* What can't be rolled back either must not be gone on with. */
START_TEST(a_commit_that_can_not_be_undone_ends_the_server)
{
    int aborted = 0, refused = 0;
    failures_in_row = 2;
    fail_commits(&calls_left, &aborted, &refused);
    ck_assert_int_gt(aborted, 4); /* wherever a transaction is open */
    ck_assert_int_eq(refused, 1); /* there is none yet */
}
END_TEST

START_TEST(a_full_disk_refuses_a_commit_wherever_it_is_noticed)
{
    int aborted = 0, refused = 0;
    failure_code = SQLITE_FULL;
    fail_commits(&calls_left, &aborted, &refused);
    ck_assert_int_eq(aborted, 0);
    ck_assert_int_gt(refused, 5);
}
END_TEST

/* Each write to the log fails in turn, in the kernel, as it does for SQLite. */
static void fail_writes(int error, int *aborted, int *refused)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    write_errno = error;
    ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)failing_pwrite), 0);
    ck_assert_int_eq(vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)failing_pwrite), 0);
    fail_commits(&writes_left, aborted, refused);
    vfs->xSetSystemCall(vfs, "pwrite", NULL);
    vfs->xSetSystemCall(vfs, "pwrite64", NULL);
}

/* Of a file system that became read-only, of a limit on the size of files, of a quota. */
static const int refusals[] = {EROFS, EFBIG, EDQUOT};

START_TEST(a_write_that_is_refused_refuses_a_commit)
{
    int aborted = 0, refused = 0;
    fail_writes(refusals[_i], &aborted, &refused);
    ck_assert_int_eq(aborted, 0);
    ck_assert_int_gt(refused, 4);
}
END_TEST

START_TEST(a_write_that_failed_leaves_the_outcome_of_a_commit_unknown)
{
    int aborted = 0, refused = 0;
    fail_writes(EIO, &aborted, &refused);
    ck_assert_int_gt(aborted, 4);
    ck_assert_int_eq(refused, 0);
}
END_TEST

/* Each call of a backup fails in turn: there is a file if, and only if, it was reported as made. */
START_TEST(a_backup_fails_cleanly)
{
    make_sample_file();
    struct store *store = open_store();
    char copy[PATH_MAX + 8];
    snprintf(copy, sizeof copy, "%s.copy", path);
    int failures = 0;
    for (long n = 0;; n++) {
        atomic_bool cancelled = false;
        uint64_t bytes = 0;
        calls_left = n;
        int result = store_backup_begin(store);
        if (result == 0) {
            result = store_backup_copy(store, copy, &cancelled, &bytes);
            store_backup_end(store);
        }
        bool failed = calls_left < 0;
        calls_left = -1;
        failures += result != 0;
        ck_assert_msg((access(copy, F_OK) == 0) == (result == 0), "call %ld: %d", n, result);
        ck_assert(result != 0 || bytes == store_database_bytes(store));
        unlink(copy);
        ck_assert_int_le(count_files(), 2); /* no partial copy is left */
        if (!failed)
            break;
    }
    ck_assert_int_gt(failures, 7);
    store_close(store);
}
END_TEST

START_TEST(an_interrupted_call_is_made_again)
{
    make_sample_file();
    struct store *store = open_store();
    char copy[PATH_MAX + 8];
    snprintf(copy, sizeof copy, "%s.copy", path);
    failure_errno = EINTR;
    int successes = 0;
    for (long n = 0; n < 10; n++) {
        atomic_bool cancelled = false;
        uint64_t bytes = 0;
        ck_assert_int_eq(store_backup_begin(store), 0);
        calls_left = n;
        successes += store_backup_copy(store, copy, &cancelled, &bytes) == 0 && calls_left < 0;
        calls_left = -1;
        store_backup_end(store);
        unlink(copy);
    }
    ck_assert_int_ge(successes, 2); /* a read and a write */
    store_close(store);
}
END_TEST

/* A checkpoint that fails leaves the log as it is, and is tried when it has grown by as much. */
START_TEST(a_failed_checkpoint_is_tried_again_later)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), STORE_RECORDED);
    uint64_t log = store_pending_bytes(store);
    struct stat status;
    char name[PATH_MAX + 8];
    snprintf(name, sizeof name, "%s-wal", path);
    ck_assert_int_eq(stat(name, &status), 0);
    ck_assert_uint_eq(log, (uint64_t)status.st_size);
    ck_assert(!tries_a_checkpoint(store, STORE_BUSY)); /* it is too short for that */
    ck_assert(tries_a_checkpoint(store, STORE_REFUSING));
    ck_assert(!tries_a_checkpoint(store, STORE_REFUSING));
    for (uint64_t seq = 5; store_pending_bytes(store) < 2 * log; seq++) {
        const struct entry ballot = entry_ballot(seq, 1, 1, (struct hash){9, seq});
        const struct store_batch batch = {.entries = &ballot, .entry_count = 1};
        const char *reason;
        ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
    }
    ck_assert(tries_a_checkpoint(store, STORE_REFUSING)); /* again */
    ck_assert_int_eq(store_finish(store, why), 0);
    ck_assert_uint_eq(store_pending_bytes(store), 0);
    store_close(store);
    poll_free(poll);
}
END_TEST

/* What the log takes may be the room that is lacking. */
START_TEST(a_full_disk_is_a_reason_to_empty_the_log_at_once)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), STORE_RECORDED);
    ck_assert(tries_a_checkpoint(store, STORE_REFUSING));
    ck_assert(!tries_a_checkpoint(store, STORE_REFUSING));
    failure_code = SQLITE_FULL;
    ck_assert_int_eq(commit_later(store, 5, &calls_left, 1), STORE_REFUSED);
    calls_left = -1;
    ck_assert(tries_a_checkpoint(store, STORE_REFUSING));
    store_close(store);
    poll_free(poll);
}
END_TEST

static void *checkpoint(void *store)
{
    return store_finish(store, why) == 0 ? store : NULL;
}

static void *elsewhere(void *(*run)(void *), struct store *store)
{
    pthread_t thread;
    void *result;
    ck_assert_int_eq(pthread_create(&thread, NULL, run, store), 0);
    pthread_join(thread, &result);
    return result;
}

START_TEST(another_thread_that_did_not_take_it_ends_the_process)
{
    struct store *store = open_store();
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        coverage_of_aborts();
        elsewhere(checkpoint, store);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    store_close(store);
}
END_TEST

UNIT_MAIN("store",
          {"store", .set_up = setup, .tear_down = teardown, .timeout_s = 60,
           .tests = {{the_views_tell_voters_apart},
                     {the_view_recounts_what_was_last_shown},
                     {a_refused_batch_leaves_nothing_and_the_next_one_goes_through},
                     {the_keys_check_value_is_kept},
                     {what_the_system_refuses_is_no_size_and_no_check_value},
                     {a_backup_is_whole_though_ballots_go_on},
                     {a_backup_is_as_it_was_when_it_began},
                     {a_backup_has_what_could_not_be_moved_from_the_log},
                     {a_page_that_can_not_be_kept_is_not_overwritten},
                     {a_cancelled_backup_leaves_no_file},
                     {another_thread_that_did_not_take_it_ends_the_process},
                     {what_a_killed_server_left_is_removed},
                     {a_file_that_is_no_database_is_refused},
                     {another_programs_database_is_refused},
                     {a_newer_schema_is_refused},
                     {a_file_that_would_only_be_read_is_refused, .loops = 4},
                     {a_database_in_use_is_refused},
                     {a_damaged_page_is_refused},
                     {a_damaged_page_is_refused_though_its_rows_are_good, .loops = 2},
                     {a_refusal_is_one_line},
                     {a_row_that_can_not_be_is_refused, .loops = UNIT_COUNT(damages)},
                     {a_value_that_can_not_be_is_refused, .loops = UNIT_COUNT(value_damages)},
                     {the_views_tell_what_a_ballot_says, .loops = 5},
                     {a_poll_of_too_many_choices_is_refused},
                     {what_an_orderly_stop_had_is_missed},
                     {a_schema_that_is_not_ours_is_refused, .loops = UNIT_COUNT(strangers)},
                     {comments_and_lines_of_a_schema_do_not_count},
                     {a_directory_that_is_not_there_is_refused},
                     {a_name_that_is_too_long_is_refused},
                     {making_a_database_fails_cleanly},
                     {a_database_that_another_server_made_meanwhile_is_opened},
                     {a_database_without_a_log_is_refused},
                     {reading_a_database_fails_cleanly},
                     {a_commit_fails_cleanly},
                     {a_commit_that_can_not_be_undone_ends_the_server},
                     {a_full_disk_refuses_a_commit_wherever_it_is_noticed},
                     {a_write_that_is_refused_refuses_a_commit, .loops = UNIT_COUNT(refusals)},
                     {a_write_that_failed_leaves_the_outcome_of_a_commit_unknown},
                     {a_backup_fails_cleanly},
                     {an_interrupted_call_is_made_again},
                     {a_failed_checkpoint_is_tried_again_later},
                     {a_full_disk_is_a_reason_to_empty_the_log_at_once}}})
