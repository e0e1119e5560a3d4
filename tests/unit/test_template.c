/* Tests of src/web/template.c: each form of tag, what is escaped, what is refused, and a shortage
 * of memory at every allocation. */
#include "web/template.h"

#include "tests/support/capture.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct buffer out;
static void free_out(void)
{
    buffer_free(&out);
    allocations_succeed();
}

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* `data` with ' instead of ", for a test to be read. */
static json_t *data_of(const char *quoted)
{
    char text[512];
    ck_assert_uint_lt(strlen(quoted), sizeof(text));
    strcpy(text, quoted);
    for (char *at = text; *at; at++)
        if (*at == '\'')
            *at = '"';
    json_error_t error;
    json_t *data = json_loads(text, 0, &error);
    ck_assert_msg(data, "%s", error.text);
    return data;
}

static int render(const char *template, const char *quoted)
{
    json_t *data = data_of(quoted);
    out.len = 0;
    int result = template_render(&out, span_of(template), data);
    json_decref(data);
    return result;
}

static void assert_renders(const char *template, const char *quoted, const char *expected)
{
    ck_assert_int_eq(render(template, quoted), 0);
    ck_assert_uint_eq(out.len, strlen(expected));
    if (out.len > 0) /* else there may be no bytes at all */
        ck_assert_mem_eq(out.bytes, expected, out.len);
}

/* The log names the tag. */
static void assert_broken(const char *template, const char *quoted, const char *tag)
{
    char log[512];
    struct capture capture = capture_begin();
    ck_assert_int_eq(buffer_append(&out, "before", 6), 0);
    json_t *data = data_of(quoted);
    ck_assert_int_eq(template_render(&out, span_of(template), data), TEMPLATE_BROKEN);
    json_decref(data);
    capture_end(&capture, log, sizeof(log));
    const char *told = strstr(log, " tag=");
    ck_assert_msg(told && strncmp(told + 5, tag, strlen(tag)) == 0, "%s", log);
    ck_assert_uint_eq(out.len, 6);
    ck_assert_mem_eq(out.bytes, "before", 6);
    buffer_free(&out);
}

START_TEST(text_without_tags_stays)
{
    assert_renders("", "{}", "");
    assert_renders("a { b } <c>", "{}", "a { b } <c>");
}
END_TEST

START_TEST(values_are_put_in)
{
    assert_renders("{{a}}", "{'a': 'x'}", "x");
    assert_renders("<{{a}}|{{b}}>", "{'a': '', 'b': -12}", "<|-12>");
    assert_renders("{{n}}", "{'n': 9223372036854775807}", "9223372036854775807");
}
END_TEST

START_TEST(values_are_escaped)
{
    assert_renders("{{a}}", "{'a': '<script>alert(1)</script>'}",
                   "&lt;script&gt;alert(1)&lt;/script&gt;");
    assert_renders("{{a}}", "{'a': '&<>\\u0022\\u0027&amp;'}", "&amp;&lt;&gt;&quot;&#39;&amp;amp;");
    assert_renders("{{a}}", "{'a': 'é\\u2028ñ'}", "é\xe2\x80\xa8ñ");
}
END_TEST

START_TEST(a_value_is_no_template)
{
    assert_renders("{{a}}", "{'a': '{{b}}', 'b': 'no'}", "{{b}}");
}
END_TEST

START_TEST(a_section_shows_what_is_there)
{
    static const char template[] = "[{{#a}}yes{{/a}}{{^a}}no{{/a}}]";
    assert_renders(template, "{'a': true}", "[yes]");
    assert_renders(template, "{'a': 'x'}", "[yes]");
    assert_renders(template, "{'a': 0}", "[yes]");
    assert_renders(template, "{'a': {}}", "[yes]");
    assert_renders(template, "{'a': [1]}", "[yes]");
    assert_renders(template, "{'a': false}", "[no]");
    assert_renders(template, "{'a': null}", "[no]");
    assert_renders(template, "{'a': ''}", "[no]");
    assert_renders(template, "{'a': []}", "[no]");
}
END_TEST

START_TEST(a_section_repeats_for_each_element)
{
    assert_renders("{{#a}}<{{n}}>{{/a}}.", "{'a': [{'n': 1}, {'n': 'two'}, {'n': 3}]}",
                   "<1><two><3>.");
}
END_TEST

START_TEST(names_are_looked_up_from_within)
{
    assert_renders("{{#a}}{{x}}{{y}};{{/a}}{{x}}",
                   "{'x': 'outer', 'y': '!', 'a': [{'x': 'inner'}, {}]}", "inner!;outer!;outer");
    assert_renders("{{#a}}{{b}}{{/a}}", "{'a': {'b': 'of a'}, 'b': 'no'}", "of a");
}
END_TEST

START_TEST(sections_nest)
{
    assert_renders("{{#a}}{{#a}}{{n}}{{/a}}{{^b}}-{{#c}}+{{/c}}{{/b}}{{/a}}",
                   "{'a': {'n': 1, 'a': [{'n': 2}, {'n': 3}]}, 'b': false, 'c': true}", "23-+");
}
END_TEST

START_TEST(a_template_stands_in_another_with_its_values)
{
    assert_broken("{{>brand.html}}", "{}", "root");
    assert_broken("{{>nowhere.html}}", "{'nowhere.html': 1}", "nowhere.html");
    ck_assert_int_eq(
        render("{{#a}}{{>brand.html}};{{/a}}", "{'a': [{'root': 'x/'}, {}], 'root': 'y/'}"), 0);
    ck_assert_int_eq(buffer_append(&out, "", 1), 0);
    const char *first = strstr(out.bytes, "<a class=\"brand\" href=\"x/./\">");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(strstr(first, "</a>\n;<a class=\"brand\" href=\"y/./\">"));
}
END_TEST

START_TEST(remarks_are_left_out)
{
    assert_renders("a{{! why <this> is so }}b", "{}", "ab");
}
END_TEST

START_TEST(mistakes_are_refused)
{
    assert_broken("{{unknown}}", "{'a': 1}", "unknown");
    assert_broken("{{#unknown}}{{/unknown}}", "{'a': 1}", "unknown");
    assert_broken("{{^unknown}}{{/unknown}}", "{'a': 1}", "unknown");
    assert_broken("{{a}}", "{'a': true}", "a");
    assert_broken("{{a}}", "{'a': null}", "a");
    assert_broken("{{a}}", "{'a': 1.5}", "a");
    assert_broken("{{a}}", "{'a': []}", "a");
    assert_broken("{{ a }}", "{'a': 1}", " a ");
    assert_broken("{{}}", "{'a': 1}", "{{}}");
    assert_broken("x{{a", "{'a': 1}", "{{a");
    assert_broken("x{{a}", "{'a': 1}", "{{a}");
    assert_broken("x{{", "{'a': 1}", "{{");
    assert_broken("{{/a}}", "{'a': 1}", "a");
    assert_broken("{{#a}}", "{'a': 1}", "a");
    assert_broken("{{#a}}{{#a}}{{/a}}", "{'a': 1}", "a");
    assert_broken("{{#a}}{{/ab}}", "{'a': 1, 'ab': 1}", "ab");
    assert_broken("{{#a}}{{/b}}", "{'a': 1, 'b': 1}", "b");
    assert_broken("{{#a}}{{/a", "{'a': 1}", "{{/a");
    assert_broken("{{#a}}{{x}}{{/a}}", "{'a': [{'x': 1}, {}]}", "x");
}
END_TEST

static bool is(struct span text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.at, expected, text.len) == 0;
}

START_TEST(a_text_is_taken_apart_at_a_section)
{
    static const char template[] =
        "a{{b}}{{^c}}{{#rows}}no{{/rows}}{{/c}}"
        "<ul>{{#rows}}{{#x}}{{y}}{{/x}}{{/rows}}</ul>{{^rows}}z{{/rows}}";
    struct template_parts parts;
    ck_assert_int_eq(template_split(span_of(template), "rows", &parts), 0);
    ck_assert(is(parts.before, "a{{b}}{{^c}}{{#rows}}no{{/rows}}{{/c}}<ul>"));
    ck_assert(is(parts.inside, "{{#x}}{{y}}{{/x}}"));
    ck_assert(is(parts.after, "</ul>{{^rows}}z{{/rows}}"));
    ck_assert_int_eq(template_split(span_of(template), "x", &parts), TEMPLATE_BROKEN);
    ck_assert_int_eq(template_split(span_of("{{#rows}}x"), "rows", &parts), TEMPLATE_BROKEN);
    ck_assert_int_eq(template_split(span_of("{{^x}}x"), "rows", &parts), TEMPLATE_BROKEN);
    ck_assert_int_eq(template_split(span_of("x{{"), "rows", &parts), TEMPLATE_BROKEN);
}
END_TEST

static json_t *filling;
static bool is_told_wrong;

static int append_filled(void)
{
    static const char template[] = "{{#a}}<b title=\"{{x}}\">{{n}}</b>{{/a}}{{^c}}end{{/c}}";
    int result = template_render(&out, span_of(template), filling);
    is_told_wrong |= result != 0 && result != TEMPLATE_NO_MEMORY;
    return result;
}

START_TEST(a_shortage_of_memory_leaves_what_was_there)
{
    filling = data_of("{'a': [{'x': '<&>', 'n': 1}, {'x': '>>>>>>>>>>>>>>>>>>>>', 'n': 2}],"
                      " 'c': false}");
    ck_assert_uint_gt(allocations_fail_each(&out, append_filled), 1);
    ck_assert(!is_told_wrong);
    ck_assert_uint_gt(out.len, 100);
    json_decref(filling);
}
END_TEST

UNIT_MAIN("template", {"template", .tear_down = free_out,
                       .tests = {{text_without_tags_stays},
                                 {values_are_put_in},
                                 {values_are_escaped},
                                 {a_value_is_no_template},
                                 {a_section_shows_what_is_there},
                                 {a_section_repeats_for_each_element},
                                 {a_text_is_taken_apart_at_a_section},
                                 {names_are_looked_up_from_within},
                                 {sections_nest},
                                 {a_template_stands_in_another_with_its_values},
                                 {remarks_are_left_out},
                                 {mistakes_are_refused},
                                 {a_shortage_of_memory_leaves_what_was_there}}})
