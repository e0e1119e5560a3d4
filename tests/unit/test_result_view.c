/* Results as tallyctl takes them from RESULT's rows: what is the same, and names that look like
 * something else. */
#include "tests/support/unit.h"
#include "tools/tallyctl/result_view.h"

#include <stdlib.h>
#include <string.h>

static struct result_view one, other;

static void clear(void)
{
    result_view_clear(&one);
    result_view_clear(&other);
}

static void take(struct result_view *view, const char *const *rows)
{
    for (; *rows; rows++)
        result_view_take((struct span){*rows, strlen(*rows)}, view);
}

#define TAKE(view, ...) take(view, (const char *const[]){__VA_ARGS__, NULL})

static void expect_json(const char *text)
{
    json_t *expected = json_loads(text, 0, NULL), *object = result_view_json(&one);
    char *printed = json_dumps(object, JSON_COMPACT);
    ck_assert_ptr_nonnull(expected);
    ck_assert_msg(json_equal(object, expected), "%s", printed);
    free(printed);
    json_decref(object);
    json_decref(expected);
}

START_TEST(results_differ_by_any_row)
{
    TAKE(&one, "method irv/1 seats=1 ballots=1 weight=1 abstain=0", "winner 1 a");
    ck_assert(!result_view_equal(&one, &other));
    TAKE(&other, "method irv/1 seats=1 ballots=1 weight=1 abstain=0");
    ck_assert(!result_view_equal(&one, &other) && !result_view_equal(&other, &one));
    TAKE(&other, "winner 1 b");
    ck_assert(!result_view_equal(&one, &other));
    result_view_clear(&other);
    TAKE(&other, "method irv/1 seats=1 ballots=1 weight=1 abstain=0", "winner 1 a");
    ck_assert(result_view_equal(&one, &other));
}
END_TEST

/* Choices may be named as what stands beside them, or with digits. */
START_TEST(names_that_look_like_something_else)
{
    TAKE(&one, "method irv/1 seats=1 ballots=3 weight=3 abstain=0", "lot exhausted>1>2",
         "round 1 1=1 2=0 exhausted=2 exhausted=0", "elect 1 exhausted", "winner 1 exhausted",
         "pair 1 2 1 0", "pair 1 exhausted 1 2", "later 7 unknown=words");
    expect_json("{\"hidden\": false, \"method\": \"irv/1\", \"seats\": 1, \"ballots\": 3,"
                " \"weight\": 3, \"abstain\": 0, \"lot\": [\"exhausted\", \"1\", \"2\"],"
                " \"rounds\": [{\"round\": 1, \"votes\": {\"1\": 1, \"2\": 0, \"exhausted\": 2},"
                " \"exhausted\": 0}],"
                " \"steps\": [{\"round\": 1, \"step\": \"elect\", \"choice\": \"exhausted\"}],"
                " \"winners\": [\"exhausted\"],"
                " \"pairs\": [[\"1\", \"2\", 1, 0], [\"1\", \"exhausted\", 1, 2]]}");
}
END_TEST

/* Another server may send anything: it is passed over, or told as it is. */
START_TEST(rows_of_any_kind_are_drawn)
{
    char name[] = "a";
    const struct view_choice choices[] = {{.name = name}};
    static const char *const rows[] = {"",
                                       "pair",
                                       "path a",
                                       "round",
                                       "round x",
                                       "runoff",
                                       "tie 1",
                                       "elect",
                                       "winner",
                                       "rank 0",
                                       "nobody",
                                       "transfer 1 a surplus=",
                                       "method",
                                       "lot",
                                       "round 1 a=x b",
                                       "eliminate 99 zz",
                                       "tie 1 what a,,b by="};
    for (int first = 0; first < UNIT_COUNT(rows); first++) {
        for (int i = 0; i < UNIT_COUNT(rows); i++)
            TAKE(&one, rows[(first + i) % UNIT_COUNT(rows)]);
        FILE *out = fopen("/dev/null", "w");
        ck_assert_ptr_nonnull(out);
        result_view_draw(&one, (struct result_choices){1, choices}, 40, out);
        ck_assert_int_eq(fclose(out), 0);
        json_t *object = result_view_json(&one);
        ck_assert(json_is_object(object));
        json_decref(object);
        result_view_clear(&one);
    }
}
END_TEST

UNIT_MAIN("result view", {"rows", .tear_down = clear,
                          .tests = {{results_differ_by_any_row},
                                    {names_that_look_like_something_else},
                                    {rows_of_any_kind_are_drawn}}})
