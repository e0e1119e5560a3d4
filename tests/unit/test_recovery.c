/* What a start takes from a database, at the edges: the largest entries that can be. What can't be
 * is in test_store.c. */
#include "store/sqlite/sqlite.h"
#include "poll/poll.h"
#include "tests/support/database.h"
#include "tests/support/entries.h"
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

static void append(const struct entry *entries, size_t count)
{
    struct store *store;
    const char *reason = "";
    const struct store_batch batch = {.entries = entries, .entry_count = count};
    ck_assert_msg(store_open(&store, &sqlite_engine, path, false, why) == 0, "%s", why);
    ck_assert_msg(store_append(store, &batch, &reason) == STORE_RECORDED, "%s", reason);
    store_close(store);
}

/* A CREATE of poll `id`, with that many choices. */
static void append_poll(uint64_t seq, uint32_t id, unsigned choice_count)
{
    struct name name, choices[PROTO_CHOICES_MAX];
    const struct settings settings = {
        {BALLOTS_ONCE, VOTERS_NAMED, REVEAL_LIVE, RECORD_NAME, STATE_OPEN}};
    name.len = (uint8_t)snprintf(name.text, sizeof name.text, "q%u", id);
    for (unsigned i = 0; i < choice_count; i++)
        choices[i].len = (uint8_t)snprintf(choices[i].text, sizeof choices[i].text, "c%u", i + 1);
    struct poll *poll = poll_new(&name, &settings, choices, choice_count, NULL);
    poll->id = id;
    const struct entry create = entry_create(seq, poll);
    append(&create, 1);
    poll_free(poll);
}

static void setup(void)
{
    temporary_directory(directory, "tallycast-recovery");
    snprintf(path, sizeof path, "%s/test.db", directory);
    append_poll(1, 1, 2);
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

/* ---- entries ---- */

#define LONG_64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG_128 LONG_64 LONG_64
#define LONG_200 LONG_128 LONG_64 "01234567"
#define SPAN(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }
#define BALLOT(number, ...)                                                                       \
    {                                                                                             \
        .seq = 2, .time_ns = 1, .poll = (number), .kind = ENTRY_BALLOT, .ballot = { __VA_ARGS__ } \
    }
#define TEXT(which, number, words)                                                           \
    {                                                                                        \
        .seq = 2, .time_ns = 1, .poll = 1, .kind = (which), .text = {(number), SPAN(words) } \
    }

/* The ledger judges which of them belong together. */
static const struct entry largest[] = {
    BALLOT(1, .value = 1, .weight = 1, .voter = {1, 2}),
    BALLOT(POLLS_MAX, .value = ENTRY_VALUE_MAX, .weight = UINT32_MAX,
           .voter = {UINT64_MAX, UINT64_MAX}, .has_key = true, .key = {UINT64_MAX, UINT64_MAX}),
    BALLOT(POLLS_MAX, .value = ENTRY_VALUE_MAX, .weight = UINT32_MAX, .has_key = true,
           .key = {UINT64_MAX, UINT64_MAX}, .name = SPAN(LONG_128), .spelling = SPAN("A" LONG_64)),
    BALLOT(1, .value = 1, .weight = 1, .name = SPAN("k\xc3\xa4se")),
    {.seq = 2, .time_ns = INT64_MAX, .poll = POLLS_MAX, .kind = ENTRY_OPEN},
    {.seq = 2, .time_ns = 0, .poll = 1, .kind = ENTRY_CLOSE},
    TEXT(ENTRY_TITLE, 0, LONG_200),
    TEXT(ENTRY_LABEL, 0, ""),
    TEXT(ENTRY_LABEL, PROTO_CHOICES_MAX - 1, "K\xc3\xa4se"),
};

START_TEST(the_largest_entries_are_loaded)
{
    append(&largest[_i], 1);
    ck_assert_msg(load() == 0, "%s", why);
    ck_assert_uint_eq(visited, 2); /* it, and the CREATE */
}
END_TEST

START_TEST(the_largest_poll_is_loaded)
{
    append_poll(2, POLLS_MAX, PROTO_CHOICES_MAX);
    ck_assert_msg(load() == 0, "%s", why);
    ck_assert_uint_eq(visited, 2);
}
END_TEST

START_TEST(only_polls_of_known_voters_size_the_electorate)
{
    struct store *store;
    append_poll(2, 2, 2);
    append_poll(3, 3, 2);
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

UNIT_MAIN("recovery", {"entries", .set_up = setup, .tear_down = teardown,
                       .tests = {{the_largest_entries_are_loaded, .loops = UNIT_COUNT(largest)},
                                 {the_largest_poll_is_loaded},
                                 {only_polls_of_known_voters_size_the_electorate},
                                 {its_size_is_the_files},
                                 {a_name_without_room_for_the_new_file_says_so}}})
