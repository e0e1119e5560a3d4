/* The store on real SQLite files in a directory of its own: what was committed is what is loaded;
 * what can't be opened is refused with a reason and left as it was. */
#include "store.h"

#include "proto/error.h"
#include "voter.h"

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/tallycast-store-XXXXXX";
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
    strcpy(directory, "/tmp/tallycast-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
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
    ck_assert_msg(store_open(&store, path, true, why) == 0, "%s", why);
    return store;
}

static struct poll *make_poll(void)
{
    const struct name name = {5, "lunch"}, choices[2] = {{5, "pizza"}, {5, "sushi"}};
    const struct settings settings = {
        {BALLOTS_ONCE, VOTERS_NAMED, REVEAL_CLOSED, RECORD_PSEUDONYM, STATE_CLOSED}};
    struct poll *poll = poll_new(&name, &settings, choices, 2);
    poll->id = 1;
    return poll;
}

/* A CREATE (entry 1), a label (2), and two ballots (3, 4). */
static int commit_sample(struct store *store, const struct poll *poll)
{
    const struct store_event events[] = {
        {.seq = 1, .kind = STORE_CREATE, .poll = poll},
        {.seq = 2, .kind = STORE_LABEL, .poll = poll, .choice = 1, .text = "Su shi", .text_len = 6},
    };
    const struct store_ballot ballots[] = {
        {.seq = 3, .poll = 1, .choice = 1, .voter = {1, 2}},
        {.seq = 4,
         .poll = 1,
         .choice = 0,
         .voter_name = "bob",
         .voter_name_len = 3,
         .has_key = true,
         .key = {3, 4}},
    };
    static const char line[] = "lunch closed 4 2 pizza=1 sushi=1";
    const struct store_tally tally = {1, line, sizeof line - 1};
    const struct store_batch batch = {.time_ns = 1700000000000000000u,
                                      .events = events,
                                      .event_count = 2,
                                      .ballots = ballots,
                                      .ballot_count = 2,
                                      .tallies = &tally,
                                      .tally_count = 1};
    const char *reason = NULL;
    return store_commit(store, &batch, &reason);
}

/* ---- what loading finds ---- */

struct found {
    struct poll *poll;
    unsigned events, ballots, tallies;
    struct store_event event[4];
    char text[4][PROTO_TEXT_MAX + 1];
    struct store_ballot ballot[4];
    char voter_name[4][PROTO_NAME_MAX + 1];
    char line[256];
};

static int find_poll(void *context, struct poll *poll, char *reason)
{
    (void)reason;
    ((struct found *)context)->poll = poll;
    return 0;
}

static int find_event(void *context, const struct store_event *event, char *reason)
{
    (void)reason;
    struct found *found = context;
    found->event[found->events] = *event;
    if (event->text)
        memcpy(found->text[found->events], event->text, event->text_len);
    found->events++;
    return 0;
}

static int find_ballot(void *context, const struct store_ballot *ballot, char *reason)
{
    (void)reason;
    struct found *found = context;
    found->ballot[found->ballots] = *ballot;
    if (ballot->voter_name)
        memcpy(found->voter_name[found->ballots], ballot->voter_name, ballot->voter_name_len);
    found->ballots++;
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
    const struct store_visitor visitor = {found, find_poll, find_event, find_ballot, find_tally};
    return store_load(store, &visitor, why);
}

START_TEST(what_was_committed_is_loaded)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), 0);
    store_close(store);
    store = open_store();

    struct found found;
    ck_assert_msg(load(store, &found) == 0, "%s", why);
    ck_assert_str_eq(found.poll->name.text, "lunch");
    ck_assert_uint_eq(found.poll->choice_count, 2);
    ck_assert_str_eq(found.poll->choices[1].text, "sushi");
    ck_assert_uint_eq(poll_setting(found.poll, SETTING_BALLOTS), BALLOTS_ONCE);
    ck_assert_uint_eq(poll_setting(found.poll, SETTING_REVEAL), REVEAL_CLOSED);
    ck_assert_uint_eq(found.events, 2);
    ck_assert_int_eq(found.event[0].kind, STORE_CREATE);
    ck_assert_str_eq(found.text[0], "closed");
    ck_assert_int_eq(found.event[1].kind, STORE_LABEL);
    ck_assert_uint_eq(found.event[1].choice, 1);
    ck_assert_str_eq(found.text[1], "Su shi");
    ck_assert_uint_eq(found.ballots, 2);
    ck_assert_uint_eq(found.ballot[0].seq, 3);
    ck_assert_uint_eq(found.ballot[0].choice, 1);
    ck_assert_uint_eq(found.ballot[0].voter.high, 1);
    ck_assert_uint_eq(found.ballot[0].voter.low, 2);
    ck_assert(!found.ballot[0].has_key);
    ck_assert_str_eq(found.voter_name[1], "bob");
    ck_assert(found.ballot[1].has_key && found.ballot[1].key.high == 3 &&
              found.ballot[1].key.low == 4);
    ck_assert_uint_eq(found.tallies, 1);
    ck_assert_str_eq(found.line, "lunch closed 4 2 pizza=1 sushi=1");
    poll_free(found.poll);
    poll_free(poll);
    store_close(store);
}
END_TEST

/* Runs SQL on the file by a connection of its own; aborts the test on an error. */
static void run_sql(const char *file, const char *sql)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    char *error = NULL;
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK, "%s", error ? error : "");
    sqlite3_close(db);
}

START_TEST(the_view_recounts_what_was_last_shown)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), 0);
    ck_assert_int_eq(store_checkpoint_all(store, why), 0);
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
    ck_assert_int_eq(commit_sample(store, poll), 0);
    /* The second poll of a batch is a repeat of the first's id: SQLite refuses it before the
     * COMMIT. */
    const struct store_event events[] = {{.seq = 5, .kind = STORE_CLOSE, .poll = poll},
                                         {.seq = 6, .kind = STORE_CREATE, .poll = poll}};
    const struct store_batch bad = {.time_ns = 1, .events = events, .event_count = 2};
    const struct store_batch good = {.time_ns = 1, .events = events, .event_count = 1};
    const char *reason = NULL;
    ck_assert_int_eq(store_commit(store, &bad, &reason), ERR_STORAGE);
    ck_assert_ptr_nonnull(reason);
    ck_assert_int_eq(store_commit(store, &good, &reason), 0);
    struct found found;
    ck_assert_int_eq(load(store, &found), 0);
    ck_assert_uint_eq(found.events, 3);
    ck_assert_int_eq(found.event[2].kind, STORE_CLOSE);
    poll_free(found.poll);
    poll_free(poll);
    store_close(store);
}
END_TEST

START_TEST(the_keys_check_value_is_kept)
{
    struct store *store = open_store();
    struct hash check;
    ck_assert(!store_key_check(store, &check));
    ck_assert(!store_has_ballots(store));
    ck_assert_int_eq(store_set_key_check(store, (struct hash){7, 8}, why), 0);
    ck_assert_int_eq(store_set_key_check(store, (struct hash){9, 10}, why), 0);
    store_close(store);
    store = open_store();
    ck_assert(store_key_check(store, &check));
    ck_assert_uint_eq(check.high, 9);
    ck_assert_uint_eq(check.low, 10);
    store_close(store);
}
END_TEST

START_TEST(a_backup_is_whole_though_ballots_go_on)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), 0);
    ck_assert_int_eq(store_backup_begin(store), 0);
    const struct store_ballot later = {.seq = 5, .poll = 1, .voter = {5, 5}};
    const struct store_batch batch = {.time_ns = 1, .ballots = &later, .ballot_count = 1};
    const char *reason;
    ck_assert_int_eq(store_commit(store, &batch, &reason), 0);
    store_checkpoint(store, 0); /* held back: the copy must not see it half */

    char copy[PATH_MAX + 8];
    snprintf(copy, sizeof copy, "%s.copy", path);
    atomic_bool cancelled = false;
    uint64_t bytes = 0;
    ck_assert_int_eq(store_backup_copy(store, copy, &cancelled, &bytes), 0);
    ck_assert_uint_eq(bytes, store_database_bytes(store));
    ck_assert_int_eq(store_backup_copy(store, copy, &cancelled, &bytes),
                     ERR_BAD_ARGUMENT); /* it exists */
    store_backup_end(store);
    store_checkpoint(store, 0);
    store_close(store);
    poll_free(poll);

    struct store *copied;
    ck_assert_msg(store_open(&copied, copy, true, why) == 0, "%s", why);
    struct found found;
    ck_assert_int_eq(load(copied, &found), 0);
    ck_assert_uint_eq(found.ballots, 2);
    poll_free(found.poll);
    store_close(copied);
    remove_file(".copy-wal");
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
    ck_assert_int_eq(store_backup_copy(store, copy, &cancelled, &bytes), ERR_STORAGE);
    ck_assert_int_ne(access(copy, F_OK), 0);
    store_backup_end(store);
    store_close(store);
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
    int result = store_open(&store, path, true, why);
    if (result == 0) {
        result = load(store, &found);
        store_close(store);
    }
    ck_assert_int_eq(result, -1);
    ck_assert_msg(strstr(why, path) && strstr(why, expected), "said: %s", why);
    char *after = slurp(path, &after_len);
    ck_assert_uint_eq(before_len, after_len);
    ck_assert_int_eq(memcmp(before, after, before_len), 0);
    poll_free(found.poll);
    free(before);
    free(after);
}

static void make_sample_file(void)
{
    struct store *store = open_store();
    struct poll *poll = make_poll();
    ck_assert_int_eq(commit_sample(store, poll), 0);
    ck_assert_int_eq(store_checkpoint_all(store, why), 0);
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
    run_sql(path, "CREATE TABLE theirs(x)");
    refuses("not a tallycast database");
}
END_TEST

START_TEST(a_newer_schema_is_refused)
{
    make_sample_file();
    run_sql(path, "PRAGMA user_version = 2");
    refuses("schema version 2");
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

/* One change of one row each; all are refused as damaged. */
static const char *const damages[] = {
    "UPDATE ballot SET choice = 0 WHERE seq = 3",
    "UPDATE ballot SET choice = 300 WHERE seq = 3",
    "UPDATE ballot SET poll = 0 WHERE seq = 3",
    "UPDATE ballot SET voter = x'00' WHERE seq = 3",
    "UPDATE ballot SET voter = 7 WHERE seq = 3",
    "UPDATE ballot SET key = 'text' WHERE seq = 3",
    "DELETE FROM choice WHERE number = 1",
    "UPDATE choice SET name = 'UPPER' || char(10) WHERE number = 1",
    "UPDATE poll SET name = ''",
    "UPDATE poll_event SET text = NULL WHERE seq = 1",
    "UPDATE poll_event SET text = hex(zeroblob(200)) WHERE seq = 2",
    "DROP TABLE last_tally",
};

START_TEST(a_row_that_can_not_be_is_refused)
{
    make_sample_file();
    run_sql(path, damages[_i]);
    refuses("damaged");
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_refused)
{
    char missing[PATH_MAX];
    snprintf(missing, sizeof missing, "%s/missing/test.db", directory);
    struct store *store;
    ck_assert_int_eq(store_open(&store, missing, true, why), -1);
    ck_assert_msg(strstr(why, missing), "said: %s", why);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tests = tcase_create("store");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, what_was_committed_is_loaded);
    tcase_add_test(tests, the_view_recounts_what_was_last_shown);
    tcase_add_test(tests, a_refused_batch_leaves_nothing_and_the_next_one_goes_through);
    tcase_add_test(tests, the_keys_check_value_is_kept);
    tcase_add_test(tests, a_backup_is_whole_though_ballots_go_on);
    tcase_add_test(tests, a_cancelled_backup_leaves_no_file);
    tcase_add_test(tests, a_file_that_is_no_database_is_refused);
    tcase_add_test(tests, another_programs_database_is_refused);
    tcase_add_test(tests, a_newer_schema_is_refused);
    tcase_add_test(tests, a_database_in_use_is_refused);
    tcase_add_test(tests, a_damaged_page_is_refused);
    tcase_add_loop_test(tests, a_row_that_can_not_be_is_refused, 0,
                        (int)(sizeof damages / sizeof damages[0]));
    tcase_add_test(tests, a_directory_that_is_not_there_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
