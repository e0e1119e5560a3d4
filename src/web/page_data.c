/* Data for the templates, made from a poll's snapshot: words instead of flags, numbers as people
 * read them, shares of 100. Memory can be short: jansson then returns NULL, which json_pack passes
 * on, so one check at the end will do. */
#include "web/page_data.h"

#include "proto/limits.h"
#include "web/page_result.h"
#include "web/shares.h"
#include "web/words.h"

#include <stdbool.h>
#include <string.h>

enum { LONG_TITLE = 60 }; /* bytes from which a title is set smaller */

static bool is_setting(const struct snapshot *snapshot, enum setting setting, unsigned value)
{
    return poll_setting(snapshot->poll, setting) == value;
}

json_t *page_data_text(struct span text)
{
    text = words_text(text);
    return json_stringn(text.at, text.len);
}

const char *page_data_words_dir(const struct poll *poll)
{
    return poll_setting(poll, SETTING_KIND) == KIND_SINGLE ? "auto" : "ltr";
}

json_t *page_data_ballot(const struct poll *poll, const struct marks *marks)
{
    struct buffer text = {0};
    char *out = buffer_reserve(&text, MARKS_TEXT_MAX);
    if (!out)
        return NULL;
    size_t len = marks ? marks_write(marks, &poll->settings, poll->choices, out) : 0;
    json_t *string = json_stringn(out, len);
    buffer_free(&text);
    return string;
}

/* ---- choices ---- */

/* What the rows of a poll's choices are made of. */
struct rows {
    const struct snapshot *snapshot;
    const struct result *result; /* or NULL */
    const struct marks *marks;   /* what is filled in or voted for, or NULL */
    struct shares shares;
    uint64_t
        whole; /* what the longest bar stands for, where each choice has its share of ballots */
};

static bool is_kind(const struct snapshot *snapshot, unsigned kind)
{
    return is_setting(snapshot, SETTING_KIND, kind);
}

/* The most that a ballot adds to the count of a choice. */
static unsigned most_points(const struct snapshot *snapshot)
{
    return is_kind(snapshot, KIND_SCORE) ? poll_setting(snapshot->poll, SETTING_SCORES) : 1;
}

/* Ballots that say something. */
static uint64_t voices_of(const struct snapshot *snapshot)
{
    return snapshot->ballots - snapshot->abstained;
}

/* What the longest bar stands for: all ballots, or of scores, all the points that they could give.
 */
static uint64_t whole_of(const struct snapshot *snapshot)
{
    return is_kind(snapshot, KIND_SCORE) ? voices_of(snapshot) * most_points(snapshot)
                                         : snapshot->ballots;
}

/* A single choice leads by its count. Elsewhere the result says who does. */
static bool leads(const struct rows *rows, unsigned i)
{
    const struct shares *shares = &rows->shares;
    if (is_kind(rows->snapshot, KIND_SINGLE))
        return shares->most > 0 && shares->each[i] == shares->most;
    if (!rows->result || snapshot_is_hidden(rows->snapshot))
        return false;
    return memchr(rows->result->winners, (int)i, rows->result->winner_count) != NULL;
}

static unsigned mark_of(const struct rows *rows, unsigned i)
{
    return rows->marks && !rows->marks->abstains ? rows->marks->mark[i] : 0;
}

/* The choice's scores from 0 to the highest. */
static json_t *grid_data(const struct rows *rows, unsigned i)
{
    json_t *scores = json_array();
    const unsigned mark = mark_of(rows, i);
    for (unsigned score = 0; score <= most_points(rows->snapshot); score++) {
        json_t *each = json_pack("{s:i, s:b}", "score", (int)score, "checked", score == mark);
        if (json_array_append_new(scores, each) != 0) {
            json_decref(scores);
            return NULL;
        }
    }
    return scores;
}

/* What a ballot paper has for a choice. */
static int add_field(json_t *choice, const struct rows *rows, unsigned i)
{
    const struct snapshot *snapshot = rows->snapshot;
    const unsigned mark = mark_of(rows, i);
    const uint64_t voices = voices_of(snapshot);
    const uint64_t tenths = voices > 0 ? (20 * rows->shares.each[i] + voices) / (2 * voices) : 0;
    const bool is_score = is_kind(snapshot, KIND_SCORE);
    json_t *field = json_pack(
        "{s:i, s:i, s:b, s:b, s:b, s:o, s:o, s:o}", "place", (int)i, "number", (int)i + 1, "ticks",
        is_kind(snapshot, KIND_APPROVAL), "ranks", is_kind(snapshot, KIND_RANKED), "grid", is_score,
        "mark", mark > 0 ? json_integer(mark) : json_null(), "scores",
        is_score ? grid_data(rows, i) : json_array(), "average",
        json_sprintf("%u.%u", (unsigned)(tenths / 10), (unsigned)(tenths % 10)));
    int failed = json_object_update_missing(choice, field);
    json_decref(field);
    return failed;
}

/* `before` is the sum of the counts of the choices before this one. */
static json_t *choice_data(const struct rows *rows, unsigned i, uint64_t before)
{
    const struct shares *shares = &rows->shares;
    const struct snapshot *snapshot = rows->snapshot;
    char count[WORDS_NUMBER_SIZE], share[SHARES_TEXT_MAX], share_before[SHARES_TEXT_MAX];
    const bool is_single = is_kind(snapshot, KIND_SINGLE);
    const uint64_t whole = rows->whole;
    /* clang-format off */
    json_t *choice =
           json_pack("{s:s, s:o, s:s, s:i, s:s, s:s, s:b, s:b}",
                     "choice", snapshot->poll->choices[i].text,
                     "label", page_data_text(snapshot_label(snapshot, i)),
                     "count", words_number(shares->each[i], count),
                     "percent", is_single ? (int)shares->percents[i]
                                          : (int)shares_percent(shares->each[i], whole),
                     "share", shares_text(shares->each[i], is_single ? shares->sum : whole, share),
                     "before", shares_text(before, shares->sum, share_before),
                     "leads", leads(rows, i),
                     "is_voted", is_single && mark_of(rows, i) > 0);
    /* clang-format on */
    if (add_field(choice, rows, i) == 0)
        return choice;
    json_decref(choice);
    return NULL;
}

static json_t *choices_data(const struct rows *rows)
{
    json_t *choices = json_array();
    uint64_t before = 0;
    int failed = 0;
    for (unsigned i = 0; i < rows->shares.count && !failed; before += rows->shares.each[i++])
        failed = json_array_append_new(choices, choice_data(rows, i, before));
    if (failed) {
        json_decref(choices);
        return NULL;
    }
    return choices;
}

/* ---- the rules in words ---- */

/* The rule, for a person, that says who may vote and how often. */
static const char *rule_of(const struct snapshot *snapshot)
{
    if (is_setting(snapshot, SETTING_BALLOTS, BALLOTS_UNLIMITED))
        return "Vote as often as you like: every ballot counts.";
    if (is_setting(snapshot, SETTING_BALLOTS, BALLOTS_ONCE))
        return "One ballot each, and it is final.";
    return "One ballot each. You can change it while the poll is open.";
}

/* The class for how much room the big screen gives each choice. */
static const char *density_of(size_t choices)
{
    return choices <= 4 ? "few" : choices <= 7 ? "some" : choices <= 16 ? "many" : "crowd";
}

static const char *setting_text(const struct snapshot *snapshot, enum setting setting)
{
    return setting_value_name(setting, poll_setting(snapshot->poll, setting));
}

/* Adds ` (2)`, ` (2 to 3)`, ` (at most 3)`, … if a ballot can't name as many as it likes. */
static void add_limits(struct words *words, const struct snapshot *snapshot)
{
    const unsigned min = poll_setting(snapshot->poll, SETTING_MIN);
    const unsigned max = poll_setting(snapshot->poll, SETTING_MAX);
    const bool has_max = max < snapshot->poll->choice_count;
    if (min <= 1 && !has_max)
        return;
    words_add(words, min > 1 ? (has_max && max > min ? " ("
                                : has_max            ? " ("
                                                     : " (at least ")
                             : " (at most ");
    words_add_number(words, min > 1 ? min : max);
    if (min > 1 && has_max && max > min) {
        words_add(words, " to ");
        words_add_number(words, max);
    }
    words_add(words, ")");
}

/* What to do on the page. */
static json_t *hint(const struct snapshot *snapshot)
{
    struct words words = {0};
    switch (poll_setting(snapshot->poll, SETTING_KIND)) {
    case KIND_APPROVAL:
        words_add(&words, "Tick all that you approve of");
        add_limits(&words, snapshot);
        words_add(&words, ", then vote.");
        break;
    case KIND_SCORE:
        words_add(&words, "Give each choice 0 to ");
        words_add_number(&words, most_points(snapshot));
        words_add(&words, ", then vote.");
        break;
    case KIND_RANKED:
        words_add(&words, "Rank them, the best first");
        add_limits(&words, snapshot);
        words_add(&words, ", then vote.");
        break;
    default:
        words_add(&words, "Choose one to vote.");
    }
    return words_end(&words);
}

/* What it means not to name a choice; "" where there is nothing to say. */
static const char *unnamed_of(const struct snapshot *snapshot)
{
    switch (poll_setting(snapshot->poll, SETTING_METHOD)) {
    case METHOD_APPROVAL:
        return "What you don’t tick you don’t approve of.";
    case METHOD_SCORE:
    case METHOD_STAR:
        return "What you give no score has 0.";
    case METHOD_SCHULZE:
        return "What you don’t rank stands below all that you rank, and is equal among itself.";
    case METHOD_IRV:
    case METHOD_STV:
        return "What you don’t rank gets nothing from you: after the last that you rank your "
               "ballot "
               "counts for nobody.";
    default:
        return "";
    }
}

static const char *method_words(const struct snapshot *snapshot)
{
    switch (poll_setting(snapshot->poll, SETTING_METHOD)) {
    case METHOD_APPROVAL:
        return "most approvals";
    case METHOD_SCORE:
        return "the highest sum of scores";
    case METHOD_STAR:
        return "a run-off between the two highest sums of scores (STAR)";
    case METHOD_SCHULZE:
        return "comparing each with each (Schulze)";
    case METHOD_IRV:
        return "instant run-off, round by round (IRV)";
    case METHOD_STV:
        return "single transferable votes, round by round (Scottish STV)";
    default:
        return "most votes";
    }
}

/* On cards of polls: what a ballot is, and how it is counted. */
static const char *kind_words(const struct snapshot *snapshot)
{
    switch (poll_setting(snapshot->poll, SETTING_METHOD)) {
    case METHOD_APPROVAL:
        return "Approve of several";
    case METHOD_SCORE:
        return "Score each";
    case METHOD_STAR:
        return "Score each, with a run-off (STAR)";
    case METHOD_SCHULZE:
        return "Rank them (Schulze)";
    case METHOD_IRV:
        return "Rank them (instant run-off)";
    case METHOD_STV:
        return "Rank them (Scottish STV)";
    default:
        return "Choose one";
    }
}

/* What the bars of the big screen are. */
static const char *legend_of(const struct snapshot *snapshot)
{
    switch (poll_setting(snapshot->poll, SETTING_KIND)) {
    case KIND_SCORE:
        return "Points, and the average score";
    case KIND_RANKED:
        return "First choices, in per cent of the ballots";
    default:
        return "Per cent of the ballots";
    }
}

/* How many are elected, and by what. */
static json_t *counting(const struct snapshot *snapshot)
{
    struct words words = {0};
    const unsigned seats = poll_seats(snapshot->poll);
    if (!is_kind(snapshot, KIND_SINGLE)) {
        if (seats > 1)
            words_add_number(&words, seats);
        words_add(&words, seats > 1 ? " are elected, by " : "Decided by ");
        words_add(&words, method_words(snapshot));
        words_add(&words, ".");
    }
    return words_end(&words);
}

/* Where a ballot is no longer than a choice, its own words say what it is. */
static const char *ballot_noun(const struct snapshot *snapshot, const struct marks *marks)
{
    if (!marks)
        return "";
    if (marks->abstains)
        return "abstention";
    return is_kind(snapshot, KIND_SCORE)    ? "ballot"
           : is_kind(snapshot, KIND_RANKED) ? "ranking"
                                            : "vote for";
}

static json_t *ballot_words(const struct snapshot *snapshot, const struct marks *marks)
{
    struct words words = {0};
    if (marks && !marks->abstains)
        words_add_ballot(&words, snapshot, marks);
    return words_end(&words);
}

/* ---- all of it ---- */

/* What pages of other kinds than a single choice have. */
static json_t *kind_data(const struct snapshot *snapshot, const struct result *result)
{
    const bool is_single = is_kind(snapshot, KIND_SINGLE);
    const struct poll *poll = snapshot->poll;
    /* clang-format off */
    return json_pack("{s:s, s:b, s:s, s:s, s:o, s:s, s:o, s:b, s:i, s:i, s:i, s:I, s:i, s:s, s:o, s:I, s:I, s:o}",
                     "kind", setting_text(snapshot, SETTING_KIND),
                     "result_counts", !is_single,
                     "kind_words", kind_words(snapshot),
                     "legend", legend_of(snapshot),
                     "hint", hint(snapshot),
                     "unnamed", unnamed_of(snapshot),
                     "counting", counting(snapshot),
                     "abstain", is_setting(snapshot, SETTING_ABSTAIN, ABSTAIN_YES),
                     "min", (int)poll_setting(poll, SETTING_MIN),
                     "max", (int)poll_setting(poll, SETTING_MAX),
                     "most", (int)most_points(snapshot),
                     "abstained", (json_int_t)(snapshot_is_hidden(snapshot) ? 0 : snapshot->abstained),
                     "choice_count", (int)poll->choice_count,
                     "equal", setting_text(snapshot, SETTING_EQUAL),
                     "winners", page_result_winners(snapshot, result),
                     "result_seq", (json_int_t)(result ? result->seq : 0),
                     "result_ballots", (json_int_t)(result ? result->ballots : 0),
                     "verdict", is_single ? json_string("") : page_result_verdict(snapshot, result));
    /* clang-format on */
}

static json_t *reader_data(const struct snapshot *snapshot, const struct page_reader *reader)
{
    const struct marks *own = reader ? reader->own : NULL;
    const char *voter = reader && reader->voter ? reader->voter : "";
    /* clang-format off */
    return json_pack("{s:s, s:b, s:s, s:o, s:o, s:s?, s:o, s:s?, s:s?, s:I}",
                     "words_dir", page_data_words_dir(snapshot->poll),
                     "voted", own != NULL,
                     "voted_as", ballot_noun(snapshot, own),
                     "voted_for", ballot_words(snapshot, own),
                     "ballot", page_data_ballot(snapshot->poll, own),
                     "problem", reader ? reader->problem : NULL,
                     "voter", page_data_text((struct span){voter, strlen(voter)}),
                     "token", reader ? reader->token : NULL,
                     "id", reader ? reader->id : NULL,
                     "own", (json_int_t)(reader ? reader->seq : 0));
    /* clang-format on */
}

static json_t *tally_data(const struct page_place *place, const struct snapshot *snapshot,
                          const struct tally_view *view)
{
    char ballots[WORDS_NUMBER_SIZE];
    const struct span title = snapshot_title(snapshot);
    const char *state = snapshot_state(snapshot);
    /* clang-format off */
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:b, s:I, s:s, s:b, s:b, s:b, s:b, s:s, s:s, s:s, "
                     "s:s, s:s, s:b, s:b, s:s}",
                     "root", place->root,
                     "poll", view->poll,
                     "ledger", place->ledger,
                     "texts", (json_int_t)snapshot->texts_seq,
                     "title", page_data_text(title),
                     "long", title.len >= LONG_TITLE,
                     "seq", (json_int_t)view->seq,
                     "state", state,
                     "waiting", strcmp(state, "waiting") == 0,
                     "open", view->open,
                     "closed", strcmp(state, "closed") == 0,
                     "hidden", view->hidden,
                     "ballots", words_number(view->ballots, ballots),
                     "ballots_word", view->ballots == 1 ? "ballot" : "ballots",
                     "ballots_setting", setting_text(snapshot, SETTING_BALLOTS),
                     "voters_setting", setting_text(snapshot, SETTING_VOTERS),
                     "rule", rule_of(snapshot),
                     "named", is_setting(snapshot, SETTING_VOTERS, VOTERS_NAMED),
                     "final", is_setting(snapshot, SETTING_BALLOTS, BALLOTS_ONCE),
                     "density", density_of(view->choice_count));
    /* clang-format on */
}

/* Adds members to `data`, and takes over `more`. Returns 0, or -1 if memory is short. */
static int add(json_t *data, json_t *more)
{
    int failed = json_object_update_missing(data, more);
    json_decref(more);
    return failed;
}

json_t *page_data_of_poll(const struct page_place *place, struct snapshot *snapshot,
                          const struct page_reader *reader)
{
    struct tally_view view;
    snapshot_view(snapshot, &view);
    struct rows rows = {
        .snapshot = snapshot,
        .result = page_result_of(snapshot),
        .marks = reader ? (reader->filled ? reader->filled : reader->own) : NULL,
        .whole = whole_of(snapshot),
    };
    shares_take(&rows.shares, &view);
    json_t *data = tally_data(place, snapshot, &view);
    if (add(data, reader_data(snapshot, reader)) != 0 ||
        add(data, kind_data(snapshot, rows.result)) != 0 ||
        json_object_set_new(data, "choices", choices_data(&rows)) != 0) {
        json_decref(data);
        return NULL;
    }
    return data;
}
