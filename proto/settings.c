/* The settings of a poll, in one table: CREATE, DESCRIBE and the database take their words from it.
 * Any thread. Looking up a word that isn't there is the only thing that can fail. */
#include "proto/settings.h"

#include "proto/ascii.h"

#include <stdlib.h>

enum { VALUES_MAX = 3 };

static const struct {
    const char *name;
    const char *usage;
    const char *values[VALUES_MAX]; /* the default first; NULL after the last */
} settings[SETTING_COUNT] = {
    [SETTING_BALLOTS] = {"ballots",
                         "ballots= is one of: changeable, once, unlimited",
                         {[BALLOTS_CHANGEABLE] = "changeable",
                          [BALLOTS_ONCE] = "once",
                          [BALLOTS_UNLIMITED] = "unlimited"}},
    [SETTING_VOTERS] = {"voters",
                        "voters= is one of: connection, named, address",
                        {[VOTERS_CONNECTION] = "connection",
                         [VOTERS_NAMED] = "named",
                         [VOTERS_ADDRESS] = "address"}},
    [SETTING_REVEAL] = {"reveal",
                        "reveal= is one of: live, closed",
                        {[REVEAL_LIVE] = "live", [REVEAL_CLOSED] = "closed"}},
    [SETTING_RECORD] = {"record",
                        "record= is one of: pseudonym, name",
                        {[RECORD_PSEUDONYM] = "pseudonym", [RECORD_NAME] = "name"}},
    [SETTING_STATE] = {"state",
                       "state= is one of: open, closed",
                       {[STATE_OPEN] = "open", [STATE_CLOSED] = "closed"}},
};

const char *setting_name(enum setting setting)
{
    return settings[setting].name;
}

const char *setting_usage(enum setting setting)
{
    return settings[setting].usage;
}

const char *setting_value_name(enum setting setting, unsigned value)
{
    if (value >= VALUES_MAX || !settings[setting].values[value])
        abort();
    return settings[setting].values[value];
}

int setting_find(const char *word, size_t len)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (ascii_equal(word, len, settings[i].name))
            return i;
    return -1;
}

int setting_value_find(enum setting setting, const char *word, size_t len)
{
    const char *const *values = settings[setting].values;
    for (int i = 0; i < VALUES_MAX && values[i]; i++)
        if (ascii_equal(word, len, values[i]))
            return i;
    return -1;
}
