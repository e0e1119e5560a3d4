/* What a start takes from a database, at the edges: the last row that can be, and the first that
 * can't. The rows are written by plain SQL, and the store's visitor takes whatever it gives. */
#include "store/sqlite/sqlite.h"
#include "poll/poll.h"
#include "tests/support/database.h"
#include "tests/support/temporary.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[TEMPORARY_MAX];
static char path[TEMPORARY_MAX + 8];
static char why[STORE_WHY_MAX];

static void setup(void)
{
    struct store *store;
    temporary_directory(directory, "tallycast-recovery");
    snprintf(path, sizeof path, "%s/test.db", directory);
    ck_assert_msg(store_open(&store, &sqlite_engine, path, false, why) == 0, "%s", why);
    store_close(store);
    database_change(path, "INSERT INTO poll VALUES(1, 'p', 'once', 'named', 'live', 'name');"
                          "INSERT INTO choice VALUES(1, 1, 'a'), (1, 2, 'b');"
                          "INSERT INTO poll_event VALUES(1, 0, 1, 'create', NULL, 'open')");
}

static void teardown(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char name[TEMPORARY_MAX + 32];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    ck_assert_int_eq(rmdir(directory), 0); /* nothing is left behind */
}

/* ---- loading ---- */

static unsigned visited;

static int take_entry(void *context, const struct entry *entry, char *reason)
{
    (void)context;
    (void)entry;
    (void)reason;
    visited++;
    return 0;
}

static int take_tally(void *context, const struct store_tally *tally, char *reason)
{
    (void)context;
    (void)tally;
    (void)reason;
    visited++;
    return 0;
}

static int load(void)
{
    static const struct store_visitor visitor = {NULL, take_entry, take_tally};
    struct store *store;
    visited = 0;
    ck_assert_msg(store_open(&store, &sqlite_engine, path, false, why) == 0, "%s", why);
    int result = store_load(store, &visitor, why);
    store_close(store);
    return result;
}

/* ---- rows ---- */

#define BALLOT(values) \
    "INSERT INTO ballot(seq, poll, choice, voter, key, time_ns) VALUES(" values ",0)"
#define EVENT(values) \
    "INSERT INTO poll_event(seq, poll, kind, choice, text, time_ns) VALUES(" values ",0)"
#define TALLY(poll) "INSERT INTO last_tally VALUES(" poll ", 'p open 1 0 a=0 b=0')"

/* A poll with that many choices, and its CREATE. */
#define POLL(id, count)                                                                  \
    "INSERT INTO poll_event VALUES(" id ", 0, " id ", 'create', NULL, 'open');"          \
    "INSERT INTO poll VALUES(" id ", 'q' || (" id "), 'once', 'named', 'live', 'name');" \
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < " count   \
    ") INSERT INTO choice SELECT " id ", i, 'c' || i FROM n"

#define VOTER "x'00112233445566778899aabbccddeeff'"
#define LAST  "1099511627775" /* ENTRY_SEQ_MAX */
#define VALUE "16777215"      /* ENTRY_VALUE_MAX */
#define POLLS "10000"         /* POLLS_MAX */

static const char *const good[] = {
    BALLOT("1, 1, 1, " VOTER ", NULL"), /* which sequences there are, the ledger judges */
    BALLOT(LAST ", 1, 1, " VOTER ", NULL"),
    BALLOT("2, " POLLS ", 1, " VOTER ", NULL"),
    BALLOT("2, 1, " VALUE ", " VOTER ", NULL"),
    BALLOT("2, 1, 1, printf('%064d', 0), NULL"),
    BALLOT("2, 1, 1, " VOTER ", " VOTER),
    EVENT(LAST ", 1, 'close', NULL, NULL"),
    EVENT("2, " POLLS ", 'open', NULL, NULL"),
    EVENT("2, 1, 'title', NULL, printf('%0200d', 0)"),
    EVENT("2, 1, 'label', 1, ''"),
    EVENT("2, 1, 'label', 256, 'Käse'"),
    TALLY("1"),
    TALLY(POLLS),
};

static const char *const bad[] = {
    BALLOT("0, 1, 1, " VOTER ", NULL"),
    BALLOT(LAST " + 1, 1, 1, " VOTER ", NULL"),
    BALLOT("2, 0, 1, " VOTER ", NULL"),
    BALLOT("2, " POLLS " + 1, 1, " VOTER ", NULL"),
    BALLOT("2, 1, 0, " VOTER ", NULL"),
    BALLOT("2, 1, " VALUE " + 1, " VOTER ", NULL"),
    BALLOT("2, 1, 1, zeroblob(15), NULL"),
    BALLOT("2, 1, 1, " VOTER ", zeroblob(17)"),
    EVENT("0, 1, 'close', NULL, NULL"),
    EVENT(LAST " + 1, 1, 'close', NULL, NULL"),
    EVENT("2, 0, 'close', NULL, NULL"),
    EVENT("2, " POLLS " + 1, 'close', NULL, NULL"),
    EVENT("2, 1, 'rename', NULL, NULL"),
    EVENT("2, 1, 'label', NULL, 'x'"),
    EVENT("2, 1, 'label', 0, 'x'"),
    EVENT("2, 1, 'label', 257, 'x'"),
    EVENT("2, 1, 'label', 4294967297, 'x'"),
    EVENT("2, 1, 'title', 1, 'x'"),
    EVENT("2, 1, 'close', 1, NULL"),
    EVENT("2, 1, 'open', NULL, 'text'"),
    EVENT("2, 1, 'close', NULL, 'text'"),
    EVENT("2, 1, 'create', NULL, NULL"),
    EVENT("2, 1, 'title', NULL, NULL"),
    EVENT("2, 1, 'label', 1, NULL"),
    EVENT("2, 1, 'create', NULL, 'open'"),
    EVENT("2, 2, 'create', NULL, 'open'"),
    TALLY("0"),
    TALLY(POLLS " + 1"),
    POLL("0", "2"),
    POLL(POLLS " + 1", "2"),
    POLL("2", "257"),
    "UPDATE choice SET number = 3 WHERE number = 2",
    "INSERT INTO choice VALUES(2, 1, 'a')",
    "INSERT INTO poll VALUES(2, 'q', 'once', 'named', 'live', 'name')",
    "UPDATE poll_event SET text = 'ajar'",
};

static void insert(const char *rows)
{
    char sql[1024];
    snprintf(sql, sizeof sql, "PRAGMA ignore_check_constraints = 1; %s", rows);
    database_change(path, sql);
}

START_TEST(the_last_row_that_can_be_is_loaded)
{
    insert(good[_i]);
    ck_assert_msg(load() == 0, "%s: %s", good[_i], why);
    ck_assert_uint_eq(visited, 2); /* it, and the CREATE */
}
END_TEST

START_TEST(the_first_row_that_can_not_be_is_refused)
{
    insert(bad[_i]);
    ck_assert_msg(load() == -1, "%s", bad[_i]);
    ck_assert_ptr_nonnull(strstr(why, path));
    ck_assert_ptr_nonnull(strstr(why, "damaged"));
    ck_assert_uint_le(visited, 1); /* the CREATE */
}
END_TEST

START_TEST(the_largest_poll_is_loaded)
{
    insert(POLL(POLLS, "256"));
    ck_assert_msg(load() == 0, "%s", why);
    ck_assert_int_eq(POLLS_MAX, atoi(POLLS));
    ck_assert(ENTRY_SEQ_MAX == strtoull(LAST, NULL, 10) && ENTRY_VALUE_MAX == atoi(VALUE));
}
END_TEST

START_TEST(only_polls_of_known_voters_size_the_electorate)
{
    struct store *store;
    insert(POLL("2", "2") ";" POLL("3", "2"));
    database_change(path, "UPDATE poll SET ballots = 'unlimited' WHERE id = 2");
    database_change(
        path,
        "INSERT INTO last_tally VALUES(1, 'p open 9 5 a=2 b=3'), (2, 'q2 open 9 70 c1=70 c2=0'),"
        "(3, 'not a tally')");
    ck_assert_int_eq(store_open(&store, &sqlite_engine, path, false, why), 0);
    ck_assert_uint_eq(store_voter_estimate(store), 5);
    store_close(store);
}
END_TEST

START_TEST(its_size_is_the_files)
{
    struct store *store;
    struct stat status;
    ck_assert_int_eq(store_open(&store, &sqlite_engine, path, false, why), 0);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_gt(store_database_bytes(store), 0);
    ck_assert_uint_eq(store_database_bytes(store), (uint64_t)status.st_size);
    store_close(store);
}
END_TEST

/* The name fits, but the one under which the database is made does not. */
START_TEST(a_name_without_room_for_the_new_file_says_so)
{
    struct store *store;
    char name[PATH_MAX];
    memset(name, '/', sizeof name);
    memcpy(name, directory, strlen(directory));
    strcpy(name + sizeof name - sizeof "none.db", "none.db");
    ck_assert_int_eq(store_open(&store, &sqlite_engine, name, false, why), -1);
    ck_assert_ptr_nonnull(strstr(why, strerror(ENAMETOOLONG)));
}
END_TEST

UNIT_MAIN("recovery",
          {"rows", .set_up = setup, .tear_down = teardown,
           .tests = {{the_last_row_that_can_be_is_loaded, .loops = UNIT_COUNT(good)},
                     {the_first_row_that_can_not_be_is_refused, .loops = UNIT_COUNT(bad)},
                     {the_largest_poll_is_loaded},
                     {only_polls_of_known_voters_size_the_electorate},
                     {its_size_is_the_files},
                     {a_name_without_room_for_the_new_file_says_so}}})
