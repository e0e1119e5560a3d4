/* Tests of src/web/page.c: each page in each of its states (so that every name in the templates is
 * looked up), what each of them says, that hostile texts stay text, and memory that ends at every
 * allocation. */
#include "web/page.h"

#include "proto/limits.h"
#include "web/shares.h"
#include "web/template.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct buffer out;
static void free_out(void)
{
    allocations_succeed();
    buffer_free(&out);
}

static const struct page_place place = {"../", "0123456789abcdef"};
static const struct marks for_pizza = {.count = 2, .mark = {1}};

static struct poll *make_poll_of(unsigned choice_count, unsigned ballots, unsigned voters,
                                 unsigned reveal)
{
    static const struct name lunch = {5, "lunch"};
    static struct name choices[PROTO_CHOICES_MAX] = {{5, "pizza"}, {5, "sushi"}};
    for (unsigned i = 2; i < choice_count; i++)
        choices[i].len = (uint8_t)sprintf(choices[i].text, "choice-%u", i);
    const struct settings settings = {{[SETTING_BALLOTS] = (uint16_t)ballots,
                                       [SETTING_VOTERS] = (uint8_t)voters,
                                       [SETTING_REVEAL] = (uint8_t)reveal}};
    struct poll *poll = poll_new(&lunch, &settings, choices, choice_count, NULL);
    ck_assert_ptr_nonnull(poll);
    poll->id = 1;
    return poll;
}

static void set_text(struct snapshot *snapshot, unsigned index, const char *text)
{
    ck_assert_int_eq(snapshot_set_text(snapshot, index, text, strlen(text), 40), 0);
}

static struct snapshot *make_snapshot(struct poll *poll, const char *title, bool open)
{
    struct snapshot *snapshot = snapshot_new(poll);
    ck_assert_ptr_nonnull(snapshot);
    snapshot->open = open;
    snapshot->opened = true;
    snapshot->seq = 42;
    snapshot->ballots = 1234;
    snapshot->counts[0] = 823;
    snapshot->counts[1] = 411;
    set_text(snapshot, 0, title);
    set_text(snapshot, 1, "Pizza & more");
    return snapshot;
}

static struct snapshot *make_poll(const char *title, bool open, unsigned ballots, unsigned voters)
{
    return make_snapshot(make_poll_of(2, ballots, voters, REVEAL_LIVE), title, open);
}

static struct snapshot *make_hidden_poll(void)
{
    return make_snapshot(make_poll_of(2, BALLOTS_ONCE, VOTERS_CONNECTION, REVEAL_CLOSED), "Award",
                         true);
}

static void free_poll(struct snapshot *snapshot)
{
    struct poll *poll = (struct poll *)(uintptr_t)snapshot->poll;
    snapshot_unref(snapshot);
    poll_free(poll);
}

/* Ends the page that was just made as a string, and takes the poll that it was made of, or NULL. */
static const char *finish(int result, struct snapshot *snapshot)
{
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(buffer_append(&out, "", 1), 0);
    if (snapshot)
        free_poll(snapshot);
    out.len = 0;
    /* what is behind the style, which is the same in all pages */
    const char *end = strstr(out.bytes, "</style>");
    return end ? end : out.bytes;
}

/* The page to a reader whose ballot is for the choice `voted`, from 0, or who has none if that is
 * -1. */
static const char *poll_page(struct snapshot *snapshot, int voted)
{
    struct marks marks = {.count = snapshot->poll->choice_count};
    const struct page_reader reader = {.own = voted < 0 ? NULL : &marks, .seq = voted < 0 ? 0 : 41};
    if (voted >= 0)
        marks.mark[voted] = 1;
    return finish(page_poll(&out, &place, snapshot, &reader), snapshot);
}

static const char *screen_page(struct snapshot *snapshot, const char *url)
{
    return finish(page_screen(&out, &place, snapshot, url), snapshot);
}

static const char *index_page(struct snapshot *snapshot, const char *next)
{
    const struct page_list list = {&snapshot, snapshot ? 1 : 0, "0123456789abcdef-42", next};
    return finish(page_index(&out, &place, &list), snapshot);
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
        poll_page(make_poll("Lunch?", true, BALLOTS_CHANGEABLE, VOTERS_CONNECTION), -1);
    assert_has(page, "<title>Lunch? · tallycast</title>");
    assert_has(page, "<form method=\"post\" action=\"../polls/lunch/ballots\">");
    assert_has(page, "<button name=\"choice\" value=\"pizza\"");
    assert_has(page, "data-seq=\"42\" data-ballots=\"changeable\" data-voters=\"connection\" "
                     "data-own=\"0\" data-state=\"open\" data-results=\"shown\"");
    assert_has(page, "You can change it while the poll is open.");
    assert_has(page, ">1,234</b> <span data-total-word>ballots</span>");
    assert_lacks(page, "-pizza\" disabled");
    assert_lacks(page, "is recorded");
    assert_lacks(page, "<input id");
}
END_TEST

START_TEST(a_form_that_is_sent_twice_says_so)
{
    const struct page_reader newcomer = {.token = "T.1"};
    static const char token[] =
        "<input type=\"hidden\" name=\"token\" value=\"T.1\" autocomplete=\"off\">";
    struct snapshot *poll = make_poll("L", true, BALLOTS_CHANGEABLE, VOTERS_CONNECTION);
    const char *page = finish(page_poll(&out, &place, poll, &newcomer), poll);
    assert_has(page, token);
    assert_has(page, "data-token=\"T.1\"");
    assert_lacks(page, "name=\"id\"");
    const struct page_reader clapper = {.id = "k-1"};
    poll = make_poll("L", true, BALLOTS_UNLIMITED, VOTERS_CONNECTION);
    page = finish(page_poll(&out, &place, poll, &clapper), poll);
    assert_has(page, "<input type=\"hidden\" name=\"id\" value=\"k-1\" autocomplete=\"off\">");
    assert_lacks(page, "token");
    /* A final ballot is asked for at an address, where no token belongs, and then confirmed. */
    poll = make_poll("L", true, BALLOTS_ONCE, VOTERS_CONNECTION);
    page = finish(page_poll(&out, &place, poll, &newcomer), poll);
    assert_has(page, "<form method=\"get\" action=\"../p/lunch\">");
    assert_lacks(page, token);
    poll = make_poll("L", true, BALLOTS_ONCE, VOTERS_CONNECTION);
    page = finish(page_confirm(&out, &place, poll, &newcomer, &for_pizza, ""), poll);
    assert_has(page, token);
}
END_TEST

START_TEST(a_final_ballot_is_asked_for)
{
    struct snapshot *poll = make_poll("L", true, BALLOTS_ONCE, VOTERS_NAMED);
    const struct page_reader reader = {.id = "I-1"};
    const char *page =
        finish(page_confirm(&out, &place, poll, &reader, &for_pizza, "ann\">"), poll);
    assert_has(page, "<input type=\"hidden\" name=\"id\" value=\"I-1\" autocomplete=\"off\">");
    assert_has(page, "Vote for <b dir=\"auto\">Pizza &amp; more</b>?");
    assert_has(page, "<form class=\"question\" method=\"post\" action=\"../polls/lunch/ballots\">");
    assert_has(page, "<input type=\"hidden\" name=\"voter\" value=\"ann&quot;&gt;\">");
    assert_has(page, "name=\"ballot\" value=\"pizza\"");
    assert_has(page, "<a class=\"no\" href=\"../p/lunch\">Go back</a>");
    assert_lacks(page, "token");
}
END_TEST

START_TEST(results_are_shown_as_they_stand)
{
    const char *page = poll_page(make_poll("Lunch?", true, BALLOTS_ONCE, VOTERS_CONNECTION), -1);
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
    const char *page = poll_page(make_poll("L", false, BALLOTS_UNLIMITED, VOTERS_CONNECTION), -1);
    assert_has(page, "data-state=\"closed\"");
    assert_has(page, "aria-describedby=\"figures-pizza\" disabled>");
    assert_has(page, "every ballot counts");
}
END_TEST

START_TEST(hidden_results_are_not_in_the_page)
{
    const char *page = poll_page(make_hidden_poll(), -1);
    assert_has(page, "data-results=\"hidden\"");
    assert_has(page, "The results are hidden until the poll closes.");
    assert_lacks(page, "data-percent");
    assert_has(page, "scale(0.0000 1)");
    assert_lacks(page, "leads");
}
END_TEST

START_TEST(named_voters_are_asked_for_their_name)
{
    const char *page = poll_page(make_poll("L", true, BALLOTS_ONCE, VOTERS_NAMED), -1);
    assert_has(page, "<input id=\"voter\" name=\"voter\" required maxlength=\"128\"");
    assert_has(page, "data-voters=\"named\"");
}
END_TEST

START_TEST(a_recorded_vote_is_confirmed)
{
    const char *page = poll_page(make_poll("L", true, BALLOTS_ONCE, VOTERS_NAMED), 0);
    assert_has(page, "Your vote for <b dir=\"auto\">Pizza &amp; more</b> is recorded.");
    assert_has(page, "<li class=\"choice leads voted\" data-choice=\"pizza\">");
    assert_has(page, "data-own=\"41\"");
}
END_TEST

START_TEST(the_screen_invites_to_vote)
{
    struct snapshot *poll = make_poll("Lunch?", true, BALLOTS_ONCE, VOTERS_CONNECTION);
    const char *page = screen_page(poll, "http://10.0.0.5:3000/p/lunch");
    assert_has(page, "<h1 dir=\"auto\">Lunch?</h1>");
    assert_has(page, "<main class=\"screen few\"");
    assert_has(page, "src=\"data:image/svg+xml;base64,PHN2Zy");
    assert_has(page, "<a href=\"http://10.0.0.5:3000/p/lunch\">10.0.0.5:3000<wbr>/p/lunch</a>");
    assert_has(page, "<span data-percent>67</span>%");
}
END_TEST

/* What is shown in a state of the poll only; waiting is a poll that was never opened. */
START_TEST(each_state_has_its_words)
{
    static const struct {
        bool open, opened;
        const char *state, *word, *hint;
        bool invites;
    } cases[] = {{true, true, "open", ">Open<", ">Choose one to vote.", true},
                 {false, false, "waiting", ">Not open yet<", "The poll is not open yet.", true},
                 {false, true, "closed", ">Closed<", "it takes no ballots now.", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char state[32];
        snprintf(state, sizeof state, "data-state=\"%s\"", cases[i].state);
        struct snapshot *poll = make_poll("L", cases[i].open, BALLOTS_ONCE, VOTERS_CONNECTION);
        poll->opened = cases[i].opened;
        const char *page = poll_page(poll, -1);
        for (size_t other = 0; other < sizeof cases / sizeof *cases; other++) {
            ck_assert_int_eq(strstr(page, cases[other].word) != NULL, other == i);
            ck_assert_int_eq(strstr(page, cases[other].hint) != NULL, other == i);
        }
        assert_has(page, state);
        poll = make_poll("L", cases[i].open, BALLOTS_ONCE, VOTERS_CONNECTION);
        poll->opened = cases[i].opened;
        page = screen_page(poll, "http://h/p/lunch");
        assert_has(page, state);
        assert_has(page, cases[i].word);
        ck_assert_int_eq(strstr(page, "QR code") != NULL, cases[i].invites);
        ck_assert_int_eq(strstr(page, "The poll is closed.") != NULL, !cases[i].invites);
    }
}
END_TEST

START_TEST(the_screen_says_where_phones_get_to)
{
    static const struct {
        const char *url;
        bool warns;
    } cases[] = {{"http://127.0.0.1:3000/p/lunch", true},
                 {"http://127.1.2.3/p/lunch", true},
                 {"http://localhost:3000/p/lunch", true},
                 {"http://LocalHost/p/lunch", true},
                 {"http://[::1]:3000/p/lunch", true},
                 {"http://10.0.0.5:3000/p/lunch", false},
                 {"http://127.example.org/p/lunch", false},
                 {"http://localhost.example.org/p/lunch", false},
                 {"https://vote.example.org/p/lunch", false},
                 {"http://[2001:db8::1]:3000/p/lunch", false},
                 {"http://a-long-name.example.org/p/x", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct snapshot *poll = make_poll("L", true, BALLOTS_ONCE, VOTERS_CONNECTION);
        const char *page = screen_page(poll, cases[i].url);
        ck_assert_msg((strstr(page, "Phones can’t open this address") != NULL) == cases[i].warns,
                      "%s", cases[i].url);
    }
    struct snapshot *closed = make_poll("L", false, BALLOTS_ONCE, VOTERS_CONNECTION);
    assert_lacks(screen_page(closed, cases[0].url), "Phones");
}
END_TEST

START_TEST(the_screen_takes_any_number_of_choices)
{
    static const struct {
        unsigned choices;
        const char *density;
    } cases[] = {{2, "few"},  {4, "few"},   {5, "some"},   {7, "some"},
                 {8, "many"}, {16, "many"}, {17, "crowd"}, {PROTO_CHOICES_MAX, "crowd"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct poll *poll =
            make_poll_of(cases[i].choices, BALLOTS_ONCE, VOTERS_CONNECTION, REVEAL_LIVE);
        const char *page = screen_page(make_snapshot(poll, "L", false), "http://h/p/lunch");
        char expected[64];
        snprintf(expected, sizeof(expected), "<main class=\"screen %s\"", cases[i].density);
        assert_has(page, expected);
    }
}
END_TEST

START_TEST(the_index_lists_polls)
{
    const char *page =
        index_page(make_poll("Lunch?", true, BALLOTS_ONCE, VOTERS_CONNECTION), "?from=100");
    assert_has(page, "<a href=\"../p/lunch\" dir=\"auto\">Lunch?</a>");
    assert_has(page, "href=\"../screen/lunch\"");
    assert_has(page, "<a href=\".././?from=100\">More polls</a>");
    assert_has(page, "data-since=\"0123456789abcdef-42\"");
    assert_lacks(page, "data-whole");
    assert_lacks(page, "No poll yet");
    page = index_page(make_hidden_poll(), NULL);
    assert_has(page, "data-state=\"open\" data-results=\"hidden\"");
    assert_has(page, "data-whole");
    assert_lacks(page, "More polls");
}
END_TEST

/* A poll's card is made for one reader, and shown to all, until the poll changes. */
START_TEST(a_card_is_made_once)
{
    struct snapshot *poll = make_poll("Lunch?", true, BALLOTS_ONCE, VOTERS_CONNECTION);
    const struct page_list list = {&poll, 1, "0123456789abcdef-42", NULL};
    ck_assert_int_eq(page_index(&out, &place, &list), 0);
    const struct rendering *card = snapshot_rendering(poll, RENDERING_CARD);
    ck_assert_ptr_nonnull(card);
    ck_assert_ptr_nonnull(memmem(out.bytes, out.len, card->bytes, card->len));
    struct snapshot *changed = snapshot_copy(poll);
    set_text(changed, 0, "Supper?");
    snapshot_unref(poll);
    assert_has(index_page(changed, NULL), "Supper?");
}
END_TEST

START_TEST(an_index_without_polls_says_so)
{
    assert_has(index_page(NULL, NULL), "No poll yet");
}
END_TEST

START_TEST(an_error_is_told_in_words)
{
    const char *page = finish(
        page_error(&out, &place, 409, "Conflict", "another <choice> was first", "lunch"), NULL);
    assert_has(page, "<p class=\"status\">409</p>");
    assert_has(page, "<h1>Conflict</h1>");
    assert_has(page, "another &lt;choice&gt; was first");
    assert_has(page, "href=\"../p/lunch\"");
    page = finish(page_error(&out, &place, 404, "Not Found", "no such page", NULL), NULL);
    assert_has(page, "<a class=\"back\" href=\".././\">All polls</a>");
    assert_lacks(page, "p/");
}
END_TEST

START_TEST(one_ballot_is_one_ballot)
{
    struct snapshot *poll = make_poll("L", true, BALLOTS_ONCE, VOTERS_CONNECTION);
    poll->ballots = 1;
    assert_has(poll_page(poll, -1), ">1</b> <span data-total-word>ballot</span>");
}
END_TEST

START_TEST(numbers_are_grouped)
{
    static const struct {
        uint64_t number;
        const char *expected;
    } cases[] = {{0, ">0</b>"},
                 {999, ">999</b>"},
                 {1000, ">1,000</b>"},
                 {123456, ">123,456</b>"},
                 {1000000, ">1,000,000</b>"},
                 {9223372036854775807, ">9,223,372,036,854,775,807</b>"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snapshot *poll = make_poll("L", true, BALLOTS_ONCE, VOTERS_CONNECTION);
        poll->ballots = cases[i].number;
        assert_has(poll_page(poll, -1), cases[i].expected);
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
        struct snapshot *poll = make_poll(hostile, true, BALLOTS_ONCE, VOTERS_CONNECTION);
        set_text(poll, 2, hostile);
        const char *page = i == 0   ? poll_page(poll, 1)
                           : i == 1 ? index_page(poll, hostile)
                                    : screen_page(poll, hostile);
        assert_has(page, escaped);
        assert_lacks(page, "<script>alert");
        assert_lacks(page, "<img src=x");
        assert_lacks(page, "\"'>");
    }
}
END_TEST

/* With figures for `read` only, and, where it is asked for, a ballot that was parsed. */
static struct journey_view make_journey(bool with_ballot)
{
    struct journey_view journey = {.has_ballot = with_ballot,
                                   .traced = true,
                                   .seq = 7,
                                   .poll = "lunch",
                                   .accept_queue = 3,
                                   .has_socket = true};
    journey.figures[0].count = 9;
    journey.figures[0].p50_ns = 850;
    journey.figures[0].p99_ns = 12345;
    journey.figures[0].max_ns = 1999999;
    journey.figures[JOURNEY_FIGURES - 1].count = 4;
    journey.figures[JOURNEY_FIGURES - 1].p50_ns = 1000000;
    journey.figures[JOURNEY_FIGURES - 1].p99_ns = 100000000;
    journey.figures[JOURNEY_FIGURES - 1].max_ns = 1500000000;
    for (unsigned i = 0; i < JOURNEY_STAGES; i++)
        journey.at_ns[i] = JOURNEY_NOT_REACHED;
    journey.at_ns[JOURNEY_readable] = 0;
    journey.at_ns[JOURNEY_read] = 2000;
    journey.at_ns[JOURNEY_parsed] = 8000;
    for (unsigned i = 0; i < SOCKET_STATE_COUNT; i++)
        journey.socket[i] = i == SOCKET_STATE_rtt ? 21 : SOCKET_STATE_UNKNOWN;
    return journey;
}

static const char *journey_page(struct journey_view journey)
{
    return finish(page_journey(&out, &place, &journey), NULL);
}

START_TEST(a_journey_shows_times_as_people_read_them)
{
    const char *page = journey_page(make_journey(false));
    assert_has(page, "<td class=\"time\">850 ns</td><td class=\"time\">12.3 µs</td>"
                     "<td class=\"time\">2.00 ms</td>");
    assert_has(page, "<td class=\"time\">1.00 ms</td><td class=\"time\">100 ms</td>"
                     "<td class=\"time\">1.50 s</td>");
    assert_has(page, "<dt>rtt</dt><dd><b>21</b> us</dd>");
    assert_has(page, "<dt>accept_queue</dt><dd><b>3</b> connections</dd>");
    assert_lacks(page, "<dt>cwnd</dt>");
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
    struct journey_view journey = make_journey(false);
    journey.figures[0].count = 0;
    const char *page = journey_page(journey);
    assert_has(page, "No ballot was sampled yet.");
    assert_lacks(page, "All sampled ballots");
}
END_TEST

static void assert_percents(size_t count, const uint64_t *counts, const unsigned *expected)
{
    unsigned percents[PROTO_CHOICES_MAX];
    shares_percents(counts, count, percents);
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
    shares_percents(counts, PROTO_CHOICES_MAX, percents);
    for (size_t i = 0; i < PROTO_CHOICES_MAX; i++) {
        ck_assert_uint_le(percents[i], 2);
        sum += percents[i];
    }
    ck_assert_uint_eq(sum, 100);
}
END_TEST

/* Each page, for the next test. */
static int make_page(int which, struct snapshot *poll, const struct journey_view *journey)
{
    switch (which) {
    case 0:
        return page_poll(&out, &place, poll, &(struct page_reader){.token = "T.1"});
    case 1:
        return page_screen(&out, &place, poll, "http://localhost:3000/p/lunch");
    case 2:
        return page_index(&out, &place,
                          &(struct page_list){&poll, 1, "0123456789abcdef-42", "?from=100"});
    case 3:
        return page_journey(&out, &place, journey);
    case 4:
        return page_confirm(&out, &place, poll, &(struct page_reader){.token = "T.1"}, &for_pizza,
                            "ann");
    default:
        return page_error(&out, &place, 404, "Not Found", "no such page", "lunch");
    }
}

START_TEST(a_shortage_of_memory_is_told)
{
    struct snapshot *poll = make_poll("Lunch?", true, BALLOTS_ONCE, VOTERS_CONNECTION);
    const struct journey_view journey = make_journey(true);
    allocations_of_jansson();
    int tries = 0, result;
    do {
        buffer_free(&out);
        allocations_fail_after(tries++);
        result = make_page(_i, poll, &journey);
        allocations_succeed();
        ck_assert(result == 0 || (result == TEMPLATE_NO_MEMORY && out.len == 0));
    } while (result != 0);
    ck_assert_int_gt(tries, 10);
    free_poll(poll);
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
                             {a_final_ballot_is_asked_for},
                             {each_state_has_its_words},
                             {the_screen_says_where_phones_get_to},
                             {the_screen_takes_any_number_of_choices},
                             {the_index_lists_polls},
                             {a_card_is_made_once},
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
                             {a_shortage_of_memory_is_told, .loops = 6}}})
