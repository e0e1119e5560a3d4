/* The database together with its key: which of them belong together, and what a start that died is
 * forgiven. */
#include "store/database.h"
#include "store/sqlite/sqlite.h"
#include "tests/support/temporary.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[TEMPORARY_MAX];
static char key_path[TEMPORARY_MAX + 16];
static char why[STORE_WHY_MAX];
static struct store *store;
static struct voter_key key;

/* The tests' paths are relative: so one of any length can be made of one file. */
static void setup(void)
{
    temporary_directory(directory, "tallycast-database");
    ck_assert_int_eq(chdir(directory), 0);
    snprintf(key_path, sizeof key_path, "%s/test.db.key", directory);
}

static void teardown(void)
{
    static const char *const names[] = {"test.db", "test.db-wal", "test.db.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(names[i]);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing else is left behind */
}

static void open_well(void)
{
    ck_assert_msg(database_open(&store, &key, &sqlite_engine, "test.db", true, why) == 0, "%s",
                  why);
}

static void make(void)
{
    open_well();
    store_close(store);
}

static void refuses(const char *path, const char *expected)
{
    ck_assert_int_eq(database_open(&store, &key, &sqlite_engine, path, true, why), -1);
    ck_assert_msg(strstr(why, expected), "said: %s", why);
}

static void assert_check_is_the_keys(void)
{
    struct hash recorded, mine = voter_key_check(&key);
    ck_assert_int_eq(store_key_check(store, &recorded, why), 1);
    ck_assert(recorded.high == mine.high && recorded.low == mine.low);
}

START_TEST(both_are_made_and_found_again)
{
    const char left[] = "test.db.key.partial-abcdef"; /* by a server that was killed */
    close(open(left, O_WRONLY | O_CREAT | O_EXCL, 0600));
    open_well();
    ck_assert_int_ne(access(left, F_OK), 0);
    struct voter_key made = key;
    assert_check_is_the_keys();
    store_close(store);
    open_well();
    ck_assert_mem_eq(&made, &key, sizeof key);
    store_close(store);
}
END_TEST

/* Each half of the check value counts. Without ballots nothing is lost by another key. */
START_TEST(a_check_value_that_differs_is_made_good_without_ballots)
{
    for (int half = 0; half < 2; half++) {
        open_well();
        struct hash other = voter_key_check(&key);
        other.high += half == 0;
        other.low += half == 1;
        ck_assert_int_eq(store_set_key_check(store, other, why), 0);
        store_close(store);
        open_well();
        assert_check_is_the_keys();
        store_close(store);
    }
}
END_TEST

START_TEST(a_key_that_can_not_be_read_is_told)
{
    ck_assert_int_eq(mkdir(key_path, 0700), 0);
    refuses("test.db", "can't read the key file test.db.key");
    ck_assert_int_eq(rmdir(key_path), 0); /* it was left alone */
    make();
}
END_TEST

START_TEST(a_key_that_can_not_be_made_is_told)
{
    ck_assert_int_eq(symlink("nowhere", key_path), 0);
    refuses("test.db", "can't make the key file test.db.key");
    ck_assert_int_eq(unlink(key_path), 0);
    make();
}
END_TEST

START_TEST(a_path_without_room_for_the_keys_is_refused)
{
    char path[PATH_MAX] = "";
    make();
    while (strlen(path) + strlen("test.db.key") < PATH_MAX)
        strcat(path, "./");
    strcat(path, "test.db");
    refuses(path, "too long");
}
END_TEST

UNIT_MAIN("database", {"database", .set_up = setup, .tear_down = teardown,
                       .tests = {{both_are_made_and_found_again},
                                 {a_check_value_that_differs_is_made_good_without_ballots},
                                 {a_key_that_can_not_be_read_is_told},
                                 {a_key_that_can_not_be_made_is_told},
                                 {a_path_without_room_for_the_keys_is_refused}}})
