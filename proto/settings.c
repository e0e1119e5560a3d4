/* The settings of a poll, in one table: CREATE, DESCRIBE and the database take their words from it.
 * Any thread. Only looking up an unknown word can fail. */
#include "proto/settings.h"

#include "proto/span.h"

#include <stdlib.h>

enum { VALUES_MAX = 3 };

#define NAME(id, name, values)  name,
#define USAGE(id, name, values) name "= is one of: " values,
#define USAGE_MORE(id, word)    ", " word
#define WORDS(id, name, values) {values},
#define WORD(id, word)          [id] = word,

/* By setting; the default value comes first, and NULL after the last. */
static const char *const names[] = {SETTINGS(NAME, SETTING_NO_VALUE, SETTING_NO_VALUE)};
static const char *const usages[] = {SETTINGS(USAGE, SETTING_WORD, USAGE_MORE)};
static const char *const words[][VALUES_MAX] = {SETTINGS(WORDS, WORD, WORD)};

const char *setting_name(enum setting setting)
{
    return names[setting];
}

const char *setting_usage(enum setting setting)
{
    return usages[setting];
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
