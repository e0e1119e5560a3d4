/* Tests of what pages say of ballots of several choices, and of results: src/web/words.c,
 * page_data.c, page_result.c. The markup's own tests are in test_page.c. */
#include "web/page.h"

#include "web/page_result.h"
#include "web/template.h"
#include "tests/support/allocation.h"
#include "tests/support/profiles.h"
#include "tests/support/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct page_place place = {"../", "0123456789abcdef"};
static struct buffer out;
static struct electing electing;
static struct snapshot *snapshot;

static void free_all(void)
{
    allocations_succeed();
    buffer_free(&out);
    snapshot_unref(snapshot);
    electing_free(&electing);
}

/* Casts ballots, written as `3 a>b` with `; ` between. */
static void cast(const char *ballots)
{
    char text[256], *rest = text;
    snprintf(text, sizeof text, "%s", ballots);
    for (char *each; (each = strsep(&rest, ";"));) {
        char ballot[64];
        unsigned weight;
        if (sscanf(each, " %u %63s", &weight, ballot) == 2)
            ck_assert_int_eq(electing_cast(&electing, weight, ballot), 0);
    }
}

/* The tally of the ballots that were cast, with their result. */
static void take_snapshot(bool open)
{
    struct result *result = electing_count(&electing);
    snapshot = snapshot_new(electing.poll);
    ck_assert(snapshot && result);
    snapshot->open = open;
    snapshot->opened = true;
    result->seq = snapshot->seq = 42;
    snapshot->ballots = result->ballots;
    snapshot->abstained = result->abstained;
    for (unsigned i = 0; method_is_additive(electing.poll) && i < 3; i++)
        snapshot->counts[i] = result_votes(result, 1)[i];
    snapshot_set_result(snapshot, result);
}

/* A poll with these ballots. */
static void make_poll(const char *settings, const char *ballots, bool open)
{
    electing = electing_new(settings, "a b c", NULL);
    electing.poll->id = 1;
    cast(ballots);
    take_snapshot(open);
    ck_assert_int_eq(snapshot_set_text(snapshot, 1, "<Ann>", 5, 40), 0);
}

/* A page that was just made, behind its style. */
static const char *finish(int made)
{
    ck_assert_int_eq(made, 0);
    ck_assert_int_eq(buffer_append(&out, "", 1), 0);
    return strstr(out.bytes, "</style>");
}

static const char *poll_page(const struct page_reader *reader)
{
    return finish(page_poll(&out, &place, snapshot, reader));
}

static const char *screen_page(void)
{
    return finish(page_screen(&out, &place, snapshot, "http://h/p/b"));
}

static struct marks marks_of(const char *ballot)
{
    struct marks marks;
    char why[MARKS_WHY_SIZE];
    const struct poll *poll = electing.poll;
    ck_assert_int_eq(marks_parse((struct span){ballot, strlen(ballot)}, &poll->settings,
                                 poll->choices, poll->choice_count, &marks, why),
                     0);
    return marks;
}

static void assert_has(const char *page, const char *text)
{
    ck_assert_msg(strstr(page, text), "no %s in\n%.3000s", text, page);
}

static void assert_lacks(const char *page, const char *text)
{
    ck_assert_msg(!strstr(page, text), "%s in\n%.3000s", text, page);
}

/* What a closed poll's result says. */
static const struct {
    const char *settings, *ballots;
    const char *says[5]; /* up to a NULL */
} results[] = {
    {"method=approval", "3 a; 2 b", {">&lt;Ann&gt; is elected.<"}},
    {"method=approval seats=2",
     "3 a; 2 b,c",
     {">&lt;Ann&gt; and b are elected.<",
      "<p>b and c are tied for a seat; the order of the list decides.</p>"}},
    {"method=approval", "", {">Nobody has voted.<"}},
    {"method=score", "2 -", {">Every ballot abstains.<", "2 abstentions."}},
    {"method=score", "1 a=0", {">No ballot is for any choice.<"}},
    {"method=star",
     "3 a=5,b=4; 4 b=5,c=1",
     {">b is elected.<", "b and &lt;Ann&gt; have the highest sums and go to the run-off.",
      "b is scored higher on 4 ballots, &lt;Ann&gt; on 3; 0 without preference.",
      "data-share=\"0.5714\" data-figure=\"57%\">4</td>"}},
    {"method=star",
     "1 a=5",
     {"are tied for a place in the run-off; the order of the list decides."}},
    {"method=schulze",
     "3 a>b>c; 2 b>c>a",
     {"In order: 1. &lt;Ann&gt;, 2. b, 3. c.", "data-figure=\"1.\">beats 2 of 2</td>",
      "<td class=\"beats\">3</td>", "<td class=\"beaten\">2</td>", "<td class=\"self\"></td>"}},
    {"method=schulze",
     "1 a=b=c",
     {"1. &lt;Ann&gt;, b and c.", "tied for a seat", "<td class=\"even\">0</td>",
      "<td class=\"elected\" data-share=\"0.0000\" data-figure=\"1.\">beats 0 of 2</td>",
      "<td class=\"\" data-share=\"0.0000\" data-figure=\"1.\">beats 0 of 2</td>"}},
    {"method=irv",
     "4 a; 3 b; 2 c>b",
     {"<b>Round 1.</b> <span>c is out.</span>", "<b>Round 2.</b> <span>b is elected.</span>",
      "<td class=\"out\" data-share=\"0.2222\" data-figure=\"22%\">2</td><td class=\"out\" "
      "data-share=\"0.0000\" data-figure=\"–\">–</td>"}},
    {"method=irv",
     "2 a; 1 b; 1 c",
     {"b and c are tied for the last place; the order of the list decides. c is out.",
      "<th scope=\"row\">Exhausted</th><td>0</td>"}},
    {"method=stv seats=2",
     "7 a>b; 1 a>c; 2 b; 2 c; 1 -",
     {"The quota is 5 votes. 1 abstention.",
      "&lt;Ann&gt; is elected, 3 above the quota. &lt;Ann&gt;’s surplus goes on.", ">4.62<",
      ">2.37<", ">&lt;Ann&gt; and b are elected.<"}},
};

START_TEST(results_are_told_in_words)
{
    make_poll(results[_i].settings, results[_i].ballots, false);
    const char *page = poll_page(&(struct page_reader){.own = NULL});
    for (int i = 0; i < 5 && results[_i].says[i]; i++)
        assert_has(page, results[_i].says[i]);
    assert_lacks(page, "<Ann>");
}
END_TEST

/* A count of very many rounds would make a page of megabytes. */
START_TEST(a_long_count_is_told_from_its_end)
{
    char choices[5 * 128 + 1] = "", ballot[64];
    for (int i = 0; i < 128; i++)
        sprintf(choices + strlen(choices), "%sc%d", i > 0 ? " " : "", i);
    electing = electing_new("method=irv", choices, NULL);
    for (int i = 0; i < 128; i++) {
        snprintf(ballot, sizeof ballot, "c%d", i);
        ck_assert_int_eq(electing_cast(&electing, (unsigned)(i < 2 ? 500 : i), ballot), 0);
    }
    take_snapshot(false);
    const unsigned rounds = snapshot_result(snapshot)->round_count;
    const char *page = poll_page(&(struct page_reader){.own = NULL});
    char last[64], first[64];
    snprintf(last, sizeof last, "<b>Round %u.</b>", rounds);
    snprintf(first, sizeof first, "<th scope=\"col\">Choice</th><th scope=\"col\">Round %u</th>",
             rounds - 15);
    assert_has(page, last);
    assert_has(page, first);
    assert_has(page, "are left out here; RESULT has them.");
}
END_TEST

START_TEST(an_open_poll_has_a_leader_and_no_table)
{
    make_poll("method=irv", "4 a; 3 b; 2 c>b", true);
    const char *page = poll_page(&(struct page_reader){.own = NULL});
    assert_has(page, "data-winners=\"b\" data-result-seq=\"42\"");
    assert_has(page, "<li class=\"choice leads\" data-choice=\"b\">");
    assert_lacks(page, "<li class=\"choice leads\" data-choice=\"a\">");
    assert_lacks(page, "<table");
    buffer_free(&out);
    page = screen_page();
    assert_has(page, "id=\"verdict\">b leads.<");
    assert_has(page, "<table class=\"stages\">");
    assert_lacks(page, "As of");
}
END_TEST

START_TEST(a_result_of_an_older_tally_says_so)
{
    make_poll("method=irv", "1 a; 1 b", true);
    snapshot->seq = 43;
    snapshot->ballots++;
    assert_has(screen_page(), "<p class=\"age\">As of 2 ballots.</p>");
}
END_TEST

START_TEST(a_poll_whose_result_is_being_counted_says_so)
{
    make_poll("method=irv", "4 a; 3 b", false);
    snapshot_set_result(snapshot, NULL);
    const char *page = poll_page(&(struct page_reader){.own = NULL});
    assert_has(page, ">The result is being counted.<");
    assert_has(page, "data-winners=\"\" data-result-seq=\"0\"");
    assert_lacks(page, "<table");
}
END_TEST

START_TEST(a_hidden_result_is_told_nowhere)
{
    make_poll("method=irv reveal=closed", "4 a; 3 b; 1 -", true);
    const char *page = poll_page(&(struct page_reader){.own = NULL});
    assert_has(page, "data-abstained=\"0\"");
    assert_lacks(page, "leads");
    buffer_free(&out);
    page = screen_page();
    assert_has(page, "data-winners=\"\"");
    assert_lacks(page, "<table");
    assert_lacks(page, "leads");
}
END_TEST

/* What each kind's page asks for, and says of what one leaves out. */
static const struct {
    const char *settings;
    const char *says[6]; /* up to a NULL */
} papers[] = {
    {"kind=approval max=2",
     {"<main class=\"poll approval\"", "Tick all that you approve of (at most 2), then vote.",
      "name=\"approve-1\" value=\"1\"", "What you don’t tick you don’t approve of.",
      "data-min=\"1\" data-max=\"2\"", "<button class=\"abstain\" name=\"ballot\" value=\"-\""}},
    {"kind=approval min=2 max=2", {"approve of (2), then vote."}},
    {"kind=approval min=2", {"approve of (at least 2), then vote."}},
    {"kind=ranked min=1 max=2", {"the best first (at most 2), then"}},
    {"kind=score scores=3",
     {"Give each choice 0 to 3, then vote.",
      "id=\"score-2-3\" name=\"score-2\" value=\"3\" autocomplete=\"off\"><label",
      "name=\"score-2\" value=\"0\" autocomplete=\"off\" checked>", "has 0."}},
    {"method=schulze",
     {"name=\"rank-3\" min=\"1\" max=\"3\"", "below all that you rank", "data-equal=\"yes\""}},
    {"method=stv seats=2",
     {"2 are elected, by single transferable votes", "counts for nobody.", "data-equal=\"no\""}},
};

START_TEST(papers_say_what_to_do)
{
    make_poll(papers[_i].settings, "", true);
    const char *page = poll_page(&(struct page_reader){.own = NULL});
    for (int i = 0; i < 6 && papers[_i].says[i]; i++)
        assert_has(page, papers[_i].says[i]);
}
END_TEST

/* A reader's ballot in words, and how it is filled in. */
static const struct {
    const char *settings, *ballot, *words, *filled;
} owns[] = {
    {"kind=single", "a", "Your vote for <b dir=\"auto\">&lt;Ann&gt;</b> is", "class=\"yours\""},
    {"kind=approval", "c,a", "Your vote for <b dir=\"ltr\">&lt;Ann&gt; and c</b> is",
     "aria-describedby=\"figures-c\" checked>"},
    {"kind=score", "c=5,b=2", "Your ballot <b dir=\"ltr\">c: 5, b: 2</b> is",
     "name=\"score-3\" value=\"5\" autocomplete=\"off\" checked>"},
    {"kind=score", "c=0", "Your ballot <b dir=\"ltr\">0 for each</b> is", "checked"},
    {"kind=ranked", "c=a>b", "Your ranking <b dir=\"ltr\">1. &lt;Ann&gt; and c, 2. b</b> is",
     "aria-describedby=\"figures-b\" value=\"2\">"},
    {"kind=single", "-", "Your abstention is recorded.", "data-ballot=\"-\""},
    {"kind=ranked", "-", "Your abstention is recorded.", "data-ballot=\"-\""},
};

START_TEST(ones_ballot_is_shown_back)
{
    make_poll(owns[_i].settings, "", true);
    const struct marks marks = marks_of(owns[_i].ballot);
    const char *page = poll_page(&(struct page_reader){.own = &marks, .seq = 41});
    assert_has(page, owns[_i].words);
    assert_has(page, owns[_i].filled);
}
END_TEST

START_TEST(a_refused_form_comes_back)
{
    make_poll("kind=ranked", "", true);
    const struct marks filled = {.count = 3, .mark = {1, 0, 1}};
    const char *page = poll_page(
        &(struct page_reader){.filled = &filled, .problem = "no <so>", .token = "T", .id = "I"});
    assert_has(page, "data-kind=\"error\">Not counted: no &lt;so&gt;.<");
    assert_has(page, "aria-describedby=\"figures-c\" value=\"1\">");
    assert_has(page, "name=\"token\" value=\"T\"");
    assert_has(page, "data-ballot=\"\"");
}
END_TEST

/* Letters that are written from the right don't turn the sentence. */
START_TEST(labels_from_the_right_are_isolated)
{
    static const char *const labels[] = {"\u0645\u062d\u0645\u062f", "\u05d0b", "\ufe8e", "\ufb2a"};
    static const char *const others[] = {"J\u00fcrgen", "\u0416", "\u6771\u4eac", "\U0001f355"};
    char expected[64];
    make_poll("kind=approval", "1 b", false);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(snapshot_set_text(snapshot, 2, labels[i], strlen(labels[i]), 40), 0);
        snprintf(expected, sizeof expected, "class=\"verdict\">\u2068%s\u2069 is elected.<",
                 labels[i]);
        assert_has(poll_page(&(struct page_reader){.own = NULL}), expected);
        buffer_free(&out);
        ck_assert_int_eq(snapshot_set_text(snapshot, 2, others[i], strlen(others[i]), 40), 0);
        snprintf(expected, sizeof expected, ">%s is elected.<", others[i]);
        assert_has(poll_page(&(struct page_reader){.own = NULL}), expected);
        buffer_free(&out);
    }
}
END_TEST

START_TEST(a_final_ballot_is_asked_about)
{
    make_poll("kind=ranked ballots=once", "", true);
    const struct page_reader reader = {.token = "T"};
    struct marks marks = marks_of("c>a");
    const char *page = finish(page_confirm(&out, &place, snapshot, &reader, &marks, ""));
    assert_has(page, "<h2>Send <b dir=\"ltr\">1. c, 2. &lt;Ann&gt;</b>?</h2>");
    assert_has(page, "name=\"ballot\" value=\"c&gt;a\"");
    buffer_free(&out);
    marks = marks_of("-");
    page = finish(page_confirm(&out, &place, snapshot, &reader, &marks, ""));
    assert_has(page, "<h2>Abstain?</h2>");
    assert_has(page, "name=\"ballot\" value=\"-\"");
}
END_TEST

START_TEST(cards_tell_the_kind_and_who_leads)
{
    make_poll("method=stv seats=2", "3 a; 2 b", true);
    const struct page_list list = {&snapshot, 1, "0123456789abcdef-42", NULL};
    const char *page = finish(page_index(&out, &place, &list));
    assert_has(page, "<p class=\"kind\">Rank them (Scottish STV)</p>");
    assert_has(page, "<p class=\"leader\">&lt;Ann&gt; and b lead.</p>");
    assert_has(page, "<rect class=\"leads\" data-choice=\"b\" y=\"1\"");
}
END_TEST

static const char *const shortages[] = {"method=approval", "method=star", "method=schulze",
                                        "method=stv seats=2"};

START_TEST(a_shortage_of_memory_is_told)
{
    static const char *const ballots[] = {"3 a; 1 -", "3 a=5,b=4; 1 c=1", "3 a>b; 1 c",
                                          "7 a>b; 1 b>c; 1 -"};
    make_poll(shortages[_i], ballots[_i], false);
    const struct marks marks = {.count = 3, .mark = {1}};
    const struct page_reader reader = {.own = &marks};
    allocations_of_jansson();
    int tries = 0, made = TEMPLATE_NO_MEMORY;
    for (; made != 0; tries++) {
        buffer_free(&out);
        allocations_fail_after(tries);
        made = page_poll(&out, &place, snapshot, &reader);
        allocations_succeed();
        ck_assert(made == 0 || (made == TEMPLATE_NO_MEMORY && out.len == 0));
    }
    ck_assert_int_gt(tries, 100);
}
END_TEST

UNIT_MAIN("page_result",
          {"page_result", .tear_down = free_all,
           .tests = {{results_are_told_in_words, .loops = UNIT_COUNT(results)},
                     {a_long_count_is_told_from_its_end},
                     {an_open_poll_has_a_leader_and_no_table},
                     {a_result_of_an_older_tally_says_so},
                     {a_poll_whose_result_is_being_counted_says_so},
                     {a_hidden_result_is_told_nowhere},
                     {papers_say_what_to_do, .loops = UNIT_COUNT(papers)},
                     {ones_ballot_is_shown_back, .loops = UNIT_COUNT(owns)},
                     {a_refused_form_comes_back},
                     {labels_from_the_right_are_isolated},
                     {a_final_ballot_is_asked_about},
                     {cards_tell_the_kind_and_who_leads},
                     {a_shortage_of_memory_is_told, .loops = UNIT_COUNT(shortages)}}})
