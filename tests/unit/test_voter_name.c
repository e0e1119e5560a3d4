/* Voters' names: what is one, how it is kept, and which are the same voter's. Texts are given in
 * blocks of exactly their size, so that a sanitizer sees a step beyond. */
#include "proto/voter_name.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <utf8proc.h>

#define A_32  "abcdefghijklmnopqrstuvwxyz012345"
#define A_128 A_32 A_32 A_32 A_32
#define UE_64 /* 32 letters of two bytes */ \
    "üüüüüüüüüüüüüüüü"      \
    "üüüüüüüüüüüüüüüü"

static bool parse(const char *text, size_t len, struct voter_name *name)
{
    char *given = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(given);
    memcpy(given, text, len);
    bool is_name = voter_name_parse((struct span){given, len}, name);
    free(given);
    return is_name;
}

static struct span fold(const struct voter_name *name, char folded[PROTO_VOTER_MAX])
{
    return (struct span){folded, voter_name_fold((struct span){name->text, name->len}, folded)};
}

/* Durable: the database holds hashes of what stands in the last column. */
static const struct {
    const char *given, *kept, *folded;
} names[] = {
    {"ann", "ann", "ann"},
    {"Ann", "Ann", "ann"},
    {"ANN LEE", "ANN LEE", "ann lee"},
    {"=F(\"A\")", "=F(\"A\")", "=f(\"a\")"},
    {" \t Ann \t  Lee \t", "Ann Lee", "ann lee"},
    {"!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
     "!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"},
    {A_128, A_128, A_128},
    {"   " A_128 "   ", A_128, A_128},
    {UE_64 UE_64, UE_64 UE_64, UE_64 UE_64},
    /* case, by no language's own rule */
    {"Jürgen", "Jürgen", "jürgen"},
    {"JÜRGEN", "JÜRGEN", "jürgen"},
    {"Straße", "Straße", "strasse"},
    {"STRASSE", "STRASSE", "strasse"},
    {"ΟΔΥΣΣΕΎΣ", "ΟΔΥΣΣΕΎΣ", "οδυσσεύσ"},
    {"Οδυσσεύς", "Οδυσσεύς", "οδυσσεύσ"},
    {"İpek", "İpek", "i\xcc\x87pek"},
    {"ılgaz", "ılgaz", "ılgaz"},
    {"ЛЮДМИЛА", "ЛЮДМИЛА", "людмила"},
    /* composed and not: a decomposed name is kept as it came */
    {"Ju\xcc\x88rgen", "Ju\xcc\x88rgen", "jürgen"},
    {"A\xcc\x8angstro\xcc\x88m", "A\xcc\x8angstro\xcc\x88m", "ångström"},
    {"\xe2\x84\xabngstr\xc3\xb6m", "\xe2\x84\xabngstr\xc3\xb6m", "ångström"}, /* the unit's sign */
    {"한글", "한글", "한글"},
    {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "한"},
    {"a\xcc\xa3\xcc\x82", "a\xcc\xa3\xcc\x82", "ậ"},
    {"a\xcc\x82\xcc\xa3", "a\xcc\x82\xcc\xa3", "ậ"}, /* marks in another order */
    /* white space that is none in ASCII */
    {"\xc2\xa0"
     "Ann\xe3\x80\x80\xe2\x80\x83Lee\xe2\x80\x89",
     "Ann Lee", "ann lee"},
    /* what nobody sees does not tell voters apart, but is kept, for there are scripts that need it
     */
    {"an\xe2\x80\x8bn", "an\xe2\x80\x8bn", "ann"},
    {"\xef\xbb\xbf"
     "ann",
     "\xef\xbb\xbf"
     "ann",
     "ann"},
    {"an\xc2\xadn", "an\xc2\xadn", "ann"},
    {"ann \xe2\x80\x8b lee \xe2\x80\x8b", "ann \xe2\x80\x8b lee \xe2\x80\x8b", "ann lee"},
    {"\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", "میخ"},
    {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80",
     "👩🚀"},
    /* letters that only look alike are others */
    {"\xd0\xb0nn", "\xd0\xb0nn", "\xd0\xb0nn"},
    {"ＡＮＮ", "ＡＮＮ", "ａｎｎ"},
    {"“Ann”", "“Ann”", "“ann”"},
};

START_TEST(names_are_kept_and_folded)
{
    struct voter_name name;
    char folded[PROTO_VOTER_MAX];
    ck_assert_msg(parse(names[_i].given, strlen(names[_i].given), &name), "'%s'", names[_i].given);
    ck_assert_str_eq(name.text, names[_i].kept);
    ck_assert_uint_eq(name.len, strlen(names[_i].kept));
    struct span same = fold(&name, folded);
    ck_assert_msg(span_is(same, names[_i].folded), "'%s' gives '%.*s'", names[_i].given,
                  (int)same.len, same.at);
}
END_TEST

static const char *const refused[] = {
    "",
    " \t ",
    "\xc2\xa0",
    "\"",
    "\"ann",
    "\"ann\"",
    "ann \"lee\"",
    "J\xc3\xbcrgen\"",
    "\xe2\x80\x8b\"ann",
    "a\" b",
    "a\nb",
    "ann\r",
    "ann\x7f",
    "ann\x1b[2J",
    "ann\xc2\x85",     /* a C1 control */
    "ann\xe2\x80\xa8", /* a line separator */
    "ann\xe2\x80\xa9",
    "\xe2\x80\xaenna", /* right-to-left override */
    "ann\xe2\x80\xac",
    "\xe2\x81\xa6nna", /* isolate */
    "\xe2\x80\x8b",    /* nothing that anybody sees */
    "\xe2\x80\x8b \xef\xbb\xbf",
    "\xe3\x85\xa4",    /* Hangul filler */
    "ann\xef\xbf\xbf", /* no character */
    "ann\xcd\xb8",     /* U+0378, not assigned */
    "ann\xed\xa0\x80", /* a surrogate */
    "\xff",
    "ann\xc3",
    "\xc0\xa0", /* overlong */
    "ann\xf4\x90\x80\x80",
    A_128 "6",
    UE_64 UE_64 "x",
    /* 126 bytes, and 189 when folded */
    "ŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉŉ",
};

START_TEST(what_is_no_name)
{
    struct voter_name name;
    ck_assert_msg(!parse(refused[_i], strlen(refused[_i]), &name), "'%s'", refused[_i]);
}
END_TEST

START_TEST(a_nul_is_in_no_name)
{
    struct voter_name name;
    ck_assert(!parse("ann", 4, &name));
    ck_assert(!parse("\0"
                     "ann",
                     4, &name));
}
END_TEST

/* Of every character: what is folded is a name, and the same one's. */
START_TEST(folding_again_changes_nothing)
{
    unsigned taken = 0;
    for (utf8proc_int32_t code = 0; code <= 0x10ffff; code++) {
        utf8proc_uint8_t text[8] = "a";
        char folded[PROTO_VOTER_MAX], again[PROTO_VOTER_MAX];
        struct voter_name name, same;
        utf8proc_ssize_t len = utf8proc_encode_char(code, text + 1);
        if (len <= 0 || !voter_name_parse((struct span){(char *)text, 1 + (size_t)len}, &name))
            continue;
        struct span once = fold(&name, folded);
        ck_assert_msg(voter_name_parse(once, &same), "U+%04X", (unsigned)code);
        struct span twice = fold(&same, again);
        ck_assert_msg(once.len == twice.len && memcmp(once.at, twice.at, once.len) == 0, "U+%04X",
                      (unsigned)code);
        taken++;
    }
    ck_assert_uint_gt(taken, 100000);
}
END_TEST

UNIT_MAIN("voter_name", {"voter_name", .timeout_s = 60,
                         .tests = {{names_are_kept_and_folded, .loops = UNIT_COUNT(names)},
                                   {what_is_no_name, .loops = UNIT_COUNT(refused)},
                                   {a_nul_is_in_no_name},
                                   {folding_again_changes_nothing}}})
