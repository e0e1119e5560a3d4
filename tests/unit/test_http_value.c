/* Tests of the values that requests carry: forms, cookies and the lists of header fields, in blocks
 * of exactly their size, so that a sanitizer sees a step beyond them. */
#include "proto/http_value.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* A span of its own block, until the next one. NULL makes one that is absent. */
static struct span span_of(const char *text)
{
    static char *block;
    free(block);
    block = NULL;
    if (!text)
        return (struct span){NULL, 0};
    size_t len = strlen(text);
    block = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(block);
    memcpy(block, text, len);
    return (struct span){block, len};
}

static void assert_span(struct span span, const char *text)
{
    ck_assert_msg(span.len == strlen(text) && memcmp(span.at, text, span.len) == 0,
                  "'%.*s' is not '%s'", (int)span.len, span.at, text);
}

/* ---- Forms ---- */

START_TEST(pairs)
{
    struct span rest = span_of("&choice=pizza&&voter=a%20b+c&id&=x&y==z&"), name, value;
    static const char *const expected[][2] = {
        {"choice", "pizza"}, {"voter", "a%20b+c"}, {"id", ""}, {"", "x"}, {"y", "=z"}};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        ck_assert(http_next_pair(&rest, &name, &value));
        assert_span(name, expected[i][0]);
        assert_span(value, expected[i][1]);
    }
    ck_assert(!http_next_pair(&rest, &name, &value));
}
END_TEST

START_TEST(no_pairs)
{
    static const char *const forms[] = {NULL, "", "&", "&&"};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct span rest = span_of(forms[i]), name, value;
        ck_assert(!http_next_pair(&rest, &name, &value));
    }
}
END_TEST

START_TEST(decoded)
{
    static const struct {
        const char *raw;
        bool plus_is_space;
        const char *text; /* NULL: refused */
    } rows[] = {
        {"", true, ""},
        {"pizza", true, "pizza"},
        {"a+b", true, "a b"},
        {"a+b", false, "a+b"},
        {"%61%2B%2f%c3%A4%7F", true, "a+/\xc3\xa4\x7f"},
        {"%25%32%35", true, "%25"},
        {"\xc3\xa4", false, "\xc3\xa4"},
        {"%", true, NULL},
        {"a%4", true, NULL},
        {"%4g", true, NULL},
        {"%g4", true, NULL},
        {"%+4", true, NULL},
        {"%%41", true, NULL},
        {"% 41", true, NULL},
        {"%00", true, NULL},
        {"a%00b", true, NULL},
        {"1234567", true, "1234567"},
        {"%31234567", true, "1234567"},
        {"12345678", true, NULL},
        {"1234567%38", true, NULL},
        {NULL, true, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[8];
        int len = http_decode(span_of(rows[i].raw), rows[i].plus_is_space, out, sizeof out);
        ck_assert_msg(len == (rows[i].text ? (int)strlen(rows[i].text) : -1), "'%s' gave %d",
                      rows[i].raw, len);
        if (rows[i].text)
            ck_assert_str_eq(out, rows[i].text);
    }
}
END_TEST

START_TEST(raw_nul_is_refused)
{
    char out[8];
    ck_assert_int_eq(http_decode((struct span){"a\0b", 3}, true, out, sizeof out), -1);
}
END_TEST

START_TEST(no_room_for_the_end)
{
    char out[1] = "x";
    ck_assert_int_eq(http_decode(span_of(""), true, out, 0), -1);
    ck_assert_int_eq(out[0], 'x');
    ck_assert_int_eq(http_decode(span_of("a"), true, out, 1), -1);
    ck_assert_int_eq(http_decode(span_of(""), true, out, 1), 0);
}
END_TEST

/* ---- Cookies ---- */

START_TEST(cookies)
{
    static const struct {
        const char *header, *values[3]; /* those of `id`; then none */
    } rows[] = {
        {"id=1", {"1"}},
        {"a=b; id=1; c=d", {"1"}},
        {"a=b;id=1", {"1"}},
        {" a=b ; id=1.x=\"y\" ", {"1.x=\"y\""}},
        {"id=", {""}},
        {"id=1; id=2", {"1", "2"}},
        {"id=1; b=c; id=; id", {"1", ""}},
        {"xid=1; id2=2; ID=3; id", {NULL}},
        {"a=id=1", {NULL}},
        {"a=\"b; id=1\"", {"1\""}}, /* a cookie's value holds no semicolon, quotes or not */
        {"=1; ;;", {NULL}},
        {"", {NULL}},
        {NULL, {NULL}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span rest = span_of(rows[i].header), value = {"as it was", 9};
        const char *last = "as it was";
        for (const char *const *each = rows[i].values; *each; each++) {
            ck_assert_msg(http_next_cookie(&rest, "id", &value), "'%s'", rows[i].header);
            assert_span(value, last = *each);
        }
        ck_assert_msg(!http_next_cookie(&rest, "id", &value), "'%s'", rows[i].header);
        assert_span(value, last);
    }
}
END_TEST

/* ---- Lists ---- */

START_TEST(items_of_a_list)
{
    static const struct {
        const char *list, *items[4];
    } rows[] = {
        {"a", {"a"}},      {" a ,\tb,c ", {"a", "b", "c"}},
        {"a,", {"a", ""}}, {",a", {"", "a"}},
        {" , ", {"", ""}}, {"", {""}},
        {NULL, {NULL}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span rest = span_of(rows[i].list), item;
        for (const char *const *each = rows[i].items; *each; each++) {
            ck_assert_msg(http_next_item(&rest, &item), "'%s'", rows[i].list);
            assert_span(item, *each);
        }
        ck_assert_msg(!http_next_item(&rest, &item), "'%s'", rows[i].list);
    }
}
END_TEST

START_TEST(accepted_types)
{
    static const struct {
        const char *header;
        bool html, json;
    } rows[] = {
        {NULL, true, true},
        {"", false, false},
        {"*/*", true, true},
        {"text/*", true, false},
        {"TEXT/*", true, false},
        {"text/html", true, false},
        {"Text/HTML;charset=utf-8", true, false},
        {"application/json", false, true},
        {"image/png, application/json ; q=0.5 ,x/y", false, true},
        {"*/*;q=0", false, false},
        {"text/html;q=0, */*", false, true},
        {"*/*, text/html;q=0.000", false, true},
        {"text/*;q=0, */*;q=0.1", false, true},
        {"text/*;q=0, text/html", true, false},
        {"text/html;q=0.001", true, false},
        {"text/html;q=0.0001", true, false},
        {"text/html;Q = 0", false, false},
        {"text/html;level=1;q=0", false, false},
        {"text/html;a=\"x;q=0\"", true, false},
        {"text/html;a=\"x, application/json\"", true, false},
        {"text/html;a=\"\\\", application/json\"", true, false},
        {"text/html;a=\"unended, application/json", true, false},
        {"text/html;a=\"\\", true, false},
        {"text/html;q=", true, false},
        {"text/html;q=00", true, false},
        {"text/htm, text/htmlx, xtext/html, text/, text, /, text/h*, */html, application/*x", false,
         false},
        {"text/**", false, false},
        {",, ,application/json,", false, true},
        {"text/html;q=0, text/html", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ck_assert_msg(http_accepts(span_of(rows[i].header), "text/html") == rows[i].html,
                      "'%s': html", rows[i].header);
        ck_assert_msg(http_accepts(span_of(rows[i].header), "application/json") == rows[i].json,
                      "'%s': json", rows[i].header);
    }
}
END_TEST

START_TEST(accepted_codings)
{
    static const struct {
        const char *header;
        bool gzip;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"gzip, deflate, br", true},
        {"br;q=1, GZIP;q=0.5", true},
        {"gzip;q=0", false},
        {"*", true},
        {"*;q=0", false},
        {"*, gzip;q=0", false},
        {"identity", false},
        {"gzipped", false},
        {"x-gzip", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        ck_assert_msg(http_accepts(span_of(rows[i].header), "gzip") == rows[i].gzip, "'%s'",
                      rows[i].header);
}
END_TEST

START_TEST(html_is_preferred_by_name)
{
    static const struct {
        const char *header;
        bool preferred;
    } rows[] = {
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
        {"application/json, text/html;q=0.1", false},
        {"application/json;q=0.5, text/html;q=0.501", true},
        {"application/json;q=0.501, text/html;q=0.5", false},
        {"text/html;q=0.9, application/*;q=0.95", false},
        {"text/html;q=0.9, */*;q=0.9", true},
        {"text/html;q=1.000, application/json", true},
        {"text/html;q=0.x, application/json", true},
        {"text/html;q=0.9999, application/json", true},
        {"text/html;q=0, */*", false},
        {"text/*", false},
        {"*/*", false},
        {"application/json", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        ck_assert_msg(http_prefers_html(span_of(rows[i].header)) == rows[i].preferred, "'%s'",
                      rows[i].header);
}
END_TEST

START_TEST(content_types)
{
    static const struct {
        const char *header;
        bool is_json;
    } rows[] = {
        {"application/json", true},
        {"Application/JSON ; charset=utf-8", true},
        {"application/json;", true},
        {"application/jsonp", false},
        {"application/json x", false},
        {"application/json, text/html", false},
        {"text/plain; application/json", false},
        {";application/json", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        ck_assert_msg(http_type_is(span_of(rows[i].header), "application/json") == rows[i].is_json,
                      "'%s'", rows[i].header);
}
END_TEST

START_TEST(entity_tags)
{
    static const struct {
        const char *header;
        bool matches;
    } rows[] = {
        {"\"7-ab\"", true},
        {"W/\"7-ab\"", true},
        {"\"1\", \"7-ab\" , \"2\"", true},
        {"\"1\",W/\"7-ab\"", true},
        {"*", true},
        {" * ", true},
        {"\"1\\\", \"7-ab\"", true}, /* a backslash ends no tag, and escapes nothing */
        {"\"a, b\", \"7-ab\"", true},
        {"\"x, \"7-ab\"\"", false},
        {"7-ab", false},
        {"\"7-abc\"", false},
        {"\"7-AB\"", false},
        {"w/\"7-ab\"", false},
        {"\"*\"", false},
        {"*, \"1\"", false},
        {"W/", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ck_assert_msg(http_etag_matches(span_of(rows[i].header), "\"7-ab\"") == rows[i].matches,
                      "'%s'", rows[i].header);
        ck_assert_msg(http_etag_matches(span_of(rows[i].header), "W/\"7-ab\"") == rows[i].matches,
                      "'%s', weakly", rows[i].header);
    }
}
END_TEST

/* ---- The suite ---- */

int main(void)
{

    int status = UNIT_RUN("http_value", {"values", .tests = {{pairs},
                                                             {no_pairs},
                                                             {decoded},
                                                             {raw_nul_is_refused},
                                                             {no_room_for_the_end},
                                                             {cookies},
                                                             {items_of_a_list},
                                                             {accepted_types},
                                                             {accepted_codings},
                                                             {html_is_preferred_by_name},
                                                             {content_types},
                                                             {entity_tags}}});
    (void)span_of(NULL); /* frees the last one */
    return status;
}
