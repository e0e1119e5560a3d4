/* Settings of polls as CREATE takes them: what follows from what was given, what can't be together,
 * and that the loader's judgement is the same. */
#include "proto/command.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

static struct command command;
static const char *why;

/* Parses `CREATE p c1 c2 … SETTINGS`. */
static int create(unsigned choice_count, const char *settings)
{
    char line[4096];
    size_t len = (size_t)snprintf(line, sizeof line, "CREATE p");
    for (unsigned i = 1; i <= choice_count; i++)
        len += (size_t)snprintf(line + len, sizeof line - len, " c%u", i);
    len += (size_t)snprintf(line + len, sizeof line - len, " %s", settings);
    return command_parse(line, len, &command, &why);
}

/* The settings that mean something, from `kind` on, as CREATE takes them. */
static const char *describe(const struct settings *settings)
{
    static char text[256];
    char digits[SETTING_TEXT_SIZE];
    size_t len = 0;
    for (enum setting i = SETTING_KIND; i < SETTING_COUNT; i++)
        if (settings_has(settings, i))
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s=%s", len ? " " : "",
                                    setting_name(i),
                                    setting_value_text(i, settings->value[i], digits));
    return text;
}

static const struct {
    const char *given, *whole;
    unsigned seats;
} polls[] = {
    {"", "kind=single method=plurality abstain=yes", 1},
    {"kind=single abstain=no", "kind=single method=plurality abstain=no", 1},
    {"method=plurality", "kind=single method=plurality abstain=yes", 1},
    {"kind=approval", "kind=approval method=approval abstain=yes seats=1 min=1 max=4", 1},
    {"method=approval seats=3", "kind=approval method=approval abstain=yes seats=3 min=1 max=4", 3},
    {"KIND=Score", "kind=score method=score abstain=yes seats=1 min=1 max=4 scores=5", 1},
    {"scores=10 kind=score min=4 max=4",
     "kind=score method=score abstain=yes seats=1 min=4 max=4 scores=10", 1},
    {"method=star scores=1", "kind=score method=star abstain=yes min=1 max=4 scores=1", 1},
    {"kind=ranked", "kind=ranked method=schulze equal=yes abstain=yes min=1 max=4", 1},
    {"kind=ranked equal=no min=2 max=3",
     "kind=ranked method=schulze equal=no abstain=yes min=2 max=3", 1},
    {"method=irv", "kind=ranked method=irv equal=no abstain=yes min=1 max=4", 1},
    {"method=STV kind=ranked seats=2 equal=no",
     "kind=ranked method=stv equal=no abstain=yes seats=2 min=1 max=4", 2},
    {"method=stv seats=0003", "kind=ranked method=stv equal=no abstain=yes seats=3 min=1 max=4", 3},
};

START_TEST(what_is_not_given_follows)
{
    ck_assert_msg(create(4, polls[_i].given) == 0, "%s: %s", polls[_i].given, why);
    ck_assert_str_eq(describe(&command.settings), polls[_i].whole);
    ck_assert_uint_eq(settings_seats(&command.settings), polls[_i].seats);
    ck_assert(settings_are_valid(&command.settings, 4));
    struct settings settings = command.settings; /* and all of it can be given */
    ck_assert_msg(create(4, polls[_i].whole) == 0, "%s: %s", polls[_i].whole, why);
    ck_assert_mem_eq(&command.settings, &settings, sizeof settings);
}
END_TEST

static const struct {
    const char *given, *why;
    unsigned choice_count;
} refused[] = {
    {"kind=list", "kind= is one of: single, approval, score, ranked", 4},
    {"method=borda", "method= is one of: plurality, approval, score, star, schulze, irv, stv", 4},
    {"kind=score method=irv", "method=irv counts ballots of kind=ranked", 4},
    {"kind=single method=approval", "method=approval counts ballots of kind=approval", 4},
    {"seats=1", "seats= is for method=approval, score and stv; the others elect one", 4},
    {"kind=ranked seats=2", "seats= is for method=approval", 4},
    {"method=star seats=1", "seats= is for method=approval", 4},
    {"method=stv seats=4", "seats= is from 1 to 3 here", 4},
    {"method=stv seats=2", "seats= is from 1 to 1 here", 2},
    {"method=stv seats=0", "seats= is from 1 to 3 here", 4},
    {"method=stv seats=65536", "seats= is from 1 to 3 here", 4},
    {"method=stv seats=18446744073709551617", "seats= is from 1 to 3 here", 4},
    {"method=stv seats=two", "seats= is a number from 1, less than the number of choices", 4},
    {"method=stv seats=", "seats= is a number", 4},
    {"method=stv seats=-1", "seats= is a number", 4},
    {"method=stv seats=1 seats=1", "twice", 4},
    {"min=1", "min= is for kind=approval, score and ranked", 4},
    {"max=1", "max= is for kind=approval, score and ranked", 4},
    {"kind=approval min=0", "min= is from 1 to 4 here", 4},
    {"kind=approval max=5", "max= is from 1 to 4 here", 4},
    {"kind=approval min=3 max=2", "min= is at most max=, which is 2 here", 4},
    {"kind=approval scores=5", "scores= is for kind=score", 4},
    {"kind=score scores=0", "scores= is from 1 to 10 here", 4},
    {"kind=score scores=11", "scores= is from 1 to 10 here", 4},
    {"kind=score equal=no", "equal= is for kind=ranked", 4},
    {"method=irv equal=yes", "method=irv takes no equal ranks: equal=no", 4},
    {"method=stv equal=yes", "method=stv takes no equal ranks: equal=no", 4},
    {"kind=ranked equal=maybe", "equal= is one of: yes, no", 4},
    {"abstain=never", "abstain= is one of: yes, no", 4},
    {"kind=ranked", "method=schulze takes at most 64 choices, and these are 65", 65},
    {"method=irv", "method=irv takes at most 128 choices, and these are 129", 129},
    {"method=stv", "method=stv takes at most 128 choices, and these are 129", 129},
    {"lot=c1>c2", "lot= is drawn, listed, or each choice once, as in c>a>b", 4},
    {"lot=c1>c2>c3>c4>c1", "lot= is drawn, listed", 4},
    {"lot=c1>c2>c3>c4>", "lot= is drawn, listed", 4},
    {"lot=c1>>c2>c3", "lot= is drawn, listed", 4},
    {"lot=", "lot= is drawn, listed", 4},
    {"lot=random", "lot= names random, which is no choice", 4},
    {"lot=c1>c2>c1>c4", "lot= names c1 twice", 4},
    {"lot=c1>2>c2>c4", "lot= names c2 twice", 4},
    {"lot=c1>c2>c5>c4", "lot= names c5, which is no choice", 4},
    {"lot=drawn lot=listed", "twice", 4},
};

START_TEST(what_can_not_be_is_refused)
{
    ck_assert_int_eq(create(refused[_i].choice_count, refused[_i].given), ERR_BAD_ARGUMENT);
    ck_assert_msg(strstr(why, refused[_i].why) != NULL, "%s: '%s'", refused[_i].given, why);
}
END_TEST

static const struct {
    const char *given;
    unsigned most;
} bounds[] = {
    {"", 256},           {"kind=approval", 256}, {"kind=score", 256}, {"method=star", 256},
    {"kind=ranked", 64}, {"method=irv", 128},    {"method=stv", 128}};

START_TEST(each_method_takes_its_number_of_choices)
{
    ck_assert_int_eq(create(bounds[_i].most, bounds[_i].given), 0);
    ck_assert_int_eq(create(bounds[_i].most + 1, bounds[_i].given), ERR_BAD_ARGUMENT);
}
END_TEST

/* ---- the loader's judgement ---- */

static bool is_between(unsigned value, unsigned least, unsigned most)
{
    return value >= least && value <= most;
}

/* The rule once more, from the other side. */
static bool can_be(const uint16_t *value, unsigned choice_count)
{
    static const unsigned kinds[] = {KIND_SINGLE, KIND_APPROVAL, KIND_SCORE, KIND_SCORE,
                                     KIND_RANKED, KIND_RANKED,   KIND_RANKED};
    static const bool has_seats[] = {false, true, true, false, false, false, true};
    const unsigned method = value[SETTING_METHOD];
    if (value[SETTING_KIND] != kinds[method])
        return false;
    if (has_seats[method] ? !is_between(value[SETTING_SEATS], 1, choice_count - 1)
                          : value[SETTING_SEATS] != 0)
        return false;
    if (method == METHOD_PLURALITY
            ? value[SETTING_MIN] + value[SETTING_MAX] != 0
            : !is_between(value[SETTING_MIN], 1, choice_count) ||
                  !is_between(value[SETTING_MAX], value[SETTING_MIN], choice_count))
        return false;
    if (kinds[method] == KIND_SCORE ? !is_between(value[SETTING_SCORES], 1, 10)
                                    : value[SETTING_SCORES] != 0)
        return false;
    return kinds[method] == KIND_RANKED
               ? method == METHOD_SCHULZE || value[SETTING_EQUAL] == EQUAL_NO
               : value[SETTING_EQUAL] == 0;
}

/* Counts the value up to `last`. Returns false when it begins anew. */
static bool count_up(uint16_t *value, unsigned last)
{
    *value = (uint16_t)(*value < last ? *value + 1 : 0);
    return *value != 0;
}

/* All settings that could be, and many that can't. */
START_TEST(what_is_loaded_is_what_create_makes)
{
    static const uint16_t last[SETTING_COUNT] = {[SETTING_KIND] = KIND_RANKED,
                                                 [SETTING_METHOD] = METHOD_STV,
                                                 [SETTING_EQUAL] = EQUAL_NO,
                                                 [SETTING_SEATS] = 4,
                                                 [SETTING_MIN] = 4,
                                                 [SETTING_MAX] = 4,
                                                 [SETTING_SCORES] = 11};
    struct settings settings = {{0}};
    unsigned good = 0;
    int place;
    do {
        bool valid = settings_are_valid(&settings, 3);
        ck_assert_msg(valid == can_be(settings.value, 3), "%s", describe(&settings));
        good += valid;
        for (place = 0; place < SETTING_COUNT; place++)
            if (count_up(&settings.value[place], last[place]))
                break;
    } while (place < SETTING_COUNT);
    ck_assert_uint_gt(good, 100);
}
END_TEST

static const struct {
    enum setting setting;
    uint16_t value;
} no_words[] = {{SETTING_BALLOTS, 3},        {SETTING_STATE, 2}, {SETTING_KIND, 4},
                {SETTING_METHOD, 7},         {SETTING_EQUAL, 2}, {SETTING_ABSTAIN, 2},
                {SETTING_METHOD, UINT16_MAX}};

START_TEST(a_word_that_is_none_is_not_loaded)
{
    struct settings settings = {{0}};
    ck_assert(settings_are_valid(&settings, 2));
    settings.value[no_words[_i].setting] = no_words[_i].value;
    ck_assert(!settings_are_valid(&settings, 2));
}
END_TEST

START_TEST(a_method_takes_no_more_choices_when_it_is_loaded)
{
    ck_assert_int_eq(create(64, "kind=ranked max=3"), 0);
    ck_assert(settings_are_valid(&command.settings, 64));
    ck_assert(!settings_are_valid(&command.settings, 65));
}
END_TEST

/* ---- methods ---- */

START_TEST(methods_have_versions)
{
    static const char *const names[] = {"plurality/1", "approval/1", "score/1",       "star/1",
                                        "schulze/1",   "irv/1",      "stv-scottish/1"};
    for (unsigned method = METHOD_PLURALITY; method <= METHOD_STV; method++)
        ck_assert_str_eq(method_name(method), names[method]);
    ck_assert_uint_eq(method_kind(METHOD_STAR), KIND_SCORE);
}
END_TEST

START_TEST(help_has_a_row_for_each_setting)
{
    for (enum setting i = 0; i < SETTING_COUNT; i++) {
        const char *help = setting_help(i), *name = setting_name(i);
        ck_assert_mem_eq(help, name, strlen(name));
        ck_assert_int_eq(help[strlen(name)], '=');
        ck_assert_ptr_nonnull(strstr(help, "  "));
    }
    ck_assert_str_eq(setting_help(SETTING_EQUAL),
                     "equal=yes|no  ranked: whether choices can be ranked equal (schulze)");
    ck_assert_ptr_nonnull(strstr(setting_help(SETTING_SEATS), "seats=N  "));
}
END_TEST

/* ---- lots ---- */

static const struct {
    const char *given;
    bool is_drawn;
    uint8_t lot[4];
} lots[] = {
    {"", true, {0, 1, 2, 3}},
    {"lot=drawn", true, {0, 1, 2, 3}},
    {"LOT=Listed", false, {0, 1, 2, 3}},
    {"lot=C4>c1>3>c2", false, {3, 0, 2, 1}},
    {"lot=4>3>2>1", false, {3, 2, 1, 0}},
};

START_TEST(lots_are_drawn_listed_or_given)
{
    ck_assert_msg(create(4, lots[_i].given) == 0, "%s", why);
    ck_assert(command.draws_lot == lots[_i].is_drawn);
    ck_assert_mem_eq(command.lot, lots[_i].lot, 4);
}
END_TEST

/* Wherever it stands. */
START_TEST(a_lot_can_stand_before_the_choices)
{
    static const char line[] = "CREATE lot=b>a kind=ranked p a b";
    ck_assert_int_eq(command_parse(line, strlen(line), &command, &why), 0);
    ck_assert_uint_eq(command.lot[0], 1);
}
END_TEST

UNIT_MAIN("settings",
          {"create",
           .tests = {{what_is_not_given_follows, .loops = UNIT_COUNT(polls)},
                     {what_can_not_be_is_refused, .loops = UNIT_COUNT(refused)},
                     {each_method_takes_its_number_of_choices, .loops = UNIT_COUNT(bounds)}}},
          {"load", .tests = {{what_is_loaded_is_what_create_makes},
                             {a_word_that_is_none_is_not_loaded, .loops = UNIT_COUNT(no_words)},
                             {a_method_takes_no_more_choices_when_it_is_loaded}}},
          {"words", .tests = {{methods_have_versions}, {help_has_a_row_for_each_setting}}},
          {"lots", .tests = {{lots_are_drawn_listed_or_given, .loops = UNIT_COUNT(lots)},
                             {a_lot_can_stand_before_the_choices}}})
