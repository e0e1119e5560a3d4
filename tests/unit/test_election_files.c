/* Elections in files: what the readers of BLT, CSV and JSON take and what they refuse, and that
 * what is written is read again as the same. A text is given in a block of exactly its size, so
 * that a sanitizer sees a step beyond. */
#include "tests/support/unit.h"
#include "tools/election/ballot_csv.h"
#include "tools/election/blt.h"
#include "tools/election/election_json.h"
#include "tools/election/election_read.h"
#include "tools/election/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DESCRIPTION_MAX = 4096 };

static struct election election;
static char why[ELECTION_WHY_MAX];
static unsigned scores; /* that the caller gives; 0 for none */

static void clear(void)
{
    election_clear(&election);
}

/* Reads a text, the election being counted by a method; -1 for none that is given. */
static int read_text(const char *text, size_t len, int method)
{
    char *block = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(block);
    memcpy(block, text, len);
    clear();
    why[0] = '\0';
    if (method >= 0)
        election_give(&election, SETTING_METHOD, (unsigned)method);
    if (scores > 0)
        election_give(&election, SETTING_SCORES, scores);
    int result = election_read(&election, block, len, why);
    free(block);
    return result;
}

static int read_string(const char *text, int method)
{
    return read_text(text, strlen(text), method);
}

static void must_read(const char *text, int method)
{
    ck_assert_msg(read_string(text, method) == 0, "%s", why);
    ck_assert_msg(election_settle(&election, why) == 0, "%s", why);
}

/* `TITLE: a Anna, b Bert: 2*a>b 1*-`: how many of each ballot, or how many x how much. */
static const char *describe(void)
{
    static char description[DESCRIPTION_MAX];
    size_t len = (size_t)snprintf(description, sizeof description,
                                  "%s:", election.title ? election.title : "");
    for (unsigned i = 0; i < election.choice_count; i++)
        len += (size_t)snprintf(description + len, sizeof description - len, "%s %s %s",
                                i > 0 ? "," : "", election.choices[i].text,
                                election_label(&election, i));
    len += (size_t)snprintf(description + len, sizeof description - len, ":");
    for (size_t i = 0; i < election.ballots_count; i++) {
        const struct election_ballots *ballots = &election.ballots[i];
        char text[MARKS_TEXT_MAX];
        struct marks marks;
        election_marks(&election, ballots->value, &marks);
        int text_len = (int)marks_write(&marks, &election.settings, election.choices, text);
        len += (size_t)snprintf(description + len, sizeof description - len, " %llu",
                                (unsigned long long)ballots->count);
        if (ballots->weight != 1)
            len += (size_t)snprintf(description + len, sizeof description - len, "x%u",
                                    ballots->weight);
        len +=
            (size_t)snprintf(description + len, sizeof description - len, "*%.*s", text_len, text);
    }
    return description;
}

/* ---- what is read ---- */

#define ABC "\"A\"\n\"B\"\n\"C\"\n"

static const struct {
    int method;
    const char *text;
    const char *description;
} files[] = {
    /* BLT: as its authors show it; then what others add to it */
    {METHOD_SCHULZE,
     "4 2\n-2\n3 1 3 4 0\n4 1 3 2 0\n2 4 1=3 0\n1 2 0\n2 2=4=3 1 0\n1 3 4 2 0\n0\n"
     "\"Adam\"\n\"Basil\"\n\"Charlotte\"\n\"Donald\"\n\"Title\"\n",
     "Title: adam Adam, charlotte Charlotte, donald Donald: 3*adam>charlotte>donald "
     "4*adam>charlotte 2*donald>adam=charlotte 1*- 2*charlotte=donald>adam 1*charlotte>donald"},
    {METHOD_STV,
     "\xef\xbb\xbf# made by hand\r\n\r\n 3\t1 # three choices\r\n2 1 2 0 # two\r\n1 2 1 0 1 3 0\r\n"
     "(ann) 1 - 3 - 1 0\r\n1 0\r\n0\r\n\"A #1\" # first\r\nB\r\n\"C\"\r\n",
     ": a-1 A #1, b B, c C: 2*a-1>b 1*b>a-1 1*c 1*c>a-1 1*-"},
    {METHOD_STV,
     "3 1\n1 1 0\n0\n\"\"\"Anna MÜLLER\"\" \"\"The Greens\"\" \"\n\"Bert  B\" \"Pirates\"\nCarl\n"
     "\"\"\"Ward 5\"\" \"\n\"a comment\"\n",
     "Ward 5: anna-muller-the-greens Anna MÜLLER The Greens, bert-b-pirates Bert B Pirates, "
     "carl Carl: 1*anna-muller-the-greens"},
    {METHOD_STV, "3 1\n-1\n-3 -1\n-2\n1 1 0\n0\n" ABC, NULL},
    {METHOD_STV, "4 2\n0\n" ABC "\"A\"\n", ": a A, b B, c C, a-2 A:"},
    {METHOD_IRV, "3 2\n7 3 0\n7 3 0\n1 1 0\n1000000 3 0\n0\n" ABC,
     ": a A, b B, c C: 1000014*c 1*a"},
    /* CSV */
    {METHOD_STV, "a,b,c\n1,2,\n,1,\n,,\n9,7,8\n", ": a a, b b, c c: 1*a>b 1*b 1*- 1*b>c>a"},
    {METHOD_SCHULZE, "a;b;c\n1;1;2\n\n2;;2\n", ": a a, b b, c c: 1*a=b>c 1*a=c"},
    {METHOD_SCHULZE, "\xef\xbb\xbf\"Müller; Anna\";\"Bert \"\"B\"\"\";Weight\r\n1;2;3\r\n",
     ": muller-anna Müller; Anna, bert-b Bert \"B\": 1x3*muller-anna>bert-b"},
    {METHOD_SCORE, "Ballots,a,b,WEIGHT\n2,5,0,1\n1,0,0,7\n3,,,1\n1,,4,1\n1,0,5,1\n2,5,,1",
     ": a a, b b: 4*a=5 1x7*a=0 3*- 1*b=4 1*b=5"},
    {METHOD_APPROVAL, "a\tb\n1\t0\n\t1\n0\t0\n1\t1\n", ": a a, b b: 1*a 1*b 1*- 1*a,b"},
    {METHOD_PLURALITY, "weight,weight,ballots,ballots\n1,1,3,\n1,0,1,1\n",
     ": weight weight, ballots ballots: 3*weight 1*ballots"},
    {METHOD_PLURALITY, "1,2\n1,0\n", ": 1 1, 2 2: 1*1"},
    /* JSON */
    {-1,
     " {\"name\": \"n\", \"kind\": \"ranked\", \"method\": \"stv\", \"seats\": 2, \"expect\": {},"
     " \"choices\": [\"a\", \"B\", \"c\"], \"labels\": [\"A\", \"B\", \"ü\"],"
     " \"ballots\": [[3, \"a>2\"], [2, \"b\", 5], [1, \"-\"], [1, \"a>b\"]]}\n",
     "n: a A, b B, c ü: 4*a>b 2x5*b 1*-"},
    {METHOD_IRV,
     "{\"kind\": \"ranked\", \"method\": \"stv\", \"seats\": 2, \"title\": \"T\","
     " \"choices\": [\"a\", \"b\", \"c\"], \"lot\": [\"c\", \"a\", \"b\"], \"ballots\": []}",
     "T: a a, b b, c c:"},
    {-1,
     "{\"kind\": \"score\", \"method\": \"star\", \"scores\": 10, \"choices\": [\"a\", \"b\"],"
     " \"ballots\": [[1, \"a=10\"], [1, \"a=0\"], [1, \"b=0,a=10\"]]}",
     ": a a, b b: 2*a=10 1*a=0"},
    {-1,
     "{\"kind\": \"single\", \"method\": \"plurality\", \"choices\": [\"a\", \"b\"],"
     " \"ballots\": [[1, \"2\"]]}",
     ": a a, b b: 1*b"},
};

START_TEST(a_file_is_read)
{
    if (!files[_i].description) {
        ck_assert_int_ne(read_string(files[_i].text, files[_i].method), 0);
        return;
    }
    must_read(files[_i].text, files[_i].method);
    ck_assert_str_eq(describe(), files[_i].description);
}
END_TEST

START_TEST(what_the_file_says_is_known)
{
    must_read("3 2\n0\n" ABC, METHOD_STV);
    ck_assert_uint_eq(settings_seats(&election.settings), 2);
    must_read("3 2\n0\n" ABC, METHOD_SCHULZE); /* which elects one, whatever the file says */
    ck_assert_uint_eq(settings_seats(&election.settings), 1);
    must_read(files[13].text, -1);
    ck_assert_uint_eq(election.settings.value[SETTING_METHOD], METHOD_STV);
    ck_assert_uint_eq(settings_seats(&election.settings), 2);
    must_read(files[14].text, METHOD_IRV); /* what the caller says goes before that */
    ck_assert_uint_eq(election.settings.value[SETTING_METHOD], METHOD_IRV);
    ck_assert(election.has_lot && election.lot[0] == 2 && election.lot[1] == 0);
    must_read(files[6].text, METHOD_STV);
    ck_assert(!election.has_lot);
}
END_TEST

/* ---- what is refused ---- */

#define CHOICES "\"kind\": \"ranked\", \"method\": \"irv\", \"choices\": [\"a\", \"b\"]"

static const struct {
    int method;
    const char *text;
    const char *why;
} refusals[] = {
    {METHOD_STV, "", "the file is empty"},
    {METHOD_STV,
     "\xff\xfe"
     "1",
     "UTF-16"},
    {METHOD_STV, "3 1\n1 1 0\n0\n\"\xe9\"\n", "line 4: this is no text in UTF-8"},
    {METHOD_STV, "1 1\n0\n\"A\"\n", "line 1: an election has 2 to 256 choices"},
    {METHOD_STV, "257 1\n0\n", "line 1: an election has 2 to 256 choices"},
    {METHOD_STV, "3 4\n0\n" ABC, "line 1: there are more seats than choices"},
    {METHOD_STV, "3 0\n0\n" ABC, "line 1: there are more seats than choices, or none"},
    {METHOD_STV, "3 3\n0\n" ABC, "seats= is from 1 to 2 here"},
    {METHOD_STV, "3 1\n", "line 1: the file ends here, before its ballots"},
    {METHOD_STV, "3 1\n-4\n0\n" ABC,
     "line 2: a choice that withdrew is its number with a minus: '-4'"},
    {METHOD_STV, "3 1\n-1 2\n0\n" ABC,
     "line 2: a choice that withdrew is its number with a minus: '2'"},
    {METHOD_STV, "3 1\n-1 -2\n0\n" ABC, "fewer than 2 choices are left"},
    {METHOD_STV, "3 1\n1 2\n0\n" ABC, "line 2: a ballot ends with 0, and this one doesn't"},
    {METHOD_STV, "3 1\nx 2 0\n0\n" ABC,
     "line 2: a ballot begins with how many there are of it: 'x'"},
    {METHOD_STV, "3 1\n1.5 2 0\n0\n" ABC,
     "line 2: a ballot begins with how many there are of it: '1.5'"},
    {METHOD_STV, "3 1\n0 2 0\n0\n" ABC,
     "line 2: a ballot begins with how many there are of it: '0'"},
    {METHOD_STV, "3 1\n(ann)\n0\n" ABC, "line 2: a ballot's identity, and no ballot"},
    {METHOD_STV, "3 1\n1 4 0\n0\n" ABC, "line 2: choice 4: there are 3"},
    {METHOD_STV, "3 1\n1 2 x 0\n0\n" ABC, "line 2: this is no choice's number: 'x'"},
    {METHOD_STV, "3 1\n1 2= 0\n0\n" ABC, "line 2: this is no choice's number: '2='"},
    {METHOD_STV, "3 1\n1 2 1 2 0\n0\n" ABC, "line 2: the ballot names choice 2 twice"},
    {METHOD_SCHULZE, "3 1\n1 2=2 0\n0\n" ABC, "line 2: the ballot names choice 2 twice"},
    {METHOD_STV, "3 1\n\n1 1 0\n1 1=2 0\n0\n" ABC, "line 4: no choices are ranked equal here"},
    {METHOD_STV, "3 1\n1 1 0\n", "line 2: the file ends here, before the 0 that ends the ballots"},
    {METHOD_STV, "3 1\n1 1 0\n0\n\"A\"\n\"B\"\n",
     "line 5: the file ends here, before every choice"},
    {METHOD_STV, "3 1\n0\n\"A\"\n\"\"\n\"C\"\n", "line 4: a choice without a name"},
    {METHOD_STV, "3 1\n0\n\"A\"\n\"B\n\"C\"\n", "line 4: a quotation mark is not closed"},
    {METHOD_SCORE, "3 1\n0\n" ABC, "method=score counts ballots of kind=score"},
    {-1, "3 1\n0\n" ABC, "--method=M"},
    {METHOD_STV, "3 1\n1000001 1 0\n999999999 1 0\n0\n" ABC, NULL},
    /* CSV */
    {-1, "a,b\n1,2\n", "nothing tells what the ballots are; --method=M does"},
    {METHOD_STV, "a\n1\n", "line 1: the heading of a table of ballots names 2 choices or more"},
    {METHOD_STV, "a,b,\n1,2,3\n", "line 1: column 3: a choice without a name"},
    {METHOD_STV, "a,b\n1,2,3\n", "line 2: 3 fields, and the heading has 2"},
    {METHOD_STV, "a,b\n\n1\n", "line 3: 1 fields, and the heading has 2"},
    {METHOD_STV, "a,b\n1,x\n", "line 2: column 2: 'x' is no rank from 1"},
    {METHOD_STV, "a,b\n1,0\n", "line 2: column 2: '0' is no rank from 1"},
    {METHOD_STV, "a,b\n1,-1\n", "line 2: column 2: '-1' is no rank from 1"},
    {METHOD_STV, "a,b\n1,1\n", "line 2: no choices are ranked equal here"},
    {METHOD_SCORE, "a,b\n5,11\n", "line 2: column 2: '11' is no score from 0 to 10"},
    {METHOD_SCORE, "a,b\n5,0\n0,6\n", "line 3: a score is from 0 to 5 here"},
    {METHOD_APPROVAL, "a,b\n1,2\n", "line 2: column 2: '2' is no 0 or 1"},
    {METHOD_PLURALITY, "a,b\n1,1\n", "line 2: "},
    {METHOD_STV, "a,b\n\"1,2\n", "line 2: a quotation mark is not closed on its line"},
    {METHOD_STV, "a,b\n\"1\"1,2\n", "line 2: text stands behind a quotation mark"},
    {METHOD_STV, "a,b,weight\n1,2,0\n", "line 2: a ballot that counts for nothing"},
    {METHOD_STV, "a,b,weight\n1,2,1000000001\n", "line 2: a ballot weighs more than 1000000000"},
    {METHOD_STV, "a,b,ballots\n1,2,1000000000000\n2,1,1\n", "line 3: the ballots weigh more than"},
    {METHOD_STV, "a,b,weight\n1,2,x\n", "line 2: column 3: 'x' is no number from 1"},
    {METHOD_PLURALITY, "seq,time,ballot,voter,key\n1,2,3,4,5\n",
     "line 1: this is an export in the order"},
    /* JSON */
    {-1, "{\n\"kind\"\n", "line 3: "},
    {-1, "{}", "\"kind\" is missing"},
    {-1, "{\"kind\": \"dance\"}", "kind= is one of: single"},
    {-1, "{\"kind\": 1}", "kind= is one of: single"},
    {-1, "{\"kind\": \"ranked\"}", "\"choices\" are the names of 2 to 256 choices"},
    {-1, "{\"kind\": \"ranked\", \"choices\": [\"a\"]}", "\"choices\" are the names"},
    {-1, "{\"kind\": \"ranked\", \"choices\": [\"a\", 2]}",
     "\"choices\", number 2: a name is 1 to 64"},
    {-1, "{\"kind\": \"ranked\", \"choices\": [\"a\", \"A\"]}", "\"choices\": a is there twice"},
    {-1, "{" CHOICES "}", "\"ballots\" is missing"},
    {-1, "{" CHOICES ", \"labels\": [\"a\"], \"ballots\": []}", "\"labels\" are texts"},
    {-1, "{" CHOICES ", \"labels\": [\"a\", 1], \"ballots\": []}", "\"labels\" are texts"},
    {-1, "{" CHOICES ", \"labels\": [\"a\", \"\\u0007\"], \"ballots\": []}",
     "\"labels\": a name or title is text"},
    {-1, "{" CHOICES ", \"lot\": [\"a\", \"a\"], \"ballots\": []}", "\"lot\" has each choice once"},
    {-1, "{" CHOICES ", \"lot\": [\"a\"], \"ballots\": []}", "\"lot\" has each choice once"},
    {-1, "{" CHOICES ", \"ballots\": [[1, \"a\"], [1]]}", "ballot 2: each is [HOW-MANY"},
    {-1, "{" CHOICES ", \"ballots\": [[0, \"a\"]]}", "ballot 1: each is [HOW-MANY"},
    {-1, "{" CHOICES ", \"ballots\": [[1, \"a\", 1.5]]}", "ballot 1: each is [HOW-MANY"},
    {-1, "{" CHOICES ", \"ballots\": [[1, \"c\"]]}", "ballot 1: the poll has no choice c"},
    {-1, "{" CHOICES ", \"ballots\": [[1, \"a>a\"]]}", "ballot 1: the ballot names a twice"},
    {-1, "{" CHOICES ", \"ballots\": [[1, \"a>b\"], [1, \"a=b\"]]}",
     "ballot 2: no choices are ranked equal"},
    {-1, "{" CHOICES ", \"seats\": 9, \"seats\": 8, \"ballots\": []}", "line 1: "},
};

START_TEST(a_file_is_refused)
{
    if (!refusals[_i].why) {
        must_read(refusals[_i].text, refusals[_i].method);
        return;
    }
    bool is_refused = read_string(refusals[_i].text, refusals[_i].method) != 0 ||
                      election_settle(&election, why) != 0;
    ck_assert_msg(is_refused, "%s", refusals[_i].text);
    ck_assert_msg(strstr(why, refusals[_i].why) != NULL, "\"%s\" does not say \"%s\"", why,
                  refusals[_i].why);
}
END_TEST

/* Every beginning of a file is refused in words, or is one itself: nothing is read beyond. */
START_TEST(a_file_that_ends_too_soon)
{
    const char *text = files[_i].text;
    for (size_t len = 0; len < strlen(text); len++)
        if (read_text(text, len, files[_i].method) != 0)
            ck_assert_str_ne(why, "");
}
END_TEST

START_TEST(a_choice_too_many)
{
    char text[4 * (PROTO_CHOICES_MAX + 1) + 1];
    size_t len = 0;
    for (int i = 0; i <= PROTO_CHOICES_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%sc", i > 0 ? "," : "");
    ck_assert_int_ne(read_string(text, METHOD_APPROVAL), 0);
    ck_assert_str_eq(why, "line 1: column 257: more than 256 choices");
    text[len - 2] = '\0';
    must_read(text, METHOD_APPROVAL);
    ck_assert_uint_eq(election.choice_count, PROTO_CHOICES_MAX);
}
END_TEST

/* ---- what is written ---- */

typedef void write_fn(const struct election *election, election_put_fn *put, void *owner);

static void put(void *file, const char *bytes, size_t len)
{
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
}

/* The election as a file; freed by the caller. */
static char *write_text(write_fn *write)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(file);
    write(&election, put, file);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

static void assert_written(write_fn *write, const char *expected)
{
    char *text = write_text(write);
    ck_assert_str_eq(text, expected);
    free(text);
}

static void assert_read_again(write_fn *write, int method)
{
    char before[DESCRIPTION_MAX];
    char *text = write_text(write);
    snprintf(before, sizeof before, "%s", describe());
    must_read(text, method);
    free(text);
    election_sort(&election);
    ck_assert_str_eq(describe(), before);
}

START_TEST(a_file_is_written)
{
    must_read("3 2\n-2\n1 0\n1 3 0\n2 1 3 0\n1 3=1 0\n0\n\"A\"\nB\n\"C C\"\n\"T\"\n",
              METHOD_SCHULZE);
    election_sort(&election);
    assert_written(blt_write, "2 1\n1 1=2 0\n2 1 2 0\n1 2 0\n1 0\n0\n\"A\"\n\"C C\"\n\"T\"\n");
    assert_written(ballot_csv_write, "weight,a,c-c\r\n1,1,1\r\n1,1,2\r\n1,1,2\r\n1,,1\r\n1,,\r\n");
    assert_written(election_json_write,
                   "{\"title\":\"T\",\"kind\":\"ranked\",\"method\":\"schulze\",\"equal\":\"yes\","
                   "\"abstain\":\"yes\",\"min\":1,\"max\":2,\"choices\":[\"a\",\"c-c\"],"
                   "\"labels\":[\"A\",\"C C\"],\"ballots\":[[1,\"a=c-c\"],[2,\"a>c-c\"],"
                   "[1,\"c-c\"],[1,\"-\"]]}\n");
    must_read("ballots,b,ballots\n2,0,5\n", METHOD_SCORE);
    assert_written(ballot_csv_write, "weight,ballots,b,ballots\r\n1,1,0,5\r\n1,1,0,5\r\n");
}
END_TEST

START_TEST(what_was_written_is_read_again)
{
    if (!files[_i].description)
        return;
    must_read(files[_i].text, files[_i].method);
    election_sort(&election);
    assert_read_again(election_json_write, -1);
    unsigned method = election.settings.value[SETTING_METHOD];
    scores = election.settings.value[SETTING_SCORES];
    for (unsigned i = 0; i < election.choice_count; i++) { /* which a table does not have */
        free(election.labels[i]);
        election.labels[i] = NULL;
    }
    free(election.title);
    election.title = NULL;
    assert_read_again(ballot_csv_write, (int)method);
}
END_TEST

/* ---- the profile ---- */

START_TEST(a_profile_has_the_ballots)
{
    struct election_profile profile;
    must_read("a,b,ballots,weight\n1,2,5000000000,3\n,1,2,1\n,,3,2\n", METHOD_STV);
    election_profile_make(&profile, &election);
    ck_assert_uint_eq(profile.view->ballots, 5000000005);
    ck_assert_uint_eq(profile.view->weight, 15000000008);
    ck_assert_uint_eq(profile.view->abstained, 6);
    ck_assert_uint_eq(profile.view->value_count, 2);
    ck_assert_uint_eq(profile_weight(profile.view, 1), 15000000000);
    ck_assert_uint_eq(profile_weight(profile.view, 2), 2);
    election_profile_clear(&profile);
    must_read("a,b,c\n0,0,1\n0,0,1\n1,0,0\n", METHOD_PLURALITY);
    election_profile_make(&profile, &election);
    ck_assert_uint_eq(profile_weight(profile.view, 3), 2);
    ck_assert_uint_eq(profile_weight(profile.view, 1), 1);
    election_profile_clear(&profile);
}
END_TEST

UNIT_MAIN("election files",
          {"reading", .tear_down = clear,
           .tests = {{a_file_is_read, .loops = UNIT_COUNT(files)},
                     {what_the_file_says_is_known},
                     {a_file_is_refused, .loops = UNIT_COUNT(refusals)},
                     {a_file_that_ends_too_soon, .loops = UNIT_COUNT(files)},
                     {a_choice_too_many}}},
          {"writing", .tear_down = clear,
           .tests = {{a_file_is_written},
                     {what_was_written_is_read_again, .loops = UNIT_COUNT(files)}}},
          {"profile", .tear_down = clear, .tests = {{a_profile_has_the_ballots}}})
