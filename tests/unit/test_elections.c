/* Published elections (tests/elections), each with the result that was published, counted by the
 * methods that it tells of. */
#include "tests/support/profiles.h"
#include "tests/support/unit.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 256 };

static char *files[FILES_MAX]; /* paths, in the order of their names */
static int file_count;

static json_t *election;
static struct electing electing;
static struct result *result;

static int is_election(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

/* Before Check makes a list of the tests, which there is one of for each file. */
static void find_files(void)
{
    char directory[4096];
    const char *sources = getenv("TALLYCAST_SRCDIR");
    snprintf(directory, sizeof directory, "%s/tests/elections", sources ? sources : ".");
    struct dirent **entries = NULL;
    file_count = scandir(directory, &entries, is_election, alphasort);
    if (file_count > FILES_MAX)
        file_count = FILES_MAX;
    for (int i = 0; i < file_count; i++) {
        if (asprintf(&files[i], "%s/%s", directory, entries[i]->d_name) < 0)
            abort();
        free(entries[i]);
    }
    free(entries);
}

static const char *text_at(const json_t *list, size_t i)
{
    return json_string_value(json_array_get(list, i));
}

static uint64_t number_at(const json_t *number)
{
    return (uint64_t)json_integer_value(number);
}

static json_t *expected(const char *name)
{
    return json_object_get(json_object_get(election, "expect"), name);
}

static void cast_ballots(void)
{
    size_t i;
    json_t *ballot;
    json_array_foreach(json_object_get(election, "ballots"), i, ballot)
    {
        unsigned count = (unsigned)json_integer_value(json_array_get(ballot, 0));
        ck_assert_int_eq(electing_cast(&electing, count, text_at(ballot, 1)), 0);
    }
}

/* Counts the file's ballots by a method. */
static void count(const char *method)
{
    const json_t *choices = json_object_get(election, "choices");
    char settings[128], names[PROTO_CHOICES_MAX * (PROTO_NAME_MAX + 1)] = "";
    int len = snprintf(settings, sizeof settings, "method=%s", method);
    static const char *const numbers[] = {"seats", "scores"};
    for (int i = 0; i < UNIT_COUNT(numbers); i++) {
        json_t *number = json_object_get(election, numbers[i]);
        if (number)
            len += snprintf(settings + len, sizeof settings - (size_t)len, " %s=%d", numbers[i],
                            (int)json_integer_value(number));
    }
    for (size_t i = 0; i < json_array_size(choices); i++)
        strcat(strcat(names, " "), text_at(choices, i));
    electing = electing_new(settings, names, NULL);
    cast_ballots();
    result = electing_count(&electing);
    ck_assert_ptr_nonnull(result);
}

static void discard(void)
{
    result_unref(result);
    electing_free(&electing);
}

static const char *name_of(unsigned choice)
{
    return electing.poll->choices[choice].text;
}

/* ---- what is expected, by its name in the files ---- */

/* Lists of those who share a rank, the first rank first. */
static void expect_ranks(const json_t *ranks)
{
    size_t i, j;
    json_t *rank, *choice;
    json_array_foreach(ranks, i, rank)
    {
        json_array_foreach(rank, j, choice)
        {
            for (unsigned c = 0; c < electing.poll->choice_count; c++)
                if (strcmp(name_of(c), json_string_value(choice)) == 0)
                    ck_assert_uint_eq(result->rank[c], i + 1);
        }
    }
    ck_assert_uint_ge(i, 1);
}

static void expect_winner(const char *name)
{
    ck_assert_uint_eq(result->winner_count, 1);
    ck_assert_str_eq(name_of(result->winners[0]), name);
}

static void expect_elected(const json_t *elected)
{
    ck_assert_uint_eq(result->winner_count, json_array_size(elected));
    for (unsigned i = 0; i < result->winner_count; i++) {
        bool found = false;
        for (size_t j = 0; j < json_array_size(elected); j++)
            found |= strcmp(text_at(elected, j), name_of(result->winners[i])) == 0;
        ck_assert_msg(found, "%s is elected", name_of(result->winners[i]));
    }
}

static void expect_votes(uint64_t votes, const char *text)
{
    char digits[RESULT_VOTES_MAX + 1];
    *result_votes_put(digits, result, votes) = '\0';
    ck_assert_str_eq(digits, text);
}

/* Each stage: what is exhausted, and then the votes of each choice. */
static void expect_stages(const json_t *stages)
{
    ck_assert_uint_eq(result->round_count, json_array_size(stages));
    for (unsigned round = 1; round <= result->round_count; round++) {
        const json_t *stage = json_array_get(stages, round - 1);
        expect_votes(result_exhausted(result, round), text_at(stage, 0));
        ck_assert_uint_eq(json_array_size(stage), electing.poll->choice_count + 1);
        for (unsigned i = 0; i < electing.poll->choice_count; i++)
            expect_votes(result_votes(result, round)[i], text_at(stage, i + 1));
    }
}

static void expect_runoff(void)
{
    const struct result_runoff *runoff = &result->runoff;
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_str_eq(name_of(runoff->finalist[i]), text_at(expected("finalists"), i));
        ck_assert_uint_eq(runoff->votes[i], number_at(json_array_get(expected("runoff"), i)));
    }
}

static void expect_sums(void)
{
    for (unsigned i = 0; i < electing.poll->choice_count; i++)
        ck_assert_uint_eq(result_votes(result, 1)[i],
                          number_at(json_object_get(expected("scores"), name_of(i))));
}

/* ---- tests, for each file ---- */

static void read_election(int file)
{
    json_error_t error;
    election = json_load_file(files[file], 0, &error);
    ck_assert_msg(election, "%s: %s", files[file], error.text);
}

START_TEST(an_election_has_the_result_that_was_published)
{
    read_election(_i);
    unsigned checked = 0;
    if (expected("stages")) {
        count("stv");
        ck_assert_uint_eq(result->quota, strtoull(json_string_value(expected("quota")), NULL, 10));
        expect_elected(expected("elected_in_any_order"));
        expect_stages(expected("stages"));
        discard();
        checked++;
    }
    if (expected("schulze")) {
        count("schulze");
        expect_ranks(expected("schulze"));
        discard();
        checked++;
    }
    if (expected("irv")) {
        count("irv");
        expect_winner(json_string_value(expected("irv")));
        discard();
        checked++;
    }
    if (expected("runoff")) {
        count("star");
        expect_sums();
        expect_runoff();
        expect_winner(json_string_value(expected("winner")));
        discard();
        checked++;
    }
    ck_assert_uint_gt(checked, 0);
    json_decref(election);
}
END_TEST

START_TEST(there_are_elections)
{
    ck_assert_int_ge(file_count, 40);
}
END_TEST

int main(void)
{
    find_files();
    return UNIT_RUN("elections", {"all", .tests = {{there_are_elections},
                                                   {an_election_has_the_result_that_was_published,
                                                    .loops = file_count}}});
}
