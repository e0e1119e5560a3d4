/* The settings of a poll, in one table: CREATE, DESCRIBE and the ledger take their words from it.
 * Any thread. Looking up an unknown word can fail, and settings can be such that no poll has them.
 */
#include "proto/settings.h"

#include "proto/ascii.h"
#include "proto/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 7, SCORES_DEFAULT = 5 };

#define NAME(id, name, meaning, rest)          name,
#define USAGE(id, name, meaning, values)       name "= is one of: " values,
#define USAGE_MORE(id, word)                   ", " word
#define USAGE_NUMBER(id, name, meaning, range) name "= is " range,
#define HELP(id, name, meaning, values)        name "=" values "  " meaning,
#define HELP_MORE(id, word)                    "|" word
#define HELP_NUMBER(id, name, meaning, range)  name "=N  " meaning,
#define ONE_WORD(id, word)                     word
#define WORDS(id, name, meaning, values)       [SETTING_##id] = {values},
#define WORD(id, word)                         [id] = word,

/* By setting; the default value comes first, and NULL after the last, or at once for a number. */
static const char *const names[] = {SETTINGS(NAME, SETTING_NO_VALUE, SETTING_NO_VALUE, NAME)};
static const char *const usages[] = {SETTINGS(USAGE, ONE_WORD, USAGE_MORE, USAGE_NUMBER)};
static const char *const helps[] = {SETTINGS(HELP, ONE_WORD, HELP_MORE, HELP_NUMBER)};
static const char *const words[SETTING_COUNT][VALUES_MAX] = {
    SETTINGS(WORDS, WORD, WORD, SETTING_NO_NUMBER)};

static const struct {
    const char *name;
    uint16_t kind;
    uint16_t choices_max;
} methods[] = {
    [METHOD_PLURALITY] = {"plurality/1", KIND_SINGLE, PROTO_CHOICES_MAX},
    [METHOD_APPROVAL] = {"approval/1", KIND_APPROVAL, PROTO_CHOICES_MAX},
    [METHOD_SCORE] = {"score/1", KIND_SCORE, PROTO_CHOICES_MAX},
    [METHOD_STAR] = {"star/1", KIND_SCORE, PROTO_CHOICES_MAX},
    [METHOD_SCHULZE] = {"schulze/1", KIND_RANKED, 64},
    [METHOD_IRV] = {"irv/1", KIND_RANKED, 128},
    [METHOD_STV] = {"stv-scottish/1", KIND_RANKED, 128},
};

enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

/* ---- one setting ---- */

bool setting_is_number(enum setting setting)
{
    return !words[setting][0];
}

const char *setting_name(enum setting setting)
{
    return names[setting];
}

const char *setting_usage(enum setting setting)
{
    return usages[setting];
}

const char *setting_help(enum setting setting)
{
    return helps[setting];
}

bool setting_has_value(enum setting setting, unsigned value)
{
    return value < VALUES_MAX && words[setting][value];
}

const char *setting_value_name(enum setting setting, unsigned value)
{
    if (!setting_has_value(setting, value))
        abort();
    return words[setting][value];
}

const char *setting_value_text(enum setting setting, unsigned value, char digits[SETTING_TEXT_SIZE])
{
    if (!setting_is_number(setting))
        return setting_value_name(setting, value);
    snprintf(digits, SETTING_TEXT_SIZE, "%u", value & UINT16_MAX);
    return digits;
}

int setting_find(const char *word, size_t len)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (span_is_nocase((struct span){word, len}, names[i]))
            return i;
    return -1;
}

int setting_value_find(enum setting setting, const char *word, size_t len)
{
    const char *const *values = words[setting];
    for (int i = 0; i < VALUES_MAX && values[i]; i++)
        if (span_is_nocase((struct span){word, len}, values[i]))
            return i;
    return -1;
}

static bool parse_number(struct span text, uint16_t *value)
{
    uint64_t number;
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_digit(text.at[i]))
            return false;
    if (text.len == 0)
        return false;
    *value = number_parse(text.at, text.len, UINT16_MAX, &number) ? (uint16_t)number : UINT16_MAX;
    return true;
}

bool setting_parse(enum setting setting, struct span text, uint16_t *value)
{
    if (setting_is_number(setting))
        return parse_number(text, value);
    int place = setting_value_find(setting, text.at, text.len);
    if (place >= 0)
        *value = (uint16_t)place;
    return place >= 0;
}

/* ---- methods ---- */

const char *method_name(unsigned method)
{
    if (method >= METHOD_COUNT)
        abort();
    return methods[method].name;
}

unsigned method_kind(unsigned method)
{
    if (method >= METHOD_COUNT)
        abort();
    return methods[method].kind;
}

/* A kind's first method is its default. */
static uint16_t first_method(unsigned kind)
{
    uint16_t method = 0;
    while (methods[method].kind != kind)
        method++;
    return method;
}

/* ---- all settings of a poll ---- */

bool settings_has(const struct settings *settings, enum setting setting)
{
    const unsigned kind = settings->value[SETTING_KIND], method = settings->value[SETTING_METHOD];
    switch (setting) {
    case SETTING_EQUAL:
        return kind == KIND_RANKED;
    case SETTING_SEATS:
        return method == METHOD_APPROVAL || method == METHOD_SCORE || method == METHOD_STV;
    case SETTING_MIN:
    case SETTING_MAX:
        return kind != KIND_SINGLE;
    case SETTING_SCORES:
        return kind == KIND_SCORE;
    default:
        return true;
    }
}

unsigned settings_seats(const struct settings *settings)
{
    return settings_has(settings, SETTING_SEATS) ? settings->value[SETTING_SEATS] : 1;
}

/* What a setting that means nothing here is for. */
static const char *const purposes[SETTING_COUNT] = {
    [SETTING_EQUAL] = "equal= is for kind=ranked",
    [SETTING_SEATS] = "seats= is for method=approval, score and stv; the others elect one",
    [SETTING_MIN] = "min= is for kind=approval, score and ranked; here a ballot names one choice",
    [SETTING_MAX] = "max= is for kind=approval, score and ranked; here a ballot names one choice",
    [SETTING_SCORES] = "scores= is for kind=score",
};

static uint16_t default_value(const struct settings *settings, enum setting setting,
                              unsigned choice_count)
{
    switch (setting) {
    case SETTING_EQUAL:
        return settings->value[SETTING_METHOD] == METHOD_SCHULZE ? EQUAL_YES : EQUAL_NO;
    case SETTING_SEATS:
    case SETTING_MIN:
        return 1;
    case SETTING_MAX:
        return (uint16_t)choice_count;
    case SETTING_SCORES:
        return SCORES_DEFAULT;
    default:
        return 0;
    }
}

static unsigned most_of(enum setting setting, unsigned choice_count)
{
    return setting == SETTING_SCORES  ? SCORES_MAX
           : setting == SETTING_SEATS ? choice_count - 1
                                      : choice_count;
}

/* The kind follows from the method, and the method from the kind. */
static int settle_method(struct settings *settings, unsigned given, char why[SETTINGS_WHY_SIZE])
{
    uint16_t *kind = &settings->value[SETTING_KIND], *method = &settings->value[SETTING_METHOD];
    if (!(given & 1u << SETTING_KIND))
        *kind = given & 1u << SETTING_METHOD ? methods[*method].kind : KIND_SINGLE;
    if (!(given & 1u << SETTING_METHOD))
        *method = first_method(*kind);
    if (methods[*method].kind == *kind)
        return 0;
    snprintf(why, SETTINGS_WHY_SIZE, "method=%s counts ballots of kind=%s",
             setting_value_name(SETTING_METHOD, *method),
             setting_value_name(SETTING_KIND, methods[*method].kind));
    return -1;
}

static int judge_value(const struct settings *settings, enum setting setting, unsigned choice_count,
                       char why[SETTINGS_WHY_SIZE])
{
    const unsigned value = settings->value[setting], most = most_of(setting, choice_count);
    if (!setting_is_number(setting) || (value >= 1 && value <= most))
        return 0;
    snprintf(why, SETTINGS_WHY_SIZE, "%s= is from 1 to %u here", setting_name(setting), most);
    return -1;
}

static int settle_value(struct settings *settings, enum setting setting, bool is_given,
                        unsigned choice_count, char why[SETTINGS_WHY_SIZE])
{
    uint16_t *value = &settings->value[setting];
    if (is_given && !settings_has(settings, setting)) {
        snprintf(why, SETTINGS_WHY_SIZE, "%s", purposes[setting]);
        return -1;
    }
    if (is_given)
        return judge_value(settings, setting, choice_count, why);
    *value = settings_has(settings, setting) ? default_value(settings, setting, choice_count) : 0;
    return 0;
}

/* Judges what is right alone, and wrong together. */
static int judge_together(const struct settings *settings, unsigned choice_count,
                          char why[SETTINGS_WHY_SIZE])
{
    const unsigned method = settings->value[SETTING_METHOD];
    const unsigned min = settings->value[SETTING_MIN], max = settings->value[SETTING_MAX];
    const char *word = setting_value_name(SETTING_METHOD, method);
    if (choice_count > methods[method].choices_max)
        snprintf(why, SETTINGS_WHY_SIZE, "method=%s takes at most %u choices, and these are %u",
                 word, methods[method].choices_max, choice_count);
    else if (method_kind(method) == KIND_RANKED && method != METHOD_SCHULZE &&
             settings->value[SETTING_EQUAL] != EQUAL_NO)
        snprintf(why, SETTINGS_WHY_SIZE, "method=%s takes no equal ranks: equal=no", word);
    else if (min > max)
        snprintf(why, SETTINGS_WHY_SIZE, "min= is at most max=, which is %u here", max);
    else
        return 0;
    return -1;
}

int settings_complete(struct settings *settings, unsigned given, unsigned choice_count,
                      char why[SETTINGS_WHY_SIZE])
{
    if (settle_method(settings, given, why) != 0)
        return -1;
    for (enum setting i = 0; i < SETTING_COUNT; i++)
        if (i != SETTING_KIND && i != SETTING_METHOD &&
            settle_value(settings, i, given & 1u << i, choice_count, why) != 0)
            return -1;
    return judge_together(settings, choice_count, why);
}

bool settings_are_valid(const struct settings *settings, unsigned choice_count)
{
    char why[SETTINGS_WHY_SIZE];
    struct settings completed = *settings;
    unsigned given = 0;
    for (enum setting i = 0; i < SETTING_COUNT; i++)
        if (!setting_is_number(i) && !setting_has_value(i, settings->value[i]))
            return false;
    for (enum setting i = 0; i < SETTING_COUNT; i++)
        given |= settings_has(settings, i) ? 1u << i : 0;
    return settings_complete(&completed, given, choice_count, why) == 0 &&
           memcmp(&completed, settings, sizeof completed) == 0;
}
