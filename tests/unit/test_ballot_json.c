/* The body of a ballot: what is taken, what is refused and why, and that no body does worse. */
#include "web/ballot_json.h"

#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

static struct ballot_form form;
static const char *why;

static int read_json(const char *body)
{
    return ballot_json_read((struct span){body, strlen(body)}, &form, &why);
}

static int read_form(const char *body)
{
    return ballot_json_read_form((struct span){body, strlen(body)}, &form, &why);
}

static void assert_form(const char *choice, const char *voter, const char *id)
{
    ck_assert_str_eq(form.text, choice);
    ck_assert_int_eq(form.is_empty, false);
    ck_assert_uint_eq(form.voter.len, strlen(voter));
    if (form.voter.len > 0)
        ck_assert_str_eq(form.voter.text, voter);
    ck_assert_str_eq(form.id, id);
}

#define LONGEST "a123456789b123456789c123456789d123456789e123456789f123456789g123"

/* ---- JSON ---- */

START_TEST(json_ballots)
{
    ck_assert_int_eq(read_json("{\"choice\":\"pizza\"}"), 0);
    assert_form("pizza", "", "");
    ck_assert_int_eq(
        read_json(" {\"id\" : \"k-1\",\r\n\t\"voter\":\"Ann!~\",\"choice\":\"PIZZA\"} \n"), 0);
    assert_form("pizza", "Ann!~", "k-1");
    ck_assert_int_eq(read_json("{\"choice\":\"2\"}"), 0); /* a number, as on a line */
    assert_form("2", "", "");
    ck_assert_str_eq(form.token, "");
    ck_assert_int_eq(read_json("{\"choice\":\"2\",\"token\":\"T.1\"}"), 0);
    ck_assert_str_eq(form.token, "T.1");
    ck_assert_int_eq(read_json("{\"choice\":\"\\u0070izza\",\"voter\":\" a\\\\\\/b\\t\\u00fc \"}"),
                     0);
    assert_form("pizza", "a\\/b ü", "");
    ck_assert_int_eq(
        read_json("{\"choice\":\"" LONGEST "\",\"voter\":\"" LONGEST "\",\"id\":\"" LONGEST "\"}"),
        0);
    assert_form(LONGEST, LONGEST, LONGEST);
}
END_TEST

#define NOT_AN_OBJECT "the body is not one JSON object"
#define SURPLUS       "a ballot has choice or ballot, voter, id, token and after, and nothing else"
#define TEXT_FORM     "a ballot is names of choices, with , > or = between them, or a lone -"
#define FIELD_FORM    "the field of a choice is a number of two digits"
#define AFTER_FORM    "after is the sequence of a ballot, or 0"
#define NOT_A_STRING  "choice, ballot, voter, id and token are strings"
#define TWICE         "a member is given twice"

static const struct {
    const char *body;
    const char *why;
} bad_json[] = {
    {"", NOT_AN_OBJECT},
    {" ", NOT_AN_OBJECT},
    {"pizza", NOT_AN_OBJECT},
    {"\"pizza\"", NOT_AN_OBJECT},
    {"null", NOT_AN_OBJECT},
    {"[\"choice\",\"pizza\"]", NOT_AN_OBJECT},
    {"[{\"choice\":\"pizza\"}]", NOT_AN_OBJECT},
    {"{\"choice\":\"pizza\"", NOT_AN_OBJECT},
    {"{\"choice\":\"pizza\",}", NOT_AN_OBJECT},
    {"{choice:\"pizza\"}", NOT_AN_OBJECT},
    {"{'choice':'pizza'}", NOT_AN_OBJECT},
    {"{\"choice\":\"pizza\"}{\"choice\":\"sushi\"}", NOT_AN_OBJECT},
    {"{\"choice\":\"pizza\"} x", NOT_AN_OBJECT},
    {"/**/{\"choice\":\"pizza\"}", NOT_AN_OBJECT},
    {"\xef\xbb\xbf{\"choice\":\"pizza\"}", NOT_AN_OBJECT},
    {"{\"choice\":\"piz\nza\"}", NOT_AN_OBJECT},
    {"{\"choice\":\"\xff\"}", NOT_AN_OBJECT},
    {"{\"choice\":\"\xed\xa0\x80\"}", NOT_AN_OBJECT},
    {"{\"choice\":\"\\ud800\"}", NOT_AN_OBJECT},
    {"{\"choice\":\"pizza\\u0000\"}", NOT_AN_OBJECT},
    {"{\"choice\\u0000\":\"pizza\"}", NOT_AN_OBJECT},
    {"{\"choice\":\"pizza\",\"voter\":1e999}", NOT_AN_OBJECT},
    {"{\"choice\":\"pizza\",\"voter\":99999999999999999999}", NOT_AN_OBJECT},
    {"{\"choice\":\"pizza\",\"choice\":\"sushi\"}", TWICE},
    {"{\"choice\":\"pizza\",\"\\u0063hoice\":\"sushi\"}", TWICE},
    {"{}", "choice is missing"},
    {"{\"voter\":\"ann\"}", "choice is missing"},
    {"{\"Choice\":\"pizza\"}", SURPLUS},
    {"{\"choice\":\"pizza\",\"\":\"\"}", SURPLUS},
    {"{\"choice\":\"pizza\",\"__proto__\":\"x\"}", SURPLUS},
    {"{\"choice\":\"pizza\",\"poll\":\"lunch\"}", SURPLUS},
    {"{\"choice\":2}", NOT_A_STRING},
    {"{\"choice\":null}", NOT_A_STRING},
    {"{\"choice\":[\"pizza\"]}", NOT_A_STRING},
    {"{\"choice\":{\"choice\":\"pizza\"}}", NOT_A_STRING},
    {"{\"choice\":\"pizza\",\"voter\":null}", NOT_A_STRING},
    {"{\"choice\":\"pizza\",\"id\":true}", NOT_A_STRING},
    {"{\"choice\":\"\"}", NAME_FORM},
    {"{\"choice\":\" pizza\"}", NAME_FORM},
    {"{\"choice\":\"pizza tacos\"}", NAME_FORM},
    {"{\"choice\":\"pizza\\nVOTE\"}", NAME_FORM},
    {"{\"choice\":\"-pizza\"}", NAME_FORM},
    {"{\"choice\":\"" LONGEST "4\"}", NAME_FORM},
    {"{\"choice\":\"pizz\xc3\xa0\"}", NAME_FORM},
    {"{\"choice\":\"pizza\",\"voter\":\"\"}", VOTER_NAME_FORM},
    {"{\"choice\":\"pizza\",\"voter\":\" \"}", VOTER_NAME_FORM},
    {"{\"choice\":\"pizza\",\"voter\":\"a\\nb\"}", VOTER_NAME_FORM},
    {"{\"choice\":\"pizza\",\"voter\":\"a \\\"b\"}", VOTER_NAME_FORM},
    {"{\"choice\":\"pizza\",\"voter\":\"\\u202eann\"}", VOTER_NAME_FORM},
    {"{\"choice\":\"pizza\",\"voter\":\"" LONGEST LONGEST "456\"}", VOTER_NAME_FORM},
    {"{\"choice\":\"pizza\",\"id\":\"a\\tb\"}", ID_FORM},
    {"{\"choice\":\"pizza\",\"token\":\"" LONGEST "4\"}", ID_FORM},
    {"{\"choice\":\"pizza\",\"ballot\":\"pizza\"}", SURPLUS},
    {"{\"ballot\":\"\"}", TEXT_FORM},
    {"{\"ballot\":\"a b\"}", TEXT_FORM},
    {"{\"ballot\":\"a>\u00fc\"}", TEXT_FORM},
    {"{\"ballot\":5}", NOT_A_STRING},
    {"{\"ballot\":\"a\",\"rank-1\":\"1\"}", SURPLUS},
    {"{\"choice\":\"pizza\",\"after\":-1}", AFTER_FORM},
    {"{\"choice\":\"pizza\",\"after\":1.0}", AFTER_FORM},
    {"{\"choice\":\"pizza\",\"after\":\"7\"}", AFTER_FORM},
    {"{\"choice\":\"pizza\",\"after\":null}", AFTER_FORM},
};

START_TEST(json_that_is_refused)
{
    ck_assert_msg(read_json(bad_json[_i].body) == ERR_BAD_ARGUMENT, "%s", bad_json[_i].body);
    ck_assert_msg(why && strcmp(why, bad_json[_i].why) == 0, "%s: %s", bad_json[_i].body, why);
}
END_TEST

START_TEST(a_nul_is_refused)
{
    static const char inside[] = "{\"choice\":\"piz\0za\"}";
    static const char behind[] = "{\"choice\":\"pizza\"}\0";
    ck_assert_int_eq(ballot_json_read((struct span){inside, sizeof inside - 1}, &form, &why),
                     ERR_BAD_ARGUMENT);
    ck_assert_int_eq(ballot_json_read((struct span){behind, sizeof behind - 1}, &form, &why),
                     ERR_BAD_ARGUMENT);
}
END_TEST

START_TEST(no_body_is_refused)
{
    ck_assert_int_eq(ballot_json_read((struct span){NULL, 0}, &form, &why), ERR_BAD_ARGUMENT);
    ck_assert_str_eq(why, NOT_AN_OBJECT);
    ck_assert_int_eq(ballot_json_read_form((struct span){NULL, 0}, &form, &why), 0);
    ck_assert(form.is_empty);
}
END_TEST

enum { BODY_MAX = 64 * 1024 };

/* More than HTTP lets through: deep, wide, and long. */
START_TEST(huge_json_is_refused)
{
    static char body[BODY_MAX + 1];
    memset(body, '[', BODY_MAX);
    ck_assert_int_eq(read_json(body), ERR_BAD_ARGUMENT);
    for (size_t i = 0; i + 5 <= BODY_MAX; i += 5)
        memcpy(body + i, "{\"a\":", 5);
    ck_assert_int_eq(read_json(body), ERR_BAD_ARGUMENT);
    size_t len = (size_t)sprintf(body, "{\"choice\":\"pizza\"");
    for (unsigned i = 0; len + 32 < BODY_MAX; i++)
        len += (size_t)sprintf(body + len, ",\"m%u\":\"\"", i);
    strcpy(body + len, "}");
    ck_assert_int_eq(read_json(body), ERR_BAD_ARGUMENT);
    ck_assert_str_eq(why, SURPLUS);
    len = (size_t)sprintf(body, "{\"choice\":\"");
    memset(body + len, 'a', BODY_MAX - len - 2);
    strcpy(body + BODY_MAX - 2, "\"}");
    ck_assert_int_eq(read_json(body), ERR_BAD_ARGUMENT);
    ck_assert_str_eq(why, NAME_FORM);
}
END_TEST

/* Each beginning of a ballot is refused; nothing is kept of it. */
START_TEST(json_cut_short_is_refused)
{
    static const char body[] = "{\"choice\":\"p\\u0069zza\",\"voter\":\"ann\",\"id\":\"1\"}";
    for (size_t len = 0; len < sizeof body - 1; len++)
        ck_assert_int_eq(ballot_json_read((struct span){body, len}, &form, &why), ERR_BAD_ARGUMENT);
    ck_assert_int_eq(read_json(body), 0);
}
END_TEST

/* Nothing is kept, and nothing but the ballot itself is ever taken for it. */
START_TEST(a_shortage_of_memory_refuses_the_ballot)
{
    int result = -1;
    int limits = 0;
    ck_assert_int_eq(read_json("{}"), ERR_BAD_ARGUMENT); /* jansson chooses its seed */
    for (long n = 0; result != 0; n++) {
        ck_assert_int_lt(n, 1000);
        long held = allocations.blocks;
        allocations_fail_after(n);
        result = read_json("{\"choice\":\"pizza\",\"voter\":\"ann\"}");
        allocations_succeed();
        held -= allocations.blocks;
        ck_assert_int_eq(held, 0);
        ck_assert(result == 0 || result == ERR_LIMIT || result == ERR_BAD_ARGUMENT);
        limits += result == ERR_LIMIT;
    }
    assert_form("pizza", "ann", "");
    ck_assert_int_ge(limits, 3);
}
END_TEST

static void assert_after(int result, bool has_after, uint64_t after)
{
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(form.has_after, has_after);
    if (has_after)
        ck_assert_uint_eq(form.after, after);
}

START_TEST(what_a_ballot_comes_after)
{
    assert_after(read_json("{\"choice\":\"pizza\",\"after\":7}"), true, 7);
    assert_after(read_json("{\"choice\":\"pizza\",\"after\":0}"), true, 0);
    assert_after(read_json("{\"choice\":\"pizza\"}"), false, 0);
    assert_after(read_form("after=281474976710655&choice=pizza"), true, 281474976710655);
    assert_after(read_form("choice=pizza&after="), false, 0);
}
END_TEST

/* ---- forms ---- */

START_TEST(forms)
{
    ck_assert_int_eq(read_form("choice=pizza"), 0);
    assert_form("pizza", "", "");
    ck_assert_int_eq(read_form("voter=&choice=Pizza&id="), 0);
    assert_form("pizza", "", "");
    ck_assert_int_eq(read_form("choice=%70izza&voter=a%2Bb%3D%26&id=k"), 0);
    assert_form("pizza", "a+b=&", "k");
    ck_assert_int_eq(read_form("%63hoice=pizza&voter=" LONGEST), 0);
    assert_form("pizza", LONGEST, "");
}
END_TEST

static const struct {
    const char *body;
    const char *why;
} bad_forms[] = {
    {"choice=", NAME_FORM},
    {"ballot=", TEXT_FORM},
    {"ballot=%zz", TEXT_FORM},
    {"ballot=-&choice=pizza", SURPLUS},
    {"score-1=5&rank-1=5", SURPLUS},
    {"score-1=5&score-1=4", TWICE},
    {"score-1=x", FIELD_FORM},
    {"score-1=100", FIELD_FORM},
    {"score-1=-1", FIELD_FORM},
    {"score-0=1", SURPLUS},
    {"score-257=1", SURPLUS},
    {"score-=1", SURPLUS},
    {"choice", NAME_FORM},
    {"choice=pizza+tacos", NAME_FORM},
    {"choice=pizza%0AVOTE", NAME_FORM},
    {"choice=pizza%00", NAME_FORM},
    {"choice=%zz", NAME_FORM},
    {"choice=%7", NAME_FORM},
    {"choice=" LONGEST "4", NAME_FORM},
    {"choice=pizza&choice=sushi", TWICE},
    {"choice=pizza&voter=ann&voter=bob", TWICE},
    {"choice=pizza&voter=a%0Ab", VOTER_NAME_FORM},
    {"choice=pizza&voter=%C3", VOTER_NAME_FORM},
    {"choice=pizza&voter=%zz", VOTER_NAME_FORM},
    {"choice=pizza&voter=" LONGEST LONGEST "456", VOTER_NAME_FORM},
    {"choice=pizza&id=a+b", ID_FORM},
    {"choice=pizza&token=%zz", ID_FORM},
    {"choice=pizza&after=x", AFTER_FORM},
    {"choice=pizza&after=-1", AFTER_FORM},
    {"choice=pizza&after=18446744073709551616", AFTER_FORM},
    {"choice=pizza&after=1&after=1", TWICE},
    {"choice=pizza&poll=lunch", SURPLUS},
    {"choice=pizza&poll=", SURPLUS},
    {"choice=pizza&=", SURPLUS},
    {"choice=pizza&" LONGEST "=1", SURPLUS},
    {"choice=pizza&%00=1", SURPLUS},
    {"{\"choice\":\"pizza\"}", SURPLUS},
};

START_TEST(forms_that_are_refused)
{
    ck_assert_msg(read_form(bad_forms[_i].body) == ERR_BAD_ARGUMENT, "%s", bad_forms[_i].body);
    ck_assert_msg(why && strcmp(why, bad_forms[_i].why) == 0, "%s: %s", bad_forms[_i].body, why);
}
END_TEST

/* ---- marks ---- */

/* A poll of the choices a, b, c and d, whose settings are given. */
static struct poll *make_poll(unsigned method, unsigned max)
{
    static const struct name ballot = {6, "ballot"};
    static const struct name choices[] = {{1, "a"}, {1, "b"}, {1, "c"}, {1, "d"}};
    struct settings settings = {
        .value = {[SETTING_METHOD] = (uint16_t)method, [SETTING_MAX] = (uint16_t)max}};
    char unsuitable[SETTINGS_WHY_SIZE];
    const unsigned given = 1u << SETTING_METHOD | (max > 0 ? 1u << SETTING_MAX : 0);
    ck_assert_int_eq(settings_complete(&settings, given, 4, unsuitable), 0);
    struct poll *poll = poll_new(&ballot, &settings, choices, 4, NULL);
    ck_assert_ptr_nonnull(poll);
    return poll;
}

/* What a form's body means in a poll: the ballot's text, or the code of the error and why. */
static const struct {
    unsigned method, max;
    const char *body;
    const char *text;
    int error;
} bodies[] = {
    {METHOD_PLURALITY, 0, "choice=b", "b", 0},
    {METHOD_PLURALITY, 0, "ballot=-", "-", 0},
    {METHOD_PLURALITY, 0, "choice=e", "the poll has no choice e", ERR_NO_SUCH_CHOICE},
    {METHOD_PLURALITY, 0, "", "choice is missing", ERR_BAD_ARGUMENT},
    {METHOD_PLURALITY, 0, "approve-1=1", "choice is missing", ERR_BAD_ARGUMENT},
    {METHOD_APPROVAL, 0, "approve-3=1&approve-1=1", "a,c", 0},
    {METHOD_APPROVAL, 0, "approve-3=7&approve-2=&approve-4=0", "c", 0},
    {METHOD_APPROVAL, 0, "approve-1=1&ballot=-", "-", 0},
    {METHOD_APPROVAL, 0, "choice=a", "a", 0},
    {METHOD_APPROVAL, 0, "", "nothing is filled in", ERR_BAD_BALLOT},
    {METHOD_APPROVAL, 2, "approve-1=1&approve-2=1&approve-3=1",
     "a ballot names at most 2 choices here, and this one 3", ERR_BAD_BALLOT},
    {METHOD_APPROVAL, 0, "approve-5=1", NULL, ERR_NO_SUCH_CHOICE},
    {METHOD_APPROVAL, 0, "rank-1=1", "choice is missing", ERR_BAD_ARGUMENT},
    {METHOD_SCORE, 0, "score-1=5&score-2=0&score-3=2", "a=5,c=2", 0},
    {METHOD_SCORE, 0, "score-1=0&score-2=0", "a=0", 0},
    {METHOD_SCORE, 0, "score-1=6", "a score is from 0 to 5 here", ERR_BAD_BALLOT},
    {METHOD_SCHULZE, 0, "rank-1=2&rank-2=1&rank-3=2&rank-4=", "b>a=c", 0},
    {METHOD_IRV, 0, "rank-1=30&rank-4=7", "d>a", 0}, /* gaps between ranks mean nothing */
    {METHOD_IRV, 0, "rank-1=1&rank-2=1", "no choices are ranked equal here", ERR_BAD_BALLOT},
    {METHOD_IRV, 0, "rank-1=&rank-2=", "nothing is filled in", ERR_BAD_BALLOT},
};

START_TEST(what_forms_mean)
{
    struct poll *poll = make_poll(bodies[_i].method, bodies[_i].max);
    struct marks marks;
    char text[MARKS_TEXT_MAX + 1], room[MARKS_WHY_SIZE];
    ck_assert_int_eq(read_form(bodies[_i].body), 0);
    int error = ballot_form_marks(&form, poll, &marks, room, &why);
    ck_assert_msg(error == bodies[_i].error, "%s: %d", bodies[_i].body, error);
    if (error == 0)
        text[marks_write(&marks, &poll->settings, poll->choices, text)] = '\0';
    const char *told = error == 0 ? text : why;
    ck_assert_pstr_eq(told, bodies[_i].text);
    poll_free(poll);
}
END_TEST

/* The page shows it again. */
START_TEST(a_refused_form_keeps_what_is_filled_in)
{
    struct poll *poll = make_poll(METHOD_IRV, 0);
    struct marks marks;
    char room[MARKS_WHY_SIZE];
    ck_assert_int_eq(read_form("rank-1=3&rank-2=3&rank-4=9"), 0);
    ck_assert_int_eq(ballot_form_marks(&form, poll, &marks, room, &why), ERR_BAD_BALLOT);
    ck_assert_uint_eq(marks.count, 4);
    ck_assert_mem_eq(marks.mark, "\1\1\0\2", 4);
    poll_free(poll);
}
END_TEST

int main(void)
{
    allocations_of_jansson();
    return UNIT_RUN(
        "ballot_json",
        {"json", .tests = {{json_ballots},
                           {json_that_is_refused, .loops = UNIT_COUNT(bad_json)},
                           {a_nul_is_refused},
                           {no_body_is_refused},
                           {huge_json_is_refused},
                           {json_cut_short_is_refused},
                           {a_shortage_of_memory_refuses_the_ballot},
                           {what_a_ballot_comes_after}}},
        {"form", .tests = {{forms}, {forms_that_are_refused, .loops = UNIT_COUNT(bad_forms)}}},
        {"marks", .tests = {{what_forms_mean, .loops = UNIT_COUNT(bodies)},
                            {a_refused_form_keeps_what_is_filled_in}}});
}
