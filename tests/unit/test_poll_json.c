/* Polls as JSON: read back by jansson, which is as strict as any reader of it. */
#include "json/poll_json.h"

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct snapshot *snapshot;
static struct poll *poll;
static struct buffer out;

static struct name name_of(const char *text)
{
    struct name name;
    ck_assert(name_parse(text, strlen(text), &name));
    return name;
}

/* A poll `lunch` of so many choices, of which choice i has i + 1 votes. */
static void make_poll(unsigned choice_count, struct settings settings)
{
    struct name choices[PROTO_CHOICES_MAX];
    struct name name = name_of("lunch");
    for (unsigned i = 0; i < choice_count; i++) {
        char text[16];
        snprintf(text, sizeof text, "choice-%u", i);
        choices[i] = name_of(text);
    }
    poll = poll_new(&name, &settings, choices, choice_count, NULL);
    ck_assert_ptr_nonnull(poll);
    snapshot = snapshot_new(poll);
    ck_assert_ptr_nonnull(snapshot);
    snapshot->open = true;
    snapshot->seq = 42;
    for (unsigned i = 0; i < choice_count; i++)
        snapshot->ballots += snapshot->counts[i] = i + 1;
}

static void free_poll(void)
{
    buffer_free(&out);
    snapshot_unref(snapshot);
    poll_free(poll);
    snapshot = NULL;
    poll = NULL;
}

/* What the buffer holds, NUL-terminated for comparing; it stays the buffer's. */
static const char *text(void)
{
    char *end = buffer_reserve(&out, 1);
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    return out.bytes;
}

#define LEDGER "0123456789abcdef"

static int append_poll(void)
{
    struct json_writer json = json_write_begin(&out);
    poll_json_write(&json, snapshot, LEDGER);
    return json_write_finish(&json);
}

static int append_event(void)
{
    return poll_json_event(&out, snapshot, LEDGER);
}

static int append_beat(void)
{
    return poll_json_beat(&out, LEDGER);
}

/* The data of the poll's event. */
static const char *tally(void)
{
    ck_assert_int_eq(append_event(), 0);
    const char *data = strstr(text(), "data: ");
    ck_assert_ptr_nonnull(data);
    return data + strlen("data: ");
}

START_TEST(a_tally)
{
    make_poll(2, (struct settings){{0}});
    ck_assert_str_eq(tally(),
                     "{\"poll\":\"lunch\",\"ledger\":\"" LEDGER
                     "\",\"seq\":42,\"texts\":0,\"state\":\"open\",\"open\":true,\"hidden\":false,"
                     "\"ballots\":3,\"choices\":[{\"choice\":\"choice-0\",\"count\":1},"
                     "{\"choice\":\"choice-1\",\"count\":2}]}\n\n");
    free_poll();
}
END_TEST

START_TEST(hidden_results_are_null)
{
    make_poll(2, (struct settings){.value[SETTING_REVEAL] = REVEAL_CLOSED});
    ck_assert_str_eq(tally(),
                     "{\"poll\":\"lunch\",\"ledger\":\"" LEDGER
                     "\",\"seq\":42,\"texts\":0,\"state\":\"open\",\"open\":true,\"hidden\":true,"
                     "\"ballots\":3,\"choices\":[{\"choice\":\"choice-0\",\"count\":null},"
                     "{\"choice\":\"choice-1\",\"count\":null}]}\n\n");
    buffer_free(&out);
    snapshot->open = false;
    ck_assert_ptr_nonnull(strstr(tally(), "\"open\":false,\"hidden\":false,"));
    ck_assert_ptr_nonnull(strstr(text(), "\"count\":2}"));
    free_poll();
}
END_TEST

START_TEST(a_whole_poll)
{
    make_poll(2, (struct settings){{[SETTING_BALLOTS] = BALLOTS_ONCE,
                                    [SETTING_VOTERS] = VOTERS_NAMED,
                                    [SETTING_RECORD] = RECORD_NAME}});
    snapshot->open = false;
    ck_assert_int_eq(append_poll(), 0);
    ck_assert_str_eq(
        text(), "{\"poll\":\"lunch\",\"ledger\":\"" LEDGER
                "\",\"title\":\"lunch\",\"settings\":{\"ballots\":\"once\","
                "\"voters\":\"named\",\"reveal\":\"live\",\"record\":\"name\","
                "\"state\":\"closed\",\"kind\":\"single\","
                "\"method\":\"plurality\",\"abstain\":\"yes\","
                "\"lot\":[\"choice-0\",\"choice-1\"]},\"seq\":42,\"texts\":0,\"state\":\"closed\","
                "\"open\":false,\"hidden\":false,"
                "\"ballots\":3,\"choices\":["
                "{\"choice\":\"choice-0\",\"label\":\"choice-0\",\"count\":1},"
                "{\"choice\":\"choice-1\",\"label\":\"choice-1\",\"count\":2}]}");
    free_poll();
}
END_TEST

/* Each text as a title and as the last label, and what a reader gets; NULL: the text itself. */
static const struct {
    const char *text;
    const char *read;
} texts_to_try[] = {
    {"Lunch?", NULL},
    {"\"},{\"poll\":\"board\"", NULL},
    {"\\\" \\u0000 \\", NULL},
    {"</script><script>alert(1)</script><!--", NULL},
    {"a\tb", NULL},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8d\x95", NULL},
    {"\xe2\x80\xa8 and \xe2\x80\xa9", NULL},         /* lines' ends to some, never to SSE */
    {"\xef\xbf\xbf \xf4\x8f\xbf\xbf", NULL},         /* noncharacters are text */
    {"a\nevent: tally\ndata: {}\n", "\xef\xbf\xbd"}, /* what TITLE takes in no case */
    {"a\r\x01\x7f", "\xef\xbf\xbd"},
    {"\xff", "\xef\xbf\xbd"},
    {"\xed\xa0\x80", "\xef\xbf\xbd"}, /* half a surrogate pair */
    {"", NULL},
};

START_TEST(texts_arrive_as_they_are)
{
    const char *given = texts_to_try[_i].text;
    const char *read = texts_to_try[_i].read ? texts_to_try[_i].read : given;
    make_poll(2, (struct settings){{0}});
    ck_assert_int_eq(snapshot_set_text(snapshot, 0, given, strlen(given), 50), 0);
    ck_assert_int_eq(snapshot_set_text(snapshot, 2, given, strlen(given), 51), 0);
    ck_assert_int_eq(append_poll(), 0);
    ck_assert_ptr_null(memchr(out.bytes, '\n', out.len));
    ck_assert_ptr_null(memchr(out.bytes, '\r', out.len));

    json_t *json = json_loadb(out.bytes, out.len, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(json);
    ck_assert_str_eq(json_string_value(json_object_get(json, "title")), read);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "texts")), 51);
    const json_t *choices = json_object_get(json, "choices");
    ck_assert_uint_eq(json_array_size(choices), 2);
    const json_t *first = json_array_get(choices, 0);
    const json_t *second = json_array_get(choices, 1);
    ck_assert_str_eq(json_string_value(json_object_get(first, "label")), "choice-0");
    ck_assert_str_eq(json_string_value(json_object_get(second, "label")), read);
    json_decref(json);
    free_poll();
}
END_TEST

/* Before it was opened it waits; afterwards it is closed. */
START_TEST(a_poll_that_was_not_opened_yet_waits)
{
    make_poll(2, (struct settings){{[SETTING_STATE] = STATE_CLOSED}});
    snapshot->open = false;
    ck_assert_ptr_nonnull(strstr(tally(), "\"state\":\"waiting\",\"open\":false,"));
    buffer_free(&out);
    snapshot->opened = true;
    ck_assert_ptr_nonnull(strstr(tally(), "\"state\":\"closed\",\"open\":false,"));
    free_poll();
}
END_TEST

START_TEST(a_beat_names_the_ledger)
{
    ck_assert_int_eq(append_beat(), 0);
    ck_assert_str_eq(text(), "event: beat\ndata: {\"ledger\":\"" LEDGER "\"}\n\n");
    buffer_free(&out);
}
END_TEST

START_TEST(an_event_is_three_lines_and_an_empty_one)
{
    make_poll(2, (struct settings){{0}});
    snapshot->seq = UINT64_C(9007199254740991);
    ck_assert_int_eq(buffer_append(&out, ":\n\n", 3), 0);
    ck_assert_int_eq(append_event(), 0);
    ck_assert_str_eq(text(),
                     ":\n\nevent: tally\nid: 9007199254740991\n"
                     "data: {\"poll\":\"lunch\",\"ledger\":\"" LEDGER
                     "\",\"seq\":9007199254740991,\"texts\":0,\"state\":\"open\",\"open\":true,"
                     "\"hidden\":false,\"ballots\":3,\"choices\":["
                     "{\"choice\":\"choice-0\",\"count\":1},{\"choice\":\"choice-1\",\"count\":2}]}"
                     "\n\n");
    free_poll();
}
END_TEST

START_TEST(the_largest_poll)
{
    make_poll(PROTO_CHOICES_MAX, (struct settings){{0}});
    ck_assert_int_eq(append_event(), 0);
    const char *data = strstr(text(), "data: ");
    ck_assert_ptr_nonnull(data);
    json_t *json = json_loads(data + 6, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(json);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "choices")), PROTO_CHOICES_MAX);
    json_decref(json);
    free_poll();
}
END_TEST

/* Makes something of the poll. */
typedef int maker(void);

/* Of a snapshot that nobody has asked for before: what was made once is kept with it. */
static int append_poll_anew(void)
{
    struct snapshot *shared = snapshot;
    int result = -1;
    if ((snapshot = snapshot_copy(shared)))
        result = append_poll();
    snapshot_unref(snapshot);
    snapshot = shared;
    return result;
}

static void assert_survives(maker *make)
{
    make_poll(3, (struct settings){{0}});
    ck_assert_uint_gt(allocations_fail_each(&out, make), 1);
    ck_assert_uint_gt(out.len, 40);
    free_poll();
}

START_TEST(a_shortage_of_memory_leaves_the_buffer)
{
    assert_survives(append_event);
    assert_survives(append_poll_anew);
    assert_survives(append_beat);
}
END_TEST

int main(void)
{
    allocations_of_jansson();
    return UNIT_RUN(
        "poll_json",
        {"poll_json", .tests = {{a_tally},
                                {hidden_results_are_null},
                                {a_whole_poll},
                                {texts_arrive_as_they_are, .loops = UNIT_COUNT(texts_to_try)},
                                {an_event_is_three_lines_and_an_empty_one},
                                {the_largest_poll},
                                {a_poll_that_was_not_opened_yet_waits},
                                {a_beat_names_the_ledger},
                                {a_shortage_of_memory_leaves_the_buffer}}});
}
