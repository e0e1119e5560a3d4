/* Ballots' texts: what each kind of poll takes, the canonical text and its way back, every reason
 * to refuse one, and the longest there are. */
#include "proto/marks.h"
#include "proto/command.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct command poll;
static struct marks marks;
static char why[MARKS_WHY_SIZE], written[MARKS_TEXT_MAX + 1];

static void create(const char *line)
{
    const char *reason;
    ck_assert_msg(command_parse(line, strlen(line), &poll, &reason) == 0, "%s: %s", line, reason);
}

/* The text is in a block of exactly its size, so that a sanitizer sees a step beyond it. */
static int parse(const char *text, struct marks *parsed)
{
    size_t len = strlen(text);
    char *block = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(block);
    memcpy(block, text, len);
    memset(parsed, 0xa5, sizeof *parsed);
    why[0] = '\0';
    int result = marks_parse((struct span){block, len}, &poll.settings, poll.choices,
                             poll.choice_count, parsed, why);
    free(block);
    return result;
}

static const char *write_marks(void)
{
    size_t len = marks_write(&marks, &poll.settings, poll.choices, written);
    ck_assert_uint_le(len, MARKS_TEXT_MAX);
    written[len] = '\0';
    return written;
}

/* What was written is read as the same marks, and written as the same text. */
static void assert_round_trip(void)
{
    struct marks again;
    char first[MARKS_TEXT_MAX + 1];
    strcpy(first, write_marks());
    ck_assert_msg(parse(first, &again) == 0, "'%s': %s", first, why);
    ck_assert_uint_eq(again.count, marks.count);
    ck_assert(again.abstains == marks.abstains);
    ck_assert_mem_eq(again.mark, marks.mark, marks.count);
    ck_assert(marks.abstains || marks_are_valid(marks.mark, &poll.settings, marks.count));
    marks = again;
    ck_assert_str_eq(write_marks(), first);
}

#define SINGLE   "CREATE p a b c"
#define APPROVAL "CREATE p a b c d kind=approval"
#define SCORE    "CREATE p a b c d kind=score"
#define RANKED   "CREATE p a b c d kind=ranked"
#define STRICT   "CREATE p a b c d method=irv"

static const struct {
    const char *create, *text, *canonical;
    uint8_t mark[4];
} good[] = {
    {SINGLE, "a", "a", {1}},
    {SINGLE, "B", "b", {0, 1}},
    {SINGLE, "3", "c", {0, 0, 1}},
    {SINGLE, "-", "-", {0}},
    {APPROVAL, "a", "a", {1}},
    {APPROVAL, "c,A", "a,c", {1, 0, 1}},
    {APPROVAL, "4,3,2,1", "a,b,c,d", {1, 1, 1, 1}},
    {APPROVAL, "-", "-", {0}},
    {SCORE, "a=5", "a=5", {5}},
    {SCORE, "c=2,A=5,b=0", "a=5,c=2", {5, 0, 2}},
    {SCORE, "d=0", "a=0", {0}},
    {SCORE, "a=0,b=0,c=0,d=0", "a=0", {0}},
    {SCORE, "1=05,4=0001", "a=5,d=1", {5, 0, 0, 1}},
    {SCORE " min=3", "c=1,b=0,d=0", "a=0,b=0,c=1", {0, 0, 1}},
    {SCORE " min=4 max=4 scores=10", "d=10,c=0,b=0,a=9", "a=9,b=0,c=0,d=10", {9, 0, 0, 10}},
    {SCORE, "-", "-", {0}},
    {RANKED, "b", "b", {0, 1}},
    {RANKED, "b>a>c>d", "b>a>c>d", {2, 1, 3, 4}},
    {RANKED, "d>c=A", "d>a=c", {2, 0, 2, 1}},
    {RANKED, "d=c=b=a", "a=b=c=d", {1, 1, 1, 1}},
    {RANKED, "-", "-", {0}},
    {STRICT, "4>2", "d>b", {0, 2, 0, 1}},
    {"CREATE p 3 x 1 kind=ranked", "1>2>3", "1>x>3", {3, 2, 1}}, /* names before numbers */
    {"CREATE p a-b a.b a_b kind=ranked", "A_B=a-b>A.b", "a-b=a_b>a.b", {1, 2, 1}},
};

START_TEST(ballots_that_are_taken)
{
    create(good[_i].create);
    ck_assert_msg(parse(good[_i].text, &marks) == 0, "%s: %s", good[_i].text, why);
    ck_assert_uint_eq(marks.count, poll.choice_count);
    ck_assert_mem_eq(marks.mark, good[_i].mark, marks.count);
    ck_assert(marks.abstains == (good[_i].text[0] == '-'));
    ck_assert_str_eq(write_marks(), good[_i].canonical);
    assert_round_trip();
}
END_TEST

static const struct {
    const char *create, *text, *why;
} bad[] = {
    {SINGLE, "a,b", "a ballot names one choice here"},
    {SINGLE, "a>b", "a ballot names one choice here"},
    {SINGLE, "a=1", "a ballot names one choice here"},
    {SINGLE, "--", "a ballot names one choice here"},
    {SINGLE " abstain=no", "-", "nobody abstains here: abstain=no"},
    {APPROVAL, "a>b", "a ballot names choices here, as in a,c"},
    {APPROVAL, "a=1", "a ballot names choices here"},
    {APPROVAL, "a,,b", "a ballot names choices here"},
    {APPROVAL, ",a", "a ballot names choices here"},
    {APPROVAL, "a,", "a ballot names choices here"},
    {APPROVAL, "a,-", "a ballot names choices here"},
    {APPROVAL, ",", "a ballot names choices here"},
    {APPROVAL, "", "a ballot names choices here"},
    {APPROVAL, "a\n", "a ballot names choices here"},
    {APPROVAL, "a,b,A", "the ballot names a twice"},
    {APPROVAL, "b,2", "the ballot names b twice"},
    {APPROVAL " min=2", "a", "a ballot names at least 2 choices here, and this one 1"},
    {APPROVAL " max=1", "a,b", "a ballot names at most 1 choice here, and this one 2"},
    {APPROVAL " max=2", "a,b,c", "a ballot names at most 2 choices here, and this one 3"},
    {APPROVAL " abstain=no", "-", "nobody abstains here"},
    {SCORE, "a", "a ballot gives choices scores here, as in a=5,c=2"},
    {SCORE, "a,b=1", "a ballot gives choices scores here"},
    {SCORE, "a=", "a ballot gives choices scores here"},
    {SCORE, "=5", "a ballot gives choices scores here"},
    {SCORE, "a=5,,b=5", "a ballot gives choices scores here"},
    {SCORE, "a=5>b=5", "a score is from 0 to 5 here"},
    {SCORE, "a>b", "a ballot gives choices scores here"},
    {SCORE, "a=6", "a score is from 0 to 5 here"},
    {SCORE, "a=5=5", "a score is from 0 to 5 here"},
    {SCORE, "a=b", "a score is from 0 to 5 here"},
    {SCORE, "a=-1", "a score is from 0 to 5 here"},
    {SCORE, "a=18446744073709551617", "a score is from 0 to 5 here"},
    {SCORE " scores=10", "a=11", "a score is from 0 to 10 here"},
    {SCORE, "a=1,1=1", "the ballot names a twice"},
    {SCORE, "a=0,a=0", "the ballot names a twice"},
    {SCORE " min=2", "a=5", "a ballot names at least 2 choices here, and this one 1"},
    {SCORE " max=2", "a=5,b=0,c=0", "a ballot names at most 2 choices here, and this one 3"},
    {RANKED, "a,b", "a ballot ranks choices here, as in b>a>c"},
    {RANKED, "a>", "a ballot ranks choices here"},
    {RANKED, "a=", "a ballot ranks choices here"},
    {RANKED, ">a", "a ballot ranks choices here"},
    {RANKED, "a>>b", "a ballot ranks choices here"},
    {RANKED, "a=>b", "a ballot ranks choices here"},
    {RANKED, "a>=b", "a ballot ranks choices here"},
    {RANKED, "a>b>a", "the ballot names a twice"},
    {RANKED, "a=1", "the ballot names a twice"},
    {RANKED " equal=no", "a=b", "no choices are ranked equal here"},
    {STRICT, "a>b=c", "no choices are ranked equal here"},
    {STRICT " min=3", "a>b", "a ballot names at least 3 choices here, and this one 2"},
    {RANKED " max=3", "a=b=c=d", "a ballot names at most 3 choices here, and this one 4"},
    {RANKED " abstain=no", "-", "nobody abstains here"},
};

START_TEST(ballots_that_are_refused)
{
    create(bad[_i].create);
    ck_assert_int_eq(parse(bad[_i].text, &marks), ERR_BAD_BALLOT);
    ck_assert_msg(strncmp(why, bad[_i].why, strlen(bad[_i].why)) == 0, "%s: '%s'", bad[_i].text,
                  why);
}
END_TEST

static const struct {
    const char *create, *text, *why;
} lost[] = {
    {SINGLE, "d", "the poll has no choice d"},
    {SINGLE, "0", "the poll has no choice 0"},
    {SINGLE, "4", "the poll has no choice 4"},
    {APPROVAL, "a,tacos,e", "the poll has no choice tacos"},
    {SCORE, "a=5,e=5", "the poll has no choice e"},
    {SCORE, "e=9", "the poll has no choice e"},
    {RANKED, "a>5", "the poll has no choice 5"},
    {RANKED, "a>b=E", "the poll has no choice e"},
};

START_TEST(choices_that_there_are_not)
{
    create(lost[_i].create);
    ck_assert_int_eq(parse(lost[_i].text, &marks), ERR_NO_SUCH_CHOICE);
    ck_assert_str_eq(why, lost[_i].why);
}
END_TEST

static const struct {
    const char *word;
    bool may_be;
} words[] = {{"-", true},     {"a,b", true},  {"b>a=c", true},       {",", true},
             {"-x>,.", true}, {"--", false},  {"", false},           {"a", false},
             {"a,b!", false}, {"a;b", false}, {"a,\xc3\xa4", false}, {"a, b", false}};

START_TEST(words_that_may_be_ballots)
{
    struct span word = {words[_i].word, strlen(words[_i].word)};
    ck_assert(marks_may_be(word) == words[_i].may_be);
}
END_TEST

/* ---- the longest ---- */

/* `CREATE p` with so many names of 64 bytes, which differ in their last digits. */
static void create_long(unsigned choice_count, const char *settings)
{
    static char line[PROTO_ADMIN_LINE_MAX];
    size_t len = (size_t)snprintf(line, sizeof line, "CREATE p %s", settings);
    for (unsigned i = 0; i < choice_count; i++)
        len += (size_t)snprintf(line + len, sizeof line - len, " %061d%03u", 0, i);
    create(line);
}

/* Joins all choices' names, and what `suffix` puts behind each, by `separator`. */
static const char *all_choices(char separator, const char *suffix)
{
    static char text[MARKS_TEXT_MAX + 1];
    size_t len = 0;
    for (unsigned i = poll.choice_count; i-- > 0;)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%c", poll.choices[i].text,
                                suffix, i > 0 ? separator : '\0');
    return text;
}

static const struct {
    const char *settings, *suffix;
    unsigned choice_count;
    char separator;
    uint8_t first, last; /* marks */
} longest[] = {
    {"kind=approval", "", 256, ',', 1, 1}, {"kind=score scores=10", "=10", 256, ',', 10, 10},
    {"kind=ranked", "", 64, '>', 64, 1},   {"kind=ranked", "", 64, '=', 1, 1},
    {"method=irv", "", 128, '>', 128, 1},  {"method=stv", "", 128, '>', 128, 1},
};

START_TEST(longest_ballots)
{
    create_long(longest[_i].choice_count, longest[_i].settings);
    const char *text = all_choices(longest[_i].separator, longest[_i].suffix);
    ck_assert_msg(parse(text, &marks) == 0, "%s", why);
    ck_assert_uint_eq(marks.mark[0], longest[_i].first);
    ck_assert_uint_eq(marks.mark[marks.count - 1], longest[_i].last);
    ck_assert_uint_eq(strlen(write_marks()), strlen(text));
    assert_round_trip();
}
END_TEST

/* Of 256 choices' names, each is found, and so is its number. */
START_TEST(every_choice_of_256)
{
    char number[8];
    create_long(256, "");
    for (unsigned i = 0; i < 256; i++) {
        snprintf(number, sizeof number, "%u", i + 1);
        const char *const texts[] = {poll.choices[i].text, number};
        for (size_t t = 0; t < 2; t++) {
            ck_assert_int_eq(parse(texts[t], &marks), 0);
            ck_assert_uint_eq(marks.mark[i], 1);
        }
    }
}
END_TEST

/* ---- marks from elsewhere ---- */

static const struct {
    const char *create;
    uint8_t mark[4];
} invalid[] = {
    {SINGLE, {0, 0, 0}},
    {SINGLE, {1, 1, 0}},
    {SINGLE, {2, 0, 0}},
    {APPROVAL, {0, 0, 0, 0}},
    {APPROVAL, {2, 0, 0, 0}},
    {APPROVAL " max=1", {1, 1, 0, 0}},
    {APPROVAL " min=2", {1, 0, 0, 0}},
    {SCORE, {6, 0, 0, 0}},
    {SCORE " max=1", {1, 1, 0, 0}},
    {RANKED, {0, 0, 0, 0}},
    {RANKED, {2, 0, 0, 0}},
    {RANKED, {1, 3, 3, 0}},
    {RANKED, {5, 4, 3, 2}},
    {RANKED, {1, 255, 0, 0}},
    {RANKED " max=1", {1, 1, 0, 0}},
    {RANKED " min=2", {1, 0, 0, 0}},
    {RANKED " equal=no", {1, 1, 0, 0}},
    {STRICT, {1, 2, 2, 0}},
};

START_TEST(marks_that_no_ballot_has)
{
    create(invalid[_i].create);
    ck_assert(!marks_are_valid(invalid[_i].mark, &poll.settings, poll.choice_count));
}
END_TEST

static const char *const small[] = {
    SINGLE,
    APPROVAL,
    APPROVAL " min=2 max=3",
    SCORE " scores=1",
    SCORE " scores=2 min=3",
    SCORE " scores=3 max=2",
    RANKED,
    RANKED " equal=no",
    RANKED " min=2 max=3",
    STRICT " max=2",
};

/* Of all marks of small polls: those are valid that some text gives, and no others. */
START_TEST(valid_marks_are_those_that_a_text_gives)
{
    unsigned valid = 0;
    create(small[_i]);
    for (unsigned all = 0; all < 6 * 6 * 6 * 6; all++) {
        marks = (struct marks){.count = poll.choice_count};
        for (unsigned i = 0, rest = all; i < marks.count; i++, rest /= 6)
            marks.mark[i] = (uint8_t)(rest % 6);
        if (marks_are_valid(marks.mark, &poll.settings, marks.count)) {
            valid++;
            assert_round_trip();
            continue;
        }
        struct marks again;
        const char *text = write_marks();
        ck_assert_msg(parse(text, &again) != 0 || memcmp(again.mark, marks.mark, marks.count) != 0,
                      "'%s' gives marks that are not valid", text);
    }
    ck_assert_uint_gt(valid, 0);
}
END_TEST

UNIT_MAIN("marks",
          {"texts", .tests = {{ballots_that_are_taken, .loops = UNIT_COUNT(good)},
                              {ballots_that_are_refused, .loops = UNIT_COUNT(bad)},
                              {choices_that_there_are_not, .loops = UNIT_COUNT(lost)},
                              {words_that_may_be_ballots, .loops = UNIT_COUNT(words)}}},
          {"longest",
           .tests = {{longest_ballots, .loops = UNIT_COUNT(longest)}, {every_choice_of_256}}},
          {"marks",
           .tests = {{marks_that_no_ballot_has, .loops = UNIT_COUNT(invalid)},
                     {valid_marks_are_those_that_a_text_gives, .loops = UNIT_COUNT(small)}}})
