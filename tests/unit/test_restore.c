/* What is put together of files: a database, a backup, a log of this time or another. The log that
 * is a file's own is taken, any other is refused and nothing is touched; and a file that was put in
 * another's place is another ledger. */
#include "store/sqlite/sqlite.h"

#include "store/sqlite/sqlite_wal.h"
#include "tests/support/capture.h"
#include "tests/support/database.h"
#include "tests/support/entries.h"
#include "tests/support/temporary.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[TEMPORARY_MAX];
static char why[STORE_WHY_MAX];

static void setup(void)
{
    temporary_directory(directory, "tallycast-restore");
}

/* A path of the test's; eight may be in use at once. */
static const char *in_directory(const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, PATH_MAX, "%s/%s", directory, name);
    return path;
}

static void teardown(void)
{
    static const char *const names[] = {"a",   "a-wal", "a-journal",  "b",   "b-wal",
                                        "old", "kept",  "backup-wal", "bak", "link"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(in_directory(names[i]));
    ck_assert_int_eq(rmdir(directory), 0); /* nothing is left behind */
}

/* ---- checkpoints ---- */

static int checkpoint_code; /* of those that fail */

int __real_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *log, int *moved);
int __wrap_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *log, int *moved);
int __wrap_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *log, int *moved)
{
    if (checkpoint_code != SQLITE_OK)
        return checkpoint_code;
    return __real_sqlite3_wal_checkpoint_v2(db, name, mode, log, moved);
}

/* ---- files ---- */

struct content {
    char bytes[1 << 20];
    size_t len;
};

static void read_file(const char *name, struct content *content)
{
    FILE *file = fopen(in_directory(name), "rb");
    content->len = file ? fread(content->bytes, 1, sizeof content->bytes, file) : 0;
    ck_assert_uint_lt(content->len, sizeof content->bytes);
    if (file)
        fclose(file);
}

static void copy(const char *from, const char *to)
{
    static struct content content;
    read_file(from, &content);
    unlink(in_directory(to));
    FILE *file = fopen(in_directory(to), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(content.bytes, 1, content.len, file), content.len);
    ck_assert_int_eq(fclose(file), 0);
}

static void move(const char *from, const char *to)
{
    ck_assert_int_eq(rename(in_directory(from), in_directory(to)), 0);
}

/* ---- lives of a server ---- */

static int count_entry(void *context, const struct entry *entry, char *reason)
{
    (void)entry;
    (void)reason;
    ++*(uint64_t *)context;
    return 0;
}

static uint64_t last_seq; /* of the store that was loaded last */

static void load(struct store *store)
{
    const struct store_visitor visitor = {.context = &last_seq, .entry = count_entry};
    last_seq = 0;
    ck_assert_msg(store_load(store, &visitor, why) == 0, "%s", why);
}

static struct store *start(const char *name)
{
    struct store *store;
    ck_assert_msg(store_open(&store, &sqlite_engine, in_directory(name), true, why) == 0, "%s",
                  why);
    load(store);
    ck_assert_msg(store_adopt(store, why) == 0, "%s", why);
    return store;
}

/* Commits a ballot, and so many tallies: with one, the transaction writes two pages. */
static void commit(struct store *store, size_t tallies)
{
    static const struct store_tally tally = {.poll = 1, .line = "p open 1 1 a=1", .len = 14};
    last_seq++;
    const struct entry ballot = entry_ballot(last_seq, 1, 1, (struct hash){last_seq, last_seq});
    const struct store_batch batch = {
        .entries = &ballot, .entry_count = 1, .tallies = &tally, .tally_count = tallies};
    const char *reason = NULL;
    ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
}

/* Ballots, each in a commit of its own. */
static void vote(struct store *store, unsigned count)
{
    for (; count > 0; count--)
        commit(store, 0);
}

enum end { KILLED, STOPPED };

static uint64_t live(const char *name, unsigned ballots, enum end end)
{
    struct store *store = start(name);
    uint64_t identity = store_identity(store);
    vote(store, ballots);
    if (end == STOPPED)
        ck_assert_int_eq(store_finish(store, why), 0);
    store_close(store);
    return identity;
}

static void back_up(const char *name, const char *backup)
{
    static const atomic_bool cancelled;
    uint64_t bytes;
    struct store *store = start(name);
    ck_assert_int_eq(store_backup_begin(store), 0);
    ck_assert_int_eq(store_backup_copy(store, in_directory(backup), &cancelled, &bytes), 0);
    store_backup_end(store);
    store_close(store);
}

/* How many ballots a start finds. */
static unsigned ballots_in(const char *name)
{
    store_close(start(name));
    return (unsigned)last_seq;
}

/* A start is refused with a line that names the log, and touches neither file. */
static void assert_refused(const char *name)
{
    static struct content file, log, file_now, log_now;
    char log_name[16];
    snprintf(log_name, sizeof log_name, "%s-wal", name);
    read_file(name, &file);
    read_file(log_name, &log);
    struct store *store;
    ck_assert_int_eq(store_open(&store, &sqlite_engine, in_directory(name), true, why), -1);
    ck_assert_msg(strstr(why, in_directory(log_name)) != NULL, "%s", why);
    read_file(name, &file_now);
    read_file(log_name, &log_now);
    ck_assert_uint_eq(file_now.len, file.len);
    ck_assert_int_eq(memcmp(file_now.bytes, file.bytes, file.len), 0);
    ck_assert_uint_eq(log_now.len, log.len);
    ck_assert_int_eq(memcmp(log_now.bytes, log.bytes, log.len), 0);
}

/* ---- logs ---- */

START_TEST(its_own_log_is_taken)
{
    live("a", 3, KILLED);
    ck_assert_uint_eq(ballots_in("a"), 3);
    live("a", 2, STOPPED);
    live("a", 4, KILLED);
    ck_assert_uint_eq(ballots_in("a"), 9);
}
END_TEST

/* SQLite keeps the log beside the file that a link leads to. */
START_TEST(a_link_leads_to_the_log_too)
{
    live("a", 2, STOPPED);
    back_up("a", "bak");
    live("a", 3, KILLED);
    ck_assert_int_eq(symlink(_i ? in_directory("a") : "a", in_directory("link")), 0);
    ck_assert_uint_eq(ballots_in("link"), 5);
    live("link", 3, KILLED);
    copy("bak", "a");
    struct store *store;
    ck_assert_int_eq(store_open(&store, &sqlite_engine, in_directory("link"), true, why), -1);
    ck_assert_msg(strstr(why, "/a-wal: not the log") != NULL, "%s", why);
    ck_assert_int_eq(store_open_to_read(&store, &sqlite_engine, in_directory("link"), why), -1);
}
END_TEST

START_TEST(a_link_is_followed_to_what_is_moved)
{
    static const char *const moved[] = {"a", "a-wal", "link"};
    live("a", 2, STOPPED);
    ck_assert_int_eq(symlink("a", in_directory("link")), 0);
    struct store *store = start("link");
    ck_assert_ptr_null(store_health(store));
    move(moved[_i], "b");
    ck_assert_ptr_nonnull(store_health(store));
    move("b", moved[_i]);
    ck_assert_ptr_null(store_health(store));
    store_close(store);
}
END_TEST

/* Each number of ballots leaves a log of another length, up to several times the file's. */
START_TEST(the_log_of_later_does_not_undo_a_restore)
{
    static const unsigned later[] = {1, 5, 80};
    live("a", 2, STOPPED);
    back_up("a", "bak");
    live("a", later[_i], KILLED);
    copy("bak", "a");
    assert_refused("a");
    unlink(in_directory("a-wal"));
    ck_assert_uint_eq(ballots_in("a"), 2);
}
END_TEST

/* Ended and started before a checkpoint, again and again: killed there, or on a full disk. */
START_TEST(a_log_outlives_ends_and_starts_without_a_checkpoint)
{
    unsigned ballots = 0;
    for (unsigned before = 0; before < 2; before++) {
        checkpoint_code = SQLITE_FULL;
        for (unsigned i = 0; i < 3; i++) {
            struct store *store = start("a");
            vote(store, 2);
            ballots += 2;
            ck_assert_int_eq(store_finish(store, why), -1);
            store_close(store);
            checkpoint_code = SQLITE_IOERR;
            ck_assert_int_eq(store_open(&store, &sqlite_engine, in_directory("a"), true, why), 0);
            ck_assert_int_eq(store_adopt(store, why), -1);
            store_close(store);
            checkpoint_code = SQLITE_FULL;
        }
        checkpoint_code = SQLITE_OK;
        ck_assert_uint_eq(ballots_in("a"), ballots);
        live("a", 1,
             before ? KILLED : STOPPED); /* the next time, with a file that ended in order */
        ballots++;
    }
    ck_assert_uint_eq(ballots_in("a"), ballots);
}
END_TEST

START_TEST(another_databases_log_is_refused)
{
    live("a", 3, STOPPED);
    live("b", 3, STOPPED);
    live("b", 2, KILLED);
    move("b-wal", "a-wal");
    assert_refused("a");
}
END_TEST

/* Also where the log would shorten, or lengthen, the file that it is put beside. */
START_TEST(a_log_of_another_time_is_refused)
{
    live("a", 1, KILLED);
    copy("a-wal", "kept");
    live("a", 60, STOPPED);
    live("a", 2, STOPPED);
    copy("a", "old");
    live("a", 60, STOPPED);
    live("a", 3, KILLED);
    move("a", "b"); /* a cold copy of before, with the log of now */
    move("old", "a");
    assert_refused("a");
    move("b", "a"); /* and the file of now, with the log of before */
    move("kept", "a-wal");
    assert_refused("a");
}
END_TEST

START_TEST(a_log_that_is_a_fifo_holds_nobody_up)
{
    struct store *store;
    live("a", 3, STOPPED);
    unlink(in_directory("a-wal"));
    ck_assert_int_eq(mkfifo(in_directory("a-wal"), 0600), 0);
    ck_assert_int_eq(store_open_to_read(&store, &sqlite_engine, in_directory("a"), why), -1);
    ck_assert_msg(strstr(why, "/a-wal: can't be read") != NULL, "%s", why);
    ck_assert_int_eq(store_open(&store, &sqlite_engine, in_directory("a"), true, why), -1);
}
END_TEST

START_TEST(a_log_without_its_database_is_no_reason_for_a_new_one)
{
    live("a", 3, KILLED);
    move("a", "b");
    struct store *store;
    ck_assert_int_eq(store_open(&store, &sqlite_engine, in_directory("a"), true, why), -1);
    ck_assert_msg(strstr(why, "a-wal: a log without its database") != NULL, "%s", why);
    ck_assert_int_eq(access(in_directory("a"), F_OK), -1);
    move("b", "a");
    ck_assert_uint_eq(ballots_in("a"), 3);
}
END_TEST

/* Killed in the midst of a checkpoint: some, or all, of its pages are in the file already. */
START_TEST(a_log_that_is_in_the_file_already_is_taken)
{
    struct store *store = start("a");
    vote(store, 5);
    copy("a-wal", "kept");
    store_work(store, STORE_REFUSING);
    store_close(store);
    move("kept", "a-wal");
    ck_assert_uint_eq(ballots_in("a"), 5);
}
END_TEST

static off_t size_of(const char *name)
{
    struct stat status;
    ck_assert_int_eq(stat(in_directory(name), &status), 0);
    return status.st_size;
}

/* Puts zeros in the place of bytes. */
static void wipe(const char *name, off_t at, size_t len)
{
    static const char zeros[8];
    int file = open(in_directory(name), O_WRONLY);
    ck_assert_int_eq((int)pwrite(file, zeros, len, at), (int)len);
    close(file);
}

static void flip(const char *name, off_t at)
{
    char byte;
    int file = open(in_directory(name), O_RDWR);
    ck_assert_int_eq((int)pread(file, &byte, 1, at), 1);
    byte ^= 0x10;
    ck_assert_int_eq((int)pwrite(file, &byte, 1, at), 1);
    close(file);
}

/* Does what the refusal said: the command is its last words. SQLite's shell need not be there. */
static void do_as_told(void)
{
    char file[PATH_MAX], sql[128];
    const char *command = strstr(why, "go on without: ");
    ck_assert_msg(command != NULL, "%s", why);
    command += strlen("go on without: ");
    if (sscanf(command, "sqlite3 '%4095[^']' '%127[^']'", file, sql) == 2)
        database_change(file, sql);
    else
        ck_assert_int_eq(system(command), 0);
}

/* In the log's header, in the header of its third frame, in that frame's page. */
static const struct {
    off_t at;
    uint64_t bad_at_frame;
} flips[] = {
    {0, 0},
    {9, 0},
    {17, 0},
    {30, 0},
    {WAL_HEADER_BYTES + 2 * (WAL_FRAME_HEADER_BYTES + WAL_PAGE_BYTES) + 3, 2},
    {WAL_HEADER_BYTES + 2 * (WAL_FRAME_HEADER_BYTES + WAL_PAGE_BYTES) + 9, 2},
    {WAL_HEADER_BYTES + 2 * (WAL_FRAME_HEADER_BYTES + WAL_PAGE_BYTES) + 20, 2},
    {WAL_HEADER_BYTES + 2 * (WAL_FRAME_HEADER_BYTES + WAL_PAGE_BYTES) + 1000, 2},
};

/* Behind the place there are transactions that were acknowledged; SQLite would be silent. */
START_TEST(a_damaged_log_is_named)
{
    struct store *store;
    live("a", 2, STOPPED);
    live("a", 12, KILLED);
    flip("a-wal", flips[_i].at);
    assert_refused("a");
    ck_assert_int_eq(store_open_to_read(&store, &sqlite_engine, in_directory("a"), why), -1);
    int byte = 0;
    const char *place = strstr(why, "damaged at byte ");
    ck_assert_msg(place && sscanf(place, "damaged at byte %d", &byte) == 1, "%s", why);
    ck_assert_int_le(byte, (int)wal_frame_at(flips[_i].bad_at_frame));
    do_as_told();
    if (size_of("a-wal") == 0) {
        assert_refused("a");
        do_as_told();
    }
    ck_assert_uint_lt(ballots_in("a"), 14);
}
END_TEST

/* The header of the frame with which the last transaction but one ended. */
static off_t last_end_but_one(const char *name)
{
    struct wal_frame frame;
    uint64_t ends[2] = {0, 0};
    int file = open(in_directory(name), O_RDONLY);
    for (uint64_t i = 0; wal_read_frame(file, i, &frame); i++)
        if (frame.database_pages > 0) {
            ends[0] = ends[1];
            ends[1] = i;
        }
    close(file);
    return wal_frame_at(ends[0]);
}

/* Where the last transaction but one ended, there is damage, and nothing tells that the last has
 * ended. But it goes on from the other, which so was acknowledged. */
START_TEST(a_transaction_before_another_was_acknowledged)
{
    struct store *store = start("a");
    vote(store, 12);
    commit(store, 1);
    store_close(store);
    off_t end = last_end_but_one("a-wal");
    flip("a-wal", end + WAL_FRAME_HEADER_BYTES + 100);
    wipe("a-wal", size_of("a-wal") - WAL_PAGE_BYTES - WAL_FRAME_HEADER_BYTES, 8);
    assert_refused("a");
    ck_assert_msg(strstr(why, "2 transactions behind") != NULL, "%s", why);
}
END_TEST

/* Neither the log's header nor its first frame tells the salts. */
START_TEST(a_log_without_a_beginning_is_named)
{
    live("a", 2, STOPPED);
    live("a", 12, KILLED);
    wipe("a-wal", 16, 8);
    wipe("a-wal", WAL_HEADER_BYTES + 8, 8);
    assert_refused("a");
    ck_assert_msg(strstr(why, "damaged at byte 0, its header") != NULL, "%s", why);
}
END_TEST

/* Two acknowledged transactions can't be read, and the first does not say that it has ended: its
 * last frame has no salts, or no mark of the end. */
START_TEST(two_lost_transactions_are_not_one)
{
    live("a", 12, KILLED);
    off_t end = last_end_but_one("a-wal");
    if (_i == 0)
        wipe("a-wal", end + 8, 8);
    else
        wipe("a-wal", end + 4, 4);
    assert_refused("a");
    ck_assert_msg(strstr(why, "2 transactions behind") != NULL, "%s", why);
}
END_TEST

/* A power cut leaves that of a transaction which was not acknowledged. */
START_TEST(the_end_of_a_log_may_be_torn)
{
    live("a", 12, KILLED);
    off_t size = size_of("a-wal");
    if (_i == 0)
        ck_assert_int_eq(truncate(in_directory("a-wal"), size - 100), 0);
    else
        flip("a-wal", size - 100);
    ck_assert_uint_eq(ballots_in("a"), 11);
    ck_assert_uint_eq(ballots_in("a"), 11);
}
END_TEST

static void lose_log(int how)
{
    if (how == 0)
        ck_assert_int_eq(unlink(in_directory("a-wal")), 0);
    else /* or too short for a frame */
        ck_assert_int_eq(truncate(in_directory("a-wal"), how == 1 ? 0 : 1000), 0);
}

START_TEST(a_log_that_is_lacking_is_named)
{
    live("a", 3, STOPPED);
    lose_log(_i); /* it is empty */
    live("a", 0, KILLED);
    copy("a", "kept");
    lose_log(_i);
    assert_refused("a");
    ck_assert_ptr_nonnull(strstr(why, "missing or empty"));
    struct store *store;
    ck_assert_int_eq(store_open_to_read(&store, &sqlite_engine, in_directory("a"), why), -1);
    ck_assert_ptr_nonnull(strstr(why, "missing or empty"));
    do_as_told();
    ck_assert_uint_eq(ballots_in("a"), 3);
    live("a", 2, KILLED);
    ck_assert_uint_eq(ballots_in("a"), 5);
    lose_log(_i); /* of a server that did nothing but start */
    assert_refused("a");
}
END_TEST

/* --durability=os promises only what the kernel wrote in time. */
START_TEST(without_syncs_a_log_may_be_lost)
{
    char log[2048];
    struct store *store;
    live("a", 12, KILLED);
    if (_i == 0)
        flip("a-wal", 10000);
    else
        lose_log(0);
    struct capture capture = capture_begin();
    int opened = store_open(&store, &sqlite_engine, in_directory("a"), false, why);
    capture_end(&capture, log, sizeof log);
    ck_assert_msg(opened == 0, "%s", why);
    ck_assert_msg(strstr(log, "--durability=os promises no more"), "%s", log);
    load(store);
    ck_assert_int_eq(store_adopt(store, why), 0);
    vote(store, 1);
    store_close(store);
    ck_assert_uint_gt(ballots_in("a"), 0);
}
END_TEST

/* ---- identities ---- */

START_TEST(a_ledger_is_the_same_over_its_lives)
{
    uint64_t identity = live("a", 1, KILLED);
    ck_assert_uint_eq(live("a", 1, STOPPED), identity);
    move("a", "b");
    move("a-wal", "b-wal");
    ck_assert_uint_eq(live("b", 1, STOPPED), identity);
    ck_assert_uint_ne(live("a", 0, STOPPED), identity);
}
END_TEST

START_TEST(a_restored_backup_is_another_ledger)
{
    uint64_t identity = live("a", 2, STOPPED);
    back_up("a", "bak");
    ck_assert_uint_eq(live("a", 0, STOPPED), identity);
    unlink(in_directory("a-wal"));
    FILE *file = fopen(in_directory("a"), "wb"); /* into the same file, as cp does */
    static struct content content;
    read_file("bak", &content);
    ck_assert_uint_eq(fwrite(content.bytes, 1, content.len, file), content.len);
    fclose(file);
    for (int i = 0; i < _i; i++) { /* starts that end before they have adopted it */
        struct store *store;
        ck_assert_int_eq(store_open(&store, &sqlite_engine, in_directory("a"), true, why), 0);
        store_close(store);
    }
    uint64_t restored = live("a", 0, STOPPED);
    ck_assert_uint_ne(restored, identity);
    ck_assert_uint_eq(live("a", 0, STOPPED), restored);
    ck_assert_uint_eq(ballots_in("a"), 2);
}
END_TEST

START_TEST(a_cold_copy_is_another_ledger)
{
    uint64_t identity = live("a", 2, STOPPED);
    copy("a", "old");
    move("old", "a");
    uint64_t copied = live("a", 0, STOPPED);
    ck_assert_uint_ne(copied, identity);
    ck_assert_uint_eq(live("a", 0, STOPPED), copied);
}
END_TEST

UNIT_MAIN("restore",
          {"logs", .set_up = setup, .tear_down = teardown, .timeout_s = 60,
           .tests = {{its_own_log_is_taken},
                     {the_log_of_later_does_not_undo_a_restore, .loops = 3},
                     {a_link_leads_to_the_log_too, .loops = 2},
                     {a_link_is_followed_to_what_is_moved, .loops = 3},
                     {a_log_outlives_ends_and_starts_without_a_checkpoint},
                     {another_databases_log_is_refused},
                     {a_log_of_another_time_is_refused},
                     {a_log_that_is_a_fifo_holds_nobody_up},
                     {a_log_without_its_database_is_no_reason_for_a_new_one},
                     {a_log_that_is_in_the_file_already_is_taken},
                     {a_damaged_log_is_named, .loops = UNIT_COUNT(flips)},
                     {a_log_without_a_beginning_is_named},
                     {two_lost_transactions_are_not_one, .loops = 2},
                     {a_transaction_before_another_was_acknowledged},
                     {the_end_of_a_log_may_be_torn, .loops = 2},
                     {a_log_that_is_lacking_is_named, .loops = 3},
                     {without_syncs_a_log_may_be_lost, .loops = 2}}},
          {"identities", .set_up = setup, .tear_down = teardown, .timeout_s = 60,
           .tests = {{a_ledger_is_the_same_over_its_lives},
                     {a_restored_backup_is_another_ledger, .loops = 3},
                     {a_cold_copy_is_another_ledger}}})
