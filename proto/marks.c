/* Ballots' marks and their text (see marks.h). Any text can come, and most are none: a reading
 * stops at its first fault, and tells it. */
#include "proto/marks.h"

#include "proto/choice.h"
#include "proto/error.h"
#include "proto/number.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A reading under way. */
struct reading {
    const struct settings *settings;
    const struct name *choices;
    struct marks *marks;
    unsigned named;
    bool is_named[PROTO_CHOICES_MAX];
    char *why;
};

static int refuse(struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(struct reading *reading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reading->why, MARKS_WHY_SIZE, format, arguments);
    va_end(arguments);
    return ERR_BAD_BALLOT;
}

static const char *const forms[] = {
    [KIND_SINGLE] = "a ballot names one choice here",
    [KIND_APPROVAL] = "a ballot names choices here, as in a,c",
    [KIND_SCORE] = "a ballot gives choices scores here, as in a=5,c=2",
    [KIND_RANKED] = "a ballot ranks choices here, as in b>a>c",
};

static int refuse_form(struct reading *reading)
{
    return refuse(reading, "%s", forms[reading->settings->value[SETTING_KIND]]);
}

/* Takes a choice that the ballot names. Returns its place, or an error. */
static int take_choice(struct reading *reading, struct span word)
{
    struct name name;
    if (!name_parse(word.at, word.len, &name))
        return refuse_form(reading);
    int choice = choice_find(reading->choices, reading->marks->count, &name);
    if (choice < 0) {
        refuse(reading, "the poll has no choice %s", name.text);
        return ERR_NO_SUCH_CHOICE;
    }
    if (reading->is_named[choice])
        return refuse(reading, "the ballot names %s twice", reading->choices[choice].text);
    reading->is_named[choice] = true;
    reading->named++;
    return choice;
}

static int take_approval(struct reading *reading, struct span word)
{
    int choice = take_choice(reading, word);
    if (choice >= 0)
        reading->marks->mark[choice] = 1;
    return choice;
}

static int take_score(struct reading *reading, struct span word)
{
    const unsigned most = reading->settings->value[SETTING_SCORES];
    uint64_t score;
    if (!memchr(word.at, '=', word.len))
        return refuse_form(reading);
    int choice = take_choice(reading, span_cut(&word, '='));
    if (choice < 0)
        return choice;
    if (!number_parse(word.at, word.len, most, &score))
        return refuse(reading, "a score is from 0 to %u here", most);
    reading->marks->mark[choice] = (uint8_t)score;
    return choice;
}

/* Takes the choices of one rank, which all bear its number. */
static int take_rank(struct reading *reading, struct span word, unsigned rank)
{
    if (reading->settings->value[SETTING_EQUAL] == EQUAL_NO && memchr(word.at, '=', word.len))
        return refuse(reading, "no choices are ranked equal here");
    while (word.len > 0) {
        int choice = take_choice(reading, span_cut(&word, '='));
        if (choice < 0)
            return choice;
        reading->marks->mark[choice] = (uint8_t)rank;
    }
    return 0;
}

static int take_words(struct reading *reading, struct span text)
{
    const unsigned kind = reading->settings->value[SETTING_KIND];
    unsigned rank = 0;
    int result = 0;
    while (text.len > 0 && result >= 0)
        switch (kind) {
        case KIND_SINGLE:
            return take_approval(reading, text);
        case KIND_APPROVAL:
            result = take_approval(reading, span_cut(&text, ','));
            break;
        case KIND_SCORE:
            result = take_score(reading, span_cut(&text, ','));
            break;
        default:
            result = take_rank(reading, span_cut(&text, '>'), ++rank);
        }
    return result;
}

/* How many choices a ballot can name. */
static unsigned least_named(const struct settings *settings)
{
    return settings_has(settings, SETTING_MIN) ? settings->value[SETTING_MIN] : 1;
}

static unsigned most_named(const struct settings *settings)
{
    return settings_has(settings, SETTING_MAX) ? settings->value[SETTING_MAX] : 1;
}

static int judge_named(struct reading *reading)
{
    const unsigned least = least_named(reading->settings), most = most_named(reading->settings);
    if (reading->named < least)
        return refuse(reading, "a ballot names at least %u choices here, and this one %u", least,
                      reading->named);
    if (reading->named > most)
        return refuse(reading, "a ballot names at most %u choice%s here, and this one %u", most,
                      most == 1 ? "" : "s", reading->named);
    return 0;
}

static bool is_separator(char c)
{
    return c == ',' || c == '>' || c == '=';
}

bool marks_may_be(struct span text)
{
    bool has_separator = false;
    for (size_t i = 0; i < text.len; i++) {
        if (!name_may_have(text.at[i]) && !is_separator(text.at[i]))
            return false;
        has_separator |= is_separator(text.at[i]);
    }
    return has_separator || span_is(text, "-");
}

/* Whether no word is missing, so that to cut the text at its separators passes over none. */
static bool has_words_between(struct span text)
{
    bool is_word = false;
    for (size_t i = 0; i < text.len; i++) {
        if (is_separator(text.at[i]) && !is_word)
            return false;
        is_word = !is_separator(text.at[i]);
    }
    return is_word;
}

int marks_parse(struct span text, const struct settings *settings, const struct name *choices,
                unsigned choice_count, struct marks *marks, char why[MARKS_WHY_SIZE])
{
    struct reading reading = {.settings = settings, .choices = choices, .marks = marks, .why = why};
    marks->abstains = text.len == 1 && text.at[0] == '-';
    marks->count = choice_count;
    memset(marks->mark, 0, choice_count);
    if (marks->abstains)
        return settings->value[SETTING_ABSTAIN] == ABSTAIN_YES
                   ? 0
                   : refuse(&reading, "nobody abstains here: abstain=no");
    if (!has_words_between(text))
        return refuse_form(&reading);
    int result = take_words(&reading, text);
    return result < 0 ? result : judge_named(&reading);
}

/* ---- writing ---- */

static char *put_choice(char *at, const struct name *choice)
{
    memcpy(at, choice->text, choice->len);
    return at + choice->len;
}

static char *put_approvals(char *at, const struct marks *marks, const struct name *choices)
{
    const char *begin = at;
    for (unsigned i = 0; i < marks->count; i++) {
        if (marks->mark[i] == 0)
            continue;
        if (at > begin)
            *at++ = ',';
        at = put_choice(at, &choices[i]);
    }
    return at;
}

static char *put_scores(char *at, const struct marks *marks, const struct name *choices,
                        unsigned least)
{
    const char *begin = at;
    unsigned scored = 0;
    for (unsigned i = 0; i < marks->count; i++)
        scored += marks->mark[i] > 0;
    unsigned zeros = least > scored ? least - scored : 0;
    for (unsigned i = 0; i < marks->count; i++) {
        if (marks->mark[i] == 0 && zeros == 0)
            continue;
        zeros -= marks->mark[i] == 0;
        if (at > begin)
            *at++ = ',';
        at = put_choice(at, &choices[i]);
        *at++ = '=';
        at = number_put(at, marks->mark[i]);
    }
    return at;
}

/* Writes the choices of one rank. Returns `at` if there are none. */
static char *put_rank(char *at, const struct marks *marks, const struct name *choices,
                      unsigned rank)
{
    char mark = '>';
    for (unsigned i = 0; i < marks->count; i++) {
        if (marks->mark[i] != rank)
            continue;
        if (mark == '=' || rank > 1)
            *at++ = mark;
        at = put_choice(at, &choices[i]);
        mark = '=';
    }
    return at;
}

static char *put_ranks(char *at, const struct marks *marks, const struct name *choices)
{
    for (unsigned rank = 1; rank <= marks->count; rank++) {
        char *end = put_rank(at, marks, choices, rank);
        if (end == at)
            break;
        at = end;
    }
    return at;
}

size_t marks_write(const struct marks *marks, const struct settings *settings,
                   const struct name *choices, char *out)
{
    char *end;
    if (marks->abstains) {
        *out = '-';
        return 1;
    }
    switch (settings->value[SETTING_KIND]) {
    case KIND_SCORE:
        end = put_scores(out, marks, choices, least_named(settings));
        break;
    case KIND_RANKED:
        end = put_ranks(out, marks, choices);
        break;
    default:
        end = put_approvals(out, marks, choices);
    }
    return (size_t)(end - out);
}

/* ---- judging ---- */

static unsigned highest_mark(const struct settings *settings, unsigned choice_count)
{
    switch (settings->value[SETTING_KIND]) {
    case KIND_SCORE:
        return settings->value[SETTING_SCORES];
    case KIND_RANKED:
        return choice_count;
    default:
        return 1;
    }
}

/* Ranks are without gaps if there are as many as the lowest one is. */
static bool ranks_are_valid(const uint8_t *mark, unsigned choice_count, bool takes_equal)
{
    unsigned by_rank[PROTO_CHOICES_MAX + 1] = {0}, lowest = 0, ranks = 0;
    for (unsigned i = 0; i < choice_count; i++) {
        if (mark[i] == 0)
            continue;
        if (by_rank[mark[i]]++ == 0)
            ranks++;
        else if (!takes_equal)
            return false;
        if (mark[i] > lowest)
            lowest = mark[i];
    }
    return ranks == lowest;
}

bool marks_are_valid(const uint8_t *mark, const struct settings *settings, unsigned choice_count)
{
    const unsigned kind = settings->value[SETTING_KIND];
    const unsigned highest = highest_mark(settings, choice_count);
    unsigned named = 0;
    for (unsigned i = 0; i < choice_count; i++) {
        if (mark[i] > highest)
            return false;
        named += mark[i] > 0;
    }
    /* a ballot can name a choice for a score of 0 */
    return named <= most_named(settings) &&
           (kind == KIND_SCORE || named >= least_named(settings)) &&
           (kind != KIND_RANKED ||
            ranks_are_valid(mark, choice_count, settings->value[SETTING_EQUAL] == EQUAL_YES));
}
