/* Tests of src/web/page.c: each page in each of its states (so that every name in the templates is
 * looked up), what each of them says, that hostile texts stay text, and memory that ends at every
 * allocation. */
#include "web/page.h"

#include "proto/limits.h"
#include "web/template.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct buffer out;
static void free_out(void)
{
    allocations_succeed();
    buffer_free(&out);
}

/* A poll as poll_json makes it. */
static json_t *make_poll(const char *title, bool open, bool hidden, const char *ballots,
                         const char *voters)
{
    json_t *poll = json_pack(
        "{s:s, s:s, s:i, s:b, s:b, s:i, s:{s:s, s:s}, s:[{s:s, s:s, s:i}, {s:s, s:s, s:i}]}",
        "poll", "lunch", "title", title, "seq", 42, "open", open, "hidden", hidden, "ballots", 1234,
        "settings", "ballots", ballots, "voters", voters, "choices", "choice", "pizza", "label",
        "Pizza & more", "count", 823, "choice", "sushi", "label", "Sushi", "count", 411);
    ck_assert_ptr_nonnull(poll);
    return poll;
}

static json_t *make_hidden_poll(void)
{
    json_t *poll = make_poll("Award", true, true, "once", "connection");
    for (size_t i = 0; i < 2; i++)
        json_object_set_new(json_array_get(json_object_get(poll, "choices"), i), "count",
                            json_null());
    return poll;
}

/* What the next page's form sends beside the choice. */
static struct page_form form;

/* Ends the page that was just made as a string, and takes the poll that it was made of. */
static const char *finish(int result, json_t *poll)
{
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(buffer_append(&out, "", 1), 0);
    json_decref(poll);
    out.len = 0;
    return out.bytes;
}

static const char *poll_page(json_t *poll, const char *voted)
{
    return finish(page_poll(&out, poll, voted, &form), poll);
}

static const char *index_page(json_t *poll, const char *next)
{
    json_t *listing = json_pack("{s:[o*], s:s?}", "polls", poll, "next", next);
    return finish(page_index(&out, listing), listing);
}

static void assert_has(const char *page, const char *text)
{
    ck_assert_msg(strstr(page, text), "no %s in\n%s", text, page);
}

static void assert_lacks(const char *page, const char *text)
{
    ck_assert_msg(!strstr(page, text), "%s in\n%s", text, page);
}

START_TEST(an_open_poll_can_be_voted_in)
{
    const char *page =
        poll_page(make_poll("Lunch?", true, false, "changeable", "connection"), NULL);
    assert_has(page, "<title>Lunch? · tallycast</title>");
    assert_has(page, "<form method=\"post\" action=\"/polls/lunch/ballots\">");
    assert_has(page, "<button name=\"choice\" value=\"pizza\"");
    assert_has(page, "data-seq=\"42\" data-ballots=\"changeable\" data-voters=\"connection\" "
                     "data-state=\"open\" data-results=\"shown\"");
    assert_has(page, "You can change it while the poll is open.");
    assert_has(page, ">1,234</b> <span data-total-word>ballots</span>");
    assert_lacks(page, " disabled");
    assert_lacks(page, "is recorded");
    assert_lacks(page, "<input");
}
END_TEST

START_TEST(a_form_that_is_sent_twice_says_so)
{
    form = (struct page_form){.token = "T.1", .id = NULL};
    const char *page = poll_page(make_poll("L", true, false, "once", "connection"), NULL);
    assert_has(page, "<input type=\"hidden\" name=\"token\" value=\"T.1\" autocomplete=\"off\">");
    assert_lacks(page, "name=\"id\"");
    form = (struct page_form){.token = NULL, .id = "k-1"};
    page = poll_page(make_poll("L", true, false, "unlimited", "connection"), NULL);
    assert_has(page, "<input type=\"hidden\" name=\"id\" value=\"k-1\" autocomplete=\"off\">");
    assert_lacks(page, "name=\"token\"");
}
END_TEST

START_TEST(results_are_shown_as_they_stand)
{
    const char *page = poll_page(make_poll("Lunch?", true, false, "once", "connection"), NULL);
    assert_has(page, "<li class=\"choice leads\" data-choice=\"pizza\">");
    assert_has(page, "<li class=\"choice\" data-choice=\"sushi\">");
    assert_has(page, "<span data-percent>67</span>%");
    assert_has(page, "<span data-percent>33</span>%");
    assert_has(page, "transform=\"scale(0.6669 1)\"");
    assert_has(page, "transform=\"scale(0.3331 1)\"");
    assert_has(page, "One ballot each, and it is final.");
}
END_TEST

START_TEST(a_closed_poll_takes_no_ballots)
{
    const char *page = poll_page(make_poll("L", false, false, "unlimited", "connection"), NULL);
    assert_has(page, "data-state=\"closed\"");
    assert_has(page, "aria-describedby=\"figures-pizza\" disabled>");
    assert_has(page, "every ballot counts");
}
END_TEST

START_TEST(hidden_results_are_not_in_the_page)
{
    const char *page = poll_page(make_hidden_poll(), NULL);
    assert_has(page, "data-results=\"hidden\"");
    assert_has(page, "<span data-percent>0</span>%");
    assert_has(page, "scale(0.0000 1)");
    assert_lacks(page, "leads");
}
END_TEST

START_TEST(named_voters_are_asked_for_their_name)
{
    const char *page = poll_page(make_poll("L", true, false, "once", "named"), NULL);
    assert_has(page, "<input id=\"voter\" name=\"voter\" required maxlength=\"64\"");
    assert_has(page, "data-voters=\"named\"");
}
END_TEST

START_TEST(a_recorded_vote_is_confirmed)
{
    const char *page = poll_page(make_poll("L", true, false, "once", "named"), "pizza");
    assert_has(page, "Your vote for <b dir=\"auto\">Pizza &amp; more</b> is recorded.");
    assert_has(page, "<li class=\"choice leads voted\" data-choice=\"pizza\">");
    page = poll_page(make_poll("L", true, false, "once", "named"), "<script>");
    assert_lacks(page, "is recorded");
    assert_lacks(page, "<script>");
}
END_TEST

START_TEST(the_screen_invites_to_vote)
{
    json_t *poll = make_poll("Lunch?", true, false, "once", "connection");
    const char *page = finish(page_screen(&out, poll, "http://10.0.0.5:3000/p/lunch"), poll);
    assert_has(page, "<h1 dir=\"auto\">Lunch?</h1>");
    assert_has(page, "<main class=\"screen few\"");
    assert_has(page, "src=\"data:image/svg+xml;base64,PHN2Zy");
    assert_has(page, "<a href=\"http://10.0.0.5:3000/p/lunch\">10.0.0.5:3000<wbr>/p/lunch</a>");
    assert_has(page, "<span data-percent>67</span>%");
}
END_TEST

START_TEST(the_screen_takes_any_number_of_choices)
{
    static const struct {
        int choices;
        const char *density;
    } cases[] = {{2, "few"},  {4, "few"},   {5, "some"},   {7, "some"},
                 {8, "many"}, {16, "many"}, {17, "crowd"}, {PROTO_CHOICES_MAX, "crowd"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *poll = make_poll("L", false, false, "once", "connection");
        json_t *choices = json_object_get(poll, "choices");
        while ((int)json_array_size(choices) < cases[i].choices)
            json_array_append(choices, json_array_get(choices, 0));
        const char *page = finish(page_screen(&out, poll, "http://h/p/lunch"), poll);
        char expected[64];
        snprintf(expected, sizeof(expected), "<main class=\"screen %s\"", cases[i].density);
        assert_has(page, expected);
    }
}
END_TEST

START_TEST(the_index_lists_polls)
{
    const char *page = index_page(make_poll("Lunch?", true, false, "once", "connection"),
                                  "/polls?after=7&limit=2");
    assert_has(page, "<a href=\"/p/lunch\" dir=\"auto\">Lunch?</a>");
    assert_has(page, "href=\"/screen/lunch\"");
    assert_has(page, "<a href=\"/?after=7&amp;limit=2\">More polls</a>");
    assert_lacks(page, "data-whole");
    assert_lacks(page, "No poll yet");
    page = index_page(make_hidden_poll(), NULL);
    assert_has(page, "data-state=\"open\" data-results=\"hidden\"");
    assert_has(page, "data-whole");
    assert_lacks(page, "More polls");
}
END_TEST

START_TEST(an_index_without_polls_says_so)
{
    assert_has(index_page(NULL, NULL), "No poll yet");
}
END_TEST

START_TEST(an_error_is_told_in_words)
{
    const char *page =
        finish(page_error(&out, 409, "Conflict", "another <choice> was first", "lunch"), NULL);
    assert_has(page, "<p class=\"status\">409</p>");
    assert_has(page, "<h1>Conflict</h1>");
    assert_has(page, "another &lt;choice&gt; was first");
    assert_has(page, "href=\"/p/lunch\"");
    page = finish(page_error(&out, 404, "Not Found", "no such page", NULL), NULL);
    assert_has(page, "<a class=\"back\" href=\"/\">All polls</a>");
    assert_lacks(page, "/p/");
}
END_TEST

START_TEST(one_ballot_is_one_ballot)
{
    json_t *poll = make_poll("L", true, false, "once", "connection");
    json_object_set_new(poll, "ballots", json_integer(1));
    assert_has(poll_page(poll, NULL), ">1</b> <span data-total-word>ballot</span>");
}
END_TEST

START_TEST(numbers_are_grouped)
{
    static const struct {
        json_int_t number;
        const char *expected;
    } cases[] = {{0, ">0</b>"},
                 {999, ">999</b>"},
                 {1000, ">1,000</b>"},
                 {123456, ">123,456</b>"},
                 {1000000, ">1,000,000</b>"},
                 {9223372036854775807, ">9,223,372,036,854,775,807</b>"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *poll = make_poll("L", true, false, "once", "connection");
        json_object_set_new(poll, "ballots", json_integer(cases[i].number));
        assert_has(poll_page(poll, NULL), cases[i].expected);
    }
}
END_TEST

/* Whatever a title, a label or an address is, no page has a tag, an attribute or an entity more. */
START_TEST(hostile_texts_stay_text)
{
    static const char hostile[] =
        "</title><script>alert(1)</script>\"'><img src=x onerror=y>{{qr}}&lt;";
    static const char escaped[] =
        "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;"
        "&lt;img src=x onerror=y&gt;{{qr}}&amp;lt;";
    for (int i = 0; i < 3; i++) {
        json_t *poll = make_poll(hostile, true, false, "once", "connection");
        json_object_set_new(json_array_get(json_object_get(poll, "choices"), 1), "label",
                            json_string(hostile));
        const char *page = i == 0   ? poll_page(poll, "sushi")
                           : i == 1 ? index_page(poll, hostile)
                                    : finish(page_screen(&out, poll, hostile), poll);
        assert_has(page, escaped);
        assert_lacks(page, "<script>alert");
        assert_lacks(page, "<img src=x");
        assert_lacks(page, "\"'>");
    }
}
END_TEST

/* What journey_json makes, cut short: with figures for `read` only, and a ballot that was answered.
 */
static json_t *make_journey(bool with_trace)
{
    json_t *journey = json_pack(
        "{s:[{s:s, s:i, s:i, s:i, s:i}, {s:s, s:i, s:i, s:i, s:i}], s:[{s:s, s:i, s:i, s:i, s:I}],"
        " s:n, s:[{s:s, s:i, s:s}]}",
        "stages", "stage", "read", "count", 9, "p50_ns", 850, "p99_ns", 12345, "max_ns", 1999999,
        "stage", "last_push", "count", 0, "p50_ns", 0, "p99_ns", 0, "max_ns", 0, "spans", "span",
        "freshness", "count", 4, "p50_ns", 1000000, "p99_ns", 100000000, "max_ns",
        (json_int_t)1500000000, "trace", "kernel", "name", "rtt", "value", 21, "unit", "us");
    ck_assert_ptr_nonnull(journey);
    if (with_trace)
        json_object_set_new(
            journey, "trace",
            json_pack("{s:i, s:s, s:b, s:b, s:[{s:s, s:i}, {s:s, s:i}, {s:s, s:i}]}", "seq", 7,
                      "poll", "lunch", "traced", 1, "complete", 0, "stamps", "stage", "readable",
                      "at_ns", 0, "stage", "read", "at_ns", 2000, "stage", "parsed", "at_ns",
                      8000));
    return journey;
}

static const char *journey_page(json_t *journey)
{
    return finish(page_journey(&out, journey), journey);
}

START_TEST(a_journey_shows_times_as_people_read_them)
{
    const char *page = journey_page(make_journey(false));
    assert_has(page, "<td class=\"time\">850 ns</td><td class=\"time\">12.3 µs</td>"
                     "<td class=\"time\">2.00 ms</td>");
    assert_has(page, "<td class=\"time\">1.00 ms</td><td class=\"time\">100 ms</td>"
                     "<td class=\"time\">1.50 s</td>");
    assert_has(page, "<dt>rtt</dt><dd><b>21</b> us</dd>");
    assert_lacks(page, "One ballot</h2>");
    assert_lacks(page, ">0 ns<"); /* of a stage without figures, none is shown */
}
END_TEST

/* From 100 ns to 10 s there are eight decades. */
START_TEST(a_journeys_scale_holds_all_its_figures)
{
    const char *page = journey_page(make_journey(false));
    assert_has(page, "<text x=\"0%\" y=\"1em\">100 ns</text>");
    assert_has(page, "<text x=\"12%\" y=\"1em\">1 µs</text>");
    assert_has(page, "<text x=\"87%\" y=\"1em\">1 s</text>");
    assert_has(page, "translate(0.5000 0) scale(0.2500 1)"); /* 1 ms to 100 ms */
}
END_TEST

START_TEST(a_ballots_journey_is_a_waterfall)
{
    const char *page = journey_page(make_journey(true));
    assert_has(page, "<span>Number <b>7</b></span>");
    assert_has(page, "<span>traced</span>");
    assert_has(page, "<span><b>8.00 µs</b> in all</span>");
    assert_has(page, "translate(0.0000 0) scale(0.2500 1)");
    assert_has(page, "translate(0.2500 0) scale(0.7500 1)");
    assert_has(page, "<td class=\"time\">6.00 µs</td><td class=\"time\">8.00 µs</td>");
}
END_TEST

START_TEST(a_journey_without_ballots_says_so)
{
    json_t *journey = make_journey(false);
    json_object_set_new(json_array_get(json_object_get(journey, "stages"), 0), "count",
                        json_integer(0));
    const char *page = journey_page(journey);
    assert_has(page, "No ballot was sampled yet.");
    assert_lacks(page, "All sampled ballots");
}
END_TEST

static void assert_percents(size_t count, const uint64_t *counts, const unsigned *expected)
{
    unsigned percents[PROTO_CHOICES_MAX];
    page_percents(counts, count, percents);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(percents[i] == expected[i], "%zu: %u, not %u", i, percents[i], expected[i]);
}

START_TEST(percents_add_up)
{
    assert_percents(2, (uint64_t[]){0, 0}, (unsigned[]){0, 0});
    assert_percents(2, (uint64_t[]){1, 0}, (unsigned[]){100, 0});
    assert_percents(3, (uint64_t[]){1, 1, 1}, (unsigned[]){34, 33, 33});
    assert_percents(3, (uint64_t[]){1, 1, 4}, (unsigned[]){17, 17, 66});
    assert_percents(4, (uint64_t[]){999, 1, 0, 0}, (unsigned[]){100, 0, 0, 0});
    assert_percents(6, (uint64_t[]){1, 1, 1, 1, 1, 1}, (unsigned[]){17, 17, 17, 17, 16, 16});
    assert_percents(2, (uint64_t[]){1ULL << 56, (1ULL << 56) - 1}, (unsigned[]){50, 50});
}
END_TEST

START_TEST(percents_of_many_add_up)
{
    uint64_t counts[PROTO_CHOICES_MAX];
    unsigned percents[PROTO_CHOICES_MAX], sum = 0;
    for (size_t i = 0; i < PROTO_CHOICES_MAX; i++)
        counts[i] = 1 + i * i % 7;
    page_percents(counts, PROTO_CHOICES_MAX, percents);
    for (size_t i = 0; i < PROTO_CHOICES_MAX; i++) {
        ck_assert_uint_le(percents[i], 2);
        sum += percents[i];
    }
    ck_assert_uint_eq(sum, 100);
}
END_TEST

/* Each page, for the next test. */
static int make_page(int which, json_t *poll, json_t *listing, json_t *journey)
{
    switch (which) {
    case 0:
        return page_poll(&out, poll, "pizza", &form);
    case 1:
        return page_screen(&out, poll, "http://localhost:3000/p/lunch");
    case 2:
        return page_index(&out, listing);
    case 3:
        return page_journey(&out, journey);
    default:
        return page_error(&out, 404, "Not Found", "no such page", "lunch");
    }
}

START_TEST(a_shortage_of_memory_is_told)
{
    json_t *poll = make_poll("Lunch?", true, false, "once", "connection");
    json_t *listing = json_pack("{s:[O], s:s}", "polls", poll, "next", "/polls?after=1");
    json_t *journey = make_journey(true);
    allocations_of_jansson();
    int tries = 0, result;
    do {
        buffer_free(&out);
        allocations_fail_after(tries++);
        result = make_page(_i, poll, listing, journey);
        allocations_succeed();
        ck_assert(result == 0 || (result == TEMPLATE_NO_MEMORY && out.len == 0));
    } while (result != 0);
    ck_assert_int_gt(tries, 10);
    json_decref(journey);
    json_decref(listing);
    json_decref(poll);
}
END_TEST

UNIT_MAIN("page", {"page", .tear_down = free_out,
                   .tests = {{an_open_poll_can_be_voted_in},
                             {a_form_that_is_sent_twice_says_so},
                             {results_are_shown_as_they_stand},
                             {a_closed_poll_takes_no_ballots},
                             {hidden_results_are_not_in_the_page},
                             {named_voters_are_asked_for_their_name},
                             {a_recorded_vote_is_confirmed},
                             {the_screen_invites_to_vote},
                             {the_screen_takes_any_number_of_choices},
                             {the_index_lists_polls},
                             {an_index_without_polls_says_so},
                             {an_error_is_told_in_words},
                             {one_ballot_is_one_ballot},
                             {numbers_are_grouped},
                             {hostile_texts_stay_text},
                             {a_journey_shows_times_as_people_read_them},
                             {a_journeys_scale_holds_all_its_figures},
                             {a_ballots_journey_is_a_waterfall},
                             {a_journey_without_ballots_says_so},
                             {percents_add_up},
                             {percents_of_many_add_up},
                             {a_shortage_of_memory_is_told, .loops = 5}}})
