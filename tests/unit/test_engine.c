/* What each engine promises (store/store.h), whatever it keeps entries in: what was recorded is
 * what is loaded, in its order, by this store or the next one of that name. */
#include "store/store.h"

#include "tests/support/engines.h"
#include "tests/support/entries.h"
#include "tests/support/temporary.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[TEMPORARY_MAX];
static char path[TEMPORARY_MAX + 16], copy[TEMPORARY_MAX + 16];
static char why[STORE_WHY_MAX];
static struct store *store;

static void start(void)
{
    ck_assert_msg(store_open(&store, engine, path, false, why) == 0, "%s", why);
    ck_assert_msg(store_adopt(store, why) == 0, "%s", why);
}

static void restart(void)
{
    store_close(store);
    start();
}

static void setup(void)
{
    temporary_directory(directory, "tallycast-engine");
    snprintf(path, sizeof path, "%s/test.db", directory);
    snprintf(copy, sizeof copy, "%s/copy", directory);
    start();
}

static void teardown(void)
{
    char log[TEMPORARY_MAX + 32];
    store_close(store);
    snprintf(log, sizeof log, "%s-wal", path);
    unlink(path);
    unlink(log);
    unlink(copy);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing is left behind */
}

/* ---- what is recorded ---- */

static const struct name choices[] = {{5, "pizza"}, {5, "sushi"}, {4, "soup"}};

static const uint8_t lot[] = {2, 0, 1};

static struct poll *make(uint32_t id, const char *text, const struct settings *settings)
{
    struct name name;
    ck_assert(name_parse(text, strlen(text), &name));
    struct poll *poll = poll_new(&name, settings, choices, 3, lot);
    poll->id = id;
    return poll;
}

static struct poll *make_poll(uint32_t id, const char *text, uint8_t record)
{
    const struct settings settings = {
        {BALLOTS_ONCE, VOTERS_NAMED, REVEAL_CLOSED, record, STATE_CLOSED}};
    return make(id, text, &settings);
}

/* Of the kind that the method counts. */
static struct poll *make_counted(uint32_t id, const char *text, uint16_t record, uint16_t method)
{
    const unsigned given = 1 << SETTING_RECORD | 1 << SETTING_METHOD;
    struct settings settings = {{[SETTING_RECORD] = record, [SETTING_METHOD] = method}};
    char reason[SETTINGS_WHY_SIZE];
    ck_assert_msg(settings_complete(&settings, given, 3, reason) == 0, "%s", reason);
    return make(id, text, &settings);
}

/* A ballot that defines its value. */
static struct entry defining(struct entry ballot, uint32_t value, const char *marks)
{
    ballot.ballot.value = value;
    ballot.ballot.marks = (struct span){marks, 3};
    return ballot;
}

static struct entry keyed(struct entry ballot, uint64_t key)
{
    ballot.ballot.has_key = true;
    ballot.ballot.key = (struct hash){key, ~key};
    return ballot;
}

static struct entry named(uint64_t seq, uint32_t poll, const char *name, const char *spelling)
{
    struct entry ballot = entry_ballot(seq, poll, 3, (struct hash){0, 0});
    ballot.ballot.name = (struct span){name, strlen(name)};
    if (spelling)
        ballot.ballot.spelling = (struct span){spelling, strlen(spelling)};
    return ballot;
}

static void append(const struct entry *entries, size_t count, uint32_t poll, const char *line)
{
    const struct store_tally tally = {poll, line, strlen(line)};
    const struct store_batch batch = {.entries = entries,
                                      .entry_count = count,
                                      .tallies = &tally,
                                      .tally_count = line[0] != '\0'};
    const char *reason = NULL;
    ck_assert_int_eq(store_append(store, &batch, &reason), STORE_RECORDED);
}

enum { ENTRIES = 21, FIRST_BATCH = 6 };

/* Of every kind, in two batches. Returns what was recorded; the polls are never freed. */
static const struct entry *append_sample(void)
{
    static struct entry sample[ENTRIES];
    const struct entry entries[ENTRIES] = {
        entry_create(1, make_poll(1, "lunch", RECORD_PSEUDONYM)),
        entry_create(2, make_poll(2, "board", RECORD_NAME)),
        entry_change(3, 1, ENTRY_OPEN),
        entry_ballot(4, 1, 2, (struct hash){1, 2}),
        keyed(entry_ballot(5, 1, 3, (struct hash){UINT64_MAX, 4}), 7),
        entry_text(6, 2, ENTRY_LABEL, 2, "Tom Yam"),
        entry_text(7, 1, ENTRY_TITLE, 0, "L\xc3\xbcnch?"),
        named(8, 2, "ann lee", "Ann Lee"),
        keyed(named(9, 2, "bob", NULL), 9),
        entry_change(10, 1, ENTRY_CLOSE),
        entry_create(11, make_counted(3, "stv", RECORD_PSEUDONYM, METHOD_STV)),
        entry_create(12, make_counted(4, "star", RECORD_NAME, METHOD_STAR)),
        entry_ballot(13, 1, 3, (struct hash){1, 1}),
        defining(entry_ballot(14, 3, 1, (struct hash){1, 1}), 1, "\1\2\0"),
        entry_ballot(15, 3, 1, (struct hash){2, 2}),
        entry_ballot(16, 3, VALUE_ABSTAIN, (struct hash){3, 3}),
        defining(keyed(entry_ballot(17, 3, 2, (struct hash){4, 4}), 4), 2, "\0\0\1"),
        defining(entry_ballot(18, 3, 3, (struct hash){5, 5}), 3, "\3\2\1"),
        defining(named(19, 4, "ann lee", "Ann Lee"), 3, "\5\0\0"),
        named(20, 4, "bob", NULL),
        defining(named(21, 4, "cy", NULL), 4, "\0\0\0"),
    };
    memcpy(sample, entries, sizeof entries);
    append(sample, FIRST_BATCH, 1, "lunch open 5 2 pizza=0 sushi=1 soup=1");
    append(sample + FIRST_BATCH, ENTRIES - FIRST_BATCH, 1,
           "lunch closed 10 2 pizza=0 sushi=1 soup=1");
    append(NULL, 0, 2, "board closed 9 2 pizza=0 sushi=0 soup=2");
    return sample;
}

/* ---- what is loaded ---- */

static void assert_span(struct span found, struct span expected)
{
    ck_assert_int_eq(!found.at, !expected.at);
    ck_assert_uint_eq(found.len, expected.len);
    if (found.at)
        ck_assert_mem_eq(found.at, expected.at, found.len);
}

static void assert_create(const struct entry_create *found, const struct entry_create *expected)
{
    ck_assert_str_eq(found->name->text, expected->name->text);
    ck_assert_mem_eq(found->settings, expected->settings, sizeof *found->settings);
    ck_assert_uint_eq(found->choice_count, expected->choice_count);
    for (unsigned i = 0; i < found->choice_count; i++)
        ck_assert_str_eq(found->choices[i].text, expected->choices[i].text);
    ck_assert_mem_eq(found->lot, expected->lot, expected->choice_count);
}

static void assert_ballot(const struct entry_ballot *found, const struct entry_ballot *expected)
{
    ck_assert_uint_eq(found->value, expected->value);
    ck_assert_uint_eq(found->weight, expected->weight);
    ck_assert_int_eq(found->has_key, expected->has_key);
    if (found->has_key)
        ck_assert_mem_eq(&found->key, &expected->key, sizeof found->key);
    if (!expected->name.at)
        ck_assert_mem_eq(&found->voter, &expected->voter, sizeof found->voter);
    assert_span(found->name, expected->name);
    assert_span(found->spelling, expected->spelling);
    assert_span(found->marks, expected->marks);
}

static void assert_entry(const struct entry *found, const struct entry *expected)
{
    ck_assert_uint_eq(found->seq, expected->seq);
    ck_assert_uint_eq(found->time_ns, expected->time_ns);
    ck_assert_uint_eq(found->poll, expected->poll);
    ck_assert_int_eq(found->kind, expected->kind);
    if (found->kind == ENTRY_CREATE)
        assert_create(&found->create, &expected->create);
    if (found->kind == ENTRY_BALLOT)
        assert_ballot(&found->ballot, &expected->ballot);
    if (found->kind == ENTRY_LABEL)
        ck_assert_uint_eq(found->text.choice, expected->text.choice);
    if (found->kind == ENTRY_TITLE || found->kind == ENTRY_LABEL)
        assert_span(found->text.text, expected->text.text);
}

struct found {
    const struct entry *expected;
    unsigned entries, tallies, fail_at; /* fail_at: the visitor refuses that entry; 0 is none */
    char lines[2][64];
};

static int find_entry(void *context, const struct entry *entry, char *reason)
{
    struct found *found = context;
    assert_entry(entry, &found->expected[found->entries++]);
    if (found->entries != found->fail_at)
        return 0;
    strcpy(reason, "the visitor does not like it");
    return -1;
}

static int find_tally(void *context, const struct store_tally *tally, char *reason)
{
    (void)reason;
    struct found *found = context;
    ck_assert_uint_eq(tally->poll, found->tallies + 1);
    memcpy(found->lines[found->tallies++], tally->line, tally->len);
    return 0;
}

static int load(struct found *found)
{
    const struct store_visitor visitor = {found, find_entry, find_tally};
    return store_load(store, &visitor, why);
}

static void assert_loaded(const struct entry *expected)
{
    struct found found = {.expected = expected};
    ck_assert_msg(load(&found) == 0, "%s", why);
    ck_assert_uint_eq(found.entries, ENTRIES);
    ck_assert_uint_eq(found.tallies, 2);
    ck_assert_str_eq(found.lines[0], "lunch closed 10 2 pizza=0 sushi=1 soup=1");
    ck_assert_str_eq(found.lines[1], "board closed 9 2 pizza=0 sushi=0 soup=2");
}

/* ---- the tests ---- */

START_TEST(a_new_one_is_empty)
{
    struct found found = {0};
    struct hash check;
    ck_assert_int_eq(load(&found), 0);
    ck_assert_uint_eq(found.entries + found.tallies, 0);
    ck_assert_int_eq(store_has_ballots(store, why), 0);
    ck_assert_int_eq(store_key_check(store, &check, why), 0);
    ck_assert_uint_eq(store_voter_estimate(store), 0);
    ck_assert_ptr_null(store_health(store));
}
END_TEST

START_TEST(what_is_recorded_is_loaded_in_its_order)
{
    const struct entry *sample = append_sample();
    ck_assert_int_eq(store_has_ballots(store, why), 1);
    assert_loaded(sample);
    restart();
    assert_loaded(sample);
    ck_assert_int_eq(store_has_ballots(store, why), 1);
    ck_assert_int_eq(store_finish(store, why), 0);
    restart();
    assert_loaded(sample);
}
END_TEST

/* All of them after the last one, and after those to come, is none. */
START_TEST(what_came_after_a_sequence_is_read)
{
    const struct entry *sample = append_sample();
    struct found found = {.expected = sample + (_i < ENTRIES ? _i : ENTRIES)};
    const struct store_visitor visitor = {&found, find_entry, find_tally};
    ck_assert_msg(store_follow(store, (uint64_t)_i, &visitor, why) == 0, "%s", why);
    ck_assert_uint_eq(found.entries, _i < ENTRIES ? (unsigned)(ENTRIES - _i) : 0);
    ck_assert_uint_eq(found.tallies, 0);
}
END_TEST

/* Whenever the ledger gives it time. */
START_TEST(its_own_work_changes_nothing)
{
    static const enum store_moment moments[] = {STORE_IDLE, STORE_BUSY, STORE_REFUSING};
    const struct entry *sample = append_sample();
    store_work(store, moments[_i]);
    assert_loaded(sample);
    restart();
    assert_loaded(sample);
}
END_TEST

START_TEST(a_visitor_ends_the_load)
{
    struct found found = {.expected = append_sample(), .fail_at = 4};
    ck_assert_int_eq(load(&found), -1);
    ck_assert_str_eq(why, "the visitor does not like it");
    ck_assert_uint_eq(found.entries, 4);
    ck_assert_uint_eq(found.tallies, 0);
}
END_TEST

START_TEST(it_may_be_loaded_while_nobody_uses_it)
{
    const struct entry *sample = append_sample();
    store_close(store);
    ck_assert_msg(store_open_to_read(&store, engine, path, why) == 0, "%s", why);
    assert_loaded(sample);
    restart();
    struct store *none;
    why[0] = '\0';
    ck_assert_int_eq(store_open_to_read(&none, engine, copy, why), -1);
    ck_assert_msg(strstr(why, copy) != NULL, "said: %s", why);
}
END_TEST

START_TEST(it_is_taken_for_one_alone)
{
    struct store *second;
    ck_assert_int_eq(store_open(&second, engine, path, false, why), -1);
    ck_assert_msg(strstr(why, path) && strstr(why, "in use"), "said: %s", why);
}
END_TEST

START_TEST(it_keeps_the_keys_check_value)
{
    struct hash check;
    ck_assert_int_eq(store_set_key_check(store, (struct hash){7, 8}, why), 0);
    ck_assert_int_eq(store_set_key_check(store, (struct hash){9, UINT64_MAX}, why), 0);
    restart();
    ck_assert_int_eq(store_key_check(store, &check, why), 1);
    ck_assert_uint_eq(check.high, 9);
    ck_assert_uint_eq(check.low, UINT64_MAX);
}
END_TEST

START_TEST(it_is_the_same_over_its_lives)
{
    uint64_t identity = store_identity(store);
    struct store *other;
    ck_assert_uint_ne(identity, 0);
    append_sample();
    restart();
    ck_assert_uint_eq(store_identity(store), identity);
    ck_assert_int_eq(store_open(&other, engine, copy, false, why), 0);
    ck_assert_int_eq(store_adopt(other, why), 0);
    ck_assert_uint_ne(store_identity(other), identity);
    ck_assert_int_eq(store_finish(other, why), 0);
    store_close(other);
    char log[sizeof copy + 8];
    snprintf(log, sizeof log, "%s-wal", copy);
    unlink(log);
}
END_TEST

START_TEST(the_only_owner_is_confirmed)
{
    const char *reason = NULL;
    ck_assert_int_eq(store_confirm(store, &reason), STORE_RECORDED);
    append_sample();
    ck_assert_int_eq(store_confirm(store, &reason), STORE_RECORDED);
}
END_TEST

static off_t copied_bytes(void)
{
    struct stat status;
    return stat(copy, &status) == 0 ? status.st_size : -1;
}

START_TEST(a_backup_is_of_its_beginning)
{
    static const atomic_bool goes_on, cancelled = true;
    uint64_t bytes = 0;
    append_sample();
    ck_assert_int_eq(store_backup_begin(store), 0);
    uint64_t size = store_database_bytes(store);
    ck_assert_int_ne(store_backup_copy(store, copy, &cancelled, &bytes), 0);
    ck_assert_int_eq(errno, ECANCELED);
    ck_assert_int_eq(copied_bytes(), -1);
    store_backup_end(store);
    ck_assert_int_eq(store_backup_begin(store), 0);
    const struct entry later = entry_change(ENTRIES + 1, 1, ENTRY_OPEN);
    append(&later, 1, 1, "");
    ck_assert_int_eq(store_backup_copy(store, copy, &goes_on, &bytes), 0);
    ck_assert_uint_eq(bytes, size);
    ck_assert_int_eq(copied_bytes(), (off_t)size);
    ck_assert_int_eq(store_backup_copy(store, copy, &goes_on, &bytes), ERR_BAD_ARGUMENT);
    store_backup_end(store);
}
END_TEST

/* Of a file that is the caller's. */
START_TEST(a_backup_fills_a_file)
{
    static const atomic_bool goes_on;
    uint64_t bytes = 0;
    FILE *file = fopen(copy, "w");
    append_sample();
    ck_assert_int_eq(store_backup_begin(store), 0);
    ck_assert_int_eq(store_backup_fill(store, fileno(file), &goes_on, &bytes), 0);
    store_backup_end(store);
    ck_assert_uint_gt(bytes, 0);
    ck_assert_int_eq(copied_bytes(), (off_t)bytes);
    store_drop_file(store, dup(fileno(file)));
    fclose(file);
}
END_TEST

static void *confirm(void *context)
{
    const char *reason;
    return store_confirm(store, &reason) == STORE_RECORDED ? context : NULL;
}

static void *take_and_confirm(void *context)
{
    store_take(store);
    return confirm(context);
}

START_TEST(another_thread_may_take_it)
{
    pthread_t thread;
    void *confirmed;
    ck_assert_int_eq(pthread_create(&thread, NULL, take_and_confirm, path), 0);
    pthread_join(thread, &confirmed);
    ck_assert_ptr_eq(confirmed, path);
    store_take(store);
}
END_TEST

ENGINES_MAIN("engine", {"promises", .set_up = setup, .tear_down = teardown,
                        .tests = {{a_new_one_is_empty},
                                  {what_is_recorded_is_loaded_in_its_order},
                                  {what_came_after_a_sequence_is_read, .loops = ENTRIES + 2},
                                  {its_own_work_changes_nothing, .loops = 3},
                                  {a_visitor_ends_the_load},
                                  {it_may_be_loaded_while_nobody_uses_it},
                                  {it_is_taken_for_one_alone},
                                  {it_keeps_the_keys_check_value},
                                  {it_is_the_same_over_its_lives},
                                  {the_only_owner_is_confirmed},
                                  {a_backup_is_of_its_beginning},
                                  {a_backup_fills_a_file},
                                  {another_thread_may_take_it}}})
