/* Data for the templates, made from a poll's snapshot: words instead of flags, numbers as people
 * read them, shares of 100. Memory can be short: jansson then returns NULL, which json_pack passes
 * on, so one check at the end will do. */
#include "web/page_data.h"

#include "proto/limits.h"
#include "proto/line.h"
#include "web/shares.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    NUMBER_SIZE = 32, /* bytes of a number with its separators, NUL included */
    LONG_TITLE = 60,  /* bytes from which a title is set smaller */
};

/* 1234567 as 1,234,567. */
static const char *grouped(uint64_t number, char text[NUMBER_SIZE])
{
    char digits[NUMBER_SIZE];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    char *at = text;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

static bool is_setting(const struct snapshot *snapshot, enum setting setting, unsigned value)
{
    return poll_setting(snapshot->poll, setting) == value;
}

json_t *page_data_text(struct span text)
{
    return line_is_text(text.at, text.len) ? json_stringn(text.at, text.len)
                                           : json_string("\xef\xbf\xbd");
}

/* `before` is the sum of the counts of the choices before this one. */
static json_t *choice_data(const struct snapshot *snapshot, const struct shares *shares, unsigned i,
                           uint64_t before, bool voted)
{
    char count[NUMBER_SIZE], share[SHARES_TEXT_MAX], share_before[SHARES_TEXT_MAX];
    /* clang-format off */
    return json_pack("{s:s, s:o, s:s, s:i, s:s, s:s, s:b, s:b}",
                     "choice", snapshot->poll->choices[i].text,
                     "label", page_data_text(snapshot_label(snapshot, i)),
                     "count", grouped(shares->each[i], count),
                     "percent", (int)shares->percents[i],
                     "share", shares_text(shares, shares->each[i], share),
                     "before", shares_text(shares, before, share_before),
                     "leads", shares->most > 0 && shares->each[i] == shares->most,
                     "is_voted", voted);
    /* clang-format on */
}

static json_t *choices_data(const struct snapshot *snapshot, const struct tally_view *view,
                            int voted)
{
    struct shares shares;
    shares_take(&shares, view);
    json_t *choices = json_array();
    uint64_t before = 0;
    int failed = 0;
    for (unsigned i = 0; i < shares.count && !failed; before += shares.each[i++])
        failed = json_array_append_new(choices,
                                       choice_data(snapshot, &shares, i, before, voted == (int)i));
    if (failed) {
        json_decref(choices);
        return NULL;
    }
    return choices;
}

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

json_t *page_data_of_poll(const struct page_place *place, const struct snapshot *snapshot,
                          int voted)
{
    char ballots[NUMBER_SIZE];
    struct tally_view view;
    snapshot_view(snapshot, &view);
    const struct span title = snapshot_title(snapshot);
    const char *state = snapshot_state(snapshot);
    /* clang-format off */
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:b, s:I, s:s, s:b, s:b, s:b, s:b, s:s, s:s, s:s, "
                     "s:s, s:s, s:b, s:b, s:s, s:o, s:o}",
                     "root", place->root,
                     "poll", view.poll,
                     "ledger", place->ledger,
                     "texts", (json_int_t)snapshot->texts_seq,
                     "title", page_data_text(title),
                     "long", title.len >= LONG_TITLE,
                     "seq", (json_int_t)view.seq,
                     "state", state,
                     "waiting", strcmp(state, "waiting") == 0,
                     "open", view.open,
                     "closed", strcmp(state, "closed") == 0,
                     "hidden", view.hidden,
                     "ballots", grouped(view.ballots, ballots),
                     "ballots_word", view.ballots == 1 ? "ballot" : "ballots",
                     "ballots_setting", setting_text(snapshot, SETTING_BALLOTS),
                     "voters_setting", setting_text(snapshot, SETTING_VOTERS),
                     "rule", rule_of(snapshot),
                     "named", is_setting(snapshot, SETTING_VOTERS, VOTERS_NAMED),
                     "final", is_setting(snapshot, SETTING_BALLOTS, BALLOTS_ONCE),
                     "density", density_of(view.choice_count),
                     "voted", voted < 0 ? json_null()
                                        : page_data_text(snapshot_label(snapshot, (unsigned)voted)),
                     "choices", choices_data(snapshot, &view, voted));
    /* clang-format on */
}
