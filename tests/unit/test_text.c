/* Tests of tools/lib/text.c: what a terminal may be sent, widths, bars, CSV, times. Texts are given
 * in blocks of exactly their size, and results have room for exactly what the header promises, so
 * that a sanitizer sees a step beyond. */
#include "tools/lib/slug.h"
#include "tools/lib/text.h"
#include "tests/support/unit.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* The text and result of the last call. */
static char *given;
static char *result;

static void make_blocks(const char *text, size_t len, size_t size)
{
    free(given);
    free(result);
    given = malloc(len ? len : 1);
    result = malloc(size);
    ck_assert(given && result);
    memcpy(given, text, len);
}

static void assert_result(size_t len, const char *expected)
{
    ck_assert_str_eq(result, expected);
    ck_assert_uint_eq(len, strlen(expected));
}

static void assert_escaped_bytes(const char *text, size_t len, bool utf8, const char *expected)
{
    make_blocks(text, len, TEXT_ESCAPED_SIZE(len));
    assert_result(text_escape(given, len, utf8, result), expected);
}

static void assert_escaped(const char *text, const char *expected)
{
    assert_escaped_bytes(text, strlen(text), true, expected);
}

static void use_utf8(void)
{
    ck_assert_msg(setlocale(LC_CTYPE, "C.UTF-8") || setlocale(LC_CTYPE, "en_US.UTF-8"),
                  "these tests need the locale C.UTF-8");
}

static void free_blocks(void)
{
    free(given);
    free(result);
    given = result = NULL;
}

START_TEST(printable_text_stays)
{
    assert_escaped("", "");
    assert_escaped("plain ~ text", "plain ~ text");
    assert_escaped("é 日本 🍕", "é 日本 🍕");
    assert_escaped("e\xcc\x81", "e\xcc\x81"); /* a combining accent */
    assert_escaped("\xc2\xa0", "\xc2\xa0");   /* the first after C1 */
}
END_TEST

START_TEST(controls_are_escaped)
{
    assert_escaped("\x1b[31mred", "\\x1b[31mred");
    assert_escaped("a\tb\r\n", "a\\x09b\\x0d\\x0a");
    assert_escaped("\x1f \x7f", "\\x1f \\x7f");
    assert_escaped("\xc2\x80\xc2\x9b"
                   "31m\xc2\x9f",
                   "\\xc2\\x80\\xc2\\x9b31m\\xc2\\x9f");
    assert_escaped_bytes("a\0b", 3, true, "a\\x00b");
}
END_TEST

/* With these one title could look like another, or reach beyond its line. */
START_TEST(marks_of_direction_are_escaped)
{
    assert_escaped("\xe2\x80\xae", "\\xe2\\x80\\xae"); /* U+202E */
    assert_escaped("\xe2\x81\xa6", "\\xe2\\x81\\xa6"); /* U+2066 */
    assert_escaped("\xe2\x80\x8f", "\\xe2\\x80\\x8f"); /* U+200F */
    assert_escaped("\xd8\x9c", "\\xd8\\x9c");          /* U+061C */
    assert_escaped("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* U+2028 */
}
END_TEST

START_TEST(invalid_utf8_is_escaped)
{
    assert_escaped("\xff", "\\xff");
    assert_escaped("\x80z", "\\x80z");                 /* a continuation byte alone */
    assert_escaped("\xc0\xaf", "\\xc0\\xaf");          /* overlong */
    assert_escaped("\xe0\x80\xaf", "\\xe0\\x80\\xaf"); /* overlong */
    assert_escaped("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
    assert_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
    assert_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
    assert_escaped("\xe6\x97", "\\xe6\\x97");                   /* cut short by the end */
    assert_escaped("\xe6\x97Z", "\\xe6\\x97Z");                 /* cut short by another */
    assert_escaped("\xe6é", "\\xe6é");
}
END_TEST

START_TEST(without_utf8_only_ascii_stays)
{
    assert_escaped_bytes("aé\x1b", 4, false, "a\\xc3\\xa9\\x1b");
}
END_TEST

START_TEST(decodes_every_form_at_its_bounds)
{
    static const struct {
        const char *text;
        size_t bytes;
        uint32_t code;
    } cases[] = {
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xed\x9f\xbf", 3, 0xd7ff},
        {"\xee\x80\x80", 3, 0xe000},
        {"\xef\xbf\xbf", 3, 0xffff},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint32_t code = 0;
        make_blocks(cases[i].text, cases[i].bytes, 1);
        ck_assert_uint_eq(text_decode(given, cases[i].bytes, &code), cases[i].bytes);
        ck_assert_uint_eq(code, cases[i].code);
        ck_assert_uint_eq(text_decode(given, cases[i].bytes - 1, &code), 0);
    }
}
END_TEST

static size_t width(const char *text)
{
    make_blocks(text, strlen(text), 1);
    return text_width(given, strlen(text));
}

START_TEST(width_counts_columns)
{
    ck_assert_uint_eq(width(""), 0);
    ck_assert_uint_eq(width("abc"), 3);
    ck_assert_uint_eq(width("é"), 1);
    ck_assert_uint_eq(width("e\xcc\x81"), 1);
    ck_assert_uint_eq(width("日本"), 4);
    ck_assert_uint_eq(width("a\x1b"), 1 + 4); /* as it is escaped */
    ck_assert_uint_eq(width("\xff\xfe"), 8);
}
END_TEST

static size_t fit(const char *text, size_t columns)
{
    make_blocks(text, strlen(text), 1);
    return text_fit(given, strlen(text), columns);
}

START_TEST(fit_cuts_between_characters)
{
    ck_assert_uint_eq(fit("abc", 0), 0);
    ck_assert_uint_eq(fit("abc", 2), 2);
    ck_assert_uint_eq(fit("abc", 9), 3);
    ck_assert_uint_eq(fit("日本", 1), 0);
    ck_assert_uint_eq(fit("日本", 3), 3);
    ck_assert_uint_eq(fit("日本", 4), 6);
    ck_assert_uint_eq(fit("e\xcc\x81x", 1), 3); /* an accent stays with its letter */
}
END_TEST

static void assert_bar(uint64_t count, uint64_t most, unsigned columns, bool utf8,
                       const char *expected)
{
    make_blocks("", 0, TEXT_BAR_SIZE(columns));
    assert_result(text_bar(count, most, columns, utf8, result), expected);
}

START_TEST(bar_is_in_proportion)
{
    assert_bar(4, 4, 4, true, "████");
    assert_bar(2, 4, 4, true, "██  ");
    assert_bar(3, 8, 2, true, "▊ ");
    assert_bar(0, 4, 3, true, "   ");
    assert_bar(0, 0, 3, true, "   ");
    assert_bar(1, 2, 4, false, "##  ");
    assert_bar(3, 4, 0, true, "");
}
END_TEST

START_TEST(bar_shows_every_count)
{
    assert_bar(1, 1000000, 3, true, "▏  ");
    assert_bar(1, UINT64_MAX, 3, false, "#  ");
    assert_bar(UINT64_MAX, UINT64_MAX, 2, true, "██");
    assert_bar(9, 3, 2, true, "██"); /* more than the most: no wider for it */
}
END_TEST

static void assert_percent(uint64_t count, uint64_t total, const char *expected)
{
    make_blocks("", 0, TEXT_PERCENT_SIZE);
    assert_result(text_percent(count, total, result), expected);
}

START_TEST(percent_is_rounded)
{
    assert_percent(4, 7, "57.1%");
    assert_percent(2, 3, "66.7%");
    assert_percent(0, 7, "0.0%");
    assert_percent(7, 7, "100.0%");
    assert_percent(0, 0, "-");
    assert_percent(5, 0, "-");
    assert_percent(UINT64_MAX, 1, "100.0%");
}
END_TEST

static void assert_csv(const char *text, const char *expected)
{
    make_blocks(text, strlen(text), TEXT_CSV_SIZE(strlen(text)));
    assert_result(text_csv(given, strlen(text), true, result), expected);
}

START_TEST(csv_is_quoted_where_it_must_be)
{
    assert_csv("", "");
    assert_csv("plain text", "plain text");
    assert_csv("a,b", "\"a,b\"");
    assert_csv("say \"x\"", "\"say \"\"x\"\"\"");
    assert_csv("\"\"\"", "\"\"\"\"\"\"\"\"");
    assert_csv("a\nb", "\"a\nb\"");
    assert_csv("a\rb", "\"a\rb\"");
    assert_csv("a;=1+1", "\"a;=1+1\"");
    assert_csv("a\tb", "\"a\tb\"");
}
END_TEST

START_TEST(csv_of_formulas_is_text)
{
    static const char *const cells[][2] = {
        {"=1+1", "'=1+1"},
        {"+1", "'+1"},
        {"-1", "'-1"},
        {"@a", "'@a"},
        {"\ta", "\"'\ta\""},
        {"\ra", "\"'\ra\""},
        {"=a,b", "\"'=a,b\""},
        {"a=1", "a=1"},
        {"'a", "'a"},
        {"", ""},
        {"\uff1d1+1", "'\uff1d1+1"},
        {"\uff20a", "'\uff20a"},
        {"\uff01a", "\uff01a"},
    };
    for (size_t i = 0; i < COUNT_OF(cells); i++) {
        make_blocks(cells[i][0], strlen(cells[i][0]), TEXT_CSV_SIZE(strlen(cells[i][0])));
        assert_result(text_csv(given, strlen(cells[i][0]), false, result), cells[i][1]);
    }
}
END_TEST

/* ---- names ---- */

static const struct {
    const char *text, *name;
} slugs[] = {
    {"lunch", "lunch"},
    {"Anna M\u00fcller", "anna-muller"},
    {"  Bertrand   No\u00ebl!", "bertrand-noel"},
    {"Stra\u00dfe \u00c6sir \u0141\u00f3d\u017a", "strasse-aesir-lodz"},
    {"O\u2019Brien's", "obriens"},
    {"Zoe\u0308", "zoe"},
    {"._-a.b_c-", "a.b_c-"},
    {"C & A", "c-a"},
    {"\u6771\u4eac", "fallback"},
    {"", "fallback"},
    {"a\xff\x00z", "a"},
    {"2026", "2026"},
};

START_TEST(names_are_made_of_text)
{
    struct name name, parsed;
    make_blocks(slugs[_i].text, strlen(slugs[_i].text), 1);
    slug_make(given, strlen(slugs[_i].text), "fallback", &name);
    ck_assert_str_eq(name.text, slugs[_i].name);
    ck_assert(name_parse(name.text, name.len, &parsed) && name_equal(&name, &parsed));
}
END_TEST

START_TEST(names_are_cut_and_made_to_differ)
{
    struct name names[12];
    char text[200];
    memset(text, 'A', sizeof text);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        slug_make(text, sizeof text, "", &names[i]);
        ck_assert_uint_eq(names[i].len, PROTO_NAME_MAX);
        slug_make_unique(names, i + 1);
        ck_assert_uint_eq(names[i].len, PROTO_NAME_MAX);
        for (size_t j = 0; j < i; j++)
            ck_assert(!name_equal(&names[i], &names[j]));
    }
    ck_assert_str_eq(names[1].text + PROTO_NAME_MAX - 3, "a-2");
    ck_assert_str_eq(names[11].text + PROTO_NAME_MAX - 4, "a-12");
}
END_TEST

START_TEST(hex_is_lower_case)
{
    make_blocks("\x00\x7f\xff\xa5", 4, TEXT_HEX_SIZE(4));
    assert_result(text_hex(given, 4, result), "007fffa5");
    make_blocks("", 0, TEXT_HEX_SIZE(0));
    assert_result(text_hex(given, 0, result), "");
}
END_TEST

START_TEST(uri_hides_separators)
{
    static const char path[] = "/a b/100%?#é";
    make_blocks(path, sizeof(path), TEXT_URI_SIZE(strlen(path)));
    assert_result(text_uri(given, result), "/a b/100%25%3f%23é");
}
END_TEST

START_TEST(uri_of_separators_only_fits)
{
    make_blocks("???", 4, TEXT_URI_SIZE(3));
    assert_result(text_uri(given, result), "%3f%3f%3f");
}
END_TEST

static void assert_time(int64_t time_ns, const char *expected)
{
    make_blocks("", 0, TEXT_TIME_SIZE);
    assert_result(text_time(time_ns, result), expected);
}

START_TEST(time_is_rfc_3339)
{
    assert_time(0, "1970-01-01T00:00:00.000000000Z");
    assert_time(1700000000123456789, "2023-11-14T22:13:20.123456789Z");
    assert_time(1709208000000000001, "2024-02-29T12:00:00.000000001Z");
    assert_time(-1, "1969-12-31T23:59:59.999999999Z");
    assert_time(-1000000000, "1969-12-31T23:59:59.000000000Z");
    assert_time(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    assert_time(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
}
END_TEST

UNIT_MAIN("text", {"text", .set_up = use_utf8, .tear_down = free_blocks,
                   .tests = {{printable_text_stays},
                             {controls_are_escaped},
                             {marks_of_direction_are_escaped},
                             {invalid_utf8_is_escaped},
                             {without_utf8_only_ascii_stays},
                             {decodes_every_form_at_its_bounds},
                             {width_counts_columns},
                             {fit_cuts_between_characters},
                             {bar_is_in_proportion},
                             {bar_shows_every_count},
                             {percent_is_rounded},
                             {csv_is_quoted_where_it_must_be},
                             {csv_of_formulas_is_text},
                             {names_are_made_of_text, .loops = UNIT_COUNT(slugs)},
                             {names_are_cut_and_made_to_differ},
                             {hex_is_lower_case},
                             {uri_hides_separators},
                             {uri_of_separators_only_fits},
                             {time_is_rfc_3339}}})
